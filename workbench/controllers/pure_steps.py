"""What the classic market maker does at the close of a bar, step by step."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.controllers.market_making import skewed
from workbench.market import Action, ExecutorKind, OrderKind, Sizing
from workbench.trading import CloseType, Phase

ANCHOR, SINCE_MS, CLOSE, BAND, N, REFRESH_MS, AGE_MS, DELAY_MS, CEILING, FLOOR = range(10)
BAND_CEILING, BAND_FLOOR, MIN_SPREAD, PING_PONG, HANGING, TARGET, WIDTH, COST, TAKES = range(10, 19)
MAY_SHORT, FEE, HEAD = range(19, 22)
NEVER = -1.0


@compiled
def decide_pure(row, world, out):
    """Levels of bids come first, then those of asks, each with its own two records."""
    n = int(row[N])
    if not (row[ANCHOR] > 0.0 and row[CLOSE] > 0.0):
        return
    filled_ms = last_fill(world, 0, 4 * n)
    waits = filled_ms != NEVER and world.time_ms - filled_ms < row[DELAY_MS]
    bids = skewed(world.position * row[CLOSE], row[TARGET] * world.equity, row[WIDTH] * row[CLOSE])
    base, quote = np.inf, np.inf
    if row[MAY_SHORT] == 0.0:
        base, quote = world.position, world.quote
    for level in range(2 * n):
        side = 1 if level < n else -1
        record = cancel_stale(row, world, out, level, n, filled_ms)
        price = row[ANCHOR] * (1.0 - side * row[HEAD + 2 * level]) * (1.0 - side * row[COST])
        amount = row[HEAD + 2 * level + 1] * (bids if side > 0 else 2.0 - bids)
        amount = min(amount, quote / (price * (1.0 + row[FEE])) if side > 0 else base)
        # What rests already is counted as large as it would be made now.
        if side > 0:
            quote -= amount * price * (1.0 + row[FEE])
        else:
            base -= amount
        if record >= 0 and not waits and amount > 0.0 and price > 0.0 and is_wanted(row, world, level, n, side):
            make_order(out[record], side, price, amount, row[TAKES])


@compiled
def make_order(target, side, price, amount, takes):
    """Ask for an order."""
    target.action, target.executor, target.config = Action.CREATE, ExecutorKind.ORDER, 0
    target.side, target.price, target.size, target.sizing = side, price, amount, Sizing.BASE
    target.kind = OrderKind.LIMIT if takes > 0.0 else OrderKind.POST_ONLY


@compiled
def is_wanted(row, world, level, n, side):
    """Do price bands and ping pong leave a level its order?"""
    close, band = row[CLOSE], row[BAND]
    if side > 0 and (close >= row[CEILING] or close >= band * row[BAND_CEILING]):
        return False
    if side < 0 and (close <= row[FLOOR] or close <= band * row[BAND_FLOOR]):
        return False
    if row[PING_PONG] == 0.0:
        return True
    own, other = 2 * level, 2 * opposite(level, n)
    filled_ms = last_fill(world, own, own + 2)
    return filled_ms <= last_fill(world, other, other + 2)


@compiled
def opposite(level, n):
    """The level on the other side that belongs to a level."""
    return level + n if level < n else level - n


@compiled
def last_fill(world, start, stop):
    """When an order of these records was filled last, or NEVER."""
    last = NEVER
    for record in range(start, stop):
        seen = world.levels[record]
        if seen.phase == Phase.DONE and seen.close_type == CloseType.POSITION_HOLD:
            last = max(last, np.float64(seen.closed_ms))
    return last


@compiled
def cancel_stale(row, world, out, level, n, filled_ms):
    """Stop what should not rest any longer; the record for a new order, or −1 where one rests or none is free.

    Records are taken in order: where funds are short, an order in the second one gives them back before the first one
    can use them.
    """
    free, rests = -1, False
    for record in range(2 * level, 2 * level + 2):
        seen = world.levels[record]
        if seen.at_work == 0:
            free = record if free < 0 else free
        elif is_stale(row, world, record, level, n, filled_ms):
            out[record].action, out[record].keep = Action.STOP, 0
        elif not hangs(row, world, record, level, n):
            rests = True
    is_late = row[MAY_SHORT] == 0.0 and out[2 * level + 1].action == Action.STOP
    return -1 if rests or is_late else free


@compiled
def is_stale(row, world, record, level, n, filled_ms):
    """Is an order too old, too near to the price, or at a price of the past?"""
    seen = world.levels[record]
    age = world.time_ms - seen.created_ms
    if age >= row[AGE_MS]:
        return True
    if hangs(row, world, record, level, n):
        return False
    # Its price is known as long as the price that it was made around is still the one that is quoted around.
    moved = seen.created_ms < row[SINCE_MS]
    side = 1 if level < n else -1
    price = row[ANCHOR] * (1.0 - side * row[HEAD + 2 * level]) * (1.0 - side * row[COST])
    if not moved and side * (1.0 - price / row[CLOSE]) < row[MIN_SPREAD]:
        return True
    delayed = filled_ms >= seen.created_ms and world.time_ms - filled_ms >= row[DELAY_MS]
    return moved and (age >= row[REFRESH_MS] or delayed)


@compiled
def hangs(row, world, record, level, n):
    """Has the opposite order of its level been filled since an order was made, or another one been made beside it?

    A fill in a bar has the stamp of its open, which is when the orders of the close before were made.
    """
    if row[HANGING] == 0.0:
        return False
    made_ms, beside = world.levels[record].created_ms, world.levels[4 * level + 1 - record]
    other = 2 * opposite(level, n)
    return last_fill(world, other, other + 2) >= made_ms or (beside.phase != 0 and beside.created_ms > made_ms)
