"""From finer bars to coarser ones: nothing is made up, and a bar that lacks a part says so."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.market.timeframe import floor_time

FloatArray = npt.NDArray[np.float64]
TimeArray = npt.NDArray[np.int64]


def bar_starts(time: TimeArray, length_ms: int) -> tuple[TimeArray, npt.NDArray[np.intp]]:
    """Stamps of the coarse bars that hold any row, and the first row of each."""
    coarse = floor_time(time, length_ms)
    first = (
        np.flatnonzero(np.concatenate([[True], coarse[1:] != coarse[:-1]]))
        if len(time)
        else np.empty(0, np.intp)
    )
    return np.ascontiguousarray(coarse[first]), first


def merge_columns(columns: dict[str, FloatArray], first: npt.NDArray[np.intp]) -> dict[str, FloatArray]:
    """First open, highest high, lowest low, last close, and the sum of the volumes, rounded once."""
    last = np.append(first[1:], len(columns["open"])) - 1
    return {
        "open": columns["open"][first],
        "high": np.maximum.reduceat(columns["high"], first),
        "low": np.minimum.reduceat(columns["low"], first),
        "close": columns["close"][last],
        "volume": exact_sums(columns["volume"], first),
    }


def exact_sums(values: FloatArray, first: npt.NDArray[np.intp]) -> FloatArray:
    """Sum each group of rows as if with unlimited digits, then round once.

    A plain sum carries a rounding error per addition, so a day summed from minutes would differ from the venue's day
    in the last digits, and from a day summed by way of hours. Each value is split into a high part on a grid so coarse
    that up to two million of them add up without rounding, and a small rest (Rump, Ogita and Oishi 2008).
    """
    largest = np.max(np.abs(values), initial=0.0)
    grid = np.ldexp(1.0, int(np.frexp(largest)[1]) + 21) if np.isfinite(largest) else 0.0
    high = (values + grid) - grid
    return np.add.reduceat(high, first) + np.add.reduceat(values - high, first)


def lacking(
    time: TimeArray, first: npt.NDArray[np.intp], length_ms: int, part_ms: int, incomplete: npt.NDArray[np.bool_] | None,
) -> npt.NDArray[np.bool_]:  # fmt: skip
    """Which coarse bars have fewer rows than they should, or a row that was itself incomplete."""
    counts = np.diff(np.append(first, len(time)))
    lacks = counts < length_ms // part_ms
    return lacks if incomplete is None else lacks | np.logical_or.reduceat(incomplete, first)
