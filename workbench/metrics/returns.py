"""Numbers from periodic returns.

A return is a fraction: 0.01 is one per cent. Nothing here knows the length of a period: `periods_per_year` says it,
and has no default (crypto trades on 365 days a year, shares on about 252). A NaN is a period in which nothing was
measured: what compounds lets its time pass without a change, what averages leaves it out. Where there is nothing to
divide by, the answer is NaN, never infinity.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from workbench.metrics.drawdown import max_drawdown
from workbench.metrics.guards import (
    NAN,
    FloatArray,
    above_zero,
    column,
    deviation,
    exp,
    inner,
    mean,
    measured,
    power,
    ratio,
    together,
)


def total_return(returns: npt.ArrayLike) -> float:
    """Compounded return of all periods together; 0 of none, −1 once all is lost."""
    array = column(returns, "returns")
    return exp(array.size * _log_growth(array)) - 1.0 if array.size else 0.0


def annual_return(returns: npt.ArrayLike, *, periods_per_year: float) -> float:
    """Geometric mean return, compounded to a year.

    The exponent counts every period, those without a measurement too (as empyrical's `annual_return` does).
    """
    return exp(above_zero(periods_per_year, "periods_per_year") * _log_growth(returns)) - 1.0


def cagr(start: float, end: float, days: float, *, days_per_year: float = 365.0) -> float:
    """Compound annual growth rate from `start` to `end` in that many days; −1 if nothing, or less, is left.

    Examples
    --------
    >>> round(cagr(1_000.0, 1_500.0, 365), 12)
    0.5
    """
    growth = max(ratio(end, above_zero(start, "start")), 0.0) if math.isfinite(end) else NAN
    return power(growth, ratio(days_per_year, days)) - 1.0


def annual_volatility(returns: npt.ArrayLike, *, periods_per_year: float) -> float:
    """Sample standard deviation (n − 1) times the root of `periods_per_year`, as if returns were independent."""
    return deviation(measured(returns, "returns")) * math.sqrt(above_zero(periods_per_year, "periods_per_year"))


def compounded_volatility(returns: npt.ArrayLike, *, periods_per_year: float) -> float:
    """Standard deviation of a year's compounded return, if the periods are independent.

    With mean growth `m` (geometric) and variance `v` of a period: √((v + m²)^p − m^(2p)). It is above
    `annual_volatility` when returns are high. backtesting.py reports this one.

    References
    ----------
    Tobin (1965), The Theory of Portfolio Selection: the variance of a product of independent growth factors.
    """
    periods = above_zero(periods_per_year, "periods_per_year")
    growth, spread = _log_growth(returns), deviation(measured(returns, "returns"))
    return math.sqrt(max(power(spread * spread + exp(2.0 * growth), periods) - exp(2.0 * growth * periods), 0.0))


def downside_risk(returns: npt.ArrayLike, *, periods_per_year: float, required: float = 0.0) -> float:
    """Root mean square of what returns fall short of `required` (a return per period), annualised by the root of time.

    All periods count in the mean, those above `required` as 0.

    References
    ----------
    Sortino and Price (1994), Performance Measurement in a Downside Risk Framework.
    """
    short = np.minimum(measured(returns, "returns") - required, 0.0)
    return math.sqrt(mean(short * short)) * math.sqrt(above_zero(periods_per_year, "periods_per_year"))


def sharpe(returns: npt.ArrayLike, *, periods_per_year: float, benchmark: npt.ArrayLike = 0.0) -> float:
    """Mean of the returns above a benchmark over their sample standard deviation (n − 1), times √periods_per_year.

    Parameters
    ----------
    returns : array of shape (n_periods,)
    periods_per_year : float
        1 gives the ratio per period, which `probabilistic_sharpe` and its kin ask for.
    benchmark : float or array of shape (n_periods,)
        A return per period, such as the risk-free rate.

    Returns
    -------
    float
        NaN with fewer than two returns, or if they do not vary.

    References
    ----------
    Sharpe (1994), The Sharpe Ratio.
    """
    excess = _excess(returns, benchmark)
    return ratio(mean(excess), deviation(excess)) * math.sqrt(above_zero(periods_per_year, "periods_per_year"))


def sortino(returns: npt.ArrayLike, *, periods_per_year: float, required: float = 0.0) -> float:
    """Mean return above `required`, annualised, over the downside risk below it. NaN if no return fell short."""
    gain = (mean(measured(returns, "returns")) - required) * above_zero(periods_per_year, "periods_per_year")
    return ratio(gain, downside_risk(returns, periods_per_year=periods_per_year, required=required))


def compounded_sharpe(returns: npt.ArrayLike, *, periods_per_year: float) -> float:
    """`annual_return` over `compounded_volatility`: what backtesting.py calls the Sharpe ratio."""
    gain = annual_return(returns, periods_per_year=periods_per_year)
    return ratio(gain, compounded_volatility(returns, periods_per_year=periods_per_year))


def compounded_sortino(returns: npt.ArrayLike, *, periods_per_year: float) -> float:
    """`annual_return` over `downside_risk`: what backtesting.py calls the Sortino ratio."""
    gain = annual_return(returns, periods_per_year=periods_per_year)
    return ratio(gain, downside_risk(returns, periods_per_year=periods_per_year))


def calmar(returns: npt.ArrayLike, *, periods_per_year: float) -> float:
    """`annual_return` over the largest drawdown of the compounded returns. NaN without a drawdown.

    References
    ----------
    Young (1991), Calmar Ratio: A Smoother Tool; here over all periods, not the last 36 months.
    """
    gain = annual_return(returns, periods_per_year=periods_per_year)
    with np.errstate(over="ignore", invalid="ignore"):
        curve = np.cumprod(np.append(1.0, 1.0 + np.nan_to_num(column(returns, "returns"))))
    whole = np.isfinite(curve).all() and curve.min() > 0.0
    return ratio(gain, max_drawdown(curve)) if whole else NAN


def omega(returns: npt.ArrayLike, *, required: float = 0.0) -> float:
    """Sum of what returns exceed `required` (a return per period), over the sum of what they fall short of it.

    References
    ----------
    Keating and Shadwick (2002), A Universal Performance Measure.
    """
    excess = measured(returns, "returns") - required
    return ratio(excess[excess > 0.0].sum(), -excess[excess < 0.0].sum())


def tail_ratio(returns: npt.ArrayLike) -> float:
    """The 95th percentile of returns over the 5th, both without sign; percentiles interpolated linearly."""
    array = measured(returns, "returns")
    low, high = np.percentile(array, [5.0, 95.0]) if array.size else (NAN, NAN)
    return ratio(abs(high), abs(low))


def skew(returns: npt.ArrayLike) -> float:
    """Third central moment over the cube of the population's standard deviation; 0 for a symmetric distribution."""
    return _standard_moment(returns, 3)


def kurtosis(returns: npt.ArrayLike) -> float:
    """Fourth central moment over the squared variance of the population: 3 for a normal distribution, not 0."""
    return _standard_moment(returns, 4)


def autocorrelation(returns: npt.ArrayLike, lag: int) -> float:
    """Correlation of returns with those `lag` periods before, around their common mean (Box and Jenkins)."""
    array = measured(returns, "returns")
    if array.size <= lag or deviation(array) == 0.0:
        return NAN
    distance = array - array.mean()
    return ratio(inner(distance[lag:], distance[: array.size - lag]), inner(distance, distance))


def _log_growth(returns: npt.ArrayLike) -> float:
    """Mean of log(1 + return) over all periods, measured or not: −infinity once all is lost, NaN of none."""
    array = np.nan_to_num(column(returns, "returns"))
    if not array.size:
        return NAN
    return mean(np.log1p(array)) if array.min() > -1.0 else -math.inf


def _excess(returns: npt.ArrayLike, benchmark: npt.ArrayLike) -> FloatArray:
    if np.ndim(benchmark) == 0:
        return measured(returns, "returns") - float(benchmark)  # type: ignore[arg-type]
    own, other = together(returns, benchmark, ("returns", "benchmark"))
    return own - other


def _standard_moment(returns: npt.ArrayLike, order: int) -> float:
    array = measured(returns, "returns")
    if array.size < 2 or deviation(array) == 0.0:
        return NAN
    distance = array - array.mean()
    squares = distance * distance
    top = squares * (distance if order == 3 else squares)
    return ratio(mean(top), mean(squares) ** (order / 2.0))
