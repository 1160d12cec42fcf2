"""Every way in which an executor could have ended, whatever the path of the price inside its bars was.

A path is taken to be without jumps inside a bar: it begins at the open, ends at the close, meets the high and the low,
and turns as often as it likes. What can be said of all such paths is worked out bar by bar, from the best price since
the entry (where a trailing stop hangs), of which the lowest and the highest possible value are kept. Prices of a short
position are taken with a minus sign, so that everything below speaks of a long one.
"""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY, OrderKind
from workbench.trading import to_lot, to_tick

# Where an executor was on its way when its entry filled: what its first bar can still do to it.
START = np.dtype(
    [
        ("price", "f8"),  # of the market at that moment
        ("at_open", "i8"),
        ("sees_ahead", "i8"),  # the bar's extreme with the position surely came afterwards
        ("sees_against", "i8"),  # the one against it did
        ("fills_beyond", "i8"),  # the entry filled at some price beyond its own
    ],
    align=True,
)
# One executor on its way through its bars.
CASE = np.dtype(
    [
        ("stop", "f8"),
        ("goal", "f8"),
        ("arming", "f8"),
        ("distance", "f8"),
        ("at_limit", "i8"),  # the target is a resting limit order
        ("strict", "i8"),  # which fills only beyond its price
        ("goal_row", "i8"),  # from which it is in the market
        ("fresh", "i8"),  # it has not been answered yet
        # what is known so far
        ("low_peak", "f8"),  # of the best price since the entry: the lowest and the highest possible
        ("high_peak", "f8"),
        ("alive", "f8"),  # chance that it has not ended yet
        # the bar
        ("target", "f8"),
        ("begin", "f8"),
        ("close", "f8"),
        ("ahead", "f8"),  # its extreme with the position
        ("against", "f8"),
        ("met_ahead", "f8"),  # what it surely met while the position was open
        ("met_against", "f8"),
        # how it may end there
        ("lowest", "f8"),
        ("highest", "f8"),
        ("lives", "i8"),  # or may go on
        ("lasts", "i8"),  # at least until time runs out
    ],
    align=True,
)
TWO_WAYS = 2  # in `marks`: a bar that does not say by itself how a position ended


@compiled
def follow_all(executors, starts, markets, bars, timeframe_ms, ragged, closing, latency, through, ends, marks):
    """Fill `ends`, of shape (n, 3): worst, expected and best net profit; mark bars with a position (1), ambiguous (2).

    `ragged` marks bars that may have ended before their time, because finer bars are missing; `closing` the sides that
    a signal stopped at a close (bit 1 long, bit 2 short). Both have shape (n_markets, n_rows).
    """
    case = np.zeros(1, CASE)[0]
    for i in range(executors.shape[0]):
        executor, market = executors[i], markets[executors[i].market]
        prepare(case, executor, starts[i], market, latency, through)
        ends[i, 0], ends[i, 1], ends[i, 2] = np.inf, 0.0, -np.inf
        follow(case, executor, starts[i], market, bars, timeframe_ms, ragged, closing, latency, ends[i], marks)


@compiled(part=True)
def prepare(case, executor, start, market, latency, through):
    """The prices that an executor waits for, as those of a long position; an infinite one is never met."""
    d = executor.side
    case.at_limit = executor.target_kind == OrderKind.LIMIT
    case.strict = case.at_limit and through
    case.stop = price_or(d * executor.stop, -np.inf)
    case.goal = price_or(d * executor.target, np.inf)
    if case.at_limit:
        case.goal = price_or(d * to_tick(executor.target, -d, market.tick), np.inf)
    case.goal_row = executor.entered_row + (latency if case.at_limit else 0)
    trails = executor.arming == executor.arming and executor.distance >= 0.0
    case.arming, case.distance = (d * executor.arming, executor.distance) if trails else (np.inf, 0.0)
    case.low_peak = case.high_peak = d * start.price
    case.fresh, case.alive = 1, 1.0


