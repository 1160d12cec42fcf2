"""Cash and carry: the coin against its perpetual."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from workbench.compiled import compiled
from workbench.controllers import executors
from workbench.controllers.controller import Controller
from workbench.controllers.executors import Executor
from workbench.controllers.fields import Duration, Field
from workbench.controllers.markets import two_markets
from workbench.errors import ConfigError
from workbench.market import BUY, SELL, Action, ExecutorKind, Sizing
from workbench.trading import Phase

AMOUNT, DELAY_MS, REVERSE = range(3)
OPEN, OPEN_REVERSE, CLOSE_LONG, CLOSE_SHORT = range(4)
OPENING, CLOSING = 0, 1


class SpotPerpetualArbitrage(Controller):
    """Buy the coin and sell its perpetual when that is dearer, and undo both when they have come together.

    While nothing is held, an arbitrage executor waits until buying spot and selling the perpetual earns more than
    `min_opening` after fees; once it has both legs, another waits until undoing them earns more than `min_closing`.
    That may be a little below 0, since the profit was made at the opening. What is held meanwhile does not care where
    the price goes, and is paid the funding, or pays it. The risk is the time until the two meet, the margin of the
    perpetual on the way, and the leg that does not fill.

    Give the candles of spot first and those of the perpetual second.

    Parameters
    ----------
    second : str
        The perpetual, as the run names it.
    amount : float
        Base units of both legs.
    min_opening, min_closing : float
        Least profit after fees, as a fraction of what is paid, of opening and of closing.
    delay : duration
        Wait after closing before the next opening.
    reverse : bool
        Sell spot and buy the perpetual too, when that is cheaper; a spot account cannot.

    References
    ----------
    Hummingbot's `spot_perpetual_arbitrage`.
    """

    levels: ClassVar[int] = 4

    second: str
    amount: float = Field(0.01, gt=0, hot=True)
    min_opening: float = Field(0.01, gt=-1, lt=1, hot=True)
    min_closing: float = Field(-0.001, gt=-1, lt=1, hot=True)
    delay: Duration = Field("2m", hot=True)
    reverse: bool = Field(False, hot=True)

    def executors(self) -> tuple[Executor, ...]:
        """The trade that opens, and the one that closes."""
        return (
            executors.Arbitrage(second=self.second, amount=self.amount, min_profit=self.min_opening),
            executors.Arbitrage(second=self.second, amount=self.amount, min_profit=self.min_closing),
        )

    def columns(self, candles: Any) -> tuple[Any, ...]:
        """The parameters as numbers."""
        two_markets(self.name, candles)
        return self.amount, int(self.delay), self.reverse

    @staticmethod
    @compiled
    def decide(row, world, out):
        """Wait for the opening while nothing is held, and for the closing of what is held."""
        held = world.positions[0] / row[AMOUNT]
        free = abs(held) < 0.5 and not just_closed(world, row[DELAY_MS])
        watch(world, out, OPEN, BUY, OPENING, free)
        watch(world, out, OPEN_REVERSE, SELL, OPENING, free and row[REVERSE] > 0.0)
        watch(world, out, CLOSE_LONG, SELL, CLOSING, held >= 0.5)
        watch(world, out, CLOSE_SHORT, BUY, CLOSING, held <= -0.5)

    def check(self) -> None:
        """Refuse to open for less than nothing."""
        super().check()
        if self.min_opening + self.min_closing <= 0.0:
            raise ConfigError(
                f"{self.name}: `min_opening` {self.min_opening:g} and `min_closing` {self.min_closing:g} together earn "
                f"nothing. Raise one of them."
            )


@compiled
def watch(world, out, level, side, config, wanted):
    """Let an executor wait at a level, or let it go while it has done nothing."""
    seen, target = world.levels[level], out[level]
    if wanted and seen.at_work == 0:
        target.action, target.executor, target.config = Action.CREATE, ExecutorKind.ARBITRAGE, config
        target.side, target.price, target.size, target.sizing = side, np.nan, np.nan, Sizing.BASE
    elif not wanted and seen.at_work > 0 and seen.phase == Phase.ENTERING:
        target.action, target.keep = Action.STOP, 1


@compiled
def just_closed(world, delay_ms):
    """Did a closing end a short while ago?"""
    for level in range(CLOSE_LONG, CLOSE_SHORT + 1):
        seen = world.levels[level]
        if seen.phase == Phase.DONE and world.time_ms - seen.closed_ms < delay_ms:
            return True
    return False
