"""Peak memory of one run over what the process held before it, each in a process of its own.

python -m benchmarks.memory W1 ours|kernel|vectorbt
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.workloads import BARS, WORKLOADS, walk

CONTENDERS = ("kernel", "ours", "vectorbt")
HEAD = ["workload", *(f"{name}, MB" for name in CONTENDERS)]


def rows() -> list[list[str]]:
    """Megabytes per workload and contender; "-" where the system does not tell."""
    return [[one.name, *(in_new_process(one.name, contender) for contender in CONTENDERS)] for one in WORKLOADS]


def in_new_process(workload: str, contender: str) -> str:
    """One figure, from a fresh process."""
    command = [sys.executable, "-m", "benchmarks.memory", workload, contender]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


def main() -> None:
    """Run on few bars first, so that compiling is not counted; then on all."""
    workload = next(one for one in WORKLOADS if one.name == sys.argv[1])
    few, many = walk(20_000), walk(BARS)
    run(workload, few, sys.argv[2])
    before = forget_peak()
    run(workload, many, sys.argv[2])
    print("-" if before is None else f"{(memory('VmHWM') - before) / 1024:,.0f}")


def run(workload, candles, contender: str) -> None:
    """The run, with all of its numbers."""
    if contender == "ours":
        _ = workload.run(candles, audit=True).metrics
    elif contender == "kernel":
        from benchmarks.kernels import by_hand

        by_hand(workload.name, candles, workload.fee)
    else:
        from benchmarks.peers import portfolios

        next(iter(portfolios(candles, workload).values()))().stats()


def forget_peak() -> int | None:
    """Begin a new peak, and return what is held now, in kB; None where the system has no such thing."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return memory("VmRSS")


def memory(name: str) -> int:
    """A figure of the process, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


if __name__ == "__main__":
    main()
