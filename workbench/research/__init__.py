"""Many backtests, compared honestly: how much of the best of them is luck."""

from workbench.research import luck
from workbench.research.compare import compare
from workbench.research.cross_validate import CrossValidation, cross_validate
from workbench.research.luck import Significance, significance
from workbench.research.optimize import Optimization, optimize
from workbench.research.picture import heat_parts
from workbench.research.sweep import Sweep, sweep
from workbench.research.table import NONE
from workbench.research.walk_forward import WalkForward, walk_forward

__all__ = [
    "NONE",
    "CrossValidation",
    "Optimization",
    "Significance",
    "Sweep",
    "WalkForward",
    "compare",
    "cross_validate",
    "heat_parts",
    "luck",
    "optimize",
    "significance",
    "sweep",
    "walk_forward",
]
