"""The stationary bootstrap: error bars on a Sharpe ratio whose returns depend on each other.

A resample is blocks of the record, of random length, put together until it is as long as the record. It is used only
through how often each row was drawn, so that all means of all resamples are one product of matrices.

References
----------
Politis and Romano (1994), The Stationary Bootstrap, J. of the American Statistical Association 89.
Politis and White (2004), Automatic Block-Length Selection, Econometric Reviews 23; corrected by Patton, Politis and
White (2009). Ledoit and Wolf (2008), Robust Performance Hypothesis Testing with the Sharpe Ratio, J. of Empirical
Finance 15.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.errors import ConfigError, DataError
from workbench.research.luck.matrix import FloatArray, as_column, positive, share, sharpe_ratios, whole

REPS = 2_000
FEWEST = 10  # periods below which a resample says nothing


class Interval(NamedTuple):
    """An estimate between its bounds; `level` is the share of such intervals that hold the truth."""

    estimate: float
    lower: float
    upper: float
    level: float


def draws(n_periods: int, *, block: float, reps: int = REPS, seed: int = 0) -> FloatArray:
    """How often each row is drawn in each resample of the stationary bootstrap.

    Parameters
    ----------
    n_periods : int
    block : float
        Mean length of a block, at least 1; `block_length` chooses one.
    reps, seed : int
        Number of resamples, and what their randomness starts from.

    Returns
    -------
    ndarray of shape (reps, n_periods)
        Rows sum to `n_periods`; `draws(...) @ returns / n_periods` are the means of all resamples.
    """
    if not block >= 1.0:
        raise ConfigError(f"`block` is {block!r}. The mean length of a block is at least one period.")
    return _drawn(n_periods, float(block), whole(reps, "reps", least=1), seed).astype(np.float64)


@functools.lru_cache(maxsize=1)  # the tests of one record draw the same
def _drawn(n_periods: int, block: float, reps: int, seed: int) -> npt.NDArray[np.uint16]:
    rng = np.random.default_rng(seed)
    counts = np.empty((reps, n_periods), np.uint16)
    for row in counts:
        row[:] = np.bincount(one_resample(n_periods, 1.0 / block, rng), minlength=n_periods)
    return counts


def one_resample(n_periods: int, renew: float, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Rows of one resample: with probability `renew` a new block begins, else the row after the last one follows."""
    rows = rng.integers(n_periods, size=n_periods)
    begins = rng.random(n_periods) <= renew
    begins[0] = True
    place = np.arange(n_periods)
    since = np.maximum.accumulate(np.where(begins, place, 0))
    return (rows[since] + place - since) % n_periods


def block_length(returns: npt.ArrayLike) -> float:
    """Mean block length that serves the mean of these returns best; 1 if they do not depend on each other.

    Parameters
    ----------
    returns : array of shape (n_periods,)

    Notes
    -----
    Politis and White (2004) with the correction of 2009: correlations count up to the first lag after which
    max(5, log10 n) in a row are insignificant.
    """
    column = as_column(returns)
    n = column.shape[0]
    if n < FEWEST:
        raise DataError(f"{n} periods are too few to choose a block length from. Give at least {FEWEST}.")
    row = max(5, int(math.log10(n)))
    most = min(math.ceil(math.sqrt(n)) + row, n - 2)
    covariance, correlation = _correlations(column - column.mean(), most)
    small = np.abs(correlation) < 2.0 * math.sqrt(math.log10(n) / n)
    quiet = [lag for lag in range(most + 1 - row) if small[lag : lag + row].all()]
    lags = min(2 * max(quiet[0], 1) if quiet else most, most)
    k = np.arange(1, lags + 1)
    taper = np.minimum(1.0, 2.0 * (1.0 - k / lags)) * covariance[1 : lags + 1]
    long_run = covariance[0] + 2.0 * taper.sum()
    if long_run == 0.0:
        return 1.0
    best = ((2.0 * (k * taper).sum() / long_run) ** 2 * n) ** (1.0 / 3.0)
    return float(max(1.0, min(best, math.ceil(min(3.0 * math.sqrt(n), n / 3.0)))))


