"""The simulated venue over real sockets as a `Port`: unmodified ccxt trades there, and its clock is moved by hand.

The house shows a price on the side that a new order takes from, for as long as that order is on its way, so that it is
answered at the price of the walk; resting orders are met by the walk's own prints. Prices and fees are written with all
the digits of the floats that they are, and fees are reckoned in floats as the engine does: the venue itself cuts them
to eight decimals, which no backtest can know.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from random import Random
from time import monotonic
from typing import Any

from workbench.backtest import Market
from workbench.connectors import Bar, CcxtConnector, Fault, Keys, SimulatedVenue, Stream, Trade
from workbench.connectors.simulated.bars import Bar as Minute
from workbench.connectors.simulated.clock import Clock, wall_ms
from workbench.connectors.simulated.events import Depth, Move, OrderReport, TradeReport
from workbench.connectors.simulated.perpetual import Perpetual
from workbench.connectors.simulated.spot import Spot
from workbench.connectors.simulated.symbols import Symbol
from workbench.errors import Busy
from workbench.live.plan import Plan
from workbench.market import BUY, SELL
from workbench.trading import Fill, Intent, Report

HUGE = Decimal(10**9)
MONEY = {asset: Decimal(10**9) for asset in ("USDT", "BTC", "ETH", "SOL")}
PATIENCE_S, AGAIN_S = 120.0, 3.0
SILENCE_S = 60.0  # a market that nobody waits in has nothing to say for long, and all in one loop is slow at times
ENDED = {"FILLED", "CANCELLED", "EXPIRED", "REJECTED"}
LIVES = {"NEW": "OPEN", "PARTIALLY_FILLED": "OPEN", "FILLED": "FILLED", "CANCELED": "CANCELLED", "EXPIRED": "EXPIRED"}


class Exact(Decimal):
    """A decimal that is written with all its digits."""

    @classmethod
    def of(cls, value: float) -> Exact:
        return cls(repr(value))

    def __format__(self, how: str, context: Any = None) -> str:
        return format(Decimal(self), "f")


class ByHand(Clock):
    """The market's time is moved by hand; pings, limits and listen keys follow the machine's."""

    def pace_ms(self) -> int:
        return wall_ms()


class ExactSpot(Spot):
    """Spot, with fees in floats."""

    def settle(self, order: Any, maker: bool, amount: Decimal, price: Decimal) -> Any:
        self.exactly = float(amount), float(price)
        return super().settle(order, maker, amount, price)

    def _fee(self, account: Any, maker: bool, received: Decimal, gets: str, quote: Decimal, rules: Symbol) -> Any:
        (amount, price), rate = self.exactly, float(account.maker if maker else account.taker)
        return Exact.of(amount * rate if gets == rules.base else amount * price * rate), gets


class ExactPerpetual(Perpetual):
    """Futures, with fees in floats."""

    def settle(self, order: Any, maker: bool, amount: Decimal, price: Decimal) -> Any:
        account = self.state.accounts.get(order.account)
        rate = 0.0 if account is None else float(account.perpetual_maker if maker else account.perpetual_taker)
        self.exactly = float(amount) * float(price) * rate
        return super().settle(order, maker, amount, price)

    def _fee(self, futures: Any, fee: Decimal, asset: str) -> tuple[Decimal, str]:
        return Exact.of(self.exactly), asset


class WireVenue:
    """A venue on loopback and its clients, one for each door of a plan."""

    def __init__(self, plan: Plan, market: Market, symbols: list[Symbol], rates: list[dict[str, str]]) -> None:
        self.plan, self.market = plan, market
        self.bars, self.length = market.bars(), market.timeframe_ms
        self.volumes = [one.volume for one in market.candles.values()]
        self.clock = ByHand(int(market.time[0]) - self.length, manual=True)
        self.venue = SimulatedVenue(symbols, accounts={"trader": MONEY}, clock=self.clock)
        core = self.venue.core
        core.spot.__class__, core.perpetual.__class__ = ExactSpot, ExactPerpetual
        self.symbols = symbols
        self.last = [0.0] * len(symbols)
        account = self.venue.account()
        for rules, rate in zip(symbols, rates, strict=True):
            maker, taker = Decimal(rate["maker"]), Decimal(rate["taker"])
            if rules.perpetual:
                account.perpetual_maker, account.perpetual_taker = maker, taker
            else:
                account.maker, account.taker = maker, taker
        for desk in (self.venue.spot, self.venue.futures):
            for kind in ("REQUEST_WEIGHT", "ORDERS", "RAW_REQUESTS"):
                desk.weights.change(kind, 10**9)
        self._count_what_is_said()
        self.connectors: dict[str, Any] = {}
        self.waiting: list[tuple[str, Any]] = []
        self.prices: dict[str, float] = {}
        self.due: set[tuple[str, str]] = set()  # our own events that the venue has sent and that have not come
        self.clients: dict[str, str] = {}  # by the venue's id
        self.owners: dict[str, int] = {}  # the market of an order
        self.trades_due: set[tuple[str, str]] = set()
        self.faults: list[str] = []

    # --- opening and closing ---

    async def __aenter__(self) -> WireVenue:
        await self.venue.__aenter__()
        account = self.venue.account()
        for place in self.plan.markets:
            if place.door in self.connectors:
                continue
            http = self.venue.futures_url if place.is_perpetual else self.venue.spot_url
            connector = CcxtConnector(
                "binance", clock=Moved(self.clock), chance=Random(1), perpetual=place.is_perpetual,
                keys=Keys(account.key, account.secret), urls={"http": http, "ws": http.replace("http", "ws", 1)},
                silence_s=SILENCE_S,
            )  # fmt: skip
            self.connectors[place.door] = Shown(connector, self)
            await connector.start()
            connector.measure_clock = self._one_clock  # type: ignore[method-assign]
            await connector.follow(Stream.USER)
        for place in self.plan.markets:
            await self.connectors[place.door].inner.follow(Stream.TRADES, place.instrument)
        await self._until_followed()
        return self

    async def __aexit__(self, *error: object) -> None:
        for connector in self.connectors.values():
            await connector.inner.close()
        await self.venue.__aexit__(*error)

    async def _one_clock(self) -> None:
        """There is nothing to measure: one clock stands on both sides of the wire."""

    async def _until_followed(self) -> None:
        """Every stream listens: prints before that would be lost."""
        wanted = {f"{symbol.name.lower()}@{word}" for symbol in self.symbols for word in ("trade",)}
        until = monotonic() + PATIENCE_S
        while monotonic() < until:
            sides = self.venue.sides.values()
            has = {name for side in sides for name in side.streams.channels}
            users = [bool(self.venue.sides["futures" if ":perpetual" in door else "spot"].users.connections())
                     for door in self.connectors]  # fmt: skip
            if wanted <= has and all(users):
                break
            await asyncio.sleep(0.02)
        else:
            raise AssertionError(f"not followed: {wanted - has} {users}")
        await asyncio.sleep(2.5)  # the second look of the user stream
        await self._drain()

    # --- as a port ---

    async def show(self, m: int, price: float, time_ms: int) -> None:
        """A print at a price, and wait until our client has heard of it."""
        self.clock._now = max(self.clock._now, time_ms)
        rules, side = self.symbols[m], SELL if price < self.last[m] else BUY
        self.last[m] = price
        move = Move(rules.name, Exact.of(price), HUGE, side, perpetual=rules.perpetual)
        self.venue.spot.step(move)
        while not await self._came(AGAIN_S):  # a socket that was renewed meanwhile has not told of it: print it again
            self.trades_due.clear()
            self.venue.spot.step(move)
        await self._until_heard()
        name = self.plan.markets[m].instrument
        assert self.prices[name] == price, (name, self.prices[name], price)

    def owner(self, event: Any) -> str:
        """Our id of an order; a fill names the venue's alone."""
        return event.client_id or self.clients.get(event.venue_id, "")

    async def news(self) -> list[tuple[str, Any]]:
        """Our own events, once all have come that the venue has sent."""
        await self._until_heard()
        news, self.waiting = self.waiting, []
        return news

    async def close_bar(self, time_ms: int) -> None:
        """The bar as it was recorded, and the minute is over."""
        row = int(self.market.time.searchsorted(time_ms - self.length))
        self.want: dict[int, bool] = {}
        for m, rules in enumerate(self.symbols):
            self.want[m] = self._record(m, row, rules, time_ms - self.length)
        await self.venue.advance(time_ms - self.clock.now_ms())

    async def bar(self, m: int, row: int) -> Bar | None:
        """The closed bar as our client heard it."""
        if not self.want[m]:
            return None
        place, stamp = self.plan.markets[m], int(self.market.time[row])
        client, found, why, until = self.connectors[place.door].inner, list[Bar](), "", monotonic() + PATIENCE_S
        while not found and monotonic() < until:
            client.time.ahead_ms = 0
            try:
                found = await client.candles(place.instrument, self.plan.timeframe, stamp, 1)
            except Busy as error:
                why = str(error)
                await asyncio.sleep(0.1)
            if not found:
                await asyncio.sleep(0.01)
        assert [one.time_ms for one in found] == [stamp], (
            f"no bar of {place.instrument} at {stamp}: {found} {why}; {self._seen(m)}, {client.time.now_ms()} here"
        )
        return found[0]

    def _seen(self, m: int) -> str:
        """The venue's time and the newest bars of a market there, and where they do not follow each other."""
        rules = self.symbols[m]
        stamps = [one.open_ms for one in self.venue.core.market(rules.name, perpetual=rules.perpetual).bars._minutes]
        odd = [(a, b) for a, b in pairwise(stamps) if b - a != self.length]
        return f"at the venue it is {self.clock.now_ms()}, its bars end {stamps[-3:]}, apart {odd[:3]}"

    def _record(self, m: int, row: int, rules: Symbol, opened: int) -> bool:
        """Put the recorded bar in the place of the one that the walk's prints have made."""
        prices = [float(plane[m, row]) for plane in (self.bars.open, self.bars.high, self.bars.low, self.bars.close)]
        if prices[3] != prices[3]:
            return False
        candles = list(self.market.candles.values())[m]
        own = row if self.market.rows[m] is None else int(candles.time.searchsorted(opened))
        bars = self.venue.core.market(rules.name, perpetual=rules.perpetual).bars
        bars.roll(opened)
        o, h, l, c, volume = (Exact.of(value) for value in (*prices, float(self.volumes[m][own])))  # noqa: E741
        bar = Minute(opened, opened + self.length - 1, o, h, l, c, volume, count=1)
        for place in (-1, -2):  # the last print of a walk is at the close, and has begun the next minute
            if len(bars._minutes) >= -place and bars._minutes[place].open_ms == opened:
                bars._minutes[place] = bar
                return True
        bars._minutes.append(bar)
        return True

    # --- what comes ---

    async def _next(self) -> None:
        """One event of any client."""
        for door, shown in self.connectors.items():
            event = shown.inner.streams.outlet.get_now()
            if event is not None:
                self._take(door, event)
                return
        await asyncio.sleep(0)

    def _take(self, door: str, event: Any) -> None:
        if isinstance(event, Trade):
            self.prices[event.instrument] = event.price
            self.trades_due.discard((event.instrument, event.trade_id))
        elif isinstance(event, Fill):
            self.waiting.append((door, event))
            self.due.discard((self.owner(event), event.trade_id))
        elif isinstance(event, Report):
            self.waiting.append((door, event))
            self.due.discard((event.client_id, event.life.name))
            if event.life.name in ENDED:  # who is told of an end need not hear of the beginning any more
                self.due.discard((event.client_id, "OPEN"))
        elif isinstance(event, Fault):
            self.faults.append(str(event.error))

    async def _came(self, seconds: float) -> bool:
        """Was the print heard in time?"""
        until = monotonic() + seconds
        while self.trades_due and monotonic() < until:
            await self._next()
        return not self.trades_due

    async def _until_heard(self) -> None:
        until, ask_s = monotonic() + PATIENCE_S, monotonic() + AGAIN_S
        while self.due or self.trades_due:
            if monotonic() > ask_s:
                ask_s += AGAIN_S
                await self._ask()
            assert monotonic() < until, f"did not come: {self.due} {self.trades_due} {self.faults[-2:]}"
            await self._next()

    async def _ask(self) -> None:
        """A stream that was renewed has not told of everything: the venue is asked, as the runner does."""
        for m, place in enumerate(self.plan.markets):
            client = self.connectors[place.door].inner
            mine = {name for name, _ in self.due if self.owners.get(name) == m}
            for name in mine:
                with suppress(Busy):
                    for event in await client.order(place.instrument, name):
                        self._take(place.door, event)
            if mine:
                with suppress(Busy):
                    for event in await client.fills(place.instrument, self.clock.now_ms() - 60_000):
                        self._take(place.door, event)

    async def _drain(self) -> None:
        for _ in range(100):
            await self._next()
        self.due.clear()
        self.trades_due.clear()
        self.waiting.clear()

    def _count_what_is_said(self) -> None:
        """Which events the venue sends us: a report for each change of an order, and one more for each fill."""
        publish = self.venue.publish
        names = {(rules.name, rules.perpetual): place.instrument
                 for rules, place in zip(self.symbols, self.plan.markets, strict=True)}  # fmt: skip

        def counted(reports: list[Any]) -> None:
            for one in reports:
                if isinstance(one, OrderReport) and one.order.account == "trader":
                    client = self.clients[str(one.order.id)] = one.order.client_id
                    self.due.add((client, LIVES[one.order.status]))
                    if one.execution == "TRADE":
                        self.due.add((client, str(one.trade_id)))
                elif isinstance(one, TradeReport) and (one.symbol, one.perpetual) in names:
                    self.trades_due.add((names[one.symbol, one.perpetual], str(one.id)))
            publish(reports)

        self.venue.publish = self.venue.spot.publish = self.venue.futures.publish = counted  # type: ignore[method-assign]


