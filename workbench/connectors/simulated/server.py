"""The simulated venue: a real server on loopback around the core."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import heapq
import threading
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from aiohttp import web

from workbench.connectors.simulated import (
    account_futures,
    account_spot,
    rest_futures,
    rest_spot,
    rest_statistics,
    rest_wallet,
    trading_futures,
    trading_spot,
)
from workbench.connectors.simulated.accounts import Account
from workbench.connectors.simulated.clock import Clock
from workbench.connectors.simulated.control import Control
from workbench.connectors.simulated.control_http import ControlDoor
from workbench.connectors.simulated.core import Core
from workbench.connectors.simulated.desk import Desk
from workbench.connectors.simulated.endpoints import Endpoint
from workbench.connectors.simulated.events import Event, Open, Report, Tick
from workbench.connectors.simulated.faults import Faults
from workbench.connectors.simulated.keys import own_pair
from workbench.connectors.simulated.refusals import Refusal
from workbench.connectors.simulated.rest import Rest
from workbench.connectors.simulated.sockets import Connection
from workbench.connectors.simulated.sources import Source
from workbench.connectors.simulated.streams import Streams
from workbench.connectors.simulated.symbols import Symbol
from workbench.connectors.simulated.urls import ccxt_config
from workbench.connectors.simulated.user_streams import UserStreams
from workbench.connectors.simulated.ws_api import WsApi

T = TypeVar("T")
Money = Mapping[str, Any]  # asset → amount
CASH = {"USDT": Decimal(10_000)}
LOOPBACK = "127.0.0.1"
BEAT, LEAST_WAIT = 0.01, 0.001  # seconds between two looks at what is due
MOST_AT_ONCE = 200  # events of sources between two looks at the clients
SPOT_ENDPOINTS = [*rest_spot.PUBLIC, *trading_spot.PRIVATE, *account_spot.ACCOUNT, *rest_wallet.WALLET]
FUTURES_ENDPOINTS = [*rest_futures.PUBLIC, *rest_statistics.PUBLIC, *trading_futures.PRIVATE, *account_futures.ACCOUNT]
USUAL = (("BTC/USDT", 60_000), ("ETH/USDT", 3_000), ("BTC/USDT:USDT", 60_000), ("ETH/USDT:USDT", 3_000))


class Side:
    """One side of the venue: its counter, and the doors in front of it."""

    def __init__(self, desk: Desk, endpoints: list[Endpoint]) -> None:
        self.desk = desk
        self.users = UserStreams(desk)
        self.streams = Streams(desk, self.users)
        self.api = WsApi(desk, self.users, endpoints)
        self.rest = Rest(desk, endpoints)

    def app(self) -> web.Application:
        """All of its doors, on one port."""
        app = web.Application()
        self.streams.add_to(app)
        self.api.add_to(app)
        self.rest.add_to(app)
        return app

    def sockets(self) -> list[Connection]:
        """Every socket that is open."""
        return [*self.streams.connections, *self.api.connections]

    def cut(self) -> None:
        """End every socket without a word."""
        for connection in self.sockets():
            connection.cut()


class SimulatedVenue:
    """A venue of your own, on loopback.

    `async with` it in a program that has an event loop; elsewhere `with` it, or `open` and `close` it.

    Parameters
    ----------
    symbols : iterable of Symbol
        What it trades. Left out: what its sources have; without one bitcoin and ether against USDT, spot and perpetual.
    sources : Source or iterable of Source
        Where prices come from: `CandleSource`, `RecordedSource`, `SeededMarket`, `Crowd`. Without one the books are
        empty until somebody quotes; `venue.control.book` is somebody.
    accounts : mapping of str to mapping
        Names, and the money that each has to begin with in both wallets. Left out: "trader" with 10,000 USDT.
    faults : Faults, optional
        What goes wrong.
    clock : Clock, optional
        Left out: the wall's, or in a replay one that begins where it does and runs `speed` times as fast.
    seed : int
        Of keys and of the ids that the venue makes up.
    spot_port, futures_port, control_port : int
        0: any that is free.

    Examples
    --------
    >>> with SimulatedVenue() as venue:                                                       # doctest: +SKIP
    ...     binance = ccxt.binance(venue.ccxt())
    """

    def __init__(
        self, symbols: Iterable[Symbol] | None = None, *, sources: Source | Iterable[Source] = (),
        accounts: Mapping[str, Money] | None = None, faults: Faults | None = None, clock: Clock | None = None,
        speed: float = 1.0, seed: int = 0, host: str = LOOPBACK, spot_port: int = 0, futures_port: int = 0,
        control_port: int = 0,
    ) -> None:  # fmt: skip
        self.sources = list(sources) if isinstance(sources, Iterable) else [sources]
        self.clock, self.faults = clock or _clock(self.sources, speed), faults or Faults(seed)
        self.seed, self.host, self._thread = seed, host, threading.get_ident()
        sourced = [rules for source in self.sources for rules in source.symbols]
        listed = list(symbols) if symbols is not None else sourced or usual_symbols()
        self.core = Core(listed, seed=seed, start_ms=self.clock.now_ms())
        self._ports = {"spot": spot_port, "futures": futures_port, "control": control_port}
        self._bound: dict[str, int] = {}
        self._runners: list[web.AppRunner] = []
        self.spot = Desk(self.core, self.clock, self.faults, self.publish, perpetual=False)
        self.futures = Desk(self.core, self.clock, self.faults, self.publish, perpetual=True)
        self.sides = {
            "spot": Side(self.spot, SPOT_ENDPOINTS),
            "futures": Side(self.futures, FUTURES_ENDPOINTS),
        }
        self.control = Control(self)
        for name, money in (accounts if accounts is not None else {"trader": CASH}).items():
            self._open(name, money)
        for source in self.sources:
            source.prepare(self.core)
        self._due = heapq.merge(*(source.events(self.core) for source in self.sources), key=lambda row: row[0])
        self._next: tuple[int, Event] | None = next(self._due, None)

    # --- its doors ---------------------------------------------------------------------------------------------------

    @property
    def spot_url(self) -> str:
        """Where the spot side listens, such as http://127.0.0.1:8090."""
        return f"http://{self.host}:{self._bound['spot']}"

    @property
    def futures_url(self) -> str:
        """Where the USD-M futures side listens."""
        return f"http://{self.host}:{self._bound['futures']}"

    @property
    def control_url(self) -> str:
        """Where the control door listens; see `Control` for its hooks."""
        return f"http://{self.host}:{self._bound['control']}/_ctl"

    def account(self, name: str = "trader") -> Account:
        """An account, with its key and secret."""
        return self.core.accounts[name]

    def ccxt(self, account: str = "trader", *, perpetual: bool = False) -> dict[str, Any]:
        """The argument that makes `ccxt.binance` trade here as an account, or with `perpetual` `ccxt.binanceusdm`."""
        return ccxt_config(self.spot_url, self.futures_url, self.account(account), perpetual=perpetual)

    def ed25519(self, account: str = "trader") -> tuple[str, str]:
        """An API key of an account and the private Ed25519 key, as PEM, that its requests are signed with."""
        private, public = own_pair(f"{self.seed} {account} Ed25519")
        return self.call(lambda: self.control.add_key(public, account)), private

    # --- what happens ------------------------------------------------------------------------------------------------

    def publish(self, reports: list[Report]) -> None:
        """Send reports to whoever listens."""
        for side in self.sides.values():
            side.users.publish(reports)
            side.streams.publish(reports)

    async def pulse(self) -> None:
        """Let everything speak that is due: batches, tickers, pings, keys that end."""
        for side in self.sides.values():
            side.users.pulse()
            await side.streams.pulse()
            await side.api.pulse()

    async def advance(self, milliseconds: int) -> None:
        """Move a manual clock on, and let happen what is due until then."""
        self.clock.advance(milliseconds)
        self.catch_up()
        await self.pulse()

    def catch_up(self, most: int = 1_000_000) -> int:
        """Let happen what is due by now, at most so many events; how many it was."""
        now, done = self.clock.now_ms(), 0
        while self._next is not None and self._next[0] <= now and done < most:
            time_ms, event = self._next
            self._let_happen(event, time_ms)
            self._next, done = next(self._due, None), done + 1
        self._let_happen(Tick(), now)
        return done

    def _let_happen(self, event: Event, time_ms: int) -> None:
        """What the venue refuses a source's participants changes nothing."""
        with contextlib.suppress(Refusal):
            self.core.step(event, time_ms)
        self.publish(self.core.state.reports)

    def step(self, event: Event) -> list[Report]:
        """Let an event happen now; from any thread."""
        return self.call(lambda: self.spot.step(event))

    def call(self, action: Callable[[], T]) -> T:
        """Do something in the venue's own thread, and wait for it."""
        if threading.get_ident() == self._thread:
            return action()

        async def act() -> T:
            return action()

        return asyncio.run_coroutine_threadsafe(act(), self._loop).result()

    # --- opening and closing -----------------------------------------------------------------------------------------

    async def __aenter__(self) -> SimulatedVenue:
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self.clock.begin()
        for name, side in self.sides.items():
            await self._serve(name, side.app())
        await self._serve("control", ControlDoor(self.control).app())
        self._tasks = [] if self.clock.manual else [asyncio.create_task(do()) for do in (self._drive, self._beat)]
        return self

    async def __aexit__(self, *exception: object) -> None:
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        for side in self.sides.values():
            side.cut()
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()
        for error in ended:
            if isinstance(error, Exception):
                raise error  # a source failed while the venue was open

    def open(self) -> SimulatedVenue:
        """Open it in a thread of its own, where no event loop is at hand; `close` ends it."""
        loop = asyncio.new_event_loop()
        self._own = threading.Thread(target=loop.run_forever, name="simulated venue", daemon=True)
        self._own.start()
        asyncio.run_coroutine_threadsafe(self.__aenter__(), loop).result()
        return self

    def close(self) -> None:
        """End what `open` began."""
        asyncio.run_coroutine_threadsafe(self.__aexit__(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._own.join()
        self._loop.close()
        self._thread = threading.get_ident()  # what is asked from now on is asked here

    def __enter__(self) -> SimulatedVenue:
        return self.open()

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        markets = [*self.core.spot.markets.values(), *self.core.perpetual.markets.values()]
        where = f"at {self.spot_url} and {self.futures_url}" if self._runners else "not open"
        return f"A venue {where}, trading {', '.join(market.rules.symbol for market in markets)}"

    async def _drive(self) -> None:
        """Let events happen at their times, and what falls due without one."""
        while True:
            busy = self.catch_up(MOST_AT_ONCE) == MOST_AT_ONCE
            due = BEAT if self._next is None else min(self.clock.seconds_until(self._next[0]), BEAT)
            await asyncio.sleep(0 if busy else max(due, LEAST_WAIT))

    async def _beat(self) -> None:
        while True:
            await self.pulse()
            await asyncio.sleep(BEAT)

    async def _serve(self, name: str, app: web.Application) -> None:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, self.host, self._ports[name]).start()
        self._bound[name] = runner.addresses[0][1]

    def _open(self, name: str, money: Money) -> None:
        key, secret = (hashlib.sha256(f"{self.seed} {name} {word}".encode()).hexdigest() for word in ("key", "secret"))
        amounts = {asset: Decimal(str(amount)) for asset, amount in money.items()}
        self.core.step(Open(name, key, secret, amounts, amounts), self.clock.now_ms())


def _clock(sources: list[Source], speed: float) -> Clock:
    """The wall's time, unless a source has a time of its own."""
    starts = [source.start_ms for source in sources if source.start_ms is not None]
    return Clock(min(starts), speed=speed) if starts else Clock()


def usual_symbols() -> list[Symbol]:
    """Bitcoin and ether against USDT, spot and perpetual."""
    return [Symbol.of(name, price) for name, price in USUAL]
