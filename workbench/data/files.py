"""Files that are whole or not there: written under another name, pushed to the disk, then renamed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

HALF = ".half"  # what a killed writer leaves behind; swept away by the next one


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a file beside `path`, then put it in its place; a kill leaves the old file or the new one."""
    half = path.with_name(f"{path.name}.{os.getpid()}{HALF}")
    write(half)
    _push(half)
    half.replace(path)
    _push(path.parent)


def remove_others(folder: Path, keep: set[str], suffix: str) -> None:
    """Remove half-written files, and files with `suffix` that are not among `keep`."""
    for path in folder.iterdir():
        if path.name.endswith(HALF) or (path.name.endswith(suffix) and path.name not in keep):
            path.unlink(missing_ok=True)


def _push(path: Path) -> None:
    if path.is_dir() and os.name == "nt":  # a folder cannot be flushed there
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
