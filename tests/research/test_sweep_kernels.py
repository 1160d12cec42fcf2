"""What sweeps are measured against does the same: each kernel by hand tells the table's story."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import sweep as benchmark
from benchmarks.workloads import walk


@pytest.mark.parametrize("contest", benchmark.CONTESTS, ids=lambda contest: contest.name)
def test_every_number_of_the_kernel_is_that_of_the_table(contest):
    candles = walk(3000)
    found = contest.swept(candles)
    assert found.table["round_trips"].max() > 5
    benchmark.agree(found, contest.by_hand(candles))


def test_the_fast_paths_are_what_is_measured():
    candles = walk(1500)
    routes = [set(contest.swept(candles).table["route"]) for contest in benchmark.CONTESTS]
    assert routes == [
        {"signals"},
        {"barriers"},
        {"barriers"},
        {"quotes"},
        {"quotes"},
        {"quotes"},
        {"quotes"},
        {"engine"},
    ]
