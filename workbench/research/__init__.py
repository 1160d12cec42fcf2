"""Many backtests, compared honestly: how much of the best of them is luck."""

from workbench.research import luck
from workbench.research.luck import Significance, significance

__all__ = ["Significance", "luck", "significance"]
