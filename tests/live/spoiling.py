"""Deaths that no point in our own code can bring about: inside the database's own work."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any


def die() -> None:
    """As the machine would."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_in_migration(n: int) -> None:
    """Die before the n-th statement that makes or changes the schema."""
    from sqlalchemy import Engine, event

    left = [n]

    @event.listens_for(Engine, "before_cursor_execute")
    def look(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.split(None, 1)[0].upper() in ("CREATE", "ALTER", "INSERT", "UPDATE", "DROP"):
            left[0] -= 1
            if not left[0]:
                die()


def die_in_checkpoint(journal: Path, n: int, delay_s: float) -> None:
    """Empty the write-ahead log again and again, and die a moment after the n-th time began."""

    def work() -> None:
        while not journal.exists():
            time.sleep(0.01)
        time.sleep(1.0)
        with sqlite3.connect(journal, timeout=1.0) as other:
            for turn in range(n):
                time.sleep(0.1)
                if turn == n - 1:
                    threading.Timer(delay_s, die).start()
                try:
                    other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                except sqlite3.OperationalError:
                    continue  # a commit was under way
        time.sleep(1.0)
        die()

    threading.Thread(target=work, daemon=True).start()


FAULTS = {"locked": "database is locked", "full": "database or disk is full", "error": "disk I/O error"}


def fail_commits(fault: str, after: int) -> None:
    """Let every commit fail after so many that were done."""
    _wrap_commit(lambda n: n > after and _fail(FAULTS[fault]))


def full_until_given_up(reserve: Path, after: int) -> None:
    """A disk that is full after so many commits, until the reserve is given up; that is noted beside it."""

    def look(n: int) -> None:
        if n > after and reserve.exists() and not reserve.with_name("given_up").exists():
            _fail(FAULTS["full"])
        elif n > after:
            reserve.with_name("given_up").touch()

    _wrap_commit(look)


def little_room(least: int) -> None:
    """A disk on which less is free than a run wants."""
    from workbench.live import disk

    disk.STOP_BYTES = least


def _fail(said: str) -> None:
    raise sqlite3.OperationalError(said)


def _wrap_commit(look: Any) -> None:
    from sqlalchemy.engine.default import DefaultDialect

    real, count = DefaultDialect.do_commit, [0]

    def commit(self: Any, connection: Any) -> None:
        count[0] += 1
        look(count[0])
        real(self, connection)

    DefaultDialect.do_commit = commit  # type: ignore[method-assign]


def fail_commit(fault: str, n: int, mark: str) -> None:
    """Let the n-th commit fail, and leave a mark."""

    def look(number: int) -> None:
        if number == n:
            Path(mark).touch()
            _fail(FAULTS[fault])

    _wrap_commit(look)
