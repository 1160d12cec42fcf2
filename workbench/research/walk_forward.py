"""Walk-forward: choose on the past, trade the next stretch, move on. One honest path through the record.

In each window the best combination is chosen on the candles of its training stretch and traded over the test that
follows it. The tests are put together to a single curve, in which every bar was traded with parameters that were known
before it opened.

References
----------
Pardo (2008), The Evaluation and Optimization of Trading Strategies, chapter 11.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from workbench.backtest import Result
from workbench.errors import ConfigError
from workbench.metrics import annual_return, kurtosis, max_drawdown, probabilistic_sharpe, sharpe, skew, total_return
from workbench.research.splits import Length, Window, check_windows, windows
from workbench.research.table import best_of, check_metric
from workbench.research.trying import DAY_MS, Candidates, FloatArray, TimeArray, closes, cut, span

if TYPE_CHECKING:
    from workbench.backtest import Verdict

Evaluate = Callable[[list[dict[str, Any]], Any], pl.DataFrame]
UTC_MS = pl.Datetime("ms", "UTC")


class Leg(NamedTuple):
    """One window: what was chosen, and what became of it.

    `number` and `parameters` are None where no combination could be judged in training: then nothing is traded.
    `inside` is the objective in training, `growth` the factor of the account over each bar of the test, `exposure` the
    signed fraction of equity in the market when it ended, `cost` what changing over to these parameters took, a
    fraction of equity too.
    """

    window: Window
    number: int | None
    parameters: dict[str, Any] | None
    inside: float
    close_ms: TimeArray
    growth: FloatArray
    exposure: float
    cost: float
    verdict: Verdict | None


@dataclass(frozen=True, eq=False)
class WalkForward:
    """A strategy that was chosen anew in each window, out of sample throughout.

    Attributes
    ----------
    legs : tuple of Leg
        A window each, in order of time.
    objective : str
        What was chosen by.
    cash : float
        What the curve starts with.
    """

    legs: tuple[Leg, ...]
    objective: str
    cash: float

    @cached_property
    def equity(self) -> pl.DataFrame:
        """time (the close of each bar), equity, window: the stitched curve, out of sample in every row."""
        factors = np.concatenate([leg.growth for leg in self.legs])
        numbers = np.concatenate([np.full(len(leg.growth), n) for n, leg in enumerate(self.legs)])
        times = np.concatenate([leg.close_ms for leg in self.legs])
        return pl.DataFrame({"time": times, "equity": self.cash * np.cumprod(factors), "window": numbers}).with_columns(
            pl.col("time").cast(UTC_MS)
        )

    @cached_property
    def returns(self) -> FloatArray:
        """Daily returns of the curve (UTC), or those of its bars if they are longer."""
        closes_ms, growth = ([getattr(leg, name) for leg in self.legs] for name in ("close_ms", "growth"))
        return by_day(np.concatenate(closes_ms), np.concatenate(growth))

    @cached_property
    def metrics(self) -> dict[str, float]:
        """total_return, annual_return, sharpe, probabilistic_sharpe, max_drawdown, efficiency, days, switch_costs.

        `efficiency` is the mean of the objective out of sample over that in training (Pardo's walk-forward efficiency,
        by the Sharpe ratio): near 1, the choice keeps what it promised. NaN where training promised nothing.
        """
        per_year = 365.0 * len(self.returns) / self.days
        shape = {"skew": skew(self.returns), "kurtosis": kurtosis(self.returns)}
        return {
            "total_return": total_return(self.returns),
            "annual_return": annual_return(self.returns, periods_per_year=per_year),
            "sharpe": sharpe(self.returns, periods_per_year=per_year),
            "probabilistic_sharpe": _probability(self.returns, shape),
            "max_drawdown": max_drawdown(np.maximum(self.equity["equity"].to_numpy(), 1e-9)),
            "efficiency": self._efficiency(),
            "days": self.days,
            "switch_costs": sum(leg.cost for leg in self.legs),
        }

    @property
    def days(self) -> float:
        """Days out of sample."""
        return (self.legs[-1].window.test_end - self.legs[0].window.test_start) / DAY_MS

    @cached_property
    def table(self) -> pl.DataFrame:
        """A row per window: its times, the parameters chosen, the objective in training, and the test's return."""
        rows = []
        for n, leg in enumerate(self.legs):
            times = dict(zip(Window._fields, leg.window, strict=True))
            outcome = {"return": float(np.prod(leg.growth)) - 1.0, "switch_cost": leg.cost}
            rows.append({"window": n, **times, **(leg.parameters or {}), f"{self.objective}_in_training": leg.inside,
                         "sharpe_in_test": self._sharpe_of(leg), **outcome})  # fmt: skip
        frame = pl.DataFrame(rows, infer_schema_length=None)
        return frame.with_columns(pl.col(*Window._fields).cast(UTC_MS))

    @cached_property
    def drift(self) -> pl.DataFrame:
        """How the chosen parameters move: a row each, with values, changes, and the mean step of those with numbers.

        `step` is the mean change from window to window as a share of the range of what was chosen: a parameter that
        jumps through its range tells of noise.
        """
        chosen = [leg.parameters for leg in self.legs if leg.parameters is not None]
        return pl.DataFrame([_drift(name, [one[name] for one in chosen]) for name in (chosen[0] if chosen else {})])

    @property
    def audit(self) -> list[Verdict]:
        """The look-ahead verdict of every window that was traded."""
        return [leg.verdict for leg in self.legs if leg.verdict is not None]

    @property
    def is_clean(self) -> bool:
        """Did no window's strategy look into its future? False if none was looked at."""
        return bool(self.audit) and all(verdict.clean for verdict in self.audit)

    def plot(self) -> Any:
        """The stitched curve, with a line where each window begins."""
        from workbench.research.walk_picture import walk_figure

        return walk_figure(self)

    def _sharpe_of(self, leg: Leg) -> float:
        returns = by_day(leg.close_ms, leg.growth)
        length = (leg.window.test_end - leg.window.test_start) / DAY_MS
        return sharpe(returns, periods_per_year=365.0 * len(returns) / length) if len(returns) else math.nan

    def _efficiency(self) -> float:
        if self.objective != "sharpe":
            return math.nan
        inside = np.array([leg.inside for leg in self.legs if leg.number is not None])
        outside = np.array([self._sharpe_of(leg) for leg in self.legs if leg.number is not None])
        promised = float(inside.mean()) if inside.size else math.nan
        return float(np.nan_to_num(outside).mean()) / promised if promised > 0.0 else math.nan

    def __repr__(self) -> str:
        m = self.metrics
        return (
            f"WalkForward of {len(self.legs)} windows, {self.days:,.0f} days out of sample: return "
            f"{m['total_return']:+.2%}, Sharpe ratio {m['sharpe']:.2f}, largest drawdown {m['max_drawdown']:.2%}, "
            f"efficiency {m['efficiency']:.2f}. See .table, .drift, .equity and .plot()."
        )


