"""One file, one state machine: what a position does after it was wanted."""

from workbench.trading.executors.position import enter, halt, step

__all__ = ["enter", "halt", "step"]
