"""An order's birth and its cancellation. Its fills are the ledger's."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY, OrderKind, Sizing
from workbench.trading.ledger import (
    DUST,
    account_of,
    cancel,
    free_base,
    free_quote,
    is_spot,
    reserve,
    to_lot,
    to_tick,
)
from workbench.trading.risk import approve, refuse, usable
from workbench.trading.world import NO_SLOT, Phase, Purpose, Reason, Status


@compiled(leaf=True)
def rests(kind):
    """Does this kind of order lie in the book at a limit price?"""
    return kind == OrderKind.LIMIT or kind == OrderKind.POST_ONLY or kind == OrderKind.STOP_LIMIT


@compiled(part=True)
def sized(world, m, side, size, sizing, price, account):
    """Base units for a size, at a price that is to be paid, with equity given; cut to what a spot account has."""
    market = world.markets[m]
    if sizing == Sizing.BASE:
        return to_lot(size, market.lot)
    quote = size if sizing == Sizing.QUOTE else size * account
    if side == BUY:
        if is_spot(world, m):
            quote = min(quote, free_quote(world, m))
        return to_lot(quote / (price * (1.0 + market.taker)), market.lot)
    amount = quote / price
    if is_spot(world, m):
        amount = min(amount, free_base(world, m))
    return to_lot(amount, market.lot)


@compiled(part=True)
def open_order(world, m, executor, level, purpose, side, kind, price, trigger, size, sizing, first_row):
    """Make an order that is active from `first_row`; returns its slot, or NO_SLOT when it was refused.

    `executor` is a slot or NO_SLOT. Resting kinds are sized and checked here; market and stop orders whose size is in
    quote or a fraction are sized, and checked, when they fill.
    """
    market = world.markets[m]
    amount = np.nan
    if rests(kind):
        price = to_tick(price, side, market.tick)
        amount = to_lot(size, market.lot) if sizing == Sizing.BASE else sized(
            world, m, side, size, sizing, price, account_of(world, m)
        )  # fmt: skip
    elif sizing == Sizing.BASE:
        amount = to_lot(size, market.lot)
    closing = purpose == Purpose.EXIT or purpose == Purpose.TARGET or purpose == Purpose.FLATTEN
    reason = out_of_the_question(world, m, side, purpose)
    if reason != Reason.NONE:
        pass
    elif market.last != market.last or (rests(kind) and not price > 0.0):
        reason = Reason.NO_PRICE
    elif purpose == Purpose.HOLD:
        reason = Reason.NONE
    elif nothing_to_reduce(world, m, side, closing):
        reason = Reason.NOTHING_TO_REDUCE
    elif amount == amount:
        reason = approve(world, m, side, amount, price if rests(kind) else market.last, closing, account_of(world, m))
    elif not usable(size):
        reason = Reason.TOO_SMALL
    elif side != BUY and not closing and is_spot(world, m) and free_base(world, m) <= DUST:
        reason = Reason.NO_FUNDS
    if reason != Reason.NONE:
        _say_no(world, m, level, executor, reason)
        return NO_SLOT
    slot = free_slot(world)
    if slot == NO_SLOT:
        return NO_SLOT
    _fill_in(world, slot, m, executor, level, purpose, side, kind, sizing, first_row)
    order = world.orders[slot]
    order.price = price if rests(kind) else np.nan
    order.trigger = trigger if kind == OrderKind.STOP or kind == OrderKind.STOP_LIMIT else np.nan
    order.size, order.amount = size, amount
    if rests(kind):
        reserve(world, order)
    market.wake_row = min(market.wake_row, first_row)
    return slot


@compiled(part=True)
def _say_no(world, m, level, executor, reason):
    """What is refused names its executor, where there is one already, and else the level."""
    is_made = executor != NO_SLOT and world.executors[executor].phase != Phase.FREE
    refuse(world, m, level, world.executors[executor].id if is_made else -1, reason)


@compiled(leaf=True)
def out_of_the_question(world, m, side, purpose):
    """Why an account of this kind never takes such an order."""
    return Reason.NONE


@compiled(leaf=True)
def nothing_to_reduce(world, m, side, closing):
    """Is an order that may only reduce a position asked for where there is none?"""
    return False


@compiled(leaf=True)
def dress(world, order):
    """What an order is besides, in a world that knows more of orders."""


@compiled(leaf=True)
def has_room(world, level):
    """May a level ask for another quote? Not while its venue has not shown the end of the last one."""
    return world.quotes[level] == NO_SLOT


@compiled(leaf=True)
def lingers(world, slot):
    """Does an order live though its cancel was asked for? Without latency in ms it does not."""
    return False


@compiled(leaf=True)
def knows_reduce(world):
    """Can orders of this world be reduce-only? Elsewhere nobody drops the wish in silence."""
    return False


@compiled(leaf=True)
def mark_reduce(world, reduces):
    """From now on orders that are asked for may only reduce a position, or (0) may open one again."""


@compiled(leaf=True)
def _fill_in(world, slot, m, executor, level, purpose, side, kind, sizing, first_row):
    order = world.orders[slot]
    order.id = world.next_order
    world.next_order += 1
    order.market, order.executor, order.level, order.purpose = m, executor, level, purpose
    order.executor_id = -1
    if executor != NO_SLOT:
        order.executor_id = world.executors[executor].id
        world.executors[executor].live += 1
    order.tag = order.part = order.controller = order.reduce = 0
    order.side, order.kind, order.sizing = side, kind, sizing
    order.status, order.reason, order.fresh = Status.OPEN, Reason.NONE, 1
    order.filled = order.reserved = 0.0
    order.triggered = 0
    order.created_row, order.active_row, order.closed_row = world.row, first_row, -1
    dress(world, order)


@compiled(leaf=True)
def free_slot(world):
    """Take the lowest free slot for an order; NO_SLOT, and the end of the run, when there is none."""
    if world.free_slots > 0:
        world.free_slots -= 1
        slot = 0
        while world.orders[slot].status != Status.FREE:
            slot += 1
        return slot
    if world.orders_top >= world.orders.shape[0]:
        world.code = Reason.FULL
        return NO_SLOT
    world.orders_top += 1
    return world.orders_top - 1


__all__ = ["cancel", "open_order", "rests", "sized"]
