"""From what a compiled `decide` quotes to fills: resting limit orders of one market, no latency.

It is docs/execution.md once more, cut down to market making: no executors, no journals, and one order per level that
lies in the book until a bar reaches it. A bar strictly between the quotes meets nothing. A spot account sets aside
what its orders will need, as `trading` does. Every sum is made in the order in which the engine makes it, so the
numbers are the same to the last bit; a test holds the two together. What is no such quote ends the walk, and the
combination is left to the engine.
"""

from __future__ import annotations

import numpy as np
from numba.cpython.unsafe.numbers import trailing_zeros

from workbench.compiled import compiled
from workbench.market import BUY, SELL, TARGET, Action, OrderKind, Sizing
from workbench.research.fast.trades import DAY_MS, GAIN, HELD, PNL, ROOM, SPARE
from workbench.trading import Path, netted, to_lot, to_tick

FLAT = 1e-9  # of the amount traded, as in `backtest.trips`
MOST_LEVELS = 32  # more are left to the engine

# The order of a level; `slot` is its place in the engine's book, where a new one takes the lowest that is free.
LYING = np.dtype(
    [("price", "f8"), ("amount", "f8"), ("side", "i8"), ("kind", "i8"), ("row", "i8"), ("slot", "i8"), ("open", "i8"),
     ("spare", "i8")], align=True,
)  # fmt: skip

# A target whose barriers are read as bits: whether three of them are NaN is seen without a branch.
BITS = np.dtype([(name, "i8") for name in TARGET.names or ()], align=True)
NAN_BITS = np.float64(np.nan).view(np.int64)

# The terms of one combination, and how its account stands.
DESK = np.dtype(
    [
        ("quote", "f8"),
        ("position", "f8"),
        ("entry", "f8"),
        ("fees", "f8"),
        ("volume", "f8"),
        ("exposed", "i8"),
        ("trips", "i8"),
        # the round trip that is open
        ("net", "f8"),
        ("largest", "f8"),
        ("entry_value", "f8"),
        ("entry_amount", "f8"),
        ("exit_value", "f8"),
        ("paid", "f8"),
        ("trip_side", "i8"),
        ("entry_row", "i8"),
        # terms
        ("margin", "i8"),
        ("leverage", "f8"),
        ("maker", "f8"),
        ("taker", "f8"),
        ("slippage", "f8"),
        ("tick", "f8"),
        ("lot", "f8"),
        ("min_amount", "f8"),
        ("min_notional", "f8"),
        ("path", "i8"),
        ("through", "i8"),
        ("levels", "i8"),
        ("taken", "i8"),  # slots of the book, a bit each
        ("book", LYING, (MOST_LEVELS,)),
    ],
    align=True,
)


