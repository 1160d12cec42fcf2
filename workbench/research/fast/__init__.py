"""Fast paths: what is decided without the position is computed without walking the bars.

They give the numbers of the engine to the last bit, or leave a combination to it.
"""

from workbench.research.fast.choosing import FastPath
from workbench.research.fast.measure import period_ends
from workbench.research.fast.tapes import Tapes
from workbench.research.fast.trades import DAY_MS
from workbench.research.fast.walks import Walks

__all__ = ["DAY_MS", "FastPath", "Tapes", "Walks", "period_ends"]
