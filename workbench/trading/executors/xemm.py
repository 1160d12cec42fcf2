"""Cross-exchange market making: an order here, hedged there as it fills; docs/executors.md 12.2."""

from __future__ import annotations

from workbench.compiled import compiled
from workbench.market import BUY, ExecutorKind, OrderKind
from workbench.trading.calls import CREATE, HALT, STEP
from workbench.trading.executors.common import say_no
from workbench.trading.executors.ladder import is_small
from workbench.trading.executors.pairs import (
    are_comparable,
    ask_leg,
    begin,
    book_leg,
    finish_pair,
    have_rates,
    other_market,
    rate_of,
    take_leg,
    taker_price,
)
from workbench.trading.ledger import cancel, cancel_all, to_lot, to_tick
from workbench.trading.world import NO_SLOT, CloseType, Phase, Reason


def xemm(world, event, slot, n, m, x, y, z, w):
    """What the engine calls a cross-exchange market maker for."""
    if event == CREATE:
        _create(world, slot, n)
    elif event == STEP:
        _step(world, slot, m)
    elif event == HALT:
        _stop(world, slot, CloseType.EARLY_STOP.value, n, m)
    else:
        if world.executors[slot].phase == Phase.ENTERING:
            world.executors[slot].phase = Phase.HOLDING
        book_leg(world, slot, n, x, y, z, w)
    return 0


@compiled(part=True)
def _create(world, slot, level):
    target, terms = world.works[slot].entry[0], world.works[slot].terms[0]
    if _contradicts(terms, target.market):
        say_no(world, target.market, level, Reason.BAD_CONFIG)
        return
    if not have_rates(world, slot):
        say_no(world, target.market, level, Reason.NO_RATE)
        return
    market = world.markets[target.market]
    amount = to_lot(terms.amount, market.lot)
    if not amount > 0.0 or is_small(market, amount, market.last):
        say_no(world, target.market, level, Reason.TOO_SMALL)
        return
    begin(world, slot, ExecutorKind.XEMM.value, level)


@compiled(part=True)
def _contradicts(terms, m):
    rests = terms.kind == OrderKind.LIMIT or terms.kind == OrderKind.POST_ONLY
    in_order = terms.min_profit <= terms.target_profit and not terms.target_profit > terms.max_profit
    return not (rests and terms.market2 != m and in_order and terms.amount > 0.0 and terms.target_profit > -1.0)


@compiled(part=True)
def _step(world, slot, first_row):
    """Once a row, at its close."""
    executor, work = world.executors[slot], world.works[slot]
    if work.attempts > work.terms[0].retries:
        _give_up(world, slot)
    elif executor.phase != Phase.EXITING and world.time_ms >= executor.deadline_ms:
        _stop(world, slot, CloseType.TIME_LIMIT.value, 0, first_row)
    else:
        _go_on(world, slot, first_row)


@compiled(part=True)
def _go_on(world, slot, first_row):
    executor = world.executors[slot]
    hedged = _hedge(world, slot, first_row)
    over = executor.phase == Phase.EXITING or _rest_of(world, slot) == 0.0
    if over and executor.live == 0 and hedged:
        finish_pair(world, slot, executor.close_type if executor.phase == Phase.EXITING else CloseType.COMPLETED.value)
    elif executor.phase != Phase.EXITING:
        _quote(world, slot, first_row)


@compiled(part=True)
def _give_up(world, slot):
    """Nothing more is asked for; it ends when nothing of it lives."""
    executor = world.executors[slot]
    cancel_all(world, slot)
    executor.phase, executor.close_type, executor.keeps = Phase.EXITING, CloseType.FAILED, 1
    if executor.live == 0:
        finish_pair(world, slot, CloseType.FAILED.value)


@compiled(part=True)
def _stop(world, slot, close_type, keep, first_row):
    executor = world.executors[slot]
    cancel_all(world, slot)
    executor.phase, executor.close_type, executor.keeps = Phase.EXITING, close_type, keep
    _go_on(world, slot, first_row)


@compiled(part=True)
def _hedge(world, slot, first_row):
    """Hedge what has filled, once it is enough for the taker; False when that was refused."""
    executor, work = world.executors[slot], world.works[slot]
    market = world.markets[other_market(world, slot)]
    if executor.keeps or executor.exit_order != NO_SLOT:
        return True
    amount = to_lot(executor.held - work.hedged, market.lot)
    if not amount > 0.0 or is_small(market, amount, market.last):
        return True
    executor.exit_order = take_leg(world, slot, 1, 0, amount, first_row)
    if executor.exit_order == NO_SLOT:
        work.attempts += 1
        return False
    return True


@compiled(part=True)
def _rest_of(world, slot):
    """What the maker has still to fill; 0 when it is not worth an order."""
    executor = world.executors[slot]
    market = world.markets[executor.market]
    rest = to_lot(world.works[slot].terms[0].amount - executor.entry_amount, market.lot)
    return rest if rest > 0.0 and not is_small(market, rest, market.last) else 0.0


@compiled(part=True)
def _quote(world, slot, first_row):
    executor, work = world.executors[slot], world.works[slot]
    known = are_comparable(world, slot)
    resting = executor.entry_order
    if resting != NO_SLOT and not (known and _is_worth(world, slot, world.orders[resting].price)):
        cancel(world, resting)
    rest = _rest_of(world, slot)
    if not known or rest == 0.0 or executor.entry_order != NO_SLOT:
        return
    price = to_tick(_target_price(world, slot), executor.side, world.markets[executor.market].tick)
    executor.entry_order = ask_leg(world, slot, 0, 0, work.terms[0].kind, price, rest, first_row)
    if executor.entry_order == NO_SLOT:
        work.attempts += 1


@compiled(part=True)
def _is_worth(world, slot, price):
    gain, terms = _profit_at(world, slot, price), world.works[slot].terms[0]
    return not (gain < terms.min_profit or gain > terms.max_profit)


@compiled(part=True)
def _profit_at(world, slot, price):
    """What a fill at a maker's price earns when it is hedged now."""
    executor, second = world.executors[slot], other_market(world, slot)
    first, hedge = executor.market, taker_price(world, second, -executor.side)
    maker, taker = world.markets[first].maker, world.markets[second].taker
    if executor.side == BUY:
        earned = hedge * (1.0 - taker) * rate_of(world, second)
        paid = price * (1.0 + maker) * rate_of(world, first)
    else:
        earned = price * (1.0 - maker) * rate_of(world, first)
        paid = hedge * (1.0 + taker) * rate_of(world, second)
    return earned / paid - 1.0


@compiled(part=True)
def _target_price(world, slot):
    """The maker's price at which that is the target."""
    executor, second = world.executors[slot], other_market(world, slot)
    first, gain = executor.market, world.works[slot].terms[0].target_profit
    hedge = taker_price(world, second, -executor.side)
    maker, taker = world.markets[first].maker, world.markets[second].taker
    if executor.side == BUY:
        earned = hedge * (1.0 - taker) * rate_of(world, second)
        return earned / (rate_of(world, first) * (1.0 + maker) * (1.0 + gain))
    paid = hedge * (1.0 + taker) * rate_of(world, second) * (1.0 + gain)
    return paid / (rate_of(world, first) * (1.0 - maker))
