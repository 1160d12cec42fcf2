"""One at a time: a lock on a file, which the operating system drops when its holder dies."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.settings import try_lock

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
        while not try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise TimeoutError(f"another process holds {path.name}")
            time.sleep(LOOK_AGAIN_S)
        yield descriptor
    finally:
        os.close(descriptor)
