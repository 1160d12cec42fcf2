"""All runs of a home, a row each: what `wb.dashboard()` shows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from workbench.errors import WorkbenchError
from workbench.live import Run, RunFolder

AT_ONCE = 8


def rows(home: Path) -> list[dict[str, Any]]:
    """Name, state, money and reason of every run that there is or was, those at work first."""
    root = home / "runs"
    folders = [RunFolder(path.parent) for path in root.glob("*/run.json")] if root.is_dir() else []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(row, folders))
    return sorted(found, key=lambda one: (one["is_over"], one["name"]))


def row(folder: RunFolder) -> dict[str, Any]:
    """One of them. One that cannot be read says why."""
    from workbench.live import OVER

    name = folder.path.name
    try:
        status = Run(folder, who="dashboard").status()
    except WorkbenchError as error:
        return {"name": name, "state": "unreadable", "reason": str(error), "is_over": True}
    runner = status["runner"] or {}
    return {
        "name": name, "state": status["state"], "reason": status["reason"], "mode": status["mode"],
        "bot": status["bot"].rpartition(":")[2], "markets": status["markets"], "equity": runner.get("equity"),
        "net": runner.get("net"), "orders": len(runner.get("orders", [])), "warnings": len(runner.get("warnings", [])),
        "is_over": status["state"] in OVER,
    }  # fmt: skip
