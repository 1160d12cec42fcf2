"""What all executors have in common: how they are made, asked, stopped and wound up; docs/executors.md part 8."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY, LADDER, ExecutorKind, OrderKind, Sizing
from workbench.trading.ledger import cancel_all, closable_base, finish, forget_waits, is_spot, to_lot
from workbench.trading.orders import open_order
from workbench.trading.owners import note_created, owner_of, policy_of, seen_level
from workbench.trading.risk import refuse
from workbench.trading.world import MAX_CONFIGS, NEVER, NO_SLOT, CloseType, Phase, Purpose, Reason

REPEATS = 10  # to get an exit order filled


# Making one -----------------------------------------------------------------------------------------------------


@compiled(part=True)
def free_slot(world):
    """The lowest slot without an executor; NO_SLOT stops the run."""
    for slot in range(world.executors_top):
        if world.executors[slot].phase == Phase.FREE:
            return slot
    if world.executors_top >= world.executors.shape[0]:
        world.code = Reason.FULL
        return NO_SLOT
    return world.executors_top


@compiled(part=True)
def make(world, slot, kind, m, level, side, order):
    """Begin an executor whose entry is in the slot `order`, or NO_SLOT; its terms are set after this."""
    executor = world.executors[slot]
    executor.id = world.next_executor
    world.next_executor += 1
    world.executors_top = max(world.executors_top, slot + 1)
    executor.kind, executor.market, executor.level, executor.side = kind, m, level, side
    executor.phase, executor.close_type, executor.config = Phase.ENTERING, CloseType.NONE, -1
    executor.created_ms, executor.created_row = world.time_ms, world.row
    executor.entered_row = executor.closed_row = executor.entered_ms = executor.closed_ms = -1
    executor.entry_order, executor.exit_order, executor.target_order = order, NO_SLOT, NO_SLOT
    executor.live = 0 if order == NO_SLOT else 1
    executor.repeats = executor.armed = executor.target_asked = 0
    executor.keeps = executor.extended = 0
    executor.controller = owner_of(world, level)
    executor.held = executor.entry = executor.entry_amount = executor.entry_value = 0.0
    executor.entry_held = executor.entry_fees = 0.0
    executor.exit_amount = executor.exit_value = executor.fees = executor.fees_quote = executor.last_exit = 0.0
    executor.stop = executor.target = executor.arming = executor.distance = executor.peak = executor.trail = np.nan
    world.n_pairs += 1 if kind >= ExecutorKind.ARBITRAGE else 0
    note_created(world, slot)
    if world.tells_levels:
        _tell_level(world, executor)


@compiled(part=True)
def _tell_level(world, executor):
    seen = seen_level(world, executor.level)
    seen.id, seen.phase, seen.close_type = executor.id, Phase.ENTERING, CloseType.NONE
    seen.created_ms, seen.closed_ms, seen.held, seen.pnl = executor.created_ms, -1, 0.0, 0.0
    seen.at_work += 1


@compiled(part=True)
def limit_time(world, slot, time_limit_ms):
    """Set the deadline of a new executor; 0 is none."""
    executor = world.executors[slot]
    limited = 0 < time_limit_ms < NEVER - world.time_ms
    executor.deadline_ms = world.time_ms + time_limit_ms if limited else NEVER
    market = world.markets[executor.market]
    market.deadline_ms = min(market.deadline_ms, executor.deadline_ms)


@compiled(part=True)
def extend(world, slot, config):
    """Say that an executor goes by its work record, which has its terms; it is stepped in the next row."""
    executor, work = world.executors[slot], world.works[slot]
    executor.extended, executor.config = 1, config
    work.attempts = work.rejected = work.awake = work.first_step = work.n_steps = work.used = 0
    work.left = work.gain = work.hedged = 0.0
    work.last_open_ms = -1
    forget_waits(work)
    market = world.markets[executor.market]
    market.wake_row = min(market.wake_row, world.row + 1)


@compiled(part=True)
def set_barriers(executor, terms):
    """The barriers of a config."""
    executor.stop_loss, executor.take_profit = terms.stop_loss, terms.take_profit
    executor.trailing_activation, executor.trailing_delta = terms.trailing_activation, terms.trailing_delta
    executor.target_kind, executor.net_of_fees = terms.take_profit_kind, terms.net_of_fees


@compiled(part=True)
def resolve(world, target, work):
    """Write the terms of a target: its config, scaled by its price and size, its own barriers before the config's."""
    row = target.config if target.config >= 0 else MAX_CONFIGS
    work.terms[0] = world.configs[row]
    work.entry[0] = target
    terms = work.terms[0]
    if target.config < 0:
        policy = policy_of(world)
        terms.net_of_fees, terms.take_profit_kind = policy.net_of_fees, policy.take_profit_kind
    if target.stop_loss == target.stop_loss:
        terms.stop_loss = target.stop_loss
    if target.take_profit == target.take_profit:
        terms.take_profit = target.take_profit
    if target.trailing_activation == target.trailing_activation:
        terms.trailing_activation = target.trailing_activation
    if target.trailing_delta == target.trailing_delta:
        terms.trailing_delta = target.trailing_delta
    if target.time_limit_ms > 0:
        terms.time_limit_ms = target.time_limit_ms
    if target.executor < ExecutorKind.ARBITRAGE:
        terms.market2 = -1
    if target.executor > ExecutorKind.ORDER:
        _scale(terms, target.price, target.size)


