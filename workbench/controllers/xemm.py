"""Market making here, hedged there."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.compiled import compiled
from workbench.controllers import executors
from workbench.controllers.controller import Controller
from workbench.controllers.executors import Executor
from workbench.controllers.fields import Field
from workbench.controllers.markets import two_markets
from workbench.errors import ConfigError
from workbench.market import BUY, SELL, Action, ExecutorKind, Sizing

CLOSE, N, MOST, HEAD = range(4)
MOST_LEVELS = 60


class Xemm(Controller):
    """Rest orders in one market, priced off another one where what fills is hedged at once.

    Each level is an executor with a target: its order lies where a fill and its hedge together earn `target` after
    both fees. It is cancelled when that has become less than `target − min_profit` or more than `target + max_profit`,
    and put where it belongs again. So quotes follow the deeper market, and the profit of a trade is known before it
    fills. It is lost when the deeper market jumps and the order is filled before it can be moved; `min_profit` is the
    room for that. A bar is a long time to leave a quote alone: candles overstate both the fills and the losses.

    Parameters
    ----------
    second : str
        Where it hedges, as the run names it.
    buy_levels, sell_levels : pairs of (target, amount)
        Target profit as a fraction, and a share of `total` in any unit, normalised over both sides.
    total : float
        Quote currency of all levels together.
    min_profit, max_profit : float
        How far below and above its target a profit may drift before the order is moved.
    imbalance : float or None
        Largest position in the first market, in multiples of `total`, at which its own side is still quoted; None: no
        limit.

    References
    ----------
    Hummingbot's `xemm_multiple_levels`.
    """

    second: str
    buy_levels: tuple[tuple[float, float], ...] = Field(((0.003, 10.0), (0.006, 20.0), (0.009, 30.0)), hot=True)
    sell_levels: tuple[tuple[float, float], ...] = Field(((0.003, 10.0), (0.006, 20.0), (0.009, 30.0)), hot=True)
    total: float = Field(100.0, gt=0, hot=True)
    min_profit: float = Field(0.003, ge=0, lt=1, hot=True)
    max_profit: float = Field(0.01, ge=0, lt=1, hot=True)
    imbalance: float | None = Field(1.0, gt=0, hot=True)

    @property
    def levels(self) -> int:  # type: ignore[override]
        """One for each order, bids first."""
        return len(self.buy_levels) + len(self.sell_levels)

    def executors(self) -> tuple[Executor, ...]:
        """One for each level, for an amount of 1 that is scaled by what it is worth."""
        return tuple(
            executors.Xemm(
                second=self.second,
                amount=1.0,
                min_profit=target - self.min_profit,
                target_profit=target,
                max_profit=target + self.max_profit,
            )
            for target, _ in self.buy_levels + self.sell_levels
        )

    def columns(self, candles: Any) -> tuple[Any, ...]:
        """The first market's close, and the parameters as numbers; behind them a side and quote currency by level."""
        close = two_markets(self.name, candles)[0].close
        shares = [amount for _, amount in self.buy_levels + self.sell_levels]
        ladder = [self.total * share / sum(shares) for share in shares]
        sides = [BUY] * len(self.buy_levels) + [SELL] * len(self.sell_levels)
        most = np.inf if self.imbalance is None else self.imbalance * self.total
        numbers = [number for level in zip(sides, ladder, strict=True) for number in level]
        return close, len(ladder), most, *numbers

    @staticmethod
    @compiled
    def decide(row, world, out):
        """Make an executor for each level that has none, as long as the inventory allows."""
        close = row[CLOSE]
        for level in range(int(row[N])):
            side, amount = int(row[HEAD + 2 * level]), row[HEAD + 2 * level + 1]
            full = side * world.positions[0] * close + amount > row[MOST] * (1.0 + 1e-9)
            if world.levels[level].at_work == 0 and close > 0.0 and not full:
                out[level].action, out[level].executor, out[level].config = Action.CREATE, ExecutorKind.XEMM, level
                out[level].side, out[level].price, out[level].size = side, np.nan, amount / close
                out[level].sizing = Sizing.BASE

    def check(self) -> None:
        """Refuse levels that cannot be."""
        super().check()
        both = self.buy_levels + self.sell_levels
        if not 1 <= len(both) <= MOST_LEVELS or min(amount for _, amount in both) <= 0.0:
            raise ConfigError(f"{self.name}: {len(both)} levels. Give 1 to {MOST_LEVELS}, each with an amount above 0.")
        self.executors()