@compiled(part=True)
def follow(case, executor, start, market, bars, timeframe_ms, ragged, closing, latency, ends, marks):
    """One executor, bar by bar, until it must have ended."""
    m, d, n_rows = executor.market, executor.side, bars.time.shape[0]
    time, high, low, close, last_ms = bars.time, bars.high, bars.low, bars.close, executor.deadline_ms - timeframe_ms
    bit, leaves_at = 1 if d == BUY else 2, -1
    stop, top, quiet = case.stop, min(case.goal, case.arming), False
    for row in range(executor.entered_row, n_rows):
        if quiet and time[row] < last_ms and not closing[m, row] & bit:
            # Nothing that it waits for is in this bar.
            ahead, against = (high[m, row], low[m, row]) if d == BUY else (-low[m, row], -high[m, row])
            if against > stop and ahead < top:
                marks[row] = max(marks[row], 1)
                continue
        if close[m, row] != close[m, row]:
            continue
        marks[row] = max(marks[row], 1)
        see(case, executor, start, bars, row)
        if leaves_at >= 0:
            if row >= leaves_at:
                leave(executor, market, bars, row, 0, case.begin, case.alive, ends)
                return
            continue
        if ends_at_once(case, executor, start, market, bars, row, latency, ends, marks):
            return
        look(case, executor, start, bars, row, timeframe_ms)
        end_inside(case, executor, market, bars, row, latency, ends, marks)
        if time[row] >= last_ms:
            if case.lives:
                leave(executor, market, bars, row, latency, case.close, case.alive, ends)
            if case.lasts and ragged[m, row]:
                leave(executor, market, bars, row, max(latency, 1), case.close, 0.0, ends)
            return
        if not case.lives:
            return
        case.low_peak = max(case.low_peak, case.met_ahead)
        lived = min(max(case.high_peak, case.ahead), max(case.arming, case.close + case.distance))
        case.high_peak = max(case.low_peak, lived)
        if closing[m, row] & bit:
            leaves_at = row + 1 + latency
        quiet = leaves_at < 0 and case.high_peak < case.arming
    stay(executor, bars, case.alive, ends)


@compiled(part=True)
def see(case, executor, start, bars, row):
    """A bar, from where the position was opened in it, with the prices of a long one."""
    m, d, first = executor.market, executor.side, row == executor.entered_row
    case.begin, case.close = d * (start.price if first else bars.open[m, row]), d * bars.close[m, row]
    case.ahead = d * (bars.high[m, row] if d == BUY else bars.low[m, row])
    case.against = d * (bars.low[m, row] if d == BUY else bars.high[m, row])
    case.met_ahead, case.met_against = case.ahead, case.against
    if first and not start.sees_ahead:
        case.met_ahead = max(case.begin, case.close)
    if first and not start.sees_against:
        case.met_against = min(case.begin, case.close)
    case.target = case.goal if row >= case.goal_row else np.inf


@compiled(part=True)
def ends_at_once(case, executor, start, market, bars, row, latency, ends, marks):
    """Does the first price of a bar end it? The best price so far rises to that price, if not."""
    begin, fresh = case.begin, case.fresh
    if case.at_limit and (begin > case.target or (begin == case.target and (fresh or not case.strict))):
        fill_target(case, executor, market, ends)
        return True
    case.fresh = fresh and row < case.goal_row
    trailed = case.low_peak >= case.arming and begin <= case.low_peak - case.distance
    won = not case.at_limit and begin >= case.target
    if begin <= case.stop or trailed or won or bars.time[row] >= executor.deadline_ms:
        leave(executor, market, bars, row, latency, begin, case.alive, ends)
        if row == executor.entered_row and start.fills_beyond:
            leave(executor, market, bars, row, latency, case.against, 0.0, ends)
            marks[row] = TWO_WAYS
        return True
    if case.high_peak >= case.arming and begin <= case.high_peak - case.distance:
        case.alive *= 0.5
        leave(executor, market, bars, row, latency, begin, case.alive, ends)
        marks[row] = TWO_WAYS
        case.high_peak = max(case.arming, begin + case.distance)
    case.low_peak, case.high_peak = max(case.low_peak, begin), max(case.high_peak, begin)
    return False


@compiled(part=True)
def look(case, executor, start, bars, row, timeframe_ms):
    """How the rest of a bar may end it, from the lowest price to the highest, and whether it may go on."""
    armed = case.low_peak >= case.arming
    floor = case.low_peak - case.distance if armed else -np.inf
    crest = max(case.high_peak, min(case.ahead, case.target))
    case.lowest, case.highest = np.inf, -np.inf
    if crest >= case.arming and crest - case.distance >= max(case.against, case.stop):
        lowest_trail = max(case.low_peak, case.arming) - case.distance
        case.lowest, case.highest = max(lowest_trail, case.against, case.stop), crest - case.distance
    if case.against <= case.stop and floor < case.stop:
        beyond = row == executor.entered_row and start.fills_beyond
        case.lowest, case.highest = (
            min(case.lowest, case.against if beyond else case.stop),
            max(case.highest, case.stop),
        )
    if reaches(case, case.ahead):
        case.lowest, case.highest = min(case.lowest, case.target), max(case.highest, case.target)
    peak = max(case.low_peak, case.met_ahead)
    lives = case.met_against > max(case.stop, floor) and not reaches(case, case.met_ahead)
    case.lives = lives and (peak < case.arming or case.close > peak - case.distance)
    runs_out = bars.time[row] + timeframe_ms > executor.deadline_ms
    case.lasts = case.lives or runs_out
    if runs_out:
        # Somewhere before the close, at any price at which the position can still be there.
        case.lowest = min(case.lowest, max(case.against, case.stop, floor))
        case.highest = max(case.highest, min(case.ahead, case.target))
        case.lives = 0


