"""All runs of a home, a row each: what `wb.dashboard()` shows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
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
        "bot": status["bot"].rpartition(":")[2], "markets": status["markets"], **_money(folder, runner),
        "orders": len(runner.get("orders", [])), "warnings": len(runner.get("warnings", [])),
        "is_over": status["state"] in OVER,
    }  # fmt: skip


def _money(folder: RunFolder, runner: dict[str, Any]) -> dict[str, Any]:
    told = worth(folder, runner)
    return {name: told[name] for name in ("equity", "net") if name in told}


def worth(folder: RunFolder, runner: dict[str, Any]) -> dict[str, Any]:
    """Equity and net PnL, of a run at work as it says; of another what its journal's last close does, `Run.worth`."""
    if "net" in runner:
        return {"equity": runner["equity"], "net": runner["net"]}
    end = folder.path / "end.json"
    return last_worth(folder, end.stat().st_mtime_ns) if end.exists() else {}


@lru_cache(maxsize=256)
def last_worth(folder: RunFolder, _: int) -> dict[str, Any]:
    """Read once for each end."""
    try:
        return Run(folder, who="dashboard").worth()
    except WorkbenchError:
        return {}
