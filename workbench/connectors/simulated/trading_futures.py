"""The USD-M futures venue's private endpoints: orders, conditional orders, positions, settings, income."""

from __future__ import annotations

import json
from typing import Any

from workbench.connectors.simulated import payloads_futures as shape
from workbench.connectors.simulated.account_futures import window
from workbench.connectors.simulated.algo import Algo
from workbench.connectors.simulated.drafts_futures import read_algo, read_draft
from workbench.connectors.simulated.endpoints import KEY, SIGNED, Call, Endpoint, by_symbol
from workbench.connectors.simulated.events import (
    AlgoReport,
    Arm,
    Cancel,
    CancelAlgo,
    CancelAll,
    Modify,
    OrderReport,
    Place,
    PlaceAlgo,
    Report,
)
from workbench.connectors.simulated.listen_keys import close_key, keep_key, open_key
from workbench.connectors.simulated.orders import SIDES, Order
from workbench.connectors.simulated.params import Params
from workbench.connectors.simulated.refusals import NO_SUCH_ORDER, Refusal, either, refuse
from workbench.connectors.simulated.trading_spot import fill_first

# --- orders ----------------------------------------------------------------------------------------------------------


def new_order(call: Call) -> Any:
    """Place an order."""
    return _place(call, call.params)


def test_order(call: Call) -> Any:
    """Check an order, and place nothing."""
    draft = read_draft(call.params, call.owner)
    call.desk.step(Place(call.owner.name, draft, perpetual=True, only_test=True))
    empty = Order(0, draft.symbol, call.owner.name, draft.client_id, draft.side, draft.kind, draft.amount, draft.price,
                  draft.time_in_force)  # fmt: skip
    return shape.order_json(empty, call.desk.market(draft.symbol), asked=False)


def batch_orders(call: Call) -> Any:
    """Place up to five orders; each has an answer of its own."""
    return [_each(call, row, _place) for row in _rows(call.params, "batchOrders")]


def modify_order(call: Call) -> Any:
    """Give an order another price and amount."""
    return _modify(call, call.params)


def batch_modify(call: Call) -> Any:
    """Change up to five orders; each has an answer of its own."""
    return [_each(call, row, _modify) for row in _rows(call.params, "batchOrders")]


def get_order(call: Call) -> Any:
    """One order, whatever became of it."""
    symbol, order_id, client_id = _one(call.params)
    return _shown(call, call.desk.order(call.owner, symbol, order_id, client_id))


def get_open_order(call: Call) -> Any:
    """One order, if it is open."""
    symbol, order_id, client_id = _one(call.params)
    order = call.desk.order(call.owner, symbol, order_id, client_id)
    if not order.is_open:
        raise refuse(NO_SUCH_ORDER)
    return _shown(call, order)


def cancel_order(call: Call) -> Any:
    """Take an order back."""
    return _cancel(call, *_one(call.params))


def batch_cancel(call: Call) -> Any:
    """Take up to ten orders back; each has an answer of its own."""
    symbol = call.params.symbol()
    words = ("orderIdList", "orderidlist", "origClientOrderIdList", "origclientorderidlist")  # both ways are taken
    numbers, small, names, small_names = (_list(call.params, name) for name in words)
    numbers, names = numbers or small, names or small_names
    asked: list[tuple[int | None, str]] = [(int(number), "") for number in numbers] or [
        (None, str(name)) for name in names
    ]
    answers = []
    for number, name in asked:
        try:
            answers.append(_cancel(call, symbol, number, name))
        except Refusal as refusal:
            answers.append(refusal.body)
    return answers


def cancel_all(call: Call) -> Any:
    """Take all orders of a symbol back; conditional ones stay."""
    call.desk.step(CancelAll(call.owner.name, call.params.symbol(), perpetual=True))
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def countdown(call: Call) -> Any:
    """Cancel all orders of a symbol unless this is asked again in time; 0 stops that."""
    symbol, length = call.params.symbol(), call.params.whole("countdownTime")
    call.desk.step(Arm(call.owner.name, symbol, length))
    return {"symbol": symbol, "countdownTime": str(length)}


def open_orders(call: Call) -> Any:
    """All open orders, or those of a symbol."""
    symbol = call.params.symbol() if "symbol" in call.params else None
    if symbol is not None:
        call.desk.market(symbol)
    return [_shown(call, order) for order in call.desk.open_orders(call.owner, symbol)]


def all_orders(call: Call) -> Any:
    """Every order of a symbol, of a week at most."""
    params = call.params
    symbol, first, limit = params.symbol(), params.maybe("orderId"), params.limit()
    start, end = window(params)
    call.desk.market(symbol)
    mine = [order for order in call.desk.floor.of(call.owner.name, symbol).values() if call.desk.sees(order)]
    if first is not None:
        return [_shown(call, order) for order in mine if order.id >= first][:limit]
    inside = [order for order in mine if (start or 0) <= order.created_ms <= (end or order.created_ms)]
    return [_shown(call, order) for order in (inside[:limit] if start is not None else inside[-limit:])]


