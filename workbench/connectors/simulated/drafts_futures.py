"""Futures orders as requests write them, plain and conditional."""

from __future__ import annotations

from decimal import Decimal

from workbench.connectors.simulated.accounts import Account
from workbench.connectors.simulated.algo import KINDS as ALGO_KINDS
from workbench.connectors.simulated.amounts import ZERO
from workbench.connectors.simulated.events import Draft
from workbench.connectors.simulated.orders import SIDES
from workbench.connectors.simulated.params import Params
from workbench.connectors.simulated.payloads_futures import PREVENTIONS, TIMES
from workbench.connectors.simulated.perpetual import check_reduce_only
from workbench.connectors.simulated.refusals import (
    ALGO_ELSEWHERE,
    BAD_TIME_IN_FORCE,
    BAD_TYPE,
    Refusal,
    missing,
    not_required,
    refuse,
)

MATCHES = ("NONE", *(word + suffix for word in ("OPPONENT", "QUEUE") for suffix in ("", "_5", "_10", "_20")))
WORKING = ("CONTRACT_PRICE", "MARK_PRICE")
LEAST_RATE, MOST_RATE = Decimal("0.1"), Decimal(10)


def read_draft(params: Params, account: Account) -> Draft:
    """The order of `POST /fapi/v1/order`; conditional kinds are sent to the algo endpoint."""
    kind = params.text("type")
    if kind in ALGO_KINDS:
        raise refuse(ALGO_ELSEWHERE)
    if kind not in ("LIMIT", "MARKET"):
        raise refuse(BAD_TYPE)
    match = params.choice("priceMatch", MATCHES, default="NONE")
    limit = kind == "LIMIT"
    if not limit and "price" in params:
        raise not_required("price")
    time_in_force = params.choice("timeInForce", TIMES, BAD_TIME_IN_FORCE, None if limit else "GTC")
    made = Draft(
        params.symbol(), SIDES[params.side()], kind, params.decimal("quantity"),
        params.decimal("price") if limit and match == "NONE" else ZERO, time_in_force,
        params.client_id("newClientOrderId", futures=True),
        prevention=params.choice("selfTradePreventionMode", PREVENTIONS, default="EXPIRE_MAKER"),
        position_side=_position_side(params, account), reduce_only=params.flag("reduceOnly"),
        good_till_ms=_good_till(params, time_in_force), price_match=match,
    )  # fmt: skip
    check_reduce_only(account, made)
    return made


def read_algo(params: Params, account: Account) -> Draft:
    """The order of `POST /fapi/v1/algoOrder`."""
    params.choice("algoType", ("CONDITIONAL",))
    kind = params.choice("type", ALGO_KINDS, BAD_TYPE)
    closes, trails = params.flag("closePosition"), kind == "TRAILING_STOP_MARKET"
    if closes and ("quantity" in params or "reduceOnly" in params):
        raise Refusal(-4136, "Target strategy invalid for orderType STOP_MARKET,closePosition true")
    limit = ALGO_KINDS[kind] == "LIMIT"
    match = params.choice("priceMatch", MATCHES, default="NONE")
    made = Draft(
        params.symbol(), SIDES[params.side()], kind, ZERO if closes else params.decimal("quantity"),
        params.decimal("price") if limit and match == "NONE" else ZERO,
        params.choice("timeInForce", (*TIMES, "GTE_GTC"), BAD_TIME_IN_FORCE, "GTC"),
        params.client_id("clientAlgoId", futures=True), stop_price=ZERO if trails else params.decimal("triggerPrice"),
        prevention=params.choice("selfTradePreventionMode", PREVENTIONS, default="EXPIRE_MAKER"),
        position_side=_position_side(params, account), reduce_only=params.flag("reduceOnly"), close_position=closes,
        good_till_ms=_good_till(params, params.values.get("timeInForce", "GTC")), price_match=match,
        working_type=params.choice("workingType", WORKING, default="CONTRACT_PRICE"),
        price_protect=params.text("priceProtect", "FALSE").lower() == "true",
        activation_price=_activation(params), callback_rate=_callback(params) if trails else ZERO,
    )  # fmt: skip
    check_reduce_only(account, made)
    return made


def _position_side(params: Params, account: Account) -> str:
    return params.choice("positionSide", ("BOTH", "LONG", "SHORT"), default="BOTH")


def _good_till(params: Params, time_in_force: str) -> int:
    moment = params.whole("goodTillDate", 0)
    if time_in_force == "GTD" and not moment:
        raise missing("goodTillDate")
    return moment


def _activation(params: Params) -> Decimal:
    old = params.decimal("activationPrice", ZERO)
    return params.decimal("activatePrice", old)


def _callback(params: Params) -> Decimal:
    rate = params.decimal("callbackRate")
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise Refusal(-2007, "Invalid callBack rate")
    return rate
