"""The futures venue's private questions and settings: account, positions, income, leverage, margin, position mode."""

from __future__ import annotations

from typing import Any

from workbench.connectors.simulated import margin
from workbench.connectors.simulated import payloads_futures as shape
from workbench.connectors.simulated.endpoints import SIGNED, Call, Endpoint, by_symbol
from workbench.connectors.simulated.events import Configure, MoveMargin
from workbench.connectors.simulated.params import Params
from workbench.connectors.simulated.refusals import Refusal

DONE = {"code": 200, "msg": "success"}
WEEK = 7 * 86_400_000

# --- the account -----------------------------------------------------------------------------------------------------


def account_v2(call: Call) -> Any:
    """Wallet and positions, every symbol."""
    return shape.account_json(call.desk.core, call.owner, version=2)


def account_v3(call: Call) -> Any:
    """Wallet, and the positions that are held."""
    return shape.account_json(call.desk.core, call.owner, version=3)


def balance(call: Call) -> Any:
    """The wallet."""
    return shape.balance_json(call.desk.core, call.owner)


def risk_v2(call: Call) -> Any:
    """Positions of every symbol, with leverage and margin type."""
    return _risk(call, version=2)


def risk_v3(call: Call) -> Any:
    """The positions that are held, with their margins."""
    return _risk(call, version=3)


def income(call: Call) -> Any:
    """What the wallet gained and paid."""
    params = call.params
    symbol, kind, limit = params.given("symbol"), params.given("incomeType"), params.limit(100)
    start, end, page = params.maybe("startTime"), params.maybe("endTime"), params.whole("page", 1)
    rows = [row for row in call.desk.core.ledger.income(call.owner.name)
            if symbol in (None, row.symbol) and kind in (None, row.kind)
            and (start or 0) <= row.time_ms <= (end or row.time_ms)]  # fmt: skip
    chosen = rows[(page - 1) * limit : page * limit] if start is not None or page > 1 else rows[-limit:]
    return [shape.income_json(row) for row in chosen]


def commission(call: Call) -> Any:
    """Fee rates of a symbol."""
    symbol = call.params.symbol()
    call.desk.market(symbol)
    owner = call.owner
    return {"symbol": symbol, "makerCommissionRate": shape.plain(owner.perpetual_maker),
            "takerCommissionRate": shape.plain(owner.perpetual_taker), "rpiCommissionRate": "0"}  # fmt: skip


def brackets(call: Call) -> Any:
    """Leverage and margin by value."""
    chosen = _chosen(call)
    return [shape.bracket_json(market.rules) for market in chosen]


def adl_quantile(call: Call) -> Any:
    """How near positions are to being closed for others."""
    rows = [(market.rules.name, held) for market in _chosen(call)
            for held in margin.positions_in(call.owner, market.rules.name)]  # fmt: skip
    return [{"symbol": name, "adlQuantile": {"LONG": 1, "SHORT": 1, held.side: 1}} for name, held in rows]


def adl_risk(call: Call) -> Any:
    """The same of whole symbols."""
    rows = [{"symbol": market.rules.name, "adlRisk": "low", "updateTime": call.desk.now_ms} for market in _chosen(call)]
    return rows[0] if "symbol" in call.params else rows


def symbol_config(call: Call) -> Any:
    """Leverage and margin type of symbols."""
    return [shape.config_json(call.owner, market.rules) for market in _chosen(call)]


def account_config(call: Call) -> Any:
    """How the account trades."""
    owner = call.owner
    return {"feeTier": 0, "canTrade": owner.can_trade, "canDeposit": True, "canWithdraw": False,
            "dualSidePosition": owner.futures.dual, "updateTime": 0,
            "multiAssetsMargin": owner.futures.multi_assets, "tradeGroupId": -1}  # fmt: skip


def order_counts(call: Call) -> Any:
    """The order limits."""
    weights, now = call.desk.weights, call.desk.clock.pace_ms()
    return [limit.row(weights.count(call.owner.name, limit, now)) for limit in weights.of("ORDERS")]


