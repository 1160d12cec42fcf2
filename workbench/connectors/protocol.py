"""The one protocol of all venues: what a connector can be asked, told to do, and says by itself.

A connector takes no decisions. It is handed its keys, its clock and its budget; it never sends a create twice; what
it does not know it says (`Silent`) and leaves to whoever keeps the journal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Protocol, runtime_checkable

from workbench.connectors.book import Book
from workbench.connectors.values import (
    Balance,
    Bar,
    FundingPayment,
    FundingRate,
    MarginMode,
    Position,
    Quote,
    Rules,
    Ticker,
    Trade,
)
from workbench.errors import VenueError
from workbench.trading import Fill, Intent, Report


class Stream(IntEnum):
    """What can be followed as it happens.

    `BOOK` keeps the book that `book` gives, `DEPTH` tells each of its changes too. `USER` is our own orders, fills,
    balances and positions.
    """

    BOOK = 1
    TRADES = 2
    QUOTES = 3
    CANDLES = 4
    USER = 5
    DEPTH = 6


@dataclass(frozen=True, slots=True)
class Freshness:
    """A stream came back, or must not be relied on until it does."""

    stream: Stream
    instrument: str
    is_fresh: bool
    reason: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class Gap:
    """What happened on a stream in this time is not known in full."""

    stream: Stream
    instrument: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Depth:
    """Levels of a book that changed (amount 0: gone), or all that are known if `is_snapshot`; ids are the venue's."""

    instrument: str
    first_id: int
    final_id: int
    previous_id: int
    bids: tuple[tuple[float, float], ...]
    asks: tuple[tuple[float, float], ...]
    is_snapshot: bool
    time_ms: int


@dataclass(frozen=True, slots=True)
class Balances:
    """What the account has now: of the assets that changed, or of all if `is_all`."""

    balances: Mapping[str, Balance]
    time_ms: int
    is_all: bool = False


@dataclass(frozen=True, slots=True)
class Positions:
    """Legs that changed (one that was closed has the amount 0), or all that are not flat if `is_all`."""

    positions: tuple[Position, ...]
    time_ms: int
    is_all: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """Something came that could not be read or done, outside of any call."""

    error: VenueError
    time_ms: int


@dataclass(frozen=True, slots=True)
class Changed:
    """The rules of these instruments changed, or they came or went; look at `rules`."""

    instruments: tuple[str, ...]
    time_ms: int


@dataclass(frozen=True, slots=True)
class Behind:
    """We are slower than the venue: so much market data was shed (never fills), and what comes is this late."""

    shed: int
    lag_ms: int
    time_ms: int


Event = (
    Trade
    | Quote
    | Bar
    | Report
    | Fill
    | Freshness
    | Gap
    | Depth
    | Balances
    | Positions
    | FundingRate
    | Fault
    | Changed
    | Behind
)


@dataclass(frozen=True, slots=True)
class Edited:
    """What came of an edit: either half may have failed. None: not known, ask."""

    cancelled: bool | None
    created: Report | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Offset:
    """How far the venue's clock is ahead of ours, and how unsure that is."""

    ahead_ms: int
    unsure_ms: int


@dataclass(frozen=True, slots=True)
class Rights:
    """What a key may do; None where the venue does not say."""

    trade: bool | None = None
    withdraw: bool | None = None


@runtime_checkable
class Connector(Protocol):
    """A venue, for one account and one kind of instrument: spot or perpetual.

    Calls raise `Rejected` (it will say no again), `Busy` (later) or, those that change something, `Silent` (not known).
    """

    venue: str
    account: str
    rules: Mapping[str, Rules]

    async def start(self) -> None:
        """Load the rules, measure the clock, and be ready for calls."""

    async def close(self) -> None:
        """End all streams and sockets."""

    # --- market data ---

    async def follow(self, stream: Stream, instrument: str = "", timeframe: str = "") -> None:
        """Follow a stream until closed; events come through `next_event`."""

    async def next_event(self) -> Event:
        """The next event, waiting for it."""

    def book(self, instrument: str) -> Book:
        """The live book; look at `stale` before use."""

    async def candles(self, instrument: str, timeframe: str, since_ms: int, limit: int = 500) -> list[Bar]:
        """Closed bars from `since_ms` on."""

    async def trades(self, instrument: str, since_ms: int | None = None) -> list[Trade]:
        """Recent public prints."""

    async def ticker(self, instrument: str) -> Ticker:
        """The last price and the day's summary."""

    async def funding_rate(self, instrument: str) -> FundingRate:
        """What the next funding will cost."""

    # --- the account ---

    async def balances(self) -> dict[str, Balance]:
        """What the account has."""

    async def positions(self) -> list[Position]:
        """Every leg that is not flat."""

    async def open_orders(self, instrument: str) -> list[Report]:
        """Open orders, conditional ones included, whoever made them."""

    async def order(
        self, instrument: str, client_id: str, *, venue_id: str = "", conditional: bool = False
    ) -> list[Report]:
        """One order, as one report or, if a conditional order has fired, two; `NotThere` if it is not found."""

    async def fills(self, instrument: str, since_ms: int) -> list[Fill]:
        """Our own trades since then, page by page."""

    async def funding_payments(self, instrument: str, since_ms: int) -> list[FundingPayment]:
        """Funding paid and received since then."""

    # --- orders ---

    async def create(self, intent: Intent) -> Report:
        """Send an order, once. `AlreadyThere` and `Silent` mean: ask for it."""

    async def cancel(
        self, instrument: str, *, client_id: str = "", venue_id: str = "", conditional: bool = False
    ) -> None:
        """Ask for a cancellation; that it was acknowledged does not end the order."""

    async def cancel_all(self, instrument: str) -> list[Report]:
        """Cancel every order of an instrument, conditional ones too; returns those still open when asked after."""

    async def edit(self, old: Intent, new: Intent, *, venue_id: str = "") -> Edited:
        """Change an open order, where the venue can."""

    # --- account settings: read, set, read back; never changed by themselves ---

    async def is_hedged(self) -> bool:
        """Are long and short held side by side?"""

    async def set_hedged(self, hedged: bool) -> None:
        """Change the position mode of an account that is flat."""

    async def leverage(self, instrument: str) -> Decimal:
        """The leverage set for an instrument."""

    async def set_leverage(self, instrument: str, leverage: int) -> None:
        """Set it and read it back."""

    async def margin_mode(self, instrument: str) -> MarginMode:
        """Cross or isolated."""

    async def set_margin_mode(self, instrument: str, mode: MarginMode) -> None:
        """Set it and read it back."""

    async def arm(self, instrument: str, seconds: int) -> bool:
        """Have the venue cancel all orders unless told again in time; 0 disarms. False: it has no such switch."""
