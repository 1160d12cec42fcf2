"""A bar walked as a path of prices, which stops at every price that somebody waits for."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY, OrderKind
from workbench.trading.matching.seams import is_deaf
from workbench.trading.world import NEVER, Path, Phase, Purpose, Status

OPEN, FIRST, SECOND, CLOSE, DONE = 0, 1, 2, 3, 4


@compiled
def start_walk(tick, m, row, open_ms, close_ms, o, h, l, c):  # noqa: E741
    """Put a tick before the open of a bar; `next_tick` then moves it."""
    tick.market, tick.row, tick.leg = m, row, -1
    tick.time_ms, tick.close_ms = open_ms, close_ms
    tick.open, tick.high, tick.low, tick.close = o, h, l, c


@compiled
def next_tick(world, tick):
    """Move to the next stop of the walk; False when the bar is over.

    The vertices are chosen after the open was handled, because a fill at the open decides what is worst.
    """
    if tick.leg == -1:
        tick.leg, tick.price = OPEN, tick.open
        return True
    if tick.leg == OPEN:
        _choose(world, tick)
        tick.leg = FIRST
    elif tick.price == vertex_of(tick):
        if tick.leg == CLOSE:
            tick.leg = DONE
            return False
        tick.leg += 1
    vertex = vertex_of(tick)
    tick.price = nearest(world, tick, tick.price, vertex)
    if tick.leg == CLOSE and tick.price == vertex:
        tick.time_ms = tick.close_ms
    return True


@compiled(leaf=True)
def vertex_of(tick):
    if tick.leg == FIRST:
        return tick.first
    return tick.second if tick.leg == SECOND else tick.close


@compiled(leaf=True)
def vertex_before(tick):
    """The vertex of the bar from which the present leg goes out."""
    if tick.leg == OPEN + 1:
        return tick.open
    return tick.first if tick.leg == OPEN + 2 else tick.second


@compiled(leaf=True)
def _choose(world, tick):
    rising = up_first(world, tick.market, tick.row, tick.open, tick.high, tick.low)
    tick.first = tick.high if rising else tick.low
    tick.second = tick.low if rising else tick.high


@compiled(part=True)
def up_first(world, m, row, o, high, low):
    """Is the high met before the low? As the account stands now; docs/execution.md part 2."""
    position = world.markets[m].position
    lean = lean_of(world, m, row) if position == 0.0 and world.path != Path.OHLC else np.int64(0)
    return rises(world.path, position, lean, o, high, low)


@compiled(leaf=True)
def rises(path, position, lean, o, high, low):
    """The same for a position, and the sides of what would open one, summed."""
    nearer = high - o <= o - low
    if path == Path.OHLC:
        return nearer
    flat = lean > 0 if lean != 0 else nearer
    worst = position < 0.0 if position != 0.0 else flat
    return worst if path == Path.WORST else not worst


@compiled(part=True)
def lean_of(world, m, row):
    lean = np.int64(0)
    for slot in range(world.orders_top):
        order = world.orders[slot]
        if is_leaning(world, order) and order.status == Status.OPEN and order.market == m and order.active_row <= row:
            lean += order.side
    return lean


@compiled(leaf=True)
def is_leaning(world, order):
    """Could an order that the venue has open a position?"""
    return order.purpose != Purpose.EXIT and order.purpose != Purpose.TARGET


@compiled(leaf=True)
def is_waiting(world, order):
    """Is an active order at its venue? Without latency in ms it is."""
    return True


@compiled(leaf=True)
def nearest(world, tick, price, vertex):
    """The first price waited for strictly between here and the vertex, or the vertex."""
    if vertex == price:
        return vertex
    m, row = tick.market, tick.row
    up = vertex > price
    best = vertex
    for slot in range(world.orders_top):
        order = world.orders[slot]
        live = order.status == Status.OPEN and order.market == m and order.active_row <= row
        if live and is_waiting(world, order):
            waits_up, waited = order_wait(world, order)
            if waits_up == up:
                best = nearer(up, price, waited, best)
    for slot in range(world.executors_top):
        executor = world.executors[slot]
        if executor.market != m or is_deaf(world, slot):
            continue
        if executor.extended and (executor.phase == Phase.ENTERING or executor.phase == Phase.HOLDING):
            waited = world.works[slot].rise if up else world.works[slot].fall
            best = nearer(up, price, waited[1], nearer(up, price, waited[0], best))
        if executor.phase != Phase.HOLDING:
            continue
        if (executor.side == BUY) == up:
            if executor.target_kind == OrderKind.MARKET:
                best = nearer(up, price, executor.target, best)
            if not executor.armed:
                best = nearer(up, price, executor.arming, best)
        else:
            best = nearer(up, price, executor.stop, best)
            if executor.armed:
                best = nearer(up, price, executor.trail, best)
    return nearer_still(world, tick, up, price, best)


@compiled(leaf=True)
def nearer_still(world, tick, up, price, best):
    """What a walk stops at besides, in a world that knows more."""
    return best


@compiled(leaf=True)
def nearer(up, price, waited, best):
    # Written so that a NaN, which is nobody's price, loses.
    if up:
        return waited if price < waited < best else best
    return waited if price > waited > best else best


@compiled(leaf=True)
def order_wait(world, order):
    """Does a live order wait for a higher price, and for which?"""
    if order.kind == OrderKind.STOP or (order.kind == OrderKind.STOP_LIMIT and not order.triggered):
        return order.side == BUY, order.trigger
    if order.kind == OrderKind.MARKET:
        return True, np.nan
    return order.side != BUY, order.price


@compiled
def rest(world, m):
    """After a walk: the nearest prices, time and row that anybody in a market waits for.

    A bar strictly inside them cannot change anything, and the loop steps over it.
    """
    note_waits(world, m)


@compiled(part=True)
def note_waits(world, m):
    """`rest`, of any kind of world."""
    market = world.markets[m]
    below, above, deadline, wake = -np.inf, np.inf, NEVER, NEVER
    # What lies at a venue is met there.
    for slot in range(0 if world.remote else world.orders_top):
        order = world.orders[slot]
        if order.status != Status.OPEN or order.market != m:
            continue
        if order.fresh:
            wake = min(wake, max(order.active_row, world.row + 1))
        waits_up, waited = order_wait(world, order)
        if waits_up and waited < above:
            above = waited
        if not waits_up and waited > below:
            below = waited
    for slot in range(world.executors_top):
        executor = world.executors[slot]
        if executor.phase == Phase.FREE or executor.market != m:
            continue
        deadline = min(deadline, executor.deadline_ms)
        if executor.extended and executor.phase != Phase.EXITING:
            work = world.works[slot]
            for k in range(2):
                below = work.fall[k] if work.fall[k] > below else below
                above = work.rise[k] if work.rise[k] < above else above
            deadline = min(deadline, work.due_ms)
            wake = world.row + 1 if work.awake else wake
        if executor.phase == Phase.HOLDING:
            near, far = executor_waits(executor)
            low, high = (near, far) if executor.side == BUY else (far, near)
            below, above = max(below, low), min(above, high)
        elif executor.live == 0 and (executor.phase == Phase.EXITING or not executor.extended):
            wake = world.row + 1
    market.below, market.above, market.deadline_ms, market.wake_row = below, above, deadline, wake


@compiled(leaf=True)
def executor_waits(executor):
    """The nearest price against a position and the nearest one with it; ±inf for none."""
    d = executor.side
    against, ahead = -d * np.inf, d * np.inf
    if executor.stop == executor.stop:
        against = executor.stop
    if executor.armed and d * (executor.trail - against) > 0.0:
        against = executor.trail
    # An armed trailing stop follows every new peak, so a bar beyond the peak matters.
    if executor.armed:
        ahead = executor.peak
    elif executor.arming == executor.arming:
        ahead = executor.arming
    if executor.target_kind == OrderKind.MARKET and d * (executor.target - ahead) < 0.0:
        ahead = executor.target
    return against, ahead
