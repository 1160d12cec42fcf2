"""What a venue costs and how late it is: named assumptions, each a value that goes on a run's card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from workbench.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Fees:
    """Maker and taker fees as fractions of the value traded; 0.001 is a tenth of a percent.

    `paid_in="quote"` takes them from the quote balance. "received" takes them from what a fill brings in, as Binance
    does by default: a buy then receives a little less base. The defaults are Binance's spot fees without discounts.
    """

    maker: float = 0.001
    taker: float = 0.001
    paid_in: Literal["quote", "received"] = "quote"

    def __post_init__(self) -> None:
        for name in ("maker", "taker"):
            _check_fraction(f"Fees: `{name}`", getattr(self, name), -0.1, 0.1)
        if self.paid_in not in ("quote", "received"):
            raise ConfigError(f'Fees: `paid_in` is {self.paid_in!r}. Choose "quote" or "received".')


@dataclass(frozen=True, slots=True)
class Slippage:
    """How much worse than the price a taker fills, as a fraction of it; a maker fills at its own price."""

    fraction: float = 0.0

    def __post_init__(self) -> None:
        _check_fraction("Slippage: `fraction`", self.fraction, 0.0, 0.5)


@dataclass(frozen=True, slots=True)
class Latency:
    """How many whole bars pass before an order reaches the venue; cancels arrive at once.

    With 0 an order decided at a bar's close meets the next bar's open, and one that a barrier asks for meets the price
    that touched it.
    """

    bars: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.bars, bool) or not isinstance(self.bars, int) or not 0 <= self.bars <= 10_000:
            raise ConfigError(f"Latency: `bars` is {self.bars!r}. Give a whole number of bars, 0 or more.")


def as_fees(value: Any) -> Fees:
    """A `Fees`, or one number for both maker and taker."""
    return value if isinstance(value, Fees) else Fees(_number("fees", value), _number("fees", value))


def as_slippage(value: Any) -> Slippage:
    """A `Slippage`, or its fraction."""
    return value if isinstance(value, Slippage) else Slippage(_number("slippage", value))


def as_latency(value: Any) -> Latency:
    """A `Latency`, or its number of bars."""
    return value if isinstance(value, Latency) else Latency(value)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f"`{name}` is {value!r}. Give a fraction such as 0.001, or the model of that name.")
    return float(value)


def _check_fraction(what: str, value: float, lowest: float, highest: float) -> None:
    if not lowest <= value <= highest:
        raise ConfigError(
            f"{what} is {value}. It is a fraction between {lowest:g} and {highest:g}: write 0.001 for a tenth "
            "of a percent."
        )
