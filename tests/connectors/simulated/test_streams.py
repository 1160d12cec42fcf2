"""Sockets: market streams, user streams, the WebSocket API; under a clock that only moves when a test moves it."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from workbench.connectors.simulated.listen_keys import LIFE

from .wire import Socket, wired

HOUR, DAY = 3_600_000, 86_400_000

# --- subscribing -----------------------------------------------------------------------------------------------------


@wired
async def test_raw_stream_is_named_in_the_path(venue, client):
    async with client.socket("/ws/btcusdt@trade") as socket:
        venue.control.trade("BTCUSDT", 101, 2)
        heard = await socket.hear()
        assert (heard["e"], heard["p"], heard["q"], heard["m"]) == ("trade", "101.00000000", "2.00000000", False)


@wired
async def test_combined_streams_are_wrapped_with_their_names(venue, client):
    async with client.socket("/stream?streams=btcusdt@trade/btcusdt@bookTicker") as socket:
        venue.control.trade("BTCUSDT", 101, 2)
        assert (await socket.hear()).keys() == {"stream", "data"}
        venue.control.book("BTCUSDT", [(100, 1)], [(102, 1)])
        heard = await socket.until(lambda heard: heard["stream"] == "btcusdt@bookTicker")
        assert (heard["data"]["b"], heard["data"]["a"]) == ("100.00000000", "102.00000000")


@wired
async def test_subscriptions_change_by_message(venue, client):
    async with client.socket("/ws") as socket:
        assert await socket.subscribe("btcusdt@trade", "btcusdt@depth") == {"result": None, "id": 1}
        await socket.say({"method": "LIST_SUBSCRIPTIONS", "id": 2})
        assert (await socket.hear())["result"] == ["btcusdt@trade", "btcusdt@depth"]
        await socket.say({"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": 3})
        assert await socket.hear() == {"result": None, "id": 3}
        venue.control.trade("BTCUSDT", 101, 2)
        await socket.say({"method": "SET_PROPERTY", "params": ["combined", True], "id": 4})
        assert await socket.hear() == {"result": None, "id": 4}  # and no trade before it
        await socket.say({"method": "GET_PROPERTY", "params": ["combined"], "id": 5})
        assert (await socket.hear())["result"] is True


@pytest.mark.parametrize(
    "said", ["{", "[]", '"x"', '{"method": "SHOUT", "id": 1}', '{"method": "SUBSCRIBE", "params": 1, "id": 1}']
)
def test_nonsense_is_answered_and_survived(said):
    @wired
    async def check(venue, client):
        async with client.socket("/ws") as socket:
            await socket.say(said)
            assert "code" in (await socket.hear())["error"]
            assert (await socket.subscribe("btcusdt@trade"))["result"] is None

    check()


@wired
async def test_unknown_stream_is_taken_and_silent(venue, client):
    async with client.socket("/ws/btcusdt@telepathy") as socket:
        assert (await socket.subscribe("nothing@trade", "btcusdt@kline_7m"))["result"] is None


@wired
async def test_client_that_talks_too_much_is_cut_off(venue, client):
    async with client.socket("/ws") as socket:
        for number in range(7):
            await socket.say({"method": "LIST_SUBSCRIPTIONS", "id": number})
        assert await socket.is_closed()


# --- market data -----------------------------------------------------------------------------------------------------


def follow(book: dict[str, dict[str, str]], update: dict[str, Any]) -> None:
    for side, word in (("bids", "b"), ("asks", "a")):
        for price, amount in update[word]:
            book[side].pop(price, None)
            if float(amount):
                book[side][price] = amount


@pytest.mark.parametrize("futures", [False, True], ids=["spot", "usdm"])
def test_book_of_snapshot_and_updates_is_the_venues(futures):
    """The documented recipe: buffer, snapshot, drop what is older, then every update joins the one before."""

    @wired
    async def check(venue, client):
        path, depth = ("/public/ws", "/fapi/v1/depth") if futures else ("/ws", "/api/v3/depth")
        async with client.socket(f"{path}/btcusdt@depth@100ms", futures=futures) as socket:
            for price in (96, 97):
                venue.control.external_order("BTCUSDT", "BUY", 1, price, perpetual=futures)
                await venue.advance(100)
            snapshot = (await client.get(depth, symbol="BTCUSDT", limit=100)).body
            for price in (100, 95):
                venue.control.external_order("BTCUSDT", "BUY", 2, price, perpetual=futures)
                await venue.advance(100)
            venue.control.external_order("BTCUSDT", "SELL", 9, perpetual=futures)
            await venue.advance(100)
            book = {side: dict(map(tuple, snapshot[side])) for side in ("bids", "asks")}
            last, updates = snapshot["lastUpdateId"], [await socket.hear() for _ in range(5)]
            fresh = [update for update in updates if update["u"] > last]
            assert len(fresh) < len(updates)
            for before, update in zip([None, *fresh], fresh, strict=False):
                joined = before["u"] if before else last
                assert update["U"] <= joined + 1 <= update["u"] + 1
                assert not futures or before is None or update["pu"] == before["u"]
                follow(book, update)
            now = (await client.get(depth, symbol="BTCUSDT", limit=100)).body
            assert {side: dict(map(tuple, now[side])) for side in book} == book
            assert now["lastUpdateId"] == fresh[-1]["u"]

    check()


@wired
async def test_partial_book_is_said_while_it_changes(venue, client):
    async with client.socket("/ws/btcusdt@depth5@100ms") as socket:
        await venue.advance(100)
        assert (await socket.hear())["bids"] == [["99.00000000", "10.00000000"], ["98.00000000", "10.00000000"]]
        await venue.advance(100)
        venue.control.book("BTCUSDT", [(100, 1)], [(101, 1)])
        await venue.advance(100)
        assert (await socket.hear())["bids"] == [["100.00000000", "1.00000000"]]


@wired
async def test_trades_of_one_taker_at_one_price_are_one_aggregate(venue, client):
    for account in ("trader", "other"):
        venue.control.external_order("BTCUSDT", "BUY", 1, 100, account=account)
    async with client.socket("/ws/btcusdt@aggTrade") as socket:
        venue.control.external_order("BTCUSDT", "SELL", 3, account="other")
        first, second = await socket.hear(), await socket.hear()
        assert (first["p"], first["q"], first["l"] - first["f"]) == ("100.00000000", "2.00000000", 1)
        assert (second["p"], second["q"], second["a"] - first["a"]) == ("99.00000000", "1.00000000", 1)


@wired
async def test_kline_is_said_open_and_then_closed_once(venue, client):
    async with client.socket("/ws/btcusdt@kline_1m") as socket:
        venue.control.trade("BTCUSDT", 102, 1)
        await venue.advance(250)
        heard = (await socket.hear())["k"]
        assert (heard["x"], heard["h"], heard["i"]) == (False, "102.00000000", "1m")
        await venue.advance(120_000)
        closed = [(await socket.hear())["k"] for _ in range(3)]
        assert [bar["x"] for bar in closed] == [True, True, False]
        assert [bar["t"] - heard["t"] for bar in closed] == [0, 60_000, 120_000]
        assert (closed[0]["c"], closed[1]["o"], closed[1]["n"]) == ("102.00000000", "102.00000000", 0)


@pytest.mark.parametrize(
    ("path", "futures", "wait"),
    [
        ("btcusdt@ticker", False, 1_000), ("btcusdt@miniTicker", False, 1_000), ("btcusdt@ticker_1h", False, 1_000),
        ("btcusdt@avgPrice", False, 1_000), ("!miniTicker@arr", False, 1_000), ("!ticker_4h@arr", False, 1_000),
        ("btcusdt@ticker", True, 1_000), ("!ticker@arr", True, 1_000), ("btcusdt@markPrice", True, 3_000),
        ("btcusdt@markPrice@1s", True, 1_000), ("!markPrice@arr", True, 3_000),
        ("btcusdt_perpetual@continuousKline_1m", True, 250), ("btcusdt@depth10@500ms", True, 500),
    ],
)  # fmt: skip
def test_stream_with_a_rhythm_speaks_in_it(path, futures, wait):
    @wired
    async def check(venue, client):
        async with client.socket(f"/ws/{path}", futures=futures) as socket:
            await venue.advance(wait)
            heard = await socket.hear()
            row = heard[0] if isinstance(heard, list) else heard
            assert isinstance(heard, list) == ("@arr" in path)
            assert {row.get("s"), row.get("ps")} & {"BTCUSDT"}

    check()


@wired
async def test_best_prices_are_said_when_they_change_only(venue, client):
    async with client.socket("/ws/btcusdt@bookTicker") as socket:
        venue.control.external_order("BTCUSDT", "BUY", 1, 90)
        venue.control.external_order("BTCUSDT", "BUY", 1, 100)
        venue.control.external_order("BTCUSDT", "BUY", 1, 91)
        heard = await socket.hear()
        heard = await socket.hear() if heard["b"] == "99.00000000" else heard
        assert (heard["b"], heard["B"]) == ("100.00000000", "1.00000000")


@wired
async def test_forced_orders_are_public(venue, client):
    async with client.socket("/market/ws/btcusdt@forceOrder", futures=True) as socket:
        venue.control.external_order("BTCUSDT", "BUY", 5, perpetual=True)
        venue.control.liquidate("BTCUSDT")
        heard = await socket.hear()
        assert (heard["e"], heard["o"]["S"], heard["o"]["X"]) == ("forceOrder", "SELL", "FILLED")


# --- keeping alive ---------------------------------------------------------------------------------------------------


async def frames(socket: Socket, kind: aiohttp.WSMsgType) -> Any:
    while True:
        message = await socket.ws.receive(10)
        if message.type is kind:
            return message.data


@wired
async def test_venue_pings_and_lets_go_of_who_does_not_answer(venue, client):
    async with client.socket("/ws") as socket:
        await venue.advance(20_000)
        data = await frames(socket, aiohttp.WSMsgType.PING)
        await socket.ws.pong(data)
        await socket.ws.ping(b"mine")
        assert await frames(socket, aiohttp.WSMsgType.PONG) == b"mine"
        for _ in range(3):
            await venue.advance(20_000)
            assert await frames(socket, aiohttp.WSMsgType.PING)
        await venue.advance(40_000)
        assert await socket.is_closed()


@wired
async def test_socket_lives_for_a_day(venue, client):
    async with client.socket("/ws") as socket:
        await venue.advance(DAY)
        assert await socket.is_closed()


@wired
async def test_venue_that_goes_down_says_so(venue, client):
    async with client.socket("/ws") as raw, client.socket("/ws-api/v3") as api:
        assert (await raw.subscribe("btcusdt@trade"))["result"] is None
        assert (await api.call("ping"))["result"] == {}
        venue.control.server_shutdown()
        assert (await raw.hear())["e"] == "serverShutdown"
        assert (await api.hear())["event"]["e"] == "serverShutdown"


# --- user streams ----------------------------------------------------------------------------------------------------


@wired
async def test_signed_subscription_hears_orders_and_balances(venue, client):
    async with client.socket("/ws-api/v3") as socket:
        made = await socket.call("userDataStream.subscribe.signature", sign=True)
        number = made["result"]["subscriptionId"]
        placed = (await client.order("BUY", "LIMIT", price=100)).body
        first = await socket.hear()
        assert first["subscriptionId"] == number
        event = first["event"]
        assert (event["e"], event["x"], event["X"], event["i"]) == ("executionReport", "NEW", "NEW", placed["orderId"])
        balance = (await socket.hear())["event"]
        assert balance["B"] == [{"a": "USDT", "f": "9900.00000000", "l": "100.00000000"}]
        venue.control.trade("BTCUSDT", 100, 1, "SELL")
        filled = (await socket.hear())["event"]
        assert (filled["x"], filled["X"], filled["l"], filled["L"]) == ("TRADE", "FILLED", "1.00000000", "100.00000000")
        assert (filled["n"], filled["N"], filled["m"], filled["t"] > 0) == ("0.00100000", "BTC", True, True)


@wired
async def test_cancellation_carries_both_ids(venue, client):
    async with client.socket("/ws-api/v3") as socket:
        await socket.call("userDataStream.subscribe.signature", sign=True)
        number = (await client.order(newClientOrderId="mine")).body["orderId"]
        await client.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=number, newClientOrderId="gone")
        heard = await socket.until(lambda heard: heard["event"].get("x") == "CANCELED")
        assert (heard["event"]["c"], heard["event"]["C"]) == ("gone", "mine")


@wired
async def test_session_is_logged_on_once_and_then_needs_no_signature(venue, client):
    customer = client.with_ed25519()
    async with customer.socket("/ws-api/v3") as socket:
        assert (await socket.call("account.status", timestamp=venue.clock.now_ms()))["status"] == 401
        assert (await socket.call("userDataStream.subscribe"))["error"]["code"] == -1002
        logged_on = (await socket.call("session.logon", sign=True))["result"]
        assert (logged_on["apiKey"], logged_on["authorizedSince"]) == (customer.key, venue.clock.server_ms())
        assert (await socket.call("account.status", timestamp=venue.clock.now_ms()))["status"] == 200
        assert (await socket.call("userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
        venue.control.deposit("USDT", 5)
        heard = [(await socket.hear())["event"]["e"] for _ in range(2)]
        assert sorted(heard) == ["balanceUpdate", "outboundAccountPosition"]
        await socket.say({"id": 7, "method": "userDataStream.unsubscribe"})
        assert (await socket.hear())["event"]["e"] == "eventStreamTerminated"
        assert (await socket.hear())["result"] == {}
        venue.control.deposit("USDT", 5)
        assert (await socket.call("session.logout"))["result"]["apiKey"] is None


@wired
async def test_listen_key_is_kept_and_ends(venue, client):
    async def key(method: str, **params: Any) -> Any:
        return await client.ask(method, "/api/v3/userDataStream", params, headers=client.keyed)

    first = (await key("POST")).body["listenKey"]
    assert (await key("POST")).body["listenKey"] == first
    assert (await key("PUT", listenKey="nobody")).code == -1125
    for _ in range(3):
        await venue.advance(LIFE - 1_000)
        assert (await key("PUT", listenKey=first)).body == {}
    await venue.advance(LIFE)
    assert (await key("PUT", listenKey=first)).code == -1125
    second = (await key("POST")).body["listenKey"]
    assert second != first
    assert (await key("DELETE", listenKey=second)).body == {}
    assert (await key("DELETE", listenKey=second)).code == -1125


@wired
async def test_socket_of_a_key_that_ends_is_told_and_hears_no_more(venue, client):
    for side, path in (("/api/v3/userDataStream", False), ("/fapi/v1/listenKey", True)):
        key = (await client.ask("POST", side, headers=client.keyed)).body["listenKey"]
        async with client.socket(f"/ws/{key}", futures=path) as socket:
            await client.order(path="/fapi/v1/order" if path else "/api/v3/order")
            assert (await socket.hear())["e"] in ("executionReport", "ORDER_TRADE_UPDATE")
            venue.control.expire_listen_key()
            heard = await socket.until(lambda heard: heard["e"] == "listenKeyExpired")
            assert heard["listenKey"] == key
            await client.order(path="/fapi/v1/order" if path else "/api/v3/order")
            await socket.say({"method": "LIST_SUBSCRIPTIONS", "id": 9})
            assert (await socket.hear())["id"] == 9


@wired
async def test_futures_stream_tells_order_fill_and_account(venue, client):
    key = (await client.ask("POST", "/fapi/v1/listenKey", headers=client.keyed)).body["listenKey"]
    async with client.socket(f"/private/ws?listenKey={key}", futures=True) as socket:
        await client.order("BUY", "MARKET", path="/fapi/v1/order", quantity=2)
        heard = [await socket.hear() for _ in range(4)]
        assert [event["e"] for event in heard] == [
            "ORDER_TRADE_UPDATE",
            "TRADE_LITE",
            "ORDER_TRADE_UPDATE",
            "ACCOUNT_UPDATE",
        ]
        new, _, fill, account = heard
        assert (new["o"]["x"], fill["o"]["x"], fill["o"]["X"]) == ("NEW", "TRADE", "FILLED")
        assert (fill["o"]["n"], fill["o"]["N"]) == ("0.10100000", "USDT")
        assert account["a"]["m"] == "ORDER"
        assert account["a"]["B"][0]["wb"] == "9999.89900000"
        assert account["a"]["P"][0]["pa"] == "2.000"
        await client.signed("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=5)
        assert (await socket.hear())["ac"] == {"s": "BTCUSDT", "l": 5}
        venue.control.fund("BTCUSDT", "0.001")
        funding = await socket.hear()
        assert (funding["a"]["m"], funding["a"]["B"][0]["bc"], funding["a"]["P"]) == ("FUNDING_FEE", "-0.20200000", [])


@wired
async def test_conditional_order_tells_its_life(venue, client):
    key = (await client.ask("POST", "/fapi/v1/listenKey", headers=client.keyed)).body["listenKey"]
    async with client.socket(f"/ws/{key}", futures=True) as socket:
        await client.order("BUY", "MARKET", path="/fapi/v1/order")
        stop = {"algoType": "CONDITIONAL", "type": "STOP_MARKET", "side": "SELL", "symbol": "BTCUSDT", "quantity": 1,
                "triggerPrice": 95}  # fmt: skip
        number = (await client.signed("POST", "/fapi/v1/algoOrder", **stop)).body["algoId"]
        venue.control.trade("BTCUSDT", 95, 1, "SELL", perpetual=True)
        lives = []
        while lives[-1:] != ["FINISHED"]:
            heard = await socket.until(lambda heard: heard["e"] == "ALGO_UPDATE")
            assert heard["o"]["aid"] == number
            lives.append(heard["o"]["X"])
        assert lives == ["NEW", "TRIGGERING", "TRIGGERED", "FINISHED"]


@wired
async def test_what_happens_while_nobody_listens_is_not_told_later(venue, client):
    await client.order()
    async with client.socket("/ws-api/v3") as socket:
        await socket.call("userDataStream.subscribe.signature", sign=True)
        await client.order(newClientOrderId="later")
        assert (await socket.hear())["event"]["c"] == "later"


@wired
async def test_accounts_hear_only_of_themselves(venue, client):
    async with client.socket("/ws-api/v3") as socket:
        await socket.call("userDataStream.subscribe.signature", sign=True)
        venue.control.external_order("BTCUSDT", "BUY", 1, 90, account="other")
        venue.control.external_order("BTCUSDT", "BUY", 1, 91, client_id="own")
        assert (await socket.hear())["event"]["c"] == "own"


# --- the WebSocket API -----------------------------------------------------------------------------------------------


@wired
async def test_order_is_placed_asked_after_and_cancelled_over_a_socket(venue, client):
    async with client.socket("/ws-api/v3") as socket:
        asked = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "1",
            "price": "98",
        }
        placed = await socket.call("order.place", sign=True, **asked)
        number = placed["result"]["orderId"]
        counts = {(row["rateLimitType"], row["interval"]) for row in placed["rateLimits"]}
        assert counts == {("ORDERS", "SECOND"), ("ORDERS", "DAY"), ("REQUEST_WEIGHT", "MINUTE")}
        status = await socket.call(
            "order.status", sign=True, symbol="BTCUSDT", orderId=number, returnRateLimits="false"
        )
        assert (status["result"]["status"], "rateLimits" in status) == ("NEW", False)
        gone = await socket.call("order.cancel", sign=True, symbol="BTCUSDT", orderId=number)
        assert gone["result"]["status"] == "CANCELED"
        again = await socket.call("order.cancel", sign=True, symbol="BTCUSDT", orderId=number)
        assert (again["status"], again["error"]["code"]) == (400, -2011)


@wired
async def test_socket_api_refuses_what_rest_refuses(venue, client):
    async with client.socket("/ws-api/v3") as socket:
        assert (await socket.call("order.dance"))["error"]["code"] == -1000
        assert (await socket.call("klines", symbol="BTCUSDT", interval="7m"))["error"]["code"] == -1120
        wrong = await socket.call(
            "account.status", apiKey=client.account.key, timestamp=venue.clock.now_ms(), signature="0"
        )
        assert wrong["error"]["code"] == -1022
        await socket.say("{")
        assert (await socket.hear())["error"]["code"] == -1135
        venue.control.limit(1)
        for _ in range(2):
            limited = await socket.call("ping")
        assert (limited["status"], limited["error"]["data"].keys()) == (429, {"serverTime", "retryAfter"})


@wired
async def test_futures_socket_api_trades_too(venue, client):
    async with client.socket("/ws-fapi/v1", futures=True) as socket:
        asked = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "1",
            "price": "98",
        }
        number = (await socket.call("order.place", sign=True, **asked))["result"]["orderId"]
        changed = {"symbol": "BTCUSDT", "orderId": number, "side": "BUY", "quantity": "2", "price": "97"}
        assert (await socket.call("order.modify", sign=True, **changed))["result"]["price"] == "97.00"
        assert (await socket.call("v2/account.balance", sign=True))["result"][0]["asset"] == "USDT"
        assert (await socket.call("ticker.price", symbol="BTCUSDT"))["result"]["price"] == "100.00"


# --- when the client is slow -----------------------------------------------------------------------------------------


@wired
async def test_messages_of_one_stream_come_in_order_and_all(venue, client):
    async with client.socket("/ws/btcusdt@trade") as socket:
        for number in range(500):
            venue.control.trade("BTCUSDT", 100, "0.001")
            if number % 50 == 0:
                await asyncio.sleep(0)
        heard = [(await socket.hear())["t"] for _ in range(500)]
        assert heard == list(range(heard[0], heard[0] + 500))
