"""REST on the wire: signatures, time, limits, what is said to a request that is wrong, and what answers look like."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

import pytest

from workbench.connectors.simulated.signing import hmac_of, rest_payload, socket_payload
from workbench.connectors.simulated.weights import FIRST_BAN, PATIENCE

from .wire import Client, given, read, wired

DOCUMENTED_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
FRONT, BACK = (
    "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC",
    "quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
)

# --- signatures ------------------------------------------------------------------------------------------------------


def test_signatures_are_those_of_the_documents():
    """The three worked examples of the REST page, and that of the WebSocket API's."""
    whole = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    assert hmac_of(DOCUMENTED_SECRET, rest_payload(f"{FRONT}&{BACK}", "")) == whole
    assert hmac_of(DOCUMENTED_SECRET, rest_payload("", f"{FRONT}&{BACK}&signature=x")) == whole
    mixed = "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"
    assert hmac_of(DOCUMENTED_SECRET, rest_payload(FRONT, f"{BACK}&signature={mixed}")) == mixed
    asked = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01000000",
             "price": "52000.00", "newOrderRespType": "ACK", "recvWindow": "100", "timestamp": "1645423376532",
             "apiKey": "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"}  # fmt: skip
    by_socket = "cc15477742bd704c29492d96c7ead9414dfd8e0ec4a00f947bb5bb454ddbd08a"
    assert hmac_of(DOCUMENTED_SECRET, socket_payload(asked | {"signature": "x"})) == by_socket


@wired
async def test_signed_requests_come_in_query_body_or_both(venue, client):
    for split in (0, 2, 9):
        params = list(client.sign({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
                                   "quantity": 1, "price": 98}).items())[:-1]  # fmt: skip
        query, body = urlencode(params[:split]), urlencode(params[split:])
        signature = f"signature={hmac_of(client.account.secret, query + body)}"
        body = f"{body}&{signature}" if body else signature
        form = {"Content-Type": "application/x-www-form-urlencoded", **client.keyed}
        async with client.http.post(client.url(f"/api/v3/order?{query}"), data=body, headers=form) as answer:
            assert (await read(answer)).body["status"] == "NEW"


@wired
async def test_signature_may_be_in_capitals(venue, client):
    params = client.sign({})
    params["signature"] = params["signature"].upper()
    assert (await client.ask("GET", "/api/v3/account", params, headers=client.keyed)).status == 200


@wired
async def test_wrong_keys_and_signatures_are_refused_each_in_its_way(venue, client):
    async def account(params, headers):
        return await client.ask("GET", "/api/v3/account", params, headers=headers)

    right = client.sign({})
    for params, headers, status, code in (
        (right | {"signature": "0" * 64}, client.keyed, 400, -1022),
        (right | {"omitZeroBalances": "true"}, client.keyed, 400, -1022),
        ({"timestamp": right["timestamp"]}, client.keyed, 400, -1102),
        ({}, client.keyed, 400, -1102),
        (right, {"X-MBX-APIKEY": "notmykey"}, 401, -2015),
        (right, {"X-MBX-APIKEY": "not/a/key"}, 401, -2014),
        (right, None, 401, -2014),
    ):
        answer = await account(params, headers)
        assert (answer.status, answer.code) == (status, code)


@wired
async def test_key_that_may_only_read_places_no_order(venue, client):
    venue.control.permissions("trader", trade=False)
    assert (await client.signed("GET", "/api/v3/account")).body["canTrade"] is False
    assert (await client.order()).code == -2015
    venue.control.permissions("trader", trade=False, read=False)
    assert (await client.signed("GET", "/api/v3/account")).code == -2015


# --- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("late", "window", "code"),
    [(0, 5_000, 0), (5_000, 5_000, 0), (5_001, 5_000, -1021), (-999, 5_000, 0), (-1_000, 5_000, -1021),
     (59_999, 60_000, 0), (0, 60_001, -1131), (101, 100, -1021), (5_001, None, -1021)],
)  # fmt: skip
def test_request_counts_within_its_window_only(late, window, code):
    @wired
    async def check(venue, client):
        params = {"timestamp": venue.clock.now_ms() - late} | ({} if window is None else {"recvWindow": window})
        answer = await client.signed("GET", "/api/v3/account", **params)
        assert answer.body.get("code", 0) == code

    check()


