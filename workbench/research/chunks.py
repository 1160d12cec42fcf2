"""Finished chunks on disk: what a killed sweep leaves behind, and goes on from.

Each file holds some rows, is written whole and then renamed, and says by number which combinations it has. So a sweep
that goes on asks only what is missing; how it was cut into chunks, and by whom, does not matter.
"""

from __future__ import annotations

import itertools
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from workbench.errors import WorkbenchError
from workbench.research.parts import Part, Status

TABLE = "table.parquet"


class Chunks:
    """The folder of one sweep.

    Only one process works in it at a time; a second one that runs the same sweep gets a folder of its own.
    """

    def __init__(self, home: Path, fingerprint: str) -> None:
        self.folder, self._lock = claimed(home / "sweeps", fingerprint)
        self._count = itertools.count(sum(1 for _ in self.folder.glob("part-*.parquet")))
        self._writing = threading.Lock()
        for half in self.folder.glob("*.tmp"):
            half.unlink()

    @property
    def table(self) -> Path:
        """The finished table."""
        return self.folder / TABLE

    def files(self) -> list[Path]:
        """Every finished chunk."""
        return sorted(self.folder.glob("part-*.parquet"))

    def add(self, part: Part) -> None:
        """Write a chunk.

        Raises
        ------
        WorkbenchError
            If the disk takes no more.
        """
        with self._writing:
            span = f"{int(part.numbers.min())}-{int(part.numbers.max())}"
            self.write(part.frame(), self.folder / f"part-{next(self._count):06d}-{span}.parquet")

    def write(self, frame: pl.DataFrame, path: Path) -> None:
        """Write a file whole, or not at all."""
        half = path.with_suffix(".tmp")
        try:
            frame.write_parquet(half, compression="zstd", statistics=False)
            os.replace(half, path)
        except (OSError, pl.exceptions.PolarsError) as error:
            half.unlink(missing_ok=True)
            raise full(path.parent, error) from error

    def frame(self, start: int = 0, stop: int | None = None) -> pl.DataFrame:
        """Finished rows, each once, by number: all of them, or those from `start` up to `stop`."""
        wanted = pl.col("number") >= start if stop is None else pl.col("number").is_between(start, stop, closed="left")
        rows = [Part.blank(np.zeros(0, np.int64)).frame()]
        files = [file for file in self.files() if overlaps(file, start, stop)]
        rows += [pl.read_parquet(file, memory_map=False).filter(wanted) for file in files]
        return pl.concat(rows).unique("number", keep="first", maintain_order=True).sort("number")

    def join(self, pieces: list[Path], path: Path) -> None:
        """Several files of rows as one."""
        half = path.with_suffix(".tmp")
        try:
            rows = pl.scan_parquet(pieces, low_memory=True, parallel="none")  # otherwise it holds all of them at once
            rows.sink_parquet(half, compression="zstd", maintain_order=True, row_group_size=10_000)
            os.replace(half, path)
        except (OSError, pl.exceptions.PolarsError) as error:
            half.unlink(missing_ok=True)
            raise full(path.parent, error) from error
        for piece in pieces:
            piece.unlink()

    def done(self) -> npt.NDArray[np.int64]:
        """The numbers of all finished rows."""
        files = self.files()
        if not files:
            return np.zeros(0, np.int64)
        numbers = [pl.read_parquet(file, columns=["number"], memory_map=False)["number"].to_numpy() for file in files]
        return np.unique(np.concatenate(numbers))

    def forget_parts(self) -> None:
        """Forget the chunks: the table has them all, or they are not wanted."""
        for file in self.files():
            file.unlink(missing_ok=True)

    def faults(self) -> pl.DataFrame:
        """Number, status and note of the finished rows that have no numbers."""
        names = ["number", "status", "note"]
        rows = [Part.blank(np.zeros(0, np.int64)).frame().select(names)]
        for file in self.files():
            part = pl.read_parquet(file, columns=names, memory_map=False)
            rows.append(part.filter(pl.col("status") != int(Status.DONE)))
        return pl.concat(rows).unique("number", keep="first", maintain_order=True)

    def close(self) -> None:
        """Let others work in the folder; one without a row in it is taken away."""
        if self._lock is None:
            return
        os.close(self._lock)
        self._lock = None
        if not self.files() and not self.table.exists():
            shutil.rmtree(self.folder, ignore_errors=True)


def overlaps(file: Path, start: int, stop: int | None) -> bool:
    """May a chunk, whose name tells its lowest and highest number, hold rows from `start` up to `stop`?"""
    *_, lowest, highest = file.stem.split("-")
    return int(highest) >= start and (stop is None or int(lowest) < stop)


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
        if is_ours(lock):
            return folder, lock
        os.close(lock)
    raise WorkbenchError(f"A hundred processes run this very sweep in {root}. Stop some of them.")


def is_ours(lock: int) -> bool:
    """Take a lock, if nobody else has it."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
