"""Falls from a running peak. A drawdown is a positive fraction of the peak that it fell from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.errors import DataError
from workbench.metrics.guards import DAY_MS, FloatArray, column, mean

if TYPE_CHECKING:
    import polars as pl

Rows = npt.NDArray[np.intp]


class Episodes(NamedTuple):
    """Drawdowns as rows of equity, oldest first: arrays of shape (n_drawdowns,).

    `start` is the last row at the peak, `trough` the lowest, `end` the first row at or above the peak again, or the
    last row of all if that has not come (`recovered` says which).
    """

    start: Rows
    trough: Rows
    end: Rows
    depth: FloatArray
    recovered: npt.NDArray[np.bool_]


def max_drawdown(equity: npt.ArrayLike) -> float:
    """Largest fall from a running peak, as a positive fraction of that peak.

    Parameters
    ----------
    equity : array of shape (n_bars,)
        Account value in quote currency, finite and above zero; anything else raises `DataError`.

    References
    ----------
    Bacon (2008), Practical Portfolio Performance Measurement and Attribution.

    Examples
    --------
    >>> max_drawdown(np.array([100.0, 120.0, 90.0, 108.0]))
    0.25
    """
    curve = drawdown(equity)
    return float(curve.max()) if curve.size else 0.0


def drawdown(equity: npt.ArrayLike) -> FloatArray:
    """How far each row lies below the highest before it, as a positive fraction: 0 at a peak."""
    values = _checked(equity)
    peak = np.maximum.accumulate(values)
    return (peak - values) / peak


def average_drawdown(equity: npt.ArrayLike) -> float:
    """Mean depth of all drawdowns, each taken at its trough; NaN if there was none.

    Every dip below a peak counts, so it depends on the length of a bar: compare like with like.
    """
    return mean(episodes(equity).depth)


def ulcer_index(equity: npt.ArrayLike) -> float:
    """Root mean square of the drawdown over all rows, as a fraction (Martin and McCann 1989)."""
    curve = drawdown(equity)
    return float(np.sqrt(mean(curve * curve)))


def episodes(equity: npt.ArrayLike) -> Episodes:
    """Every drawdown of an equity curve, by rows."""
    curve = drawdown(equity)
    under = np.concatenate([[False], curve > 0.0, [False]])
    edges = np.flatnonzero(under[1:] != under[:-1])
    first, after = edges[0::2], edges[1::2]
    if not first.size:
        none = np.empty(0, np.intp)
        return Episodes(none, none, none, np.empty(0), np.empty(0, np.bool_))
    which = np.repeat(np.arange(first.size), after - first)
    inside = np.flatnonzero(curve)
    lowest = inside[curve[inside] == np.maximum.reduceat(curve, first)[which]]
    trough = lowest[np.searchsorted(lowest, first)]
    recovered = after < curve.size
    return Episodes(first - 1, trough, np.minimum(after, curve.size - 1), curve[trough], recovered)


def drawdowns(time_ms: npt.ArrayLike, equity: npt.ArrayLike) -> pl.DataFrame:
    """Table of all drawdowns, the deepest first.

    Parameters
    ----------
    time_ms : int64 array of shape (n_bars,)
        When equity was marked, milliseconds UTC.
    equity : array of shape (n_bars,)
        Finite and above zero.

    Returns
    -------
    DataFrame
        `start` (the peak), `trough`, `end` (null while not recovered), `depth` (a positive fraction), `days` (from
        the peak to the recovery, or to the last row).
    """
    import polars as pl

    times, found = np.asarray(time_ms, np.int64), episodes(equity)
    if times.shape != np.shape(equity):
        raise DataError(f"`time_ms` has shape {times.shape} and `equity` {np.shape(equity)}. Give one time per row.")
    stamp = pl.Datetime("ms", "UTC")
    table = pl.DataFrame(
        {
            "start": pl.Series(times[found.start], dtype=pl.Int64).cast(stamp),
            "trough": pl.Series(times[found.trough], dtype=pl.Int64).cast(stamp),
            "end": pl.Series(times[found.end], dtype=pl.Int64).cast(stamp),
            "depth": found.depth,
            "days": (times[found.end] - times[found.start]) / DAY_MS,
            "recovered": found.recovered,
        }
    )
    closed = table.with_columns(end=pl.when("recovered").then("end")).drop("recovered")
    return closed.sort("depth", descending=True, maintain_order=True)


def _checked(equity: npt.ArrayLike) -> FloatArray:
    values = column(equity, "equity")
    bad = ~(values > 0.0)
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"`equity` is {values[row]} in row {row}. A drawdown is a share of a peak: equity must stay above 0."
        )
    return values
