"""A simulated venue, a connector and a tracker wired as a runner wires them: what tests of faults stand on."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from workbench.connectors import (
    AlreadyThere,
    CcxtConnector,
    Clock,
    FaultProxy,
    Freshness,
    NotThere,
    SimulatedVenue,
    Stream,
    SystemClock,
)
from workbench.errors import Busy, Rejected, Silent, WorkbenchError
from workbench.market import OrderKind
from workbench.trading import Booked, Fill, Intent, Life, News, Odd, Oddity, Order, Report, Tracker, Wish

SPOT, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"
MONEY = {"USDT": Decimal(1_000_000), "BTC": Decimal(100)}
BIDS = [(59_990, 5), (59_980, 5), (59_970, 5)]
ASKS = [(60_010, 5), (60_020, 5), (60_030, 5)]
SHORT_MS = 600


class VenueTime:
    """A clock that shows the simulated venue's time, whatever its speed."""

    def __init__(self) -> None:
        self.venue: SimulatedVenue | None = None
        self.system = SystemClock()

    def now_ms(self) -> int:
        return self.venue.clock.now_ms() if self.venue else self.system.now_ms()

    def steady_s(self) -> float:
        return self.system.steady_s()

    async def sleep(self, seconds: float) -> None:
        await self.system.sleep(seconds)


