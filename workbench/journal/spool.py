"""Where trials are written down at once, until the ledger takes them in: lines at the end of a file.

A line is written whole or not at all, by any number of processes. The ledger takes the file away by renaming it, and
removes it once its lines are committed; whatever dies in between, each line counts once, because it carries an id.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from workbench.journal.lock import locked

SPOOL = "trials.spool"
TAKEN = "trials.taken-"
TAKE_PATIENCE_S = 10.0


def append(home: Path, lines: Iterable[str], *, patience_s: float) -> None:
    """Add lines to the spool of a home folder; what could not be written whole is taken back.

    Raises
    ------
    OSError
        If the disk is full, the folder cannot be written to, or another process holds the file (`TimeoutError`).
    """
    text = "".join(f"{line}\n" for line in lines).encode()
    path, is_made = home / SPOOL, False
    while True:
        try:
            with locked(path, os.O_WRONLY | os.O_APPEND, patience_s=patience_s) as file:
                if not _is_at(path, file):
                    continue  # taken away between opening and locking: the next one is the spool now
                _write_whole(file, text)
                return
        except FileNotFoundError:
            if is_made:
                raise
            home.mkdir(parents=True, exist_ok=True)  # another process may have done so just now
            is_made = True


def take(home: Path) -> list[Path]:
    """Take the spool away, and return every file that has been taken and not been removed yet."""
    path = home / SPOOL
    if path.exists():
        with locked(path, os.O_RDWR | os.O_APPEND, patience_s=TAKE_PATIENCE_S) as file:
            if _is_at(path, file) and os.fstat(file).st_size:
                path.rename(home / f"{TAKEN}{time.time_ns()}-{os.getpid()}")
    return sorted(home.glob(f"{TAKEN}*"))


def _is_at(path: Path, file: int) -> bool:
    """Is the file that was opened still the one of that name?"""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _write_whole(file: int, text: bytes) -> None:
    before = os.fstat(file).st_size
    try:
        written = os.write(file, text)
    except OSError:
        os.ftruncate(file, before)
        raise
    if written < len(text):
        os.ftruncate(file, before)
        raise OSError(f"only {written} of {len(text)} bytes could be written")
