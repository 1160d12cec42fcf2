"""A lock on an open file, which the operating system drops when its holder dies."""

from __future__ import annotations


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file if nobody else has it; closing the file gives it back."""
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
