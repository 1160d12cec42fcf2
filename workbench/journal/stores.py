"""Where runs are journalled: a SQLite file or a PostgreSQL database, opened, locked and brought up to date."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from workbench.errors import ConfigError, DataError
from workbench.journal.lock import locked
from workbench.journal.pragmas import LASTING, set_up, write_ahead
from workbench.journal.records import RUN_HEAD
from workbench.settings import try_lock

VERSIONS = "workbench_run_version"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MIGRATION_LOCK = 0x776F726B  # PostgreSQL knows its locks by numbers
CHECKPOINT_PAGES = 16_000  # where the writer does it itself: `AheadLog` does it long before
LOCK_PATIENCE_S, LOCK_AGAIN_S = 1.0, 0.02  # a server takes a moment to see that a process has died


class NotWritten(DataError):
    """The database did not take it: nothing of the batch has happened. `commit` may be called again."""


def check_name(run: str) -> str:
    """The name of a run, if a folder, a lock and a client id can be made of it."""
    if not NAME.fullmatch(run):
        raise ConfigError(f"{run!r} is no name for a run. Use letters, digits, dots, dashes: at most 100.")
    return run


def address(url: str | Path) -> URL:
    """The address of a database: a path, `sqlite:///…` or `postgresql://…`."""
    if isinstance(url, Path) or "://" not in url:
        return URL.create("sqlite", database=str(Path(url).expanduser().absolute()))
    try:
        made = make_url(url)
    except ArgumentError as error:
        raise ConfigError(f"A journal's address cannot be read: {error}. Use postgresql://user@host/name.") from None
    if made.drivername in ("postgres", "postgresql"):
        made = made.set(drivername="postgresql+psycopg")
    if made.get_backend_name() not in ("sqlite", "postgresql") or not made.database:
        raise ConfigError(f"{shown(made)} is no address for a journal. Use a path, sqlite:///… or postgresql://….")
    return made


def shown(url: URL) -> str:
    """An address for people: without its password."""
    return url.database or "" if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)


def open_store(url: URL, *, patience_s: float, read_only: bool = False) -> Engine:
    """An engine on a database that is at the latest version; made or migrated if need be, unless it is only read.

    Raises
    ------
    DataError
        If it is not there, cannot be opened, is damaged, or was made by another version.
    """
    try:
        engine = _sqlite(url, patience_s, read_only) if _is_file(url) else _postgresql(url, patience_s, read_only)
        with explained(url):
            _check_version(engine, url) if read_only else _bring_up(engine, url, patience_s)
    except OSError as error:
        raise DataError(f"{shown(url)} cannot be opened: {error.strerror or error}. Look at its rights.") from error
    return engine


@contextlib.contextmanager
def explained(url: URL) -> Iterator[None]:
    """What a driver raises inside, as a sentence."""
    try:
        yield
    except DBAPIError as error:
        raise in_words(error, url) from error


def in_words(error: DBAPIError, url: URL) -> DataError:
    """What a driver said, and what to do about it."""
    said = " ".join(str(error.orig).split())
    for mark, advice in ADVICE.items():
        if mark in said:
            return NotWritten(f"{shown(url)}: {advice} ({said})")
    kind = NotWritten if isinstance(error, OperationalError) else DataError
    return kind(f"{shown(url)} did not answer as it should: {said}. Look at its rights, and at the disk or the server.")


ADVICE = {
    "database is locked": "another program holds the database. Close what has it open; workbench tries again.",
    "lock timeout": "another program holds the database. Close what has it open; workbench tries again.",
    "database or disk is full": "the disk is full. Make room: until then nothing may be opened, only cancelled.",
    "No space left": "the disk is full. Make room: until then nothing may be opened, only cancelled.",
    "disk I/O error": "the disk failed or is full. Look at it: until then nothing may be opened, only cancelled.",
    "readonly database": "the database cannot be written. Look at the rights of the file and its folder.",
    "read-only transaction": "the database cannot be written. Look at the rights of the user.",
    "malformed": "the file is damaged. Keep it, and rebuild the journal from the venue into a new file.",
    "not a database": "the file is no SQLite database, or is damaged. Keep it, and rebuild into a new file.",
}


# --- SQLite ----------------------------------------------------------------------------------------------------------


def _is_file(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def file_of(url: URL) -> Path:
    """The file of a SQLite database."""
    return Path(url.database or "")


def _sqlite(url: URL, patience_s: float, read_only: bool) -> Engine:
    file = file_of(url)
    if read_only and not file.is_file():
        raise DataError(f"There is no journal at {file}. `workbench runs` lists what there is.")
    if not read_only:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))  # the log beside it gets the same rights
    engine = create_engine(url, connect_args={"timeout": patience_s})

    def prepare(connection: Any, _: Any) -> None:
        set_up(connection, ("query_only=ON",) if read_only else (*LASTING, f"wal_autocheckpoint={CHECKPOINT_PAGES}"))
        if not read_only:
            write_ahead(connection, patience_s)

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", _begin_reading if read_only else _begin)
    return engine


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


def _postgresql(url: URL, patience_s: float, read_only: bool) -> Engine:
    options = f"-c lock_timeout={int(patience_s * 1000)} -c synchronous_commit=on -c client_min_messages=error"
    if read_only:
        options += " -c default_transaction_read_only=on -c default_transaction_isolation=repeatable\\ read"
    try:
        return create_engine(url, connect_args={"options": options, "connect_timeout": max(int(patience_s), 2)})
    except ModuleNotFoundError as error:
        raise ConfigError("PostgreSQL needs psycopg, which is not here. Install `workbench[postgresql]`.") from error


# --- versions --------------------------------------------------------------------------------------------------------


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSIONS):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSIONS}")).scalar()


def version_of(url: str | Path) -> tuple[str | None, str]:
    """The version of a run's database, and the one that this workbench makes; None: it holds no run.

    Raises
    ------
    DataError
        If it is not there, or cannot be read.
    """
    found = address(url)
    if _is_file(found) and not file_of(found).is_file():
        raise DataError(f"There is no journal at {shown(found)}.")
    engine = _sqlite(found, 1.0, True) if _is_file(found) else _postgresql(found, 1.0, True)
    with explained(found), engine.connect() as connection:
        return _version(connection), RUN_HEAD


def _check_version(engine: Engine, url: URL) -> None:
    with engine.connect() as connection:
        version = _version(connection)
    if version is None:
        raise DataError(f"{shown(url)} holds no journal of a run. Look at the address.")
    if version != RUN_HEAD:
        raise DataError(_other_version(url, version))


def _other_version(url: URL, version: str) -> str:
    if version > RUN_HEAD:
        return (
            f"{shown(url)} is at version {version}, but this workbench knows them up to {RUN_HEAD}: a newer one made "
            f"it. Update workbench; nothing was changed."
        )
    return f"{shown(url)} is at version {version}, not {RUN_HEAD}. Start its run once, which brings it up to date."


def _bring_up(engine: Engine, url: URL, patience_s: float) -> None:
    """Migrate, one process at a time; a database that is up to date costs one query, and Alembic is not loaded."""
    with engine.connect() as connection:
        version = _version(connection)
    if version is not None and version > RUN_HEAD:
        raise DataError(_other_version(url, version))
    if version == RUN_HEAD:
        return
    if not _is_file(url):
        _migrate(engine)
        return
    file = file_of(url)
    with locked(file.with_name(f"{file.name}.migration"), os.O_RDWR, patience_s=patience_s):
        _migrate(engine)


def _migrate(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("run_migrations")))
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


# --- one writer ------------------------------------------------------------------------------------------------------


def hold_file(url: URL, run: str) -> int:
    """Take the lock of a run beside its SQLite file; closing the descriptor gives it back, and so does dying.

    A lock file that a dead process left behind is no lock, and is taken over.

    Raises
    ------
    ConfigError
        If another process writes this run's journal.
    """
    file = file_of(url)
    path = file.with_name(f"{file.name}.{run}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not try_lock(descriptor):
        holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise ConfigError(_held(run, f"process {holder}"))
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def hold_row(connection: Connection, run: str) -> None:
    """Take the lock of a run at the PostgreSQL server, for as long as this connection lives."""
    number = connection.execute(text("SELECT hashtextextended(:run, 0)"), {"run": f"workbench/{run}"}).scalar_one()
    deadline = time.monotonic() + LOCK_PATIENCE_S
    while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": number}).scalar_one():
        if time.monotonic() >= deadline:
            raise ConfigError(_held(run, "another connection"))
        time.sleep(LOCK_AGAIN_S)


def _held(run: str, holder: str) -> str:
    return (
        f"The journal of {run!r} is being written by {holder}: the run is at work. `workbench attach {run}` looks in; "
        f"`workbench stop {run}` ends it. Two runners on one journal would double orders."
    )
