"""Files and frames from elsewhere, read into bars; trades are made into bars on the way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.data.trades import is_trades, trades_to_bars
from workbench.errors import ConfigError, DataError
from workbench.market import FloatArray, TimeArray, as_polars, candle_arrays, check_scale, commonest_step, timeframe_ms

if TYPE_CHECKING:
    import polars as pl

Source = Any  # a path, or a polars or pandas frame
# Binance's archives have no header; ccxt and most venues give the first six in the same order.
KLINE = ("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "trades")
FORMATS = {
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".feather": "Feather",
    ".arrow": "Feather",
    ".ipc": "Feather",
    ".csv": "CSV",
    ".txt": "CSV",
    ".gz": "CSV",
    ".zst": "CSV",
    ".tsv": "CSV",
}


def read_bars(
    source: Source, timeframe: str | None, *, time_unit: str | None = None, columns: Mapping[str, str] | None = None
) -> tuple[TimeArray, dict[str, FloatArray], str, str]:
    """Bars of a file or frame as they are there, with their timeframe and a name for messages."""
    where = str(source) if isinstance(source, (str, Path)) else "the frame"
    table = read_table(Path(source)) if isinstance(source, (str, Path)) else as_polars(source)
    if not len(table):
        raise DataError(f"{where} has columns but no rows. Give at least one bar.")
    if is_trades(table.columns, columns):
        if timeframe is None:
            raise ConfigError(f"{where} holds trades. Pass the `timeframe` of the candles to make of them.")
        time, values = trades_to_bars(table, where, timeframe_ms(timeframe), time_unit=time_unit, columns=columns)
    else:
        time, values = candle_arrays(table, where, time_unit=time_unit, columns=columns)
        check_scale(time, timeframe_ms(timeframe) if timeframe else 0, where)
    return time, values, timeframe or commonest_step(time, where), where


def read_table(path: Path) -> pl.DataFrame:
    """Read a Parquet, CSV or Feather file.

    Raises
    ------
    DataError
        If the file is not there, empty, or cannot be read as what its name says it is.
    """
    import polars as pl

    if not path.is_file():
        raise DataError(f"{path}: there is no such file. Check the path; the working folder is {Path.cwd()}.")
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise ConfigError(
            f"{path}: {path.suffix or 'no ending'} is no format that is known. Give .parquet, .csv or .feather."
        )
    if not path.stat().st_size:
        raise DataError(f"{path} is empty (0 bytes). Fetch or write it again.")
    try:
        return _READ[kind](path)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as broken:
        reason = str(broken).strip().splitlines()[0]
        raise DataError(
            f"{path} cannot be read as {kind}: it is truncated or damaged ({reason}). Fetch or write it again."
        ) from broken


def _read_parquet(path: Path) -> pl.DataFrame:
    import polars as pl

    return pl.read_parquet(path)


def _read_feather(path: Path) -> pl.DataFrame:
    import polars as pl

    return pl.read_ipc(path)


def _read_csv(path: Path) -> pl.DataFrame:
    import polars as pl

    first = pl.read_csv(path, has_header=False, n_rows=1, infer_schema=False, truncate_ragged_lines=True)
    separator = "\t" if "\t" in str(first.row(0)[0]) else ";" if ";" in str(first.row(0)[0]) else ","
    if first.width == 1:
        first = pl.read_csv(path, has_header=False, n_rows=1, infer_schema=False, separator=separator)
    headless = first.width >= 6 and all(_is_number(value) for value in first.row(0))
    table = pl.read_csv(path, has_header=not headless, separator=separator, infer_schema_length=None)
    return table.rename(dict(zip(table.columns, KLINE, strict=False))) if headless else table


_READ = {"Parquet": _read_parquet, "Feather": _read_feather, "CSV": _read_csv}


def _is_number(text: str | None) -> bool:
    try:
        return text is not None and np.isfinite(float(text))
    except ValueError:
        return False
