"""What a venue costs and how late it is: named assumptions, each a value that goes on a run's card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from workbench.errors import ConfigError

MOST_TIERS = 16


@dataclass(frozen=True, slots=True)
class Fees:
    """Maker and taker fees as fractions of the value traded; 0.001 is a tenth of a percent.

    `paid_in="quote"` takes them from the quote balance. "received" takes them from what a fill brings in, as Binance
    does by default: a buy then receives a little less base; a perpetual pays out of quote either way. The defaults are
    Binance's spot fees without discounts.

    Attributes
    ----------
    tiers : tuple of (volume, maker, taker)
        Fees by what a purse traded in the 30 UTC days before today, in its quote currency; the first volume is 0.
    traded : float
        What it had traded before the run.
    coin : str, optional
        A third coin that pays the fees, less `discount`, as long as its purse has some and its rate is known.
    """

    maker: float = 0.001
    taker: float = 0.001
    paid_in: Literal["quote", "received"] = "quote"
    tiers: tuple[tuple[float, float, float], ...] = ()
    traded: float = 0.0
    coin: str | None = None
    discount: float = 0.0

    def __post_init__(self) -> None:
        for name in ("maker", "taker"):
            _check_fraction(f"Fees: `{name}`", getattr(self, name), -0.1, 0.1)
        if self.paid_in not in ("quote", "received"):
            raise ConfigError(f'Fees: `paid_in` is {self.paid_in!r}. Choose "quote" or "received".')
        _check_fraction("Fees: `discount`", self.discount, 0.0, 1.0)
        if not 0.0 <= self.traded < float("inf"):
            raise ConfigError(f"Fees: `traded` is {self.traded}. Give what was traded in the month before.")
        if self.discount and self.coin is None:
            raise ConfigError('Fees: a `discount` is for fees paid in a coin. Name it, as in coin="BNB".')
        object.__setattr__(self, "tiers", _checked_fee_tiers(self.tiers))


@dataclass(frozen=True, slots=True)
class Slippage:
    """How much worse than the price a taker fills, as fractions of it; a maker fills at its own price.

    `fraction` is paid always. `half_spread` is the distance of the best bid and ask from the last price: a taker pays
    it, and a limit order within it is not marketable. `impact` is paid at an order of the whole volume of its bar, and
    less with the square of the share; it needs candles with volume.
    """

    fraction: float = 0.0
    half_spread: float = 0.0
    impact: float = 0.0

    def __post_init__(self) -> None:
        for name in ("fraction", "half_spread", "impact"):
            _check_fraction(f"Slippage: `{name}`", getattr(self, name), 0.0, 0.5)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long an order takes to reach the venue, in whole bars or in milliseconds.

    `cancel_ms` is how long a cancel takes: until it arrives the order lives, and may fill. `report_ms` is how long the
    news of a fill takes: until then the executor neither waits for a price nor does anything.

    With 0 an order decided at a bar's close meets the next bar's open, and one that a barrier asks for meets the price
    that touched it. Within a bar, each leg of its path takes a third of its time.
    """

    bars: int = 0
    submit_ms: int = 0
    cancel_ms: int = 0
    report_ms: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.bars, bool) or not isinstance(self.bars, int) or not 0 <= self.bars <= 10_000:
            raise ConfigError(f"Latency: `bars` is {self.bars!r}. Give a whole number of bars, 0 or more.")
        for name in ("submit_ms", "cancel_ms", "report_ms"):
            ms = getattr(self, name)
            if isinstance(ms, bool) or not isinstance(ms, int) or not 0 <= ms <= 86_400_000:
                raise ConfigError(f"Latency: `{name}` is {ms!r}. Give whole milliseconds, from 0 to a day.")
            if self.bars and ms:
                raise ConfigError(
                    f"Latency: `bars` ({self.bars}) and `{name}` ({ms}) are both given. Give one of them."
                )

    @property
    def in_ms(self) -> bool:
        """Is any of it in milliseconds?"""
        return bool(self.submit_ms or self.cancel_ms or self.report_ms)


@dataclass(frozen=True, slots=True)
class Queue:
    """A resting limit that is only touched fills with a chance, one draw per order and bar; one traded through fills.

    0 is trade-through and 1 is touch. It is an estimate of how often the queue before us is short enough.
    """

    chance: float = 0.5

    def __post_init__(self) -> None:
        _check_fraction("Queue: `chance`", self.chance, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """In a recorded book: a resting limit fills once what was before it at its price has gone; docs/books.md.

    Trades take from the front. Of what is cancelled at the price, the share that lay before us is f(before)/(f(before)
    + f(behind)) with f(x) = x to the `power`: 1 says that every order is as likely to be cancelled as any other, more
    that those behind us go sooner. None is the careful answer, that whoever cancels lay behind us.
    """

    power: float | None = 1.0

    def __post_init__(self) -> None:
        power = self.power
        if power is not None and (isinstance(power, bool) or not 0.0 < power <= 10.0):
            raise ConfigError(f"QueuePosition: `power` is {power!r}. Give a number above 0 up to 10, or None.")


@dataclass(frozen=True, slots=True)
class Intensity:
    """Fills as Avellaneda and Stoikov model them: a limit at a distance `d` has the chance `A·exp(−k·d)·dt` in a bar.

    `A` is `rate`, `k` is `decay` (per unit of price) and `dt` the length of a bar in the unit of time of `rate`.
    """

    rate: float
    decay: float
    dt: float

    def __post_init__(self) -> None:
        for name in ("rate", "decay", "dt"):
            if not 0.0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"Intensity: `{name}` is {getattr(self, name)}. Give a number above 0.")


