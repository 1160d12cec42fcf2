"""The same thing at two prices."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from workbench.compiled import compiled
from workbench.controllers import executors
from workbench.controllers.controller import Controller
from workbench.controllers.executors import Executor
from workbench.controllers.fields import Duration, Field
from workbench.controllers.markets import two_markets
from workbench.market import BUY, SELL, Action, ExecutorKind, Sizing
from workbench.trading import Phase

AMOUNT, DELAY_MS, MOST = range(3)


class Arbitrage(Controller):
    """Buy in one market and sell in the other whenever that pays after fees, both ways round.

    Two executors watch the two directions; each waits until buying here and selling there earns more than
    `min_profit` at the prices of one moment, then takes both sides at market. A leg that does not fill is completed or
    undone, never forgotten. Nothing is carried back: after ten trades one way, what was in one place is in the other,
    and `imbalance` says how far that may go.

    On candles both prices are closes, and both orders meet the next open: what looks like a difference is often a
    minute's delay of one tape. Believe only what survives `slippage` and a bar of latency.

    Parameters
    ----------
    second : str
        The other instrument, as the run names it; with one instrument on two venues "venue BTC/USDT".
    amount : float
        Base units of one trade.
    min_profit : float
        As a fraction of what is paid, after both fees.
    delay : duration
        Wait after a trade before the next one in its direction.
    imbalance : float or None
        Trades one way more than the other, counted by the position in the first market; None: no limit.
    missing_leg : "complete" or "unwind"
        What becomes of a trade of which one leg is missing.

    References
    ----------
    Hummingbot's `arbitrage_controller`.
    """

    levels: ClassVar[int] = 2

    second: str
    amount: float = Field(0.01, gt=0, hot=True)
    min_profit: float = Field(0.01, gt=-1, lt=1, hot=True)
    delay: Duration = Field("10s", hot=True)
    imbalance: float | None = Field(1.0, gt=0, hot=True)
    missing_leg: Literal["complete", "unwind"] = "complete"

    def executors(self) -> tuple[Executor, ...]:
        """The trade."""
        terms: dict[str, Any] = {"amount": self.amount, "min_profit": self.min_profit, "policy": self.missing_leg}
        return (executors.Arbitrage(second=self.second, **terms),)

    def columns(self, candles: Any) -> tuple[Any, ...]:
        """The parameters as numbers."""
        two_markets(self.name, candles)
        return self.amount, int(self.delay), np.inf if self.imbalance is None else self.imbalance

    @staticmethod
    @compiled
    def decide(row, world, out):
        """Let an executor watch each direction that the inventory leaves open."""
        for level in range(2):
            side = BUY if level == 0 else SELL
            seen = world.levels[level]
            waits = seen.phase == Phase.DONE and world.time_ms - seen.closed_ms < row[DELAY_MS]
            # Half an amount of room, so that a sum of lots does not decide it.
            full = side * world.positions[0] > (row[MOST] - 0.5) * row[AMOUNT]
            if seen.at_work == 0 and not waits and not full:
                out[level].action, out[level].executor, out[level].config = Action.CREATE, ExecutorKind.ARBITRAGE, 0
                out[level].side, out[level].price, out[level].size = side, np.nan, np.nan
                out[level].sizing = Sizing.BASE
