"""What notebook 01 says about its own numbers holds."""

from __future__ import annotations

import re
from typing import Any

import pytest
from lab import ROOT

FIRST = ROOT / "notebooks" / "01_from_candles_to_an_honest_backtest.ipynb"


@pytest.fixture
def book(executed) -> Any:
    return executed(FIRST)


def shown(book: Any, start: str) -> str:
    """What the one cell that starts like this put out, as text."""
    (cell,) = [cell for cell in book.cells if cell.cell_type == "code" and cell.source.startswith(start)]
    output = cell.outputs[-1]
    return str(output.data.get("text/markdown") or output.data["text/plain"])


def number(text: str) -> float:
    return float(text.replace(",", ""))


def test_the_planted_leak_is_caught_and_its_column_named(book):
    assert shown(book, "Markdown(str(result.audit))").startswith("No look-ahead found")
    assert shown(book, "with warnings").startswith("**LookaheadWarning** Look-ahead: `side` in row ")


def test_hours_leave_the_sign_open_and_the_minutes_lie_inside(book):
    worst, best = map(number, re.findall(r"(-?[\d,.]+) \((?:worst|best)", shown(book, "hours = ")))
    assert worst < 0.0 < best
    assert "true" in shown(book, "minutes = ")


def test_each_cost_takes_something_away(book):
    rows = re.findall(r"^│ [a-z ]+┆ +(-?[\d.,]+)", shown(book, "slipped = "), re.MULTILINE)
    profits = [number(row) for row in rows]
    assert len(profits) == 3
    assert profits == sorted(profits, reverse=True)
    assert profits[0] > 0.0 > profits[2]


def test_the_run_is_made_again_to_the_bit(book):
    assert shown(book, "again = ") == "True"


def test_the_slip_looks_better_than_any_honest_number(book):
    answer = book.cells[-1].outputs[-1].data["text/markdown"]
    *honest, slip = map(number, re.findall(r"[+-][\d,]+", answer))
    assert len(honest) == 5
    assert slip > max(honest)
