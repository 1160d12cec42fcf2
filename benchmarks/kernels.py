"""The same three workloads by hand: one pass over the bars each, metrics in the pass, nothing that is not needed.

They follow docs/execution.md: a decision at a close meets the next open; a barrier fills at its price, or at the open
that jumped over it, the stop first; a quote fills at its price from the next bar on, or at an open beyond it. What they
return is what a person looks at: the equity curve, the round trips, and the numbers below.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from benchmarks import workloads as w

DAY = 1440
compiled = numba.njit(nogil=True, error_model="numpy", cache=False)


class Run(NamedTuple):
    """What a kernel found; the arrays are one equity per bar and one PnL per round trip."""

    net_profit: float
    round_trips: int
    max_drawdown: float
    sharpe: float
    equity: np.ndarray
    pnl: np.ndarray


def by_hand(name: str, candles: Any, fee: float) -> Run:
    """One workload by its kernel."""
    o, h, l, c = candles.open, candles.high, candles.low, candles.close  # noqa: E741
    if name == "W1":
        return Run(*cross(o, c, w.FAST, w.SLOW, fee, w.CASH))
    if name == "W3":
        side = w.alternating(len(candles))
        return Run(*barriers(o, h, l, c, side, w.TAKE_PROFIT, w.STOP_LOSS, w.LIMIT, fee, w.CASH))
    return Run(*quotes(o, h, l, c, w.SPREAD, w.MOST, fee, w.CASH))


@numba.njit(inline="always", error_model="numpy")
def annual(total, squares, n):
    """Sharpe ratio of a year of 365 days, from the sums of daily returns."""
    mean = total / n
    return mean / np.sqrt((squares - n * mean * mean) / (n - 1)) * np.sqrt(365.0)


@compiled
def cross(o, c, fast, slow, fee, cash):
    """W1."""
    n = c.shape[0]
    equity, pnl = np.empty(n), np.empty(n // 2)
    quote, held, entry, peak, fall, day, total, squares, days, trips = cash, 0.0, 0.0, cash, 0.0, cash, 0.0, 0.0, 0, 0
    sum_fast = sum_slow = 0.0
    order, before = 0, 0
    for t in range(n):
        if order > 0:
            quote -= o[t] * (1.0 + fee)
            held, entry = 1.0, o[t]
        elif order < 0:
            quote += o[t] * (1.0 - fee)
            held = 0.0
            pnl[trips] = o[t] - entry - fee * (o[t] + entry)
            trips += 1
        order = 0
        sum_fast += c[t]
        sum_slow += c[t]
        if t >= fast:
            sum_fast -= c[t - fast]
        if t >= slow:
            sum_slow -= c[t - slow]
        if t >= slow - 1:
            side = 1 if sum_fast * slow > sum_slow * fast else -1
            if side == -before:
                order = side if (side > 0) == (held == 0.0) else 0
            before = side
        value = quote + held * c[t]
        equity[t] = value
        peak = max(peak, value)
        fall = max(fall, (peak - value) / peak)
        if (t + 1) % DAY == 0 or t == n - 1:
            gain = value / day - 1.0
            total += gain
            squares += gain * gain
            day = value
            days += 1
    return value - cash, trips, fall, annual(total, squares, days), equity, pnl[:trips]


@compiled
def barriers(o, h, l, c, signal, take_profit, stop_loss, limit, fee, cash):  # noqa: E741
    """W3: one slot a side."""
    n = c.shape[0]
    equity, pnl = np.empty(n), np.empty(n // 2)
    quote, position, peak, fall, day, total, squares, days, trips = cash, 0.0, cash, 0.0, cash, 0.0, 0.0, 0, 0
    waits, held = np.zeros(2, np.bool_), np.zeros(2, np.bool_)
    entry, stop, target, last = np.zeros(2), np.zeros(2), np.zeros(2), np.zeros(2, np.int64)
    for t in range(n):
        for k in range(2):
            side = 1.0 - 2.0 * k
            if waits[k]:
                waits[k], held[k], entry[k] = False, True, o[t]
                stop[k], target[k] = o[t] * (1.0 - side * stop_loss), o[t] * (1.0 + side * take_profit)
                quote -= side * o[t] + fee * o[t]
                position += side
            if not held[k]:
                continue
            worst, best = (l[t], h[t]) if k == 0 else (h[t], l[t])
            if side * (o[t] - stop[k]) <= 0.0 or side * (o[t] - target[k]) >= 0.0:
                price = o[t]
            elif side * (worst - stop[k]) <= 0.0:
                price = stop[k]
            elif side * (best - target[k]) >= 0.0:
                price = target[k]
            elif t >= last[k]:
                price = c[t]
            else:
                continue
            held[k] = False
            quote += side * price - fee * price
            position -= side
            pnl[trips] = side * (price - entry[k]) - fee * (price + entry[k])
            trips += 1
        if signal[t] != 0:
            k = 0 if signal[t] > 0 else 1
            if not held[k] and not waits[k]:
                waits[k], last[k] = True, t + limit
        value = quote + position * c[t]
        equity[t] = value
        peak = max(peak, value)
        fall = max(fall, (peak - value) / peak)
        if (t + 1) % DAY == 0 or t == n - 1:
            gain = value / day - 1.0
            total += gain
            squares += gain * gain
            day = value
            days += 1
    return value - cash, trips, fall, annual(total, squares, days), equity, pnl[:trips]


@compiled
def quotes(o, h, l, c, spread, most, fee, cash):  # noqa: E741
    """W4; a round trip runs from flat to flat."""
    n = c.shape[0]
    equity, pnl = np.empty(n), np.empty(n)
    quote, position, peak, fall, day, total, squares, days, trips = cash, 0.0, cash, 0.0, cash, 0.0, 0.0, 0, 0
    began = cash
    bid = ask = np.nan
    for t in range(n):
        bought, sold = l[t] <= bid, h[t] >= ask
        # Whichever the walk meets first; it matters only for where a round trip ends.
        buy_first = o[t] <= bid or not (o[t] >= ask or up_first(o[t], h[t], l[t], position))
        for step in range(2):
            if (step == 0) == buy_first:
                if bought:
                    price = min(bid, o[t])
                    quote -= price * (1.0 + fee)
                    position += 1.0
                else:
                    continue
            elif sold:
                price = max(ask, o[t])
                quote += price * (1.0 - fee)
                position -= 1.0
            else:
                continue
            if position == 0.0:
                pnl[trips] = quote - began
                began = quote
                trips += 1
        bid = c[t] * (1.0 - spread) if position < most else np.nan
        ask = c[t] * (1.0 + spread) if -position < most else np.nan
        value = quote + position * c[t]
        equity[t] = value
        peak = max(peak, value)
        fall = max(fall, (peak - value) / peak)
        if (t + 1) % DAY == 0 or t == n - 1:
            gain = value / day - 1.0
            total += gain
            squares += gain * gain
            day = value
            days += 1
    return value - cash, trips, fall, annual(total, squares, days), equity, pnl[:trips]


@numba.njit(inline="always", error_model="numpy")
def up_first(o, h, l, position):  # noqa: E741
    """`path="worst"`: against the position; when flat, and both quotes wait, to the nearer extreme first."""
    if position != 0.0:
        return position < 0.0
    return h - o <= o - l
