"""Strategies that quote both sides at several levels, each of which is an executor of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.compiled import compiled
from workbench.controllers.executors import Executor, Order, Position
from workbench.controllers.fields import Duration, Field, Fraction
from workbench.controllers.guarded import Guarded
from workbench.controllers.markets import one_market
from workbench.errors import ConfigError
from workbench.market import BUY, SELL, Action, Candles, ExecutorKind, OrderKind, Sizing
from workbench.trading import CloseType, Phase

FloatArray = npt.NDArray[np.float64]
Column = FloatArray | float

# Places in the row of numbers that `decide` reads; behind the last one, three numbers for each level.
REFERENCE, MULTIPLIER, N_LEVELS, REFRESH_MS, COOLDOWN_MS, KIND = range(6)
TARGET, WIDTH, SELLS, THRESHOLD, POST_ONLY, HEAD = range(6, 12)
NOT_ASKED = np.nan
MARKET_ORDER = 2  # its place in `executors()`, after those of bids and asks
MOST_LEVELS = 60


class MarketMaking(Guarded):
    """Quotes on both sides of a reference price; what fills is closed by the barriers of its level.

    Each level is one executor: a limit order `spread` away from the reference price, and once that is filled a position
    between barriers. At the close of each bar a level without an executor gets one, unless it cools down after a stop
    loss, and one whose order has waited for `refresh` is replaced by an order at today's price. So there is never more
    than one order and one position to a level, and what can be lost at once is known beforehand: the sum of the amounts
    times the stop loss.

    It earns the spread as long as the market comes back to where it was quoted. In a trend only one side fills, again
    and again, and the stop losses of that side pay for all the spreads before; `cooldown` is there for that. Candles
    flatter it: they do not show who was before you in the queue. Look at `fill="through"` before you believe a result.

    Subclasses say where the reference price is and how wide the spreads are, `reference(candles)` and
    `multiplier(candles)`, and what a level is made of, `level(side)`.

    Parameters
    ----------
    buy_spreads, sell_spreads : fractions of the reference price, one for each level
        Multiplied by `multiplier(candles)`.
    buy_amounts, sell_amounts : numbers, as many as spreads, or None
        Shares of the levels in `total`, in any unit: they are normalised over both sides. None: all alike.
    total : float
        Quote currency in all levels together.
    refresh : duration
        After which an order that has not filled is replaced.
    cooldown : duration
        Wait of a level after its stop loss.
    stop_loss, take_profit, time_limit, take_profit_at, trailing_activation, trailing_delta, net_of_fees
        Barriers of each level, as `Guarded` has them.
    post_only : bool
        Quotes that would take are turned away by the venue.
    inventory_target : fraction of equity to hold in the base asset, or None
        With one, amounts are skewed: at the target both sides quote what they should, `inventory_range` times `total`
        above it bids are 0 and asks double, as far below it the reverse.
    rebalance : bool
        On spot, keep the base that the asks need, and up to twice `rebalance_threshold` more: once there is less or
        more than that, an order at market brings it to the middle. What the positions of bids hold is not counted, and
        what those of asks will buy back is; both at today's price, as an estimate. Where levels are ladders, of which
        nobody knows how much is filled, it waits until none holds anything.

    References
    ----------
    Fields and defaults as in Hummingbot's market-making controllers.
    """

    buy_spreads: tuple[float, ...] = Field((0.01, 0.02), hot=True)
    sell_spreads: tuple[float, ...] = Field((0.01, 0.02), hot=True)
    buy_amounts: tuple[float, ...] | None = Field(None, hot=True)
    sell_amounts: tuple[float, ...] | None = Field(None, hot=True)
    total: float = Field(100.0, gt=0, hot=True)
    refresh: Duration = Field("5m", hot=True)
    cooldown: Duration = Field("15s", hot=True)
    post_only: bool = False
    inventory_target: float | None = Field(None, ge=0, le=1, hot=True)
    inventory_range: float = Field(1.0, gt=0, hot=True)
    rebalance: bool = Field(True, hot=True)
    rebalance_threshold: Fraction = Field(0.05, hot=True)

    def reference(self, candles: Candles) -> FloatArray:
        """The price that is quoted around, of shape (n_bars,); NaN where nothing is quoted."""
        return candles.close

    def multiplier(self, candles: Candles) -> Column:
        """What spreads are multiplied by, a number or an array of shape (n_bars,)."""
        return 1.0

    def level(self, side: int) -> Executor:
        """The executor that a level of that side is made of."""
        return Position(**self.barriers)

    @property
    def levels(self) -> int:  # type: ignore[override]
        """Two records for each level, so that one order can be replaced by another in one bar, and the rebalancing."""
        return 2 * (len(self.buy_spreads) + len(self.sell_spreads)) + 1

    def executors(self) -> tuple[Executor, ...]:
        """Those of bids and of asks, and the order that rebalances."""
        return self.level(BUY), self.level(SELL), Order()

    def columns(self, candles: Any) -> tuple[Any, ...]:
        """The reference price, the multiplier, and the parameters as numbers."""
        one = one_market(self.name, candles)
        ladder = list(zip(self._sides, self.buy_spreads + self.sell_spreads, self.quote_amounts, strict=True))
        sells = sum(amount for side, _, amount in ladder if side == SELL)
        has_target = self.inventory_target is not None
        rebalances = self.rebalance and not one.instrument.is_perpetual and sells > 0.0
        return (
            self.reference(one),
            self.multiplier(one),
            len(ladder),
            int(self.refresh),
            int(self.cooldown),
            int(self.level(BUY).kind),
            self.inventory_target if has_target else NOT_ASKED,
            self.inventory_range * self.total,
            sells,
            self.rebalance_threshold if rebalances else NOT_ASKED,
            self.post_only,
            *(number for level in ladder for number in level),
        )

    @staticmethod
    @compiled
    def decide(row, world, out):
        """Make, replace and leave the executors of all levels."""
        quote_levels(row, world, out)

    @property
    def quote_amounts(self) -> tuple[float, ...]:
        """Quote currency of each level, bids first; together they are `total`."""
        shares = [*self._shares("buy"), *self._shares("sell")]
        return tuple(self.total * share / sum(shares) for share in shares)

    def check(self) -> None:
        """Refuse levels that cannot be."""
        super().check()
        for side in ("buy", "sell"):
            self._check_side(side)
        count = len(self.buy_spreads) + len(self.sell_spreads)
        if not 1 <= count <= MOST_LEVELS:
            raise ConfigError(f"{self.name}: {count} levels were given. Give 1 to {MOST_LEVELS} over both sides.")
        self.executors()

    def _check_side(self, side: str) -> None:
        spreads, amounts = getattr(self, f"{side}_spreads"), getattr(self, f"{side}_amounts")
        for value in spreads:
            if not value > 0.0:
                raise ConfigError(f"{self.name}: `{side}_spreads` holds {value:g}. A spread is a fraction above 0.")
        if amounts is not None and (len(amounts) != len(spreads) or min(amounts, default=1.0) <= 0.0):
            raise ConfigError(
                f"{self.name}: `{side}_amounts` is {amounts} for {len(spreads)} levels. Give one number above 0 for "
                f"each of `{side}_spreads`, or None."
            )

    @property
    def _sides(self) -> tuple[int, ...]:
        return (BUY,) * len(self.buy_spreads) + (SELL,) * len(self.sell_spreads)

    def _shares(self, side: str) -> tuple[float, ...]:
        given, spreads = getattr(self, f"{side}_amounts"), getattr(self, f"{side}_spreads")
        return given or (1.0,) * len(spreads)


@compiled
def quote_levels(row, world, out):
    """Make, replace and leave the executors of all levels at the close of a bar."""
    n = int(row[N_LEVELS])
    reference, multiplier = row[REFERENCE], row[MULTIPLIER]
    if not (reference > 0.0 and multiplier > 0.0):
        return
    is_tight = row[THRESHOLD] == row[THRESHOLD]
    bought = is_tight and is_short_of_base(row, world, n, out)
    bids = skewed(world.position * reference, row[TARGET] * world.equity, row[WIDTH])
    for level in range(n):
        at = HEAD + 3 * level
        side, spread, amount = int(row[at]), row[at + 1] * multiplier, row[at + 2]
        slot = slot_to_fill(world, out, level, row[REFRESH_MS], row[COOLDOWN_MS], is_tight)
        amount *= bids if side > 0 else 2.0 - bids
        if slot >= 0 and amount > 0.0 and spread < 1.0 and not (bought and side < 0):
            price = reference * (1.0 - side * spread)
            create(out[slot], int(row[KIND]), side, price, amount)
            out[slot].kind = OrderKind.POST_ONLY if row[POST_ONLY] > 0.0 else OrderKind.LIMIT


@compiled
def create(target, kind, side, price, amount):
    """Ask for the executor of a level, `amount` in quote currency; a ladder is scaled by price and amount instead."""
    target.action, target.executor, target.side = Action.CREATE, kind, side
    target.config, target.sizing = (0 if side > 0 else 1), Sizing.BASE
    target.price, target.size = price, amount / price if kind == ExecutorKind.POSITION else amount


@compiled
def slot_to_fill(world, out, level, refresh_ms, cooldown_ms, is_tight):
    """Which of a level's two records is free for a new executor, or −1; a stale order is stopped on the way.

    Records are taken in order. So where funds are tight, an order in the second one gives its own back first, and the
    next one follows at the next close.
    """
    first, second = world.levels[2 * level], world.levels[2 * level + 1]
    if first.at_work + second.at_work == 0:
        return -1 if is_cooling(world, first, cooldown_ms) or is_cooling(world, second, cooldown_ms) else 2 * level
    live = 2 * level if first.at_work > 0 else 2 * level + 1
    if world.levels[live].phase != Phase.ENTERING or world.time_ms - world.levels[live].created_ms < refresh_ms:
        return -1
    out[live].action, out[live].keep = Action.STOP, 0
    return -1 if is_tight and live % 2 == 1 else 4 * level + 1 - live


@compiled
def is_cooling(world, seen, cooldown_ms):
    """Did the last executor of a record end by its stop loss a short while ago?"""
    stopped = seen.phase == Phase.DONE and seen.close_type == CloseType.STOP_LOSS
    return stopped and world.time_ms - seen.closed_ms < cooldown_ms


@compiled
def skewed(value, target, width):
    """Share of their amount that bids quote, 0 to 2: 1 at the target, 0 at `width` above it; NaN target: 1."""
    if target != target:
        return 1.0
    return min(max(1.0 - (value - target) / width, 0.0), 2.0)


@compiled
def is_short_of_base(row, world, n, out):
    """Bring the base asset back into its band at market; True while the asks must wait for it."""
    is_ladder = int(row[KIND]) != ExecutorKind.POSITION
    if world.levels[2 * n].at_work > 0 or (is_ladder and held_by_levels(row, world, n, True) > 0.0):
        return world.levels[2 * n].at_work > 0
    threshold, needed = row[THRESHOLD], row[SELLS] / row[REFERENCE]
    missing = needed * (1.0 + threshold) - (world.position - held_by_levels(row, world, n, False))
    if abs(missing) <= threshold * needed:
        return False
    target = out[2 * n]
    target.action, target.executor, target.config = Action.CREATE, ExecutorKind.ORDER, MARKET_ORDER
    target.kind, target.price, target.sizing = OrderKind.MARKET, np.nan, Sizing.BASE
    target.side, target.size = (1 if missing > 0.0 else -1), abs(missing)
    return True


@compiled
def held_by_levels(row, world, n, gross):
    """Base units that the positions of levels hold, those of asks below 0 (or not); an estimate, at today's price."""
    held = 0.0
    for record in range(2 * n):
        phase = world.levels[record].phase
        if phase == Phase.HOLDING or phase == Phase.EXITING:
            at = HEAD + 3 * (record // 2)
            held += row[at + 2] if gross else row[at] * row[at + 2]
    return held / row[REFERENCE]
