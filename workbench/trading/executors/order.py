"""The order executor: a position that is meant to stay, and the limit chaser that gets it at the best of the book.

Two of its orders never live at once, so it never over-fills: what is left is sized once a cancel has been answered.
docs/executors.md 8.9.
"""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import ExecutorKind, OrderKind, Sizing
from workbench.trading.calls import CREATE, STEP
from workbench.trading.executors.common import extend, limit_time, make, say_no, start_exit
from workbench.trading.executors.position import ask_entry
from workbench.trading.ledger import cancel, finish, take_in, to_lot, to_tick
from workbench.trading.orders import mark_reduce
from workbench.trading.world import NO_SLOT, CloseType, Reason


def order(world, event, slot, n, m, x, y, z, w):
    """What the engine calls an order executor for."""
    if event == CREATE:
        _create(world, slot, n, m)
    elif event == STEP:
        _step(world, slot, x, m)
    else:
        _told(world, slot, n, m, x, y, z, w)
    return 0


@compiled(part=True)
def _create(world, slot, level, first_row):
    work = world.works[slot]
    target, terms = work.entry[0], work.terms[0]
    if _contradicts(target.kind, terms):
        say_no(world, target.market, level, Reason.BAD_CONFIG)
        return
    if _chases(terms):
        target.price = wanted_price(world, target.market, target.side, terms, world.markets[target.market].last)
    entry = _ask(world, slot, target, level, first_row)
    if entry == NO_SLOT:
        return
    make(world, slot, ExecutorKind.ORDER.value, target.market, level, target.side, entry)
    limit_time(world, slot, terms.time_limit_ms)
    extend(world, slot, target.config)
    _sleep(world, slot)


@compiled(part=True)
def _ask(world, slot, target, level, first_row):
    """Ask for an order, which may only reduce a position where the target says so."""
    mark_reduce(world, target.reduce)
    asked = ask_entry(world, slot, target, level, first_row)
    mark_reduce(world, 0)
    return asked


@compiled(part=True)
def _contradicts(kind, terms):
    if terms.distance != terms.distance and terms.refresh != terms.refresh:
        return False
    rests = kind == OrderKind.LIMIT or kind == OrderKind.POST_ONLY
    return not (rests and 0.0 <= terms.distance < 1.0 and terms.refresh > 0.0)


@compiled(leaf=True)
def _chases(terms):
    return terms.distance == terms.distance


@compiled(part=True)
def wanted_price(world, m, side, terms, price):
    """Where a chaser wants to lie: a distance behind the best of its own side."""
    return to_tick(best_of(world, m, side, price) * (1.0 - side * terms.distance), side, world.markets[m].tick)


@compiled(leaf=True)
def best_of(world, m, side, price):
    """The best price of a side of the book; without a spread it is the last one."""
    return price


@compiled(part=True)
def _step(world, slot, price, first_row):
    executor = world.executors[slot]
    if world.time_ms >= executor.deadline_ms:
        start_exit(world, slot, CloseType.TIME_LIMIT.value, 1, first_row)
        return
    if executor.live > 0 and _is_left_behind(world, slot, price):
        cancel(world, executor.entry_order)
    if executor.live == 0:
        _ask_rest(world, slot, price, first_row)
    _sleep(world, slot)


@compiled(part=True)
def _sleep(world, slot):
    """A chaser looks at every row; any other one at those in which it has no order."""
    work = world.works[slot]
    work.awake = 1 if _chases(work.terms[0]) or world.executors[slot].live == 0 else 0


@compiled(part=True)
def _is_left_behind(world, slot, price):
    executor, terms = world.executors[slot], world.works[slot].terms[0]
    resting = world.orders[executor.entry_order]
    if not _chases(terms) or resting.fresh:
        return False
    wanted = wanted_price(world, executor.market, executor.side, terms, price)
    return executor.side * (wanted - resting.price) > terms.refresh * resting.price


@compiled(part=True)
def _ask_rest(world, slot, price, first_row):
    """Ask for what has not filled: the first size in its own unit while nothing has."""
    executor, work = world.executors[slot], world.works[slot]
    market, target = world.markets[executor.market], work.entry[0]
    if executor.entry_amount > 0.0:
        rest = to_lot(work.left, market.lot)
        if not rest > 0.0:
            _stay(world, slot, market.last)
            return
        target.size, target.sizing = rest, Sizing.BASE.value
    if _chases(work.terms[0]):
        target.price = wanted_price(world, executor.market, executor.side, work.terms[0], price)
    executor.entry_order = _ask(world, slot, target, executor.level, first_row)
    if executor.entry_order == NO_SLOT:
        work.attempts += 1
    else:
        work.left = world.orders[executor.entry_order].amount


@compiled(part=True)
def _stay(world, slot, price):
    executor = world.executors[slot]
    executor.keeps, executor.close_type, executor.last_exit = 1, CloseType.POSITION_HOLD, price
    finish(world, slot)


@compiled(part=True)
def _told(world, slot, order_slot, whole, price, amount, got, fee_quote):
    work, filled = world.works[slot], world.orders[order_slot]
    take_in(world, order_slot, price, amount, got, fee_quote)
    work.left = filled.amount - filled.filled if filled.amount == filled.amount else np.nan
    if whole:
        _stay(world, slot, price)
