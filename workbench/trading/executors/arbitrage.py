"""Arbitrage: both legs at once, and a policy for the one that is missing; docs/executors.md 12.1."""

from __future__ import annotations

from workbench.compiled import compiled
from workbench.market import BUY, ExecutorKind, LegPolicy
from workbench.trading.calls import CREATE, HALT, STEP
from workbench.trading.executors.common import REPEATS, say_no
from workbench.trading.executors.pairs import (
    are_comparable,
    begin,
    book_leg,
    finish_pair,
    have_rates,
    other_market,
    rate_of,
    take_leg,
    taker_price,
)
from workbench.trading.ledger import cancel_all, equity, to_lot
from workbench.trading.risk import approve, refuse
from workbench.trading.world import NO_SLOT, CloseType, Phase, Reason


def arbitrage(world, event, slot, n, m, x, y, z, w):
    """What the engine calls an arbitrage for."""
    if event == CREATE:
        _create(world, slot, n)
    elif event == STEP:
        _step(world, slot, m)
    elif event == HALT:
        _stop(world, slot, CloseType.EARLY_STOP.value, n, m)
    else:
        book_leg(world, slot, n, x, y, z, w)
    return 0


@compiled(part=True)
def _create(world, slot, level):
    work = world.works[slot]
    target, terms = work.entry[0], work.terms[0]
    if terms.market2 == target.market or not terms.amount > 0.0 or terms.min_profit != terms.min_profit:
        say_no(world, target.market, level, Reason.BAD_CONFIG)
        return
    if not have_rates(world, slot):
        say_no(world, target.market, level, Reason.NO_RATE)
        return
    amount = to_lot(terms.amount, world.markets[target.market].lot)
    amount = to_lot(amount, world.markets[terms.market2].lot)
    if not amount > 0.0:
        say_no(world, target.market, level, Reason.TOO_SMALL)
        return
    begin(world, slot, ExecutorKind.ARBITRAGE.value, level)
    work.left = amount


@compiled(part=True)
def _step(world, slot, first_row):
    """Once a row, at its close."""
    executor, work = world.executors[slot], world.works[slot]
    if executor.phase == Phase.EXITING:
        _unwind(world, slot, 1, first_row)
    elif work.attempts > work.terms[0].retries:
        _stop(world, slot, CloseType.FAILED.value, 0, first_row)
    elif executor.phase == Phase.HOLDING:
        _complete(world, slot, first_row)
    elif world.time_ms >= executor.deadline_ms:
        _stop(world, slot, CloseType.TIME_LIMIT.value, 0, first_row)
    elif are_comparable(world, slot) and _profit(world, slot) > work.terms[0].min_profit:
        _send(world, slot, first_row)


@compiled(part=True)
def _profit(world, slot):
    """What buying in one market and selling in the other earns now, after fees."""
    buy, sell = world.executors[slot].market, other_market(world, slot)
    if world.executors[slot].side != BUY:
        buy, sell = sell, buy
    earned = taker_price(world, sell, -1) * (1.0 - world.markets[sell].taker) * rate_of(world, sell)
    paid = taker_price(world, buy, 1) * (1.0 + world.markets[buy].taker) * rate_of(world, buy)
    return earned / paid - 1.0


@compiled(part=True)
def _send(world, slot, first_row):
    """Both legs or none."""
    executor, work = world.executors[slot], world.works[slot]
    second = other_market(world, slot)
    for tag in range(2):
        m, side = (second, -executor.side) if tag else (executor.market, executor.side)
        reason = approve(world, m, side, work.left, world.markets[m].last, False, equity(world))
        if reason != Reason.NONE:
            refuse(world, m, executor.level, executor.id, reason)
            work.attempts += 1
            return
    executor.phase = Phase.HOLDING
    for tag in range(2):
        _ask(world, slot, tag, work.left, first_row)


@compiled(part=True)
def _ask(world, slot, tag, amount, first_row):
    if take_leg(world, slot, tag, 0, amount, first_row) == NO_SLOT:
        world.works[slot].attempts += 1


@compiled(part=True)
def _complete(world, slot, first_row):
    """Wait for what lives; ask again for what is missing, or give it up."""
    executor, work = world.executors[slot], world.works[slot]
    if executor.live > 0:
        return
    here = to_lot(work.left - executor.entry_amount, world.markets[executor.market].lot)
    there = to_lot(work.left - executor.exit_amount, world.markets[other_market(world, slot)].lot)
    if here == 0.0 and there == 0.0:
        finish_pair(world, slot, CloseType.COMPLETED.value)
    elif work.terms[0].policy == LegPolicy.UNWIND:
        _stop(world, slot, CloseType.FAILED.value, 0, first_row)
    else:
        if here > 0.0:
            _ask(world, slot, 0, here, first_row)
        if there > 0.0:
            _ask(world, slot, 1, there, first_row)


@compiled(part=True)
def _stop(world, slot, close_type, keep, first_row):
    executor = world.executors[slot]
    cancel_all(world, slot)
    executor.phase, executor.close_type, executor.keeps = Phase.EXITING, close_type, keep
    _unwind(world, slot, 0, first_row)


@compiled(part=True)
def _unwind(world, slot, repeat, first_row):
    """Take back what one leg has more than the other."""
    executor = world.executors[slot]
    if executor.live > 0:
        return
    excess = executor.held - world.works[slot].hedged
    tag = 0 if excess > 0.0 else 1
    m = other_market(world, slot) if tag else executor.market
    amount = to_lot(abs(excess), world.markets[m].lot)
    if executor.keeps or not amount > 0.0:
        finish_pair(world, slot, executor.close_type)
    elif repeat and executor.repeats == REPEATS:
        finish_pair(world, slot, CloseType.FAILED.value)
    else:
        executor.repeats += repeat
        take_leg(world, slot, tag, 1, amount, first_row)
