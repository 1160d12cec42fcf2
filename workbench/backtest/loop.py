"""The compiled loop: one pass over the bars, in which the engine's own functions are all that acts."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from numba import types

from workbench.compiled import compiled
from workbench.market import TARGET, Action
from workbench.trading import (
    ALL_ORDERS,
    NEVER,
    NO_SIDE,
    OUTBOX,
    VIEW,
    Phase,
    Reason,
    advance,
    match,
    meet_quotes,
    next_tick,
    rest,
    start_walk,
    stop_early,
    take,
)

FloatPlane = npt.NDArray[np.float64]


BATCH = 32
NOT_GIVEN = np.zeros(0, np.int64)
NOT_GIVEN.flags.writeable = False


class Source(IntEnum):
    """Where decisions come from."""

    NOTHING = 0
    COLUMNS = 1
    DECIDE = 2
    PLAN = 3


class Bars(NamedTuple):
    """What is walked: (n_markets, n_rows) planes, NaN where a market has no bar, and the row that a close decides."""

    time: npt.NDArray[np.int64]
    open: FloatPlane
    high: FloatPlane
    low: FloatPlane
    close: FloatPlane
    decides: npt.NDArray[np.int64]  # decision row of each row, −1 for none; empty: every row its own
    decided_ms: npt.NDArray[np.int64] = NOT_GIVEN  # close of that decision row; empty with `decides`


class Wishes(NamedTuple):
    """Targets as (n_rows, n_levels) planes; an axis along which nothing changes has length 1. `terms`: one for all."""

    side: npt.NDArray[np.int8]
    exit: npt.NDArray[np.bool_]
    price: FloatPlane
    trigger: FloatPlane
    size: FloatPlane
    stop_loss: FloatPlane
    take_profit: FloatPlane
    trailing_activation: FloatPlane
    trailing_delta: FloatPlane
    market: npt.NDArray[np.int64]  # of each level
    terms: npt.NDArray[np.void]  # one TARGET record: action, kind, sizing, time limit


class Inputs(NamedTuple):
    """What `decide` reads: columns of shape (n_columns, n_rows), and where each goes in its row of numbers."""

    columns: FloatPlane
    places: npt.NDArray[np.int64]
    row: npt.NDArray[np.float64]


class Journals(NamedTuple):
    """What happened, in order; `used` counts the rows written of each."""

    fills: npt.NDArray[np.void]
    orders: npt.NDArray[np.void]
    executors: npt.NDArray[np.void]
    refusals: npt.NDArray[np.void]
    used: npt.NDArray[np.int64]


class Plan(NamedTuple):
    """Targets written down beforehand: `rows` ascending, a level and a record each."""

    rows: npt.NDArray[np.int64]
    levels: npt.NDArray[np.int64]
    targets: npt.NDArray[np.void]


TARGETS_TYPE = types.Array(numba.from_dtype(TARGET), 1, "C")
DECIDE = types.void(types.Array(types.float64, 1, "C"), numba.from_dtype(VIEW), TARGETS_TYPE)


@compiled
def run(world, tick, journals, bars, timeframe_ms, source, wishes, inputs, decide, plan, out, equity, start, stop):
    """Walk rows from `start` to `stop`; returns the row to go on from, which is less when a journal is nearly full.

    `equity` gets one value per row. `world.code` says why a run stopped short for good. The tuples are taken apart
    before the loop, and the outbox is emptied in batches: touching a tuple of arrays in it costs 100 ns a bar.
    """
    time, opens, highs, lows, closes, decides = bars.time, bars.open, bars.high, bars.low, bars.close, bars.decides
    decided_ms = bars.decided_ms
    sides, exits, level_market, terms = wishes.side, wishes.exit, wishes.market, wishes.terms
    prices, triggers, sizes = wishes.price, wishes.trigger, wishes.size
    stop_losses, take_profits = wishes.stop_loss, wishes.take_profit
    activations, deltas = wishes.trailing_activation, wishes.trailing_delta
    columns, places, numbers = inputs.columns, inputs.places, inputs.row
    plan_rows, plan_levels, plan_targets = plan.rows, plan.levels, plan.targets
    n_levels, n_columns = out.shape[0], places.shape[0]
    own_rows, holding = decides.shape[0] == 0, terms[0].action == Action.HOLD
    side_step, exit_step = min(sides.shape[0] - 1, 1), min(exits.shape[0] - 1, 1)
    sides_by_level, exits_by_level = sides.shape[1] > 1, exits.shape[1] > 1
    planned, signal = 0, start
    first_level = out[0]
    # One market and nothing to decide in most rows: then runs of bars in which nothing can happen are stepped over.
    may_skip = world.n_markets == 1 and own_rows and (source == Source.NOTHING or source == Source.PLAN or (
        source == Source.COLUMNS and n_levels == 1 and not holding))  # fmt: skip
    t = start - 1
    while t + 1 < stop:
        t += 1
        if may_skip:
            market = world.markets[0]
            end = min(stop, market.wake_row)
            if source == Source.PLAN and planned < plan_rows.shape[0]:
                end = min(end, plan_rows[planned])
            if source == Source.COLUMNS:
                signal = max(signal, t)
                while signal < end and sides[signal * side_step, 0] == 0 and not exits[signal * exit_step, 0]:
                    signal += 1
                end = min(end, signal)
            if market.deadline_ms != NEVER:
                # Bars are at least a timeframe apart; gaps only bring the deadline nearer.
                last_time = market.deadline_ms - timeframe_ms
                end = min(end, t + max(0, (last_time - time[t] + timeframe_ms - 1) // timeframe_ms))
                while end > t and time[end - 1] >= last_time:
                    end -= 1
            first, below, above = t, market.below, market.above
            if below > -np.inf or above < np.inf:
                while t < end and lows[0, t] > below and highs[0, t] < above:
                    t += 1
            else:
                while t < end and closes[0, t] == closes[0, t]:
                    t += 1
            if t > first:
                position, quote = market.position, world.quote
                if position != 0.0:
                    world.bars_exposed += t - first
                    for row in range(first, t):
                        equity[row] = quote + position * closes[0, row]
                else:
                    equity[first:t] = quote
                market.last, world.row = closes[0, t - 1], t - 1
                world.time_ms = time[t - 1] + timeframe_ms
                if t == stop:
                    break
        world.row = t
        close_ms = time[t] + timeframe_ms
        for m in range(world.n_markets):
            close = closes[m, t]
            if close != close:
                continue
            market = world.markets[m]
            beyond = lows[m, t] <= market.below or highs[m, t] >= market.above
            if beyond or t >= market.wake_row or close_ms >= market.deadline_ms:
                quoting = world.executors_top == 0 and world.orders_top > 0
                if not quoting or not meet_quotes(world, m, t, opens[m, t], highs[m, t], lows[m, t]):
                    start_walk(tick, m, t, time[t], close_ms, opens[m, t], highs[m, t], lows[m, t], close)
                    walk(world, tick)
            market.last = close
        total = mark(world)
        equity[t] = total
        row = t if own_rows else decides[t]
        world.time_ms = close_ms if own_rows or row < 0 else decided_ms[t]
        if row < 0:
            pass  # finer bars between two decisions
        elif source == Source.COLUMNS:
            for level in range(n_levels):
                if exits[row * exit_step, level if exits_by_level else 0]:
                    take_exit(world, level_market[level])
                side = sides[row * side_step, level if sides_by_level else 0]
                if side != 0 or holding:
                    first_level.market, first_level.side = level_market[level], side
                    first_level.price, first_level.trigger = pick(prices, row, level), pick(triggers, row, level)
                    first_level.size = pick(sizes, row, level)
                    first_level.stop_loss = pick(stop_losses, row, level)
                    first_level.take_profit = pick(take_profits, row, level)
                    first_level.trailing_activation = pick(activations, row, level)
                    first_level.trailing_delta = pick(deltas, row, level)
                    take(world, first_level, level)
        elif source == Source.DECIDE:
            for j in range(n_columns):
                numbers[places[j]] = columns[j, row]
            show(world, total, row)
            decide(numbers, world.seen[0], out)
            for level in range(n_levels):
                if out[level].action != Action.NONE:
                    take(world, out[level], level)
                    out[level].action = Action.NONE
        elif source == Source.PLAN:
            while planned < plan_rows.shape[0] and plan_rows[planned] <= row:
                if plan_rows[planned] == row:
                    take(world, plan_targets[planned], plan_levels[planned])
                planned += 1
        if is_filling(world):
            if world.code != Reason.NONE:
                return t
            empty_outbox(world, journals)
            if nearly_full(journals):
                return t + 1
    empty_outbox(world, journals)
    return stop


@compiled(part=True)
def pick(plane, row, level):
    """A value of a plane whose axes may have length 1, where nothing changes along them."""
    return plane[row if plane.shape[0] > 1 else 0, level if plane.shape[1] > 1 else 0]


@compiled
def walk(world, tick):
    """One market's bar, tick by tick."""
    m = tick.market
    market = world.markets[m]
    while next_tick(world, tick):
        market.last = tick.price
        world.time_ms = tick.time_ms
        match(world, m, tick.price, ALL_ORDERS)
        if world.executors_top > 0:
            new = world.next_order
            advance(world, m, tick.price)
            if world.next_order > new:
                match(world, m, tick.price, new)
        if tick.leg == 0:
            rest(world, m)
            touched = tick.low <= market.below or tick.high >= market.above or tick.close_ms >= market.deadline_ms
            if not touched and market.wake_row > tick.row + 1:
                return
    rest(world, m)


