"""Cross-validation of a choice: many pasts, many futures, purged where they touch, and whole paths made of them.

Every combination is run once over all candles. A fold then chooses by the returns of some groups of days and judges by
those of the others. Returns of a day depend on earlier prices alone, so a fold may train on later days than it judges:
it asks how the choice would have done in another order of the same history, not what could have been earned.

References
----------
López de Prado (2018), Advances in Financial Machine Learning, chapters 7 and 12.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from workbench.errors import ConfigError, DataError
from workbench.market import as_milliseconds
from workbench.metrics import sharpe
from workbench.research.splits import Fold, Length, Rows, folds, path_count, path_table
from workbench.research.trying import DAY_MS, Candidates, FloatArray, TimeArray

Objective = Literal["sharpe", "mean"]
Evaluate = Callable[[list[dict[str, Any]], Any], tuple[npt.ArrayLike, npt.ArrayLike]]
MOST = 20_000
UTC_MS = pl.Datetime("ms", "UTC")


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What each fold chose, how that did where it was not chosen, and the paths that the folds make.

    Attributes
    ----------
    folds : tuple of Fold
        Rows to choose on and to judge on.
    chosen : int array of shape (n_folds,)
        Number of the combination that each fold chose.
    inside, outside : float64 arrays of shape (n_folds,)
        Score of the chosen where it was chosen and where it was judged, annualised Sharpe ratio or mean.
    rank : float64 array of shape (n_folds,)
        Share of combinations that it beats where it was judged: about ½ if the choice is worth nothing.
    paths : float64 array of shape (n_periods, n_paths)
        Returns out of sample; every path goes through all periods.
    end_ms : int64 array of shape (n_periods,)
    """

    folds: tuple[Fold, ...]
    parameters: tuple[dict[str, Any], ...]
    chosen: Rows
    inside: FloatArray
    outside: FloatArray
    rank: FloatArray
    paths: FloatArray
    end_ms: TimeArray
    periods_per_year: float
    objective: str

    @cached_property
    def sharpes(self) -> FloatArray:
        """Annualised Sharpe ratio of each path: a distribution where a single backtest has one number."""
        return np.array([sharpe(path, periods_per_year=self.periods_per_year) for path in self.paths.T])

    @property
    def loss(self) -> float:
        """Share of folds whose choice lost where it was judged."""
        return float((self.outside < 0.0).mean())

    @cached_property
    def table(self) -> pl.DataFrame:
        """A row per fold: the groups that judged, the parameters chosen, scores inside and outside, rank."""
        rows = [
            {"fold": n, "held_out": ", ".join(map(str, fold.held_out)), **self.parameters[n],
             f"{self.objective}_inside": self.inside[n], f"{self.objective}_outside": self.outside[n],
             "rank": self.rank[n]}
            for n, fold in enumerate(self.folds)
        ]  # fmt: skip
        return pl.DataFrame(rows, infer_schema_length=None)

    @cached_property
    def equity(self) -> pl.DataFrame:
        """time, and a column per path: what 1 becomes out of sample."""
        curves = np.cumprod(1.0 + self.paths, axis=0)
        columns = {f"path {n}": np.ascontiguousarray(curve) for n, curve in enumerate(curves.T)}
        return pl.DataFrame({"time": self.end_ms, **columns}).with_columns(pl.col("time").cast(UTC_MS))

    def __repr__(self) -> str:
        moved = self.sharpes[np.isfinite(self.sharpes)]
        ratios = " … ".join(f"{value:.2f}" for value in np.quantile(moved, [0.0, 0.5, 1.0])) if moved.size else "–"
        return (
            f"CrossValidation: {len(self.folds)} folds, {self.paths.shape[1]} paths with Sharpe ratios {ratios}; the "
            f"choice beats {np.mean(self.rank):.0%} of the others where it was not made, and loses in {self.loss:.0%} "
            f"of folds."
        )


