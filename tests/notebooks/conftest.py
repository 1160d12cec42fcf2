"""Notebooks that have run, and a browser for them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from lab import ROOT, chromium
from nbclient import NotebookClient

from tests.live.running import end_all

__all__ = ["chromium"]

Executed = Callable[[Path], Any]


@pytest.fixture(scope="session")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Executed:
    """Runs a notebook from top to bottom, once, in an empty folder with an empty store; an error in it is raised."""
    done: dict[Path, Any] = {}

    def run(path: Path) -> Any:
        if path not in done:
            done[path] = run_through(path, tmp_path_factory.mktemp("notebook"))
        return done[path]

    return run


def run_through(path: Path, folder: Path) -> Any:
    book = nbformat.read(path, as_version=4)
    own = {"WORKBENCH_DATA": str(folder / "data"), "WORKBENCH_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
    client = NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    began = time.perf_counter()
    try:
        client.execute(env=os.environ | own)
    finally:
        end_all(folder / "home")
    print(f"\n{path.name} ran in {time.perf_counter() - began:.1f} s")  # noqa: T201 - for whoever runs it with -s
    return book
