"""Every target for a while, two at a time: `python -m fuzz --seconds 60`; names choose some. Finds stay in `corpus/`.

An input that breaks a target is left beside the corpus as `crash-…`; `python -m fuzz.run_one NAME crash-…` repeats it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CORPUS = Path(__file__).with_name("corpus")
NAMES = (
    "unified", "memory", "budget", "venue", "venue_socket", "binance_rest", "binance_market", "binance_own",
    "binanceusdm_rest", "binanceusdm_market", "binanceusdm_own", "bybit_rest", "bybit_market", "okx_rest",
    "okx_market", "kraken_rest", "kraken_market", "hyperliquid_rest", "hyperliquid_market",
)  # fmt: skip


def fuzz(name: str, seconds: int) -> tuple[str, bool, str]:
    """One target, in a process of its own."""
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}",
        "-timeout=1",
        "-rss_limit_mb=2048",
        "-max_len=16384",
        "-print_final_stats=1",
    ]
    command = [sys.executable, "-m", "fuzz.run_one", name, *options, f"-artifact_prefix={CORPUS / name}-", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    runs = re.search(r"number_of_executed_units:\s*(\d+)", done.stderr)
    tail = done.stderr.strip().splitlines()[-1:] if done.returncode else []
    return name, done.returncode == 0, f"{int(runs[1]):,} inputs" if runs and done.returncode == 0 else " ".join(tail)


def main() -> None:
    """Print a line a target."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("names", nargs="*", default=NAMES)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--at-once", type=int, default=2)
    given = options.parse_args()
    clean = True
    with ThreadPoolExecutor(given.at_once) as pool:
        for name, good, said in pool.map(lambda name: fuzz(name, given.seconds), given.names):
            clean = clean and good
            print(f"{name:<20} {'clean' if good else 'BROKEN':<7} {given.seconds} s  {said}", flush=True)  # noqa: T201
    raise SystemExit(not clean)


if __name__ == "__main__":
    main()
