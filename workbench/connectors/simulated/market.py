"""One symbol as it trades: its book, its trades, its klines, and the orders that wait for a price."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal

from workbench.connectors.simulated.amounts import ZERO
from workbench.connectors.simulated.bars import Bar, Bars
from workbench.connectors.simulated.book import Book
from workbench.connectors.simulated.events import TradeReport
from workbench.connectors.simulated.orders import Order
from workbench.connectors.simulated.symbols import Symbol
from workbench.market import BUY, SELL

TAPE = 20_000  # public trades that are kept
DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Trades of one taker at one price, as one."""

    id: int
    price: Decimal
    amount: Decimal
    first_id: int
    last_id: int
    time_ms: int
    buyer_is_maker: bool


@dataclass(frozen=True, slots=True)
class Funding:
    """A funding that was paid."""

    time_ms: int
    rate: Decimal
    mark: Decimal


class Market:
    """One symbol as it trades."""

    def __init__(self, rules: Symbol) -> None:
        self.rules = rules
        self.book = Book()
        self.bars = Bars()
        self.tape: deque[TradeReport] = deque(maxlen=TAPE)
        self.aggregates: deque[Aggregate] = deque(maxlen=TAPE)
        self.waiting: dict[int, Order] = {}  # stop orders before their trigger
        self.house: dict[int, dict[Decimal, Order]] = {BUY: {}, SELL: {}}  # what the house shows, by price
        self.last_trade_id = 0
        self.last_aggregate_id = 0
        self.last_taker = 0
        # perpetuals
        self.mark = ZERO
        self.index = ZERO
        self.funding_rate = Decimal("0.0001")
        self.next_funding_ms = 0
        self.fundings: list[Funding] = []
        self.has_own_mark = False

    @property
    def last(self) -> Decimal:
        """Price of the last trade; before the first one, the middle of the book, or 0."""
        return self.tape[-1].price if self.tape else self.bars.last_price or self.book.mid or ZERO

    @property
    def mark_price(self) -> Decimal:
        """What positions are valued at: the mark if there is one, else the last trade."""
        return self.mark if self.has_own_mark else self.last

    def print(self, trade: TradeReport) -> None:
        """Put a trade on the tape."""
        self.tape.append(trade)
        self.last_trade_id = max(self.last_trade_id, trade.id)
        self.bars.trade(trade.time_ms, trade.price, trade.amount, not trade.buyer_is_maker, trade.id)
        self._aggregate(trade)

    def average(self, time_ms: int, minutes: int = 5) -> Decimal:
        """Volume-weighted price of the last minutes; the last price if nothing traded."""
        bar = self.bars.since(time_ms - minutes * 60_000)
        return bar.quote / bar.amount if bar is not None and bar.amount else self.last

    def day(self, time_ms: int, length_ms: int = DAY) -> Bar | None:
        """The rolling window that tickers speak of."""
        return self.bars.since(time_ms - length_ms)

    def klines(self, interval: str, start_ms: int | None, end_ms: int | None, limit: int) -> list[Bar]:
        """Klines of an interval: the oldest `limit` with a start, the newest without."""
        return self.bars.within(interval, start_ms, end_ms, limit)

    def _aggregate(self, trade: TradeReport) -> None:
        last = self.aggregates[-1] if self.aggregates else None
        same = last is not None and trade.taker_order and trade.taker_order == self.last_taker
        if last is not None and same and last.price == trade.price:
            self.aggregates[-1] = Aggregate(last.id, last.price, last.amount + trade.amount, last.first_id, trade.id,
                                            last.time_ms, last.buyer_is_maker)  # fmt: skip
        else:
            self.last_aggregate_id += 1
            self.aggregates.append(Aggregate(self.last_aggregate_id, trade.price, trade.amount, trade.id, trade.id,
                                             trade.time_ms, trade.buyer_is_maker))  # fmt: skip
        self.last_taker = trade.taker_order
