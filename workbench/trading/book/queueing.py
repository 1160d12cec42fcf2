"""Orders that rest in a recorded book: their place in the queue, and what fills them; docs/books.md."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY, OrderKind, shown_at
from workbench.trading.ledger import settle, to_lot
from workbench.trading.venue.answering import cut_to_position
from workbench.trading.venue.records import FillModel
from workbench.trading.world import NO_SLOT, Status


@compiled(part=True)
def key_of(feed, prices, price, tick):
    """Twice the place of a price; between two places the odd number. A ten-thousandth of a tick is no difference."""
    slack = 1e-4 * tick if tick > 0.0 else 1e-10 * price
    low, high = feed.first, feed.last
    while low < high:
        middle = (low + high) // 2
        if prices[middle] < price - slack:
            low = middle + 1
        else:
            high = middle
    return 2 * low if low < feed.last and prices[low] <= price + slack else 2 * low - 1


@compiled(part=True)
def join_queue(world, slot, prices, bids, asks):
    """Put an order at the end of the queue at its price."""
    order, queued = world.orders[slot], world.queued[slot]
    feed = world.feeds[order.market]
    queued.order, queued.served = order.id, -1
    queued.key = key_of(feed, prices, order.price, world.markets[order.market].tick)
    queued.ahead = shown_at(feed, order.side, queued.key // 2, bids, asks) if queued.key % 2 == 0 else 0.0
    queued.there, queued.traded = queued.ahead, 0.0


@compiled(leaf=True)
def is_resting(world, slot, m):
    """Does an order of a market lie in its book?"""
    order = world.orders[slot]
    if order.status != Status.OPEN or order.market != m or order.fresh != 0 or world.queued[slot].order != order.id:
        return False
    limit = order.kind == OrderKind.LIMIT or order.kind == OrderKind.POST_ONLY
    return limit or (order.kind == OrderKind.STOP_LIMIT and order.triggered != 0)


# A trade ----------------------------------------------------------------------------------------------------------


@compiled(part=True)
def meet_trade(world, m, event, message):
    """Let a trade fill what rests on the side that it took from: the best price first, then whoever came first."""
    side, key, left = -message.side, 2 * np.int64(message.bid), message.bid_amount
    while left > 0.0:
        slot = _next_hit(world, m, event, side, key)
        if slot == NO_SLOT:
            return
        world.queued[slot].served = event
        left -= _serve(world, slot, key, left)


@compiled(part=True)
def _next_hit(world, m, event, side, key):
    """The resting order that a trade at a key meets next; NO_SLOT for none."""
    found = NO_SLOT
    for slot in range(world.orders_top):
        if world.orders[slot].side != side or not is_resting(world, slot, m) or world.queued[slot].served == event:
            continue
        ahead = side * (world.queued[slot].key - key)
        if ahead < 0:
            continue
        if found == NO_SLOT:
            found = np.int64(slot)
            continue
        best = side * (world.queued[found].key - key)
        if ahead > best or (ahead == best and world.orders[slot].id < world.orders[found].id):
            found = np.int64(slot)
    return found


@compiled(part=True)
def _serve(world, slot, key, amount):
    """What of a trade an order gets; it is settled."""
    queued = world.queued[slot]
    if queued.key != key:
        return fill_resting(world, slot, amount)
    if world.fill == FillModel.TOUCH:
        return fill_resting(world, slot, amount)
    if world.fill == FillModel.THROUGH:
        return 0.0
    queued.traded += amount
    queued.ahead -= amount
    if queued.ahead >= 0.0:
        return 0.0
    got = fill_resting(world, slot, min(-queued.ahead, amount))
    queued.ahead = min(queued.ahead + got, 0.0)
    return got


@compiled(part=True)
def fill_resting(world, slot, most):
    """Fill a resting order at its own price with as much as there is, in whole lots; how much that was."""
    if not cut_to_position(world, slot):
        return 0.0
    order = world.orders[slot]
    left, lot = order.amount - order.filled, world.markets[order.market].lot
    part = left if most >= left else to_lot(most, lot)
    if part <= 0.0:
        return 0.0
    settle(world, slot, order.price, part, True)
    return part


# The book ---------------------------------------------------------------------------------------------------------


@compiled(part=True)
def meet_book(world, m, bids, asks):
    """After a change of the book: what it has passed is filled, and places in queues move."""
    feed = world.feeds[m]
    best_bid, best_ask = 2 * feed.best_bid, 2 * feed.best_ask
    through = world.fill == FillModel.THROUGH
    for slot in range(world.orders_top):
        if not is_resting(world, slot, m):
            continue
        side, key = world.orders[slot].side, world.queued[slot].key
        past = key - best_ask if side == BUY else best_bid - key
        if past > 0 or (past == 0 and not through):
            fill_resting(world, slot, np.inf)
        elif world.fill == FillModel.POSITION and key % 2 == 0:
            move_up(world.queued[slot], shown_at(feed, side, key // 2, bids, asks), world.power)


@compiled(leaf=True)
def move_up(queued, now, power):
    """A price shows another amount: what was cancelled, and did not trade, lay before us or behind us."""
    if now == queued.there:
        return
    gone, before = queued.there - queued.traded - now, queued.ahead
    if gone > 0.0 and before > 0.0:
        behind = max(queued.there - queued.traded - before, 0.0)
        share = 0.0
        if power > 0.0:
            share = before**power / (before**power + behind**power)
        queued.ahead = max(before - share * gone - max((1.0 - share) * gone - behind, 0.0), 0.0)
    queued.ahead = min(queued.ahead, now)
    queued.there, queued.traded = now, 0.0
