"""The rules of a symbol, applied to an order that is asked for. Source: the venue's own pages on filters and errors."""

from __future__ import annotations

from decimal import Decimal

from workbench.connectors.simulated.accounts import Account
from workbench.connectors.simulated.amounts import ONE, ZERO, is_stepped, plain
from workbench.connectors.simulated.events import Draft
from workbench.connectors.simulated.market import Market
from workbench.connectors.simulated.orders import AT_LIMIT, TRIGGERED
from workbench.connectors.simulated.refusals import BAD_PRECISION, PRICE_ABOVE, PRICE_BELOW, Refusal, filter_failure
from workbench.connectors.simulated.symbols import Symbol
from workbench.market import BUY

LEAST_DELTA, MOST_DELTA = 10, 2_000  # basis points of a trailing stop


def check_spot(market: Market, account: Account, draft: Draft, time_ms: int) -> None:
    """Raise the refusal that the spot venue has for this order, if one of its filters fails."""
    rules = market.rules
    if draft.kind in AT_LIMIT:
        _spot_price(rules, draft.price, "PRICE_FILTER")
        _percent_price(market, draft, time_ms)
    if draft.stop_price:
        _spot_price(rules, draft.stop_price, "PRICE_FILTER")
    if draft.trailing_delta and not LEAST_DELTA <= draft.trailing_delta <= MOST_DELTA:
        raise filter_failure("TRAILING_DELTA")
    if not draft.quote_amount:
        _spot_amount(rules, draft)
    _notional(market, draft, time_ms)
    if draft.iceberg and -(-draft.amount // draft.iceberg) > rules.max_parts:
        raise filter_failure("ICEBERG_PARTS")
    _spot_numbers(market, account, draft)


def _spot_price(rules: Symbol, price: Decimal, name: str) -> None:
    if not rules.min_price <= price <= rules.max_price or not is_stepped(price, rules.tick):
        raise filter_failure(name)


def _percent_price(market: Market, draft: Draft, time_ms: int) -> None:
    average = market.average(time_ms)
    if average and not average * market.rules.price_down <= draft.price <= average * market.rules.price_up:
        raise filter_failure("PERCENT_PRICE_BY_SIDE")


def _spot_amount(rules: Symbol, draft: Draft) -> None:
    if not rules.lot <= draft.amount <= rules.max_amount or not is_stepped(draft.amount, rules.lot):
        raise filter_failure("LOT_SIZE")
    if draft.kind == "MARKET" and draft.amount > rules.market_max_amount:
        raise filter_failure("MARKET_LOT_SIZE")
    if draft.iceberg and (draft.iceberg > draft.amount or not is_stepped(draft.iceberg, rules.lot)):
        raise filter_failure("LOT_SIZE")


def _notional(market: Market, draft: Draft, time_ms: int) -> None:
    price = draft.price or draft.stop_price or market.average(time_ms)
    value = draft.quote_amount or draft.amount * price
    if value < market.rules.min_notional or value > market.rules.max_notional:
        raise filter_failure("NOTIONAL")


def _spot_numbers(market: Market, account: Account, draft: Draft) -> None:
    rules = market.rules
    open_here = [order for order in account.orders.values() if order.symbol == rules.name]
    if len(open_here) >= rules.max_orders:
        raise filter_failure("MAX_NUM_ORDERS")
    stops = sum(order.kind in TRIGGERED for order in open_here)
    if draft.kind in TRIGGERED and stops >= rules.max_algo_orders:
        raise filter_failure("MAX_NUM_ALGO_ORDERS")
    if rules.max_position and draft.side == BUY:
        asked = sum((order.open_amount for order in open_here if order.side == BUY), draft.amount)
        held = account.free.get(rules.base, ZERO) + account.locked.get(rules.base, ZERO)
        if asked + held > rules.max_position:
            raise filter_failure("MAX_POSITION")


# --- futures ---------------------------------------------------------------------------------------------------------


def check_perpetual(market: Market, account: Account, draft: Draft, *, closes: bool) -> None:
    """Raise the refusal that the futures venue has for this order; one that only closes may be as small as it likes."""
    if not draft.close_position:
        _perpetual_amount(market.rules, draft)
    for price in (draft.price, draft.stop_price):
        if price:
            _perpetual_price(market.rules, price)
    if draft.price:
        _near_mark(market, draft)
    price = draft.price or draft.stop_price or market.mark_price
    if not closes and not draft.close_position and draft.amount * price < market.rules.min_notional:
        least = plain(market.rules.min_notional)
        raise Refusal(-4164, f"Order's notional must be no smaller than {least} (unless you choose reduce only).")
    open_here = sum(order.symbol == market.rules.name for order in account.perpetual_orders.values())
    if open_here >= market.rules.max_orders:
        raise Refusal(-2025, "Reach max open order limit.")


def _perpetual_amount(rules: Symbol, draft: Draft) -> None:
    if draft.amount <= 0:
        raise Refusal(-4003, "Quantity less than or equal to zero.")
    if not is_stepped(draft.amount, rules.lot):
        raise Refusal(-1111, BAD_PRECISION)
    if draft.amount < rules.lot:
        raise Refusal(-4004, "Quantity less than min quantity.")
    if draft.amount > (rules.max_amount if draft.price else rules.market_max_amount):
        raise Refusal(-4005, "Quantity greater than max quantity.")


def _perpetual_price(rules: Symbol, price: Decimal) -> None:
    if price < rules.min_price:
        raise Refusal(-4013, "Price less than min price.")
    if price > rules.max_price:
        raise Refusal(-4002, "Price greater than max price.")
    if is_stepped(price, rules.tick):
        return
    if is_stepped(price, ONE.scaleb(-rules.price_places)):
        raise Refusal(-4014, "Price not increased by tick size.")
    raise Refusal(-1111, BAD_PRECISION)


def _near_mark(market: Market, draft: Draft) -> None:
    mark, rules = market.mark_price, market.rules
    if not mark:
        return
    highest, lowest = mark * rules.price_up, mark * rules.price_down
    if draft.side == BUY and draft.price > highest:
        raise Refusal(-4016, PRICE_ABOVE.format(limit=f"{highest:.{rules.price_places}f}"))
    if draft.side != BUY and draft.price < lowest:
        raise Refusal(-4024, PRICE_BELOW.format(limit=f"{lowest:.{rules.price_places}f}"))
