"""Rows into tables: SQLAlchemy's own statements, put into words once, because that takes longer than running them."""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Dialect, PoolProxiedConnection
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError

from workbench.journal.records import ENTRIES, TABLES

Row = dict[str, Any]
# The words for a dialect's driver, the columns in their order with what a value has to become, and whether by place.
Statement = tuple[str, list[tuple[str, Callable[[Any], Any] | None]], bool]
STATEMENTS: dict[tuple[str, str], Statement] = {}
KEYS = {name: [column.name for column in table.primary_key] for name, table in TABLES.items()}
LATEST = {"runs", "orders", "executors"}  # a row of these tells how it is now; of the others, what was once


def write_rows(connection: Connection, name: str, rows: Sequence[Row]) -> None:
    """Write rows, each with all columns, of a table of `TABLES`, or of the entries."""
    connection.exec_driver_sql(*_spoken(connection.dialect, name, rows))


def write_at_once(connection: Connection, name: str, rows: Sequence[Row]) -> None:
    """Write rows in a transaction of their own by SQLite's driver itself: half the work, when an order waits.

    Raises
    ------
    DBAPIError
        As SQLAlchemy would. The connection is of no use then.
    """
    dialect = connection.dialect
    text, found = _spoken(dialect, name, rows)
    with _driven(connection, text) as (driver, cursor):
        dialect.do_execute(cursor, "BEGIN IMMEDIATE", ())
        dialect.do_executemany(cursor, text, found)
        dialect.do_commit(driver)


def sync_commits(connection: Connection, wanted: bool) -> None:
    """Let SQLite's commits wait for the disk, or not; between two transactions only.

    Raises
    ------
    DBAPIError
        As SQLAlchemy would. The connection is of no use then.
    """
    text = f"PRAGMA synchronous={'FULL' if wanted else 'NORMAL'}"
    with _driven(connection, text) as (_, cursor):
        cursor.execute(text)


@contextmanager
def _driven(connection: Connection, text: str) -> Iterator[tuple[PoolProxiedConnection, DBAPICursor]]:
    """SQLite's driver itself, whose faults come as SQLAlchemy's."""
    driver = connection.connection
    cursor = driver.cursor()
    try:
        yield driver, cursor
    except sqlite3.Error as error:
        raise DBAPIError.instance(text, None, error, sqlite3.Error, dialect=connection.dialect) from error
    finally:
        cursor.close()


def _spoken(dialect: Dialect, name: str, rows: Sequence[Row]) -> tuple[str, Any]:
    """The words for the driver, and what stands in them."""
    known = STATEMENTS.get((dialect.name, name)) or STATEMENTS.setdefault((dialect.name, name), _made(dialect, name))
    text, columns, positional = known
    made = [[prepare(row[name]) if prepare else row[name] for name, prepare in columns] for row in rows]
    if positional:
        return text, [tuple(one) for one in made]
    names = [name for name, _ in columns]
    return text, [dict(zip(names, one, strict=True)) for one in made]


def put_into_words(dialect: Dialect) -> None:
    """Make every statement now: the first order of a run should not wait for that."""
    for name in (ENTRIES.name, *TABLES):
        STATEMENTS.setdefault((dialect.name, name), _made(dialect, name))


def _made(dialect: Dialect, name: str) -> Statement:
    table = ENTRIES if name == ENTRIES.name else TABLES[name]
    made = _insert(dialect.name, name, table).compile(dialect=dialect, column_keys=[column.name for column in table.c])
    order = made.positiontup or list(table.c.keys())
    columns = [(column, table.c[column].type.dialect_impl(dialect).bind_processor(dialect)) for column in order]
    return str(made), columns, bool(made.positional)


def _insert(dialect: str, name: str, table: Any) -> Any:
    """Entries are new; what was once is written once; what is now replaces what was."""
    made = importlib.import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
    if name == ENTRIES.name:
        return made
    if name not in LATEST and name != "fills":
        return made.on_conflict_do_nothing()
    fresh = {column.name: made.excluded[column.name] for column in table.c if not column.primary_key}
    where = table.c.external if name == "fills" else None  # one that was taken for a stranger's may turn out to be ours
    return made.on_conflict_do_update(index_elements=KEYS[name], set_=fresh, where=where)
