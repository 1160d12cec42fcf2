"""The simulated venue: a real server on loopback around the core."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from aiohttp import web

from workbench.connectors.simulated.accounts import Account
from workbench.connectors.simulated.clock import Clock
from workbench.connectors.simulated.core import Core
from workbench.connectors.simulated.desk import Desk
from workbench.connectors.simulated.events import Event, Open, Report
from workbench.connectors.simulated.faults import Faults
from workbench.connectors.simulated.rest import Rest
from workbench.connectors.simulated.rest_spot import PUBLIC
from workbench.connectors.simulated.symbols import Symbol
from workbench.connectors.simulated.trading_spot import PRIVATE
from workbench.connectors.simulated.urls import ccxt_config

T = TypeVar("T")
Money = Mapping[str, Any]  # asset → amount
CASH = {"USDT": Decimal(10_000)}
LOOPBACK = "127.0.0.1"
USUAL = (("BTC/USDT", 60_000), ("ETH/USDT", 3_000), ("BTC/USDT:USDT", 60_000), ("ETH/USDT:USDT", 3_000))


class SimulatedVenue:
    """A venue of your own, on loopback: `async with` it in a program that has an event loop, or `with` it elsewhere.

    Parameters
    ----------
    symbols : iterable of Symbol
        What it trades. Left out: bitcoin and ether against USDT, spot and perpetual.
    accounts : mapping of str to mapping
        Names, and the money that each has to begin with in both wallets. Left out: "trader" with 10,000 USDT.
    faults : Faults, optional
        What goes wrong.
    clock : Clock, optional
        Left out: the wall's.
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
        self, symbols: Iterable[Symbol] | None = None, *, accounts: Mapping[str, Money] | None = None,
        faults: Faults | None = None, clock: Clock | None = None, seed: int = 0, host: str = LOOPBACK,
        spot_port: int = 0, futures_port: int = 0, control_port: int = 0,
    ) -> None:  # fmt: skip
        self.clock, self.faults, self.seed, self.host = clock or Clock(), faults or Faults(seed), seed, host
        self.core = Core(symbols if symbols is not None else usual_symbols(), seed=seed, start_ms=self.clock.now_ms())
        self._ports = {"spot": spot_port, "futures": futures_port, "control": control_port}
        self._bound: dict[str, int] = {}
        self._runners: list[web.AppRunner] = []
        self.spot = Desk(self.core, self.clock, self.faults, self.publish, perpetual=False)
        self.futures = Desk(self.core, self.clock, self.faults, self.publish, perpetual=True)
        for name, money in (accounts if accounts is not None else {"trader": CASH}).items():
            self._open(name, money)

    # --- its doors ---------------------------------------------------------------------------------------------------

    @property
    def spot_url(self) -> str:
        """Where the spot side listens, such as http://127.0.0.1:8090."""
        return f"http://{self.host}:{self._bound['spot']}"

    @property
    def futures_url(self) -> str:
        """Where the USD-M futures side listens."""
        return f"http://{self.host}:{self._bound['futures']}"

    def account(self, name: str = "trader") -> Account:
        """An account, with its key and secret."""
        return self.core.accounts[name]

    def ccxt(self, account: str = "trader", *, perpetual: bool = False) -> dict[str, Any]:
        """The argument that makes `ccxt.binance` trade here as an account, or with `perpetual` `ccxt.binanceusdm`."""
        return ccxt_config(self.spot_url, self.futures_url, self.account(account), perpetual=perpetual)

    # --- what happens ------------------------------------------------------------------------------------------------

    def publish(self, reports: list[Report]) -> None:
        """Send reports to whoever listens."""

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
        for name, desk, endpoints in (("spot", self.spot, [*PUBLIC, *PRIVATE]), ("futures", self.futures, [])):
            app = web.Application()
            Rest(desk, endpoints).add_to(app)
            await self._serve(name, app)
        return self

    async def __aexit__(self, *exception: object) -> None:
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()

    def __enter__(self) -> SimulatedVenue:
        loop = asyncio.new_event_loop()
        self._own = threading.Thread(target=loop.run_forever, name="simulated venue", daemon=True)
        self._own.start()
        asyncio.run_coroutine_threadsafe(self.__aenter__(), loop).result()
        return self

    def __exit__(self, *exception: object) -> None:
        asyncio.run_coroutine_threadsafe(self.__aexit__(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._own.join()
        self._loop.close()

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


def usual_symbols() -> list[Symbol]:
    """Bitcoin and ether against USDT, spot and perpetual."""
    return [Symbol.of(name, price) for name, price in USUAL]