@compiled
def quote_through(
    time, opens, highs, lows, closes, timeframe_ms, columns, places, numbers, decide, seen, out, written, desk,
    trips, equity,
):  # fmt: skip
    """Quote at every close, as `decide` says; returns how many rows it came through.

    Parameters
    ----------
    columns, places, numbers : as the engine's `Inputs`
    seen : VIEW record
        What `decide` is shown.
    out, written : array of TARGET, one per level, and the same as BITS
    desk : DESK record
    trips : float64 array of shape (3, room)
        Filled as `trade` does.
    equity : float64 array of shape (n_bars,)
    """
    n_bars, n_levels, n_columns, room = closes.shape[0], out.shape[0], places.shape[0], trips.shape[1]
    below, above, odd = -np.inf, np.inf, np.int64(0)
    tick, lot, min_amount, min_notional = desk.tick, desk.lot, desk.min_amount, desk.min_notional
    margin = desk.margin != 0
    for t in range(np.uint64(n_bars)):
        close, row = closes[t], np.int64(t)
        if not (opens[t] > below and opens[t] < above and lows[t] > below and highs[t] < above):
            if desk.trips + 2 * n_levels > room:
                return row
            meet(desk, row, opens[t], highs[t], lows[t], below, above, time, trips)
        position, total = desk.position, desk.quote
        seen.quote, seen.position, seen.last, seen.entry = total, position, close, np.nan
        if position != 0.0:
            total += position * close
            desk.exposed += 1
            seen.entry = desk.entry
        equity[t] = total
        seen.time_ms, seen.row, seen.equity = time[t] + timeframe_ms, row, total
        for j in range(n_columns):
            numbers[places[j]] = columns[j, t]
        decide(numbers, seen, out)
        below, above, limit = -np.inf, np.inf, desk.leverage * total * (1.0 + ROOM)
        dense = desk.taken & (desk.taken + 1) == 0
        for level in range(n_levels):
            target, order, bits = out[level], desk.book[level], written[level]
            if target.action != Action.NONE:
                side, kind = target.side, target.kind
                price, amount = to_tick(target.price, side, tick), to_lot(target.size, lot)
                odd |= (target.action - Action.QUOTE) | target.market | (target.sizing - Sizing.BASE) | target.reduce
                odd |= (kind - OrderKind.LIMIT) * (kind - OrderKind.POST_ONLY) | side * side >> 1
                odd |= (bits.stop_loss - NAN_BITS) | (bits.take_profit - NAN_BITS) | (bits.trailing_delta - NAN_BITS)
                target.action = Action.NONE
                same = order.price == price and order.amount == amount and order.side == side and order.kind == kind
                if side != 0 and not (same and order.open != 0):
                    wanted = abs(position + (amount if side > 0 else -amount))
                    carried = wanted <= abs(position) or wanted * price <= limit
                    if not margin:
                        carried = affords(desk, order, side, amount, price)
                    large = amount > 0.0 and amount >= min_amount and amount * price >= min_notional
                    allowed_now = price > 0.0 and large and carried
                    if not (allowed_now and dense and order.open != 0):
                        if order.open != 0:
                            leave(desk, order)
                        if allowed_now:
                            lie(desk, order)
                        dense = desk.taken & (desk.taken + 1) == 0
                    order.price, order.amount, order.side, order.kind, order.row = price, amount, side, kind, row
            buys = order.side > 0
            if order.open != 0:
                below = max(below, order.price if buys else -np.inf)
                above = min(above, np.inf if buys else order.price)
        if odd != 0:
            return row
    return n_bars


@compiled(leaf=True)
def allowed(desk, order, price, account):
    """Is an order large enough, and can an account of this equity carry it?"""
    side, amount = order.side, order.amount
    if not amount > 0.0 or amount < desk.min_amount or amount * price < desk.min_notional:
        return False
    if desk.margin == 0:
        return affords(desk, order, side, amount, price)
    wanted = abs(desk.position + side * amount)
    return wanted <= abs(desk.position) or wanted * price <= desk.leverage * account * (1.0 + ROOM)


@compiled(leaf=True)
def affords(desk, order, side, amount, price):
    """Has a spot account enough beside what its other orders set aside? These are summed by slot, as `trading` does."""
    own = np.int64(1) << order.slot if order.open != 0 else np.int64(0)
    slots, reserved, with_fee = desk.taken & ~own, 0.0, 1.0 + desk.taker
    while slots != 0:
        other = desk.book[level_of(desk, trailing_zeros(slots))]
        slots &= slots - 1
        if other.side == side:
            reserved += other.amount * other.price * with_fee if side == BUY else other.amount
    free, needed = desk.position - reserved, amount
    if side == BUY:
        free, needed = desk.quote - reserved, amount * price * with_fee
    return needed <= free * (1.0 + SPARE)


@compiled(apart=True)
def meet(desk, row, o, high, low, below, above, time, trips):
    """A bar that reaches an order: its open first, then its extremes."""
    if o <= below or o >= above:
        for slot in range(MOST_LEVELS):
            if (desk.taken >> slot) & 1:
                at_open(desk, level_of(desk, slot), row, o, time, trips)
    rising = up_first(desk, o, high, low)
    fill_side(desk, SELL if rising else BUY, row, high, low, time, trips)
    fill_side(desk, BUY if rising else SELL, row, high, low, time, trips)


@compiled(leaf=True)
def level_of(desk, slot):
    """Whose order lies there?"""
    level = 0
    while desk.book[level].open == 0 or desk.book[level].slot != slot:
        level += 1
    return level


