"""DCA: a position with several entries, and barriers from the sums over all of them; docs/executors.md part 9."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY, LADDER, ExecutorKind, Mode, OrderKind
from workbench.trading.calls import CREATE, STEP
from workbench.trading.executors.common import ask, extend, limit_time, make, say_no, set_barriers, start_exit
from workbench.trading.executors.ladder import can_carry, is_small, lives, note_order, take_steps
from workbench.trading.executors.position import protect
from workbench.trading.ledger import entered, target_hit, to_lot, to_tick
from workbench.trading.world import NO_SLOT, CloseType, Phase, Purpose, Reason


def dca(world, event, slot, n, m, x, y, z, w):
    """What the engine calls a ladder for."""
    if event == CREATE:
        _create(world, slot, n, m, x)
    elif event == STEP:
        _step(world, slot, x, m)
    else:
        _told(world, slot, n, m, x, y, z, w)
    return 0


@compiled(part=True)
def _create(world, slot, level, first_row, price):
    work = world.works[slot]
    target, terms = work.entry[0], work.terms[0]
    reason = Reason.BAD_CONFIG if _contradicts(terms) else _unaffordable(world, target.market, target.side, terms)
    if reason != Reason.NONE:
        say_no(world, target.market, level, reason)
        return
    make(world, slot, ExecutorKind.DCA.value, target.market, level, target.side, NO_SLOT)
    limit_time(world, slot, terms.time_limit_ms)
    set_barriers(world.executors[slot], terms)
    extend(world, slot, target.config)
    if not take_steps(world, slot, terms.n_levels):
        return
    market = world.markets[target.market]
    for k in range(terms.n_levels):
        step = world.steps[work.first_step + k]
        step.price = _level_price(market, target.side, terms, k)
        step.amount = to_lot(terms.amounts[k] / step.price, market.lot)
    _ask_entries(world, slot, price, first_row)


@compiled(part=True)
def _contradicts(terms):
    if not 1 <= terms.n_levels <= LADDER:
        return True
    for k in range(terms.n_levels):
        if not (terms.prices[k] > 0.0 and terms.amounts[k] > 0.0):
            return True
    rests = terms.kind == OrderKind.LIMIT or terms.kind == OrderKind.POST_ONLY
    return terms.mode != Mode.TAKER and not rests


@compiled(part=True)
def _level_price(market, side, terms, k):
    return to_tick(terms.prices[k], side, market.tick) if terms.mode == Mode.MAKER else terms.prices[k]


@compiled(part=True)
def _unaffordable(world, m, side, terms):
    """Why a ladder is refused: a level is too small, or all of it too dear. Half a ladder is another trade."""
    market, amounts, value = world.markets[m], 0.0, 0.0
    for k in range(terms.n_levels):
        price = _level_price(market, side, terms, k)
        amount = to_lot(terms.amounts[k] / price, market.lot) if price > 0.0 else 0.0
        if not amount > 0.0 or is_small(market, amount, price):
            return Reason.TOO_SMALL
        amounts += amount
        value += amount * price
    return can_carry(world, m, side, amounts, value / amounts)


# Steps ------------------------------------------------------------------------------------------------------------


@compiled(part=True)
def _step(world, slot, price, first_row):
    executor = world.executors[slot]
    if executor.phase == Phase.HOLDING:
        protect(world, slot, price, first_row)
        if executor.phase == Phase.HOLDING:
            _ask_entries(world, slot, price, first_row)
    elif world.time_ms >= executor.deadline_ms:
        start_exit(world, slot, CloseType.TIME_LIMIT.value, 0, first_row)
    else:
        _ask_entries(world, slot, price, first_row)


@compiled(part=True)
def _ask_entries(world, slot, price, first_row):
    """Ask for levels in their order, as far as the price allows; one that was turned away is asked for again."""
    executor, work = world.executors[slot], world.works[slot]
    mode, kind = work.terms[0].mode, work.terms[0].kind
    for k in range(work.n_steps):
        step = world.steps[work.first_step + k]
        if step.asked and _was_rejected(world, step):
            step.asked = 0
        if step.asked:
            continue
        if not _is_due(executor.side, work.terms[0], step.price, price):
            break
        order = ask(
            world, slot, executor.market, executor.side, Purpose.ENTRY.value,
            kind if mode == Mode.MAKER else OrderKind.MARKET.value, step.price, step.amount, k, first_row,
        )  # fmt: skip
        note_order(world, step, order)
        step.asked = 1 if order != NO_SLOT else 0
        if order == NO_SLOT:
            work.attempts += 1
            work.awake = 1
            break
    _wait(world, slot)


@compiled(part=True)
def _was_rejected(world, step):
    """Gone with nothing filled: an entry is cancelled by nobody but an exit."""
    return not step.whole and step.held == 0.0 and not lives(world, step)


@compiled(part=True)
def _is_due(side, terms, level, price):
    gap, free = side * (price - level), terms.bound != terms.bound
    if terms.mode == Mode.MAKER:
        return free or gap <= terms.bound * price
    return gap <= 0.0 and (free or gap >= -terms.bound * level)


@compiled(part=True)
def _wait(world, slot):
    """What the next level waits for."""
    executor, work = world.executors[slot], world.works[slot]
    terms, d = work.terms[0], executor.side
    work.rise[0] = work.rise[1] = work.fall[0] = work.fall[1] = np.nan
    for k in range(work.n_steps):
        step = world.steps[work.first_step + k]
        if step.asked:
            continue
        if terms.mode == Mode.TAKER:
            work.rise[0] = work.fall[0] = step.price
            work.rise[1] = work.fall[1] = step.price * (1.0 - d * terms.bound)
        elif d == BUY:
            work.fall[0] = step.price / (1.0 - d * terms.bound)
        else:
            work.rise[0] = step.price / (1.0 - d * terms.bound)
        return


# Told -------------------------------------------------------------------------------------------------------------


@compiled(part=True)
def _told(world, slot, order_slot, whole, price, amount, got, fee_quote):
    order, work = world.orders[order_slot], world.works[slot]
    if order.purpose != Purpose.ENTRY:
        target_hit(world, order_slot, price, amount, got, whole)
        return
    step = world.steps[work.first_step + order.tag]
    step.held += got
    step.whole = 1 if whole else step.whole
    entered(world, order_slot, price, amount, got, fee_quote)
    world.executors[slot].stop = _stop_price(world, slot)
    _wait(world, slot)


@compiled(part=True)
def _stop_price(world, slot):
    """A maker's stop counts once its ladder is whole; a taker's is a share of the whole plan."""
    executor, work = world.executors[slot], world.works[slot]
    terms, d = work.terms[0], executor.side
    if terms.mode == Mode.MAKER:
        for k in range(work.n_steps):
            if not world.steps[work.first_step + k].whole:
                return np.nan
        return executor.stop
    plan = 0.0
    for k in range(terms.n_levels):
        plan += terms.amounts[k]
    value, held = executor.entry_value, executor.entry_held
    if executor.net_of_fees:
        value = value + d * executor.entry_fees
        held = held * (1.0 - d * world.markets[executor.market].taker)
    return (value - d * terms.stop_loss * plan) / held
