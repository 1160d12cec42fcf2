"""What has been booked: entries that nobody changes, each of which moves money without making any.

Every entry's postings add up to nothing in each asset, so the sum over all owners stays 0 for ever: deposits come from
`OUTSIDE`, fees go to `VENUE`, the gains of perpetuals come out of `CLEARING`. The ledger is the oracle of the tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from workbench.connectors.simulated.amounts import ZERO
from workbench.errors import BrokenInvariant

OUTSIDE, VENUE, CLEARING, INSURANCE = "outside", "venue", "clearing", "insurance"
SPOT, FUTURES = "spot", "futures"


@dataclass(frozen=True, slots=True)
class Posting:
    """So much of an asset, into (or, below 0, out of) a wallet of an owner."""

    owner: str
    wallet: str
    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution between two orders, as the venue knows it."""

    id: int
    symbol: str
    perpetual: bool
    price: Decimal
    amount: Decimal
    time_ms: int
    buyer: str
    seller: str
    buy_order: int
    sell_order: int
    buyer_is_maker: bool


@dataclass(frozen=True, slots=True)
class Fill:
    """One side of a trade, as its owner knows it. `realized` is the gain of a position that it closed."""

    trade_id: int
    symbol: str
    perpetual: bool
    account: str
    order_id: int
    client_id: str
    side: int
    price: Decimal
    amount: Decimal
    fee: Decimal
    fee_asset: str
    is_maker: bool
    time_ms: int
    list_id: int = -1
    position_side: str = "BOTH"
    realized: Decimal = ZERO

    @property
    def quote(self) -> Decimal:
        """Quote currency that changed hands, before the fee."""
        return self.price * self.amount


@dataclass(frozen=True, slots=True)
class Income:
    """What a futures wallet gained or paid: the venue's `income` rows."""

    id: int
    account: str
    symbol: str
    kind: str  # REALIZED_PNL, FUNDING_FEE, COMMISSION, TRANSFER, INSURANCE_CLEAR
    asset: str
    amount: Decimal
    time_ms: int
    trade_id: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One booking: why, when, and what it moved."""

    number: int
    time_ms: int
    reason: str
    postings: tuple[Posting, ...]


class Ledger:
    """Entries, trades, fills and income, in the order in which they happened; only ever added to."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._trades: list[Trade] = []
        self._fills: dict[tuple[str, bool, str], list[Fill]] = {}
        self._income: list[Income] = []
        self._balances: dict[tuple[str, str, str], Decimal] = {}

    def book(self, time_ms: int, reason: str, *postings: Posting) -> None:
        """Add an entry; `BrokenInvariant` if it would make or lose money."""
        sums: dict[str, Decimal] = {}
        for posting in postings:
            sums[posting.asset] = sums.get(posting.asset, ZERO) + posting.amount
        if any(sums.values()):
            raise BrokenInvariant(f"{reason} at {time_ms}: the postings {postings} do not add up to nothing: {sums}.")
        self._entries.append(Entry(len(self._entries), time_ms, reason, postings))
        for posting in postings:
            key = (posting.owner, posting.wallet, posting.asset)
            self._balances[key] = self._balances.get(key, ZERO) + posting.amount

    def add_trade(self, trade: Trade) -> None:
        """Keep a trade in which an account took part."""
        self._trades.append(trade)

    def add_fill(self, fill: Fill) -> None:
        """Keep one side of a trade."""
        self._fills.setdefault((fill.account, fill.perpetual, fill.symbol), []).append(fill)

    def add_income(self, account: str, symbol: str, kind: str, asset: str, amount: Decimal, time_ms: int,
                   trade_id: str = "") -> None:  # fmt: skip
        """Keep a row of futures income, under the next id."""
        self._income.append(Income(len(self._income) + 1, account, symbol, kind, asset, amount, time_ms, trade_id))

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All bookings, oldest first."""
        return tuple(self._entries)

    @property
    def trades(self) -> tuple[Trade, ...]:
        """All trades in which an account took part, oldest first."""
        return tuple(self._trades)

    def fills(self, account: str, symbol: str | None = None, *, perpetual: bool | None = None) -> list[Fill]:
        """What an account traded, oldest first."""
        found: Iterator[Fill] = (
            fill for (owner, kind, name), fills in self._fills.items()
            if owner == account and symbol in (None, name) and perpetual in (None, kind) for fill in fills
        )  # fmt: skip
        return sorted(found, key=lambda fill: (fill.time_ms, fill.trade_id)) if symbol is None else list(found)

    def income(self, account: str) -> list[Income]:
        """The futures income of an account, oldest first."""
        return [row for row in self._income if row.account == account]

    def balance(self, owner: str, asset: str, wallet: str = SPOT) -> Decimal:
        """What the bookings leave in a wallet."""
        return self._balances.get((owner, wallet, asset), ZERO)

    def position(self, account: str, symbol: str, position_side: str = "BOTH") -> Decimal:
        """The signed amount that the fills of an account in a perpetual leave."""
        fills = self.fills(account, symbol, perpetual=True)
        return sum((fill.side * fill.amount for fill in fills if fill.position_side == position_side), ZERO)
