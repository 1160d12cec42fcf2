"""Returns with known luck in them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def noise(seed: int, n_periods: int = 1000, n_columns: int = 100, *, correlation: float = 0.0) -> FloatArray:
    """Daily returns of 1 % deviation without any edge, equally correlated."""
    rng = np.random.default_rng(seed)
    own, common = rng.standard_normal((n_periods, n_columns)), rng.standard_normal((n_periods, 1))
    return 0.01 * (np.sqrt(1.0 - correlation) * own + np.sqrt(correlation) * common)


def with_edge(returns: FloatArray, sharpe: float, *, column: int = 3) -> FloatArray:
    """The same with a true annual Sharpe ratio in one column."""
    planted = returns.copy()
    planted[:, column] += 0.01 * sharpe / np.sqrt(365.0)
    return planted


def persistent(seed: int, rho: float, n_periods: int = 800) -> FloatArray:
    """One column whose values remember the last one by `rho`."""
    steps = np.random.default_rng(seed).standard_normal(n_periods)
    values = np.empty(n_periods)
    values[0] = steps[0]
    for n in range(1, n_periods):
        values[n] = rho * values[n - 1] + np.sqrt(1.0 - rho * rho) * steps[n]
    return values