def walk_forward(
    bot: Any,
    grid: Any,
    candles: Any,
    *,
    train: Length = "180d",
    test: Length = "30d",
    gap: Length = 0,
    anchored: bool = False,
    objective: str = "sharpe",
    sample: int | None = None,
    sampling: str = "random",
    seed: int = 0,
    audit: bool = True,
    evaluate: Evaluate | None = None,
    **terms: Any,
) -> WalkForward:
    """Choose in each window, trade the next one, and put what was traded together to one curve.

    The chosen parameters run from the start of their training stretch, so that indicators are warm, and only what they
    did in the test counts. Where a window begins, the account changes from the position of the old parameters to that
    of the new ones, and pays the taker fee and the slippage for the difference.

    Parameters
    ----------
    bot, grid, candles
        As in `sweep`; the grid may not vary candles or periods.
    train, test : duration
        How long is chosen on, and how long it is then traded.
    gap : duration
        Left out between the two, so that no trade reaches over.
    anchored : bool
        Train from the first bar on in each window, instead of on the last `train`.
    objective : str
        The metric that is chosen by.
    sample, sampling, seed
        Try that many combinations of the grid, as in `sweep`.
    audit : bool
        Check each test for look-ahead.
    evaluate : function of (list of parameters, candles) to a table, optional
        Scores combinations on a stretch of candles, a row each in their order; left out: a sweep.
    **terms
        Of the backtest: cash, fees, slippage, …

    Raises
    ------
    ConfigError
        A grid, a metric or lengths that cannot be.
    DataError
        Candles that are too short for one window.
    """
    candidates = Candidates.of(bot, grid, candles, sample=sample, sampling=sampling, seed=seed, terms=terms)
    check_metric(objective)
    plan = windows(*span(candles), train=train, test=test, gap=gap, anchored=anchored)
    if evaluate is None:
        candidates.count("walk_forward")
    return walk(candidates, candles, plan, objective=objective, audit=audit, evaluate=evaluate)