@wired
async def test_venue_whose_clock_is_off_says_so_and_judges_by_it(venue, client):
    venue.control.skew(10_000)
    assert (await client.get("/api/v3/time")).body["serverTime"] == venue.clock.now_ms() + 10_000
    assert (await client.signed("GET", "/api/v3/account")).status == 200
    assert (await client.signed("GET", "/api/v3/account", timestamp=venue.clock.now_ms())).code == -1021


@wired
async def test_timestamps_may_be_in_microseconds(venue, client):
    assert (await client.signed("GET", "/api/v3/account", timestamp=venue.clock.now_ms() * 1_000)).status == 200


# --- limits ----------------------------------------------------------------------------------------------------------


@wired
async def test_weight_is_counted_by_the_minute_and_told(venue, client):
    asked = [("ping", {}), ("exchangeInfo", {}), ("depth", {"symbol": "BTCUSDT"}),
             ("depth", {"symbol": "BTCUSDT", "limit": 5_000})]  # fmt: skip
    answers = [await client.get(f"/api/v3/{path}", **params) for path, params in asked]
    weights = [answer.headers["X-MBX-USED-WEIGHT-1M"] for answer in answers]
    start = int(weights[0])
    assert [int(weight) - start for weight in weights] == [0, 20, 25, 275]
    await venue.advance(60_000)
    assert (await client.get("/api/v3/ping")).headers["X-MBX-USED-WEIGHT-1M"] == "1"


@wired
async def test_too_much_weight_is_429_with_the_seconds_to_wait(venue, client):
    venue.control.limit(10)
    answers = [await client.get("/api/v3/ping") for _ in range(11)]
    assert [answer.status for answer in answers] == [200] * 10 + [429]
    last = answers[-1]
    assert (last.code, last.body.keys()) == (-1003, {"code", "msg"})
    assert 0 < int(last.headers["Retry-After"]) <= 60
    await venue.advance(int(last.headers["Retry-After"]) * 1_000)
    assert (await client.get("/api/v3/ping")).status == 200


@wired
async def test_who_goes_on_is_banned_for_longer_each_time(venue, client):
    venue.control.limit(1)
    seconds = []
    for _ in range(2):
        statuses = [(await client.get("/api/v3/ping")).status for _ in range(PATIENCE + 3)]
        assert statuses[0] == 200
        assert statuses[-1] == 418
        seconds.append(int((await client.get("/api/v3/ping")).headers["Retry-After"]))
        await venue.advance((seconds[-1] + 60) * 1_000)
    assert seconds == [FIRST_BAN // 1_000, 4 * FIRST_BAN // 1_000]


@wired
async def test_orders_are_counted_by_account(venue, client):
    venue.control.limit(2, "ORDERS")
    answers = [await client.order() for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert (answers[2].code, "Retry-After" in answers[2].headers) == (-1015, False)
    assert answers[1].headers["X-MBX-ORDER-COUNT-10S"] == "2"
    assert (await client.signed("GET", "/api/v3/rateLimit/order")).body[0]["count"] == 2
    assert (await client.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")).status == 200  # cancels are free
    await venue.advance(10_000)
    venue.control.limit(200, "ORDERS")
    assert (await client.order()).status == 200


# --- requests that are wrong -----------------------------------------------------------------------------------------

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "98"}


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"symbol": None}, -1102, "'symbol'"),
        ({"symbol": "NOTUSDT"}, -1121, "Invalid symbol"),
        ({"symbol": "btc/usdt"}, -1100, "'symbol'"),
        ({"side": "LONG"}, -1117, "Invalid side"),
        ({"type": "TWAP"}, -1116, "Invalid orderType"),
        ({"timeInForce": "GTX"}, -1115, "Invalid timeInForce"),
        ({"timeInForce": None}, -1102, "'timeInForce'"),
        ({"price": None}, -1102, "'price'"),
        ({"quantity": None}, -1102, "'quantity'"),
        ({"quantity": "1e3"}, -1100, "'quantity'"),
        ({"quantity": "-1"}, -1100, "'quantity'"),
        ({"quantity": "1.123456789"}, -1111, "too much precision"),
        ({"price": "NaN"}, -1100, "'price'"),
        ({"newClientOrderId": "no spaces please"}, -1100, "'newClientOrderId'"),
        ({"newClientOrderId": "x" * 37}, -1100, "'newClientOrderId'"),
        ({"stopPrice": "90"}, -1106, "'stopPrice'"),
        ({"nonsense": "1"}, -1104, "Not all sent parameters were read"),
        ({"strategyType": "5"}, -1134, "strategyType"),
        ({"icebergQty": "0.1", "timeInForce": "IOC"}, -1014, "Unsupported order combination"),
        ({"type": "MARKET"}, -1106, "sent when not required"),
        ({"type": "STOP_LOSS_LIMIT"}, -1102, "'stopPrice' or 'trailingDelta'"),
        ({"newOrderRespType": "LONG"}, -1130, "newOrderRespType"),
    ],
)
def test_parameter_that_is_wrong_is_named(change, code, words):
    @wired
    async def check(venue, client):
        params = {name: value for name, value in (ORDER | change).items() if value is not None}
        answer = await client.signed("POST", "/api/v3/order", **params)
        assert (answer.status, answer.code) == (400, code)
        assert words in answer.body["msg"]
        assert not venue.control.orders()

    check()


