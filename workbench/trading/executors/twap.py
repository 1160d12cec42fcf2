"""TWAP: a sum of quote currency, an order each slot of time; docs/executors.md part 10."""

from __future__ import annotations

from workbench.compiled import compiled
from workbench.market import ExecutorKind, Mode, OrderKind
from workbench.trading.calls import CREATE, STEP
from workbench.trading.executors.common import ask, extend, limit_time, make, say_no, start_exit
from workbench.trading.executors.ladder import is_small
from workbench.trading.ledger import cancel_all, finish, take_in, to_lot, to_tick
from workbench.trading.world import NEVER, NO_SLOT, CloseType, Purpose, Reason


def twap(world, event, slot, n, m, x, y, z, w):
    """What the engine calls a TWAP for."""
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
    if _contradicts(terms):
        say_no(world, target.market, level, Reason.BAD_CONFIG)
        return
    make(world, slot, ExecutorKind.TWAP.value, target.market, level, target.side, NO_SLOT)
    limit_time(world, slot, terms.time_limit_ms)
    extend(world, slot, target.config)
    _step(world, slot, price, first_row)
    market = world.markets[target.market]
    market.deadline_ms = min(market.deadline_ms, work.due_ms)


@compiled(part=True)
def _contradicts(terms):
    timed = terms.total > 0.0 and terms.interval_ms > 0 and 0.0 <= terms.buffer < 1.0
    rests = terms.kind == OrderKind.LIMIT or terms.kind == OrderKind.POST_ONLY
    return not (timed and (terms.mode == Mode.TAKER or rests))


@compiled(part=True)
def _step(world, slot, price, first_row):
    executor, work = world.executors[slot], world.works[slot]
    if world.time_ms >= executor.deadline_ms:
        start_exit(world, slot, CloseType.TIME_LIMIT.value, 1, first_row)
        return
    _use_slots(world, slot)
    if executor.live == 0:
        if work.left > 0.0:
            _ask_slot(world, slot, price, first_row)
        if work.used == _n_slots(work.terms[0]) and work.left == 0.0 and executor.live == 0:
            executor.close_type, executor.last_exit = CloseType.COMPLETED, price
            finish(world, slot)
            return
    work.awake = 1 if work.left > 0.0 and executor.live == 0 else 0
    work.due_ms = _due(executor, work)


@compiled(leaf=True)
def _n_slots(terms):
    return terms.duration_ms // terms.interval_ms + 1


@compiled(part=True)
def _use_slots(world, slot):
    """Plan the slots that have come due, in one order; or ask anew for what has lain too long."""
    executor, work = world.executors[slot], world.works[slot]
    terms, n = work.terms[0], _n_slots(work.terms[0])
    slots = min(n, 1 + (world.time_ms - executor.created_ms) // terms.interval_ms)
    if slots > work.used:
        work.left = (terms.total - executor.entry_value) * (slots - work.used) / (n - work.used)
        work.used = slots
        cancel_all(world, slot)
    elif _lay_long(executor, work, world.time_ms):
        cancel_all(world, slot)


@compiled(leaf=True)
def _lay_long(executor, work, now):
    terms = work.terms[0]
    timed = executor.live > 0 and terms.mode == Mode.MAKER and terms.resubmit_ms > 0
    return timed and now - work.last_open_ms >= terms.resubmit_ms


@compiled(part=True)
def _ask_slot(world, slot, price, first_row):
    executor, work = world.executors[slot], world.works[slot]
    market, terms, d, kind = world.markets[executor.market], work.terms[0], executor.side, OrderKind.MARKET.value
    if terms.mode == Mode.MAKER:
        kind, price = terms.kind, to_tick(price * (1.0 - d * terms.buffer), d, market.tick)
    amount = to_lot(work.left / price, market.lot) if price > 0.0 else 0.0
    if not amount > 0.0 or is_small(market, amount, price):
        work.left = 0.0
        return
    order = ask(world, slot, executor.market, d, Purpose.ENTRY.value, kind, price, amount, 0, first_row)
    executor.entry_order = order
    work.last_open_ms = world.time_ms
    if order == NO_SLOT:
        work.attempts += 1


@compiled(part=True)
def _due(executor, work):
    """When time next has something to do: the next slot, or the resubmission of an order."""
    terms = work.terms[0]
    due = executor.created_ms + work.used * terms.interval_ms if work.used < _n_slots(terms) else NEVER
    if executor.live > 0 and terms.mode == Mode.MAKER and terms.resubmit_ms > 0:
        due = min(due, work.last_open_ms + terms.resubmit_ms)
    return due


@compiled(part=True)
def _told(world, slot, order_slot, whole, price, amount, got, fee_quote):
    take_in(world, order_slot, price, amount, got, fee_quote)
    work = world.works[slot]
    work.left = 0.0 if whole else work.left - price * amount
