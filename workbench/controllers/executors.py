"""What an executor is told: one frozen value per kind, with Hummingbot's meanings; docs/executors.md.

Prices are in quote currency, or fractions of the price that a `create` is given; amounts likewise of its size. So "1 %,
2 % and 4 % below the close" is one value for all bars: `Dca(prices=(0.99, 0.98, 0.96), …)`, created with `price=close`.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from workbench.controllers.fields import Duration, Field, Fraction
from workbench.controllers.refusal import refusal
from workbench.errors import ConfigError
from workbench.market import LADDER, ExecutorKind, LegPolicy, Mode, OrderKind, new_configs

KINDS = {"limit": OrderKind.LIMIT, "post_only": OrderKind.POST_ONLY}
MODES = {"maker": Mode.MAKER, "taker": Mode.TAKER}
POLICIES = {"complete": LegPolicy.COMPLETE, "unwind": LegPolicy.UNWIND}


class Executor(BaseModel):
    """Base of all: retries, barriers and a time limit, in the words of the kinds below.

    Attributes
    ----------
    retries : int
        Refusals in a row after which it gives up.
    time_limit : duration
        After which it ends; 0 is none.

    Raises
    ------
    ConfigError
        If a term is unknown or out of range, or two contradict each other.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False, defer_build=True)
    kind: ClassVar[ExecutorKind]

    retries: int = Field(10, ge=0)
    time_limit: Duration = Field(0)

    def __init__(self, /, **terms: Any) -> None:
        try:
            super().__init__(**terms)
        except ValidationError as error:
            raise refusal(type(self).__name__, type(self).model_fields, error) from None
        self.check()

    def check(self) -> None:
        """Raise `ConfigError` if the terms contradict each other."""

    def vary(self, **changes: Any) -> Self:
        """The same executor with other terms, validated."""
        return type(self)(**{name: getattr(self, name) for name in type(self).model_fields} | changes)

    @property
    def other(self) -> str | None:
        """The second instrument, of the kinds that have one."""
        return None

    def record(self, market2: int = -1) -> npt.NDArray[np.void]:
        """The terms as the engine takes them, of shape (1,) and dtype CONFIG; `market2` is the place of `other`."""
        record = new_configs(1)
        record["retries"], record["time_limit_ms"], record["market2"] = self.retries, int(self.time_limit), market2
        for name, value in self.terms().items():
            record[name] = math.nan if value is None else value
        return record

    def terms(self) -> dict[str, Any]:
        """The kind's own terms, by their names in the record."""
        return {}

    def refuse(self, what: str) -> None:
        """Say in which way the terms contradict each other."""
        raise ConfigError(f"{type(self).__name__}: {what}")


class Barriers(Executor):
    """An executor that holds a position between barriers, fractions of its average entry price."""

    stop_loss: Fraction | None = None
    take_profit: float | None = Field(None, gt=0)
    trailing: tuple[Fraction, Fraction] | None = None
    net_of_fees: bool = False
    take_profit_at: Literal["market", "limit"] = "market"

    def check(self) -> None:
        """A trailing stop that follows from further away than it starts would lose at once."""
        if self.take_profit_at == "limit" and self.take_profit is None:
            self.refuse('`take_profit_at="limit"` needs a `take_profit`. Give one, or leave it at "market".')

    def terms(self) -> dict[str, Any]:
        """The barriers."""
        activation, delta = self.trailing or (None, None)
        at_limit = self.take_profit_at == "limit"
        return {
            "stop_loss": self.stop_loss,
            "take_profit": self.take_profit,
            "trailing_activation": activation,
            "trailing_delta": delta,
            "net_of_fees": self.net_of_fees,
            "take_profit_kind": OrderKind.LIMIT if at_limit else OrderKind.MARKET,
        }


class Position(Barriers):
    """An entry and the first of its barriers; `bound` keeps a limit entry at the venue only while the price is near."""

    kind = ExecutorKind.POSITION
    bound: Fraction | None = None

    def terms(self) -> dict[str, Any]:
        """The barriers and the bound."""
        return super().terms() | {"bound": self.bound}


class Order(Executor):
    """A position that is meant to stay. `distance` and `refresh` make it a chaser: a limit order that lies `distance`
    behind the best price of its side, and is replaced when the price has moved `refresh` further.
    """

    kind = ExecutorKind.ORDER
    distance: float | None = Field(None, ge=0, lt=1)
    refresh: float | None = Field(None, gt=0)

    def check(self) -> None:
        """A chaser needs both."""
        if (self.distance is None) != (self.refresh is None):
            self.refuse("a chaser needs both `distance` and `refresh`. Give the other one too, or neither.")

    def terms(self) -> dict[str, Any]:
        """The chaser."""
        return {"distance": self.distance, "refresh": self.refresh}


class Dca(Barriers):
    """A position with several entries: `amounts` in quote currency at `prices`, in the order in which they are listed.

    A maker rests them all; its stop loss counts once they are whole. A taker buys each when the price is there; its
    stop loss is a share of the whole plan.
    """

    kind = ExecutorKind.DCA
    prices: tuple[float, ...]
    amounts: tuple[float, ...]
    mode: Literal["maker", "taker"] = "maker"
    order: Literal["limit", "post_only"] = "limit"
    bound: Fraction | None = None

    def check(self) -> None:
        """One amount for each price, all above 0."""
        super().check()
        if not 1 <= len(self.prices) == len(self.amounts) <= LADDER:
            shown = f"{len(self.prices)} prices and {len(self.amounts)} amounts"
            self.refuse(f"{shown} were given. Give 1 to {LADDER} of each, as many of the one as of the other.")
        if min(self.prices + self.amounts) <= 0.0:
            self.refuse(f"a price or an amount is {min(self.prices + self.amounts):g}. All must be above 0.")

    def terms(self) -> dict[str, Any]:
        """The ladder."""
        spare = (0.0,) * (LADDER - len(self.prices))
        ladder = {"n_levels": len(self.prices), "prices": self.prices + spare, "amounts": self.amounts + spare}
        how = {"mode": MODES[self.mode], "kind": KINDS[self.order], "bound": self.bound}
        return super().terms() | ladder | how