@compiled(leaf=True)
def at_open(desk, level, row, o, time, trips):
    """One order at the open: a new one that crosses takes, or is rejected; one that lay there was hit."""
    order = desk.book[level]
    gap = order.side * (o - order.price)
    if gap > 0.0 or (gap == 0.0 and order.row != row - 1 and desk.through != 0):
        return
    paid, rate = order.price, desk.maker
    if order.row == row - 1:
        paid, rate = o * (1.0 + order.side * desk.slippage), desk.taker
        paid = min(paid, order.price) if order.side == BUY else max(paid, order.price)
        account = desk.quote + desk.position * o if desk.position != 0.0 else desk.quote
        if order.kind == OrderKind.POST_ONLY or not allowed(desk, order, paid, account):
            leave(desk, order)
            return
    fill(desk, level, paid, rate, row, time, trips)


@compiled(leaf=True)
def leave(desk, order):
    """Take an order out of the book."""
    order.open = 0
    desk.taken &= ~(np.int64(1) << order.slot)


@compiled(leaf=True)
def lie(desk, order):
    """Give an order the lowest free place."""
    order.open, order.slot = 1, trailing_zeros(~desk.taken)
    desk.taken |= np.int64(1) << order.slot


@compiled(leaf=True)
def up_first(desk, o, high, low):
    """Is the high met before the low?"""
    nearer = high - o <= o - low
    if desk.path == Path.OHLC:
        return nearer
    worst = desk.position < 0.0
    if desk.position == 0.0:
        lean = 0
        for level in range(desk.levels):
            lean += desk.book[level].side if desk.book[level].open != 0 else 0
        worst = lean > 0 if lean != 0 else nearer
    return worst if desk.path == Path.WORST else not worst


@compiled(part=True)
def fill_side(desk, side, row, high, low, time, trips):
    """Fill the orders of one side that a bar reaches, the nearest to the open first, the lowest slot of equals."""
    while True:
        best = -1
        for level in range(desk.levels):
            order = desk.book[level]
            gap = low - order.price if side == BUY else order.price - high
            reached = gap < 0.0 or (gap == 0.0 and desk.through == 0)
            if order.open != 0 and order.side == side and reached:
                ahead = side * (order.price - desk.book[best].price) if best >= 0 else 1.0
                if ahead > 0.0 or (ahead == 0.0 and order.slot < desk.book[best].slot):
                    best = level
        if best < 0:
            return
        fill(desk, best, desk.book[best].price, desk.maker, row, time, trips)


@compiled(part=True)
def fill(desk, level, price, rate, row, time, trips):
    """Book an order whole: money, position, and the round trip that it begins, adds to or ends."""
    order = desk.book[level]
    side, amount = order.side, order.amount
    leave(desk, order)
    value = amount * price
    fee = value * rate
    desk.quote -= side * value
    desk.quote -= fee
    desk.position, desk.entry = netted(desk.position, desk.entry, side * amount, price)
    desk.fees += fee
    desk.volume += value
    net(desk, side, amount, price, fee, row, time, trips)


@compiled(leaf=True)
def net(desk, side, amount, price, fee, row, time, trips):
    """As `backtest` nets fills into round trips: from flat to flat; one through zero ends a trip and begins a next."""
    part = min(amount, max(-desk.net * side, 0.0))
    left = amount - part
    desk.exit_value += price * part
    if min(part, left) > 0.0:
        desk.paid += fee * (part / amount)
        desk.net = 0.0
    else:
        desk.paid += fee
        desk.net += side * amount
    desk.largest = max(desk.largest, abs(desk.net))
    if abs(desk.net) < FLAT * desk.largest:
        pnl = desk.trip_side * (desk.exit_value - desk.entry_value) - desk.paid
        trips[PNL, desk.trips], trips[GAIN, desk.trips] = pnl, pnl / desk.entry_value
        trips[HELD, desk.trips] = float(time[row] - time[desk.entry_row]) / DAY_MS
        desk.trips += 1
        desk.entry_value = desk.entry_amount = desk.exit_value = 0.0
        left = left if left > FLAT * desk.largest else 0.0
        desk.paid, desk.net, desk.largest = fee * (left / amount), side * left, left
    if desk.entry_amount == 0.0 and left > 0.0:
        desk.trip_side, desk.entry_row = side, row
    desk.entry_amount += left
    desk.entry_value += price * left
