"""Research, backtest and trade crypto strategies from a notebook: `import workbench as wb`.

This is the front door, the names that a notebook types. Each is fetched from its room when it is first used, so that
`import workbench` itself loads nothing.
"""

from __future__ import annotations

import gc
import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench import controllers, data, errors, indicators, metrics
    from workbench.backtest import backtest, rerun
    from workbench.compiled import compiled
    from workbench.controllers import Controller, Field, Fraction, executors
    from workbench.data import candles
    from workbench.live import Run, attach, live, paper, promote, runs
    from workbench.market import BUY, FLAT, SELL, Candles, Instrument, Targets
    from workbench.panels import dashboard, tune
    from workbench.research import compare, cross_validate, optimize, sweep, walk_forward  # type: ignore[no-redef]
    from workbench.trading import Fees, Intensity, Latency, Limits, Perpetual, Queue, QueuePosition, Slippage, Tier

__version__ = "0.1.0"

__all__ = [
    "BUY", "FLAT", "SELL", "Candles", "Controller", "Fees", "Field", "Fraction", "Instrument", "Intensity", "Latency",
    "Limits", "Perpetual", "Queue", "QueuePosition", "Run", "Slippage", "Targets", "Tier", "attach", "backtest",
    "candles", "compare", "compiled", "controllers", "cross_validate", "dashboard", "data", "errors", "executors",
    "indicators", "live", "metrics", "optimize", "paper", "promote", "rerun", "runs", "sweep", "tune", "walk_forward",
]  # fmt: skip

ROOMS = {"controllers", "data", "errors", "indicators", "metrics"}
HOMES = {
    "backtest": ("backtest", "rerun"),
    "compiled": ("compiled",),
    "controllers": ("Controller", "Field", "Fraction", "executors"),
    "data": ("candles",),
    "live": ("Run", "attach", "live", "paper", "promote", "runs"),
    "market": ("BUY", "FLAT", "SELL", "Candles", "Instrument", "Targets"),
    "panels": ("dashboard", "tune"),
    "research": ("compare", "cross_validate", "optimize", "sweep", "walk_forward"),
    "trading": ("Fees", "Intensity", "Latency", "Limits", "Perpetual", "Queue", "QueuePosition", "Slippage", "Tier"),
}
HOME = {name: room for room, names in HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in ROOMS:
        return entered(name)
    if name not in HOME:
        raise AttributeError(f"workbench has no {name!r}. It offers {', '.join(__all__)}.")
    globals()[name] = getattr(entered(HOME[name]), name)
    return globals()[name]


def entered(room: str) -> ModuleType:
    """A room, loaded without pauses to collect garbage: all that is made meanwhile is kept."""
    collects = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(f"{__name__}.{room}")
    finally:
        if collects:
            gc.enable()


def __dir__() -> list[str]:
    return sorted({*__all__, *HOME, "__version__"})


class FrontDoor(ModuleType):
    """The module's own class: it keeps `wb.backtest` the function, although a room has that name too.

    Python binds a submodule to its parent when it is first imported; for a name that the door gives out itself, that
    binding is left out.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = FrontDoor