@compiled(part=True)
def mark(world):
    """Equity at last prices, counting the bars in which anything was held."""
    total, exposed = world.quote, 0
    for m in range(world.n_markets):
        market = world.markets[m]
        if market.position != 0.0:
            total += market.position * market.last
            exposed = 1
    world.bars_exposed += exposed
    return total


@compiled(part=True)
def is_filling(world):
    """Is there a batch in an outbox, or did something overflow? Small batches stay in the processor's cache."""
    return max(world.n_fills, world.n_orders, world.n_executors, world.n_refusals) > BATCH or world.code != 0


@compiled
def nearly_full(journals):
    """Could what the outbox holds overflow a journal?"""
    used = journals.used
    return (
        used[0] + OUTBOX > journals.fills.shape[0]
        or used[1] + OUTBOX > journals.orders.shape[0]
        or used[2] + OUTBOX > journals.executors.shape[0]
        or used[3] + OUTBOX > journals.refusals.shape[0]
    )


@compiled
def empty_outbox(world, journals):
    """Move what happened from the world into the journals."""
    used = journals.used
    for i in range(world.n_fills):
        journals.fills[used[0] + i] = world.fills[i]
    for i in range(world.n_orders):
        journals.orders[used[1] + i] = world.done_orders[i]
    for i in range(world.n_executors):
        journals.executors[used[2] + i] = world.done_executors[i]
    for i in range(world.n_refusals):
        journals.refusals[used[3] + i] = world.refusals[i]
    used[0] += world.n_fills
    used[1] += world.n_orders
    used[2] += world.n_executors
    used[3] += world.n_refusals
    world.n_fills = world.n_orders = world.n_executors = world.n_refusals = 0


@compiled(part=True)
def take_exit(world, m):
    """A controller's exit column closes both sides of a market."""
    stop_early(world, m, NO_SIDE, world.row + 1 + world.latency)


@compiled(part=True)
def show(world, total, row):
    """Write down what `decide` may know of the world."""
    seen, first = world.seen[0], world.markets[0]
    seen.time_ms, seen.row, seen.quote, seen.equity = world.time_ms, row, world.quote, total
    seen.position, seen.last = first.position, first.last
    seen.entry = first.entry if first.position != 0.0 else np.nan
    seen.open_long = seen.open_short = 0
    if world.n_markets > 1:
        for m in range(world.n_markets):
            seen.positions[m], seen.lasts[m] = world.markets[m].position, world.markets[m].last
    for slot in range(world.executors_top):
        phase = world.executors[slot].phase
        if phase == Phase.ENTERING or phase == Phase.HOLDING:
            if world.executors[slot].side > 0:
                seen.open_long += 1
            else:
                seen.open_short += 1


def idle(row, world, out):
    """The `decide` of a bot that has none."""


__all__ = ["DECIDE", "Bars", "Inputs", "Journals", "Plan", "Source", "Wishes", "run"]
