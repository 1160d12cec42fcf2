"""The engine a second time: the contracts in docs/ in plain Python, slow and readable, to test the compiled one.

Written from execution.md, executors.md, perpetuals.md and matching.md alone; headings name their parts. Nothing is
skipped, cached or remembered that could be looked up again, and every formula is evaluated in the order in which a
page prints it.
"""

import sys
from types import ModuleType
from typing import Any

from workbench.market.codes import OrderKind

from .budget import whole_lots, whole_ticks, within_leverage
from .decisions import is_same
from .executors.common import move_trail
from .executors.position import barrier_reached, entered, net_price
from .ledger import settle, take_in
from .matching import answer, answer_limit, draw, hold_value
from .records import Executor, Fill, Hold, Order, Outcome, Payment, Refusal
from .running import run
from .state import World, active_orders, equity, take_slot
from .terms import (
    MOST_REPEATS,
    NAN,
    Action,
    Bars,
    Config,
    ControllerTerms,
    ExecutorKind,
    Funding,
    LegPolicy,
    Market,
    Mode,
    Policy,
    PurseTerms,
    Settings,
    Target,
    Tier,
)
from .walk import vertices


class Door(ModuleType):
    """A bug that a test plants at the door is planted in every room that knows the name."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        for place, module in list(sys.modules.items()):
            if place.startswith(f"{__name__}.") and name in vars(module):
                setattr(module, name, value)


sys.modules[__name__].__class__ = Door

__all__ = [
    "MOST_REPEATS",
    "NAN",
    "Action",
    "Bars",
    "Config",
    "ControllerTerms",
    "Executor",
    "ExecutorKind",
    "Fill",
    "Funding",
    "Hold",
    "LegPolicy",
    "Market",
    "Mode",
    "Order",
    "OrderKind",
    "Outcome",
    "Payment",
    "Policy",
    "PurseTerms",
    "Refusal",
    "Settings",
    "Target",
    "Tier",
    "World",
    "active_orders",
    "answer",
    "answer_limit",
    "barrier_reached",
    "draw",
    "entered",
    "equity",
    "hold_value",
    "is_same",
    "move_trail",
    "net_price",
    "run",
    "settle",
    "take_in",
    "take_slot",
    "vertices",
    "whole_lots",
    "whole_ticks",
    "within_leverage",
]
