"""From what a compiled `decide` quotes to fills: resting limit orders of one market, no latency.

It is docs/execution.md once more, cut down to market making: no executors, no journals, and one order per level that
lies in the book until a bar reaches it. A bar strictly between the quotes meets nothing. A spot account sets aside
what its orders will need, as `trading` does. Every sum is made in the order in which the engine makes it, so the
numbers are the same to the last bit; a test holds the two together. What is no such quote ends the walk, and the
combination is left to the engine.
"""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled, scratch
from workbench.market import Action
from workbench.research.fast.desk import (
    affords,
    affords_alone,
    carries,
    is_dense,
    leave,
    lie,
    most_carried,
    show,
    tag_of,
)
from workbench.research.fast.filling import meet, write_trips
from workbench.research.fast.saying import as_bits, clear, oddness, rounded
from workbench.research.fast.tiles import LEAST_TILE, LONGEST_PAUSE, MOST_TILE, as_they_were, is_still
from workbench.trading import MAX_LEVELS


@compiled
def quote_through(
    time, opens, highs, lows, closes, timeframe_ms, columns, places, numbers, decide, own, spot, seen, out, desk,
    trips, equity,
):  # fmt: skip
    """Quote at every close, as `decide` says; returns how many rows it came through.

    Parameters
    ----------
    columns, places, numbers : as the engine's `Inputs`
    decide
        Called by its address; or with `own` a kernel, which becomes a part of this one.
    own : None or two tuples
        One as long as there are levels, one as there are numbers: all that `decide` sees and says then lives in
        registers, as far as they go.
    spot : None or int
        None where the account is known not to be a spot one.
    seen : array of one VIEW
        What `decide` is shown.
    out : array of TARGET, one per level
    desk : DESK record
    trips : float64 array of shape (3, room)
        Filled as `trade` does.
    equity : float64 array of shape (n_bars,)
    """
    n_bars, n_levels, n_columns, room = closes.shape[0], out.shape[0], len(places), trips.shape[1]
    below, above, odd, bid, ask, alone, dense = -np.inf, np.inf, np.int64(0), 0, 0, True, True
    t, tile, again, pause, margin = np.uint64(0), LEAST_TILE, np.uint64(1), LEAST_TILE, desk.margin != 0
    if own is not None:
        n_levels, seen, out = len(own[0]), scratch(seen, (0,), 1), scratch(out, own[0], MAX_LEVELS)
        tried_seen, tried_out = scratch(seen, (0,), 1), scratch(out, own[0], MAX_LEVELS)
        given, numbers, tried_numbers = numbers, scratch(numbers, own[1], 1), scratch(numbers, own[1], 1)
        for level in range(n_levels):
            clear(out[level])
        for j in range(len(own[1])):
            numbers[j] = given[j]
    view, written = seen[0], as_bits(out)
    while t < np.uint64(n_bars):
        if own is not None and t >= again:
            begun, after = t, t + np.uint64(tile)
            if after < np.uint64(n_bars) and lows[t] > below and highs[t] < above:
                as_they_were(own, numbers, out, tried_numbers, tried_out)
                if is_still(
                    desk, np.int64(t), tile, time, highs, lows, closes, timeframe_ms, columns, places, tried_numbers,
                    decide, own, spot, alone and dense, tried_seen[0], tried_out, equity,
                ):  # fmt: skip
                    as_they_were(own, tried_numbers, tried_out, numbers, out)
                    below, above = moved(desk, own, out, np.int64(after) - 1)
                    desk.exposed += tile if desk.position != 0.0 else 0
                    t, tile, pause = after, min(2 * tile, MOST_TILE), LEAST_TILE
            if t == begun:
                again, tile, pause = t + np.uint64(pause), LEAST_TILE, min(2 * pause, LONGEST_PAUSE)
        close, row = closes[t], np.int64(t)
        if not (lows[t] > below and highs[t] < above):
            if desk.trips + n_levels > room:
                return row
            meet(desk, row, opens[t], highs[t], lows[t], below, above, bid, ask, alone)
            write_trips(desk, time, trips)
            dense = is_dense(desk)
        position, total = desk.position, show(view, desk, close, time[t] + timeframe_ms, row)
        desk.exposed += position != 0.0
        equity[t] = total
        for j in range(n_columns):
            numbers[places[j]] = columns[j, t]
        decide(numbers, view, out)
        below, above, limit = -np.inf, np.inf, most_carried(desk, total)
        was_alone, alone = alone, True
        for level in range(n_levels):
            target, order, bits = out[level], desk.book[level], written[level]
            if target.action != Action.NONE:
                side, kind = target.side, target.kind
                price, amount = rounded(target, desk.tick, desk.lot)
                odd |= oddness(target, bits)
                target.action = Action.NONE
                # An order that lies there was large enough; another price moves it where it lies.
                stays, sure, carried = False, dense, carries(position, side, amount, price, limit)
                if spot is not None and not margin:
                    sure, carried = dense & was_alone, affords_alone(desk, side, amount, price)
                if order.tag == tag_of(side, kind) and order.amount == amount:
                    stays = carried and price > 0.0 and amount * price >= desk.min_notional and sure
                if stays:
                    order.row = order.row if order.price == price else row
                    order.price = price
                elif side != 0 and (order.tag != 0 or (amount > 0.0 and carried)):
                    replace(desk, order, side, kind, price, amount, row, total)
                    dense, was_alone = is_dense(desk), False
            if order.tag != 0:
                if order.side > 0:
                    alone &= below == -np.inf
                    below, bid = max(below, order.price), level
                else:
                    alone &= above == np.inf
                    above, ask = min(above, order.price), level
        if odd != 0:
            return row
        t += np.uint64(1)
    return n_bars


@compiled(leaf=True)
def moved(desk, own, out, row):
    """Lay the orders where `decide` said last, after bars that met none of them; the highest bid and the lowest ask."""
    below, above = -np.inf, np.inf
    for level in range(len(own[0])):
        order = desk.book[level]
        if order.tag != 0:
            order.price, order.row = rounded(out[level], desk.tick, desk.lot)[0], row
            if order.side > 0:
                below = max(below, order.price)
            else:
                above = min(above, order.price)
    return below, above


@compiled(apart=True)
def replace(desk, order, side, kind, price, amount, row, account):
    """Withdraw an order and put in another; not, if that would be the same."""
    tag = tag_of(side, kind)
    if order.tag == tag and order.price == price and order.amount == amount:
        return
    carried = carries(desk.position, side, amount, price, most_carried(desk, account))
    if desk.margin == 0:
        carried = affords(desk, order, side, amount, price)
    large = amount > 0.0 and amount >= desk.min_amount and amount * price >= desk.min_notional
    allowed_now = price > 0.0 and large and carried
    if order.tag != 0 and not (allowed_now and is_dense(desk)):
        leave(desk, order)
    if allowed_now:
        if order.tag == 0:
            lie(desk, order)
        order.tag = tag
    order.price, order.amount, order.side, order.kind, order.row = price, amount, side, kind, row
