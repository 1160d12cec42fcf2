"""One writer at a time: a lock that the operating system drops when its holder dies."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.errors import DataError
from workbench.settings import try_lock

PATIENCE_S = 30.0
LOOK_AGAIN_S = 0.02


@contextmanager
def locked(folder: Path, *, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Hold the lock of `folder` while the block runs.

    Raises
    ------
    DataError
        If another process holds it for longer than `patience_s`; the message names that process.
    """
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + patience_s
        while not try_lock(descriptor):
            if time.monotonic() > deadline:
                holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
                raise DataError(
                    f"{folder}: process {holder} has been writing there for {patience_s:g} s. Wait for it, or stop it."
                )
            time.sleep(LOOK_AGAIN_S)
        os.pwrite(descriptor, f"{os.getpid():<20}".encode(), 0)
        yield
    finally:
        os.close(descriptor)
