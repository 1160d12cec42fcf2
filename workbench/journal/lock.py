"""One at a time: a lock on a file, which the operating system drops when its holder dies."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOOK_AGAIN_S = 0.0005


@contextmanager
def locked(path: Path, flags: int, *, patience_s: float) -> Iterator[int]:
    """The descriptor of a file, opened with `flags` and made if it is not there, locked while the block runs.

    Raises
    ------
    TimeoutError
        If another process holds it for longer than `patience_s`.
    OSError
        If it cannot be opened.
    """
    descriptor = os.open(path, flags | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + patience_s
        while not _try(descriptor):
            if time.monotonic() >= deadline:
                raise TimeoutError(f"another process holds {path.name}")
            time.sleep(LOOK_AGAIN_S)
        yield descriptor
    finally:
        os.close(descriptor)


def _try(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
