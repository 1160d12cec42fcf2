"""The workloads: candles that walk at random, and three bots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import workbench as wb
from workbench.market import Candles, Targets

BARS = 1_000_000
START_MS = 1_600_041_600_000
MINUTE_MS = 60_000
CASH = 1e8
FAST, SLOW = 10, 50
EVERY, TAKE_PROFIT, STOP_LOSS, LIMIT = 50, 0.01, 0.005, 200
SPREAD, MOST = 0.0005, 10.0


def walk(n_bars: int = BARS, seed: int = 1) -> Candles:
    """1m candles of a geometric random walk: 8 bp a minute, with gaps of 0.5 bp between a close and the next open."""
    rng = np.random.default_rng(seed)
    close = 30_000.0 * np.exp(np.cumsum(rng.normal(0.0, 8e-4, n_bars)))
    open_ = np.concatenate([[30_000.0], close[:-1]]) * np.exp(rng.normal(0.0, 5e-5, n_bars))
    high = np.maximum(open_, close) * (1.0 + np.abs(rng.normal(0.0, 3e-4, n_bars)))
    low = np.minimum(open_, close) * (1.0 - np.abs(rng.normal(0.0, 3e-4, n_bars)))
    time = START_MS + MINUTE_MS * np.arange(n_bars)
    return Candles.from_arrays(time, open_, high, low, close, np.ones(n_bars), timeframe="1m")


def alternating(n_bars: int) -> np.ndarray:
    """A signal every 50 bars: sell, buy, sell, …"""
    side = np.zeros(n_bars, np.int8)
    side[::EVERY] = np.where(np.arange(len(side[::EVERY])) % 2, wb.BUY, wb.SELL)
    return side


class Cross(wb.Controller):
    """W1: long one unit from the bar after the fast average crosses above the slow one, until it crosses below."""

    def targets(self, candles: Candles) -> Targets:
        """A side where the averages cross."""
        cross = wb.indicators.sma_cross(candles.close, FAST, SLOW)
        return Targets.at_market(cross > 0, amount=1.0, exit=cross < 0)


class Barriers(wb.Controller):
    """W3: a signal every 50 bars, sides alternate; one position a side at once, each with three barriers."""

    def targets(self, candles: Candles) -> Targets:
        """The same terms for every signal."""
        return Targets.at_market(
            alternating(len(candles)), amount=1.0, stop_loss=STOP_LOSS, take_profit=TAKE_PROFIT, time_limit=f"{LIMIT}m"
        )


class Quotes(wb.Controller):
    """W4: a bid and an ask around each close, as long as the inventory allows."""

    levels: ClassVar[int] = 2

    def columns(self, candles: Candles) -> tuple[Any, ...]:
        """The close, the spread, the amount of a quote, and the largest inventory."""
        return candles.close, SPREAD, 1.0, MOST

    @staticmethod
    @wb.compiled
    def decide(row, world, out):
        """Quote where the inventory is below its limit; an amount of 0 only withdraws."""
        close, spread, amount, most = row[0], row[1], row[2], row[3]
        for level in range(2):
            side = 1 - 2 * level
            out[level].action = 3
            out[level].side = side
            out[level].kind = 1
            out[level].price = close * (1.0 - side * spread)
            out[level].size = amount if side * world.position < most else 0.0


@dataclass(frozen=True)
class Workload:
    """A bot and its terms; the target is the highest ratio to the hand-written kernel that is wanted."""

    name: str
    what: str
    bot: wb.Controller
    fee: float
    target: float

    def run(self, candles: Candles, *, audit: bool) -> Any:
        """One backtest."""
        return wb.backtest(self.bot, candles, cash=CASH, fees=self.fee, account="margin", audit=audit)


WORKLOADS = (
    Workload("W1", "SMA 10/50 cross, long only", Cross(), 1e-3, 3.0),
    Workload("W3", "triple barrier", Barriers(), 1e-3, 3.0),
    Workload("W4", "market-making quotes, compiled decide", Quotes(), 2e-4, 5.0),
)
