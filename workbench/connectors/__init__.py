"""Venues: where orders go and prices come from. No decisions are taken here.

Names are fetched when they are first used: a room full of venues costs nothing until one of them is wanted.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.connectors.simulated import SimulatedVenue

HOMES = {"simulated": ("SimulatedVenue",)}
HOME = {name: home for home, names in HOMES.items() for name in names}

__all__ = ["SimulatedVenue"]


def __getattr__(name: str) -> Any:
    if name not in HOME:
        raise AttributeError(f"workbench.connectors has no {name!r}. It offers {', '.join(__all__)}.")
    return getattr(importlib.import_module(f"{__name__}.{HOME[name]}"), name)
