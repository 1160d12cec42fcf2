"""What is said between us and a venue about orders: intents, reports, fills, and the news that they make."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum

from workbench.errors import ConfigError
from workbench.market import BUY, SELL, OrderKind

ZERO = Decimal(0)
PRICED = (OrderKind.LIMIT, OrderKind.POST_ONLY, OrderKind.STOP_LIMIT)
TRIGGERED = (OrderKind.STOP, OrderKind.STOP_LIMIT)
TIMES_IN_FORCE = ("GTC", "IOC", "FOK")


class Life(IntEnum):
    """Where an order's life at a venue stands; the last five are ends."""

    INTENDED = 0  # written down, not sent
    SENT = 1  # its first byte may have gone
    UNKNOWN = 2  # no answer came: the venue must be asked
    OPEN = 3
    FILLED = 4
    CANCELLED = 5
    EXPIRED = 6
    REJECTED = 7
    LOST = 8  # proven never to have arrived


class Oddity(IntEnum):
    """What should not happen at a venue, and does."""

    STRANGER = 1  # an order or a fill that is not ours
    REVIVED = 2  # a rejected or lost order lives
    RISEN = 3  # said to be open after its end
    LATE_FILL = 4  # more was filled than the order's end had said
    OVERFILLED = 5
    REVISED = 6  # a trade told again with another price or amount
    VANISHED = 7  # once accepted, now not found
    CANCEL_IGNORED = 8  # open after a cancellation was acknowledged
    REFUSED_YET_LIVE = 9
    CONFLICT = 10  # one id of the venue for two of our orders


class Wish(IntEnum):
    """What should be asked of the venue."""

    ORDER = 1
    FILLS = 2


@dataclass(frozen=True, slots=True)
class Intent:
    """An order as we want it, under an id of our own; written down before it is sent.

    Attributes
    ----------
    side : int
        `BUY` or `SELL`.
    amount : Decimal
        Base units, above zero.
    price, trigger : Decimal, optional
        Given for just those kinds that have them: a limit without a finite price cannot be made.
    position_side : int
        The leg it works on in hedge mode, `BUY` or `SELL`; 0 in one-way mode.

    Raises
    ------
    ConfigError
        If a field cannot be meant.
    """

    client_id: str
    instrument: str
    side: int
    kind: OrderKind
    amount: Decimal
    price: Decimal | None = None
    trigger: Decimal | None = None
    time_in_force: str = "GTC"
    reduce_only: bool = False
    position_side: int = 0
    created_ms: int = 0

    def __post_init__(self) -> None:
        if self.side not in (BUY, SELL) or self.position_side not in (BUY, SELL, 0):
            raise ConfigError(f"{self._name}: side {self.side!r}, position side {self.position_side!r}. Use 1 and −1.")
        if not self.client_id or self.time_in_force not in TIMES_IN_FORCE:
            raise ConfigError(f"{self._name}: needs a client id, and GTC, IOC or FOK, not {self.time_in_force!r}.")
        self._check("amount", self.amount, True)
        self._check("price", self.price, self.kind in PRICED)
        self._check("trigger", self.trigger, self.kind in TRIGGERED)

    def _check(self, name: str, value: Decimal | None, wanted: bool) -> None:
        if value is None and not wanted:
            return
        if not wanted or not isinstance(value, Decimal) or not value.is_finite() or value <= 0:
            want = f"has a Decimal above zero as `{name}`" if wanted else f"has no `{name}`"
            raise ConfigError(f"{self._name}: `{name}` is {value!r}. A {OrderKind(self.kind).name} order {want}.")

    @property
    def _name(self) -> str:
        return f"order {self.client_id!r} for {self.instrument}"


@dataclass(frozen=True, slots=True)
class Report:
    """What a venue says about one order: `filled` is cumulative, in base units; ids that it left out are empty."""

    instrument: str
    client_id: str
    venue_id: str
    life: Life
    filled: Decimal
    time_ms: int
    amount: Decimal | None = None
    price: Decimal | None = None
    side: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of one order; `fee` is positive when it was paid."""

    instrument: str
    trade_id: str
    venue_id: str
    side: int
    price: Decimal
    amount: Decimal
    time_ms: int
    client_id: str = ""
    fee: Decimal = ZERO
    fee_asset: str = ""
    is_maker: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """An order's life went on."""

    client_id: str
    was: Life
    now: Life
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Booked:
    """A fill was booked; it is told once."""

    client_id: str
    fill: Fill


@dataclass(frozen=True, slots=True)
class Odd:
    """Something to look at: open nothing more in the instrument until it is explained."""

    client_id: str
    oddity: Oddity
    instrument: str
    detail: str = ""


News = tuple[Moved | Booked | Odd, ...]
