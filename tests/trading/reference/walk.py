"""A bar walked as a path of prices, tick by tick (parts 2, 3 and 26)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from .executors import step, waits
from .ledger import choose_fee_tier
from .matching import answer
from .orders import close_order
from .perpetuals import (
    keep_basis,
    liquidate_if_due,
    set_mark,
    settle_funding,
    waited_for_liquidation,
)
from .state import Place, World, active_orders, executors_of, is_deaf


def walk(world: World, market: int, bar: tuple[float, ...], opened_ms: int, closed_ms: int) -> None:
    """Walk one bar: open, first vertex, second vertex, close, stopping at every price waited for (part 2)."""
    now = max(opened_ms, world.row_began_ms)
    price = bar[0]
    world.place = place = Place(market, opened_ms, closed_ms, [price], price=price)
    tick(world, market, price, now)
    settle_funding(world, market, closed_ms, inclusive=False)
    place.vertices = [price, *vertices(world, market, bar), bar[3]]
    for leg, vertex in enumerate(place.vertices[1:]):
        arrived = False
        while not arrived:
            price = next_price(world, market, price, vertex)
            arrived = price == vertex
            place.at, place.on_leg, place.price = (leg + 1, False, price) if arrived else (leg, True, price)
            tick(world, market, price, closed_ms if arrived and leg == 2 else now)
    world.place = None
    keep_basis(world, market, bar[3])


def vertices(world: World, market: int, bar: tuple[float, ...]) -> tuple[float, float]:
    """High and low, in the order in which this bar is taken to have reached them."""
    opened, high, low, _ = bar
    nearer_first = (high, low) if high - opened <= opened - low else (low, high)
    if world.settings.path == "ohlc":
        return nearer_first
    position = world.position(market)
    leaning = position if abs(position) > 0 else -waiting_side(world, market)
    worst = nearer_first if leaning == 0 else (low, high) if leaning > 0 else (high, low)
    return worst if world.settings.path == "worst" else (worst[1], worst[0])


def waiting_side(world: World, market: int) -> int:
    """Σ side over the live, active orders of a market that could open a position."""
    return sum(order.side for order in active_orders(world, market) if not (order.closes or order.reduce))


def next_price(world: World, market: int, price: float, vertex: float) -> float:
    """The nearest price waited for, strictly between `price` and `vertex`; else the vertex."""
    stops = waited(world, market, up=vertex > price)
    if vertex > price:
        return min((stop for stop in stops if price < stop < vertex), default=vertex)
    return max((stop for stop in stops if vertex < stop < price), default=vertex)


def waited(world: World, market: int, *, up: bool) -> Iterator[float]:
    """The prices that orders and executors of a market wait for while the price rises or falls."""
    for order in active_orders(world, market):
        if order.rests and (order.side < 0) == up and world.settings.fill != "intensity":
            yield order.price
        elif order.waits_for_trigger and (order.side > 0) == up:
            yield order.trigger
    for executor in executors_of(world, market):
        if not is_deaf(world, executor):
            yield from waits(world, executor, up=up)
    yield from waited_for_liquidation(world, market, up=up)
    yield from arrivals(world, market)


def arrivals(world: World, market: int) -> Iterator[float]:
    """Where orders, cancels and reports come on the leg that is walked (part 26)."""
    place = world.place
    assert place is not None
    moments: list[int] = []
    for order in world.order_slots:
        if order is not None and order.market == market:
            moments += [order.arrives_ms, order.ends_ms] if order.active_row <= world.row else [order.ends_ms]
    moments += [executor.hears_ms for executor in executors_of(world, market)]
    for moment in moments:
        price = place.arrival_price(moment, place.at)
        if price is not None:
            yield price


# 3. One tick ------------------------------------------------------------------------------------------------------


def tick(world: World, market: int, price: float, now: int) -> None:
    """Match, step, match what the steps asked for (part 3)."""
    place = world.place
    assert place is not None
    world.last[market], world.now, world.at_ms = price, now, place.now_ms()
    set_mark(world, market, price)
    choose_fee_tier(world, world.purse_of(market))
    end_cancelled(world, market)
    liquidate_if_due(world, world.settings.markets[market].purse)
    for order in active_orders(world, market):
        if order.is_live:
            answer(world, order, price)
    first_new = len(world.orders)
    for executor in executors_of(world, market):
        if executor.phase != "DONE" and not is_deaf(world, executor):
            step(world, executor, price)
    for order in active_orders(world, market):
        if order.id >= first_new and order.is_live:
            answer(world, order, price)


def end_cancelled(world: World, market: int) -> None:
    """Cancels that arrive at this tick, before anything else."""
    place = world.place
    assert place is not None
    for order in list(world.order_slots):
        if order is not None and order.market == market and place.reached(order.ends_ms):
            close_order(world, order, "CANCELLED")


def is_bar(bar: tuple[float, ...]) -> bool:
    return not math.isnan(bar[0])
