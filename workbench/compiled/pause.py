"""Compiling makes objects by the million, and they live on: to look for garbage among them is a sixth of it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def no_garbage() -> Iterator[None]:
    """Collect no garbage while the block runs."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def hold_no_events() -> None:
    """Numba announces, twice a call of LLVM, that it has the lock, also where nobody listens: do without.

    It is a twentieth of a compilation, and more of loading a kernel from its file.
    """
    from llvmlite.binding import ffi

    with suppress(AttributeError):  # of another version
        ffi.lib._lock._cblist.clear()
