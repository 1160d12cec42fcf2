"""A row of a run on recorded books: every message of every market in the order of time, and our orders between them.

Nothing is modelled on the way but queues: the order of events is the recording's own. docs/books.md is the contract.
"""

from __future__ import annotations

from workbench.compiled import compiled, in_place_of
from workbench.market import MessageKind, OrderKind, change_levels, take_quote
from workbench.trading.advance import advance
from workbench.trading.book.queueing import meet_book, meet_trade
from workbench.trading.book.taking import answer_fresh, trigger
from workbench.trading.ledger import close_order
from workbench.trading.matching import path
from workbench.trading.venue.fees import choose_fee_tier
from workbench.trading.venue.liquidation import liquidate_if_due
from workbench.trading.world import NEVER, Reason, Status


@compiled(part=True)
def walk_messages(world, event_ms, markets, places, mids, messages, levels, amounts, prices, bids, asks, close_ms):
    """All events up to the close of a row, and then the executors once more, so that time alone can end them.

    An event is a message of a market (its place in `messages`), or the moment at which we hear of another mid (~its
    place in `mids`).
    """
    world.walking, world.stamped = 1, world.n_fills
    i, n = world.next_event, event_ms.shape[0]
    while i < n and event_ms[i] <= close_ms:
        if world.orders_top > 0:
            let_arrive(world, event_ms[i], prices, bids, asks)
        go_to(world, event_ms[i])
        m, place = markets[i], places[i]
        if place < 0:
            hear_of(world, m, mids[~place], prices, bids, asks)
        else:
            message, feed = messages[place], world.feeds[m]
            if message.kind == MessageKind.TRADE:
                feed.traded = prices[message.bid]
                if world.orders_top > 0 and feed.is_known != 0:
                    meet_trade(world, m, i, message)
                    pull_triggers(world, m, prices, bids, asks)
            else:
                if message.kind == MessageKind.QUOTE:
                    take_quote(feed, message)
                else:
                    change_levels(feed, message, levels, amounts, bids, asks)
                if world.orders_top > 0 and feed.is_known != 0:
                    meet_book(world, m, bids, asks)
        if world.n_fills > world.stamped:
            stamp_fills(world)
            step_executors(world, m, prices, bids, asks)
        i += 1
    world.next_event = i
    if world.orders_top > 0:
        let_arrive(world, close_ms, prices, bids, asks)
    go_to(world, close_ms)
    step_all(world, prices, bids, asks)


@compiled(leaf=True)
def go_to(world, now):
    """It is another moment: everything up to it is reached, and nothing later."""
    world.at_ms = world.time_ms = world.open_ms = now
    world.close_ms = now + 1


@compiled(part=True)
def let_arrive(world, now, prices, bids, asks):
    """Cancels and orders that come to the venue up to a moment, each at its own time; executors hear of their fills."""
    if answer_arrived(world, now, prices, bids, asks):
        step_all(world, prices, bids, asks)


@compiled(part=True)
def answer_arrived(world, now, prices, bids, asks):
    """Cancels that have come by a moment, then orders, by slot; was there a fill?"""
    for slot in range(world.orders_top):
        order = world.orders[slot]
        if order.status == Status.OPEN and order.ends_ms <= now:
            close_order(world, slot, Status.CANCELLED, Reason.NONE)
    filled = world.n_fills
    for slot in range(world.orders_top):
        order = world.orders[slot]
        is_here = order.status == Status.OPEN and order.fresh != 0 and order.arrives_ms <= now
        if is_here and order.active_row <= world.row and world.feeds[order.market].is_known != 0:
            go_to(world, max(world.at_ms, order.arrives_ms))
            answer_fresh(world, slot, prices, bids, asks)
            stamp_fills(world)
    return world.n_fills > filled


@compiled(part=True)
def pull_triggers(world, m, prices, bids, asks):
    """Let stop orders that wait see a trade."""
    for slot in range(world.orders_top):
        order = world.orders[slot]
        waits = order.status == Status.OPEN and order.market == m and order.fresh == 0 and not order.triggered
        if waits and order.kind >= OrderKind.STOP:
            trigger(world, slot, world.feeds[m].traded, prices, bids, asks)


@compiled(part=True)
def hear_of(world, m, mid, prices, bids, asks):
    """We hear of another mid: it is the last price, and the mark, and executors see it."""
    market = world.markets[m]
    market.last = mid
    market.mark = market.mark_close if market.mark_close == market.mark_close else mid * market.basis
    choose_fee_tier(world, market.purse)
    liquidate_if_due(world, market.purse)
    step_executors(world, m, prices, bids, asks)


@compiled(part=True)
def step_all(world, prices, bids, asks):
    """A step of every market's executors."""
    if world.executors_top > 0:
        for m in range(world.n_markets):
            step_executors(world, m, prices, bids, asks)


@compiled(part=True)
def step_executors(world, m, prices, bids, asks):
    """One step of a market's executors; what they ask for without latency is answered at once."""
    market = world.markets[m]
    if world.executors_top == 0 or market.last != market.last:
        return
    new = world.next_order
    advance(world, m, market.last)
    if world.next_order > new:
        answer_arrived(world, world.at_ms, prices, bids, asks)


@compiled(leaf=True)
def stamp_fills(world):
    """Fills since the last stamp happened now."""
    for place in range(world.stamped, world.n_fills):
        world.fills[place].time_ms = world.at_ms
    world.stamped = world.n_fills


@in_place_of(path.note_waits, field="feeds")
@compiled(leaf=True)
def note_waits(world, m):
    """Every event is looked at."""
    market = world.markets[m]
    market.deadline_ms, market.wake_row = NEVER, world.row + 1
