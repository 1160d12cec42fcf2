"""What a notebook shows of the parts of a result."""

from __future__ import annotations

import pytest

from workbench.backtest import Bounds


def test_bounds_are_shown_as_a_sentence():
    bounds = Bounds(worst=-1000.0, expected=50.5, best=250.25, ambiguous_bars=2, bars_with_orders=80)
    assert repr(bounds) == (
        "Bounds: net profit between -1,000.00 (worst path) and 250.25 (best), expected 50.50; "
        "2 of 80 bars with a position (2.50%) do not say which barrier came first."
    )


@pytest.mark.parametrize(
    ("profit", "inside"), [(-100.0, True), (50.0, True), (50.0 + 1e-9, True), (50.01, False), (-100.01, False)]
)
def test_a_profit_is_inside_of_its_bounds_give_or_take_rounding(profit, inside):
    bounds = Bounds(worst=-100.0, expected=0.0, best=50.0, ambiguous_bars=1, bars_with_orders=2)
    assert (profit in bounds) is inside
