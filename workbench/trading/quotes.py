"""Resting quotes, one per level, that a controller replaces bar by bar.

What happens is what `orders`, `matching` and `ledger` say; a market maker does it twice a bar, so the two common cases
have a short way here: a quote replaced in its own slot, and a bar that meets nothing but resting quotes.
"""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY, SELL, Action, OrderKind, Sizing
from workbench.trading.ledger import book_quote, forget_order, reserve, settle, to_lot, to_tick
from workbench.trading.matching.path import rises, up_first
from workbench.trading.orders import cancel, has_room, lingers, mark_reduce, open_order
from workbench.trading.risk import approve, carries, is_too_small, refuse, suffices
from workbench.trading.world import NEVER, NO_SLOT, Purpose, Reason, Status

MOST_SLOTS = 60  # as bits of a number
ONE = np.int64(1)


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


# A stretch of bars of one market in which all that is at work is quotes; `open_slots` has a bit for each. -----


@compiled(part=True)
def watch_quotes(world, n_levels):
    """The slots of what is at work, as bits, if that is nothing but whole quotes; else −1."""
    if world.n_markets != 1 or world.latency != 0 or world.executors_top != 0 or world.log_quotes != 0:
        return np.int64(-1)
    if n_levels > MOST_SLOTS or world.orders_top > MOST_SLOTS:
        return np.int64(-1)
    open_slots = np.int64(0)
    for slot in range(world.orders_top):
        order = world.orders[slot]
        if order.status == Status.OPEN:
            if order.purpose != Purpose.QUOTE or order.filled != 0.0 or not _rests_plainly(order.kind):
                return np.int64(-1)
            open_slots |= ONE << slot
    return open_slots


@compiled(leaf=True)
def nearest(world, open_slots, top):
    """Prices of the nearest quotes below and above, their slots, and how many there are of each side."""
    below, above, buy, sell, buys, sells = -np.inf, np.inf, NO_SLOT, NO_SLOT, np.int64(0), np.int64(0)
    for slot in range(top):
        if (open_slots >> slot) & 1 != 0:
            price = world.orders[slot].price
            if world.orders[slot].side == BUY:
                buys += 1
                if price > below:
                    below, buy = price, np.int64(slot)
            else:
                sells += 1
                if price < above:
                    above, sell = price, np.int64(slot)
    return below, above, buy, sell, buys, sells


@compiled(leaf=True)
def first_side(world, lean, position, o, high, low):
    """The side that a bar meets first, if it meets both: it sells where the price rises first."""
    return SELL if rises(world.path, position, lean, o, high, low) else BUY


@compiled(leaf=True)
def lowest_free(open_slots):
    """The slot that a new order gets."""
    slot = np.int64(0)
    while (open_slots >> slot) & 1 != 0:
        slot += 1
    return slot


@compiled(leaf=True)
def is_plain_quote(target):
    """Is a record a limit order of the first market with its size in base, and nothing else?"""
    plain = (target.action == Action.QUOTE) & (target.sizing == Sizing.BASE) & (target.market == 0)
    barred = (target.stop_loss <= 0.0) | (target.take_profit <= 0.0) | (target.trailing_delta <= 0.0)
    barred = barred | (target.reduce != 0)
    return plain & _rests_plainly(target.kind) & (target.side * target.side == 1) & (not barred)


@compiled(leaf=True)
def _rests_plainly(kind):
    return (kind == OrderKind.LIMIT) | (kind == OrderKind.POST_ONLY)


@compiled(leaf=True)
def is_carried(world, side, amount, price, quote, position, account, open_slots, top):
    """Would `approve` let a quote through, beside those in `open_slots`?"""
    market = world.markets[0]
    if not (price > 0.0 and amount > 0.0) or is_too_small(market, amount, price):
        return False
    if world.margin:
        wanted = abs(position + (amount if side == BUY else -amount))
        return carries(position, wanted, wanted * price, world.leverage * account)
    reserved = 0.0
    for slot in range(top):
        order = world.orders[slot]
        if (open_slots >> slot) & 1 != 0 and order.side == side:
            reserved += order.reserved
    if side == BUY:
        return suffices(quote - reserved, amount * price * (1.0 + market.taker))
    return suffices(position - reserved, amount)


@compiled(leaf=True)
def put_quotes_back(world, open_slots, top, first_row, last_row):
    """Write what a stretch of rows has left out of its orders; those from `first_row` on were made in it."""
    world.orders_top, world.free_slots = 0, 0
    for slot in range(top):
        order = world.orders[slot]
        if (open_slots >> slot) & 1 == 0:
            order.status = Status.FREE
            continue
        world.orders_top = slot + 1
        if order.created_row >= first_row:
            order.executor = order.executor_id = NO_SLOT
            order.market, order.purpose, order.sizing, order.reason = 0, Purpose.QUOTE, Sizing.BASE, Reason.NONE
            order.tag = order.part = order.controller = order.reduce = order.triggered = 0
            order.trigger, order.filled = np.nan, 0.0
            order.active_row, order.closed_row = order.created_row + 1, -1
        order.status, order.fresh = Status.OPEN, order.created_row >= last_row
    for slot in range(world.orders_top):
        world.free_slots += world.orders[slot].status == Status.FREE
    world.markets[0].wake_row = last_row


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
    gap = low - order.price if order.side == BUY else order.price - high
    return (gap < 0.0) | ((gap == 0.0) & (world.through == 0))


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
    if order.filled == 0.0:
        book_quote(world, order.market, slot)
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
