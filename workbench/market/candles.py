"""Candles: a table of bars of one instrument on one venue, checked once and then trusted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import ConfigError, DataError
from workbench.market.checking import FloatArray, TimeArray, check_candles
from workbench.market.instrument import Instrument
from workbench.market.resampling import as_of, bar_starts, lacking, merge_columns
from workbench.market.timeframe import as_milliseconds, as_time, show_time, timeframe_ms

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from workbench.market.audit import Audit

COLUMNS = ("open", "high", "low", "close", "volume")
SECOND_MS = 1_000  # only candles of a recorded book may be shorter


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Candles:
    """Bars of one instrument on one venue, oldest first; arrays that nobody can write to.

    Make them with `from_arrays` or `from_frame`, which check every row, or read them from the store with
    `workbench.candles`. A slice is a view and costs nothing: `candles[:500]`, `candles["2022-01":"2023"]` (the end is
    not included, as in every slice; a date is its first moment, UTC).

    Attributes
    ----------
    time : int64 array of shape (n_bars,)
        The bar's open, in milliseconds since 1970, UTC.
    open, high, low, close : float64 arrays of shape (n_bars,)
        Prices in quote currency.
    volume : float64 array of shape (n_bars,)
        Base units; NaN throughout if the source reports none.
    incomplete : bool array of shape (n_bars,) or None
        After resampling: True where the finer bars do not fill the bar. None: every bar is as its source gave it.
    """

    venue: str
    instrument: Instrument
    timeframe: str
    time: TimeArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    incomplete: npt.NDArray[np.bool_] | None = None
    _kept: dict[str, str] = field(init=False, default_factory=dict)

    @classmethod
    def from_arrays(
        cls,
        time: npt.ArrayLike,
        open: npt.ArrayLike,
        high: npt.ArrayLike,
        low: npt.ArrayLike,
        close: npt.ArrayLike,
        volume: npt.ArrayLike | None = None,
        *,
        venue: str = "",
        instrument: str | Instrument = "BTC/USDT",
        timeframe: str,
        where: str = "candles",
    ) -> Candles:
        """Candles from columns of equal length, taken as they are, without a copy: do not write to them afterwards.

        Parameters
        ----------
        time : int array, or datetime64 array (UTC)
            Each bar's open, in milliseconds since 1970.
        volume : array, optional
            Base units; left out: not reported (NaN).
        timeframe : str
            Length of a bar, "1s" … "1w".
        where : str
            Names the source in error messages.

        Raises
        ------
        DataError
            If a row cannot be a bar; the message names the row.
        """
        stamps = _stamps(time, where)
        empty = np.full(len(stamps), np.nan) if volume is None else volume
        given = dict(zip(COLUMNS, (open, high, low, close, empty), strict=True))
        columns = {name: _floats(values, name, len(stamps), where) for name, values in given.items()}
        check_candles(stamps, columns, timeframe_ms(timeframe), where)
        return cls.trusted(stamps, columns, venue=venue, instrument=instrument, timeframe=timeframe)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        venue: str = "",
        instrument: str | Instrument = "BTC/USDT",
        timeframe: str | None = None,
        time_unit: str | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> Candles:
        """Candles from a polars or pandas frame with the usual column names.

        Parameters
        ----------
        frame : polars.DataFrame or pandas.DataFrame
            Time in a column or as the index, in milliseconds, as dates or as ISO 8601 text; open, high, low, close and
            perhaps volume under any of their usual names. Other columns are left aside.
        timeframe : str, optional
            Length of a bar; left out: the commonest step of the stamps.
        time_unit : "s", "ms", "us" or "ns", optional
            Unit of whole-number stamps, if it is not milliseconds.
        columns : mapping, optional
            Our name to the frame's name, where that is an unusual one: `{"volume": "base_vol"}`.

        Raises
        ------
        DataError
            If a column is not found, or a row cannot be a bar.
        """
        from workbench.market.frames import candle_arrays, commonest_step

        time, values = candle_arrays(frame, "the frame", time_unit=time_unit, columns=columns)
        timeframe = timeframe or commonest_step(time, "the frame")
        check_candles(time, values, timeframe_ms(timeframe), "the frame")
        return cls.trusted(time, values, venue=venue, instrument=instrument, timeframe=timeframe)

    @classmethod
    def trusted(
        cls,
        time: TimeArray,
        columns: Mapping[str, FloatArray],
        *,
        venue: str,
        instrument: str | Instrument,
        timeframe: str,
        incomplete: npt.NDArray[np.bool_] | None = None,
    ) -> Candles:
        """Candles from arrays that have been checked before: contiguous, of the right dtype, of equal length."""
        opened, high, low, close, volume = (_locked(columns[name]) for name in COLUMNS)
        marks = None if incomplete is None else _locked(incomplete)
        kind = Instrument.parse(instrument)
        return cls(venue, kind, timeframe, _locked(time), opened, high, low, close, volume, marks)

    @property
    def timeframe_ms(self) -> int:
        """Length of a bar in milliseconds; those of a recorded book may be shorter than a second."""
        return as_milliseconds(self.timeframe)

    @property
    def columns(self) -> dict[str, FloatArray]:
        """The five float columns by name, as views."""
        return {name: getattr(self, name) for name in COLUMNS}

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the timeframe and every bit of the bars, as hex digits; equal data, equal fingerprint."""
        if "fingerprint" not in self._kept:
            digest = hashlib.sha256(f"candles 1|{self.timeframe_ms}|{len(self)}".encode())
            for array in (self.time, *self.columns.values()):
                digest.update(np.ascontiguousarray(array).data)
            if self.incomplete is not None and self.incomplete.any():
                digest.update(np.packbits(self.incomplete).data)
            self._kept["fingerprint"] = digest.hexdigest()
        return self._kept["fingerprint"]

    def __len__(self) -> int:
        return self.time.shape[0]

    def __getitem__(self, rows: slice) -> Candles:
        if not isinstance(rows, slice) or rows.step not in (None, 1):
            raise ConfigError(
                f'candles[{rows!r}] is no run of bars. Write candles[10:20] or candles["2022-01":"2023"].'
            )
        cut = slice(self._row(rows.start), self._row(rows.stop))
        marks = None if self.incomplete is None else self.incomplete[cut]
        opened, high, low, close, volume = (column[cut] for column in self.columns.values())
        kind = (self.venue, self.instrument, self.timeframe)
        return Candles(*kind, self.time[cut], opened, high, low, close, volume, marks)

    def _row(self, edge: Any) -> int | None:
        if edge is None or (hasattr(edge, "__index__") and not isinstance(edge, bool)):
            return None if edge is None else int(edge)
        return int(np.searchsorted(self.time, as_time(edge)))

    def resample(self, timeframe: str) -> Candles:
        """Coarser candles: first open, highest high, lowest low, last close, volumes summed and rounded once.

        A coarse bar exists if any finer bar does, and `incomplete` marks those that lack one: nothing is made up. Bars
        start on whole multiples of the timeframe in UTC, weeks on Monday.

        Raises
        ------
        ConfigError
            If `timeframe` is not a whole multiple of the present one.
        """
        part = self.timeframe_ms
        length = timeframe_ms(timeframe) if part >= SECOND_MS else as_milliseconds(timeframe)
        if length % part:
            raise ConfigError(
                f"{self.instrument}: {self.timeframe} candles cannot be resampled to {timeframe}. "
                f"Choose a whole multiple of {self.timeframe}."
            )
        if length == part or not len(self):
            return replace(self, timeframe=timeframe)
        time, first = bar_starts(self.time, length)
        marks = lacking(self.time, first, length, part, self.incomplete)
        merged = merge_columns(self.columns, first)
        return Candles.trusted(
            time, merged, venue=self.venue, instrument=self.instrument, timeframe=timeframe, incomplete=marks
        )

    def as_of(self, other: Candles, values: npt.ArrayLike | None = None) -> FloatArray:
        """Values (the closes, unless given) as they were known at each close of other candles; NaN before the first.

        A bar is known once it has closed: `daily.as_of(hourly)` never shows a day that is not over.
        """
        known = self.close if values is None else np.asarray(values, np.float64)
        return as_of(known, self.time + self.timeframe_ms, other.time + other.timeframe_ms)

    def audit(self) -> Audit:
        """What is missing, dead or odd in these candles; see `Audit`."""
        from workbench.market.audit import audit_arrays

        name = f"{self.venue} {self.instrument} {self.timeframe}".strip()
        return audit_arrays(self.time, self.columns, self.timeframe_ms, name)

    def to_polars(self) -> pl.DataFrame:
        """A polars frame over the same memory: `time` as Datetime("ms", "UTC"), then the columns."""
        import polars as pl

        time = pl.Series("time", self.time).cast(pl.Datetime("ms", "UTC"))
        marks = {} if self.incomplete is None else {"incomplete": self.incomplete}
        return pl.DataFrame({"time": time, **self.columns, **marks})

    def to_pandas(self) -> pd.DataFrame:
        """A pandas frame over the same memory, with the times as its UTC index."""
        import pandas as pd

        index = pd.DatetimeIndex(self.time.view("datetime64[ms]"), tz="UTC", name="time")
        marks = {} if self.incomplete is None else {"incomplete": self.incomplete}
        return pd.DataFrame({**self.columns, **marks}, index=index, copy=False)

    def to_numpy(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays themselves, by name: time, open, high, low, close, volume."""
        return {"time": self.time, **self.columns}

    def __reduce__(self) -> tuple[Any, ...]:
        kind = {"venue": self.venue, "instrument": self.instrument, "timeframe": self.timeframe}
        return _restored, (self.time, self.columns, self.incomplete, kind)

    def __repr__(self) -> str:
        marked = 0 if self.incomplete is None else int(self.incomplete.sum())
        name = " ".join(filter(None, (self.venue, self.instrument.symbol, self.timeframe)))
        span = f", {show_time(self.time[0])} … {show_time(self.time[-1])} UTC" if len(self) else ""
        return f"Candles {name}: {len(self):,} bars{span}" + (f", {marked:,} incomplete" if marked else "")

    def _repr_html_(self) -> str:
        from html import escape

        ends = self.to_polars() if len(self) <= 6 else self[:3].to_polars().vstack(self[-3:].to_polars())
        return f"<div><b>{escape(repr(self))}</b>{ends._repr_html_()}</div>"


def _restored(time: TimeArray, columns: dict[str, FloatArray], incomplete: Any, kind: dict[str, Any]) -> Candles:
    # Unpickled arrays can be written to again; these come back locked.
    return Candles.trusted(time, columns, incomplete=incomplete, **kind)


def _stamps(time: npt.ArrayLike, where: str) -> TimeArray:
    stamps = np.asarray(time)
    if stamps.dtype.kind == "M":
        stamps = stamps.astype("datetime64[ms]").view(np.int64)
    if stamps.ndim != 1 or stamps.dtype.kind not in "iu":
        raise DataError(
            f"{where}, column time: dtype {stamps.dtype} and shape {stamps.shape} are no time stamps. "
            f"Give one whole number of milliseconds (UTC) per bar."
        )
    return np.ascontiguousarray(stamps, np.int64)


def _floats(values: npt.ArrayLike, name: str, n_bars: int, where: str) -> FloatArray:
    array = np.asarray(values)
    if array.dtype.kind not in "fiu" or array.shape != (n_bars,):
        raise DataError(
            f"{where}, column {name}: dtype {array.dtype} and shape {array.shape} do not fit {n_bars} bars. "
            f"Give one number per bar."
        )
    return np.ascontiguousarray(array, np.float64)


def _locked(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
