"""An order fitted to its venue before it is written down: steps, bounds, notional. What does not fit has a reason.

Amounts are rounded down: never more than was asked for. A limit is a bound, so a buy's price is rounded down and a
sale's up. A trigger protects, so it is rounded to the side where it fires sooner.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from workbench.connectors.values import ZERO, Listing, Rules
from workbench.market import BUY, OrderKind
from workbench.trading import Intent


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why an order cannot be sent as it is; an answer, not an exception."""

    client_id: str
    instrument: str
    reason: str


def fit(intent: Intent, rules: Rules, *, last: Decimal) -> Intent | Misfit:
    """The intent in the venue's steps, or why there is no such order.

    Parameters
    ----------
    last : Decimal
        The last price: what a market order's notional value is reckoned with.
    """
    if rules.listing != Listing.TRADING:
        return _misfit(intent, f"{rules.listing.name.lower().replace('_', ' ')} at the venue: it takes no new orders")
    rounded = _rounded(intent, rules)
    if rounded is None:
        return _misfit(
            intent, f"nothing is left of amount {intent.amount} or its prices in steps of {rules.lot} and {rules.tick}"
        )
    reason = _bounds(rounded, rules) or _notional(rounded, rules, last)
    return _misfit(intent, reason) if reason else rounded


def to_step(value: Decimal, step: Decimal, *, up: bool = False) -> Decimal:
    """The nearest whole number of steps that is not above (or with `up` not below) the value, without padding."""
    if not step:
        return value
    whole = (value / step).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * step
    return whole.quantize(step) if step.as_tuple().exponent < 0 else whole  # type: ignore[operator]


def _rounded(intent: Intent, rules: Rules) -> Intent | None:
    at_market = intent.kind in (OrderKind.MARKET, OrderKind.STOP)
    amount = to_step(intent.amount, rules.market_lot if at_market and rules.market_lot else rules.lot)
    buys = intent.side == BUY
    price = None if intent.price is None else to_step(intent.price, rules.tick, up=not buys)
    trigger = None if intent.trigger is None else to_step(intent.trigger, rules.tick, up=not buys)
    if amount <= 0 or (price is not None and price <= 0) or (trigger is not None and trigger <= 0):
        return None
    return replace(intent, amount=amount, price=price, trigger=trigger)


def _bounds(intent: Intent, rules: Rules) -> str:
    most = rules.max_market_amount if intent.kind in (OrderKind.MARKET, OrderKind.STOP) else rules.max_amount
    most = most if most is not None else rules.max_amount
    if intent.amount < rules.min_amount:
        return f"amount {intent.amount} is below the venue's least, {rules.min_amount}"
    if most is not None and intent.amount > most:
        return f"amount {intent.amount} is above the venue's most, {most}"
    if intent.price is not None and rules.max_price is not None and intent.price > rules.max_price:
        return f"price {intent.price} is above the venue's highest, {rules.max_price}"
    if intent.price is not None and intent.price < rules.min_price:
        return f"price {intent.price} is below the venue's lowest, {rules.min_price}"
    return ""


def _notional(intent: Intent, rules: Rules, last: Decimal) -> str:
    value = intent.amount * (intent.price or intent.trigger or last)
    # Venues let a position be closed whatever is left of it.
    if value < rules.min_notional and not (intent.reduce_only and rules.is_perpetual):
        return f"worth {value:f}, less than the venue's least, {rules.min_notional}"
    if rules.max_notional is not None and value > rules.max_notional:
        return f"worth {value:f}, more than the venue's most, {rules.max_notional}"
    return ""


def _misfit(intent: Intent, reason: str) -> Misfit:
    return Misfit(intent.client_id, intent.instrument, reason)


def spendable(free: Decimal, reserved: Decimal) -> Decimal:
    """What may still be spent: what the venue calls free is a bound, and our own reservations come off it."""
    return max(free - reserved, ZERO)
