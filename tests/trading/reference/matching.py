"""How a venue answers an order at a price (parts 4, 21, 22 and 23)."""

from __future__ import annotations

import math

from workbench.market.codes import OrderKind

from .budget import (
    available,
    budget,
    exposure,
    free_base,
    free_quote,
    funds,
    is_reduce_only,
    reducible,
    sized,
    taker_rate,
    whole_lots,
)
from .ledger import settle
from .orders import close_order
from .records import Order
from .state import World, own_equity, slippage_of

MASK = 2**64 - 1


def answer(world: World, order: Order, price: float) -> None:
    """What becomes of a live, active order at a price (the table of part 4)."""
    was_fresh, order.is_fresh = order.is_fresh, False
    if order.kind == OrderKind.MARKET:
        take(world, order, price, market_price(world, order, price))
    elif order.rests:
        answer_limit(world, order, price, was_fresh)
    elif order.is_triggered or order.side * (price - order.trigger) >= 0:
        order.is_triggered = True
        if order.kind == OrderKind.STOP_LIMIT:
            answer_limit(world, order, price, is_fresh=True)
        else:
            take(world, order, price, market_price(world, order, price))


def answer_limit(world: World, order: Order, price: float, is_fresh: bool) -> None:
    if is_fresh and order.side * (opposite_best(world, order, price) - order.price) <= 0:
        if order.kind == OrderKind.POST_ONLY:
            reject(world, order)
        else:
            take(world, order, price, never_worse(order, market_price(world, order, price)))
    elif not is_fresh and is_hit(world, order, price):
        fill_resting(world, order)
    if order.is_live and is_open_tick(world) and world.settings.fill == "intensity" and is_met(world, order):
        fill_resting(world, order)


def opposite_best(world: World, order: Order, price: float) -> float:
    half = world.settings.markets[order.market].half_spread
    return price * (1.0 + order.side * half) if half else price


def never_worse(order: Order, price: float) -> float:
    return min(price, order.price) if order.side > 0 else max(price, order.price)


def market_price(world: World, order: Order, price: float, share: float = 0.0) -> float:
    """What a taker pays at a price, for a share of the bar's volume."""
    rules, slippage = world.settings.markets[order.market], slippage_of(world, order.market)
    worse = rules.half_spread + slippage if rules.half_spread else slippage
    if rules.impact:
        worse = worse + rules.impact * share * share
    return price * (1.0 + (order.side or hold_side(world, order, price)) * worse)


# Resting orders (part 23) ---------------------------------------------------------------------------------------


def is_hit(world: World, order: Order, price: float) -> bool:
    """Does a price fill an order that rests?"""
    gap, model = order.side * (price - order.price), world.settings.fill
    if model == "intensity":
        return False
    if model == "queue" and gap == 0:
        return draw(world.settings.seed, world.row, order.id) < world.settings.markets[order.market].queue
    return gap <= 0 if model == "touch" else gap < 0


def is_open_tick(world: World) -> bool:
    return world.place is not None and not world.place.on_leg and world.place.at == 0


def is_met(world: World, order: Order) -> bool:
    """Avellaneda and Stoikov's intensity, once a bar."""
    rules, previous = world.settings.markets[order.market], world.before[order.market]
    if math.isnan(previous):
        return False
    away = order.side * (previous - order.price)
    chance = rules.intensity * math.exp(-rules.decay * away) * rules.dt
    return draw(world.settings.seed, world.row, order.id) < chance


def draw(seed: int, row: int, order_id: int) -> float:
    """A number in [0, 1): splitmix64 of seed, row and order."""
    z = (seed + (row + 1) * 0x9E3779B97F4A7C15 + (order_id + 1) * 0xD1B54A32D192ED03) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    z = z ^ (z >> 31)
    return (z >> 11) * 2.0**-53


# Filling ------------------------------------------------------------------------------------------------------


def fill_resting(world: World, order: Order) -> None:
    if not cut_to_position(world, order, order.side):
        return
    part = from_volume(world, order.market, order.open_amount)
    if part > 0:
        settle(world, order, order.price, maker=True, amount=part)


