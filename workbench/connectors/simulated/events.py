"""What can happen to the venue, and what it reports of it: the words that `Core.step` takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from workbench.connectors.simulated.amounts import ZERO
from workbench.connectors.simulated.ledger import SPOT
from workbench.connectors.simulated.orders import Order
from workbench.market import BUY

Pairs = tuple[tuple[Decimal, Decimal], ...]  # prices and amounts

# --- from accounts ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Draft:
    """An order as it is asked for. Left out: the price of an order at market, an id (the venue makes one)."""

    symbol: str
    side: int
    kind: str
    amount: Decimal = ZERO
    price: Decimal = ZERO
    time_in_force: str = "GTC"
    client_id: str = ""
    quote_amount: Decimal = ZERO
    stop_price: Decimal = ZERO
    trailing_delta: int = 0
    iceberg: Decimal = ZERO
    prevention: str = "NONE"
    strategy_id: int | None = None
    strategy_type: int | None = None
    position_side: str = "BOTH"
    reduce_only: bool = False
    close_position: bool = False
    good_till_ms: int = 0
    price_match: str = "NONE"
    working_type: str = "CONTRACT_PRICE"
    price_protect: bool = False
    activation_price: Decimal = ZERO
    callback_rate: Decimal = ZERO  # percent, as the venue has it


@dataclass(frozen=True, slots=True)
class Place:
    """Ask for an order; `only_test` checks it and books nothing."""

    account: str
    draft: Draft
    perpetual: bool = False
    only_test: bool = False


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take an order back, by the venue's id or the client's."""

    account: str
    symbol: str
    order_id: int | None = None
    client_id: str = ""
    cancel_id: str = ""
    restriction: str = ""
    perpetual: bool = False


@dataclass(frozen=True, slots=True)
class CancelAll:
    """Take back all orders of an account in a symbol."""

    account: str
    symbol: str
    perpetual: bool = False


@dataclass(frozen=True, slots=True)
class Amend:
    """Make a spot order smaller; it keeps its place in the queue."""

    account: str
    symbol: str
    amount: Decimal
    order_id: int | None = None
    client_id: str = ""
    new_client_id: str = ""


@dataclass(frozen=True, slots=True)
class Modify:
    """Give a futures order another price and amount; it goes to the end of the queue."""

    account: str
    symbol: str
    side: int
    amount: Decimal
    price: Decimal
    order_id: int | None = None
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class PlaceList:
    """Ask for an order list: `OCO` has (above, below), `OTO` (working, pending), `OTOCO` (working, above, below)."""

    account: str
    kind: str
    drafts: tuple[Draft, ...]
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class CancelList:
    """Take back a whole order list."""

    account: str
    symbol: str
    list_id: int | None = None
    client_id: str = ""
    cancel_id: str = ""


@dataclass(frozen=True, slots=True)
class PlaceAlgo:
    """Ask for a conditional futures order."""

    account: str
    draft: Draft


@dataclass(frozen=True, slots=True)
class CancelAlgo:
    """Take back a conditional futures order, or with neither id all those in a symbol."""

    account: str
    symbol: str = ""
    algo_id: int | None = None
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class Configure:
    """Change how an account trades perpetuals: leverage, margin type or position mode."""

    account: str
    symbol: str = ""
    leverage: int = 0
    margin_type: str = ""  # ISOLATED or CROSSED
    dual: bool | None = None
    multi_assets: bool | None = None


@dataclass(frozen=True, slots=True)
class MoveMargin:
    """Add money to an isolated position, or (below 0) take it out."""

    account: str
    symbol: str
    amount: Decimal
    position_side: str = "BOTH"


@dataclass(frozen=True, slots=True)
class Arm:
    """Start the countdown after which all orders in a symbol are cancelled; 0 stops it."""

    account: str
    symbol: str
    countdown_ms: int


# --- from the market -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Move:
    """The market trades so much at a price, and the house quotes these levels from then on. `side` is the taker's."""

    symbol: str
    price: Decimal
    amount: Decimal
    side: int = BUY
    bids: Pairs = ()  # without levels the house leaves its quotes as they are
    asks: Pairs = ()
    perpetual: bool = False


@dataclass(frozen=True, slots=True)
class Depth:
    """A recorded change of the book: amounts replace those at their prices; a snapshot replaces everything."""

    symbol: str
    bids: Pairs
    asks: Pairs
    first_id: int = 0
    last_id: int = 0
    is_snapshot: bool = False
    perpetual: bool = False


