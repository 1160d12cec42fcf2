"""Ingest reads what others write."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from workbench import data
from workbench.market import as_time

START = as_time("2023-01-01")
KLINES = [
    [START, "10.0", "12.0", "9.5", "11.0", "1.5", START + 59_999, "16.1", 7, "0.5", "5.2", "0"],
    [START + 60_000, "11.0", "11.5", "10.5", "10.75", "2.25", START + 119_999, "24.4", 9, "0.5", "5.2", "0"],
]


def text(separator: str, head: str = "") -> str:
    return head + "\n".join(separator.join(str(value) for value in row) for row in KLINES) + "\n"


def ingested(source: object, timeframe: str | None = "1m") -> list[list[float]]:
    data.ingest(source, venue="binance", instrument="BTC/USDT", timeframe=timeframe)
    candles = data.candles("binance", "BTC/USDT", "1m")
    return [list(row) for row in zip(*(column.tolist() for column in candles.columns.values()), strict=True)]


BARS = [[10.0, 12.0, 9.5, 11.0, 1.5], [11.0, 11.5, 10.5, 10.75, 2.25]]


@pytest.mark.parametrize(("name", "content"), [
    ("archive.csv", text(",")),  # as Binance's archives come: without a header
    ("semicolons.csv", text(";", "Open time;Open;High;Low;Close;Volume;x;y;z;a;b;c\n")),
    ("tabs.tsv", text("\t")),
    ("header.csv", text(",", "time,open,high,low,close,volume,x,y,z,a,b,c\n")),
])  # fmt: skip
def test_text_files_of_all_kinds_are_read(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    assert ingested(tmp_path / name) == BARS


def test_compressed_text_is_read(tmp_path: Path) -> None:
    (tmp_path / "bars.csv.gz").write_bytes(gzip.compress(text(",").encode()))
    assert ingested(str(tmp_path / "bars.csv.gz")) == BARS


def test_timeframe_may_be_left_out() -> None:
    names = ["time", "open", "high", "low", "close", "volume"]
    frame = pl.DataFrame([row[:6] for row in KLINES], schema=names, orient="row")
    assert ingested(frame, None) == BARS
    assert data.catalog()["timeframe"].to_list() == ["1m"]


def test_sixty_seconds_are_a_minute() -> None:
    frame = pl.DataFrame([row[:6] for row in KLINES], schema=["t", "o", "h", "l", "c", "v"], orient="row")
    ingested(frame, "60s")
    assert data.catalog()["timeframe"].to_list() == ["1m"]


def test_trades_are_ordered_by_stamp_then_id() -> None:
    trades = pl.DataFrame({
        "timestamp": [START + 1_000, START, START, START + 120_000],
        "id": ["12", "9", "10", "13"],  # as text "10" would come before "9"
        "price": [5.0, 1.0, 2.0, 3.0],
        "amount": [0.1, 0.1, 0.1, 4.0],
    })  # fmt: skip
    assert ingested(trades) == [[1.0, 5.0, 1.0, 5.0, 0.3], [3.0, 3.0, 3.0, 3.0, 4.0]]
    assert data.catalog()["gaps"].to_list() == [1]  # nobody traded in the minute between: there is no bar


def test_ingest_returns_the_audit_of_the_file() -> None:
    names = ["time", "open", "high", "low", "close", "volume"]
    frame = pl.DataFrame([row[:6] for row in KLINES], schema=names, orient="row")
    audit = data.ingest(frame, venue="binance", instrument="BTC/USDT", timeframe="1m")
    assert (audit.rows, audit.missing, audit.is_clean) == (2, 0, True)
    assert audit.name == "binance BTC/USDT 1m from the frame"
