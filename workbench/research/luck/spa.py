"""Is the best of many better than doing nothing, or than holding, once the search is paid for?

The record is resampled, each combination is put back to no edge at all, and the best of them is looked at in each
resample: how often does luck alone do as well? Dependence between combinations and between periods stays as it is, so
no number of independent trials has to be guessed.

References
----------
White (2000), A Reality Check for Data Snooping, Econometrica 68.
Hansen (2005), A Test for Superior Predictive Ability, J. of Business and Economic Statistics 23.
Romano and Wolf (2005), Stepwise Multiple Testing as Formalized Data Snooping, Econometrica 73.
Hsu, Hsu and Kuan (2010), Testing the Predictive Ability of Technical Analysis, J. of Empirical Finance 17.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.errors import DataError
from workbench.research.luck.bootstrap import FEWEST, REPS, block_length, draws
from workbench.research.luck.matrix import FloatArray, as_matrix, share, sharpe_ratios, spreads

AT_ONCE = 1_000_000  # resampled means held at a time


@dataclass(frozen=True, slots=True)
class Superiority:
    """How often luck alone does as well as the best of the combinations did.

    Attributes
    ----------
    p : float
        Hansen's consistent p-value: small means that the best beats the benchmark.
    lower, upper : float
        The bounds between which it lies; `upper` is White's way to put combinations back, all of them.
    naive : float
        The p-value that the best would have if it had been the only one; never above `p`.
    best : int
        Column with the largest statistic.
    block : float
        Mean block length of the bootstrap.
    """

    p: float
    lower: float
    upper: float
    naive: float
    best: int
    block: float


def spa(
    returns: npt.ArrayLike,
    benchmark: npt.ArrayLike = 0.0,
    *,
    studentize: bool = True,
    block: float | None = None,
    reps: int = REPS,
    seed: int = 0,
) -> Superiority:
    """Test whether the best combination beats a benchmark: Hansen's test of superior predictive ability.

    Parameters
    ----------
    returns : array of shape (n_periods, n_columns)
        Of every combination that was tried, or of a random sample of them with the best.
    benchmark : float or array of shape (n_periods,)
        Return per period: 0 is an account that does nothing; give that of buy-and-hold to test against it.
    studentize : bool
        Measure each combination by its own error, so that quiet ones count as much as wild ones. False compares mean
        returns, as White does.
    block : float, optional
        Mean block length; left out: `block_length` of the best combination.
    reps, seed : int
        Resamples, and what their randomness starts from.

    Raises
    ------
    DataError
        Fewer than ten periods, values that are not finite, or nothing that differs from the benchmark.
    """
    luck = _Luck.of(returns, benchmark, studentize, block, reps, seed)
    best = int(luck.statistic.argmax())
    reached = float(luck.statistic[best])
    if reached <= 0.0:  # nothing was gained: luck always does as well
        return Superiority(1.0, 1.0, 1.0, 1.0, int(luck.columns[best]), luck.block)
    shares = [float((largest > reached).mean()) for largest in luck.maxima(luck.recentred())]
    alone = luck.simulated(slice(best, best + 1))[:, 0] - reached
    naive = float((alone > reached).mean())
    return Superiority(shares[1], shares[0], shares[2], naive, int(luck.columns[best]), luck.block)


def reality_check(
    returns: npt.ArrayLike,
    benchmark: npt.ArrayLike = 0.0,
    *,
    block: float | None = None,
    reps: int = REPS,
    seed: int = 0,
) -> float:
    """White's p-value: of mean returns, with every combination put back to no edge. Bad ones make it larger."""
    return spa(returns, benchmark, studentize=False, block=block, reps=reps, seed=seed).upper


def superior(
    returns: npt.ArrayLike,
    benchmark: npt.ArrayLike = 0.0,
    *,
    size: float = 0.05,
    studentize: bool = True,
    block: float | None = None,
    reps: int = REPS,
    seed: int = 0,
) -> npt.NDArray[np.intp]:
    """Columns that beat the benchmark each for itself, with at most a chance of `size` that one of them does not.

    Step by step: those above the critical value of the maximum are taken out, and the rest is tested again. Parameters
    are those of `spa`.
    """
    luck = _Luck.of(returns, benchmark, studentize, block, reps, seed)
    put_back = luck.recentred()[1]
    left = np.ones(len(luck.columns), bool)
    while left.any():
        (largest,) = luck.maxima((put_back,), left)
        bar = float(np.quantile(largest, 1.0 - share(size, "size")))
        found = left & (luck.statistic > bar)
        if not found.any():
            break
        left &= ~found
    return luck.columns[~left]


