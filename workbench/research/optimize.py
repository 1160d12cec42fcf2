"""`optimize`: let Optuna choose the combinations, and keep its study in the project's database."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from workbench.backtest import Result
from workbench.controllers import Controller
from workbench.errors import ConfigError, WorkbenchError
from workbench.research import marks
from workbench.research.counting import count
from workbench.research.grid import choices, is_interval
from workbench.research.judging import judge
from workbench.research.parts import NAMES, Part
from workbench.research.progress import Progress, display_for, span
from workbench.research.runs import Runner, run_one
from workbench.research.searching import PRUNERS, SAMPLERS, Keeper, Search, label, made, studied
from workbench.research.space import Space, as_space, worded
from workbench.research.table import LOWER_IS_BETTER, check_metric, table_of

if TYPE_CHECKING:
    import optuna

    from workbench.research.luck import Significance


def optimize(
    bot: Controller,
    space: Mapping[str, Any],
    candles: Any,
    *,
    trials: int = 100,
    objective: str | Sequence[str] = "sharpe",
    direction: str | Sequence[str] | None = None,
    sampler: Any = "tpe",
    pruner: Any = None,
    steps: int = 4,
    name: str | None = None,
    storage: Any = None,
    threads: int = 1,
    seed: int = 0,
    progress: bool = True,
    **terms: Any,
) -> Optimization:
    """Search the parameters of a bot with Optuna.

    Parameters
    ----------
    space : mapping of names to values
        `{"length": range(10, 200), "stop_loss": (0.005, 0.05), "side": ["long", "both"]}`: a range is searched step by
        step, a pair of numbers is an interval, a list are choices. Parameters of the bot and terms of `backtest`.
    trials : int
        How many combinations to run.
    objective : str, or several
        Metrics to make as good as can be; with several there is no best one, but a front (`study.best_trials`).
    direction : "maximize" or "minimize", or one for each objective
        Left out: drawdowns, volatility, fees and turnover are minimised, all others maximised.
    sampler : str or optuna sampler
        "tpe", "random", "nsga2", "qmc", "gp", "cmaes".
    pruner : str or optuna pruner, optional
        "median", "halving", "hyperband", "percentile": trials run on the first part of the candles, on two parts, and
        so on, and end early where they fall behind. For one objective.
    steps : int
        Into how many parts the candles are cut for a pruner.
    name : str, optional
        Of the study; one of that name in the storage is gone on with. Left out: a study of its own, named after the bot
        and the time.
    storage : str or optuna storage, optional
        Left out: the project's database, which trials are written to as they finish. A storage that is given is worked
        in directly, so that several processes may share a study.
    threads : int
        Trials at the same time; the search is repeatable with one.
    **terms
        As in `backtest`.

    Raises
    ------
    ConfigError
        What cannot be searched. A combination that cannot be is no error: it is pruned, and counted.
    """
    objectives = (objective,) if isinstance(objective, str) else tuple(objective)
    goals = directions(objectives, direction)
    if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
        raise ConfigError(f"`trials` is {trials!r}. Give the number of combinations to run, 1 or more.")
    if pruner is not None and len(objectives) > 1:
        raise ConfigError("A pruner compares one objective, and several are given. Leave out one of the two.")
    if pruner is not None and steps < 2:
        raise ConfigError(f"`steps` is {steps}. A pruner needs at least 2 parts of the candles.")
    base = as_space(bot, base_grid(space), candles, sample=None, sampling="random", seed=seed, terms=terms)
    own = name or f"{bot.name} {time.strftime('%Y-%m-%d %H:%M:%S')} {secrets.token_hex(3)}"
    chosen, cutting = made(sampler, "samplers", SAMPLERS, seed), made(pruner or "none", "pruners", PRUNERS, None)
    study, keeper = studied(own, storage, goals, chosen, cutting)
    search = Search(base, space, objectives, steps if pruner is not None else 1)
    found = Optimization(base, search, study, seed)
    found._run(trials, threads, progress, keeper)
    return found


def base_grid(space: Any) -> dict[str, Any]:
    """The space as a grid of one value each, for its names to be checked."""
    if not isinstance(space, Mapping):
        raise ConfigError(f'The space is a {type(space).__name__}. Give a mapping: {{"length": range(10, 200)}}.')
    grid = {name: [values[0]] if is_interval(values) else choices(name, values)[:1] for name, values in space.items()}
    data = next((name for name in ("candles", "period") if name in grid), None)
    if data is not None:
        raise ConfigError(f"The space varies `{data}`, and a search runs on the same candles. Give a sweep that.")
    return grid


def directions(objectives: tuple[str, ...], given: Any) -> list[str]:
    """Which way each objective is good."""
    for metric in objectives:
        check_metric(metric)
    if not objectives:
        raise ConfigError('No objective is given. Name a metric, such as "sharpe".')
    wanted = [given] if isinstance(given, str) else given
    goals = list(wanted or ("minimize" if metric in LOWER_IS_BETTER else "maximize" for metric in objectives))
    if len(goals) != len(objectives) or not set(goals) <= {"minimize", "maximize"}:
        raise ConfigError(f'`direction` is {given!r}. Give "minimize" or "maximize" for each of {len(objectives)}.')
    return goals


class Optimization:
    """A finished search, or one that was interrupted.

    Attributes
    ----------
    study : optuna.Study
        Everything of Optuna: `study.best_trials`, `study.trials_dataframe()`, `optuna.importance`.
    """

    def __init__(self, base: Space, search: Search, study: optuna.Study, seed: int) -> None:
        self.base, self.study, self.seed = base, study, seed
        self._search = search
        self.seconds, self.is_partial = 0.0, False
        self._before = len(study.trials)

    def _run(self, trials: int, threads: int, wanted: bool, keeper: Keeper | None) -> None:
        display, progress, began = (
            display_for(f"{self.base.bot.name} search", wanted),
            Progress(trials),
            time.monotonic(),
        )

        def said(study: Any, trial: Any) -> None:
            progress.add(1)
            display.show(progress)

        try:
            self.study.optimize(
                self._search, n_trials=trials, n_jobs=threads, callbacks=[said, *([keeper] if keeper else [])]
            )
        except KeyboardInterrupt:
            self.is_partial = True
        finally:
            self.seconds = time.monotonic() - began
            count(self.base, len(self._finished), "optimize")
            display.close(repr(self))
            if keeper is not None:
                keeper.close()

    @property
    def _finished(self) -> list[Any]:
        return [trial for trial in self.study.trials if "metrics" in trial.user_attrs]

    @cached_property
    def space(self) -> Space:
        """The combinations that were run, as the grid of a sweep."""
        rows = [
            {name: self._value(name, trial.params[name]) for name in self._search.space} for trial in self._finished
        ]
        return as_space(
            self.base.bot, rows, self.base.candles, sample=None, sampling="random", seed=0, terms=self.base.terms
        )

    def _value(self, name: str, taken: Any) -> Any:
        values = self._search.space[name]
        if is_interval(values) or isinstance(values, range):
            return taken
        return {label(value): value for value in choices(name, values)}[taken]

    @cached_property
    def table(self) -> pl.DataFrame:
        """A row per finished trial: `number`, parameters, every metric, and `trial`, its number in the study."""
        finished = self._finished
        if not finished:
            return pl.DataFrame(schema={"number": pl.Int64, **dict.fromkeys(NAMES, pl.Float64), "trial": pl.Int64})
        part = Part.blank(np.arange(len(finished)))
        part.metrics[:] = [[trial.user_attrs["metrics"][name] for name in NAMES] for trial in finished]
        rows = table_of(self.space, part.frame()).drop("route", "error")
        return rows.with_columns(trial=pl.Series([trial.number for trial in finished], dtype=pl.Int64))

    def lean(self, *columns: str) -> pl.DataFrame:
        """Some columns of the table."""
        return self.table.with_columns(error=pl.lit(None, pl.String)).select(columns)

    @property
    def invalid(self) -> int:
        """How many suggestions could not be."""
        return sum("invalid" in trial.user_attrs for trial in self.study.trials)

    @property
    def best(self) -> dict[str, Any]:
        """The parameters of the best trial, of one objective."""
        if len(self._search.objectives) > 1:
            raise ConfigError("With several objectives there is no best one: `study.best_trials` holds the front.")
        if not self._completed:
            raise WorkbenchError(
                "No trial has finished, so there is no best one. `study.trials` say what became of them."
            )
        return {name: self._value(name, value) for name, value in self.study.best_trial.params.items()}

    @property
    def _completed(self) -> list[Any]:
        return [trial for trial in self._finished if trial.values is not None]

    @property
    def bot(self) -> Controller:
        """The bot with the best parameters."""
        own = type(self.base.bot).model_fields
        return self.base.bot.vary(**{name: value for name, value in self.best.items() if name in own})

    def backtest(self, number: int | None = None, *, audit: bool = True) -> Result:
        """Run a row of the table again, or the best one."""
        if number is not None:
            return run_one(self.space.at(number), audit=audit)
        return run_one(self._search.combination(self.best, self._search.cases[-1]), audit=audit)

    def returns(self, rows: Sequence[int] | None = None, period: str = "1d") -> tuple[Any, Any]:
        """Times and returns per period of rows of the table; as `Sweep.returns`."""
        numbers = np.arange(len(self.space)) if rows is None else np.asarray(rows, np.int64)
        return marks.returns_of(self.space, Runner(self.space), numbers, period)

    def significance(self, metric: str | None = None, **options: Any) -> Significance:
        """How much of the best is luck; as `Sweep.significance`."""
        return judge(self, metric or self._search.objectives[0], **options)

    def plot(self, kind: str = "optimization_history", **options: Any) -> Any:
        """One of Optuna's own plots: "optimization_history", "param_importances", "parallel_coordinate", "contour",
        "slice", "pareto_front", "rank", "timeline", …
        """
        import optuna

        draw = getattr(optuna.visualization, f"plot_{kind}", None)
        if draw is None:
            known = [name.removeprefix("plot_") for name in dir(optuna.visualization) if name.startswith("plot_")]
            raise ConfigError(f"Optuna has no plot {kind!r}. It has {', '.join(known)}.")
        return draw(self.study, **options)

    def __repr__(self) -> str:
        trials, done = len(self.study.trials) - self._before, self._completed
        head = f"Search of {self.base.bot.name} over {', '.join(self._search.space)}: "
        state = "partial, " if self.is_partial else ""
        pruned = len(self.study.trials) - len(done)
        rest = f" {pruned:,} pruned, {self.invalid:,} of them because they cannot be." if pruned else ""
        if not done or len(self._search.objectives) > 1:
            best = f"{len(self.study.best_trials):,} on the front" if done else "none has finished"
            return f"{head}{state}{trials:,} trials in {span(self.seconds)}; {best}.{rest}"
        shown = ", ".join(f"{name}={worded(value)}" for name, value in self.best.items())
        best = f"best {self._search.objectives[0]} {self.study.best_value:,.3f} at {shown}"
        return f"{head}{state}{trials:,} trials in {span(self.seconds)}; {best}.{rest}"
