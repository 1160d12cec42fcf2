"""From the share of its equity that a compiled `decide` wishes to hold to fills: one market, no latency.

`quoting` once more, for orders that move a position to a wish at the next open; the same account and round trips, and
the same promise: each number is the engine's to the last bit, and what is no such wish ends the walk.
"""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY, SELL, Action, OrderKind, Sizing
from workbench.research.fast.desk import allowed, show
from workbench.research.fast.filling import fill, write_trips
from workbench.trading import to_lot


@compiled
def hold_through(
    time, opens, closes, timeframe_ms, columns, places, numbers, decide, seen, out, desk, trips, equity,
):  # fmt: skip
    """Hold what `decide` wishes at every close; returns how many rows it came through. As `quote_through`."""
    n_bars, n_columns, room, target = closes.shape[0], places.shape[0], trips.shape[1], out[0]
    wish, asked = 0.0, False
    for t in range(np.uint64(n_bars)):
        close, row = closes[t], np.int64(t)
        if asked:
            if desk.trips + 2 > room:
                return row
            rebalance(desk, wish, row, opens[t])
            write_trips(desk, time, trips)
            asked = False
        equity[t] = show(seen, desk, close, time[t] + timeframe_ms, row)
        desk.exposed += desk.position != 0.0
        for j in range(n_columns):
            numbers[places[j]] = columns[j, t]
        decide(numbers, seen, out)
        if target.action != Action.NONE:
            if not is_wish(target):
                return row
            target.action = Action.NONE
            if target.size == target.size and target.size != wish:
                wish, asked = target.size, True
    return n_bars


@compiled(leaf=True)
def is_wish(target):
    """Is a record a wish for a share of the equity that the engine would heed?"""
    coded = (target.kind >= OrderKind.MARKET) & (target.kind <= OrderKind.STOP_LIMIT) & (target.side * target.side <= 1)
    coded = coded & (target.sizing >= Sizing.BASE) & (target.sizing <= Sizing.FRACTION)
    barred = (target.stop_loss <= 0.0) | (target.take_profit <= 0.0) | (target.trailing_delta <= 0.0)
    return (target.action == Action.HOLD) & (target.market == 0) & (target.reduce == 0) & coded & (not barred)


@compiled(apart=True)
def rebalance(desk, wish, row, price):
    """Move the position to a wish at an open, as far as the account can carry it."""
    order, account = desk.book[0], desk.quote
    if desk.position != 0.0:
        account += desk.position * price
    value = min(max(wish, 0.0), 1.0) * account
    if desk.margin != 0:
        most = max(desk.leverage * account, 0.0)
        value = min(max(min(max(wish, -desk.leverage), desk.leverage) * account, -most), most)
    side = BUY if value / price - desk.position > 0.0 else SELL
    paid = price * (1.0 + side * desk.slippage)
    amount = side * (value / paid - desk.position)
    if desk.margin == 0:
        amount = min(amount, desk.quote / (paid * (1.0 + desk.taker)) if side == BUY else desk.position)
    order.side, order.amount = side, to_lot(amount, desk.lot)
    if allowed(desk, order, paid, account):
        fill(desk, 0, paid, desk.taker, row)
