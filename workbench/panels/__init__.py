"""Widgets for a notebook: tables shown, commands sent, and no arithmetic on money.

What is asked for while something is being computed replaces what was asked before: a panel never queues up. The panel
of a run reads and commands past the kernel, through the Jupyter server (`relay`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.panels.exploring import Explore, explore
    from workbench.panels.looking import Dashboard, Panel, dashboard, panel
    from workbench.panels.tuning import Tune, tune

HOMES = {"exploring": "Explore explore", "looking": "Dashboard Panel dashboard panel", "tuning": "Tune tune"}
HOME = {name: home for home, names in HOMES.items() for name in names.split()}

__all__ = ["Dashboard", "Explore", "Panel", "Tune", "dashboard", "explore", "panel", "tune"]


def __getattr__(name: str) -> Any:
    """A Jupyter server loads this room for its relay, and none of what computes."""
    if name not in HOME:
        raise AttributeError(f"workbench.panels has no {name!r}. It offers {', '.join(__all__)}.")
    return getattr(import_module(f"{__name__}.{HOME[name]}"), name)
