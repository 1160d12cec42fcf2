"""Marks, funding and liquidation (parts 19, 20 and 20.1)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from .budget import leg_of, leg_tier, maintenance, margin_balance
from .executors import end_liquidated
from .ledger import take_in
from .orders import close_order
from .records import Fill, Hold, Payment, Purse
from .state import World, after_fill, slippage_of

# Marks (part 19) ------------------------------------------------------------------------------------------------


def set_mark(world: World, market: int, price: float) -> None:
    """The mark at a tick of a walk."""
    bar = world.mark_bars[market]
    world.marks[market] = price * world.basis[market] if bar is None else mark_at(world, price, bar)


def mark_at(world: World, price: float, bar: tuple[float, ...]) -> float:
    place = world.place
    assert place is not None
    ends = mark_vertices(place.vertices, bar)
    if not place.on_leg:
        return ends[place.at]
    a, b = place.vertices[place.at], place.vertices[place.at + 1]
    there, then = ends[place.at], ends[place.at + 1]
    return there + (then - there) * ((price - a) / (b - a))


def mark_vertices(path: list[float], bar: tuple[float, ...]) -> list[float]:
    """The mark's own vertices, its high with the high of the path; of a path of which only the open is known, that."""
    opened, high, low, closed = bar
    if len(path) == 1:
        return [opened]
    return [opened, high, low, closed] if path[1] >= path[2] else [opened, low, high, closed]


def keep_basis(world: World, market: int, close: float) -> None:
    bar = world.mark_bars[market]
    if bar is not None:
        world.basis[market] = bar[3] / close


# Funding (20.1) ---------------------------------------------------------------------------------------------------


def stamp_ms(time_ms: int) -> int:
    """To the nearest second."""
    return (time_ms + 500) // 1000 * 1000


def settle_funding(world: World, market: int, until_ms: int, *, inclusive: bool) -> None:
    """Pay what is due of a market, on the position as it is."""
    stamps = [one for one in world.settings.funding if one.market == market]
    while world.funding_next[market] < len(stamps):
        stamp = stamps[world.funding_next[market]]
        due = stamp_ms(stamp.time_ms)
        if due > until_ms or (due == until_ms and not inclusive):
            return
        world.funding_next[market] += 1
        pay(world, market, due, stamp.rate, world.marks[market] if math.isnan(stamp.mark) else stamp.mark)


def drop_early_funding(world: World, market: int, first_open_ms: int) -> None:
    stamps = [one for one in world.settings.funding if one.market == market]
    early = [one for one in stamps if stamp_ms(one.time_ms) < first_open_ms]
    world.funding_next[market] = len(early)


def pay(world: World, market: int, time_ms: int, rate: float, mark: float) -> None:
    position = world.position(market)
    if math.isnan(rate):
        world.funding_gaps[market] += 1
        return
    if position == 0.0 and not any(one.position[market] for one in world.controllers):
        return
    if math.isnan(mark):
        return
    payment = position * mark * rate
    world.purse_of(market).quote -= payment
    for owner in world.controllers:
        owner.flow[market] -= owner.position[market] * mark * rate
    world.payments.append(Payment(world.row, market, time_ms, rate, mark, position, payment))
    liquidate_if_due(world, world.settings.markets[market].purse)


# Liquidation (part 20) --------------------------------------------------------------------------------------------


def liquidate_if_due(world: World, purse: int) -> bool:
    if world.purses[purse].terms.kind != "perpetual":
        return False
    has_legs = any(leg_of(world, market, side) > 0 for market in world.markets_of(purse) for side in (1, -1))
    if not has_legs or margin_balance(world, purse) > maintenance(world, purse) * (1.0 + 1e-9):
        return False
    liquidate(world, purse)
    return True


def liquidate(world: World, purse: int) -> None:
    """Close every position of a purse at the market."""
    world.liquidations.append((world.row, purse))
    markets = world.markets_of(purse)
    for order in list(world.order_slots):
        if order is not None and order.market in markets:
            close_order(world, order, "CANCELLED")
    for market in markets:
        last = world.last[market]
        if math.isnan(last):
            continue
        exits = {side: closing_price(world, market, side) for side in (1, -1)}
        end_executors(world, market, exits)
        for side in (1, -1):
            close_leg(world, market, side, exits[side])
        for leg in (1, -1, 0):
            close_holds(world, market, leg, last, 0.0)  # of controllers that had netted each other out
    cover(world.purses[purse])


def closing_price(world: World, market: int, leg: int) -> float:
    worse = world.settings.markets[market].half_spread + slippage_of(world, market)
    return world.last[market] * (1.0 - leg * worse)


