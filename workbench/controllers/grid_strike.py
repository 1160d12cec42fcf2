"""A grid of orders in a range, made again whenever there is none."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from workbench.compiled import compiled
from workbench.controllers.executors import Executor, Grid
from workbench.controllers.fields import Duration, Field, Fraction
from workbench.controllers.guarded import Guarded
from workbench.controllers.market_making import is_cooling
from workbench.controllers.markets import one_market
from workbench.market import Action, ExecutorKind

CLOSE, SIDE, START, END, SCALE, COOLDOWN_MS = range(6)


class GridStrike(Guarded):
    """Buy at levels of a range and sell each a step higher, again and again, as long as the price stays inside.

    While the close lies between `start` and `end` and no grid is at work, one is made. It ends with a gain when the
    price leaves on the good side, with a loss at `limit`, and with its barriers; then the next close inside begins a
    new one, after a stop loss once `cooldown` is over. A grid sells volatility: it collects a little from each swing,
    and holds everything it could buy when the range breaks on the wrong side. So the range and the `limit` are the
    strategy; the levels only spend it.

    Parameters
    ----------
    start, end : float
        The range.
    limit : float or None
        Price on the losing side at which the grid ends; with `keep` it leaves what it holds.
    relative : bool
        Range and limit are fractions of the close at which a grid is made, or prices. A relative range follows the
        market: 0.98 to 1.02 is always around the price.
    side : "buy" or "sell"
    total : float
        Quote currency, spread over the levels.
    min_spread, min_order, max_open, max_batch, frequency, bound, coerce, keep
        As in `executors.Grid`. `take_profit` is the gain of a level, the other barriers are of the whole.
    cooldown : duration
        Wait after a stop loss.

    References
    ----------
    Hummingbot's `grid_strike`, whose range is always of prices.
    """

    levels: ClassVar[int] = 1

    start: float = Field(0.98, gt=0, hot=True)
    end: float = Field(1.02, gt=0, hot=True)
    limit: float | None = Field(0.97, gt=0, hot=True)
    relative: bool = True
    side: Literal["buy", "sell"] = "buy"
    total: float = Field(1000.0, gt=0, hot=True)
    min_spread: Fraction = Field(0.001, hot=True)
    min_order: float = Field(5.0, gt=0, hot=True)
    max_open: int = Field(2, ge=1, hot=True)
    max_batch: int = Field(1, ge=0, hot=True)
    frequency: Duration = Field("3s", hot=True)
    bound: Fraction | None = Field(None, hot=True)
    coerce: bool = False
    keep: bool = Field(False, hot=True)
    cooldown: Duration = Field(0, hot=True)
    stop_loss: Fraction | None = Field(None, hot=True)
    take_profit: Fraction | None = Field(0.001, hot=True)
    take_profit_at: Literal["market", "limit"] = "limit"
    time_limit: Duration | None = Field(None, hot=True)

    def executors(self) -> tuple[Executor, ...]:
        """The grid."""
        same = ("start", "end", "limit", "total", "min_spread", "min_order", "max_open", "max_batch", "frequency")
        own = {name: getattr(self, name) for name in (*same, "bound", "coerce", "keep")}
        return (Grid(**own, **self.barriers),)

    def columns(self, candles: Any) -> tuple[Any, ...]:
        """The close, and the parameters as numbers."""
        close = one_market(self.name, candles).close
        scale = close if self.relative else np.ones(len(close))
        return close, 1.0 if self.side == "buy" else -1.0, self.start, self.end, scale, int(self.cooldown)

    @staticmethod
    @compiled
    def decide(row, world, out):
        """Make a grid where there is none and the close is inside."""
        seen, scale = world.levels[0], row[SCALE]
        inside = row[START] * scale < row[CLOSE] < row[END] * scale
        if seen.at_work == 0 and inside and not is_cooling(world, seen, row[COOLDOWN_MS]):
            out[0].action, out[0].executor, out[0].config = Action.CREATE, ExecutorKind.GRID, 0
            out[0].side, out[0].price, out[0].size = int(row[SIDE]), scale, 1.0

    def check(self) -> None:
        """Refuse what the grid refuses."""
        super().check()
        self.executors()
