"""What comes out of running some combinations: a row of numbers each, and how it came about."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from workbench.metrics import METRICS

NAMES = tuple(METRICS)


class Route(IntEnum):
    """Which way a combination took: the engine, or a fast path that gives the same numbers."""

    NONE = 0  # it could not be run
    ENGINE = 1
    SIGNALS = 2  # no barrier: from one signal to the next
    BARRIERS = 3  # by first touch: to the bar in which a barrier is met


class Status(IntEnum):
    """What became of a combination."""

    DONE = 0
    INVALID = 1  # its parameters or terms do not fit together; nothing was run
    FAILED = 2  # it raised while it ran


@dataclass(slots=True)
class Part:
    """Combinations that have been run, by number, in any order.

    Attributes
    ----------
    numbers : int64 array of shape (n_rows,)
    metrics : float64 array of shape (n_rows, n_metrics)
        In the order of `METRICS`; NaN where there is none.
    routes, status : int8 arrays of shape (n_rows,)
    notes : dict of row to text
        Why a row is invalid or failed.
    """

    numbers: npt.NDArray[np.int64]
    metrics: npt.NDArray[np.float64]
    routes: npt.NDArray[np.int8]
    status: npt.NDArray[np.int8]
    notes: dict[int, str] = field(default_factory=dict)

    @classmethod
    def blank(cls, numbers: Any) -> Part:
        """A part in which nothing has been run yet."""
        count = len(numbers)
        return cls(
            np.asarray(numbers, np.int64), np.full((count, len(NAMES)), np.nan), np.zeros(count, np.int8),
            np.zeros(count, np.int8),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.numbers)

    def refuse(self, row: int, status: Status, note: str) -> None:
        """Write down why a row has no numbers."""
        self.status[row], self.notes[row] = status, note

    def first(self, count: int) -> Part:
        """The first rows alone."""
        notes = {row: note for row, note in self.notes.items() if row < count}
        return Part(self.numbers[:count], self.metrics[:count], self.routes[:count], self.status[:count], notes)

    def frame(self) -> pl.DataFrame:
        """As columns, for the disk."""
        notes = pl.Series("note", [self.notes.get(row) for row in range(len(self))], dtype=pl.String)
        columns = {name: np.ascontiguousarray(self.metrics[:, place]) for place, name in enumerate(NAMES)}
        return pl.DataFrame(
            {"number": self.numbers, "route": self.routes, "status": self.status, "note": notes, **columns}
        )
