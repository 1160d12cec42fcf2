"""Twenty strategies as they are written in cells: twelve that can be promoted, eight that cannot, and who is to blame.

Each is a list of cells, run one after the other; `make` is the expression that makes the bot, and `after` what is run
once its backtest was made.
"""

from __future__ import annotations

import linecache
import sys
import types
from dataclasses import dataclass
from typing import Any

HEAD = """
import math
import numpy as np
import workbench as wb
from workbench import BUY, FLAT, SELL, Controller, Field, Targets
"""
CROSS = """
class {name}(Controller):
    length: int = Field(5, ge=2)

    def targets(self, candles):
        mean = np.convolve(candles.close, np.ones(self.length) / self.length)[: len(candles)]
        {body}
        return Targets.at_market(np.where(up, BUY, SELL), stop_loss=0.01, take_profit=0.02)
"""


@dataclass(frozen=True)
class Cells:
    """A strategy of cells."""

    name: str
    cells: tuple[str, ...]
    blame: str = ""  # the culprit, in the words of the refusal; empty: it is promoted
    after: tuple[str, ...] = ()
    make: str = "{name}()"


def cross(name: str, body: str, *before: str, **more: Any) -> Cells:
    """A crossing of the price and its mean, in words of its own."""
    return Cells(name, (HEAD, *before, CROSS.format(name=name, body=body)), **more)


TWICE = "@wb.compiled\ndef twice(x):\n    return 2.0 * x"
COMPILED = """
class Compiled(Controller):
    def columns(self, candles):
        return (candles.close, np.roll(candles.close, 5))

    @staticmethod
    @wb.compiled
    def decide(row, world, out):
        if twice(row[0]) > twice(row[1]):
            out[0].action, out[0].side, out[0].stop_loss, out[0].size = 1, 1, 0.01, 0.05
"""
GOOD = (
    cross("Plain", "up = candles.close > mean"),
    cross("Constant", "up = candles.close > mean * (1 + EDGE)", "EDGE = 0.0005"),
    cross("Helper", "up = above(candles.close, mean)", "def above(one, other):\n    return one > other"),
    cross("Chain", "up = outer(candles.close, mean)", "def inner(one):\n    return one * 1.0001",
          "def outer(one, other):\n    return inner(one) > other"),
    cross("Lambda", "up = rises(candles.close, mean)", "rises = lambda one, other: one > other"),
    cross("Closure", "up = over(candles.close, mean)",
          "def make(share):\n    def over(one, other):\n        return one > other * (1 + share)\n    return over",
          "over = make(0.0003)"),
    cross("Imported", "up = candles.close > mean * math.exp(root(1e-8))", "from math import sqrt as root"),
    cross("Table", "up = candles.close > mean * (1 + WEIGHTS['edge'] + SHIFTS[0])",
          "WEIGHTS = {'edge': 0.0002, 'other': (1, 2)}\nSHIFTS = [0.0001, 3.0]"),
    cross("Seeded", "up = candles.close + np.random.default_rng(self.length).normal(0, 1, len(candles)) > mean"),
    Cells("Child", (HEAD, "class Parent(Controller):\n    length: int = Field(4, ge=2)\n\n    def side(self, close):\n"
                    "        return np.where(close > np.roll(close, self.length), BUY, FLAT)",
                    "class Child(Parent):\n    def targets(self, candles):\n"
                    "        return Targets.at_market(self.side(candles.close), stop_loss=0.01)")),
    Cells("Compiled", (HEAD, TWICE, COMPILED)),
    cross("Varied", "up = candles.close > mean", make="{name}(length=9)"),
)  # fmt: skip
ABOVE = "class Rule:\n    n = 0\n    def rises(self, one, other):\n        return one > other"
CROSSED = "up = candles.close > mean"
BOUND = CROSS.format(name="Disorder", body="up = candles.close > mean * self.bound")
BOUND = BOUND.replace("    length", "    bound: float = Field(1 + SHARE)\n    length")
BAD = (
    cross("Leaning", "up = TABLE.rises(candles.close, mean)", ABOVE, "TABLE = Rule()", blame="'TABLE'"),
    cross("Counting", "global CALLS; CALLS += 1; up = candles.close > mean * (1 + CALLS / 1e6)", "CALLS = 0",
          blame="'CALLS' outside of itself. That is hidden state"),
    cross("Filling", "SEEN.append(len(candles)); up = candles.close > mean * (1 + len(SEEN) / 1e5)", "SEEN = []",
          blame="writes into 'SEEN'"),
    cross("Chance", "up = candles.close + np.random.normal(0, 50, len(candles)) > mean",
          blame="draws with `np.random.normal` and no seed"),
    cross("Shadow", "up = np.array([max(a, b) for a, b in zip(candles.close, mean)]) > mean",
          "def max(a, b):\n    return a", blame="'max' of the notebook hides Python's own"),
    cross("Edited", CROSSED, after=(CROSS.format(name="Edited", body="up = candles.close < mean"),),
          blame="Edited was defined anew after this backtest was made"),
    cross("Changed", "up = candles.close > mean * (1 + SHARE)", "SHARE = 0.0001", after=("SHARE = 0.01",),
          blame="'SHARE' changed since this backtest was made"),
    Cells("Disorder", (HEAD, "SHARE = 0.0001", BOUND, "SHARE = 0.05"), blame="`bound` (1.0001 here, 1.05 there)"),
)  # fmt: skip


def notebook(cells: Cells) -> types.ModuleType:
    """A `__main__` in which the cells have been run."""
    made = types.ModuleType("__main__")
    made.In = [""]  # type: ignore[attr-defined]
    sys.modules["__main__"] = made
    for cell in cells.cells:
        run(made, cell, cells.name)
    return made


def run(made: Any, cell: str, name: str) -> None:
    """Run one more cell."""
    label = f"<cell {name} {len(made.In)}>"
    linecache.cache[label] = (len(cell), None, cell.splitlines(keepends=True), label)
    made.In.append(cell)
    exec(compile(cell, label, "exec", dont_inherit=True), made.__dict__)
