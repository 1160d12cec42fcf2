"""Bars as coarse as a chart needs, over a history of a million; and what other parameters would have done."""

from __future__ import annotations

import time

import numpy as np
import pytest

import workbench as wb
from workbench.controllers import Bollinger
from workbench.errors import DataError
from workbench.live import Plan, run_folder
from workbench.panels.backroom import BackRoom
from workbench.panels.computing import bars, coarser, effect
from workbench.settings import data_folder, home_folder

MINUTE, YEAR_2021 = 60_000, 1_609_459_200_000


@pytest.fixture
def folder():
    """A run that has written nothing yet, so that its bars are the store's."""
    made = run_folder(home_folder(), "charted").path
    Plan.make(Bollinger(length=20), "sample", "BTC/USDT", name="charted", mode="paper").write(made)
    return made


def test_three_bars_put_together_keep_first_highest_lowest_last_and_sum():
    columns = {"time": [0, 60_000, 120_000, 180_000], "open": [1, 2, 3, 4], "high": [5, 9, 6, 4], "low": [1, 2, 0.5, 4],
               "close": [2, 3, 4, 4], "volume": [1, 1, 2, 7]}  # fmt: skip
    found = coarser({name: np.array(values) for name, values in columns.items()}, 180_000)
    assert found == {"time": [0, 180_000], "open": [1, 4], "high": [9, 4], "low": [0.5, 4], "close": [4, 4],
                     "volume": [4, 7]}  # fmt: skip


def test_any_window_of_a_million_bars_comes_within_half_a_second(folder, tmp_path, within):
    count = 1_000_000
    close = 20_000 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 4e-4, count)))
    table = wb.Candles.from_arrays(
        YEAR_2021 + MINUTE * np.arange(count),
        close,
        close * 1.001,
        close * 0.999,
        close,
        np.ones(count),
        timeframe="1m",
    ).to_polars()
    table.write_parquet(tmp_path / "million.parquet")
    wb.data.ingest(tmp_path / "million.parquet", venue="sample", instrument="BTC/USDT", timeframe="1m")
    end = YEAR_2021 + MINUTE * count
    took = []
    for share in (1.0, 0.5, 0.1, 0.01, 0.001):
        began = time.process_time()
        found = bars(str(folder), 0, start=int(end - share * MINUTE * count), end=end, points=2_400)
        took.append(time.process_time() - began)
        assert 400 < len(found["time"]) <= 2_402
        assert (found["first_ms"], found["last_ms"]) == (YEAR_2021, end - MINUTE)
    within("longest window of a million bars, CPU", max(took[1:]), 0.5)


def test_an_effect_shows_both_sets_and_a_broken_one_its_sentence(folder):
    wb.data.sample(months=1)
    found = effect(str(folder), {}, {"length": 40}, days=2.0)
    assert found["bars"] == 2 * 24 * 60
    assert found["old"]["equity"] != found["new"]["equity"]
    assert set(found["labels"]) == set(found["new"]["metrics"])
    room = BackRoom("effect", str(data_folder()))
    try:
        with pytest.raises(DataError, match="length"):
            room.ask({"folder": str(folder), "old": {}, "new": {"length": 0}})
    finally:
        room.close()


def test_no_bars_at_all_is_a_sentence(folder):
    with pytest.raises(DataError, match="no bars yet"):
        bars(str(folder), 0)
