"""Finished chunks on disk: what a killed sweep leaves behind, and goes on from.

Each file holds some rows, is written whole and then renamed, and says by number which combinations it has. So a sweep
that goes on asks only what is missing; how it was cut into chunks, and by whom, does not matter. Chunks are plain
bytes, which cost next to no memory; the finished table is Parquet, a piece for so many rows, and one file once somebody
asks for that.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from workbench.errors import WorkbenchError
from workbench.research.parts import Part, Status, joined, once, picked
from workbench.settings import try_lock

TABLE, INVALID = "table", "invalid"


class Chunks:
    """The folder of one sweep.

    Only one process works in it at a time; a second one that runs the same sweep gets a folder of its own.
    """

    def __init__(self, home: Path, fingerprint: str) -> None:
        self.folder, self._lock = claimed(home / "sweeps", fingerprint)
        self._count = itertools.count(len(self.files()))
        self._writing = threading.Lock()
        for half in self.folder.glob("*.tmp"):
            half.unlink()

    def pieces(self, name: str) -> list[Path]:
        """Every piece of a finished table."""
        return sorted(self.folder.glob(f"{name}-*.parquet"))

    def table(self) -> Path:
        """The finished table as one file."""
        pieces, path = self.pieces(TABLE), self.folder / f"{TABLE}.parquet"
        if len(pieces) == 1:
            return pieces[0]
        if not path.exists():
            rows = pl.scan_parquet(pieces, low_memory=True, parallel="none")  # otherwise it holds all of them at once
            options: Any = {"compression": "zstd", "maintain_order": True, "row_group_size": 10_000}
            self._write(path, lambda half: rows.sink_parquet(half, **options))
        return path

    def files(self) -> list[Path]:
        """Every finished chunk."""
        return sorted(self.folder.glob("part-*.rows"))

    def add(self, part: Part) -> None:
        """Write a chunk.

        Raises
        ------
        WorkbenchError
            If the disk takes no more.
        """
        with self._writing:
            span = f"{int(part.numbers.min())}-{int(part.numbers.max())}"
            self._write(self.folder / f"part-{next(self._count):06d}-{span}.rows", lambda half: save(part, half))

    def write(self, frame: pl.DataFrame, name: str, start: int) -> None:
        """Write a piece of a table."""
        path = self.folder / f"{name}-{start:09d}.parquet"
        self._write(path, lambda half: frame.write_parquet(half, compression="zstd", statistics=False))

    def part(self, start: int = 0, stop: int | None = None, files: list[Path] | None = None) -> Part:
        """Finished rows, each once, by number: all of them, or those from `start` up to `stop`."""
        files = self.files() if files is None else files
        found = once(joined([load(file) for file in files if overlaps(file, start, stop)]))
        inside = (found.numbers >= start) & (stop is None or found.numbers < stop)
        return picked(found, np.flatnonzero(inside))

    def _write(self, path: Path, how: Callable[[Path], Any]) -> None:
        """Write a file whole, or not at all."""
        half = path.with_suffix(".tmp")
        try:
            how(half)
            os.replace(half, path)
        except (OSError, pl.exceptions.PolarsError) as error:
            half.unlink(missing_ok=True)
            raise full(path.parent, error) from error

    def done(self) -> npt.NDArray[np.int64]:
        """The numbers of all finished rows."""
        files = self.files()
        if not files:
            return np.zeros(0, np.int64)
        return np.unique(np.concatenate([load(file, lean=True).numbers for file in files]))

    def forget_parts(self) -> None:
        """Forget the chunks: the table has them all, or they are not wanted."""
        for file in self.files():
            file.unlink(missing_ok=True)

    def forget_table(self) -> None:
        """Forget a table that is to be written anew."""
        for file in self.folder.glob("*.parquet"):
            file.unlink(missing_ok=True)

    def faults(self) -> Part:
        """The finished rows, without their metrics, that could not be run."""
        found = once(joined([load(file, lean=True) for file in self.files()]))
        return picked(found, np.flatnonzero(found.status != Status.DONE))

    def close(self) -> None:
        """Let others work in the folder; one without a row in it is taken away."""
        if self._lock is None:
            return
        os.close(self._lock)
        self._lock = None
        if not self.files() and not self.pieces(TABLE):
            shutil.rmtree(self.folder, ignore_errors=True)


def save(part: Part, path: Path) -> None:
    """Write a chunk: a line that says what is in it, then the arrays, the metrics last."""
    notes = {str(row): note for row, note in part.notes.items()}
    with path.open("wb") as file:
        file.write(json.dumps({"rows": len(part), "metrics": part.metrics.shape[1], "notes": notes}).encode() + b"\n")
        for array in (part.numbers, part.routes, part.status, part.metrics):
            file.write(np.ascontiguousarray(array).data)


def load(path: Path, *, lean: bool = False) -> Part:
    """Read a chunk; a lean one has no metrics."""
    with path.open("rb") as file:
        said = json.loads(file.readline())
        count, width = said["rows"], 0 if lean else said["metrics"]
        numbers = np.fromfile(file, np.int64, count)
        routes, status = np.fromfile(file, np.int8, count), np.fromfile(file, np.int8, count)
        metrics = np.fromfile(file, np.float64, count * width).reshape(count, width)
    return Part(numbers, metrics, routes, status, {int(row): note for row, note in said["notes"].items()})


def overlaps(file: Path, start: int, stop: int | None) -> bool:
    """May a chunk hold rows from `start` up to `stop`?"""
    lowest, highest = ends(file)
    return highest >= start and (stop is None or lowest < stop)


def width(file: Path) -> int:
    """How far apart the lowest and the highest number of a chunk are."""
    lowest, highest = ends(file)
    return highest - lowest


def ends(file: Path) -> tuple[int, int]:
    """Lowest and highest number of a chunk, which its name tells."""
    *_, lowest, highest = file.stem.split("-")
    return int(lowest), int(highest)


def full(folder: Path, error: Exception) -> WorkbenchError:
    """That a disk takes no more, and what to do."""
    return WorkbenchError(
        f"The sweep could not write to {folder}: {error}. What was finished before is kept there: make room, and call "
        f"the same sweep again to go on."
    )


def claimed(root: Path, fingerprint: str) -> tuple[Path, Any]:
    """A folder that is this process's alone, with the lock that says so; the system takes it back when we die."""
    for folder in (root / fingerprint, *(root / f"{fingerprint}-{n}" for n in range(2, 100))):
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        if try_lock(lock):
            return folder, lock
        os.close(lock)
    raise WorkbenchError(f"A hundred processes run this very sweep in {root}. Stop some of them.")
