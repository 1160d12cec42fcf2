"""A bare client: it signs, and hides nothing of what comes back."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from yarl import URL

from workbench.connectors.simulated import Clock, Faults, SimulatedVenue, Symbol
from workbench.connectors.simulated.signing import hmac_of, socket_payload

START = 1_700_000_000_000
PLAIN = {"tick": "0.01", "lot": "0.001", "max_amount": "1000", "market_max_amount": "1000"}
BIDS, ASKS = [(99, 10), (98, 10)], [(101, 10), (102, 10)]


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Any

    @property
    def code(self) -> int:
        return int(self.body["code"])


class Client:
    """One customer of a venue."""

    def __init__(self, venue: SimulatedVenue, http: aiohttp.ClientSession, account: str = "trader") -> None:
        self.venue, self.http, self.account = venue, http, venue.account(account)
        self.key, self.signature = self.account.key, lambda payload: hmac_of(self.account.secret, payload)

    def with_key(self, key: str, signature: Callable[[str], str]) -> Client:
        """The same customer under another API key."""
        other = Client(self.venue, self.http, self.account.name)
        other.key, other.signature = key, signature
        return other

    def with_ed25519(self) -> Client:
        """The same customer under an Ed25519 key."""
        key, pem = self.venue.ed25519(self.account.name)
        private: Any = load_pem_private_key(pem.encode(), None)
        return self.with_key(key, lambda payload: base64.b64encode(private.sign(payload.encode())).decode())

    def url(self, path: str) -> str:
        futures = path.startswith(("/fapi", "/futures", "/dapi"))
        return (self.venue.futures_url if futures else self.venue.spot_url) + path

    async def get(self, path: str, **params: Any) -> Answer:
        return await self.ask("GET", path, params)

    async def ask(self, method: str, path: str, params: dict[str, Any] | None = None, *, headers: Any = None,
                  timeout: float = 20) -> Answer:  # fmt: skip
        query = urlencode(params or {})
        wait = aiohttp.ClientTimeout(total=timeout)
        url = URL(f"{self.url(path)}?{query}", encoded=True)  # what is signed is sent to the byte
        async with self.http.request(method, url, headers=headers, timeout=wait) as answer:
            return await read(answer)

    async def signed(self, method: str, path: str, *, timeout: float = 20, **params: Any) -> Answer:
        return await self.ask(method, path, self.sign(params), headers=self.keyed, timeout=timeout)

    async def order(
        self, side: str = "BUY", kind: str = "LIMIT", *, path: str = "/api/v3/order", **params: Any
    ) -> Answer:
        usual = {"quantity": 1, "price": 98, "timeInForce": "GTC"} if kind == "LIMIT" else {"quantity": 1}
        return await self.signed("POST", path, **({"symbol": "BTCUSDT", "side": side, "type": kind} | usual | params))

    def sign(self, params: dict[str, Any]) -> dict[str, Any]:
        whole = {"timestamp": self.venue.clock.server_ms(), **params}
        return whole | {"signature": self.signature(urlencode(whole))}

    @property
    def keyed(self) -> dict[str, str]:
        return {"X-MBX-APIKEY": self.key}

    @asynccontextmanager
    async def socket(self, path: str, *, futures: bool = False) -> AsyncIterator[Socket]:
        base = self.venue.futures_url if futures else self.venue.spot_url
        async with self.http.ws_connect(base + path, autoping=False) as ws:
            yield Socket(ws, self)


class Socket:
    """One WebSocket."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, client: Client) -> None:
        self.ws, self.client = ws, client

    async def say(self, value: Any) -> None:
        await self.ws.send_str(value if isinstance(value, str) else json.dumps(value))

    async def hear(self, timeout: float = 10) -> Any:
        message = await self.ws.receive(timeout)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        return json.loads(message.data)

    async def until(self, wanted: Callable[[Any], Any], timeout: float = 10) -> Any:
        while True:
            heard = await self.hear(timeout)
            if wanted(heard):
                return heard

    async def call(self, method: str, *, sign: bool = False, **params: Any) -> Any:
        await self.ask(method, sign=sign, **params)
        return await self.until(lambda heard: heard.get("id") == method)

    async def ask(self, method: str, *, sign: bool = False, **params: Any) -> None:
        if sign:
            params |= {"apiKey": self.client.key, "timestamp": self.client.venue.clock.server_ms()}
            payload = socket_payload({name: str(value) for name, value in params.items()})
            params["signature"] = self.client.signature(payload)
        await self.say({"id": method, "method": method, "params": params})

    async def subscribe(self, *names: str) -> Any:
        await self.say({"method": "SUBSCRIBE", "params": names, "id": 1})
        return await self.until(lambda heard: heard.get("id") == 1)

    async def is_closed(self, timeout: float = 10) -> bool:
        while (await self.ws.receive(timeout)).type not in CLOSING:
            pass
        return True


CLOSING = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


async def read(answer: aiohttp.ClientResponse) -> Answer:
    text = await answer.text()
    is_json = answer.content_type == "application/json"
    return Answer(answer.status, json.loads(text) if is_json else text, answer.headers)


@asynccontextmanager
async def opened(*, faults: Faults | None = None, clock: Clock | None = None, money: Any = None,
                 **rules: Any) -> AsyncIterator[tuple[SimulatedVenue, Client]]:  # fmt: skip
    """A venue with the touch at 99 and 101 on both sides, under a clock that is moved by hand, and a client of it."""
    symbols = [Symbol.of(name, 100).changed(**{**PLAIN, **rules}) for name in ("BTC/USDT", "BTC/USDT:USDT")]
    accounts = {name: money or {"USDT": 10_000, "BTC": 10} for name in ("trader", "other")}
    made = SimulatedVenue(symbols, accounts=accounts, faults=faults, clock=clock or Clock(START, manual=True))
    async with made as venue, aiohttp.ClientSession() as http:
        for perpetual in (False, True):
            venue.control.book("BTCUSDT", BIDS, ASKS, perpetual=perpetual)
            venue.control.trade("BTCUSDT", 100, 0.001, perpetual=perpetual)
        yield venue, Client(venue, http)


def wired(test: Callable[..., Any]) -> Callable[[], None]:
    """Run an asynchronous test on a venue of its own; the test's defaults of `venue_with` make it."""
    given = getattr(test, "given", {})

    def run() -> None:
        async def whole() -> None:
            async with opened(**given) as (venue, client):
                await test(venue, client)

        asyncio.run(asyncio.wait_for(whole(), 120))

    run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
    return run


def given(**venue: Any) -> Callable[[Any], Any]:
    """What the venue of a test is made with."""

    def mark(test: Any) -> Any:
        test.given = venue
        return test

    return mark
