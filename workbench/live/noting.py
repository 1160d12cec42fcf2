"""How a run ended, noted beside its journal: whole, synced, and also when the journal cannot be written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from workbench.errors import WorkbenchError
from workbench.live.folder import RunFolder
from workbench.live.plan import Plan

FILE = "end.json"
PATIENCE_S = 1.0
LATE_S = 16.0  # after a kill by force an order that was on its way may still come to rest: so long somebody looks


def note_end(
    folder: RunFolder, state: str, reason: str, time_ms: int, proof: Mapping[str, Any] | None = None
) -> None:  # fmt: skip
    """Write down that the run ended, how, and what was proven; a note that is there is replaced whole."""
    write_note(folder, FILE, {"state": state, "reason": reason, "time_ms": time_ms, "proof": proof})


def write_note(folder: RunFolder, name: str, body: Mapping[str, Any]) -> None:
    """Write a file of a run's folder, whole and synced."""
    target, draft = folder.path / name, folder.path / f"{name}.new"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(json.dumps(body, default=str))
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, target)


def read_end(folder: RunFolder) -> dict[str, Any] | None:
    """How the run ended, None if nobody noted it."""
    try:
        return json.loads((folder.path / FILE).read_text())
    except (OSError, ValueError):
        return None


def forget_end(folder: RunFolder) -> None:
    """It begins again."""
    (folder.path / FILE).unlink(missing_ok=True)


def journal_kill(folder: RunFolder, plan: Plan, facts: Mapping[str, Any], time_ms: int) -> str:
    """Put a kill into the run's journal, which its runner has let go of; why not, if it cannot be done."""
    from workbench.journal import Journal

    try:
        with Journal.open(plan.journal or folder.journal_url, run=plan.run, patience_s=PATIENCE_S) as journal:
            journal.append("killed", dict(facts), time_ms=time_ms)
            journal.commit()
    except WorkbenchError as error:
        return str(error)
    return ""


def last_end(folder: RunFolder, plan: Plan) -> tuple[str, list[str]]:
    """What the run's last runner wrote down when it left: why, and what it left; nothing, if it wrote nothing."""
    from workbench.journal import Past

    try:
        with Past.open(plan.journal or folder.journal_url, run=plan.run) as past:
            ends = past.events(["started", "stopped"])
    except WorkbenchError:
        return "", []
    if not len(ends) or ends["kind"][-1] != "stopped":
        return "", []
    body = json.loads(ends["body"][-1])
    return str(body.get("why", "")), [str(one) for one in body.get("left", [])]


def held(folder: RunFolder, plan: Plan) -> dict[str, Decimal]:
    """Base units that the run's own fills left it with, by spot instrument; fees that were taken in base are off."""
    from workbench.journal import Past

    holdings: dict[str, Decimal] = {}
    with Past.open(plan.journal or folder.journal_url, run=plan.run) as past:
        for row in past.fills(exact=True).iter_rows(named=True):
            base = row["instrument"].partition("/")[0]
            amount = Decimal(row["amount"]) * (1 if str(row["side"]) in ("1", "BUY", "buy") else -1)
            fee = Decimal(row["fee"] or 0) if row["fee_asset"] == base else Decimal(0)
            holdings[row["instrument"]] = holdings.get(row["instrument"], Decimal(0)) + amount - fee
    return holdings
