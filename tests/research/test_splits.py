"""Windows and folds: what chooses never overlaps what judges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import BrokenInvariant, ConfigError, DataError
from workbench.market import as_time
from workbench.research.splits import Window, check_windows, folds, path_count, path_table, windows

DAY = 86_400_000
START = as_time("2024-01-01")


def cut(n_days: int, **options: object) -> list[tuple[float, ...]]:
    """Windows of a record of so many days, in days from its start."""
    found = windows(START, START + n_days * DAY, **options)  # type: ignore[arg-type]
    return [tuple((edge - START) / DAY for edge in window) for window in found]


def test_a_rolling_window_moves_on_by_the_length_of_its_test():
    assert cut(100, train="60d", test="20d") == [(0, 60, 60, 80), (20, 80, 80, 100)]


def test_an_anchored_one_keeps_its_start():
    assert cut(100, train="60d", test="20d", anchored=True) == [(0, 60, 60, 80), (0, 80, 80, 100)]


def test_a_gap_lies_between_what_chooses_and_what_judges():
    assert cut(100, train="60d", test="20d", gap="5d") == [(0, 60, 65, 85), (20, 80, 85, 100)]


def test_the_last_test_may_be_shorter_so_that_nothing_is_left_over():
    assert cut(95, train="60d", test="20d")[-1] == (20, 80, 80, 95)


@given(
    n_days=st.integers(30, 400), train=st.integers(1, 60), test=st.integers(1, 40), gap=st.integers(0, 10),
    anchored=st.booleans(),
)  # fmt: skip
def test_windows_never_leak_and_tests_follow_without_a_hole(n_days, train, test, gap, anchored):
    if train + test + gap > n_days:
        return
    found = windows(START, START + n_days * DAY, train=f"{train}d", test=f"{test}d", gap=f"{gap}d", anchored=anchored)
    assert check_windows(found) == found
    assert all(window.test_start - window.train_end == gap * DAY for window in found)
    assert [window.test_end for window in found[:-1]] == [window.test_start for window in found[1:]]
    assert found[-1].test_end == START + n_days * DAY


def test_candles_too_short_for_one_window_are_said_with_their_dates():
    with pytest.raises(
        DataError, match=r"run from 2024-01-01 00:00 to 2024-02-10 00:00, 40\.0 days: too short to train"
    ):
        cut(40, train="30d", test="20d")
    with pytest.raises(ConfigError, match="Both must be longer than nothing"):
        cut(40, train="0d", test="20d")
    with pytest.raises(ConfigError, match="'a month' is not a duration"):
        cut(40, train="a month", test="20d")


def test_a_planted_leak_is_seen():
    whole = windows(START, START + 100 * DAY, train="60d", test="20d")
    leaking = [whole[0], whole[1]._replace(train_end=whole[1].test_start + DAY)]
    with pytest.raises(BrokenInvariant, match=r"Window 1 trains until 2024-03-22 .* tested from 2024-03-21"):
        check_windows(leaking)
    twice = [whole[0], Window(*whole[0])]
    with pytest.raises(BrokenInvariant, match="Window 1 is tested from 2024-03-01 00:00, which was judged"):
        check_windows(twice)


def test_six_groups_two_at_a_time_are_fifteen_folds_and_five_paths():
    """López de Prado (2018), figure 12.1."""
    plan = list(folds(60, groups=6, held_out=2))
    assert len(plan) == 15
    assert path_count(6, 2) == 5
    assert [fold.held_out for fold in plan[:5]] == [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5)]
    table = path_table(6, 2)
    assert table.shape == (5, 6)
    assert table[0].tolist() == [0, 0, 1, 2, 3, 4]
    for group in range(6):
        assert all(group in plan[n].held_out for n in table[:, group])
        assert len(set(table[:, group])) == 5


@pytest.mark.parametrize(("groups", "held_out"), [(5, 1), (6, 3), (10, 2), (7, 3)])
def test_paths_use_each_fold_in_each_of_its_groups_once(groups, held_out):
    table = path_table(groups, held_out)
    assert table.shape == (held_out * math.comb(groups, held_out) // groups, groups)
    uses = [(int(number), group) for row in table for group, number in enumerate(row)]
    assert len(set(uses)) == len(uses) == held_out * math.comb(groups, held_out)


def test_purge_takes_from_both_sides_and_the_embargo_from_after():
    (fold,) = [fold for fold in folds(20, groups=5, purge=2, embargo=1) if fold.held_out == (2,)]
    assert fold.test.tolist() == [8, 9, 10, 11]
    assert fold.train.tolist() == [0, 1, 2, 3, 4, 5, 15, 16, 17, 18, 19]


@given(
    n_rows=st.integers(24, 200), groups=st.integers(2, 8), held_out=st.integers(1, 3), purge=st.integers(0, 2),
    embargo=st.integers(0, 2),
)  # fmt: skip
def test_no_training_row_lies_within_a_trade_of_a_judged_one(n_rows, groups, held_out, purge, embargo):
    if held_out >= groups or n_rows < 2 * groups:
        return
    try:
        plan = list(folds(n_rows, groups=groups, held_out=held_out, purge=purge, embargo=embargo))
    except ConfigError:
        return
    judged = np.zeros(n_rows, int)
    for fold in plan:
        judged[fold.test] += 1
        for row in fold.test:
            near = (fold.train >= row - purge) & (fold.train <= row + purge)
            assert not near.any()
    assert (judged == math.comb(groups - 1, held_out - 1)).all()


def test_folds_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="`groups` is 1"):
        list(folds(60, groups=1))
    with pytest.raises(DataError, match="11 periods are too few for 6 groups"):
        list(folds(11, groups=6))
    with pytest.raises(ConfigError, match="`held_out` is 6 of 6"):
        list(folds(60, groups=6, held_out=6))
    with pytest.raises(ConfigError, match="leave nothing of 20 rows"):
        list(folds(20, groups=2, purge=10))
    with pytest.raises(ConfigError, match="Both are 0 or more"):
        list(folds(60, groups=6, purge=-1))
    with pytest.raises(ConfigError, match="splits"):
        list(folds(1000, groups=40, held_out=20))
