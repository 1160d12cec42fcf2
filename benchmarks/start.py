"""From a changed cell to its numbers, and from a new process to its first: fresh processes, warm disk caches.

python -m benchmarks.start [ROUNDS]

Each process has a strategy that none has seen before, and runs it on BTC 1m (786,160 bars, from the recordings beside
the checkout; candles that walk at random where they are not there), read from a store as a notebook does. Python keeps
its bytecode, as it does for a person. CPU seconds are given beside those of the clock: a busy machine stretches the
latter. One line is a first run on a machine, where no kernel is cached.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import workbench as wb
from benchmarks import import_time
from benchmarks.workloads import walk

ROUNDS = 7
RECORDING = Path(__file__).parents[2] / "shared" / "marketdata" / "binance_BTCUSDT_1m.parquet"
BARS = 786_160
NAMES = "wb.backtest, wb.candles, wb.compiled, wb.Controller, wb.Targets, wb.indicators, wb.controllers.Bollinger"
BEFORE = f"""
import time
import numpy as np
import workbench as wb
{NAMES}
imported = time.time(), time.process_time()
"""
AFTER = """
candles = wb.candles("binance", "BTC/USDT", "1m")
ready = time.time(), time.process_time()
result = wb.backtest(bot, candles, cash=1e8, account="margin")
metrics = result.metrics
done = time.time(), time.process_time()
print(*imported, *ready, *done, len(candles))
"""
TARGETS = """
class Edited(wb.Controller):
    def targets(self, candles):
        average = wb.indicators.sma(candles.close, {length})
        side = np.where(candles.close < 0.99 * average, 1, 0)
        return wb.Targets.at_market(side, amount=1.0, stop_loss=0.02, exit=candles.close > average)

bot = Edited()
"""
DECIDE = """
class Edited(wb.Controller):
    levels = 1

    def columns(self, candles):
        return candles.close, wb.indicators.sma(candles.close, 50)

    @staticmethod
    @wb.compiled
    def decide(row, world, out):
        wanted = 1.0 if row[0] < row[1] * 0.9{length} else 0.0
        out[0].action = 4
        out[0].size = wanted

bot = Edited()
"""
SHIPPED = "bot = wb.controllers.Bollinger(length={length})"
CELLS = {"`targets`, edited": TARGETS, "`decide`, edited": DECIDE, "Bollinger": SHIPPED}
HEAD = ["what", "median s", "least", "most", "CPU s", "n", "wanted"]
Times = tuple[float, float]  # of the clock, and of the processor


def rows(rounds: int = ROUNDS) -> list[list[str]]:
    """The table's rows."""
    with tempfile.TemporaryDirectory() as folder:
        store = fill_store(Path(folder))
        for cell in CELLS.values():
            times(cell, 49, store)
        taken = {name: [] for name in CELLS}
        for turn in range(rounds):
            for name, cell in CELLS.items():
                taken[name].append(times(cell, 50 + turn, store))
        first, said = first_ever(store)
    found = []
    for name, runs in taken.items():
        if name != "Bollinger":
            found.append(line(f"{name}: imported to metrics, candles read", [t[1] for t in runs], 0.5))
            found.append(line(f"{name}: the same, candles at hand", [t[2] for t in runs], 0.5))
        else:
            found.append(line("process start to first result, Bollinger", [t[0] for t in runs], 1.0))
    found.append(line(f"first run ever; it said “{said}”", [first], 15.0))
    return found + imports(rounds)


def imports(rounds: int) -> list[list[str]]:
    """Importing, as a ratio to importing numba and polars alone."""
    middle = import_time.medians(rounds)
    anchor = middle.pop(import_time.ANCHOR)
    return [
        [f"import of {name} ÷ import of {import_time.ANCHOR} ({anchor:.3f} s)", f"{value / anchor:.2f}", "", "", "",
         str(rounds), f"at most {import_time.LIMIT}: {'met' if value / anchor <= import_time.LIMIT else 'MISSED'}"]
        for name, value in middle.items()
    ]  # fmt: skip


def line(name: str, taken: list[Times], wanted: float) -> list[str]:
    """One row."""
    seconds = [clock for clock, _ in taken]
    middle, busy = statistics.median(seconds), statistics.median(cpu for _, cpu in taken)
    verdict = f"below {wanted:g}: {'met' if middle < wanted else 'MISSED'}"
    return [name, *(f"{s:.3f}" for s in (middle, min(seconds), max(seconds), busy)), str(len(taken)), verdict]


def fill_store(folder: Path) -> dict[str, str]:
    """A store of its own with the candles in it, and the environment that leads there."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment.update(WORKBENCH_DATA=str(folder / "data"), WORKBENCH_HOME=str(folder / "home"))
    os.environ.update({name: environment[name] for name in ("WORKBENCH_DATA", "WORKBENCH_HOME")})
    source = RECORDING if RECORDING.exists() else walk(BARS).to_polars()
    wb.data.ingest(source, venue="binance", instrument="BTC/USDT", timeframe="1m")
    return environment


def times(cell: str, length: int, environment: dict[str, str]) -> tuple[Times, Times, Times]:
    """Seconds to the metrics: from process start, from the end of imports, and from candles at hand."""
    began = time.time()
    done = run(cell, length, environment)
    imported, imported_cpu, ready, ready_cpu, finished, cpu, bars = map(float, done.stdout.split())
    assert bars == BARS, bars
    return (finished - began, cpu), (finished - imported, cpu - imported_cpu), (finished - ready, cpu - ready_cpu)


def run(cell: str, length: int, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A fresh process with a cell of its own."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "cell.py"
        script.write_text(BEFORE + cell.format(length=length) + AFTER)
        command = [sys.executable, str(script)]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment)


def first_ever(environment: dict[str, str]) -> tuple[Times, str]:
    """Seconds of a run with no kernel cached, from process start, and what it said meanwhile."""
    with tempfile.TemporaryDirectory() as cache:
        began = time.time()
        done = run(SHIPPED, 50, {**environment, "WORKBENCH_CACHE": cache})
        finished, cpu = map(float, done.stdout.split()[4:6])
        return (finished - began, cpu), done.stderr.strip()


if __name__ == "__main__":
    for one in rows(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS):
        print(" | ".join(one))
