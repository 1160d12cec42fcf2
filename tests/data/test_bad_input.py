"""Bad input: each gets one sentence that says what, where and what to do, and leaves the store as it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from workbench import data
from workbench.errors import ConfigError, DataError, WorkbenchError
from workbench.market import as_time
from workbench.settings import data_folder

START = as_time("2023-01-01")
ROWS = 20


def good() -> pl.DataFrame:
    prices = [100.0 + row for row in range(ROWS)]
    return pl.DataFrame({
        "timestamp": [START + row * 60_000 for row in range(ROWS)],
        "open": prices,
        "high": [price + 2 for price in prices],
        "low": [price - 2 for price in prices],
        "close": [price + 1 for price in prices],
        "volume": [1.5] * ROWS,
    })  # fmt: skip


def with_value(column: str, row: int, value: float | None) -> pl.DataFrame:
    return good().with_columns(
        pl.when(pl.int_range(ROWS) == row).then(pl.lit(value, pl.Float64)).otherwise(pl.col(column)).alias(column)
    )


def unsorted() -> pl.DataFrame:
    return pl.concat([good()[:3], good()[4:5], good()[3:4], good()[5:]])


def doubled() -> pl.DataFrame:
    return pl.concat([good()[:6], good()[5:]])


def stamps(change: Callable[[pl.Expr], pl.Expr]) -> pl.DataFrame:
    return good().with_columns(change(pl.col("timestamp")).cast(pl.Int64))


def text_stamps(zones: list[str]) -> pl.DataFrame:
    texts = [f"2023-01-01T00:{row:02}:00{zones[row % len(zones)]}" for row in range(ROWS)]
    return good().with_columns(timestamp=pl.Series(texts))


BAD_ROWS = [
    ("unsorted", unsorted, r"row 4: 2023-01-01 00:03 comes after 2023-01-01 00:04.*Sort them by time"),
    ("duplicated", doubled, r"row 6: 2023-01-01 00:05 is there twice\. Keep one"),
    (
        "nan",
        lambda: with_value("close", 7, float("nan")),
        r"row 7 \(2023-01-01 00:07\): close is missing \(NaN\).*Remove the row",
    ),
    ("null", lambda: with_value("open", 7, None), r"row 7 \(2023-01-01 00:07\): open is missing \(NaN\)"),
    ("infinite", lambda: with_value("high", 8, float("inf")), r"row 8 .*: high is inf\. Remove the row"),
    ("zero", lambda: with_value("low", 2, 0.0), r"row 2 .*: low is 0, and a price is above zero"),
    ("negative", lambda: with_value("open", 3, -5.0), r"row 3 .*: open is -5, and a price is above zero"),
    ("high below low", lambda: with_value("high", 9, 50.0), r"row 9 .*: high 50 is below low 107\. Check the order"),
    ("high below close", lambda: with_value("close", 9, 112.0), r"row 9 .*: high 111\.0 is below close 112\.0"),
    ("low above open", lambda: with_value("low", 9, 109.5), r"row 9 .*: low 109\.5 is above open 109\.0"),
    ("negative volume", lambda: with_value("volume", 4, -1.0), r"row 4 .*: volume is -1\. Give a finite volume"),
    (
        "volume missing here and there",
        lambda: with_value("volume", 4, None),
        r"row 4 .*: volume is missing \(NaN\) while other rows",
    ),
    (
        "no such column",
        lambda: good().drop("low"),
        r"no column for low among timestamp, open, .*Rename it, or say .*`columns=",
    ),
    (
        "unusual volume",
        lambda: good().rename({"volume": "Volume BTC"}),
        r"no column for volume among .*Volume BTC.*`columns=",
    ),
    (
        "words for prices",
        lambda: good().with_columns(pl.lit("dear").alias("close")),
        r"row 0, column close: 'dear' is not a number",
    ),
    (
        "seconds",
        lambda: stamps(lambda t: t // 1_000),
        r'row 0: the time stamp 1672531200 is in seconds.*`time_unit="s"`',
    ),
    (
        "microseconds",
        lambda: stamps(lambda t: t * 1_000),
        r'row 0: the time stamp \d+ is in microseconds.*`time_unit="us"`',
    ),
    ("nanoseconds", lambda: stamps(lambda t: t * 1_000_000), r'in nanoseconds.*`time_unit="ns"`'),
    (
        "off the grid",
        lambda: stamps(lambda t: t + 7_000),
        r"row 0: 2023-01-01 00:00:07 is no start of a 1m bar \(UTC\)\. Stamp",
    ),
    (
        "too far apart",
        lambda: stamps(lambda t: (t - START) * 5 + START),
        r"no two bars are 1m apart, the closest are 300 s",
    ),
    (
        "too close",
        lambda: stamps(lambda t: (t - START) // 2 + START),
        r"row 1: 2023-01-01 00:00:30 is only 30 s after .*1m\. Give",
    ),
    (
        "mixed zones",
        lambda: text_stamps(["+00:00", "+02:00"]),
        r"row 1, column timestamp: the zone of '.*\+02:00' differs.*in UTC",
    ),
    (
        "zone here and there",
        lambda: text_stamps(["Z", ""]),
        r"row 1, column timestamp: the zone of .* differs .* row 0",
    ),
    (
        "no time",
        lambda: good().with_columns(timestamp=pl.lit("soon")),
        r"row 0, column timestamp: 'soon' is not a time\. Write it like",
    ),
    (
        "stamp missing",
        lambda: good().with_columns(pl.col("timestamp").replace(START, None)),
        r"row 0, column timestamp: the time stamp is",
    ),
    ("no rows", lambda: good()[:0], r"has columns but no rows\. Give at least one bar"),
]


@pytest.mark.parametrize(("make", "said"), [case[1:] for case in BAD_ROWS], ids=[case[0] for case in BAD_ROWS])
@pytest.mark.parametrize("kind", ["frame", "parquet", "csv", "feather"])
def test_bad_rows_are_refused_with_file_row_and_remedy(
    make: Callable[[], pl.DataFrame], said: str, kind: str, tmp_path: Path
) -> None:
    path = tmp_path / f"bad.{kind}"
    source: pl.DataFrame | Path = make() if kind == "frame" else path
    write = {"parquet": pl.DataFrame.write_parquet, "csv": pl.DataFrame.write_csv, "feather": pl.DataFrame.write_ipc}
    if kind in write:
        write[kind](make(), path)
    where = "the frame" if kind == "frame" else str(path)
    with pytest.raises(DataError, match=said) as refused:
        data.ingest(source, venue="binance", instrument="BTC/USDT", timeframe="1m")
    assert str(refused.value).startswith(where)
    assert "\n" not in str(refused.value)
    assert not any(data_folder().rglob("*.parquet")) if data_folder().exists() else True


def truncated(path: Path) -> None:
    good().write_parquet(path)
    path.write_bytes(path.read_bytes()[:-200])


def nonsense(path: Path) -> None:
    path.write_bytes(b"not a table at all")


BAD_FILES = [
    ("none.parquet", lambda path: None, DataError, r"there is no such file\. Check the path"),
    ("empty.parquet", Path.touch, DataError, r"is empty \(0 bytes\)\. Fetch or write it again"),
    ("empty.csv", Path.touch, DataError, r"is empty \(0 bytes\)"),
    (
        "cut.parquet",
        truncated,
        DataError,
        r"cannot be read as Parquet: it is truncated or damaged.*Fetch or write it again",
    ),
    ("nonsense.parquet", nonsense, DataError, r"cannot be read as Parquet"),
    ("nonsense.feather", nonsense, DataError, r"cannot be read as Feather"),
    ("nonsense.csv", nonsense, DataError, r"has columns but no rows|no column for"),
    ("bars.xlsx", nonsense, ConfigError, r"\.xlsx is no format that is known\. Give \.parquet, \.csv or \.feather"),
]


@pytest.mark.parametrize(("name", "make", "kind", "said"), BAD_FILES, ids=[case[0] for case in BAD_FILES])
def test_bad_files_are_refused_by_name(
    name: str, make: Callable[[Path], None], kind: type[WorkbenchError], said: str, tmp_path: Path
) -> None:
    make(tmp_path / name)
    with pytest.raises(kind, match=said) as refused:
        data.ingest(tmp_path / name, venue="binance", instrument="BTC/USDT", timeframe="1m")
    assert str(refused.value).startswith(str(tmp_path / name))


BAD_WORDS = [
    ({"timeframe": "1x"}, r"'1x' is not a duration.*\"45m\" or \"1h\""),
    ({"timeframe": "1M"}, r"'1M' is not a duration"),
    ({"instrument": "BTCUSDT"}, r"'BTCUSDT' is not an instrument\. Write \"BTC/USDT\""),
    ({"venue": "../etc"}, r"is no name of a venue"),
    ({"time_unit": "min"}, r'`time_unit` is \'min\'\. Choose "s", "ms", "us" or "ns"'),
    ({"columns": {"opne": "open"}}, r"no column of candles is called 'opne'"),
    ({"columns": {"open": "first"}}, r"there is no column 'first'\. The file has: timestamp, open"),
]


@pytest.mark.parametrize(("words", "said"), BAD_WORDS, ids=[str(case[0]) for case in BAD_WORDS])
def test_bad_words_are_config_errors(words: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        data.ingest(good(), **{"venue": "binance", "instrument": "BTC/USDT", "timeframe": "1m", **words})  # type: ignore[arg-type]


def test_pandas_objects_of_mixed_zones_are_refused() -> None:
    east = timezone(timedelta(hours=2))
    times = [datetime(2023, 1, 1, 0, row, tzinfo=UTC if row % 2 else east) for row in range(ROWS)]
    frame = good().drop("timestamp").to_pandas().assign(timestamp=pd.Series(times, dtype=object))
    with pytest.raises(DataError, match="row 1, column timestamp: the zone of"):
        data.ingest(frame, venue="binance", instrument="BTC/USDT", timeframe="1m")


BAD_TRADES = [
    ({"price": [1.0, 0.0, 1.0]}, r"row 1 \(2023-01-01 00:00\): price is 0\. Repair"),
    ({"amount": [1.0, 1.0, -1.0]}, r"row 2 .*: amount is -1"),
    ({"id": [7, 8, 7]}, r"row 2 .*: the trade id 7 is there twice"),
    ({"timestamp": [START // 1_000] * 3}, r"in seconds"),
]


@pytest.mark.parametrize(("change", "said"), BAD_TRADES, ids=[next(iter(case[0])) for case in BAD_TRADES])
def test_bad_trades_are_refused(change: dict[str, list[float]], said: str) -> None:
    trades = {"timestamp": [START] * 3, "id": [1, 2, 3], "price": [1.0] * 3, "amount": [1.0] * 3}
    with pytest.raises(DataError, match=said):
        data.ingest(pl.DataFrame({**trades, **change}), venue="x", instrument="BTC/USDT", timeframe="1m")


def test_trades_need_a_timeframe() -> None:
    trades = pl.DataFrame({"time": [START], "price": [1.0], "amount": [1.0]})
    with pytest.raises(ConfigError, match=r"holds trades\. Pass the `timeframe`"):
        data.ingest(trades, venue="x", instrument="BTC/USDT")
