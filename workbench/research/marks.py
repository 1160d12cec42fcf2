"""What is computed again for some combinations: returns per period, and the look-ahead audit of the first one."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.backtest import LookaheadWarning, Verdict
from workbench.errors import ConfigError, WorkbenchError
from workbench.market import as_milliseconds
from workbench.research.grid import Axis
from workbench.research.pool import cores
from workbench.research.runs import Runner, run_one
from workbench.research.space import Space
from workbench.research.table import axis_values

TRIES = 1000


def shown_values(axis: Axis) -> list[Any]:
    """The values of an axis as the table shows them."""
    return axis_values(axis).to_list()


def look(space: Space, seed: int) -> Verdict | None:
    """Audit the first combination that can be for look-ahead, warning about a leak.

    A combination that raises is left to its row.
    """
    for number in range(min(len(space), TRIES)):
        try:
            one = space.at(number)
        except WorkbenchError:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", LookaheadWarning)
                verdict = run_one(one, audit=True).audit
        except Exception:  # its row will say so
            return None
        if verdict is not None and not verdict.clean:
            warnings.warn(f"{space.bot.name}: {verdict}", LookaheadWarning, stacklevel=4)
        return verdict
    return None


def returns_of(
    space: Space, runner: Runner, numbers: npt.NDArray[np.int64], period: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Times and returns per period of some combinations; see `Sweep.returns`."""
    if not len(numbers):
        raise ConfigError("No combination ran, so there are no returns. Look at `sweep.table` and `sweep.invalid`.")
    if len({space.case(codes) for codes in space.grid.rows(numbers)}) > 1:
        raise ConfigError(
            "The combinations are on different candles. Choose rows with the same `candles` and `period`."
        )
    length = as_milliseconds(period)
    with ThreadPoolExecutor(cores()) as pool:
        columns = list(pool.map(lambda number: runner.marks(int(number), length), numbers))
    times = columns[0][0]
    if any(len(other) != len(times) for other, _ in columns):
        raise ConfigError("The combinations are walked on different candles. Choose rows with the same `path`.")
    marks = np.column_stack([column for _, column in columns])
    return times[1:], growth(marks)


def growth(marks: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns from marks of shape (n_periods + 1, n); after a ruin, nothing happens any more."""
    ruined = np.maximum.accumulate(marks <= 0.0, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        returns = marks[1:] / marks[:-1] - 1.0
    return np.where(ruined[:-1], 0.0, returns)
