"""Returns: published tables to their last digit, numbers done by hand, and what may not change the answer."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workbench import metrics
from workbench.errors import ConfigError, DataError

YEAR = {"periods_per_year": 252}
# empyrical's own test table; the NaN is a day without a measurement.
MIXED = np.array([np.nan, 1.0, 10.0, -4.0, 2.0, 3.0, 2.0, 1.0, -10.0]) / 100
POSITIVE = np.array([1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]) / 100
NEGATIVE = np.array([0.0, -6.0, -7.0, -1.0, -9.0, -2.0, -6.0, -8.0, -5.0]) / 100
BENCHMARK = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]) / 100
# Two years of monthly returns, in per cent: the example portfolio of Bacon (2008).
FIRST_YEAR = [0.3, 2.6, 1.1, -1.0, 1.5, 2.5, 1.6, 6.7, -1.4, 4.0, -0.5, 8.1]
SECOND_YEAR = [4.0, -3.7, -6.1, 1.7, -4.9, -2.2, 7.0, 5.8, -6.5, 2.4, -0.5, -0.9]
BACON = np.array([*FIRST_YEAR, *SECOND_YEAR]) / 100
small_returns = arrays(np.float64, st.integers(3, 40), elements=st.floats(-0.2, 0.2, allow_subnormal=False))


@pytest.mark.parametrize(
    ("number", "published"),
    [
        (metrics.annual_return(MIXED, **YEAR), 1.9135925373194231),
        (metrics.annual_volatility(MIXED, **YEAR), 0.9136465399704637),
        (metrics.sharpe(MIXED, **YEAR), 1.7238613961706866),
        (metrics.sharpe(MIXED, benchmark=BENCHMARK, **YEAR), 0.34111411441060574),
        (metrics.calmar(MIXED, **YEAR), 19.135925373194233),
        (metrics.downside_risk(MIXED, **YEAR), 0.60448325038829653),
        (metrics.omega(MIXED, required=11 ** (1 / 252) - 1), 0.83354263497557934),
        (metrics.tail_ratio(np.nan_to_num(MIXED)), 0.9473684210526313),  # which takes the NaN for 0
        (metrics.sharpe(POSITIVE, **YEAR), 52.915026221291804),
        (metrics.sharpe(NEGATIVE, **YEAR), -24.406808633910085),
        (metrics.sortino(NEGATIVE, **YEAR), -13.532743075043401),
        (metrics.max_drawdown(np.cumprod(np.append(1.0, 1.0 + MIXED[1:]))), 0.1),
    ],
)
def test_the_table_of_empyrical_is_met_to_the_last_digit(number: float, published: float) -> None:
    assert number == pytest.approx(published, rel=4e-15, abs=0.0)


def test_the_portfolio_of_bacon_is_met_to_the_digits_printed() -> None:
    # Carl Bacon (2008), Practical Portfolio Performance Measurement and Attribution, 2nd ed., pages 84 to 99.
    assert round(metrics.downside_risk(BACON, periods_per_year=1, required=0.005), 4) == 0.0255
    assert round(metrics.sortino(BACON, periods_per_year=1, required=0.005), 3) == 0.157
    assert round(metrics.omega(BACON), 2) == 1.78
    assert round(metrics.kurtosis(BACON), 2) == 2.43
    assert round(metrics.skew(BACON) / metrics.kurtosis(BACON), 3) == -0.034


@pytest.mark.parametrize(
    ("start", "end", "days", "published"),
    [
        (64_900, 176_000, 1095, 0.3945),
        (64_900, 176_000, 365, 1.7119),
        (1_000, 1_500, 365, 0.5),
        (1_000, 1_500, 100, 3.3927),
        (0.01, 0.01762792, 120, 4.6087),
    ],
)
def test_growth_a_year_is_that_of_freqtrade(start: float, end: float, days: float, published: float) -> None:
    assert round(metrics.cagr(start, end, days), 4) == published


def test_growth_a_year_of_an_account_that_lost_all_is_minus_one() -> None:
    assert metrics.cagr(100.0, 0.0, 10) == -1.0
    assert metrics.cagr(100.0, -5.0, 10) == -1.0


def test_numbers_done_by_hand() -> None:
    returns = [0.1, -0.1, 0.2]  # 1.1 · 0.9 · 1.2 = 1.188
    assert metrics.total_return(returns) == pytest.approx(0.188)
    assert metrics.annual_return(returns, periods_per_year=6) == pytest.approx(1.188**2 - 1)
    assert metrics.annual_volatility([0.1, -0.1], periods_per_year=2) == pytest.approx(0.2)  # √0.02 · √2
    assert metrics.downside_risk(returns, periods_per_year=3) == pytest.approx(0.1)  # √(0.01 / 3) · √3
    assert metrics.sortino(returns, periods_per_year=3) == pytest.approx(2.0)  # 0.2 / 0.1
    assert metrics.omega(returns) == pytest.approx(3.0)  # 0.3 / 0.1
    assert metrics.skew([0.0, 0.0, 0.0, 4.0]) == pytest.approx(6.0 / 3.0**1.5)  # mean 1, variance 3, third moment 6
    assert metrics.kurtosis([1.0, -1.0, 1.0, -1.0]) == pytest.approx(1.0)  # the least there can be
    assert metrics.autocorrelation([1.0, -1.0, 1.0, -1.0], 1) == pytest.approx(-0.75)


def test_compounded_volatility_is_that_of_a_year_of_coin_flips() -> None:
    # Up 20 % or down 10 % with equal odds: a year of two flips ends at 1.44, 1.08, 1.08 or 0.81.
    flips = np.tile([0.2, -0.1], 50_000)
    growth = metrics.annual_return(flips, periods_per_year=1) + 1.0
    variance = np.var([0.2, -0.1])
    expected = math.sqrt((variance + growth**2) ** 2 - growth**4)
    assert metrics.compounded_volatility(flips, periods_per_year=2) == pytest.approx(expected, rel=1e-4)
    assert expected == pytest.approx(np.std([1.44, 1.08, 1.08, 0.81]), rel=0.02)  # 1.08² instead of 1.05²


def test_kurtosis_of_normal_returns_is_three_and_not_zero() -> None:
    assert metrics.kurtosis(np.random.default_rng(7).normal(size=200_000)) == pytest.approx(3.0, abs=0.05)


@given(small_returns, st.floats(0.1, 10.0))
def test_leverage_leaves_the_sharpe_ratio_as_it_is(returns: np.ndarray, factor: float) -> None:
    before, after = metrics.sharpe(returns, **YEAR), metrics.sharpe(returns * factor, **YEAR)
    assert after == pytest.approx(before, rel=1e-6, abs=1e-9, nan_ok=True)


@given(small_returns, st.floats(-0.05, 0.05))
def test_the_same_added_to_returns_and_benchmark_leaves_the_sharpe_ratio_as_it_is(
    returns: np.ndarray, shift: float
) -> None:
    if np.ptp(returns) < 1e-6:
        return
    flat = np.zeros_like(returns)
    before = metrics.sharpe(returns, benchmark=flat, **YEAR)
    assert metrics.sharpe(returns + shift, benchmark=flat + shift, **YEAR) == pytest.approx(before, rel=1e-6, abs=1e-6)


@given(small_returns)
def test_four_times_the_periods_in_a_year_doubles_the_sharpe_ratio(returns: np.ndarray) -> None:
    once, four = metrics.sharpe(returns, periods_per_year=91), metrics.sharpe(returns, periods_per_year=364)
    assert four == pytest.approx(2.0 * once, nan_ok=True)


@given(small_returns)
def test_turned_returns_turn_skew_and_keep_kurtosis(returns: np.ndarray) -> None:
    assert metrics.skew(-returns) == pytest.approx(-metrics.skew(returns), nan_ok=True)
    assert metrics.kurtosis(-returns) == pytest.approx(metrics.kurtosis(returns), nan_ok=True)


def test_more_noise_lowers_the_sharpe_ratio() -> None:
    noise = np.random.default_rng(1).normal(size=500)
    ratios = [metrics.sharpe(0.001 + width * noise, periods_per_year=365) for width in (0.001, 0.01, 0.1)]
    assert ratios == sorted(ratios, reverse=True)


ALL = [
    lambda r: metrics.total_return(r),
    lambda r: metrics.annual_return(r, **YEAR),
    lambda r: metrics.annual_volatility(r, **YEAR),
    lambda r: metrics.compounded_volatility(r, **YEAR),
    lambda r: metrics.downside_risk(r, **YEAR),
    lambda r: metrics.sharpe(r, **YEAR),
    lambda r: metrics.sortino(r, **YEAR),
    lambda r: metrics.compounded_sharpe(r, **YEAR),
    lambda r: metrics.compounded_sortino(r, **YEAR),
    lambda r: metrics.calmar(r, **YEAR),
    lambda r: metrics.omega(r),
    lambda r: metrics.tail_ratio(r),
    lambda r: metrics.skew(r),
    lambda r: metrics.kurtosis(r),
    lambda r: metrics.autocorrelation(r, 1),
    lambda r: metrics.beta(r, r),
    lambda r: metrics.alpha(r, r, **YEAR),
]


@pytest.mark.parametrize(
    "returns",
    [[], [0.1], [0.0, 0.0], [0.01] * 30, [np.nan] * 3, [-1.0, 0.5], [-1.5, 0.1, 0.1], [1e300, 1e300], [1e-320, 0.0]],
    ids=["none", "one", "zeros", "constant", "not measured", "ruin", "beyond ruin", "huge", "tiny"],
)
@pytest.mark.parametrize("number", ALL)
def test_nothing_is_ever_infinite_and_nothing_warns(
    number: Callable[[list[float]], float], returns: list[float]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = number(returns)
    assert type(answer) is float
    assert not math.isinf(answer)


def test_a_ratio_over_nothing_is_nan() -> None:
    assert math.isnan(metrics.sharpe([0.01] * 30, periods_per_year=365))  # no variance but rounding
    assert math.isnan(metrics.sortino([0.01, 0.02], periods_per_year=365))  # nothing fell short
    assert math.isnan(metrics.omega([0.01, 0.02]))
    assert math.isnan(metrics.calmar([0.01, 0.02], periods_per_year=365))


def test_bad_input_says_what_and_where() -> None:
    with pytest.raises(DataError, match=r"`returns` is infinite in row 2"):
        metrics.sharpe([0.1, 0.2, np.inf], **YEAR)
    with pytest.raises(DataError, match=r"shape \(2, 2\)"):
        metrics.sharpe(np.zeros((2, 2)), **YEAR)
    with pytest.raises(DataError, match="cannot be read as numbers"):
        metrics.total_return(["a lot"])
    with pytest.raises(DataError, match=r"`returns` has 2 rows, `benchmark` 3"):
        metrics.sharpe([0.1, 0.2], benchmark=[0.1, 0.2, 0.3], **YEAR)
    with pytest.raises(ConfigError, match=r"`periods_per_year` is 0\. It must be"):
        metrics.sharpe([0.1, 0.2], periods_per_year=0)
