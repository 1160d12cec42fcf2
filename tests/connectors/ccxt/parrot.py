"""A server on loopback that says what it was told to say, whatever it is asked; and connectors that ask it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from aiohttp import web

from workbench.connectors import CcxtConnector, Keys, SystemClock

PAIRS = (("BTC", "USDT"), ("ETH", "USDT"))
IDS = {
    "binance": "{}{}",
    "bybit": "{}{}",
    "okx": "{}-{}",
    "kraken": "{}{}",
    "hyperliquid": "{}",
}


class Parrot:
    """Says `body` with `status` and `headers`; `asked` counts the requests.

    With `holds`, the answer to the next request is made at once and only sent when that is set.
    """

    def __init__(self) -> None:
        self.body: bytes = b"{}"
        self.status = 200
        self.headers: dict[str, str] = {}
        self.kind = "application/json"
        self.holds: asyncio.Event | None = None
        self.asked = 0
        self.heard: list[tuple[str, str, str, str]] = []  # method, path, query, body
        self.url = ""

    def say(self, body: Any, status: int = 200, headers: dict[str, str] | None = None, kind: str = "") -> None:
        """From now on, this."""
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status, self.headers, self.kind = status, headers or {}, kind or "application/json"

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        self.heard.append((request.method, request.path, request.rel_url.raw_query_string, await request.text()))
        said = web.Response(body=self.body, status=self.status, headers=self.headers, content_type=self.kind)
        held, self.holds = self.holds, None
        if held is not None:
            await held.wait()
        return said


@asynccontextmanager
async def parrot() -> AsyncIterator[Parrot]:
    """A parrot that listens."""
    bird = Parrot()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", bird.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    bird.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield bird
    finally:
        await runner.cleanup()


def asking(bird: Parrot, venue: str, *, perpetual: bool = False) -> CcxtConnector:
    """A connector that asks the parrot, with two instruments that it knows already."""
    keys = Keys("key", "c2VjcmV0", "password", "0x" + "1" * 40)
    urls = {"http": bird.url, "ws": bird.url.replace("http", "ws")}
    connector = CcxtConnector(
        venue, clock=SystemClock(), chance=Random(1), perpetual=perpetual, keys=keys, urls=urls,
        config={"enableRateLimit": False, "timeout": 3_000},
    )  # fmt: skip
    know(connector)
    return connector


def know(connector: CcxtConnector) -> None:
    """Give a connector its instruments without asking for them."""
    client, perpetual = connector.client, connector.perpetual
    client.currencies = {}
    client.set_markets([_market(client, connector.venue, base, quote, perpetual) for base, quote in PAIRS])
    connector.rules = connector._read_rules(client.markets.values())


def _market(client: Any, venue: str, base: str, quote: str, perpetual: bool) -> dict[str, Any]:
    name = IDS.get(venue, "{}{}").format("XBT" if (venue, base) == ("kraken", "BTC") else base, quote)
    if perpetual and venue == "okx":
        name += "-SWAP"
    symbol = f"{base}/{quote}:{quote}" if perpetual else f"{base}/{quote}"
    assets = {"base": base, "quote": quote, "baseId": base, "quoteId": quote}
    settle = {"settle": quote, "settleId": quote, "contractSize": "1"} if perpetual else {"settle": None}
    kinds = {"spot": not perpetual, "swap": perpetual, "contract": perpetual, "linear": perpetual or None}
    others = {"margin": False, "future": False, "option": False, "inverse": False if perpetual else None}
    limits = {"amount": {"min": "0.00001"}, "price": {}, "cost": {"min": "5"}}
    market = {
        "id": name, "lowercaseId": name.lower(), "symbol": symbol, "type": "swap" if perpetual else "spot",
        **assets, **settle, **kinds, **others, "active": True, "limits": limits, "maker": "0.001", "taker": "0.001",
        "precision": {"amount": "0.00000001", "price": "0.01"},
        "info": {"orderTypes": ["LIMIT", "MARKET", "STOP_LOSS_LIMIT"]},
    }  # fmt: skip
    return client.safe_market_structure(market)
