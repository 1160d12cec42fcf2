"""Run combinations, whichever way is fastest, and keep a row of numbers of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.backtest import Result, backtest
from workbench.errors import WorkbenchError
from workbench.journal import trials
from workbench.research.fast import DAY_MS, FastPath, Tapes, Walks, period_ends
from workbench.research.parts import Part, Route, Status, joined, picked
from workbench.research.shared import Memory, identity, sharing
from workbench.research.space import Combination, Space

BATCH = 256  # combinations that a fast path takes at once
PATIENCE = 1.0  # seconds after which finished rows are handed over
LONGEST_NOTE = 300
Marks = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]


class Runner:
    """Runs combinations of a space in this process; threads may share one.

    Attributes
    ----------
    wanted : set of int
        Combinations whose daily equity is kept when the engine has walked them, because it will be asked for.
    """

    def __init__(self, space: Space, *, fast: bool = True, wanted: Iterable[int] = ()) -> None:
        self.space = space
        self.fast = fast
        self.wanted = frozenset(wanted)
        self._kept: dict[int, Marks] = {}
        self.memory = Memory()
        self.fast_path, self.walks, self.tapes = FastPath(self.memory, len(space)), Walks(self.memory), Tapes()

    def parts(self, numbers: Any, stop: threading.Event | None = None) -> Iterator[Part]:
        """Run combinations, and hand over what is finished about once a second; stop when told to."""
        stop = stop or threading.Event()
        for start in range(0, len(numbers), BATCH):
            if stop.is_set():
                return
            yield from self._batch(numbers[start : start + BATCH], stop)

    def run(self, numbers: Any) -> Part:
        """Run combinations, all of them."""
        return joined(list(self.parts(np.asarray(numbers, np.int64))))

    def marks(self, number: int, period_ms: int) -> Marks:
        """Equity of one combination at its start and at the end of each period, with the times of these."""
        if period_ms == DAY_MS and number in self._kept:
            return self._kept[number]
        one = self.space.at(number)
        found = self.fast_path.marks(one) if self.fast and period_ms == DAY_MS else None
        return found or marks_of(run_one(one, self.memory), period_ms)

    def _batch(self, numbers: Any, stop: threading.Event) -> Iterator[Part]:
        part = Part.blank(numbers)
        wanted = self._combinations(part)
        if self.fast:
            self.fast_path.run(wanted, part)
        waiting = np.array(
            [row for row in wanted if part.routes[row] == Route.NONE and row not in part.notes], np.int64
        )
        done = np.setdiff1d(np.arange(len(part)), waiting)
        if len(done):
            yield picked(part, done)
        yield from self._engine(part, waiting, wanted, stop)

    def _combinations(self, part: Part) -> dict[int, Combination]:
        """What each row of a part means; a row that cannot be is refused."""
        found = {}
        for row, codes in enumerate(self.space.grid.rows(part.numbers)):
            try:
                found[row] = self.space.combination(codes)
            except WorkbenchError as error:
                part.refuse(row, Status.INVALID, str(error))
        return found

    def _engine(self, part: Part, rows: Any, wanted: dict[int, Combination], stop: threading.Event) -> Iterator[Part]:
        begun, first = time.monotonic(), 0
        for place, row in enumerate(rows):
            if stop.is_set():
                rows = rows[:place]
                break
            self._one(part, int(row), wanted[int(row)])
            if time.monotonic() - begun > PATIENCE:
                yield picked(part, rows[first : place + 1])
                begun, first = time.monotonic(), place + 1
        if first < len(rows):
            yield picked(part, rows[first:])

    def _one(self, part: Part, row: int, combination: Combination) -> None:
        """One combination through the engine; an error of the strategy's own is its row's, not the sweep's."""
        quoted = self.fast_path.quoted(combination) if self.fast else None
        number = int(part.numbers[row])
        if quoted is not None:
            part.metrics[row], part.routes[row] = quoted[0], Route.QUOTES
            if number in self.wanted:
                self._kept[number] = quoted[1]
            return
        try:
            result = (self.fast and self.walks.run(combination)) or run_one(combination, self.memory)
            key = (identity(combination.candles), None if result.finer is None else identity(result.finer.candles))
            metrics = self.tapes.metrics(result, key)
        except Exception as error:  # a user's code may raise anything
            part.refuse(row, Status.FAILED, f"{type(error).__name__}: {error}"[:LONGEST_NOTE])
            return
        part.metrics[row] = metrics
        part.routes[row] = Route.ENGINE
        if number in self.wanted:
            self._kept[number] = marks_of(result, DAY_MS)


def run_one(combination: Combination, memory: Memory | None = None, *, audit: bool = False) -> Result:
    """One combination through `backtest`; it is counted with its search, not by itself."""
    bot = combination.bot if memory is None else sharing(combination.bot, memory)
    with trials.uncounted():
        return backtest(bot, combination.candles, audit=audit, **combination.terms)


def marks_of(result: Result, period_ms: int) -> Marks:
    """Equity of a run at its start and at the end of each period, with the times of these."""
    time, length = result.bars.time, result.timeframe_ms
    rows = period_ends(time, length, period_ms)
    times = np.concatenate([time[:1], time[rows] + length])
    return times, np.concatenate([[result.settings.cash], result.tape.equity[rows]])
