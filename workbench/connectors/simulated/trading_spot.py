"""The spot venue's private endpoints: orders, lists, and the keys of user streams."""

from __future__ import annotations

from typing import Any

from workbench.connectors.simulated import payloads_spot as shape
from workbench.connectors.simulated.account_spot import window
from workbench.connectors.simulated.drafts_spot import read_draft, read_leg, read_old_oco
from workbench.connectors.simulated.endpoints import KEY, SIGNED, Call, Endpoint, by_symbol
from workbench.connectors.simulated.events import (
    Amend,
    Cancel,
    CancelAll,
    CancelList,
    FillNow,
    ListReport,
    OrderReport,
    Place,
    PlaceList,
    Report,
)
from workbench.connectors.simulated.listen_keys import close_key, keep_key, open_key
from workbench.connectors.simulated.lists import OrderList
from workbench.connectors.simulated.params import Params
from workbench.connectors.simulated.refusals import (
    BAD_RESTRICTION,
    NO_SUCH_ORDER,
    Refusal,
    either,
    refuse,
)

SHAPES = ("ACK", "RESULT", "FULL")
WORKING = ("LIMIT", "LIMIT_MAKER")
PENDING_KINDS = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")


# --- orders ----------------------------------------------------------------------------------------------------------


def new_order(call: Call) -> Any:
    """Place an order."""
    draft = read_draft(call.params)
    answer = _shape(call.params, draft.kind)
    call.params.finish()
    return placed(call.desk.step(Place(call.owner.name, draft)), answer)


def test_order(call: Call) -> Any:
    """Check an order, and place nothing."""
    draft = read_draft(call.params)
    _shape(call.params, draft.kind)
    rates = call.params.flag("computeCommissionRates")
    call.params.finish()
    call.desk.step(Place(call.owner.name, draft, only_test=True))
    return shape.test_commission_json(call.owner) if rates else {}


def get_order(call: Call) -> Any:
    """One order, whatever became of it."""
    symbol, order_id, client_id = _one(call.params)
    call.params.finish()
    return shape.order_json(call.desk.order(call.owner, symbol, order_id, client_id))


def cancel_order(call: Call) -> Any:
    """Take an order back; one of a list takes the list with it."""
    symbol, order_id, client_id = _one(call.params)
    event = Cancel(call.owner.name, symbol, order_id, client_id, call.params.client_id("newClientOrderId"),
                   _restriction(call.params))  # fmt: skip
    call.params.finish()
    if call.desk.faults.kept_on_cancel > 0:
        return _pretended(call, symbol, order_id, client_id)
    fill_first(call, symbol, order_id, client_id)
    return canceled(call, call.desk.step(event))


def cancel_all(call: Call) -> Any:
    """Take all orders of a symbol back."""
    symbol = call.params.symbol()
    call.params.finish()
    reports = call.desk.step(CancelAll(call.owner.name, symbol))
    alone = [shape.canceled_json(r) for r in _ended(reports) if r.order.list_id < 0]
    return alone + [_whole_list(call, reports, made) for made in _lists(call, reports)]


def cancel_replace(call: Call) -> Any:
    """Take one order back and place another, each of which may fail."""
    params = call.params
    mode = params.choice("cancelReplaceMode", ("STOP_ON_FAILURE", "ALLOW_FAILURE"))
    draft = read_draft(params)
    order_id, client_id = params.maybe("cancelOrderId"), params.given("cancelOrigClientOrderId") or ""
    if order_id is None and not client_id:
        raise either("cancelOrigClientOrderId", "cancelOrderId")
    params.given("orderRateLimitExceededMode")
    event = Cancel(call.owner.name, draft.symbol, order_id, client_id, params.client_id("cancelNewClientOrderId"),
                   _restriction(params))  # fmt: skip
    answer = _shape(params, draft.kind)
    params.finish()
    return _replaced(call, event, Place(call.owner.name, draft), mode, answer)


