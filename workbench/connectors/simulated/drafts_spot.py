"""Spot orders as requests write them: which parameters each kind takes, and what is said if one is missing."""

from __future__ import annotations

from workbench.connectors.simulated.amounts import ZERO
from workbench.connectors.simulated.events import Draft
from workbench.connectors.simulated.orders import AT_LIMIT, SIDES, TRIGGERED
from workbench.connectors.simulated.params import Params
from workbench.connectors.simulated.payloads_spot import DEFAULT_PREVENTION, KINDS, PREVENTIONS
from workbench.connectors.simulated.refusals import (
    BAD_COMBINATION,
    BAD_TIME_IN_FORCE,
    BAD_TYPE,
    Refusal,
    either,
    missing,
    not_required,
    refuse,
)

TIMES = ("GTC", "IOC", "FOK")
LEG_KINDS = ("STOP_LOSS_LIMIT", "STOP_LOSS", "LIMIT_MAKER", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
OLD_OCO_STOP = {True: "STOP_LOSS_LIMIT", False: "STOP_LOSS"}


def read_draft(params: Params) -> Draft:
    """The order of `POST /api/v3/order` and of everything that takes the same parameters."""
    kind = params.choice("type", KINDS, BAD_TYPE)
    return _draft(params, "", kind, params.side(), params.client_id("newClientOrderId"))


def read_leg(params: Params, prefix: str, *, side: str | None = None, quantity: str | None = None,
             kinds: tuple[str, ...] = LEG_KINDS) -> Draft:  # fmt: skip
    """One order of a list, whose parameters begin with `prefix`; `quantity` names one that all legs share."""
    kind = params.choice(f"{prefix}Type", kinds, (-1158, "Order type not supported in OCO."))
    own = side or params.side(f"{prefix}Side")
    return _draft(params, prefix, kind, own, params.client_id(f"{prefix}ClientOrderId"), quantity=quantity)


def read_old_oco(params: Params) -> tuple[Draft, Draft]:
    """Both orders of `POST /api/v3/order/oco`, the upper one first."""
    side = SIDES[params.side()]
    amount, symbol = params.decimal("quantity", decimals=8), params.symbol()
    prevention = params.choice("selfTradePreventionMode", PREVENTIONS, default=DEFAULT_PREVENTION)
    stop_limit = params.decimal("stopLimitPrice", ZERO, decimals=8)
    limit = Draft(symbol, side, "LIMIT_MAKER", amount, params.decimal("price", decimals=8),
                  client_id=params.client_id("limitClientOrderId"), prevention=prevention,
                  iceberg=params.decimal("limitIcebergQty", ZERO))  # fmt: skip
    time_in_force = params.choice("stopLimitTimeInForce", TIMES, BAD_TIME_IN_FORCE, None if stop_limit else "GTC")
    stop = Draft(symbol, side, OLD_OCO_STOP[bool(stop_limit)], amount, stop_limit, time_in_force,
                 params.client_id("stopClientOrderId"), stop_price=params.decimal("stopPrice", ZERO, decimals=8),
                 trailing_delta=params.whole("trailingDelta", 0), prevention=prevention)  # fmt: skip
    if not stop.stop_price and not stop.trailing_delta:
        raise either("stopPrice", "trailingDelta")
    return (stop, limit) if side > 0 else (limit, stop)


def _draft(params: Params, prefix: str, kind: str, side: str, client_id: str, *, quantity: str | None = None) -> Draft:
    def name(word: str) -> str:
        return prefix + word[0].upper() + word[1:] if prefix else word

    def absent(word: str) -> None:
        if name(word) in params:
            raise not_required(name(word))

    limit, stop = kind in AT_LIMIT, kind in TRIGGERED
    if not limit:
        absent("price")
    if kind in ("MARKET", "LIMIT_MAKER"):
        absent("timeInForce")
    if not stop:
        absent("stopPrice")
        absent("trailingDelta")
    amount = params.decimal(quantity or name("quantity"), ZERO, decimals=8)
    in_quote = params.decimal("quoteOrderQty", ZERO, decimals=8) if kind == "MARKET" and not prefix else ZERO
    made = Draft(
        params.symbol(), SIDES[side], kind, amount,
        params.decimal(name("price"), decimals=8) if limit else ZERO,
        params.choice(name("timeInForce"), TIMES, BAD_TIME_IN_FORCE) if limit and kind != "LIMIT_MAKER" else "GTC",
        client_id, in_quote,
        params.decimal(name("stopPrice"), ZERO, decimals=8), params.whole(name("trailingDelta"), 0),
        params.decimal(name("icebergQty"), ZERO, decimals=8),
        params.choice("selfTradePreventionMode", PREVENTIONS, default=DEFAULT_PREVENTION),
        _strategy(params, name("strategyId")), _strategy(params, name("strategyType"), least=1_000_000),
    )  # fmt: skip
    _check(made, name("quantity"))
    return made


def _strategy(params: Params, name: str, least: int = 0) -> int | None:
    given = params.maybe(name)
    if given is not None and given < least:
        raise Refusal(-1134, "`strategyType` was less than 1000000.")
    return given


def _check(draft: Draft, quantity: str) -> None:
    if draft.amount and draft.quote_amount:
        raise not_required("quoteOrderQty")
    if not draft.amount and not draft.quote_amount:
        raise either("quantity", "quoteOrderQty") if draft.kind == "MARKET" else missing(quantity)
    if draft.kind in TRIGGERED and not draft.stop_price and not draft.trailing_delta:
        raise either("stopPrice", "trailingDelta")
    if draft.iceberg and (draft.kind not in AT_LIMIT or draft.time_in_force != "GTC"):
        raise refuse(BAD_COMBINATION)
