"""The summary of a run: every number of `METRICS`, from one pass over equity and a few over its daily returns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.errors import ConfigError, DataError
from workbench.metrics.activity import (
    alpha,
    beta,
    break_even_fee,
    buy_and_hold,
    exposure_time,
    fee_share,
    hold_curve,
    turnover,
)
from workbench.metrics.catalogue import METRICS
from workbench.metrics.drawdown import episodes
from workbench.metrics.guards import DAY_MS, DAYS_PER_YEAR, NAN, FloatArray, TimeArray, above_zero, mean, ratio
from workbench.metrics.returns import (
    annual_volatility,
    cagr,
    kurtosis,
    omega,
    sharpe,
    skew,
    sortino,
    tail_ratio,
)
from workbench.metrics.significance import probabilistic_sharpe
from workbench.metrics.trips import Trips, expectancy, kelly, profit_factor, sqn, win_rate
from workbench.metrics.walk import Walk, walk


class Periods(NamedTuple):
    """Equity at the ends of days (of bars, if those are longer), and what it returned over each.

    `marks` and `mark_ms` begin with the starting cash at the first bar's open, and have one row more than `returns` and
    `benchmark`, unless the account was ruined: returns end with the one that takes equity to 0 or below.
    """

    mark_ms: TimeArray
    marks: FloatArray
    returns: FloatArray
    benchmark: FloatArray
    per_year: float


def summarise(
    time_ms: TimeArray,
    equity: FloatArray,
    *,
    timeframe_ms: int,
    cash: float,
    trips: Trips,
    fees_paid: float,
    volume_traded: float,
    bars_exposed: int,
    close: npt.ArrayLike,
    periods_per_year: float | None = None,
) -> dict[str, float]:
    """Every number of `METRICS`, in that order.

    Parameters
    ----------
    time_ms : int64 array of shape (n_bars,)
        Each bar's open, rising, milliseconds UTC.
    equity : float64 array of shape (n_bars,)
        Account value in quote currency, marked at each bar's close; finite.
    timeframe_ms : int
        Length of a bar.
    cash : float
        Account value at the open of the first bar, above 0.
    trips : Trips
        Closed round trips.
    fees_paid, volume_traded : float
        Sums over all fills, in quote currency.
    bars_exposed : int
        Bars in which a position was held.
    close : array of shape (n_bars,) or (n_markets, n_bars)
        The benchmark's closes, NaN where a market has no bar; several markets get equal weights at the start.
    periods_per_year : float, optional
        Returns in a year of the kind measured here: daily ones, or those of bars of a day and longer. Left out:
        crypto's 365 days a year. Give 252 for shares.

    Returns
    -------
    dict
        Plain floats; NaN where a number is not defined (no round trips, no drawdown, fewer than two returns).

    Raises
    ------
    ConfigError
        Cash or `periods_per_year` that is not above 0.
    DataError
        Columns that differ in length, times that do not rise, equity that is not finite, no bars.
    """
    start = above_zero(cash, "cash")
    if timeframe_ms <= 0:
        raise ConfigError(f"`timeframe_ms` is {timeframe_ms}. It must be above 0.")
    time_ms, equity, closes = _checked(time_ms, equity, close)
    path = walk(time_ms, equity, timeframe_ms=timeframe_ms, cash=start)
    days = (int(time_ms[-1]) + timeframe_ms - int(time_ms[0])) / DAY_MS
    periods = _periods(time_ms, equity, closes, path.rows, timeframe_ms, start, periods_per_year)
    net_profit = float(equity[-1]) - start
    growth = cagr(start, float(equity[-1]), days, days_per_year=DAYS_PER_YEAR)
    values = {
        "net_profit": net_profit,
        "total_return": net_profit / start,
        "cagr": growth,
        "buy_and_hold": buy_and_hold(closes),
        "calmar": ratio(growth, path.max_drawdown),
        **_risk(periods),
        **_falls(path, periods),
        **_trading(net_profit, fees_paid, volume_traded, path.average_equity, days),
        "exposure_time": exposure_time(bars_exposed, time_ms.shape[0]),
        **_round_trips(trips),
        "days": days,
        "observations": periods.returns.size,
        "periods_per_year": periods.per_year,
    }
    return {name: float(values[name]) for name in METRICS}


def _checked(time_ms: TimeArray, equity: FloatArray, close: npt.ArrayLike) -> tuple[TimeArray, FloatArray, FloatArray]:
    times, values = np.ascontiguousarray(time_ms, np.int64), np.ascontiguousarray(equity, np.float64)
    closes = np.atleast_2d(np.asarray(close, np.float64))
    if times.ndim != 1 or values.shape != times.shape or closes.ndim != 2 or closes.shape[1:] != times.shape:
        shapes = f"`time_ms` {times.shape}, `equity` {values.shape}, `close` {np.shape(close)}"
        raise DataError(f"The columns differ in shape: {shapes}. Give one row per bar in each.")
    if times.size == 0:
        raise DataError("There are no bars to summarise. Give at least one.")
    return times, values, closes


def _periods(
    time_ms: TimeArray,
    equity: FloatArray,
    closes: FloatArray,
    rows: TimeArray,
    timeframe_ms: int,
    cash: float,
    per_year: float | None,
) -> Periods:
    marks = np.concatenate([[cash], equity[rows]])
    mark_ms = np.concatenate([time_ms[:1], time_ms[rows] + timeframe_ms])
    held = hold_curve(closes, np.concatenate([[0], rows]))
    ruined = marks[:-1] <= 0.0
    alive = int(ruined.argmax()) if ruined.any() else ruined.size
    returns = marks[1 : alive + 1] / marks[:alive] - 1.0
    benchmark = held[1 : alive + 1] / held[:alive] - 1.0
    natural = DAYS_PER_YEAR * DAY_MS / max(timeframe_ms, DAY_MS)
    factor = natural if per_year is None else above_zero(per_year, "periods_per_year")
    return Periods(mark_ms, marks, returns, benchmark, factor)


def _risk(periods: Periods) -> dict[str, float]:
    returns, per_year = periods.returns, periods.per_year
    shape = {"skew": skew(returns), "kurtosis": kurtosis(returns)}
    return {
        "annual_volatility": annual_volatility(returns, periods_per_year=per_year),
        "sharpe": sharpe(returns, periods_per_year=per_year),
        "sortino": sortino(returns, periods_per_year=per_year),
        "omega": omega(returns),
        "tail_ratio": tail_ratio(returns),
        "alpha": alpha(returns, periods.benchmark, periods_per_year=per_year),
        "beta": beta(returns, periods.benchmark),
        **shape,
        "probabilistic_sharpe": probabilistic_sharpe(sharpe(returns, periods_per_year=1.0), returns.size, **shape),
    }


def _falls(path: Walk, periods: Periods) -> dict[str, float]:
    found = episodes(periods.marks) if periods.marks.min() > 0.0 else None
    days = (periods.mark_ms[found.end] - periods.mark_ms[found.start]) / DAY_MS if found else np.empty(0)
    return {
        "max_drawdown": path.max_drawdown,
        "max_drawdown_days": path.longest_drawdown_ms / DAY_MS,
        "average_drawdown": mean(found.depth) if found else NAN,
        "average_drawdown_days": mean(days),
        "ulcer_index": path.ulcer_index,
    }


def _trading(net_profit: float, fees: float, volume: float, average_equity: float, days: float) -> dict[str, float]:
    return {
        "turnover": turnover(volume, average_equity, days / DAYS_PER_YEAR),
        "volume_traded": volume,
        "fees": fees,
        "fee_share": fee_share(net_profit, fees),
        "break_even_fee": break_even_fee(net_profit, fees, volume),
    }


def _round_trips(trips: Trips) -> dict[str, float]:
    days = (trips.exit_ms - trips.entry_ms) / DAY_MS
    some = len(trips) > 0
    return {
        "round_trips": len(trips),
        "win_rate": win_rate(trips.pnl),
        "profit_factor": profit_factor(trips.pnl),
        "expectancy": expectancy(trips.pnl),
        "average_trade": mean(trips.return_),
        "best_trade": trips.return_.max() if some else NAN,
        "worst_trade": trips.return_.min() if some else NAN,
        "average_trade_days": mean(days),
        "longest_trade_days": days.max() if some else NAN,
        "sqn": sqn(trips.pnl),
        "kelly": kelly(trips.pnl),
    }
