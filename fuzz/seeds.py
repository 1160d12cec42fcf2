"""The first corpus: what the simulated venue answers and says, so that mutations begin near real messages.

`python -m fuzz.seeds` writes it anew under `corpus/`.
"""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from workbench.connectors import CcxtConnector, SimulatedVenue, Stream, SystemClock
from workbench.market import BUY, SELL, OrderKind
from workbench.trading import Intent

CORPUS = Path(__file__).with_name("corpus")
MOST = 24


class Ear:
    """Keeps what comes over a connector's wires, a few of each kind."""

    def __init__(self) -> None:
        self.heard: dict[str, dict[str, Any]] = {}

    def keep(self, target: str, kind: str, value: Any) -> None:
        self.heard.setdefault(target, {}).setdefault(kind, value)


async def listen(ear: Ear, *, perpetual: bool) -> None:
    """Trade a little, and keep everything that was said."""
    from random import Random

    name, symbol = ("binanceusdm", "BTC/USDT:USDT") if perpetual else ("binance", "BTC/USDT")
    async with SimulatedVenue(accounts={"trader": {"USDT": Decimal(100_000), "BTC": Decimal(5)}}) as venue:
        levels = [[(59_990, 5), (59_980, 5)], [(60_010, 5), (60_020, 5)]]
        venue.control.book("BTCUSDT", *levels, perpetual=perpetual)
        made = CcxtConnector("binance", clock=SystemClock(), chance=Random(1), perpetual=perpetual,
                             config=venue.ccxt(perpetual=perpetual))  # fmt: skip
        _overhear(made, ear, name)
        await made.start()
        for stream in (Stream.DEPTH, Stream.TRADES, Stream.QUOTES, Stream.USER):
            await made.follow(stream, "" if stream == Stream.USER else symbol)
        await made.follow(Stream.CANDLES, symbol, "1m")
        await asyncio.sleep(2.0)
        for n, (side, price) in enumerate([(BUY, None), (BUY, "50000"), (SELL, "70000")]):
            kind = OrderKind.MARKET if price is None else OrderKind.LIMIT
            money = Decimal(price) if price else None
            await made.create(Intent(f"wb{n}", symbol, side, kind, Decimal("0.01"), money))
        if perpetual:
            stop = Intent("wb9", symbol, SELL, OrderKind.STOP, Decimal("0.01"), None, Decimal(50_000), reduce_only=True)
            await made.create(stop)
            for ask in (made.positions(), made.leverage(symbol), made.is_hedged(), made.margin_mode(symbol)):
                await ask
            venue.control.fund("BTCUSDT")
            await made.funding_rate(symbol)
            await made.funding_payments(symbol, 0)
        await made.candles(symbol, "1m", 0)
        await made.ticker(symbol)
        await made.levels(symbol)
        await made.order(symbol, "wb1")
        await made.cancel_all(symbol)
        await made.fills(symbol, 0)
        await asyncio.sleep(1.0)
        await made.close()


