"""What the venue says has every field that the real one was heard to say, of the same kind.

The recordings lie beside the checkout; they are read, and never copied. A field that only some answers have (a
trailing delta, say) is looked for where it belongs. Numbers in recordings are not compared, only their kinds.
"""

from __future__ import annotations

import gzip
import json
import re
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from workbench.connectors.simulated.margin import liquidation_price

from .wire import Socket, wired

pytestmark = pytest.mark.shared

NAUTILUS = "exchange-payloads/nautilus_trader/binance"


def answer(shared: Path, name: str, path: str) -> Any:
    """What a recording holds as the answer to a request."""
    with gzip.open(shared / "exchange-payloads/cryptofeed" / name, "rt") as lines:
        line = next(line for line in lines if f"{path} ->" in line)
    return json.loads(line.partition(": ")[2])


def kind(value: Any) -> str:
    if value is None:
        return "null"
    return {bool: "flag", int: "number", float: "number", str: "text", list: "list", dict: "object"}[type(value)]


def differences(heard: Any, said: Any, path: str = "") -> list[str]:
    """What was heard of the real venue and is missing here, or of another kind."""
    if "null" in (kind(heard), kind(said)):
        return []
    if kind(heard) != kind(said):
        return [f"{path}: heard a {kind(heard)}, said a {kind(said)} ({heard!r}, {said!r})"]
    if isinstance(heard, dict):
        missing = [f"{path}.{name} is missing" for name in heard.keys() - said.keys()]
        return missing + [
            row for name in heard.keys() & said.keys() for row in differences(heard[name], said[name], f"{path}.{name}")
        ]
    if isinstance(heard, list) and heard and said:
        return differences(heard[0], said[0], f"{path}[]")
    return []


def read(shared: Path, name: str) -> Any:
    return json.loads((shared / NAUTILUS / name).read_text("utf-8"))


async def exercised(venue, client) -> dict[str, Any]:
    """One of everything: orders that rest, trade and end on both sides, and what the sockets said meanwhile."""
    said: dict[str, Any] = {}
    key = (await client.ask("POST", "/fapi/v1/listenKey", headers=client.keyed)).body["listenKey"]
    async with (
        client.socket("/ws-api/v3") as user,
        client.socket(f"/private/ws?listenKey={key}", futures=True) as futures,
    ):
        await user.call("userDataStream.subscribe.signature", sign=True)
        said["spot"] = await spot(venue, client)
        said["futures"] = await usdm(venue, client)
        venue.control.deposit("USDT", 1)
        held = venue.account().futures.position("BTCUSDT", "BOTH")
        edge = liquidation_price(venue.core.perpetual.markets, venue.account(), held)
        venue.control.mark("BTCUSDT", edge + D("0.05"))
        said["user"] = await all_of(user, {"id": "end", "method": "ping"})
        said["account"] = await all_of(futures, {"id": "end", "method": "LIST_SUBSCRIPTIONS"})
    return said


async def all_of(socket: Socket, last: dict[str, Any]) -> list[Any]:
    """Everything that a socket says until it answers this."""
    await socket.say(last)
    heard = []
    while (message := await socket.hear()).get("id") != "end":
        heard.append(message)
    return heard


async def spot(venue, client) -> dict[str, Any]:
    full = (await client.order("BUY", "MARKET", quantity=12, newOrderRespType="FULL")).body
    resting = (await client.order(newClientOrderId="rests")).body
    stop = (await client.order("SELL", "STOP_LOSS_LIMIT", stopPrice=90, price=89, timeInForce="GTC")).body
    asked = {"symbol": "BTCUSDT"}
    queries = (("order", "order", asked | {"orderId": resting["orderId"]}), ("open", "openOrders", asked),
               ("all", "allOrders", asked), ("trades", "myTrades", asked), ("account", "account", {}))  # fmt: skip
    get = {}
    for name, path, params in queries:
        get[name] = (await client.signed("GET", f"/api/v3/{path}", **params)).body
    expired = (await client.order(price=50, timeInForce="IOC")).body
    canceled = (await client.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=resting["orderId"])).body
    legs = {"aboveType": "LIMIT_MAKER", "abovePrice": 110, "belowType": "STOP_LOSS_LIMIT", "belowStopPrice": 90,
            "belowPrice": 89, "belowTimeInForce": "GTC", "belowIcebergQty": "0.5",
            "aboveIcebergQty": "0.5"}  # fmt: skip
    await client.signed("POST", "/api/v3/orderList/oco", symbol="BTCUSDT", side="SELL", quantity=1, **legs)
    await client.order()
    gone = (await client.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")).body
    return get | {"full": full, "canceled": canceled, "gone": gone, "expired": expired, "stop": stop}


async def usdm(venue, client) -> dict[str, Any]:
    await client.signed("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=50)
    path = "/fapi/v1/order"
    placed = (await client.order(path=path, price=90)).body
    await client.order("BUY", "MARKET", path=path, quantity=900)
    stop = {"algoType": "CONDITIONAL", "type": "STOP_MARKET", "side": "SELL", "symbol": "BTCUSDT", "quantity": 1}
    algo = (await client.signed("POST", "/fapi/v1/algoOrder", triggerPrice=80, **stop)).body
    return {"placed": placed, "algo": algo} | {
        name: (await client.signed("GET", path, **params)).body
        for name, path, params in (
            ("order", "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": placed["orderId"]}),
            ("risk", "/fapi/v2/positionRisk", {}), ("account", "/fapi/v2/account", {}),
            ("balance", "/fapi/v2/balance", {}), ("algos", "/fapi/v1/openAlgoOrders", {}),
            ("trades", "/fapi/v1/userTrades", {"symbol": "BTCUSDT"}),
            ("income", "/fapi/v1/income", {}),
        )
    }  # fmt: skip


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    held: dict[str, Any] = {}

    async def hear(venue, client):
        venue.control.book("BTCUSDT", [(99, 10)], [(101, 1_000)], perpetual=True)
        held.update(await exercised(venue, client))

    hear.given = {"money": {"USDT": 10_000, "BTC": 10}}
    wired(hear)()
    return held


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("account_response", "account"), ("account_trades_response", "trades"), ("all_orders_response", "all"),
        ("open_orders_response", "open"), ("order_response", "order"), ("new_order_full_response", "full"),
        ("cancel_order_response", "canceled"),
    ],
)  # fmt: skip
def test_spot_answers_have_every_field(shared, said, name, word):
    assert differences(read(shared, f"spot/http_json/{name}.json"), said["spot"][word]) == []


