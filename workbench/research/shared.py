"""Columns computed once for all combinations that share what they depend on.

A controller's signal depends on some of its parameters and not on the others: a stop loss changes nothing about where
two averages cross. Which ones it reads is seen when it is computed, and the column is kept for every other bot that
has the same values there. A user's own controller gains by it without knowing.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from workbench.controllers import Controller, Directional, Way
from workbench.market import Targets

ROOM = 24_000_000  # bytes of columns that are kept
Key = tuple[tuple[str, Any], ...]


class Memory:
    """Results of one method, by candles and by the values of the parameters that it read."""

    def __init__(self, room: int = ROOM) -> None:
        self.room = room
        self.used = 0
        self.kept: OrderedDict[tuple[tuple[int, ...], Key], tuple[Any, int, Any]] = OrderedDict()
        self.readings: set[tuple[str, ...]] = set()
        self.lock = threading.Lock()

    def get(self, candles: Any, values: dict[str, Any]) -> Any:
        """What was kept for these candles and parameters, or None."""
        with self.lock:
            for names in self.readings:
                key = (identity(candles), tuple((name, values[name]) for name in names))
                if key in self.kept:
                    self.kept.move_to_end(key)
                    return self.kept[key][0]
        return None

    def key(self, candles: Any, values: dict[str, Any]) -> Any:
        """What stands for the result that is kept for these candles and parameters; None if none is."""
        with self.lock:
            keys = ((identity(candles), tuple((name, values[name]) for name in names)) for names in self.readings)
            return next((key for key in keys if key in self.kept), None)

    def keep(self, candles: Any, read: tuple[str, ...], values: dict[str, Any], found: Any) -> None:
        """Keep a result, and forget the oldest where there is no room; the candles stay alive with it."""
        size = weight(found)
        key = (identity(candles), tuple((name, values[name]) for name in read))
        with self.lock:
            self.readings.add(read)
            if size > self.room or key in self.kept:
                return
            self.kept[key] = (found, size, candles)
            self.used += size
            while self.used > self.room:
                self.used -= self.kept.popitem(last=False)[1][1]


def identity(candles: Any) -> tuple[int, ...]:
    """Which tables of candles these are; they are kept alive, so no other one has the same number."""
    return tuple(id(one) for one in candles.values()) if isinstance(candles, Mapping) else (id(candles),)


class Reading(threading.local):
    """The parameters that are being read on this thread, while somebody listens."""

    names: set[str] | None = None


READING = Reading()


@contextmanager
def listening() -> Iterator[set[str]]:
    """Collect the names of the parameters that are read meanwhile."""
    before, READING.names = READING.names, set()
    try:
        yield READING.names
    finally:
        READING.names = before


def sharing(bot: Controller, memory: Memory) -> Controller:
    """The same bot, with the method that makes its columns asked once per distinct parameters."""
    return shared_class(type(bot)).model_construct(**bot.parameters)._remembering(memory)


CLASSES: dict[type[Controller], Any] = {}
LOCK = threading.Lock()


def shared_class(cls: type[Controller]) -> Any:
    """A subclass of a controller that remembers its columns; one per class."""
    with LOCK:
        if cls not in CLASSES:
            CLASSES[cls] = make_class(cls, column_method(cls))
        return CLASSES[cls]


def column_method(cls: type[Controller]) -> str:
    """Which method makes the columns that others may share."""
    if cls.authored() == Way.DECIDE:
        return "columns"
    plain = issubclass(cls, Directional) and cls.targets is Directional.targets
    return "signal" if plain else "targets"


def make_class(cls: type[Controller], method: str) -> Any:
    original: Callable[..., Any] = getattr(cls, method)
    names = frozenset(cls.model_fields)

    def remembered(self: Any, candles: Any) -> Any:
        memory = object.__getattribute__(self, "_memory")
        values = object.__getattribute__(self, "__dict__")
        found = memory.get(candles, values)
        if found is None:
            with listening() as read:
                found = original(self, candles)
            memory.keep(candles, tuple(sorted(read)), values, found)
        return found

    def watched(self: Any, name: str) -> Any:
        if READING.names is not None:
            if name in names:
                READING.names.add(name)
            elif name in ("__dict__", "__iter__"):
                READING.names.update(names)
        return object.__getattribute__(self, name)

    def remembering(self: Any, memory: Memory) -> Any:
        object.__setattr__(self, "_memory", memory)
        return self

    def reduced(self: Any) -> Any:
        return rebuilt, (cls, dict(object.__getattribute__(self, "__dict__")))

    body = {
        method: remembered, "__getattribute__": watched, "_remembering": remembering, "__module__": cls.__module__,
        "__qualname__": cls.__qualname__, "__reduce__": reduced, "__doc__": cls.__doc__,
    }  # fmt: skip
    made: Any = type(cls)(cls.__name__, (cls,), body)  # type: ignore[misc]
    made.__slots__ = ()
    return made


def rebuilt(cls: type[Controller], parameters: dict[str, Any]) -> Controller:
    return cls(**{name: value for name, value in parameters.items() if name in cls.model_fields})


def weight(found: Any) -> int:
    """Bytes that a result holds."""
    if isinstance(found, np.ndarray):
        return int(found.nbytes)
    if isinstance(found, Targets):
        arrays = [found.side, found.exit, *found.columns.values()]
        return sum(owned(array) for array in arrays)
    return sum(weight(one) for one in found) if isinstance(found, tuple | list) else 64


def owned(array: Any) -> int:
    """Bytes behind an array; a broadcast one has few."""
    return int(np.prod([n for n, step in zip(array.shape, array.strides, strict=True) if step]) * array.itemsize)
