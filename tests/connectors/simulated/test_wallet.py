"""The wallet's endpoints, fees in BNB, changed orders, statistics: what clients ask besides trading."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from workbench.connectors.simulated import SimulatedVenue, Symbol

from .wire import given, wired

BNB = {"USDT": 10_000, "BTC": 10, "BNB": 1}


def listed(venue: SimulatedVenue, price: float = 500) -> None:
    """BNB has a price here."""
    for floor, name in ((venue.core.spot, "BNB/USDT"), (venue.core.perpetual, "BNB/USDT:USDT")):
        market = type(floor.markets["BTCUSDT"])(Symbol.of(name, price).changed(max_amount="1000"))
        floor.markets["BNBUSDT"] = market
        venue.control.trade("BNBUSDT", price, 1, perpetual=floor.perpetual)


# --- the wallet ------------------------------------------------------------------------------------------------------


@wired
async def test_wallet_knows_assets_fees_and_rights(venue, client):
    coins = {row["coin"]: row for row in (await client.signed("GET", "/sapi/v1/capital/config/getall")).body}
    assert (coins["USDT"]["free"], coins["BTC"]["locked"]) == ("10000.00000000", "0.00000000")
    fees = (await client.signed("GET", "/sapi/v1/asset/tradeFee", symbol="BTCUSDT")).body
    assert fees == [{"symbol": "BTCUSDT", "makerCommission": "0.00100000", "takerCommission": "0.00100000"}]
    assert (await client.signed("GET", "/sapi/v1/asset/tradeFee", symbol="NONE")).code == -1121
    rights = (await client.signed("GET", "/sapi/v1/account/apiRestrictions")).body
    assert (rights["enableSpotAndMarginTrading"], rights["enableWithdrawals"]) == (True, False)
    venue.control.permissions("trader", withdraw=True)
    assert (await client.signed("GET", "/sapi/v1/account/apiRestrictions")).body["enableWithdrawals"] is True
    assert (await client.get("/sapi/v1/asset/tradeFee")).code == -2014
    assert (await client.get("/sapi/v1/system/status")).body == {"status": 0, "msg": "normal"}


@wired
async def test_transfer_moves_money_between_the_wallets(venue, client):
    async def move(way, amount):
        return await client.signed("POST", "/sapi/v1/asset/transfer", type=way, asset="USDT", amount=amount)

    first = (await move("MAIN_UMFUTURE", 250)).body["tranId"]
    assert venue.control.balances()["spot"]["USDT"] == D(9_750)
    assert venue.control.balances()["futures"]["USDT"] == D(10_250)
    second = (await move("UMFUTURE_MAIN", "100.5")).body["tranId"]
    assert second > first
    assert (await move("MAIN_UMFUTURE", 99_999)).code == -2010
    assert (await move("SIDEWAYS", 1)).code == -1130
    rows = (await client.signed("GET", "/sapi/v1/asset/transfer", type="UMFUTURE_MAIN")).body
    assert (rows["total"], rows["rows"][0]["amount"], rows["rows"][0]["tranId"]) == (1, "100.50000000", second)


# --- fees in BNB -----------------------------------------------------------------------------------------------------


@wired
@given(money=BNB)
async def test_spot_fee_in_bnb_is_a_quarter_less_and_leaves_what_was_bought_whole(venue, client):
    listed(venue)
    await client.signed("POST", "/sapi/v1/bnbBurn", spotBNBBurn="true")
    bought = (await client.order(kind="MARKET", quantity=2)).body  # 2 at 101: 202 USDT, 0.1 % of it, 75 %, at 500
    assert [(fill["commission"], fill["commissionAsset"]) for fill in bought["fills"]] == [("0.00030300", "BNB")]
    money = venue.control.balances()["spot"]
    assert (money["BTC"], money["BNB"], money["USDT"]) == (D(12), D(1) - D("0.000303"), D(10_000) - 202)
    assert venue.core.ledger.balance("venue", "BNB") == D("0.000303")
    discount = (await client.signed("GET", "/api/v3/account/commission", symbol="BTCUSDT")).body["discount"]
    assert discount["enabledForAccount"] is True


@wired
@given(money={"USDT": 10_000, "BTC": 10, "BNB": "0.0001"})
async def test_who_runs_out_of_bnb_pays_the_whole_fee_as_everybody_does(venue, client):
    listed(venue)
    await client.signed("POST", "/sapi/v1/bnbBurn", spotBNBBurn="true")
    bought = (await client.order(kind="MARKET", quantity=2)).body
    assert [(fill["commission"], fill["commissionAsset"]) for fill in bought["fills"]] == [("0.00200000", "BTC")]


@wired
@given(money=BNB)
async def test_without_a_price_for_bnb_fees_are_as_ever(venue, client):
    await client.signed("POST", "/sapi/v1/bnbBurn", spotBNBBurn="true")
    bought = (await client.order(kind="MARKET", quantity=2)).body
    assert bought["fills"][0]["commissionAsset"] == "BTC"


@wired
@given(money=BNB)
async def test_futures_fee_in_bnb_is_a_tenth_less(venue, client):
    listed(venue)
    assert (await client.signed("GET", "/fapi/v1/feeBurn")).body == {"feeBurn": False}
    await client.signed("POST", "/fapi/v1/feeBurn", feeBurn="true")
    await client.order(kind="MARKET", path="/fapi/v1/order", quantity=2)  # 202 USDT, 0.05 % of it, 90 %, at 500
    (fill,) = (await client.signed("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")).body
    assert (fill["commission"], fill["commissionAsset"]) == ("0.00018180", "BNB")
    money = venue.control.balances()["futures"]
    assert (money["USDT"], money["BNB"]) == (D(10_000), D(1) - D("0.0001818"))
    (row,) = (await client.signed("GET", "/fapi/v1/income", incomeType="COMMISSION")).body
    assert (row["asset"], row["income"]) == ("BNB", "-0.00018180")


# --- changed orders --------------------------------------------------------------------------------------------------


@wired
async def test_amendments_of_a_spot_order_are_kept(venue, client):
    number = (await client.order(quantity=4, newClientOrderId="first")).body["orderId"]
    for amount, name in ((3, "second"), (1, "third")):
        await client.signed("PUT", "/api/v3/order/amend/keepPriority", symbol="BTCUSDT", orderId=number,
                            newQty=amount, newClientOrderId=name)  # fmt: skip
    rows = (await client.signed("GET", "/api/v3/order/amendments", symbol="BTCUSDT", orderId=number)).body
    told = [(row["origClientOrderId"], row["newClientOrderId"], row["origQty"], row["newQty"]) for row in rows]
    assert told == [("first", "second", "4.00000000", "3.00000000"), ("second", "third", "3.00000000", "1.00000000")]
    assert (await client.signed("GET", "/api/v3/order/amendments", symbol="BTCUSDT", orderId=99)).code == -2013


@wired
async def test_changes_of_a_futures_order_are_kept(venue, client):
    path = "/fapi/v1/order"
    number = (await client.order(path=path)).body["orderId"]
    await client.signed("PUT", path, symbol="BTCUSDT", orderId=number, side="BUY", quantity=2, price=97)
    (row,) = (await client.signed("GET", "/fapi/v1/orderAmendment", symbol="BTCUSDT")).body
    assert row["amendment"] == {"price": {"before": "98.00000000", "after": "97.00000000"},
                                "origQty": {"before": "1.00000000", "after": "2.00000000"}, "count": 1}  # fmt: skip


@wired
async def test_limits_of_an_account_are_told_by_symbol(venue, client):
    told = (await client.signed("GET", "/api/v3/myFilters", symbol="BTCUSDT")).body
    assert {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200} in told["symbolFilters"]
    assert not any(row["filterType"] == "LOT_SIZE" for row in told["symbolFilters"])


# --- statistics ------------------------------------------------------------------------------------------------------


@wired
async def test_statistics_count_who_is_long_and_who_is_short(venue, client):
    venue.control.external_order("BTCUSDT", "SELL", 3, account="other", perpetual=True)
    await client.order(kind="MARKET", path="/fapi/v1/order", quantity=1)
    ask = {"symbol": "BTCUSDT", "period": "5m"}
    (accounts,) = (await client.get("/futures/data/globalLongShortAccountRatio", **ask)).body
    assert (accounts["longAccount"], accounts["longShortRatio"]) == ("0.5000", "1.0000")
    (held,) = (await client.get("/futures/data/topLongShortPositionRatio", **ask)).body
    assert (held["longAccount"], held["shortAccount"], held["longShortRatio"]) == ("0.2500", "0.7500", "0.3333")
    assert (
        await client.get("/futures/data/basis", pair="BTCUSDT", contractType="PERPETUAL", period="5m")
    ).status == 200
    taken = (await client.get("/futures/data/takerlongshortRatio", **ask)).body[-1]
    assert (taken["buyVol"], taken["sellVol"]) == ("1.00100000", "3.00000000")


@pytest.mark.parametrize("name", ["openInterestHist", "topLongShortAccountRatio", "takerlongshortRatio"])
def test_period_that_the_venue_does_not_have_is_refused(name):
    @wired
    async def check(venue, client):
        assert (await client.get(f"/futures/data/{name}", symbol="BTCUSDT", period="7m")).code == -1130

    check()


# --- streams ---------------------------------------------------------------------------------------------------------


@wired
async def test_klines_of_the_east_are_the_same_while_they_begin_at_the_same_times(venue, client):
    async with client.socket("/ws/btcusdt@kline_1h@+08:00") as socket:
        venue.control.trade("BTCUSDT", 100, 1)
        await venue.advance(1_000)
        assert (await socket.hear())["k"]["i"] == "1h"
    assert "btcusdt@kline_1d@+08:00" not in venue.sides["spot"].streams.channels
    async with client.socket("/ws/btcusdt@kline_1d@+08:00/btcusdt@trade") as socket:
        venue.control.trade("BTCUSDT", 100, 1)
        await venue.advance(1_000)
        assert (await socket.hear())["e"] == "trade"
        await socket.say({"method": "GET_PROPERTY", "params": ["combined"], "id": 5})
        assert (await socket.hear())["id"] == 5  # and no kline before it
