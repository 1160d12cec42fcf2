"""A venue through ccxt: the whole protocol, for one account and one kind of instrument."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

from workbench.connectors.book import Book
from workbench.connectors.ccxt.commands import Commands
from workbench.connectors.ccxt.streams import Streams
from workbench.connectors.ccxt.venues import facts
from workbench.connectors.ccxt.wire import Keys, make_client, refuse_repeats, share_markets
from workbench.connectors.clock import Clock, VenueClock, pace
from workbench.connectors.protocol import Changed, Event, Fault, Offset, Stream
from workbench.connectors.throttle import Allowance, Throttle
from workbench.errors import ConfigError, VenueError
from workbench.trading import Intent

ORDERS_PER_S, ORDERS_AT_ONCE = 5.0, 50.0
BURST_S = 5.0
WARN_MS, STOP_MS = 500, 1_000
LOOK_S, CLOCK_S, RULES_S = 1.0, 60.0, 1_800.0


class CcxtConnector(Commands):
    """One account at one venue, spot or perpetual, over unmodified ccxt.

    Parameters
    ----------
    venue : str
        A ccxt id, such as "binance".
    perpetual : bool
        Linear perpetuals instead of spot.
    keys : Keys
        What the account signs with; without them there is market data only.
    account : str
        Its name, for budgets and messages.
    clock : Clock
        Time and waiting.
    chance : Random
        For the spread of waits.
    folder : Path, optional
        Where the budgets lie that all our processes share; without it nothing is throttled.
    config : mapping
        Passed to ccxt: urls, options, proxies. It wins over the venue table.
    urls : mapping
        Other hosts, as {"http": …, "ws": …}; paths stay the venue's.
    silence_s : float, optional
        A market-data stream that is quiet for longer is stale; left out: what the venue table says.
    """

    def __init__(
        self,
        venue: str,
        *,
        clock: Clock,
        chance: Random,
        perpetual: bool = False,
        keys: Keys | None = None,
        account: str = "main",
        folder: Path | None = None,
        config: Mapping[str, Any] | None = None,
        urls: Mapping[str, str] | None = None,
        silence_s: float | None = None,
    ) -> None:
        self.venue, self.account, self.keys = venue, account, keys or Keys()
        known, time = facts(venue), VenueClock(clock)
        self._made = {"perpetual": perpetual, "keys": self.keys, "time": time, "config": config, "urls": urls}
        client = make_client(known, throttle=None, **self._made)  # type: ignore[arg-type]
        super().__init__(client, known, time, perpetual=perpetual)
        self.throttle = client.wb_throttle = self._throttle(folder)
        self.offset: Offset | None = None
        self._upkeep: asyncio.Task[None] | None = None
        silence = known.silence_s if silence_s is None else silence_s
        self.streams = Streams(self, self._new_client, chance, silence_s=silence)

    async def start(self) -> None:
        """Load the rules, measure the clock, and check that no layer would send an order twice."""
        refuse_repeats(self.client)
        await self.measure_clock()
        await self.refresh_rules()
        self._upkeep = asyncio.ensure_future(self._keep_up())

    async def close(self) -> None:
        """End all streams and sockets."""
        if self._upkeep is not None:
            self._upkeep.cancel()
            await asyncio.gather(self._upkeep, return_exceptions=True)
        await self.streams.close()
        await self.client.close()

    async def measure_clock(self) -> Offset | None:
        """Compare clocks. A machine that is off by more than a second opens nothing until that was set right."""
        self.offset = await self.clock_offset()
        off = abs(self.offset.ahead_ms) - self.offset.unsure_ms if self.offset else 0
        if off > STOP_MS * pace(self.time):  # a millisecond of ours is many of a market that is replayed
            self.closed_because = f"the clock of this machine is off by {off} ms"
        elif self.closed_because.startswith("the clock"):
            self.closed_because = ""
        return self.offset

    @property
    def clock_is_doubtful(self) -> bool:
        """Is the clock off by more than half a second? Worth a warning."""
        off = abs(self.offset.ahead_ms) - self.offset.unsure_ms if self.offset else 0
        return off > WARN_MS * pace(self.time)

    async def follow(self, stream: Stream, instrument: str = "", timeframe: str = "") -> None:
        """Follow a stream until closed; events come through `next_event`.

        `USER` takes an instrument too, any number of times: those that are caught up with after an interruption. An
        instrument with an order of ours is among them by itself.
        """
        if instrument or stream != Stream.USER:
            self.rules_of(instrument)
        if stream == Stream.USER and not self.keys and not self.client.apiKey:
            raise ConfigError(f"{self.venue}: our own orders cannot be followed without keys. Give `keys`.")
        self.streams.follow(stream, instrument, timeframe)

    async def next_event(self) -> Event:
        """The next event, waiting for it."""
        return await self.streams.outlet.get()

    def book(self, instrument: str) -> Book:
        """The live book of an instrument that is followed."""
        return self.streams.book(instrument)

    def stale(self, instrument: str) -> str:
        """Why the prices of an instrument must not be relied on; empty: they may."""
        return self.streams.stale_because(instrument)

    def expect(self, intent: Intent) -> None:
        """An order was accepted: our own stream should tell of it within seconds."""
        self.streams.expect(intent.client_id)

    def mind(self, instrument: str) -> None:
        """We trade here: after an interruption, ask what happened to it."""
        self.streams.mind(instrument)

    async def _keep_up(self) -> None:
        """The clock every minute, the rules every half hour, and either at once when an answer made it doubtful."""
        clock_s = rules_s = self.time.steady_s()
        while True:
            await self.time.sleep(LOOK_S)
            now_s = self.time.steady_s()
            if self.clock_is_off or now_s - clock_s > CLOCK_S:
                clock_s = now_s
                await self._do(self.measure_clock)
            if self.rules_are_doubtful or now_s - rules_s > RULES_S:
                rules_s, self.rules_are_doubtful = now_s, False
                await self._do(self._refresh)

    async def _refresh(self) -> None:
        changed = await self.refresh_rules()
        if changed:
            self.streams.outlet.put(Changed(tuple(changed), self.time.now_ms()))

    async def _do(self, chore: Callable[[], Awaitable[Any]]) -> None:
        try:
            await chore()
        except VenueError as error:
            self.streams.outlet.put(Fault(error, self.time.now_ms()))

    def _throttle(self, folder: Path | None) -> Throttle | None:
        if folder is None:
            return None
        rate = 1000.0 / float(self.client.rateLimit)
        requests = Allowance(rate, max(rate * BURST_S, 1.0))
        orders = Allowance(ORDERS_PER_S, ORDERS_AT_ONCE)
        return Throttle.at(folder, self.facts.name, self.account, self.time, requests=requests, orders=orders)

    def _new_client(self, listener: Any) -> Any:
        client = make_client(self.facts, throttle=self.throttle, listener=listener, **self._made)  # type: ignore[arg-type]
        share_markets(client, self.client)
        return client
