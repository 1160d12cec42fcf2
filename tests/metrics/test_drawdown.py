"""Drawdowns by hand, and what holds for any equity curve."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workbench.errors import DataError
from workbench.metrics import average_drawdown, drawdown, drawdowns, episodes, max_drawdown, ulcer_index

DAY_MS = 86_400_000
curves = arrays(np.float64, st.integers(1, 60), elements=st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0, 8.0]))
#                 0      1      2     3      4      5     6      7
BY_HAND = [100.0, 120.0, 90.0, 108.0, 120.0, 150.0, 75.0, 100.0]


def test_the_largest_fall_by_hand() -> None:
    assert max_drawdown([100.0, 120.0, 90.0, 108.0]) == 0.25
    assert max_drawdown(BY_HAND) == 0.5
    assert average_drawdown(BY_HAND) == 0.375
    assert ulcer_index([100.0, 50.0, 100.0, 50.0]) == pytest.approx(0.5 / np.sqrt(2))


def test_each_drawdown_from_its_peak_to_the_first_row_that_is_as_high() -> None:
    found = episodes(BY_HAND)
    assert found.start.tolist() == [1, 5]
    assert found.trough.tolist() == [2, 6]
    assert found.end.tolist() == [4, 7]
    assert found.recovered.tolist() == [True, False]


def test_the_table_puts_the_deepest_first_and_leaves_its_end_open() -> None:
    table = drawdowns(np.arange(8) * DAY_MS, BY_HAND)
    assert table.columns == ["start", "trough", "end", "depth", "days"]
    assert table["depth"].to_list() == [0.5, 0.25]
    assert table["days"].to_list() == [2.0, 3.0]
    assert table["end"].to_list() == [None, datetime(1970, 1, 5, tzinfo=UTC)]


def test_a_curve_that_only_rises_has_no_drawdown() -> None:
    assert max_drawdown([1.0, 2.0, 2.0, 3.0]) == 0.0
    assert np.isnan(average_drawdown([1.0, 2.0, 3.0]))
    assert drawdowns([0, 1], [1.0, 2.0]).height == 0


@given(curves)
def test_drawdowns_agree_with_a_search_over_all_pairs_of_rows(equity: np.ndarray) -> None:
    worst = max((1 - equity[j] / equity[i] for i in range(len(equity)) for j in range(i, len(equity))), default=0.0)
    assert max_drawdown(equity) == pytest.approx(max(worst, 0.0))


@given(curves)
def test_episodes_cover_every_row_below_a_peak_once(equity: np.ndarray) -> None:
    found, under = episodes(equity), np.zeros(len(equity), int)
    for start, trough, end, depth, recovered in zip(*found, strict=True):
        rows = slice(start + 1, end + (not recovered))
        under[rows] += 1
        assert equity[rows].min() == equity[trough] < equity[start]
        assert depth == pytest.approx(1 - equity[trough] / equity[start])
        assert not recovered or equity[end] >= equity[start]
    assert (under == (drawdown(equity) > 0)).all()


@given(curves, st.floats(1e-6, 1e6))
def test_scaled_equity_falls_by_the_same_fractions(equity: np.ndarray, factor: float) -> None:
    assert max_drawdown(equity * factor) == pytest.approx(max_drawdown(equity), abs=1e-12)
    assert ulcer_index(equity * factor) == pytest.approx(ulcer_index(equity), abs=1e-12)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan])
def test_equity_that_is_not_above_zero_is_refused_with_its_row(bad: float) -> None:
    with pytest.raises(DataError, match="in row 2"):
        max_drawdown([1.0, 2.0, bad])


def test_infinite_equity_and_odd_shapes_are_refused() -> None:
    with pytest.raises(DataError, match="infinite in row 1"):
        max_drawdown([1.0, np.inf])
    with pytest.raises(DataError, match=r"`time_ms` has shape \(1,\)"):
        drawdowns([0], [1.0, 2.0])
