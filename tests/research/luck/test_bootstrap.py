"""Error bars that hold the truth as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from workbench.errors import ConfigError, DataError
from workbench.research.luck import block_length, sharpe_difference, sharpe_interval
from workbench.research.luck.bootstrap import draws

from .material import noise, persistent


@pytest.mark.parametrize("rho", [0.0, 0.2, 0.5, 0.8, -0.3])
def test_the_block_length_is_that_of_arch(rho):
    from arch.bootstrap import optimal_block_length

    values = persistent(7, rho)
    theirs = float(optimal_block_length(values)["stationary"].iloc[0])
    assert block_length(values) == pytest.approx(max(theirs, 1.0), rel=1e-9)


def test_resamples_are_those_of_arch():
    from arch.bootstrap import StationaryBootstrap

    theirs = StationaryBootstrap(6, np.arange(50), seed=3)
    rows = [np.bincount(data[0][0], minlength=50) for data, _ in [(each, 0) for each in theirs.bootstrap(20)]]
    np.testing.assert_array_equal(draws(50, block=6, reps=20, seed=3), rows)


def test_a_resample_is_as_long_as_the_record_and_its_blocks_as_long_as_asked():
    counts = draws(400, block=20.0, reps=50, seed=1)
    assert (counts.sum(axis=1) == 400).all()
    neighbours = (np.minimum(counts[:, 1:], counts[:, :-1])).sum() / counts.sum()
    assert neighbours > 0.85
    assert (np.minimum(*draws(400, block=1.0, reps=50, seed=1)[:, [0, 1]].T)).mean() < 0.7


@pytest.mark.parametrize(("rho", "true"), [(0.0, 0.05), (0.3, 0.0), (-0.2, 0.1)])
def test_ninety_five_percent_intervals_hold_the_truth_about_that_often(rho, true):
    held = 0
    for seed in range(80):
        found = sharpe_interval(persistent(seed, rho, 500) + true, periods_per_year=1, reps=300, seed=seed)
        held += found.lower <= true <= found.upper
    assert 0.89 <= held / 80 <= 0.99


def test_fat_tails_and_skew_widen_the_interval():
    rng = np.random.default_rng(1)
    calm = rng.standard_normal(1000)
    wild = np.where(rng.random(1000) < 0.02, -8.0, 0.2) + 0.5 * rng.standard_normal(1000)
    widths = [np.ptp(sharpe_interval(values + 0.2, periods_per_year=1)[1:3]) for values in (calm, wild)]
    assert widths[1] > 1.1 * widths[0]


def test_annualising_scales_the_interval():
    returns = noise(1, 300, 1)
    daily, yearly = (sharpe_interval(returns, periods_per_year=n, seed=2) for n in (1, 365))
    np.testing.assert_allclose(np.array(yearly[:3]), np.array(daily[:3]) * math.sqrt(365))


def test_two_records_of_the_same_days_are_compared_on_the_same_days():
    market = noise(1, 800, 1)[:, 0]
    better = market + 0.0006 + 0.001 * noise(2, 800, 1)[:, 0]
    apart = sharpe_difference(better, market, periods_per_year=365)
    assert 0.0 < apart.lower < apart.estimate < apart.upper
    assert sharpe_interval(better, periods_per_year=365).lower < apart.estimate


def test_what_does_not_vary_or_is_too_short_has_no_interval():
    assert math.isnan(sharpe_interval(np.zeros(50), periods_per_year=365).estimate)
    assert math.isnan(sharpe_interval(noise(1, 9, 1), periods_per_year=365).lower)


def test_impossible_questions_are_refused():
    with pytest.raises(ConfigError, match="`level` is 95"):
        sharpe_interval(noise(1, 50, 1), periods_per_year=365, level=95)
    with pytest.raises(ConfigError, match="`block` is"):
        draws(50, block=0.5)
    with pytest.raises(ConfigError, match="`periods_per_year`"):
        sharpe_interval(noise(1, 50, 1), periods_per_year=0)
    with pytest.raises(DataError, match="9 periods are too few"):
        block_length(noise(1, 9, 1))
    with pytest.raises(DataError, match="2 columns"):
        sharpe_interval(noise(1, 50, 2), periods_per_year=365)
    with pytest.raises(DataError, match="50 periods, `b` 49"):
        sharpe_difference(noise(1, 50, 1), noise(1, 49, 1), periods_per_year=365)