def user_trades(call: Call) -> Any:
    """The fills of a symbol, or of all."""
    params = call.params
    symbol = params.symbol() if "symbol" in params else None
    order_id, first, limit = params.maybe("orderId"), params.maybe("fromId"), params.limit()
    start, end = window(params)
    markets = call.desk.floor.markets
    chosen = list(markets) if symbol is None else [call.desk.market(symbol).rules.name]
    rows = [fill for name in chosen for fill in call.desk.fills(call.owner, name) if order_id in (None, fill.order_id)]
    if first is not None:
        rows = [fill for fill in rows if fill.trade_id >= first][:limit]
    else:
        rows = [fill for fill in rows if (start or 0) <= fill.time_ms <= (end or fill.time_ms)]
        rows = rows[:limit] if start is not None else rows[-limit:]
    return [shape.fill_json(fill, markets.get(fill.symbol)) for fill in rows]


def force_orders(call: Call) -> Any:
    """The orders that closed positions by force."""
    symbol = call.params.symbol() if "symbol" in call.params else None
    kind = call.params.choice("autoCloseType", ("LIQUIDATION", "ADL"), default="")
    for name in ("startTime", "endTime", "limit"):
        call.params.given(name)
    words = {"": ("autoclose-", "adl_autoclose"), "LIQUIDATION": ("autoclose-",), "ADL": ("adl_autoclose",)}[kind]
    mine = [order for order in call.desk.floor.all_orders.values() if order.account == call.owner.name]
    return [_shown(call, order) for order in mine
            if order.client_id.startswith(words) and symbol in (None, order.symbol)]  # fmt: skip


# --- conditional orders ----------------------------------------------------------------------------------------------


def new_algo(call: Call) -> Any:
    """Place a conditional order."""
    reports = call.desk.step(PlaceAlgo(call.owner.name, read_algo(call.params, call.owner)))
    algo = next(report.algo for report in reports if isinstance(report, AlgoReport))
    return _algo_shown(call, algo)


def get_algo(call: Call) -> Any:
    """One conditional order, whatever became of it."""
    number, client_id = _one_algo(call.params)
    for algo in reversed(_algos(call)):
        if algo.id == number or (number is None and algo.client_id == client_id):
            return _algo_shown(call, algo)
    raise refuse(NO_SUCH_ORDER)


def cancel_algo(call: Call) -> Any:
    """Take a conditional order back."""
    number, client_id = _one_algo(call.params)
    reports = call.desk.step(CancelAlgo(call.owner.name, algo_id=number, client_id=client_id))
    algo = next(report.algo for report in reports if isinstance(report, AlgoReport))
    return {"algoId": algo.id, "clientAlgoId": algo.client_id, "code": "200", "msg": "success"}


def cancel_algos(call: Call) -> Any:
    """Take all conditional orders of a symbol back."""
    call.desk.step(CancelAlgo(call.owner.name, call.params.symbol()))
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def open_algos(call: Call) -> Any:
    """The conditional orders that still wait."""
    symbol, kind = call.params.given("symbol"), call.params.given("algoType")
    number = call.params.maybe("algoId")
    rows = [algo for algo in _algos(call) if algo.is_open and symbol in (None, algo.draft.symbol)]
    return [_algo_shown(call, algo) for algo in rows if kind in (None, "CONDITIONAL") and number in (None, algo.id)]


def all_algos(call: Call) -> Any:
    """Every conditional order of a symbol."""
    symbol, first, limit = call.params.symbol(), call.params.maybe("algoId"), call.params.limit()
    start, end = window(call.params)
    call.params.given("page")
    rows = [algo for algo in _algos(call) if algo.draft.symbol == symbol and algo.id >= (first or 0)]
    rows = [algo for algo in rows if (start or 0) <= algo.created_ms <= (end or algo.created_ms)]
    return [_algo_shown(call, algo) for algo in rows[:limit]]


# --- answers ---------------------------------------------------------------------------------------------------------


def _place(call: Call, params: Params) -> Any:
    draft = read_draft(params, call.owner)
    reports = call.desk.step(Place(call.owner.name, draft, perpetual=True))
    first = next(report.order.id for report in reports if isinstance(report, OrderReport))
    whole = draft.kind == "MARKET" or params.text("newOrderRespType", "ACK") == "RESULT"
    return _answered(call, reports, first, last=whole)


def _modify(call: Call, params: Params) -> Any:
    symbol, order_id, client_id = _one(params)
    side = SIDES[params.side()]
    event = Modify(
        call.owner.name, symbol, side, params.decimal("quantity"), params.decimal("price"), order_id, client_id
    )
    params.given("priceMatch")
    reports = call.desk.step(event)
    number = next(report.order.id for report in reports if isinstance(report, OrderReport))
    return _answered(call, reports, number, last=True)


def _cancel(call: Call, symbol: str, order_id: int | None, client_id: str) -> Any:
    faults = call.desk.faults
    if faults.kept_on_cancel > 0:
        faults.kept_on_cancel -= 1
        order = call.desk.order(call.owner, symbol, order_id, client_id)
        return _shown(call, order) | {"status": "CANCELED"}
    fill_first(call, symbol, order_id, client_id)
    reports = call.desk.step(Cancel(call.owner.name, symbol, order_id, client_id, perpetual=True))
    number = next(report.order.id for report in reports if isinstance(report, OrderReport))
    return _answered(call, reports, number, last=True)


