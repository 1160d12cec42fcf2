"""What a sweep costs, beside the same by hand and beside vectorbt; written to `benchmarks/sweep.md`.

    python -m benchmarks.sweep              some minutes
    python -m benchmarks.sweep --no-peers   without vectorbt

The scalar kernels are one pass over the bars per combination, with drawdown, daily Sharpe ratio and round trips in the
pass and no arrays, on as many threads as the sweep has. All take turns in one run; a figure is a median, and a ratio
one of medians.
"""

from __future__ import annotations

import gc
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

import workbench as wb
from benchmarks.__main__ import machine, table
from benchmarks.kernels import quotes
from benchmarks.sweep_kernels import (
    barriers_by_hand,
    entries_by_decide,
    pairs_by_hand,
    quotes_by_decide,
    shares_by_decide,
)
from benchmarks.workloads import CASH, MOST, SPREAD, Quotes, alternating, walk
from workbench.backtest import as_pointer
from workbench.controllers import Directional, Duration, SmaCross
from workbench.market import Candles
from workbench.research import Sweep
from workbench.trading import VIEW, new_targets

HEAD = ["sweep", "", "s", "CPU s", "combinations a second", "ratio to the kernel", "ratio of CPU", ""]
RESULTS = Path(__file__).with_name("sweep.md")
BARS, FEE, THREADS, ROUNDS, CHUNK = 100_000, 1e-3, 2, 3, 25
PAIRS = {"fast": range(2, 102), "slow": range(102, 202)}
BARRIERS = {"take_profit": [0.002 * (i + 1) for i in range(25)], "stop_loss": [0.001 * (i + 1) for i in range(40)]}
TRAILS = {
    "trailing_activation": [0.001 * (i + 1) for i in range(20)],
    "trailing_delta": [2e-4 * (i + 1) for i in range(50)],
}
SPREADS = {"spread": [1e-5 * (i + 10) for i in range(1000)]}
SHARES = {"share": [9e-4 * (i + 1) for i in range(1000)]}
STOPS = {"stop_loss": [1e-5 * (i + 100) for i in range(1000)]}
QUIET: dict[str, Any] = {"audit": False, "luck": False, "progress": False, "resume": False, "threads": THREADS}


class Every(Directional):
    """Buy every 50 bars, unless something is held."""

    side: Literal["both", "long", "short"] = "long"
    stop_loss: wb.Fraction | None = 0.005
    take_profit: wb.Fraction | None = None
    cooldown: Duration = "0ms"
    amount: float | None = 1.0

    def signal(self, candles: Candles) -> Any:
        """Sides take turns; only the buys are taken."""
        return alternating(len(candles))


class Quoting(Quotes):
    """Quotes at any spread; what it does depends on its inventory."""

    spread: wb.Fraction = SPREAD

    def columns(self, candles: Candles) -> tuple[Any, ...]:
        """The close, the spread, the amount of a quote, and the largest inventory."""
        return candles.close, self.spread, 1.0, MOST


class Shares(wb.Controller):
    """Holds a share of its equity for fifty bars, and nothing for the next fifty."""

    share: wb.Fraction = 0.5

    def columns(self, candles: Candles) -> tuple[Any, ...]:
        """Whether something is to be held, and how much."""
        return phases(candles), self.share

    @staticmethod
    @wb.compiled
    def decide(row, world, out):
        """Wish for a fraction of the equity, at every close."""
        out[0].action, out[0].sizing, out[0].size = 4, 2, row[0] * row[1]


class Entries(wb.Controller):
    """Buys at every other signal, under a stop and a target, unless it holds something."""

    stop_loss: wb.Fraction = 0.005

    def columns(self, candles: Candles) -> tuple[Any, ...]:
        """The signal, the stop and the target."""
        return alternating(len(candles)).astype(np.float64), self.stop_loss, 0.02

    @staticmethod
    @wb.compiled
    def decide(row, world, out):
        """Enter where there is a signal."""
        if row[0] > 0.0 and world.open_long == 0:
            out[0].action, out[0].side, out[0].kind, out[0].size = 1, 1, 0, 1.0
            out[0].stop_loss, out[0].take_profit = row[1], row[2]


@lru_cache
def turns_of(n_bars: int) -> Any:
    """Fifty bars of 0, fifty of 1, and so on; made once, as a column of a file would be."""
    return np.arange(n_bars) // 50 % 2.0


def phases(candles: Candles) -> Any:
    """The same for some candles."""
    return turns_of(len(candles))


def in_threads(work: Callable[[Any], None], count: int) -> None:
    """A kernel over slices of its combinations."""
    step = -(-count // (8 * THREADS))
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, [slice(i, i + step) for i in range(0, count, step)]))