@compiled(part=True)
def _scale(terms, price, size):
    levels = min(max(terms.n_levels, 0), LADDER)
    if price == price:
        terms.start, terms.end, terms.limit = terms.start * price, terms.end * price, terms.limit * price
        for k in range(levels):
            terms.prices[k] *= price
    if size == size:
        terms.total, terms.amount = terms.total * size, terms.amount * size
        for k in range(levels):
            terms.amounts[k] *= size


@compiled(part=True)
def contradicts(terms):
    """Does a config say what no executor can do?"""
    if contradict(terms.stop_loss, terms.take_profit, terms.trailing_activation, terms.trailing_delta):
        return True
    if terms.retries < 0 or terms.bound < 0.0:
        return True
    if min(terms.time_limit_ms, terms.frequency_ms, terms.duration_ms, terms.interval_ms, terms.resubmit_ms) < 0:
        return True
    return not (_are_finite(terms) and _may_be_finite(terms))


@compiled(leaf=True)
def contradict(stop_loss, take_profit, activation, delta):
    """Is there a trailing stop that is told half, or a barrier that is infinitely far?"""
    furthest = max(max(_size(stop_loss), _size(take_profit)), max(_size(activation), _size(delta)))
    return (activation == activation) != (delta == delta) or furthest == np.inf


@compiled(part=True)
def _are_finite(terms):
    sums = terms.total + terms.min_spread + terms.min_order + terms.safe + terms.buffer + terms.amount
    return abs(sums) < np.inf


@compiled(part=True)
def _may_be_finite(terms):
    """NaN is none; infinite is nonsense."""
    chased = max(_size(terms.bound), _size(terms.distance), _size(terms.refresh))
    ranged = max(_size(terms.start), _size(terms.end), _size(terms.limit))
    gains = max(_size(terms.min_profit), _size(terms.target_profit), _size(terms.max_profit))
    return max(chased, ranged, gains) < np.inf


@compiled(leaf=True)
def _size(value):
    return abs(value) if value == value else 0.0


@compiled(part=True)
def say_no(world, m, level, reason):
    """Refuse to make an executor for a level."""
    refuse(world, m, level, -1, reason)


# Orders ---------------------------------------------------------------------------------------------------------


@compiled(part=True)
def ask(world, slot, m, side, purpose, kind, price, amount, tag, first_row):
    """Ask for an order of an executor, in base units; its slot, or NO_SLOT when it was refused."""
    order = open_order(
        world, m, slot, world.executors[slot].level, purpose, side, kind, price, 0.0, amount, Sizing.BASE.value,
        first_row,
    )  # fmt: skip
    if order != NO_SLOT:
        world.orders[order].tag = tag
    return order


# Ends -----------------------------------------------------------------------------------------------------------


@compiled(part=True)
def start_exit(world, slot, close_type, keeps, first_row):
    """Cancel what lives, then wind up."""
    executor = world.executors[slot]
    executor.phase, executor.close_type, executor.keeps = Phase.EXITING, close_type, keeps
    cancel_all(world, slot)
    wind_up(world, slot, first_row)


@compiled(part=True)
def wind_up(world, slot, first_row):
    """Sell what is held with a market order, once no order of the executor lives; or keep it."""
    executor = world.executors[slot]
    if executor.live > 0:
        return
    market = world.markets[executor.market]
    if executor.keeps:
        if executor.close_type == CloseType.EARLY_STOP and executor.held > 0.0:
            executor.close_type = CloseType.POSITION_HOLD
        executor.last_exit = market.last
        finish(world, slot)
        return
    amount = executor.held
    if executor.side == BUY and is_spot(world, executor.market):
        amount = min(amount, closable_base(world, executor.market))
    whole = to_lot(amount, market.lot)
    if not whole > 0.0:
        executor.last_exit = market.last
        finish(world, slot)
        return
    amount = largest_part(world, executor.market, whole)
    executor.exit_order = ask(
        world, slot, executor.market, -executor.side, Purpose.EXIT.value, OrderKind.MARKET.value, 0.0, amount, 0,
        first_row,
    )  # fmt: skip
    if executor.exit_order == NO_SLOT:
        market.wake_row = min(market.wake_row, world.row + 1)
    elif amount < whole:
        world.orders[executor.exit_order].part = 1


@compiled(leaf=True)
def largest_part(world, m, amount):
    """How much of an exit one order may be; a plain market has no largest order."""
    return amount


@compiled(part=True)
def repeat_exit(world, slot, first_row):
    """Wind up again, once nothing of it lives; not for ever."""
    executor = world.executors[slot]
    if executor.live > 0:
        return
    if executor.repeats == REPEATS and not executor.keeps:
        executor.close_type, executor.last_exit = CloseType.FAILED, world.markets[executor.market].last
        finish(world, slot)
        return
    executor.repeats += 1
    wind_up(world, slot, first_row)


@compiled(part=True)
def always_keeps(kind):
    """Does this kind exist to change a position, so that a stop leaves it?"""
    return kind == ExecutorKind.ORDER or kind == ExecutorKind.TWAP