@wired
async def test_market_order_wants_one_amount(venue, client):
    assert (await client.order("BUY", "MARKET", quantity="")).code == -1102
    assert (await client.order("BUY", "MARKET", quoteOrderQty=5)).code == -1106


@wired
async def test_unknown_paths_and_methods_are_not_json_promises(venue, client):
    assert (await client.get("/api/v3/nothing")).status == 404
    assert (await client.ask("DELETE", "/api/v3/time")).status == 405


@wired
async def test_wrong_intervals_and_windows_are_refused(venue, client):
    assert (await client.get("/api/v3/klines", symbol="BTCUSDT", interval="7m")).code == -1120
    assert (await client.get("/api/v3/ticker", symbol="BTCUSDT", windowSize="25h")).code == -1130
    assert (await client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=7)).code == -4021
    day = {"startTime": 0, "endTime": 86_400_001}
    assert (await client.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", **day)).code == -1127


# --- orders ----------------------------------------------------------------------------------------------------------


@wired
async def test_answer_to_an_order_is_as_long_as_asked_for(venue, client):
    short = {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    ack, result, full = [
        (await client.order("BUY", "MARKET", newOrderRespType=kind)).body for kind in ("ACK", "RESULT", "FULL")
    ]
    assert ack.keys() == short
    assert full.keys() - result.keys() == {"fills"}
    assert full["fills"][0] == {"price": "101.00000000", "qty": "1.00000000", "commission": "0.00100000",
                                "commissionAsset": "BTC", "tradeId": 4}  # fmt: skip


@wired
async def test_stop_is_answered_with_an_acknowledgement_unless_asked_for_more(venue, client):
    stop = {"timeInForce": "", "price": "", "stopPrice": 90}
    answer = await client.order("SELL", "STOP_LOSS", **{k: v for k, v in stop.items() if v})
    assert "status" not in answer.body
    answer = await client.order("SELL", "STOP_LOSS", stopPrice=90, newOrderRespType="RESULT")
    assert (answer.body["stopPrice"], answer.body["workingTime"]) == ("90.00000000", -1)


@wired
async def test_cancel_replace_says_which_half_failed(venue, client):
    base = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 1, "price": 97}

    async def replace(mode, **more):
        return await client.signed("POST", "/api/v3/order/cancelReplace", cancelReplaceMode=mode, **(base | more))

    first = (await client.order()).body["orderId"]
    both = await replace("STOP_ON_FAILURE", cancelOrderId=first)
    assert (both.status, both.body["cancelResult"], both.body["newOrderResult"]) == (200, "SUCCESS", "SUCCESS")
    second = both.body["newOrderResponse"]["orderId"]
    stopped = await replace("STOP_ON_FAILURE", cancelOrderId=first)
    assert (stopped.status, stopped.code, stopped.body["data"]["newOrderResult"]) == (400, -2022, "NOT_ATTEMPTED")
    went_on = await replace("ALLOW_FAILURE", cancelOrderId=first)
    assert (went_on.status, went_on.code, went_on.body["data"]["cancelResponse"]["code"]) == (409, -2021, -2011)
    half = await replace("STOP_ON_FAILURE", cancelOrderId=second, quantity=1_000)
    assert (half.status, half.code, half.body["data"]["newOrderResponse"]["code"]) == (409, -2021, -2010)
    neither = await replace("ALLOW_FAILURE", cancelOrderId=second, quantity=1_000)
    assert (neither.status, neither.code) == (400, -2022)


@wired
async def test_amended_order_is_shown_as_it_is_now(venue, client):
    number = (await client.order(quantity=2)).body["orderId"]
    answer = await client.signed("PUT", "/api/v3/order/amend/keepPriority", symbol="BTCUSDT", orderId=number, newQty=1)
    assert answer.body["amendedOrder"]["qty"] == "1.00000000"
    larger = await client.signed("PUT", "/api/v3/order/amend/keepPriority", symbol="BTCUSDT", orderId=number, newQty=5)
    assert larger.code == -2038


@wired
async def test_lists_come_with_reports_and_without(venue, client):
    legs = {"aboveType": "LIMIT_MAKER", "abovePrice": 110, "belowType": "STOP_LOSS_LIMIT", "belowStopPrice": 90,
            "belowPrice": 89, "belowTimeInForce": "GTC"}  # fmt: skip
    oco = await client.signed("POST", "/api/v3/orderList/oco", symbol="BTCUSDT", side="SELL", quantity=1, **legs)
    assert [row["type"] for row in oco.body["orderReports"]] == ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]
    number = oco.body["orderListId"]
    assert (await client.signed("GET", "/api/v3/openOrderList")).body[0]["orderListId"] == number
    assert "orderReports" not in (await client.signed("GET", "/api/v3/orderList", orderListId=number)).body
    done = await client.signed("DELETE", "/api/v3/orderList", symbol="BTCUSDT", orderListId=number)
    assert {row["status"] for row in done.body["orderReports"]} == {"CANCELED"}
    assert len((await client.signed("GET", "/api/v3/allOrderList")).body) == 1
    old = await client.signed(
        "POST", "/api/v3/order/oco", symbol="BTCUSDT", side="SELL", quantity=1, price=110, stopPrice=90
    )
    assert old.body["contingencyType"] == "OCO"


