"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recordings beside the checkout; tests that need it are skipped where it is not there."""
    folder = ROOT.parent / "shared"
    if not (folder / "marketdata").is_dir():
        pytest.skip("needs the recordings in ../shared, which are not published with the project")
    return folder


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a market-data store and a home of its own."""
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