def test_cancelled_orders_and_lists_have_every_field(shared, said):
    heard, ours = read(shared, "spot/http_json/cancel_open_orders_response.json"), said["spot"]["gone"]
    for is_list in (False, True):
        theirs, own = (next(row for row in rows if ("orderReports" in row) == is_list) for rows in (heard, ours))
        assert differences(theirs, own) == []


def test_spot_market_data_has_every_field(shared):
    asked = {"avg_price": "avgPrice", "book_ticker": "ticker/bookTicker", "depth": "depth", "klines": "klines",
             "ping": "ping", "server_time": "time", "ticker_24hr": "ticker/24hr", "ticker_price": "ticker/price",
             "trades": "trades", "exchange_info": "exchangeInfo"}  # fmt: skip

    @wired
    async def check(venue, client):
        for name, path in asked.items():
            more = {} if path in ("ping", "time") else {"symbol": "BTCUSDT"}
            more |= {"interval": "1m"} if path == "klines" else {}
            ours = (await client.get(f"/api/v3/{path}", **more)).body
            assert differences(read(shared, f"spot/http_json/{name}_response.json"), ours) == [], name

    check()


@pytest.mark.parametrize("path", ["exchange-payloads/basana/binance_btc_usdt_exchange_info.json", "BINANCE.0.gz"])
def test_every_filter_of_a_real_symbol_is_there_or_is_younger(shared, path):
    if path.endswith("gz"):
        heard = answer(shared, path, "exchangeInfo")
    else:
        heard = json.loads((shared / path).read_text("utf-8"))
    theirs = next(row for row in heard["symbols"] if row["symbol"] == "BTCUSDT")

    @wired
    async def check(venue, client):
        ours = (await client.get("/api/v3/exchangeInfo", symbol="BTCUSDT")).body["symbols"][0]
        assert theirs.keys() <= ours.keys()
        filters = {row["filterType"]: row for row in ours["filters"]}
        replaced = {"PERCENT_PRICE", "MIN_NOTIONAL"}  # by PERCENT_PRICE_BY_SIDE and NOTIONAL
        for row in theirs["filters"]:
            assert row["filterType"] in replaced or differences(row, filters[row["filterType"]]) == []

    check()


def test_futures_symbol_has_every_field_of_a_real_one(shared):
    heard = answer(shared, "BINANCE_FUTURES.0.gz", "exchangeInfo")
    heard["symbols"] = [row for row in heard["symbols"] if row["symbol"] == "BTCUSDT"]
    heard["assets"] = heard["assets"][:1]

    @wired
    async def check(venue, client):
        ours = (await client.get("/fapi/v1/exchangeInfo")).body
        filters = {row["filterType"]: row for row in ours["symbols"][0]["filters"]}
        for row in heard["symbols"][0].pop("filters"):
            assert differences(row, filters[row["filterType"]]) == []
        assert differences(heard, ours) == []

    check()


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("order_response", "order"), ("position_risk", "risk"), ("account_info_v2", "account"), ("balance", "balance"),
        ("open_algo_orders", "algos"),
    ],
)  # fmt: skip
def test_futures_answers_have_every_field(shared, said, name, word):
    heard = read(shared, f"futures/http_json/{name}.json")
    if word == "algos":
        heard[0]["orderType"] = heard[0].pop("type")  # as the venue's own page has it, and ccxt reads it
    assert differences(heard, said["futures"][word]) == []


