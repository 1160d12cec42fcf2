"""Resting quotes, one per level, that a controller replaces bar by bar.

What happens is what `orders`, `matching` and `ledger` say; a market maker does it twice a bar, so the two common cases
have a short way here: a quote replaced in its own slot, and a bar that meets nothing but resting quotes.
"""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY, SELL, Action, OrderKind, Sizing
from workbench.trading.ledger import book_quote, forget_order, reserve, settle, to_lot, to_tick
from workbench.trading.matching.path import up_first
from workbench.trading.orders import cancel, has_room, lingers, mark_reduce, open_order
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
    if wanted and has_room(world, level):  # the last one may be leaving still
        mark_reduce(world, target.reduce)
        asked = open_order(
            world, target.market, NO_SLOT, level, Purpose.QUOTE.value, target.side, target.kind,
            target.price, 0.0, target.size, target.sizing, first_row,
        )  # fmt: skip
        mark_reduce(world, 0)
        if asked != NO_SLOT or not lingers(world, slot):
            world.quotes[level] = asked


@compiled(leaf=True)
def reduces_as(world, order, target):
    """Is an order as reduce-only as its target asks for?"""
    return True


@compiled(leaf=True)
def can_stay(world, kind, slot):
    """Would a new order take the very slot of the old one, and is nothing of the old one worth a row in a journal?"""
    order = world.orders[slot]
    plain = kind == OrderKind.LIMIT or kind == OrderKind.POST_ONLY
    if world.remote or world.log_quotes or not plain or order.filled != 0.0 or order.purpose != Purpose.QUOTE:
        return False
    return world.free_slots == 0 or _is_lowest(world, slot)


@compiled(part=True)
def _is_lowest(world, slot):
    lowest = 0
    while lowest < slot and world.orders[lowest].status != Status.FREE:
        lowest += 1
    return lowest == slot


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


@compiled(leaf=True)
def requote(world, target, level, account):
    """`take` for the plainest of quotes, in a world of a margin account that is watched and logs no quotes.

    A limit order with its size in base takes the place of the level's last one, whether that is still there or was
    filled in this bar. False, with nothing done, if it is not so plain. Which of the two it is nobody can foresee, and
    a branch guessed wrong costs more than what it spares: both are one way.
    """
    plain = target.action == Action.QUOTE and (target.kind == OrderKind.LIMIT or target.kind == OrderKind.POST_ONLY)
    if not plain or target.sizing != Sizing.BASE or target.market != 0:
        return False
    barred = target.stop_loss <= 0.0 or target.take_profit <= 0.0 or target.trailing_delta <= 0.0 or target.reduce != 0
    side, market, slot = target.side, world.markets[0], world.quotes[level]
    if barred or side * side != 1 or market.last != market.last:
        return False
    price, amount = to_tick(target.price, side, market.tick), to_lot(target.size, market.lot)
    if not (price > 0.0 and target.size > 0.0):
        return False
    if approve(world, 0, side, amount, price, False, account) != Reason.NONE:
        return False
    # A level below that was filled and is silent has left a free slot, which this one would move into.
    if slot == NO_SLOT or slot > world.kept or world.free_slots != 0:
        return False
    order = world.orders[slot]
    same = order.price == price and order.amount == amount and order.side == side and order.kind == target.kind
    if same and order.status == Status.OPEN:
        return True
    world.cancelled_quotes += order.status == Status.OPEN
    world.kept = _next_kept(world, slot) if slot == world.kept else world.kept
    order.status, order.fresh = Status.OPEN, 1
    order.id = world.next_order
    world.next_order += 1
    order.side, order.kind, order.sizing = side, target.kind, Sizing.BASE
    order.price, order.size, order.amount = price, target.size, amount
    order.created_row, order.active_row = world.row, world.row + 1
    return True


@compiled(leaf=True)
def _next_kept(world, slot):
    slot += 1
    while slot < world.orders_top and world.orders[slot].status != Status.FILLED:
        slot += 1
    return slot if slot < world.orders_top else NEVER


