"""A run's curve beside its promise: what the cone and the watch say of it, and its picture."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.errors import DataError
from workbench.live.expectation import against, returns_of

SPREAD = 0.01


def curve(seed: int, *, edge: float, closes: int = 600) -> np.ndarray:
    """Equity of so many closes whose returns have a mean of `edge` spreads."""
    steps = np.random.default_rng(seed).normal(edge * SPREAD, SPREAD, closes - 1)
    return np.concatenate([[1_000.0], 1_000.0 * np.cumprod(1.0 + steps)])


def test_a_run_that_keeps_its_promise_lies_on_the_cone():
    found = against(curve(1, edge=0.15), curve(2, edge=0.15))
    assert len(found.live) == 599
    assert found.live[-1] == pytest.approx(curve(1, edge=0.15)[-1] / 1_000.0)
    assert found.watch.alarm_at is None
    assert found.outside == 0
    assert str(found) == found.verdict
    assert found.verdict.endswith("Below the 90% cone in 0 of 599.")


def test_a_run_that_loses_what_was_promised_raises_the_alarm_and_leaves_the_cone():
    found = against(curve(1, edge=-0.3), curve(2, edge=0.15))
    assert found.watch.alarm_at is not None
    assert found.outside > 300


def test_returns_are_taken_over_periods():
    equity = curve(3, edge=0.0)
    assert len(against(equity, equity, every=10).live) == 59
    assert returns_of(equity, 2)[0] == pytest.approx(equity[2] / equity[0] - 1.0)


def test_a_run_too_short_for_a_period_says_so():
    with pytest.raises(DataError, match="has 5 closes, and a period takes 11"):
        against(curve(1, edge=0.0, closes=5), curve(2, edge=0.0), every=10)


def test_the_picture_has_the_cone_its_median_and_the_run():
    found = against(curve(1, edge=0.15, closes=100), curve(2, edge=0.15))
    shown = found.plot()
    assert [trace.name for trace in shown.data] == [None, "90% of all paths", "median", "run"]
    assert list(shown.data[3].y) == found.live.tolist()
    assert shown.layout.title.text.replace("<br>", " ") == found.verdict
