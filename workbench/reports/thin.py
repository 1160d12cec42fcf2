"""Fewer points that look the same: exact bigger bars, and lines that keep every extreme."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.market import Candles, as_milliseconds

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

LENGTHS = (
    *("1s", "2s", "5s", "10s", "15s", "30s"),
    *("1m", "2m", "3m", "5m", "10m", "15m", "20m", "30m"),
    *("1h", "2h", "3h", "4h", "6h", "8h", "12h"),
    *("1d", "2d", "3d", "1w", "2w", "4w", "8w", "13w", "26w", "52w"),
)
ROUND_STEPS = tuple(as_milliseconds(length) for length in LENGTHS)


def thin_candles(candles: Candles, *, bars: int) -> Candles:
    """The same candles, or at most `bars` longer ones with the exact open, high, low and close of those inside each.

    A longer bar is a round length of time (5 min, 4 h, 1 d, …) where the timeframe allows it. Where candles are
    missing there is no bar: a gap stays a gap.
    """
    if len(candles) <= bars:
        return candles
    span = int(candles.time[-1] - candles.time[0]) + candles.timeframe_ms
    return candles.resample(f"{round_step(candles.timeframe_ms, span, bars)}ms")


def round_step(timeframe_ms: int, span_ms: int, bars: int) -> int:
    """The shortest length that cuts a span into at most `bars` whole or cut bars: a round one, if that is not far."""
    least = timeframe_ms * -(-span_ms // (max(bars - 1, 1) * timeframe_ms))
    fitting = (step for step in ROUND_STEPS if least <= step <= 3 * least and step % timeframe_ms == 0)
    return next(fitting, least)


def envelope(values: Floats, points: int) -> Rows:
    """Rows to draw of a line so that no extreme is lost: first, lowest, highest and last of each stretch.

    Drawn at up to `points / 4` pixels across, the line is the same as with every row. A stretch that is NaN
    throughout keeps its NaN and so its gap.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
    points : int
        The most rows to give back, at least 8.

    Returns
    -------
    ndarray of int64
        Ascending rows, without repeats.

    References
    ----------
    Jugel, Jerzak, Hackenbroich, Markl (2014), M4: A Visualization-Oriented Time Series Data Aggregation.
    """
    count = len(values)
    if count <= points:
        return np.arange(count)
    width = -(-count // (points // 4))
    whole = count // width * width
    table = values[:whole].reshape(-1, width)
    origin = np.arange(0, whole, width)
    rows = [origin, origin + _lowest(table), origin + _highest(table), origin + width - 1]
    if whole < count:
        tail = values[whole:].reshape(1, -1)
        rows.append(whole + np.array([0, _lowest(tail)[0], _highest(tail)[0], count - whole - 1]))
    return np.unique(np.concatenate(rows))


def _lowest(table: Floats) -> Rows:
    return np.argmin(np.where(np.isnan(table), np.inf, table), axis=1)


def _highest(table: Floats) -> Rows:
    return np.argmax(np.where(np.isnan(table), -np.inf, table), axis=1)
