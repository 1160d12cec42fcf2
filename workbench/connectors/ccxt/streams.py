"""The streams of one connector: what comes over its sockets, made into events, and looked after.

Each instrument has a line of its own and our orders have one, so that what goes silent takes nothing else with it.
Orders, fills and trades are taken from ccxt's caches one by one as they are written there, so that none is lost or
merged with the next; books are read where ccxt keeps them.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

from workbench.connectors.book import Book
from workbench.connectors.ccxt import parsing
from workbench.connectors.ccxt.candles import ClosedBars
from workbench.connectors.ccxt.errors import UNREADABLE, translate
from workbench.connectors.ccxt.prints import read_print
from workbench.connectors.ccxt.questions import PAGE, Questions
from workbench.connectors.ccxt.sockets import Generation, Line, Watch
from workbench.connectors.errors import Throttled
from workbench.connectors.outlet import Outlet
from workbench.connectors.protocol import Balances, Depth, Fault, Freshness, Gap, Positions, Stream
from workbench.connectors.values import Bar, Quote
from workbench.errors import Busy, Rejected, WorkbenchError
from workbench.market import show_time, timeframe_ms

Answer = TypeVar("Answer")

SEEN = 10_000  # trade ids remembered, by instrument
OWN_EVENT_S = 5.0  # an order of ours that our stream does not tell of for so long: the stream is deaf
OVERLAP_MS = 60_000  # catching up begins so long before the last fill heard of
SECOND_LOOK_S = 2.0
TRIES, FIRST_WAIT_S = 8, 0.1
REBUILT = "being built anew"
ENDS_USER = {"listenKeyExpired", "eventStreamTerminated"}


class Streams:
    """Follows what it is told to, and puts events into `outlet`."""

    def __init__(self, door: Questions, new_client: Callable[[Any], Any], chance: Random, *, silence_s: float) -> None:
        self.door, self.new_client, self.time, self.chance = door, new_client, door.time, chance
        self.silence_s = silence_s
        self.outlet = Outlet(door.time)
        self.lines: dict[str, Line] = {}
        self.books: dict[str, Book] = {}
        self.listeners: list[Callable[[Book], None]] = []  # told of each change of a book, at once
        self._deep: set[str] = set()
        self._bars: dict[tuple[str, str], ClosedBars] = {}
        self._seen: dict[str, OrderedDict[str, None]] = {}
        self._last_trade_ms: dict[str, int] = {}
        self._expected: dict[str, float] = {}
        self._wrong_since: dict[str, float] = {}
        self._quotes: dict[str, Quote] = {}
        self._told: dict[tuple[Stream, str], bool] = {}
        self._last_fill_ms = 0
        self._instruments: set[str] = set()
        self._chores: set[asyncio.Task[None]] = set()
        self._minded = False

    def follow(self, stream: Stream, instrument: str, timeframe: str = "") -> None:
        """Follow one more stream. With `USER`, the instrument is one to catch up with after an interruption."""
        if stream == Stream.DEPTH:
            self._deep.add(instrument)
            stream = Stream.BOOK
        name = "" if stream == Stream.USER else instrument
        line = self.lines.get(name)
        if line is None:
            facts = self.door.facts
            line = self.lines[name] = Line(name, self, self.time, self.chance, lifetime_s=facts.lifetime_s)
        if instrument:
            self._instruments.add(instrument)
        if not self._minded:
            self._minded = True
            self._spawn(self._mind())
        if stream != Stream.CANDLES and any(watch.stream == stream for watch in line.watches):
            return
        for watch in self._watches(stream, instrument, timeframe):
            line.add(watch)

    async def close(self) -> None:
        """End every line."""
        for task in self._chores:
            task.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        for line in self.lines.values():
            await line.close()

    def book(self, instrument: str) -> Book:
        """The book of an instrument, stale until it was followed and has come."""
        return self.books.setdefault(instrument, Book(instrument, size=float(self.door.size(instrument))))

    def stale_because(self, instrument: str) -> str:
        """Why prices that are followed must not be relied on; empty: they may, or none are followed."""
        line = self.lines.get(instrument)
        for watch in line.watches if line else ():
            if watch.stream == Stream.BOOK and (self.book(instrument).stale or not watch.is_fresh):
                return self.book(instrument).stale or "no data yet"
            if watch.stream == Stream.QUOTES and not watch.is_fresh:
                return "quotes do not come"
        return ""

    def mind(self, instrument: str) -> None:
        """Catch up with this instrument too after an interruption."""
        self._instruments.add(instrument)

    def expect(self, client_id: str) -> None:
        """An order was accepted: the user stream should tell of it soon."""
        if "" in self.lines:
            self._expected[client_id] = self.time.steady_s() + OWN_EVENT_S

    # --- what a line asks and tells ----------------------------------------------------------------------------------

    async def before(self, client: Any) -> None:
        """Log in where that can be waited for, so that catching up begins after the stream."""
        if self.door.facts.name.startswith("binance") and client.wb_listener.line.name == "":
            await client.authenticate({"type": "swap" if self.door.perpetual else "spot"})

    def takes(self, generation: Generation, message: object) -> bool:
        """Prints of Binance are read here, once ccxt has had the first one: its watch then waits for a fault only."""
        watch = next((one for one in generation.line.watches if one.stream == Stream.TRADES), None)
        if watch is None or id(watch) not in generation.heard or not self.door.facts.name.startswith("binance"):
            return False
        market = generation.client.markets.get(watch.instrument) or {}
        found = read_print(message, watch.instrument, market.get("id", ""))
        if found is None or self.door.size(watch.instrument) != 1:
            return False
        self._put_trade(found)
        generation.hear(watch)
        return True

    def raw(self, client: Any, message: object) -> str:
        """After each message: read what ccxt wrote, and hear what ccxt does not."""
        line: Line = client.wb_listener.line
        if line.name == "":
            _tap(client.orders, self._on_order)
            _tap(client.myTrades, self._on_fill)
            return self._ends(message, ENDS_USER | {"serverShutdown"})
        _tap(client.trades.get(line.name), self._on_trade)
        if line.name in self.books:
            self._on_book(client, line, message)
        return self._ends(message, {"serverShutdown"})

    def fresh(self, watch: Watch) -> None:
        """A watch is good again."""
        if watch.stream == Stream.BOOK:
            book = self.book(watch.instrument)
            book.stale = book.fault()
            if book.stale:
                return
        if watch.stream == Stream.TRADES:
            self._fill_hole(watch.instrument)
        self._put_state(watch, True, "")

    def stale(self, watch: Watch, reason: str) -> None:
        """A watch must not be relied on."""
        if watch.stream == Stream.BOOK:
            self.book(watch.instrument).stale = reason
        for (instrument, _), bars in self._bars.items():
            if watch.stream == Stream.CANDLES and instrument == watch.instrument:
                bars.restart(self.time.now_ms())
        self._put_state(watch, False, reason)

    async def confirm(self, watch: Watch) -> bool:
        """Does REST show what a silent stream left us with?"""
        instrument = watch.instrument
        if watch.stream == Stream.TRADES:
            found = await self.door.trades(instrument)
            return not found or found[-1].trade_id in self._seen.get(instrument, {}) or not self._seen.get(instrument)
        if watch.stream not in (Stream.BOOK, Stream.QUOTES):
            return True
        there = await self.door.levels(instrument)
        if watch.stream == Stream.BOOK:
            here = self.book(instrument)
            if there.number and here.number:
                return there.number <= here.number
            return [there.levels(side, 5) for side in (1, -1)] == [here.levels(side, 5) for side in (1, -1)]
        now, known = there.top(), self._quotes.get(instrument)
        if known is None and now is not None:
            self._quotes[instrument] = known = now
            self.outlet.put(now)
        return known is not None and now is not None and replace(known, time_ms=0) == replace(now, time_ms=0)

    async def caught(self, line: Line) -> None:
        """A new generation stands: what happened meanwhile is asked for, as nobody tells it again."""
        if line.name == "":
            await self.catch_up()
            self._spawn(self._later(SECOND_LOOK_S))

    def unreadable(self, line: Line, fault: BaseException) -> None:
        """A message could not be read."""
        self._put_fault(fault, line.name, "stream")

    # --- catching up -------------------------------------------------------------------------------------------------

    async def catch_up(self) -> None:
        """Open orders, our trades since a while before the last one heard of, balances, positions."""
        since = (self._last_fill_ms or self.time.now_ms()) - OVERLAP_MS
        for instrument in sorted(self._instruments):
            try:
                await self._catch_up_in(instrument, since)
            except Rejected as error:  # delisted, say: the others go on
                self.outlet.put(Fault(error, self.time.now_ms()))
        money = await self._patiently(self.door.balances)
        self.outlet.put(Balances(money, self.time.now_ms(), is_all=True))
        if self.door.perpetual:
            legs = await self._patiently(self.door.positions)
            self.outlet.put(Positions(tuple(legs), self.time.now_ms(), is_all=True))

    async def _patiently(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """A question asked again while the venue is busy, a bounded number of times: questions may be."""
        for tried in range(TRIES):
            try:
                return await ask()
            except Busy as error:
                if tried == TRIES - 1:
                    raise
                asked_s = error.wait_s if isinstance(error, Throttled) else None
                await self.time.sleep(asked_s if asked_s is not None else min(FIRST_WAIT_S * 2.0**tried, 2.0))
        raise AssertionError("unreachable")

    async def _catch_up_in(self, instrument: str, since_ms: int) -> None:
        for report in await self._patiently(lambda: self.door.open_orders(instrument)):
            self.outlet.put(report)
        for fill in await self._patiently(lambda: self.door.fills(instrument, since_ms)):
            self._last_fill_ms = max(self._last_fill_ms, fill.time_ms)
            self.outlet.put(fill)

    async def _later(self, seconds: float) -> None:
        await self.time.sleep(seconds)
        try:
            await self.catch_up()
        except WorkbenchError as error:
            self._put_fault(error, "", "catch up")

    async def _mind(self) -> None:
        """Bars that are due, books that stay wrong, and orders that our stream should have told of."""
        while True:
            await self.time.sleep(0.25)
            for bars in list(self._bars.values()):
                await self._look_at(bars)
            self._rebuild_wrong_books()
            now = self.time.steady_s()
            if any(due < now for due in self._expected.values()):
                self._expected.clear()
                self.lines[""].renew("silent about an order of ours")

    async def _look_at(self, bars: ClosedBars) -> None:
        try:
            await bars.look(self.time.now_ms())
        except WorkbenchError as error:
            self._put_fault(error, bars.instrument, "candles")
        watch = next(one for one in self.lines[bars.instrument].watches if one.stream == Stream.CANDLES)
        if bars.is_stale(self.time.now_ms()):
            self._put_state(watch, False, f"no closed {bars.timeframe} bar since {show_time(bars.next_ms)}")
        elif watch.is_fresh:
            self._put_state(watch, True, "")

    def _fill_hole(self, instrument: str) -> None:
        """Trades that came while nobody listened, where the venue still has them."""
        if instrument in self._last_trade_ms:
            self._spawn(self._fetch_trades(instrument, self._last_trade_ms[instrument]))

    async def _fetch_trades(self, instrument: str, since_ms: int) -> None:
        try:
            found = await self.door.trades(instrument, since_ms)
        except WorkbenchError as error:
            found = []
            self._put_fault(error, instrument, "trades")
        if not found or found[0].time_ms > since_ms:
            self.outlet.put(Gap(Stream.TRADES, instrument, since_ms, found[0].time_ms if found else self.time.now_ms()))
        for trade in found:
            self._put_trade(trade)

    # --- what is followed --------------------------------------------------------------------------------------------

    def _watches(self, stream: Stream, instrument: str, timeframe: str) -> list[Watch]:
        silence = self.silence_s
        if stream == Stream.BOOK:
            self.book(instrument)
            take = lambda kept: self._take_first(instrument, kept)  # noqa: E731
            return [Watch(stream, instrument, lambda c: c.watch_order_book(instrument), take, silence)]
        if stream == Stream.TRADES:
            return [Watch(stream, instrument, lambda c: c.watch_trades(instrument), silence_s=4.0 * silence)]
        if stream == Stream.QUOTES:
            take = lambda answer: self._on_quotes(answer, instrument)  # noqa: E731
            return [Watch(stream, instrument, lambda c: c.watch_bids_asks([instrument]), take, silence)]
        if stream == Stream.CANDLES:
            bars = self._follow_bars(instrument, timeframe)
            hear = lambda rows: self._on_bars(rows, bars)  # noqa: E731
            return [Watch(stream, instrument, lambda c: c.watch_ohlcv(instrument, timeframe), hear)]
        return self._own_watches()

    def _own_watches(self) -> list[Watch]:
        has = self.door.client.has
        watches = [Watch(Stream.USER, "", lambda c: c.watch_orders())]
        if has.get("watchMyTrades"):
            watches.append(Watch(Stream.USER, "", lambda c: c.watch_my_trades()))
        if has.get("watchBalance"):
            watches.append(Watch(Stream.USER, "", lambda c: c.watch_balance(), self._on_balance))
        if self.door.perpetual and has.get("watchPositions"):
            watches.append(Watch(Stream.USER, "", lambda c: c.watch_positions(), self._on_positions))
        return watches

    def _follow_bars(self, instrument: str, timeframe: str) -> ClosedBars:
        bars = ClosedBars(
            instrument, timeframe, start_ms=self.time.now_ms(), put=self.outlet.put,
            fetch=lambda since_ms: self._fetch_bars(instrument, timeframe, since_ms),
        )  # fmt: skip
        self._bars[instrument, timeframe] = bars
        return bars

    async def _fetch_bars(self, instrument: str, timeframe: str, since_ms: int) -> list[Bar]:
        """Closed bars since then, asking for no more than there can be: some venues charge by what may be answered."""
        most = (self.time.now_ms() - since_ms) // timeframe_ms(timeframe) + 2
        return await self.door.candles(instrument, timeframe, since_ms, min(max(most, 1), PAGE))

    # --- what comes --------------------------------------------------------------------------------------------------

    def _on_order(self, item: object) -> None:
        def read() -> None:
            for report in parsing.reports(item, self._size_of(item), default_ms=self.time.now_ms()):
                self._expected.pop(report.client_id, None)
                self.outlet.put(report)

        self._read(read, "watch_orders")
        kept = item.get("trades") if isinstance(item, dict) else None
        if isinstance(kept, list):
            kept.clear()  # ccxt keeps every trade of an order for as long as the order, and a busy one has thousands

    def _on_fill(self, item: object) -> None:
        def read() -> None:
            fill = parsing.fill(item, self._size_of(item))
            self._last_fill_ms = max(self._last_fill_ms, fill.time_ms)
            self.outlet.put(fill)

        self._read(read, "watch_my_trades")

    def _on_trade(self, item: object) -> None:
        self._read(lambda: self._put_trade(parsing.trade(item, self._size_of(item))), "watch_trades")

    def _put_trade(self, trade: Any) -> None:
        seen = self._seen.setdefault(trade.instrument, OrderedDict())
        if trade.trade_id in seen:
            return
        seen[trade.trade_id] = None
        if len(seen) > SEEN:
            seen.popitem(last=False)
        self._last_trade_ms[trade.instrument] = max(trade.time_ms, self._last_trade_ms.get(trade.instrument, 0))
        self.outlet.put(trade)

    def _on_quotes(self, answer: object, instrument: str) -> None:
        def read() -> None:
            row = answer.get(instrument) if isinstance(answer, dict) else None
            quote = parsing.quote(row, default_ms=self.time.now_ms())
            if quote is not None and quote.bid < quote.ask:
                self._quotes[instrument] = quote
                self.outlet.put(quote)

        self._read(read, "watch_bids_asks")

    def _on_bars(self, rows: object, bars: ClosedBars) -> None:
        self._read(lambda: bars.hear(parsing.bars(rows, bars.instrument, bars.timeframe)), "watch_ohlcv")

    def _on_balance(self, answer: object) -> None:
        self._read(lambda: self.outlet.put(Balances(parsing.balances(answer), self.time.now_ms())), "watch_balance")

    def _on_positions(self, answer: object) -> None:
        def read() -> None:
            legs = [parsing.leg(one, self._size_of(one)) for one in answer]  # type: ignore[attr-defined]
            self.outlet.put(Positions(tuple(legs), self.time.now_ms()))

        self._read(read, "watch_positions")

    def _on_book(self, client: Any, line: Line, message: object) -> None:
        if line.now is not None and line.now is not client.wb_listener:
            return  # the next generation is still being built; the present one speaks
        self._take_levels(line.name, client.orderbooks.get(line.name), message)

    def _take_first(self, instrument: str, kept: Any) -> None:
        """A book that was just built comes over REST, with no message of its own."""
        if not self.books[instrument].is_fresh:
            self._take_levels(instrument, kept, None)

    def _take_levels(self, instrument: str, kept: Any, message: object) -> None:
        """What ccxt holds of a book is its present state; it is told on when its number or time moved."""
        book = self.books[instrument]
        if kept is None or (kept.get("nonce") is None and kept.get("timestamp") is None):
            book.stale = book.stale or REBUILT
            return
        number, time_ms = kept.get("nonce") or 0, kept.get("timestamp") or 0
        if (number, time_ms) == (book.number, book.time_ms) and kept["bids"] is book.bids:
            return
        book.bids, book.asks, book.number, book.time_ms = kept["bids"], kept["asks"], number, time_ms
        fault = book.fault()
        if fault or book.stale.startswith(("crossed", "a side", REBUILT)):
            self._judge_levels(book, self.lines[instrument], fault)
        if instrument in self._deep:
            self._keep_depth(book, message)
        for tell in self.listeners:
            tell(book)

    def _judge_levels(self, book: Book, line: Line, fault: str) -> None:
        """A crossed or empty book is stale until it is right again; one that stays so is built anew."""
        watch = next(watch for watch in line.watches if watch.stream == Stream.BOOK)
        if not watch.is_fresh:
            return
        was, book.stale = book.stale, fault
        if fault and not was:
            self._put_state(watch, False, fault)
        elif was and not fault:
            self._put_state(watch, True, "")

    def _rebuild_wrong_books(self) -> None:
        """A book that stays crossed or empty has wrong levels in it: a new socket brings a new snapshot."""
        now_s = self.time.steady_s()
        for instrument, book in self.books.items():
            generation = self.lines[instrument].now if instrument in self.lines else None
            if not book.number or not book.fault() or generation is None:
                self._wrong_since.pop(instrument, None)
            elif now_s - self._wrong_since.setdefault(instrument, now_s) > self.silence_s:
                del self._wrong_since[instrument]
                generation.end(f"book {book.fault()}")

    def _keep_depth(self, book: Book, message: object) -> None:
        data = message.get("data", message) if isinstance(message, dict) else {}
        if isinstance(data, dict) and data.get("e") == "depthUpdate":
            bids, asks = parsing.levels(data.get("b"), "bids"), parsing.levels(data.get("a"), "asks")
            first, final, before = (int(data.get(name) or 0) for name in ("U", "u", "pu"))
            self.outlet.put(
                Depth(book.instrument, first, final, before, tuple(bids), tuple(asks), False, int(data.get("E") or 0))
            )
        else:
            sides = [tuple((float(level[0]), float(level[1])) for level in side) for side in (book.bids, book.asks)]
            time_ms = book.time_ms or self.time.now_ms()
            self.outlet.put(Depth(book.instrument, 0, book.number, 0, sides[0], sides[1], True, time_ms))

    # --- helpers -----------------------------------------------------------------------------------------------------

    def _read(self, read: Callable[[], None], request: str) -> None:
        try:
            read()
        except UNREADABLE as fault:
            self._put_fault(fault, "", request)

    def _size_of(self, item: object) -> Any:
        return self.door.size(str(item.get("symbol"))) if isinstance(item, dict) else self.door.size("")

    @staticmethod
    def _ends(message: object, names: set[str]) -> str:
        if not isinstance(message, dict):
            return ""
        inner = message.get("event") or message.get("data") or message
        event = inner.get("e") if isinstance(inner, dict) else None
        return str(event) if event in names else ""

    def _put_state(self, watch: Watch, is_fresh: bool, reason: str) -> None:
        """Tell a change; a stream that is followed in several ways is fresh when all of them are."""
        key = watch.stream, watch.instrument
        watches = self.lines[watch.instrument].watches
        is_fresh = is_fresh and all(one.is_fresh for one in watches if one.stream == watch.stream)
        if self._told.get(key) != is_fresh and not (key not in self._told and not is_fresh):
            self._told[key] = is_fresh
            self.outlet.put(Freshness(watch.stream, watch.instrument, is_fresh, reason, self.time.now_ms()))

    def _put_fault(self, fault: BaseException, instrument: str, request: str) -> None:
        error = translate(fault, venue=self.door.facts.name, instrument=instrument, request=request, changes=False)
        self.outlet.put(Fault(error, self.time.now_ms()))

    def _spawn(self, chore: Any) -> None:
        task = asyncio.ensure_future(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


def _tap(cache: Any, sink: Callable[[object], None]) -> None:
    """Have every row that ccxt writes into a cache handed to us too, as it is written."""
    if cache is None or "append" in cache.__dict__:
        return
    write = cache.append

    def append(row: Any) -> None:
        write(row)
        sink(row)

    cache.append = append
    for row in list(cache):
        sink(row)
