"""Sweeps by hand: one pass over the bars per combination, the numbers in the pass, and no arrays.

They follow docs/execution.md, as `kernels.py` does.
"""

from __future__ import annotations

import numba
import numpy as np

from benchmarks.kernels import annual, up_first

DAY = 1440
compiled = numba.njit(nogil=True, error_model="numpy")


@compiled
def pairs_by_hand(o, c, fast, slow, fee, cash, out):
    """The cross, long only, one unit: net profit, round trips, largest drawdown, Sharpe ratio of each pair."""
    n = c.shape[0]
    for k in range(fast.shape[0]):
        f, s = fast[k], slow[k]
        quote, held, peak, fall, day, total, squares, days, trips = cash, 0.0, cash, 0.0, cash, 0.0, 0.0, 0, 0
        sum_fast = sum_slow = 0.0
        order, before = 0, 0
        for t in range(n):
            if order > 0:
                quote -= o[t] * (1.0 + fee)
                held = 1.0
            elif order < 0:
                quote += o[t] * (1.0 - fee)
                held = 0.0
                trips += 1
            order = 0
            sum_fast += c[t]
            sum_slow += c[t]
            if t >= f:
                sum_fast -= c[t - f]
            if t >= s:
                sum_slow -= c[t - s]
            if t >= s - 1:
                side = 1 if sum_fast * s > sum_slow * f else -1
                if side == -before:
                    order = side if (side > 0) == (held == 0.0) else 0
                before = side
            value = quote + held * c[t]
            peak = max(peak, value)
            fall = max(fall, (peak - value) / peak)
            if (t + 1) % DAY == 0 or t == n - 1:
                gain = value / day - 1.0
                total += gain
                squares += gain * gain
                day = value
                days += 1
        out[k, 0], out[k, 1], out[k, 2], out[k, 3] = value - cash, trips, fall, annual(total, squares, days)


@compiled
def barriers_by_hand(o, h, l, c, signal, take_profits, stop_losses, deltas, fee, cash, out):  # noqa: E741
    """One unit long at each signal, if none is held, under a target and a stop; or one that trails from there on."""
    n = c.shape[0]
    for k in range(take_profits.shape[0]):
        trails = deltas[k] > 0.0
        quote, held, peak, fall, day, total, squares, days, trips = cash, 0.0, cash, 0.0, cash, 0.0, 0.0, 0, 0
        stop = target = top = 0.0
        waits = armed = False
        for t in range(n):
            if waits:
                waits, armed, held = False, False, 1.0
                stop, target = o[t] * (1.0 - stop_losses[k]), o[t] * (1.0 + take_profits[k])
                gap, top = o[t] * deltas[k], 0.0
                quote -= o[t] * (1.0 + fee)
            if held > 0.0:
                price = np.nan
                jumped = o[t] <= stop
                if trails and not jumped and (armed or o[t] >= target):
                    armed, top = True, max(top, o[t])
                    stop = max(stop, top - gap)
                if jumped:
                    price = o[t]
                elif l[t] <= stop:
                    price = stop
                elif not trails and h[t] >= target:
                    price = max(o[t], target)
                elif trails and (armed or h[t] >= target):
                    armed, top = True, max(top, h[t])
                    stop = max(stop, top - gap)
                    if c[t] <= stop:
                        price = stop
                if price == price:
                    quote += price * (1.0 - fee)
                    held = 0.0
                    trips += 1
            if signal[t] > 0 and held == 0.0:
                waits = True
            value = quote + held * c[t]
            peak = max(peak, value)
            fall = max(fall, (peak - value) / peak)
            if (t + 1) % DAY == 0 or t == n - 1:
                gain = value / day - 1.0
                total += gain
                squares += gain * gain
                day = value
                days += 1
        out[k, 0], out[k, 1], out[k, 2], out[k, 3] = value - cash, trips, fall, annual(total, squares, days)


