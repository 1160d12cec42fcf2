"""The processes of a run: how they are started, found again by whoever did not start them, and watched to their end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal

from workbench.live.folder import Heartbeat, RunFolder
from workbench.settings import same_folders

Role = Literal["runner", "supervisor"]
MOST_LOG = 10_000_000
CLEAN = 0


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
    return made


def start_runner(folder: RunFolder, keys: Mapping[str, Any]) -> Child:
    """Start a runner and watch it."""
    made = start_process(folder, "runner", keys)
    return Child(made.pid, folder, made)


def start_supervisor(folder: RunFolder, keys: Mapping[str, Any]) -> int:
    """Start a supervisor; its process id."""
    made = start_process(folder, "supervisor", keys)
    lock = folder.path / "supervisor.lock"
    if not lock.exists():  # so that it is found before it has come to take its lock
        lock.write_text(str(made.pid))
        lock.chmod(0o600)
    threading.Thread(target=made.wait, daemon=True).start()  # it may end before we do
    return made.pid


def find_process(folder: RunFolder, role: Role) -> int | None:
    """The process id of a run's runner or supervisor, if it lives; a number left over from a dead one is nobody's."""
    try:
        pid = int((folder.path / f"{role}.lock").read_text().strip() or 0)
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except (OSError, ValueError):
        return None
    is_it = f"workbench.live.{role}".encode() in command and str(folder.path).encode() in command
    return pid if is_it and state != "Z" else None


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
