"""Moving averages: simple, weighted, exponential, and Wilder's.

The two with a window are summed from two halves, as if the bars were cut into blocks of one window's length: what the
window still holds of the older block, summed from its end, and what it already holds of the newer, from its start. So
every row is a sum of its own bars and of nothing else. A sum that is carried along, adding the new bar and taking off
the old, keeps the rounding of prices long gone: after a coin has fallen from 80 to 0.00001 that spoils the average.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.compiled import compiled
from workbench.indicators.columns import FloatArray, blank, column, finite_or_nan, is_finite, window


def sma(values: npt.ArrayLike, length: int) -> FloatArray:
    """Simple moving average.

    Parameters
    ----------
    values : array of shape (n_bars,)
    length : int, at least 1
        Bars in the window.

    Returns
    -------
    ndarray of shape (n_bars,)
        NaN in the first `length - 1` rows, and where the window holds a value that is not finite.
    """
    values, length = column(values, "values"), window(length)
    out = blank(values.shape[0])
    if length <= values.shape[0]:
        _sma(values, length, np.empty(length + 1), out)
    return out


def wma(values: npt.ArrayLike, length: int) -> FloatArray:
    """Weighted moving average: the newest bar weighs `length`, the oldest 1.

    NaN as in `sma`. Agrees with TA-Lib's WMA.
    """
    values, length = column(values, "values"), window(length)
    out = blank(values.shape[0])
    if length <= values.shape[0]:
        _wma(values, length, np.empty((2, length + 1)), out)
    return out


def ema(values: npt.ArrayLike, length: int) -> FloatArray:
    """Exponential moving average, weight 2 / (length + 1), begun with the simple average of the first `length` bars.

    Parameters
    ----------
    values : array of shape (n_bars,)
    length : int, at least 1

    Returns
    -------
    ndarray of shape (n_bars,)
        NaN in the first `length - 1` rows. A value that is not finite ends what was known: the average is NaN there and
        begins anew with the next bar. Agrees with TA-Lib's EMA, whose seed this is.
    """
    values, length = column(values, "values"), window(length)
    out = blank(values.shape[0])
    _smooth(values, length, 2.0 / (length + 1.0), out)
    return out


def wilder(values: npt.ArrayLike, length: int) -> FloatArray:
    """Wilder's smoothing: an exponential average with weight 1 / length, begun and restarted as `ema` is.

    References
    ----------
    Wilder (1978), New Concepts in Technical Trading Systems.
    """
    values, length = column(values, "values"), window(length)
    out = blank(values.shape[0])
    _smooth(values, length, 1.0 / length, out)
    return out


@compiled
def _sma(values: FloatArray, length: int, older: FloatArray, out: FloatArray) -> None:
    older[:] = np.nan
    older[length] = 0.0
    for start in range(0, values.shape[0], length):
        # Distances from a bar of the window itself: small numbers, and exactly 0 while the price stands still.
        pivot = values[start]
        if start > 0:
            tail_sums(values[start - length : start], pivot, older)
        block = values[start : start + length]
        newer = 0.0
        for k in range(block.shape[0]):
            newer += block[k] - pivot
            out[start + k] = finite_or_nan(pivot + (older[k + 1] + newer) / length)


@compiled
def tail_sums(block: FloatArray, pivot: float, out: FloatArray) -> None:
    """out[k] = the sum of block[k:], as distances from the pivot."""
    total = 0.0
    for k in range(block.shape[0] - 1, 0, -1):
        total += block[k] - pivot
        out[k] = total


@compiled
def _wma(values: FloatArray, length: int, older: FloatArray, out: FloatArray) -> None:
    plain, weighted = older[0], older[1]
    older[:] = np.nan
    older[:, length] = 0.0
    scale = 0.5 * length * (length + 1.0)
    for start in range(0, values.shape[0], length):
        pivot = values[start]
        if start > 0:
            tail_sums(values[start - length : start], pivot, plain)
            for k in range(length - 1, 0, -1):
                weighted[k] = weighted[k + 1] + plain[k]
        block = values[start : start + length]
        newer, newer_weighted = 0.0, 0.0
        for k in range(block.shape[0]):
            newer += block[k] - pivot
            newer_weighted += (k + 1.0) * (block[k] - pivot)
            total = weighted[k + 1] + newer_weighted + (length - 1.0 - k) * newer
            out[start + k] = finite_or_nan(pivot + total / scale)


@compiled
def _smooth(values: FloatArray, length: int, weight: float, out: FloatArray) -> None:
    count, level = 0, 0.0
    for t in range(values.shape[0]):
        value = values[t]
        count = count + 1 if is_finite(value) else 0
        if count <= length:
            level = 0.0 if count <= 1 else level
            level += value
            if count == length:
                level /= length
        else:
            level += weight * (value - level)
        out[t] = level if count >= length else np.nan
