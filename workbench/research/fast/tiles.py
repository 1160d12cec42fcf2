"""Bars that meet none of the orders in the book, many at once: a loop without memory, which a processor does by fours.

As long as nothing is filled, what `decide` says moves the orders that lie there and does nothing else. Whether that is
so for a tile of bars is tried on copies of what it wrote; where it is not, the bars are gone through one by one.
"""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled, scratch
from workbench.market import Action
from workbench.research.fast.desk import affords_alone, carries, most_carried, show, tag_of
from workbench.research.fast.saying import as_bits, oddness, rounded, say_again

LEAST_TILE, MOST_TILE = 16, 256  # bars
LONGEST_PAUSE = 4096  # bars after a tile that was not still before another is tried


@compiled(leaf=True)
def is_still(
    desk, start, n, time, highs, lows, closes, timeframe_ms, columns, places, numbers, decide, own, spot, alone, view,
    out, equity,
):  # fmt: skip
    """Do these bars only move the orders that lie there, and does the next bar after each meet none?

    Their equity is written down; `numbers`, `view` and `out` are copies.
    """
    kept, written, other, first = scratch(desk, (0,), 1)[0], as_bits(out), np.int64(not alone), np.uint64(start)
    keep(kept, desk, own)
    for i in range(np.uint64(n)):
        t = first + i
        total = show(view, kept, closes[t], time[t] + timeframe_ms, np.int64(t))
        equity[t] = total
        for j in range(len(places)):
            numbers[places[j]] = columns[j, t]
        decide(numbers, view, out)
        below, above, limit = -np.inf, np.inf, most_carried(kept, total)
        for level in range(len(own[0])):
            target, order = out[level], kept.book[level]
            side = target.side
            price, amount = rounded(target, kept.tick, kept.lot)
            other |= oddness(target, written[level])
            target.action = Action.NONE
            carried = carries(kept.position, side, amount, price, limit)
            if spot is not None and kept.margin == 0:
                carried = affords_alone(kept, side, amount, price)
            fits = carried & (price > 0.0) & (amount * price >= kept.min_notional)
            if order.tag == 0:
                other |= np.int64(fits & (amount > 0.0) & (side != 0))
            else:
                other |= (order.tag - tag_of(side, target.kind)) | np.int64(not (fits & (order.amount == amount)))
                if order.side > 0:
                    below = max(below, price)
                else:
                    above = min(above, price)
        other |= np.int64(not ((lows[t + np.uint64(1)] > below) & (highs[t + np.uint64(1)] < above)))
    return other == 0


@compiled(leaf=True)
def keep(kept, desk, own):
    """What a tile needs of the account, where nothing else can reach it: in registers."""
    kept.position, kept.quote, kept.entry, kept.margin = desk.position, desk.quote, desk.entry, desk.margin
    kept.leverage = desk.leverage
    kept.tick, kept.lot, kept.min_notional, kept.taker = desk.tick, desk.lot, desk.min_notional, desk.taker
    for level in range(len(own[0])):
        order, copy = desk.book[level], kept.book[level]
        copy.tag, copy.side, copy.amount = order.tag, order.side, order.amount


@compiled(leaf=True)
def as_they_were(own, numbers, out, new_numbers, new_out):
    """Copy what `decide` reads and has said."""
    for j in range(len(own[1])):
        new_numbers[j] = numbers[j]
    for level in range(len(own[0])):
        say_again(new_out[level], out[level])