class Moved:
    """Our own clock: the venue's time of day, and the machine's patience."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def now_ms(self) -> int:
        return self.clock.now_ms()

    def steady_s(self) -> float:
        return monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Shown:
    """A connector, for whose orders the house shows the price of the walk while they are on their way."""

    def __init__(self, inner: CcxtConnector, venue: WireVenue) -> None:
        self.inner, self.venue = inner, venue
        self.places = {place.instrument: m for m, place in enumerate(venue.plan.markets)}

    async def create(self, intent: Intent) -> Report:
        m = self.places[intent.instrument]
        self.venue.owners[intent.client_id] = m
        rules, level = self.venue.symbols[m], ((Exact.of(self.venue.last[m]), HUGE),)
        bids, asks = ((), level) if intent.side == BUY else (level, ())
        self.venue.venue.spot.step(Depth(rules.name, bids, asks, is_snapshot=True, perpetual=rules.perpetual))
        try:
            # A netted account has one position, and the model's executors each have their own.
            return await self.inner.create(replace(intent, reduce_only=False))
        finally:
            self.venue.venue.spot.step(Depth(rules.name, (), (), is_snapshot=True, perpetual=rules.perpetual))

    async def cancel(self, instrument: str, **more: Any) -> None:
        await self.inner.cancel(instrument, **more)
