"""Running a strategy on parts of the candles: what came out, what failed, how long it took, and what time is left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from workbench.backtest.lookahead.columns import Columns, Produce
from workbench.backtest.lookahead.tape import Market, Tape

BUDGET_SECONDS, BUDGET_SHARE = 0.035, 0.05  # of the run; what is under way when it is spent is still finished


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows of the tape, and what the strategy says on them."""

    start: int
    stop: int
    columns: Columns

    @property
    def rows(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Failure:
    """A part on which the strategy raised something, or returned a column of another length."""

    start: int
    rows: int
    kind: str
    column: str | None
    detail: str


@dataclass(slots=True)
class Trial:
    """A strategy, the tape it is tried on, and the account of what that took."""

    produce: Produce
    tape: Tape
    run_seconds: float | None
    budget_seconds: float | None
    began: tuple[float, float] = field(default_factory=lambda: _clocks())
    per_row: float = 0.0  # seconds
    timed_rows: int = 0
    bars: int = 0
    shortest: dict[int, int] = field(default_factory=dict)  # rows that worked, by where they start
    failures: list[Failure] = field(default_factory=list)

    def stretch(self, start: int, stop: int, candles: Market | None = None) -> Stretch | Failure:
        """Run the strategy on some rows. Whatever it raises is part of the finding, so nothing is let through."""
        self.bars += stop - start
        began = time.perf_counter()
        try:
            made = self.produce(self.tape.part(start, stop) if candles is None else candles)
            self._time(stop - start, time.perf_counter() - began)
        except Exception as error:
            text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            return self._note(Failure(start, stop - start, "error", None, f"{text}, on {stop - start:,} bars"), candles)
        return self.shaped(made, start, stop, candles)

    def shaped(
        self, made: Mapping[str, npt.ArrayLike], start: int, stop: int, candles: Market | None = None
    ) -> Stretch | Failure:
        """What came out, if it has one row per bar."""
        rows, columns = stop - start, {}
        for name, values in made.items():
            column = self.tape.on_grid(name, np.asarray(values), start, stop)
            if column.ndim and column.shape[0] != rows:
                detail = f"{column.shape[0]:,} rows for {rows:,} bars"
                return self._note(Failure(start, rows, "length", name, detail), candles)
            columns[name] = column
        self.shortest[start] = min(rows, self.shortest.get(start, rows))
        return Stretch(start, stop, columns)

    def _time(self, rows: int, seconds: float) -> None:
        """Keep what a row takes, by the quickest of the longest calls: the first one may have compiled something."""
        quickest = self.per_row if rows == self.timed_rows else np.inf
        if rows >= self.timed_rows:
            self.timed_rows, self.per_row = rows, min(quickest, seconds / rows)

    def _note(self, failure: Failure, candles: Market | None) -> Failure:
        if candles is None:  # on made-up candles a strategy may fail with good reason
            self.failures.append(failure)
        return failure

    def budget(self) -> float:
        """Seconds that may be spent."""
        if self.budget_seconds is not None:
            return self.budget_seconds
        run = self.per_row * len(self.tape) if self.run_seconds is None else self.run_seconds
        return BUDGET_SECONDS + BUDGET_SHARE * run

    def spent(self) -> float:
        """Time used by the processor, or most of that on the wall: a busy machine should not thin out the list much."""
        wall, processor = (now - then for now, then in zip(_clocks(), self.began, strict=True))
        return max(min(wall, processor), 0.8 * wall)

    def affords(self, rows: int, extra_per_row: float) -> bool:
        """Would a call on so many rows leave half of the time that is left?"""
        return (self.per_row + extra_per_row) * rows < 0.5 * (self.budget() - self.spent())


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()
