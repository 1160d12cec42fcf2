"""The processes of a run: how they are started, found again by whoever did not start them, and watched to their end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal

from workbench.live.folder import Heartbeat, RunFolder
from workbench.settings import same_folders

Role = Literal["runner", "supervisor"]
MOST_LOG = 10_000_000
CLEAN = 0
PR_SET_DUMPABLE = 4


def harden() -> None:
    """A process with keys in its memory: no core dump, nobody else may look into it, its files are its owner's."""
    import ctypes
    import resource

    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


class Child:
    """A process of a run, watched through a descriptor of it: also one that another process started.

    Its number cannot come to mean another process while we watch it, and its end is told at once.
    """

    def __init__(self, pid: int, folder: RunFolder, made: subprocess.Popen[bytes] | None = None) -> None:
        self.pid, self._folder, self._made = pid, folder, made
        self._handle = os.pidfd_open(pid)
        self._first = Heartbeat.read(folder.heartbeat) if made else (0, 0)
        self._end: asyncio.Future[int | None] | None = None

    def beats(self) -> int:
        """How often its loop has beaten."""
        return Heartbeat.read(self._folder.heartbeat)[0]

    def says_ready(self) -> bool:
        """Had it started when it beat last?"""
        return Heartbeat.says_ready(self._folder.heartbeat)

    def has_beaten(self) -> bool:
        """Has its loop begun to beat?"""
        return Heartbeat.read(self._folder.heartbeat) != self._first

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; one that is gone gets none."""
        try:
            signal.pidfd_send_signal(self._handle, number)
        except ProcessLookupError:
            return

    def is_gone(self) -> bool:
        """Has it ended?"""
        return self._end is not None and self._end.done()

    async def wait(self) -> int | None:
        """Its exit code when it has ended; of a process that is not our child, 0 if it left in order, else None."""
        if self._end is None:
            loop = asyncio.get_running_loop()
            self._end = loop.create_future()
            loop.add_reader(self._handle, self._ended)
        return await asyncio.shield(self._end)

    def _ended(self) -> None:
        assert self._end is not None, "only a process that is waited for ends here"
        asyncio.get_running_loop().remove_reader(self._handle)
        os.close(self._handle)
        if self._made is not None:
            self._end.set_result(self._made.wait())
        else:
            self._end.set_result(None if self._folder.socket.exists() else CLEAN)


def start_process(folder: RunFolder, role: Role, keys: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    """Start a run's runner or supervisor in a session of its own; the keys go through its standard input.

    It writes to a log of its own, and lives on when we do not.
    """
    with _log(folder, role) as log:
        made = subprocess.Popen(
            [sys.executable, "-m", f"workbench.live.{role}", str(folder.path)],
            stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True, env=same_folders(),
        )  # fmt: skip
    assert made.stdin is not None, "it was asked for"
    try:
        made.stdin.write(json.dumps({"keys": keys}).encode() + b"\n")
        made.stdin.close()
    except BrokenPipeError:  # it died at once; its log and its exit code say why
        pass
    while made.poll() is None and find_process(folder, role) is None:  # a process has no name for a moment
        time.sleep(0.001)
    return made


def start_runner(folder: RunFolder, keys: Mapping[str, Any]) -> Child:
    """Start a runner and watch it."""
    made = start_process(folder, "runner", keys)
    return Child(made.pid, folder, made)


def start_supervisor(folder: RunFolder, keys: Mapping[str, Any]) -> int:
    """Start a supervisor; its process id."""
    made = start_process(folder, "supervisor", keys)
    threading.Thread(target=made.wait, daemon=True).start()  # it may end before we do
    return made.pid


def find_process(folder: RunFolder, role: Role) -> int | None:
    """The process id of a run's runner or supervisor, if it lives: from its first moment on, lock or no lock."""
    wanted = [f"workbench.live.{role}".encode(), str(folder.path).encode()]
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            words = Path(entry.path, "cmdline").read_bytes().split(b"\0")
            if words[-3:-1] == wanted and _lives(entry.path):
                return int(entry.name)
        except OSError:  # it ended while we looked
            continue
    return None


def _lives(path: str) -> bool:
    return Path(path, "stat").read_text().rpartition(") ")[2][:1] not in "ZX"


def find_runner(folder: RunFolder) -> Child | None:
    """A runner that is at work already, to be watched."""
    pid = find_process(folder, "runner")
    try:
        return Child(pid, folder) if pid else None
    except ProcessLookupError:
        return None


def is_at_work(folder: RunFolder) -> bool:
    """Does any process of this run live?"""
    return find_process(folder, "supervisor") is not None or find_process(folder, "runner") is not None


def last_words(folder: RunFolder, role: Role = "runner") -> str:
    """Why a process refused to start: the last line of its log that gives a reason."""
    try:
        tail = (folder.logs / f"{role}.log").read_bytes()[-20_000:].decode(errors="replace")
    except OSError:
        return ""
    for line in reversed(tail.splitlines()):
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and said.get("reason"):
            return str(said["reason"])
    return tail.strip().rpartition("\n")[2]


def _log(folder: RunFolder, role: Role) -> BinaryIO:
    folder.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder.logs / f"{role}.log"
    if path.exists() and path.stat().st_size > MOST_LOG:
        os.replace(path, path.with_suffix(".log.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
