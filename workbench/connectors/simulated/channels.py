"""Market streams: what each of them listens to, when it speaks, and in which rhythm."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from workbench.connectors.simulated.bars import INTERVALS
from workbench.connectors.simulated.events import DepthReport, OrderReport, Report, TradeReport
from workbench.connectors.simulated.market import DAY, Market
from workbench.connectors.simulated.payloads_streams import Shapes

if TYPE_CHECKING:
    from workbench.connectors.simulated.desk import Desk

HOUR = 3_600_000
WINDOWS = {"1h": HOUR, "4h": 4 * HOUR, "1d": DAY}
DEPTH_MS = {False: 1_000, True: 250}  # without a speed in the stream's name
KLINE_MS, TICKER_MS, MARK_MS = 250, 1_000, 3_000


class Channel:
    """One stream: it takes reports of its market and says messages."""

    every_ms = 0  # 0: it speaks as soon as it hears

    def __init__(self, desk: Desk, markets: list[Market]) -> None:
        self.desk, self.markets = desk, markets
        self.shapes = {m.rules.name: Shapes(m, perpetual=desk.perpetual) for m in markets}
        self.next_ms = 0

    def take(self, report: Report) -> Iterable[Any]:
        """Messages that a report gives at once."""
        return ()

    def pulse(self, now_ms: int) -> Iterable[Any]:
        """Messages that the clock gives, at market time `now_ms`."""
        return ()

    def is_due(self, pace_ms: int) -> bool:
        """Is it time to speak again?"""
        if pace_ms < self.next_ms:
            return False
        self.next_ms = pace_ms - pace_ms % self.every_ms + self.every_ms if self.every_ms else 0
        return True


class Trades(Channel):
    """`@trade`."""

    def take(self, report: Report) -> Iterable[Any]:
        if isinstance(report, TradeReport) and report.symbol in self.shapes:
            yield self.shapes[report.symbol].trade(report, self.desk.now_ms)


class Aggregates(Channel):
    """`@aggTrade`: said when the step that made it is over, so that it is whole."""

    def __init__(self, desk: Desk, markets: list[Market]) -> None:
        super().__init__(desk, markets)
        self.said = markets[0].last_aggregate_id

    def take(self, report: Report) -> Iterable[Any]:
        market = self.markets[0]
        if not isinstance(report, DepthReport | TradeReport) or market.last_aggregate_id == self.said:
            return
        if self.desk.core.state.reports and isinstance(report, TradeReport) and report.id != market.last_trade_id:
            return
        fresh = [row for row in list(market.aggregates)[-200:] if row.id > self.said]
        self.said = market.last_aggregate_id
        for row in fresh:
            yield self.shapes[market.rules.name].aggregate(row, self.desk.now_ms)


class Klines(Channel):
    """`@kline_1m` and its like: the open bar while it changes, and each bar once it is closed."""

    every_ms = KLINE_MS

    def __init__(self, desk: Desk, markets: list[Market], interval: str, *, continuous: bool = False) -> None:
        super().__init__(desk, markets)
        self.interval, self.is_new = interval, True
        shape = self.shapes[markets[0].rules.name]
        self.shape: Callable[..., Any] = shape.continuous if continuous else shape.kline
        self.open_ms: int | None = None

    def take(self, report: Report) -> Iterable[Any]:
        self.is_new = self.is_new or (isinstance(report, TradeReport) and report.symbol in self.shapes)
        return ()

    def pulse(self, now_ms: int) -> Iterable[Any]:
        market = self.markets[0]
        market.bars.roll(now_ms)
        if self.open_ms is not None:
            for bar in market.klines(self.interval, self.open_ms, None, 500):
                if bar.close_ms < now_ms:
                    yield self.shape(bar, self.interval, now_ms, closed=True)
                    self.open_ms, self.is_new = bar.close_ms + 1, True
        found = market.klines(self.interval, None, None, 1)
        if found and self.is_new and found[0].close_ms >= now_ms:
            self.open_ms, self.is_new = found[0].open_ms, False
            yield self.shape(found[0], self.interval, now_ms, closed=False)


class Tickers(Channel):
    """`@ticker`, `@miniTicker`, `@ticker_1h`, `@avgPrice`, alone or as lists of all markets."""

    every_ms = TICKER_MS

    def __init__(self, desk: Desk, markets: list[Market], word: str, *, whole: bool) -> None:
        super().__init__(desk, markets)
        self.word, self.whole = word, whole

    def pulse(self, now_ms: int) -> Iterable[Any]:
        rows = [self._row(shape, now_ms) for shape in self.shapes.values()]
        if self.whole:
            yield rows
        else:
            yield from rows

    def _row(self, shape: Shapes, now_ms: int) -> Any:
        if self.word == "miniTicker":
            return shape.mini(now_ms)
        if self.word == "avgPrice":
            return shape.average(now_ms)
        window = self.word.partition("_")[2]
        return shape.day(now_ms, WINDOWS.get(window, DAY), f"{window}Ticker" if window else "24hrTicker")


class BookTickers(Channel):
    """`@bookTicker`: whenever the best price or its amount changes."""

    def __init__(self, desk: Desk, markets: list[Market]) -> None:
        super().__init__(desk, markets)
        self.said: dict[str, tuple[str, str, str, str]] = {}

    def take(self, report: Report) -> Iterable[Any]:
        if isinstance(report, DepthReport) and report.symbol in self.shapes:
            shape = self.shapes[report.symbol]
            best = shape.best()
            if best != self.said.get(report.symbol):
                self.said[report.symbol] = best
                yield shape.best_event(best, self.desk.now_ms)


class Depths(Channel):
    """`@depth`: what has changed in the book, in batches."""

    def __init__(self, desk: Desk, markets: list[Market], every_ms: int) -> None:
        super().__init__(desk, markets)
        self.every_ms = every_ms
        self.previous = markets[0].book.update_id
        self.first = self.last = self.time_ms = 0
        self.bids: dict[Any, Any] = {}
        self.asks: dict[Any, Any] = {}

    def take(self, report: Report) -> Iterable[Any]:
        if isinstance(report, DepthReport) and report.symbol in self.shapes:
            self.first = self.first or report.first_id
            self.last, self.time_ms = report.last_id, report.time_ms
            self.bids.update(report.bids)
            self.asks.update(report.asks)
            if not self.every_ms:
                yield from self.pulse(self.desk.now_ms)

    def pulse(self, now_ms: int) -> Iterable[Any]:
        if not self.last:
            return
        (shape,) = self.shapes.values()
        yield shape.book(
            self.first, self.last, self.previous, self.bids.items(), self.asks.items(), now_ms, self.time_ms
        )
        self.previous = self.last
        self._empty()

    def _empty(self) -> None:
        self.first = self.last = self.time_ms = 0
        self.bids, self.asks = {}, {}


class Partials(Channel):
    """`@depth5` and its like: the best levels, while they change."""

    def __init__(self, desk: Desk, markets: list[Market], levels: int, every_ms: int) -> None:
        super().__init__(desk, markets)
        self.levels, self.every_ms, self.previous = levels, every_ms, -1

    def pulse(self, now_ms: int) -> Iterable[Any]:
        (shape,) = self.shapes.values()
        if shape.market.book.update_id != self.previous:
            yield shape.partial(self.levels, self.previous, now_ms)
            self.previous = shape.market.book.update_id


class Marks(Channel):
    """`@markPrice`, alone or as a list of all markets."""

    def __init__(self, desk: Desk, markets: list[Market], every_ms: int, *, whole: bool) -> None:
        super().__init__(desk, markets)
        self.every_ms, self.whole = every_ms, whole

    def pulse(self, now_ms: int) -> Iterable[Any]:
        rows = [shape.mark(now_ms) for shape in self.shapes.values()]
        if self.whole:
            yield rows
        else:
            yield from rows


class Forced(Channel):
    """`@forceOrder`: positions that were closed by force."""

    def take(self, report: Report) -> Iterable[Any]:
        if isinstance(report, OrderReport) and report.execution == "CALCULATED" and report.order.symbol in self.shapes:
            yield self.shapes[report.order.symbol].forced(report, self.desk.now_ms)


class Silence(Channel):
    """A stream that the venue has and that has nothing to say here, such as `!contractInfo`."""


WORDS = (r"trade|aggTrade|bookTicker|depth|rpiDepth|kline_\w+|continuousKline_\w+|miniTicker|ticker(?:_1h|_4h|_1d)?|"
         r"avgPrice|markPrice|forceOrder|contractInfo")  # fmt: skip
NAME = re.compile(rf"(?P<symbol>!?[a-z0-9_]*?)(?:_perpetual)?@?(?P<word>{WORDS})(?P<levels>5|10|20)?(?P<all>@arr)?"
                  r"(?:@(?P<speed>\d+)(?P<unit>ms|s))?(?P<east>@\+08:00)?")  # fmt: skip


def channel(desk: Desk, name: str) -> Channel | None:
    """The stream of that name; None if the venue has no such stream."""
    found = NAME.fullmatch(name)
    if found is None:
        return None
    symbol, word = found["symbol"], found["word"]
    markets = desk.floor.markets
    chosen = [markets[symbol.upper()]] if symbol.upper() in markets else []
    whole = symbol == "!"
    if whole:
        chosen = list(markets.values())
    if not chosen:
        return None
    if found["east"] and not _is_the_same_in_the_east(word):
        return Silence(desk, chosen)
    speed = int(found["speed"]) * (1 if found["unit"] == "ms" else 1_000) if found["speed"] else None
    return _make(desk, chosen, word, found["levels"], speed, whole)


def _is_the_same_in_the_east(word: str) -> bool:
    """Bars that begin at the same times eight hours further east; the longer ones are not kept apart here."""
    length = INTERVALS.get(word.partition("_")[2], 0)
    return word.startswith("kline_") and length > 0 and 8 * HOUR % length == 0


def _make(
    desk: Desk, chosen: list[Market], word: str, levels: str | None, speed: int | None, whole: bool
) -> Channel | None:
    plain: dict[str, type[Channel]] = {"trade": Trades, "aggTrade": Aggregates, "bookTicker": BookTickers,
                                       "forceOrder": Forced, "contractInfo": Silence}  # fmt: skip
    if word in plain:
        return plain[word](desk, chosen)
    if word == "rpiDepth":
        return Depths(desk, chosen, 500) if desk.perpetual else None
    if word == "depth":
        every = DEPTH_MS[desk.perpetual] if speed is None else speed
        return Depths(desk, chosen, every) if levels is None else Partials(desk, chosen, int(levels), max(every, 50))
    if word == "markPrice":
        return Marks(desk, chosen, MARK_MS if speed is None else speed, whole=whole)
    kind, _, interval = word.partition("_")
    if kind in ("kline", "continuousKline"):
        continuous = kind == "continuousKline"
        return Klines(desk, chosen, interval, continuous=continuous) if interval in INTERVALS else None
    return Tickers(desk, chosen, word, whole=whole)
