"""All metrics of a run from how its account stood, without an equity curve in memory.

`workbench.metrics.summarise` says what each number is; this is the same arithmetic, in the same order, in one kernel
per combination, so that threads do not wait for each other. A test holds the two together, bit by bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.compiled import compiled
from workbench.metrics import buy_and_hold, hold_curve, probabilistic_sharpe
from workbench.research.fast.numbers import NAN, deviation, mean, percentile, ratio, total
from workbench.research.fast.trades import DAY_MS, GAIN, HELD, PNL

YEAR = 365.0
MEASURED = (
    "net_profit", "total_return", "cagr", "buy_and_hold", "alpha", "beta", "annual_volatility", "sharpe", "sortino",
    "calmar", "omega", "tail_ratio", "max_drawdown", "max_drawdown_days", "average_drawdown", "average_drawdown_days",
    "ulcer_index", "skew", "kurtosis", "probabilistic_sharpe", "exposure_time", "turnover", "volume_traded", "fees",
    "fee_share", "break_even_fee", "round_trips", "win_rate", "profit_factor", "expectancy", "average_trade",
    "best_trade", "worst_trade", "average_trade_days", "longest_trade_days", "sqn", "kelly", "days", "observations",
    "periods_per_year",
)  # fmt: skip
(
    NET_PROFIT, TOTAL_RETURN, CAGR, BUY_AND_HOLD, ALPHA, BETA, VOLATILITY, SHARPE, SORTINO,
    CALMAR, OMEGA, TAIL_RATIO, MAX_DRAWDOWN, MAX_DRAWDOWN_DAYS, AVERAGE_DRAWDOWN, AVERAGE_DRAWDOWN_DAYS,
    ULCER_INDEX, SKEW, KURTOSIS, PROBABILISTIC, EXPOSURE, TURNOVER, VOLUME, FEES,
    FEE_SHARE, BREAK_EVEN, ROUND_TRIPS, WIN_RATE, PROFIT_FACTOR, EXPECTANCY, AVERAGE_TRADE,
    BEST_TRADE, WORST_TRADE, AVERAGE_DAYS, LONGEST_DAYS, SQN, KELLY, DAYS, OBSERVATIONS,
    PERIODS,
) = range(len(MEASURED))  # fmt: skip

# Numbers that all combinations on the same candles share.
SCALE = np.dtype(
    [
        ("timeframe_ms", "i8"),
        ("days", "f8"),
        ("per_year", "f8"),
        ("hold", "f8"),
        ("three_halves", "f8"),  # handed over, so that no compiler turns a power into something else
        ("two", "f8"),
    ],
    align=True,
)


@dataclass(frozen=True, slots=True)
class Calendar:
    """What the metrics need to know of some candles.

    Attributes
    ----------
    rows : int64 array of shape (n_periods,)
        The last bar of each UTC day, or every bar where bars are a day or longer.
    mark_ms : int64 array of shape (n_periods + 1,)
        The first bar's open, then the close of each of those bars.
    held : float64 array of shape (n_periods + 1,)
        Buy-and-hold at those times.
    scale : SCALE record array of shape (1,)
    """

    rows: npt.NDArray[np.int64]
    mark_ms: npt.NDArray[np.int64]
    held: npt.NDArray[np.float64]
    scale: npt.NDArray[np.void]


def calendar_of(time: npt.NDArray[np.int64], close: npt.NDArray[np.float64], length: int) -> Calendar:
    """The calendar of bars that are `length` milliseconds long; closes of several markets are a plane."""
    rows = period_ends(time, length, DAY_MS)
    scale = np.zeros(1, SCALE)
    scale["timeframe_ms"], scale["hold"] = length, buy_and_hold(close)
    scale["days"] = (int(time[-1]) + length - int(time[0])) / DAY_MS
    scale["per_year"] = YEAR * DAY_MS / max(length, DAY_MS)
    scale["three_halves"], scale["two"] = 1.5, 2.0
    held = hold_curve(close, np.concatenate([[0], rows]))
    return Calendar(rows, np.concatenate([time[:1], time[rows] + length]), held, scale)


def period_ends(time: npt.NDArray[np.int64], timeframe_ms: int, period_ms: int) -> npt.NDArray[np.int64]:
    """The last bar of each period of UTC; every bar, if bars are that long or longer."""
    if timeframe_ms >= period_ms:
        return np.arange(len(time))
    period = time // period_ms
    return np.append(np.flatnonzero(period[1:] != period[:-1]), len(time) - 1)


def finish(metrics: npt.NDArray[np.float64]) -> None:
    """Put in the one number that is not compiled: the probabilistic Sharpe ratio, in place of that of a period."""
    for row in metrics:
        row[PROBABILISTIC] = probabilistic_sharpe(
            float(row[PROBABILISTIC]), int(row[OBSERVATIONS]), skew=float(row[SKEW]), kurtosis=float(row[KURTOSIS])
        )


@compiled
def measure(time, closes, rows, mark_ms, held, scale, cash, account, stands, trips, spare, out):
    """Every number of `MEASURED` of one combination, into `out`.

    Parameters
    ----------
    stands, trips : as `trade` leaves them
    spare : float64 array of shape (5, max(n_periods + 1, n_trips))
    """
    n_bars = closes.shape[0]
    out[:] = NAN
    last = stands[account.stands - 1]
    end = last.quote + last.position * closes[n_bars - 1]
    average = fall(time, closes, scale, cash, account, stands, out)
    net = end - cash
    out[NET_PROFIT], out[TOTAL_RETURN] = net, net / cash
    growth = max(ratio(end, cash), 0.0)
    power = growth ** (YEAR / scale.days)
    out[CAGR] = power - 1.0 if np.isfinite(power) else NAN
    out[BUY_AND_HOLD] = scale.hold
    out[CALMAR] = ratio(out[CAGR], out[MAX_DRAWDOWN])
    marks = spare[0]
    marked(closes, rows, cash, account, stands, marks)
    risk(rows.shape[0], marks, held, scale, spare, out)
    dips(rows.shape[0] + 1, marks, mark_ms, spare, out)
    out[TURNOVER] = ratio(ratio(account.volume, scale.days / YEAR), average) if average > 0.0 else NAN
    out[VOLUME], out[FEES] = account.volume, account.fees
    before = net + account.fees
    out[FEE_SHARE] = ratio(account.fees, before) if before > 0.0 else NAN
    out[BREAK_EVEN] = ratio(before, account.volume)
    out[EXPOSURE] = ratio(float(account.exposed), float(n_bars))
    of_trips(account.trips, trips, spare, out)
    out[DAYS], out[PERIODS] = scale.days, scale.per_year


@compiled(part=True)
def fall(time, closes, scale, cash, account, stands, out):
    """Falls from the peak, bar by bar; returns the average equity."""
    peak, low, squares, peak_ms = cash, cash, 0.0, time[0]
    deepest, longest, pain, total_equity = 0.0, 0, 0.0, 0.0
    n_bars, length = closes.shape[0], scale.timeframe_ms
    for s in range(account.stands):
        quote, position = stands[s].quote, stands[s].position
        stop = stands[s + 1].row if s + 1 < account.stands else n_bars
        for t in range(stands[s].row, stop):
            value = quote + position * closes[t]
            total_equity += value
            if value >= peak:
                if low < peak:
                    deepest = max(deepest, (peak - low) / peak)
                    pain += squares / (peak * peak)
                    longest = max(longest, time[t] + length - peak_ms)
                    squares = 0.0
                peak, low, peak_ms = value, value, time[t] + length
            else:
                low = min(low, value)
                squares += (peak - value) * (peak - value)
    if low < peak:
        deepest = max(deepest, (peak - low) / peak)
        pain += squares / (peak * peak)
        longest = max(longest, time[n_bars - 1] + length - peak_ms)
    out[MAX_DRAWDOWN], out[MAX_DRAWDOWN_DAYS] = deepest, float(longest) / DAY_MS
    out[ULCER_INDEX] = np.sqrt(pain / n_bars)
    return total_equity / n_bars


@compiled
def marked(closes, rows, cash, account, stands, marks):
    """Equity at the start and at the end of each period."""
    marks[0] = cash
    s = 0
    for i in range(rows.shape[0]):
        row = rows[i]
        while s + 1 < account.stands and stands[s + 1].row <= row:
            s += 1
        marks[i + 1] = stands[s].quote + stands[s].position * closes[row]


@compiled(part=True)
def risk(n_periods, marks, held, scale, spare, out):
    """Numbers from periodic returns, which end with the one that ruins the account."""
    n = n_periods
    for i in range(n_periods):
        if marks[i] <= 0.0:
            n = i
            break
    returns, other, work, bench = spare[1], spare[2], spare[3], spare[4]
    for i in range(n):
        returns[i] = marks[i + 1] / marks[i] - 1.0
        bench[i] = held[i + 1] / held[i] - 1.0
    root = np.sqrt(scale.per_year)
    middle, spread = mean(returns, n), deviation(returns, n, work)
    out[OBSERVATIONS] = n
    out[VOLATILITY] = spread * root
    single = ratio(middle, spread)
    out[SHARPE], out[PROBABILISTIC] = single * root, single
    for i in range(n):
        short = min(returns[i], 0.0)
        work[i] = short * short
    down = np.sqrt(mean(work, n)) * root
    out[SORTINO] = ratio(middle * scale.per_year, down)
    out[OMEGA] = ratio(part_total(returns, n, 1.0, work), -part_total(returns, n, -1.0, work))
    moments(returns, n, middle, spread, scale, other, work, out)
    slope(returns, bench, n, middle, scale, other, work, out)
    if n > 0:
        work[:n] = returns[:n]
        out[TAIL_RATIO] = ratio(abs(percentile(work, n, 0.95)), abs(percentile(work, n, 0.05)))


@compiled(part=True)
def part_total(values, count, sign, spare):
    """Sum of those above 0, or of those below."""
    n = 0
    for i in range(count):
        spare[n] = values[i]  # without a branch, which nobody could predict
        n += sign * values[i] > 0.0
    return total(spare, 0, n)


@compiled(part=True)
def moments(returns, n, middle, spread, scale, other, work, out):
    """Skew and kurtosis."""
    if n < 2 or spread == 0.0:
        return
    for i in range(n):
        distance = returns[i] - middle
        other[i] = distance * distance
        work[i] = other[i] * distance
    squares = mean(other, n)
    out[SKEW] = ratio(mean(work, n), squares**scale.three_halves)
    for i in range(n):
        work[i] = other[i] * other[i]
    out[KURTOSIS] = ratio(mean(work, n), squares**scale.two)


@compiled(part=True)
def slope(returns, bench, n, middle, scale, other, work, out):
    """Beta, and alpha with it."""
    if n < 2 or deviation(bench, n, work) == 0.0:
        return
    market = mean(bench, n)
    for i in range(n):
        distance = bench[i] - market
        other[i] = (returns[i] - middle) * distance
        work[i] = distance * distance
    beta = ratio(total(other, 0, n), total(work, 0, n))
    out[BETA] = beta
    out[ALPHA] = (middle - beta * market) * scale.per_year


@compiled(part=True)
def dips(count, marks, mark_ms, spare, out):
    """Mean depth and length of the drawdowns at the ends of periods."""
    for i in range(count):
        if not marks[i] > 0.0:
            return
    depths, lengths = spare[1], spare[2]
    peak, deepest, begun, n = marks[0], 0.0, -1, 0
    for i in range(count):
        peak = max(peak, marks[i])
        under = (peak - marks[i]) / peak
        if under > 0.0:
            if begun < 0:
                begun, deepest = i - 1, 0.0
            deepest = max(deepest, under)
        if begun >= 0 and (under <= 0.0 or i == count - 1):
            depths[n], lengths[n] = deepest, float(mark_ms[i] - mark_ms[begun]) / DAY_MS
            n += 1
            begun = -1
    out[AVERAGE_DRAWDOWN], out[AVERAGE_DRAWDOWN_DAYS] = mean(depths, n), mean(lengths, n)


@compiled(part=True)
def of_trips(n, trips, spare, out):
    """Numbers from round trips."""
    pnl, gains, days, work = trips[PNL], trips[GAIN], trips[HELD], spare[0]
    out[ROUND_TRIPS] = n
    if n == 0:
        return
    wins = losses = 0
    best, worst, longest = -np.inf, np.inf, -np.inf
    for i in range(n):
        wins += pnl[i] > 0.0
        losses += pnl[i] < 0.0
        best, worst, longest = max(best, gains[i]), min(worst, gains[i]), max(longest, days[i])
    average = mean(pnl, n)
    for i in range(n):
        work[i] = max(pnl[i], 0.0)
    won = total(work, 0, n)
    for i in range(n):
        work[i] = min(pnl[i], 0.0)
    lost = total(work, 0, n)
    rate = float(wins) / n
    payoff = ratio(won / wins if wins > 0 else 0.0, -lost / losses if losses > 0 else NAN)
    out[WIN_RATE], out[PROFIT_FACTOR], out[EXPECTANCY] = rate, ratio(won, -lost), average
    out[AVERAGE_TRADE], out[BEST_TRADE], out[WORST_TRADE] = mean(gains, n), best, worst
    out[AVERAGE_DAYS], out[LONGEST_DAYS] = mean(days, n), longest
    out[KELLY] = rate - ratio(1.0 - rate, payoff)
    out[SQN] = ratio(average, deviation(pnl, n, work)) * np.sqrt(float(n))
