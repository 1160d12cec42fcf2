"""Prices outside their bands, bought in a ladder."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from workbench.compiled import compiled
from workbench.controllers.directional import Signal, sides
from workbench.controllers.executors import Executor
from workbench.controllers.fields import Duration, Field, Fraction
from workbench.controllers.ladders import Laddered
from workbench.controllers.market_making import create
from workbench.controllers.markets import one_market
from workbench.errors import ConfigError
from workbench.indicators import bollinger_position
from workbench.market import BUY, SELL, Candles, ExecutorKind, OrderKind

CLOSE, SIGNAL, MOST, COOLDOWN_MS, EACH = range(5)


class Dman(Laddered):
    """Buy below the lower band and sell above the upper one, not at once but in a ladder of entries.

    The signal is that of `Bollinger`; what it opens is a DCA executor. The first entry is close to the price, the last
    one a crash away, and barriers count from the average of what has filled. So a signal that comes too early is not
    wrong yet; it becomes a larger position at a better price. That is the strength of it and the danger: it risks most
    where it has been wrong longest. `time_limit` and `stop_loss` are what ends that, and with `dca_mode="maker"` the
    stop loss counts only when the whole ladder has filled.

    Parameters
    ----------
    length, width, buy_below, sell_above
        The bands, and where between them it acts, as in `Bollinger`.
    total : float
        Quote currency of all ladders together; each gets an equal share.
    max_per_side : int
        Ladders open at once on one side.
    cooldown : duration
        Wait after one was opened before the next on its side.
    side : "both", "long" or "short"
        Which signals open ladders.
    dca_spreads, dca_amounts, dca_mode, and barriers
        As `Laddered` has them.

    References
    ----------
    Fields and defaults as in Hummingbot's `dman_v3`; its `dynamic_order_spread` is not here, as a ladder's spreads are
    fixed when the run begins.
    """

    length: int = Field(100, ge=2, step=1, hot=True)
    width: float = Field(2.0, gt=0, step=0.1, hot=True)
    buy_below: float = Field(0.0, step=0.05, hot=True)
    sell_above: float = Field(1.0, step=0.05, hot=True)
    total: float = Field(100.0, gt=0, hot=True)
    max_per_side: int = Field(1, ge=1, le=50)
    cooldown: Duration = Field("5m", hot=True)
    side: Literal["both", "long", "short"] = "both"
    dca_spreads: tuple[float, ...] = Field((0.001, 0.018, 0.15, 0.25), hot=True)
    dca_amounts: tuple[float, ...] | None = Field(None, hot=True)
    stop_loss: Fraction | None = Field(None, hot=True)
    take_profit: Fraction | None = Field(None, hot=True)
    take_profit_at: Literal["market", "limit"] = "market"
    time_limit: Duration | None = Field(None, hot=True)
    trailing_activation: Fraction | None = Field(0.015, hot=True)
    trailing_delta: Fraction | None = Field(0.005, hot=True)

    def signal(self, candles: Candles) -> Signal:
        """+1 below `buy_below`, −1 above `sell_above`."""
        position = bollinger_position(candles.close, self.length, self.width)
        buys, sells = position < self.buy_below, position > self.sell_above
        return sides(buys & (self.side != "short"), sells & (self.side != "long"))

    @property
    def levels(self) -> int:  # type: ignore[override]
        """One for each ladder, those that buy first."""
        return 2 * self.max_per_side

    def executors(self) -> tuple[Executor, ...]:
        """The ladder that buys, and the one that sells."""
        return self.ladder(BUY), self.ladder(SELL)

    def columns(self, candles: Any) -> tuple[Any, ...]:
        """The close, the signal, and the parameters as numbers."""
        one = one_market(self.name, candles)
        each = self.total / self.max_per_side
        return one.close, self.signal(one).astype(np.float64), self.max_per_side, int(self.cooldown), each

    @staticmethod
    @compiled
    def decide(row, world, out):
        """Open a ladder where there is a signal, room on its side, and nothing was opened there a short while ago."""
        side, most = int(row[SIGNAL]), int(row[MOST])
        if side == 0:
            return
        first, free, newest = (0 if side > 0 else most), -1, -np.inf
        for level in range(first, first + most):
            seen = world.levels[level]
            if seen.phase != 0:
                newest = max(newest, np.float64(seen.created_ms))
            if seen.at_work == 0 and free < 0:
                free = level
        if free >= 0 and world.time_ms - newest >= row[COOLDOWN_MS]:
            create(out[free], ExecutorKind.DCA, side, row[CLOSE], row[EACH])
            out[free].kind = OrderKind.LIMIT

    def check(self) -> None:
        """Refuse thresholds that would buy and sell the same bar."""
        super().check()
        if self.buy_below > self.sell_above:
            raise ConfigError(
                f"{self.name}: `buy_below` is {self.buy_below:g} and `sell_above` {self.sell_above:g}. "
                f"`buy_below` must not be the larger one."
            )
        self.executors()