class Grid(Barriers):
    """Levels between `start` and `end` that buy (or sell) and close a step further on, again and again.

    Attributes
    ----------
    total : float
        Quote currency, spread over the levels.
    take_profit : fraction
        Gain of a level; with `coerce` at least the distance to the next one.
    limit : float, optional
        Price on the losing side at which the grid ends; with `keep` it leaves what it holds.
    min_spread, min_order
        Smallest distance between levels, and smallest order in quote currency; both say how many levels there are.
    max_open, max_batch, frequency
        Opens that live at once, opens in one step (0: any number), and the time between such steps.
    bound : fraction, optional
        Opens live only while the price is this near.
    safe : fraction
        How far from the price an order is put that would have crossed it.
    """

    kind = ExecutorKind.GRID
    start: float = Field(gt=0)
    end: float = Field(gt=0)
    total: float = Field(gt=0)
    limit: float | None = Field(None, gt=0)
    min_spread: Fraction = 0.0005
    min_order: float = Field(5.0, gt=0)
    max_open: int = Field(5, ge=1)
    max_batch: int = Field(0, ge=0)
    frequency: Duration = Field(0)
    bound: Fraction | None = None
    safe: float = Field(0.0001, ge=0, lt=1)
    order: Literal["limit", "post_only"] = "post_only"
    coerce: bool = False
    keep: bool = False

    def check(self) -> None:
        """A range, a limit outside of it, and something to gain."""
        if not self.start < self.end:
            self.refuse(f"`start` is {self.start:g} and `end` {self.end:g}. A grid needs a range: `start` below `end`.")
        if self.limit is not None and self.start <= self.limit <= self.end:
            self.refuse(f"`limit` is {self.limit:g}, within {self.start:g} to {self.end:g}. Put it on the losing side.")
        if self.take_profit is None and not self.coerce:
            self.refuse("there is nothing to gain. Give `take_profit`, or `coerce=True` for the step of the grid.")

    def terms(self) -> dict[str, Any]:
        """The range and its levels."""
        same = ("start", "end", "total", "limit", "min_spread", "min_order", "max_open", "max_batch", "bound", "safe")
        own = {name: getattr(self, name) for name in (*same, "coerce", "keep")}
        return super().terms() | own | {"frequency_ms": int(self.frequency), "kind": KINDS[self.order]}


class Twap(Executor):
    """`total` quote currency over `duration`, an order each `interval`.

    A maker's orders lie `buffer` behind the price, and are asked for anew after `resubmit` (0: never).
    """

    kind = ExecutorKind.TWAP
    total: float = Field(gt=0)
    duration: Duration
    interval: Duration
    mode: Literal["maker", "taker"] = "taker"
    order: Literal["limit", "post_only"] = "limit"
    buffer: float = Field(0.0, ge=0, lt=1)
    resubmit: Duration = Field(0)

    def check(self) -> None:
        """Slots of time."""
        if self.interval <= 0 or self.duration < 0:
            self.refuse(f"`interval` is {self.interval} and `duration` {self.duration}. Give an interval above 0.")

    def terms(self) -> dict[str, Any]:
        """The slots and the orders in them."""
        times = {f"{name}_ms": int(getattr(self, name)) for name in ("duration", "interval", "resubmit")}
        how = {"mode": MODES[self.mode], "kind": KINDS[self.order], "buffer": self.buffer, "total": self.total}
        return times | how


class Arbitrage(Executor):
    """Buys `amount` in one market and sells it in the `second`, when that earns more than `min_profit` after fees.

    A leg that is missing is completed, or (`policy="unwind"`) the other one is undone.
    """

    kind = ExecutorKind.ARBITRAGE
    second: str
    amount: float = Field(gt=0)
    min_profit: float
    policy: Literal["complete", "unwind"] = "complete"

    @property
    def other(self) -> str | None:
        """The second instrument."""
        return self.second

    def terms(self) -> dict[str, Any]:
        """The legs."""
        return {"amount": self.amount, "min_profit": self.min_profit, "policy": POLICIES[self.policy]}


class Xemm(Executor):
    """Rests `amount` in one market, priced off the `second`, and hedges there what fills."""

    kind = ExecutorKind.XEMM
    second: str
    amount: float = Field(gt=0)
    min_profit: float
    target_profit: float = Field(gt=-1)
    max_profit: float | None = None
    order: Literal["limit", "post_only"] = "limit"

    @property
    def other(self) -> str | None:
        """The second instrument."""
        return self.second

    def check(self) -> None:
        """A band around the target."""
        top = math.inf if self.max_profit is None else self.max_profit
        if not self.min_profit <= self.target_profit <= top:
            self.refuse(
                f"`min_profit` {self.min_profit:g}, `target_profit` {self.target_profit:g}, `max_profit` {top:g} are "
                f"not in this order. An order is replaced when its profit leaves the band, so the target is within."
            )

    def terms(self) -> dict[str, Any]:
        """The band."""
        band = {name: getattr(self, name) for name in ("amount", "min_profit", "target_profit", "max_profit")}
        return band | {"kind": KINDS[self.order]}


__all__ = ["Arbitrage", "Dca", "Executor", "Grid", "Order", "Position", "Twap", "Xemm"]