@compiled(part=True)
def reaches(case, price):
    """Is a target met by this price?"""
    return price > case.target or (price == case.target and not case.strict)


@compiled(part=True)
def end_inside(case, executor, market, bars, row, latency, ends, marks):
    """Book the lowest and the highest way to end in a bar, by their chances."""
    if not case.lowest <= case.highest:
        return
    weight = 0.5 * case.alive if case.lives else case.alive
    likely = first_touch(case.begin, case.lowest, case.highest)
    wins = case.at_limit and reaches(case, case.ahead)
    end(case, executor, market, bars, row, latency, case.lowest, wins, weight * (1.0 - likely), ends)
    end(case, executor, market, bars, row, latency, case.highest, wins, weight * likely, ends)
    if wins and case.target >= case.arming and case.target - case.distance >= max(case.against, case.stop):
        # The trailing stop just below may be the better end: a maker may pay more than a taker.
        leave(executor, market, bars, row, latency, case.target - case.distance, 0.0, ends)
    if case.lives or case.lowest < case.highest:
        marks[row] = TWO_WAYS
    case.alive -= weight


@compiled(part=True)
def price_or(price, none):
    return price if price == price else none


@compiled(part=True)
def first_touch(begin, lowest, highest):
    """Chance that a price without drift meets `highest` before `lowest`."""
    to_low, to_high = abs(begin - lowest), abs(highest - begin)
    total = to_low + to_high
    return to_low / total if total > 0.0 and lowest < highest else 1.0


@compiled(part=True)
def fill_target(case, executor, market, ends):
    """A resting target that the market opens beyond fills at its own price; one that has just come meets the market."""
    d = executor.side
    if not case.fresh:
        book(executor, market, d * case.target, market.maker, case.alive, ends)
    else:
        met = case.begin * (1.0 - d * market.slippage)
        book(executor, market, d * max(met, case.target), market.taker, case.alive, ends)


@compiled(part=True)
def end(case, executor, market, bars, row, latency, price, wins, weight, ends):
    """End at a price that was waited for: as a maker at the target, or as anyone who leaves."""
    if wins and price == case.target:
        book(executor, market, executor.side * price, market.maker, weight, ends)
    else:
        leave(executor, market, bars, row, latency, price, weight, ends)


@compiled(part=True)
def leave(executor, market, bars, row, latency, price, weight, ends):
    """End at market: at this price, or with latency at the open of a later bar, if there is one."""
    m, d = executor.market, executor.side
    met = d * price
    if latency > 0:
        row += latency
        while row < bars.time.shape[0] and bars.open[m, row] != bars.open[m, row]:
            row += 1
        if row >= bars.time.shape[0]:
            stay(executor, bars, weight, ends)
            return
        met = bars.open[m, row]
    book(executor, market, met * (1.0 - d * market.slippage), market.taker, weight, ends)


@compiled(part=True)
def stay(executor, bars, weight, ends):
    """Not ended by the last bar: counted at its close, before the fee of an exit."""
    row = bars.time.shape[0] - 1
    while row > 0 and bars.close[executor.market, row] != bars.close[executor.market, row]:
        row -= 1
    value = executor.entry_held * bars.close[executor.market, row]
    count(executor.side * (value - executor.entry_value) - executor.entry_fees, weight, ends)


@compiled(part=True)
def book(executor, market, paid, rate, weight, ends):
    """Net profit of an exit: what is left of whole lots counts at the same price, and costs no fee."""
    gain = executor.side * (executor.entry_held * paid - executor.entry_value)
    fee = to_lot(executor.entry_held, market.lot) * paid * rate
    count(gain - executor.entry_fees - fee, weight, ends)


@compiled(part=True)
def count(profit, weight, ends):
    ends[0], ends[2] = min(ends[0], profit), max(ends[2], profit)
    ends[1] += weight * profit
