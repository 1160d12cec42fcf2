"""Fills become positions, balances, fees and PnL. Nothing else moves money."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY, ExecutorKind, OrderKind
from workbench.trading.calls import TOLD, call_kernel
from workbench.trading.owners import seen_level
from workbench.trading.world import (
    FEE_IN_BASE,
    FEE_IN_COIN,
    MAKER,
    NEVER,
    NO_SLOT,
    POST_ONLY_QUOTE,
    QUOTE,
    CloseType,
    Phase,
    Purpose,
    Reason,
    Status,
)

ROUND = 1e-9  # of a lot: 0.3 / 0.1 is 2.9999999999999996 lots, and means three
TARGET_MADE, TARGET_REFUSED = 1, 2  # whether a target at limit was asked for, and what came of it
DUST = 1e-12  # base units, and share of a trade; less is what sums of floats leave behind


@compiled
def equity(world):
    """Quote balance plus every position at its market's last price."""
    return total_equity(world)


@compiled(part=True)
def total_equity(world):
    """`equity`, of any kind of world."""
    total = world.quote
    for m in range(world.n_markets):
        market = world.markets[m]
        if market.position != 0.0:
            total += market.position * market.last
    return total


@compiled(leaf=True)
def account_of(world, m):
    """Equity of the purse that a market trades from; there is one."""
    return total_equity(world)


@compiled(leaf=True)
def is_spot(world, m):
    """Does a market's purse hold what it buys, and nothing that is borrowed?"""
    return not world.margin


@compiled(part=True)
def free_quote(world, m):
    """Quote balance less what resting buys have set aside."""
    reserved = 0.0
    for slot in range(world.orders_top):
        order = world.orders[slot]
        if order.status == Status.OPEN and order.side == BUY:
            reserved += order.reserved
    return world.quote - reserved


@compiled(part=True)
def free_base(world, m):
    """Base that a new order may sell: not what resting sells have set aside, nor what long executors hold."""
    taken = 0.0
    for slot in range(world.orders_top):
        order = world.orders[slot]
        if order.purpose != Purpose.EXIT and order.purpose != Purpose.TARGET:
            taken += _set_aside(order, m)
    for slot in range(world.executors_top):
        executor = world.executors[slot]
        held_here = executor.phase != Phase.FREE and executor.market == m and executor.kind < ExecutorKind.ARBITRAGE
        if held_here and executor.side == BUY:
            taken += executor.held
    return world.markets[m].position - taken


@compiled(part=True)
def closable_base(world, m):
    """Base that an executor may sell to close: all but what resting sells have set aside."""
    taken = 0.0
    for slot in range(world.orders_top):
        taken += _set_aside(world.orders[slot], m)
    return world.markets[m].position - taken


@compiled(leaf=True)
def _set_aside(order, m):
    return order.reserved if order.status == Status.OPEN and order.side != BUY and order.market == m else 0.0


@compiled(leaf=True)
def to_lot(amount, lot):
    """Round an amount down to the lot; without one, only dust becomes nothing."""
    if lot > 0.0:
        return np.floor(amount / lot + ROUND) * lot
    return amount if amount >= DUST else 0.0


@compiled(leaf=True)
def to_tick(price, side, tick):
    """Round a limit price away from the market: a buy down, a sell up."""
    if not tick > 0.0:
        return price
    return np.floor(price / tick + ROUND) * tick if side == BUY else np.ceil(price / tick - ROUND) * tick


@compiled(leaf=True)
def reserve(world, order):
    """Set aside what a resting order will need; only a spot account does."""
    if not is_spot(world, order.market):
        return
    if order.side == BUY:
        order.reserved = order.amount * order.price * (1.0 + world.markets[order.market].taker)
    else:
        order.reserved = order.amount


