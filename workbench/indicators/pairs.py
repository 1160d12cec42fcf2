"""One column against another, or against its own past: z-scores, rolling regression, and prices followed in steps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.compiled import compiled
from workbench.errors import ConfigError
from workbench.indicators.averages import sma
from workbench.indicators.bands import stddev
from workbench.indicators.columns import FloatArray, blank, column, columns, is_finite, window


def zscore(values: npt.ArrayLike, length: int) -> FloatArray:
    """Distance of each value from the average of the last `length`, in their standard deviations (population).

    Returns
    -------
    ndarray of shape (n_bars,)
        NaN in the first `length - 1` rows, after a gap likewise, and where nothing has moved.
    """
    values = column(values, "values")
    deviation = stddev(values, length)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = (values - sma(values, length)) / deviation
    return np.where(np.isfinite(score), score, np.nan)


def regression(y: npt.ArrayLike, x: npt.ArrayLike, length: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Least squares of the last `length` values of `y` on those of `x`.

    Returns
    -------
    slope, intercept : ndarrays of shape (n_bars,)
    score : ndarray of shape (n_bars,)
        The last residual in standard deviations of all `length` residuals (population): how far `y` lies above what
        `x` says. All three are NaN in the first `length - 1` rows, after a gap likewise, and where `x` has not moved;
        the score also where the fit is exact.
    """
    y, x = columns(y=y, x=x)
    slope, intercept, score = blank(y.shape[0]), blank(y.shape[0]), blank(y.shape[0])
    _regression(y, x, window(length, least=3), slope, intercept, score)
    return slope, intercept, score


def followed(values: npt.ArrayLike, tolerance: float) -> tuple[FloatArray, FloatArray]:
    """A column that stays where it is until the values have moved further than `tolerance` (a fraction) away from it.

    Returns
    -------
    level : ndarray of shape (n_bars,)
        NaN where the value is not finite; behind that it begins anew.
    age : ndarray of shape (n_bars,)
        How many bars ago that level was taken; 0 in the row in which it was, NaN with `level`.
    """
    values = column(values, "values")
    if not 0.0 <= tolerance < 1.0:
        raise ConfigError(f"`tolerance` is {tolerance!r}. Give a fraction between 0 and 1, such as 0.002.")
    level, age = blank(values.shape[0]), blank(values.shape[0])
    _followed(values, float(tolerance), level, age)
    return level, age


@compiled
def _regression(
    y: FloatArray, x: FloatArray, length: int, slope: FloatArray, intercept: FloatArray, score: FloatArray
) -> None:
    # Each window is summed afresh, so that a row does not depend on what came before its window.
    count = 0
    for t in range(y.shape[0]):
        count = count + 1 if is_finite(y[t] + x[t]) else 0
        if count < length:
            continue
        start = t - length + 1
        mean_x, mean_y, xx, xy, yy = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(start, t + 1):
            mean_x += x[i]
            mean_y += y[i]
        mean_x, mean_y = mean_x / length, mean_y / length
        for i in range(start, t + 1):
            xx += (x[i] - mean_x) ** 2
            xy += (x[i] - mean_x) * (y[i] - mean_y)
            yy += (y[i] - mean_y) ** 2
        if not xx > 0.0:
            continue
        slope[t] = xy / xx
        intercept[t] = mean_y - slope[t] * mean_x
        unexplained = yy - slope[t] * xy
        if unexplained > 1e-12 * yy:
            score[t] = (y[t] - intercept[t] - slope[t] * x[t]) / np.sqrt(unexplained / length)


@compiled
def _followed(values: FloatArray, tolerance: float, level: FloatArray, age: FloatArray) -> None:
    kept, since = np.nan, -1
    for t in range(values.shape[0]):
        if not is_finite(values[t]):
            kept = np.nan
            continue
        if not abs(values[t] - kept) <= tolerance * kept:
            kept, since = values[t], t
        level[t], age[t] = kept, t - since
