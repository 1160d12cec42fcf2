from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from workbench.reports import words

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("value", "said"),
    [(1234.5, "1,234.50 USDT"), (-0.5, "−0.50 USDT"), (0.00012345, "0.00012 USDT"), (0.0, "0.00 USDT"), (NAN, "–"),
     (-0.001, "−0.0010 USDT"), (INF, "∞ USDT")],
)  # fmt: skip
def test_money_has_a_unit_and_the_digits_it_needs(value, said):
    assert words.money(value, "USDT") == said


def test_signs_are_shown_where_they_matter_and_never_on_nothing():
    assert words.percent(0.0234, signed=True) == "+2.34 %"
    assert words.percent(-0.0234) == "−2.34 %"
    assert words.percent(-0.00001, signed=True) == "0.00 %"


@pytest.mark.parametrize(
    ("value", "said"), [(64_100.5, "64,100.5"), (0.00001234, "0.00001234"), (100.0, "100"), (0.0, "0"), (NAN, "–")]
)
def test_prices_have_no_needless_zeros(value, said):
    assert words.price(value) == said


@pytest.mark.parametrize(
    ("length", "said"),
    [(timedelta(hours=3, minutes=20), "3 h 20 min"), (timedelta(days=2, minutes=5), "2 d"), (90_000.0, "1 min 30 s"),
     (250.0, "250 ms"), (None, "–"), (NAN, "–"), (timedelta(days=1500, hours=2), "1,500 d 2 h")],
)  # fmt: skip
def test_durations_come_in_their_two_largest_units(length, said):
    assert words.duration(length) == said


def test_counts_and_stamps():
    assert (words.count(1, "fill"), words.count(3000, "fill")) == ("1 fill", "3,000 fills")
    assert words.stamp(datetime(2024, 1, 5, 13, tzinfo=UTC)) == words.stamp(1_704_459_600_000) == "2024-01-05 13:00"
