"""A new SQLite file of ours is opened although somebody writes to it at that moment."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbench.errors import DataError
from workbench.journal import Journal, open_database, pragmas

Open = Callable[[Path], object]


def opened_database(file: Path) -> None:
    open_database(file.parent).dispose()


def opened_journal(file: Path) -> None:
    Journal.open(file, run="btc", patience_s=0.2).close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "workbench.sqlite"


@pytest.fixture
def writer(file: Path) -> Iterator[sqlite3.Connection]:
    """Somebody who is about to write to the file, which is not written ahead yet."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def mode(file: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


@pytest.mark.parametrize("open_file", [opened_database, opened_journal])
def test_a_writer_to_a_new_file_is_waited_for(open_file, file, writer, monkeypatch):
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            writer.rollback()

    monkeypatch.setattr(pragmas, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    open_file(file)
    assert len(waited) == 3
    assert mode(file) == "wal"


def test_a_writer_who_does_not_end_is_said(file, writer):
    with pytest.raises(DataError, match="another program holds the database"):
        opened_journal(file)
