"""Kernels as a live run calls them: each is handed the array that a world lies in, and takes the first.

Numba takes 40 to 100 µs to look at a record that Python took out of an array, as its whole layout is put into words
each time, and less than one to look at the array. A loop of kernels hands records on for nothing.
"""

from __future__ import annotations

from workbench.compiled import compiled
from workbench.trading.advance import advance, take
from workbench.trading.ledger import total_equity
from workbench.trading.matching import rest
from workbench.trading.remote import book, end_order, size_up


@compiled
def advance_in(worlds, m, price):
    """`advance`."""
    advance(worlds[0], m, price)


@compiled
def take_in(worlds, targets, place, level, account):
    """`take` of the target at a place."""
    take(worlds[0], targets[place], level, account)


@compiled
def rest_in(worlds, m):
    """`rest`."""
    rest(worlds[0], m)


@compiled
def equity_in(worlds):
    """`equity`."""
    return total_equity(worlds[0])


@compiled
def size_up_in(worlds, slot):
    """`size_up`."""
    return size_up(worlds[0], slot)


@compiled
def book_in(worlds, slot, price, amount, paid_quote, paid_base, worth, maker, complete):
    """`book`."""
    book(worlds[0], slot, price, amount, paid_quote, paid_base, worth, maker, complete)


@compiled
def end_order_in(worlds, slot, status, reason):
    """`end_order`."""
    end_order(worlds[0], slot, status, reason)
