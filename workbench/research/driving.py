"""A sweep at work: it starts, goes on from what is there, can be stopped, and leaves a table."""

from __future__ import annotations

import threading
import time
from typing import Any, Protocol

import numpy as np
import polars as pl

from workbench.research.chunks import INVALID, TABLE, Chunks, load, width
from workbench.research.counting import count
from workbench.research.parts import Part, Route, Status, joined, once
from workbench.research.pool import Numbers, cut, ordered
from workbench.research.progress import EVERY, Progress, Silent
from workbench.research.runs import Runner
from workbench.research.space import Space
from workbench.research.table import invalid_of, table_of

TRIES = 1000  # combinations that are looked at for a first valid one
STRETCH = 2_000  # rows of the table that are in memory at once while it is written
FEW = 5  # times longer are stretches where chunks hold rows from all over the table
TABLES = {TABLE: table_of, INVALID: invalid_of}


class Pool(Protocol):
    """Whoever runs the pieces: threads here, or a cluster."""

    @property
    def workers(self) -> int: ...
    def run(self, pieces: Any, stop: threading.Event, take: Any) -> None: ...


class Drive:
    """Runs what is missing of a sweep in a thread of its own, and writes the table when all is there."""

    def __init__(self, space: Space, chunks: Chunks, runner: Runner, pool: Pool) -> None:
        self.space, self.chunks, self.runner, self.pool = space, chunks, runner, pool
        self.stop, self.over = threading.Event(), threading.Event()
        self.error: BaseException | None = None
        done = chunks.done()
        self.resumed = len(done)
        waits = np.ones(len(space), np.bool_)
        waits[done] = False
        self.missing = np.flatnonzero(waits)
        self.progress = Progress(len(space), self.resumed)
        self.seconds = 0.0
        self.faults = Faults()
        self.faults.add(chunks.faults())
        self._thread = threading.Thread(target=self._work, name="sweep", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wait(self, display: Silent) -> None:
        """Until it is over, showing how far it is; an interrupt stops it and keeps what is finished."""
        while True:
            try:
                while not self.over.wait(EVERY):
                    display.show(self.progress)
                self._thread.join()
                return
            except KeyboardInterrupt:
                self.stop.set()

    def _work(self) -> None:
        began = time.monotonic()
        try:
            rest = self._first(self.missing)
            self.pool.run(cut(rest, self.pool.workers), self.stop, self.take)
            if self.progress.done == self.progress.total:
                write_table(self.space, self.chunks)
        except BaseException as error:
            self.error = error
        finally:
            count(self.space, self.progress.done - self.faults.invalid)
            self.seconds = time.monotonic() - began
            self.chunks.close()
            self.over.set()

    def take(self, part: Part) -> None:
        """Keep finished rows."""
        self.chunks.add(part)
        self.progress.add(len(part))
        self.faults.add(part)

    def _first(self, missing: Numbers) -> Numbers:
        """Run a first valid combination here: it compiles what is to be compiled, and shows what columns depend on.

        What it shows puts the others into an order in which they share them.
        """
        tried: list[Part] = []
        for number in missing[:TRIES]:
            if self.stop.is_set():
                break
            tried.append(self.runner.run([number]))
            if tried[-1].routes[0] != Route.NONE:
                break
        if tried:
            self.take(joined(tried))
        missing = missing[len(tried) :]
        shared = {name for names in self.runner.memory.readings for name in names} | {"candles", "period"}
        grid = self.space.grid
        return ordered(grid.rows, grid.names, shared, missing)


class Faults:
    """How many combinations could not be, how many raised, and what the first of these said."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.invalid = self.failed = 0
        self.first: tuple[int, str] | None = None

    def add(self, part: Part) -> None:
        """Count those of a part."""
        with self.lock:
            self.invalid += int((part.status == Status.INVALID).sum())
            for row in np.flatnonzero(part.status == Status.FAILED):
                self.failed += 1
                said = (int(part.numbers[row]), part.notes[int(row)])
                self.first = said if self.first is None else min(self.first, said)


def write_table(space: Space, chunks: Chunks) -> None:
    """The finished table and the invalid combinations as Parquet, a stretch of rows in memory at a time."""
    chunks.forget_table()
    files = chunks.files()
    stretch = STRETCH if all(width(file) < FEW * STRETCH for file in files) else FEW * STRETCH
    for start in range(0, len(space), stretch):
        rows = chunks.part(start, start + stretch, files).frame()
        for name, make in TABLES.items():
            chunks.write(make(space, rows), name, start)
    chunks.forget_parts()


def read_table(space: Space, chunks: Chunks, name: str, columns: list[str] | None = None) -> pl.DataFrame:
    """The table as it stands, or some columns of it: the finished one, or what the chunks hold by now."""
    pieces = chunks.pieces(name)
    if pieces and not chunks.files():
        return pl.read_parquet(pieces, columns=columns, memory_map=False)
    made = TABLES[name](space, chunks.part().frame())
    return made if columns is None else made.select(columns)


class Reader:
    """Reads the chunks of a running sweep, each once, for whoever looks on."""

    def __init__(self, space: Space, chunks: Chunks) -> None:
        self.space, self.chunks = space, chunks
        self.seen: dict[str, Part] = {}
        self.lock = threading.Lock()

    def table(self) -> pl.DataFrame:
        """The table as it stands; the finished one, once the chunks are gone."""
        with self.lock:
            try:
                for file in self.chunks.files():
                    if file.name not in self.seen:
                        self.seen[file.name] = load(file)
            except FileNotFoundError:
                return read_table(self.space, self.chunks, TABLE)
            return table_of(self.space, once(joined(list(self.seen.values()))).frame())
