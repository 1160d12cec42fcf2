"""Ingest: bars from a file or a frame, checked, into the store."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from workbench.data.reading import Source, read_bars
from workbench.data.series import Series
from workbench.errors import DataError
from workbench.market import (
    Audit,
    Instrument,
    TimeArray,
    as_timeframe,
    audit_arrays,
    check_candles,
    floor_time,
    show_time,
    timeframe_ms,
)
from workbench.settings import data_folder

FEW = 10  # rows that are too few to tell a wrong timeframe from a thin market


def ingest(
    source: Source,
    *,
    venue: str,
    instrument: str | Instrument,
    timeframe: str | None = None,
    time_unit: str | None = None,
    columns: Mapping[str, str] | None = None,
    replace: bool = False,
) -> Audit:
    """Put the bars of a file or a frame into the store, and say what was found in them.

    Every row is checked first, and one that cannot be a bar stops the whole file: nothing is repaired, filled in or
    dropped. Gaps and dead bars are facts; they are stored as they are and listed in the audit. Trades (a price and an
    amount per row) are made into bars, ordered by stamp, then id; where nobody traded there is no bar.

    Bars that are stored already with the same values change nothing, so the same file may be ingested twice and
    overlapping files may be joined. Bars stored with other values are an error, unless `replace`. Mark-price, index,
    bid or ask candles are another series than trades: give them a venue of their own, such as "binance-mark".

    Parameters
    ----------
    source : path, polars.DataFrame or pandas.DataFrame
        Parquet, CSV (with or without a header, perhaps compressed) or Feather. Columns go by their usual names; time
        may be milliseconds, dates or ISO 8601 text.
    venue : str
        Where it was traded: "binance".
    instrument : str or Instrument
        "BTC/USDT", "BTC/USDT:USDT". An Instrument with tick and lot is remembered with them.
    timeframe : str, optional
        Length of a bar; left out: the commonest step. Needed for trades.
    time_unit : "s", "ms", "us" or "ns", optional
        Unit of whole-number stamps, if it is not milliseconds.
    columns : mapping, optional
        Our name to the file's name, where that is unusual: `{"open": "bid_open", …}`.
    replace : bool
        Let new bars take the place of stored ones with the same stamp.

    Returns
    -------
    Audit
        Of the bars in the file.

    Raises
    ------
    DataError
        If a row cannot be a bar or contradicts the store; the message names file, row and column.
    """
    time, values, timeframe, where = read_bars(source, timeframe, time_unit=time_unit, columns=columns)
    length = timeframe_ms(timeframe)
    check_candles(time, values, length, where)
    check_grid(time, length, where)
    _check_step(time, length, where)
    series = Series(data_folder(), venue, Instrument.parse(instrument), as_timeframe(length))
    series.commit((time, values), where=where, replace_rows=replace)
    return audit_arrays(time, values, length, f"{series.name} from {where}")


def audit(
    source: Source,
    timeframe: str | None = None,
    *,
    time_unit: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> Audit:
    """What is missing, doubled, dead or odd in a file or a frame, even one that cannot become candles.

    Takes the same sources and options as `ingest`, and changes nothing.
    """
    time, values, timeframe, where = read_bars(source, timeframe, time_unit=time_unit, columns=columns)
    return audit_arrays(time, values, timeframe_ms(timeframe), where)


def check_grid(time: TimeArray, length_ms: int, where: str) -> None:
    """Raise `DataError` at the first stamp that is no start of a bar in UTC."""
    off = np.flatnonzero(floor_time(time, length_ms) != time)
    if len(off):
        row = int(off[0])
        raise DataError(
            f"{where}, row {row}: {show_time(time[row])} is no start of a {as_timeframe(length_ms)} bar (UTC). "
            f"Stamp bars with their open, or give the timeframe that they have."
        )


def _check_step(time: TimeArray, length_ms: int, where: str) -> None:
    steps = np.diff(time)
    if len(time) >= FEW and steps.min() > length_ms:
        raise DataError(
            f"{where}, row 1: no two bars are {as_timeframe(length_ms)} apart, the closest are "
            f"{int(steps.min()) / 1000:g} s. Give the timeframe that the bars have."
        )
