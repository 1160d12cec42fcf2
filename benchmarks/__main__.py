"""All timings, in one table each, printed and written to `benchmarks/results.md`.

    python -m benchmarks            about eight minutes
    python -m benchmarks --speed    the workloads alone
    python -m benchmarks --ours     the workloads alone, and without vectorbt: a minute

A figure is a median; a ratio is one of medians, measured in turns in one run, so that a busy machine slows all alike.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time
from pathlib import Path

from benchmarks import memory, speed, start
from benchmarks.workloads import BARS, WORKLOADS, walk

RESULTS = Path(__file__).with_name("results.md")
LIBRARIES = ("workbench", "numpy", "numba", "llvmlite", "polars", "vectorbt", "vectorbt-rust", "pandas")
ABOUT = """\
Candles: {bars:,} bars of a geometric random walk, 8 bp a minute; {workloads}. The kernels (`kernels.py`) do the
same by hand in one pass: the same fills, equity curve, drawdown, daily Sharpe ratio and round trips; net profit,
drawdown and Sharpe ratio agree to 1e-9 with ours, round trips exactly. Ours is `wb.backtest(...)` and all of
`result.metrics`. vectorbt is imported and warm; `peers.py` says what it was asked for.
"""


def main() -> None:
    """Measure, print, write."""
    began = time.perf_counter()
    whole = not {"--speed", "--ours"} & set(sys.argv)
    parts = [("Speed", speed.HEAD, speed.rows(walk(), with_peers="--ours" not in sys.argv))]
    if whole:
        parts.append(("Peak memory of a run, over what the process held before", memory.HEAD, memory.rows()))
        parts.append(("Edit to result, and first results", start.HEAD, start.rows()))
    what = "; ".join(f"{one.name} {one.what}" for one in WORKLOADS)
    text = "\n".join(
        ["# Benchmarks", "", f"`python -m benchmarks`, {machine()}", "", ABOUT.format(bars=BARS, workloads=what)]
        + [f"## {title}\n\n{table(head, rows)}\n" for title, head, rows in parts]
    )
    print(text)
    print(f"{time.perf_counter() - began:.0f} s")
    if whole:
        RESULTS.write_text(text, encoding="utf-8")


def table(head: list[str], rows: list[list[str]]) -> str:
    """Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])


def machine() -> str:
    """Where it ran, without naming it."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return f"{os.cpu_count()} cores ({processor()}), load {load}, Python {platform.python_version()}; {versions}."


def processor() -> str:
    """The model's name, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
