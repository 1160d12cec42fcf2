"""Candles: checked once, then trusted; sliced for nothing; resampled without making anything up."""

from __future__ import annotations

import hashlib
import pickle
import struct
import time
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ConfigError, DataError
from workbench.market import Candles, Instrument, as_time
from workbench.market.resampling import decimal_places, exact_sums

START = as_time("2022-01-01")
MINUTE = 60_000


def bars(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(draw.normal(0, 1e-3, n)))
    opened = np.concatenate([[100.0], close[:-1]])
    return {
        "time": START + MINUTE * np.arange(n),
        "open": opened,
        "high": np.maximum(opened, close) * 1.001,
        "low": np.minimum(opened, close) * 0.999,
        "close": close,
        "volume": np.round(draw.random(n) * 10, 5),
    }


def candles(n: int = 100, seed: int = 0, **names: str) -> Candles:
    return Candles.from_arrays(**bars(n, seed), **{"timeframe": "1m", **names})  # type: ignore[arg-type]


def test_attributes_are_contiguous_read_only_arrays() -> None:
    made = candles(venue="binance", instrument="ETH/USDT")
    assert (made.venue, made.instrument, made.timeframe, made.timeframe_ms) == (
        "binance",
        Instrument.parse("ETH/USDT"),
        "1m",
        60_000,
    )
    assert made.time.dtype == np.int64
    for name in ("time", "open", "high", "low", "close", "volume"):
        array = getattr(made, name)
        assert array.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(AttributeError):
        made.venue = "okx"  # type: ignore[misc]


def test_integers_become_floats_and_volume_may_be_left_out() -> None:
    made = Candles.from_arrays([START], [1], [2], [1], [2], timeframe="1m")
    assert made.close.dtype == np.float64
    assert np.isnan(made.volume).all()


def test_slice_is_a_view_of_the_same_memory() -> None:
    made = candles()
    cut = made[10:20]
    assert len(cut) == 10
    assert cut.close.base is not None
    assert np.shares_memory(cut.close, made.close)
    assert (made[-5:].time == made.time[-5:]).all()


def test_slice_by_time_leaves_the_end_out() -> None:
    days = Candles.from_arrays(
        START + 86_400_000 * np.arange(730), *(np.full(730, 5.0) for _ in range(4)), timeframe="1d"
    )
    assert len(days["2022-01":"2022-02"]) == 31
    assert len(days["2023":]) == 365
    assert len(days["2022-12-31":"2023-01-02"]) == 2
    assert len(days[: datetime(2022, 1, 8, tzinfo=UTC)]) == 7
    assert len(days["2030":]) == 0


@pytest.mark.parametrize("rows", [0, slice(None, None, 2), [1, 2], "2022"])
def test_only_a_run_of_bars_can_be_cut(rows: object) -> None:
    with pytest.raises(ConfigError, match=r"is no run of bars\. Write candles\[10:20\]"):
        candles()[rows]  # type: ignore[index]


def test_fingerprint_knows_every_bit_and_no_name() -> None:
    made = candles()
    assert made.fingerprint == candles(venue="okx", instrument="X/Y").fingerprint
    assert len(made.fingerprint) == 64
    for name in ("open", "high", "low", "close", "volume"):
        data = bars(100)
        data[name] = data[name].copy()
        data[name][50] = np.nextafter(data[name][50], data["close"][50])
        if name == "close":
            data[name][50] = np.nextafter(data[name][50], 0)
        changed = Candles.from_arrays(**data, timeframe="1m")  # type: ignore[arg-type]
        assert changed.fingerprint != made.fingerprint, name
    assert made[:99].fingerprint != made.fingerprint
    assert made[:].fingerprint == made.fingerprint


def test_fingerprint_is_sha256_of_the_columns_one_after_another() -> None:
    fixed = Candles.from_arrays([START, START + MINUTE], [1, 2], [2, 4], [0.5, 1], [1.5, 3], [3, 0], timeframe="1m")
    columns = struct.pack("<2q10d", START, START + MINUTE, 1, 2, 2, 4, 0.5, 1, 1.5, 3, 3, 0)
    assert fixed.fingerprint == hashlib.sha256(b"candles 1|60000|2" + columns).hexdigest()


def test_frames_share_the_memory() -> None:
    made = candles(10_000)
    polars, pandas, arrays = made.to_polars(), made.to_pandas(), made.to_numpy()
    assert polars.schema["time"] == pl.Datetime("ms", "UTC")
    assert polars.columns == ["time", "open", "high", "low", "close", "volume"]
    assert np.shares_memory(polars["close"].to_numpy(), made.close)
    assert np.shares_memory(pandas["close"].to_numpy(), made.close)
    assert arrays["close"] is made.close
    assert str(pandas.index.dtype) == "datetime64[ms, UTC]"
    assert pandas.index[0] == pd.Timestamp("2022-01-01", tz="UTC")


def test_frames_come_back_unchanged() -> None:
    made = candles()
    for frame in (made.to_polars(), made.to_pandas(), made.to_polars().lazy(), made.to_numpy()):
        assert Candles.from_frame(frame).fingerprint == made.fingerprint


