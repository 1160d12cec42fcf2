"""Room on the disk: a run that cannot write down what it does may not open anything; cancelling goes on.

A file that holds nothing is kept in the run's folder. When the disk is full it is given up, and what has to be written
then (exits, cancellations, fills) has its place.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

WARN_BYTES, STOP_BYTES = 500_000_000, 100_000_000
RESERVE_BYTES = 16 << 20
FILE = "reserve"


class Disk:
    """The disk that a run's folder lies on."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.reserve = folder, folder / FILE

    def keep_reserve(self) -> bool:
        """Set the reserve aside, if there is room for it; is it there?"""
        with contextlib.suppress(OSError):
            if self.reserve.exists() and self.reserve.stat().st_size == RESERVE_BYTES:
                return True
            descriptor = os.open(self.reserve, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
            finally:
                os.close(descriptor)
            return True
        self.give_up_reserve()
        return False

    def give_up_reserve(self) -> bool:
        """Make room of it; False: it was not there."""
        try:
            self.reserve.unlink()
        except OSError:
            return False
        return True

    def free(self) -> int:
        """Bytes that may still be written."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def complaint(self) -> tuple[str, bool]:
        """What is wrong, and may nothing be opened because of it? Nothing: there is room."""
        free = self.free()
        if free < STOP_BYTES:
            return (
                f"only {free / 1e6:,.0f} MB are free where the run writes: it opens nothing. Make room, resume.",
                True,
            )
        if free < WARN_BYTES:
            return f"only {free / 1e6:,.0f} MB are free where the run writes. Make room.", False
        return "", False
