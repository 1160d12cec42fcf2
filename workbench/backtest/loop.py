"""The compiled loop: one pass over the bars, in which the engine's own functions are all that acts."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from numba import types

from workbench.backtest.prefetch import prefetch
from workbench.backtest.quoting import quote_on
from workbench.backtest.waiting import show, wait_on
from workbench.compiled import call_address, compiled
from workbench.market import TARGET, Action
from workbench.trading import (
    ALL_ORDERS,
    MAX_MARKETS,
    NEVER,
    NO_SIDE,
    OUTBOX,
    VIEW,
    Phase,
    Reason,
    advance,
    after_open,
    begin_row,
    look_at_drawdowns,
    match,
    meet_rare,
    next_tick,
    opened_at,
    rest,
    see_bar,
    see_tick,
    start_walk,
    steps_over,
    stop_early,
    take,
    trade_pairs,
)

FloatPlane = npt.NDArray[np.float64]


BATCH = 32
SHORT_STRETCH, LONGEST_PAUSE, LONGEST_WAIT_PAUSE = 16, 1024, 64  # rows
ONE, BLOCK = np.uint64(1), np.uint64(32)
LINE = 8  # float64 in a line of the processor's cache
NOT_GIVEN = np.zeros(0, np.int64)
NOT_GIVEN.flags.writeable = False


class Bars(NamedTuple):
    """What is walked: (n_markets, n_rows) planes, NaN where a market has no bar, and the row that a close decides."""

    time: npt.NDArray[np.int64]
    open: FloatPlane
    high: FloatPlane
    low: FloatPlane
    close: FloatPlane
    decides: npt.NDArray[np.int64]  # decision row of each row, −1 for none; empty: every row its own
    decided_ms: npt.NDArray[np.int64] = NOT_GIVEN  # close of that decision row; empty with `decides`
    extra: Any = None  # an `Extra` where the world has purses


class Wishes(NamedTuple):
    """Targets as (n_rows, n_levels) planes; an axis along which nothing changes has length 1. `terms`: one for all.

    `rows` are those in which a bot of a single level wants something.
    """

    side: npt.NDArray[np.int8]
    exit: npt.NDArray[np.int8]
    price: FloatPlane
    trigger: FloatPlane
    size: FloatPlane
    stop_loss: FloatPlane
    take_profit: FloatPlane
    trailing_activation: FloatPlane
    trailing_delta: FloatPlane
    market: npt.NDArray[np.int64]  # of each level
    terms: npt.NDArray[np.void]  # one TARGET record: action, kind, sizing, time limit
    rows: npt.NDArray[np.int64]


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
def run(world, tick, journals, bars, timeframe_ms, wishes, plan, out, equity, start, stop):
    """Walk rows from `start` to `stop` by columns of wishes or a plan, or neither; returns the row to go on from.

    That is less than `stop` when a journal is nearly full. `equity` gets one value per row. `world.code` says why a run
    stopped short for good.

    With one market, and nothing to decide in most rows, bars in which nothing can happen are stepped over: looked
    through in blocks that the processor compares at once, by unsigned rows, because one that may be negative costs a
    test. Arrays stay in this function, and tuples of them are taken apart before the loop, and the outbox is emptied in
    batches: handing an array to another function counts its owners, and a tuple of them costs 100 ns.
    """
    time, opens, highs, lows, closes, decides = bars.time, bars.open, bars.high, bars.low, bars.close, bars.decides
    decided_ms = bars.decided_ms
    sides, exits, level_market, terms = wishes.side, wishes.exit, wishes.market, wishes.terms
    prices, triggers, sizes = wishes.price, wishes.trigger, wishes.size
    stop_losses, take_profits = wishes.stop_loss, wishes.take_profit
    activations, deltas = wishes.trailing_activation, wishes.trailing_delta
    spoken, plan_rows, plan_levels, plan_targets = wishes.rows, plan.rows, plan.levels, plan.targets
    n_levels, planned, next_spoken = level_market.shape[0], 0, 0
    own_rows, holding = decides.shape[0] == 0, terms[0].action == Action.HOLD
    side_step, exit_step = min(sides.shape[0] - 1, 1), min(exits.shape[0] - 1, 1)
    sides_by_level, exits_by_level = sides.shape[1] > 1, exits.shape[1] > 1
    first_level, market = out[0], world.markets[0]
    extra = bars.extra
    may_skip = (
        steps_over(world) and world.n_markets == 1 and own_rows and (n_levels == 0 or (n_levels == 1 and not holding))
    )
    only_open, only_low, only_high, only_close = opens[0], lows[0], highs[0], closes[0]
    # Where no bar is missing, a row's time follows from the first one's: one cache miss less an event.
    every_ms = timeframe_ms if time[-1] - time[0] == (time.shape[0] - 1) * timeframe_ms else 0
    t = start - 1
    while t + 1 < stop:
        t += 1
        if may_skip:
            end = min(stop, market.wake_row)
            if planned < plan_rows.shape[0]:
                end = min(end, plan_rows[planned])
            while next_spoken < spoken.shape[0] and spoken[next_spoken] < t:
                next_spoken += 1
                prefetch(only_open, spoken[min(next_spoken + 1, spoken.shape[0] - 1)])
            if next_spoken < spoken.shape[0]:
                end = min(end, spoken[next_spoken])
            if market.deadline_ms != NEVER and end > t:
                # Bars are at least a timeframe apart; gaps only bring the deadline nearer.
                last_time = market.deadline_ms - timeframe_ms
                now = time[0] + t * every_ms if every_ms else time[t]
                end = min(end, t + max(0, (last_time - now + timeframe_ms - 1) // timeframe_ms))
                while not every_ms and end > t and time[end - 1] >= last_time:
                    end -= 1
            below, above, at, last = market.below, market.above, np.uint64(t), np.uint64(max(end, t))
            while at + BLOCK <= last:
                inside = 0
                for i in range(BLOCK):
                    inside += (only_low[at + i] > below) & (only_high[at + i] < above)
                if inside < np.int64(BLOCK):
                    for i in range(0, np.int64(BLOCK), LINE):
                        prefetch(only_open, np.int64(at) + i)
                    break
                at += BLOCK
            while at < last and only_low[at] > below and only_high[at] < above:
                at += ONE
            if at > np.uint64(t):
                position, quote = market.position, world.quote
                if position != 0.0:
                    world.bars_exposed += np.int64(at) - t
                    for row in range(np.uint64(t), at):
                        equity[row] = quote + position * only_close[row]
                else:
                    for row in range(np.uint64(t), at):
                        equity[row] = quote
                market.last, t = only_close[at - ONE], np.int64(at)
                if t == stop:
                    world.row, world.time_ms = t - 1, time[t - 1] + timeframe_ms
                    break
        open_ms = time[0] + t * every_ms if every_ms else time[t]
        world.row, close_ms = t, open_ms + timeframe_ms
        begin_row(world, extra, t, close_ms)
        for m in range(world.n_markets):
            walk_bar(world, tick, extra, m, open_ms, close_ms, opens[m, t], highs[m, t], lows[m, t], closes[m, t])
        total = mark(world)
        equity[t] = total
        row = t if own_rows else decides[t]
        world.time_ms = close_ms if own_rows or row < 0 else decided_ms[t]
        look_at_drawdowns(world, total)
        if world.n_pairs > 0:
            trade_pairs(world, closes[:, t])
        if row >= 0:  # finer bars between two decisions have none
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
                    take(world, first_level, level, total)
            while planned < plan_rows.shape[0] and plan_rows[planned] <= row:
                if plan_rows[planned] == row:
                    take(world, plan_targets[planned], plan_levels[planned], total)
                planned += 1
        if is_filling(world):
            if world.code != Reason.NONE:
                return t
            empty_outbox(world, journals)
            if nearly_full(journals):
                return t + 1
    empty_outbox(world, journals)
    return stop


@compiled
def run_deciding(world, tick, journals, bars, timeframe_ms, inputs, decide, out, equity, start, stop):
    """The same with a compiled `decide`, which speaks at every close and may look at the world."""
    time, opens, highs, lows, closes, decides = bars.time, bars.open, bars.high, bars.low, bars.close, bars.decides
    decided_ms, columns, places, numbers = bars.decided_ms, inputs.columns, inputs.places, inputs.row
    extra = bars.extra
    n_levels, n_columns, own_rows = out.shape[0], places.shape[0], decides.shape[0] == 0
    may_wait = steps_over(world) and world.n_markets == 1 and own_rows
    t, again, pause, wait_again, wait_pause = start, start, 0, start, 0
    while t < stop:
        if is_filling(world):
            if world.code != Reason.NONE:
                return t - 1
            empty_outbox(world, journals)
            if nearly_full(journals):
                break
        if own_rows and t >= again and world.executors_top == 0:
            empty_outbox(world, journals)
            began = t
            t = quote_on(world, journals, bars, timeframe_ms, inputs, decide, out, equity, t, stop)
            if world.code != Reason.NONE:
                return t - 1
            # A bot that does other things is not asked again and again.
            pause = 0 if t - began > SHORT_STRETCH else min(2 * pause + 1, LONGEST_PAUSE)
            again = t + pause
            if t == stop or nearly_full(journals):
                break
            if t > began:
                continue
        if may_wait and t >= wait_again:
            began = t
            t = wait_on(world, bars, timeframe_ms, inputs, decide, out, equity, t, stop)
            wait_pause = 0 if t - began > 1 else min(2 * wait_pause + 1, LONGEST_WAIT_PAUSE)
            wait_again = t + wait_pause
            if t > began:
                continue
        world.row, close_ms = t, time[t] + timeframe_ms
        begin_row(world, extra, t, close_ms)
        for m in range(world.n_markets):
            walk_bar(world, tick, extra, m, time[t], close_ms, opens[m, t], highs[m, t], lows[m, t], closes[m, t])
        total = mark(world)
        equity[t] = total
        row = t if own_rows else decides[t]
        world.time_ms = close_ms if own_rows or row < 0 else decided_ms[t]
        look_at_drawdowns(world, total)
        if world.n_pairs > 0:
            trade_pairs(world, closes[:, t])
        if row >= 0:
            for j in range(n_columns):
                numbers[places[j]] = columns[j, row]
            show(world, world.time_ms, row, total)
            decide(numbers, world.seen[0], out)
            for level in range(n_levels):
                if out[level].action != Action.NONE:
                    take(world, out[level], level, total)
                    out[level].action = Action.NONE
        t += 1
    empty_outbox(world, journals)
    return t


# One of several controllers, for the loop: where its `decide` is (0: its wishes are written down), and its places.
PART = np.dtype(
    [
        ("address", "i8"),
        ("first_number", "i8"),
        ("n_numbers", "i8"),
        ("first_level", "i8"),
        ("n_levels", "i8"),
        ("first_config", "i8"),
        ("n_markets", "i8"),
        ("markets", "i8", (MAX_MARKETS,)),  # of its own instruments, those of the run
    ],
    align=True,
)


@compiled
def run_together(world, tick, journals, bars, timeframe_ms, plan, inputs, asks, parts, pnls, out, equity, start, stop):
    """The same with several controllers, which speak in order, each for its own levels and markets."""
    time, opens, highs, lows, closes, decides = bars.time, bars.open, bars.high, bars.low, bars.close, bars.decides
    decided_ms, columns, places, numbers = bars.decided_ms, inputs.columns, inputs.places, inputs.row
    plan_rows, plan_levels, plan_targets = plan.rows, plan.levels, plan.targets
    extra, own_rows, planned, t = bars.extra, decides.shape[0] == 0, 0, start
    while t < stop:
        world.row, close_ms = t, time[t] + timeframe_ms
        begin_row(world, extra, t, close_ms)
        for m in range(world.n_markets):
            walk_bar(world, tick, extra, m, time[t], close_ms, opens[m, t], highs[m, t], lows[m, t], closes[m, t])
        total = mark(world)
        equity[t] = total
        row = t if own_rows else decides[t]
        world.time_ms = close_ms if own_rows or row < 0 else decided_ms[t]
        look_at_drawdowns(world, total)
        for c in range(parts.shape[0]):
            pnls[c, t] = world.controllers[c].pnl
        if world.n_pairs > 0:
            trade_pairs(world, closes[:, t])
        if row >= 0:
            for j in range(places.shape[0]):
                numbers[places[j]] = columns[j, row]
            while planned < plan_rows.shape[0] and plan_rows[planned] < row:
                planned += 1
            for c in range(parts.shape[0]):
                part = parts[c]
                until = part.first_level + part.n_levels
                while planned < plan_rows.shape[0] and plan_rows[planned] == row and plan_levels[planned] < until:
                    take(world, plan_targets[planned], plan_levels[planned], total)
                    planned += 1
                if part.address == 0 or asks[c, row] == 0:
                    continue
                show_own(world, part, c, world.time_ms, row, total)
                first, last = part.first_number, part.first_number + part.n_numbers
                said = out[part.first_level : until]
                call_address(part.address, (numbers[first:last], world.views[c], said))
                take_own(world, part, said, total)
        t += 1
        if is_filling(world):
            if world.code != Reason.NONE:
                return t - 1
            empty_outbox(world, journals)
            if nearly_full(journals):
                break
    empty_outbox(world, journals)
    return t


@compiled(inline=True)
def take_own(world, part, said, total):
    """Take what one of several has said, of whose markets and configs the first is 0."""
    for level in range(part.n_levels):
        target = said[level]
        if target.action == Action.NONE:
            continue
        market, config = target.market, target.config
        if 0 <= market < part.n_markets:
            target.market = part.markets[market]
        else:
            target.market = -1
        if config >= 0:
            target.config = config + part.first_config
        take(world, target, part.first_level + level, total)
        target.action, target.market, target.config = Action.NONE, market, config


@compiled(part=True)
def show_own(world, part, place, time_ms, row, total):
    """Write down what one of several may know: its own positions and executors in the account of all."""
    seen, owner = world.views[place], world.controllers[place]
    seen.time_ms, seen.row, seen.quote, seen.equity = time_ms, row, world.quote, total
    for j in range(part.n_markets):
        m = part.markets[j]
        seen.positions[j], seen.lasts[j] = owner.position[m], world.markets[m].last
    seen.position, seen.last = seen.positions[0], seen.lasts[0]
    seen.entry = world.markets[part.markets[0]].entry if seen.position != 0.0 else np.nan
    seen.open_long = seen.open_short = 0
    for slot in range(world.executors_top):
        executor = world.executors[slot]
        if executor.phase == Phase.FREE or executor.controller != place:
            continue
        told = seen.levels[executor.level - owner.first_level]
        if told.id == executor.id:
            told.phase = executor.phase
        if executor.phase == Phase.ENTERING or executor.phase == Phase.HOLDING:
            if executor.side > 0:
                seen.open_long += 1
            else:
                seen.open_short += 1


@compiled(leaf=True)
def walk_bar(world, tick, extra, m, open_ms, close_ms, o, high, low, close):
    """Let a market's bar be met by what waits for it; NaN is a bar that is missing."""
    if close != close:
        return
    market = world.markets[m]
    see_bar(world, extra, m, o)
    if low <= market.below or high >= market.above or world.row >= market.wake_row or close_ms >= market.deadline_ms:
        only_resting = world.executors_top == 0 and world.orders_top > 0
        if not only_resting or not meet_rare(world, m, world.row, o, high, low):
            start_walk(tick, m, world.row, opened_at(world, m, open_ms, close_ms), close_ms, o, high, low, close)
            walk(world, tick, extra)
    market.last = close


