"""Resting quotes, one per level, that a controller replaces bar by bar.

What happens is what `orders`, `matching` and `ledger` say; a market maker does it twice a bar, so the two common cases
have a short way here: a quote replaced in its own slot, and a bar that meets nothing but resting quotes.
"""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY, SELL, OrderKind, Sizing
from workbench.trading.ledger import forget_order, reserve, settle, to_lot, to_tick
from workbench.trading.matching.path import up_first
from workbench.trading.orders import cancel, mark_reduce, open_order
from workbench.trading.risk import approve, refuse
from workbench.trading.world import NEVER, NO_SLOT, Purpose, Reason, Status


@compiled(part=True)
def quote(world, target, level, first_row, account):
    """Replace the resting order of a level; one that would be the same, or is still on its way, is kept.

    Otherwise a quote that is renewed in every row would never arrive where there is latency. `account` is the equity.
    """
    slot = world.quotes[level]
    wanted = target.price == target.price and target.size > 0.0
    if target.side == 0 or (slot == NO_SLOT and not wanted):
        return
    if slot != NO_SLOT:
        order = world.orders[slot]
        late = order.created_row < world.row < order.active_row
        if wanted and late and order.purpose == Purpose.QUOTE:
            return
        if target.sizing == Sizing.BASE and order.market == target.market:
            market = world.markets[target.market]
            price, amount = to_tick(target.price, target.side, market.tick), to_lot(target.size, market.lot)
            same = order.price == price and order.amount == amount
            if same and order.side == target.side and order.kind == target.kind and reduces_as(world, order, target):
                return
            if wanted and price > 0.0 and can_stay(world, target.kind, slot):
                _replace(world, target, slot, level, price, amount, first_row, account)
                return
        cancel(world, slot)
    if wanted:
        mark_reduce(world, target.reduce)
        world.quotes[level] = open_order(
            world, target.market, NO_SLOT, level, Purpose.QUOTE.value, target.side, target.kind,
            target.price, 0.0, target.size, target.sizing, first_row,
        )  # fmt: skip
        mark_reduce(world, 0)


@compiled(leaf=True)
def reduces_as(world, order, target):
    """Is an order as reduce-only as its target asks for?"""
    return True


@compiled(leaf=True)
def can_stay(world, kind, slot):
    """Would a new order take the very slot of the old one, and is nothing of the old one worth a row in a journal?"""
    order = world.orders[slot]
    plain = kind == OrderKind.LIMIT or kind == OrderKind.POST_ONLY
    if world.log_quotes or not plain or order.filled != 0.0 or order.purpose != Purpose.QUOTE:
        return False
    return world.free_slots == 0 or _is_lowest(world, slot)


@compiled(part=True)
def _is_lowest(world, slot):
    for lower in range(slot):
        if world.orders[lower].status == Status.FREE:
            return False
    return True


@compiled(leaf=True)
def _replace(world, target, slot, level, price, amount, first_row, account):
    order, market = world.orders[slot], world.markets[target.market]
    world.cancelled_quotes += 1
    # The old order is gone for the budget, whatever the answer is.
    order.reserved, order.status = 0.0, Status.CANCELLED
    reason = approve(world, target.market, target.side, amount, price, False, account)
    if reason != Reason.NONE:
        forget_order(world, slot)
        refuse(world, target.market, level, -1, reason)
        return
    order.status = Status.OPEN
    order.id = world.next_order
    world.next_order += 1
    order.side, order.kind, order.sizing = target.side, target.kind, Sizing.BASE.value
    order.price, order.size, order.amount = price, target.size, amount
    order.fresh, order.created_row, order.active_row = 1, world.row, first_row
    reserve(world, order)
    market.wake_row = min(market.wake_row, first_row)


