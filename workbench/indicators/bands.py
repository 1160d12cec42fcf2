"""How far prices scatter around their average: standard deviation and the bands built on it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.compiled import compiled
from workbench.indicators.averages import ema
from workbench.indicators.columns import FloatArray, blank, column, columns, finite_or_nan, positive, window
from workbench.indicators.ranges import atr


def stddev(values: npt.ArrayLike, length: int) -> FloatArray:
    """Standard deviation of the last `length` values, of the population (divided by `length`).

    Parameters
    ----------
    values : array of shape (n_bars,)
    length : int, at least 1

    Returns
    -------
    ndarray of shape (n_bars,)
        NaN in the first `length - 1` rows, and where the window holds a value that is not finite; exactly 0 while the
        price stands still. Agrees with TA-Lib's STDDEV.
    """
    return _scatter(values, length)[1]


def bollinger(values: npt.ArrayLike, length: int, width: float = 2.0) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Bollinger bands: the simple average, and `width` standard deviations of the population below and above it.

    Returns
    -------
    lower, middle, upper : ndarrays of shape (n_bars,)
        NaN as in `stddev`.

    References
    ----------
    Bollinger (2001), Bollinger on Bollinger Bands.
    """
    width = positive(width, "width")
    middle, deviation = _scatter(values, length)
    return middle - width * deviation, middle, middle + width * deviation


def bollinger_position(close: npt.ArrayLike, length: int, width: float = 2.0) -> FloatArray:
    """Where the close lies between its Bollinger bands: 0 on the lower, 1 on the upper, beyond them less or more.

    Returns
    -------
    ndarray of shape (n_bars,)
        NaN as in `stddev`, and while the price stands still: then the bands have no width.
    """
    close, length, width = column(close, "close"), window(length), positive(width, "width")
    out = blank(close.shape[0])
    if length <= close.shape[0]:
        _position(close, length, 0.5 / width, np.empty((2, length + 1)), out)
    return out


def keltner(
    high: npt.ArrayLike,
    low: npt.ArrayLike,
    close: npt.ArrayLike,
    length: int = 20,
    *,
    atr_length: int = 10,
    multiplier: float = 2.0,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Keltner channel: an exponential average of the close, and `multiplier` average true ranges below and above it.

    Returns
    -------
    lower, middle, upper : ndarrays of shape (n_bars,)
        NaN until both averages are warm.
    """
    high, low, close = columns(high=high, low=low, close=close)
    reach = positive(multiplier, "multiplier") * atr(high, low, close, window(atr_length, "atr_length"))
    middle = ema(close, length)
    return middle - reach, middle + 0.0 * reach, middle + reach


def _scatter(values: npt.ArrayLike, length: int) -> tuple[FloatArray, FloatArray]:
    values, length = column(values, "values"), window(length)
    mean, deviation = blank(values.shape[0]), blank(values.shape[0])
    if length <= values.shape[0]:
        _mean_and_deviation(values, length, np.empty((2, length + 1)), mean, deviation)
    return mean, deviation


# Two half windows, as in `averages`. Distances are from a bar of the window itself, so their squares are no larger than
# the scatter that is measured, and taking the square of their mean off them loses no digits.
@compiled
def _mean_and_deviation(
    values: FloatArray, length: int, older: FloatArray, mean: FloatArray, deviation: FloatArray
) -> None:
    older[:] = np.nan
    older[:, length] = 0.0
    share = 1.0 / length
    for start in range(0, values.shape[0], length):
        pivot = values[start]
        if start > 0:
            tail_squares(values[start - length : start], pivot, older)
        block = values[start : start + length]
        total, squares = 0.0, 0.0
        for k in range(block.shape[0]):
            distance = block[k] - pivot
            total += distance
            squares += distance * distance
            shift = (older[0, k + 1] + total) * share
            mean[start + k] = finite_or_nan(pivot + shift)
            deviation[start + k] = root((older[1, k + 1] + squares) * share - shift * shift)


@compiled
def _position(close: FloatArray, length: int, scale: float, older: FloatArray, out: FloatArray) -> None:
    older[:] = np.nan
    older[:, length] = 0.0
    share = 1.0 / length
    for start in range(0, close.shape[0], length):
        pivot = close[start]
        if start > 0:
            tail_squares(close[start - length : start], pivot, older)
        block = close[start : start + length]
        total, squares = 0.0, 0.0
        for k in range(block.shape[0]):
            distance = block[k] - pivot
            total += distance
            squares += distance * distance
            shift = (older[0, k + 1] + total) * share
            deviation = root((older[1, k + 1] + squares) * share - shift * shift)
            out[start + k] = 0.5 + scale * (distance - shift) / deviation if deviation > 0.0 else np.nan


@compiled
def tail_squares(block: FloatArray, pivot: float, out: FloatArray) -> None:
    """out[0, k] = the sum of block[k:] as distances from the pivot, out[1, k] = the sum of their squares."""
    total, squares = 0.0, 0.0
    for k in range(block.shape[0] - 1, 0, -1):
        distance = block[k] - pivot
        total += distance
        squares += distance * distance
        out[0, k] = total
        out[1, k] = squares


@compiled(inline=True)
def root(variance: float) -> float:
    """Square root of a variance, which rounding may have taken a little below 0; NaN if it is not finite."""
    return np.sqrt(finite_or_nan(variance)) if variance > 0.0 else 0.0 * variance + 0.0
