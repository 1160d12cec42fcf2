"""How long `import workbench` takes, as a ratio to importing numba and polars alone.

    python benchmarks/import_time.py [ROUNDS]

Every measurement is a fresh process that times its own imports; the kinds take turns, so that a busy machine slows all
alike, and the middle one of all rounds counts. Python keeps its bytecode here, as it does for a person.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

ANCHOR = "numba and polars"
KINDS = {
    ANCHOR: "import numba, polars",
    "workbench": "import workbench",
    "workbench, and every name a backtest needs": (
        "import workbench as wb; wb.data, wb.candles, wb.controllers.Bollinger, wb.backtest, wb.compiled, wb.Targets"
    ),
}
LIMIT = 1.6


def main() -> None:
    """Print each kind's median and its ratio to the anchor."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    middle = medians(rounds)
    for name, value in middle.items():
        ratio = value / middle[ANCHOR]
        verdict = "" if name == ANCHOR else f"  {'within' if ratio <= LIMIT else 'OVER'} {LIMIT}×"
        print(f"{name:<44} {value:7.3f} s  {ratio:5.2f}×{verdict}")


def medians(rounds: int) -> dict[str, float]:
    """Seconds of each kind, the middle of all rounds."""
    for code in KINDS.values():
        seconds(code)
    times = {name: [] for name in KINDS}
    for _ in range(rounds):
        for name, code in KINDS.items():
            times[name].append(seconds(code))
    return {name: statistics.median(taken) for name, taken in times.items()}


def seconds(code: str) -> float:
    """Time that the imports take in a process of their own."""
    script = f"import time; began = time.perf_counter()\n{code}\nprint(time.perf_counter() - began)"
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=settings)
    return float(done.stdout)


if __name__ == "__main__":
    main()
