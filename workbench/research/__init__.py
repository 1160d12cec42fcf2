"""Many backtests, compared honestly: how much of the best of them is luck."""

from workbench.research import luck
from workbench.research.cross_validate import CrossValidation, cross_validate
from workbench.research.luck import Significance, significance
from workbench.research.optimize import Optimization, optimize
from workbench.research.sweep import Sweep, sweep
from workbench.research.walk_forward import WalkForward, walk_forward

__all__ = [
    "CrossValidation",
    "Optimization",
    "Significance",
    "Sweep",
    "WalkForward",
    "cross_validate",
    "luck",
    "optimize",
    "significance",
    "sweep",
    "walk_forward",
]
