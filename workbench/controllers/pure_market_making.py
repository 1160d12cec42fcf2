"""The classic market maker, with its whole pipeline."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.compiled import compiled
from workbench.controllers.controller import Controller
from workbench.controllers.executors import Executor, Order
from workbench.controllers.fields import Duration, Field, Fraction
from workbench.controllers.market_making import FloatArray
from workbench.controllers.markets import one_market
from workbench.controllers.pure_steps import decide_pure
from workbench.errors import ConfigError
from workbench.indicators import followed
from workbench.market import Candles

MOST_LEVELS = 60


class PureMarketMaking(Controller):
    """Quote both sides of the price with orders of a size, and keep what fills.

    There are no barriers and no stop loss: what a bid buys is inventory until an ask sells it. The pipeline, in its
    order: base prices and amounts; price band, moving band and ping pong say which of them are left; transaction costs
    move the prices; inventory skew and budget change the amounts; what would take is dropped (`take_if_crossed`);
    hanging orders are set apart; orders that are too old, stale, or too near to the price are cancelled; and what is
    missing is made, unless a fill was too short a while ago.

    It earns the spread from a market that goes nowhere, and collects inventory all the way down in one that falls.
    `inventory_skew` leans against that by amounts, `price_floor` and `price_ceiling` end it.

    Parameters
    ----------
    bid_spread, ask_spread : fractions of the reference price
    minimum_spread : fraction or None
        Orders that the price has come nearer to are cancelled.
    order_refresh_time : duration
        After which an order is stale and replaced.
    max_order_age : duration
        After which it is replaced in any case, a hanging one too.
    order_refresh_tolerance : fraction or None
        Stale orders stay while the reference price is no further than this from the one they were made at. None: they
        are always replaced.
    order_amount : float
        Base units of an order of the first level.
    order_levels, order_level_amount, order_level_spread
        Levels on each side; base units and fraction that each further one adds.
    bid_spreads, ask_spreads, bid_amounts, ask_amounts : tuples or None
        Spreads and amounts of all levels one by one (`split_order_levels`), before the terms above.
    price_ceiling, price_floor : float or None
        No bids at or above the one, no asks at or below the other.
    moving_price_band, price_band_ceiling, price_band_floor, price_band_refresh
        The same around the close at which the last period of `price_band_refresh` (counted in UTC) began.
    ping_pong : bool
        A level whose last fill was a bid waits for its ask to fill, and the reverse.
    inventory_skew, inventory_target, inventory_range_multiplier
        Amounts are linear in the inventory: as asked at the target (a fraction of equity), 0 and double at the order
        amounts of one side times the multiplier away from it.
    filled_order_delay : duration
        Nothing is made for so long after a fill, and what is left is stale then.
    hanging_orders : bool
        An order whose opposite of the same level has filled is not stale any more; another one is quoted beside it.
    add_transaction_costs : bool
        Move prices away by `fee`.
    take_if_crossed : bool
        False: orders that would take are turned away.
    may_short : bool
        False cuts amounts to what is there, as a spot account demands.
    fee : fraction
        What transaction costs and the budget count with.

    References
    ----------
    Hummingbot's `pure_market_making` (and its port `pmm_v1`); docs/controllers.md says what candles cannot show.
    """

    bid_spread: Fraction = Field(0.01, hot=True)
    ask_spread: Fraction = Field(0.01, hot=True)
    minimum_spread: Fraction | None = Field(None, hot=True)
    order_refresh_time: Duration = Field("1m", hot=True)
    max_order_age: Duration = Field("30m", hot=True)
    order_refresh_tolerance: float | None = Field(None, ge=0, lt=1, hot=True)
    order_amount: float = Field(1.0, gt=0, hot=True)
    order_levels: int = Field(1, ge=1, le=MOST_LEVELS)
    order_level_amount: float = Field(0.0, ge=0, hot=True)
    order_level_spread: Fraction = Field(0.01, hot=True)
    bid_spreads: tuple[float, ...] | None = Field(None, hot=True)
    ask_spreads: tuple[float, ...] | None = Field(None, hot=True)
    bid_amounts: tuple[float, ...] | None = Field(None, hot=True)
    ask_amounts: tuple[float, ...] | None = Field(None, hot=True)
    price_ceiling: float | None = Field(None, gt=0, hot=True)
    price_floor: float | None = Field(None, gt=0, hot=True)
    moving_price_band: bool = Field(False, hot=True)
    price_band_ceiling: Fraction = Field(0.01, hot=True)
    price_band_floor: Fraction = Field(0.01, hot=True)
    price_band_refresh: Duration = Field("1d", hot=True)
    ping_pong: bool = Field(False, hot=True)
    inventory_skew: bool = Field(False, hot=True)
    inventory_target: float = Field(0.5, ge=0, le=1, hot=True)
    inventory_range_multiplier: float = Field(1.0, gt=0, hot=True)
    filled_order_delay: Duration = Field("1m", hot=True)
    hanging_orders: bool = Field(False, hot=True)
    add_transaction_costs: bool = Field(False, hot=True)
    take_if_crossed: bool = Field(False, hot=True)
    may_short: bool = Field(False, hot=True)
    fee: float = Field(0.001, ge=0, lt=1, hot=True)

    def reference(self, candles: Candles) -> FloatArray:
        """The price that is quoted around, of shape (n_bars,); NaN where nothing is quoted."""
        return candles.close

    @property
    def levels(self) -> int:  # type: ignore[override]
        """Two records for each order, so that it can be replaced, or hang beside its successor."""
        return 4 * self.order_levels

    def executors(self) -> tuple[Executor, ...]:
        """A plain order."""
        return (Order(),)

    def columns(self, candles: Any) -> tuple[Any, ...]:
        """The price that is quoted around, since when, the close, the band's price, and the parameters as numbers."""
        one = one_market(self.name, candles)
        anchor, since_ms = self._anchor(one)
        ceiling = np.inf if self.price_ceiling is None else self.price_ceiling
        band = self._band(one) if self.moving_price_band else np.nan
        cost = self.fee if self.add_transaction_costs else 0.0
        return (
            anchor,
            since_ms,
            one.close,
            band,
            self.order_levels,
            int(self.order_refresh_time),
            int(self.max_order_age),
            int(self.filled_order_delay),
            ceiling,
            self.price_floor or -np.inf,
            1.0 + self.price_band_ceiling,
            1.0 - self.price_band_floor,
            -np.inf if self.minimum_spread is None else self.minimum_spread,
            self.ping_pong,
            self.hanging_orders,
            self.inventory_target if self.inventory_skew else np.nan,
            self.inventory_range_multiplier * sum(self.amounts(1)),
            cost,
            self.take_if_crossed,
            self.may_short,
            self.fee,
            *(number for side in (1, -1) for level in self.level_terms(side) for number in level),
        )

    def spreads(self, side: int) -> tuple[float, ...]:
        """Spread of each level of a side."""
        first, given = (self.bid_spread, self.bid_spreads) if side > 0 else (self.ask_spread, self.ask_spreads)
        return given or tuple(first + k * self.order_level_spread for k in range(self.order_levels))

    def amounts(self, side: int) -> tuple[float, ...]:
        """Base units of each level of a side, before skew and budget."""
        given = self.bid_amounts if side > 0 else self.ask_amounts
        return given or tuple(self.order_amount + k * self.order_level_amount for k in range(self.order_levels))

    def level_terms(self, side: int) -> list[tuple[float, float]]:
        """Spread and amount of each level of a side."""
        return list(zip(self.spreads(side), self.amounts(side), strict=True))

    def _anchor(self, candles: Candles) -> tuple[FloatArray, FloatArray]:
        closes_ms = (candles.time + candles.timeframe_ms).astype(np.float64)
        if self.order_refresh_tolerance is None:
            return self.reference(candles), closes_ms
        anchor, age = followed(self.reference(candles), self.order_refresh_tolerance)
        taken = np.arange(len(age)) - np.nan_to_num(age).astype(np.int64)
        return anchor, closes_ms[taken]

    def _band(self, candles: Candles) -> FloatArray:
        closes_ms = candles.time + candles.timeframe_ms
        period = closes_ms // max(self.price_band_refresh, 1)
        begins = np.diff(period, prepend=period[:1] - 1) != 0
        first = np.maximum.accumulate(np.where(begins, np.arange(len(period)), 0))
        return candles.close[first]

    @staticmethod
    @compiled
    def decide(row, world, out):
        """Cancel what is stale and make what is missing."""
        decide_pure(row, world, out)

    def check(self) -> None:
        """Refuse levels that do not fit together."""
        super().check()
        for name in ("bid_spreads", "ask_spreads", "bid_amounts", "ask_amounts"):
            given = getattr(self, name)
            if given is not None and (len(given) != self.order_levels or min(given) <= 0.0):
                raise ConfigError(
                    f"{self.name}: `{name}` is {given} for {self.order_levels} `order_levels`. Give one number above 0 "
                    f"for each, or None."
                )
        if (self.price_floor or 0.0) >= (np.inf if self.price_ceiling is None else self.price_ceiling):
            raise ConfigError(
                f"{self.name}: `price_floor` is {self.price_floor:g} and `price_ceiling` {self.price_ceiling:g}. "
                f"The floor must be the lower one."
            )
