"""An order's birth and its cancellation. Its fills are the ledger's."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY, OrderKind, Sizing
from workbench.trading.ledger import DUST, cancel, equity, free_base, free_quote, reserve, to_lot, to_tick
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
        if not world.margin:
            quote = min(quote, free_quote(world))
        return to_lot(quote / (price * (1.0 + market.taker)), market.lot)
    amount = quote / price
    if not world.margin:
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
            world, m, side, size, sizing, price, equity(world)
        )  # fmt: skip
    elif sizing == Sizing.BASE:
        amount = to_lot(size, market.lot)
    closing = purpose == Purpose.EXIT or purpose == Purpose.TARGET or purpose == Purpose.FLATTEN
    reason = Reason.NONE
    if market.last != market.last or (rests(kind) and not price > 0.0):
        reason = Reason.NO_PRICE
    elif purpose == Purpose.HOLD:
        reason = Reason.NONE
    elif amount == amount:
        reason = approve(world, m, side, amount, price if rests(kind) else market.last, closing, equity(world))
    elif not usable(size):
        reason = Reason.TOO_SMALL
    elif side != BUY and not closing and not world.margin and free_base(world, m) <= DUST:
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
