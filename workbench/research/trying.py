"""The combinations of a grid, run on any stretch of candles: a row of metrics each, or a column of returns each."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.backtest import Result
from workbench.errors import ConfigError, DataError
from workbench.journal import trials
from workbench.market import Candles, timeframe_ms
from workbench.research.counting import count
from workbench.research.fast import DAY_MS
from workbench.research.grid import DATA
from workbench.research.marks import growth
from workbench.research.pool import cores
from workbench.research.runs import Runner, run_one
from workbench.research.space import Space, as_space, members
from workbench.research.table import table_of

if TYPE_CHECKING:
    import polars as pl

FloatArray = npt.NDArray[np.float64]
TimeArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """What a search may choose from, on candles that are said each time."""

    space: Space

    @classmethod
    def of(cls, bot: Any, grid: Any, candles: Any, *, sample: int | None, sampling: str, seed: int,
           terms: Mapping[str, Any]) -> Candidates:  # fmt: skip
        """Candidates from what a person writes; see `as_space`.

        Raises
        ------
        ConfigError
            If the grid varies the candles, which the windows do here.
        """
        space = as_space(bot, grid, candles, sample=sample, sampling=sampling, seed=seed, terms=terms)
        varied = next((name for name in DATA if space.axis(name) is not None), None)
        if varied is not None:
            raise ConfigError(f"The grid varies `{varied}`, but the windows choose the candles here. Leave it out.")
        return cls(space)

    def __len__(self) -> int:
        return len(self.space)

    def parameters(self, number: int) -> dict[str, Any]:
        """What one of them sets."""
        return self.space.grid.values(number)

    def all(self) -> list[dict[str, Any]]:
        """What each of them sets, by number."""
        return [self.parameters(number) for number in range(len(self))]

    def table(self, candles: Any) -> pl.DataFrame:
        """All of them on these candles: `number`, parameters, metrics."""
        space = replace(self.space, candles=candles)
        with trials.uncounted():
            part = Runner(space).run(np.arange(len(space)))
        return table_of(space, part.frame())

    def run(self, number: int, candles: Any, *, audit: bool = False) -> Result:
        """One of them on these candles."""
        space = replace(self.space, candles=candles)
        combination = space.at(number)
        with trials.uncounted():
            return run_one(combination, audit=audit)

    def returns(self, candles: Any) -> tuple[FloatArray, TimeArray]:
        """Daily returns (UTC) of all of them, a column each, and when each day ends; NaN for one that could not run."""
        runner = Runner(replace(self.space, candles=candles))
        with ThreadPoolExecutor(cores()) as pool:
            found = list(pool.map(lambda number: _marks(runner, number), range(len(self))))
        ran = next((one for one in found if one is not None), None)
        if ran is None:
            raise DataError("No combination could be run, so there is nothing to choose from. Backtest one to see why.")
        blank = np.full(len(ran[0]), np.nan)
        marked = np.column_stack([blank if one is None else one[1] for one in found])
        return np.where(np.isnan(marked[1:]), np.nan, growth(marked)), ran[0][1:]

    def count(self, kind: str) -> None:
        """Count them in the trial ledger."""
        count(self.space, len(self), kind)


def _marks(runner: Runner, number: int) -> tuple[TimeArray, FloatArray] | None:
    with trials.uncounted():
        try:
            return runner.marks(number, DAY_MS)
        except Exception:  # a user's code may raise anything; a combination that cannot run is not chosen
            return None


def span(candles: Any) -> tuple[int, int]:
    """Open of the first bar and close of the last one, over all instruments."""
    tables = [one for one in members(candles).values() if isinstance(one, Candles) and len(one)]
    if not tables:
        raise DataError("There are no candles to split. Give at least some.")
    ends = [int(one.time[-1]) + timeframe_ms(one.timeframe) for one in tables]
    return min(int(one.time[0]) for one in tables), max(ends)


def closes(candles: Any) -> TimeArray:
    """When the bars close, over all instruments."""
    each = [one.time + timeframe_ms(one.timeframe) for one in members(candles).values()]
    return np.unique(np.concatenate(each))


def cut(candles: Any, start_ms: int, end_ms: int) -> Any:
    """The bars that open and close between two moments, of each instrument.

    Raises
    ------
    DataError
        If an instrument has none.
    """
    if isinstance(candles, Candles):
        length = timeframe_ms(candles.timeframe)
        first = int(np.searchsorted(candles.time, start_ms, "left"))
        last = int(np.searchsorted(candles.time, end_ms - length, "right"))
        if last <= first:
            raise DataError(f"{candles!r} has no bars in a window of the split. Take longer windows.")
        return candles[first:last]
    if isinstance(candles, Mapping):
        return {name: cut(one, start_ms, end_ms) for name, one in candles.items()}
    return [cut(one, start_ms, end_ms) for one in candles]
