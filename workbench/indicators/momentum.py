"""Which way prices have been moving, and how fast: returns, RSI, MACD."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.compiled import compiled
from workbench.errors import ConfigError
from workbench.indicators.columns import FloatArray, blank, column, is_finite, window
from workbench.indicators.ranges import smoothed


def returns(values: npt.ArrayLike, length: int = 1) -> FloatArray:
    """Change over `length` bars, as a fraction of the value then; NaN in the first `length` rows.

    NaN too where either value is not finite, or the older one is 0.
    """
    values, length = column(values, "values"), window(length)
    out = blank(values.shape[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        out[length:] = values[length:] / values[:-length] - 1.0
    out[~np.isfinite(out)] = np.nan
    return out


def rsi(values: npt.ArrayLike, length: int = 14) -> FloatArray:
    """Wilder's relative strength index, 0 to 100.

    Parameters
    ----------
    values : array of shape (n_bars,)
    length : int, at least 1

    Returns
    -------
    ndarray of shape (n_bars,)
        NaN in the first `length` rows. A value that is not finite ends what was known and the index begins anew. 50
        where nothing has moved at all (TA-Lib says 0 there, which reads as oversold); elsewhere it agrees with TA-Lib.

    References
    ----------
    Wilder (1978), New Concepts in Technical Trading Systems.
    """
    values, length = column(values, "values"), window(length)
    out = blank(values.shape[0])
    _rsi(values, length, out)
    return out


def macd(
    values: npt.ArrayLike, fast: int = 12, slow: int = 26, signal: int = 9
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Moving average convergence and divergence: the fast exponential average less the slow one.

    Parameters
    ----------
    values : array of shape (n_bars,)
    fast, slow, signal : int
        Lengths of the two averages, `fast` below `slow`, and of the average of their difference.

    Returns
    -------
    line, signal, histogram : ndarrays of shape (n_bars,)
        All three are NaN in the first `slow + signal - 2` rows. Begun as TA-Lib's MACD: both averages start in row
        `slow - 1`, each with the simple average of its last bars. A value that is not finite starts them over.
    """
    values, fast, slow = column(values, "values"), window(fast, "fast"), window(slow, "slow")
    if fast >= slow:
        raise ConfigError(f"`fast` is {fast} and `slow` {slow}. Give a `fast` below `slow`.")
    line, average = blank(values.shape[0]), blank(values.shape[0])
    _macd(values, fast, slow, window(signal, "signal"), line, average)
    return line, average, line - average


@compiled
def _rsi(values: FloatArray, length: int, out: FloatArray) -> None:
    count, gains, losses = -1, 0.0, 0.0
    for t in range(values.shape[0]):
        count = count + 1 if is_finite(values[t]) else -1
        if count >= 1:
            change = values[t] - values[t - 1]
            gains = smoothed(gains, max(change, 0.0), count, length)
            losses = smoothed(losses, max(-change, 0.0), count, length)
        if count >= length:
            moved = gains + losses
            out[t] = 100.0 * (gains / moved) if moved > 0.0 else 50.0


@compiled
def _macd(values: FloatArray, fast: int, slow: int, signal: int, line: FloatArray, average: FloatArray) -> None:
    count, quick, calm, level = 0, 0.0, 0.0, 0.0
    for t in range(values.shape[0]):
        count = count + 1 if is_finite(values[t]) else 0
        if count == 0:
            quick, calm, level = 0.0, 0.0, 0.0
            continue
        quick = averaged(quick, values[t], count - (slow - fast), fast)
        calm = averaged(calm, values[t], count, slow)
        if count >= slow:
            level = averaged(level, quick - calm, count - slow + 1, signal)
        if count >= slow + signal - 1:
            line[t] = quick - calm
            average[t] = level


@compiled(inline=True)
def averaged(level: float, value: float, count: int, length: int) -> float:
    """An exponential average after its `count`-th value: a running sum, then its average, then smoothed."""
    if count > length:
        return level + 2.0 / (length + 1.0) * (value - level)
    if count < 1:
        return level
    return (level + value) / length if count == length else level + value
