"""The trial ledger, read back: how often was this strategy tried?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.exc import OperationalError

from workbench.errors import BrokenInvariant, DataError
from workbench.journal import spool, trials
from workbench.journal.database import open_database
from workbench.journal.tables import Trial, chain_hash
from workbench.settings import home_folder

if TYPE_CHECKING:
    import polars as pl

AT_ONCE = 500
UNREADABLE = "trials.unreadable"
HIGHEST = "SELECT seq FROM sqlite_sequence WHERE name = 'trial_ledger'"  # it stays when rows go


class Count(NamedTuple):
    """How often a strategy was run, and how many different combinations of it were tried."""

    runs: int
    trials: int


class Ledger:
    """The trial ledger of a project. It is read here; `trials.record` adds to it; nothing takes away.

    Parameters
    ----------
    home : Path, optional
        The project's folder; left out: `WORKBENCH_HOME`.

    Raises
    ------
    DataError
        If the database cannot be opened.
    """

    def __init__(self, home: Path | None = None) -> None:
        self.home = home or home_folder()
        self.engine = open_database(self.home)

    def count(self, lineage: str, *, data: str | None = None) -> Count:
        """Runs and trials of a strategy's family, on all data or on one market.

        A combination that is run again on the same market is not tried again; the same grid is not either. Two grids
        that overlap count in full.
        """
        self.fold()
        largest = (
            select(func.sum(Trial.count).label("runs"), func.max(Trial.count).label("trials"))
            .where(Trial.lineage == lineage)
            .group_by(Trial.parameters, Trial.data)
        )
        largest = largest if data is None else largest.where(Trial.data == data)
        each = largest.subquery()
        with self.engine.connect() as connection:
            runs, tried = connection.execute(select(func.sum(each.c.runs), func.sum(each.c.trials))).one()
        return Count(runs or 0, tried or 0)

    def table(self) -> pl.DataFrame:
        """Every entry: number, time, lineage, kind, count, data, parameters, hash."""
        import polars as pl

        self.fold()
        names = ("number", "time_ms", "lineage", "kind", "count", "data", "parameters", "hash")
        with self.engine.connect() as connection:
            rows = connection.execute(select(*(getattr(Trial, name) for name in names)).order_by(Trial.number)).all()
        types: Any = {name: pl.Int64 if name in ("number", "time_ms", "count") else pl.String for name in names}
        frame = pl.DataFrame([tuple(row) for row in rows], schema=types, orient="row")
        return frame.with_columns(pl.col("time_ms").cast(pl.Datetime("ms", "UTC")).alias("time")).select(
            "number", "time", *names[2:]
        )

    def verify(self) -> int:
        """Walk the chain of hashes, and return how many entries it holds.

        Raises
        ------
        BrokenInvariant
            If an entry was changed, or some were removed; the message names the first.
        """
        self.fold()
        last, number = "", 0
        with self.engine.connect() as connection:
            highest = connection.execute(text(HIGHEST)).scalar() or 0
            for row in connection.execute(select(Trial.__table__).order_by(Trial.number)).mappings():
                number += 1
                if row["number"] != number or row["previous"] != last or row["hash"] != chain_hash(dict(row)):
                    raise BrokenInvariant(f"The trial ledger in {self.home} was changed at entry {number}.")
                last = row["hash"]
        if number != highest:
            raise BrokenInvariant(
                f"The trial ledger in {self.home} ends at entry {number}, but {highest} were written: some are gone."
            )
        return number

    def fold(self) -> int:
        """Take in what processes have written to the spool, and return how many entries that were."""
        trials.flush()
        files = spool.take(self.home)
        if not files:
            return 0
        try:
            with self.engine.begin() as connection:
                added = self._add(connection, [line for file in files for line in self._lines(file)])
        except OperationalError as error:
            raise DataError(
                f"The trial ledger in {self.home} cannot be written: {error.orig}. Nothing is lost."
            ) from error
        for file in files:
            file.unlink(missing_ok=True)
        return added

    def _add(self, connection: Connection, entries: list[dict[str, Any]]) -> int:
        fresh = list(_not_known(connection, entries))
        last = connection.execute(select(Trial.number, Trial.hash).order_by(Trial.number.desc()).limit(1)).one_or_none()
        number, previous = (last.number, last.hash) if last else (0, "")
        rows = []
        for entry in fresh:
            number += 1
            row = {**entry, "number": number, "previous": previous}
            previous = row["hash"] = chain_hash(row)
            rows.append(row)
        if rows:
            connection.execute(insert(Trial), rows)
        return len(rows)

    def _lines(self, file: Path) -> Iterator[dict[str, Any]]:
        """The entries of a file; what is none is put aside, and stays."""
        try:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:  # another reader took it in meanwhile
            return
        for line in lines:
            entry = _entry(line)
            if entry is not None:
                yield entry
            elif line.strip("\0 "):
                with (self.home / UNREADABLE).open("a", encoding="utf-8") as aside:
                    aside.write(f"{line}\n")


def _entry(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
        return {
            "entry": str(found["id"]), "time_ms": int(found["time_ms"]), "lineage": str(found["lineage"]),
            "parameters": str(found["parameters"]), "data": str(found["data"]), "kind": str(found["kind"]),
            "count": max(int(found["count"]), 1),
        }  # fmt: skip
    except (ValueError, KeyError, TypeError):
        return None


def _not_known(connection: Connection, entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for start in range(0, len(entries), AT_ONCE):
        part = [entry["entry"] for entry in entries[start : start + AT_ONCE]]
        seen.update(connection.execute(select(Trial.entry).where(Trial.entry.in_(part))).scalars())
    for entry in entries:
        if entry["entry"] not in seen:
            seen.add(entry["entry"])
            yield entry
