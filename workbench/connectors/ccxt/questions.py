"""Questions over HTTP: each is asked once, and its answer read strictly or turned into one of our errors."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

from workbench.connectors.book import Book
from workbench.connectors.ccxt import parsing
from workbench.connectors.ccxt.errors import UNREADABLE, translate
from workbench.connectors.ccxt.fields import Row, Unreadable, rows
from workbench.connectors.ccxt.venues import Venue
from workbench.connectors.ccxt.wire import MARKETS, SENT, SOON, URGENT
from workbench.connectors.clock import VenueClock
from workbench.connectors.errors import ClockOff, KeyRefused, NotThere, Throttled
from workbench.connectors.protocol import Offset, Rights
from workbench.connectors.values import (
    ZERO,
    Balance,
    Bar,
    FundingPayment,
    FundingRate,
    Position,
    Rules,
    Ticker,
    Trade,
)
from workbench.errors import ConfigError, Rejected, VenueError
from workbench.market import timeframe_ms
from workbench.trading import Fill, Report

Answer = TypeVar("Answer")

PATIENCE_S = 90.0  # for all of a request: an answer that leads to another page for ever is no answer
SAMPLES = 5
PAGE = 500
PRINTS = 1_000
LEVELS = 5
DOUBT = re.compile(r"-1013|-1111|precision|filter failure", re.IGNORECASE)  # our rules may be of yesterday
WINDOW_MS = 7 * 86_400_000  # some venues answer for a week from `since`, whatever lies after it
MOST_PAGES = 200


class Questions:
    """What a connector can be asked, over one client of ccxt.

    `fatal` is set while the venue refuses the key, `clock_is_off` after a request was refused for its time.
    """

    def __init__(self, client: Any, facts: Venue, time: VenueClock, *, perpetual: bool) -> None:
        self.client, self.facts, self.time, self.perpetual = client, facts, time, perpetual
        self.rules: Mapping[str, Rules] = {}
        self.fatal: KeyRefused | None = None
        self.clock_is_off = self.rules_are_doubtful = False
        self.patience_s = PATIENCE_S

    async def ask(
        self,
        request: str,
        call: Callable[[], Awaitable[Answer]],
        *,
        instrument: str = "",
        changes: bool = False,
        urgent: bool = False,
        soon: bool = False,
    ) -> Answer:
        """Make one request and read its answer; whatever goes wrong becomes one of our errors.

        Parameters
        ----------
        changes : bool
            Does it change something at the venue? Then an answer that is lost or unreadable is `Silent`.
        urgent : bool
            May it use the reserve of the budget? Cancellations and exits may.
        soon : bool
            Does it go before what can wait? Questions about orders and fills do, and all that changes something.
        """
        import ccxt

        sent: list[str] = []
        marks = URGENT.set(urgent), SENT.set(sent), SOON.set(soon or changes)
        try:
            async with asyncio.timeout(self.patience_s):
                answer = await call()
        except (ccxt.BaseError, *UNREADABLE, OSError, TimeoutError, VenueError) as fault:
            error = self._error(fault, instrument, request, changes and bool(sent), bool(sent))
            await self._heed(error)
            raise error from fault
        finally:
            URGENT.reset(marks[0])
            SENT.reset(marks[1])
            SOON.reset(marks[2])
        return answer

    def _error(self, fault: BaseException, instrument: str, request: str, changes: bool, sent: bool) -> VenueError:
        venue = self.facts.name
        if not sent and isinstance(fault, UNREADABLE):
            text = f"{instrument} on {venue}: {request} could not be made: {type(fault).__name__}: {fault}. Change it."
            return Rejected(text, venue=venue, instrument=instrument, request=request)
        return translate(fault, venue=venue, instrument=instrument, request=request, changes=changes)

    async def _heed(self, error: VenueError) -> None:
        """What one request is told goes for all of them."""
        if isinstance(error, KeyRefused):
            self.fatal = error
        elif isinstance(error, ClockOff):
            self.clock_is_off = True
        elif type(error) is Rejected and DOUBT.search(str(error)):
            self.rules_are_doubtful = True
        elif isinstance(error, Throttled) and self.client.wb_throttle is not None:
            seconds = error.wait_s if error.wait_s is not None else 5.0
            await self.client.wb_throttle.address.stop(seconds)

    # --- the venue ---------------------------------------------------------------------------------------------------

    async def refresh_rules(self) -> list[str]:
        """Load all instruments anew; returns those whose rules changed.

        An instrument that cannot be read is left out. An answer that leaves none is refused, and the rules stay.
        """
        before, kept = self.rules, {name: getattr(self.client, name) for name in MARKETS}
        self.client.currencies = {}

        async def call() -> dict[str, Rules]:
            found = self._read_rules((await self.client.load_markets(True)).values())
            if not found:
                raise Unreadable("no instrument could be read")
            return found

        try:
            self.rules = await self.ask("load_markets", call)
        except VenueError:
            for name, value in kept.items():
                setattr(self.client, name, value)
            raise
        return [
            symbol for symbol in {**before, **self.rules} if before and before.get(symbol) != self.rules.get(symbol)
        ]

    def _read_rules(self, markets: Iterable[Any]) -> dict[str, Rules]:
        import ccxt

        in_steps, found = self.client.precisionMode == ccxt.TICK_SIZE, {}
        for market in markets:
            if bool(market.get("swap")) == self.perpetual and (market.get("spot") or market.get("linear")):
                with suppress(*UNREADABLE):
                    one = parsing.rules(market, in_steps=in_steps)
                    found[one.symbol] = one
        return found

    def rules_of(self, instrument: str) -> Rules:
        """The rules of an instrument that the venue lists."""
        found = self.rules.get(instrument)
        if found is None:
            kind = "BTC/USDT:USDT is a perpetual" if self.perpetual else "BTC/USDT is spot"
            raise ConfigError(f"{self.facts.name} does not list {instrument!r}. Check the symbol: here, {kind}.")
        return found

    def size(self, instrument: str) -> Decimal:
        """Base units in one of the venue's contracts."""
        found = self.rules.get(instrument)
        return found.contract_size if found else Decimal(1)

    async def clock_offset(self) -> Offset | None:
        """How far the venue's clock is ahead: of a few samples, the one that took least; None where it has no clock."""
        if not self.client.has.get("fetchTime"):
            return None
        best: tuple[float, float] | None = None
        for _ in range(SAMPLES):
            start_ms, start_s = self.time.clock.now_ms(), self.time.steady_s()
            theirs = await self.ask("fetch_time", self.client.fetch_time)
            took_ms = 1000.0 * (self.time.steady_s() - start_s)
            if isinstance(theirs, bool) or not isinstance(theirs, (int, float)):
                raise translate(Unreadable(f"time {theirs!r}"), venue=self.facts.name, instrument="",
                                request="fetch_time", changes=False)  # fmt: skip
            if best is None or took_ms < best[0]:
                best = took_ms, theirs - (start_ms + took_ms / 2.0)
        assert best is not None
        self.time.ahead_ms, self.clock_is_off = round(best[1]), False
        return Offset(round(best[1]), round(best[0] / 2.0) + 1)

    # --- market data -------------------------------------------------------------------------------------------------

    async def candles(self, instrument: str, timeframe: str, since_ms: int, limit: int = PAGE) -> list[Bar]:
        """Closed bars from `since_ms` on, by the venue's clock."""
        length = timeframe_ms(timeframe)

        async def call() -> list[Bar]:
            table = await self.client.fetch_ohlcv(instrument, timeframe, since_ms, limit)
            closed_ms = self.time.now_ms() - length
            return [bar for bar in parsing.bars(table, instrument, timeframe) if since_ms <= bar.time_ms <= closed_ms]

        return await self.ask("fetch_ohlcv", call, instrument=instrument)

    async def trades(self, instrument: str, since_ms: int | None = None) -> list[Trade]:
        """The latest public prints, in order, with the ids that the stream gives them."""
        size, method = self.size(instrument), self.facts.prints(perpetual=self.perpetual)
        how: tuple[Any, ...] = (None, PRINTS, {"fetchTradesMethod": method}) if method else (since_ms,)

        async def call() -> list[Trade]:
            table = await self.client.fetch_trades(instrument, *how)
            found = [parsing.trade(row.values, size) for row in rows(table, "trades")]
            return [trade for trade in found if since_ms is None or trade.time_ms >= since_ms]

        return await self.ask("fetch_trades", call, instrument=instrument)

    async def levels(self, instrument: str) -> Book:
        """The best levels of the book now, with the venue's number of its last update where it tells."""

        async def call() -> Book:
            row = Row.of(await self.client.fetch_order_book(instrument, LEVELS), "order book")
            bids, asks = (parsing.levels(row.values.get(name), name) for name in ("bids", "asks"))
            number, time_ms = row.maybe("nonce") or ZERO, row.time("timestamp", self.time.now_ms())
            return Book(instrument, bids, asks, int(number), time_ms, "a snapshot", float(self.size(instrument)))

        return await self.ask("fetch_order_book", call, instrument=instrument)

    async def ticker(self, instrument: str) -> Ticker:
        """The last price and the day's summary."""

        async def call() -> Ticker:
            return parsing.ticker(await self.client.fetch_ticker(instrument), default_ms=self.time.now_ms())

        return await self.ask("fetch_ticker", call, instrument=instrument)

    async def funding_rate(self, instrument: str) -> FundingRate:
        """What the next funding will cost."""

        async def call() -> FundingRate:
            answer = await self.client.fetch_funding_rate(instrument)
            return parsing.funding_rate(answer, default_ms=self.time.now_ms())

        return await self.ask("fetch_funding_rate", call, instrument=instrument)

    # --- the account -------------------------------------------------------------------------------------------------

    async def balances(self) -> dict[str, Balance]:
        """Everything that the account has.

        An answer also proves that the key works, unless it was refused since this was asked: then the answer is the
        older news.
        """
        before = self.fatal

        async def call() -> dict[str, Balance]:
            return parsing.balances(await self.client.fetch_balance())

        found = await self.ask("fetch_balance", call)
        if self.fatal is before:
            self.fatal = None
        return found

    async def positions(self) -> list[Position]:
        """Every leg that is not flat."""

        async def call() -> list[Position]:
            table = await self.client.fetch_positions()
            legs = (parsing.position(row.values, self._size_of(row.values)) for row in rows(table, "positions"))
            return [leg for leg in legs if leg is not None]

        return await self.ask("fetch_positions", call)

    async def open_orders(self, instrument: str) -> list[Report]:
        """Open orders of an instrument; where conditional ones are kept apart, both lists."""
        found = await self.orders_in("fetch_open_orders", instrument, {})
        if self.facts.keeps_apart(perpetual=self.perpetual):
            found += await self.orders_in("fetch_open_orders", instrument, self.facts.conditional)
        return found

    async def order(
        self, instrument: str, client_id: str, *, venue_id: str = "", conditional: bool = False
    ) -> list[Report]:
        """One order, by our id or the venue's; of a conditional one that has fired, what became of it, under both ids.

        Raises
        ------
        NotThere
            If the venue does not find it.
        """
        by_ours = self.facts.asks_by_client_id and bool(client_id)
        if not by_ours and not venue_id:
            return await self._search(instrument, client_id)
        more = self._apart(conditional) | ({"clientOrderId": client_id} if by_ours else {})

        async def call() -> list[Report]:
            answer = await self.client.fetch_order(None if by_ours else venue_id, instrument, more)
            return parsing.reports(answer, self.size(instrument), default_ms=self.time.now_ms())

        found = await self.ask("fetch_order", call, instrument=instrument, soon=True)
        return found if len(found) == 1 else await self._after_firing(instrument, found)

    async def _after_firing(self, instrument: str, fired: list[Report]) -> list[Report]:
        """The order in the book that a conditional one has become: only that one knows of fills, and of its end."""

        async def call() -> list[Report]:
            answer = await self.client.fetch_order(fired[-1].venue_id, instrument)
            return parsing.reports(answer, self.size(instrument), default_ms=self.time.now_ms())

        try:
            (now,) = await self.ask("fetch_order", call, instrument=instrument, soon=True)
        except NotThere:
            return fired
        return [replace(now, client_id=one.client_id, venue_id=one.venue_id) for one in fired]

    async def fills(self, instrument: str, since_ms: int) -> list[Fill]:
        """Our own trades since then, page by page until a page brings nothing new."""
        found: dict[tuple[str, int], Fill] = {}
        for _ in range(MOST_PAGES):
            page = await self._fills_page(instrument, since_ms)
            new = [fill for fill in page if (fill.trade_id, fill.side) not in found]
            found.update(((fill.trade_id, fill.side), fill) for fill in new)
            if new and len(page) >= PAGE:
                since_ms = max(fill.time_ms for fill in page)
            elif since_ms + WINDOW_MS < self.time.now_ms():
                since_ms += WINDOW_MS
            else:
                break
        return sorted(found.values(), key=lambda fill: fill.time_ms)

    async def funding_payments(self, instrument: str, since_ms: int) -> list[FundingPayment]:
        """Funding paid and received since then."""

        async def call() -> list[FundingPayment]:
            table = await self.client.fetch_funding_history(instrument, since_ms, PAGE)
            return [parsing.funding_payment(row.values) for row in rows(table, "funding payments")]

        return await self.ask("fetch_funding_history", call, instrument=instrument)

    async def rights(self) -> Rights:
        """What the key may do, or where the venue does not tell, the account."""
        trade, told = "enableFutures" if self.perpetual else "enableSpotAndMarginTrading", {}
        with suppress(VenueError, AttributeError):
            answer = await self.ask("api_restrictions", self.client.sapiGetAccountApiRestrictions)
            told = {"canTrade": answer[trade], "canWithdraw": answer["enableWithdrawals"]}
        if not told:
            told = (await self.ask("fetch_balance", self.client.fetch_balance)).get("info") or {}
        known = {name: told[name] for name in ("canTrade", "canWithdraw") if isinstance(told, dict) and name in told}
        found = {name: value for name, value in known.items() if isinstance(value, bool)}
        return Rights(found.get("canTrade"), found.get("canWithdraw"))

    # --- inside ------------------------------------------------------------------------------------------------------

    def _apart(self, conditional: bool) -> dict[str, Any]:
        apart = conditional and self.facts.keeps_apart(perpetual=self.perpetual)
        return dict(self.facts.conditional) if apart else {}

    def _size_of(self, values: Any) -> Decimal:
        return self.size(str(values.get("symbol")))

    async def orders_in(self, method: str, instrument: str, more: Any) -> list[Report]:
        """One of the venue's lists of orders."""

        async def call() -> list[Report]:
            table = await getattr(self.client, method)(instrument, None, None, dict(more))
            read = [
                parsing.reports(row.values, self.size(instrument), default_ms=self.time.now_ms())
                for row in rows(table, "orders")
            ]
            return [one for reports in read for one in reports]

        return await self.ask(method, call, instrument=instrument, soon=True)

    async def _fills_page(self, instrument: str, since_ms: int) -> list[Fill]:
        async def call() -> list[Fill]:
            table = await self.client.fetch_my_trades(instrument, since_ms, PAGE)
            return [parsing.fill(row.values, self.size(instrument)) for row in rows(table, "own trades")]

        return await self.ask("fetch_my_trades", call, instrument=instrument, soon=True)

    async def _search(self, instrument: str, client_id: str) -> list[Report]:
        """Look through open and closed orders, where the venue cannot be asked by our id."""
        lists = ["fetch_open_orders"]
        lists += [
            name for name in ("fetch_closed_orders", "fetch_canceled_orders") if self.client.has.get(_camel(name))
        ]
        for name in lists:
            for apart in ({}, self._apart(True)) if self._apart(True) else ({},):
                found = [one for one in await self.orders_in(name, instrument, apart) if one.client_id == client_id]
                if found:
                    return found
        raise NotThere(
            f"{instrument} on {self.facts.name}: no order {client_id!r} among open and closed ones. For an order that "
            "was accepted once this proves nothing.",
            venue=self.facts.name, instrument=instrument, request="search",
        )  # fmt: skip


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)
