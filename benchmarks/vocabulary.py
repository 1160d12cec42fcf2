"""The trader's whole vocabulary: barriers, quotes and executors through the engine; written to `vocabulary.md`.

    python -m benchmarks.vocabulary             some minutes
    python -m benchmarks.vocabulary --no-first  without the first compile of all executors

The barriers are on both sides of a margin account, where a long and a short net and no shortcut of the sweeps serves:
each combination is walked by the engine. The quotes depend on their inventory. The kernels of `kernels.py` do the same
by hand, on as many threads. All take turns in one run; a figure is a median, and a ratio one of medians. Memory is the
peak of a process of its own over what it held once all was imported, compiled and warm.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import workbench as wb
from benchmarks.__main__ import machine, table
from benchmarks.kernels import barriers, quotes
from benchmarks.sweep import QUIET, Every, Quoting, Took, below, in_threads, turns
from benchmarks.workloads import CASH, LIMIT, MOST, alternating, walk
from workbench.market import Candles
from workbench.research import Sweep

RESULTS = Path(__file__).with_name("vocabulary.md")
HEAD = ["over 1,000 combinations, 100,000 bars", "", "s", "CPU s", "ratio to the kernel", "ratio of CPU", ""]
BARS, FEE, MAKER_BARS, WARM_ROUNDS = 100_000, 2e-4, 1_000_000, 5
TARGETS, STOPS = [0.002 * (i + 1) for i in range(25)], [0.001 * (i + 1) for i in range(40)]
SPREADS = [1e-4 * (i + 1) for i in range(1000)]
NAMES = ("net_profit", "round_trips", "max_drawdown", "sharpe")


def barriers_sweep(candles: Candles, share: int = 1) -> Sweep:
    """Targets and stops on both sides, with a time limit."""
    bot = Every(side="both", on_opposite="ignore", time_limit=f"{LIMIT}m")
    grid = {"take_profit": TARGETS, "stop_loss": STOPS[::share]}
    return wb.sweep(bot, grid, candles, cash=CASH, fees=FEE, account="margin", **QUIET)


def quotes_sweep(candles: Candles, share: int = 1) -> Sweep:
    """A bid and an ask at each spread, as long as the inventory allows."""
    return wb.sweep(Quoting(), {"spread": SPREADS[::share]}, candles, cash=CASH, fees=FEE, account="margin", **QUIET)


def prices(candles: Candles) -> tuple[Any, ...]:
    return candles.open, candles.high, candles.low, candles.close


def barriers_kernel(candles: Candles) -> Any:
    """All targets and stops by hand."""
    pairs, signal = [(target, stop) for target in TARGETS for stop in STOPS], alternating(len(candles))
    return by_hand(
        lambda k: barriers(*prices(candles), signal, pairs[k][0], pairs[k][1], LIMIT, FEE, CASH)[:4], len(pairs)
    )


def quotes_kernel(candles: Candles) -> Any:
    """All spreads by hand."""
    return by_hand(lambda k: quotes(*prices(candles), SPREADS[k], MOST, FEE, CASH)[:4], len(SPREADS))


def by_hand(one: Callable[[int], Any], count: int) -> Any:
    """Net profit, round trips, largest drawdown and Sharpe ratio of each combination."""
    out = np.empty((count, 4))

    def run(part: slice) -> None:
        for k in range(count)[part]:
            out[k] = one(k)

    in_threads(run, count)
    return out


@dataclass(frozen=True)
class Contest:
    """A sweep through the engine, the same by hand, and how many times as long it may take."""

    name: str
    kernel: Callable[[Candles], Any]
    swept: Callable[..., Sweep]
    limit: float

    def rows(self, candles: Candles) -> list[list[str]]:
        """The rows of the table, once both have told the same story."""
        found = self.swept(candles).table
        route = "`, `".join(sorted(set(found["route"])))
        for place, (name, theirs) in enumerate(zip(NAMES, self.kernel(candles).T, strict=True)):
            np.testing.assert_allclose(found[name].to_numpy(), theirs, rtol=1e-6, atol=1e-9, err_msg=f"{place} {name}")
        took = turns({"kernel": lambda: self.kernel(candles), "sweep": lambda: self.swept(candles)}, rounds=3)
        made = [
            self.row("kernel by hand", took["kernel"], took),
            self.row(f"wb.sweep, route `{route}`", took["sweep"], took),
        ]
        ratio = max(took["sweep"].wall / took["kernel"].wall, took["sweep"].cpu / took["kernel"].cpu)
        made[1][-1] = f"at most {self.limit:g}: {'met' if ratio <= self.limit else 'MISSED'}"
        return made

    def row(self, what: str, one: Took, took: dict[str, Took]) -> list[str]:
        ratios = [f"{one.wall / took['kernel'].wall:.2f}", f"{one.cpu / took['kernel'].cpu:.2f}"]
        return [self.name, what, f"{one.wall:.2f}", f"{one.cpu:.2f}", *ratios, ""]


CONTESTS = {
    "barriers": Contest("triple barrier, both sides", barriers_kernel, barriers_sweep, 3.0),
    "quotes": Contest("quotes with an inventory, compiled `decide`", quotes_kernel, quotes_sweep, 5.0),
}

MEMORY = """
from benchmarks.memory import forget_peak, memory
from benchmarks.vocabulary import CONTESTS
from benchmarks.workloads import walk
swept = CONTESTS["{name}"].swept
swept(walk(20_000), share=40)
candles = walk({bars})
before = forget_peak()
swept(candles)
print("-" if before is None else (memory("VmHWM") - before) / 1024)
"""


def memory_rows() -> list[list[str]]:
    """MB that a sweep of 1,000 adds to the peak of a process."""
    found = []
    for name, contest in CONTESTS.items():
        said = in_new_process(MEMORY.format(name=name, bars=BARS)).strip()
        found.append([contest.name, said if said == "-" else f"{float(said):.0f}", below(float(said), 100)])
    return found


def maker_row() -> list[str]:
    """How many bars a second a market-making controller trades."""
    candles, bot = walk(MAKER_BARS), wb.controllers.PmmSimple(buy_spreads=(1e-3, 2e-3), sell_spreads=(1e-3, 2e-3))
    taken = []
    for _ in range(6):
        began = time.process_time()
        result = wb.backtest(bot, candles, cash=CASH, fees=FEE, account="margin", audit=False)
        taken.append(time.process_time() - began)
    rate = len(candles) / statistics.median(taken[1:])
    verdict = f"at least 1,000,000: {'met' if rate >= 1e6 else 'MISSED'}"
    return [f"PmmSimple, two levels a side, {len(result.fills):,} fills", f"{rate:,.0f}", verdict]


EXECUTORS = """
import time
began = time.perf_counter()
import sys
import numpy as np
import workbench as wb
from workbench.trading import KINDS, equip, equip_rare, new_world
from workbench.backtest import loop
from benchmarks.workloads import Quotes, walk
imported = time.perf_counter()
candles = walk(2_000)
world = new_world(n_markets=1, cash=1e4)
equip(world, KINDS)
equip_rare(world)
wb.backtest(wb.controllers.PmmSimple(), candles, cash=1e8, account="margin").metrics
wb.backtest(wb.controllers.Bollinger(), candles).metrics
print(time.perf_counter() - began, time.perf_counter() - imported, time.process_time())
"""


def first_rows(*, with_first: bool) -> list[list[str]]:
    """A first run ever of all executors, and what it costs in a process that finds them compiled."""
    found = []
    if with_first:
        with tempfile.TemporaryDirectory() as cache:
            done = run(EXECUTORS, {**os.environ, "WORKBENCH_CACHE": cache})
        seconds, _, busy = map(float, done.stdout.split())
        name = f"first ever: all executors, a directional and a quoting strategy; it said “{done.stderr.strip()}”"
        found.append([name, f"{seconds:.1f}", f"{busy:.1f}", below(seconds, 60)])
    run(EXECUTORS, dict(os.environ))
    taken = [[float(one) for one in run(EXECUTORS, dict(os.environ)).stdout.split()] for _ in range(WARM_ROUNDS)]
    warm, busy = (statistics.median(one[place] for one in taken) for place in (1, 2))
    found.append(
        [
            f"the same in a new process, once imported, median of {WARM_ROUNDS}",
            f"{warm:.2f}",
            f"{busy:.2f}",
            below(warm, 1),
        ]
    )
    return found


def in_new_process(script: str) -> str:
    return run(script, dict(os.environ)).stdout


def run(script: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)


def main() -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["WORKBENCH_HOME"] = home
        candles = walk(BARS)
        speed = [row for contest in CONTESTS.values() for row in said(contest.rows(candles))]
        memory, maker = said(memory_rows()), said([maker_row()])
        first = said(first_rows(with_first="--no-first" not in sys.argv))
    text = "\n\n".join([
        "# The engine's vocabulary", f"`python -m benchmarks.vocabulary`, {machine()}",
        (__doc__ or "").split("\n\n", 2)[2].strip(),
        table(HEAD, speed),
        "## Peak memory, MB\n\n" + table(["1,000 combinations of", "MB", ""], memory),
        "## A market maker\n\n" + table(["", "bars a second of a processor", ""], maker),
        "## Compiling\n\n" + table(["", "s", "CPU s of the process", ""], first),
    ]) + "\n"  # fmt: skip
    RESULTS.write_text(text, encoding="utf-8")


def said(rows: list[list[str]]) -> list[list[str]]:
    """The rows, printed as they come."""
    for cells in rows:
        print(" | ".join(cells), flush=True)
    return rows


if __name__ == "__main__":
    main()
