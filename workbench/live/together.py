"""What all runs of this machine earned together: each tells it in a file of its own, and reads those of the others."""

from __future__ import annotations

import json
import os
from pathlib import Path

from workbench.live.plan import Plan

FOLDER = "earned"


class Together:
    """The profit and loss of a run, told to the others; and theirs.

    Parameters
    ----------
    home : Path
        `WORKBENCH_HOME`. The file of a run stays there when it ends: what it lost is lost.
    """

    def __init__(self, home: Path, plan: Plan) -> None:
        self.folder, self.plan = home / FOLDER, plan

    def tell(self, earned: float) -> None:
        """What this run earned since it began, in quote currency; replaced whole."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = self.folder / f"{self.plan.run}.json"
        draft = target.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"mode": self.plan.mode.value, "earned": earned}, file)
        os.replace(draft, target)

    def others(self) -> dict[str, float]:
        """What other runs with the same kind of money earned, by run; one that cannot be read is left out."""
        found = {}
        for path in sorted(self.folder.glob("*.json")):
            try:
                told = json.loads(path.read_text())
                if told["mode"] == self.plan.mode.value and path.stem != self.plan.run:
                    found[path.stem] = float(told["earned"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return found
