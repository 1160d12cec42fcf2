"""How much of a result is luck: matrix of returns in, numbers out.

`significance` asks every question at once; docs/luck.md says what each number means, what it is when there is nothing
but luck, and how it misleads. The single tests are here too.
"""

from workbench.research.luck.bootstrap import Interval, block_length, sharpe_difference, sharpe_interval
from workbench.research.luck.counting import Independent, clusters, independent_trials, mean_correlation
from workbench.research.luck.deflated import Deflation, deflate, trial_variance
from workbench.research.luck.haircut import haircut_sharpes
from workbench.research.luck.length import search_budget, trials_allowed
from workbench.research.luck.matrix import by_day, sharpe_ratios
from workbench.research.luck.overfitting import Overfitting, overfitting
from workbench.research.luck.significance import MOST_COLUMNS, significance
from workbench.research.luck.spa import Superiority, reality_check, spa, superior
from workbench.research.luck.verdict import Check, Significance

__all__ = [
    "MOST_COLUMNS",
    "Check",
    "Deflation",
    "Independent",
    "Interval",
    "Overfitting",
    "Significance",
    "Superiority",
    "block_length",
    "by_day",
    "clusters",
    "deflate",
    "haircut_sharpes",
    "independent_trials",
    "mean_correlation",
    "overfitting",
    "reality_check",
    "search_budget",
    "sharpe_difference",
    "sharpe_interval",
    "sharpe_ratios",
    "significance",
    "spa",
    "superior",
    "trial_variance",
    "trials_allowed",
]