def take(world: World, order: Order, price: float, fill_price: float) -> None:
    """Fill as taker, or reject what the budget does not carry; an amount not known yet is worked out now."""
    if not cut_to_position(world, order, order.side):
        return
    side, amount = order.side, order.amount
    if order.is_hold and math.isnan(amount):
        side = hold_side(world, order, price)
        amount = hold_amount(world, order, side, fill_price)
    elif math.isnan(amount):
        amount = sized(world, order, fill_price)
        amount = min(amount, reducible(world, order, side)) if is_reduce_only(world, order) else amount
    reason = budget(world, order, side, amount - order.filled, fill_price)
    if reason:
        turn_down(world, order, reason)
        return
    part = from_volume(world, order.market, amount - order.filled)
    if part <= 0:
        return
    if world.settings.markets[order.market].impact:
        moved = market_price(world, order, price, share_of(world, order.market, part))
        fill_price = never_worse(order, moved) if order.rests else moved
        reason = funds(world, order, side, part, fill_price)
        if reason:
            turn_down(world, order, reason)
            return
    order.side, order.amount = side, amount
    settle(world, order, fill_price, maker=False, amount=part)


def turn_down(world: World, order: Order, reason: str) -> None:
    """The venue's no; a wish with nothing to do is only over."""
    if order.is_hold and reason == "TOO_SMALL":
        close_order(world, order, "CANCELLED")
    else:
        reject(world, order)


def reject(world: World, order: Order) -> None:
    close_order(world, order, "REJECTED")
    if order.executor_id >= 0:
        executor = world.executors[order.executor_id]
        executor.attempts += 1
        deafen(world, order)


def deafen(world: World, order: Order) -> None:
    """A report that is on its way (part 26)."""
    latency = world.settings.markets[order.market].report_ms
    if latency and order.executor_id >= 0:
        executor = world.executors[order.executor_id]
        executor.hears_ms = max(executor.hears_ms, world.at_ms + latency)


def cut_to_position(world: World, order: Order, side: int) -> bool:
    """Cut a reduce-only order to what it can reduce; False when that is nothing, and it is over (part 17)."""
    if not is_reduce_only(world, order):
        return True
    most = reducible(world, order, side)
    if most <= 0:
        close_order(world, order, "CANCELLED")
        return False
    if not math.isnan(order.amount) and order.open_amount > most:
        order.amount = order.filled + most
    return True


def from_volume(world: World, market: int, wanted: float) -> float:
    """How much of an amount the bar still has for us; it is taken (part 22)."""
    if not world.settings.markets[market].participation:
        return wanted
    part = wanted
    if world.rooms[market] < wanted:
        part = whole_lots(world, market, world.rooms[market])
    world.rooms[market] -= part
    return part


def share_of(world: World, market: int, part: float) -> float:
    volume = world.volumes[market]
    return min(part / volume, 1.0) if volume > 0 else 1.0


# Wishes of an exposure (part 5) -----------------------------------------------------------------------------------


def held_by(world: World, order: Order) -> float:
    """The position that a wish moves: of its controller (part 15)."""
    return world.controllers[order.controller].position[order.market]


def hold_value(world: World, order: Order) -> float:
    """The quote value to be held, cut to what the account can carry."""
    own = own_equity(world, order.market)
    if world.is_spot(order.market):
        return min(max(order.size, 0.0), 1.0) * own
    leverage = hold_leverage(world, order.market)
    value = min(max(order.size, -leverage), leverage) * own
    most = max(leverage * own - exposure(world, order.market, 0.0), 0.0)
    return min(max(value, -most), most)


def hold_leverage(world: World, market: int) -> float:
    if world.kind(market) == "perpetual":
        return world.settings.markets[market].leverage
    return world.purse_of(market).terms.leverage


def hold_side(world: World, order: Order, price: float) -> int:
    delta = hold_value(world, order) / price - held_by(world, order)
    return (delta > 0) - (delta < 0)


def hold_amount(world: World, order: Order, side: int, price: float) -> float:
    market = order.market
    amount = side * (hold_value(world, order) / price - held_by(world, order))
    rate, kind = taker_rate(world, market), world.kind(market)
    if kind == "spot" and side > 0:
        amount = min(amount, free_quote(world, market) / (price * (1.0 + rate)))
    elif kind == "spot":
        amount = min(amount, free_base(world, market))
    elif kind == "perpetual":
        amount = min(amount, margin_room(world, market, side, price, rate))
    return whole_lots(world, market, amount)


def margin_room(world: World, market: int, side: int, price: float, rate: float) -> float:
    """What a perpetual purse can close and open at most (part 18)."""
    rules, position = world.settings.markets[market], world.position(market)
    closing = abs(position) if side * position < 0 else 0.0
    return closing + available(world, rules.purse) / (price * (1.0 / rules.leverage + rate))
