"""How much of a Sharpe ratio is luck.

Every Sharpe ratio here is *per period*, not annualised, and belongs to the number of periods given beside it:
`sharpe(returns, periods_per_year=1)` makes one. Kurtosis is that of `kurtosis`: 3 for a normal distribution. Bars of
minutes make everything look significant; use daily returns.

References
----------
Bailey and López de Prado (2012), The Sharpe Ratio Efficient Frontier, J. of Risk 15(2).
Bailey and López de Prado (2014), The Deflated Sharpe Ratio, J. of Portfolio Management 40(5).
Bailey, Borwein, López de Prado and Zhu (2014), Pseudo-Mathematics and Financial Charlatanism, Notices of the AMS 61(5).
Lo (2002), The Statistics of Sharpe Ratios, Financial Analysts Journal 58(4).
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from workbench.errors import ConfigError
from workbench.metrics.guards import NAN, column, inner, power, ratio

NORMAL = NormalDist()
EULER = 0.5772156649015329
# Mean of the largest of 1 to 5 standard normals, exact; the asymptotic formula is poor below 5.
FEW = (0.0, 1.0 / math.sqrt(math.pi), 1.5 / math.sqrt(math.pi), 1.0293753730039641, 1.1629644736405196)


def probabilistic_sharpe(
    sharpe: float, observations: float, *, skew: float = 0.0, kurtosis: float = 3.0, benchmark: float = 0.0
) -> float:
    """Probability that the true Sharpe ratio is above `benchmark`, given the length and the shape of the record.

    Parameters
    ----------
    sharpe, benchmark : float
        Per period.
    observations : float
        Number of periods; fewer than two give NaN.
    skew, kurtosis : float
        Of the returns; kurtosis 3 for a normal.

    Returns
    -------
    float
        Z[(SR − SR*) √(T − 1) / √(1 − g3 SR + (g4 − 1)/4 SR²)]
    """
    spread = math.sqrt(_sharpe_variance(sharpe, skew, kurtosis))
    root = math.sqrt(observations - 1.0) if observations >= 2 else NAN
    score = ratio((sharpe - benchmark) * root, spread)
    return NORMAL.cdf(score) if math.isfinite(score) else NAN


def min_track_record(
    sharpe: float,
    *,
    skew: float = 0.0,
    kurtosis: float = 3.0,
    benchmark: float = 0.0,
    confidence: float = 0.95,
) -> float:
    """Number of periods after which a Sharpe ratio (per period) is above `benchmark` with this confidence.

    NaN if it is not above the benchmark at all: then no record is long enough.
    """
    if not sharpe > benchmark:
        return NAN
    needed = NORMAL.inv_cdf(_share(confidence, "confidence"))
    return 1.0 + _sharpe_variance(sharpe, skew, kurtosis) * (needed / (sharpe - benchmark)) ** 2


def expected_maximum(trials: float | None, variance: float = 1.0) -> float:
    """Sharpe ratio that the best of so many independent trials without any skill is expected to show.

    Parameters
    ----------
    trials : float or None
        At least 1; for correlated ones `effective_trials`. None, not known: the answer is NaN, not that of one trial.
    variance : float
        Of the Sharpe ratios across the trials, in the same units (per period) squared.

    Notes
    -----
    The False Strategy theorem: √V [(1 − γ) Z⁻¹(1 − 1/N) + γ Z⁻¹(1 − 1/(N e))], with Euler's γ. Below five trials,
    where that formula is off by a tenth, the exact mean is interpolated.
    """
    if trials is None or math.isnan(trials) or math.isnan(variance):
        return NAN
    if trials < 1.0 or variance < 0.0:
        raise ConfigError(f"{trials} trials with variance {variance}: give at least 1 trial and no negative variance.")
    if trials < 5.0:
        return math.sqrt(variance) * float(np.interp(trials, np.arange(1.0, 6.0), FEW))
    upper, lower = NORMAL.inv_cdf(1.0 - 1.0 / trials), NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(variance) * ((1.0 - EULER) * upper + EULER * lower)


def deflated_sharpe(
    sharpe: float,
    observations: float,
    *,
    trials: float | None,
    variance: float,
    skew: float = 0.0,
    kurtosis: float = 3.0,
) -> float:
    """Probability that a Sharpe ratio, found as the best of `trials`, is more than their luck: see `expected_maximum`.

    Unknown trials (None) give NaN. `variance` is that of the trials' Sharpe ratios, per period.
    """
    luck = expected_maximum(trials, variance)
    if math.isnan(luck):
        return NAN
    return probabilistic_sharpe(sharpe, observations, skew=skew, kurtosis=kurtosis, benchmark=luck)


def min_backtest_length(trials: float | None, *, sharpe: float = 1.0) -> float:
    """Years of data below which the best of `trials` without skill is expected to reach this annual Sharpe ratio."""
    return ratio(expected_maximum(trials), sharpe) ** 2


def effective_trials(trials: float, correlation: float) -> float:
    """Independent trials that so many of a mean correlation amount to: ρ + (1 − ρ) · trials."""
    if not (trials >= 1.0 and -1.0 <= correlation <= 1.0):
        raise ConfigError(f"{trials} trials of correlation {correlation}: give at least 1, and −1 to 1.")
    return max(correlation + (1.0 - correlation) * trials, 1.0)


def lo_eta(autocorrelations: npt.ArrayLike, periods: int) -> float:
    """Factor that annualises a Sharpe ratio of serially correlated returns; √periods if they are not correlated.

    Parameters
    ----------
    autocorrelations : array of shape (periods - 1,)
        Of lags 1, 2, …; shorter ones count as 0 beyond their end.
    periods : int
        Periods in a year.

    Notes
    -----
    η(q) = q / √(q + 2 Σ (q − k) ρ_k), k = 1 … q − 1. NaN where the sum leaves nothing under the root.
    """
    if periods < 1:
        raise ConfigError(f"`periods` is {periods}. It must be at least 1.")
    rho = column(autocorrelations, "autocorrelations")[: periods - 1]
    inside = periods + 2.0 * inner(periods - np.arange(1.0, rho.size + 1.0), rho)
    return ratio(periods, power(inside, 0.5))


def _sharpe_variance(sharpe: float, skew: float, kurtosis: float) -> float:
    if kurtosis < (1.0 + skew * skew) * (1.0 - 1e-9):
        raise ConfigError(
            f"No distribution has skew {skew} and kurtosis {kurtosis}: it is at least 1 + skew², and 3 for a normal. "
            f"If yours is the excess over the normal's, add 3."
        )
    return max(1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe, 0.0)


def _share(number: float, name: str) -> float:
    if not 0.0 < number < 1.0:
        raise ConfigError(f"`{name}` is {number}. It must lie between 0 and 1.")
    return number
