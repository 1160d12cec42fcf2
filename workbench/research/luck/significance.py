"""How much of a result is luck: every test at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import ConfigError, DataError
from workbench.metrics import min_backtest_length
from workbench.research.luck import words
from workbench.research.luck.bootstrap import FEWEST, REPS, Interval, block_length, sharpe_interval
from workbench.research.luck.counting import Counting
from workbench.research.luck.deflated import Deflation, deflate
from workbench.research.luck.length import trials_allowed
from workbench.research.luck.matrix import DAYS_PER_YEAR, Trials, as_matrix, as_trials, by_day, sharpe_ratios
from workbench.research.luck.overfitting import BLOCKS, Overfitting, fitting_blocks, overfitting
from workbench.research.luck.spa import Superiority, spa
from workbench.research.luck.verdict import Significance, judged

if TYPE_CHECKING:
    import polars as pl

MOST_COLUMNS = 500  # whose returns are looked at; the trials are all counted


def significance(
    table: pl.DataFrame | None,
    returns: npt.ArrayLike,
    *,
    periods_per_year: float,
    trials: float | None,
    rows: npt.ArrayLike | None = None,
    best: int | None = None,
    end_ms: npt.ArrayLike | None = None,
    hold: npt.ArrayLike | None = None,
    fee: float = math.nan,
    holding: float | None = None,
    run: Any = None,
    counting: Counting = "correlation",
    blocks: int = BLOCKS,
    level: float = 0.95,
    reps: int = REPS,
    seed: int = 0,
) -> Significance:
    """Judge the best of a search with every test there is.

    Parameters
    ----------
    table : polars.DataFrame or None
        A row of metrics per combination (`sharpe`, `break_even_fee`, `average_trade_days` are read, if there). It may
        have more rows than `returns` has columns.
    returns : array of shape (n_periods, n_columns)
        Returns per period, fractions, of all combinations or of a random sample with the best. Bars of less than a day
        are made into days. Non-finite ones are refused.
    periods_per_year : float
        Rows of `returns` in a year.
    trials : float or None
        All backtests of this strategy that were ever made, those outside of this table too: `trials.count` of the
        ledger. None: nobody knows, and then nothing is deflated.
    rows : int array of shape (n_columns,), optional
        The row of `table` that each column belongs to; left out: the same.
    best : int, optional
        Column that was chosen; left out: the highest Sharpe ratio.
    end_ms : int array of shape (n_periods,), optional
        When each period ends.
    hold : array of shape (n_periods,), optional
        Returns of buy-and-hold.
    fee : float, optional
        Fee rate that was paid, to hold the break-even fee against.
    holding : float, optional
        Median length of a trade in periods; left out: the best's average, if the table has it.
    run : Result, optional
        A backtest of the best: its look-ahead verdict and its bounds are questions too.
    counting, blocks, level, reps, seed
        See `independent_trials`, `overfitting`, `sharpe_interval` and `spa`.

    Raises
    ------
    ConfigError, DataError
        Arguments that do not fit together; returns that are constant or not finite. What a record is too short for is
        no error, but unknown, and `notes` say so.
    """
    given = as_matrix(returns)
    where = _rows(table, rows, given.shape[1])
    moved = as_trials(given, periods_per_year=periods_per_year, end_ms=end_ms)
    notes: list[str] = []
    if moved.idle:
        notes.append(f"{moved.idle:,} of {given.shape[1]:,} combinations never traded")
    if trials is not None and trials > given.shape[1]:
        notes.append(f"{given.shape[1]:,} of {trials:,.0f} trials were looked at; only the deflation counts them all")
    if not moved.columns.size:
        return _nothing(moved, fee, (*notes, "no combination ever traded"))
    column = _best(moved, best)
    record = moved.returns[:, column]
    facts = _facts_of(table, int(where[moved.columns[column]]))
    deflation = deflate(
        moved.returns, trials=None if trials is None else max(float(trials), moved.columns.size), best=column,
        sharpes=_all_sharpes(table, moved), counting=counting,
    )  # fmt: skip
    if holding is None:
        holding = facts.get("average_trade_days", math.nan) * moved.periods_per_year / DAYS_PER_YEAR
        holding = None if math.isnan(holding) else holding
    block = block_length(record) if len(record) >= FEWEST else None
    flat = _superiority(moved.returns, 0.0, block, reps, seed, notes)
    against = None if hold is None else _benchmark(hold, periods_per_year, end_ms)
    found = Significance(
        verdict="unknown",
        checks=(),
        best=int(moved.columns[column]),
        sharpe=sharpe_interval(
            record, periods_per_year=moved.periods_per_year, level=level, block=block, reps=reps, seed=seed
        ),
        luck_sharpe=deflation.luck * math.sqrt(moved.periods_per_year),
        deflation=deflation,
        overfitting=_overfitting(moved.returns, blocks, holding, notes),
        flat=flat,
        hold=None if against is None or flat is None
        else _superiority(moved.returns, against, block, reps, seed, notes),
        years=moved.years,
        **_lengths(deflation, moved),
        break_even_fee=facts.get("break_even_fee", math.nan),
        fee=fee,
        idle=moved.idle,
        sampled=moved.columns.size,
        notes=(*notes, *words.unknowns(deflation)),
    )  # fmt: skip
    return judged(found, run)


def _rows(table: pl.DataFrame | None, rows: npt.ArrayLike | None, n_columns: int) -> npt.NDArray[np.intp]:
    where = np.arange(n_columns) if rows is None else np.asarray(rows, np.intp)
    height = n_columns if table is None else table.height
    if rows is None and height != n_columns:
        raise ConfigError(
            f"`table` has {height:,} rows and `returns` {n_columns:,} columns. Say with `rows` which row each one is."
        )
    if where.shape != (n_columns,) or (where < 0).any() or (where >= height).any():
        raise ConfigError(f"`rows` does not name one of {height:,} rows for each of {n_columns:,} columns.")
    return where


def _best(moved: Trials, best: int | None) -> int:
    if best is None:
        return int(np.nanargmax(sharpe_ratios(moved.returns)))
    place = np.flatnonzero(moved.columns == best)
    if not place.size:
        raise DataError(f"Column {best} is said to be the best, but never traded, or is not there. Choose another.")
    return int(place[0])


def _facts_of(table: pl.DataFrame | None, row: int) -> dict[str, float]:
    if table is None:
        return {}
    wanted = [name for name in ("break_even_fee", "average_trade_days") if name in table.columns]
    return {name: math.nan if table[name][row] is None else float(table[name][row]) for name in wanted}


def _all_sharpes(table: pl.DataFrame | None, moved: Trials) -> npt.NDArray[np.float64] | None:
    """Sharpe ratios per period of all rows, if the matrix holds only some of them."""
    if table is None or "sharpe" not in table.columns or table.height <= moved.columns.size + moved.idle:
        return None
    return table["sharpe"].cast(float).fill_null(math.nan).to_numpy() / math.sqrt(moved.periods_per_year)


def _benchmark(hold: npt.ArrayLike, per_year: float, end_ms: npt.ArrayLike | None) -> npt.NDArray[np.float64]:
    matrix = as_matrix(hold)
    return (by_day(matrix, end_ms, rows_a_day=round(per_year / DAYS_PER_YEAR)) if per_year > 366.0 else matrix)[:, 0]


def _superiority(
    returns: npt.NDArray[np.float64], benchmark: Any, block: float | None, reps: int, seed: int, notes: list[str]
) -> Superiority | None:
    if returns.shape[1] < 2:
        return None
    if block is None:
        notes.append(f"{len(returns)} periods are too few to resample: at least {FEWEST} are needed")
        return None
    return spa(returns, benchmark, block=block, reps=reps, seed=seed)


def _overfitting(
    returns: npt.NDArray[np.float64], blocks: int, holding: float | None, notes: list[str]
) -> Overfitting | None:
    if returns.shape[1] < 2:
        notes.append("PBO needs at least two combinations that traded")
        return None
    fit = fitting_blocks(len(returns), most=blocks, holding=holding)
    if fit is None:
        trade = f" with trades of {holding:.1f}" if holding else ""
        notes.append(f"PBO needs four blocks of ten trades each; {len(returns)} periods{trade} do not give them")
        return None
    if fit < blocks:
        notes.append(f"PBO with {fit} blocks instead of {blocks}, which would be too short for the trades in them")
    return overfitting(returns, blocks=fit)


def _lengths(deflation: Deflation, moved: Trials) -> dict[str, float]:
    annual = deflation.sharpe * math.sqrt(moved.periods_per_year)
    known = deflation.count.independent
    if known is None or known <= 1 or not annual > 0.0:
        return {"years_needed": math.nan, "trials_allowed": math.nan}
    return {
        "years_needed": min_backtest_length(known, sharpe=annual),
        "trials_allowed": trials_allowed(moved.years, sharpe=annual),
    }


def _nothing(moved: Trials, fee: float, notes: tuple[str, ...]) -> Significance:
    nan = math.nan
    blank = Significance(
        "unknown", (), -1, Interval(nan, nan, nan, 0.95), nan, None, None, None, None, moved.years, nan, nan, nan, fee,
        moved.idle, 0, notes,
    )  # fmt: skip
    return judged(blank)
