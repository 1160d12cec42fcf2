"""What the look-ahead audit costs, as a share of the run that it audits.

    python benchmarks/lookahead_cost.py [BARS] [ROUNDS]

On candles made up on the spot, 1,000,000 of them unless told otherwise. Runs with and without the audit take turns; the
middle of all rounds counts. The limit is 10 % of the run plus 50 ms. The first column is what `targets` itself takes
beyond its indicators.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import workbench as wb
from workbench.controllers import Controller, Directional
from workbench.market import Candles

LIMIT_SHARE, LIMIT_MS = 0.10, 50.0


class Rising(Controller):
    """Way 2: columns for a compiled `decide`."""

    def columns(self, candles: Candles) -> tuple[Any, ...]:
        """The close, and its average."""
        return candles.close, wb.indicators.sma(candles.close, 50)

    @staticmethod
    @wb.compiled
    def decide(row, world, out):
        """Hold while the close is above its average."""
        out[0].action = 4
        out[0].size = 1.0 if row[0] > row[1] else 0.0


class Slow(Directional):
    """An indicator that takes a second on a million bars."""

    def signal(self, candles: Candles) -> Any:
        """Buy below the lowest tenth of the last 60 closes."""
        if len(candles) < 60:
            return np.zeros(len(candles), np.int8)
        windows = np.lib.stride_tricks.sliding_window_view(candles.close, 60)
        low = np.concatenate([np.full(59, np.nan), np.partition(windows, 6, axis=1)[:, 6]])
        return candles.close < low


def main() -> None:
    """Print a line per strategy, and whether it keeps the limit."""
    n_bars = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    candles = made_up(n_bars)
    bots = [
        wb.controllers.SmaCross(),
        wb.controllers.Bollinger(),
        wb.controllers.MacdBollinger(),
        wb.controllers.SuperTrend(),
        Rising(),
        Slow(),
    ]
    print(f"{n_bars:,} bars, median of {rounds}: milliseconds")
    print(f"{'':<16}{'targets':>9}{'beyond':>9}{'run':>9}{'audit':>9}{'share':>8}{'limit':>9}")
    for bot in bots:
        report(bot, candles, rounds)


def report(bot: Controller, candles: Candles, rounds: int) -> None:
    """One strategy: its targets, the run without the audit, and the audit."""
    wb.backtest(bot, candles)
    runs, audits, whole, parts = [], [], [], []
    for _ in range(rounds):
        if isinstance(bot, Directional):
            whole.append(milliseconds(lambda: bot.targets(candles)))
            parts.append(milliseconds(lambda: bot.signal(candles)))
        runs.append(milliseconds(lambda: wb.backtest(bot, candles, audit=False)))
        audits.append(wb.backtest(bot, candles).audit.seconds * 1e3)
    run, audit = statistics.median(runs), statistics.median(audits)
    limit = LIMIT_SHARE * run + LIMIT_MS
    targets = statistics.median(whole) if whole else float("nan")
    beyond = statistics.median(map(float.__sub__, whole, parts)) if whole else float("nan")
    print(
        f"{bot.name:<16}{targets:9.2f}{beyond:9.2f}{run:9.1f}{audit:9.1f}{audit / run:8.0%}{limit:9.1f}"
        f"  {'within' if audit <= limit else 'OVER'}"
    )


def milliseconds(work: Callable[[], Any]) -> float:
    """How long it takes once."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3


def made_up(n_bars: int) -> Candles:
    """Candles of 1m that walk at random."""
    rng = np.random.default_rng(0)
    close = 30_000.0 * np.exp(np.cumsum(rng.normal(0.0, 0.0008, n_bars)))
    open_ = np.concatenate([[30_000.0], close[:-1]])
    high = np.maximum(open_, close) * (1.0 + rng.exponential(0.0003, n_bars))
    low = np.minimum(open_, close) * (1.0 - rng.exponential(0.0003, n_bars))
    return Candles.from_arrays(1_600_000_020_000 + 60_000 * np.arange(n_bars), open_, high, low, close, timeframe="1m")


if __name__ == "__main__":
    main()
