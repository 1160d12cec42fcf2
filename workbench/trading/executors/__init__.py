"""One file, one state machine: what a position does after it was wanted."""

from workbench.trading.executors.kinds import KINDS, equip
from workbench.trading.executors.making import create, halt, step_extended
from workbench.trading.executors.position import enter, step

__all__ = ["KINDS", "create", "enter", "equip", "halt", "step", "step_extended"]
