"""What a venue tells, brought into a world that is `remote`: its own fills and fees, its refusals, its ends of orders.

The matching model answers in a backtest; here a venue does, when and as it likes. An order lives until its venue has
shown its end, also after its cancellation was asked for (its reason is then `LEAVING`), and so does its executor.
"""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY, OrderKind, Sizing
from workbench.trading.advance import stop_early
from workbench.trading.ledger import account_of, close_order, move_position, tell, write_fill
from workbench.trading.matching.answer import end_unasked, rebalance
from workbench.trading.orders import free_slot, open_order, sized
from workbench.trading.risk import approve
from workbench.trading.world import NO_SIDE, NO_SLOT, Phase, Purpose, Reason, Status


@compiled
def size_up(world, slot):
    """Say now, at the last price, what an order is for that a backtest sizes when it fills; True if it can be sent.

    One that comes to nothing, or that the account cannot carry, has ended.
    """
    order = world.orders[slot]
    market = world.markets[order.market]
    if order.amount == order.amount:
        return True
    if order.purpose == Purpose.HOLD:
        paid = rebalance(world, slot, market.last)
        return paid == paid
    paid = order.trigger if order.kind == OrderKind.STOP else market.last * (1.0 + order.side * market.slippage)
    account = account_of(world, order.market)
    amount = sized(world, order.market, order.side, order.size, order.sizing, paid, account)
    closing = order.purpose == Purpose.EXIT or order.purpose == Purpose.TARGET
    reason = approve(world, order.market, order.side, amount, paid, closing, account)
    if reason != Reason.NONE:
        end_unasked(world, slot, Status.REJECTED.value, reason)
        return False
    order.amount = amount
    return True


@compiled
def book(world, slot, price, amount, paid_quote, paid_base, worth, maker, complete):
    """Book one fill of the order in `slot` as its venue told it; `complete` closes the order.

    `paid_quote` and `paid_base` are the fee in either, `worth` all of it in quote terms: a fee in a third coin moves
    neither.
    """
    order = world.orders[slot]
    market = world.markets[order.market]
    left = order.amount - order.filled
    order.reserved *= 0.0 if complete or not left > amount else 1.0 - amount / left
    _move(world, market, order.side, price, amount, paid_quote, paid_base, worth)
    order.filled += amount
    fee = paid_base if paid_base != 0.0 else paid_quote if paid_quote != 0.0 else worth
    write_fill(world, order, price, amount, fee, maker, paid_base != 0.0, fee == worth and paid_quote != worth, False)
    if complete:
        close_order(world, slot, Status.FILLED, Reason.NONE)
    if order.executor != NO_SLOT:
        got = amount - paid_base if order.side == BUY else amount + paid_base
        tell(world, slot, price, amount, got, worth, paid_quote, complete)


@compiled(part=True)
def _move(world, market, side, price, amount, paid_quote, paid_base, worth):
    value = amount * price
    world.quote -= side * value
    world.quote -= paid_quote  # apart, as the matching model does: one sum of both has other last bits
    move_position(market, side * amount - paid_base, price)
    world.fees += worth
    world.volume += value


@compiled
def book_outside(world, m, side, price, amount, paid_quote, paid_base, worth):
    """Money and position of a fill whose executor is no more, or that was never ours; nobody is told."""
    _move(world, world.markets[m], side, price, amount, paid_quote, paid_base, worth)


@compiled
def end_order(world, slot, status, reason):
    """End an order because its venue says so; an executor that did not ask for it learns that it has none."""
    if world.orders[slot].reason == Reason.LEAVING and status == Status.CANCELLED:
        close_order(world, slot, Status.CANCELLED, Reason.NONE)
    else:
        end_unasked(world, slot, status, reason)


@compiled
def revive(world, was, more):
    """Let an order that had ended live again, for `more` base units, because its venue filled it after all.

    Its slot; NO_SLOT if its executor has ended too.
    """
    owner = _owner(world, was.executor_id)
    if owner == NO_SLOT:
        return NO_SLOT
    slot = free_slot(world)
    if slot == NO_SLOT:
        return NO_SLOT
    world.orders[slot] = was
    order = world.orders[slot]
    order.status, order.reason, order.executor, order.reserved = Status.OPEN, Reason.LEAVING, owner, 0.0
    order.amount = order.filled + more
    world.executors[owner].live += 1
    return slot


@compiled(part=True)
def _owner(world, executor_id):
    """The slot of the executor of an id, if it is at work."""
    for place in range(world.executors_top):
        executor = world.executors[place]
        if executor.phase != Phase.FREE and executor_id >= 0 and executor.id == executor_id:
            return place
    return NO_SLOT


@compiled
def wind_down(world, m, keep, first_row):
    """Stop every executor of a market: its orders leave, then what it holds is sold, or kept."""
    stop_early(world, m, NO_SIDE, keep, first_row)


@compiled
def flatten(world, m, side, amount, first_row):
    """Ask for a market order that belongs to nobody and only takes a position back; its slot."""
    return open_order(
        world, m, NO_SLOT, np.int64(0), Purpose.FLATTEN.value, side, OrderKind.MARKET.value, 0.0, 0.0, amount,
        Sizing.BASE.value, first_row,
    )  # fmt: skip