def events(said: dict[str, Any], word: str, **fields: Any) -> list[dict[str, Any]]:
    rows = [row.get("event", row) for row in said["user" if word[0].islower() else "account"]]
    inner = [(row, row.get("o", row)) for row in rows if row["e"] == word]
    return [row for row, details in inner if not isinstance(details, dict) or fields.items() <= details.items()] or [
        row for row, _ in inner if fields.items() <= row.items()
    ]


@pytest.mark.parametrize(
    ("name", "word", "fields"),
    [
        ("account_position", "outboundAccountPosition", {}), ("balance_update", "balanceUpdate", {}),
        ("execution_report_new", "executionReport", {"x": "NEW"}), ("list_status_wrapped", "listStatus", {}),
        ("execution_report_trade", "executionReport", {"x": "TRADE"}),
        ("execution_report_canceled", "executionReport", {"x": "CANCELED"}),
        ("execution_report_stop_loss", "executionReport", {"o": "STOP_LOSS_LIMIT"}),
        ("execution_report_wrapped", "executionReport", {"x": "NEW", "o": "LIMIT"}),
    ],
)  # fmt: skip
def test_spot_events_have_every_field(shared, said, name, word, fields):
    heard = read(shared, f"spot/user_data_json/{name}.json")
    ours = events(said, word, **fields)
    assert ours, [row.get("event", row).get("e") for row in said["user"]]
    assert differences(heard.get("event", heard), ours[0]) == []


@pytest.mark.parametrize(
    ("name", "word", "fields"),
    [
        ("account_update", "ACCOUNT_UPDATE", {}), ("algo_update_new", "ALGO_UPDATE", {"X": "NEW"}),
        ("order_update_new", "ORDER_TRADE_UPDATE", {"x": "NEW"}),
        ("order_update_trade", "ORDER_TRADE_UPDATE", {"x": "TRADE"}), ("trade_lite", "TRADE_LITE", {}),
    ],
)  # fmt: skip
def test_futures_events_have_every_field(shared, said, name, word, fields):
    heard = read(shared, f"futures/user_data_json/{name}.json")
    ours = events(said, word, **fields)
    assert ours, [row["e"] for row in said["account"]]
    assert differences(heard, ours[0]) == []


def test_margin_call_has_every_field(shared, said):
    heard = json.loads((shared / "exchange-payloads/hummingbot/binance_perpetual.json").read_text("utf-8"))
    theirs = next(value["margin_call"] for file in heard.values() for value in file.values() if "margin_call" in value)
    (ours,) = events(said, "MARGIN_CALL")
    assert differences(theirs, ours) == []


STREAMS = {"agg_trade": "aggTrade", "book_ticker": "bookTicker", "depth_update": "depth@0ms", "kline": "kline_1m",
           "liquidation": "forceOrder", "mark_price": "markPrice@1s", "ticker": "ticker", "trade": "trade"}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
def test_futures_streams_have_every_field(shared, name):
    file = "kline_stream_open" if name == "kline" else f"{name}_stream"

    @wired
    async def check(venue, client):
        async with client.socket(f"/ws/btcusdt@{STREAMS[name]}", futures=True) as socket:
            venue.control.external_order("BTCUSDT", "BUY", 1, perpetual=True)
            venue.control.liquidate("BTCUSDT")
            await venue.advance(3_000)
            assert differences(read(shared, f"futures/market_data_json/{file}.json"), await socket.hear()) == []

    check()


def recorded(shared: Path, name: str) -> dict[str, Any]:
    """The first message of each stream of a recording."""
    seen: dict[str, Any] = {}
    with gzip.open(shared / "exchange-payloads" / name, "rt") as lines:
        for line in lines:
            found = re.match(r"[\d.]+:? (\{.*)", line)
            message = json.loads(found[1]) if found else {}
            if "stream" in message:
                seen.setdefault(message["stream"].partition("@")[2], message["data"])
    return seen


@pytest.mark.parametrize(
    ("name", "futures"),
    [("cryptofeed/BINANCE.ws.1.0.gz", False), ("hftbacktest/binance-spot_BTCUSDT_20240808_raw.gz", False),
     ("cryptofeed/BINANCE_FUTURES.ws.1.0.gz", True)],
)  # fmt: skip
def test_streams_have_every_field_of_recorded_ones(shared, name, futures):
    heard = recorded(shared, name)
    assert len(heard) >= 3

    @wired
    async def check(venue, client):
        names = "/".join(f"btcusdt@{stream}" for stream in heard)
        async with client.socket(f"/stream?streams={names}", futures=futures) as socket:
            venue.control.external_order("BTCUSDT", "BUY", 1, perpetual=futures)
            await venue.advance(1_000)
            said: dict[str, Any] = {}
            while said.keys() != heard.keys():
                message = await socket.hear()
                said[message["stream"].partition("@")[2]] = message["data"]
        for stream, theirs in heard.items():
            assert differences(theirs, said[stream]) == [], stream
            extra = said[stream].keys() - theirs.keys()
            assert extra <= {"st", "ps", "T", "nq"}, stream  # younger than the recording

    check()
