"""A loop of a bot's own comes to what the common loop and the engine come to, and is made only where it pays."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

import workbench as wb
from workbench.compiled import compiled_around, scratch, seen_as
from workbench.market import TARGET, Candles
from workbench.research.fast import quoters, tailored
from workbench.research.fast.saying import BITS, as_bits, clear, say_again
from workbench.trading import new_targets

from .test_fast import agree
from .test_sweep import LOTS, QUIET, Ladder, Quoter, walk


class Pair(wb.Controller):
    """A bid and an ask around the close, which now and then stay where they are, or are of another amount."""

    levels: ClassVar[int] = 2
    spread: wb.Fraction = 0.003
    most: float = 3.0

    def columns(self, candles: Candles) -> Any:
        return candles.close, self.spread, self.most

    @staticmethod
    @wb.compiled
    def decide(row, world, out):
        for level in range(2):
            side = 1 - 2 * level
            out[level].action, out[level].side, out[level].kind = 3, side, 1 + world.row % 500 // 499
            if world.row % 100 < 90:
                out[level].price = row[0] * (1.0 - side * row[1])
            amount = 0.04 if world.row % 300 == 150 else 1.0 + world.row % 250 // 249
            out[level].size = amount if side * world.position < row[2] else 0.0


class Remembering(wb.Controller):
    """Keeps a count in its row and its last prices in what it said; moves its quotes now and then, and rests."""

    levels: ClassVar[int] = 3
    spread: wb.Fraction = 0.003

    def columns(self, candles: Candles) -> Any:
        return candles.close, self.spread, 0.0

    @staticmethod
    @wb.compiled
    def decide(row, world, out):
        row[2] += 1.0
        if row[2] % 3.0 == 1.0:
            out[0].price = row[0] * (1.0 - row[1])
            out[2].price = row[0] * (1.0 + row[1])
        if row[2] % 50.0 < 40.0:
            out[0].action, out[0].side, out[0].kind, out[0].size = 3, 1, 1, 1.0 if world.position < 2.0 else 0.0
            out[2].action, out[2].side, out[2].kind, out[2].size = 3, -1, 2, world.position
        if row[2] % 200.0 == 0.0:
            out[1].action, out[1].side, out[1].kind, out[1].size = 3, 1, 1, 0.5
            out[1].price = row[0] * 0.99


class Reaching(wb.Controller):
    """Writes behind its levels where the price is high."""

    levels: ClassVar[int] = 2
    most: float = 1e9

    def columns(self, candles: Candles) -> Any:
        return candles.close, self.most

    @staticmethod
    @wb.compiled
    def decide(row, world, out):
        level = 2 if row[0] > row[1] else 0
        out[level].action, out[level].side, out[level].kind, out[level].size = 3, 1, 1, 1.0
        out[level].price = row[0] * 0.999


@pytest.fixture
def own_loops(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Loops are made at once; counts the combinations that are run by one."""
    fittings, count, plain = tailored.Fittings(), {"own": 0, "common": 0}, quoters.quoted

    def counted(one: Any, inputs: Any, spare: Any, desk: Any, loop: Any = None) -> Any:
        count["common" if loop is None else "own"] += 1
        return plain(one, inputs, spare, desk, loop)

    class Waiting(tailored.Fitting):
        def count(self, bars: int, ahead: int, agrees: Any) -> None:
            super().count(bars, ahead, agrees)
            assert self.thread is not None
            self.thread.join()

    monkeypatch.setattr(quoters, "FITTINGS", fittings)
    monkeypatch.setattr(quoters, "quoted", counted)
    monkeypatch.setattr(tailored, "WORTH", 0)
    monkeypatch.setattr(tailored, "Fitting", Waiting)
    return count