class Bench:
    """One account's runner in small: events into the tracker, the tracker's questions to the venue."""

    def __init__(self, venue: SimulatedVenue, connector: CcxtConnector, tracker: Tracker) -> None:
        self.venue, self.connector, self.tracker = venue, connector, tracker
        self.control = venue.control
        self.symbol = PERPETUAL if connector.perpetual else SPOT
        self.events: list[Any] = []
        self.news: list[Any] = []
        self.asks = True
        self._price = 0
        self._tasks: list[asyncio.Task[None]] = []

    # --- what a runner does ------------------------------------------------------------------------------------------

    async def send(
        self,
        client_id: str,
        side: int = 1,
        amount: str = "0.01",
        price: str | None = "50000",
        *,
        kind: OrderKind | None = None,
        **other: Any,
    ) -> Report | WorkbenchError:
        """Write an order down, send it once, and tell the tracker what came of that."""
        kind = kind if kind is not None else OrderKind.MARKET if price is None else OrderKind.LIMIT
        money = Decimal(price) if price is not None else None
        intent = Intent(client_id, self.symbol, side, kind, Decimal(amount), money, **other)
        self.hear(self.tracker.intend(intent))
        self.hear(self.tracker.sent(client_id, self.now()))
        return await self._create(intent)

    async def _create(self, intent: Intent) -> Report | WorkbenchError:
        try:
            report = await self.connector.create(intent)
        except Silent as error:  # AlreadyThere too: the order may be there
            self.hear(self.tracker.unanswered(intent.client_id))
            return error
        except (Rejected, Busy) as error:
            self.hear(self.tracker.refused(intent.client_id, str(error)))
            return error
        self.hear(self.tracker.report(report))
        return report

    async def cancel(self, client_id: str) -> WorkbenchError | None:
        """Ask once for a cancellation, and tell the tracker."""
        self.hear(self.tracker.cancel_sent(client_id, self.now()))
        try:
            await self.connector.cancel(self.symbol, client_id=client_id)
        except Silent as error:
            return error
        except (Rejected, Busy) as error:
            self.hear(self.tracker.cancel_answered(client_id, acknowledged=False))
            return error
        self.hear(self.tracker.cancel_answered(client_id, acknowledged=True))
        return None

    async def ask(self) -> None:
        """Put the tracker's questions to the venue."""
        for client_id, wish in self.tracker.questions(self.now()):
            asked = self.now()
            try:
                if wish == Wish.ORDER:
                    for report in await self.connector.order(self.symbol, client_id):
                        self.hear(self.tracker.report(report, asked_ms=asked))
                else:
                    for fill in await self.connector.fills(self.symbol, asked - 3_600_000):
                        self.hear(self.tracker.fill(fill))
            except NotThere:
                self.hear(self.tracker.not_found(client_id, asked))
            except WorkbenchError:
                continue

    def hear(self, news: News) -> None:
        self.news += news

    def now(self) -> int:
        return self.connector.time.now_ms()

    # --- what a test looks at ----------------------------------------------------------------------------------------

    def order(self, client_id: str) -> Order:
        return self.tracker.orders[client_id]

    def life(self, client_id: str) -> Life:
        return self.order(client_id).life

    def booked(self, client_id: str = "") -> list[Fill]:
        return [one.fill for one in self.news if isinstance(one, Booked) and client_id in ("", one.client_id)]

    def oddities(self) -> set[Oddity]:
        return {one.oddity for one in self.news if isinstance(one, Odd)}

    def states(self, stream: Stream) -> list[Freshness]:
        return [one for one in self.events if isinstance(one, Freshness) and one.stream == stream]

    def venue_orders(self, account: str = "trader") -> list[dict[str, Any]]:
        return self.control.orders(account, perpetual=self.connector.perpetual)

    def orders_per_id(self) -> Counter[str]:
        return Counter(order["client_id"] for order in self.venue_orders())

    async def looked_twice(self) -> None:
        """Wait until what every new user stream asks over REST was asked: from then on only the stream tells."""
        chores = self.connector.streams._chores
        await self.until(lambda: len(chores) == 1, what="the second look")  # the one that is left minds books and bars

    async def until(self, condition: Callable[[], object], seconds: float = 8.0, what: str = "") -> float:
        """Wait until something holds; how long it took."""
        start = asyncio.get_running_loop().time()
        while not condition():
            if asyncio.get_running_loop().time() - start > seconds:
                raise AssertionError(f"not within {seconds} s: {what or condition}")
            await asyncio.sleep(0.01)
        return asyncio.get_running_loop().time() - start

    # --- the market --------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return "BTCUSDT"

    def quote(self, shift: float = 0.0) -> None:
        """The house's levels, moved by so much."""
        moved = [[(price + shift, amount) for price, amount in side] for side in (BIDS, ASKS)]
        self.control.book(self.name, *moved, perpetual=self.connector.perpetual)

    def trade(self, price: float, amount: float = 1.0, side: str = "BUY") -> None:
        self.control.trade(self.name, price, amount, side, perpetual=self.connector.perpetual)

    def keep_moving(self, every_s: float = 0.1) -> None:
        """Let quotes change from now on, as those of a living market do."""

        async def move() -> None:
            while True:
                self._price = (self._price + 1) % 7
                self.quote(self._price)
                await asyncio.sleep(every_s)

        self._tasks.append(asyncio.ensure_future(move()))

    # --- life --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._tasks += [asyncio.ensure_future(self._pump()), asyncio.ensure_future(self._keep_asking())]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pump(self) -> None:
        while True:
            event = await self.connector.next_event()
            self.events.append(event)
            if isinstance(event, Report):
                self.hear(self.tracker.report(event))
            elif isinstance(event, Fill):
                self.hear(self.tracker.fill(event))

    async def _keep_asking(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            if self.asks:
                await self.ask()


@asynccontextmanager
async def bench(
    *,
    perpetual: bool = False,
    streams: tuple[Stream, ...] = (Stream.USER,),
    silence_s: float = 2.0,
    proof_ms: int = 16_000,
    accounts: dict[str, Any] | None = None,
    clock: Clock | None = None,
    venue_clock: Any = None,
    **venue_options: Any,
) -> AsyncIterator[Bench]:
    """A venue with quotes, and a started connector on it that follows `streams`."""
    money = accounts or {"trader": MONEY, "maker": MONEY}
    venue = SimulatedVenue(accounts=money, clock=venue_clock, **venue_options)
    async with venue:
        connector = connect(venue, perpetual=perpetual, silence_s=silence_s, clock=clock)
        one = Bench(venue, connector, Tracker(proof_ms=proof_ms, patience_ms=200))
        try:
            one.quote()
            await connector.start()
            one.start()
            for stream in streams:
                await connector.follow(stream, "" if stream == Stream.USER else one.symbol, "1m")
            for stream in streams:
                await one.until(lambda stream=stream: one.states(stream), what=f"{stream.name} fresh")
            yield one
        finally:
            await one.stop()
            await connector.close()


@contextmanager
def impatient(connector: CcxtConnector) -> Iterator[None]:
    """Give requests little time, around one that a fault keeps without an answer; others have the usual ten seconds."""
    usual, connector.client.timeout = connector.client.timeout, SHORT_MS
    try:
        yield
    finally:
        connector.client.timeout = usual


@asynccontextmanager
async def beside(b: Bench, **proxy_options: Any) -> AsyncIterator[FaultProxy]:
    """A proxy that signed spot requests go through meanwhile, and nothing else."""
    port, urls = b.venue.spot_url.rsplit(":", 1)[1], b.connector.client.urls
    whole = urls["api"]
    async with FaultProxy("127.0.0.1", int(port), **proxy_options) as proxy:
        urls["api"] = {**whole, "private": whole["private"].replace(port, str(proxy.own_port))}
        try:
            yield proxy
        finally:
            urls["api"] = whole


def connect(
    venue: SimulatedVenue,
    *,
    account: str = "trader",
    perpetual: bool = False,
    silence_s: float = 2.0,
    folder: Path | None = None,
    clock: Clock | None = None,
    config: dict[str, Any] | None = None,
) -> CcxtConnector:
    """A connector to the venue, with a budget of its own unless a folder is given."""
    if isinstance(clock, VenueTime):
        clock.venue = venue
    return CcxtConnector(
        "binance", clock=clock or SystemClock(), chance=Random(1), perpetual=perpetual, account=account,
        folder=folder or Path(tempfile.mkdtemp(prefix="budget-")), silence_s=silence_s,
        config={**venue.ccxt(account, perpetual=perpetual), **(config or {})},
    )  # fmt: skip


__all__ = ["PERPETUAL", "SPOT", "AlreadyThere", "Bench", "VenueTime", "bench", "beside", "connect", "impatient"]
