"""The spot venue's private questions: the account, its trades, its limits, and what became of its orders."""

from __future__ import annotations

from typing import Any

from workbench.connectors.simulated import payloads_spot as shape
from workbench.connectors.simulated.endpoints import SIGNED, Call, Endpoint
from workbench.connectors.simulated.params import Params
from workbench.connectors.simulated.refusals import TOO_BIG_A_WINDOW, refuse

DAY = 86_400_000
OF_ACCOUNTS = ("MAX_NUM_ORDERS", "MAX_NUM_ORDER_LISTS", "MAX_NUM_ALGO_ORDERS", "MAX_NUM_ORDER_AMENDS", "MAX_POSITION")


def account(call: Call) -> Any:
    """What is free and what is locked."""
    omit = call.params.flag("omitZeroBalances")
    call.params.finish()
    return shape.account_json(call.owner, omit_zero=omit)


def my_trades(call: Call) -> Any:
    """The fills of a symbol."""
    params = call.params
    symbol, order_id, first, limit = params.symbol(), params.maybe("orderId"), params.maybe("fromId"), params.limit()
    start, end = window(params)
    params.finish()
    call.desk.market(symbol)
    rows = [fill for fill in call.desk.fills(call.owner, symbol) if order_id in (None, fill.order_id)]
    if first is not None:
        return [shape.fill_json(fill) for fill in rows if fill.trade_id >= first][:limit]
    rows = [fill for fill in rows if (start or 0) <= fill.time_ms <= (end or fill.time_ms)]
    return [shape.fill_json(fill) for fill in (rows[:limit] if start is not None else rows[-limit:])]


def order_counts(call: Call) -> Any:
    """How much of the order limits is used."""
    call.params.finish()
    weights, now = call.desk.weights, call.desk.clock.pace_ms()
    return [limit.row(weights.count(call.owner.name, limit, now)) for limit in weights.of("ORDERS")]


def prevented(call: Call) -> Any:
    """Matches that self-trade prevention stopped."""
    params = call.params
    symbol, number, order_id = params.symbol(), params.maybe("preventedMatchId"), params.maybe("orderId")
    first, limit = params.maybe("fromPreventedMatchId"), params.limit()
    params.finish()
    rows = [row for row in call.desk.floor.prevented if (row["account"], row["symbol"]) == (call.owner.name, symbol)]
    rows = [
        row for row in rows if number in (None, row["preventedMatchId"]) and row["preventedMatchId"] >= (first or 0)
    ]
    rows = [row for row in rows if order_id in (None, row["takerOrderId"], row["makerOrderId"])]
    return [shape.prevented_json(row) for row in rows[:limit]]


def allocations(call: Call) -> Any:
    """Allocations of smart order routing, which this venue does not do."""
    return []


def commission(call: Call) -> Any:
    """Fee rates of a symbol."""
    symbol = call.params.symbol()
    call.params.finish()
    call.desk.market(symbol)
    return shape.commission_json(call.owner, symbol)


def filters(call: Call) -> Any:
    """The rules of a symbol that bound what one account may have."""
    market = call.desk.market(call.params.symbol())
    call.params.finish()
    chosen = [row for row in shape.filters_json(market.rules) if row["filterType"] in OF_ACCOUNTS]
    return {"exchangeFilters": [], "symbolFilters": chosen, "assetFilters": [], "rateLimits": []}


def amendments(call: Call) -> Any:
    """How often an order was made smaller, and by how much."""
    params = call.params
    symbol, order_id = params.symbol(), params.whole("orderId")
    first, limit = params.maybe("fromExecutionId") or 0, params.limit()
    params.finish()
    call.desk.order(call.owner, symbol, order_id, "")
    rows = [row for row in call.desk.core.spot.amendments if row.order_id == order_id and row.number >= first]
    return [{"symbol": row.symbol, "orderId": row.order_id, "executionId": row.number,
             "origClientOrderId": row.client_id[0], "newClientOrderId": row.client_id[1],
             "origQty": shape.text(row.amount[0]), "newQty": shape.text(row.amount[1]), "time": row.time_ms}
            for row in rows[:limit]]  # fmt: skip


def window(params: Params) -> tuple[int | None, int | None]:
    """`startTime` and `endTime`, at most a day apart."""
    start, end = params.maybe("startTime"), params.maybe("endTime")
    if start is not None and end is not None and end - start > DAY:
        raise refuse(TOO_BIG_A_WINDOW)
    return start, end


ACCOUNT = [
    Endpoint("GET", "/api/v3/account", account, 20, SIGNED, 0, "account.status"),
    Endpoint("GET", "/api/v3/myTrades", my_trades, 20, SIGNED, 0, "myTrades"),
    Endpoint("GET", "/api/v3/rateLimit/order", order_counts, 40, SIGNED, 0, "account.rateLimits.orders"),
    Endpoint("GET", "/api/v3/myPreventedMatches", prevented, 20, SIGNED, 0, "myPreventedMatches"),
    Endpoint("GET", "/api/v3/myAllocations", allocations, 20, SIGNED, 0, "myAllocations"),
    Endpoint("GET", "/api/v3/account/commission", commission, 20, SIGNED, 0, "account.commission"),
    Endpoint("GET", "/api/v3/myFilters", filters, 40, SIGNED, 0, "myFilters"),
    Endpoint("GET", "/api/v3/order/amendments", amendments, 4, SIGNED, 0, "order.amendments"),
]