@compiled(inline=True)
def pick(plane, row, level):
    """A value of a plane whose axes may have length 1, where nothing changes along them."""
    return plane[row if plane.shape[0] > 1 else 0, level if plane.shape[1] > 1 else 0]


@compiled
def walk(world, tick, extra):
    """One market's bar, tick by tick."""
    m = tick.market
    market = world.markets[m]
    while next_tick(world, tick):
        market.last = tick.price
        world.time_ms = tick.time_ms
        see_tick(world, tick)
        match(world, m, tick.price, ALL_ORDERS)
        if world.executors_top > 0:
            new = world.next_order
            advance(world, m, tick.price)
            if world.next_order > new:
                match(world, m, tick.price, new)
        if tick.leg == 0:
            after_open(world, extra, m, tick.close_ms)
            rest(world, m)
            touched = tick.low <= market.below or tick.high >= market.above or tick.close_ms >= market.deadline_ms
            if not touched and market.wake_row > tick.row + 1:
                return
    rest(world, m)


@compiled(leaf=True)
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


@compiled(leaf=True)
def is_filling(world):
    """Is there a batch in an outbox, or did something overflow? Small batches stay in the processor's cache."""
    return world.n_fills + world.n_orders + world.n_executors + world.n_refusals > BATCH or world.code != 0


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
    stop_early(world, m, NO_SIDE, np.int64(0), world.row + 1 + world.latency)


__all__ = ["DECIDE", "Bars", "Inputs", "Journals", "Plan", "Wishes", "run", "run_deciding"]
