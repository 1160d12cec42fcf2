"""Runners from a process that has everything loaded: real processes, that begin in a tenth of a second.

A fork server imports the runner and loads its kernels once (`forge_loaded`); each runner is a fork of it, with a log,
keys and a death of its own, as if its supervisor had started it.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

LOADED = "tests.live.forge_loaded"
FOLDERS = ("WORKBENCH_HOME", "WORKBENCH_DATA", "WORKBENCH_CACHE")


class Forged:
    """A runner's process, with the words of `subprocess.Popen`."""

    def __init__(
        self, folder: Path, keys: Mapping[str, Any], log: Path, *words: str, spoil: Callable[[], None] | None = None
    ) -> None:  # fmt: skip
        os.environ.setdefault("_RJEM_MALLOC_CONF", "background_thread:false")  # a fork has no threads but its own
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([LOADED])
        places = {name: os.environ[name] for name in FOLDERS if name in os.environ}
        given = (str(folder), json.dumps({"keys": keys}), str(log), words, spoil, places)
        self._process = context.Process(target=_live, args=given)
        self._process.start()
        assert self._process.pid is not None, "it was started"
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Its exit code, as far as it has one; below zero, the signal that ended it."""
        return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        """Its exit code, once it has ended."""
        self._process.join(seconds)
        code = self._process.exitcode
        if code is None:
            raise TimeoutError(f"the runner did not end within {seconds} s")
        return code

    def kill(self) -> None:
        """As the machine would: -9."""
        self._process.kill()


def _live(
    folder: str, keys: str, log: str, words: tuple[str, ...], spoil: Callable[[], None] | None, places: dict[str, str]
) -> None:  # fmt: skip
    """What a fork does: the runner's own main, with a standard input and a log of its own."""
    os.environ.update(places)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdin, sys.stderr = io.StringIO(keys + "\n"), os.fdopen(2, "w", buffering=1, closefd=False)
    from workbench.live import runner

    if spoil is not None:
        spoil()
    sys.exit(runner.main([folder, *words]))