def pair_columns() -> tuple[Any, Any]:
    """Lengths of all pairs, the slow one running fastest."""
    fast, slow = np.meshgrid(list(PAIRS["fast"]), list(PAIRS["slow"]), indexing="ij")
    return fast.ravel(), slow.ravel()


def pairs_kernel(candles: Candles) -> Any:
    """All pairs by hand."""
    fast, slow = pair_columns()
    out = np.empty((len(fast), 4))
    o, c = candles.open, candles.close
    in_threads(lambda part: pairs_by_hand(o, c, fast[part], slow[part], FEE, CASH, out[part]), len(fast))
    return out


def barriers_kernel(candles: Candles, grid: dict[str, Any]) -> Any:
    """All barriers by hand."""
    first, second = (np.ravel(a) for a in np.meshgrid(*grid.values(), indexing="ij"))
    trails = "trailing_delta" in grid
    deltas = second if trails else np.zeros(len(first))
    stops = np.full(len(first), 0.005) if trails else second
    out, signal = np.empty((len(first), 4)), alternating(len(candles))
    prices = (candles.open, candles.high, candles.low, candles.close)
    in_threads(
        lambda part: barriers_by_hand(*prices, signal, first[part], stops[part], deltas[part], FEE, CASH, out[part]),
        len(first),
    )
    return out


def quotes_kernel(candles: Candles) -> Any:
    """All spreads by hand."""
    out = np.empty((len(SPREADS["spread"]), 4))
    prices = (candles.open, candles.high, candles.low, candles.close)

    def run(part: slice) -> None:
        for k in range(len(out))[part]:
            out[k] = quotes(*prices, SPREADS["spread"][k], MOST, FEE, CASH)[:4]

    in_threads(run, len(out))
    return out


def called_kernel(candles: Candles, *, spot: bool = False) -> Any:
    """All spreads by hand, but for the bot's own `decide`, which is called at each close as the engine calls it."""
    out, decide = np.empty((len(SPREADS["spread"]), 4)), as_pointer(Quoting.decide)
    prices = (candles.open, candles.high, candles.low, candles.close)

    def run(part: slice) -> None:
        for k in range(len(out))[part]:
            row, view, targets = np.array([0.0, SPREADS["spread"][k], 1.0, MOST]), np.zeros(1, VIEW), new_targets(2)
            quotes_by_decide(*prices, decide, row, view[0], targets, spot, FEE, CASH, out[k])

    in_threads(run, len(out))
    return out


def deciding_kernel(candles: Candles, bot: type[wb.Controller], kernel: Any, said: Any, rest: list[list[float]]) -> Any:
    """A kernel around a bot's own `decide`; `rest` has what stands behind the first column in its row of numbers."""
    out, decide = np.empty((len(rest), 4)), as_pointer(bot.decide)
    prices = (candles.open, candles.high, candles.low, candles.close)

    def run(part: slice) -> None:
        for k in range(len(out))[part]:
            row, view, targets = np.array([0.0, *rest[k]]), np.zeros(1, VIEW), new_targets(1)
            kernel(*prices, said, decide, row, view[0], targets, FEE, CASH, out[k])

    in_threads(run, len(out))
    return out


def shares_kernel(candles: Candles) -> Any:
    """All shares by hand, but for `decide`."""
    return deciding_kernel(candles, Shares, shares_by_decide, phases(candles), [[one] for one in SHARES["share"]])


def entries_kernel(candles: Candles) -> Any:
    """All stops by hand, but for `decide`."""
    said = alternating(len(candles)).astype(np.float64)
    return deciding_kernel(candles, Entries, entries_by_decide, said, [[one, 0.02] for one in STOPS["stop_loss"]])


def pairs_sweep(candles: Candles, grid: dict[str, Any] = PAIRS) -> Sweep:
    """All pairs, every metric, the table on disk."""
    bot = SmaCross(side="long", amount=1.0)
    return wb.sweep(bot, grid, candles, cash=CASH, fees=FEE, account="margin", **QUIET)


def barriers_sweep(candles: Candles, grid: dict[str, Any]) -> Sweep:
    """All barriers."""
    return wb.sweep(Every(), grid, candles, cash=CASH, fees=FEE, account="margin", **QUIET)


def quotes_sweep(candles: Candles, account: str = "margin") -> Sweep:
    """All spreads."""
    return wb.sweep(Quoting(), SPREADS, candles, cash=CASH, fees=FEE, account=account, **QUIET)


def deciding_sweep(candles: Candles, bot: wb.Controller, grid: dict[str, Any]) -> Sweep:
    """All of a bot with a `decide` of its own, on a spot account."""
    return wb.sweep(bot, grid, candles, cash=CASH, fees=FEE, account="spot", **QUIET)


