"""The benchmarks compare like with like: each kernel by hand tells the engine's story."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import books, kernels, speed, workloads

CANDLES = workloads.walk(20_000, seed=4)


@pytest.mark.parametrize("workload", workloads.WORKLOADS, ids=lambda one: one.name)
def test_kernel_by_hand_agrees_with_the_engine(workload):
    speed.agree(workload, CANDLES)
    result = workload.run(CANDLES, audit=False)
    by_hand = kernels.by_hand(workload.name, CANDLES, workload.fee)
    assert by_hand.round_trips > 50
    np.testing.assert_allclose(by_hand.equity, result.tape.equity, rtol=1e-12)
    np.testing.assert_allclose(np.sort(by_hand.pnl), np.sort(result.round_trips["pnl"]), rtol=1e-6, atol=1e-5)


def test_contenders_take_turns():
    lines = speed.measure(workloads.WORKLOADS[0], CANDLES, rounds=3, with_peers=False)
    assert [line.name for line in lines] == [speed.KERNEL, speed.RUN, speed.AUDITED]
    assert [len(line.seconds) for line in lines] == [3, 3, 3]
    assert all(0.0 < line.cpu < 60.0 for line in lines)


@pytest.mark.shared
def test_a_recorded_book_is_replayed_as_fast_as_by_the_peer(shared, within):
    """In at most 1.5 times the peer's time; `python -m benchmarks.books` measures it well."""
    lines = books.measure(shared / "marketdata" / "l2", "usdm", rounds=3)
    assert [line.name.split(",")[0] for line in lines] == ["workbench", "hftbacktest", "hftbacktest", "workbench"]
    within("a recorded book, in seconds for each of the peer's", books.ratio(lines), 1.5)
    ours, theirs = lines[0].amount, lines[1].amount
    assert 0.8 < ours / theirs < 1.25  # two engines, one market: theirs fills whole orders
