"""A recorded book, rebuilt: what a message changes in it, and what it shows at a price."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from workbench.compiled import compiled
from workbench.market.codes import BUY


class MessageKind(IntEnum):
    """What a venue told."""

    SNAPSHOT = 0  # the whole book
    CHANGES = 1  # the new amounts of some of its levels
    TRADE = 2
    QUOTE = 3  # the best bid and ask


# One message. Prices are places in an ascending table of all prices; `first` to `last` are rows of changed levels.
MESSAGE = np.dtype(
    [
        ("time_ms", "i8"),  # the venue's clock
        ("heard_ms", "i8"),  # when we knew of it, by the same clock
        ("id", "i8"),
        ("first", "i8"),
        ("last", "i8"),
        ("bid", "i4"),  # of a quote; of a trade, its price
        ("ask", "i4"),
        ("kind", "i1"),
        ("side", "i1"),  # of a trade: whoever took
        ("bid_amount", "f8"),  # of a trade, its amount
        ("ask_amount", "f8"),
    ],
    align=True,
)

# Where a book stands: its best levels as its changes say, and as the newest of changes and quotes says.
FEED = np.dtype(
    [
        ("first", "i8"),  # its places: from here
        ("last", "i8"),  # to before here
        ("is_known", "i8"),  # there was a snapshot
        ("depth_id", "i8"),
        ("quote_id", "i8"),
        ("bid", "i8"),  # of the changes
        ("ask", "i8"),
        ("best_bid", "i8"),
        ("best_ask", "i8"),
        ("bid_amount", "f8"),
        ("ask_amount", "f8"),
        ("traded", "f8"),  # last price; NaN before the first trade
    ],
    align=True,
)

# The best of a book after a message: places, and what is there.
TOP = np.dtype([("bid", "i8"), ("ask", "i8"), ("bid_amount", "f8"), ("ask_amount", "f8")], align=True)


@compiled(leaf=True)
def change_levels(feed, message, levels, amounts, bids, asks):
    """Take in a snapshot or changes; `levels` are places, those of asks as ~place, and an amount of 0 removes one."""
    if message.kind == MessageKind.SNAPSHOT:
        for place in range(feed.first, feed.last):
            bids[place] = asks[place] = 0.0
        feed.bid, feed.ask, feed.is_known = feed.first - 1, feed.last, 1
    bid, ask = feed.bid, feed.ask
    for i in range(message.first, message.last):
        level, amount = np.int64(levels[i]), amounts[i]
        if level >= 0:
            bids[level] = amount
            if level > bid:
                bid = level
        else:
            level = ~level
            asks[level] = amount
            if level < ask:
                ask = level
    while bid >= feed.first and bids[bid] == 0.0:
        bid -= 1
    while ask < feed.last and asks[ask] == 0.0:
        ask += 1
    feed.bid, feed.ask, feed.depth_id = bid, ask, message.id
    if message.id >= feed.quote_id:
        feed.best_bid, feed.best_ask = bid, ask
        feed.bid_amount = bids[bid] if bid >= feed.first else 0.0
        feed.ask_amount = asks[ask] if ask < feed.last else 0.0


@compiled(leaf=True)
def take_quote(feed, message):
    """Take in a best bid and ask, unless the book is newer."""
    if message.id > feed.depth_id and message.id >= feed.quote_id:
        feed.quote_id = message.id
        feed.best_bid, feed.best_ask = message.bid, message.ask
        feed.bid_amount, feed.ask_amount = message.bid_amount, message.ask_amount


@compiled(leaf=True)
def shown_at(feed, side, place, bids, asks):
    """What a side of the book shows at a place; nothing is better than the best, which a quote may know better."""
    if side == BUY:
        if place >= feed.best_bid:
            return feed.bid_amount if place == feed.best_bid else 0.0
        return bids[place]
    if place <= feed.best_ask:
        return feed.ask_amount if place == feed.best_ask else 0.0
    return asks[place]


@compiled
def rebuild(feed, messages, levels, amounts, bids, asks, with_quotes, tops):
    """Write down the best of a book after every message; the first message after which it is crossed, or −1.

    Parameters
    ----------
    feed
        A FEED record with `first` and `last`.
    bids, asks
        What each place shows; changed.
    with_quotes
        Do quotes count, or changes alone?
    tops
        A TOP record for each message.
    """
    crossed = -1
    for i in range(messages.shape[0]):
        message = messages[i]
        if message.kind <= MessageKind.CHANGES:
            change_levels(feed, message, levels, amounts, bids, asks)
        elif message.kind == MessageKind.QUOTE and with_quotes:
            take_quote(feed, message)
        top = tops[i]
        top.bid, top.ask = feed.best_bid, feed.best_ask
        top.bid_amount, top.ask_amount = feed.bid_amount, feed.ask_amount
        if crossed < 0 and feed.is_known and feed.best_bid >= feed.best_ask:
            crossed = i
    return crossed


def new_feed(n_places: int, first: int = 0) -> np.ndarray:
    """A FEED record array of shape (1,) for a book that nothing is known of."""
    feed = np.zeros(1, FEED)
    feed["first"], feed["last"] = first, first + n_places
    feed["bid"] = feed["best_bid"] = first - 1
    feed["ask"] = feed["best_ask"] = first + n_places
    feed["depth_id"] = feed["quote_id"] = -1
    feed["traded"] = np.nan
    return feed