def amend_order(call: Call) -> Any:
    """Make an order smaller where it stands."""
    symbol, order_id, client_id = _one(call.params)
    event = Amend(call.owner.name, symbol, call.params.decimal("newQty", decimals=8), order_id, client_id,
                  call.params.client_id("newClientOrderId"))  # fmt: skip
    call.params.finish()
    (report,) = [r for r in call.desk.step(event) if isinstance(r, OrderReport)]
    order = report.order
    shown = {"symbol": order.symbol, "orderId": order.id, "orderListId": order.list_id,
             "origClientOrderId": report.cancel_id, "clientOrderId": order.client_id,
             "price": shape.text(order.price), "qty": shape.text(order.amount),
             "executedQty": shape.text(order.filled), "preventedQty": shape.text(order.prevented),
             "quoteOrderQty": shape.text(order.quote_amount),
             "cumulativeQuoteQty": shape.text(order.quote_filled), "status": order.status,
             "timeInForce": order.time_in_force, "type": order.kind, "side": shape.SIDE_WORDS[order.side],
             "workingTime": order.working_ms, "selfTradePreventionMode": order.prevention}  # fmt: skip
    return {"transactTime": report.time_ms, "executionId": report.number, "amendedOrder": shown}


def open_orders(call: Call) -> Any:
    """All open orders, or those of a symbol."""
    symbol = call.params.symbol() if "symbol" in call.params else None
    call.params.finish()
    if symbol is not None:
        call.desk.market(symbol)
    return [shape.order_json(order) for order in call.desk.open_orders(call.owner, symbol)]


def all_orders(call: Call) -> Any:
    """Every order of a symbol."""
    params = call.params
    symbol, first, limit = params.symbol(), params.maybe("orderId"), params.limit()
    start, end = window(params)
    params.finish()
    call.desk.market(symbol)
    mine = [order for order in call.desk.floor.of(call.owner.name, symbol).values() if call.desk.sees(order)]
    if first is not None:
        return [shape.order_json(order) for order in mine if order.id >= first][:limit]
    inside = [order for order in mine if (start or 0) <= order.created_ms <= (end or order.created_ms)]
    return [shape.order_json(order) for order in (inside[:limit] if start is not None else inside[-limit:])]


# --- lists -----------------------------------------------------------------------------------------------------------


def new_oco(call: Call) -> Any:
    """Two orders of which one cancels the other."""
    params, side = call.params, call.params.side()
    above, below = (read_leg(params, leg, side=side, quantity="quantity") for leg in ("above", "below"))
    return _new_list(call, "OCO", (above, below))


def old_oco(call: Call) -> Any:
    """The same, as it was asked for until 2024."""
    return _new_list(call, "OCO", read_old_oco(call.params))


def new_oto(call: Call) -> Any:
    """An order, and one that waits for it to be filled."""
    working = read_leg(call.params, "working", kinds=WORKING)
    return _new_list(call, "OTO", (working, read_leg(call.params, "pending", kinds=PENDING_KINDS)))


def new_otoco(call: Call) -> Any:
    """An order, and two that wait for it, of which one cancels the other."""
    params = call.params
    working = read_leg(params, "working", kinds=WORKING)
    side = params.side("pendingSide")
    above, below = (
        read_leg(params, leg, side=side, quantity="pendingQuantity") for leg in ("pendingAbove", "pendingBelow")
    )
    return _new_list(call, "OTOCO", (working, above, below))


def cancel_list(call: Call) -> Any:
    """Take a whole list back."""
    params = call.params
    symbol, list_id, client_id = params.symbol(), params.maybe("orderListId"), params.given("listClientOrderId") or ""
    if list_id is None and not client_id:
        raise either("orderListId", "listClientOrderId")
    event = CancelList(call.owner.name, symbol, list_id, client_id, params.client_id("newClientOrderId"))
    params.finish()
    reports = call.desk.step(event)
    return _whole_list(call, reports, _lists(call, reports)[0])


def get_list(call: Call) -> Any:
    """One list."""
    list_id, client_id = call.params.maybe("orderListId"), call.params.given("origClientOrderId") or ""
    call.params.finish()
    for made in _mine(call):
        if made.id == list_id or (list_id is None and made.client_id == client_id):
            return shape.list_json(made)
    raise Refusal(-2018, "Order list does not exist.")