def vectorbt_chunk(candles: Candles) -> Callable[[], Any]:
    """vectorbt on 25 pairs at once, its best, for the numbers of the scalar kernel; other pairs each time."""
    import pandas as pd
    import vectorbt as vbt

    fast, slow = pair_columns()
    close, open_ = pd.Series(candles.close), pd.Series(candles.open)
    starts = itertools.cycle(range(0, len(fast) - CHUNK, 997))

    def run() -> None:
        start = next(starts)
        part = slice(start, start + CHUNK)
        first, second = (vbt.MA.run(close, window=lengths[part].tolist()) for lengths in (fast, slow))
        portfolio = vbt.Portfolio.from_signals(
            close, first.ma_crossed_above(second).vbt.signals.fshift(1),
            first.ma_crossed_below(second).vbt.signals.fshift(1), price=open_, size=1.0, fees=FEE, init_cash=CASH,
            freq="1min", engine="numba",
        )  # fmt: skip
        portfolio.total_profit(), portfolio.trades.count(), portfolio.max_drawdown(), portfolio.sharpe_ratio()

    return run


class Took(NamedTuple):
    """Seconds on the clock, and of processors."""

    wall: float
    cpu: float


def seconds(work: Callable[[], Any]) -> Took:
    """How long it takes once."""
    gc.collect()
    began, used = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - began, time.process_time() - used)


