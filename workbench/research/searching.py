"""One trial after another: what Optuna suggests, run; and the study, kept in the project's database."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.errors import ConfigError, WorkbenchError
from workbench.market import Candles
from workbench.research.grid import choices, is_interval
from workbench.research.parts import NAMES, Part, Route
from workbench.research.runs import Runner, run_one
from workbench.research.space import Combination, Space, members, settings_of, worded

SAMPLERS = {"tpe": "TPESampler", "random": "RandomSampler", "nsga2": "NSGAIISampler", "qmc": "QMCSampler",
            "gp": "GPSampler", "cmaes": "CmaEsSampler"}  # fmt: skip
PRUNERS = {"median": "MedianPruner", "halving": "SuccessiveHalvingPruner", "hyperband": "HyperbandPruner",
           "percentile": "PercentilePruner", "none": "NopPruner"}  # fmt: skip


def made(choice: Any, kind: str, known: dict[str, str], seed: int | None) -> Any:
    """A sampler or pruner by its name, or the one that was given."""
    import optuna

    if not isinstance(choice, str):
        return choice
    if choice not in known:
        raise ConfigError(f"There is no {kind[:-1]} {choice!r}. Choose one of {', '.join(known)}, or give your own.")
    make = getattr(getattr(optuna, kind), known[choice])
    return make() if seed is None else make(seed=seed)


class Keeper:
    """Writes finished trials to the project's database, a little behind the search."""

    def __init__(self, stored: Any) -> None:
        self.stored = stored
        self.waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.error: Exception | None = None
        self.thread = threading.Thread(target=self._work, name="study", daemon=True)
        self.thread.start()

    def __call__(self, study: Any, trial: Any) -> None:
        """A trial has finished."""
        self.waiting.put(trial)

    def close(self) -> None:
        """Wait until all is written; say so if it could not be."""
        self.waiting.put(None)
        self.thread.join()
        if self.error is not None:
            raise WorkbenchError(
                f"The study could not be written to the project's database: {self.error}. The trials are in `study`."
            ) from self.error

    def _work(self) -> None:
        while (trial := self.waiting.get()) is not None:
            try:
                if self.error is None:
                    self.stored.add_trial(trial)
            except Exception as error:  # a disk or a database may fail in any way; the search goes on
                self.error = error


def studied(name: str, storage: Any, goals: list[str], sampler: Any, pruner: Any) -> tuple[Any, Keeper | None]:
    """The study to work in, and who writes its trials down."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if storage is not None:
        return optuna.create_study(
            storage=storage, study_name=name, directions=goals, sampler=sampler, pruner=pruner, load_if_exists=True
        ), None
    from workbench.journal import database_url, laying_out, open_database

    open_database().dispose()
    with laying_out():  # two first searches at once would each write down Optuna's version
        kept = optuna.storages.RDBStorage(database_url(), engine_kwargs={"connect_args": {"timeout": 30}})
    stored = optuna.create_study(storage=kept, study_name=name, directions=goals, load_if_exists=True)
    study = optuna.create_study(study_name=name, directions=goals, sampler=sampler, pruner=pruner)
    study.add_trials(stored.trials)
    return study, Keeper(stored)


class Search:
    """One trial after another: suggestions in, objectives out."""

    def __init__(self, base: Space, space: Mapping[str, Any], objectives: tuple[str, ...], steps: int) -> None:
        self.base, self.space, self.objectives, self.steps = base, space, objectives, steps
        self.runner = Runner(base)
        self.cases = [cut(base.candles, step / steps) for step in range(1, steps + 1)]

    def __call__(self, trial: Any) -> Any:
        """Run what a trial suggests."""
        import optuna

        values = {name: suggested(trial, name, choice) for name, choice in self.space.items()}
        metrics: dict[str, float] = {}
        for step, case in enumerate(self.cases, 1):
            try:
                one = self.combination(values, case)
            except WorkbenchError as error:
                trial.set_user_attr("invalid", str(error))
                raise optuna.TrialPruned(str(error)) from None
            metrics = self.metrics(trial, one)
            if step < self.steps:
                trial.report(metrics[self.objectives[0]], step)
                if trial.should_prune():
                    raise optuna.TrialPruned
        trial.set_user_attr("metrics", metrics)
        goals = [metrics[name] for name in self.objectives]
        if np.isnan(goals).any():
            raise optuna.TrialPruned(f"{self.objectives[int(np.isnan(goals).argmax())]} is not defined")
        return goals if len(goals) > 1 else goals[0]

    def combination(self, values: dict[str, Any], case: Any) -> Combination:
        """What a suggestion means."""
        own = {name: value for name, value in values.items() if name in type(self.base.bot).model_fields}
        terms = {**self.base.terms, **{name: value for name, value in values.items() if name not in own}}
        settings = settings_of(terms, [one.instrument for one in case.values()])
        return Combination(self.base.bot.vary(**own), terms, case, settings)

    def metrics(self, trial: Any, one: Combination) -> dict[str, float]:
        """Every metric of a combination; one that raises is pruned with its error."""
        import optuna

        part = Part.blank([0])
        self.runner.fast_path.run({0: one}, part)
        if part.routes[0] != Route.NONE:
            return dict(zip(NAMES, part.metrics[0].tolist(), strict=True))
        try:
            return run_one(one, self.runner.memory).metrics
        except Exception as error:  # a user's code may raise anything
            trial.set_user_attr("error", f"{type(error).__name__}: {error}")
            raise optuna.TrialPruned(str(error)) from None


def suggested(trial: Any, name: str, values: Any) -> Any:
    """What a trial takes from an axis."""
    if is_interval(values):
        whole = all(isinstance(value, int) for value in values)
        return trial.suggest_int(name, *values) if whole else trial.suggest_float(name, *map(float, values))
    if isinstance(values, range) and len(values) > 1 and values.step > 0:
        return trial.suggest_int(name, values[0], values[-1], step=values.step)
    known = {label(value): value for value in choices(name, values)}
    return known[trial.suggest_categorical(name, list(known))]


def label(value: Any) -> Any:
    """A choice as Optuna can write it down."""
    return value if value is None or isinstance(value, bool | int | float | str) else worded(value)


def cut(candles: Any, share: float) -> dict[str, Candles]:
    """The first part of some candles."""
    return {name: one[: max(round(len(one) * share), 1)] for name, one in members(candles).items()}
