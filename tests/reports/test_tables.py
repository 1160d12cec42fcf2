from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.reports import drawdown_table, monthly_table, trip_statistics, yearly_table
from workbench.reports.material import ROUND_TRIPS

from .material import equity_frame, run

DAY = timedelta(days=1)


def daily(start: datetime, equity: list[float]) -> pl.DataFrame:
    return equity_frame([start + DAY * row for row in range(len(equity))], equity)


def from_december_to_february() -> pl.DataFrame:
    """100 on the last two days of December, 110 at the end of January, 99 on the first of February."""
    return daily(datetime(2023, 12, 30, tzinfo=UTC), [100.0, 100.0, *[105.0] * 30, 110.0, 99.0])


def test_months_go_from_the_last_value_of_one_to_the_last_value_of_the_next():
    months = monthly_table(from_december_to_february())
    assert months.select("year", "month").rows() == [(2023, 12), (2024, 1), (2024, 2)]
    assert months["return"].to_list() == pytest.approx([0.0, 0.1, -0.1])
    assert months["partial"].to_list() == [True, False, True]


def test_a_year_multiplies_its_months():
    years = yearly_table(from_december_to_february())
    assert years["return"].to_list() == pytest.approx([0.0, 1.1 * 0.9 - 1.0])
    assert years["Jan"].to_list() == [None, pytest.approx(0.1)]
    assert years["Dec"].to_list() == [0.0, None]
    assert years["partial"].to_list() == [True, True]


def test_a_year_that_is_covered_is_not_partial():
    years = yearly_table(daily(datetime(2024, 1, 1, tzinfo=UTC), [100.0] * 366))
    assert years["partial"].to_list() == [False]


def test_months_of_a_run_multiply_to_its_whole_return():
    equity = run(3_000).equity
    whole = equity["equity"][-1] / equity["equity"][0]
    assert float((monthly_table(equity)["return"] + 1.0).product()) == pytest.approx(whole, rel=1e-12)


def test_a_month_after_ruin_has_no_return():
    months = monthly_table(daily(datetime(2024, 1, 30, tzinfo=UTC), [100.0, -5.0, 4.0]))
    assert months["return"][0] == pytest.approx(-1.05)
    assert math.isnan(months["return"][1])


def test_rows_without_equity_are_left_out_of_months():
    months = monthly_table(daily(datetime(2024, 1, 30, tzinfo=UTC), [math.nan, 100.0, math.nan, 120.0]))
    assert months["return"].to_list() == pytest.approx([0.0, 0.2])


def test_one_bar_makes_one_month_without_a_return():
    months = monthly_table(daily(datetime(2024, 5, 5, tzinfo=UTC), [100.0]))
    assert months.select("year", "month", "return").rows() == [(2024, 5, 0.0)]


def test_equity_that_is_nowhere_known_makes_no_months():
    assert monthly_table(daily(datetime(2024, 5, 5, tzinfo=UTC), [math.nan])).is_empty()


def trips(*rows: tuple[int, float, float, str, int]) -> pl.DataFrame:
    """Round trips from (side, pnl, return, close type, hours held)."""
    entry = datetime(2024, 1, 1, tzinfo=UTC)
    made = [
        {"instrument": "BTC/USDT", "side": side, "entry_time": entry, "exit_time": entry + timedelta(hours=hours),
         "entry_price": 100.0, "exit_price": 101.0, "amount": 1.0, "pnl": pnl, "return": part, "fee": 0.5,
         "close_type": why}
        for side, pnl, part, why, hours in rows
    ]  # fmt: skip
    return pl.DataFrame(made, schema=ROUND_TRIPS)


def test_trip_statistics_by_hand():
    table = trip_statistics(
        trips((1, 6.0, 0.06, "TAKE_PROFIT", 2), (1, -2.0, -0.02, "STOP_LOSS", 4), (-1, 0.0, 0.0, "TIME_LIMIT", 6))
    )
    everything = table.row(0, named=True)
    assert (everything["count"], everything["wins"], everything["losses"]) == (3, 1, 1)
    assert everything["win_rate"] == pytest.approx(1 / 3)
    assert (everything["pnl"], everything["fee"], everything["profit_factor"]) == (4.0, 1.5, 3.0)
    assert (everything["mean_holding"], everything["median_holding"]) == (timedelta(hours=4), timedelta(hours=4))
    sides = table.filter(pl.col("by") == "side").select("group", "count", "pnl")
    assert sides.rows() == [("long", 2, 4.0), ("short", 1, 0.0)]
    stopped = table.filter(pl.col("group") == "STOP_LOSS").row(0, named=True)
    assert (stopped["count"], stopped["best"], stopped["worst"]) == (1, -0.02, -0.02)


def test_profit_factor_is_nan_where_nothing_was_lost():
    assert math.isnan(trip_statistics(trips((1, 6.0, 0.06, "TAKE_PROFIT", 2)))["profit_factor"][0])


def test_no_round_trips_make_an_empty_table():
    assert trip_statistics(trips()).is_empty()


def test_drawdowns_by_hand():
    start = datetime(2024, 1, 1, tzinfo=UTC)
    table = drawdown_table(daily(start, [100.0, 90.0, 95.0, 100.0, 120.0, 60.0, 90.0]))
    assert table["depth"].to_list() == pytest.approx([0.5, 0.1])
    assert table["peak_time"].to_list() == [start + 4 * DAY, start]
    assert table["trough_time"].to_list() == [start + 5 * DAY, start + DAY]
    assert table["recovered_time"].to_list() == [None, start + 3 * DAY]
    assert table["falling"].to_list() == [DAY, DAY]
    assert table["recovering"].to_list() == [None, 2 * DAY]


def test_only_the_deepest_drawdowns_are_shown_deepest_first():
    table = drawdown_table(daily(datetime(2024, 1, 1, tzinfo=UTC), [100.0, 90, 100, 80, 100, 70, 100]), deepest=2)
    assert table["depth"].to_list() == pytest.approx([0.3, 0.2])


@given(st.lists(st.floats(1.0, 1000.0), min_size=1, max_size=60))
def test_the_deepest_drawdown_is_the_largest_fall_from_a_peak(values):
    equity = np.array(values)
    largest = float((1.0 - equity / np.maximum.accumulate(equity)).max())
    found = drawdown_table(daily(datetime(2024, 1, 1, tzinfo=UTC), values))["depth"].max() or 0.0
    assert found == pytest.approx(largest, abs=1e-12)


def test_a_fall_below_zero_is_deeper_than_everything():
    assert drawdown_table(daily(datetime(2024, 1, 1, tzinfo=UTC), [100.0, -20.0]))["depth"].to_list() == [
        pytest.approx(1.2)
    ]


def test_a_curve_that_only_rises_or_is_unknown_has_no_drawdowns():
    assert drawdown_table(daily(datetime(2024, 1, 1, tzinfo=UTC), [1.0, 2.0, 3.0])).is_empty()
    assert drawdown_table(daily(datetime(2024, 1, 1, tzinfo=UTC), [math.nan])).is_empty()
