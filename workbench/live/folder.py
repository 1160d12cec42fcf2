"""The folder of a run: what lies where, its lock, and the heartbeat that the supervisor watches."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ConfigError
from workbench.settings import try_lock

BEAT = struct.Struct("<qqq")  # how often, when (UTC milliseconds), and whether it has started
BEATS_PER_S = 10


@dataclass(frozen=True, slots=True)
class RunFolder:
    """`WORKBENCH_HOME/runs/<name>/`, readable by its owner alone."""

    path: Path

    @property
    def journal_url(self) -> str:
        """The database of a run that names no other."""
        return f"sqlite:///{self.path / 'journal.sqlite'}"

    @property
    def heartbeat(self) -> Path:
        """Written from the runner's loop; see `Heartbeat`."""
        return self.path / "heartbeat"

    @property
    def socket(self) -> Path:
        """Where the runner listens."""
        return self.path / "runner.sock"

    @property
    def supervisor_socket(self) -> Path:
        """Where its supervisor listens."""
        return self.path / "supervisor.sock"

    @property
    def token(self) -> Path:
        """What a request must carry."""
        return self.path / "token"

    @property
    def logs(self) -> Path:
        """The folder of log files."""
        return self.path / "log"

    @contextmanager
    def locked(self, name: str = "runner") -> Iterator[int]:
        """Hold `<name>.lock`, with our process id in it, while the block runs.

        Raises
        ------
        ConfigError
            If another process holds it. A lock whose holder died is free.
        """
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.path / f"{name}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not try_lock(descriptor):
                holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
                raise ConfigError(
                    f"{self.path.name} is at work already: process {holder} holds {path.name}. "
                    f"`workbench attach {self.path.name}` looks in."
                )
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield descriptor
        finally:
            os.close(descriptor)


def run_folder(home: Path, name: str) -> RunFolder:
    """The folder of the run of this name."""
    return RunFolder(home / "runs" / name)


class Heartbeat:
    """A few bytes in a file: how often the loop has beaten, and when last. A count that stands still is a hang.

    The runner's loop beats ten times a second, also while it starts and stops. Nothing is flushed to the disk: another
    process sees it at once. `is_ready` is part of a beat, because a bot may block in the moment after its start, when
    nobody has asked for a status yet; and a start, which may have to compile, is given longer.
    """

    def __init__(self, path: Path) -> None:
        self.count, self.is_ready = 0, False
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def beat(self, now_ms: int) -> None:
        """The loop is alive."""
        self.count += 1
        os.pwrite(self._descriptor, BEAT.pack(self.count, now_ms, self.is_ready), 0)

    def close(self) -> None:
        """Beat no more; the file stays."""
        os.close(self._descriptor)

    @staticmethod
    def read(path: Path) -> tuple[int, int]:
        """The count and the time of the last beat; zeros before the first."""
        return _told(path)[:2]

    @staticmethod
    def says_ready(path: Path) -> bool:
        """Had the loop that beat last come to the end of its start?"""
        return bool(_told(path)[2])


def _told(path: Path) -> tuple[int, int, int]:
    try:
        told = path.read_bytes()
    except FileNotFoundError:
        return 0, 0, 0
    return BEAT.unpack(told) if len(told) == BEAT.size else (0, 0, 0)
