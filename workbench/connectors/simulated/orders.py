"""An order as the venue holds it, and the words of the wire for its kinds and states."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from workbench.connectors.simulated.amounts import ZERO
from workbench.market import BUY, SELL

HOUSE = "house"  # the account that quotes what a recording or a model says; it has all the money it needs

SIDES = {"BUY": BUY, "SELL": SELL}
SIDE_WORDS = {BUY: "BUY", SELL: "SELL"}

NEW, PARTIAL, FILLED = "NEW", "PARTIALLY_FILLED", "FILLED"
CANCELED, EXPIRED, EXPIRED_IN_MATCH, PENDING = "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "PENDING_NEW"
OPEN = frozenset({NEW, PARTIAL, PENDING})

AT_MARKET = frozenset({"MARKET", "STOP_LOSS", "TAKE_PROFIT"})
AT_LIMIT = frozenset({"LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})
TRIGGERED = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
STOPS = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT"})


@dataclass(slots=True)
class Order:
    """One order, from its acceptance to its end. Amounts are base units, prices quote per base unit."""

    id: int
    symbol: str
    account: str
    client_id: str
    side: int
    kind: str
    amount: Decimal
    price: Decimal = ZERO  # 0: at market
    time_in_force: str = "GTC"
    created_ms: int = 0
    quote_amount: Decimal = ZERO  # a market order for so much of the quote
    stop_price: Decimal = ZERO
    trailing_delta: int = 0  # basis points
    trailing_peak: Decimal = ZERO
    trailing_ms: int = -1
    iceberg: Decimal = ZERO
    prevention: str = "NONE"
    list_id: int = -1
    strategy_id: int | None = None
    strategy_type: int | None = None
    # what has become of it
    status: str = NEW
    filled: Decimal = ZERO
    quote_filled: Decimal = ZERO
    updated_ms: int = 0
    working_ms: int = -1  # since when it can trade; -1: it waits for its trigger, or for the order before it
    display: Decimal = ZERO  # what the book shows of it
    reserved: Decimal = ZERO  # what it holds back of the account's money
    prevented: Decimal = ZERO
    prevented_match: int = -1
    expiry_reason: str = ""
    # futures
    position_side: str = "BOTH"
    reduce_only: bool = False
    close_position: bool = False
    good_till_ms: int = 0
    price_match: str = "NONE"
    working_type: str = "CONTRACT_PRICE"
    price_protect: bool = False
    original_kind: str = ""
    algo_id: int = 0
    hidden_until_ms: int = field(default=0, compare=False)  # a fault: queries do not see it before

    @property
    def open_amount(self) -> Decimal:
        """Base units still to be filled."""
        return self.amount - self.filled - self.prevented

    @property
    def is_open(self) -> bool:
        """Can it still be filled or cancelled?"""
        return self.status in OPEN

    @property
    def is_working(self) -> bool:
        """Is it past its trigger, and past the order that it waits for?"""
        return self.working_ms >= 0

    @property
    def average(self) -> Decimal:
        """Average price of its fills; 0 without one."""
        return self.quote_filled / self.filled if self.filled else ZERO

    def accepts(self, price: Decimal) -> bool:
        """Would it trade at this price?"""
        return not self.price or self.side * (self.price - price) >= 0


@dataclass(frozen=True, slots=True)
class Amendment:
    """An order was changed where it stood: its client id, price and amount, each before and after."""

    number: int
    account: str
    symbol: str
    order_id: int
    client_id: tuple[str, str]
    price: tuple[Decimal, Decimal]
    amount: tuple[Decimal, Decimal]
    time_ms: int
