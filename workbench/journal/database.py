"""The project's database: SQLite with a write-ahead log, brought to the latest version when it is opened."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import OperationalError

from workbench.errors import DataError
from workbench.journal.lock import locked
from workbench.journal.pragmas import LASTING, set_up, write_ahead
from workbench.journal.tables import HEAD
from workbench.settings import home_folder

FILE = "workbench.sqlite"
VERSIONS = "workbench_version"  # not Alembic's usual name: Optuna keeps its own there
PATIENCE_S = 30.0


def database_url(home: Path | None = None) -> str:
    """The address of the project's database, as SQLAlchemy and Optuna take it."""
    return f"sqlite:///{(home or home_folder()) / FILE}"


def open_database(home: Path | None = None) -> Engine:
    """The project's database, made or migrated if need be. Its transactions write at once: they begin IMMEDIATE.

    Raises
    ------
    DataError
        If it cannot be opened, or was made by a newer version of workbench.
    """
    folder = home or home_folder()
    engine = create_engine(database_url(folder), connect_args={"timeout": PATIENCE_S})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _bring_up(engine, folder)
    except (OSError, OperationalError) as error:
        raise DataError(
            f"{folder / FILE} cannot be opened: {getattr(error, 'orig', error)}. Look at its rights and at the disk."
        ) from error
    return engine


def laying_out(home: Path | None = None) -> AbstractContextManager[int]:
    """While it is held nobody else lays out or changes tables of the project's database; Optuna's lie there too."""
    return locked((home or home_folder()) / f"{FILE}.lock", os.O_RDWR, patience_s=PATIENCE_S)


def _prepare(connection: Any, _: Any) -> None:
    set_up(connection, LASTING)
    write_ahead(connection, PATIENCE_S)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _bring_up(engine: Engine, folder: Path) -> None:
    """Migrate, one process at a time; a database that is up to date costs one query, and Alembic is not loaded."""
    if _version(engine) == HEAD:
        return
    with laying_out(folder):
        version = _version(engine)
        if version != HEAD:
            _migrate(engine, version)


def _version(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table(VERSIONS):
            return None
        return connection.execute(text(f"SELECT version_num FROM {VERSIONS}")).scalar()


def _migrate(engine: Engine, version: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise DataError(
                f"{FILE} is at version {version}, which this workbench does not know ({error}). It was made "
                f"by a newer one: update workbench."
            ) from error
