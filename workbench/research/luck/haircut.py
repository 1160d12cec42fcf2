"""What is left of a Sharpe ratio once its p-value has paid for the other tests.

References
----------
Harvey and Liu (2015), Backtesting, J. of Portfolio Management 42(1).
Benjamini and Yekutieli (2001), The Control of the False Discovery Rate under Dependency, Annals of Statistics 29.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from workbench.errors import ConfigError
from workbench.research.luck.matrix import FloatArray

Correction = Literal["bonferroni", "holm", "bhy"]
NORMAL = NormalDist()


def haircut_sharpes(
    sharpes: npt.ArrayLike, observations: int, *, trials: int | None = None, correction: Correction = "bhy"
) -> FloatArray:
    """Sharpe ratios after a discount for having been tested together.

    Parameters
    ----------
    sharpes : array of shape (n_trials,)
        Per period, of all trials, or of the best one with `trials` given.
    observations : int
        Periods behind each.
    trials : int, optional
        All that were tried, if more than `sharpes` holds; the others count as worse than these.
    correction : "bonferroni", "holm" or "bhy"
        How p-values are adjusted: the first two keep the chance of a single false find small, the last the share of
        false ones among the finds.

    Returns
    -------
    ndarray
        In the order given, never above the original and never below 0.

    Notes
    -----
    p = 2 (1 − Z(|SR| √T)), adjusted, and back: SR = Z⁻¹(1 − p/2) / √T. A ratio that is not above 0 gives 0.
    """
    ratios = np.asarray(sharpes, np.float64)
    total = ratios.size if trials is None else trials
    if not (ratios.ndim == 1 and np.isfinite(ratios).all() and total >= ratios.size >= 1 and observations >= 2):
        raise ConfigError(
            f"{ratios.size} Sharpe ratios, {total} trials, {observations} periods: give finite ratios in one column, "
            f"at least as many trials, and two periods or more."
        )
    root = math.sqrt(observations)
    raw = np.array([2.0 * NORMAL.cdf(-abs(ratio) * root) if ratio > 0.0 else 1.0 for ratio in ratios])
    adjusted = adjusted_p(raw, total, correction)
    return np.array([_ratio(p, root) for p in adjusted])


def adjusted_p(p: FloatArray, trials: int, correction: Correction) -> FloatArray:
    """p-values adjusted for the number of trials, in the order given."""
    order = np.argsort(p)
    rank = np.arange(1, len(p) + 1)
    if correction == "bonferroni":
        return np.minimum(p * trials, 1.0)
    if correction == "holm":
        stepped = np.maximum.accumulate(p[order] * (trials - rank + 1))
    elif correction == "bhy":
        factor = trials * (1.0 / np.arange(1, trials + 1)).sum()
        stepped = np.minimum.accumulate((p[order] * factor / rank)[::-1])[::-1]
    else:
        raise ConfigError(f'`correction` is {correction!r}. Choose "bonferroni", "holm" or "bhy".')
    found = np.empty_like(p)
    found[order] = np.minimum(stepped, 1.0)
    return found


def _ratio(p: float, root: float) -> float:
    if p >= 1.0:
        return 0.0
    return -NORMAL.inv_cdf(p / 2.0) / root if p > 0.0 else math.inf
