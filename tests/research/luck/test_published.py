"""Every number of the literature that this room has to reproduce, to the digits that were printed.

The formulas themselves live in `workbench.metrics`; tests/metrics/test_significance.py holds the same numbers there.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from workbench.errors import ConfigError
from workbench.metrics import (
    deflated_sharpe,
    expected_maximum,
    lo_eta,
    min_backtest_length,
    min_track_record,
    probabilistic_sharpe,
)
from workbench.research.luck import overfitting, reality_check, spa, trials_allowed

from .material import noise

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks import pbo

DAILY, VARIANCE = 2.5 / math.sqrt(250), 0.5 / 250
SHAPE = {"skew": -3.0, "kurtosis": 10.0}


def test_t1_to_t3_the_deflated_sharpe_ratio_of_its_paper():
    assert round(expected_maximum(100, VARIANCE), 4) == 0.1132
    assert round(expected_maximum(100, VARIANCE), 6) == 0.113172
    assert round(deflated_sharpe(DAILY, 1250, trials=100, variance=VARIANCE, **SHAPE), 6) == 0.900397
    assert round(deflated_sharpe(DAILY, 1250, trials=46, variance=VARIANCE, **SHAPE), 6) == 0.950502
    assert round(deflated_sharpe(DAILY, 1250, trials=88, variance=VARIANCE), 4) == 0.9505


def test_t5_forty_five_trials_want_five_years():
    assert round(min_backtest_length(45), 3) == 4.998
    assert int(trials_allowed(5.0)) == 45
    assert trials_allowed(4.998) == pytest.approx(45, abs=0.05)


@pytest.mark.parametrize(("trials", "formula"), [(10, 1.5746), (45, 2.2356), (100, 2.5306), (1000, 3.2551)])
def test_t7_the_expected_maximum(trials, formula):
    assert round(expected_maximum(trials), 4) == formula
    assert min_backtest_length(trials) < 2.0 * math.log(trials)


@pytest.mark.parametrize(
    ("trials", "exact", "off"),
    [(5, 1.16296, 0.030), (10, 1.53875, 0.036), (100, 2.50759, 0.023), (1000, 3.24144, 0.014), (10**5, 4.38432, 0.007)],
)
def test_t8_the_formula_against_exact_quadrature(trials, exact, off):
    assert quadrature(trials) == pytest.approx(exact, abs=1e-5)
    assert expected_maximum(trials) - exact == pytest.approx(off, abs=6e-4)


def test_t8_below_five_trials_the_formula_is_not_used():
    from statistics import NormalDist

    z = NormalDist().inv_cdf
    formula = (1 - 0.5772156649) * z(1 - 1 / 2) + 0.5772156649 * z(1 - 1 / (2 * math.e))
    assert formula - 0.56419 == pytest.approx(-0.044, abs=6e-4)
    assert expected_maximum(2) == pytest.approx(0.56419, abs=1e-5)


def quadrature(trials: int) -> float:
    """Mean of the largest of so many standard normals."""
    from scipy.integrate import quad
    from scipy.stats import norm

    density = lambda x: x * trials * norm.pdf(x) * math.exp((trials - 1) * norm.logcdf(x))  # noqa: E731
    return quad(density, -8.0, 10.0, points=[0.0, 2.0, 4.0], limit=200)[0]


def test_t9_the_probabilistic_sharpe_ratio_of_two_years_of_months():
    assert round(probabilistic_sharpe(0.458, 24), 5) == 0.98167
    assert round(probabilistic_sharpe(0.458, 24, skew=-2.448, kurtosis=10.164), 4) == 0.9134


@pytest.mark.parametrize(("a_year", "years"), [(250, 2.73), (52, 2.83), (12, 3.24)])
def test_t11_the_minimum_track_record(a_year, years):
    assert round(min_track_record(2 / math.sqrt(a_year), benchmark=1 / math.sqrt(a_year)) / a_year, 2) == years


@pytest.mark.parametrize(("blocks", "splits"), [(12, 924), (16, 12_870)])
def test_t13_the_splits_of_cscv(blocks, splits):
    found = overfitting(noise(1, 96, 3), blocks=blocks)
    assert len(found.logits) == splits == math.comb(blocks, blocks // 2)
    assert math.comb(24, 12) == 2_704_156
    assert math.sqrt(0.25 / 12_870) < 0.0045


def test_t14_cscv_by_hand():
    rows = np.array([(-4, 2, -1, 0), (-3, 5, 7, 0), (0, 1, -4, 5), (7, 2, -5, -1)], float)
    found = overfitting(rows, blocks=4, score="sum")
    ranks = np.array([2, 1, 4, 4, 3, 1])
    assert found.chosen.tolist() == [1, 3, 1, 1, 1, 0]
    assert found.logits.round(4).tolist() == [-0.4055, -1.3863, 1.3863, 1.3863, 0.4055, -1.3863]
    np.testing.assert_allclose(found.logits, np.log(ranks / 5 / (1 - ranks / 5)))
    assert found.pbo == 0.5
    assert found.outside.tolist() == [3.0, -1.0, 6.0, 4.0, 3.0, -7.0]


def test_t15_the_null_of_pbo_is_a_mean_of_many_matrices():
    found = [overfitting(np.random.default_rng(seed).standard_normal((1000, 200))).pbo for seed in range(20)]
    assert np.mean(found) == pytest.approx(0.45, abs=0.07)  # published 0.476 of 60, and 0.430 of 12
    assert np.std(found, ddof=1) == pytest.approx(0.137, abs=0.05)
    assert min(found) < 0.35
    assert max(found) > 0.55


COARSE = (range(1, 23, 3), range(1, 21, 4), (-8, -4, -1), (-1, 1))


def seasonal(*, shift: float) -> tuple[float, float]:
    """Mean PBO, and mean chance of a loss, of a coarse part of the paper's mesh; `benchmarks.pbo` runs all of it."""
    found = [pbo.of_season(seed, shift=shift, mesh=COARSE, blocks=10) for seed in range(12)]
    return float(np.mean([one.pbo for one in found])), float(np.mean([one.loss for one in found]))


