"""Entries, read back and checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Engine, select

from workbench.errors import DataError
from workbench.journal.entries import NOTHING_BEFORE, Entry, Written, check_next
from workbench.journal.records import ENTRIES

AT_ONCE = 2_000
FIELDS = ("number", "time_ms", "kind", "body", "hash")


def written(connection: Connection, run: str, order: Any, *, newest: int) -> list[Written]:
    """The newest entries of a run, the last one first."""
    rows = connection.execute(_of(run).order_by(order.desc()).limit(newest))
    return [Written(*row) for row in rows]


def chained(engine: Engine, run: str, after: int) -> Iterator[Entry]:
    """Entries after one, each checked against the one before it."""
    for one in chained_texts(engine, run, after):
        yield one.read()


def chained_texts(engine: Engine, run: str, after: int) -> Iterator[Written]:
    """Entries as they are stored, each checked; a part at a time, so that nothing waits for a slow reader.

    Raises
    ------
    BrokenInvariant
        If one was changed, or some are gone.
    """
    number, before = after, _hash_of(engine, run, after)
    while True:
        with engine.connect() as connection:
            part = connection.execute(
                _of(run).where(ENTRIES.c.number > number).order_by(ENTRIES.c.number).limit(AT_ONCE)
            )
            rows = [Written(*row) for row in part]
        for row in rows:
            check_next(run, row, number + 1, before)
            number, before = row.number, row.hash
            yield row
        if len(rows) < AT_ONCE:
            return


def in_parts(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Entries in lists, to be written at once."""
    part: list[Entry] = []
    for entry in entries:
        part.append(entry)
        if len(part) == AT_ONCE:
            yield part
            part = []
    if part:
        yield part


def _of(run: str) -> Any:
    return select(*(ENTRIES.c[name] for name in FIELDS)).where(ENTRIES.c.run == run)


def _hash_of(engine: Engine, run: str, number: int) -> str:
    if number <= 0:
        return NOTHING_BEFORE
    with engine.connect() as connection:
        found = connection.execute(
            select(ENTRIES.c.hash).where(ENTRIES.c.run == run, ENTRIES.c.number == number)
        ).scalar()
    if found is None:
        raise DataError(f"The journal of {run!r} has no entry {number} to go on from. Read it from the start.")
    return str(found)
