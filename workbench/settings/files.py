"""Files that must be whole, and ours alone: written at once and synced, and refused if anybody else may touch them."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from workbench.errors import ConfigError
from workbench.settings.locks import try_lock

OWNER_ONLY = 0o600
OTHERS = 0o077
PATIENCE_S = 10.0


def write_whole(path: Path, content: bytes, *, mode: int = OWNER_ONLY) -> None:
    """Replace a file, or make it: whoever looks sees the old content or the new, also after a power cut.

    Raises
    ------
    ConfigError
        If it could not be written; the old content is still there.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(draft, content, mode)
        os.replace(draft, path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise ConfigError(
            f"{path} could not be written ({error.strerror or error}). Look at the disk and at the folder's rights."
        ) from error


def _write(path: Path, content: bytes, mode: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_own(path: Path) -> bytes:
    """The content of a file that nobody else can read or change.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    ConfigError
        If it is a link, somebody else's, or open to others.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        raise
    except OSError as error:
        if path.is_symlink():
            raise ConfigError(f"{path} is a link, which may be led elsewhere. Put the file itself there.") from None
        raise ConfigError(f"{path} cannot be opened ({error.strerror}). Look at its rights.") from error
    with os.fdopen(descriptor, "rb") as file:
        fault = exposure(path, os.fstat(descriptor))
        if fault:
            raise ConfigError(fault)
        return file.read()


def exposure(path: Path, found: os.stat_result) -> str:
    """What lays a file open to others, with what to do about it; empty if nothing does."""
    if os.name == "nt":
        return ""
    mode = stat.S_IMODE(found.st_mode)
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        return f"{path} is no file. Remove it."
    if found.st_uid != os.geteuid():
        return f"{path} belongs to user {found.st_uid}, not to you ({os.geteuid()}). Make it yours: `chown`."
    if mode & OTHERS:
        wanted = "700" if stat.S_ISDIR(found.st_mode) else "600"
        return f"{path} can be reached by others (its rights are {mode:03o}). Close it: `chmod {wanted} {path}`."
    return ""


@contextlib.contextmanager
def changing(path: Path) -> Iterator[None]:
    """Only one process changes a file while the block runs.

    Raises
    ------
    ConfigError
        If another one holds it for longer than ten seconds.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise ConfigError(f"{path} is being changed by another process. Try again when it has finished.")
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)