def test_t17_the_seasonal_rule_on_a_random_walk_is_overfit():
    overfit, loss = seasonal(shift=0.0)
    assert overfit > 0.35  # one walk of the paper: 55 %
    assert loss > 0.35  # 53 % there


def test_t18_the_seasonal_rule_with_a_season_is_not():
    overfit, loss = seasonal(shift=0.25)
    assert overfit < 0.25  # one walk of the paper: 13 %
    assert loss < 0.2  # 13 % there


def test_the_rule_is_stopped_after_the_day_on_which_it_has_lost_too_much():
    market = np.zeros(22)
    market[:6] = [0.0, 1.0, -2.0, -1.5, 3.0, 1.0]
    assert pbo.seasonal(market, 2, 4, -2, 1)[:6].tolist() == [0.0, 1.0, -2.0, -1.5, 0.0, 0.0]
    assert pbo.seasonal(market, 2, 4, -2, -1)[:6].tolist() == [0.0, -1.0, 2.0, 1.5, -3.0, 0.0]


@pytest.mark.parametrize("seed", range(5))
def test_t20_alone_is_never_harder_than_as_the_best_of_many(seed):
    returns = noise(seed, 300, 40)
    whites = spa(returns, studentize=False, reps=500)
    assert whites.naive <= whites.upper
    assert whites.upper == reality_check(returns, reps=500)


def planted_in(add: float) -> np.ndarray:
    returns = np.random.default_rng(20261122).normal(0, 0.01, (500, 100))
    returns[:, 0] += add
    return returns


def test_t22_the_reference_run_of_arch_comes_out_to_the_digit():
    from arch.bootstrap import SPA

    returns = planted_in(0.0)
    naive = returns.mean(axis=0) / returns.std(axis=0, ddof=1) * math.sqrt(500)
    assert round(naive.max(), 2) == 2.38
    ours = spa(returns, studentize=False, block=10, reps=2000, seed=1)
    assert (ours.lower, ours.p, ours.upper) == (0.361, 0.506, 0.520)
    theirs = SPA(np.zeros(500), -returns, block_size=10, reps=2000, seed=1)
    theirs.compute()
    assert theirs.pvalues.to_list() == [0.361, 0.506, 0.520]


@pytest.mark.parametrize("studentize", [True, False])
def test_t22_a_real_edge_brings_the_p_values_down(studentize):
    found = spa(planted_in(0.002), studentize=studentize, block=10, reps=2000, seed=1)
    assert (found.lower, found.p, found.upper, found.best) == (0.0, 0.0, 0.0, 0)


@pytest.mark.parametrize("seed", range(8))
def test_t22_the_consistent_value_lies_between_the_bounds(seed):
    returns = noise(seed, 250, 30) + np.linspace(-0.003, 0.0005, 30)
    found = spa(returns, reps=400, seed=seed)
    assert found.lower <= found.p <= found.upper


@pytest.mark.parametrize(("rho", "expected"), [(0.1, 0.91225), (0.3, 0.75483), (-0.2, 1.20402)])
def test_t24_annualising_serially_correlated_months(rho, expected):
    assert round(lo_eta(rho ** np.arange(1, 12), 12) / math.sqrt(12), 5) == expected


def test_t26_wrong_conventions_miss_the_published_number():
    from statistics import NormalDist

    luck = expected_maximum(100, VARIANCE)

    def score(sharpe: float, periods: float, kurtosis: float) -> float:
        error = math.sqrt(1 + 3 * sharpe + (kurtosis - 1) / 4 * sharpe**2)
        return round(NormalDist().cdf((sharpe - luck) * math.sqrt(periods) / error), 4)

    assert score(DAILY, 1249, 10) == 0.9004
    assert score(DAILY, 1250, 10) != 0.9004
    assert score(DAILY, 1249, 7) != 0.9004
    with pytest.raises(ConfigError, match="add 3"):
        deflated_sharpe(DAILY, 1250, trials=100, variance=VARIANCE, skew=-3, kurtosis=7)
    assert round(deflated_sharpe(2.5, 1250, trials=100, variance=0.5, **SHAPE), 4) != 0.9004
