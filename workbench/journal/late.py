"""Tables that lag behind: which entries were committed before their rows were, and the rows that those make."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, create_engine, func, select

from workbench.journal.entries import Entry, Written
from workbench.journal.projecting import MAKERS, Projector
from workbench.journal.records import ENTRIES, TABLES, Record
from workbench.journal.writing import KEYS, write_rows

NUMBERED = ("order_statuses", "equity", "market_data", "balances")  # those whose rows have the numbers of entries
ALWAYS = ("planned", "started", "stopped")  # entries that are never committed without their rows

Row = tuple[Any, ...]


def late_entries(connection: Connection, run: str) -> list[Entry]:
    """Entries that were committed and that no table knows: their rows come soon, or the process died between the two.

    All rows of one commit are there or none, so they are those after the last one that a table names. Some of them may
    have made rows without a number, which come out the same when they are made again.
    """
    kinds = [kind for kind in MAKERS if kind not in ALWAYS]
    found = ENTRIES.c.run == run, ENTRIES.c.number > _last_told(connection, run), ENTRIES.c.kind.in_(kinds)
    columns = [ENTRIES.c[name] for name in ("number", "time_ms", "kind", "body", "hash")]
    return [Written(*row).read() for row in connection.execute(select(*columns).where(*found).order_by(columns[0]))]


def _last_told(connection: Connection, run: str) -> int:
    """The last entry of which a table has a row."""
    tables = (TABLES[name].c for name in NUMBERED)
    return max(connection.execute(select(func.max(one.number)).where(one.run == run)).scalar() or 0 for one in tables)


def rows_of(connection: Connection, run: str, name: str) -> list[Row]:
    """All rows of a table in order, each by its columns: those that are there, and those that are still to be written.

    The connection has a transaction that sees one moment, whatever is written meanwhile.
    """
    table = TABLES[name]
    found = [tuple(row) for row in connection.execute(_all_of(table, run))]
    made = Projector(run).rows(connection, late_entries(connection, run)).get(name)
    return _added(table, run, found, made) if made else found


def _all_of(table: Table, run: str) -> Any:
    order = [table.c[key] for key in ("number", "created_ms") if key in table.c] + list(table.primary_key)
    return select(table).where(table.c.run == run).order_by(*order)


def _added(table: Table, run: str, found: list[Row], made: list[dict[str, Any]]) -> list[Row]:
    """Rows as the table will have them: what meets in it meets in one that is made for that, by the same rules."""
    names, keys = [column.name for column in table.c], KEYS[table.name]
    new, places = {tuple(row[key] for key in keys) for row in made}, [names.index(key) for key in keys]
    met = [row for row in found if tuple(row[place] for place in places) in new]
    fresh = create_engine("sqlite://")
    Record.metadata.create_all(fresh)
    with fresh.begin() as memory:
        write_rows(memory, table.name, [*(dict(zip(names, row, strict=True)) for row in met), *made])
        added = [tuple(row) for row in memory.execute(_all_of(table, run))]
    order = [names.index(key) for key in ("number", "created_ms") if key in names] + places
    kept = [row for row in found if tuple(row[place] for place in places) not in new]
    return sorted([*kept, *added], key=lambda row: [row[place] for place in order])
