"""Funding rates as they are given to a run: checked, rounded to the second, and their gaps named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from workbench.errors import ConfigError, DataError
from workbench.market import Candles, show_time
from workbench.trading import FUNDING

SECOND = 1_000
TIMES, RATES, MARKS = (
    ("time", "timestamp", "date", "time_ms"),
    ("rate", "funding_rate", "fundingRate", "open"),
    ("mark",),
)
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of a run without funding: from one moment to another, and how many payments are missing."""

    instrument: str
    start_ms: int
    end_ms: int
    missing: int

    def __str__(self) -> str:
        return (
            f"{self.instrument} from {show_time(self.start_ms)} to {show_time(self.end_ms)} UTC "
            f"({self.missing} payment{'s' if self.missing != 1 else ''})"
        )


def as_stamps(given: Any, market: int, name: str) -> npt.NDArray[np.void]:
    """One market's funding as records, in order of time; stamps that are some ms off are at the full second.

    Raises
    ------
    DataError
        If there is no column of times or of rates, or the times do not rise.
    """
    frame = given if isinstance(given, pl.DataFrame) else _as_frame(given, name)
    times, rates = _column(frame, TIMES, name), _column(frame, RATES, name)
    stamps = np.zeros(len(frame), FUNDING)
    if times.dtype.is_temporal():
        times = times.cast(pl.Datetime("ms", "UTC") if times.dtype == pl.Datetime else pl.Datetime("ms"))
    ms = times.cast(pl.Int64).to_numpy()
    stamps["time_ms"] = (ms + SECOND // 2) // SECOND * SECOND
    stamps["market"], stamps["rate"] = market, rates.cast(pl.Float64).fill_null(np.nan).to_numpy()
    has_mark = any(column in frame.columns for column in MARKS)
    stamps["mark"] = _column(frame, MARKS, name).cast(pl.Float64).fill_null(np.nan).to_numpy() if has_mark else np.nan
    falls = np.flatnonzero(np.diff(stamps["time_ms"]) <= 0)
    if len(falls):
        at = show_time(int(stamps["time_ms"][falls[0] + 1]))
        raise DataError(f"The funding of {name} does not rise in time at {at} UTC. Sort it, and drop what is twice.")
    if np.isinf(stamps["rate"]).any():
        raise DataError(f"The funding of {name} has an infinite rate. Give fractions such as 0.0001, or NaN.")
    return stamps


def _as_frame(given: Any, name: str) -> pl.DataFrame:
    if isinstance(given, Mapping):
        return pl.DataFrame(dict(given))
    if hasattr(given, "columns") and hasattr(given, "to_dict"):
        return pl.from_pandas(given.reset_index())
    raise ConfigError(
        f"The funding of {name} is a {type(given).__name__}. Give a frame with the columns `time` and `rate` (and "
        f"`mark`, if it is known)."
    )


def _column(frame: pl.DataFrame, names: tuple[str, ...], name: str) -> pl.Series:
    for one in names:
        if one in frame.columns:
            return frame[one]
    raise DataError(f"The funding of {name} has no column `{names[0]}`: it has {', '.join(frame.columns) or 'none'}.")


def gaps_of(stamps: npt.NDArray[np.void], candles: Candles, name: str) -> list[Gap]:
    """Where a run's range has no funding: before the first stamp, after the last, between two, or without a rate.

    The interval is the usual one between stamps (8 hours where there are not two).
    """
    start, end = int(candles.time[0]), int(candles.time[-1]) + candles.timeframe_ms
    known = stamps["time_ms"][stamps["rate"] == stamps["rate"]]
    interval = int(np.median(np.diff(stamps["time_ms"]))) if len(stamps) > 1 else 8 * 3_600_000
    # The first moment inside the run at which a payment is due, and the last one before its end.
    first = -(-start // interval) * interval
    inside = known[(known >= start) & (known < end)]
    edges = np.concatenate([[first - interval], inside, [-(-end // interval) * interval]])
    gaps = []
    for before, after in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        missing = round((after - before) / interval) - 1
        if missing > 0:
            gaps.append(Gap(name, before + interval, after, missing))
    return gaps


def refuse_gaps(gaps: list[Gap]) -> None:
    """Say which funding is missing, and what can be done."""
    if not gaps:
        return
    shown = "; ".join(map(str, gaps[:SHOWN])) + (f"; and {len(gaps) - SHOWN} others" if len(gaps) > SHOWN else "")
    raise DataError(
        f"Funding does not cover the run: {shown}. Give `funding` for the whole range, cut the candles to what it "
        f'covers, or pass funding_gaps="name": then nothing is paid there, and the result names the gaps.'
    )
