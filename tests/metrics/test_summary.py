"""The summary: by hand, against the plain functions, and what may not change it."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import metrics
from workbench.errors import ConfigError, DataError
from workbench.metrics import METRICS, Trips, summarise

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
# Scaled money scales these, and nothing else.
MONEY = {"net_profit", "fees", "volume_traded", "expectancy"}


def summary(equity: Any, *, timeframe_ms: int = DAY_MS, start_ms: int = 0, **changes: Any) -> dict[str, float]:
    equity = np.asarray(equity, np.float64)
    terms: dict[str, Any] = {
        "timeframe_ms": timeframe_ms,
        "cash": 100.0,
        "trips": Trips.none(),
        "fees_paid": 0.0,
        "volume_traded": 0.0,
        "bars_exposed": 0,
        "close": np.linspace(10.0, 20.0, equity.size),
    } | changes
    time_ms = start_ms + np.arange(equity.size, dtype=np.int64) * timeframe_ms
    return summarise(terms.pop("time_ms", time_ms), equity, **terms)


def trips_of(pnl: list[float], *, entered: float = 100.0, days: float = 1.0) -> Trips:
    array, zeros = np.array(pnl), np.zeros(len(pnl), np.int64)
    return Trips(array, array / entered, zeros, zeros + int(days * DAY_MS), np.ones(len(pnl), np.int8))


def test_four_days_by_hand() -> None:
    said = summary(
        [110.0, 99.0, 99.0, 121.0],
        trips=trips_of([30.0, -10.0], days=0.5),
        fees_paid=4.0,
        volume_traded=1_000.0,
        bars_exposed=3,
        close=[10.0, 20.0, 10.0, 15.0],
    )
    assert said["net_profit"] == 21.0
    assert said["total_return"] == pytest.approx(0.21)
    assert said["days"] == 4.0
    assert said["cagr"] == pytest.approx(1.21 ** (365 / 4) - 1)
    assert said["buy_and_hold"] == pytest.approx(0.5)
    assert said["max_drawdown"] == pytest.approx(0.1)  # from 110 to 99
    assert said["max_drawdown_days"] == 3.0  # from the first close to the fourth
    assert said["ulcer_index"] == pytest.approx(math.sqrt((0.1**2 + 0.1**2) / 4))
    assert said["exposure_time"] == 0.75
    assert said["turnover"] == pytest.approx(1_000 / 107.25 / (4 / 365))
    assert said["fee_share"] == pytest.approx(4 / 25)
    assert said["break_even_fee"] == pytest.approx(0.025)
    assert said["expectancy"] == 10.0
    assert said["profit_factor"] == 3.0
    assert said["average_trade"] == pytest.approx(0.1)
    assert said["average_trade_days"] == 0.5
    assert said["observations"] == 4
    assert said["sharpe"] == pytest.approx(metrics.sharpe([0.1, -0.1, 0.0, 121 / 99 - 1], periods_per_year=365))


def test_every_number_is_described_in_the_order_in_which_it_comes() -> None:
    said = summary([101.0, 102.0])
    assert list(said) == list(METRICS)
    assert all(type(value) is float for value in said.values())
    assert len({metric.label for metric in METRICS.values()}) == len(METRICS)
    assert {metric.unit for metric in METRICS.values()} == {"quote", "fraction", "ratio", "days", "count"}


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("sharpe", 1.23456, "1.235"),
        ("max_drawdown", 0.25, "25.00 %"),
        ("net_profit", 12_345.678, "12,345.68"),
        ("round_trips", 66.0, "66"),
        ("days", 365.25, "365.2"),
        ("periods_per_year", 365 / 7, "52.14"),
        ("kelly", math.nan, "–"),
    ],
)
def test_numbers_are_shown_in_their_unit(name: str, value: float, shown: str) -> None:
    assert METRICS[name].show(value) == shown


def test_hours_are_measured_by_days_that_end_at_midnight() -> None:
    # From 18:00 of one day: six hours, a whole day, and three hours of the third.
    equity = np.concatenate([np.full(6, 110.0), np.full(24, 99.0), np.full(3, 132.0)])
    said = summary(equity, timeframe_ms=HOUR_MS, start_ms=18 * HOUR_MS)
    daily = [0.1, -0.1, 1 / 3]
    assert said["observations"] == 3
    assert said["periods_per_year"] == 365
    assert said["days"] == pytest.approx(33 / 24)
    assert said["sharpe"] == pytest.approx(metrics.sharpe(daily, periods_per_year=365))
    assert said["skew"] == pytest.approx(metrics.skew(daily))


def test_a_fall_between_midnights_counts_for_the_largest_drawdown() -> None:
    equity = np.full(48, 100.0)
    equity[10:14] = 60.0
    said = summary(equity, timeframe_ms=HOUR_MS)
    assert said["max_drawdown"] == 0.4
    assert said["max_drawdown_days"] == pytest.approx(5 / 24)
    assert math.isnan(said["average_drawdown"])  # at days' ends there was none


def test_a_loss_in_the_first_bar_is_a_drawdown_from_the_starting_cash() -> None:
    said = summary([80.0, 90.0])
    assert said["max_drawdown"] == pytest.approx(0.2)
    assert said["max_drawdown_days"] == 2.0
    assert said["average_drawdown"] == pytest.approx(0.2)


def test_a_day_without_bars_has_no_return_of_its_own() -> None:
    time_ms = np.array([0, 12, 60, 72], np.int64) * HOUR_MS  # nothing on the second day, and two bars on the third
    said = summary([100.0, 110.0, 115.0, 121.0], timeframe_ms=12 * HOUR_MS, time_ms=time_ms)
    assert said["observations"] == 3
    assert said["total_return"] == pytest.approx(0.21)


@pytest.mark.parametrize(
    ("timeframe_ms", "a_year"), [(60_000, 365), (HOUR_MS, 365), (DAY_MS, 365), (7 * DAY_MS, 365 / 7)]
)
def test_periods_in_a_year_follow_the_bars(timeframe_ms: int, a_year: float) -> None:
    assert summary([101.0, 102.0], timeframe_ms=timeframe_ms)["periods_per_year"] == a_year


def test_the_factor_asked_for_is_the_factor_used() -> None:
    equity = [101.0, 100.0, 103.0, 102.0]
    assert summary(equity, periods_per_year=252)["sharpe"] == pytest.approx(
        summary(equity)["sharpe"] * math.sqrt(252 / 365)
    )


def test_holding_the_benchmark_has_beta_one_and_no_alpha() -> None:
    close = np.array([10.0, 12.0, 9.0, 11.0, 14.0])
    said = summary(10.0 * close, close=close)
    assert said["beta"] == pytest.approx(1.0)
    assert said["alpha"] == pytest.approx(0.0, abs=1e-12)
    assert said["buy_and_hold"] == pytest.approx(said["total_return"])


def test_several_markets_are_one_benchmark_of_equal_parts() -> None:
    close = np.array([[10.0, 20.0, 20.0], [np.nan, 50.0, 25.0]])
    said = summary([100.0, 150.0, 125.0], close=close)
    assert said["buy_and_hold"] == pytest.approx((1.0 - 0.5) / 2)
    assert said["beta"] == pytest.approx(1.0)


def test_a_run_that_did_nothing_has_zeros_and_nans_and_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said = summary(np.full(10, 100.0), close=np.full(10, np.nan))
    zero = {
        "net_profit",
        "total_return",
        "cagr",
        "max_drawdown",
        "max_drawdown_days",
        "ulcer_index",
        "annual_volatility",
    }
    zero |= {"exposure_time", "turnover", "volume_traded", "fees", "round_trips"}
    given = {"days": 10.0, "observations": 10.0, "periods_per_year": 365.0}
    assert {name for name, value in said.items() if value == 0.0} == zero
    assert {name: value for name, value in said.items() if value == value and name not in zero} == given


@pytest.mark.parametrize(
    "equity", [[100.0], [0.0, 0.0], [50.0, -10.0, 20.0], [1e-300, 1e300], [100.0, 0.0, 50.0], [1e-9], [1e300, 1e-300]]
)
def test_no_run_however_odd_gives_infinity_or_a_warning(equity: list[float]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said = summary(equity, timeframe_ms=60_000, trips=trips_of([0.0]))
    assert not any(math.isinf(value) for value in said.values())


def test_returns_end_with_the_ruin_of_the_account() -> None:
    said = summary([110.0, -20.0, 50.0, 60.0])
    assert said["observations"] == 2
    assert said["max_drawdown"] == pytest.approx(130 / 110)
    assert summary([110.0, -20.0])["cagr"] == -1.0


def test_arrays_that_nobody_can_write_to_are_taken() -> None:
    time_ms, equity, close = np.arange(3) * DAY_MS, np.array([101.0, 102.0, 99.0]), np.array([1.0, 2.0, 3.0])
    for array in (time_ms, equity, close):
        array.flags.writeable = False
    frozen, plain = summary(equity, time_ms=time_ms, close=close), summary([101.0, 102.0, 99.0], close=[1.0, 2.0, 3.0])
    assert frozen == pytest.approx(plain, rel=0.0, abs=0.0, nan_ok=True)
    assert not equity.flags.writeable


steps = st.lists(st.sampled_from([-0.2, -0.1, -0.01, 0.0, 0.01, 0.1, 0.25]), min_size=2, max_size=80)


def random_run(moves: list[float], money: float = 1.0) -> dict[str, float]:
    equity = money * 100.0 * np.cumprod(1.0 + np.array(moves))
    close = np.cumprod(1.0 + 0.5 * np.array(moves[::-1]))
    trips = trips_of([money * 100.0 * move for move in moves], entered=money * 100.0)
    used: dict[str, Any] = {
        "cash": money * 100.0,
        "fees_paid": money * 3.0,
        "volume_traded": money * 900.0,
        "bars_exposed": 1,
    }
    return summary(equity, timeframe_ms=6 * HOUR_MS, trips=trips, close=close, **used)


@given(steps)
@settings(max_examples=50)
def test_the_one_pass_agrees_with_the_plain_functions(moves: list[float]) -> None:
    said = random_run(moves)
    equity = 100.0 * np.cumprod(1.0 + np.array(moves))
    curve = np.append(100.0, equity)
    time_ms = np.append(0, np.arange(1, equity.size + 1)) * 6 * HOUR_MS
    assert said["max_drawdown"] == metrics.max_drawdown(curve)
    assert said["ulcer_index"] == pytest.approx(metrics.ulcer_index(curve) * math.sqrt(curve.size / equity.size))
    longest = metrics.drawdowns(time_ms, curve)["days"].max()
    assert said["max_drawdown_days"] == (longest or 0.0)
    daily = equity[np.append(np.arange(3, equity.size - 1, 4), equity.size - 1)]
    returns = np.diff(np.append(100.0, daily)) / np.append(100.0, daily)[:-1]
    assert said["sharpe"] == pytest.approx(metrics.sharpe(returns, periods_per_year=365), nan_ok=True)
    assert said["average_drawdown"] == pytest.approx(metrics.average_drawdown(np.append(100.0, daily)), nan_ok=True)
    assert said["turnover"] == pytest.approx(900 / equity.mean() / (equity.size / 4 / 365))


@given(steps, st.sampled_from([0.001, 0.5, 1024.0]))
@settings(max_examples=50)
def test_scaled_money_scales_money_and_leaves_ratios(moves: list[float], factor: float) -> None:
    once, scaled = random_run(moves), random_run(moves, factor)
    for name in METRICS:
        expected = once[name] * (factor if name in MONEY else 1.0)
        assert scaled[name] == pytest.approx(expected, rel=1e-6, abs=1e-9 * max(factor, 1.0), nan_ok=True), name


def test_bad_input_says_what_and_where() -> None:
    with pytest.raises(ConfigError, match=r"`cash` is 0\. It must be"):
        summary([100.0], cash=0)
    with pytest.raises(ConfigError, match="`periods_per_year` is -1"):
        summary([100.0, 101.0], periods_per_year=-1)
    with pytest.raises(ConfigError, match="`timeframe_ms` is 0"):
        summary([100.0], timeframe_ms=0)
    with pytest.raises(DataError, match="`equity` is nan in row 1"):
        summary([100.0, math.nan, 100.0])
    with pytest.raises(DataError, match=r"`close` \(3,\)"):
        summary([100.0, 101.0], close=[1.0, 2.0, 3.0])
    with pytest.raises(DataError, match="no bars"):
        summary([])
    for time_ms in ([0, 0], [HOUR_MS, 0], [0, 3 * DAY_MS, DAY_MS, 5 * DAY_MS, 2 * DAY_MS, 9 * DAY_MS]):
        with pytest.raises(DataError, match="does not rise"):
            summary(np.full(len(time_ms), 100.0), timeframe_ms=HOUR_MS, time_ms=np.array(time_ms))
