"""How much search a record can bear, and when to stop looking.

References
----------
Bailey, Borwein, López de Prado and Zhu (2014), Pseudo-Mathematics and Financial Charlatanism, Notices of the AMS 61(5).
"""

from __future__ import annotations

import math

from workbench.metrics import min_backtest_length
from workbench.research.luck.matrix import positive, whole

MOST_TRIALS = 1e15


def trials_allowed(years: float, *, sharpe: float = 1.0) -> float:
    """Independent trials after which luck alone is expected to show this annual Sharpe ratio in so many years.

    The inverse of `min_backtest_length`; at most 1e15, and 1 if the record is too short for a second trial.

    Examples
    --------
    >>> int(trials_allowed(5.0))
    45
    """
    positive(years, "years")
    positive(sharpe, "sharpe")
    low, high = 0.0, math.log(MOST_TRIALS)
    for _ in range(80):
        middle = (low + high) / 2.0
        low, high = (middle, high) if min_backtest_length(math.exp(middle), sharpe=sharpe) <= years else (low, middle)
    return math.exp(low)


def search_budget(configurations: int) -> int:
    """How many of the configurations worth trying to look at before stopping at the first that beats them all.

    A share of 1/e, drawn at random: the stopping rule of the secretary problem, which finds the best of all more often
    than any other rule.

    Examples
    --------
    >>> search_budget(1_000)
    368
    """
    return max(1, round(whole(configurations, "configurations", least=1) / math.e))
