"""One thing that happened in a run, and the hash that ties it to what happened before."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from workbench.errors import BrokenInvariant
from workbench.journal.codec import from_text

NOTHING_BEFORE = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a run's journal.

    Attributes
    ----------
    number : int
        From 1 up, without holes.
    kind : str
        What happened, in a word: docs/live.md lists them.
    body : JSON value
        With our messages, decimals and lists in it as they went in; a tuple comes back as a list.
    hash : str
        SHA-256 over this entry, its run and the hash before it.
    """

    number: int
    time_ms: int
    kind: str
    body: Any
    hash: str


@dataclass(frozen=True, slots=True)
class Written:
    """An entry as it is stored: its body is text, and the hash is over that text."""

    number: int
    time_ms: int
    kind: str
    body: str
    hash: str

    def read(self) -> Entry:
        """With its body decoded."""
        return Entry(self.number, self.time_ms, self.kind, from_text(self.body), self.hash)


def chain_hash(before: str, run: str, number: int, time_ms: int, kind: str, body: str) -> str:
    """SHA-256 over an entry, its run and the hash before it, in hexadecimal digits."""
    return hashlib.sha256("\x1f".join((before, run, str(number), str(time_ms), kind, body)).encode()).hexdigest()


def check_next(run: str, entry: Written, number: int, before: str) -> None:
    """See that an entry follows the one before it.

    Raises
    ------
    BrokenInvariant
        If it is not entry `number`, or it or an earlier one was changed.
    """
    if entry.number != number:
        raise BrokenInvariant(
            f"The journal of {run!r} is damaged: after entry {number - 1} comes {entry.number}, so entries are gone. "
            f"Do not trade on it: rebuild it from the venue into a new file."
        )
    if entry.hash != chain_hash(before, run, entry.number, entry.time_ms, entry.kind, entry.body):
        raise BrokenInvariant(
            f"The journal of {run!r} is damaged at entry {number} ({entry.kind}): its hash is not that of what it "
            f"says. Do not trade on it: rebuild it from the venue into a new file, and keep this one to look at."
        )
