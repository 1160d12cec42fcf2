"""The journal of one run: what happened, in order, committed before anybody acts on it."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from workbench.errors import BrokenInvariant, DataError, WorkbenchError
from workbench.journal import reading, stores
from workbench.journal.ahead import AheadLog
from workbench.journal.codec import to_text
from workbench.journal.entries import NOTHING_BEFORE, Entry, Written, chain_hash, check_next
from workbench.journal.late import late_entries
from workbench.journal.projecting import Projector
from workbench.journal.records import ENTRIES, SNAPSHOTS, TABLES
from workbench.journal.writing import put_into_words, sync_commits, write_at_once, write_rows

PATIENCE_S = 5.0
SNAPSHOTS_KEPT = 3


class Journal:
    """What happened in a run, written by one process. `Journal.open` makes one.

    Entries are appended to an open batch, which `commit` writes in one transaction, synced. It may be committed in
    another thread than it is appended to. If `commit` fails the batch is kept, and the next one tries it again.
    """

    def __init__(self, url: Any, run: str, patience_s: float) -> None:
        self.url, self.run, self.patience_s = url, run, patience_s
        self._lock = threading.RLock()
        self._writing = threading.Lock()
        self._batch: list[Written] = []
        self._projector = Projector(run)
        self._descriptor: int | None = None
        self._connection: Connection | None = None
        self._ahead: AheadLog | None = None
        self._owed: list[Written] = []  # committed, and not in the tables yet
        self._doubtful = False  # the last commit may have happened, although it was not said so

    @classmethod
    def open(cls, url: str | Path, *, run: str, patience_s: float = PATIENCE_S) -> Self:
        """Open the journal of a run to write it; the database is made, or brought to the latest version.

        Parameters
        ----------
        url : str or Path
            A path of a SQLite file, `sqlite:///…` or `postgresql://…`.
        patience_s : float
            How long another program may hold the database.

        Raises
        ------
        ConfigError
            If the address or the name is none, or another process writes this journal.
        DataError
            If the database cannot be opened, or a newer workbench made it.
        BrokenInvariant
            If its end is damaged.
        """
        journal = cls(stores.address(url), stores.check_name(run), patience_s)
        try:
            journal._start()
        except BaseException:
            journal.close()
            raise
        return journal

    def _start(self) -> None:
        self._engine = stores.open_store(self.url, patience_s=self.patience_s)
        if self._is_file:
            self._descriptor = stores.hold_file(self.url, self.run)
        with stores.explained(self.url):
            self._number, self._hash = self._read_end(self._connected())
        with self._transaction() as connection:
            self._catch_up(connection)
        put_into_words(self._engine.dialect)

    def _lay_out(self) -> None:
        """Nobody else writes meanwhile: `_read_end` has the lock of writers."""
        self._ahead = AheadLog(stores.file_of(self.url))
        self._ahead.lay_out()

    @property
    def _is_file(self) -> bool:
        return bool(self.url.get_backend_name() == "sqlite")

    def _connected(self) -> Connection:
        """The one connection that writes; made again if the server dropped it, and the run's lock taken with it."""
        if self._connection is not None and not self._connection.invalidated:
            return self._connection
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._doubtful:
            gc.collect()  # a cursor that an interrupt left behind keeps SQLite's lock
        made = self._engine.connect().execution_options(writes=True)
        try:
            if not self._is_file:
                stores.hold_row(made, self.run)
                made.commit()
        except BaseException:
            made.close()
            raise
        self._connection = made
        return made

    def _read_end(self, connection: Connection) -> tuple[int, str]:
        """Number and hash of the last entry, which is checked."""
        with connection.begin():
            last = reading.written(connection, self.run, ENTRIES.c.number, newest=2)
            if self._is_file:
                self._lay_out()
        if not last:
            return 0, NOTHING_BEFORE
        check_next(self.run, last[0], last[0].number, last[1].hash if len(last) > 1 else NOTHING_BEFORE)
        return last[0].number, last[0].hash

    # --- writing -----------------------------------------------------------------------------------------------------

    @property
    def number(self) -> int:
        """Number of the last entry that was appended; 0 before the first."""
        with self._lock:
            return self._batch[-1].number if self._batch else self._number

    def append(self, kind: str, body: Any, *, time_ms: int) -> int:
        """Add an entry to the open batch, and return its number. Nothing has happened before `commit`.

        Parameters
        ----------
        kind : str
            docs/live.md lists them; of another kind no table is made.
        body : JSON value
            Messages of `trading` and `connectors`, and decimals, may stand in it anywhere.

        Raises
        ------
        DataError
            If the body is none: NaN, or an object that JSON and we do not know.
        """
        text = to_text(body)
        with self._lock:
            last = self._batch[-1] if self._batch else None
            number, before = (last.number, last.hash) if last else (self._number, self._hash)
            hashed = chain_hash(before, self.run, number + 1, int(time_ms), kind, text)
            self._batch.append(Written(number + 1, int(time_ms), kind, text, hashed))
            return number + 1

    def commit(self) -> list[Entry]:
        """Write the open batch in one transaction and sync it, and return its entries as they will be read back.

        Raises
        ------
        NotWritten
            If the database is locked, full or gone. Nothing of it may be acted on; the batch is kept.
        BrokenInvariant
            If another process has written to this journal.
        """
        with self._writing:
            batch = self._open_batch()
            if not batch:
                return []
            entries = [written.read() for written in batch]
            with self._transaction() as connection:
                if self._doubtful:
                    self._make_up(connection, batch)
                else:
                    self._write_entries(connection, batch)
                    self._projector.write(connection, [*(written.read() for written in self._owed), *entries])
            self._owed.clear()
            self._is_written(batch)
            return entries

    def commit_entries(self) -> Iterable[Entry]:
        """As `commit`, but the tables are written with the next commit, or by `settle`: an order waits for this one.

        Entries are decoded as they are asked for. A process that dies before the tables are written leaves some behind
        that lack the last entries; `open` makes up for them.
        """
        with self._writing:
            batch = self._open_batch()
            if not batch:
                return ()
            makes_up = self._doubtful
            if makes_up:
                with self._transaction() as connection:
                    self._make_up(connection, batch)
            elif self._is_file:
                with self._watched():
                    write_at_once(self._connected(), ENTRIES.name, [self._row(written) for written in batch])
            else:
                with self._transaction() as connection:
                    self._write_entries(connection, batch)
            self._owed = [] if makes_up else [*self._owed, *batch]
            self._is_written(batch)
            return (written.read() for written in batch)

    def settle(self) -> None:
        """Write the tables of what was committed without them. A disk that forgets them is none to wait for."""
        with self._writing:
            if not self._owed:
                return
            with self._unsynced(), self._transaction() as connection:
                if self._doubtful:
                    self._catch_up(connection)
                else:
                    self._projector.write(connection, [written.read() for written in self._owed])
            self._owed.clear()

    @contextlib.contextmanager
    def _unsynced(self) -> Iterator[None]:
        """Rows that `open` can make again: the next sync of SQLite's log takes them along."""
        if not self._is_file:
            yield
            return
        with self._watched():
            sync_commits(self._connected(), False)
        yield
        with self._watched():
            sync_commits(self._connected(), True)

    def _open_batch(self) -> list[Written]:
        with self._lock:
            return list(self._batch)

    def _is_written(self, batch: list[Written]) -> None:
        with self._lock:
            del self._batch[: len(batch)]
            self._number, self._hash = batch[-1].number, batch[-1].hash
        if self._ahead is not None:
            self._ahead.written(len(batch))

    def _write_entries(self, connection: Connection, batch: list[Written]) -> None:
        if batch:
            write_rows(connection, ENTRIES.name, [self._row(written) for written in batch])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """One transaction of the writing connection."""
        with self._watched():
            connection = self._connected()
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """What fails leaves nothing behind, here or there."""
        try:
            yield
        except BaseException as error:
            self._projector.forget()
            self._doubtful = True
            self._drop_connection()
            if isinstance(error, IntegrityError) and "entries" in str(error.orig):
                raise BrokenInvariant(
                    f"The journal of {self.run!r} was written by another process: there is an entry "
                    f"{self._number + 1} that is not ours. Stop trading, and look for the other one."
                ) from error
            if isinstance(error, DBAPIError):
                raise stores.in_words(error, self.url) from error
            raise
        self._doubtful = False

    def _drop_connection(self) -> None:
        """Nobody knows how far it had come, so the next transaction gets another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(DBAPIError):
                connection.invalidate()
                connection.close()

    def _make_up(self, connection: Connection, batch: list[Written]) -> None:
        """After a commit that failed: write what is not there, entries and tables; nobody else wrote meanwhile."""
        rest = self._not_there(connection, batch)
        self._catch_up(connection)
        self._write_entries(connection, rest)
        self._projector.write(connection, [written.read() for written in rest])

    def _not_there(self, connection: Connection, batch: list[Written]) -> list[Written]:
        """What of a batch was not written: all of it, what was added before it was tried again, or nothing."""
        highest = select(func.max(ENTRIES.c.number)).where(ENTRIES.c.run == self.run)
        number = connection.execute(highest).scalar() or 0
        if number == self._number:
            return batch
        found = reading.written(connection, self.run, ENTRIES.c.number, newest=1)[0]
        done = next((written for written in batch if written.number == number), None)
        if done is None or done.hash != found.hash:
            raise BrokenInvariant(f"The journal of {self.run!r} was written by another process at entry {number}.")
        return batch[batch.index(done) + 1 :]

    def _catch_up(self, connection: Connection) -> None:
        """Write the tables of entries that were committed without them, if there are any."""
        self._projector.write(connection, late_entries(connection, self.run))

    def _row(self, written: Written) -> dict[str, Any]:
        return {"run": self.run, "number": written.number, "time_ms": written.time_ms, "kind": written.kind,
                "body": written.body, "hash": written.hash}  # fmt: skip

    # --- snapshots ---------------------------------------------------------------------------------------------------

    def keep_snapshot(self, number: int, blob: bytes) -> None:
        """Keep the session's state as it was after a committed entry; the last three are kept.

        Raises
        ------
        NotWritten
            If the database did not take it. That loses time at the next start, nothing else.
        """
        if not 0 < number <= self._number:
            raise DataError(f"A snapshot after entry {number}, but entries go from 1 to {self._number}. Commit first.")
        row = {"run": self.run, "number": number, "blob": blob, "hash": hashlib.sha256(blob).hexdigest()}
        mine = SNAPSHOTS.c.run == self.run
        with self._writing, self._transaction() as connection:
            connection.execute(delete(SNAPSHOTS).where(mine, SNAPSHOTS.c.number == number))
            connection.execute(insert(SNAPSHOTS), [row])
            numbers = connection.execute(select(SNAPSHOTS.c.number).where(mine).order_by(SNAPSHOTS.c.number.desc()))
            old = numbers.scalars().all()[SNAPSHOTS_KEPT:]
            connection.execute(delete(SNAPSHOTS).where(mine, SNAPSHOTS.c.number.in_(old)))

    def snapshot(self) -> tuple[int, bytes] | None:
        """The latest snapshot whose hash is right, with the number of the entry that it follows; None: fold all."""
        with stores.explained(self.url), self._engine.connect() as connection:
            rows = connection.execute(
                select(SNAPSHOTS).where(SNAPSHOTS.c.run == self.run).order_by(SNAPSHOTS.c.number.desc())
            ).mappings()
            for row in rows:
                blob = row["blob"]
                if not isinstance(blob, bytes | memoryview):
                    continue
                if hashlib.sha256(blob).hexdigest() == row["hash"] and row["number"] <= self._number:
                    return row["number"], bytes(blob)
        return None

    # --- reading -----------------------------------------------------------------------------------------------------

    def entries(self, *, after: int = 0) -> Iterator[Entry]:
        """Committed entries after one, in order, each checked against the chain.

        Raises
        ------
        BrokenInvariant
            If one was changed or some are gone; the message names the first.
        """
        with stores.explained(self.url):
            yield from reading.chained(self._engine, self.run, after)

    def rebuild(self) -> int:
        """Make the tables again from the entries, in one transaction, and return how many entries that were."""
        with self._writing, self._transaction() as connection:
            for table in TABLES.values():
                connection.execute(delete(table).where(table.c.run == self.run))
            self._projector.forget()
            count = 0
            for part in reading.in_parts(reading.chained(self._engine, self.run, 0)):
                self._projector.write(connection, part)
                count += len(part)
        return count

    # --- ending ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Give the run's lock back. What was not committed has not happened."""
        with contextlib.suppress(WorkbenchError):
            self.settle()
        if self._ahead is not None:
            self._ahead.close()
        if self._connection is not None:
            with contextlib.suppress(DBAPIError):
                self._connection.close()
            self._connection = None
        if hasattr(self, "_engine"):
            self._engine.dispose()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