class _Luck(NamedTuple):
    """What luck does to each column: its statistic, and the resampled ones, all of them scaled by `scale`."""

    weights: FloatArray  # (reps, n_periods), rows sum to 1
    excess: FloatArray  # (n_periods, n_columns)
    columns: npt.NDArray[np.intp]
    scale: FloatArray  # √T over the error of the mean, or √T
    error: FloatArray  # of the mean, times √T
    statistic: FloatArray
    block: float

    @classmethod
    def of(cls, returns: npt.ArrayLike, benchmark: npt.ArrayLike, studentize: bool, block: float | None, reps: int,
           seed: int) -> _Luck:  # fmt: skip
        excess = above(as_matrix(returns), benchmark)
        moves = spreads(excess) > 0.0
        if not moves.any():
            raise DataError("No combination differs from the benchmark in any period: there is nothing to test.")
        excess, columns = excess[:, moves], np.flatnonzero(moves)
        n = excess.shape[0]
        length = float(block) if block else block_length(excess[:, int(np.nanargmax(sharpe_ratios(excess)))])
        error = long_run_error(excess, length)
        scale = math.sqrt(n) / error if studentize else np.full(len(columns), math.sqrt(n))
        weights = draws(n, block=length, reps=reps, seed=seed) / n
        return cls(weights, excess, columns, scale, error, scale * excess.mean(axis=0), length)

    def recentred(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """What is taken from each resampled statistic: the lower, the consistent and the upper way."""
        n = self.excess.shape[0]
        hopeless = math.sqrt(n) * self.excess.mean(axis=0) < -self.error * math.sqrt(2.0 * math.log(math.log(n)))
        return np.maximum(self.statistic, 0.0), np.where(hopeless, 0.0, self.statistic), self.statistic

    def simulated(self, columns: slice | npt.NDArray[np.intp]) -> FloatArray:
        """Statistics of the resamples, before anything is put back."""
        return (self.weights @ self.excess[:, columns]) * self.scale[columns]

    def maxima(self, put_backs: tuple[FloatArray, ...], among: npt.NDArray[np.bool_] | None = None) -> list[FloatArray]:
        """The largest statistic of each resample, once every column has been put back, for each way to do that."""
        columns = np.arange(len(self.columns)) if among is None else np.flatnonzero(among)
        largest = [np.full(len(self.weights), -np.inf) for _ in put_backs]
        width = max(1, AT_ONCE // len(self.weights))
        for start in range(0, len(columns), width):
            part = columns[start : start + width]
            simulated = self.simulated(part)
            for most, put_back in zip(largest, put_backs, strict=True):
                np.maximum(most, (simulated - put_back[part]).max(axis=1), out=most)
        return largest


def above(returns: FloatArray, benchmark: npt.ArrayLike) -> FloatArray:
    """Returns above a benchmark, which is one number or one per period."""
    if len(returns) < FEWEST:
        raise DataError(f"{len(returns)} periods are too few to resample. Give at least {FEWEST}.")
    other = np.asarray(benchmark, np.float64)
    if other.ndim > 1 or (other.ndim == 1 and other.shape[0] != returns.shape[0]) or not np.isfinite(other).all():
        raise DataError(
            f"`benchmark` has shape {other.shape}: give one finite return, or one for each of {len(returns)} periods."
        )
    return returns - (other[:, None] if other.ndim else other)


def long_run_error(excess: FloatArray, block: float) -> FloatArray:
    """√T times the standard error of each column's mean, as the stationary bootstrap has it.

    Each autocovariance counts with the chance that two rows so far apart are drawn together.
    """
    n = excess.shape[0]
    size = 1 << (2 * n - 1).bit_length()
    lag, stay = np.arange(n), 1.0 - 1.0 / block
    kernel = (1.0 - lag / n) * stay**lag + (lag / n) * stay ** (n - lag)
    kernel[0] = 0.5
    variance = np.empty(excess.shape[1])
    for start in range(0, excess.shape[1], 64):
        part = excess[:, start : start + 64]
        spectrum = np.fft.rfft(part - part.mean(axis=0), size, axis=0)
        covariance = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, size, axis=0)[:n] / n
        variance[start : start + 64] = 2.0 * kernel @ covariance
    return np.sqrt(np.maximum(variance, np.finfo(np.float64).tiny))