def trading_status(call: Call) -> Any:
    """Rules that the account broke: none."""
    return {"indicators": {}, "updateTime": call.desk.now_ms}


# --- settings --------------------------------------------------------------------------------------------------------


def set_leverage(call: Call) -> Any:
    """Set a symbol's leverage."""
    symbol, leverage = call.params.symbol(), call.params.whole("leverage")
    rules = call.desk.market(symbol).rules
    if "leverage" not in call.desk.faults.ignored:
        call.desk.step(Configure(call.owner.name, symbol, leverage=leverage))
    return {"leverage": leverage, "maxNotionalValue": shape.plain(margin.cap(rules, leverage)), "symbol": symbol}


def set_margin_type(call: Call) -> Any:
    """Set a symbol's margin type."""
    symbol = call.params.symbol()
    kind = call.params.choice("marginType", ("ISOLATED", "CROSSED"))
    if "marginType" not in call.desk.faults.ignored:
        call.desk.step(Configure(call.owner.name, symbol, margin_type=kind))
    return DONE


def get_dual(call: Call) -> Any:
    """Is it hedge mode?"""
    return {"dualSidePosition": call.owner.futures.dual}


def set_dual(call: Call) -> Any:
    """Change between one-way and hedge mode."""
    dual = call.params.text("dualSidePosition").lower() == "true"
    if "positionMode" not in call.desk.faults.ignored:
        call.desk.step(Configure(call.owner.name, dual=dual))
    return DONE


def get_multi_assets(call: Call) -> Any:
    """Is it multi-assets mode?"""
    return {"multiAssetsMargin": call.owner.futures.multi_assets}


def set_multi_assets(call: Call) -> Any:
    """Change between single-asset and multi-assets mode."""
    call.desk.step(Configure(call.owner.name, multi_assets=call.params.text("multiAssetsMargin").lower() == "true"))
    return DONE


def move_margin(call: Call) -> Any:
    """Add margin to an isolated position (type 1), or take it out (type 2)."""
    symbol, amount, kind = call.params.symbol(), call.params.decimal("amount"), call.params.whole("type")
    side = call.params.text("positionSide", "BOTH")
    call.desk.step(MoveMargin(call.owner.name, symbol, amount if kind == 1 else -amount, side))
    return {"amount": float(amount), "code": 200, "msg": "Successfully modify position margin.", "type": kind}


def margin_history(call: Call) -> Any:
    """Margin that was moved."""
    symbol, kind, limit = call.params.symbol(), call.params.maybe("type"), call.params.limit()
    start, end = call.params.maybe("startTime"), call.params.maybe("endTime")
    asset = call.desk.market(symbol).rules.quote
    rows = [
        {"symbol": name, "type": 1 if amount >= 0 else 2, "deltaType": "USER_ADJUST", "amount": shape.text(abs(amount)),
         "asset": asset, "time": time_ms, "positionSide": side}
        for time_ms, name, side, amount in call.owner.futures.margin_moves
        if name == symbol and (start or 0) <= time_ms <= (end or time_ms)
    ]  # fmt: skip
    return [row for row in rows if kind in (None, row["type"])][-limit:]


def get_fee_burn(call: Call) -> Any:
    """Are fees paid in BNB?"""
    return {"feeBurn": call.owner.futures.burns_bnb}


def set_fee_burn(call: Call) -> Any:
    """Pay fees in BNB, a tenth less of them, or do not."""
    call.owner.futures.burns_bnb = call.params.flag("feeBurn")
    return {"code": 200, "msg": "success"}


def amendments(call: Call) -> Any:
    """How often orders were changed, and from what to what."""
    params = call.params
    symbol, order_id, client_id = params.symbol(), params.maybe("orderId"), params.given("origClientOrderId")
    (start, end), limit = window(params), params.limit(50, 100)
    rows = [row for row in call.desk.floor.amendments if (row.account, row.symbol) == (call.owner.name, symbol)]
    rows = [row for row in rows if order_id in (None, row.order_id) and client_id in (None, row.client_id[0])]
    rows = [row for row in rows if (start or 0) <= row.time_ms <= (end or row.time_ms)]
    return [shape.amendment_json(row, rows) for row in reversed(rows[-limit:])]


