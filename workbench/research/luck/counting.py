"""How many trials were there really? A grid of neighbours is not as many attempts as it has points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from workbench.errors import ConfigError
from workbench.metrics import effective_trials
from workbench.research.luck.matrix import FloatArray, as_matrix, spreads

MOST_CLUSTERS = 100
MOST_CLUSTERED = 600  # columns; more are thinned out evenly

Counting = Literal["correlation", "clusters"]


@dataclass(frozen=True, slots=True)
class Independent:
    """How many independent trials a search amounts to.

    Attributes
    ----------
    trials : float
        All that were made; None if nobody counted.
    independent : float
        What they amount to; None where `trials` is.
    correlation : float
        Mean correlation between the combinations; NaN for a single one.
    how : str
        How it was counted, in words.
    """

    trials: float | None
    independent: float | None
    correlation: float
    how: str


def independent_trials(
    returns: npt.ArrayLike, *, trials: float | None = None, counting: Counting = "correlation"
) -> Independent:
    """Count independent trials.

    Parameters
    ----------
    returns : array of shape (n_periods, n_columns)
        Of the combinations, or of a random sample of them.
    trials : float, optional
        All combinations that were ever tried, at least as many as there are columns. Left out: not known.
    counting : "correlation" or "clusters"
        "correlation": ρ + (1 − ρ) M with the mean correlation ρ, which errs to the side of caution. "clusters": the
        groups that combinations fall into; for grids of a few families, and too low for pure noise.

    References
    ----------
    Bailey and López de Prado (2014), The Deflated Sharpe Ratio, appendix 3.
    López de Prado and Lewis (2019), Detection of False Investment Strategies Using Unsupervised Learning Methods.
    """
    matrix = as_matrix(returns)
    rho = mean_correlation(matrix)
    if trials is None:
        return Independent(None, None, rho, "nobody counted the trials")
    if not trials >= matrix.shape[1]:
        raise ConfigError(
            f"`trials` is {trials}, fewer than the {matrix.shape[1]} columns of `returns`. Count them all."
        )
    if trials == 1:
        return Independent(1.0, 1.0, rho, "one trial")
    if counting == "clusters":
        groups = len(np.unique(clusters(matrix)))
        return Independent(float(trials), float(groups), rho, f"clusters of {matrix.shape[1]:,} combinations")
    if counting != "correlation":
        raise ConfigError(f'`counting` is {counting!r}. Choose "correlation" or "clusters".')
    if matrix.shape[1] == 1:
        return Independent(float(trials), float(trials), rho, "all, as their returns were not kept")
    number = effective_trials(trials, min(max(rho, 0.0), 1.0))
    return Independent(float(trials), number, rho, f"mean correlation {max(rho, 0.0):.2f}")


def mean_correlation(returns: npt.ArrayLike) -> float:
    """Mean correlation over all pairs of columns that vary; NaN if there are not two of them.

    One pass over the matrix: the variance of the sum of standardised columns holds all pairs.
    """
    scaled = _standardised(as_matrix(returns))
    n = scaled.shape[1]
    if n < 2:
        return float("nan")
    together = float((scaled.sum(axis=1) ** 2).sum()) / len(scaled)
    return min((together - n) / (n * (n - 1.0)), 1.0)


def clusters(returns: npt.ArrayLike) -> npt.NDArray[np.intp]:
    """Group of each column that varies, 0 … k − 1.

    Columns are joined by the mean of their distances √(½ (1 − ρ)); the number of groups is that whose silhouettes have
    the largest mean over deviation. Of more than 600 columns every n-th is grouped.
    """
    from scipy.cluster.hierarchy import cut_tree, linkage
    from scipy.spatial.distance import squareform

    scaled = _standardised(as_matrix(returns))
    scaled = scaled[:, :: max(1, -(-scaled.shape[1] // MOST_CLUSTERED))]
    if scaled.shape[1] < 3:
        return np.arange(scaled.shape[1])
    distance = np.sqrt(np.clip(0.5 * (1.0 - scaled.T @ scaled / len(scaled)), 0.0, None))
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform((distance + distance.T) / 2.0, checks=False), "average")
    cuts = cut_tree(tree, list(range(2, min(MOST_CLUSTERS, scaled.shape[1] - 1) + 1)))
    return max(cuts.T, key=lambda labels: _quality(distance, labels))


def _quality(distance: FloatArray, labels: npt.NDArray[np.intp]) -> float:
    """Mean over deviation of the silhouettes."""
    member = labels[:, None] == np.arange(labels.max() + 1)
    size = member.sum(axis=0)
    to_group = distance @ member
    own = to_group[member] / np.maximum(size[labels] - 1, 1)
    other = np.where(member, np.inf, to_group / size).min(axis=1)
    width = np.where(size[labels] > 1, (other - own) / np.maximum(np.maximum(own, other), 1e-12), 0.0)
    return float(width.mean() / max(width.std(), 1e-12))


def _standardised(matrix: FloatArray) -> FloatArray:
    moves = matrix[:, spreads(matrix) > 0.0]
    return (moves - moves.mean(axis=0)) / moves.std(axis=0)
