"""Fills of orders that lie in a book: a bar that reaches some of them, what they cost, and the round trips they make.

Every sum is made in the order in which the engine makes it.
"""

from __future__ import annotations

from numba.cpython.unsafe.numbers import trailing_zeros

from workbench.compiled import compiled
from workbench.market import BUY, SELL, OrderKind
from workbench.research.fast.desk import allowed, leave, level_of
from workbench.research.fast.trades import DAY_MS, GAIN, HELD, PNL
from workbench.trading import Path, netted

FLAT = 1e-9  # of the amount traded, as in `backtest.trips`


@compiled(apart=True)
def meet(desk, row, o, high, low, below, above, bid, ask, alone):
    """A bar that reaches an order: its open first, then its extremes.

    The highest bid is `below` and the lowest ask `above`; where each is `alone` on its side, these are their levels.
    """
    if o > below and o < above and alone:
        bought = low < below or (low == below and desk.through == 0)
        sold = high > above or (high == above and desk.through == 0)
        rising = bought and sold and up_first(desk, o, high, low)
        if bought or sold:
            fill_at(desk, ask if rising or not bought else bid, row)
        if bought and sold:
            fill_at(desk, bid if rising else ask, row)
        return
    if o <= below or o >= above:
        slots = desk.taken
        while slots != 0:
            slot = trailing_zeros(slots)
            slots &= slots - 1
            at_open(desk, level_of(desk, slot), row, o)
    first = SELL if up_first(desk, o, high, low) else BUY
    for side in (first, -first):
        if low <= below if side == BUY else high >= above:
            fill_side(desk, side, row, high, low)


@compiled(leaf=True)
def at_open(desk, level, row, o):
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
    fill(desk, level, paid, rate, row)


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
            lean += desk.book[level].side if desk.book[level].tag != 0 else 0
        worst = lean > 0 if lean != 0 else nearer
    return worst if desk.path == Path.WORST else not worst


@compiled(part=True)
def fill_side(desk, side, row, high, low):
    """Fill the orders of one side that a bar reaches, the nearest to the open first, the lowest slot of equals."""
    more = True
    while more:
        best, more = -1, False
        for level in range(desk.levels):
            order = desk.book[level]
            gap = low - order.price if side == BUY else order.price - high
            reached = gap < 0.0 or (gap == 0.0 and desk.through == 0)
            if order.tag != 0 and order.side == side and reached:
                more = best >= 0
                ahead = side * (order.price - desk.book[best].price) if more else 1.0
                if ahead > 0.0 or (ahead == 0.0 and order.slot < desk.book[best].slot):
                    best = level
        if best >= 0:
            fill_at(desk, best, row)


@compiled(leaf=True)
def fill_at(desk, level, row):
    """Fill an order at its own price."""
    fill(desk, level, desk.book[level].price, desk.maker, row)


@compiled(leaf=True)
def fill(desk, level, price, rate, row):
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
    net(desk, side, amount, price, fee, row)


@compiled(leaf=True)
def net(desk, side, amount, price, fee, row):
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
        trip = desk.endings[desk.ended]
        trip.pnl, trip.gain, trip.entry_row, trip.row = pnl, pnl / desk.entry_value, desk.entry_row, row
        desk.ended += 1
        desk.entry_value = desk.entry_amount = desk.exit_value = 0.0
        left = left if left > FLAT * desk.largest else 0.0
        desk.paid, desk.net, desk.largest = fee * (left / amount), side * left, left
    if desk.entry_amount == 0.0 and left > 0.0:
        desk.trip_side, desk.entry_row = side, row
    desk.entry_amount += left
    desk.entry_value += price * left


@compiled(leaf=True)
def write_trips(desk, time, trips):
    """Keep the round trips that ended in a bar."""
    for k in range(desk.ended):
        trip = desk.endings[k]
        trips[PNL, desk.trips], trips[GAIN, desk.trips] = trip.pnl, trip.gain
        trips[HELD, desk.trips] = float(time[trip.row] - time[trip.entry_row]) / DAY_MS
        desk.trips += 1
    desk.ended = 0
