"""What venues really answered, through our parsers: read as ccxt reads it, or refused by name. Nothing else."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import ccxt
import pytest

from workbench.connectors import CcxtConnector, Fault, Keys, SystemClock
from workbench.connectors.ccxt.sockets import Generation, Line
from workbench.errors import VenueError

from .every_payload import VENUES, ask_all
from .parrot import asking, know, parrot

pytestmark = pytest.mark.shared

STATIC = ["binance", "bybit", "okx", "kraken"]


def close(one: Any, other: Any) -> bool:
    return math.isclose(float(one), float(other), rel_tol=1e-12)


# --- raw and parsed --------------------------------------------------------------------------------------------------


def static(shared: Path, venue: str, method: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((shared / "ccxt-static" / venue).glob(f"{method}_[A-Z]*.json")):
        case = json.loads(path.read_text(encoding="utf-8"))
        yield path.name, case


def raw_of(case: dict[str, Any]) -> Any:
    return case["http_response"] if "http_response" in case else case["requests"][-1]["http_response"]


@pytest.mark.parametrize("venue", STATIC)
def test_recorded_trades_are_read_as_ccxt_reads_them(shared: Path, venue: str) -> None:
    async def run() -> int:
        seen = 0
        async with parrot() as bird:
            connector = asking(bird, venue)
            for _, case in static(shared, venue, "fetch_trades"):
                bird.say(raw_of(case))
                trades = await connector.trades(case["args"][0])
                assert len(trades) == len(case["parsed_response"])
                for trade, parsed in zip(trades, case["parsed_response"], strict=True):
                    assert (trade.trade_id, trade.time_ms) == (parsed["id"], parsed["timestamp"])
                    assert trade.side == {"buy": 1, "sell": -1}[parsed["side"]]
                    assert close(trade.price, parsed["price"])
                    assert close(trade.amount, parsed["amount"])
                    seen += 1
            await connector.close()
        return seen

    assert asyncio.run(run()) >= 5


@pytest.mark.parametrize("venue", STATIC)
def test_recorded_tickers_are_read_as_ccxt_reads_them(shared: Path, venue: str) -> None:
    async def run() -> int:
        seen = 0
        async with parrot() as bird:
            connector = asking(bird, venue)
            for _, case in static(shared, venue, "fetch_ticker"):
                bird.say(raw_of(case))
                ticker, parsed = await connector.ticker(case["args"][0]), case["parsed_response"]
                assert ticker.instrument == parsed["symbol"]
                for ours, theirs in (("last", "last"), ("bid", "bid"), ("ask", "ask"), ("volume", "baseVolume")):
                    assert close(getattr(ticker, ours), parsed[theirs]), ours
                seen += 1
            await connector.close()
        return seen

    assert asyncio.run(run()) >= 1


@pytest.mark.parametrize("venue", STATIC)
def test_recorded_candles_are_read_as_ccxt_reads_them(shared: Path, venue: str) -> None:
    async def run() -> int:
        seen = 0
        async with parrot() as bird:
            connector = asking(bird, venue)
            for _, case in static(shared, venue, "fetch_ohlcv"):
                bird.say(raw_of(case))
                rows = case["parsed_response"]
                since = rows[0][0]
                timeframe = case["args"][1] if len(case["args"]) > 1 else "1m"
                bars = await connector.candles(case["args"][0], timeframe, since, 1_000)
                assert len(bars) == len(rows)
                for bar, row in zip(bars, rows, strict=True):
                    assert bar.time_ms == row[0]
                    assert [bar.open, bar.high, bar.low, bar.close, bar.volume] == pytest.approx(row[1:6], rel=1e-12)
                    seen += 1
            await connector.close()
        return seen

    assert asyncio.run(run()) >= 3


@pytest.mark.parametrize("venue", STATIC)
def test_recorded_books_are_read_as_ccxt_reads_them(shared: Path, venue: str) -> None:
    async def run() -> int:
        seen = 0
        async with parrot() as bird:
            connector = asking(bird, venue)
            for _, case in static(shared, venue, "fetch_order_book"):
                bird.say(raw_of(case))
                book, parsed = await connector.levels(case["args"][0]), case["parsed_response"]
                for side, name in ((1, "bids"), (-1, "asks")):
                    assert book.levels(side, 5) == [(row[0], row[1]) for row in parsed[name][:5]]
                    seen += len(parsed[name][:5])
            await connector.close()
        return seen

    assert asyncio.run(run()) >= 4


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx"])
def test_recorded_markets_are_read_or_left_out(shared: Path, venue: str) -> None:
    async def run() -> None:
        async with parrot() as bird:
            connector = asking(bird, venue)
            case = json.loads((shared / "ccxt-static" / venue / "fetch_markets.json").read_text(encoding="utf-8"))
            bird.say(raw_of(case))
            connector.client.set_markets(case["parsed_response"])
            await connector.close()
            for market in case["parsed_response"]:
                rules = read_rules(connector, market)
                assert close(rules.tick, market["precision"]["price"])
                assert close(rules.lot, market["precision"]["amount"])
                assert close(rules.min_amount, market["limits"]["amount"]["min"] or 0)

    asyncio.run(run())


def read_rules(connector: CcxtConnector, market: dict[str, Any]) -> Any:
    import ccxt

    from workbench.connectors.ccxt import parsing

    return parsing.rules(market, in_steps=connector.client.precisionMode == ccxt.TICK_SIZE)


# --- every payload as the answer to every question --------------------------------------------------------------------


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("perpetual", [False, True])
def test_any_payload_to_any_question_is_read_or_refused_by_name(shared: Path, venue: str, perpetual: bool) -> None:
    outcomes = asyncio.run(ask_all(shared, venue, perpetual=perpetual, most=60))
    assert outcomes["read"] > 20
    assert outcomes.total() > 150, outcomes


# --- what is asked ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("venue", STATIC)
@pytest.mark.parametrize("perpetual", [False, True])
def test_requests_leave_as_ccxt_alone_would_send_them(shared: Path, venue: str, perpetual: bool) -> None:
    """Through our hands on its seams, ccxt sends to the byte what it was recorded to send without them."""
    case = json.loads((shared / "ccxt-static" / venue / "request_captured.json").read_text(encoding="utf-8"))
    calls = [call for call in case["calls"] if any("/USDT:" in str(one) for one in call["input"]) == perpetual]

    async def run() -> int:
        compared = 0
        async with parrot() as bird:
            connector = asking(bird, venue, perpetual=perpetual)
            connector.client.wb_time = At(1_700_000_000_000)
            connector.client.options |= {"enableUnifiedMargin": False, "enableUnifiedAccount": True}
            for call in calls:
                bird.heard.clear()
                bird.say({})
                words = [one.replace("BTC/USD", "BTC/USDT") if one == "BTC/USD" else one for one in call["input"]]
                with suppress(ccxt.BaseError, KeyError, TypeError, AttributeError, IndexError, VenueError):
                    await getattr(connector.client, call["method"])(*words)
                wanted = sent_as(call["http_method"], call["url"], call.get("output") or "", case["skipKeys"])
                found = [sent_as(method, f"http://x{path}?{query}", body, case["skipKeys"])
                         for method, path, query, body in bird.heard]  # fmt: skip
                assert wanted in found, (call["description"], found)
                compared += 1
            await connector.close()
        return compared

    assert asyncio.run(run()) == len(calls)


class At:
    """A clock that stands still."""

    def __init__(self, time_ms: int) -> None:
        self.now_ms = lambda: time_ms


def sent_as(method: str, url: str, body: str, skipped: list[str]) -> tuple[str, str, Any]:
    """A request without what differs every time: who, when, and ids drawn by chance."""
    address = urlsplit(url)
    read = json.loads(body) if body[:1] in ("{", "[") else dict(parse_qsl(body))
    fields: dict[str, Any] = dict(parse_qsl(address.query))
    for one in read if isinstance(read, list) else [read]:
        fields |= one
    kept = {name: value for name, value in fields.items() if name not in {*skipped, "tag", "endTime"}}
    return method, address.path, json.loads(json.dumps(kept).replace("BTC-USDT", "BTC-USD"))


# --- sockets ---------------------------------------------------------------------------------------------------------


def received(path: Path) -> Iterator[str]:
    """The messages of a capture: lines "epoch: JSON"; hftbacktest and hyperliquid write "ns JSON"."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            head, _, text = line.partition(" ")
            if head.rstrip(":").replace(".", "").isdigit() and text[:1] in "[{":
                yield text.strip()


