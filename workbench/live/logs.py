"""What a process of a run logs: into files of its own, with its keys taken out of every line of every library."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.errors import WorkbenchError
from workbench.live.folder import RunFolder
from workbench.log import configure, hide
from workbench.settings import load_config

MAX_BYTES, KEEP = 10_000_000, 3


class Outlet:
    """The standard error of a process of a run, which is a file: put aside when it is full, and what others print too.

    What cannot be written, because the disk is full, is lost and counted: a log stops nobody. Of a standard error that
    is not that file (a terminal, a test's own) nothing is put aside.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES, keep: int = KEEP) -> None:
        self.path, self.max_bytes, self.keep, self.lost = path, max_bytes, keep, 0

    def write(self, text: str) -> int:
        """Write a line, whole or not at all."""
        try:
            if self._is_full(len(text)):
                self._put_aside()
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            self.lost += 1
        return len(text)

    def flush(self) -> None:
        """Every line has been."""

    def _is_full(self, more: int) -> bool:
        """Is our standard error that file, and would it be too long?"""
        with contextlib.suppress(OSError, ValueError):
            ours = os.fstat(sys.stderr.fileno())
            return ours.st_size + more > self.max_bytes and os.path.samestat(ours, self.path.stat())
        return False

    def _put_aside(self) -> None:
        for n in range(self.keep - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(self._older(n), self._older(n + 1))
        os.replace(self.path, self._older(1))
        made = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(made, sys.stderr.fileno())
        os.dup2(made, 1)
        os.close(made)

    def _older(self, n: int) -> Path:
        return self.path.with_suffix(f".log.{n}")


def open_logs(folder: RunFolder, role: str, keys: Mapping[str, Any]) -> None:
    """Send the log lines of this process to `log/<role>.jsonl`, as large and as many as the settings say.

    Settings that cannot be read stop no run that is at work: then the usual ones are meant.
    """
    hide(*_texts(keys))
    try:
        wanted = load_config().logs.model_dump()
    except WorkbenchError:
        wanted = {"level": "INFO", "max_mb": 10, "keep": 7}
    configure(folder.logs, name=role, level=wanted["level"], max_bytes=wanted["max_mb"] * 10**6, keep=wanted["keep"])


def _texts(keys: Any) -> Iterator[str]:
    if isinstance(keys, Mapping):
        for value in keys.values():
            yield from _texts(value)
    elif isinstance(keys, str):
        yield keys
