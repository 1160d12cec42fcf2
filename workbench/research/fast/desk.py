"""The account that quotes: its terms, its money, and the orders that lie in its book, one per level at most."""

from __future__ import annotations

import numpy as np
from numba.cpython.unsafe.numbers import trailing_zeros

from workbench.compiled import compiled
from workbench.market import BUY
from workbench.research.fast.trades import ROOM, SPARE

MOST_LEVELS = 32  # more are left to the engine

# The order of a level; `slot` is its place in the engine's book, where a new one takes the lowest that is free,
# and `tag`, while it lies there, its side and kind in one.
LYING = np.dtype(
    [("price", "f8"), ("amount", "f8"), ("side", "i8"), ("kind", "i8"), ("row", "i8"), ("slot", "i8"), ("tag", "i8"),
     ("spare", "i8")], align=True,
)  # fmt: skip

# A round trip that has just ended; the loop writes it down where trips are kept.
TRIP = np.dtype([("pnl", "f8"), ("gain", "f8"), ("entry_row", "i8"), ("row", "i8")], align=True)

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
        ("ended", "i8"),
        ("taken", "i8"),  # slots of the book, a bit each
        ("book", LYING, (MOST_LEVELS,)),
        ("endings", TRIP, (MOST_LEVELS,)),
    ],
    align=True,
)


@compiled(leaf=True)
def show(view, desk, close, time_ms, row):
    """Tell a `decide` how the account stands at a close; returns its equity."""
    total, view.entry = desk.quote, np.nan
    if desk.position != 0.0:
        total += desk.position * close
        view.entry = desk.entry
    view.quote, view.position, view.last, view.equity = desk.quote, desk.position, close, total
    view.time_ms, view.row = time_ms, row
    return total


@compiled(leaf=True)
def tag_of(side, kind):
    """Side and kind as one number, which is never 0."""
    return 4 * kind + side + 2


@compiled(leaf=True)
def is_dense(desk):
    """Are the lowest places of the book taken, and no others? Then what lies there is replaced in its place."""
    return desk.taken & (desk.taken + 1) == 0


@compiled(leaf=True)
def lie(desk, order):
    """Give an order the lowest free place."""
    order.slot = trailing_zeros(~desk.taken)
    desk.taken |= np.int64(1) << order.slot


@compiled(leaf=True)
def leave(desk, order):
    """Take an order out of the book."""
    order.tag = 0
    desk.taken &= ~(np.int64(1) << order.slot)


@compiled(leaf=True)
def level_of(desk, slot):
    """Whose order lies there?"""
    level = 0
    while desk.book[level].tag == 0 or desk.book[level].slot != slot:
        level += 1
    return level


@compiled(leaf=True)
def allowed(desk, order, price, account):
    """Is an order large enough, and can an account of this equity carry it?"""
    side, amount = order.side, order.amount
    if not amount > 0.0 or amount < desk.min_amount or amount * price < desk.min_notional:
        return False
    if desk.margin == 0:
        return affords(desk, order, side, amount, price)
    return carries(desk.position, side, amount, price, most_carried(desk, account))


@compiled(leaf=True)
def most_carried(desk, account):
    """The largest value of a position that an account of this equity can carry."""
    return desk.leverage * account * (1.0 + ROOM)


@compiled(leaf=True)
def carries(position, side, amount, price, limit):
    """Does an order lead to no larger a position, or to one of no more than this value?"""
    wanted = abs(position + (amount if side > 0 else -amount))
    return (wanted <= abs(position)) | (wanted * price <= limit)


@compiled(leaf=True)
def affords_alone(desk, side, amount, price):
    """Has a spot account enough for the only order on its side?"""
    free, needed = desk.position, amount
    if side > 0:
        free, needed = desk.quote, amount * price * (1.0 + desk.taker)
    return needed <= free * (1.0 + SPARE)


@compiled(leaf=True)
def affords(desk, order, side, amount, price):
    """Has a spot account enough beside what its other orders set aside? These are summed by slot, as `trading` does."""
    own = np.int64(1) << order.slot if order.tag != 0 else np.int64(0)
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
