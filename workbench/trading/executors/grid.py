"""The grid: levels of a range that open, close a step further on, and open again; docs/executors.md part 11."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY, ExecutorKind, OrderKind
from workbench.trading.calls import CREATE, STEP
from workbench.trading.executors.common import ask, extend, limit_time, make, say_no, set_barriers, start_exit
from workbench.trading.executors.ladder import can_carry, lives, note_order, take_steps
from workbench.trading.executors.position import follow
from workbench.trading.ledger import DUST, ROUND, cancel, take_in, take_out, to_lot, to_tick
from workbench.trading.world import NO_SLOT, CloseType, Purpose, Reason, StepState

SPARE = 1.05  # of a minimum, so that an order is not too small a little below


def grid(world, event, slot, n, m, x, y, z, w):
    """What the engine calls a grid for."""
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
    n, reason = 0, Reason.BAD_CONFIG
    if not _contradicts(terms, target.side):
        n, reason = _n_levels(world.markets[target.market], terms, price), Reason.TOO_SMALL
    if n > 0:
        reason = can_carry(world, target.market, target.side, terms.total / price, price)
    if reason != Reason.NONE:
        say_no(world, target.market, level, reason)
        return
    make(world, slot, ExecutorKind.GRID.value, target.market, level, target.side, NO_SLOT)
    limit_time(world, slot, terms.time_limit_ms)
    set_barriers(world.executors[slot], terms)
    extend(world, slot, target.config)
    if not take_steps(world, slot, n):
        return
    _lay_out(world, slot)
    if target.side == BUY:
        work.rise[0], work.fall[0] = terms.end, terms.limit
    else:
        work.fall[0], work.rise[0] = terms.start, terms.limit
    _step(world, slot, price, first_row)


@compiled(part=True)
def _contradicts(terms, side):
    rests = terms.kind == OrderKind.LIMIT or terms.kind == OrderKind.POST_ONLY
    if not (rests and 0.0 < terms.start < terms.end):
        return True
    outside = terms.limit < terms.start if side == BUY else terms.limit > terms.end
    if terms.limit == terms.limit and not outside:
        return True
    positive = terms.total > 0.0 and terms.min_spread > 0.0 and terms.min_order > 0.0
    gains = terms.take_profit > 0.0 or terms.coerce != 0
    return not (positive and gains and terms.max_open >= 1 and terms.max_batch >= 0 and 0.0 <= terms.safe < 1.0)


@compiled(part=True)
def _n_levels(market, terms, price):
    """How many levels money and range allow; 0 when the money does not do for one."""
    amount = max(terms.min_order, market.min_notional) * SPARE / price
    if market.lot > 0.0:
        amount = np.ceil(amount / market.lot - ROUND) * market.lot
    each = max(amount, market.min_amount) * price
    by_money = np.floor(terms.total / each + ROUND)
    by_range = np.floor((terms.end - terms.start) / terms.start / terms.min_spread + ROUND)
    return np.int64(0) if by_money < 1.0 else np.int64(max(1.0, min(by_money, by_range)))


@compiled(part=True)
def _lay_out(world, slot):
    work = world.works[slot]
    terms, n = work.terms[0], work.n_steps
    start, end = terms.start, terms.end
    spread = (end - start) / start if n == 1 else (end - start) / (n - 1) / start
    gain = terms.take_profit if terms.take_profit == terms.take_profit else 0.0
    work.gain = max(spread, gain) if terms.coerce else gain
    for k in range(n):
        step = world.steps[work.first_step + k]
        step.price = (start + end) / 2 if n == 1 else start + (end - start) * k / (n - 1)
        step.quote = terms.total / n


# Steps ------------------------------------------------------------------------------------------------------------


@compiled(part=True)
def _step(world, slot, price, first_row):
    executor, work = world.executors[slot], world.works[slot]
    _look_at_orders(world, slot)
    barrier, keeps = _touched(executor, work.terms[0], price, world.time_ms)
    if barrier != CloseType.NONE:
        start_exit(world, slot, barrier, keeps, first_row)
        return
    if executor.held > 0.0:
        follow(executor, price)
    _cancel_far(world, slot, price)
    _ask_closes(world, slot, price, first_row)
    _ask_opens(world, slot, price, first_row)
    work.awake = 1 if _wants_more(world, slot) else 0


@compiled(part=True)
def _touched(executor, terms, price, now):
    """The first barrier that this tick touches, and whether what is held is kept."""
    d, edge = executor.side, terms.end if executor.side == BUY else terms.start
    if executor.held > 0.0 and d * (price - executor.stop) <= 0.0:
        return CloseType.STOP_LOSS.value, 0
    if d * (price - terms.limit) <= 0.0:
        return (CloseType.EARLY_STOP.value, 1) if terms.keep else (CloseType.STOP_LOSS.value, 0)
    if now >= executor.deadline_ms:
        return CloseType.TIME_LIMIT.value, 0
    if executor.armed and d * (price - executor.trail) <= 0.0:
        return CloseType.TRAILING_STOP.value, 0
    return (CloseType.TAKE_PROFIT.value, 0) if d * (price - edge) >= 0.0 else (CloseType.NONE.value, 0)


@compiled(part=True)
def _look_at_orders(world, slot):
    """What has become of the orders of the steps."""
    work = world.works[slot]
    for k in range(work.first_step, work.first_step + work.n_steps):
        step = world.steps[k]
        if step.order == NO_SLOT or lives(world, step):
            continue
        closing = step.state == StepState.CLOSING
        if closing and step.whole:
            step.state = StepState.IDLE
        else:
            step.state = StepState.FILLED if closing or step.held > 0.0 else StepState.IDLE
        note_order(world, step, NO_SLOT)


@compiled(part=True)
def _cancel_far(world, slot, price):
    """Opens that the market has left behind."""
    executor, work = world.executors[slot], world.works[slot]
    if work.terms[0].bound != work.terms[0].bound:
        return
    for k in range(work.first_step, work.first_step + work.n_steps):
        step = world.steps[k]
        opening = step.state == StepState.OPENING and lives(world, step)
        if opening and world.orders[step.order].filled == 0.0 and not _is_near(executor, work, step, price):
            cancel(world, step.order)
    _look_at_orders(world, slot)


@compiled(leaf=True)
def _is_near(executor, work, step, price):
    bound = work.terms[0].bound
    return bound != bound or executor.side * (price - step.price) <= bound * price


@compiled(part=True)
def _ask_closes(world, slot, price, first_row):
    work = world.works[slot]
    for k in range(work.n_steps):
        if world.steps[work.first_step + k].state == StepState.FILLED:
            _ask_close(world, slot, k, price, first_row)


@compiled(part=True)
def _ask_close(world, slot, k, price, first_row):
    executor, work = world.executors[slot], world.works[slot]
    step, terms, d = world.steps[work.first_step + k], work.terms[0], executor.side
    if not to_lot(step.held, world.markets[executor.market].lot) > 0.0:
        step.state = StepState.IDLE
        return
    at = step.price * (1.0 + d * work.gain)
    if d * (price - at) >= 0.0:
        at = price * (1.0 + d * terms.safe)
    order = ask(
        world, slot, executor.market, -d, Purpose.TARGET.value, terms.kind, at, step.held, k, first_row
    )  # fmt: skip
    note_order(world, step, order)
    step.whole = 0
    step.state = StepState.FILLED if order == NO_SLOT else StepState.CLOSING
    if order == NO_SLOT:
        work.attempts += 1


@compiled(part=True)
def _ask_opens(world, slot, price, first_row):
    """Open idle levels, nearest first, as many as may live."""
    executor, work = world.executors[slot], world.works[slot]
    terms = work.terms[0]
    if work.last_open_ms >= 0 and world.time_ms - work.last_open_ms < terms.frequency_ms:
        return
    room = terms.max_open - _count(world, work, StepState.OPENING)
    room = min(room, terms.max_batch) if terms.max_batch else room
    for _ in range(room):
        k = _nearest_idle(world, executor, work, price)
        if k < 0 or not _ask_open(world, slot, k, price, first_row):
            return


@compiled(part=True)
def _count(world, work, state):
    count = 0
    for k in range(work.first_step, work.first_step + work.n_steps):
        count += 1 if world.steps[k].state == state else 0
    return count


@compiled(part=True)
def _nearest_idle(world, executor, work, price):
    best, nearest = -1, np.inf
    for k in range(work.n_steps):
        step = world.steps[work.first_step + k]
        away = abs(step.price - price)
        if step.state == StepState.IDLE and away < nearest and _is_near(executor, work, step, price):
            best, nearest = k, away
    return best


@compiled(part=True)
def _ask_open(world, slot, k, price, first_row):
    executor, work = world.executors[slot], world.works[slot]
    step, terms, d = world.steps[work.first_step + k], work.terms[0], executor.side
    at = step.price
    if d * (price - at) <= 0.0:
        at = price * (1.0 - d * terms.safe)
    at = to_tick(at, d, world.markets[executor.market].tick)
    amount = step.quote / at if at > 0.0 else 0.0
    order = ask(world, slot, executor.market, d, Purpose.ENTRY.value, terms.kind, at, amount, k, first_row)
    note_order(world, step, order)
    step.whole = 0
    work.last_open_ms = world.time_ms
    if order == NO_SLOT:
        work.attempts += 1
        return False
    step.state = StepState.OPENING
    return True


@compiled(part=True)
def _wants_more(world, slot):
    """Would a step at another price or time do something?"""
    work = world.works[slot]
    terms = work.terms[0]
    if terms.bound == terms.bound or _count(world, work, StepState.FILLED) > 0:
        return True
    return _count(world, work, StepState.IDLE) > 0 and _count(world, work, StepState.OPENING) < terms.max_open


# Told -------------------------------------------------------------------------------------------------------------


@compiled(part=True)
def _told(world, slot, order_slot, whole, price, amount, got, fee_quote):
    order, executor, work = world.orders[order_slot], world.executors[slot], world.works[slot]
    step = world.steps[work.first_step + order.tag]
    step.whole = whole
    if order.purpose == Purpose.ENTRY:
        take_in(world, order_slot, price, amount, got, fee_quote)
        step.held += got
        step.cost += price * amount
    else:
        take_out(executor, price, amount, got)
        before = step.held
        step.held -= got
        if abs(step.held) <= DUST * max(abs(before), got):
            step.held = 0.0
        step.cost = step.cost * step.held / before
    _sum_up(world, slot)


@compiled(part=True)
def _sum_up(world, slot):
    """What is held, its break-even and its barriers, afresh from the steps."""
    executor, work = world.executors[slot], world.works[slot]
    held, cost = 0.0, 0.0
    for k in range(work.first_step, work.first_step + work.n_steps):
        held += world.steps[k].held
        cost += world.steps[k].cost
    executor.held = held
    if not held > 0.0:
        executor.entry = executor.stop = executor.arming = np.nan
        executor.armed = 0
        return
    d = executor.side
    executor.entry = cost / held
    executor.stop = executor.entry * (1.0 - d * executor.stop_loss)
    executor.arming = executor.entry * (1.0 + d * executor.trailing_activation)
    executor.distance = executor.entry * executor.trailing_delta
