"""The best Sharpe ratio of a search, held against what luck alone would have shown as the best."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.errors import ConfigError
from workbench.metrics import expected_maximum, kurtosis, min_track_record, probabilistic_sharpe, skew
from workbench.research.luck.counting import Counting, Independent, independent_trials
from workbench.research.luck.matrix import as_matrix, sharpe_ratios

LEAST_KNOWN = 5  # Sharpe ratios below which their variance is that of chance


@dataclass(frozen=True, slots=True)
class Deflation:
    """The best combination and the bar that luck sets for it. Every Sharpe ratio here is per period.

    Attributes
    ----------
    best : int
        Column that was chosen.
    sharpe, skew, kurtosis, observations
        Of its returns; kurtosis is 3 for a normal distribution.
    count : Independent
        How many trials there were, and how many independent ones they amount to.
    variance : float
        Of the trials' Sharpe ratios.
    luck : float
        The Sharpe ratio that the best of so many trials without skill is expected to show; NaN if nobody counted.
    probabilistic : float
        Probability that the true Sharpe ratio is above 0, as if there had been no search.
    deflated : float
        Probability that it is above `luck`: the deflated Sharpe ratio. NaN for one trial, or an unknown number.
    track_record : float
        Periods after which this Sharpe ratio would be above 0 with 95 % confidence, if there had been no search.
    """

    best: int
    sharpe: float
    skew: float
    kurtosis: float
    observations: int
    count: Independent
    variance: float
    luck: float
    probabilistic: float
    deflated: float
    track_record: float


def deflate(
    returns: npt.ArrayLike,
    *,
    trials: float | None,
    best: int | None = None,
    sharpes: npt.ArrayLike | None = None,
    counting: Counting = "correlation",
) -> Deflation:
    """Deflate the Sharpe ratio of the best combination.

    Parameters
    ----------
    returns : array of shape (n_periods, n_columns)
        Of all combinations or of a random sample with the best, over days or longer periods.
    trials : float or None
        All that were tried; None if that is not known: then nothing is deflated, and the answer is NaN.
    best : int, optional
        The column that was chosen; left out: that with the highest Sharpe ratio.
    sharpes : array, optional
        Sharpe ratios, per period, of all trials, if `returns` holds only some; NaN where one did not trade.
    counting : "correlation" or "clusters"
        See `independent_trials`.
    """
    matrix = as_matrix(returns)
    own = sharpe_ratios(matrix)
    if np.isnan(own).all():
        raise ConfigError("No combination ever moved: there is no Sharpe ratio to deflate.")
    column = int(np.nanargmax(own)) if best is None else best
    shape = {"skew": skew(matrix[:, column]), "kurtosis": kurtosis(matrix[:, column])}
    count = independent_trials(matrix, trials=trials, counting=counting)
    variance = trial_variance(own if sharpes is None else np.asarray(sharpes, np.float64), len(matrix))
    known = count.independent if trials is not None and trials > 1 else None
    luck = expected_maximum(known, variance)
    value, n = float(own[column]), len(matrix)
    return Deflation(
        column, value, shape["skew"], shape["kurtosis"], n, count, variance, luck,
        probabilistic_sharpe(value, n, **shape),
        math.nan if math.isnan(luck) else probabilistic_sharpe(value, n, benchmark=luck, **shape),
        min_track_record(value, **shape),
    )  # fmt: skip


def trial_variance(sharpes: npt.ArrayLike, observations: int) -> float:
    """Variance of trials' Sharpe ratios, per period, around their middle.

    Only the half above the median counts, as if the other were its mirror image: for the symmetric spread that luck
    makes that is the variance, and combinations that fees have ruined do not raise the bar for the others. Fewer than
    five ratios tell nothing of their spread: then it is that of independent trials without skill, 1 / (T − 1).
    """
    known = np.asarray(sharpes, np.float64)
    known = known[np.isfinite(known)]
    if known.size < LEAST_KNOWN:
        return 1.0 / max(observations - 1, 1)
    above = known - np.median(known)
    return float((above[above >= 0.0] ** 2).mean())
