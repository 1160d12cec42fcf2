"""Luck: the worked examples of the papers, and each wrong convention shown to miss them."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ConfigError
from workbench.metrics import (
    deflated_sharpe,
    effective_trials,
    expected_maximum,
    lo_eta,
    min_backtest_length,
    min_track_record,
    probabilistic_sharpe,
)

# Bailey and López de Prado (2014): SR 2.5 a year over 1,250 days (250 a year), skew −3, kurtosis 10, 100 trials whose
# Sharpe ratios have a variance of 1/2 a year.
DAILY = 2.5 / math.sqrt(250)
VARIANCE = 0.5 / 250
SHAPE = {"skew": -3.0, "kurtosis": 10.0}


def test_the_bar_that_luck_sets_is_that_of_the_paper() -> None:
    assert round(expected_maximum(100, VARIANCE), 6) == 0.113172


@pytest.mark.parametrize(("trials", "published"), [(100, 0.900397), (46, 0.950502)])
def test_the_deflated_sharpe_ratio_is_that_of_the_paper(trials: int, published: float) -> None:
    assert round(deflated_sharpe(DAILY, 1250, trials=trials, variance=VARIANCE, **SHAPE), 6) == published


def test_with_normal_returns_88_trials_are_as_good_as_46_without() -> None:
    assert round(deflated_sharpe(DAILY, 1250, trials=88, variance=VARIANCE), 4) == 0.9505


@pytest.mark.parametrize(
    ("trials", "formula", "years"), [(10, 1.5746, 2.48), (45, 2.2356, 5.0), (100, 2.5306, 6.40), (1000, 3.2551, 10.60)]
)
def test_the_best_of_many_normals_and_the_years_it_asks_for(trials: int, formula: float, years: float) -> None:
    assert round(expected_maximum(trials), 4) == formula
    assert round(min_backtest_length(trials), 2) == years


def test_forty_five_trials_ask_for_five_years() -> None:
    assert round(min_backtest_length(45), 3) == 4.998
    assert min_backtest_length(45, sharpe=2.0) == pytest.approx(4.998 / 4, rel=1e-4)


@pytest.mark.parametrize(("trials", "exact"), [(1, 0.0), (2, 0.56419), (3, 0.84628), (4, 1.02938)])
def test_below_five_trials_the_mean_is_exact(trials: int, exact: float) -> None:
    assert expected_maximum(trials) == pytest.approx(exact, abs=1e-5)


@pytest.mark.parametrize(("trials", "exact", "off"), [(5, 1.16296, 0.03), (10, 1.53875, 0.036), (1000, 3.24144, 0.014)])
def test_from_five_trials_on_the_formula_is_off_by_as_much_as_is_known(trials: int, exact: float, off: float) -> None:
    assert expected_maximum(trials) - exact == pytest.approx(off, abs=6e-4)


def test_the_probabilistic_sharpe_ratio_of_two_years_of_months() -> None:
    assert round(probabilistic_sharpe(0.458, 24), 4) == 0.9817
    assert round(probabilistic_sharpe(0.458, 24, skew=-2.448, kurtosis=10.164), 4) == 0.9134


@pytest.mark.parametrize(("a_year", "published"), [(250, 2.73), (52, 2.83), (12, 3.24)])
def test_the_record_needed_to_tell_a_sharpe_of_two_from_one(a_year: int, published: float) -> None:
    periods = min_track_record(2 / math.sqrt(a_year), benchmark=1 / math.sqrt(a_year))
    assert round(periods / a_year, 2) == published


@pytest.mark.parametrize(("rho", "expected"), [(0.1, 0.91225), (0.3, 0.75483), (-0.2, 1.20402)])
def test_annualising_serially_correlated_months(rho: float, expected: float) -> None:
    assert round(lo_eta(rho ** np.arange(1, 12), 12) / math.sqrt(12), 5) == expected


def test_without_correlation_the_factor_is_the_root_of_time() -> None:
    assert lo_eta([], 12) == pytest.approx(math.sqrt(12))
    assert lo_eta(np.zeros(364), 365) == pytest.approx(math.sqrt(365))


class TestWrongConventions:
    """The paper's 0.9004 is missed by each of the mistakes that are common."""

    def score(self, sharpe: float, periods: float, luck: float, skew: float, kurtosis: float) -> float:
        spread = math.sqrt(1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2)
        return round(NormalDist().cdf((sharpe - luck) * math.sqrt(periods) / spread), 4)

    def test_right(self) -> None:
        ours = deflated_sharpe(DAILY, 1250, trials=100, variance=VARIANCE, **SHAPE)
        assert self.score(DAILY, 1249, expected_maximum(100, VARIANCE), -3, 10) == round(ours, 4) == 0.9004

    def test_root_of_all_observations(self) -> None:
        assert self.score(DAILY, 1250, expected_maximum(100, VARIANCE), -3, 10) != 0.9004

    def test_excess_kurtosis(self) -> None:
        assert self.score(DAILY, 1249, expected_maximum(100, VARIANCE), -3, 7) != 0.9004
        with pytest.raises(ConfigError, match="add 3"):
            deflated_sharpe(DAILY, 1250, trials=100, variance=VARIANCE, skew=-3, kurtosis=7)
        with pytest.raises(ConfigError, match="add 3"):
            probabilistic_sharpe(0.1, 100, kurtosis=0.0)

    def test_annual_ratio_with_daily_observations(self) -> None:
        assert round(deflated_sharpe(2.5, 1250, trials=100, variance=0.5, **SHAPE), 4) != 0.9004