def turns(works: dict[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, Took]:
    """Medians of each; they take turns, after one that does not count."""
    for work in works.values():
        work()
    taken: dict[str, list[Took]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            taken[name].append(seconds(work))
    return {name: Took(*map(statistics.median, zip(*times, strict=True))) for name, times in taken.items()}


def agree(found: Sweep, by_hand: Any) -> None:
    """The table and the kernel tell one story."""
    for place, name in enumerate(("net_profit", "round_trips", "max_drawdown", "sharpe")):
        noise = 1e-14 * CASH if name == "net_profit" else 1e-8  # of the last bits of an account of that size
        np.testing.assert_allclose(found.table[name].to_numpy(), by_hand[:, place], rtol=1e-7, atol=noise, err_msg=name)


MEMORY = """
import workbench.research
from benchmarks.memory import memory
from benchmarks.workloads import walk
from benchmarks.sweep import pairs_sweep
candles = walk({bars})
imported = memory("VmRSS")
pairs_sweep(candles, {{"fast": range(2, 12), "slow": range(102, 122)}})
small = memory("VmHWM")
found = pairs_sweep(candles, {{"fast": range(2, 2 + {fast}), "slow": range({slow}, {slow} + {count})}})
print(memory("VmHWM") - imported, memory("VmHWM") - small, found.progress.done)
"""


def peak_growth(fast: int, slow: int, count: int, *, bars: int = BARS) -> tuple[float, float, int]:
    """MB that a sweep adds to the peak of a process over its imports, over a small sweep; and how many pairs it had."""
    script = MEMORY.format(fast=fast, slow=slow, count=count, bars=bars)
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    return int(said[0]) / 1024, int(said[1]) / 1024, int(said[2])


@dataclass(frozen=True)
class Contest:
    """A sweep, the same by hand, and how many times as long it may take."""

    name: str
    by_hand: Callable[[Candles], Any]
    swept: Callable[[Candles], Sweep]
    limit: float
    reference: str = "scalar kernel, four metrics"

    def rows(self, candles: Candles, peer: Callable[[], Any] | None) -> list[list[str]]:
        """The rows of the table; with `peer`, vectorbt takes its turns too."""
        found = self.swept(candles)
        agree(found, self.by_hand(candles))
        works = {"kernel": lambda: self.by_hand(candles), "sweep": lambda: self.swept(candles)}
        took = turns({**works, "peer": peer} if peer else works)
        count = found.table.height
        ratio = max(took["sweep"].wall / took["kernel"].wall, took["sweep"].cpu / took["kernel"].cpu)
        route = "`, `".join(sorted(set(found.table["route"])))
        made = [
            line(self.name, self.reference, took["kernel"], took, count),
            line(self.name, f"wb.sweep, all metrics, route `{route}`", took["sweep"], took, count),
        ]
        made[1][-1] = f"at most {self.limit:g}: {'met' if ratio <= self.limit else 'MISSED'}"
        if peer:
            times = took["peer"].wall / CHUNK / (took["sweep"].wall / count)
            each = took["peer"].cpu / CHUNK / (took["sweep"].cpu / count)
            made.append(line(self.name, "vectorbt, the same four, chunks of 25", took["peer"], took, CHUNK, count))
            made[2][-1] = f"wb.sweep has {times:,.0f}× its rate, and {each:,.0f}× of one core; at least 100: " + (
                "met" if times >= 100 else "MISSED")  # fmt: skip
        return made


def line(name: str, what: str, one: Took, all_of_them: dict[str, Took], count: int, whole: int = 0) -> list[str]:
    """A row of the table; `whole`: how many combinations the others had, where this one had fewer."""
    share, kernel = (whole or count) / count, all_of_them["kernel"]
    return [
        name, what, f"{one.wall:.2f}", f"{one.cpu:.2f}", f"{count / one.wall:,.0f}",
        f"{share * one.wall / kernel.wall:,.2f}", f"{share * one.cpu / kernel.cpu:,.2f}", "",
    ]  # fmt: skip


CALLED = "scalar kernel around the bot's `decide`"
CONTESTS = (
    Contest("10,000 SMA pairs", pairs_kernel, pairs_sweep, 1.5),
    Contest(
        "1,000 targets and stops", lambda c: barriers_kernel(c, BARRIERS), lambda c: barriers_sweep(c, BARRIERS), 1.5
    ),
    Contest("1,000 trailing stops", lambda c: barriers_kernel(c, TRAILS), lambda c: barriers_sweep(c, TRAILS), 3.0),
    Contest("1,000 spreads, compiled decide", called_kernel, quotes_sweep, 3.0, CALLED),
    Contest("1,000 spreads, its logic by hand too", quotes_kernel, quotes_sweep, 3.0),
    Contest(
        "1,000 spreads on spot, compiled decide",
        lambda c: called_kernel(c, spot=True),
        lambda c: quotes_sweep(c, "spot"),
        3.0,
        CALLED,
    ),
    Contest(
        "1,000 shares held, compiled decide", shares_kernel, lambda c: deciding_sweep(c, Shares(), SHARES), 3.0, CALLED
    ),
    Contest("1,000 stops, compiled decide", entries_kernel, lambda c: deciding_sweep(c, Entries(), STOPS), 3.0, CALLED),
)


def rows(candles: Candles, *, with_peers: bool) -> list[list[str]]:
    """The table's rows, printed as they come."""
    found: list[list[str]] = []
    for contest in CONTESTS:
        peer = vectorbt_chunk(candles) if with_peers and contest is CONTESTS[0] else None
        made = contest.rows(candles, peer)
        print("\n".join(" | ".join(cells) for cells in made), flush=True)
        found += made
    return found


def memory_rows() -> list[list[str]]:
    """Peak memory of a small and of a large sweep."""
    found = []
    peak_growth(100, 102, 100, bars=2_000)  # so that nothing is left to compile
    for fast, slow, count in ((100, 102, 100), (250, 252, 400)):
        imported, small, done = peak_growth(fast, slow, count)
        found.append([f"{done:,} pairs", f"{imported:.0f}", f"{small:.0f}", below(imported, 100)])
        print(" | ".join(found[-1]), flush=True)
    return found


def panel_rows() -> list[list[str]]:
    """How fast the panels answer, measured in the kernel."""
    panel, took = wb.tune(SmaCross(), walk(BARS)), []
    for slow in range(31, 91):
        began = time.perf_counter()
        panel.controls["slow"].value = slow
        panel.settle()
        took.append(time.perf_counter() - began)
    p95 = statistics.quantiles(took, n=20)[-1] * 1e3
    found = wb.sweep(SmaCross(), {"fast": range(2, 252), "slow": range(252, 652)}, walk(20_000), cash=CASH, **QUIET)
    view, opened = found.explore().settle(120.0), []
    for number in range(0, 100_000, 5000):
        view.open(number)
        view.settle()
        opened.append(view.seconds)
    click = statistics.quantiles(opened, n=20)[-1] * 1e3
    return [
        ["wb.tune, 100,000 bars: slider to new numbers and figure, p95", f"{p95:.0f}", below(p95, 100)],
        [f"explore() of {len(found):,} rows: click to opened run, p95", f"{click:.0f}", below(click, 1000)],
    ]


def below(value: float, limit: float) -> str:
    """Is it as small as was wanted?"""
    return f"below {limit:,.0f}: {'met' if value < limit else 'MISSED'}"


def main() -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["WORKBENCH_HOME"] = home
        speed = rows(walk(BARS), with_peers="--no-peers" not in sys.argv)
        memory, panels = memory_rows(), panel_rows()
    text = "\n\n".join([
        "# Sweeps", f"`python -m benchmarks.sweep`, {machine()}",
        f"{BARS:,} bars of one minute, {THREADS} threads. {(__doc__ or '').split('vectorbt', 2)[2].strip()}",
        table(HEAD, speed),
        "## Peak memory of a sweep, MB\n\n" + table(["", "over the imports", "over a sweep of 200 pairs", ""], memory),
        "## Panels, ms\n\n" + table(["", "ms", ""], panels),
    ]) + "\n"  # fmt: skip
    print(text)
    RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