@compiled
def settle(world, slot, price, amount, maker):
    """Book one fill of the order in `slot`: money, position, executor, journal; close the order when it is complete."""
    order = world.orders[slot]
    market = world.markets[order.market]
    open_amount = order.amount - order.filled
    complete = amount >= open_amount * (1.0 - 1e-12)
    order.reserved *= 0.0 if complete else 1.0 - amount / open_amount
    fee, worth, in_base, in_coin = charge(world, order, amount, price, market.maker if maker else market.taker)
    order.filled += amount
    whole_quote = complete and maker and order.purpose == Purpose.QUOTE and order.filled == amount
    whole_quote = whole_quote and not is_special(world, order)
    write_fill(world, order, price, amount, fee, maker, in_base, in_coin, whole_quote)
    if whole_quote:
        order.status = Status.FILLED
        forget_order(world, slot)
    elif complete:
        close_order(world, slot, Status.FILLED, Reason.NONE)
    if order.executor != NO_SLOT:
        got = amount - fee if in_base else amount
        tell(world, slot, price, amount, got, worth, 0.0 if in_base else worth, complete)


@compiled(leaf=True)
def is_special(world, order):
    """Is there more to say of a quote than its fill says?"""
    return False


@compiled(leaf=True)
def charge(world, order, amount, price, rate):
    """Move what a fill moves; returns its fee, that in quote terms, and whether it was paid in base or in a coin."""
    market = world.markets[order.market]
    in_base = market.fee_received != 0 and order.side == BUY
    fee = pay(world, market, order.side, amount, price, rate, in_base)
    return fee, fee * price if in_base else fee, in_base, False


@compiled(leaf=True)
def book_quote(world, m, slot):
    """`settle` for a quote that nothing has filled yet: whole, at its own price, as maker."""
    order = world.orders[slot]
    market = world.markets[m]
    in_base = market.fee_received != 0 and order.side == BUY
    fee = pay(world, market, order.side, order.amount, order.price, market.maker, in_base)
    write_fill(world, order, order.price, order.amount, fee, True, in_base, False, True)
    order.reserved = 0.0
    forget_order(world, slot)


@compiled(leaf=True)
def pay(world, market, side, amount, price, rate, in_base):
    """Move money and position for a fill; returns the fee, in base or in quote."""
    value = amount * price
    fee = amount * rate if in_base else value * rate
    world.quote -= side * value
    if not in_base:
        world.quote -= fee
    move_position(market, side * (amount - fee if in_base else amount), price)
    world.fees += fee * price if in_base else fee
    world.volume += value
    return fee


@compiled(leaf=True)
def move_position(market, change, price):
    """Net a signed change into the position; `entry` is the average price of what is open."""
    market.position, market.entry = netted(market.position, market.entry, change, price)


@compiled(leaf=True)
def netted(before, entry, change, price):
    """A position and its average price after a change.

    Which side a fill is of cannot be foreseen, and a wrong guess costs more than the sums: all cases are computed, and
    the right one is picked by a factor of 1 or 0.
    """
    after = before + change
    after = 0.0 if abs(after) <= DUST * max(abs(before), abs(change)) else after
    starts, grows = 1.0 * ((before == 0.0) | (before * after < 0.0)), 1.0 * (before * change > 0.0)
    average = (entry * before + price * change) / (after + (after == 0.0))
    return after, starts * price + (1.0 - starts) * (grows * average + (1.0 - grows) * entry)


@compiled(leaf=True)
def write_fill(world, order, price, amount, fee, maker, in_base, in_coin, whole_quote):
    if world.n_fills >= world.fills.shape[0]:
        world.code = Reason.FULL
        return
    fill = world.fills[world.n_fills]
    fill.row, fill.market, fill.side = world.row, order.market, order.side
    fill.flags = (MAKER if maker else 0) | (FEE_IN_BASE if in_base else 0) | (FEE_IN_COIN if in_coin else 0)
    if whole_quote:
        fill.flags |= QUOTE | (POST_ONLY_QUOTE if order.kind == OrderKind.POST_ONLY else 0)
    fill.order, fill.executor, fill.level, fill.created_row = (
        order.id,
        order.executor_id,
        order.level,
        order.created_row,
    )
    fill.price, fill.amount, fill.fee = price, amount, fee
    world.n_fills += 1


