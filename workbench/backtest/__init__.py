"""The compiled loop over candles, and its `Result`. It never opens a socket."""

from workbench.backtest.again import again, digest_of, sizes_of
from workbench.backtest.bounds import Bounds
from workbench.backtest.card import Card
from workbench.backtest.context import Context
from workbench.backtest.deciding import check_decide
from workbench.backtest.engine import Paper, as_pointer, locked, new_paper, simulate
from workbench.backtest.lookahead import Verdict
from workbench.backtest.market import Market, as_market
from workbench.backtest.result import Result
from workbench.backtest.rewalk import Rewalk
from workbench.backtest.rows import RowByRow, Walker, Wanted, close_row
from workbench.backtest.run import LookaheadWarning, backtest, rerun, run
from workbench.backtest.settings import Settings
from workbench.backtest.terms import as_settings
from workbench.backtest.why import Story
from workbench.backtest.wishes import as_inputs, as_wishes

__all__ = [
    "Bounds",
    "Card",
    "Context",
    "LookaheadWarning",
    "Market",
    "Paper",
    "Result",
    "Rewalk",
    "RowByRow",
    "Settings",
    "Story",
    "Verdict",
    "Walker",
    "Wanted",
    "again",
    "as_inputs",
    "as_market",
    "as_pointer",
    "as_settings",
    "as_wishes",
    "backtest",
    "check_decide",
    "close_row",
    "digest_of",
    "locked",
    "new_paper",
    "rerun",
    "run",
    "simulate",
    "sizes_of",
]
