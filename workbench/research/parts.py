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
    QUOTES = 4  # a compiled `decide` that only quotes: from bar to bar, without journals


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

    def frame(self) -> pl.DataFrame:
        """As columns."""
        notes = pl.Series("note", [self.notes.get(row) for row in range(len(self))], dtype=pl.String)
        columns = {name: np.ascontiguousarray(self.metrics[:, place]) for place, name in enumerate(NAMES)}
        return pl.DataFrame(
            {"number": self.numbers, "route": self.routes, "status": self.status, "note": notes, **columns}
        )


def picked(part: Part, rows: Any) -> Part:
    """Some rows of a part, in their order."""
    notes = {place: part.notes[int(row)] for place, row in enumerate(rows) if int(row) in part.notes}
    return Part(part.numbers[rows], part.metrics[rows], part.routes[rows], part.status[rows], notes)


def joined(parts: list[Part]) -> Part:
    """Several parts as one, in order of the numbers."""
    if not parts:
        return Part.blank(np.zeros(0, np.int64))
    notes, offset = {}, 0
    for part in parts:
        notes.update({offset + row: note for row, note in part.notes.items()})
        offset += len(part)
    whole = Part(
        np.concatenate([part.numbers for part in parts]), np.concatenate([part.metrics for part in parts]),
        np.concatenate([part.routes for part in parts]), np.concatenate([part.status for part in parts]), notes,
    )  # fmt: skip
    return picked(whole, np.argsort(whole.numbers, kind="stable"))


def once(part: Part) -> Part:
    """Each number once, in order."""
    return picked(part, np.unique(part.numbers, return_index=True)[1])
