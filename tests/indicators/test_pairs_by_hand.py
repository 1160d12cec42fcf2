"""One column against another, on numbers that can be worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.errors import ConfigError, DataError
from workbench.indicators import followed, regression, zscore


def test_score_is_the_distance_from_the_mean_in_deviations() -> None:
    """Mean 3, deviation √2: 5 lies 2/√2 above."""
    assert zscore([1, 2, 3, 4, 5], 5)[-1] == pytest.approx(2 / np.sqrt(2))
    assert np.isnan(zscore([7, 7, 7], 3)).all()


def test_line_through_points_has_their_slope_and_no_score() -> None:
    x = np.array([1.0, 2.0, 4.0, 7.0])
    slope, intercept, score = regression(3.0 + 2.0 * x, x, 4)
    assert (slope[-1], intercept[-1]) == (pytest.approx(2.0), pytest.approx(3.0))
    assert np.isnan(score).all()


def test_last_residual_is_counted_in_deviations_of_all() -> None:
    """y on x over (0, 0), (1, 0), (2, 3): slope 1.5, intercept −0.5; residuals 0.5, −1, 0.5 with deviation √0.5."""
    slope, intercept, score = regression([0.0, 0.0, 3.0], [0.0, 1.0, 2.0], 3)
    assert (slope[-1], intercept[-1]) == (pytest.approx(1.5), pytest.approx(-0.5))
    assert score[-1] == pytest.approx(0.5 / np.sqrt(0.5))


def test_regression_agrees_with_numpy() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 60)).cumsum(axis=1)
    slope, intercept, _ = regression(y, x, 20)
    assert (slope[40], intercept[40]) == pytest.approx(tuple(np.polyfit(x[21:41], y[21:41], 1)))


def test_level_follows_once_the_value_is_too_far_away() -> None:
    level, age = followed([100.0, 100.9, 101.1, 100.2, np.nan, 100.2], 0.01)
    assert level[:4].tolist() == [100.0, 100.0, 101.1, 101.1]
    assert np.isnan(level[4])
    assert level[5] == 100.2
    assert np.nan_to_num(age, nan=-1).tolist() == [0, 1, 0, 1, -1, 0]


def test_nonsense_is_refused() -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        followed([1.0], 1.0)
    with pytest.raises(ConfigError, match="at least 3"):
        regression([1.0], [1.0], 2)
    with pytest.raises(DataError, match="differ in length"):
        regression([1.0, 2.0], [1.0], 3)
