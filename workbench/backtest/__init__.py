"""The compiled loop over candles, and its `Result`. It never opens a socket."""

from workbench.backtest.bounds import Bounds
from workbench.backtest.card import Card
from workbench.backtest.context import Context
from workbench.backtest.lookahead import Verdict
from workbench.backtest.result import Result
from workbench.backtest.rewalk import Rewalk
from workbench.backtest.run import LookaheadWarning, backtest, rerun
from workbench.backtest.settings import Settings
from workbench.backtest.terms import as_settings

__all__ = [
    "Bounds",
    "Card",
    "Context",
    "LookaheadWarning",
    "Result",
    "Rewalk",
    "Settings",
    "Verdict",
    "as_settings",
    "backtest",
    "rerun",
]
