"""From finer bars to coarser ones: nothing is made up, and a bar that lacks a part says so."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.errors import DataError
from workbench.market.timeframe import floor_time

FloatArray = npt.NDArray[np.float64]
TimeArray = npt.NDArray[np.int64]


def bar_starts(time: TimeArray, length_ms: int) -> tuple[TimeArray, npt.NDArray[np.intp]]:
    """Stamps of the coarse bars that hold any row, and the first row of each."""
    coarse = floor_time(time, length_ms)
    first = np.flatnonzero(np.concatenate([[True], coarse[1:] != coarse[:-1]])) if len(time) else np.empty(0, np.intp)
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
    """Sum each group of rows, rounding once: a day summed from minutes is the venue's day, to the last digit.

    Venues count volume in decimal lots, so where all values are decimals of up to eight places, their lots are counted
    as whole numbers. Other values are summed as if with unlimited digits: each is split into a part on a grid so coarse
    that two million of them add up without rounding, and a small rest (Rump, Ogita and Oishi 2008).
    """
    places = decimal_places(values)
    if places is not None:
        lots = np.add.reduceat(np.rint(values * 10.0**places).astype(np.int64), first)
        return lots / 10.0**places
    largest = np.max(np.abs(values), initial=0.0)
    grid = np.ldexp(1.0, int(np.frexp(largest)[1]) + 21) if np.isfinite(largest) else 0.0
    high = (values + grid) - grid
    return np.add.reduceat(high, first) + np.add.reduceat(values - high, first)


def decimal_places(values: FloatArray) -> int | None:
    """How many decimals all values are written with, at most eight; None if more, or if their sum is too large."""
    total = float(np.sum(np.abs(values)))
    for places in range(9):
        scale = 10.0**places
        if total * scale >= 2.0**53 or not np.isfinite(total):
            return None
        if all((np.rint(some * scale) / scale == some).all() for some in (values[:1_000], values)):
            return places
    return None


def lacking(
    time: TimeArray,
    first: npt.NDArray[np.intp],
    length_ms: int,
    part_ms: int,
    incomplete: npt.NDArray[np.bool_] | None,
) -> npt.NDArray[np.bool_]:
    """Which coarse bars have fewer rows than they should, or a row that was itself incomplete."""
    counts = np.diff(np.append(first, len(time)))
    lacks = counts < length_ms // part_ms
    return lacks if incomplete is None else lacks | np.logical_or.reduceat(incomplete, first)


def as_of(values: FloatArray, known_ms: TimeArray, moments_ms: TimeArray) -> FloatArray:
    """The latest value that was known at each moment; NaN where none was."""
    if values.shape != known_ms.shape:
        raise DataError(f"{values.shape[0]:,} values for {len(known_ms):,} bars. Give one for each bar.")
    row = np.searchsorted(known_ms, moments_ms, side="right") - 1
    return np.where(row >= 0, values[np.maximum(row, 0)], np.nan) if len(values) else np.full(len(moments_ms), np.nan)
