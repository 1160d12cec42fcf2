"""The position executor: an entry, and the first of its barriers to be touched.

Fields and meanings are Hummingbot's triple barrier (stop loss, take profit, time limit, trailing stop); the steps are
docs/execution.md part 6 and docs/executors.md 8.8. A partially filled entry is protected like a full one.
"""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY, ExecutorKind, OrderKind
from workbench.trading.executors.common import (
    ask,
    contradict,
    extend,
    free_slot,
    limit_time,
    make,
    repeat_exit,
    say_no,
    set_barriers,
    start_exit,
)
from workbench.trading.ledger import TARGET_MADE, TARGET_REFUSED, cancel, finish
from workbench.trading.orders import open_order
from workbench.trading.owners import policy_of
from workbench.trading.world import NO_SLOT, CloseType, Phase, Purpose, Reason


@compiled(part=True)
def enter(world, target, level, first_row):
    """Create an executor with its entry order; nothing is made when the order is refused."""
    slot = free_slot(world)
    if slot == NO_SLOT:
        return
    if contradict(target.stop_loss, target.take_profit, target.trailing_activation, target.trailing_delta):
        say_no(world, target.market, level, Reason.BAD_CONFIG)
        return
    order = ask_entry(world, slot, target, level, first_row)
    if order == NO_SLOT:
        return
    make(world, slot, ExecutorKind.POSITION.value, target.market, level, target.side, order)
    executor, policy = world.executors[slot], policy_of(world)
    limit_time(world, slot, target.time_limit_ms)
    executor.stop_loss, executor.take_profit = target.stop_loss, target.take_profit
    executor.trailing_activation, executor.trailing_delta = target.trailing_activation, target.trailing_delta
    executor.target_kind, executor.net_of_fees = policy.take_profit_kind, policy.net_of_fees


@compiled(part=True)
def create(world, slot, level, first_row):
    """The same by a config, which may bind the entry to a neighbourhood of the price."""
    work = world.works[slot]
    target, terms = work.entry[0], work.terms[0]
    bounded = terms.bound == terms.bound
    if bounded and target.kind != OrderKind.LIMIT and target.kind != OrderKind.POST_ONLY:
        say_no(world, target.market, level, Reason.BAD_CONFIG)
        return
    order = NO_SLOT
    if not bounded or _is_inside(target, terms.bound, world.markets[target.market].last):
        order = ask_entry(world, slot, target, level, first_row)
        if order == NO_SLOT:
            return
    make(world, slot, ExecutorKind.POSITION.value, target.market, level, target.side, order)
    limit_time(world, slot, terms.time_limit_ms)
    set_barriers(world.executors[slot], terms)
    world.executors[slot].config = target.config
    if bounded:
        extend(world, slot, target.config)
        _wait_outside(world, slot)


@compiled(part=True)
def ask_entry(world, slot, target, level, first_row):
    """Ask for the entry of an executor that is still to be made in `slot`, or for that of one which has none."""
    if world.executors[slot].phase == Phase.FREE:
        world.executors[slot].id = world.next_executor
    return open_order(
        world, target.market, slot, level, Purpose.ENTRY.value, target.side, target.kind,
        target.price, target.trigger, target.size, target.sizing, first_row,
    )  # fmt: skip


@compiled
def step(world, slot, price, first_row):
    """Advance one executor by one tick; orders that it asks for are active from `first_row`."""
    executor, now = world.executors[slot], world.time_ms
    if executor.phase == Phase.ENTERING:
        _wait_for_entry(world, slot, price, now, first_row)
    elif executor.phase == Phase.HOLDING:
        protect(world, slot, price, first_row)
    elif executor.phase == Phase.EXITING:
        repeat_exit(world, slot, first_row)


@compiled(part=True)
def _wait_for_entry(world, slot, price, now, first_row):
    executor = world.executors[slot]
    if now >= executor.deadline_ms:
        start_exit(world, slot, CloseType.TIME_LIMIT.value, 0, first_row)
    elif executor.extended:
        _stay_near(world, slot, price, first_row)
    elif executor.entry_order == NO_SLOT:
        executor.close_type = CloseType.FAILED
        finish(world, slot)


