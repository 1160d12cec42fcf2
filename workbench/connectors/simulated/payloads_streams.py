"""What market streams say, spot and futures, field by field as the venue's documents list it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from workbench.connectors.simulated.amounts import ZERO, text
from workbench.connectors.simulated.bars import Bar
from workbench.connectors.simulated.events import OrderReport, TradeReport
from workbench.connectors.simulated.market import Aggregate, Market
from workbench.connectors.simulated.orders import SIDE_WORDS
from workbench.market import BUY, SELL

Json = dict[str, Any]


class Shapes:
    """The messages of one market, in the dialect of its side of the venue."""

    def __init__(self, market: Market, *, perpetual: bool) -> None:
        self.market, self.perpetual = market, perpetual

    @property
    def name(self) -> str:
        """The symbol."""
        return self.market.rules.name

    def price(self, value: Decimal) -> str:
        """A price as this side writes it."""
        return text(value, self.market.rules.price_places if self.perpetual else 8)

    def amount(self, value: Decimal) -> str:
        """An amount as this side writes it."""
        return text(value, self.market.rules.amount_places if self.perpetual else 8)

    def levels(self, levels: Any) -> list[list[str]]:
        """Prices and amounts."""
        return [[self.price(price), self.amount(amount)] for price, amount in levels]

    def trade(self, trade: TradeReport, now_ms: int) -> Json:
        """`trade`."""
        made = {"e": "trade", "E": now_ms, "T": trade.time_ms, "s": self.name, "t": trade.id,
                "p": self.price(trade.price), "q": self.amount(trade.amount)}  # fmt: skip
        return made | ({"X": "MARKET", "m": trade.buyer_is_maker} if self.perpetual else
                       {"m": trade.buyer_is_maker, "M": True})  # fmt: skip

    def aggregate(self, row: Aggregate, now_ms: int) -> Json:
        """`aggTrade`."""
        made = {"e": "aggTrade", "E": now_ms, "s": self.name, "a": row.id, "p": self.price(row.price),
                "q": self.amount(row.amount), "f": row.first_id, "l": row.last_id, "T": row.time_ms,
                "m": row.buyer_is_maker}  # fmt: skip
        return made | ({"nq": self.amount(row.amount), "st": 1} if self.perpetual else {"M": True})

    def kline(self, bar: Bar, interval: str, now_ms: int, *, closed: bool) -> Json:
        """`kline`."""
        row = {
            "t": bar.open_ms, "T": bar.close_ms, "s": self.name, "i": interval, "f": bar.first_id, "L": bar.last_id,
            "o": self.price(bar.open), "c": self.price(bar.close), "h": self.price(bar.high),
            "l": self.price(bar.low), "v": self.amount(bar.amount), "n": bar.count, "x": closed,
            "q": text(bar.quote), "V": self.amount(bar.bought), "Q": text(bar.bought_quote), "B": "0",
        }  # fmt: skip
        return {"e": "kline", "E": now_ms, "s": self.name, "k": row}

    def continuous(self, bar: Bar, interval: str, now_ms: int, *, closed: bool) -> Json:
        """`continuous_kline` of a perpetual."""
        row = {
            name: value for name, value in self.kline(bar, interval, now_ms, closed=closed)["k"].items() if name != "s"
        }
        return {"e": "continuous_kline", "E": now_ms, "ps": self.name, "ct": "PERPETUAL", "k": row}

    def book(self, first: int, last: int, previous: int, bids: Any, asks: Any, now_ms: int, time_ms: int) -> Json:
        """`depthUpdate`."""
        made: Json = {"e": "depthUpdate", "E": now_ms}
        if self.perpetual:
            made |= {"T": time_ms, "s": self.name, "ps": self.name, "st": 1, "U": first, "u": last, "pu": previous}
        else:
            made |= {"s": self.name, "U": first, "u": last}
        return made | {"b": self.levels(bids), "a": self.levels(asks)}

    def partial(self, levels: int, previous: int, now_ms: int) -> Json:
        """The best levels of the book."""
        book = self.market.book
        bids, asks = book.depth(BUY, levels), book.depth(SELL, levels)
        if self.perpetual:
            return self.book(book.update_id, book.update_id, previous, bids, asks, now_ms, now_ms)
        return {"lastUpdateId": book.update_id, "bids": self.levels(bids), "asks": self.levels(asks)}

    def best(self) -> tuple[str, str, str, str]:
        """Best bid, its amount, best ask, its amount."""
        book = self.market.book
        bid, ask = book.bid, book.ask
        amounts = (ZERO if p is None else book.amount_at(side, p) for side, p in ((BUY, bid), (SELL, ask)))
        bid_amount, ask_amount = map(self.amount, amounts)
        return self.price(bid or ZERO), bid_amount, self.price(ask or ZERO), ask_amount

    def best_event(self, best: tuple[str, str, str, str], now_ms: int) -> Json:
        """`bookTicker`."""
        bid, bid_amount, ask, ask_amount = best
        front: Json = {"e": "bookTicker"} if self.perpetual else {}
        made = front | {"u": self.market.book.update_id, "s": self.name, "b": bid, "B": bid_amount, "a": ask,
                        "A": ask_amount}  # fmt: skip
        return made | ({"T": now_ms, "E": now_ms, "ps": self.name, "st": 1} if self.perpetual else {})

    def day(self, now_ms: int, length_ms: int, word: str) -> Json:
        """`24hrTicker` and its shorter windows."""
        bar, last = self.market.day(now_ms, length_ms), self.market.last
        prices = [bar.open, bar.high, bar.low] if bar else [last] * 3
        change = last - prices[0]
        tape = self.market.tape
        made: Json = {
            "e": word, "E": now_ms, "s": self.name, "p": self.price(change),
            "P": text(change / prices[0] * 100 if prices[0] else ZERO, 3),
            "w": self.price(bar.quote / bar.amount if bar and bar.amount else ZERO),
        }  # fmt: skip
        if not self.perpetual and word == "24hrTicker":
            bid, bid_amount, ask, ask_amount = self.best()
            made |= {"x": self.price(prices[0]), "b": bid, "B": bid_amount, "a": ask, "A": ask_amount}
        made |= {"c": self.price(last)}
        if word == "24hrTicker":
            made |= {"Q": self.amount(tape[-1].amount if tape else ZERO)}
        return made | {
            "o": self.price(prices[0]), "h": self.price(prices[1]), "l": self.price(prices[2]),
            "v": self.amount(bar.amount if bar else ZERO), "q": text(bar.quote if bar else ZERO),
            "O": now_ms - length_ms, "C": now_ms, "F": bar.first_id if bar else -1,
            "L": bar.last_id if bar else -1, "n": bar.count if bar else 0,
        } | ({"ps": self.name, "st": 1} if self.perpetual else {})  # fmt: skip

    def mini(self, now_ms: int) -> Json:
        """`24hrMiniTicker`."""
        whole = self.day(now_ms, 86_400_000, "24hrTicker")
        names = ("s", "c", "o", "h", "l", "v", "q", "ps", "st")
        return {"e": "24hrMiniTicker", "E": now_ms} | {name: whole[name] for name in names if name in whole}

    def average(self, now_ms: int) -> Json:
        """`avgPrice`."""
        last = self.market.tape[-1].time_ms if self.market.tape else now_ms
        return {"e": "avgPrice", "E": now_ms, "s": self.name, "i": "5m", "w": text(self.market.average(now_ms)),
                "T": last}  # fmt: skip

    def mark(self, now_ms: int) -> Json:
        """`markPriceUpdate`."""
        market = self.market
        mark = text(market.mark_price)
        return {"e": "markPriceUpdate", "E": now_ms, "s": self.name, "p": mark, "ap": mark,
                "P": mark, "i": text(market.index or market.mark_price), "r": text(market.funding_rate),
                "T": market.next_funding_ms, "st": 1}  # fmt: skip

    def forced(self, report: OrderReport, now_ms: int) -> Json:
        """`forceOrder`."""
        order = report.order
        return {"e": "forceOrder", "E": now_ms, "o": {
            "s": self.name, "S": SIDE_WORDS[order.side], "o": "LIMIT", "f": "IOC", "q": self.amount(order.amount),
            "p": self.price(report.price), "ap": self.price(order.average), "X": order.status,
            "l": self.amount(report.amount), "z": self.amount(order.filled), "T": report.time_ms}}  # fmt: skip
