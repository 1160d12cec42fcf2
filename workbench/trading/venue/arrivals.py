"""When an order comes to its venue, in path time: docs/matching.md part 26."""

from __future__ import annotations

from workbench.compiled import compiled, in_place_of
from workbench.trading.matching import answer, path
from workbench.trading.matching.path import CLOSE, OPEN, nearer, vertex_before, vertex_of
from workbench.trading.world import Status


@compiled(part=True)
def note_place(world, tick):
    """Where a walk stands: the last vertex it reached, and how far it is on the leg from there."""
    timeframe_ms = world.markets[tick.market].timeframe_ms
    world.at_open, world.walking = tick.leg == OPEN, 1
    world.close_ms, world.price = tick.close_ms, tick.price
    world.open_ms = tick.close_ms - timeframe_ms
    at_vertex = tick.leg == OPEN or tick.price == vertex_of(tick)
    world.vertex, world.on_leg = tick.leg if at_vertex else tick.leg - 1, not at_vertex
    position = float(world.vertex)
    if not at_vertex:
        world.leg_from, world.leg_to = vertex_before(tick), vertex_of(tick)
        position += (tick.price - world.leg_from) / (world.leg_to - world.leg_from)
    world.at_ms = tick.close_ms if world.vertex == CLOSE else world.open_ms + int(timeframe_ms * position / 3.0)


@compiled(leaf=True)
def is_reached(world, ms):
    """Has the walk come to a moment?"""
    if ms <= world.open_ms:
        return True
    if ms >= world.close_ms:
        return False
    where = 3.0 * (ms - world.open_ms) / (world.close_ms - world.open_ms)
    if not world.on_leg:
        return where <= world.vertex
    if int(where) != world.vertex:
        return int(where) < world.vertex
    there = world.leg_from + (world.leg_to - world.leg_from) * (where - world.vertex)
    return world.price >= there if world.leg_to > world.leg_from else world.price <= there


@in_place_of(answer.has_arrived)
@compiled(leaf=True)
def has_arrived(world, order):
    return is_reached(world, order.arrives_ms)


@in_place_of(path.is_waiting)
@compiled(leaf=True)
def is_waiting(world, order):
    return is_reached(world, order.arrives_ms)


@compiled(part=True)
def nearest_arrival(world, tick, up, price, best):
    """The nearest price at which an order arrives on the leg that is walked."""
    a, b, leg = vertex_before(tick), vertex_of(tick), tick.leg - 1
    for slot in range(world.orders_top):
        order = world.orders[slot]
        ms = order.arrives_ms
        live = order.status == Status.OPEN and order.market == tick.market and order.active_row <= world.row
        if not live or ms <= world.open_ms or ms >= world.close_ms or is_reached(world, ms):
            continue
        where = 3.0 * (ms - world.open_ms) / (world.close_ms - world.open_ms)
        if int(where) == leg:
            best = nearer(up, price, a + (b - a) * (where - leg), best)
    return best