def end_executors(world: World, market: int, exits: dict[int, float]) -> None:
    """End the executors of a market; in one-way mode at the price of the position that is closed."""
    position = world.position(market)
    for executor in list(world.executor_slots):
        if executor is None or market not in (executor.market, executor.config.market2):
            continue
        leg = executor.side if world.is_hedged(market) or position == 0 else (1 if position > 0 else -1)
        end_liquidated(world, executor, exits[leg])


def close_leg(world: World, market: int, side: int, price: float) -> None:
    """Close one leg, and the position holds behind it."""
    amount = leg_of(world, market, side)
    if amount <= 0.0:
        return
    fee = amount * price * world.settings.markets[market].liquidation_fee
    world.purse_of(market).quote -= -side * price * amount
    world.purse_of(market).quote -= fee
    base = world.settings.markets[market].base
    if world.is_hedged(market):
        world.legs[market][side] = 0.0
        world.base[base] = world.legs[market][1] - world.legs[market][-1]
    else:
        world.base[base] = 0.0
    world.fills.append(Fill(world.row, market, -1, -1, -side, price, amount, fee, False, False, liquidates=True))
    close_holds(world, market, side if world.is_hedged(market) else 0, price, fee)


def close_holds(world: World, market: int, leg: int, price: float, fee: float) -> None:
    holds = list(holds_of(world, market, leg))
    gross = 0.0
    for _, hold in holds:
        gross += abs(hold.amount)
    for controller, hold in holds:
        amount = hold.amount
        if amount == 0.0:
            continue
        owner = world.controllers[controller]
        share = fee * abs(amount) / gross
        take_in(world, controller, market, leg, -amount, price)
        hold.fees += share
        owner.flow[market] -= -amount * price
        owner.flow[market] -= share
        owner.position[market] = after_fill(owner.position[market], -amount)


def holds_of(world: World, market: int, leg: int) -> Iterator[tuple[int, Hold]]:
    for controller in range(len(world.controllers)):
        if (controller, market, leg) in world.inventory:
            yield controller, world.inventory[controller, market, leg]


def cover(purse: Purse) -> None:
    """A trader loses at most the purse."""
    if purse.quote < 0.0:
        purse.insurance += -purse.quote
        purse.quote = 0.0


def liquidation_mark(world: World, market: int) -> float:
    """The mark of a market at which its purse is liquidated, the other markets as they are; NaN for none."""
    purse = world.settings.markets[market].purse
    long, short = leg_of(world, market, 1), leg_of(world, market, -1)
    net, weight, deduction = long - short, 0.0, 0.0
    for side, amount in ((1, long), (-1, short)):
        if amount > 0.0:
            tier = leg_tier(world, market, side)
            weight += amount * tier.maintenance
            deduction += tier.deduction
    if (long == 0.0 and short == 0.0) or net == weight:
        return math.nan
    balance, required = without(world, purse, market)
    mark = ((required - deduction) - balance) / (net - weight)
    return mark if mark > 0 else math.nan


def without(world: World, purse: int, market: int) -> tuple[float, float]:
    """Margin balance and maintenance of a purse but for one market."""
    balance, required = world.purses[purse].quote, 0.0
    for other in world.markets_of(purse):
        if other == market or math.isnan(world.marks[other]):
            continue
        balance += world.position(other) * world.marks[other]
        for side in (1, -1):
            amount = leg_of(world, other, side)
            if amount > 0.0:
                tier = leg_tier(world, other, side)
                required += amount * world.marks[other] * tier.maintenance - tier.deduction
    return balance, required


def waited_for_liquidation(world: World, market: int, *, up: bool) -> Iterator[float]:
    """The last price at which a liquidation comes on the leg that is walked (part 20)."""
    if world.kind(market) != "perpetual":
        return
    mark = liquidation_mark(world, market)
    bar, place = world.mark_bars[market], world.place
    if math.isnan(mark) or place is None:
        return
    if bar is None:
        net = world.position(market)
        weight = sum(
            leg_of(world, market, side) * leg_tier(world, market, side).maintenance
            for side in (1, -1) if leg_of(world, market, side) > 0
        )  # fmt: skip
        if (net - weight < 0) == up:
            yield mark / world.basis[market]
        return
    leg = place.at
    ends = mark_vertices(place.vertices, bar)
    there, then = ends[leg], ends[leg + 1]
    if min(there, then) < mark < max(there, then):
        a, b = place.vertices[leg], place.vertices[leg + 1]
        yield a + (b - a) * ((mark - there) / (then - there))