@compiled(part=True)
def watch_quotes(world):
    """Is all that is at work in a world of one market, without latency, quotes that nothing has filled yet?

    Then their nearest prices are noted: a bar strictly between them meets none, whatever its path.
    """
    if world.n_markets != 1 or world.latency != 0 or world.executors_top != 0:
        return False
    below, above = -np.inf, np.inf
    for slot in range(world.orders_top):
        order = world.orders[slot]
        if order.status != Status.OPEN:
            continue
        if order.purpose != Purpose.QUOTE or order.filled != 0.0:
            return False
        if order.side == BUY:
            below = max(below, order.price)
        else:
            above = min(above, order.price)
    market = world.markets[0]
    market.below, market.above = below, above
    return True


@compiled(part=True)
def meet_watched(world, row, o, high, low):
    """`meet_quotes` for a world that is watched: all that is live is quotes, in the book since the row before."""
    touched, last_touched = 0, 0
    for slot in range(world.orders_top):
        order = world.orders[slot]
        if order.status != Status.OPEN:
            continue
        if order.side * (o - order.price) <= 0.0:
            return False
        if _is_touched(world, order, high, low):
            touched, last_touched = touched + 1, slot
    if touched == 1:
        _fill(world, last_touched)
    elif touched > 1:
        _fill_both(world, 0, row, o, high, low)
    return True


@compiled(part=True)
def recall_quotes(world, last_bar):
    """After rows that were stepped over: what was quoted before the last bar has been in the book since."""
    world.markets[0].wake_row = world.row
    for slot in range(world.orders_top):
        order = world.orders[slot]
        if order.created_row < last_bar:
            order.fresh = 0


@compiled
def meet_quotes(world, m, row, o, high, low):
    """Walk a bar in which only resting quotes can fill, each at its own price; False where that is not all there is."""
    slots = world.orders_top
    touched, last_touched = 0, 0
    for slot in range(slots):
        order = world.orders[slot]
        if order.status != Status.OPEN or order.market != m:
            continue
        if order.purpose != Purpose.QUOTE:
            return False
        if order.active_row <= row:
            if order.side * (o - order.price) <= 0.0:
                return False
            if _is_touched(world, order, high, low):
                touched, last_touched = touched + 1, slot
    if touched == 1:
        _fill(world, last_touched)
    elif touched > 1:
        _fill_both(world, m, row, o, high, low)
    _rest(world, m, row)
    return True


@compiled(part=True)
def _fill_both(world, m, row, o, high, low):
    rising = up_first(world, m, row, o, high, low)
    _fill_side(world, m, row, SELL if rising else BUY, high, low)
    _fill_side(world, m, row, BUY if rising else SELL, high, low)


@compiled(leaf=True)
def _is_touched(world, order, high, low):
    gap = order.side * ((low if order.side == BUY else high) - order.price)
    return gap < 0.0 or (gap == 0.0 and not world.through)


@compiled(part=True)
def _fill_side(world, m, row, side, high, low):
    """Fill the touched quotes of one side, the nearest to the open first."""
    while True:
        best = -1
        for slot in range(world.orders_top):
            order = world.orders[slot]
            live = order.status == Status.OPEN and order.market == m and order.side == side and order.active_row <= row
            if not live or not _is_touched(world, order, high, low):
                continue
            if best < 0 or side * (order.price - world.orders[best].price) > 0.0:
                best = slot
        if best < 0:
            return
        _fill(world, best)


@compiled(part=True)
def _fill(world, slot):
    order = world.orders[slot]
    order.fresh = 0
    settle(world, slot, order.price, order.amount - order.filled, True)


@compiled(part=True)
def _rest(world, m, row):
    market = world.markets[m]
    market.below, market.above, market.deadline_ms, market.wake_row = -np.inf, np.inf, NEVER, NEVER
    for slot in range(world.orders_top):
        order = world.orders[slot]
        if order.status != Status.OPEN or order.market != m:
            continue
        if order.active_row <= row:
            order.fresh = 0
        else:
            market.wake_row = min(market.wake_row, order.active_row)
        if order.side == BUY:
            market.below = max(market.below, order.price)
        else:
            market.above = min(market.above, order.price)
