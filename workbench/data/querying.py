"""Candles out of the store, in any timeframe that the stored ones divide, and the list of what is there."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from workbench.data.manifest import Manifest
from workbench.data.series import Series, check_venue, folder_name, stored_series
from workbench.errors import ConfigError, DataError
from workbench.market import Candles, Instrument, Moment, as_time, ceil_time, show_time, timeframe_ms
from workbench.settings import data_folder

if TYPE_CHECKING:
    import polars as pl

Stored = list[tuple[Series, Manifest]]


def candles(
    venue: str, instrument: str | Instrument, timeframe: str, start: Moment | None = None, end: Moment | None = None
) -> Candles:
    """Candles from the store, resampled from the finest stored timeframe that divides the one asked for.

    Of the stored timeframes that divide it, the finest one that covers as much of the range as any other is read.
    After resampling, `incomplete` marks bars that the finer ones do not fill; nothing is made up.

    Parameters
    ----------
    venue, instrument, timeframe : str
        "binance", "BTC/USDT", "1h".
    start, end : str, int, date or datetime, optional
        Bars whose open lies in [start, end): "2022", "2022-01-31 12:30", milliseconds. UTC.

    Raises
    ------
    DataError
        If nothing of this is stored; the message says what is.
    """
    instrument, length = Instrument.parse(instrument), timeframe_ms(timeframe)
    first, last = (None if edge is None else int(ceil_time(as_time(edge), length)) for edge in (start, end))
    if first is not None and last is not None and first >= last:
        raise ConfigError(
            f"start {start!r} is not before end {end!r}: no {timeframe} bar opens between. Move one of them."
        )
    series, manifest = _choose(_stored(venue, instrument), timeframe, first, last)
    time, columns = series.read(first, last)
    if not len(time):
        span = f"{show_time(manifest.first_ms)} … {show_time(manifest.last_ms)}"
        wanted = (
            f"{'the start' if first is None else show_time(first)} … {'the end' if last is None else show_time(last)}"
        )
        raise DataError(
            f"{venue} {instrument}: no {timeframe} bars in {wanted}; "
            f"stored are {manifest.timeframe} bars in {span} UTC. "
            f"Ask for a range inside, or download more with wb.data.download."
        )
    stored = Candles.trusted(time, columns, venue=venue, instrument=manifest.instrument, timeframe=manifest.timeframe)
    return stored.resample(timeframe)


def catalog() -> pl.DataFrame:
    """What is stored: venue, instrument, timeframe, first and last bar, rows, gaps, bytes; a row per series."""
    import polars as pl

    manifests = [manifest for _, manifest in stored_series(data_folder())]
    rows = [
        (m.venue, m.instrument.symbol, m.timeframe, m.first_ms, m.last_ms, m.rows, m.gaps, m.bytes) for m in manifests
    ]
    names = ("venue", "instrument", "timeframe", "first", "last", "rows", "gaps", "bytes")
    schema = {name: pl.String if place < 3 else pl.Int64 for place, name in enumerate(names)}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(pl.col("first", "last").cast(pl.Datetime("ms", "UTC")))


def _stored(venue: str, instrument: Instrument) -> Stored:
    found = stored_series(data_folder(), check_venue(venue), folder_name(instrument))
    if found:
        return found
    everything = stored_series(data_folder())
    of_venue = sorted({series.instrument.symbol for series, _ in everything if series.venue == venue})
    have, asked = (of_venue, instrument.symbol) if of_venue else (sorted({s.venue for s, _ in everything}), venue)
    close = get_close_matches(asked, have, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    what = f"{venue}: {instrument} is not stored" if of_venue else f"nothing is stored of the venue {venue!r}"
    listed = ", ".join(have[:12]) + (", …" if len(have) > 12 else "") if have else "nothing at all"
    raise DataError(
        f"{what}; stored is {listed}.{hint} "
        f"Get it with wb.data.download or wb.data.ingest; wb.data.catalog() lists all."
    )


def _choose(stored: Stored, timeframe: str, first: int | None, last: int | None) -> tuple[Series, Manifest]:
    length = timeframe_ms(timeframe)
    fitting = [(s, m) for s, m in stored if length % timeframe_ms(m.timeframe) == 0]
    if not fitting:
        have = ", ".join(m.timeframe for _, m in stored)
        name = f"{stored[0][0].venue} {stored[0][0].instrument}"
        finest = min(timeframe_ms(m.timeframe) for _, m in stored)
        why = "it is finer than all of them" if length < finest else "none of them divides it"
        raise DataError(
            f"{name}: {timeframe} bars cannot be made from the stored timeframes ({have}): {why}. "
            f"Ask for a multiple of one, or download {timeframe}."
        )
    return max(fitting, key=lambda pair: (_covered(pair[1], length, first, last), -timeframe_ms(pair[1].timeframe)))


def _covered(manifest: Manifest, length_ms: int, first: int | None, last: int | None) -> int:
    end = manifest.last_ms + timeframe_ms(manifest.timeframe)
    end = end if last is None else min(last, end)
    return max(0, end - (manifest.first_ms if first is None else max(first, manifest.first_ms))) // length_ms
