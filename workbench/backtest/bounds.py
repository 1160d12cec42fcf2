"""What the unknown path inside each bar allows: the worst, the expected and the best net profit of the same entries.

A bar that touches both the stop and the target of a position does not say which came first. So every executor of a run
is followed once more through its bars, with *all* the ways in which it could have ended: the bounds are the sums of the
worst and of the best of them. The expected value weighs them as a price without drift would: the nearer barrier is the
likelier one. Entries, amounts and the signals that closed positions are those of the run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.backtest.engine import Array
from workbench.backtest.loop import Bars
from workbench.backtest.market import Market
from workbench.compiled import compiled
from workbench.market import BUY, Action, OrderKind, Targets
from workbench.trading import MAX_MARKETS

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, repr=False)
class Bounds:
    """Net profit, in quote currency, on the worst, expected and best path inside each bar.

    `ambiguous_bars` did not say by themselves how a position ended, of `bars_with_orders` in which one was open.
    `profit in bounds` asks whether a net profit lies between worst and best, give or take the rounding of sums.
    """

    worst: float
    expected: float
    best: float
    ambiguous_bars: int
    bars_with_orders: int

    def __str__(self) -> str:
        if self.bars_with_orders == 0:
            return "Bounds: no executor held a position, so the path inside the bars decided nothing."
        share = self.ambiguous_bars / self.bars_with_orders
        return (
            f"Bounds: net profit between {self.worst:,.2f} (worst path) and {self.best:,.2f} (best), expected "
            f"{self.expected:,.2f}; {self.ambiguous_bars:,} of {self.bars_with_orders:,} bars with a position "
            f"({share:.2%}) do "
            f"not say which barrier came first."
        )

    __repr__ = _repr_markdown_ = __str__

    def __contains__(self, profit: float) -> bool:
        slack = ROUNDING * max(1.0, abs(self.worst), abs(self.best), abs(profit))
        return self.worst - slack <= profit <= self.best + slack


def find_bounds(
    executors: Array,
    markets: Array,
    bars: Bars,
    timeframe_ms: int,
    *,
    closing: Array,
    latency: int,
    other_profit: float,
) -> Bounds:
    """Follow every executor of a run through all the ways in which it could have ended.

    Parameters
    ----------
    executors : array of EXECUTOR
        Those that held something, done or open.
    markets : array of MARKET
        For fees and slippage.
    closing : int8 array of shape (n_markets, n_rows)
        Sides that a signal stopped at the close of a row: bit 1 long, bit 2 short.
    other_profit : float
        Net profit of the run that no executor made; it is the same on every path.
    """
    held = executors[executors["entry_held"] > 0.0]
    sums, marks = np.zeros(3), np.zeros(bars.open.shape[1], np.int8)
    if len(held):
        follow_all(held, markets[:MAX_MARKETS], bars, timeframe_ms, closing, latency, sums, marks)
    worst, expected, best = (float(value) + other_profit for value in sums)
    return Bounds(worst, expected, best, int((marks >= 2).sum()), int((marks >= 1).sum()))


@compiled
def follow_all(executors, markets, bars, timeframe_ms, closing, latency, sums, marks):
    """Add up worst, expected and best of all executors; mark bars with a position (1) and ambiguous ones (2)."""
    ends = np.zeros(3)
    for i in range(executors.shape[0]):
        executor = executors[i]
        follow(executor, markets[executor.market], bars, timeframe_ms, closing, latency, ends, marks)
        for k in range(3):
            sums[k] += ends[k]


@compiled(part=True)
def follow(executor, market, bars, timeframe_ms, closing, latency, ends, marks):
    """One executor, bar by bar, until it must have ended: `ends` becomes (worst, expected, best) net profit."""
    m, d = executor.market, executor.side
    n_rows = bars.time.shape[0]
    ends[0], ends[1], ends[2] = np.inf, 0.0, -np.inf
    alive = 1.0  # chance that it has not ended yet
    armed, peak = False, 0.0
    leaves_at = n_rows
    for row in range(executor.entered_row, n_rows):
        o, c = bars.open[m, row], bars.close[m, row]
        if c != c:
            continue
        marks[row] = max(marks[row], 1)
        first, inside = row == executor.entered_row, False
        if first:
            inside = executor.entry != o * (1.0 + d * market.slippage) and executor.entry != o
        elif row >= leaves_at or barrier_at(executor, armed, peak, o, bars.time[row]):
            end(executor, market, ends, alive, left_at(bars, m, row, latency, o), False)
            return
        high, low = bars.high[m, row], bars.low[m, row]
        ahead, against = (high, low) if d == BUY else (low, high)
        start = executor.entry if inside else o
        floor = trail_of(executor, armed, peak)
        if not armed and d * (ahead - executor.arming) >= 0.0:
            armed, peak = True, executor.arming if d * (start - executor.arming) < 0.0 else start
            floor = trail_of(executor, armed, peak)
        elif armed and d * (start - peak) > 0.0:
            peak = start
            floor = trail_of(executor, armed, peak)
        # An entry on the way down meets the low afterwards, one on the way up the high; the other extreme may be older.
        down = not inside or d * (executor.entry - o) < 0.0
        up = not inside or d * (executor.entry - o) > 0.0
        stopped = d * (against - executor.stop) <= 0.0
        won = d * (ahead - executor.target) >= 0.0
        top = ahead - d * executor.distance
        trailed = armed and d * (against - top) <= 0.0
        sure_trail = armed and ((d * (against - floor) <= 0.0 and down) or d * (c - top) <= 0.0)
        if stopped or won or trailed:
            sure = (stopped and down) or (won and up) or (sure_trail and trailed)
            low_end, high_end = np.inf * d, -np.inf * d
            if trailed:
                low_end = floor if d * (floor - against) > 0.0 else against
                high_end = top
            if stopped:
                low_end = executor.stop
                high_end = executor.stop if not trailed else high_end
            if won:
                high_end = executor.target
                low_end = executor.target if not (stopped or trailed) else low_end
            likely = first_touch(start, low_end, high_end) if low_end != high_end else 1.0
            weight = alive if sure else 0.5 * alive
            limit = executor.target_kind == OrderKind.LIMIT
            low_limit, high_limit = limit and low_end == executor.target, limit and high_end == executor.target
            add(
                executor,
                market,
                ends,
                weight * (1.0 - likely),
                end_price(bars, m, row, latency, low_end, low_limit),
                low_limit,
            )
            add(
                executor,
                market,
                ends,
                weight * likely,
                end_price(bars, m, row, latency, high_end, high_limit),
                high_limit,
            )
            if not sure or low_end != high_end:
                marks[row] = 2
            if sure:
                return
            alive -= weight
        if armed:
            peak = ahead
        if bars.time[row] + timeframe_ms >= executor.deadline_ms:
            end(executor, market, ends, alive, left_at(bars, m, row, latency, c), False)
            return
        if closing[m, row] & (1 if d == BUY else 2) and leaves_at == n_rows:
            leaves_at = row + 1 + latency
    mark = last_close(bars, m)
    value = d * (executor.entry_held * mark - executor.entry_value) - executor.entry_fees
    book(ends, alive, value)


@compiled(part=True)
def barrier_at(executor, armed, peak, price, now):
    """Does the open of a bar end an executor by itself?"""
    d = executor.side
    if d * (price - executor.stop) <= 0.0 or now >= executor.deadline_ms:
        return True
    if armed and d * (price - trail_of(executor, armed, peak)) <= 0.0:
        return True
    return executor.target_kind == OrderKind.MARKET and d * (price - executor.target) >= 0.0


@compiled(part=True)
def trail_of(executor, armed, peak):
    return peak - executor.side * executor.distance if armed else -executor.side * np.inf


@compiled(part=True)
def first_touch(start, low_end, high_end):
    """Chance that a price without drift meets `high_end` before `low_end`."""
    to_low, to_high = abs(start - low_end), abs(high_end - start)
    total = to_low + to_high
    return to_low / total if total > 0.0 else 0.5


@compiled(part=True)
def end_price(bars, m, row, latency, price, at_limit):
    """The price of an exit asked for in a row: its own, or with latency the open of a later bar."""
    return price if at_limit else left_at(bars, m, row, latency, price)


@compiled(part=True)
def left_at(bars, m, row, latency, price):
    if latency == 0:
        return price
    later = row + latency
    while later < bars.time.shape[0]:
        if bars.open[m, later] == bars.open[m, later]:
            return bars.open[m, later]
        later += 1
    return last_close(bars, m)


@compiled(part=True)
def last_close(bars, m):
    row = bars.time.shape[0] - 1
    while row > 0 and bars.close[m, row] != bars.close[m, row]:
        row -= 1
    return bars.close[m, row]


@compiled(part=True)
def end(executor, market, ends, weight, price, at_limit):
    add(executor, market, ends, weight, price, at_limit)


@compiled(part=True)
def add(executor, market, ends, weight, price, at_limit):
    """One way to end: its net profit counts for the bounds, and with its weight for the expected value."""
    d = executor.side
    paid = price if at_limit else price * (1.0 - d * market.slippage)
    rate = market.maker if at_limit else market.taker
    value = executor.entry_held * paid
    book(ends, weight, d * (value - executor.entry_value) - executor.entry_fees - value * rate)


@compiled(part=True)
def book(ends, weight, profit):
    ends[0], ends[2] = min(ends[0], profit), max(ends[2], profit)
    ends[1] += weight * profit


def closing_sides(targets: list[Targets], market: Market, bars: Bars) -> Array:
    """Which sides a signal stopped at the close of each walked row: bit 1 long, bit 2 short."""
    n_rows = len(bars.time)
    closing = np.zeros((len(market.candles), n_rows), np.int8)
    decided = np.flatnonzero(bars.decides >= 0) if len(bars.decides) else None
    for m, (one, rows) in enumerate(zip(targets, market.rows, strict=False)):
        if one.action != Action.ENTER:
            continue
        sides = np.where(one.exit.any(axis=1), 3, 0).astype(np.int8)
        if one.policy.close_on_opposite:
            sides |= np.where((one.side < 0).any(axis=1), 1, 0).astype(np.int8)
            sides |= np.where((one.side > 0).any(axis=1), 2, 0).astype(np.int8)
        grid = np.zeros(len(market.time), np.int8)
        grid[slice(None) if rows is None else rows] = sides
        if decided is None:
            closing[m] = grid
        else:
            closing[m, decided] = grid[bars.decides[decided]]
    return closing
