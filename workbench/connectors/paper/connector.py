"""Paper trading: a real market's prices, our own matching, and the whole protocol with its habits.

Whoever trades here cannot tell: orders are on their way for a while, our own events come as a stream, fills come in
parts, fees and funding are paid. Only the money is not real.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

from workbench.connectors.book import Book
from workbench.connectors.clock import Clock
from workbench.connectors.fees import FeeBook, FeeRates
from workbench.connectors.outlet import Outlet
from workbench.connectors.paper.matching import NAME, Matching
from workbench.connectors.paper.memory import Memory
from workbench.connectors.protocol import Connector, Edited, Event, Freshness, Stream
from workbench.connectors.simulated.events import Arm, Configure
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
from workbench.errors import Busy, ConfigError, Rejected, WorkbenchError
from workbench.trading import Fill, Intent, Report

LOOK_S = 0.1
LEVELS = 50
FUNDING_S = 60.0


class PaperConnector:
    """An account of paper money at a real market.

    Parameters
    ----------
    market : Connector
        Where prices come from; it needs no keys. Spot or perpetual, as it is.
    money : mapping of asset to Decimal
        What the account begins with.
    clock : Clock
        Time and waiting.
    rates : FeeRates, optional
        What fills cost; left out: what the market's venue publishes.
    submit_ms, report_ms : int
        How long an order is on its way there, and the news of it on their way back.
    memory : Memory, optional
        Where the account is kept between processes; without it it ends with this one.
    """

    def __init__(
        self,
        market: Connector,
        *,
        money: Mapping[str, Decimal],
        clock: Clock,
        perpetual: bool = False,
        account: str = "paper",
        rates: FeeRates | None = None,
        submit_ms: int = 50,
        report_ms: int = 20,
        memory: Memory | None = None,
    ) -> None:
        self.market, self.money, self.clock, self.perpetual = market, dict(money), clock, perpetual
        self.venue, self.account = market.venue, account
        self.rates, self.submit_ms, self.report_ms, self.memory = rates, submit_ms, report_ms, memory
        self.outlet = Outlet(clock)
        self.matching: Matching
        self.closed_because = ""
        self._watched: dict[str, int] = {}
        self._prices: dict[str, float] = {}
        self._hears_own = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def rules(self) -> Mapping[str, Rules]:
        """The real market's rules."""
        return self.market.rules

    # --- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the market, open the account (or find it as it was left), and let prices in."""
        if not self.market.rules:
            await self.market.start()
        some = next(iter(self.market.rules.values()))
        rates = self.rates or FeeBook().rates(self.venue, self.account, some)
        was = self.memory.load() if self.memory is not None else None
        money = was.money if was is not None else self.money
        self.matching = Matching(
            self.venue, self.market.rules.values(), money, rates, perpetual=self.perpetual, start_ms=self.clock.now_ms()
        )
        if was is not None:
            was.put_back(self.matching, self.clock.now_ms())
        elif self.memory is not None:
            self.memory.keep(self.matching)
        self._tasks = [asyncio.ensure_future(self._listen()), asyncio.ensure_future(self._mind())]

    async def close(self) -> None:
        """End all, the market too."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.market.close()

    # --- market data: the real one -----------------------------------------------------------------------------------

    async def follow(self, stream: Stream, instrument: str = "", timeframe: str = "") -> None:
        """Follow a stream; our own orders are followed here, everything else at the market."""
        if stream == Stream.USER:
            if not self._hears_own:
                self._hears_own = True
                self.outlet.put(Freshness(stream, "", True, "", self.clock.now_ms()))
            return
        if stream in (Stream.BOOK, Stream.TRADES):
            await self._watch(instrument)
        else:
            await self.market.follow(stream, instrument, timeframe)

    async def next_event(self) -> Event:
        """The next event, waiting for it."""
        return await self.outlet.get()

    def book(self, instrument: str) -> Book:
        """The real book."""
        return self.market.book(instrument)

    async def candles(self, instrument: str, timeframe: str, since_ms: int, limit: int = 500) -> list[Bar]:
        """Closed bars of the real market."""
        return await self.market.candles(instrument, timeframe, since_ms, limit)

    async def trades(self, instrument: str, since_ms: int | None = None) -> list[Trade]:
        """Real prints."""
        return await self.market.trades(instrument, since_ms)

    async def ticker(self, instrument: str) -> Ticker:
        """The real last price."""
        return await self.market.ticker(instrument)

    async def funding_rate(self, instrument: str) -> FundingRate:
        """The real rate."""
        return await self.market.funding_rate(instrument)

    # --- the account -------------------------------------------------------------------------------------------------

    async def balances(self) -> dict[str, Balance]:
        """What the account has."""
        return self.matching.balances()

    async def positions(self) -> list[Position]:
        """Legs that are not flat."""
        return self.matching.positions()

    async def open_orders(self, instrument: str) -> list[Report]:
        """What waits, conditional orders included."""
        return self.matching.open_orders(instrument)

    async def order(
        self, instrument: str, client_id: str, *, venue_id: str = "", conditional: bool = False
    ) -> list[Report]:
        """One order; `NotThere` if there is none."""
        return self.matching.order(instrument, client_id, venue_id)

    async def fills(self, instrument: str, since_ms: int) -> list[Fill]:
        """Our trades since then, of earlier processes too."""
        earlier = self.memory.fills(instrument, since_ms) if self.memory is not None else []
        return [*earlier, *self.matching.fills(instrument, since_ms)]

    async def funding_payments(self, instrument: str, since_ms: int) -> list[FundingPayment]:
        """Funding paid and received since then."""
        return self.matching.funding_payments(instrument, since_ms)

    # --- orders ------------------------------------------------------------------------------------------------------

    async def create(self, intent: Intent) -> Report:
        """Send an order: it arrives a little later, and meets the book of that moment."""
        self._check_gate(intent)
        await self._watch(intent.instrument)
        await self.clock.sleep(self.submit_ms / 1000.0)
        self._show(intent.instrument)
        if self.memory is not None:
            self.memory.expect(intent)
        events = self.matching.create(intent, self.clock.now_ms())
        self._tell(events)
        await self.clock.sleep(self.report_ms / 1000.0)
        mine = [one for one in events if isinstance(one, Report) and one.client_id == intent.client_id]
        return mine[-1]

    async def cancel(
        self, instrument: str, *, client_id: str = "", venue_id: str = "", conditional: bool = False
    ) -> None:
        """Ask for a cancellation."""
        await self.clock.sleep(self.submit_ms / 1000.0)
        now = self.clock.now_ms()
        self._tell(self.matching.cancel(instrument, client_id, venue_id, now, conditional=conditional))

    async def cancel_all(self, instrument: str) -> list[Report]:
        """Cancel every order of an instrument; returns those still open."""
        for report in self.matching.open_orders(instrument):
            conditional = self.matching.is_conditional(report.venue_id)
            with suppress(Rejected):
                await self.cancel(instrument, venue_id=report.venue_id, conditional=conditional)
        return self.matching.open_orders(instrument)

    async def edit(self, old: Intent, new: Intent, *, venue_id: str = "") -> Edited:
        """Cancel one order and create the other, as one request; the second is not tried if the first fails."""
        try:
            await self.cancel(old.instrument, client_id=old.client_id)
        except Rejected as error:
            return Edited(False, None, str(error))
        try:
            return Edited(True, await self.create(new))
        except Rejected as error:
            return Edited(True, None, str(error))

    # --- account settings --------------------------------------------------------------------------------------------

    async def is_hedged(self) -> bool:
        """Are long and short held side by side?"""
        return self.matching.account.futures.dual

    async def set_hedged(self, hedged: bool) -> None:
        """Change the position mode of an account that is flat."""
        if hedged != self.matching.account.futures.dual:
            self._configure(Configure(NAME, dual=hedged))

    async def leverage(self, instrument: str) -> Decimal:
        """The leverage set for an instrument."""
        return Decimal(self.matching.account.futures.leverage_of(self.matching.names[instrument]))

    async def set_leverage(self, instrument: str, leverage: int) -> None:
        """Set it."""
        self._configure(Configure(NAME, self.matching.names[instrument], leverage=leverage))

    async def margin_mode(self, instrument: str) -> MarginMode:
        """Cross or isolated."""
        isolated = self.matching.account.futures.is_isolated(self.matching.names[instrument])
        return MarginMode.ISOLATED if isolated else MarginMode.CROSS

    async def set_margin_mode(self, instrument: str, mode: MarginMode) -> None:
        """Set it."""
        if await self.margin_mode(instrument) != mode:
            word = "ISOLATED" if mode == MarginMode.ISOLATED else "CROSSED"
            self._configure(Configure(NAME, self.matching.names[instrument], margin_type=word))

    async def arm(self, instrument: str, seconds: int) -> bool:
        """A countdown that cancels the instrument's orders, for perpetuals; spot has none, as at most venues."""
        if self.perpetual:
            self._configure(Arm(NAME, self.matching.names[instrument], seconds * 1000))
        return self.perpetual

    # --- inside ------------------------------------------------------------------------------------------------------

    def _check_gate(self, intent: Intent) -> None:
        named: dict[str, Any] = {"venue": self.venue, "instrument": intent.instrument, "request": "create_order"}
        if intent.instrument not in self.matching.rules:
            raise ConfigError(f"{self.venue} does not list {intent.instrument!r}. Check the symbol.")
        if intent.reduce_only:
            return
        if self.closed_because:
            raise Rejected(f"{self.venue} (paper) opens nothing: {self.closed_because}. Set that right first.", **named)
        stale = self.market.book(intent.instrument).stale
        if intent.instrument in self._watched and stale and stale != "no data yet":
            raise Busy(f"{intent.instrument} on {self.venue}: prices are stale ({stale}). Wait for them.", **named)

    def _configure(self, event: Configure | Arm) -> None:
        self._tell(self.matching.happen(event, self.clock.now_ms(), getattr(event, "symbol", ""), "settings"))

    async def _watch(self, instrument: str) -> None:
        """Orders of an instrument need its book and its prints."""
        if instrument in self._watched:
            return
        self._watched[instrument] = -1
        await self.market.follow(Stream.BOOK, instrument)
        await self.market.follow(Stream.TRADES, instrument)
        for _ in range(100):
            if self.market.book(instrument).is_fresh:
                return
            await self.clock.sleep(LOOK_S)
        raise Busy(f"{instrument} on {self.venue}: no book came within {100 * LOOK_S:g} s. Try again later.",
                   venue=self.venue, instrument=instrument, request="follow")  # fmt: skip

    async def _listen(self) -> None:
        """The market's events go on to whoever reads here; its prints and quotes meet our orders first."""
        while True:
            event = await self.market.next_event()
            self.outlet.put(event)
            if isinstance(event, Trade) and event.instrument in self._watched:
                self._prices[event.instrument] = event.price
                self._show(event.instrument)
                self._tell(self.matching.hear(event, self.clock.now_ms()))
            elif isinstance(event, Quote) and event.instrument in self._watched:
                self._show(event.instrument)

    async def _mind(self) -> None:
        """Books as they move, time as it passes, marks and funding of perpetuals."""
        asked_s = -FUNDING_S
        while True:
            await self.clock.sleep(LOOK_S)
            for instrument in self._watched:
                self._show(instrument)
            self._tell(self.matching.pass_time(self.clock.now_ms()))
            if self.perpetual and self.clock.steady_s() - asked_s >= FUNDING_S:
                asked_s = self.clock.steady_s()
                for instrument in list(self._watched):
                    await self._mark(instrument)

    async def _mark(self, instrument: str) -> None:
        try:
            told = await self.market.funding_rate(instrument)
        except WorkbenchError:
            return  # the last one stays; whether the market answers is told by its own streams
        price = told.mark or self._prices.get(instrument)
        if price:
            self._tell(self.matching.mark(instrument, price, told.rate, self.clock.now_ms()))

    def _show(self, instrument: str) -> None:
        """Let the real book stand in ours, if it moved and may be relied on."""
        book = self.market.book(instrument)
        if book.is_fresh and book.number != self._watched.get(instrument):
            self._watched[instrument] = book.number
            bids, asks = book.levels(1, LEVELS), book.levels(-1, LEVELS)
            self._tell(self.matching.show(instrument, bids, asks, self.clock.now_ms()))

    def _tell(self, events: list[Event]) -> None:
        if not events:
            return
        if self.memory is not None:
            self.memory.note(events, self.matching)
        if self._hears_own:
            asyncio.get_running_loop().call_later(self.report_ms / 1000.0, self._deliver, events)

    def _deliver(self, events: list[Event]) -> None:
        for event in events:
            self.outlet.put(event)
