"""Rows into tables: SQLAlchemy's own statements, put into words once, because that takes longer than running them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect

from workbench.journal.records import ENTRIES, TABLES

Row = dict[str, Any]
# The words for a dialect's driver, the columns in their order with what a value has to become, and whether by place.
Statement = tuple[str, list[tuple[str, Callable[[Any], Any] | None]], bool]
STATEMENTS: dict[tuple[str, str], Statement] = {}
KEYS = {name: [column.name for column in table.primary_key] for name, table in TABLES.items()}
LATEST = {"runs", "orders", "executors"}  # a row of these tells how it is now; of the others, what was once


def write_rows(connection: Connection, name: str, rows: Sequence[Row]) -> None:
    """Write rows, each with all columns, of a table of `TABLES`, or of the entries."""
    dialect = connection.dialect
    known = STATEMENTS.get((dialect.name, name)) or STATEMENTS.setdefault((dialect.name, name), _made(dialect, name))
    text, columns, positional = known
    found: Any = [
        {column: prepare(row[column]) if prepare else row[column] for column, prepare in columns} for row in rows
    ]
    connection.exec_driver_sql(text, [tuple(one.values()) for one in found] if positional else found)


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
