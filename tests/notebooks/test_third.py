"""What notebook 03 says about its own numbers holds."""

from __future__ import annotations

import re
from typing import Any

import pytest
from lab import ROOT

from .test_first import shown

THIRD = ROOT / "notebooks" / "03_tuning_and_sweeping.ipynb"


@pytest.fixture
def book(executed) -> Any:
    return executed(THIRD)


def cells(text: str) -> list[list[float]]:
    """The numbers of a printed table, row by row."""
    rows = [re.findall(r"-?[\d,]*\d\.\d+", row) for row in text.splitlines() if "┆" in row]
    return [[float(number) for number in row] for row in rows if row]


def test_a_slider_moved_from_a_cell_makes_the_bot(book):
    assert shown(book, "panel.controls") == "SmaCross(fast=20, slow=140)"


def test_ten_thousand_pairs_were_asked_for_and_those_that_cannot_be_are_listed(book):
    answer = book.cells[-1].outputs[-1].data["text/markdown"]
    assert int(re.search(r"best of ([\d,]+) pairs", answer)[1].replace(",", "")) == 8942
    assert "`fast` is 12" in shown(book, "sweep.invalid")
    assert "signals" in shown(book, "sweep.best")


def test_a_row_of_the_table_is_its_backtest(book):
    assert shown(book, "best = sweep.best") == "True"


def test_the_best_is_better_than_its_neighbours(book):
    (row,) = cells(shown(book, "def near"))
    best, median, worst = row
    assert best > median > worst


def test_every_cost_takes_something_away(book):
    plane = [row[1:] for row in cells(shown(book, "grid = stress")) if len(row) == 4]
    assert len(plane) == 4
    for row in [*plane, *map(list, zip(*plane, strict=True))]:
        assert row == sorted(row, reverse=True)


def test_the_best_of_a_random_walk_is_not_called_real(book):
    answer = book.cells[-1].outputs[-1].data["text/markdown"]
    assert "Could well be luck" in answer
    assert "at the edge of the grid" in answer
