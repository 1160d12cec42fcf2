"""Two prices that go together, traded when they do not."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from workbench.compiled import compiled
from workbench.controllers.executors import Executor, Position
from workbench.controllers.fields import Duration, Field, Fraction
from workbench.controllers.guarded import Guarded
from workbench.controllers.markets import two_markets
from workbench.errors import ConfigError
from workbench.indicators import regression
from workbench.market import Action, ExecutorKind, OrderKind, Sizing
from workbench.trading import Phase

SCORE, SLOPE, ENTRY, EXIT, STOP, NOTIONAL, COOLDOWN_MS = range(7)


class StatArb(Guarded):
    """Sell what is dear against its pair and buy the other, until they have come together again.

    The log price of the first market is regressed on that of the second over the last `length` bars; `z` is how many
    standard deviations the last residual lies away from 0. Beyond `entry_z` the dear one is sold and the cheap one
    bought, `slope` quote units of the second for one of the first, so that what moves both moves the sum little. At
    `exit_z` both are closed; at `stop_z` too, for then the pair has come apart and the rule has nothing to say.

    The two legs are one trade: if one is refused, or ended by a barrier of its own, the other is closed at the next
    open. A regression over a window always finds residuals that return to 0 in that window; whether the next ones do is
    another question, and for most pairs the answer is no. Two fees each way are due in any case.

    Parameters
    ----------
    length : int
        Bars in the regression.
    entry_z, exit_z, stop_z : float
        Standard deviations at which it trades, is content, and gives up; None for `stop_z`: it does not.
    total : float
        Quote currency of both legs together, if the slope is 1.
    cooldown : duration
        Wait after a trade before the next.
    stop_loss, take_profit, time_limit and other barriers
        Of each leg by itself, as `Guarded` has them.

    References
    ----------
    Gatev, Goetzmann and Rouwenhorst (2006), Pairs Trading, Review of Financial Studies 19, 797–827. The idea of
    Hummingbot's `stat_arb`; its legs are market orders here, and what ends a pair is `exit_z` and `stop_z`.
    """

    levels: ClassVar[int] = 2

    length: int = Field(300, ge=3, step=1, hot=True)
    entry_z: float = Field(2.0, gt=0, step=0.1, hot=True)
    exit_z: float = Field(0.0, ge=0, step=0.1, hot=True)
    stop_z: float | None = Field(None, gt=0, step=0.1, hot=True)
    total: float = Field(100.0, gt=0, hot=True)
    cooldown: Duration = Field("5m", hot=True)
    stop_loss: Fraction | None = Field(0.05, hot=True)
    take_profit: Fraction | None = Field(None, hot=True)
    take_profit_at: Literal["market", "limit"] = "market"
    time_limit: Duration | None = Field(None, hot=True)

    def executors(self) -> tuple[Executor, ...]:
        """A leg."""
        return (Position(**self.barriers),)

    def columns(self, candles: Any) -> tuple[Any, ...]:
        """How far the first is above what the second says, the slope, and the parameters as numbers."""
        first, second = two_markets(self.name, candles)
        slope, _, score = regression(np.log(first.close), np.log(second.close), self.length)
        stop = np.inf if self.stop_z is None else self.stop_z
        return score, slope, self.entry_z, self.exit_z, stop, self.total / 2.0, int(self.cooldown)

    @staticmethod
    @compiled
    def decide(row, world, out):
        """Open both legs, close both, or close the one that is left alone."""
        score = row[SCORE]
        one, two = world.levels[0], world.levels[1]
        if one.at_work + two.at_work > 0:
            alone = one.at_work == 0 or two.at_work == 0
            # The side is that of the position: what was dear is short.
            short = world.positions[0] < 0.0
            over = (score <= row[EXIT]) if short else (score >= -row[EXIT])
            waits = one.phase == Phase.ENTERING or two.phase == Phase.ENTERING
            if alone or (not waits and (over or abs(score) >= row[STOP])):
                for level in range(2):
                    if world.levels[level].at_work > 0:
                        out[level].action, out[level].keep = Action.STOP, 0
            return
        rested = rests(world, one, row[COOLDOWN_MS]) and rests(world, two, row[COOLDOWN_MS])
        if rested and abs(score) >= row[ENTRY] and abs(score) < row[STOP] and row[SLOPE] > 0.0:
            side = -1 if score > 0.0 else 1
            enter_leg(out[0], 0, side, row[NOTIONAL])
            enter_leg(out[1], 1, -side, row[NOTIONAL] * row[SLOPE])

    def check(self) -> None:
        """Refuse an exit beyond the entry, and a stop before it."""
        super().check()
        if not self.exit_z < self.entry_z < (self.stop_z or np.inf):
            raise ConfigError(
                f"{self.name}: `exit_z` is {self.exit_z:g}, `entry_z` {self.entry_z:g}, `stop_z` {self.stop_z}. "
                f"They must be in this order."
            )
        self.executors()


@compiled
def rests(world, seen, cooldown_ms):
    """Is the last trade of a leg long enough ago?"""
    return seen.phase != Phase.DONE or world.time_ms - seen.closed_ms >= cooldown_ms


@compiled
def enter_leg(target, market, side, notional):
    """Ask for one leg at market."""
    target.action, target.executor, target.config = Action.CREATE, ExecutorKind.POSITION, 0
    target.market, target.side, target.kind = market, side, OrderKind.MARKET
    target.price, target.size, target.sizing = np.nan, notional, Sizing.QUOTE