def test_pickled_candles_come_back_unchanged_and_locked() -> None:
    made = candles(venue="binance").resample("7m")
    back = pickle.loads(pickle.dumps(made))
    assert (repr(back), back.fingerprint) == (repr(made), made.fingerprint)
    assert not back.close.flags.writeable


NAMES = [
    ("timestamp", "open", "high", "low", "close", "volume"),
    ("Date", "Open", "High", "Low", "Close", "Volume"),
    ("open_time", "o", "h", "l", "c", "v"),
    ("Open time", "Open price", "High price", "Low price", "Close price", "Base volume"),
    ("Unnamed: 0", "Open", "High", "Low", "Close", "Vol"),
]


@pytest.mark.parametrize("names", NAMES, ids=lambda names: names[0])
def test_usual_names_are_recognised(names: tuple[str, ...]) -> None:
    table = pl.DataFrame(bars(50)).rename(dict(zip(bars(1), names, strict=True)))
    assert Candles.from_frame(table).fingerprint == candles(50).fingerprint


STAMPS = {
    "milliseconds": lambda t: t,
    "dates": lambda t: t.cast(pl.Datetime("ms")),
    "nanosecond dates": lambda t: t.cast(pl.Datetime("ms")).cast(pl.Datetime("ns")),
    "another zone": lambda t: t.cast(pl.Datetime("ms", "UTC")).dt.convert_time_zone("America/New_York"),
    "text": lambda t: t.cast(pl.Datetime("ms")).dt.to_string("%Y-%m-%d %H:%M:%S"),
    "short text": lambda t: t.cast(pl.Datetime("ms")).dt.to_string("%Y/%m/%d %H:%M"),
    "ISO text": lambda t: t.cast(pl.Datetime("ms")).dt.to_string("%Y-%m-%dT%H:%M:%S%.3fZ"),
    "eastern text": lambda t: (t + 7_200_000).cast(pl.Datetime("ms")).dt.to_string("%Y-%m-%dT%H:%M:%S+02:00"),
    "digits": lambda t: t.cast(pl.String),
    "floats": lambda t: t.cast(pl.Float64),
}


@pytest.mark.parametrize("kind", STAMPS)
def test_stamps_are_read_whatever_they_are_written_in(kind: str) -> None:
    table = pl.DataFrame(bars(50)).with_columns(STAMPS[kind](pl.col("time")))
    assert Candles.from_frame(table).time.tolist() == candles(50).time.tolist()


@pytest.mark.parametrize(("unit", "scale"), [("s", 1e-3), ("us", 1e3), ("ns", 1e6)])
def test_other_units_are_read_when_told(unit: str, scale: float) -> None:
    table = pl.DataFrame(bars(50)).with_columns((pl.col("time") * scale).cast(pl.Int64))
    assert Candles.from_frame(table, time_unit=unit).fingerprint == candles(50).fingerprint
    with pytest.raises(DataError, match=f'Pass `time_unit="{unit}"`'):
        Candles.from_frame(table, timeframe="1m")


def test_pandas_index_and_naive_times_are_utc() -> None:
    frame = candles(50).to_pandas()
    assert Candles.from_frame(frame.tz_localize(None)).fingerprint == candles(50).fingerprint
    assert Candles.from_frame(frame.tz_convert("Asia/Tokyo")).fingerprint == candles(50).fingerprint