@dataclass(frozen=True, slots=True)
class Tier:
    """A bracket of maintenance margin: from a position's value of `floor` on, in quote currency."""

    floor: float
    maintenance: float
    max_leverage: float = float("inf")


@dataclass(frozen=True, slots=True)
class Perpetual:
    """An account for linear perpetuals: leverage, margin, liquidation, and one net position or two legs a market.

    Attributes
    ----------
    leverage : float
        Of every perpetual market; initial margin is value / leverage.
    maintenance : float
        Maintenance margin rate, where no `tiers` are given. Binance asks 0.004 of BTC at its lowest tier.
    tiers : tuple of Tier
        Brackets by the value of a position at its entry, from a floor of 0 upwards.
    liquidation_fee : float
        Fraction of the value that a venue takes when it closes a position.
    hedge : bool
        Hold a long and a short leg of a market at once. It is a setting of the account, for the whole run.
    margin : "cross" or "isolated"
        Whether the perpetuals of a purse stand in for each other, or each has margin of its own.
    """

    leverage: float = 1.0
    maintenance: float = 0.005
    tiers: tuple[Tier, ...] = ()
    liquidation_fee: float = 0.0
    hedge: bool = False
    margin: Literal["cross", "isolated"] = "cross"

    def __post_init__(self) -> None:
        if isinstance(self.leverage, bool) or not 0.0 < self.leverage <= 1000.0:
            raise ConfigError(f"Perpetual: `leverage` is {self.leverage!r}. It is a number above 0, such as 1 or 10.")
        _check_fraction("Perpetual: `maintenance`", self.maintenance, 0.0, 1.0)
        _check_fraction("Perpetual: `liquidation_fee`", self.liquidation_fee, 0.0, 0.5)
        if not isinstance(self.hedge, bool):
            raise ConfigError(f"Perpetual: `hedge` is {self.hedge!r}. Choose True or False.")
        if self.margin not in ("cross", "isolated"):
            raise ConfigError(f'Perpetual: `margin` is {self.margin!r}. Choose "cross" or "isolated".')
        object.__setattr__(self, "tiers", _checked_tiers(self.tiers))
        lowest = self.brackets[0]
        if self.leverage > lowest.max_leverage:
            raise ConfigError(
                f"Perpetual: `leverage` is {self.leverage:g}, and the lowest tier allows {lowest.max_leverage:g}. "
                f"Lower it to that."
            )

    @property
    def brackets(self) -> tuple[Tier, ...]:
        """The tiers; without any, one from 0 on."""
        return self.tiers or (Tier(0.0, self.maintenance),)


def _checked_tiers(given: Any) -> tuple[Tier, ...]:
    tiers = tuple(one if isinstance(one, Tier) else Tier(**one) for one in given)
    floors = [one.floor for one in tiers]
    if len(tiers) > MOST_TIERS:
        raise ConfigError(f"Perpetual: {len(tiers)} tiers. A market has at most {MOST_TIERS}.")
    if tiers and (floors[0] != 0.0 or floors != sorted(set(floors))):
        raise ConfigError(f"Perpetual: the floors of `tiers` are {floors}. Begin with 0.0, and let them rise.")
    for one in tiers:
        _check_fraction(f"Perpetual: `maintenance` of the tier from {one.floor:g}", one.maintenance, 0.0, 1.0)
    return tiers


def _checked_fee_tiers(given: Any) -> tuple[tuple[float, float, float], ...]:
    tiers = tuple((float(volume), float(maker), float(taker)) for volume, maker, taker in given)
    volumes = [volume for volume, _, _ in tiers]
    if len(tiers) > MOST_TIERS:
        raise ConfigError(f"Fees: {len(tiers)} tiers. An account has at most {MOST_TIERS}.")
    if tiers and (volumes[0] != 0.0 or volumes != sorted(set(volumes))):
        raise ConfigError(f"Fees: the volumes of `tiers` are {volumes}. Begin with 0.0, and let them rise.")
    for volume, *rates in tiers:
        for one in rates:
            _check_fraction(f"Fees: a rate of the tier from {volume:g}", one, -0.1, 0.1)
    return tiers


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
