"""Audit: what is missing, doubled, dead or odd in a table of bars, counted and not touched."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from workbench.market.checking import PRICES, FloatArray, TimeArray, bad_prices
from workbench.market.timeframe import as_timeframe, show_time

if TYPE_CHECKING:
    import polars as pl

LARGEST_JUMPS = 10


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Audit:
    """What a look at every bar found.

    Attributes
    ----------
    rows : int
        Rows looked at.
    missing : int
        Bars that the timeframe calls for between the first and the last, and that are not there.
    duplicates, unsorted : int
        Rows whose stamp another row has already; rows earlier than the row before them.
    zero_volume, dead : int
        Bars in which nothing was traded; those of them that are also flat (open, high, low and close the same).
    bad_ohlc : int
        Rows whose high is not the highest or whose low is not the lowest, or with a price of zero, below or infinite.
    nulls : int
        Values that are missing (null or NaN), over all columns; a source without volume has one per row.
    gaps : polars.DataFrame
        `after` (last bar before the gap), `before` (first bar behind it), `missing` (bars between), in order of time.
    jumps : polars.DataFrame
        `time` and `move` (a fraction, signed) of the ten largest moves from one close to the next, largest first.
    """

    name: str
    timeframe: str
    rows: int
    first_ms: int
    last_ms: int
    missing: int
    duplicates: int
    unsorted: int
    zero_volume: int
    dead: int
    bad_ohlc: int
    nulls: int
    gaps: pl.DataFrame
    jumps: pl.DataFrame

    @property
    def is_clean(self) -> bool:
        """Is every bar there, once, in order, whole and possible? Dead bars and jumps are facts, not faults."""
        return not (self.missing or self.duplicates or self.unsorted or self.bad_ohlc or self.nulls)

    def __repr__(self) -> str:
        lines = [f"Audit {self.name}: {self.rows:,} bars of {self.timeframe}{self._span()}"]
        lines += [f"  {label:<12}{value:>9,}{note}" for label, value, note in self._facts()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{label}</td><td style='text-align:right'>{value:,}</td>"
            f"<td style='text-align:left'>{escape(note)}</td></tr>"
            for label, value, note in self._facts()
        )
        title = f"<b>{escape(self.name)}</b>: {self.rows:,} bars of {self.timeframe}{escape(self._span())}"
        return f"<div>{title}<table>{rows}</table></div>"

    def _span(self) -> str:
        return f", {show_time(self.first_ms)} … {show_time(self.last_ms)} UTC" if self.rows else ""

    def _facts(self) -> list[tuple[str, int, str]]:
        gap = jump = ""
        if len(self.gaps):
            after, before, most = self.gaps.sort("missing", descending=True, maintain_order=True).row(0)
            where = "1 gap" if len(self.gaps) == 1 else f"{len(self.gaps):,} gaps"
            gap = f"  in {where}; longest {most:,}, {after:%Y-%m-%d %H:%M} → {before:%Y-%m-%d %H:%M}"
        if len(self.jumps):
            time, move = self.jumps.row(0)
            jump = f"  largest {move:+.2%} at {time:%Y-%m-%d %H:%M}"
        return [
            ("missing", self.missing, gap),
            ("duplicates", self.duplicates, ""),
            ("unsorted", self.unsorted, ""),
            ("bad_ohlc", self.bad_ohlc, ""),
            ("nulls", self.nulls, ""),
            ("zero_volume", self.zero_volume, ""),
            ("dead", self.dead, ""),
            ("jumps", len(self.jumps), jump),
        ]


def audit_arrays(time: TimeArray, columns: dict[str, FloatArray], length_ms: int, name: str) -> Audit:
    """Audit columns in any state: unsorted, doubled, with NaN or impossible prices."""
    steps = np.diff(time)
    ordered = time if (steps > 0).all() else np.unique(time)
    volume, flat = columns["volume"], np.ptp([columns[name] for name in PRICES], axis=0) == 0
    lost = np.any([np.isnan(columns[name]) for name in PRICES], axis=0)
    gaps = find_gaps(ordered, length_ms)
    return Audit(
        name=name,
        timeframe=as_timeframe(length_ms),
        rows=len(time),
        first_ms=int(ordered[0]) if len(time) else 0,
        last_ms=int(ordered[-1]) if len(time) else 0,
        missing=int(gaps["missing"].sum()),
        duplicates=len(time) - len(ordered),
        unsorted=int((steps < 0).sum()),
        zero_volume=int((volume == 0).sum()),
        dead=int(((volume == 0) & flat).sum()),
        bad_ohlc=int((bad_prices(columns) & ~lost).sum()),
        nulls=int(sum(np.isnan(column).sum() for column in columns.values())),
        gaps=gaps,
        jumps=find_jumps(time, columns["close"]),
    )


def find_gaps(time: TimeArray, length_ms: int) -> pl.DataFrame:
    """Where ordered stamps are further apart than a bar: `after`, `before`, `missing`."""
    import polars as pl

    steps = np.diff(time)
    at = np.flatnonzero(steps >= 2 * length_ms)
    moments = {"after": time[at], "before": time[at + 1]}
    frame = pl.DataFrame({**moments, "missing": steps[at] // length_ms - 1})
    return frame.with_columns(pl.col("after", "before").cast(pl.Datetime("ms", "UTC")))


def find_jumps(time: TimeArray, close: FloatArray, most: int = LARGEST_JUMPS) -> pl.DataFrame:
    """The largest moves from one close to the next: `time`, `move`."""
    import polars as pl

    with np.errstate(divide="ignore", invalid="ignore"):
        moves = close[1:] / close[:-1] - 1.0
    size = np.where(np.isfinite(moves), np.abs(moves), 0.0)
    largest = np.argpartition(size, max(0, len(size) - most))[-most:] if len(size) else np.empty(0, np.intp)
    largest = largest[size[largest] > 0]
    largest = largest[np.lexsort((largest, -size[largest]))]
    time_column = pl.Series("time", time[largest + 1]).cast(pl.Datetime("ms", "UTC"))
    return pl.DataFrame({"time": time_column, "move": moves[largest]})
