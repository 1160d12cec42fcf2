"""How much a run was in the market, how much it traded, and what that cost."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.metrics.guards import NAN, FloatArray, above_zero, deviation, inner, mean, ratio, together


def exposure_time(bars_exposed: int, n_bars: int) -> float:
    """Share of bars in which a position was held; NaN of none."""
    return ratio(bars_exposed, n_bars)


def turnover(volume_traded: float, average_equity: float, years: float) -> float:
    """Quote value traded in a year, buys and sells together, as a multiple of average equity."""
    return ratio(ratio(volume_traded, years), average_equity) if average_equity > 0.0 else NAN


def fee_share(net_profit: float, fees: float) -> float:
    """Share of the profit before fees that went in fees; above 1 if they ate all of it. NaN if there was no profit."""
    before = net_profit + fees
    return ratio(fees, before) if before > 0.0 else NAN


def break_even_fee(net_profit: float, fees: float, volume_traded: float) -> float:
    """The fee rate, a fraction of traded value, at which these very fills would have made nothing.

    Below 0: they would have lost money without any fee. NaN if nothing was traded.
    """
    return ratio(net_profit + fees, volume_traded)


def hold_curve(close: npt.ArrayLike, rows: npt.NDArray[np.integer] | None = None) -> FloatArray:
    """Value of 1 put into the market at the first finite close, and kept.

    Parameters
    ----------
    close : array of shape (n_bars,) or (n_markets, n_bars)
        NaN where a market has no bar: its last price stands. Several markets get equal parts at the start; one that
        begins later is held as cash until then.
    rows : integer array, optional
        Rows to answer for; left out: all.

    Returns
    -------
    ndarray of shape (n_bars,), or as many as `rows`
    """
    prices = np.atleast_2d(np.asarray(close, np.float64))
    wanted = np.arange(prices.shape[1]) if rows is None else rows
    return np.mean([_relative(row, wanted) for row in prices], axis=0)


def buy_and_hold(close: npt.ArrayLike) -> float:
    """Return of `hold_curve`, first finite close to last, NaN if a market has none; slice `close` for a later start."""
    prices = np.atleast_2d(np.asarray(close, np.float64))
    return ratio(sum(_gain(row) for row in prices), prices.shape[0])


def beta(returns: npt.ArrayLike, benchmark: npt.ArrayLike) -> float:
    """Slope of returns on the benchmark's: covariance over variance. NaN if the benchmark did not move.

    Give simple returns for the usual beta, logarithmic ones for that of backtesting.py.
    """
    own, other = together(returns, benchmark, ("returns", "benchmark"))
    if own.size < 2 or deviation(other) == 0.0:
        return NAN
    distance = other - other.mean()
    return ratio(inner(own - own.mean(), distance), inner(distance, distance))


def alpha(returns: npt.ArrayLike, benchmark: npt.ArrayLike, *, periods_per_year: float) -> float:
    """Jensen's alpha at a risk-free rate of 0: mean return less beta times the benchmark's, times periods_per_year.

    References
    ----------
    Jensen (1968), The Performance of Mutual Funds in the Period 1945–1964.
    """
    own, other = together(returns, benchmark, ("returns", "benchmark"))
    return (mean(own) - beta(own, other) * mean(other)) * above_zero(periods_per_year, "periods_per_year")


def total_alpha(total_return: float, benchmark_return: float, beta: float) -> float:
    """Total return less beta times the benchmark's total return: not annualised; what backtesting.py calls alpha."""
    return total_return - beta * benchmark_return


def _relative(close: FloatArray, rows: npt.NDArray[np.integer]) -> FloatArray:
    first = _first_known(close)
    if first is None:
        return np.ones(rows.shape[0])
    prices = close[rows]
    if not np.isfinite(prices).all():
        known = np.where(np.isfinite(close), np.arange(close.shape[0]), first)
        prices = close[np.maximum.accumulate(known)[rows]]
    return prices / close[first]


def _gain(close: FloatArray) -> float:
    first, last = _first_known(close), _first_known(close[::-1])
    return NAN if first is None or last is None else ratio(close[close.shape[0] - 1 - last], close[first]) - 1.0


def _first_known(close: FloatArray) -> int | None:
    if close.size and np.isfinite(close[0]):
        return 0
    known = np.isfinite(close)
    return int(known.argmax()) if known.any() else None
