"""The position executor: an entry, and the first of its barriers to be touched.

Fields and meanings are Hummingbot's triple barrier (stop loss, take profit, time limit, trailing stop); the steps are
docs/execution.md part 6. A partially filled entry is protected like a full one.
"""

from __future__ import annotations

from workbench.compiled import compiled
from workbench.market import BUY, OrderKind, Sizing
from workbench.trading.ledger import closable_base, finish, is_spot, to_lot
from workbench.trading.orders import cancel, open_order
from workbench.trading.world import NEVER, NO_SLOT, CloseType, Phase, Purpose, Reason

ATTEMPTS = 10  # to get an exit order filled


@compiled(part=True)
def enter(world, target, level, first_row):
    """Create an executor with its entry order; nothing is made when the order is refused."""
    slot = _free_slot(world)
    if slot == NO_SLOT:
        return
    executor, policy = world.executors[slot], world.policy[0]
    executor.id = world.next_executor
    order = open_order(
        world, target.market, slot, level, Purpose.ENTRY.value, target.side, target.kind,
        target.price, target.trigger, target.size, target.sizing, first_row,
    )  # fmt: skip
    if order == NO_SLOT:
        return
    world.next_executor += 1
    world.executors_top = max(world.executors_top, slot + 1)
    executor.market, executor.level, executor.side = target.market, level, target.side
    executor.phase, executor.close_type = Phase.ENTERING, CloseType.NONE
    executor.created_ms, executor.created_row = world.time_ms, world.row
    executor.entered_row = executor.closed_row = executor.entered_ms = executor.closed_ms = -1
    limited = 0 < target.time_limit_ms < NEVER - world.time_ms
    executor.deadline_ms = world.time_ms + target.time_limit_ms if limited else NEVER
    executor.stop_loss, executor.take_profit = target.stop_loss, target.take_profit
    executor.trailing_activation, executor.trailing_delta = target.trailing_activation, target.trailing_delta
    executor.target_kind, executor.net_of_fees = policy.take_profit_kind, policy.net_of_fees
    executor.entry_order, executor.exit_order, executor.target_order = order, NO_SLOT, NO_SLOT
    executor.attempts = executor.armed = executor.target_asked = 0
    _forget_money(executor)
    market = world.markets[target.market]
    market.last_created_ms[1 if target.side == BUY else 0] = world.time_ms
    market.deadline_ms = min(market.deadline_ms, executor.deadline_ms)


@compiled(part=True)
def _forget_money(executor):
    executor.held = executor.entry = executor.entry_amount = executor.entry_value = 0.0
    executor.entry_held = executor.entry_fees = 0.0
    executor.exit_amount = executor.exit_value = executor.fees = executor.fees_quote = executor.last_exit = 0.0
    executor.stop = executor.target = executor.arming = executor.distance = executor.peak = executor.trail = 0.0


@compiled(part=True)
def _free_slot(world):
    for slot in range(world.executors_top):
        if world.executors[slot].phase == Phase.FREE:
            return slot
    if world.executors_top >= world.executors.shape[0]:
        world.code = Reason.FULL
        return NO_SLOT
    return world.executors_top


@compiled
def step(world, slot, price, first_row):
    """Advance one executor by one tick; orders that it asks for are active from `first_row`."""
    executor, now = world.executors[slot], world.time_ms
    if executor.phase == Phase.ENTERING:
        _wait_for_entry(world, slot, now)
    elif executor.phase == Phase.HOLDING:
        barrier = touched(executor, price, now)
        if barrier != CloseType.NONE:
            leave(world, slot, barrier, first_row)
        else:
            _keep(world, slot, price, first_row)
    elif executor.phase == Phase.EXITING and executor.exit_order == NO_SLOT:
        _ask_again(world, slot, first_row)


@compiled(part=True)
def _wait_for_entry(world, slot, now):
    executor = world.executors[slot]
    if now >= executor.deadline_ms:
        cancel(world, executor.entry_order)
        executor.close_type = CloseType.TIME_LIMIT
        finish(world, slot)
    elif executor.entry_order == NO_SLOT:
        executor.close_type = CloseType.FAILED
        finish(world, slot)


@compiled(part=True)
def touched(executor, price, now):
    """The barrier that this tick touches. The stop is asked first: when one tick shows two, believe the worse."""
    d = executor.side
    if d * (price - executor.stop) <= 0.0:
        return CloseType.STOP_LOSS
    if executor.armed and d * (price - executor.trail) <= 0.0:
        return CloseType.TRAILING_STOP
    if executor.target_kind == OrderKind.MARKET and d * (price - executor.target) >= 0.0:
        return CloseType.TAKE_PROFIT
    if now >= executor.deadline_ms:
        return CloseType.TIME_LIMIT
    return CloseType.NONE


@compiled(leaf=True)
def _keep(world, slot, price, first_row):
    executor = world.executors[slot]
    d = executor.side
    if not executor.armed and d * (price - executor.arming) >= 0.0:
        executor.armed, executor.peak = 1, price
    if executor.armed:
        executor.peak = max(executor.peak, price) if d == BUY else min(executor.peak, price)
        executor.trail = executor.peak - d * executor.distance
    rests = executor.target_kind == OrderKind.LIMIT and executor.target == executor.target
    if rests and not executor.target_asked:
        executor.target_asked = 1
        executor.target_order = open_order(
            world, executor.market, slot, executor.level, Purpose.TARGET.value, -d, OrderKind.LIMIT.value,
            executor.target, 0.0, executor.held, Sizing.BASE.value, first_row,
        )  # fmt: skip


@compiled(part=True)
def leave(world, slot, barrier, first_row):
    """Close what an executor holds with a market order, after cancelling its other orders."""
    executor = world.executors[slot]
    executor.close_type = barrier
    cancel(world, executor.entry_order)
    cancel(world, executor.target_order)
    executor.entry_order = executor.target_order = NO_SLOT
    executor.phase = Phase.EXITING
    _ask_exit(world, slot, first_row)


@compiled(part=True)
def halt(world, slot, first_row):
    """Stop an executor early: its orders are cancelled and what it holds is sold."""
    executor = world.executors[slot]
    if executor.phase == Phase.HOLDING:
        leave(world, slot, CloseType.EARLY_STOP, first_row)
        return
    cancel(world, executor.entry_order)
    executor.close_type = CloseType.EARLY_STOP
    finish(world, slot)


@compiled(part=True)
def _ask_exit(world, slot, first_row):
    executor = world.executors[slot]
    market = world.markets[executor.market]
    amount = executor.held
    if executor.side == BUY and is_spot(world, executor.market):
        amount = min(amount, closable_base(world, executor.market))
    amount = to_lot(amount, market.lot)
    if not amount > 0.0:
        executor.last_exit = market.last
        finish(world, slot)
        return
    executor.exit_order = open_order(
        world, executor.market, slot, executor.level, Purpose.EXIT.value, -executor.side, OrderKind.MARKET.value,
        0.0, 0.0, amount, Sizing.BASE.value, first_row,
    )  # fmt: skip
    if executor.exit_order == NO_SLOT:
        market.wake_row = min(market.wake_row, world.row + 1)


@compiled(part=True)
def _ask_again(world, slot, first_row):
    executor = world.executors[slot]
    executor.attempts += 1
    if executor.attempts > ATTEMPTS:
        executor.close_type, executor.last_exit = CloseType.FAILED, world.markets[executor.market].last
        finish(world, slot)
        return
    _ask_exit(world, slot, first_row)