@compiled(leaf=True)
def tell(world, slot, price, amount, got, fee, fee_quote, complete):
    """Tell an executor of a fill; docs/executors.md 8.2. It asks for nothing before its step."""
    order = world.orders[slot]
    executor = world.executors[order.executor]
    hear_late(world, slot)
    executor.fees += fee
    executor.fees_quote += fee_quote
    executor.repeats = 0
    if executor.extended:
        world.works[order.executor].attempts, world.works[order.executor].awake = 0, 1
    if executor.kind >= ExecutorKind.ARBITRAGE:
        call_kernel(world, executor.kind, TOLD, order.executor, slot, complete, price, amount, got, fee_quote)
    elif order.purpose == Purpose.EXIT:
        take_out(executor, price, amount, got)
        if complete and not order.part:
            finish(world, order.executor)
    elif executor.kind != ExecutorKind.POSITION:
        call_kernel(world, executor.kind, TOLD, order.executor, slot, complete, price, amount, got, fee_quote)
    elif order.purpose == Purpose.ENTRY:
        entered(world, slot, price, amount, got, fee_quote)
    else:
        target_hit(world, slot, price, amount, got, complete)


@compiled(leaf=True)
def take_in(world, slot, price, amount, got, fee_quote):
    """An entry: what came in, and at what average price. `slot` is the order's."""
    executor = world.executors[world.orders[slot].executor]
    if executor.phase == Phase.ENTERING:
        executor.phase = Phase.HOLDING
        executor.entered_row, executor.entered_ms = world.row, world.time_ms
    executor.entry_amount += amount
    executor.entry_value += amount * price
    single = executor.entry_amount == amount
    executor.entry = price if single else executor.entry_value / executor.entry_amount
    executor.entry_fees += fee_quote
    executor.entry_held += got
    executor.held += got


@compiled(leaf=True)
def entered(world, slot, price, amount, got, fee_quote):
    """An entry of a position: its barriers lie anew, and a target is asked for again, for all of it."""
    order = world.orders[slot]
    executor = world.executors[order.executor]
    take_in(world, slot, price, amount, got, fee_quote)
    if executor.extended:
        forget_waits(world.works[order.executor])
    if executor.target_asked == TARGET_MADE:
        executor.target_asked = 0
    if executor.target_order != NO_SLOT:
        world.orders[executor.target_order].part = 1
        cancel(world, executor.target_order)
    set_prices(executor, world.markets[order.market])


@compiled(leaf=True)
def target_hit(world, slot, price, amount, got, complete):
    """A fill of a target at limit; whole, it ends its executor, or what else lives of it has to go first."""
    order = world.orders[slot]
    executor = world.executors[order.executor]
    take_out(executor, price, amount, got)
    if not complete:
        return
    cancel_all(world, order.executor)
    if executor.phase != Phase.EXITING:
        executor.close_type = CloseType.TAKE_PROFIT
    if executor.live > 0 or order.part:
        executor.phase = Phase.EXITING
    else:
        finish(world, order.executor)


@compiled(leaf=True)
def take_out(executor, price, amount, got):
    """An exit: what went out."""
    executor.exit_amount += amount
    executor.exit_value += amount * price
    before = executor.held
    executor.held -= got
    if abs(executor.held) <= DUST * max(abs(before), got):
        executor.held = 0.0
    executor.last_exit = price


@compiled(leaf=True)
def forget_waits(work):
    """Wait for no price but those of barriers, and for no time."""
    work.rise[0] = work.rise[1] = work.fall[0] = work.fall[1] = np.nan
    work.due_ms = NEVER


@compiled(leaf=True)
def set_prices(executor, market):
    """The prices that an executor waits for, from its entry so far; docs/execution.md part 6."""
    d, value = executor.side, executor.entry_value
    if executor.net_of_fees:
        paid = d * executor.entry_fees
        taker = executor.entry_held * (1.0 - d * market.taker)
        target = executor.entry_held * (1.0 - d * (market.maker if executor.target_kind else market.taker))
        executor.stop = (value * (1.0 - d * executor.stop_loss) + paid) / taker
        executor.target = (value * (1.0 + d * executor.take_profit) + paid) / target
        executor.arming = (value * (1.0 + d * executor.trailing_activation) + paid) / taker
        executor.distance = value * executor.trailing_delta / taker
        return
    entry = executor.entry
    executor.stop = entry * (1.0 - d * executor.stop_loss)
    executor.target = entry * (1.0 + d * executor.take_profit)
    executor.arming = entry * (1.0 + d * executor.trailing_activation)
    executor.distance = entry * executor.trailing_delta


