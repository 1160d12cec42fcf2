"""A task whose first part is done at once: an order leaves now, not when the event loop comes round to it.

Python 3.12 has eager tasks of its own; before that a task waits behind whatever the loop had to do already, which after
a fill is the balance that came with it. This is what Python's manual says of tasks made by others ("Extending").
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from asyncio import tasks
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar, cast

T = TypeVar("T")


def start_now(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task for `work`, which has been done as far as it goes without waiting. Called within a running loop."""
    loop = asyncio.get_running_loop()
    if sys.version_info >= (3, 12):
        return asyncio.Task(work, loop=loop, eager_start=True)
    context, begun = contextvars.copy_context(), _Begun(work)
    task: asyncio.Task[T] = asyncio.Task(begun, loop=loop, context=context)
    outer = asyncio.current_task(loop)
    _become(loop, outer, task)
    try:
        context.run(begun.begin)
    finally:
        _become(loop, task, outer)
    return task


def _become(loop: asyncio.AbstractEventLoop, one: asyncio.Task[Any] | None, other: asyncio.Task[Any] | None) -> None:
    if one is not None:
        tasks._leave_task(loop, one)
    if other is not None:
        tasks._enter_task(loop, other)


class _Begun(Coroutine[Any, Any, T]):
    """A coroutine that was taken to where it first waits, and hands that on to its task when the task's turn comes."""

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self.work = work
        self.waits_for: list[Any] = []
        self.ended: BaseException | None = None

    def begin(self) -> None:
        """The first part; an end is kept for the task."""
        try:
            self.waits_for = [self.work.send(None)]
        except BaseException as end:  # its result, too, comes as an exception
            self.ended = end

    def send(self, value: Any) -> Any:
        """Go on; the first time, tell what is waited for."""
        if self.ended is not None:
            raise self.ended
        return self.waits_for.pop() if self.waits_for else self.work.send(value)

    def throw(self, *fault: Any) -> Any:
        """Go on with a fault: a cancellation."""
        if self.ended is not None:
            raise self.ended
        self.waits_for.clear()
        return self.work.throw(*fault)

    def close(self) -> None:
        """Give up."""
        self.work.close()

    def __await__(self) -> Generator[Any, Any, T]:
        return cast("Generator[Any, Any, T]", self)  # it has what an awaiting coroutine asks of one

    def __next__(self) -> Any:
        return self.send(None)
