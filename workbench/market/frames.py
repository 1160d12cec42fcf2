"""Frames from elsewhere: find the columns by their usual names, and read the stamps whatever they are written in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import ConfigError, DataError
from workbench.market.checking import FloatArray, TimeArray
from workbench.market.timeframe import UNITS, as_timeframe

if TYPE_CHECKING:
    import polars as pl

# Our name, and how others write it, the likelier first. Names are compared in lower case, with `_` for all else.
USUAL_NAMES = {
    "time": (
        *(
            "time",
            "timestamp",
            "open_time",
            "opentime",
            "datetime",
            "date_time",
            "date",
            "time_open",
            "start_time",
            "start",
        ),
        *("period_start", "unix", "unix_time", "unix_timestamp", "epoch", "ts", "t", "utc", "gmt_time", "local_time"),
        *("index", "unnamed_0", "column_1", ""),
    ),
    "open": ("open", "o", "open_price", "price_open", "first"),
    "high": ("high", "h", "high_price", "price_high", "max"),
    "low": ("low", "l", "low_price", "price_low", "min"),
    "close": ("close", "c", "close_price", "price_close", "last"),
    "volume": ("volume", "vol", "v", "base_volume", "volume_base", "volume_traded", "basevolume"),
}
PER_MS = {"s": 1_000.0, "ms": 1.0, "us": 1e-3, "ns": 1e-6}
_OFFSET = r"(Z|[+-]\d{2}:?\d{2})$"
_DAYS = (r"^\d{4}-\d{2}-\d{2}$", "%Y-%m-%d")


def candle_arrays(
    frame: Any, where: str, *, time_unit: str | None = None, columns: Mapping[str, str] | None = None
) -> tuple[TimeArray, dict[str, FloatArray]]:
    """The time column in milliseconds and the five float columns of a frame, as found: nothing is sorted or checked."""
    table = as_polars(frame, where)
    names = find_columns(table.columns, where, columns)
    values = {name: float_column(table[names[name]], where) for name in ("open", "high", "low", "close")}
    values["volume"] = float_column(table[names["volume"]], where) if "volume" in names else np.full(len(table), np.nan)
    return time_column(table[names["time"]], where, time_unit), values


def as_polars(frame: Any, where: str = "the frame") -> pl.DataFrame:
    """A polars frame of a polars, pandas or Arrow table, or of a mapping of columns."""
    import polars as pl

    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if isinstance(frame, pl.DataFrame):
        return frame
    if type(frame).__module__.split(".")[0] == "pandas":
        return _from_pandas(frame)
    if isinstance(frame, Mapping):
        return pl.DataFrame(dict(frame))
    if hasattr(frame, "__arrow_c_stream__"):
        return pl.DataFrame(frame)
    raise ConfigError(f"{where} is a {type(frame).__name__}. Give a path, or a polars or pandas frame.")


def find_columns(have: list[str], where: str, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Which column of the frame is which of ours; volume may be absent, the others may not."""
    given = given or {}
    for ours, theirs in given.items():
        if ours not in USUAL_NAMES or theirs not in have:
            wrong = (
                f"no column of candles is called {ours!r}"
                if ours not in USUAL_NAMES
                else f"there is no column {theirs!r}"
            )
            raise ConfigError(
                f"{where}: `columns` maps {ours!r} to {theirs!r}, but {wrong}. The file has: {', '.join(have)}."
            )
    plain = {re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"): name for name in reversed(have)}
    usual = {ours: next((plain[n] for n in names if n in plain), None) for ours, names in USUAL_NAMES.items()}
    found = {ours: given.get(ours) or theirs for ours, theirs in usual.items()}
    doubtful = any("vol" in name.lower() for name in have)  # a volume under a name that we do not know
    for ours, missed in found.items():
        if missed is None and (ours != "volume" or doubtful):
            raise DataError(
                f"{where}: no column for {ours} among {', '.join(have)}. Rename it, or say which one it is "
                f'with `columns={{"{ours}": "<its name>"}}`.'
            )
    return {ours: theirs for ours, theirs in found.items() if theirs is not None}


def float_column(column: pl.Series, where: str) -> FloatArray:
    """Any numeric column, or numbers written as text, as float64; what is missing becomes NaN."""
    import polars as pl

    if column.dtype != pl.String and not column.dtype.is_numeric() and column.dtype != pl.Null:
        raise DataError(
            f"{where}, column {column.name}: holds {column.dtype}, not numbers. Give prices and volumes as numbers."
        )
    values = column.cast(pl.Float64, strict=False)
    lost = values.is_null() & column.is_not_null()
    if lost.any():
        row = int(lost.arg_true()[0])
        raise DataError(
            f"{where}, row {row}, column {column.name}: {column[row]!r} is not a number. Repair or remove the row."
        )
    return np.ascontiguousarray(values.fill_null(np.nan).rechunk().to_numpy())


def time_column(column: pl.Series, where: str, time_unit: str | None = None) -> TimeArray:
    """Stamps in milliseconds, UTC, of whole numbers, dates, times of any zone, or ISO 8601 text."""
    import polars as pl

    if time_unit is not None and time_unit not in PER_MS:
        raise ConfigError(f'`time_unit` is {time_unit!r}. Choose "s", "ms", "us" or "ns".')
    if column.null_count():
        row = int(column.is_null().arg_true()[0])
        raise DataError(
            f"{where}, row {row}, column {column.name}: the time stamp is missing. Repair or remove the row."
        )
    if column.dtype == pl.String:
        digits = column.str.contains(r"^\d+(\.0*)?$").all() and len(column)
        column = column.cast(pl.Float64).cast(pl.Int64) if digits else _from_text(column, where)
    if column.dtype.is_temporal() and column.dtype != pl.Time:
        column, time_unit = column.cast(pl.Datetime("ms")).to_physical(), None
    if not column.dtype.is_numeric():
        raise DataError(
            f"{where}, column {column.name}: {column.dtype} is no time. Give milliseconds, dates or ISO 8601 text."
        )
    return _whole(column, where, PER_MS[time_unit or "ms"])


def commonest_step(time: TimeArray, where: str) -> str:
    """The timeframe that the stamps show: their commonest step."""
    steps = np.diff(time)
    steps, counts = np.unique(steps[steps > 0], return_counts=True)
    if not len(steps):
        raise ConfigError(f"{where}: one bar does not show its length. Pass `timeframe`.")
    step = int(steps[np.argmax(counts)])
    if step < UNITS["s"] or step % UNITS["s"]:
        raise DataError(
            f"{where}, row 0: the time stamp {int(time[0])} and the step {step} are no milliseconds. "
            f"Pass `time_unit` and `timeframe`."
        )
    return as_timeframe(step)


def _from_pandas(frame: Any) -> pl.DataFrame:
    import polars as pl

    named = frame.index.name is not None or frame.index.dtype.kind in "MO" or hasattr(frame.index.dtype, "tz")
    table = frame.reset_index() if named else frame
    return pl.DataFrame({str(name): _pandas_column(str(name), table[name]) for name in table.columns})


def _pandas_column(name: str, column: Any) -> pl.Series:
    import polars as pl

    kind = column.dtype.kind if isinstance(column.dtype, np.dtype) else getattr(column.dtype, "kind", "O")
    if kind == "M":
        stamps = column.dt.tz_convert("UTC").dt.tz_localize(None) if getattr(column.dtype, "tz", None) else column
        return pl.Series(name, stamps.to_numpy("datetime64[ms]"))
    if kind in "iufb" and isinstance(column.dtype, np.dtype):
        return pl.Series(name, column.to_numpy())
    texts = [None if value is None or value != value else _as_text(value) for value in column]
    return pl.Series(name, texts, dtype=pl.String)


def _as_text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _from_text(column: pl.Series, where: str) -> pl.Series:
    import polars as pl

    offsets = column.str.extract(_OFFSET) if column.str.contains(":").any() else pl.Series([None], dtype=pl.String)
    if offsets.n_unique() > 1:
        row = int((~offsets.eq_missing(offsets[0])).arg_true()[0])
        raise DataError(
            f"{where}, row {row}, column {column.name}: the zone of {column[row]!r} differs from "
            f"that of {column[0]!r} in row 0. Write all stamps in UTC."
        )
    plain = column.str.replace(_OFFSET, "").str.strip_chars() if offsets[0] is not None else column
    moments = _parse(plain)
    if moments.null_count():
        row = int(moments.is_null().arg_true()[0])
        raise DataError(
            f"{where}, row {row}, column {column.name}: {column[row]!r} is not a time. Write it like "
            f"2022-01-31T12:30:00Z, or in milliseconds."
        )
    return moments - _offset(offsets[0]) if offsets[0] not in (None, "Z") else moments


def _parse(texts: pl.Series) -> pl.Series:
    import polars as pl

    if texts.str.contains(_DAYS[0]).all():
        return texts.str.to_datetime(_DAYS[1], time_unit="ms", strict=False)
    split = texts.str.replace("T", " ", literal=True).str.replace_all("/", "-", literal=True)
    whole = pl.when(split.str.len_chars() <= 10).then(split + " 00:00:00").otherwise(split)
    whole = pl.when(whole.str.contains(r" \d{2}:\d{2}$")).then(whole + ":00").otherwise(whole)
    frame = pl.DataFrame({"t": split}).select(
        whole.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="ms", strict=False)
    )
    return frame.to_series()


def _offset(text: str) -> timedelta:
    away = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return -away if text[0] == "-" else away


def _whole(column: pl.Series, where: str, scale: float) -> TimeArray:
    import polars as pl

    if column.dtype.is_integer():
        stamps = column.cast(pl.Int64).rechunk().to_numpy()
        return np.ascontiguousarray(stamps * int(scale) if scale >= 1 else stamps // round(1 / scale))
    exact = column.cast(pl.Float64).rechunk().to_numpy() * scale
    stamps = np.rint(exact)
    broken = ~np.isfinite(exact) | (np.abs(exact - stamps) > 1e-3)
    if broken.any():
        row = int(np.flatnonzero(broken)[0])
        raise DataError(
            f"{where}, row {row}, column {column.name}: {column[row]} is no whole number of milliseconds. "
            f"Give whole numbers."
        )
    return stamps.astype(np.int64)
