"""The warnings that a status shows: the latest ones, each told once however often it came."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any

MOST = 200


@dataclass(frozen=True, slots=True)
class Warned:
    """One warning: when it first and last came, how often, and what it says.

    Attributes
    ----------
    level : str
        "warning", "error" or "critical".
    source : str
        The logger that it came from.
    """

    first_ms: int
    last_ms: int
    count: int
    level: str
    source: str
    text: str
    details: dict[str, Any] = field(default_factory=dict)


_lock = threading.Lock()
_kept: OrderedDict[tuple[str, str, str], Warned] = OrderedDict()


def keep(time_ms: int, level: str, source: str, text: str, details: dict[str, Any]) -> None:
    """Keep a warning; one that is there already is counted, and is the latest again."""
    key = (level, source, text)
    with _lock:
        known = _kept.pop(key, None)
        fresh = Warned(time_ms, time_ms, 1, level, source, text, details)
        _kept[key] = replace(fresh, first_ms=known.first_ms, count=known.count + 1) if known else fresh
        while len(_kept) > MOST:
            _kept.popitem(last=False)


def warnings(*, after_ms: int = 0) -> list[Warned]:
    """Warnings that came after a moment, the latest last."""
    with _lock:
        return [warned for warned in _kept.values() if warned.last_ms > after_ms]


def forget_warnings() -> None:
    """Start with none, as a new run does."""
    with _lock:
        _kept.clear()
