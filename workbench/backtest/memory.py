"""Memory for journals and curves, used again once the result that held it is gone.

Fresh memory costs a run of a million bars a third of its time: the system hands it out page by page, each wiped. A cell
that is run again, and a sweep, would pay for it every time.
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

SMALL = 1 << 16  # bytes; the allocator keeps those at hand itself
KEPT = 1 << 29  # bytes at most, most of them never written to

_spare: list[npt.NDArray[np.uint8]] = []
_lock = threading.RLock()  # a garbage collection may give memory back while some is being taken


def room(count: int, dtype: Any) -> npt.NDArray[Any]:
    """An array of shape (count,) with anything in it, as `np.empty` makes one."""
    kind = np.dtype(dtype)
    size = count * kind.itemsize
    if size < SMALL:
        return np.empty(count, kind)
    owner: Any = _taken(size)
    lease: Any = (ctypes.c_char * owner.size).from_buffer(owner)
    weakref.finalize(lease, _give_back, owner).atexit = False
    return np.frombuffer(lease, kind, count)


def _taken(size: int) -> npt.NDArray[np.uint8]:
    with _lock:
        fitting = [place for place, owner in enumerate(_spare) if size <= owner.size <= 2 * size]
        if fitting:
            return _spare.pop(min(fitting, key=lambda place: _spare[place].size))
    return np.empty(size, np.uint8)


def _give_back(owner: npt.NDArray[np.uint8]) -> None:
    with _lock:
        _spare.append(owner)
        while sum(one.size for one in _spare) > KEPT:
            _spare.pop(0)
