"""What an order may be: steps, sizes, funds and margin (parts 4, 17 and 18)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from workbench.market.codes import Sizing

from .records import Order
from .state import World, executors_of, own_equity, taker_rate
from .terms import RESTING, Market, Tier

NO_TIER = Tier(0.0, 0.0)


# Steps --------------------------------------------------------------------------------------------------------


def whole_lots(world: World, market: int, amount: float) -> float:
    lot = world.settings.markets[market].lot
    if lot:
        return math.floor(amount / lot + 1e-9) * lot
    return amount if amount >= 1e-12 else 0.0


def whole_ticks(world: World, market: int, side: int, price: float) -> float:
    tick = world.settings.markets[market].tick
    if not tick:
        return price
    return math.floor(price / tick + 1e-9) * tick if side > 0 else math.ceil(price / tick - 1e-9) * tick


def is_small(world: World, market: int, amount: float, price: float) -> bool:
    """Under a minimum of the venue?"""
    rules = world.settings.markets[market]
    return amount < rules.min_amount or amount * price < rules.min_notional


# Sizes --------------------------------------------------------------------------------------------------------


def sized(world: World, order: Order, price: float) -> float:
    """Base units for a size in quote currency or a fraction of equity, at a price (part 4, Amount)."""
    rate, is_spot = taker_rate(world, order.market), world.is_spot(order.market)
    value = order.size if order.sizing == Sizing.QUOTE else order.size * own_equity(world, order.market)
    if order.side > 0:
        value = min(value, free_quote(world, order.market, own=order)) if is_spot else value
        amount = value / (price * (1.0 + rate))
    elif world.kind(order.market) == "perpetual":
        amount = value / (price * (1.0 + rate))
    else:
        amount = value / price
        amount = min(amount, free_base(world, order.market, own=order)) if is_spot else amount
    return whole_lots(world, order.market, amount)


# Budget -------------------------------------------------------------------------------------------------------


def budget(world: World, order: Order, side: int, amount: float, price: float) -> str:
    """Why an order cannot have this amount at this price, or "" (part 4, Budget)."""
    rules = world.settings.markets[order.market]
    if amount <= 0:
        return "TOO_SMALL"
    is_exempt = order.closes or order.reduce or order.filled > 0
    if not is_exempt and is_small(world, order.market, amount, price):
        return "TOO_SMALL"
    if rules.max_amount > 0 and amount > rules.max_amount:
        return "TOO_LARGE"
    return funds(world, order, side, amount, price)


def funds(world: World, order: Order, side: int, amount: float, price: float) -> str:
    """Can the purse carry it?"""
    market, kind = order.market, world.kind(order.market)
    if kind == "perpetual":
        return margin_refusal(world, order, side, amount, price)
    if kind == "margin":
        is_carried = order.closes or order.reduce or within_leverage(world, market, side, amount, price)
        return "" if is_carried else "NO_FUNDS"
    if side > 0:
        cost = amount * price * (1.0 + taker_rate(world, market))
        return "" if cost <= free_quote(world, market, own=order) * (1.0 + 1e-12) else "NO_FUNDS"
    return "" if amount <= free_base(world, market, own=order, closes=order.closes) * (1.0 + 1e-12) else "NO_FUNDS"


def within_leverage(world: World, market: int, side: int, amount: float, price: float) -> bool:
    wanted = world.position(market) + side * amount
    if abs(wanted) <= abs(world.position(market)):
        return True
    total = exposure(world, market, abs(wanted) * price)
    leverage = world.purse_of(market).terms.leverage
    return total <= leverage * own_equity(world, market) * (1.0 + 1e-9)


def exposure(world: World, market: int, instead: float) -> float:
    """Σ over the markets of a purse of |position·last|, with another value for one of them."""
    total = 0.0
    for other in world.markets_of(world.settings.markets[market].purse):
        if other == market:
            total += instead
        elif not math.isnan(world.last[other]):
            total += abs(world.position(other) * world.last[other])
    return total


def reserved_for(world: World, order: Order) -> float:
    """What a resting order sets aside: quote for a buy, base for a sell, margin in a perpetual purse."""
    kind, rate = world.kind(order.market), taker_rate(world, order.market)
    if kind == "margin":
        return 0.0
    if kind == "perpetual":
        part = opened(world, order, order.side, order.amount)
        return part * order.price * (1.0 / world.settings.markets[order.market].leverage + rate)
    return order.amount * order.price * (1.0 + rate) if order.side > 0 else order.amount


def free_quote(world: World, market: int, *, own: Order | None = None) -> float:
    """Quote balance less what live limit buys of the purse reserve; `own` is an order whose reserve is released."""
    purse, held = world.settings.markets[market].purse, 0.0
    for order in orders_of_purse(world, purse):
        if order is not own and order.side > 0 and order.kind in RESTING:
            held += order.reserved
    return world.purses[purse].quote - held


def free_base(world: World, market: int, *, own: Order | None = None, closes: bool = False) -> float:
    """Base less what live limit sells reserve; what long executors hold only their own closing orders may sell."""
    taken = 0.0
    for order in world.order_slots:
        if order is not None and order is not own and order.market == market and (closes or not order.closes):
            taken += order.reserved if order.side < 0 and order.kind in RESTING else 0.0
    if not closes:
        for executor in executors_of(world, market):
            taken += executor.held if executor.side > 0 else 0.0
    return world.position(market) - taken


def orders_of_purse(world: World, purse: int) -> Iterator[Order]:
    for order in world.order_slots:
        if order is not None and world.settings.markets[order.market].purse == purse:
            yield order


# Margin of a perpetual purse (part 18) -------------------------------------------------------------------------


def margin_refusal(world: World, order: Order, side: int, amount: float, price: float) -> str:
    market, rules = order.market, world.settings.markets[order.market]
    part = opened(world, order, side, amount)
    if part == 0.0:
        return ""
    if outgrows_tier(world, market, side, part, price):
        return "LEVERAGE"
    need = part * price * (1.0 / rules.leverage + taker_rate(world, market))
    return "" if need <= available(world, rules.purse, own=order) * (1.0 + 1e-12) else "NO_FUNDS"


def opened(world: World, order: Order, side: int, amount: float) -> float:
    """How much of an order would add to a position."""
    if order.closes or order.reduce:
        return 0.0
    position = world.position(order.market)
    if world.is_hedged(order.market) or side * position >= 0:
        return amount
    return max(amount - abs(position), 0.0)


def outgrows_tier(world: World, market: int, side: int, part: float, price: float) -> bool:
    rules = world.settings.markets[market]
    return tier_at(rules, (leg_of(world, market, side) + part) * price).max_leverage < rules.leverage


def available(world: World, purse: int, *, own: Order | None = None) -> float:
    """Margin balance less what positions and orders use."""
    used = 0.0
    for market, _, amount in legs_of(world, purse):
        used += amount * world.marks[market] / world.settings.markets[market].leverage
    for order in orders_of_purse(world, purse):
        used += 0.0 if order is own else order.reserved
    return margin_balance(world, purse) - used


def margin_balance(world: World, purse: int) -> float:
    """Quote + Σ position·mark."""
    value = world.purses[purse].quote
    for market in world.markets_of(purse):
        if not math.isnan(world.marks[market]):
            value += world.position(market) * world.marks[market]
    return value


def maintenance(world: World, purse: int) -> float:
    total = 0.0
    for market, side, amount in legs_of(world, purse):
        tier = leg_tier(world, market, side)
        total += amount * world.marks[market] * tier.maintenance - tier.deduction
    return total


def legs_of(world: World, purse: int) -> Iterator[tuple[int, int, float]]:
    """Market, side and amount of every leg above 0: markets in order, long before short."""
    for market in world.markets_of(purse):
        for side in (1, -1):
            amount = leg_of(world, market, side)
            if amount > 0.0:
                yield market, side, amount


def leg_of(world: World, market: int, side: int) -> float:
    """The long or short leg; a one-way position is one of them."""
    if world.is_hedged(market):
        return world.legs[market][side]
    return max(side * world.position(market), 0.0)


def leg_tier(world: World, market: int, side: int) -> Tier:
    return tier_at(world.settings.markets[market], leg_of(world, market, side) * world.entries[market][side])


def tier_at(rules: Market, value: float) -> Tier:
    """The last tier whose floor a value has reached."""
    reached = [tier for tier in rules.tiers if tier.floor <= value]
    return reached[-1] if reached else NO_TIER


def reducible(world: World, order: Order, side: int) -> float:
    """What a reduce-only order could take away (part 17)."""
    return leg_of(world, order.market, -side)


def is_reduce_only(world: World, order: Order) -> bool:
    return order.reduce or (order.closes and world.is_hedged(order.market))