def test_an_unknown_number_of_trials_is_not_one_trial() -> None:
    assert math.isnan(deflated_sharpe(DAILY, 1250, trials=None, variance=VARIANCE))
    assert math.isnan(expected_maximum(None))
    assert math.isnan(min_backtest_length(None))


def test_one_trial_deflates_nothing() -> None:
    assert deflated_sharpe(0.1, 500, trials=1, variance=1.0) == probabilistic_sharpe(0.1, 500)


def test_correlated_trials_count_for_less() -> None:
    assert effective_trials(100, 0.0) == 100
    assert effective_trials(100, 1.0) == 1
    assert effective_trials(100, 0.5) == 50.5


@given(st.floats(0.01, 0.3), st.integers(30, 3000))
def test_the_needed_record_gives_just_the_confidence_asked_for(sharpe: float, benchmark_in_percent: int) -> None:
    benchmark = sharpe * (benchmark_in_percent % 90) / 100
    periods = min_track_record(sharpe, benchmark=benchmark, skew=-0.5, kurtosis=5)
    if periods >= 2:
        reached = probabilistic_sharpe(sharpe, periods, benchmark=benchmark, skew=-0.5, kurtosis=5)
        assert reached == pytest.approx(0.95, abs=1e-9)


@given(st.floats(1.0, 1e6), st.floats(1.0, 1e6))
def test_more_trials_raise_the_bar(few: float, many: float) -> None:
    few, many = sorted((few, many))
    assert expected_maximum(few) <= expected_maximum(many)


def test_records_too_short_or_not_above_the_benchmark_have_no_answer() -> None:
    assert math.isnan(probabilistic_sharpe(0.5, 1))
    assert math.isnan(probabilistic_sharpe(math.nan, 100))
    assert math.isnan(min_track_record(0.1, benchmark=0.1))
    assert math.isnan(lo_eta(np.full(11, -0.9), 12))


def test_impossible_questions_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"0\.5 trials"):
        expected_maximum(0.5)
    with pytest.raises(ConfigError, match="`confidence` is 95"):
        min_track_record(0.1, confidence=95)
    with pytest.raises(ConfigError, match="`periods` is 0"):
        lo_eta([], 0)
    with pytest.raises(ConfigError, match=r"correlation 1\.5"):
        effective_trials(10, 1.5)
