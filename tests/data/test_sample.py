"""The sample set: made on the spot, the same bits each time, and shaped like a market."""

from __future__ import annotations

import numpy as np
import pytest
from killing import tree

from workbench import data
from workbench.errors import ConfigError
from workbench.settings import data_folder

COINS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")


def returns(instrument: str, timeframe: str = "1m") -> np.ndarray:
    return np.diff(np.log(data.candles("sample", instrument, timeframe).close))


def test_sample_is_a_year_of_three_coins() -> None:
    catalog = data.sample()
    assert catalog["instrument"].to_list() == list(COINS)
    assert catalog["rows"].to_list() == [525_520, 525_520, 525_519]
    assert catalog["gaps"].to_list() == [1, 1, 2]
    assert {
        (f"{first:%Y-%m-%d %H:%M}", f"{last:%Y-%m-%d %H:%M}") for first, last in catalog.select("first", "last").rows()
    } == {("2023-01-01 00:00", "2023-12-31 23:59")}


def test_sample_is_the_same_each_time_and_a_short_one_is_the_beginning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    data.sample(months=2)
    first = tree(data_folder())
    monkeypatch.setenv("WORKBENCH_DATA", f"{tmp_path}/other")
    data.sample(months=2)
    assert tree(data_folder()) == first
    short = data.candles("sample", "ETH/USDT", "1m").fingerprint
    data.sample(months=3)
    assert data.candles("sample", "ETH/USDT", "1m", end="2023-03").fingerprint == short


def test_what_is_there_is_left_alone() -> None:
    data.sample(months=1)
    stamps = {path: path.stat().st_mtime_ns for path in data_folder().rglob("*.*")}
    data.sample(months=1)
    assert {path: path.stat().st_mtime_ns for path in data_folder().rglob("*.*")} == stamps


@pytest.mark.parametrize("months", [0, 13])
def test_there_are_twelve_months(months: int) -> None:
    with pytest.raises(ConfigError, match=f"`months` is {months}. Choose 1 to 12"):
        data.sample(months=months)


def test_prices_and_volumes_are_whole_ticks_and_lots() -> None:
    data.sample(months=1)
    candles = data.candles("sample", "BTC/USDT", "1m")
    instrument = candles.instrument
    assert (instrument.tick, instrument.lot, instrument.min_notional) == (0.01, 1e-5, 5.0)
    for column, places in ((candles.close, 2), (candles.high, 2), (candles.volume, 5)):
        assert (np.round(column, places) == column).all()


def test_volatility_clusters_and_coins_move_together() -> None:
    data.sample(months=3)
    moves = {coin: returns(coin) for coin in COINS}
    for own in moves.values():
        size = np.abs(own)
        assert np.mean((own / own.std()) ** 4) > 5  # fat tails; 3 without
        assert np.corrcoef(size[:-60], size[60:])[0, 1] > 0.1  # a wild hour is followed by a wild hour
        assert abs(np.corrcoef(own[:-1], own[1:])[0, 1]) < 0.1  # but not by one in the same direction
    bitcoin, ether = returns("BTC/USDT", "1h"), returns("ETH/USDT", "1h")
    assert 0.5 < np.corrcoef(bitcoin, ether)[0, 1] < 0.95


def test_volume_follows_the_hour() -> None:
    data.sample(months=2)
    candles = data.candles("sample", "BTC/USDT", "1h")
    hour = candles.time // 3_600_000 % 24
    by_hour = np.array([candles.volume[hour == h].mean() for h in range(24)])
    assert by_hour[15] > 1.3 * by_hour[3]


def test_halt_begins_with_dead_bars() -> None:
    data.sample(months=3)
    audit = data.candles("sample", "SOL/USDT", "1m").audit()
    assert [(f"{a:%m-%d %H:%M}", f"{b:%m-%d %H:%M}", n) for a, b, n in audit.gaps.rows()] == [
        ("02-14 16:38", "02-14 16:40", 1),
        ("03-24 12:39", "03-24 14:00", 80),
    ]
    assert (audit.dead, audit.zero_volume, audit.bad_ohlc) == (72, 72, 0)
