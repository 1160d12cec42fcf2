"""What happened in a run, to be looked at: also while it is at work, and long after it has gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from sqlalchemy import Boolean, select

from workbench.errors import DataError
from workbench.journal import late, reading, stores
from workbench.journal.entries import Entry
from workbench.journal.exporting import export
from workbench.journal.records import ENTRIES, TABLES, Exact
from workbench.journal.verifying import Verdict, verify

if TYPE_CHECKING:
    import polars as pl

PATIENCE_S = 5.0


class Past:
    """A run's journal, read only. `Past.open` makes one.

    Tables come as polars frames: times in UTC, amounts as floats, or with `exact=True` as the digits that were
    written.
    """

    def __init__(self, url: Any, run: str) -> None:
        self.url, self.run = url, run
        self.engine = stores.open_store(url, patience_s=PATIENCE_S, read_only=True)

    @classmethod
    def open(cls, url: str | Path, *, run: str) -> Self:
        """Open the journal of a run to read it.

        Raises
        ------
        DataError
            If there is none, or it is of another version.
        """
        past = cls(stores.address(url), stores.check_name(run))
        if not past.last():
            past.close()
            raise DataError(f"{stores.shown(past.url)} has nothing of {run!r}. `workbench runs` lists what there is.")
        return past

    def last(self) -> int:
        """Number of the last entry; 0 if there is none."""
        with stores.explained(self.url), self.engine.connect() as connection:
            newest = reading.written(connection, self.run, ENTRIES.c.number, newest=1)
        return newest[0].number if newest else 0

    def entries(self, *, after: int = 0) -> Iterator[Entry]:
        """Entries after one, in order, each checked against the chain.

        Raises
        ------
        BrokenInvariant
            If one was changed or some are gone; the message names the first.
        """
        with stores.explained(self.url):
            yield from reading.chained(self.engine, self.run, after)

    def events(self, kinds: Iterable[str] | None = None, *, after: int = 0) -> pl.DataFrame:
        """Entries as a frame: number, time, kind, and the body as JSON."""
        import polars as pl

        query = select(*(ENTRIES.c[name] for name in ("number", "time_ms", "kind", "body")))
        query = query.where(ENTRIES.c.run == self.run, ENTRIES.c.number > after).order_by(ENTRIES.c.number)
        if kinds is not None:
            query = query.where(ENTRIES.c.kind.in_([kinds] if isinstance(kinds, str) else list(kinds)))
        with stores.explained(self.url), self.engine.connect() as connection:
            rows = [tuple(row) for row in connection.execute(query)]
        schema = {"number": pl.Int64, "time_ms": pl.Int64, "kind": pl.String, "body": pl.String}
        return _with_times(pl.DataFrame(rows, schema=schema, orient="row"))

    def table(self, name: str, *, exact: bool = False) -> pl.DataFrame:
        """One of the tables: runs, controllers, orders, order_statuses, fills, funding, balances, positions, …"""
        import polars as pl

        if name not in TABLES:
            raise DataError(f"There is no table {name!r} of a run. There are: {', '.join(TABLES)}.")
        columns = [column for column in TABLES[name].c if column.name != "run"]
        with stores.explained(self.url), self.engine.connect() as connection:
            found = late.rows_of(connection, self.run, name)
        rows = [tuple(_shown(value, exact) for value in row[1:]) for row in found]
        schema = {column.name: _type(column, exact) for column in columns}
        return _with_times(pl.DataFrame(rows, schema=schema, orient="row"))

    def orders(self, *, exact: bool = False) -> pl.DataFrame:
        """Every order of ours, as far as it has come."""
        return self.table("orders", exact=exact)

    def fills(self, *, external: bool = False, exact: bool = False) -> pl.DataFrame:
        """Every execution of our orders, once; `external` adds those of other orders of the account."""
        import polars as pl

        found = self.table("fills", exact=exact)
        return found if external else found.filter(~pl.col("external"))

    def funding(self, *, exact: bool = False) -> pl.DataFrame:
        """Funding payments; above zero they were received."""
        return self.table("funding", exact=exact)

    def balances(self, *, exact: bool = False) -> pl.DataFrame:
        """What the accounts had, each time they were asked."""
        return self.table("balances", exact=exact)

    def positions(self, *, exact: bool = False) -> pl.DataFrame:
        """What the accounts held, each time they were asked."""
        return self.table("positions", exact=exact)

    def executors(self) -> pl.DataFrame:
        """Every executor, as it was last told."""
        return self.table("executors")

    def equity(self, *, markets: bool = False) -> pl.DataFrame:
        """What the run was worth at each bar's close; `markets` adds a row for each market."""
        import polars as pl

        found = self.table("equity")
        return found if markets else found.filter(pl.col("market") == "").drop("market")

    def verify(self) -> Verdict:
        """Look at all of it: the file, the chain, and each table against what the entries say.

        Raises
        ------
        BrokenInvariant
            At the first thing that does not fit.
        """
        with stores.explained(self.url):
            return verify(self.engine, self.run)

    def export(self, folder: str | Path, format: Literal["parquet", "csv"] = "parquet") -> list[Path]:
        """Write the entries and every table that has rows as files, with every digit.

        Raises
        ------
        ConfigError
            If the format is no such, or the folder cannot be written.
        """
        return export(self, Path(folder), format)

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _shown(value: Any, exact: bool) -> Any:
    if not isinstance(value, Decimal):
        return value
    return format(value, "f") if exact else float(value)


def _type(column: Any, exact: bool) -> Any:
    import polars as pl

    if isinstance(column.type, Exact):
        return pl.String if exact else pl.Float64
    if isinstance(column.type, Boolean):
        return pl.Boolean
    return {int: pl.Int64, float: pl.Float64}.get(column.type.python_type, pl.String)


def _with_times(frame: pl.DataFrame) -> pl.DataFrame:
    """Milliseconds become moments, and lose their unit from the name."""
    import polars as pl

    times = [name for name in frame.columns if name.endswith("_ms")]
    moments = {name: name.removesuffix("_ms") for name in times}
    return frame.with_columns(pl.col(times).cast(pl.Datetime("ms", "UTC"))).rename(moments)