@dataclass(frozen=True, slots=True)
class Print:
    """A recorded trade: it fills what rests at better prices, and moves no quotes."""

    symbol: str
    price: Decimal
    amount: Decimal
    side: int
    trade_id: int = 0
    perpetual: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A perpetual's mark price, index price and, if given, its next funding rate."""

    symbol: str
    price: Decimal
    index: Decimal = ZERO
    funding_rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing but time: what was due falls due."""


# --- from the control door -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Open:
    """Open an account with a key, its secret and money to begin with."""

    account: str
    key: str
    secret: str
    spot: Mapping[str, Decimal] = field(default_factory=dict)
    futures: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deposit:
    """Bring money into a wallet from outside, or (below 0) take it there."""

    account: str
    asset: str
    amount: Decimal
    wallet: str = SPOT


@dataclass(frozen=True, slots=True)
class Transfer:
    """Move an account's money from its spot to its futures wallet, or (below 0) back."""

    account: str
    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Rules:
    """Change the rules of a symbol, such as `tick` or `status`; `delist` takes it off the venue."""

    symbol: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    perpetual: bool = False
    delist: bool = False


@dataclass(frozen=True, slots=True)
class Expire:
    """The venue itself ends an order, for a reason of its own."""

    symbol: str
    order_id: int
    reason: str = "EXCHANGE_CANCELED"
    perpetual: bool = False


@dataclass(frozen=True, slots=True)
class FillNow:
    """The house takes so much of a resting order (0: all of it), wherever the market is."""

    symbol: str
    order_id: int
    amount: Decimal = ZERO
    perpetual: bool = False


@dataclass(frozen=True, slots=True)
class Fund:
    """Pay funding in a perpetual now, at a rate (None: the one that is due)."""

    symbol: str
    rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Liquidate:
    """Close an account's position in a perpetual by force."""

    account: str
    symbol: str
    adl: bool = False


Event = (
    Place | Cancel | CancelAll | Amend | Modify | PlaceList | CancelList | PlaceAlgo | CancelAlgo | Configure
    | MoveMargin | Arm | Move | Depth | Print | Mark | Tick | Open | Deposit | Transfer | Rules | Expire | FillNow
    | Fund | Liquidate
)  # fmt: skip


# --- reports ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OrderReport:
    """An order has changed; `order` is a copy as of now. Of a trade: how much, at what price, for what fee."""

    order: Order
    perpetual: bool
    execution: str  # NEW, TRADE, CANCELED, EXPIRED, REPLACED, TRADE_PREVENTION, AMENDMENT, CALCULATED
    time_ms: int
    number: int  # of this report, counted up over the venue's life
    trade_id: int = -1
    amount: Decimal = ZERO
    price: Decimal = ZERO
    fee: Decimal = ZERO
    fee_asset: str | None = None
    is_maker: bool = False
    realized: Decimal = ZERO
    cancel_id: str = ""  # the client's id of the cancellation; it takes the place of the order's own
    bid_notional: Decimal = ZERO
    ask_notional: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class TradeReport:
    """A public trade."""

    symbol: str
    perpetual: bool
    id: int
    price: Decimal
    amount: Decimal
    time_ms: int
    buyer_is_maker: bool
    buy_order: int = 0
    sell_order: int = 0
    taker_order: int = 0  # trades of one taker at one price are one aggregate


@dataclass(frozen=True, slots=True)
class DepthReport:
    """Levels of a book have changed: first and last update id, prices and what they show now."""

    symbol: str
    perpetual: bool
    first_id: int
    last_id: int
    bids: Pairs
    asks: Pairs
    time_ms: int


@dataclass(frozen=True, slots=True)
class BalanceReport:
    """Spot money has moved: what is free and locked now, per asset that moved."""

    account: str
    balances: Mapping[str, tuple[Decimal, Decimal]]
    time_ms: int


@dataclass(frozen=True, slots=True)
class DepositReport:
    """Money has come from outside, or gone there."""

    account: str
    asset: str
    amount: Decimal
    time_ms: int


@dataclass(frozen=True, slots=True)
class ListReport:
    """An order list has changed."""

    account: str
    list_id: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class FuturesReport:
    """A futures wallet or position has changed: why, which assets by how much, and which positions."""

    account: str
    reason: str  # ORDER, FUNDING_FEE, DEPOSIT, WITHDRAW, MARGIN_TRANSFER, ADJUSTMENT, INSURANCE_CLEAR
    changes: Mapping[str, Decimal]
    positions: tuple[tuple[str, str], ...]  # symbol and position side
    time_ms: int


@dataclass(frozen=True, slots=True)
class ConfigReport:
    """An account trades a perpetual in another way from now on."""

    account: str
    symbol: str
    leverage: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class AlgoReport:
    """A conditional order has changed; `algo` is a copy as of now."""

    account: str
    algo: Any
    time_ms: int


@dataclass(frozen=True, slots=True)
class MarginReport:
    """An account's money is nearly used up (`MARGIN_CALL`)."""

    account: str
    positions: tuple[tuple[str, str], ...]
    time_ms: int


@dataclass(frozen=True, slots=True)
class SymbolReport:
    """The rules or the state of a symbol have changed."""

    symbol: str
    perpetual: bool
    time_ms: int


Report = (
    OrderReport | TradeReport | DepthReport | BalanceReport | DepositReport | ListReport | FuturesReport
    | ConfigReport | AlgoReport | MarginReport | SymbolReport
)  # fmt: skip
