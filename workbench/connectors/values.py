"""What a venue tells, in our words: rules, prints, quotes, bars, balances, positions, funding.

Prices and amounts of market data are floats, for strategies; what money is counted in is `Decimal`, as the venue wrote
it. Amounts are base units, also where the venue counts contracts. Times are UTC milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum

from workbench.market import Instrument

ZERO = Decimal(0)


class Listing(IntEnum):
    """What may be done with an instrument at its venue."""

    TRADING = 0
    CANCEL_ONLY = 1
    HALTED = 2


class MarginMode(IntEnum):
    """Who answers for a position's losses: all of the account, or its own margin alone."""

    CROSS = 0
    ISOLATED = 1


@dataclass(frozen=True, slots=True)
class Rules:
    """How an instrument trades at a venue. Zero or None: no such limit.

    Attributes
    ----------
    tick, lot, market_lot : Decimal
        Steps of price, of amount, and of the amount of a market order; base units.
    contract_size : Decimal
        Base units in one of the venue's contracts; 1 on spot.
    """

    symbol: str
    base: str
    quote: str
    settle: str | None = None
    tick: Decimal = ZERO
    lot: Decimal = ZERO
    market_lot: Decimal = ZERO
    min_amount: Decimal = ZERO
    max_amount: Decimal | None = None
    max_market_amount: Decimal | None = None
    min_notional: Decimal = ZERO
    max_notional: Decimal | None = None
    min_price: Decimal = ZERO
    max_price: Decimal | None = None
    contract_size: Decimal = Decimal(1)
    listing: Listing = Listing.TRADING
    maker: Decimal | None = None
    taker: Decimal | None = None

    @property
    def is_perpetual(self) -> bool:
        """Is this a perpetual swap?"""
        return self.settle is not None

    def instrument(self) -> Instrument:
        """The same in floats, for strategies and kernels."""
        steps = [float(value) for value in (self.tick, self.lot, self.min_amount, self.min_notional)]
        return Instrument(self.symbol, self.base, self.quote, self.settle, *steps)


@dataclass(frozen=True, slots=True)
class Trade:
    """One public print; `side` is the aggressor's."""

    instrument: str
    trade_id: str
    side: int
    price: float
    amount: float
    time_ms: int


@dataclass(frozen=True, slots=True)
class Quote:
    """The best bid and ask, and how much is there."""

    instrument: str
    bid: float
    bid_amount: float
    ask: float
    ask_amount: float
    time_ms: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One closed candle, stamped with its open."""

    instrument: str
    timeframe: str
    time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True)
class Ticker:
    """The last price and the day's summary; None where the venue does not say."""

    instrument: str
    last: float
    bid: float | None
    ask: float | None
    volume: float | None
    time_ms: int


@dataclass(frozen=True, slots=True)
class FundingRate:
    """What longs pay shorts at `next_ms`, as a fraction of the position's value at the mark price."""

    instrument: str
    rate: float
    next_ms: int
    mark: float | None
    index: float | None
    time_ms: int


@dataclass(frozen=True, slots=True)
class FundingPayment:
    """What one funding brought (above zero) or cost; told twice it has the same id."""

    payment_id: str
    instrument: str
    asset: str
    amount: Decimal
    time_ms: int


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account has of an asset; `free` is what no order holds in reserve."""

    asset: str
    total: Decimal
    free: Decimal


@dataclass(frozen=True, slots=True)
class Position:
    """One leg: `amount` is signed base units. `leg` is the side in hedge mode, 0 in one-way mode."""

    instrument: str
    leg: int
    amount: Decimal
    entry: Decimal | None
    mark: Decimal | None = None
    unrealised: Decimal | None = None
    leverage: Decimal | None = None
    liquidation: Decimal | None = None
    margin_mode: MarginMode | None = None