@compiled(part=True)
def finish(world, slot):
    """End an executor: journal it and free its slot. Its orders must be gone."""
    executor = world.executors[slot]
    executor.phase = Phase.DONE
    executor.closed_row, executor.closed_ms = world.row, world.time_ms
    if executor.kind >= ExecutorKind.ARBITRAGE:
        world.n_pairs -= 1
    elif executor.held != 0.0 and (executor.keeps or executor.close_type == CloseType.COMPLETED):
        executor.last_exit = executor.entry
    if executor.extended:
        _give_back_steps(world, slot)
    if world.tells_levels:
        _tell_level(world, executor)
    if world.n_executors >= world.done_executors.shape[0]:
        world.code = Reason.FULL
        return
    world.done_executors[world.n_executors] = executor
    world.n_executors += 1
    executor.phase = Phase.FREE
    while world.executors_top > 0 and world.executors[world.executors_top - 1].phase == Phase.FREE:
        world.executors_top -= 1


@compiled(part=True)
def _give_back_steps(world, slot):
    work = world.works[slot]
    for k in range(work.first_step, work.first_step + work.n_steps):
        world.steps[k].executor = NO_SLOT
    while world.steps_top > 0 and world.steps[world.steps_top - 1].executor == NO_SLOT:
        world.steps_top -= 1


@compiled(part=True)
def _tell_level(world, executor):
    seen = seen_level(world, executor.level)
    seen.at_work -= 1
    if seen.id == executor.id:
        seen.phase, seen.close_type, seen.closed_ms = Phase.DONE, executor.close_type, executor.closed_ms
        seen.held = executor.held
        gross = executor.side * (executor.exit_value - executor.entry_value)
        seen.pnl = gross - executor.fees_quote + executor.side * executor.held * executor.last_exit


@compiled(part=True)
def cancel(world, slot):
    """Cancel a live order, or ask its venue to; NO_SLOT is nobody's and nothing happens."""
    if slot == NO_SLOT:
        return
    if world.remote:
        world.orders[slot].reason = Reason.LEAVING
    else:
        close_order(world, slot, Status.CANCELLED, Reason.NONE)


@compiled(part=True)
def cancel_all(world, executor):
    """Cancel every live order of the executor in a slot, by slot."""
    if world.executors[executor].live == 0:
        return
    for slot in range(world.orders_top):
        order = world.orders[slot]
        if order.status == Status.OPEN and order.executor == executor:
            cancel(world, slot)


@compiled(part=True)
def close_order(world, slot, status, reason):
    """End an order: give back its reserve, journal it, free its slot and tell its executor."""
    order = world.orders[slot]
    order.reserved = 0.0
    order.status, order.reason, order.closed_row = status, reason, world.row
    if order.purpose == Purpose.QUOTE and status == Status.CANCELLED and order.filled == 0.0 and not world.log_quotes:
        world.cancelled_quotes += 1
    elif world.n_orders >= world.done_orders.shape[0]:
        world.code = Reason.FULL
        return
    else:
        world.done_orders[world.n_orders] = order
        world.n_orders += 1
    forget_order(world, slot)


@compiled(leaf=True)
def forget_order(world, slot):
    """Free the slot of an order that has ended."""
    order = world.orders[slot]
    order.status = Status.FREE
    world.free_slots += 1
    if order.executor != NO_SLOT:
        _let_go(world.executors[order.executor], slot)
    if order.purpose == Purpose.QUOTE or order.purpose == Purpose.HOLD:
        let_go_quote(world, order.level, slot)
    while world.orders_top > 0 and world.orders[world.orders_top - 1].status == Status.FREE:
        world.orders_top -= 1
        world.free_slots -= 1


@compiled(leaf=True)
def let_go_quote(world, level, slot):
    """A level has no quote any more."""
    world.quotes[level] = NO_SLOT


@compiled(leaf=True)
def hear_late(world, slot):
    """A report of an order, to its executor, which may take a while to arrive."""


@compiled(leaf=True)
def _let_go(executor, slot):
    executor.live -= 1
    if executor.entry_order == slot:
        executor.entry_order = NO_SLOT
    elif executor.exit_order == slot:
        executor.exit_order = NO_SLOT
    elif executor.target_order == slot:
        executor.target_order = NO_SLOT