@compiled(leaf=True)
def forget_kept(world):
    """Free the slots of quotes that were filled in this bar, and that their levels did not take again at once."""
    if world.kept != NEVER:
        _forget_kept(world)


@compiled(part=True)
def _forget_kept(world):
    for slot in range(world.orders_top):
        if world.orders[slot].status == Status.FILLED:
            forget_order(world, slot)
    world.kept = NEVER


@compiled(part=True)
def watch_quotes(world):
    """Is all that is at work in a world of one market, without latency, quotes that nothing has filled yet?

    Then their nearest prices are noted: a bar strictly between them meets none, whatever its path.
    """
    if world.n_markets != 1 or world.latency != 0 or world.executors_top != 0:
        return False
    for slot in range(world.orders_top):
        order = world.orders[slot]
        if order.status == Status.OPEN and (order.purpose != Purpose.QUOTE or order.filled != 0.0):
            return False
    note_nearest(world)
    return True


@compiled(part=True)
def lie_in_order(world):
    """Do the quotes lie in their slots as their levels follow?"""
    level = -1
    for slot in range(world.orders_top):
        order = world.orders[slot]
        if order.status == Status.OPEN:
            if order.level < level:
                return False
            level = order.level
    return True


@compiled(leaf=True)
def note_nearest(world):
    """Note the nearest quotes of a world that is watched."""
    below, above = -np.inf, np.inf
    for slot in range(world.orders_top):
        order = world.orders[slot]
        price, is_open = order.price, order.status == Status.OPEN
        below = max(below, price if is_open & (order.side == BUY) else -np.inf)
        above = min(above, price if is_open & (order.side != BUY) else np.inf)
    world.markets[0].below, world.markets[0].above = below, above


@compiled(leaf=True)
def meet_watched(world, row, o, high, low, in_order):
    """`meet_quotes` for a world that is watched, and a bar that opens strictly between its quotes.

    Those that are filled keep their slots until their levels have spoken, where what these quote next would get the
    very same ones: slots are taken from below, and levels speak in order.
    """
    touched, first, last = 0, 0, 0
    for slot in range(world.orders_top):
        order = world.orders[slot]
        is_touched = (order.status == Status.OPEN) & _is_touched(world, order, high, low)
        first, last = last if is_touched else first, slot if is_touched else last
        touched += is_touched
    keeps = in_order and world.free_slots == 0
    two = touched == 2
    if touched > 2 or (two and world.orders[first].side == world.orders[last].side):
        _fill_both(world, 0, row, o, high, low, keeps)
        return
    if keeps and touched > 0:
        world.kept = first if two else last
    if two and (world.orders[last].side == SELL) == up_first(world, 0, row, o, high, low):
        first, last = last, first
    for _ in range(touched):
        if keeps:
            book_quote(world, 0, first if two else last)
        else:
            _fill(world, first if two else last, False)
        first = last


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
        _fill(world, last_touched, False)
    elif touched > 1:
        _fill_both(world, m, row, o, high, low, False)
    _rest(world, m, row)
    return True


@compiled(part=True)
def _fill_both(world, m, row, o, high, low, keeps):
    rising = up_first(world, m, row, o, high, low)
    _fill_side(world, m, row, SELL if rising else BUY, high, low, keeps)
    _fill_side(world, m, row, BUY if rising else SELL, high, low, keeps)
    if keeps:
        world.kept = _next_kept(world, np.int64(-1))


@compiled(leaf=True)
def _is_touched(world, order, high, low):
    gap = low - order.price if order.side == BUY else order.price - high
    return (gap < 0.0) | ((gap == 0.0) & (world.through == 0))


@compiled(part=True)
def _fill_side(world, m, row, side, high, low, keeps):
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
        _fill(world, best, keeps)


@compiled(part=True)
def _fill(world, slot, keeps):
    order = world.orders[slot]
    order.fresh = 0
    if order.filled == 0.0:
        book_quote(world, order.market, slot)
        if not keeps:
            forget_order(world, slot)
    else:
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