def cross_validate(
    bot: Any,
    grid: Any,
    candles: Any,
    *,
    groups: int = 6,
    held_out: int = 2,
    purge: Length = "1d",
    embargo: Length = "1d",
    objective: Objective = "sharpe",
    sample: int | None = None,
    sampling: str = "random",
    seed: int = 0,
    evaluate: Evaluate | None = None,
    **terms: Any,
) -> CrossValidation:
    """Choose on some groups of days and judge on the others, in every way there is.

    Parameters
    ----------
    bot, grid, candles
        As in `sweep`; the grid may not vary candles or periods.
    groups, held_out : int
        Groups that the days are cut into, and how many of them judge at once: 1 is k-fold, more are combinatorial.
        6 and 2 give 15 folds and 5 paths.
    purge : duration
        As long as a trade may last: days left out of training on both sides of what judges.
    embargo : duration
        Days left out after it besides.
    objective : "sharpe" or "mean"
        What the best is best by, of daily returns.
    sample, sampling, seed
        Try that many combinations of the grid, as in `sweep`.
    evaluate : function of (list of parameters, candles) to (returns, end_ms), optional
        Returns of each combination, shape (n_periods, n_combinations), and when each period ends; left out: backtests.
    **terms
        Of the backtest: cash, fees, slippage, …

    Raises
    ------
    ConfigError
        A grid or numbers that cannot be, or that leave nothing to train on.
    DataError
        Too few periods, or no combination that could be run.
    """
    candidates = Candidates.of(bot, grid, candles, sample=sample, sampling=sampling, seed=seed, terms=terms)
    if len(candidates) > MOST:
        raise ConfigError(
            f"{len(candidates):,} combinations are more than {MOST:,}. Draw some of them: `sample=2_000`."
        )
    if objective not in ("sharpe", "mean"):
        raise ConfigError(f'`objective` is {objective!r}. Choose "sharpe" or "mean".')
    if evaluate is None:
        candidates.count("cross_validate")
        returns, end_ms = candidates.returns(candles)
    else:
        returns, end_ms = (np.asarray(given) for given in evaluate(candidates.all(), candles))
    matrix, ends = _checked(returns, end_ms, len(candidates))
    period_ms = float(np.median(np.diff(ends)))
    rows = [math.ceil(as_milliseconds(length) / period_ms) for length in (purge, embargo)]
    plan = tuple(folds(len(matrix), groups=groups, held_out=held_out, purge=rows[0], embargo=rows[1]))
    return validated(
        matrix, ends, plan, candidates, objective, held_out=held_out, groups=groups,
        per_year=365.0 * DAY_MS / period_ms,
    )  # fmt: skip


def validated(
    returns: FloatArray,
    end_ms: TimeArray,
    plan: tuple[Fold, ...],
    candidates: Candidates,
    objective: str,
    *,
    groups: int,
    held_out: int,
    per_year: float,
) -> CrossValidation:
    """Choose and judge in each fold, and lay the paths."""
    chosen, inside = np.empty(len(plan), np.intp), np.empty(len(plan))
    outside, rank = np.empty(len(plan)), np.empty(len(plan))
    paths = np.full((len(returns), path_count(groups, held_out)), np.nan)
    places = path_table(groups, held_out)
    edges = np.linspace(0, len(returns), groups + 1).astype(np.intp)
    scale = math.sqrt(per_year) if objective == "sharpe" else per_year
    for n, fold in enumerate(plan):
        past, future = _scores(returns[fold.train], objective), _scores(returns[fold.test], objective)
        best = int(np.nanargmax(past)) if np.isfinite(past).any() else 0
        chosen[n], inside[n], outside[n] = best, past[best] * scale, np.nan_to_num(future[best]) * scale
        rank[n] = _beaten(np.nan_to_num(future[np.isfinite(returns[0])]), float(np.nan_to_num(future[best])))
        for group in fold.held_out:
            rows = slice(edges[group], edges[group + 1])
            paths[rows, int(np.flatnonzero(places[:, group] == n)[0])] = returns[rows, best]
    picked = tuple(candidates.parameters(int(number)) for number in chosen)
    return CrossValidation(plan, picked, chosen, inside, outside, rank, paths, end_ms, per_year, objective)


def _scores(returns: FloatArray, objective: str) -> FloatArray:
    """Score of each column; NaN for one that failed, and for one that never moved, where there is a Sharpe ratio."""
    mean = returns.mean(axis=0)
    if objective == "mean":
        return mean
    deviation = returns.std(axis=0, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(deviation > 1e-12 * np.abs(returns).max(axis=0), mean / deviation, math.nan)


def _beaten(scores: FloatArray, own: float) -> float:
    """Share of the other columns that score less; equal ones count by half."""
    below, level = (scores < own).sum(), (scores == own).sum() - 1
    return float((below + level / 2.0) / (len(scores) - 1)) if len(scores) > 1 else math.nan


def _checked(returns: Any, end_ms: Any, n_columns: int) -> tuple[FloatArray, TimeArray]:
    matrix, ends = np.asarray(returns, np.float64), np.asarray(end_ms, np.int64)
    if matrix.ndim != 2 or matrix.shape[1] != n_columns or ends.shape != matrix.shape[:1] or len(ends) < 4:
        raise DataError(
            f"Returns have shape {matrix.shape} and {ends.shape} ends for {n_columns} combinations. A column each is "
            f"needed, and four periods at least."
        )
    if (np.diff(ends) <= 0).any():
        raise DataError("The ends of the periods do not rise. Give them in order of time.")
    failed = ~np.isfinite(matrix).all(axis=0)
    if failed.all():
        raise DataError("No combination could be run, so there is nothing to choose from. Backtest one to see why.")
    matrix[:, failed] = np.nan
    return matrix, ends
