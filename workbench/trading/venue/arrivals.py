"""When an order comes to its venue, in path time: docs/matching.md part 26."""

from __future__ import annotations

from workbench.compiled import compiled, in_place_of
from workbench.market import ExecutorKind
from workbench.trading import ledger
from workbench.trading.ledger import close_order
from workbench.trading.matching import answer, path, seams
from workbench.trading.matching.path import CLOSE, OPEN, nearer, vertex_before, vertex_of
from workbench.trading.world import Phase, Reason, Status


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
    """The nearest price at which an order, a cancel or a report arrives on the leg that is walked."""
    for slot in range(world.orders_top):
        order = world.orders[slot]
        if order.status == Status.OPEN and order.market == tick.market:
            if order.active_row <= world.row:
                best = _if_here(world, tick, order.arrives_ms, up, price, best)
            best = _if_here(world, tick, order.ends_ms, up, price, best)
    for slot in range(world.executors_top):
        executor = world.executors[slot]
        mine = executor.market == tick.market and executor.kind < ExecutorKind.ARBITRAGE
        if mine and executor.phase != Phase.FREE:
            best = _if_here(world, tick, world.hears_ms[slot], up, price, best)
    return best


@compiled(part=True)
def _if_here(world, tick, ms, up, price, best):
    """The price at which a moment comes, if that is on the leg that is walked, and nearer."""
    if ms <= world.open_ms or ms >= world.close_ms or is_reached(world, ms):
        return best
    a, b, leg = vertex_before(tick), vertex_of(tick), tick.leg - 1
    where = 3.0 * (ms - world.open_ms) / (world.close_ms - world.open_ms)
    return nearer(up, price, a + (b - a) * (where - leg), best) if int(where) == leg else best


# Cancels and reports ------------------------------------------------------------------------------------------


@compiled(part=True)
def end_cancelled(world, m):
    """Cancels that arrive at this tick, before anything else."""
    for slot in range(world.orders_top):
        order = world.orders[slot]
        if order.status == Status.OPEN and order.market == m and is_reached(world, order.ends_ms):
            close_order(world, slot, Status.CANCELLED, Reason.NONE)


@in_place_of(ledger.hear_late)
@compiled(leaf=True)
def hear_late(world, slot):
    order = world.orders[slot]
    report_ms = world.markets[order.market].report_ms
    if report_ms > 0:
        world.hears_ms[order.executor] = max(world.hears_ms[order.executor], world.at_ms + report_ms)


@in_place_of(seams.is_deaf)
@compiled(leaf=True)
def is_deaf(world, slot):
    return world.walking != 0 and not is_reached(world, world.hears_ms[slot])


@in_place_of(seams.has_heard)
@compiled(leaf=True)
def has_heard(world, slot):
    return world.hears_ms[slot] <= world.time_ms
