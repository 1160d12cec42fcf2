"""A strategy at work by itself: the runner process, its session, its supervisor, and what is asked of them.

Names are fetched when they are first used: a notebook that only looks in loads no venue and no server.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.live.asking import live, paper
    from workbench.live.client import Client, NotReached
    from workbench.live.commands import Commands
    from workbench.live.control import Control
    from workbench.live.folder import Heartbeat, RunFolder, run_folder
    from workbench.live.parity import Parity
    from workbench.live.plan import BotSource, Mode, Place, Plan
    from workbench.live.promotion import Promotion, promote
    from workbench.live.run import OVER, Run, Status, attach, runs
    from workbench.live.starting import find_folder
    from workbench.live.warm import warm_up

HOMES = {
    "asking": "live paper",
    "client": "Client NotReached",
    "commands": "Commands",
    "control": "Control",
    "folder": "Heartbeat RunFolder run_folder",
    "parity": "Parity",
    "plan": "BotSource Mode Place Plan",
    "promotion": "Promotion promote",
    "run": "OVER Run Status attach runs",
    "starting": "find_folder",
    "warm": "warm_up",
}
HOME = {name: home for home, names in HOMES.items() for name in names.split()}

__all__ = [
    "OVER", "BotSource", "Client", "Commands", "Control", "Heartbeat", "Mode", "NotReached", "Parity", "Place", "Plan",
    "Promotion", "Run", "RunFolder", "Status", "attach", "find_folder", "live", "paper", "promote", "run_folder",
    "runs", "warm_up",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in HOME:
        raise AttributeError(f"workbench.live has no {name!r}. It offers {', '.join(__all__)}.")
    return getattr(importlib.import_module(f"{__name__}.{HOME[name]}"), name)
