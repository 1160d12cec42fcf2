"""How far a bar reaches: true range, its average, SuperTrend, and the highest and lowest of a window."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.compiled import compiled
from workbench.indicators.columns import (
    FloatArray,
    blank,
    column,
    columns,
    finite_or_nan,
    is_finite,
    positive,
    window,
)

Directions = npt.NDArray[np.int8]


def true_range(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike) -> FloatArray:
    """The bar's range, or its reach from the close before it if that is more; NaN in the first row.

    References
    ----------
    Wilder (1978), New Concepts in Technical Trading Systems.
    """
    high, low, close = columns(high=high, low=low, close=close)
    out = blank(close.shape[0])
    _true_range(high, low, close, out)
    return out


def atr(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, length: int = 14) -> FloatArray:
    """Average true range, in units of price, by Wilder's smoothing.

    Parameters
    ----------
    high, low, close : arrays of shape (n_bars,)
    length : int, at least 1

    Returns
    -------
    ndarray of shape (n_bars,)
        NaN in the first `length` rows (a range needs the close before it). After a value that is not finite it begins
        anew. Agrees with TA-Lib's ATR.
    """
    high, low, close = columns(high=high, low=low, close=close)
    out = blank(close.shape[0])
    _atr(high, low, close, window(length), out)
    return out


def natr(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, length: int = 14) -> FloatArray:
    """Average true range as a fraction of the close: 0.03 is 3 % (TA-Lib's NATR says 3). NaN as in `atr`."""
    close = column(close, "close")
    with np.errstate(divide="ignore", invalid="ignore"):
        share = atr(high, low, close, length) / close
    return np.where(np.isfinite(share), share, np.nan)


def supertrend(
    high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, length: int = 10, multiplier: float = 3.0
) -> tuple[FloatArray, Directions]:
    """SuperTrend: a stop that follows the price at `multiplier` true ranges and turns once the close is past it.

    Parameters
    ----------
    high, low, close : arrays of shape (n_bars,)
    length : int, at least 1
        Of the average true range.
    multiplier : float, above 0

    Returns
    -------
    line : ndarray of shape (n_bars,)
        The lower band in an uptrend, the upper one in a downtrend; NaN in the first `length` rows.
    direction : int8 ndarray of shape (n_bars,)
        +1 up, −1 down, 0 while the line is NaN. The first warm bar is up if it closed in the upper half of its range.
        A value that is not finite starts the whole over.

    Notes
    -----
    Bands lie around (high + low) / 2. The lower band only rises while the close before was not below it, the upper one
    only falls while the close before was not above it (O. Seban's rule, as charting platforms draw it).
    """
    high, low, close = columns(high=high, low=low, close=close)
    line, direction = blank(close.shape[0]), np.zeros(close.shape[0], np.int8)
    _supertrend(high, low, close, window(length), positive(multiplier, "multiplier"), line, direction)
    return line, direction


def highest(values: npt.ArrayLike, length: int) -> FloatArray:
    """Largest of the last `length` values; NaN in the first `length - 1` rows and where one of them is not finite."""
    values, length = column(values, "values"), window(length)
    out = blank(values.shape[0])
    if length <= values.shape[0]:
        _highest(values, length, 1.0, np.empty(length + 1), out)
    return out


def lowest(values: npt.ArrayLike, length: int) -> FloatArray:
    """Smallest of the last `length` values; NaN as in `highest`."""
    values, length = column(values, "values"), window(length)
    out = blank(values.shape[0])
    if length <= values.shape[0]:
        _highest(values, length, -1.0, np.empty(length + 1), out)
    return out


@compiled(inline=True)
def reach(high: float, low: float, before: float) -> float:
    """True range of one bar after a close `before`."""
    return max(high, before) - min(low, before)


@compiled
def _true_range(high: FloatArray, low: FloatArray, close: FloatArray, out: FloatArray) -> None:
    for t in range(1, close.shape[0]):
        whole = is_finite(high[t] + low[t] + close[t - 1])
        out[t] = reach(high[t], low[t], close[t - 1]) if whole else np.nan


@compiled
def _atr(high: FloatArray, low: FloatArray, close: FloatArray, length: int, out: FloatArray) -> None:
    count, level = -1, 0.0
    for t in range(close.shape[0]):
        count = count + 1 if is_finite(high[t] + low[t] + close[t]) else -1
        if count >= 1:
            level = smoothed(level, reach(high[t], low[t], close[t - 1]), count, length)
        out[t] = level if count >= length else np.nan


@compiled(inline=True)
def smoothed(level: float, value: float, count: int, length: int) -> float:
    """Wilder's average after its `count`-th value: a running sum, then its average, then smoothed."""
    if count == 1:
        level = 0.0
    if count > length:
        return level + 1.0 / length * (value - level)
    return (level + value) / length if count == length else level + value


@compiled
def _supertrend(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    length: int,
    multiplier: float,
    line: FloatArray,
    direction: Directions,
) -> None:
    count, level, lower, upper, side = -1, 0.0, 0.0, 0.0, 0
    for t in range(close.shape[0]):
        count = count + 1 if is_finite(high[t] + low[t] + close[t]) else -1
        if count < 1:
            side = 0
            continue
        level = smoothed(level, reach(high[t], low[t], close[t - 1]), count, length)
        if count < length:
            continue
        middle, distance = 0.5 * (high[t] + low[t]), multiplier * level
        floor, ceiling = middle - distance, middle + distance
        lower = max(floor, lower) if side != 0 and close[t - 1] >= lower else floor
        upper = min(ceiling, upper) if side != 0 and close[t - 1] <= upper else ceiling
        if side == 0:
            side = 1 if close[t] >= middle else -1
        elif side > 0 and close[t] < lower:
            side = -1
        elif side < 0 and close[t] > upper:
            side = 1
        line[t] = lower if side > 0 else upper
        direction[t] = side


@compiled
def _highest(values: FloatArray, length: int, sign: float, older: FloatArray, out: FloatArray) -> None:
    # Two half windows, as in `averages`; a lowest value is a highest one with its sign turned.
    older[:] = np.nan
    older[length] = -np.inf
    for start in range(0, values.shape[0], length):
        best = -np.inf
        for k in range(length - 1, 0 if start > 0 else length, -1):
            best = larger(finite_or_nan(sign * values[start - length + k]), best)
            older[k] = best
        block = values[start : start + length]
        best = -np.inf
        for k in range(block.shape[0]):
            best = larger(finite_or_nan(sign * block[k]), best)
            out[start + k] = sign * larger(older[k + 1], best)


@compiled(inline=True)
def larger(value: float, best: float) -> float:
    """The larger of two numbers; NaN if either is."""
    return value if value > best or value != value else best
