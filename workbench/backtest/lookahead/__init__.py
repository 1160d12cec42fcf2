"""Does a strategy look into the future? Take the future away, or replace it, and see whether the past moves.

Rows that were computed from bars up to *t* cannot depend on what came later. So the columns of a strategy are
computed on a stretch of candles, and again on a prefix of it that ends at a *cut*: every row before the cut must be
the same. They are computed once more with the bars from the cut on replaced by other plausible ones. Cuts are put
where leaks show: at random, in the first bars, as soon as something comes out, at the last bar, and right behind
rows in which the strategy wanted something new, since that is where a live run would have stood without the bars
that followed.

Stretches rather than the whole keep the cost on a million bars to some milliseconds. What that leaves unchecked is
said in the verdict. Data that a strategy brings along by itself (a file, a global frame) cannot be checked this
way.
"""

from workbench.backtest.lookahead.columns import columns_of, target_columns
from workbench.backtest.lookahead.search import find_leak
from workbench.backtest.lookahead.tape import scramble
from workbench.backtest.lookahead.verdict import Verdict

__all__ = ["Verdict", "columns_of", "find_leak", "scramble", "target_columns"]
