"""What is fuzzed. Each target takes bytes and must end in a value or in one of our errors, and within a second."""

from __future__ import annotations

import asyncio
import functools
import json
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from workbench.connectors import Allowance, CcxtConnector, Keys, SimulatedVenue, SystemClock
from workbench.connectors.ccxt import parsing
from workbench.connectors.ccxt.fields import Unreadable
from workbench.connectors.ccxt.sockets import Generation, Line
from workbench.connectors.paper import Memory
from workbench.connectors.simulated.clock import Clock as VenueClock
from workbench.connectors.simulated.endpoints import Call
from workbench.connectors.simulated.params import Params
from workbench.connectors.simulated.refusals import Refusal
from workbench.connectors.simulated.rest import encode
from workbench.connectors.throttle import Budget
from workbench.errors import WorkbenchError

PAIRS = (("BTC", "USDT"), ("ETH", "USDT"))
NAMES = {"okx": "{}-{}", "hyperliquid": "{}"}
Target = Callable[[bytes], None]


def rest(venue: str, *, perpetual: bool = False) -> Target:
    """A text as the answer to one of a connector's questions; its first byte says which."""

    def take(data: bytes) -> None:
        connector, asks = _asked(venue, perpetual)
        text = data[1:].decode("utf-8", "replace")

        async def answer(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
            client = connector.client
            read = client.parse_json(text)
            status = 200 if data[:1] < b"\xe0" else 400
            client.handle_errors(status, "", url, method, {}, text, read, {}, None)
            client.handle_http_status_code(status, "", url, method, text)
            return read if read is not None else text

        connector.client.fetch = answer
        _know(connector)
        _loop().run_until_complete(_outcome(asks[(data[0] if data else 0) % len(asks)]))

    return take


def socket(venue: str, *, perpetual: bool = False, own: bool = False) -> Target:
    """A text as a message on a socket: of a market, or of our own orders."""

    def take(data: bytes) -> None:
        import aiohttp

        connector, line, stream = _listening(venue, perpetual, own)
        stream.on_error = lambda error: None  # closing it is the loop's affair
        message = aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, data.decode("utf-8", "replace"), "")
        stream.handle_message(message)
        while connector.streams.outlet.get_now() is not None:
            continue
        line.now = None

    return take