CASES = {
    "one level": (Quoter(), {"spread": [0.0005, 0.002, 0.03], "fill": ["touch", "through"]}, {"account": "margin"}),
    "ladder on margin": (
        Ladder(),
        {"spread": [0.0005, 0.002, 0.02], "kind": [1, 2], "most": [1.0, 3.0], "leverage": [0.02, 2.0]},
        {"account": "margin"},
    ),
    "ladder on spot": (
        Ladder(),
        {"spread": [0.0005, 0.002, 0.02], "cash": [150.0, 10_000.0], "fees": [0.0, 0.002]},
        {},
    ),
    "a pair on margin": (
        Pair(),
        {"spread": [0.0005, 0.003, 0.01], "fill": ["touch", "through"], "leverage": [0.021, 2.0]},
        {"account": "margin"},
    ),
    "a pair on spot": (Pair(), {"spread": [0.0005, 0.003, 0.01], "fees": [0.0, 0.002]}, {"cash": 250.0}),
    "remembering": (Remembering(), {"spread": [0.0005, 0.003, 0.05], "slippage": [0.0, 0.002]}, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_own_loop_comes_to_the_backtest_to_the_last_bit(case, own_loops):
    bot, grid, terms = CASES[case]
    steps = {"tick": 0.5, "instrument": LOTS} if "pair" in case or "ladder" in case else {}
    candles = walk(5000, seed=21, **steps)
    table = agree(bot, grid, candles, **terms)
    assert set(table["route"]) == {"quotes"}
    assert table["round_trips"].max() > 5
    assert own_loops["own"] > 2 * own_loops["common"], own_loops


def test_what_is_written_behind_the_levels_is_left_to_the_engine(own_loops):
    candles = walk(3000, seed=4)
    high = float(np.quantile(candles.close, 0.9))
    found = wb.sweep(Reaching(), {"most": [1e9, high, 1e8]}, candles, **{**QUIET, "threads": 1})
    assert own_loops["own"] > 1
    assert found.table.filter(pl.col("route") == "quotes")["most"].to_list() == [1e9, 1e8]
    assert "1 raised, the first: ConfigError: Reaching.decide writes to out[2]" in str(found)


def test_no_loop_is_made_for_a_short_sweep(monkeypatch):
    fittings = tailored.Fittings()
    monkeypatch.setattr(quoters, "FITTINGS", fittings)
    wb.sweep(Quoter(), {"spread": [0.001, 0.002]}, walk(2000), **QUIET)
    (one,) = fittings.kept.values()
    assert one.thread is None
    assert one.bars == 4000


def test_only_the_latest_loops_are_kept():
    fittings = tailored.Fittings()

    class Inputs:
        places, row = np.array([0]), np.zeros(2)

    first = fittings.of(Quoter.decide, 1, Inputs, True)
    assert fittings.of(Quoter.decide, 1, Inputs, True) is first
    for levels in range(2, tailored.MOST + 2):
        fittings.of(Quoter.decide, levels, Inputs, True)
    assert len(fittings.kept) == tailored.MOST
    assert fittings.of(Quoter.decide, 1, Inputs, True) is not first


def test_records_on_the_stack_begin_like_new_ones_and_are_copied_whole():
    blank = new_targets(1)

    def fill(given: Any, found: Any) -> None:
        records = scratch(given, (0, 1, 2), 8)
        for level in range(3):
            clear(records[level])
            say_again(found[level], records[level])

    found, source = new_targets(3), new_targets(3)
    found["price"], found["config"], found["reduce"], found["size"] = 7.0, 5, 1, 3.0
    compiled_around(fill)(blank, found)
    assert found.tobytes() == new_targets(3).tobytes()

    def copy(given: Any, found: Any) -> None:
        for level in range(3):
            say_again(found[level], given[level])

    bits = source.view(np.int64).reshape(3, -1)
    bits[:] = np.arange(bits.size).reshape(bits.shape)
    compiled_around(copy)(source, found)
    assert found.tobytes() == source.tobytes()
    assert BITS.itemsize == TARGET.itemsize
    assert as_bits is not seen_as(BITS)