def _answered(call: Call, reports: list[Report], number: int, *, last: bool) -> Any:
    own = [report for report in reports if isinstance(report, OrderReport) and report.order.id == number]
    order = (own[-1] if last else own[0]).order
    return shape.order_json(order, call.desk.market(order.symbol), asked=False)


def _each(call: Call, row: Any, action: Any) -> Any:
    try:
        return action(call, Params({name: _word(value) for name, value in row.items()}))
    except Refusal as refusal:
        return refusal.body


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _rows(params: Params, name: str) -> list[dict[str, Any]]:
    rows = _list(params, name)
    if not rows or len(rows) > 5 or not all(isinstance(row, dict) for row in rows):
        raise Refusal(-4082, "Invalid number of batch place orders.")
    return rows


def _list(params: Params, name: str) -> list[Any]:
    given = params.given(name)
    try:
        found = json.loads(given) if given else []
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise Refusal(-1130, f"Data sent for parameter '{name}' is not valid.")
    return found


def _shown(call: Call, order: Order) -> Any:
    return shape.order_json(order, call.desk.floor.markets.get(order.symbol))


def _algo_shown(call: Call, algo: Algo) -> Any:
    return shape.algo_json(algo, call.desk.floor.markets.get(algo.draft.symbol))


def _algos(call: Call) -> list[Algo]:
    return [algo for algo in call.desk.core.perpetual.algos.by_id.values() if algo.account == call.owner.name]


def _one(params: Params) -> tuple[str, int | None, str]:
    symbol, order_id, client_id = params.symbol(), params.maybe("orderId"), params.given("origClientOrderId") or ""
    if order_id is None and not client_id:
        raise either("origClientOrderId", "orderId")
    return symbol, order_id, client_id


def _one_algo(params: Params) -> tuple[int | None, str]:
    number, client_id = params.maybe("algoId"), params.given("clientAlgoId") or ""
    if number is None and not client_id:
        raise either("algoId", "clientAlgoId")
    return number, client_id


PRIVATE = [
    Endpoint("POST", "/fapi/v1/order", new_order, 0, SIGNED, 1, "order.place"),
    Endpoint("POST", "/fapi/v1/order/test", test_order, 0, SIGNED),
    Endpoint("POST", "/fapi/v1/batchOrders", batch_orders, 5, SIGNED, 5),
    Endpoint("PUT", "/fapi/v1/order", modify_order, 1, SIGNED, 1, "order.modify"),
    Endpoint("PUT", "/fapi/v1/batchOrders", batch_modify, 5, SIGNED, 5),
    Endpoint("GET", "/fapi/v1/order", get_order, 1, SIGNED, 0, "order.status"),
    Endpoint("GET", "/fapi/v1/openOrder", get_open_order, 1, SIGNED),
    Endpoint("DELETE", "/fapi/v1/order", cancel_order, 1, SIGNED, 0, "order.cancel"),
    Endpoint("DELETE", "/fapi/v1/batchOrders", batch_cancel, 1, SIGNED),
    Endpoint("DELETE", "/fapi/v1/allOpenOrders", cancel_all, 1, SIGNED),
    Endpoint("POST", "/fapi/v1/countdownCancelAll", countdown, 10, SIGNED),
    Endpoint("GET", "/fapi/v1/openOrders", open_orders, by_symbol(1, 40), SIGNED),
    Endpoint("GET", "/fapi/v1/allOrders", all_orders, 5, SIGNED),
    Endpoint("GET", "/fapi/v1/userTrades", user_trades, 5, SIGNED),
    Endpoint("GET", "/fapi/v1/forceOrders", force_orders, by_symbol(20, 50), SIGNED),
    Endpoint("POST", "/fapi/v1/algoOrder", new_algo, 0, SIGNED, 1, "algoOrder.place"),
    Endpoint("GET", "/fapi/v1/algoOrder", get_algo, 1, SIGNED),
    Endpoint("DELETE", "/fapi/v1/algoOrder", cancel_algo, 1, SIGNED, 0, "algoOrder.cancel"),
    Endpoint("DELETE", "/fapi/v1/algoOpenOrders", cancel_algos, 1, SIGNED),
    Endpoint("GET", "/fapi/v1/openAlgoOrders", open_algos, by_symbol(1, 40), SIGNED),
    Endpoint("GET", "/fapi/v1/allAlgoOrders", all_algos, 5, SIGNED),
    Endpoint("POST", "/fapi/v1/listenKey", open_key, 1, KEY, 0, "userDataStream.start"),
    Endpoint("PUT", "/fapi/v1/listenKey", keep_key, 1, KEY, 0, "userDataStream.ping"),
    Endpoint("DELETE", "/fapi/v1/listenKey", close_key, 1, KEY, 0, "userDataStream.stop"),
]
