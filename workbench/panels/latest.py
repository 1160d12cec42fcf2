"""One thread that does the latest thing asked for, and nothing that has been overtaken."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

NOTHING = object()


class Latest:
    """Calls `work` with the latest of what was asked for, in a thread of its own.

    A slider sends many values while it moves. Each replaces the one that waits, so the panel is at most one piece of
    work behind, and a kernel that is busy with a cell finds one thing to do afterwards, not a hundred. The thread holds
    no panel alive, and ends with it.
    """

    def __init__(self, work: Callable[[Any], None]) -> None:
        self._work = weakref.WeakMethod(work)
        self._change = threading.Condition()
        self._wanted: Any = NOTHING
        self._busy = False
        self._closed = False
        self.asked = self.done = 0
        threading.Thread(target=serve, args=(weakref.ref(self), self._change), name="panel", daemon=True).start()

    def ask(self, wanted: Any) -> None:
        """Have this done next, instead of what has been waiting."""
        with self._change:
            self._wanted = wanted
            self.asked += 1
            self._change.notify_all()

    def settle(self, seconds: float = 30.0) -> None:
        """Wait until nothing is left to do.

        Raises
        ------
        TimeoutError
            If that takes longer.
        """
        with self._change:
            if not self._change.wait_for(lambda: self._wanted is NOTHING and not self._busy, seconds):
                raise TimeoutError(f"the panel is still at work after {seconds:g} s")

    def overtaken(self, seconds: float) -> bool:
        """Wait a while from within the work, and say whether something else has been asked for meanwhile."""
        with self._change:
            return self._change.wait_for(lambda: self._wanted is not NOTHING or self._closed, seconds)

    def close(self) -> None:
        """End the thread, after what it is doing."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def _take(self) -> Any:
        wanted, self._wanted = self._wanted, NOTHING
        self._busy = wanted is not NOTHING
        return wanted

    def _do(self, wanted: Any) -> None:
        work = self._work()
        try:
            if work is not None:
                work(wanted)
        finally:
            with self._change:
                self._busy = False
                self.done += 1
                self._change.notify_all()


def serve(latest: weakref.ref[Latest], change: threading.Condition) -> None:
    """The thread: wait for something to do, do it, and end when nobody is left to ask."""
    while True:
        with change:
            one = latest()
            if one is None or one._closed:
                return
            wanted = one._take()
            if wanted is NOTHING:
                del one
                change.wait(1.0)
                continue
        one._do(wanted)
        del one
