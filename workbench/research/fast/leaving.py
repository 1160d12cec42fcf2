"""How a position is left: the prices that it waits for, the first bar that meets one, and where in the bar that is."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY
from workbench.research.fast.prices import first_touch
from workbench.trading import Path

NEVER = np.iinfo(np.int64).max


@compiled(part=True)
def barriers(terms, d, held, entry, value, fee):
    """The prices at which a position will be left; NaN for none."""
    if terms.net_of_fees:
        paid = d * fee
        taker = held * (1.0 - d * terms.taker)
        stop = (value * (1.0 - d * terms.stop_loss) + paid) / taker
        return stop, (value * (1.0 + d * terms.take_profit) + paid) / taker
    return entry * (1.0 - d * terms.stop_loss), entry * (1.0 + d * terms.take_profit)


@compiled(part=True)
def trailing(terms, d, held, entry, value, fee):
    """The price that arms the trailing stop, and how far behind the best price it follows; NaN for none."""
    if terms.net_of_fees:
        taker = held * (1.0 - d * terms.taker)
        return (value * (1.0 + d * terms.trailing_activation) + d * fee) / taker, value * terms.trailing_delta / taker
    return entry * (1.0 + d * terms.trailing_activation), entry * terms.trailing_delta


@compiled(part=True)
def met(time, touch, timeframe_ms, side, stop, target, deadline, start, end):
    """The first bar in which the position meets a barrier or its time is up; a row behind `end` if in none."""
    below, above = (stop, target) if side == BUY else (target, stop)
    below, above = below if below == below else -np.inf, above if above == above else np.inf
    last = end
    if deadline != NEVER:
        low, high = start, end  # the first bar that closes at the deadline or later
        while low < high:
            middle = (low + high) // 2
            if time[middle] + timeframe_ms >= deadline:
                high = middle
            else:
                low = middle + 1
        last = low
    if below > -np.inf or above < np.inf:
        last = first_touch(touch, start, last, below, above)
    return last if last < end else time.shape[0]


@compiled(part=True)
def exit_of(terms, d, stop, target, deadline, open_ms, timeframe_ms, o, high, low, c):
    """The price at which a bar ends a position, and when; NaN if it does not. docs/execution.md, parts 2 and 6."""
    if d * (o - stop) <= 0.0 or d * (o - target) >= 0.0 or open_ms >= deadline:
        return o, open_ms
    worst, best = (low, high) if d == BUY else (high, low)
    stopped, reached = d * (worst - stop) <= 0.0, d * (best - target) >= 0.0
    if stopped and reached:
        # Both lie in the bar: the path says which comes first.
        stopped = terms.path == Path.WORST or (terms.path == Path.OHLC and (high - o <= o - low) == (d != BUY))
    if stopped:
        return stop, open_ms
    if reached:
        return target, open_ms
    close_ms = open_ms + timeframe_ms
    return (c, close_ms) if close_ms >= deadline else (np.nan, close_ms)


@compiled(leaf=True)
def waits(d, stop, target, arming, armed, peak, trail):
    """The nearest price against a position and the nearest one with it; a new best price matters, once it is armed."""
    against, ahead = stop, peak if armed else arming
    if armed and not d * (trail - against) <= 0.0:
        against = trail
    if target == target and not d * (target - ahead) >= 0.0:  # so that it is nearer than nothing
        ahead = target
    return against, ahead


@compiled(part=True)
def followed(
    terms, d, stop, target, deadline, arming, distance, armed, peak, trail, open_ms, timeframe_ms, o, high, low, c
):
    """Walk a bar tick by tick, as the engine does: docs/execution.md, parts 2, 3 and 6.

    Returns
    -------
    price, when : where the bar ends the position, NaN if it does not
    armed, peak, trail : how the trailing stop stands after it
    """
    rising = high - o <= o - low if terms.path == Path.OHLC else (d == BUY) == (terms.path == Path.BEST)
    price, now = o, open_ms
    for leg in range(4):
        vertex = o if leg == 0 else c if leg == 3 else high if (leg == 1) == rising else low
        while True:
            price = next_stop(d, stop, target, arming, armed, trail, price, vertex)
            if leg == 3 and price == vertex:
                now = open_ms + timeframe_ms
            stopped = d * (price - stop) <= 0.0 or (armed and d * (price - trail) <= 0.0)
            if stopped or d * (price - target) >= 0.0 or now >= deadline:
                return price, now, armed, peak, trail
            if not armed and d * (price - arming) >= 0.0:
                armed, peak = True, price
            if armed:
                peak = max(peak, price) if d == BUY else min(peak, price)
                trail = peak - d * distance
            if price == vertex:
                break
    return np.nan, now, armed, peak, trail


@compiled(leaf=True)
def next_stop(d, stop, target, arming, armed, trail, price, vertex):
    """The first price waited for strictly between here and the vertex, or the vertex."""
    if vertex == price:
        return vertex
    up = vertex > price
    if (d == BUY) == up:
        best = nearer(up, price, target, vertex)
        return best if armed else nearer(up, price, arming, best)
    best = nearer(up, price, stop, vertex)
    return nearer(up, price, trail, best) if armed else best


@compiled(leaf=True)
def nearer(up, price, waited, best):
    """The nearer of two prices ahead; a NaN, which is nobody's price, loses."""
    if up:
        return waited if price < waited < best else best
    return waited if price > waited > best else best
