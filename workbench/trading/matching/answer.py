"""How a venue would have answered an order at a price; docs/execution.md part 4."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY, SELL, OrderKind
from workbench.trading.ledger import account_of, close_order, free_base, free_quote, hear_late, is_spot, settle, to_lot
from workbench.trading.orders import sized
from workbench.trading.rare import rebalance_rare
from workbench.trading.risk import approve
from workbench.trading.world import NO_SLOT, Purpose, Reason, Status

ALL_ORDERS = np.int64(0)


@compiled
def match(world, m, price, first_id):
    """Answer every live, active order of a market whose id is `first_id` or later, by slot, and settle what fills."""
    for slot in range(world.orders_top):
        order = world.orders[slot]
        live = order.status == Status.OPEN and order.market == m and order.active_row <= world.row
        if live and order.id >= first_id and has_arrived(world, order):
            meet(world, slot, price)


@compiled(leaf=True)
def has_arrived(world, order):
    """Has the venue got an active order by now? Without latency in ms it has."""
    return True


@compiled(leaf=True)
def meet(world, slot, price):
    """Let one order be met by a price, and settle what fills."""
    paid, maker = answer(world, slot, price)
    if paid == paid:
        order = world.orders[slot]
        settle(world, slot, paid, order.amount - order.filled, maker)


@compiled(leaf=True)
def answer(world, slot, price):
    """The fill price of one order at one price, and whether it was the maker; NaN when it rests or was ended."""
    order = world.orders[slot]
    kind, side, fresh = order.kind, order.side, order.fresh
    order.fresh = 0
    if kind == OrderKind.MARKET:
        paid = (
            rebalance_rare(world, slot, price) if order.purpose == Purpose.HOLD else _take(world, slot, price, np.nan)
        )
        return paid, False
    if kind >= OrderKind.STOP and not order.triggered:
        if not side * (price - order.trigger) >= 0.0:
            return np.nan, False
        if kind == OrderKind.STOP:
            return _take(world, slot, price, np.nan), False
        order.triggered, fresh = 1, 1
    gap = side * (price - order.price)
    if not fresh:
        reached = gap < 0.0 or (gap == 0.0 and not world.through)
        return order.price if reached else np.nan, True
    if gap > 0.0:
        return np.nan, False
    if kind == OrderKind.POST_ONLY:
        reject(world, slot, Reason.WOULD_TAKE)
        return np.nan, False
    return _take(world, slot, price, order.price), False


@compiled(leaf=True)
def _take(world, slot, price, limit):
    """The market price for a taker, never worse than a limit, if the account can carry it; else NaN and a rejection."""
    order = world.orders[slot]
    paid = price * (1.0 + order.side * world.markets[order.market].slippage)
    if limit == limit:
        paid = min(paid, limit) if order.side == BUY else max(paid, limit)
    order.reserved = 0.0
    amount = order.amount
    if amount != amount:
        amount = sized(world, order.market, order.side, order.size, order.sizing, paid, account_of(world, order.market))
    closing = order.purpose == Purpose.EXIT or order.purpose == Purpose.TARGET
    reason = approve(
        world, order.market, order.side, amount - order.filled, paid, closing, account_of(world, order.market)
    )
    if reason != Reason.NONE:
        reject(world, slot, reason)
        return np.nan
    order.amount = amount
    return paid


@compiled(part=True)
def reject(world, slot, reason):
    """A venue's no: the order ends, and its executor learns that it has none."""
    end_unasked(world, slot, Status.REJECTED.value, reason)


@compiled(part=True)
def end_unasked(world, slot, status, reason):
    """End an order that its executor did not cancel, and let the executor know."""
    executor = world.orders[slot].executor
    if executor != NO_SLOT and status == Status.REJECTED:
        hear_late(world, slot)
    if executor != NO_SLOT and world.executors[executor].extended:
        world.works[executor].attempts += status == Status.REJECTED
        world.works[executor].rejected = world.works[executor].awake = 1
    close_order(world, slot, status, reason)


@compiled(part=True)
def _carried(world, m, wish):
    """The value of a wished exposure, as far as the account can carry it beside its other markets."""
    account = account_of(world, m)
    if is_spot(world, m):
        return min(max(wish, 0.0), 1.0) * account
    room = world.leverage * account
    for i in range(world.n_markets):
        if i != m and world.markets[i].position != 0.0:
            room -= abs(world.markets[i].position * world.markets[i].last)
    room = max(room, 0.0)
    return min(max(min(max(wish, -world.leverage), world.leverage) * account, -room), room)


@compiled(part=True)
def rebalance(world, slot, price):
    """The fill price of an order that moves a position to its wish, once its side and amount are known."""
    order = world.orders[slot]
    market = world.markets[order.market]
    value = _carried(world, order.market, order.size)
    side = BUY if value / price - market.position > 0.0 else SELL
    paid = price * (1.0 + side * market.slippage)
    amount = side * (value / paid - market.position)
    if is_spot(world, order.market):
        buyable = free_quote(world, order.market) / (paid * (1.0 + market.taker))
        amount = min(amount, buyable if side == BUY else free_base(world, order.market))
    amount = to_lot(amount, market.lot)
    reason = approve(world, order.market, side, amount, paid, False, account_of(world, order.market))
    if reason == Reason.TOO_SMALL:
        close_order(world, slot, Status.CANCELLED, Reason.NONE)
        return np.nan
    if reason != Reason.NONE:
        reject(world, slot, reason)
        return np.nan
    order.side, order.amount = side, amount
    return paid