def all_lists(call: Call) -> Any:
    """Every list."""
    first, limit = call.params.maybe("fromId"), call.params.limit()
    start, end = window(call.params)
    call.params.finish()
    rows = [made for made in _mine(call) if made.id >= (first or 0)]
    rows = [made for made in rows if (start or 0) <= made.time_ms <= (end or made.time_ms)]
    return [shape.list_json(made) for made in rows[:limit]]


def open_lists(call: Call) -> Any:
    """The lists that are not done."""
    call.params.finish()
    return [shape.list_json(made) for made in _mine(call) if not made.is_done]


# --- answers from reports --------------------------------------------------------------------------------------------


def placed(reports: list[Report], answer: str) -> Any:
    """The answer to a new order, from what its step reported."""
    news = [report for report in reports if isinstance(report, OrderReport)]
    number = news[0].order.id
    own = [report for report in news if report.order.id == number]
    return shape.placed_json(own[-1].order, [report for report in own if report.execution == "TRADE"], answer)


def canceled(call: Call, reports: list[Report]) -> Any:
    """The answer to a cancellation: the order's, or that of its list."""
    lists = _lists(call, reports)
    return _whole_list(call, reports, lists[0]) if lists else shape.canceled_json(_ended(reports)[0])


def _ended(reports: list[Report]) -> list[OrderReport]:
    return [report for report in reports if isinstance(report, OrderReport) and report.execution == "CANCELED"]


def _lists(call: Call, reports: list[Report]) -> list[OrderList]:
    by_id = call.desk.core.spot.lists.by_id
    numbers = dict.fromkeys(report.list_id for report in reports if isinstance(report, ListReport))
    return [by_id[number] for number in numbers]


def _whole_list(call: Call, reports: list[Report], made: OrderList) -> Any:
    return shape.list_json(made, [shape.canceled_json(r) for r in _ended(reports) if r.order.list_id == made.id])


def _new_list(call: Call, kind: str, drafts: tuple[Any, ...]) -> Any:
    client_id = call.params.client_id("listClientOrderId")
    answer = call.params.choice("newOrderRespType", SHAPES, default="RESULT")
    call.params.finish()
    reports = call.desk.step(PlaceList(call.owner.name, kind, drafts, client_id))
    made = _lists(call, reports)[0]
    last = {report.order.id: report for report in reports if isinstance(report, OrderReport)}
    rows = [
        shape.placed_json(last[order.id].order, [], "RESULT" if answer == "FULL" else answer) for order in made.orders
    ]
    return shape.list_json(made, rows)


def _replaced(call: Call, cancel: Cancel, place: Place, mode: str, answer: str) -> Any:
    desk = call.desk
    cancel_result, new_result, new_answer = "SUCCESS", "NOT_ATTEMPTED", None
    try:
        cancel_answer = canceled(call, desk.step(cancel))
    except Refusal as refusal:
        cancel_result, cancel_answer = "FAILURE", refusal.body
    if cancel_result == "SUCCESS" or mode == "ALLOW_FAILURE":
        try:
            new_result, new_answer = "SUCCESS", placed(desk.step(place), answer)
        except Refusal as refusal:
            new_result, new_answer = "FAILURE", refusal.body
    both = {"cancelResult": cancel_result, "newOrderResult": new_result, "cancelResponse": cancel_answer,
            "newOrderResponse": new_answer}  # fmt: skip
    if cancel_result == new_result == "SUCCESS":
        return both
    if "SUCCESS" in (cancel_result, new_result):
        raise Refusal(-2021, "Order cancel-replace partially failed.", 409, data=both)
    raise Refusal(-2022, "Order cancel-replace failed.", 400, data=both)


def _pretended(call: Call, symbol: str, order_id: int | None, client_id: str) -> Any:
    """A fault: the cancellation is answered, and the order stays."""
    order = next((o for o in call.owner.orders.values() if o.id == order_id or o.client_id == client_id), None)
    if order is None:
        raise refuse(NO_SUCH_ORDER)
    call.desk.faults.kept_on_cancel -= 1
    report = OrderReport(order, False, "CANCELED", call.desk.now_ms, 0, cancel_id="pretended")
    return shape.canceled_json(report) | {"status": "CANCELED"}


