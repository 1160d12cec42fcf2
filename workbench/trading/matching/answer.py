"""How a venue would have answered an order at a price; docs/execution.md part 4."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market.codes import BUY, SELL, OrderKind, Sizing
from workbench.trading.ledger import close_order, equity, free_base, free_quote, settle, to_lot
from workbench.trading.orders import sized
from workbench.trading.risk import approve
from workbench.trading.world import Purpose, Reason, Status


@compiled
def match(world, m, row, price, only_fresh):
    """Answer every live, active order of a market at one price, by slot, and settle what fills."""
    slot = 0
    while slot < world.orders_top:
        order = world.orders[slot]
        if order.status == Status.OPEN and order.market == m and order.active_row <= row:
            if order.fresh or not only_fresh:
                answer(world, slot, price)
        slot += 1


@compiled
def answer(world, slot, price):
    """Answer one order at one price: it fills, rests, or is rejected."""
    order = world.orders[slot]
    kind, side, fresh = order.kind, order.side, order.fresh
    order.fresh = 0
    if kind == OrderKind.MARKET:
        if order.purpose == Purpose.HOLD:
            _rebalance(world, slot, price)
        else:
            _take(world, slot, price, np.nan)
        return
    if kind == OrderKind.STOP or (kind == OrderKind.STOP_LIMIT and not order.triggered):
        if not side * (price - order.trigger) >= 0.0:
            return
        if kind == OrderKind.STOP:
            _take(world, slot, price, np.nan)
            return
        order.triggered, fresh = 1, 1
    gap = side * (price - order.price)
    if fresh:
        if gap <= 0.0:
            if kind == OrderKind.POST_ONLY:
                reject(world, slot, Reason.WOULD_TAKE)
            else:
                _take(world, slot, price, order.price)
        return
    if gap < 0.0 or (gap == 0.0 and not world.through):
        settle(world, slot, order.price, order.amount - order.filled, True)


@compiled
def _take(world, slot, price, limit):
    """Fill at the market price as taker, never worse than a limit, if the account can carry it."""
    order = world.orders[slot]
    market = world.markets[order.market]
    paid = price * (1.0 + order.side * market.slippage)
    if limit == limit:
        paid = min(paid, limit) if order.side == BUY else max(paid, limit)
    order.reserved = 0.0
    whole = order.amount
    if whole != whole:
        whole = sized(world, order.market, order.side, order.size, order.sizing, paid, equity(world))
    closing = order.purpose == Purpose.EXIT or order.purpose == Purpose.TARGET
    amount = whole - order.filled
    reason = approve(world, order.market, order.side, amount, paid, closing)
    if reason != Reason.NONE:
        reject(world, slot, reason)
        return
    order.amount = whole
    settle(world, slot, paid, amount, False)


@compiled
def reject(world, slot, reason):
    """A venue's no: the order ends, and its executor learns that it has none."""
    order = world.orders[slot]
    if order.executor >= 0:
        executor = world.executors[order.executor]
        if order.purpose == Purpose.ENTRY:
            executor.entry_order = -1
        elif order.purpose == Purpose.EXIT:
            executor.exit_order = -1
        else:
            executor.target_order = -1
    close_order(world, slot, Status.REJECTED, reason)


@compiled
def _carried(world, m, wish):
    """The value of a wished exposure, as far as the account can carry it beside its other markets."""
    account = equity(world)
    if not world.margin:
        return min(max(wish, 0.0), 1.0) * account
    room = world.leverage * account
    for i in range(world.n_markets):
        if i != m and world.markets[i].position != 0.0:
            room -= abs(world.markets[i].position * world.markets[i].last)
    room = max(room, 0.0)
    return min(max(min(max(wish, -world.leverage), world.leverage) * account, -room), room)


@compiled
def _rebalance(world, slot, price):
    order = world.orders[slot]
    market = world.markets[order.market]
    value = _carried(world, order.market, order.size)
    side = BUY if value / price - market.position > 0.0 else SELL
    paid = price * (1.0 + side * market.slippage)
    amount = side * (value / paid - market.position)
    if not world.margin:
        carried = free_quote(world) / (paid * (1.0 + market.taker)) if side == BUY else free_base(world, order.market, False)
        amount = min(amount, carried)
    amount = to_lot(amount, market.lot)
    if not amount > 0.0 or amount < market.min_amount or amount * paid < market.min_notional:
        close_order(world, slot, Status.CANCELLED, Reason.NONE)
        return
    order.side, order.amount = side, amount
    settle(world, slot, paid, amount, False)