def walk(
    candidates: Candidates,
    candles: Any,
    plan: list[Window],
    *,
    objective: str = "sharpe",
    audit: bool = True,
    evaluate: Evaluate | None = None,
) -> WalkForward:
    """Walk through windows of one's own making; what leaks is refused."""
    legs = tuple(_legs(candidates, candles, check_windows(plan), objective, audit, evaluate))
    return WalkForward(legs, objective, float(candidates.space.terms.get("cash", 10_000.0)))


def _legs(
    candidates: Candidates, candles: Any, plan: list[Window], objective: str, audit: bool, evaluate: Evaluate | None
) -> Iterator[Leg]:
    held = Held(0.0, 0.0)
    for window in plan:
        number, inside = choose(candidates, cut(candles, window.train_start, window.train_end), objective, evaluate)
        if number is None:
            leg, held = _idle(window, closes(cut(candles, window.test_start, window.test_end)), held)
        else:
            result = candidates.run(number, cut(candles, window.train_start, window.test_end), audit=audit)
            leg, held = _leg(window, number, candidates.parameters(number), inside, result, held)
        yield leg


def choose(candidates: Candidates, candles: Any, objective: str, evaluate: Evaluate | None) -> tuple[int | None, float]:
    """The best combination on these candles and its score; None if none has one."""
    table = candidates.table(candles) if evaluate is None else _own_table(evaluate, candidates, candles, objective)
    best = best_of(table, objective, 1, None)
    return (int(best["number"][0]), float(best[objective][0])) if best.height else (None, math.nan)


def _own_table(evaluate: Evaluate, candidates: Candidates, candles: Any, objective: str) -> pl.DataFrame:
    table = evaluate(candidates.all(), candles)
    if table.height != len(candidates) or objective not in table.columns:
        raise ConfigError(
            f"`evaluate` returned {table.height} rows with {', '.join(table.columns)} for {len(candidates)} "
            f"combinations. It has to return one row for each, in order, with a column `{objective}`."
        )
    return table if "number" in table.columns else table.with_row_index("number")


class Held(NamedTuple):
    """What the last window left: exposure as a signed fraction of equity, and what trading costs, per value traded."""

    exposure: float
    rate: float


def _leg(
    window: Window, number: int, parameters: dict[str, Any], inside: float, result: Result, held: Held
) -> tuple[Leg, Held]:
    first = int(np.searchsorted(result.bars.time, window.test_start, "left"))
    equity = np.maximum(np.concatenate([[float(result.settings.cash)], result.tape.equity])[first:], 0.0)
    growth = np.where(equity[:-1] > 0.0, equity[1:] / np.where(equity[:-1] > 0.0, equity[:-1], 1.0), 1.0)
    exposure = np.nan_to_num(np.concatenate([[0.0], result.equity["exposure"].to_numpy()]))
    rate = result.settings.fees.taker + getattr(result.settings.slippage, "fraction", 0.0)
    cost = min(abs(float(exposure[first]) - held.exposure) * rate, 1.0)
    growth[:1] *= 1.0 - cost
    ends, last = (result.bars.time + result.timeframe_ms)[first:], float(exposure[-1])
    return Leg(window, number, parameters, inside, ends, growth, last, cost, result.audit), Held(last, rate)


def _idle(window: Window, ends: TimeArray, held: Held) -> tuple[Leg, Held]:
    """A window in which nothing is traded: what was held is sold."""
    growth, cost = np.ones(len(ends)), min(abs(held.exposure) * held.rate, 1.0)
    growth[:1] -= cost
    return Leg(window, None, None, math.nan, ends, growth, 0.0, cost, None), Held(0.0, held.rate)


def by_day(close_ms: TimeArray, growth: FloatArray) -> FloatArray:
    """Returns of days (UTC) from the factors of bars; those of bars that are longer, as they are."""
    starts = np.flatnonzero(np.diff((close_ms - 1) // DAY_MS, prepend=-1))
    return np.multiply.reduceat(growth, starts) - 1.0 if len(growth) else np.zeros(0)


def _drift(name: str, values: list[Any]) -> dict[str, Any]:
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    changes = sum(a != b for a, b in pairwise(values))
    width = max(values) - min(values) if numeric else 0.0
    steps = [abs(a - b) for a, b in pairwise(values)] if numeric else []
    return {
        "parameter": name, "different": len(set(map(repr, values))), "changes": changes,
        "least": float(min(values)) if numeric else None, "most": float(max(values)) if numeric else None,
        "step": float(np.mean(steps) / width) if steps and width else 0.0 if numeric else None,
    }  # fmt: skip


def _probability(returns: FloatArray, shape: dict[str, float]) -> float:
    value = sharpe(returns, periods_per_year=1.0)
    return math.nan if math.isnan(value) else probabilistic_sharpe(value, len(returns), **shape)