@compiled
def quotes_by_decide(o, h, l, c, decide, row, world, targets, spot, fee, cash, out):  # noqa: E741
    """`quotes` of `kernels.py` with the bot's own compiled `decide` called at each close: two quotes, one unit each.

    A spot account takes none that it could not pay for.
    """
    n = c.shape[0]
    quote, position, peak, fall, day, total, squares, days, trips = cash, 0.0, cash, 0.0, cash, 0.0, 0.0, 0, 0
    bid = ask = np.nan
    for t in range(n):
        bought, sold = l[t] <= bid, h[t] >= ask
        buy_first = o[t] <= bid or not (o[t] >= ask or up_first(o[t], h[t], l[t], position))
        for step in range(2):
            if (step == 0) == buy_first:
                if not bought:
                    continue
                quote -= min(bid, o[t]) * (1.0 + fee)
                position += 1.0
            else:
                if not sold:
                    continue
                quote += max(ask, o[t]) * (1.0 - fee)
                position -= 1.0
            trips += position == 0.0
        row[0], world.position = c[t], position
        decide(row, world, targets)
        bid = targets[0].price if targets[0].size > 0.0 else np.nan
        ask = targets[1].price if targets[1].size > 0.0 else np.nan
        if spot:
            bid = bid if bid * (1.0 + fee) <= quote else np.nan
            ask = ask if position >= 1.0 else np.nan
        value = quote + position * c[t]
        peak = max(peak, value)
        fall = max(fall, (peak - value) / peak)
        if (t + 1) % DAY == 0 or t == n - 1:
            gain = value / day - 1.0
            total += gain
            squares += gain * gain
            day = value
            days += 1
    out[0], out[1], out[2], out[3] = value - cash, trips, fall, annual(total, squares, days)


@compiled
def shares_by_decide(o, h, l, c, said, decide, row, world, targets, fee, cash, out):  # noqa: E741
    """A share of the equity, as `decide` wishes it at each close; a new wish is met at the next open."""
    n = c.shape[0]
    quote, position, peak, fall, day, total, squares, days, trips = cash, 0.0, cash, 0.0, cash, 0.0, 0.0, 0, 0
    wish = asked = 0.0
    for t in range(n):
        if asked != wish:
            wish = asked
            change = wish * (quote + position * o[t]) / o[t] - position
            change = max(min(change, quote / (o[t] * (1.0 + fee))), -position)
            quote -= change * o[t] + abs(change) * o[t] * fee
            trips += position != 0.0 and wish == 0.0
            position = position + change if wish != 0.0 else 0.0
        value = quote + position * c[t]
        row[0], world.position, world.quote, world.equity = said[t], position, quote, value
        decide(row, world, targets)
        asked = targets[0].size
        peak = max(peak, value)
        fall = max(fall, (peak - value) / peak)
        if (t + 1) % DAY == 0 or t == n - 1:
            gain = value / day - 1.0
            total += gain
            squares += gain * gain
            day = value
            days += 1
    out[0], out[1], out[2], out[3] = value - cash, trips, fall, annual(total, squares, days)


@compiled
def entries_by_decide(o, h, l, c, said, decide, row, world, targets, fee, cash, out):  # noqa: E741
    """One unit long when `decide` enters, under the stop and the target that it gives."""
    n = c.shape[0]
    quote, held, peak, fall, day, total, squares, days, trips = cash, 0.0, cash, 0.0, cash, 0.0, 0.0, 0, 0
    stop = target = 0.0
    for t in range(n):
        if targets[0].action != 0:
            targets[0].action, held = 0, 1.0
            stop, target = o[t] * (1.0 - targets[0].stop_loss), o[t] * (1.0 + targets[0].take_profit)
            quote -= o[t] * (1.0 + fee)
        if held > 0.0 and (l[t] <= stop or h[t] >= target):
            price = min(o[t], stop) if l[t] <= stop else max(o[t], target)
            quote += price * (1.0 - fee)
            held = 0.0
            trips += 1
        value = quote + held * c[t]
        row[0], world.position, world.open_long = said[t], held, int(held)
        decide(row, world, targets)
        peak = max(peak, value)
        fall = max(fall, (peak - value) / peak)
        if (t + 1) % DAY == 0 or t == n - 1:
            gain = value / day - 1.0
            total += gain
            squares += gain * gain
            day = value
            days += 1
    out[0], out[1], out[2], out[3] = value - cash, trips, fall, annual(total, squares, days)