@wired
async def test_working_order_and_bracket_in_one_request(venue, client):
    working = {"workingType": "LIMIT", "workingSide": "BUY", "workingPrice": 100, "workingQuantity": 1,
               "workingTimeInForce": "GTC", "pendingSide": "SELL", "pendingQuantity": 1}  # fmt: skip
    legs = {"pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": 110, "pendingBelowType": "STOP_LOSS",
            "pendingBelowStopPrice": 90}  # fmt: skip
    made = await client.signed("POST", "/api/v3/orderList/otoco", symbol="BTCUSDT", **working, **legs)
    assert [row["status"] for row in made.body["orderReports"]] == ["NEW", "PENDING_NEW", "PENDING_NEW"]
    assert made.body["contingencyType"] == "OTO"
    venue.control.trade("BTCUSDT", 100, 1, "SELL")
    orders = (await client.signed("GET", "/api/v3/openOrders", symbol="BTCUSDT")).body
    assert {order["status"] for order in orders} == {"NEW"}


@wired
async def test_prevented_match_is_listed(venue, client):
    first = (await client.order(price=100)).body["orderId"]
    second = await client.order("SELL", price=100, selfTradePreventionMode="EXPIRE_TAKER")
    assert (second.body["status"], second.body["preventedQuantity"]) == ("EXPIRED_IN_MATCH", "1.00000000")
    (row,) = (await client.signed("GET", "/api/v3/myPreventedMatches", symbol="BTCUSDT", orderId=first)).body
    assert (row["makerOrderId"], row["price"]) == (first, "100.00000000")


