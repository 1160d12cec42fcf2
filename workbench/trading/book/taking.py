"""Orders that take from a recorded book, level by level; docs/books.md."""

from __future__ import annotations

from workbench.compiled import compiled
from workbench.market import BUY, OrderKind, shown_at
from workbench.trading.book.queueing import join_queue, key_of
from workbench.trading.ledger import settle
from workbench.trading.matching.answer import end_unasked, reject
from workbench.trading.orders import sized
from workbench.trading.venue.answering import cut_to_position, funds, side_of
from workbench.trading.venue.budget import keeps_rules, wished_amount
from workbench.trading.venue.money import account_of, closes, leg_of, only_reduces
from workbench.trading.venue.owning import held_by
from workbench.trading.world import Purpose, Reason, Status

NO_LIMIT = 2**40  # times a side: a key beyond all


@compiled(part=True)
def answer_fresh(world, slot, prices, bids, asks):
    """The venue's answer to an order that has just come: it takes, it rests, it waits for its trigger, or no."""
    order = world.orders[slot]
    order.fresh = 0
    if order.kind == OrderKind.MARKET:
        take_book(world, slot, prices, bids, asks, order.side * NO_LIMIT)
    elif order.kind >= OrderKind.STOP and not order.triggered:
        trigger(world, slot, world.feeds[order.market].traded, prices, bids, asks)
    else:
        _answer_limit(world, slot, prices, bids, asks)


@compiled(part=True)
def trigger(world, slot, price, prices, bids, asks):
    """Let a stop order see a trade's price."""
    order = world.orders[slot]
    if order.triggered or not order.side * (price - order.trigger) >= 0.0:
        return
    order.triggered = 1
    if order.kind == OrderKind.STOP:
        take_book(world, slot, prices, bids, asks, order.side * NO_LIMIT)
    else:
        _answer_limit(world, slot, prices, bids, asks)


@compiled(part=True)
def _answer_limit(world, slot, prices, bids, asks):
    order, order_id, feed = world.orders[slot], world.orders[slot].id, world.feeds[world.orders[slot].market]
    limit = key_of(feed, prices, order.price, world.markets[order.market].tick)
    if is_within(feed, order.side, best_place(feed, order.side), limit):
        if order.kind == OrderKind.POST_ONLY:
            reject(world, slot, Reason.WOULD_TAKE)
            return
        take_book(world, slot, prices, bids, asks, limit)
    if order.status == Status.OPEN and order.id == order_id:
        join_queue(world, slot, prices, bids, asks)


@compiled(leaf=True)
def best_place(feed, side):
    """The place of the best price at which a side can take."""
    return feed.best_ask if side == BUY else feed.best_bid


@compiled(leaf=True)
def is_within(feed, side, place, limit):
    """Is there a price at a place, within a limit? That is a key, twice a place: prices are not compared."""
    return feed.first <= place < feed.last and side * (2 * place - limit) <= 0


@compiled(part=True)
def take_book(world, slot, prices, bids, asks, limit):
    """Take what the book shows, as far as a limit goes; a market order that finds too little ends with what it got."""
    if not cut_to_position(world, slot):
        return
    order, feed = world.orders[slot], world.feeds[world.orders[slot].market]
    bid, ask = feed.best_bid, feed.best_ask
    if bid < feed.first or ask >= feed.last:
        end_unasked(world, slot, Status.CANCELLED.value, Reason.NO_PRICE)
        return
    side = side_of(world, order, 0.5 * (prices[bid] + prices[ask]))
    best = prices[best_place(feed, side)]
    if order.side == 0:
        limit = side * NO_LIMIT
    kept, order.reserved = order.reserved, 0.0
    amount = order.amount
    if amount != amount:
        # What it costs is known when it is sized, and the other way round: the first size sets the price.
        amount = _amount_at(world, order, side, best)
        amount = _amount_at(world, order, side, _average(feed, side, amount, limit, prices, bids, asks, best))
    reason = keeps_rules(world, order.market, amount - order.filled, best, closes(order) or order.filled > 0.0)
    if reason == Reason.NONE:
        paid = _average(feed, side, amount - order.filled, limit, prices, bids, asks, best)
        reason = funds(world, order, side, amount - order.filled, paid)
    order.reserved = kept
    if reason == Reason.TOO_SMALL and order.purpose == Purpose.HOLD:
        end_unasked(world, slot, Status.CANCELLED.value, Reason.NONE)
    elif reason != Reason.NONE:
        reject(world, slot, reason)
    else:
        order.side, order.amount = side, amount
        _sweep(world, slot, prices, bids, asks, limit)


@compiled(part=True)
def _amount_at(world, order, side, paid):
    """What an order without an amount comes to at a price."""
    m = order.market
    if order.purpose == Purpose.HOLD:
        return wished_amount(world, m, order.size, side, paid, held_by(world, m, order.controller))
    amount = sized(world, m, side, order.size, order.sizing, paid, account_of(world, m))
    return min(amount, leg_of(world, m, -side)) if only_reduces(world, order) else amount


@compiled(part=True)
def _average(feed, side, amount, limit, prices, bids, asks, best):
    """The average price of an amount taken now; `best` if there is nothing."""
    left, value, place = amount, 0.0, best_place(feed, side)
    while left > 0.0 and is_within(feed, side, place, limit):
        part = min(left, shown_at(feed, -side, place, bids, asks))
        value += part * prices[place]
        left -= part
        place += side
    return value / (amount - left) if amount > left else best


@compiled(part=True)
def _sweep(world, slot, prices, bids, asks, limit):
    order = world.orders[slot]
    order_id, market, side, feed = order.id, order.market, order.side, world.feeds[order.market]
    place = best_place(feed, side)
    while is_within(feed, side, place, limit):
        there = shown_at(feed, -side, place, bids, asks)
        if there > 0.0:
            settle(world, slot, prices[place], min(there, order.amount - order.filled), False)
            if order.status != Status.OPEN or order.id != order_id:
                return
        place += side
    if order.kind == OrderKind.MARKET or order.kind == OrderKind.STOP:
        world.markets[market].wake_row = world.row + 1
        end_unasked(world, slot, Status.CANCELLED.value, Reason.NO_PRICE)