# --- parameters ------------------------------------------------------------------------------------------------------


def _risk(call: Call, *, version: int) -> Any:
    symbol = call.params.symbol() if "symbol" in call.params else None
    if symbol is not None:
        call.desk.market(symbol)
    rows = shape.positions(call.desk.core, call.owner, everything=version == 2, symbol=symbol)
    return [shape.risk_json(call.desk.core, call.owner, held, version=version) for held in rows]


def _chosen(call: Call) -> Any:
    markets = call.desk.floor.markets
    return [call.desk.market(call.params.symbol())] if "symbol" in call.params else list(markets.values())


def window(params: Params) -> tuple[int | None, int | None]:
    """`startTime` and `endTime`, at most a week apart."""
    start, end = params.maybe("startTime"), params.maybe("endTime")
    if start is not None and end is not None and end - start > WEEK:
        raise Refusal(-4166, "Search window is restricted to recent 7 days only.")
    return start, end


ACCOUNT = [
    Endpoint("GET", "/fapi/v2/account", account_v2, 5, SIGNED, 0, "account.status"),
    Endpoint("GET", "/fapi/v3/account", account_v3, 5, SIGNED, 0, "v2/account.status"),
    Endpoint("GET", "/fapi/v2/balance", balance, 5, SIGNED, 0, "account.balance"),
    Endpoint("GET", "/fapi/v3/balance", balance, 5, SIGNED, 0, "v2/account.balance"),
    Endpoint("GET", "/fapi/v2/positionRisk", risk_v2, 5, SIGNED, 0, "account.position"),
    Endpoint("GET", "/fapi/v3/positionRisk", risk_v3, 5, SIGNED, 0, "v2/account.position"),
    Endpoint("GET", "/fapi/v1/income", income, 30, SIGNED),
    Endpoint("GET", "/fapi/v1/commissionRate", commission, 20, SIGNED),
    Endpoint("GET", "/fapi/v1/leverageBracket", brackets, 1, SIGNED),
    Endpoint("GET", "/fapi/v1/adlQuantile", adl_quantile, 5, SIGNED),
    Endpoint("GET", "/fapi/v1/symbolAdlRisk", adl_risk, 1),
    Endpoint("GET", "/fapi/v1/symbolConfig", symbol_config, 5, SIGNED),
    Endpoint("GET", "/fapi/v1/accountConfig", account_config, 5, SIGNED),
    Endpoint("GET", "/fapi/v1/rateLimit/order", order_counts, 1, SIGNED),
    Endpoint("GET", "/fapi/v1/apiTradingStatus", trading_status, by_symbol(1, 10), SIGNED),
    Endpoint("POST", "/fapi/v1/leverage", set_leverage, 1, SIGNED),
    Endpoint("POST", "/fapi/v1/marginType", set_margin_type, 1, SIGNED),
    Endpoint("GET", "/fapi/v1/positionSide/dual", get_dual, 30, SIGNED),
    Endpoint("POST", "/fapi/v1/positionSide/dual", set_dual, 1, SIGNED),
    Endpoint("GET", "/fapi/v1/multiAssetsMargin", get_multi_assets, 30, SIGNED),
    Endpoint("POST", "/fapi/v1/multiAssetsMargin", set_multi_assets, 1, SIGNED),
    Endpoint("POST", "/fapi/v1/positionMargin", move_margin, 1, SIGNED),
    Endpoint("GET", "/fapi/v1/positionMargin/history", margin_history, 1, SIGNED),
    Endpoint("GET", "/fapi/v1/feeBurn", get_fee_burn, 30, SIGNED),
    Endpoint("POST", "/fapi/v1/feeBurn", set_fee_burn, 1, SIGNED),
    Endpoint("GET", "/fapi/v1/orderAmendment", amendments, 1, SIGNED),
]
