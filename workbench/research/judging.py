"""How much of the best of a sweep is luck: what the tests are given, and the line under every sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import polars as pl

from workbench.errors import WorkbenchError
from workbench.market import Candles
from workbench.metrics import hold_curve
from workbench.research.counting import counted
from workbench.research.fast import DAY_MS, period_ends
from workbench.research.luck import MOST_COLUMNS, significance
from workbench.research.space import Space
from workbench.research.table import best_of

if TYPE_CHECKING:
    from workbench.research.luck import Significance
    from workbench.research.sweep import Sweep

READ = ("sharpe", "break_even_fee", "average_trade_days")  # what `significance` reads of the table


class Tried(Protocol):
    """What can be judged: a sweep, or an optimisation."""

    seed: int

    @property
    def space(self) -> Space: ...
    def lean(self, *columns: str) -> pl.DataFrame: ...
    def returns(self, rows: Any = None, period: str = "1d") -> tuple[Any, Any]: ...
    def backtest(self, number: int, *, audit: bool = True) -> Any: ...


def judge(
    sweep: Tried, metric: str = "sharpe", *, trials: float | None = None, columns: int = MOST_COLUMNS,
    audit: bool = True, **options: Any,
) -> Significance:  # fmt: skip
    """Every test at once, on the best by a metric and a random sample of the others.

    Parameters
    ----------
    trials : float, optional
        Backtests of this strategy in all; left out: as the ledger has counted, and at least those of this sweep.
    columns : int
        The most combinations whose returns are looked at.
    audit : bool
        Run the best again, for its bounds and its look-ahead verdict.
    """
    table = sweep.lean("number", "error", *dict.fromkeys((*READ, metric)))
    numbers, best = looked_at(sweep, table, metric, columns)
    ends, returns = sweep.returns(numbers)
    case = sweep.space.at(best)
    length = max(max(one.timeframe_ms for one in case.candles.values()), DAY_MS)
    place = {int(number): row for row, number in enumerate(table["number"].to_list())}
    return significance(
        table, returns, periods_per_year=365.0 * DAY_MS / length,
        trials=float(counted(sweep.space, table.height)) if trials is None else trials,
        rows=[place[int(number)] for number in numbers], best=int(np.flatnonzero(numbers == best)[0]), end_ms=ends,
        hold=held(case.candles, len(ends)), fee=case.settings.fees.taker, seed=sweep.seed,
        run=sweep.backtest(best) if audit else None, **options,
    )  # fmt: skip


def looked_at(sweep: Tried, table: pl.DataFrame, metric: str, columns: int) -> tuple[Any, int]:
    """Numbers of the combinations to look at, all on the candles of the best one, and the best."""
    top = best_of(table, metric, 1, None)
    if not top.height:
        raise WorkbenchError(f"No combination has a number in `{metric}`, so there is no best one to judge.")
    best = int(top["number"][0])
    same = table.filter(pl.col("error").is_null())["number"].to_numpy()
    if len(sweep.space.cases) > 1:
        mine = sweep.space.case(sweep.space.grid.row(best))
        same = same[[sweep.space.case(codes) == mine for codes in sweep.space.grid.rows(same)]]
    if len(same) > columns:
        same = np.sort(np.append(drawn(len(sweep.space), sweep.seed, same[same != best], columns - 1), best))
    return same, best


def first_choice(count: int, seed: int) -> Any:
    """Numbers of the combinations that will be looked at, if they run: a random sample that is known beforehand."""
    return np.random.default_rng(seed).choice(count, min(count, MOST_COLUMNS), replace=False)


def drawn(count: int, seed: int, among: Any, columns: int) -> Any:
    """So many of some numbers: those of the first choice, and others at random for those that are not among them."""
    first = first_choice(count, seed)
    kept = first[np.isin(first, among)][:columns]
    rest = np.setdiff1d(among, kept)
    others = np.random.default_rng([seed, 1]).choice(rest, columns - len(kept), replace=False)
    return np.concatenate([kept, others])


def held(candles: dict[str, Candles], n_periods: int) -> Any:
    """Returns of buy-and-hold over the same periods; None of several markets on different grids."""
    first = next(iter(candles.values()))
    if any(len(one) != len(first) for one in candles.values()):
        return None
    rows = period_ends(first.time, first.timeframe_ms, DAY_MS)
    if len(rows) != n_periods:
        return None
    closes = np.stack([one.close for one in candles.values()])
    curve = hold_curve(closes, np.concatenate([[0], rows]))
    return curve[1:] / curve[:-1] - 1.0


def plain_line(sweep: Sweep) -> str:
    """The line under a sweep, in plain words: that of `significance()`; why there is none, where there is none."""
    if sweep.progress.done == sweep.faults.invalid:
        return ""
    try:
        return judge(sweep, audit=False).line
    except WorkbenchError as error:
        return f"Unknown how much is luck: {error}"
