"""Widgets for a notebook: tables shown, commands sent, and no arithmetic on money.

What is asked for while something is being computed replaces what was asked before: a panel never queues up.
"""

from workbench.panels.explore import Explore, explore
from workbench.panels.tune import Tune, tune

__all__ = ["Explore", "Tune", "explore", "tune"]
