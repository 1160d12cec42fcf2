"""Unmodified ccxt, in all three of its forms, makes every unified call over loopback. `-s` prints the table."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest

from workbench.connectors.simulated import SeededMarket, SimulatedVenue

from .calls import PERP, PERP_CALLS, PERP_SOCKET_CALLS, SPOT, SPOT_CALLS, SPOT_SOCKET_CALLS, Asked, unwatched, watched

MODULES = {"sync": ccxt, "async": ccxt.async_support, "pro": ccxt.pro}
PRIVATE = ("watch_orders", "watch_my_trades", "watch_balance", "watch_positions")
CLASSES = {False: "binance", True: "binanceusdm"}
SIDES = pytest.mark.parametrize("perpetual", [False, True], ids=["spot", "usdm"])


@pytest.fixture
def venue() -> Iterator[SimulatedVenue]:
    with SimulatedVenue(sources=SeededMarket(seed=5, rate=20), accounts={"trader": {"USDT": 50_000, "BTC": 1}}) as made:
        for perpetual in (False, True):
            made.control.trade("BTCUSDT", 60_000, 0.01, perpetual=perpetual)
        yield made


def exchange(venue: SimulatedVenue, flavour: str, *, perpetual: bool) -> Any:
    made = getattr(MODULES[flavour], CLASSES[perpetual])(venue.ccxt(perpetual=perpetual))
    assert not list(foreign(made.urls["api"]))
    made.enableRateLimit = False
    return made


def foreign(urls: Any) -> Iterator[str]:
    """Addresses that are not on loopback."""
    for value in urls.values():
        if isinstance(value, dict):
            yield from foreign(value)
        elif "//127.0.0.1:" not in value:
            yield value


async def make(exchange: Any, asked: list[Asked], flavour: str, side: str) -> None:
    left: dict[str, Any] = {}
    for call in asked:
        answer = call.ask(exchange, left)
        answer = await answer if inspect.isawaitable(answer) else answer
        assert call.holds(answer), f"{call.name}: {answer}"
        left[call.keeps or call.name] = answer
        print(f"{flavour:6}{side:6}{call.name:34}ok")  # noqa: T201 - the table, for whoever runs it with -s


@SIDES
@pytest.mark.parametrize("flavour", MODULES)
def test_every_unified_call_is_answered(venue, flavour, perpetual):
    async def run() -> None:
        client = exchange(venue, flavour, perpetual=perpetual)
        try:
            await make(client, PERP_CALLS if perpetual else SPOT_CALLS, flavour, "usdm" if perpetual else "spot")
        finally:
            if flavour != "sync":
                await client.close()

    asyncio.run(run())


@SIDES
def test_every_call_over_the_socket_api_is_answered(venue, perpetual):
    async def run() -> None:
        client = exchange(venue, "pro", perpetual=perpetual)
        try:
            await client.load_markets()
            side = "usdm" if perpetual else "spot"
            await make(client, PERP_SOCKET_CALLS if perpetual else SPOT_SOCKET_CALLS, "ws-api", side)
        finally:
            await client.close()

    asyncio.run(run())


@SIDES
def test_everything_can_be_watched(venue, perpetual):
    async def run() -> None:
        client, symbol = exchange(venue, "pro", perpetual=perpetual), PERP if perpetual else SPOT
        heard: dict[str, Any] = {}

        async def listen(name: str, watch: Any) -> None:
            heard[name] = await watch(client)

        try:
            await client.load_markets()
            calls = watched(symbol, perpetual=perpetual)
            listening = {name: asyncio.create_task(listen(name, watch)) for name, watch in calls.items()}
            private = [listening[name] for name in PRIVATE if name in listening]
            sides = cycle(["buy", "sell"])
            while not all(task.done() for task in private):  # what is private is heard once something happens
                await client.create_order(symbol, "market", next(sides), 0.01)
                await asyncio.wait(private, timeout=0.2)
            await asyncio.gather(*listening.values())
        finally:
            await client.close()
        for name, answer in heard.items():
            assert answer, name
            print(f"{'pro':6}{'usdm' if perpetual else 'spot':6}{name:34}ok")  # noqa: T201 - as above

    asyncio.run(asyncio.wait_for(run(), 120))


@SIDES
def test_what_is_watched_can_be_left(venue, perpetual):
    async def run() -> None:
        client, symbol = exchange(venue, "pro", perpetual=perpetual), PERP if perpetual else SPOT
        side = venue.sides["futures" if perpetual else "spot"]
        try:
            await client.load_markets()
            for name, (watch, leave) in unwatched(symbol, perpetual=perpetual).items():
                await watch(client)
                assert side.streams.listeners, name
                await leave(client)
                assert not side.streams.listeners, name
                print(f"{'pro':6}{'usdm' if perpetual else 'spot':6}{name:34}ok")  # noqa: T201 - as above
        finally:
            await client.close()

    asyncio.run(asyncio.wait_for(run(), 60))


def test_liquidation_is_heard_by_whoever_watches(venue):
    async def run() -> None:
        client = exchange(venue, "pro", perpetual=True)
        try:
            await client.load_markets()
            balance = asyncio.ensure_future(client.watch_balance())  # ccxt stumbles over the first it hears otherwise
            while not venue.sides["futures"].users.connections():
                await asyncio.sleep(0.01)
            await client.create_order(PERP, "market", "buy", 0.1)
            await balance
            calls = [client.watch_liquidations(PERP), client.watch_my_liquidations(PERP)]
            listening = [asyncio.ensure_future(call) for call in calls]
            while "btcusdt@forceOrder" not in venue.sides["futures"].streams.listeners:
                await asyncio.sleep(0.01)
            venue.call(lambda: venue.control.liquidate("BTCUSDT"))
            public, own = await asyncio.gather(*listening)
            assert (public[0]["contracts"], own[0]["symbol"]) == (0.1, PERP)
        finally:
            await client.close()

    asyncio.run(asyncio.wait_for(run(), 60))


@pytest.mark.parametrize("name", ["binance", "binanceusdm"])
def test_markets_load_with_every_kind_of_market_asked_for(name):
    """With keys ccxt asks the wallet too: currencies, and the pairs of margin trading."""
    with SimulatedVenue() as venue:
        config = venue.ccxt()
        for keys in ({}, {"apiKey": config["apiKey"], "secret": config["secret"]}):
            plain = getattr(ccxt, name)({"urls": config["urls"], **keys})
            markets = plain.load_markets()
            assert PERP in markets
            assert (SPOT in markets) == (name == "binance")
            assert not keys or plain.currencies["BTC"]["precision"] == 1e-8
