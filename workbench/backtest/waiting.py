"""A stretch of bars that meet nothing: whatever is at work waits, and only a bot's `decide` is heard at each close."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import Action
from workbench.trading import Phase, take


@compiled(apart=True)
def wait_on(world, bars, timeframe_ms, inputs, decide, out, equity, start, stop):
    """`run_deciding` on one market until a bar meets something, or `decide` speaks; the row to go on from.

    Between the two nothing of the account changes but its value.
    """
    time, lows, highs, closes = bars.time, bars.low[0], bars.high[0], bars.close[0]
    columns, places, numbers, n_columns = inputs.columns, inputs.places, inputs.row, inputs.places.shape[0]
    market, seen, n_levels = world.markets[0], world.seen[0], out.shape[0]
    below, above, deadline_ms, end = market.below, market.above, market.deadline_ms, min(stop, market.wake_row)
    quote, position, t, total, speaks = world.quote, market.position, start, 0.0, False
    show(world, np.int64(0), start, total)
    entry, longs, shorts = seen.entry, seen.open_long, seen.open_short
    while t < end and not speaks:
        at = np.uint64(t)
        close_ms, close, total = time[at] + timeframe_ms, closes[at], quote
        if not (lows[at] > below and highs[at] < above and close_ms < deadline_ms):
            break
        if position != 0.0:
            total += position * close
        equity[at] = total
        for j in range(n_columns):
            numbers[np.uint64(places[j])] = columns[j, at]
        seen.time_ms, seen.row, seen.quote, seen.equity = close_ms, t, quote, total
        seen.position, seen.last, seen.entry = position, close, entry
        seen.open_long, seen.open_short = longs, shorts
        decide(numbers, seen, out)
        for level in range(n_levels):
            speaks |= out[np.uint64(level)].action != Action.NONE
        t += 1
    if t == start:
        return start
    world.row, world.time_ms, market.last = t - 1, time[t - 1] + timeframe_ms, closes[t - 1]
    if position != 0.0:
        world.bars_exposed += t - start
    for level in range(n_levels):
        if out[level].action != Action.NONE:
            take(world, out[level], level, total)
            out[level].action = Action.NONE
    return t


@compiled(leaf=True)
def show(world, time_ms, row, total):
    """Write down what `decide` may know of the world.

    The time and the row are handed on: to read two numbers as one, right after each was written, stalls a processor.
    """
    seen, first = world.seen[0], world.markets[0]
    entry = first.entry
    seen.time_ms, seen.row, seen.quote, seen.equity = time_ms, row, world.quote, total
    seen.position, seen.last = first.position, first.last
    seen.entry = entry if first.position != 0.0 else np.nan
    seen.open_long = seen.open_short = 0
    if world.n_markets > 1:
        for m in range(world.n_markets):
            seen.positions[m], seen.lasts[m] = world.markets[m].position, world.markets[m].last
    for slot in range(world.executors_top):
        phase, level = world.executors[slot].phase, world.executors[slot].level
        if world.tells_levels and phase != Phase.FREE and seen.levels[level].id == world.executors[slot].id:
            seen.levels[level].phase = phase
        if phase == Phase.ENTERING or phase == Phase.HOLDING:
            if world.executors[slot].side > 0:
                seen.open_long += 1
            else:
                seen.open_short += 1
