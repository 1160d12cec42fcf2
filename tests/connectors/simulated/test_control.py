"""The control door: each hook does what it says, in process and over its port."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from workbench.connectors.simulated import Faults, SeededMarket, SimulatedVenue
from workbench.connectors.simulated.control import hooks
from workbench.errors import ConfigError

from .wire import Client, opened, wired

GONE = (aiohttp.ClientError, asyncio.TimeoutError, TimeoutError)

# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "done"), [("accept_then_silence", 1), ("lose_request", 0), ("reset", 1), ("cut", 0)])
def test_order_whose_answer_is_lost_was_done_or_was_not(kind, done):
    @wired
    async def check(venue, client):
        rule = venue.control.on("POST /api/v3/order", kind)
        sent = asyncio.ensure_future(client.order(newClientOrderId="lost"))
        while rule.used == 0 or len(venue.control.orders()) < done:
            await asyncio.sleep(0.001)
        if kind in ("reset", "cut"):
            with pytest.raises(GONE):
                await sent
        asked = await client.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="lost")
        assert asked.status == (200 if done else 400)
        assert [order["client_id"] for order in venue.control.orders()] == ["lost"] * done
        # A question that was asked later is answered, this one is not.
        assert sent.done() == (kind in ("reset", "cut"))
        sent.cancel()

    check()


@pytest.mark.parametrize("done", [True, False])
def test_reply_may_lie_about_what_was_done(done):
    @wired
    async def check(venue, client):
        venue.control.reply("POST /api/v3/order", 503, -1000, "Unknown error", headers={"Retry-After": "7"}, done=done)
        answer = await client.order()
        assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, -1000, "7")
        assert len(venue.control.orders()) == done
        assert (await client.order()).status == 200  # once only

    check()


@wired
async def test_answer_may_be_a_page_or_a_half(venue, client):
    venue.control.on("GET /api/v3/account", "html")
    answer = await client.signed("GET", "/api/v3/account")
    assert (answer.status, answer.body.startswith("<!DOCTYPE html>")) == (200, True)
    venue.control.on("GET /api/v3/account", "truncate")
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.signed("GET", "/api/v3/account")


@wired
async def test_rule_counts_what_it_lets_pass_and_how_often(venue, client):
    rule = venue.control.on("GET /api/v3/time", "reply", status=500, times=2, after=1)
    assert [(await client.get("/api/v3/time")).status for _ in range(4)] == [200, 500, 500, 200]
    assert rule.used == 2
    venue.control.on("* /fapi/*", "reply", status=500, times=-1)
    assert [(await client.get("/fapi/v1/time")).status for _ in range(3)] == [500] * 3
    venue.control.clear()
    assert (await client.get("/fapi/v1/time")).status == 200


@wired
async def test_answer_takes_its_time(venue, client):
    venue.control.delay("GET /api/v3/time", 80)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await client.get("/api/v3/time")
    assert loop.time() - began >= 0.08


@wired
async def test_maintenance_answers_nothing_and_closes_sockets(venue, client):
    async with client.socket("/ws") as socket:
        assert (await socket.subscribe("btcusdt@trade"))["result"] is None
        venue.control.maintenance()
        assert await socket.is_closed()
    assert (await client.get("/api/v3/time")).status == 503
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await client.http.ws_connect(venue.spot_url + "/ws")
    venue.control.maintenance(False)
    assert (await client.get("/api/v3/time")).status == 200


@wired
async def test_ban_lasts_as_long_as_said(venue, client):
    venue.control.ban(30)
    banned = await client.get("/api/v3/time")
    assert (banned.status, banned.headers["Retry-After"]) == (418, "30")
    await venue.advance(30_000)
    assert (await client.get("/api/v3/time")).status == 200


@wired
async def test_socket_api_can_lose_answers_too(venue, client):
    async with client.socket("/ws-api/v3") as socket:
        venue.control.on("WS order.place", "accept_then_silence")
        asked = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "1",
            "price": "98",
        }
        await socket.ask("order.place", sign=True, **asked)
        await socket.ask("ping")
        assert (await socket.hear())["id"] == "ping"  # answers come in the order of questions: the first is lost
        assert len(venue.control.orders()) == 1


# --- what queries see ------------------------------------------------------------------------------------------------


@wired
async def test_queries_lag_behind(venue, client):
    venue.control.read_lag(5_000)
    number = (await client.order("BUY", "MARKET")).body["orderId"]
    assert (await client.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=number)).code == -2013
    assert (await client.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT")).body == []
    await venue.advance(5_000)
    assert (await client.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=number)).body["status"] == "FILLED"
    assert len((await client.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT")).body) == 1


@wired
async def test_order_can_vanish_for_a_while(venue, client):
    await client.order(newClientOrderId="here")
    venue.control.blackout("here", 300_000)
    assert (await client.signed("GET", "/api/v3/openOrders")).body == []
    assert (await client.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="here")).code == -2013
    await venue.advance(300_000)
    assert len((await client.signed("GET", "/api/v3/openOrders")).body) == 1


@pytest.mark.parametrize("path", ["/api/v3/order", "/fapi/v1/order"])
def test_cancellation_can_be_a_lie(path):
    @wired
    async def check(venue, client):
        venue.control.keep_on_cancel()
        number = (await client.order(path=path)).body["orderId"]
        assert (await client.signed("DELETE", path, symbol="BTCUSDT", orderId=number)).body["status"] == "CANCELED"
        assert (await client.signed("GET", path, symbol="BTCUSDT", orderId=number)).body["status"] == "NEW"
        assert (await client.signed("DELETE", path, symbol="BTCUSDT", orderId=number)).body["status"] == "CANCELED"
        assert (await client.signed("GET", path, symbol="BTCUSDT", orderId=number)).body["status"] == "CANCELED"

    check()


@pytest.mark.parametrize("path", ["/api/v3/order", "/fapi/v1/order"])
def test_fill_can_be_faster_than_the_cancellation(path):
    @wired
    async def check(venue, client):
        venue.control.fill_on_cancel()
        number = (await client.order(path=path)).body["orderId"]
        assert (await client.signed("DELETE", path, symbol="BTCUSDT", orderId=number)).code == -2011
        assert (await client.signed("GET", path, symbol="BTCUSDT", orderId=number)).body["status"] == "FILLED"

    check()


@wired
async def test_snapshot_can_be_old_and_the_book_wrong(venue, client):
    venue.control.old_snapshot("BTCUSDT")
    before = (await client.get("/api/v3/depth", symbol="BTCUSDT")).body
    venue.control.book("BTCUSDT", [(90, 1)], [(91, 1)])
    assert (await client.get("/api/v3/depth", symbol="BTCUSDT")).body == before
    venue.control.old_snapshot("BTCUSDT", False)
    venue.control.distort_book("BTCUSDT", "crossed")
    crossed = (await client.get("/api/v3/depth", symbol="BTCUSDT")).body
    assert float(crossed["bids"][0][0]) > float(crossed["asks"][0][0])
    venue.control.distort_book("BTCUSDT", "empty")
    assert (await client.get("/api/v3/depth", symbol="BTCUSDT")).body["bids"] == []


@wired
async def test_klines_can_freeze(venue, client):
    venue.control.freeze_klines()
    before = (await client.get("/api/v3/klines", symbol="BTCUSDT", interval="1m")).body
    await venue.advance(600_000)
    assert (await client.get("/api/v3/klines", symbol="BTCUSDT", interval="1m")).body == before
    venue.control.freeze_klines(False)
    assert len((await client.get("/api/v3/klines", symbol="BTCUSDT", interval="1m")).body) == len(before) + 10


# --- streams ---------------------------------------------------------------------------------------------------------


async def prices(venue, client, *rules) -> list[str]:
    async with client.socket("/ws/btcusdt@trade") as socket:
        await socket.say({"method": "LIST_SUBSCRIPTIONS", "id": 0})
        await socket.hear()
        for kind, number in rules:
            venue.control.on_stream("btcusdt@trade", kind, after=number)
        for price in range(100, 105):
            venue.control.trade("BTCUSDT", price, 1)
        await socket.say({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        heard = []
        while "id" not in (message := await socket.hear()):
            heard.append(message["p"].partition(".")[0])
        return heard


@pytest.mark.parametrize(
    ("rules", "heard"),
    [
        ([("drop", 1)], [100, 102, 103, 104]),
        ([("dup", 2)], [100, 101, 102, 102, 103, 104]),
        ([("reorder", 0)], [101, 100, 102, 103, 104]),
        ([("drop", 0), ("drop", 0)], [102, 103, 104]),
    ],
)
def test_messages_are_lost_doubled_or_swapped(rules, heard):
    @wired
    async def check(venue, client):
        assert await prices(venue, client, *rules) == list(map(str, heard))

    check()


@wired
async def test_messages_are_held_until_they_are_released(venue, client):
    async with client.socket("/ws/btcusdt@trade") as socket:
        await socket.say({"method": "LIST_SUBSCRIPTIONS", "id": 0})
        await socket.hear()
        venue.control.on_stream("btcusdt@trade", "hold", times=2, after=1)
        for price in range(100, 105):
            venue.control.trade("BTCUSDT", price, 1)
        venue.control.release()
        venue.control.release()
        venue.control.trade("BTCUSDT", 105, 1)
        heard = [(await socket.hear())["p"].partition(".")[0] for _ in range(6)]
        assert heard == ["100", "103", "104", "101", "102", "105"]


@wired
async def test_stalled_socket_answers_pings_and_a_half_open_one_does_not(venue, client):
    async with client.socket("/ws/btcusdt@trade") as socket:
        venue.control.stall()
        venue.control.trade("BTCUSDT", 100, 1)
        await socket.ws.ping()
        assert (await socket.ws.receive(5)).type is aiohttp.WSMsgType.PONG
        venue.control.half_open()
        await socket.ws.ping()
        with pytest.raises(GONE):
            await asyncio.wait_for(socket.ws.receive(), 0.2)
        venue.control.half_open(False)
        venue.control.trade("BTCUSDT", 101, 1)
        assert (await socket.hear())["p"] == "101.00000000"


@wired
async def test_stall_can_mean_market_streams_only(venue, client):
    async with client.socket("/ws/btcusdt@trade") as market, client.socket("/ws-api/v3") as user:
        await user.call("userDataStream.subscribe.signature", sign=True)
        venue.control.stall(users=False)
        await client.order("BUY", "MARKET")
        assert (await user.hear())["event"]["x"] == "NEW"
        with pytest.raises(GONE):
            await asyncio.wait_for(market.hear(), 0.2)


@wired
async def test_sockets_can_be_cut_and_refused(venue, client):
    async with client.socket("/ws/btcusdt@trade") as socket:
        venue.control.cut_sockets()
        assert await socket.is_closed()
    venue.control.refuse_sockets()
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await client.http.ws_connect(venue.spot_url + "/ws")


@wired
async def test_subscription_can_be_answered_with_nothing_behind_it(venue, client):
    venue.control.ack_only()
    async with client.socket("/ws") as socket:
        assert (await socket.subscribe("btcusdt@trade"))["result"] is None
        venue.control.trade("BTCUSDT", 100, 1)
        with pytest.raises(GONE):
            await asyncio.wait_for(socket.hear(), 0.2)


# --- accounts and the oracle -----------------------------------------------------------------------------------------


@wired
async def test_position_can_be_made_to_differ_from_its_fills(venue, client):
    await client.order("BUY", "MARKET", path="/fapi/v1/order", quantity=2)
    venue.control.adjust_position("BTCUSDT", 5)
    (row,) = (await client.signed("GET", "/fapi/v3/positionRisk")).body
    assert row["positionAmt"] == "5.000"
    assert venue.core.ledger.position("trader", "BTCUSDT") == 2


@wired
async def test_oracle_knows_orders_fills_and_balances(venue, client):
    number = (await client.order(newClientOrderId="mine")).body["orderId"]
    venue.control.fill("BTCUSDT", number)
    assert [(order["client_id"], order["status"]) for order in venue.control.orders()] == [("mine", "FILLED")]
    assert [fill["client_id"] for fill in venue.control.fills()] == ["mine"]
    assert venue.control.balances()["spot"]["USDT"] == 10_000 - 98
    venue.control.expire("BTCUSDT", number)  # over already: nothing happens


def test_unknown_fault_is_refused_with_what_there_is():
    with pytest.raises(ConfigError, match="accept_then_silence"):
        SimulatedVenue().control.on("*", "explode")
    with pytest.raises(ConfigError, match="no chances"):
        Faults(lose_reply=1.5)


# --- over its port ---------------------------------------------------------------------------------------------------


@wired
async def test_every_hook_is_listed_with_what_it_does(venue, client):
    async with client.http.get(venue.control_url) as answer:
        listed = await answer.json()
    assert listed.keys() == hooks().keys()
    assert all(listed.values())


@wired
async def test_hook_is_used_by_name(venue, client):
    async with client.http.post(f"{venue.control_url}/halt", json={"symbol": "BTCUSDT"}) as answer:
        assert (answer.status, await answer.json()) == (200, {"result": None})
    assert (await client.order()).body["msg"] == "Market is closed."
    async with client.http.post(
        f"{venue.control_url}/external_order", json={"symbol": "NOTHING", "side": "BUY", "amount": 1}
    ) as answer:
        assert (answer.status, "Invalid symbol" in (await answer.json())["error"]) == (400, True)
    async with client.http.post(f"{venue.control_url}/balances") as answer:
        assert (await answer.json())["result"]["spot"]["USDT"] == "10000"
    async with client.http.post(f"{venue.control_url}/destroy") as answer:
        assert answer.status == 404


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
def test_web_page_cannot_use_the_door(headers):
    @wired
    async def check(venue, client):
        for method, path in (("POST", "/halt"), ("GET", "/ccxt"), ("GET", "/keys"), ("GET", "")):
            async with client.http.request(method, venue.control_url + path, headers=headers, data="{}") as answer:
                assert answer.status == 403

    check()


@wired
async def test_ccxt_learns_where_to_trade(venue, client):
    async with client.http.get(f"{venue.control_url}/ccxt?account=other&perpetual=true") as answer:
        config = json.loads(await answer.text())
    assert config == venue.ccxt("other", perpetual=True)
    async with client.http.get(f"{venue.control_url}/keys?account=other") as answer:
        keys = await answer.json()
        assert keys["hmac"]["secret"] == venue.account("other").secret
        assert (keys["ed25519"]["key"], keys["ed25519"]["private"]) == venue.ed25519("other")
    async with client.http.get(f"{venue.control_url}/ccxt?account=nobody") as answer:
        assert answer.status == 404


# --- chance ----------------------------------------------------------------------------------------------------------


def drawn(seed: int) -> list[str | None]:
    faults = Faults(seed, lose_request=0.1, lose_reply=0.1, reset=0.1, error=0.1, drop=0.1, repeat=0.1, reorder=0.1)
    rules = [faults.for_request("GET /api/v3/account", signed=True) for _ in range(300)]
    rules += [faults.for_message("executionReport", user=True) for _ in range(300)]
    return [None if rule is None else rule.kind for rule in rules]


def test_same_seed_brings_the_same_faults():
    assert drawn(3) == drawn(3) != drawn(4)
    kinds = {"lose_request", "accept_then_silence", "reset", "reply", "drop", "dup", "reorder", None}
    assert set(drawn(3)) == kinds
    assert 150 < drawn(3)[:300].count(None) < 210  # six of ten


def test_chance_leaves_what_is_public_alone():
    faults = Faults(1, lose_request=1.0, drop=1.0)
    assert faults.for_request("GET /api/v3/time", signed=False) is None
    assert faults.for_message("btcusdt@trade", user=False) is None


def test_error_of_chance_is_done_or_not_and_nobody_knows():
    async def run() -> None:
        async with opened(faults=Faults(7, error=1.0)) as (venue, client):
            answers = [await client.order() for _ in range(20)]
            assert {answer.status for answer in answers} == {503}
            assert 0 < len(venue.control.orders()) < 20

    asyncio.run(run())


def test_hooks_work_from_another_thread():
    with SimulatedVenue(sources=SeededMarket(seed=1)) as venue:
        number = venue.control.external_order("BTCUSDT", "BUY", "0.01", 50_000)
        venue.control.fill("BTCUSDT", number)
        assert venue.control.fills()[0]["order_id"] == number
        venue.control.stall()
        venue.control.cut_sockets()


@wired
async def test_two_customers_trade_with_each_other(venue, client):
    other = Client(venue, client.http, "other")
    await client.order("SELL", price=100)
    bought = await other.order("BUY", price=100)
    assert bought.body["status"] == "FILLED"
    assert [fill["side"] for name in ("trader", "other") for fill in venue.control.fills(name)] == [-1, 1]
