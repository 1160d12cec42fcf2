"""How every connection to a SQLite file of ours begins."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from typing import Any

LASTING = ("synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON")
LOOK_AGAIN_S = 0.005


def set_up(connection: Any, pragmas: Iterable[str]) -> None:
    """Let the driver begin no transactions of its own, and set what is said of the connection."""
    connection.isolation_level = None
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}").close()


def write_ahead(connection: Any, patience_s: float) -> None:
    """Have the file written ahead, as it stays from then on.

    For this change alone SQLite does not wait until others have written: it fails at once if somebody else writes to a
    new file, or changes it in the same way, at that moment. So it is tried until they are done.

    Raises
    ------
    sqlite3.OperationalError
        If somebody is in its way for longer than `patience_s`.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(LOOK_AGAIN_S)
        else:
            return