def fill_first(call: Call, symbol: str, order_id: int | None, client_id: str) -> None:
    """A fault: the order is filled just before it is cancelled."""
    if call.desk.faults.filled_on_cancel > 0:
        order = call.desk.order(call.owner, symbol, order_id, client_id)
        call.desk.faults.filled_on_cancel -= 1
        call.desk.step(FillNow(symbol, order.id, perpetual=call.desk.perpetual))


def _mine(call: Call) -> list[OrderList]:
    return [made for made in call.desk.core.spot.lists.by_id.values() if made.account == call.owner.name]


# --- parameters ------------------------------------------------------------------------------------------------------


def _one(params: Params) -> tuple[str, int | None, str]:
    symbol, order_id, client_id = params.symbol(), params.maybe("orderId"), params.given("origClientOrderId") or ""
    if order_id is None and not client_id:
        raise either("origClientOrderId", "orderId")
    return symbol, order_id, client_id


def _shape(params: Params, kind: str) -> str:
    return params.choice("newOrderRespType", SHAPES, default="FULL" if kind in ("MARKET", "LIMIT") else "ACK")


def _restriction(params: Params) -> str:
    return params.choice("cancelRestrictions", ("ONLY_NEW", "ONLY_PARTIALLY_FILLED"), BAD_RESTRICTION, default="")


PRIVATE = [
    Endpoint("POST", "/api/v3/order", new_order, 1, SIGNED, 1, "order.place"),
    Endpoint("POST", "/api/v3/order/test", test_order, 1, SIGNED, 0, "order.test"),
    Endpoint("GET", "/api/v3/order", get_order, 4, SIGNED, 0, "order.status"),
    Endpoint("DELETE", "/api/v3/order", cancel_order, 1, SIGNED, 0, "order.cancel"),
    Endpoint("DELETE", "/api/v3/openOrders", cancel_all, 1, SIGNED, 0, "openOrders.cancelAll"),
    Endpoint("POST", "/api/v3/order/cancelReplace", cancel_replace, 1, SIGNED, 1, "order.cancelReplace"),
    Endpoint("PUT", "/api/v3/order/amend/keepPriority", amend_order, 4, SIGNED, 0, "order.amend.keepPriority"),
    Endpoint("GET", "/api/v3/openOrders", open_orders, by_symbol(6, 80), SIGNED, 0, "openOrders.status"),
    Endpoint("GET", "/api/v3/allOrders", all_orders, 20, SIGNED, 0, "allOrders"),
    Endpoint("POST", "/api/v3/order/oco", old_oco, 1, SIGNED, 2, "orderList.place"),
    Endpoint("POST", "/api/v3/orderList/oco", new_oco, 1, SIGNED, 2, "orderList.place.oco"),
    Endpoint("POST", "/api/v3/orderList/oto", new_oto, 1, SIGNED, 2, "orderList.place.oto"),
    Endpoint("POST", "/api/v3/orderList/otoco", new_otoco, 1, SIGNED, 3, "orderList.place.otoco"),
    Endpoint("DELETE", "/api/v3/orderList", cancel_list, 1, SIGNED, 0, "orderList.cancel"),
    Endpoint("GET", "/api/v3/orderList", get_list, 4, SIGNED, 0, "orderList.status"),
    Endpoint("GET", "/api/v3/allOrderList", all_lists, 20, SIGNED, 0, "allOrderLists"),
    Endpoint("GET", "/api/v3/openOrderList", open_lists, 6, SIGNED, 0, "openOrderLists.status"),
    Endpoint("POST", "/api/v3/userDataStream", open_key, 2, KEY, 0, "userDataStream.start"),
    Endpoint("PUT", "/api/v3/userDataStream", keep_key, 2, KEY, 0, "userDataStream.ping"),
    Endpoint("DELETE", "/api/v3/userDataStream", close_key, 2, KEY, 0, "userDataStream.stop"),
]
