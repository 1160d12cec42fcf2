"""Lines of Python in processes of their own, with kernels of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def started(code: str, cache: Path) -> subprocess.Popen[str]:
    """A process that runs, with pipes."""
    settings = {**os.environ, "WORKBENCH_CACHE": str(cache)}
    command = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=settings)


def finished(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What a process printed and said, once it has ended well."""
    printed, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return printed, said


def in_new_process(code: str, cache: Path) -> tuple[str, str]:
    """What lines of Python print and say in a new process."""
    return finished(started(code, cache))
