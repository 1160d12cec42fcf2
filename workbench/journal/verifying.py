"""Is a journal whole? Its file, the chain of its entries, and its tables against what the entries say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, select, text
from sqlalchemy.exc import DatabaseError

from workbench.errors import BrokenInvariant
from workbench.journal import reading
from workbench.journal.late import rows_of
from workbench.journal.projecting import Projector
from workbench.journal.records import TABLES, Record


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was looked at: entries in the chain, and rows of each table; all of it fits."""

    run: str
    entries: int
    rows: dict[str, int]


def verify(engine: Engine, run: str) -> Verdict:
    """Walk all of a run's journal.

    Raises
    ------
    BrokenInvariant
        At the first thing that does not fit: a page of the file, an entry, a row of a table.
    """
    _check_file(engine, run)
    fresh = create_engine("sqlite://")
    Record.metadata.create_all(fresh)
    projector, count = Projector(run), 0
    with fresh.begin() as memory:
        for part in reading.in_parts(reading.chained(engine, run, 0)):
            projector.write(memory, part)
            count += len(part)
        with engine.connect() as connection:
            _check_no_later_rows(connection, run, count)
            rows = {name: _compare(connection, memory, run, name) for name in TABLES}
    return Verdict(run, count, rows)


def _check_file(engine: Engine, run: str) -> None:
    """What SQLite itself finds; a PostgreSQL server looks after its own pages."""
    if engine.dialect.name != "sqlite":
        return
    try:
        with engine.connect() as connection:
            found = connection.execute(text("PRAGMA integrity_check(1)")).scalar()
    except DatabaseError as error:
        found = str(error.orig)
    if found != "ok":
        raise BrokenInvariant(
            f"The file of {run!r} is damaged ({found}). Keep it, and rebuild the journal from the venue into a new one."
        )


def _check_no_later_rows(connection: Connection, run: str, count: int) -> None:
    """Rows of entries that are not there: the end of the journal was cut off."""
    for name, table in TABLES.items():
        if "number" in table.c:
            later = select(table.c.number).where(table.c.run == run, table.c.number > count).limit(1)
            number = connection.execute(later).scalar()
            if number is not None:
                raise BrokenInvariant(
                    f"The journal of {run!r} ends at entry {count}, but `{name}` has a row of entry {number}: its end "
                    f"was cut off. Rebuild it from the venue into a new file."
                )


def _compare(connection: Connection, memory: Connection, run: str, name: str) -> int:
    kept, right = (_sorted(one, run, name) for one in (connection, memory))
    for ours, theirs in zip(kept, right, strict=False):
        if ours != theirs:
            raise BrokenInvariant(
                f"`{name}` of {run!r} does not say what the entries say: it has {_first_other(ours, theirs)}. "
                f"The entries are right: `Journal.rebuild` makes the table again."
            )
    if len(kept) != len(right):
        raise BrokenInvariant(
            f"`{name}` of {run!r} has {len(kept)} rows, but the entries say {len(right)}. The entries are right: "
            f"`Journal.rebuild` makes the table again."
        )
    return len(kept)


def _sorted(connection: Connection, run: str, name: str) -> list[dict[str, Any]]:
    table = TABLES[name]
    keys = [column.name for column in table.primary_key]
    rows = (dict(zip(table.c.keys(), row, strict=True)) for row in rows_of(connection, run, name))
    return sorted(rows, key=lambda row: [str(row[key]) for key in keys])


def _first_other(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    pairs: Iterator[str] = (
        f"{name} {ours[name]} where it should be {theirs[name]}" for name in ours if ours[name] != theirs[name]
    )
    return next(pairs)
