"""Can the account carry an order? Asked before it is written down, from balances and what our own orders hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from workbench.connectors.fees import FeeRates
from workbench.connectors.rounding import Misfit, spendable
from workbench.connectors.values import ZERO, Balance, Rules
from workbench.market import BUY
from workbench.trading import Intent, Life, Order


def afford(
    intent: Intent,
    rules: Rules,
    rates: FeeRates,
    *,
    balances: Mapping[str, Balance],
    unseen: Mapping[str, Decimal],
    last: Decimal,
    leverage: Decimal = Decimal(1),
) -> Misfit | None:
    """None if the account can carry the order, else what it lacks.

    Parameters
    ----------
    balances : mapping
        As the venue told them: a bound, which may be older than our last orders.
    unseen : mapping
        What our orders hold by asset that the balances cannot know of yet; `held` gives it.
    last : Decimal
        The price to reckon a market order with.
    leverage : Decimal
        Of the position, for perpetuals.
    """
    if intent.reduce_only:
        return None
    asset, amount = needs(intent, rules, rates, last=last, leverage=leverage)
    free = _free(asset, balances, unseen)
    if amount <= free:
        return None
    return Misfit(intent.client_id, intent.instrument, f"needs {amount:f} {asset}, but {free:f} are free")


def make_room(
    intent: Intent,
    rules: Rules,
    rates: FeeRates,
    room: Decimal,
    *,
    balances: Mapping[str, Balance],
    unseen: Mapping[str, Decimal],
    last: Decimal,
    leverage: Decimal = Decimal(1),
) -> Intent:
    """An order that the account can carry at the last price, made so small that it can at one `room` of it higher.

    A venue refuses a market order of all the money as soon as the price is a tick higher when it arrives. What fits
    anyway, and what does not even fit at the last price, stays as it is.
    """
    if intent.reduce_only:
        return intent
    asset, now = needs(intent, rules, rates, last=last, leverage=leverage)
    _, worst = needs(intent, rules, rates, last=last * (1 + room), leverage=leverage)
    free = _free(asset, balances, unseen)
    if now > free or worst <= free:
        return intent
    return replace(intent, amount=intent.amount * free / worst)


def needs(
    intent: Intent, rules: Rules, rates: FeeRates, *, last: Decimal, leverage: Decimal = Decimal(1)
) -> tuple[str, Decimal]:
    """The asset that an order takes from, and how much of it at worst, fee included."""
    price = intent.price or intent.trigger or last
    fee = max(rates.taker, rates.maker, ZERO)
    if rules.settle is not None:
        return rules.settle, intent.amount * price * (1 / leverage + fee)
    if intent.side == BUY:
        return rules.quote, intent.amount * price * (1 if rates.paid_in == "received" else 1 + fee)
    return rules.base, intent.amount


def held(
    orders: Iterable[Order], rules: Mapping[str, Rules], rates: FeeRates, *, since_ms: int, last: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """What orders hold, by asset, that balances as of `since_ms` cannot show: those on their way, or younger."""
    sums: dict[str, Decimal] = {}
    for order in orders:
        seen = order.life == Life.OPEN and order.told_ms <= since_ms
        if seen or order.life > Life.OPEN or order.intent.reduce_only:
            continue
        symbol = order.intent.instrument
        asset, amount = needs(order.intent, rules[symbol], rates, last=last.get(symbol, ZERO))
        sums[asset] = sums.get(asset, ZERO) + amount * (1 - order.filled / order.amount)
    return sums


def _free(asset: str, balances: Mapping[str, Balance], unseen: Mapping[str, Decimal]) -> Decimal:
    """What may be spent of an asset."""
    have = balances.get(asset)
    return spendable(have.free if have else ZERO, unseen.get(asset, ZERO))
