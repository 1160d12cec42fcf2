from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.market import as_milliseconds
from workbench.reports.thin import envelope, round_step, thin_candles

from .material import wandering

DAY = 86_400_000
numbers = st.floats(-1e6, 1e6) | st.just(float("nan"))


@given(st.lists(numbers, min_size=1, max_size=400), st.integers(8, 80))
def test_an_envelope_keeps_both_extremes_both_ends_and_its_bound(values, points):
    line = np.array(values)
    rows = envelope(line, points)
    assert len(rows) <= points
    assert (np.diff(rows) > 0).all()
    assert (rows[0], rows[-1]) == (0, len(line) - 1)
    if not np.isnan(line).all():
        assert np.nanmax(line[rows]) == np.nanmax(line)
        assert np.nanmin(line[rows]) == np.nanmin(line)


@given(st.integers(9, 500), st.integers(8, 60))
def test_every_stretch_of_an_envelope_keeps_its_own_extremes(count, points):
    line = np.random.default_rng(count).normal(size=count)
    rows, width = envelope(line, points), -(-count // (points // 4)) if count > points else 1
    for start in range(0, count, width):
        mine = rows[(rows >= start) & (rows < start + width)]
        assert line[mine].max() == line[start : start + width].max()
        assert line[mine].min() == line[start : start + width].min()


def test_a_stretch_without_values_stays_a_gap():
    line = np.concatenate([np.ones(100), np.full(100, np.nan), np.ones(100)])
    drawn = line[envelope(line, 24)]
    assert np.isnan(drawn).any()
    assert np.nanmax(drawn) == 1.0


def test_few_values_are_all_drawn():
    assert envelope(np.arange(20.0), 24).tolist() == list(range(20))


@given(st.integers(1, 700), st.integers(2, 90), st.sampled_from(["1m", "7m", "1h", "1d"]))
def test_thin_candles_keep_every_price_that_matters(count, bars, timeframe):
    candles = wandering(count, timeframe=timeframe)
    thin = thin_candles(candles, bars=bars)
    assert len(thin) <= max(bars, 1)
    assert thin.high.max() == candles.high.max()
    assert thin.low.min() == candles.low.min()
    assert (thin.open[0], thin.close[-1]) == (candles.open[0], candles.close[-1])
    assert thin.volume.sum() == pytest.approx(candles.volume.sum())
    assert thin.timeframe_ms % candles.timeframe_ms == 0


def test_a_thin_bar_is_made_of_the_candles_inside():
    candles = wandering(240, timeframe="1m")
    thin = thin_candles(candles, bars=25)
    assert thin.timeframe_ms == as_milliseconds("10m")
    assert thin.high.tolist() == candles.high.reshape(-1, 10).max(axis=1).tolist()
    assert thin.low.tolist() == candles.low.reshape(-1, 10).min(axis=1).tolist()
    assert thin.open.tolist() == candles.open[::10].tolist()
    assert thin.close.tolist() == candles.close[9::10].tolist()


def test_a_thin_bar_has_a_round_length_where_the_timeframe_allows_it():
    assert round_step(as_milliseconds("1m"), 100 * DAY, 3000) == as_milliseconds("1h")
    assert round_step(as_milliseconds("1h"), 730 * DAY, 200) == as_milliseconds("1w")
    assert round_step(as_milliseconds("7m"), DAY, 50) == as_milliseconds("35m")
