"""Rows where one line crosses another.

Values that differ by less than 1e-12 of their size count as equal, so that rounding alone never makes a cross: two
averages of one unmoving price are one line. A line that touches the other and turns back has not crossed it; one that
touches and goes through crosses in the row in which it is through.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.compiled import compiled
from workbench.errors import ConfigError
from workbench.indicators.columns import FloatArray, column, columns, is_finite, window

Sides = npt.NDArray[np.int8]
SAME = 1e-12
FRESH = 64


def crosses(a: npt.ArrayLike, b: npt.ArrayLike) -> Sides:
    """+1 in the row where `a` crosses above `b`, −1 where it crosses below, else 0.

    Parameters
    ----------
    a, b : arrays of shape (n_bars,)
        Either may be a single number, such as a threshold. Where one is not finite, what was known is forgotten: a
        cross needs `a` on one side and then on the other without a gap between.

    Returns
    -------
    int8 ndarray of shape (n_bars,)
    """
    n_bars = max(np.size(a), np.size(b))
    a, b = (np.full(n_bars, line) if np.ndim(line) == 0 else line for line in (a, b))
    first, second = columns(a=a, b=b)
    out = np.zeros(first.shape[0], np.int8)
    _crosses(first, second, out)
    return out


def sma_cross(close: npt.ArrayLike, fast: int, slow: int) -> Sides:
    """`crosses(sma(close, fast), sma(close, slow))` in a single pass.

    Parameters
    ----------
    close : array of shape (n_bars,)
    fast, slow : int
        Lengths of the averages, `fast` below `slow`.

    Returns
    -------
    int8 ndarray of shape (n_bars,)
        +1 in the row where the fast average crosses above the slow one, −1 where it crosses below, else 0. Nothing is
        known in the first `slow - 1` rows, nor until `slow` finite closes have followed one that is not finite.
    """
    close, fast, slow = column(close, "close"), window(fast, "fast"), window(slow, "slow")
    if fast >= slow:
        raise ConfigError(f"`fast` is {fast} and `slow` {slow}. Give a `fast` below `slow`.")
    out = np.zeros(close.shape[0], np.int8)
    _sma_cross(close, fast, slow, out)
    return out


@compiled(inline=True)
def side_of(a: float, b: float) -> int:
    """+1 if `a` is above `b`, −1 if below, 0 if they are the same but for rounding."""
    limit = SAME * max(abs(a), abs(b))
    return int(a - b > limit) - int(b - a > limit)


@compiled
def _crosses(a: FloatArray, b: FloatArray, out: Sides) -> None:
    before = 0
    for t in range(a.shape[0]):
        if not is_finite(a[t] + b[t]):
            before = 0
            continue
        side = side_of(a[t], b[t])
        if side != 0:
            out[t] = side if before == -side else 0
            before = side


@compiled
def _sma_cross(close: FloatArray, fast: int, slow: int, out: Sides) -> None:
    if _cross_without_gap(close, fast, slow, out):
        return
    out[:] = 0
    start = 0
    for end in range(close.shape[0] + 1):
        if end == close.shape[0] or not is_finite(close[end]):
            if end - start >= slow:
                _cross_without_gap(close[start:end], fast, slow, out[start:end])
            start = end + 1


@compiled
def _cross_without_gap(close: FloatArray, fast: int, slow: int, out: Sides) -> bool:
    """Write the crosses; False if a close turned out not to be finite."""
    # Running sums, made afresh every few rows, so that neither drift nor the rounding of older, larger prices stays.
    before, step = 0.0, max(slow, FRESH)
    for first in range(slow - 1, close.shape[0], step):
        quick, calm = total(close[first + 1 - fast : first + 1]), total(close[first + 1 - slow : first + 1])
        last = min(first + step, close.shape[0])
        sides, new = out[first:last], close[first:last]
        left_quick, left_calm = close[first - fast : last - fast], close[first + 1 - slow : last - slow]
        for i in range(sides.shape[0]):
            if i > 0:
                quick += new[i] - left_quick[i]
                calm += new[i] - left_calm[i - 1]
            a, b = quick * slow, calm * fast
            limit = SAME * (abs(a) if abs(a) > abs(b) else abs(b))
            if before * (a - b) > limit:
                continue  # as it was
            side = side_of(a, b)
            if side != 0:
                sides[i] = side if before == -side else 0
                before = float(side)
        if not is_finite(quick + calm):
            return False
    return True


@compiled
def total(values: FloatArray) -> float:
    """Sum of all values, in four lanes that the processor adds side by side."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    quarters = values.shape[0] // 4 * 4
    for k in range(0, quarters, 4):
        a += values[k]
        b += values[k + 1]
        c += values[k + 2]
        d += values[k + 3]
    for k in range(quarters, values.shape[0]):
        a += values[k]
    return (a + b) + (c + d)