def listening(venue: str, *, perpetual: bool) -> tuple[CcxtConnector, Any, Any]:
    """A connector whose sockets lead nowhere: messages are handed to its client as if they had come."""
    connector = CcxtConnector(
        venue, clock=SystemClock(), chance=Random(1), perpetual=perpetual, keys=Keys("key", "c2VjcmV0"),
        urls={"http": "http://127.0.0.1:9", "ws": "ws://127.0.0.1:9"},
    )  # fmt: skip
    know(connector)
    symbol = "BTC/USDT:USDT" if perpetual else "BTC/USDT"
    line = Line(symbol, connector.streams, connector.time, Random(1), lifetime_s=1e9)
    generation = Generation(line)
    client = generation.client = connector._new_client(generation)
    return connector, client, line


CAPTURES = {
    "hftbacktest/binance-spot_BTCUSDT_20240808_raw.gz": ("binance", False, 6_000),
    "cryptofeed/BINANCE.ws.1.0.gz": ("binance", False, 6_000),
    "cryptofeed/BINANCE_FUTURES.ws.1.0.gz": ("binance", True, 6_000),
    "cryptofeed/BYBIT.ws.25.0.gz": ("bybit", False, 3_000),
    "cryptofeed/OKX.ws.1.0.gz": ("okx", False, 3_000),
    "cryptofeed/KRAKEN.ws.50.0.gz": ("kraken", False, 3_000),
    "hftbacktest/hyperliquid_BTC_20250126.jsonl.gz": ("hyperliquid", True, 3_000),
}


