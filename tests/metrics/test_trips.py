"""Round trips, activity and the benchmark: numbers that a reader can check by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workbench import metrics
from workbench.errors import DataError
from workbench.metrics import Trips

# freqtrade's worked example: 5 winners of 730 together, 3 losers of 280.
PROFITS = [100.0, 200.0, 50.0, -150.0, 300.0, -100.0, 80.0, -30.0]
profits = arrays(np.float64, st.integers(1, 40), elements=st.integers(-100, 100).map(float))


def test_expectancy_is_that_of_freqtrade() -> None:
    assert metrics.expectancy(PROFITS) == 56.25
    assert round(metrics.expectancy_ratio(PROFITS), 8) == 0.60267857


def test_round_trips_by_hand() -> None:
    assert metrics.win_rate(PROFITS) == 0.625
    assert metrics.profit_factor(PROFITS) == pytest.approx(730 / 280)
    assert metrics.payoff(PROFITS) == pytest.approx((730 / 5) / (280 / 3))
    assert metrics.kelly(PROFITS) == pytest.approx(0.625 - 0.375 / ((730 / 5) / (280 / 3)))
    assert metrics.sqn([1.0, 3.0, 1.0, 3.0]) == pytest.approx(2.0 * 2.0 / math.sqrt(4 / 3))
    assert metrics.geometric_mean([0.5, -0.5]) == pytest.approx(math.sqrt(0.75) - 1.0)


def test_kelly_of_a_coin_that_pays_two_to_one_is_a_quarter() -> None:
    assert metrics.kelly([2.0, -1.0]) == 0.25


@pytest.mark.shared
def test_a_published_run_of_freqtrade_has_its_expectancy_profit_factor_and_growth(shared: Path) -> None:
    text = (shared / "marketdata/reference/freqtrade_backtest-result.json").read_text()
    run = json.loads(text)["strategy"]["StrategyTestV3"]
    pnl = [trade["profit_abs"] for trade in run["trades"]]
    assert metrics.expectancy(pnl) == pytest.approx(5.820687070932315e-06, rel=1e-14, abs=0.0)
    assert metrics.expectancy_ratio(pnl) == pytest.approx(0.07151374226574791, rel=1e-13, abs=0.0)
    assert metrics.profit_factor(pnl) == pytest.approx(run["profit_factor"], rel=1e-14, abs=0.0)
    growth = metrics.cagr(run["starting_balance"], run["final_balance"], run["backtest_days"])
    assert growth == pytest.approx(run["cagr"], rel=1e-14, abs=0.0)


@pytest.mark.parametrize("pnl", [[], [0.0], [5.0], [5.0, 5.0], [-5.0], [math.nan]])
@pytest.mark.parametrize(
    "name", ["win_rate", "profit_factor", "expectancy", "expectancy_ratio", "payoff", "kelly", "sqn", "geometric_mean"]
)
def test_few_or_one_sided_round_trips_never_give_infinity(name: str, pnl: list[float]) -> None:
    answer = getattr(metrics, name)(pnl)
    assert type(answer) is float
    assert not math.isinf(answer)


def test_without_a_loss_there_is_no_profit_factor() -> None:
    assert math.isnan(metrics.profit_factor([1.0, 2.0]))
    assert math.isnan(metrics.kelly([1.0, 2.0]))
    assert metrics.win_rate([1.0, 2.0]) == 1.0


@given(profits, st.floats(0.01, 100.0))
def test_a_bigger_stake_changes_expectancy_alone(pnl: np.ndarray, stake: float) -> None:
    assert metrics.expectancy(stake * pnl) == pytest.approx(stake * metrics.expectancy(pnl))
    for name in ("win_rate", "profit_factor", "kelly", "sqn", "expectancy_ratio"):
        number = getattr(metrics, name)
        assert number(stake * pnl) == pytest.approx(number(pnl), rel=1e-9, abs=1e-9, nan_ok=True)


@given(profits)
def test_turned_profits_turn_the_profit_factor_over(pnl: np.ndarray) -> None:
    there, back = metrics.profit_factor(pnl), metrics.profit_factor(-pnl)
    if there > 0.0 and back > 0.0:
        assert there * back == pytest.approx(1.0)


def test_columns_of_round_trips_have_one_length() -> None:
    times = np.zeros(2, np.int64)
    with pytest.raises(DataError, match=r"`return_` \(1,\)"):
        Trips(np.zeros(2), np.zeros(1), times, times, np.ones(2, np.int8))
    assert len(Trips.none()) == 0


def test_activity_by_hand() -> None:
    assert metrics.exposure_time(25, 100) == 0.25
    assert metrics.turnover(50_000.0, 10_000.0, 0.5) == 10.0  # five times equity in half a year
    assert metrics.fee_share(30.0, 10.0) == 0.25  # 10 of 40
    assert metrics.fee_share(-5.0, 10.0) == 2.0  # fees were twice what there was to pay them from
    assert metrics.break_even_fee(30.0, 10.0, 40_000.0) == 0.001  # at 0.1 % all 40 would have gone
    assert math.isnan(metrics.fee_share(-20.0, 10.0))
    assert math.isnan(metrics.break_even_fee(0.0, 0.0, 0.0))
    assert math.isnan(metrics.turnover(1.0, 0.0, 1.0))


def test_holding_by_hand() -> None:
    assert metrics.buy_and_hold([100.0, 80.0, 150.0]) == 0.5
    assert metrics.buy_and_hold([np.nan, 100.0, 150.0, np.nan]) == 0.5
    two = [[100.0, 110.0, 120.0], [np.nan, 50.0, 25.0]]  # +20 % and −50 %
    assert metrics.buy_and_hold(two) == pytest.approx(-0.15)
    assert metrics.hold_curve(two).tolist() == pytest.approx([1.0, 1.05, 0.85])
    assert metrics.hold_curve([4.0, np.nan, 8.0], np.array([1, 2])).tolist() == [1.0, 2.0]
    assert math.isnan(metrics.buy_and_hold([np.nan, np.nan]))


def test_alpha_and_beta_by_hand() -> None:
    market = np.array([0.01, -0.02, 0.03, 0.0])
    assert metrics.beta(0.5 * market + 0.001, market) == pytest.approx(0.5)
    assert metrics.alpha(0.5 * market + 0.001, market, periods_per_year=365) == pytest.approx(0.365)
    assert metrics.total_alpha(0.5, 0.2, 2.0) == pytest.approx(0.1)
    assert math.isnan(metrics.beta(market, np.full(4, 0.01)))