def sharpe_interval(
    returns: npt.ArrayLike,
    *,
    periods_per_year: float,
    level: float = 0.95,
    block: float | None = None,
    reps: int = REPS,
    seed: int = 0,
) -> Interval:
    """The annualised Sharpe ratio of a record, with the interval that holds the true one `level` of the time.

    It knows nothing of a choice: for the best of many it is the interval of a lucky number.

    Parameters
    ----------
    returns : array of shape (n_periods,)
        Fractions, of equal periods, at least ten.
    block : float, optional
        Mean block length; left out: `block_length` of the returns.

    Returns
    -------
    Interval
        Of the bootstrap's studentised ratios; NaN if the returns do not vary.
    """
    column = as_column(returns)
    scale = math.sqrt(positive(periods_per_year, "periods_per_year"))
    tail = (1.0 - share(level, "level")) / 2.0
    estimate = float(sharpe_ratios(column[:, None])[0])
    if column.shape[0] < FEWEST or math.isnan(estimate):
        return Interval(estimate * scale, math.nan, math.nan, level)
    weights = draws(len(column), block=block or block_length(column), reps=reps, seed=seed) / len(column)
    scores = _scores(weights, column, estimate)
    error = _standard_error(column, estimate)
    low, high = np.quantile(scores, [tail, 1.0 - tail])
    return Interval(estimate * scale, (estimate - high * error) * scale, (estimate - low * error) * scale, level)


def sharpe_difference(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    *,
    periods_per_year: float,
    level: float = 0.95,
    block: float | None = None,
    reps: int = REPS,
    seed: int = 0,
) -> Interval:
    """Annualised Sharpe ratio of `a` less that of `b`, over the same periods: the same rows are drawn from both."""
    first, second = as_column(a), as_column(b)
    if first.shape != second.shape:
        raise DataError(f"`a` has {len(first)} periods, `b` {len(second)}. Give both for the same periods.")
    scale = math.sqrt(positive(periods_per_year, "periods_per_year"))
    tail = (1.0 - share(level, "level")) / 2.0
    length = block or max(block_length(first), block_length(second))
    weights = draws(len(first), block=length, reps=reps, seed=seed) / len(first)
    estimate = float(np.subtract(*sharpe_ratios(np.column_stack([first, second]))))
    low, high = np.quantile(_ratios(weights, first) - _ratios(weights, second), [tail, 1.0 - tail])
    return Interval(estimate * scale, (2 * estimate - high) * scale, (2 * estimate - low) * scale, level)


def _ratios(weights: FloatArray, column: FloatArray) -> FloatArray:
    """Sharpe ratio of each resample."""
    mean, square = (weights @ np.column_stack([column, column * column])).T
    n = len(column)
    return mean / np.sqrt(np.maximum(square - mean * mean, 1e-300) * n / (n - 1))


def _scores(weights: FloatArray, column: FloatArray, estimate: float) -> FloatArray:
    """(ratio of a resample − ratio of the record) over the error of the former, by its own skew and kurtosis."""
    centred = (column - column.mean()) / column.std()
    moments = weights @ np.column_stack([centred, centred**2, centred**3, centred**4])
    mean, second, third, fourth = moments.T
    variance = np.maximum(second - mean**2, 1e-12)
    ratio = (mean + column.mean() / column.std()) / np.sqrt(variance * len(column) / (len(column) - 1))
    skew = (third - 3 * mean * second + 2 * mean**3) / variance**1.5
    kurtosis = (fourth - 4 * mean * third + 6 * mean**2 * second - 3 * mean**4) / variance**2
    inside = np.maximum(1.0 - skew * ratio + (kurtosis - 1.0) / 4.0 * ratio**2, 1e-12)
    return (ratio - estimate) / np.sqrt(inside / (len(column) - 1))


def _standard_error(column: FloatArray, estimate: float) -> float:
    centred = (column - column.mean()) / column.std()
    inside = 1.0 - (centred**3).mean() * estimate + ((centred**4).mean() - 1.0) / 4.0 * estimate**2
    return math.sqrt(max(inside, 1e-12) / (len(column) - 1))


def _correlations(centred: FloatArray, most: int) -> tuple[FloatArray, FloatArray]:
    """Autocovariances of lags 0 … most, and correlations of each lag with the squares that took part in it."""
    n = len(centred)
    crosses = np.array([centred[lag:] @ centred[: n - lag] for lag in range(most + 1)])
    # As in Patton's program, the squares are those one lag further on.
    squares = [(centred[lag + 1 :] @ centred[lag + 1 :]) * (centred[: n - lag - 1] @ centred[: n - lag - 1])
               for lag in range(most + 1)]  # fmt: skip
    with np.errstate(invalid="ignore", divide="ignore"):
        return crosses / n, np.nan_to_num(crosses / np.sqrt(squares))