# An entry bound to the price -------------------------------------------------------------------------------------


@compiled(part=True)
def _stay_near(world, slot, price, first_row):
    executor, work = world.executors[slot], world.works[slot]
    work.awake = 1  # an order whose price is left is cancelled at any tick, and not at a price
    inside = _is_inside(work.entry[0], work.terms[0].bound, price)
    if work.attempts > work.terms[0].retries:
        start_exit(world, slot, CloseType.FAILED.value, 0, first_row)
    elif executor.entry_order != NO_SLOT:
        if not inside:
            cancel(world, executor.entry_order)
            _wait_outside(world, slot)
    elif work.rejected:
        executor.close_type, executor.last_exit = CloseType.FAILED, price
        finish(world, slot)
    elif inside:
        executor.entry_order = ask_entry(world, slot, work.entry[0], executor.level, first_row)
        work.attempts += 1 if executor.entry_order == NO_SLOT else 0
        _wait_outside(world, slot)
    else:
        _wait_outside(world, slot)


@compiled(leaf=True)
def _is_inside(target, bound, price):
    return target.side * (price - target.price) <= bound * price


@compiled(part=True)
def _wait_outside(world, slot):
    """Without an order, the price that brings one; with an order, none."""
    executor, work = world.executors[slot], world.works[slot]
    edge = work.entry[0].price / (1.0 - executor.side * work.terms[0].bound)
    edge = edge if executor.entry_order == NO_SLOT else np.nan
    work.rise[0], work.fall[0] = (np.nan, edge) if executor.side == BUY else (edge, np.nan)


# Barriers ---------------------------------------------------------------------------------------------------------


@compiled(part=True)
def protect(world, slot, price, first_row):
    """Leave at the first barrier that is touched; else follow the price and ask for the target."""
    barrier = touched(world.executors[slot], price, world.time_ms)
    if barrier != CloseType.NONE:
        start_exit(world, slot, barrier, 0, first_row)
    else:
        keep(world, slot, price, first_row)


@compiled(part=True)
def touched(executor, price, now):
    """The barrier that this tick touches. The stop is asked first: when one tick shows two, believe the worse."""
    d = executor.side
    if d * (price - executor.stop) <= 0.0:
        return CloseType.STOP_LOSS.value
    if executor.armed and d * (price - executor.trail) <= 0.0:
        return CloseType.TRAILING_STOP.value
    if executor.target_kind == OrderKind.MARKET and d * (price - executor.target) >= 0.0:
        return CloseType.TAKE_PROFIT.value
    if now >= executor.deadline_ms:
        return CloseType.TIME_LIMIT.value
    return CloseType.NONE.value


@compiled(leaf=True)
def keep(world, slot, price, first_row):
    """Follow the price with the trailing stop, and ask for the target at limit if there is none."""
    executor = world.executors[slot]
    follow(executor, price)
    rests = executor.target_kind == OrderKind.LIMIT and executor.target == executor.target
    if rests and not executor.target_asked and executor.target_order == NO_SLOT:
        executor.target_order = ask(
            world, slot, executor.market, -executor.side, Purpose.TARGET.value, OrderKind.LIMIT.value,
            executor.target, executor.held, 0, first_row,
        )  # fmt: skip
        executor.target_asked = TARGET_REFUSED if executor.target_order == NO_SLOT else TARGET_MADE


@compiled(leaf=True)
def follow(executor, price):
    """Arm the trailing stop, and move it."""
    d = executor.side
    if not executor.armed and d * (price - executor.arming) >= 0.0:
        executor.armed, executor.peak = 1, price
    if executor.armed:
        executor.peak = max(executor.peak, price) if d == BUY else min(executor.peak, price)
        executor.trail = executor.peak - d * executor.distance
