"""What notebook 02 says about its own runs holds."""

from __future__ import annotations

import re
from typing import Any

import pytest
from lab import ROOT

from .test_first import shown

SECOND = ROOT / "notebooks" / "02_executors_by_example.ipynb"


@pytest.fixture
def book(executed) -> Any:
    return executed(SECOND)


def test_the_slow_order_ends_with_what_it_bought(book):
    assert "completed" in shown(book, "twap.executors")


def test_the_ladder_buys_at_limits_and_leaves_at_market(book):
    fills = re.findall(r"┆ (-?1)\s+┆ .* ┆ (true|false)", shown(book, "START_PRICE = "))
    assert fills == [("1", "true"), ("1", "true"), ("-1", "false")]
    assert "take_profit" in shown(book, "dca.executors")


def test_the_grid_uses_its_ten_levels_many_times(book):
    counts = dict(re.findall(r"│ (-?1)\s+┆ (\d+)", shown(book, "levels = ")))
    assert min(int(count) for count in counts.values()) > 30
    assert "none" in shown(book, "grid.executors")


@pytest.mark.parametrize("begins", ["AMOUNT = ", "maker = "])
def test_both_legs_of_two_venues_are_taken(book, begins):
    sides = re.findall(r"(sample|other) ETH/USDT\s+┆ (-?1)", shown(book, begins))
    assert sides == [("sample", "1"), ("other", "-1")]


def test_the_answer_has_a_line_for_each(book):
    answer = book.cells[-1].outputs[-1].data["text/markdown"]
    assert re.findall(r"^\| (\w+) \| \d+ \| \w+ \| [+-]", answer, re.MULTILINE) == [
        "twap", "dca", "grid", "arbitrage", "xemm",
    ]  # fmt: skip