def _overhear(made: CcxtConnector, ear: Ear, name: str) -> None:
    send, raw = made.client.fetch, made.streams.raw

    async def fetch(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        answer = await send(url, method, headers, body)
        ear.keep(f"{name}_rest", url.split("?")[0].split("/", 3)[-1] + method, answer)
        return answer

    def heard(client: Any, message: Any) -> str:
        own = client.wb_listener.line.name == ""
        data = message.get("event", message) if isinstance(message, dict) else {}
        ear.keep(f"{name}_own" if own else f"{name}_market", str(data.get("e")) + str(data.get("x", "")), message)
        return raw(client, message)

    made.client.fetch, made.streams.raw = fetch, heard  # type: ignore[method-assign]


def write(ear: Ear) -> None:
    """One file a message; an answer gets a first byte for each question that could be meant."""
    for target, kinds in ear.heard.items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for place, (_, value) in enumerate(sorted(kinds.items())[:MOST]):
            text = json.dumps(value).encode()
            if len(text) < 16_000:
                lead = bytes([place % 16]) if target.endswith("_rest") else b""
                (folder / f"seed-{place:02}").write_bytes(lead + text)
    for target, said in SAID.items():
        (CORPUS / target).mkdir(parents=True, exist_ok=True)
        for place, value in enumerate(said):
            lead = bytes([value.pop("ask", place)]) if target.endswith(("_rest", "venue")) else b""
            (CORPUS / target / f"seed-{place:02}").write_bytes(lead + json.dumps(value).encode())
    for target, words in TEXTS.items():
        (CORPUS / target).mkdir(parents=True, exist_ok=True)
        (CORPUS / target / "seed-00").write_text(words, encoding="utf-8")


ORDER = {"symbol": "BTC/USDT", "id": "1", "clientOrderId": "wb1", "side": "buy", "status": "open", "amount": "1",
         "filled": "0.5", "price": "100", "timestamp": 1_700_000_000_000, "order": "7", "takerOrMaker": "maker",
         "fee": {"cost": "0.1", "currency": "USDT"}, "bid": "1", "ask": "2", "last": "1.5", "contracts": "3",
         "fundingRate": "0.0001", "code": "USDT", "total": {"BTC": "1"}, "free": {"BTC": "1"}, "base": "BTC",
         "quote": "USDT", "precision": {"price": "0.1"}, "limits": {"amount": {"min": "1"}}}  # fmt: skip
BAR = ["1700000000000", "100", "102", "99", "101", "5", "505"]
SAID: dict[str, list[dict[str, Any]]] = {  # in each venue's own shape; `ask` is the question that it answers
    "venue": [
        {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "50000", "timeInForce": "GTC"},
        {"symbol": "BTCUSDT", "limit": "5"}, {"symbol": "BTCUSDT", "interval": "1m", "startTime": "1", "endTime": "2"},
    ],
    "venue_socket": [
        {"id": 1, "method": "depth", "params": {"symbol": "BTCUSDT", "limit": 5}}, {"id": "a", "method": "ping"},
        {"id": None, "method": "order.place", "params": {"symbol": "BTCUSDT", "apiKey": "k", "timestamp": 1,
                                                         "signature": "s", "side": "BUY", "type": "MARKET"}},
    ],
    "bybit_rest": [
        {"ask": 1, "retCode": 0, "result": {"category": "spot", "list": [
            {"execId": "1", "symbol": "BTCUSDT", "price": "100", "size": "1", "side": "Buy", "time": "1700000000000"},
        ]}},
        {"ask": 2, "retCode": 0, "result": {"category": "spot", "list": [
            {"symbol": "BTCUSDT", "lastPrice": "100", "bid1Price": "99", "ask1Price": "101", "volume24h": "5"}]}},
        {"ask": 3, "retCode": 0, "result": {"symbol": "BTCUSDT", "list": [BAR]}},
        {"ask": 5, "retCode": 0, "result": {"list": [
            {"symbol": "BTCUSDT", "orderId": "1", "orderLinkId": "wb1", "side": "Buy", "orderStatus": "New", "qty": "1",
             "price": "100", "cumExecQty": "0", "orderType": "Limit", "updatedTime": "1700000000000"}]}},
    ],
    "okx_rest": [
        {"ask": 1, "code": "0", "data": [{"instId": "BTC-USDT", "tradeId": "1", "px": "100", "sz": "1", "side": "buy",
                                          "ts": "1700000000000"}]},
        {"ask": 2, "code": "0", "data": [{"instId": "BTC-USDT", "last": "100", "bidPx": "99", "askPx": "101",
                                          "ts": "1700000000000"}]},
        {"ask": 3, "code": "0", "data": [BAR]},
        {"ask": 6, "code": "0", "data": [{"instId": "BTC-USDT", "ordId": "1", "clOrdId": "wb1", "state": "live",
                                          "side": "buy", "sz": "1", "px": "100", "accFillSz": "0", "ordType": "limit",
                                          "uTime": "1700000000000"}]},
    ],
    "kraken_rest": [
        {"ask": 1, "error": [], "result": {"BTCUSDT": [["100", "1", 1700000000.5, "b", "l", "", 7]], "last": "1"}},
        {"ask": 2, "error": [], "result": {"BTCUSDT": {"a": ["101", "1", "1"], "b": ["99", "1", "1"], "c": ["100", "1"],
                                                       "v": ["1", "2"], "l": ["98", "97"], "h": ["102", "103"]}}},
        {"ask": 3, "error": [], "result": {"BTCUSDT": [[1700000000, "1", "2", "1", "2", "1", "5", 3]], "last": 1}},
        {"ask": 4, "error": [], "result": {"BTC": {"balance": "1", "hold_trade": "0"}}},
    ],
    "hyperliquid_rest": [
        {"ask": 1, "coin": "BTC", "levels": [[{"px": "99", "sz": "1", "n": 1}], [{"px": "101", "sz": "1", "n": 1}]]},
        {"ask": 4, "marginSummary": {"accountValue": "5"}, "withdrawable": "5", "time": 1, "assetPositions": []},
    ],
    "bybit_market": [{"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1, "data": [
        {"T": 1, "s": "BTCUSDT", "S": "Buy", "v": "1", "p": "100", "i": "1"}]}],
    "okx_market": [{"arg": {"channel": "trades", "instId": "BTC-USDT"}, "data": [
        {"instId": "BTC-USDT", "tradeId": "1", "px": "100", "sz": "1", "side": "buy", "ts": "1700000000000"}]}],
    "kraken_market": [{"channel": "trade", "type": "update", "data": [
        {"symbol": "BTC/USDT", "side": "buy", "price": 100.0, "qty": 1.0, "ord_type": "limit", "trade_id": 1,
         "timestamp": "2023-11-14T22:13:20.000000Z"}]}],
    "hyperliquid_market": [{"channel": "trades", "data": [
        {"coin": "BTC", "side": "B", "px": "100", "sz": "1", "time": 1700000000000, "hash": "0x0", "tid": 1}]}],
}  # fmt: skip
TEXTS = {
    "unified": json.dumps(ORDER),
    "budget": "\x00" * 32,
    "memory": '{"money": {"USDT": "5"}, "positions": []}\n{"order": "wb1", "life": 3}\n',
}


def main() -> None:
    """Listen on both sides, and write."""
    ear = Ear()
    for perpetual in (False, True):
        asyncio.run(listen(ear, perpetual=perpetual))
    write(ear)


if __name__ == "__main__":
    main()
