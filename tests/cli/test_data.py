"""The store from a terminal."""

from __future__ import annotations

import polars as pl
import pytest

import workbench as wb

MINUTE = 60_000
START = 1_704_067_200_000  # 2024-01-01


@pytest.fixture
def file(tmp_path):
    """Ten minutes of bars, of which the sixth is missing."""
    minutes = [n for n in range(10) if n != 5]
    price = [100.0 + n for n in minutes]
    frame = pl.DataFrame(
        {
            "time": [START + n * MINUTE for n in minutes],
            "open": price, "high": [p + 0.5 for p in price], "low": [p - 0.5 for p in price], "close": price,
            "volume": [1.0] * len(price),
        }
    )  # fmt: skip
    path = tmp_path / "bars.parquet"
    frame.write_parquet(path)
    return path


@pytest.fixture
def stored(run, file):
    assert run("data", "ingest", file, "--venue", "binance", "--instrument", "BTC/USDT", "--timeframe", "1m").code == 0


def test_ingest_says_what_it_found(run, file):
    said = run("data", "ingest", file, "--venue", "binance", "--instrument", "BTC/USDT", "--timeframe", "1m", "--json")
    assert (said.code, said.json["rows"], said.json["missing"]) == (0, 9, 1)


def test_timeframe_may_be_left_out(run, file):
    assert (
        run("data", "ingest", file, "--venue", "binance", "--instrument", "BTC/USDT", "--json").json["timeframe"]
        == "1m"
    )


@pytest.mark.usefixtures("stored")
def test_catalog_lists_what_is_stored(run):
    (row,) = run("data", "catalog", "--json").json
    assert (row["venue"], row["instrument"], row["timeframe"], row["rows"]) == ("binance", "BTC/USDT", "1m", 9)
    assert "BTC/USDT" in run("data", "catalog").out


def test_empty_store_says_how_to_fill_it(run):
    said = run("data", "catalog")
    assert (said.code, said.out) == (0, "The store is empty. `workbench data sample` fills it with something to try.\n")
    assert run("data", "catalog", "--json").json == []


@pytest.mark.usefixtures("stored")
def test_audit_of_stored_candles(run):
    found = run("data", "audit", "binance", "BTC/USDT", "1m", "--json").json
    assert (found["rows"], found["missing"]) == (9, 1)
    assert found["gaps"][0]["after"] == "2024-01-01T00:04:00+00:00"


def test_audit_of_a_file_stores_nothing(run, file):
    assert run("data", "audit", file, "--json").json["missing"] == 1
    assert run("data", "catalog", "--json").json == []


def test_audit_of_half_a_series_ends_with_2(run):
    said = run("data", "audit", "binance", "BTC/USDT")
    assert said.code == 2
    assert "timeframe" in said.err


@pytest.mark.usefixtures("stored")
def test_candles_are_resampled_and_cut(run):
    options = ("--start", "2024-01-01 00:00", "--end", "2024-01-01 00:04", "--json")
    rows = run("data", "candles", "binance", "BTC/USDT", "2m", *options).json
    assert [row["close"] for row in rows] == [101.0, 103.0]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_candles_go_into_a_file_that_can_be_ingested_again(run, tmp_path, name):
    said = run("data", "candles", "binance", "BTC/USDT", "1m", "--out", name, "--json")
    assert said.json["rows"] == 9
    again = run("data", "ingest", tmp_path / name, "--venue", "copy", "--instrument", "BTC/USDT", "--timeframe", "1m")
    assert again.code == 0, again.err
    assert (wb.candles("copy", "BTC/USDT", "1m").close == wb.candles("binance", "BTC/USDT", "1m").close).all()


@pytest.mark.usefixtures("stored")
def test_unknown_format_is_refused(run):
    said = run("data", "candles", "binance", "BTC/USDT", "1m", "--out", "out.xlsx")
    assert (said.code, said.out) == (1, "")
    assert "out.xlsx" in said.err
    assert ".parquet or .csv" in said.err


@pytest.mark.parametrize(
    "words",
    [
        ("data", "candles", "binance", "BTC/USDT", "1h"),
        ("data", "ingest", "nowhere.csv", "--venue", "binance", "--instrument", "BTC/USDT", "--timeframe", "1m"),
        ("data", "audit", "nowhere.csv"),
    ],
)
def test_wrong_input_is_one_line_on_stderr(run, words):
    said = run(*words)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("workbench: ")
    assert said.err.count("\n") == 1
