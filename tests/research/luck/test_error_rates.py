"""How often the verdict is wrong: a sample of seeds here, all of them by `python -m benchmarks.luck`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks import luck

SEEDS = range(6)


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_noise_is_not_called_real_and_a_planted_edge_is(correlation):
    noise = luck.on_returns(SEEDS, sharpe=0.0, correlation=correlation)
    edge = luck.on_returns(SEEDS, sharpe=4.5, correlation=correlation)
    assert noise.share("real") <= 1 / 6
    assert edge.share("real") >= 5 / 6


def test_a_random_walk_is_not_called_real_and_a_trend_is():
    walk = luck.on_candles(range(6), trend=0.0)
    trend = luck.on_candles(range(6), trend=0.01)
    assert walk.share("real") <= 1 / 6
    assert trend.share("real") >= 5 / 6


def test_the_rates_are_printed_with_what_was_planted():
    rates = luck.on_returns(range(2), sharpe=4.5, correlation=0.0)
    row = luck.row("returns", rates)
    assert row[:2] == ["returns", "Sharpe ratio 4.5 in 1 of 100 columns"]
    assert row[2] == "2"