# --- futures ---------------------------------------------------------------------------------------------------------


@wired
async def test_conditional_orders_are_sent_elsewhere(venue, client):
    answer = await client.order("SELL", "STOP_MARKET", path="/fapi/v1/order", stopPrice=90)
    assert answer.code == -4120


@wired
async def test_batch_has_an_answer_for_each(venue, client):
    rows = [{"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": price}
            for price in ("98", "98.001", "97")]  # fmt: skip
    import json

    made = await client.signed("POST", "/fapi/v1/batchOrders", batchOrders=json.dumps(rows))
    assert [row.get("status", row.get("code")) for row in made.body] == ["NEW", -1111, "NEW"]
    numbers = [row["orderId"] for row in made.body if "orderId" in row]
    gone = await client.signed(
        "DELETE", "/fapi/v1/batchOrders", symbol="BTCUSDT", orderIdList=json.dumps([*numbers, 99])
    )
    assert [row.get("status", row.get("code")) for row in gone.body] == ["CANCELED", "CANCELED", -2011]


@wired
async def test_settings_are_read_back_as_set(venue, client):
    assert (await client.signed("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=7)).body["leverage"] == 7
    assert (await client.signed("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")).body[
        "code"
    ] == 200
    (row,) = (await client.signed("GET", "/fapi/v1/symbolConfig", symbol="BTCUSDT")).body
    assert (row["leverage"], row["marginType"]) == (7, "ISOLATED")
    assert (await client.signed("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")).body["code"] == 200
    assert (await client.signed("GET", "/fapi/v1/positionSide/dual")).body == {"dualSidePosition": True}
    rows = (await client.signed("GET", "/fapi/v2/positionRisk", symbol="BTCUSDT")).body
    assert [row["positionSide"] for row in rows] == ["LONG", "SHORT"]
    assert (await client.order("BUY", path="/fapi/v1/order")).code == -4061
    assert (await client.order("BUY", path="/fapi/v1/order", positionSide="LONG", reduceOnly="true")).code == -1106


@wired
async def test_settings_that_are_ignored_read_as_before(venue, client):
    venue.control.ignore_settings("leverage", "marginType", "positionMode")
    assert (await client.signed("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=7)).body["leverage"] == 7
    await client.signed("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    await client.signed("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
    (row,) = (await client.signed("GET", "/fapi/v1/symbolConfig", symbol="BTCUSDT")).body
    assert (row["leverage"], row["marginType"]) == (20, "CROSSED")
    assert (await client.signed("GET", "/fapi/v1/positionSide/dual")).body == {"dualSidePosition": False}


@wired
async def test_account_adds_up(venue, client):
    await client.order("BUY", "MARKET", path="/fapi/v1/order", quantity=10)
    await client.order(path="/fapi/v1/order", quantity=5, price=98)
    body = (await client.signed("GET", "/fapi/v3/account")).body
    # 10 at 101, which is the mark then; 20 times; five more at 98 would need 24.5
    assert (body["totalUnrealizedProfit"], body["totalPositionInitialMargin"]) == ("0.00000000", "50.50000000")
    assert body["totalOpenOrderInitialMargin"] == "24.50000000"
    free = float(body["totalWalletBalance"]) - 50.5 - 24.5
    assert float(body["availableBalance"]) == pytest.approx(free)
    (held,) = body["positions"]
    assert (held["positionAmt"], held["notional"]) == ("10.000", "1010.00000000")


@wired
async def test_income_is_paged(venue, client):
    for side in ("BUY", "SELL"):
        await client.order(side, "MARKET", path="/fapi/v1/order")
    rows = (await client.signed("GET", "/fapi/v1/income")).body
    assert [row["incomeType"] for row in rows] == ["TRANSFER", "TRANSFER", "COMMISSION", "REALIZED_PNL", "COMMISSION"]
    assert rows[3]["income"] == "-2.00000000"
    paid = (await client.signed("GET", "/fapi/v1/income", incomeType="COMMISSION", limit=1)).body
    assert [row["tranId"] for row in paid] == [rows[4]["tranId"]]


# --- queries ---------------------------------------------------------------------------------------------------------


@wired
async def test_lists_are_cut_from_the_right_end(venue, client):
    numbers = []
    for _ in range(4):
        numbers.append((await client.order()).body["orderId"])
        await venue.advance(1_000)

    async def asked(**params):
        return [
            o["orderId"] for o in (await client.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT", **params)).body
        ]

    assert await asked(limit=2) == numbers[-2:]
    assert await asked(limit=2, orderId=numbers[1]) == numbers[1:3]
    start = venue.control.orders()[1]["created_ms"]
    assert await asked(limit=2, startTime=start) == numbers[1:3]


@wired
async def test_trades_are_found_by_order_and_by_id(venue, client):
    first, second = [(await client.order("BUY", "MARKET")).body for _ in range(2)]
    mine = (await client.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT")).body
    assert [row["orderId"] for row in mine] == [first["orderId"], second["orderId"]]
    by_order = (await client.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", orderId=second["orderId"])).body
    assert by_order == mine[1:]
    since = (await client.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", fromId=mine[1]["id"])).body
    assert since == mine[1:]


@wired
async def test_order_is_found_by_either_id_and_the_newest_by_the_clients(venue, client):
    for _ in range(2):
        last = (await client.order("BUY", "MARKET", newClientOrderId="again")).body["orderId"]
    found = await client.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="again")
    assert found.body["orderId"] == last
    assert (await client.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=99)).code == -2013
    assert (await client.signed("GET", "/api/v3/order", symbol="BTCUSDT")).code == -1102


@wired
async def test_accounts_do_not_see_each_other(venue, client):
    number = (await client.order()).body["orderId"]
    client = Client(venue, client.http, "other")
    assert (await client.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=number)).code == -2013
    assert (await client.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=number)).code == -2011
    assert (await client.signed("GET", "/api/v3/openOrders")).body == []


@wired
async def test_klines_of_all_lengths_open_where_they_should(venue, client):
    for name, length in (("1m", 60_000), ("1h", 3_600_000), ("1d", 86_400_000), ("1w", 604_800_000)):
        (bar,) = (await client.get("/api/v3/klines", symbol="BTCUSDT", interval=name, limit=1)).body
        assert (bar[6] - bar[0] + 1, bar[0] <= venue.clock.now_ms() <= bar[6]) == (length, True)
    (week,) = (await client.get("/api/v3/klines", symbol="BTCUSDT", interval="1w", limit=1)).body
    assert (week[0] - 345_600_000) % 604_800_000 == 0  # weeks open on Mondays
    (month,) = (await client.get("/api/v3/klines", symbol="BTCUSDT", interval="1M", limit=1)).body
    assert (month[0], month[6]) == (1_698_796_800_000, 1_701_388_799_999)  # November 2023


@given(money={"USDT": 100})
async def check_two_things(venue, client):
    answers = await asyncio.gather(*(client.order(price=98) for _ in range(2)))
    assert sorted(answer.status for answer in answers) == [200, 400]


def test_requests_at_once_do_not_spend_the_same_money_twice():
    wired(check_two_things)()


@wired
async def test_other_side_has_nothing_to_trade(venue, client):
    assert (await client.get("/dapi/v1/exchangeInfo")).body["symbols"] == []


@wired
async def test_big_requests_are_refused_not_swallowed(venue, client):
    async with client.http.post(client.url("/api/v3/order"), data=b"x" * 3_000_000) as answer:
        assert answer.status == 413