@pytest.mark.parametrize("capture", CAPTURES)
def test_captured_sockets_are_read_or_refused_by_name(shared: Path, capture: str) -> None:
    venue, perpetual, most = CAPTURES[capture]

    async def run() -> tuple[int, int]:
        connector, client, _ = listening(venue, perpetual=perpetual)
        path = shared / "exchange-payloads" / capture
        socket = client.client("ws://127.0.0.1:9/stream/ws" if not perpetual else "ws://127.0.0.1:9/ws")
        count = 0
        for text in received(path):
            if count >= most:
                break
            count += 1
            feed(socket, text)
        faults = [event for event in drained(connector) if isinstance(event, Fault)]
        assert all(fault.error.venue == venue for fault in faults)
        await client.close()
        await connector.close()
        return count, len(faults)

    count, _ = asyncio.run(run())
    assert count >= 10


def feed(socket: Any, text: str) -> None:
    import aiohttp

    socket.handle_message(aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, text, ""))


def drained(connector: CcxtConnector) -> Iterator[Any]:
    while (event := connector.streams.outlet.get_now()) is not None:
        yield event


def test_recorded_prints_come_through_the_socket_as_they_were(shared: Path) -> None:
    """Binance's own combined stream: each print once, with its numbers, in order."""
    path = shared / "exchange-payloads" / "hftbacktest" / "binance-spot_BTCUSDT_20240808_raw.gz"
    wanted = []

    async def run() -> list[Any]:
        connector, client, _ = listening("binance", perpetual=False)
        socket = client.client("ws://127.0.0.1:9/stream/ws")
        for number, text in enumerate(received(path)):
            if number >= 8_000:
                break
            message = json.loads(text)
            data = message.get("data", {})
            if data.get("e") == "trade":
                wanted.append((str(data["t"]), float(data["p"]), float(data["q"]), -1 if data["m"] else 1, data["T"]))
            feed(socket, text)
        found = list(drained(connector))
        await client.close()
        await connector.close()
        return found

    found = asyncio.run(run())
    trades = [(e.trade_id, e.price, e.amount, e.side, e.time_ms) for e in found if type(e).__name__ == "Trade"]
    assert len(wanted) > 500
    assert trades == wanted


def own_messages(shared: Path, kind: str) -> list[tuple[str, dict[str, Any]]]:
    folder = shared / "exchange-payloads" / "nautilus_trader" / "binance" / kind / "user_data_json"
    return [(path.name, json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.json"))]


@pytest.mark.parametrize(("kind", "perpetual"), [("spot", False), ("futures", True)])
def test_own_events_become_reports_and_fills_or_are_refused_by_name(shared: Path, kind: str, perpetual: bool) -> None:
    async def run() -> Counter[str]:
        connector, client, line = listening("binance", perpetual=perpetual)
        line.name = ""
        socket = client.client("ws://127.0.0.1:9/ws-api/v3" if not perpetual else "ws://127.0.0.1:9/private/ws")
        kinds: Counter[str] = Counter()
        for _, message in own_messages(shared, kind):
            feed(socket, json.dumps(message))
            kinds.update(type(event).__name__ for event in drained(connector))
        await client.close()
        await connector.close()
        return kinds

    kinds = asyncio.run(run())
    assert kinds["Report"] >= 3, kinds
    assert kinds["Fill"] >= 1, kinds


def socket_messages(shared: Path, venue: str) -> Iterator[tuple[str, str]]:
    for path in sorted((shared / "exchange-payloads" / "nautilus_trader" / venue).rglob("*.json")):
        if "ws" in path.name or "ws" in path.parent.name or "user_data" in path.parent.name:
            yield path.name, path.read_text(encoding="utf-8")


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("perpetual", [False, True])
def test_single_messages_of_sockets_are_read_or_refused_by_name(shared: Path, venue: str, perpetual: bool) -> None:
    """Public and private ones, each as if it had come over a fresh socket of either kind."""

    async def run() -> tuple[int, Counter[str]]:
        count, kinds = 0, Counter[str]()
        for _, text in socket_messages(shared, venue):
            for name in ("", "BTC/USDT:USDT" if perpetual else "BTC/USDT"):
                connector, client, line = listening(venue, perpetual=perpetual)
                line.name = name
                feed(client.client("ws://127.0.0.1:9/stream/ws" if not perpetual else "ws://127.0.0.1:9/ws"), text)
                for event in drained(connector):
                    kinds[type(event).__name__] += 1
                    assert not isinstance(event, Fault) or event.error.venue == venue
                await client.close()
                await connector.close()
                count += 1
        return count, kinds

    count, kinds = asyncio.run(run())
    assert count >= 8, kinds
