"""A stretch of bars in which a bot does nothing but quote: the account in registers, each bar met without a walk.

What happens is what `trading` says, to the bit; docs/execution.md part 4. A market maker does the same few things in
every bar, so the sums are kept out of memory here, and the world is told when the stretch is over.
"""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY, Action, OrderKind
from workbench.trading import (
    FEE_IN_BASE,
    MAKER,
    NO_SLOT,
    OUTBOX,
    POST_ONLY_QUOTE,
    QUOTE,
    first_side,
    is_carried,
    is_plain_quote,
    lowest_free,
    nearest,
    netted,
    put_quotes_back,
    take,
    to_lot,
    to_tick,
    watch_quotes,
)

NONE, ONE = np.int64(0), np.int64(1)


@compiled(apart=True)
def quote_on(world, journals, bars, timeframe_ms, inputs, decide, out, equity, start, stop):
    """`run_deciding` while all that is at work is quotes, and each bar opens between them; the row to go on from.

    The outbox must be empty: fills go into their journal at once. A record that is no plain quote, or is refused, is
    taken in the usual way, and ends the stretch.
    """
    open_slots, n_levels = watch_quotes(world, out.shape[0]), out.shape[0]
    if open_slots < 0:
        return start
    time, opens, highs, lows, closes = bars.time, bars.open[0], bars.high[0], bars.low[0], bars.close[0]
    columns, places, numbers, n_columns = inputs.columns, inputs.places, inputs.row, inputs.places.shape[0]
    fills, n_fills, full = journals.fills, journals.used[0], journals.fills.shape[0] - OUTBOX
    market, seen, top = world.markets[0], world.seen[0], world.orders_top
    quote, position, entry, fees, volume = world.quote, market.position, market.entry, world.fees, world.volume
    next_order, cancelled, exposed = world.next_order, np.int64(0), np.int64(0)
    tick, lot, maker, taker, margin = market.tick, market.lot, market.maker, market.taker, world.margin
    touch, received = world.through == 0, market.fee_received != 0
    below, above, buy, sell, buys, sells = nearest(world, open_slots, top)
    level, t, total = n_levels, start, 0.0
    seen.open_long = seen.open_short = 0
    while (
        level == n_levels
        and t < stop
        and n_fills < full
        and opens[np.uint64(t)] > below
        and opens[np.uint64(t)] < above
    ):
        at = np.uint64(t)
        low, high = lows[at], highs[at]
        down, up = (low <= below, high >= above) if touch else (low < below, high > above)
        # Which side a bar reaches nobody can foresee: where only one is, it is reckoned, not branched upon.
        met, side = np.int64(down) + np.int64(up), 2 * np.int64(down) - 1
        if met > 0:
            if met > 1:
                side = first_side(world, buys - sells, position, opens[at], high, low)
            while met > 0:
                slot = sell + ((side + 1) >> 1) * (buy - sell)
                order, fill = world.orders[np.uint64(slot)], fills[np.uint64(n_fills)]
                amount, price = order.amount, order.price
                in_base = received and side == BUY
                value = amount * price
                fee = amount * maker if in_base else value * maker
                way = float(side)
                quote -= way * value
                quote -= 0.0 if in_base else fee
                position, entry = netted(position, entry, way * (amount - fee if in_base else amount), price)
                fees += fee * price if in_base else fee
                volume += value
                _write(fill, order, t, side, fee, in_base)
                n_fills += 1
                world.quotes[np.uint64(order.level)] = NO_SLOT
                open_slots &= ~(ONE << slot)
                if buys > 1 or sells > 1:
                    below, above, buy, sell, buys, sells = nearest(world, open_slots, top)
                    down, up = (low <= below, high >= above) if touch else (low < below, high > above)
                    met = np.int64(down) + np.int64(up)
                    side = side if (down if side == BUY else up) else -side
                else:
                    met, side = met - 1, -side
        close, close_ms, total = closes[at], time[at] + timeframe_ms, quote
        if position != 0.0:
            total += position * close
            exposed += 1
        equity[at] = total
        for j in range(n_columns):
            numbers[np.uint64(places[j])] = columns[j, at]
        seen.time_ms, seen.row, seen.quote, seen.equity = close_ms, t, quote, total
        seen.position, seen.last, seen.entry = position, close, entry if position != 0.0 else np.nan
        decide(numbers, seen, out)
        below, above, buy, sell, buys, sells, level = -np.inf, np.inf, NO_SLOT, NO_SLOT, NONE, NONE, NONE
        while level < n_levels:
            target, slot = out[np.uint64(level)], world.quotes[np.uint64(level)]
            if target.action != Action.NONE:
                if not is_plain_quote(target):
                    break
                old, wanted = slot, (target.price == target.price) & (target.size > 0.0)
                kept = open_slots & ~(ONE << old) if old >= 0 else open_slots
                if wanted:
                    price, amount = to_tick(target.price, target.side, tick), to_lot(target.size, lot)
                    same = False
                    if old >= 0:
                        order = world.orders[np.uint64(old)]
                        same = (order.price == price) & (order.amount == amount) & (order.side == target.side)
                        same = same & (order.kind == target.kind)
                    if not same:
                        if not is_carried(world, target.side, amount, price, quote, position, total, kept, top):
                            break
                        slot = lowest_free(kept)
                        order = world.orders[np.uint64(slot)]
                        _place(order, target, next_order, t, price, amount)
                        if margin == 0:
                            order.reserved = amount * price * (1.0 + taker) if target.side == BUY else amount
                        next_order += 1
                        cancelled += old >= 0
                        if slot != old:
                            world.quotes[np.uint64(level)], order.level = slot, level
                        open_slots, top = kept | (ONE << slot), max(top, slot + 1)
                elif old >= 0:
                    cancelled += 1
                    slot = world.quotes[np.uint64(level)] = NO_SLOT
                    open_slots = kept
                target.action = Action.NONE
            if slot >= 0:
                order = world.orders[np.uint64(slot)]
                price = order.price
                if order.side == BUY:
                    if buys == 0 or price > below or (price == below and slot < buy):
                        below, buy = price, slot
                    buys += 1
                else:
                    if sells == 0 or price < above or (price == above and slot < sell):
                        above, sell = price, slot
                    sells += 1
            level += 1
        t += 1
    if t == start:
        return start
    journals.used[0] = n_fills
    world.row, world.time_ms = t - 1, time[t - 1] + timeframe_ms
    world.quote, market.position, market.entry, world.fees, world.volume = quote, position, entry, fees, volume
    market.last, market.below, market.above = closes[t - 1], -np.inf, np.inf
    world.next_order = next_order
    world.cancelled_quotes += cancelled
    world.bars_exposed += exposed
    put_quotes_back(world, open_slots, top, start, t - 1)
    for other in range(level, n_levels):
        if out[other].action != Action.NONE:
            take(world, out[other], other, total)
            out[other].action = Action.NONE
    return t


@compiled(leaf=True)
def _write(fill, order, row, side, fee, in_base):
    """A row of the journal: a quote filled whole, at its own price, as maker."""
    fill.row, fill.market, fill.side = row, 0, side
    fill.flags = MAKER | QUOTE | (POST_ONLY_QUOTE if order.kind == OrderKind.POST_ONLY else 0)
    fill.flags |= FEE_IN_BASE if in_base else 0
    fill.order, fill.executor, fill.level, fill.created_row = order.id, -1, order.level, order.created_row
    fill.price, fill.amount, fill.fee = order.price, order.amount, fee


@compiled(leaf=True)
def _place(order, target, number, row, price, amount):
    """What of a quote changes from row to row; `put_quotes_back` writes the rest."""
    order.id, order.created_row = number, row
    order.side, order.kind = target.side, target.kind
    order.price, order.size, order.amount = price, target.size, amount
