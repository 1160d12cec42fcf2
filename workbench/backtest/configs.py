"""The executors that a bot may create, as the table of configs that its world has."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.controllers import Executor
from workbench.errors import ConfigError
from workbench.market import ExecutorKind
from workbench.trading import MAX_CONFIGS, World, equip


def give_configs(world: World, executors: Sequence[Executor], names: Sequence[str]) -> None:
    """Put configs into a world, with the state machines that they need; `names` are those of its markets.

    Raises
    ------
    ConfigError
        If there are too many, or one names an instrument that is not in the run.
    """
    if len(executors) > MAX_CONFIGS:
        raise ConfigError(f"{len(executors)} executors were given. One run has 1 to {MAX_CONFIGS}: scale one by price.")
    for place, executor in enumerate(executors):
        if not isinstance(executor, Executor):
            raise ConfigError(
                f"executor {place} is a {type(executor).__name__}. Give values such as wb.executors.Grid(...)."
            )
        world["configs"][0, place] = executor.record(place_of(executor, names))[0]
    world["n_configs"] = len(executors)
    equip(world, {int(executor.kind) for executor in executors} | {int(ExecutorKind.POSITION)})


def place_of(executor: Executor, names: Sequence[str]) -> int:
    """The market of an executor's second leg; −1 for none."""
    if executor.other is None:
        return -1
    if executor.other not in names:
        raise ConfigError(f"There is no instrument {executor.other!r} in this run. It has {', '.join(names)}.")
    return list(names).index(executor.other)