@pytest.mark.parametrize(("change", "said"), [
    ({"time": [START, START]}, r"^candles, row 1: 2022-01-01 00:00 is there twice"),
    ({"time": [START + MINUTE, START]}, r"^candles, row 1: 2022-01-01 00:00 comes after 2022-01-01 00:01"),
    ({"time": [1.5, 2.5]}, r"^candles, column time: dtype float64.*milliseconds"),
    ({"time": [START // 1000, START // 1000 + 60]}, r"^candles, row 0: .* is in seconds"),
    ({"time": [-MINUTE, 0]}, r"is no time between 1970 and 2100"),
    ({"open": [1.0, np.nan]}, r"^candles, row 1 \(2022-01-01 00:01\): open is missing"),
    ({"high": [np.inf, 2.0]}, r"^candles, row 0 \(2022-01-01 00:00\): high is inf"),
    ({"low": [0.0, 1.0]}, r"low is 0, and a price is above zero"),
    ({"high": [0.25, 2.0]}, r"high 0\.25 is below low 0\.5"),
    ({"close": [1.0, 3.0]}, r"row 1 .*: high 2\.0 is below close 3\.0"),
    ({"volume": [1.0, np.inf]}, r"row 1 .*: volume is inf"),
    ({"close": [1.0]}, r"column close: dtype float64 and shape \(1,\) do not fit 2 bars"),
    ({"close": ["a", "b"]}, r"column close: dtype <U1"),
])  # fmt: skip
def test_bad_arrays_are_refused(change: dict[str, list[float]], said: str) -> None:
    good = {
        "time": [START, START + MINUTE],
        "open": [1.0, 1.0],
        "high": [2.0, 2.0],
        "low": [0.5, 0.5],
        "close": [1.5, 1.5],
    }
    with pytest.raises(DataError, match=said):
        Candles.from_arrays(**{**good, **change}, timeframe="1m")  # type: ignore[arg-type]


def test_no_bars_are_refused() -> None:
    with pytest.raises(DataError, match="has no rows"):
        Candles.from_arrays(np.empty(0, np.int64), *[np.empty(0)] * 4, timeframe="1m")


@given(
    st.integers(0, 99),
    st.sampled_from(["open", "high", "low", "close"]),
    st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -1.0]),
)
def test_one_impossible_price_anywhere_is_found(row: int, column: str, value: float) -> None:
    data = bars(100)
    data[column] = data[column].copy()
    data[column][row] = value
    with pytest.raises(DataError, match=rf"row {row} .*{column} is"):
        Candles.from_arrays(**data, timeframe="1m")  # type: ignore[arg-type]


def test_resampled_bar_is_first_highest_lowest_last_and_sum() -> None:
    made = Candles.from_arrays(
        START + MINUTE * np.arange(6), [5, 6, 7, 8, 7, 6], [9, 8, 8, 9, 7, 8], [4, 5, 3, 6, 6, 5], [6, 7, 8, 7, 6, 7],
        [0.1, 0.2, 0.3, 1, 2, 3], timeframe="1m",
    ).resample("3m")  # fmt: skip
    assert made.time.tolist() == [START, START + 3 * MINUTE]
    assert (made.open.tolist(), made.high.tolist(), made.low.tolist(), made.close.tolist()) == (
        [5, 8],
        [9, 9],
        [3, 5],
        [8, 7],
    )
    assert made.volume.tolist() == [0.6, 6.0]
    assert made.incomplete is not None
    assert not made.incomplete.any()


def test_bars_that_lack_a_part_are_marked_and_stay_marked() -> None:
    data = bars(240)
    kept = np.delete(np.arange(240), [65, *range(120, 180)])
    made = Candles.from_arrays(**{name: column[kept] for name, column in data.items()}, timeframe="1m")  # type: ignore[arg-type]
    hours = made.resample("1h")
    assert hours.incomplete is not None
    assert hours.incomplete.tolist() == [False, True, False]
    two = hours.resample("2h").incomplete
    assert two is not None
    assert two.tolist() == [True, True]


def test_weeks_start_on_monday() -> None:
    days = Candles.from_arrays(START + 86_400_000 * np.arange(14), *[np.full(14, 5.0)] * 4, timeframe="1d")
    weeks = days.resample("1w")  # 2022-01-01 was a Saturday
    assert [datetime.fromtimestamp(t / 1000, UTC).strftime("%a %d") for t in weeks.time] == [
        "Mon 27",
        "Mon 03",
        "Mon 10",
    ]
    assert weeks.incomplete is not None
    assert weeks.incomplete.tolist() == [True, False, True]


@given(st.integers(1, 400), st.integers(0, 5))
def test_resampling_by_way_of_another_timeframe_changes_no_bit(n: int, seed: int) -> None:
    made = candles(n, seed)
    assert made.resample("5m").resample("1h").close.tolist() == made.resample("1h").close.tolist()
    assert made.resample("5m").resample("1h").volume.tolist() == made.resample("1h").volume.tolist()


def test_a_finer_timeframe_cannot_be_made() -> None:
    with pytest.raises(ConfigError, match=r"1m candles cannot be resampled to 90s\. Choose a whole multiple of 1m"):
        candles().resample("90s")


def test_sums_are_exact_for_decimals_and_for_floats() -> None:
    tenths = np.full(1_000, 0.1)
    first = np.array([0, 10, 990])
    assert decimal_places(tenths) == 1
    assert exact_sums(tenths, first).tolist() == [1.0, 98.0, 1.0]
    odd = np.array([1e16, 1.0, -1e16 + 2, np.pi])
    assert decimal_places(odd) is None
    assert exact_sums(np.array([1e9, np.pi, 1e-9]), np.array([0]))[0] == 1e9 + np.pi + 1e-9


def test_repr_names_the_series_and_its_span() -> None:
    made = candles(61, venue="binance")
    assert repr(made) == "Candles binance BTC/USDT 1m: 61 bars, 2022-01-01 00:00 … 2022-01-01 01:00 UTC"
    assert repr(made.resample("1h")).endswith("2 bars, 2022-01-01 00:00 … 2022-01-01 01:00 UTC, 1 incomplete")
    assert "<table" in made._repr_html_()
    assert "0 bars" in repr(made[:0])


def test_a_million_bars_are_checked_in_milliseconds(within: Callable[[str, float, float], None]) -> None:
    data = bars(1_000_000)
    took = []
    for _ in range(5):
        begun = time.perf_counter()
        made = Candles.from_arrays(**data, timeframe="1m")  # type: ignore[arg-type]
        took.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    cut = made[1_000:900_000]
    sliced = time.perf_counter() - begun
    within("a million bars checked", min(took), 0.05)
    within("a million bars cut", sliced, 0.005)
    assert np.shares_memory(cut.close, made.close)
