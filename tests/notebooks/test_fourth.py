"""What notebook 04 says about its own numbers holds."""

from __future__ import annotations

import re
from typing import Any

import pytest
from lab import ROOT

from .test_first import shown

FOURTH = ROOT / "notebooks" / "04_is_it_luck.ipynb"


@pytest.fixture
def book(executed) -> Any:
    return executed(FOURTH)


def test_the_best_of_a_random_walk_could_well_be_luck(book):
    line = shown(book, "found = sweep.significance()")
    assert "Could well be luck: Sharpe ratio " in line
    assert "is the best of 640 trials" in line


def test_what_splits_the_record_looks_good_all_the_same(book):
    """The point of the notebook: PBO, a walk and paths agree with each other, because they share one year."""
    answer = book.cells[-1].outputs[-1].data["text/markdown"]
    found = re.search(r"PBO (\d+)%, walk-forward ([+-]\d+)%, five paths\s+.* from (\S+) to (\S+)\.", answer)
    assert found
    pbo, walked, low, high = map(float, found.groups())
    assert pbo < 30
    assert walked > 0
    assert 0 < low < high


def test_noise_has_any_pbo(book):
    mean, least, most = map(int, re.findall(r"(\d+)%", shown(book, "noise = ")))
    assert 35 <= mean <= 57
    assert least < 30
    assert most > 60


def test_the_planted_trend_is_found(book):
    assert shown(book, "def with_trend").startswith("More than luck, as far as these numbers can tell")


def test_the_ledger_has_counted_every_search(book):
    table = shown(book, "ledger = ")
    assert re.findall(r"SmaCross ┆ (\w+)", table) == ["sweep", "walk_forward", "cross_validate", "sweep"]
