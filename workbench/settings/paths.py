"""Where the market data and the project's own state are kept."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder() -> Path:
    """The store of market data: `WORKBENCH_DATA`, or `data/` of the working folder."""
    return Path(os.environ.get("WORKBENCH_DATA") or "data").expanduser().absolute()


def same_folders() -> dict[str, str]:
    """An environment for a child process in which it finds the same store and the same home, wherever it works."""
    return {**os.environ, "WORKBENCH_DATA": str(data_folder()), "WORKBENCH_HOME": str(home_folder())}


def editor() -> str | None:
    """The command of the person's text editor, if the environment names one."""
    return os.environ.get("VISUAL") or os.environ.get("EDITOR")


def home_folder() -> Path:
    """The project's database, runs and logs: `WORKBENCH_HOME`, or `.workbench/` of the working folder."""
    return Path(os.environ.get("WORKBENCH_HOME") or ".workbench").expanduser().absolute()