def unified(data: bytes) -> None:
    """A text as what ccxt makes of an answer, through each of our readers."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    one = Decimal(1)
    readers: list[Callable[[], object]] = [
        lambda: parsing.reports(value, one, default_ms=1), lambda: parsing.fill(value, one),
        lambda: parsing.trade(value, one), lambda: parsing.bars(value, "BTC/USDT", "1m"),
        lambda: parsing.quote(value, default_ms=1), lambda: parsing.ticker(value, default_ms=1),
        lambda: parsing.balances(value), lambda: parsing.position(value, one), lambda: parsing.funding_payment(value),
        lambda: parsing.funding_rate(value, default_ms=1), lambda: parsing.rules(value, in_steps=True),
        lambda: parsing.levels(value, "bids"),
    ]  # fmt: skip
    for read in readers:
        try:
            read()
        except Unreadable:
            continue


def memory(data: bytes) -> None:
    """A text as the file of a paper account."""
    path = Path(tempfile.gettempdir()) / "fuzzed-paper-account.jsonl"
    path.write_bytes(data)
    try:
        Memory(path).load()
    except WorkbenchError:
        return


def budget(data: bytes) -> None:
    """Bytes as the file of a budget that several processes share: they never shut it for longer than a ban lasts."""
    path = Path(tempfile.gettempdir()) / "fuzzed.budget"
    path.write_bytes(data)
    clock = HandClock()
    spent = Budget(path, Allowance(10.0, 20.0), clock, patience_s=1e9)
    waited = _loop().run_until_complete(spent.take(1.0, urgent=True))
    assert 0.0 <= waited < 8 * 86_400.0, waited


def venue(data: bytes) -> None:
    """A text as the parameters of a request to the simulated venue: it answers, or says no in the venue's words."""
    try:
        values = json.loads(data[1:])
    except (ValueError, RecursionError):
        return
    if not isinstance(values, dict):
        return
    side, endpoint = _doors()[(data[0] if data else 0) % len(_doors())]
    words = {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    try:
        answer = endpoint.answer(Call(side, Params(words), side.core.accounts["trader"]))
        encode(answer)
    except Refusal:
        return


def venue_socket(data: bytes) -> None:
    """A text as a message to the simulated venue's WebSocket API: exactly one answer comes back."""
    api, ear = _api()
    ear.heard.clear()
    api._receive(ear, data.decode("utf-8", "replace"))
    assert len(ear.heard) == 1, ear.heard
    json.loads(ear.heard[0])


TARGETS: dict[str, Target] = {
    "unified": unified,
    "memory": memory,
    "budget": budget,
    "venue": venue,
    "venue_socket": venue_socket,
    "bybit_market": socket("bybit"),
    "okx_market": socket("okx"),
    "kraken_market": socket("kraken"),
    "hyperliquid_market": socket("hyperliquid", perpetual=True),
    "binance_rest": rest("binance"),
    "binanceusdm_rest": rest("binance", perpetual=True),
    "binance_market": socket("binance"),
    "binanceusdm_market": socket("binance", perpetual=True),
    "binance_own": socket("binance", own=True),
    "binanceusdm_own": socket("binance", perpetual=True, own=True),
    "bybit_rest": rest("bybit"),
    "okx_rest": rest("okx"),
    "kraken_rest": rest("kraken"),
    "hyperliquid_rest": rest("hyperliquid", perpetual=True),
}


# --- what they stand on ----------------------------------------------------------------------------------------------


async def _outcome(ask: Callable[[], Any]) -> None:
    try:
        await ask()
    except WorkbenchError:
        return


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


class HandClock:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.s = 1_000.0

    def now_ms(self) -> int:
        return int(1_700_000_000_000 + self.s * 1_000)

    def steady_s(self) -> float:
        return self.s

    async def sleep(self, seconds: float) -> None:
        self.s += seconds


class Ear:
    """Stands where a socket of the venue would: it keeps what is said."""

    address = "127.0.0.1"
    opened_ms = 0

    def __init__(self) -> None:
        self.heard: list[str] = []

    def say(self, value: object) -> None:
        self.heard.append(encode(value))

    def pass_on(self, name: str, text: str, *, user: bool) -> None:
        """Events are another target's affair."""


@functools.cache
def _venue() -> SimulatedVenue:
    money = {"USDT": Decimal(10) ** 9, "BTC": Decimal(10) ** 6}
    made = SimulatedVenue(accounts={"trader": money}, clock=VenueClock(1_700_000_000_000, manual=True))
    for perpetual in (False, True):
        made.control.book("BTCUSDT", [(59_990, 5)], [(60_010, 5)], perpetual=perpetual)
        made.control.trade("BTCUSDT", 60_000, 1, perpetual=perpetual)
    return made


@functools.cache
def _doors() -> list[tuple[Any, Any]]:
    sides = _venue().sides.values()
    return [(side.desk, endpoint) for side in sides for endpoint in side.rest.endpoints.values()]


@functools.cache
def _api() -> tuple[Any, Any]:
    made = _venue()
    made.spot.weights.change("REQUEST_WEIGHT", 10**12)
    return made.sides["spot"].api, Ear()


def _connector(venue: str, perpetual: bool) -> CcxtConnector:
    async def make() -> CcxtConnector:
        made = CcxtConnector(
            venue, clock=SystemClock(), chance=Random(1), perpetual=perpetual,
            keys=Keys("key", "c2VjcmV0", "password", "0x" + "1" * 40),
            urls={"http": "http://127.0.0.1:9", "ws": "ws://127.0.0.1:9"}, config={"enableRateLimit": False},
        )  # fmt: skip
        made.patience_s = 0.2
        _know(made)
        return made

    return _loop().run_until_complete(make())


@functools.cache
def _asked(venue: str, perpetual: bool) -> tuple[CcxtConnector, list[Callable[[], Any]]]:
    connector = _connector(venue, perpetual)
    symbol = "BTC/USDT:USDT" if perpetual else "BTC/USDT"
    asks: list[Callable[[], Any]] = [
        connector.refresh_rules, lambda: connector.trades(symbol), lambda: connector.ticker(symbol),
        lambda: connector.candles(symbol, "1m", 0), connector.balances, lambda: connector.open_orders(symbol),
        lambda: connector.order(symbol, "wb1", venue_id="1"), lambda: connector._fills_page(symbol, 0),
        lambda: connector.levels(symbol), lambda: connector.cancel(symbol, client_id="wb1", venue_id="1"),
    ]  # fmt: skip
    if perpetual:
        asks += [
            connector.positions, lambda: connector.funding_rate(symbol), lambda: connector.leverage(symbol),
            lambda: connector.funding_payments(symbol, 0), connector.is_hedged, lambda: connector.margin_mode(symbol),
        ]  # fmt: skip
    return connector, asks


@functools.cache
def _listening(venue: str, perpetual: bool, own: bool) -> tuple[CcxtConnector, Line, Any]:
    connector = _connector(venue, perpetual)
    symbol = "BTC/USDT:USDT" if perpetual else "BTC/USDT"
    line = Line("" if own else symbol, connector.streams, connector.time, Random(1), lifetime_s=1e9)

    async def make() -> Any:
        generation = Generation(line)
        generation.client = connector._new_client(generation)
        connector.streams.book(symbol)
        path = "/ws-api/v3" if own and not perpetual else "/stream/ws" if not perpetual else "/ws"
        return generation.client.client("ws://127.0.0.1:9" + path)

    connector.streams.lines[line.name] = line
    return connector, line, _loop().run_until_complete(make())


def _know(connector: CcxtConnector) -> None:
    client, perpetual = connector.client, connector.perpetual
    client.currencies = {}
    client.set_markets([_market(client, connector.venue, base, quote, perpetual) for base, quote in PAIRS])
    connector.rules = connector._read_rules(client.markets.values())


def _market(client: Any, venue: str, base: str, quote: str, perpetual: bool) -> dict[str, Any]:
    name = NAMES.get(venue, "{}{}").format(base, quote)
    settle = {"settle": quote, "settleId": quote, "contractSize": 1.0} if perpetual else {"settle": None}
    market = {
        "id": name, "lowercaseId": name.lower(), "symbol": f"{base}/{quote}" + (f":{quote}" if perpetual else ""),
        "base": base, "quote": quote, "baseId": base, "quoteId": quote, "type": "swap" if perpetual else "spot",
        "spot": not perpetual, "swap": perpetual, "contract": perpetual, "linear": perpetual or None, "active": True,
        "inverse": False if perpetual else None, "margin": False, "future": False, "option": False, **settle,
        "precision": {"amount": 1e-5, "price": 0.01}, "limits": {"amount": {}, "price": {}, "cost": {}},
        "info": {"orderTypes": ["LIMIT", "MARKET"]},
    }  # fmt: skip
    return client.safe_market_structure(market)
