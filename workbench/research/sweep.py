"""`sweep`: a bot, a grid and candles in; a row of numbers per combination out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from workbench.backtest import Result
from workbench.controllers import Controller
from workbench.errors import ConfigError, WorkbenchError
from workbench.research import marks
from workbench.research.chunks import INVALID, TABLE, Chunks
from workbench.research.driving import Drive, Faults, Pool, Reader, read_table
from workbench.research.judging import first_choice, judge, plain_line
from workbench.research.picture import heatmap as draw_heatmap
from workbench.research.pool import Threads, cores
from workbench.research.progress import display_for, span
from workbench.research.runs import Runner, run_one
from workbench.research.space import Combination, Space, as_space
from workbench.research.table import axis_values, best_of, column_name, pivot
from workbench.settings import home_folder

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.backtest import Verdict
    from workbench.research.luck import Significance

ENGINES = ("local", "dask")


def sweep(
    bot: Controller,
    grid: Any,
    candles: Any = None,
    *,
    sample: int | None = None,
    sampling: str = "random",
    seed: int = 0,
    engine: str = "local",
    threads: int | None = None,
    cluster: Any = None,
    resume: bool = True,
    audit: bool = True,
    luck: bool = True,
    progress: bool = True,
    wait: bool = True,
    **terms: Any,
) -> Sweep:
    """Backtest every combination of a grid, and keep a row of numbers of each.

    Nothing else is kept: memory does not grow with the number of combinations. Finished chunks lie on disk, so a sweep
    that was killed goes on when the same call is made again. An interrupt (Ctrl-C, or the stop button of a notebook)
    ends it early and keeps what is finished. The numbers are those of `backtest`, whatever the threads, the engine or
    the order.

    Parameters
    ----------
    bot : Controller
    grid : mapping of names to values, or list of mappings
        `{"length": range(10, 200), "stop_loss": [0.01, 0.02]}`. Besides parameters of the bot: the terms of `backtest`
        (`fees`, `slippage`, `latency`, `cash`, `account`, `leverage`, `path`, `fill`), `candles` (a mapping of names
        to what `backtest` takes) and `period` (`["2022", "2023-04", ("2022-01", "2022-07")]`). With `sample`, a pair
        such as `(0.005, 0.05)` is an interval to draw from.
    candles : Candles, or a dict or list of them
        As in `backtest`; left out if the grid has an axis `candles`.
    sample : int, optional
        Draw so many combinations instead of running all.
    sampling : "random" or "latin"
        A Latin hypercube covers each axis evenly.
    seed : int
        Of the draw, the audit and the resampling.
    engine : "local" or "dask"
        Threads of this process, or a `dask.distributed` cluster.
    threads : int, optional
        Left out: all cores.
    cluster : str, Client or cluster, optional
        Of engine "dask": an address such as "tcp://10.0.0.5:8786"; left out: one on this machine, for this sweep.
    resume : bool
        Go on from what a sweep like this has left on disk.
    audit : bool
        Check the strategy for look-ahead, with the first combination.
    luck : bool
        Say under the sweep how much of the best result is luck.
    progress : bool
        Show how far it is, how fast, and when it will be over.
    wait : bool
        False returns at once: `explore()` fills in while it runs, `cancel()` stops it.
    **terms
        As in `backtest`.

    Raises
    ------
    ConfigError, DataError
        What cannot be swept; nothing has been run. A combination that cannot be is no error: it is counted, and listed
        in `sweep.invalid`. One that raises has the error in its row.
    WorkbenchError
        If the disk is full; what was finished is kept.
    """
    space = as_space(bot, grid, candles, sample=sample, sampling=sampling, seed=seed, terms=terms)
    check_options(engine, threads, cluster)
    chunks = Chunks(home_folder(), space.fingerprint)
    if not resume:
        chunks.forget_parts()
    found = Sweep(space, chunks, engine=engine, threads=threads, cluster=cluster, seed=seed, luck=luck)
    found.start(audit=audit)
    if wait:
        found.wait(progress=progress)
    return found


def check_options(engine: str, threads: Any, cluster: Any) -> None:
    """Refuse engines and numbers of threads that there are not."""
    if engine not in ENGINES:
        raise ConfigError(f"`engine` is {engine!r}. Choose one of {', '.join(map(repr, ENGINES))}.")
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
        raise ConfigError(f"`threads` is {threads!r}. Give a whole number, 1 or more, or leave it out for all cores.")
    if cluster is not None and engine != "dask":
        raise ConfigError('A `cluster` is given, and the engine is "local". Pass engine="dask" as well.')


class Sweep:
    """Combinations of a grid and what each made; still running, finished, or stopped half-way.

    Attributes
    ----------
    progress : Progress
        How many are done of how many, the rate, the time left.
    verdict : Verdict or None
        Whether the strategy looked ahead; None where `audit=False`.
    """

    def __init__(
        self, space: Space, chunks: Chunks, *, engine: str, threads: int | None, cluster: Any, seed: int, luck: bool
    ) -> None:
        self.space, self.seed = space, seed
        self._chunks, self._wants_luck = chunks, luck
        self._runner = Runner(space, wanted=first_choice(len(space), seed).tolist() if luck else ())
        self._drive = Drive(space, chunks, self._runner, pool_for(self, engine, threads, cluster))
        self.progress = self._drive.progress
        self.verdict: Verdict | None = None
        self._line = ""

    def start(self, *, audit: bool) -> None:
        """Begin to run what is missing; look for look-ahead first."""
        if audit:
            self.verdict = marks.look(self.space, self.seed)
        self._drive.start()

    def wait(self, *, progress: bool = True) -> Sweep:
        """Until it is finished; an interrupt ends it and keeps what is there.

        Raises
        ------
        WorkbenchError
            If something stopped it, such as a full disk.
        """
        display = display_for(f"{self.space.bot.name} sweep", progress)
        try:
            self._drive.wait(display)
            if self._drive.error is None and self._wants_luck:
                self._line = plain_line(self)
        finally:
            display.close(self.said)
        if self._drive.error is not None:
            raise self._drive.error
        return self

    def cancel(self) -> Sweep:
        """Stop; what is finished is kept, and the same call goes on from there."""
        self._drive.stop.set()
        self._drive.over.wait()
        return self

    @property
    def faults(self) -> Faults:
        """How many combinations cannot be (`invalid`), how many raised (`failed`), and the `first` of these."""
        return self._drive.faults

    @property
    def is_running(self) -> bool:
        return not self._drive.over.is_set()

    @property
    def is_partial(self) -> bool:
        """Is something missing?"""
        return self.progress.done < self.progress.total

    @property
    def table(self) -> pl.DataFrame:
        """A row per combination that was run: `number`, parameters, every metric, `route` and `error`.

        `route` says how the numbers were computed: "engine", or by the fast paths "signals" and "barriers", which give
        the same ones. `error` is what a combination raised, else null. Combinations that cannot be are in `invalid`.
        """
        return self._table if not self.is_running else self._reader.table()

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.space, self._chunks)

    @cached_property
    def _table(self) -> pl.DataFrame:
        return read_table(self.space, self._chunks, TABLE)

    @cached_property
    def _invalid(self) -> pl.DataFrame:
        return read_table(self.space, self._chunks, INVALID)

    @property
    def invalid(self) -> pl.DataFrame:
        """The combinations that cannot be, with the reason."""
        return self._invalid if not self.is_running else read_table(self.space, self._chunks, INVALID)

    @property
    def file(self) -> Path:
        """The table as a Parquet file.

        Raises
        ------
        WorkbenchError
            If the sweep is not finished: then there is none.
        """
        if self.is_running or self.is_partial:
            raise WorkbenchError(f"The sweep has no file yet: {self.progress}. Wait for it, or write `sweep.table`.")
        return self._chunks.table()

    @property
    def axes(self) -> dict[str, list[Any]]:
        """What was varied: the values of each axis, as the table shows them."""
        return {column_name(axis.name): marks.shown_values(axis) for axis in self.space.grid.axes}

    def best(self, metric: str = "sharpe", count: int = 10, *, lowest: bool | None = None) -> pl.DataFrame:
        """The best rows of the table by a metric.

        Parameters
        ----------
        lowest : bool, optional
            Is less better? Left out: it is for drawdowns, volatility, fees and turnover.
        """
        return best_of(self.table, metric, count, lowest)

    def bot(self, number: int) -> Controller:
        """The bot of a row, by its number."""
        return self._at(number).bot

    def backtest(self, number: int, *, audit: bool = True) -> Result:
        """Run one combination again, with its trades, curves and bounds."""
        return run_one(self._at(number), audit=audit)

    def _at(self, number: int) -> Combination:
        if not 0 <= number < len(self.space):
            raise ConfigError(f"There is no combination {number}: they have the numbers 0 to {len(self.space) - 1:,}.")
        return self.space.at(number)

    def heatmap(self, x: str, y: str, metric: str = "sharpe", *, over: str = "best", **at: Any) -> go.Figure:
        """A metric over two axes.

        Parameters
        ----------
        over : "best" or "median"
            What a cell shows where several combinations fall into it.
        **at
            Values of other axes, to look at one plane of the grid: `stop_loss=0.02`.
        """
        return draw_heatmap(self.plane(x, y, metric, over=over, **at), x, y, metric)

    def plane(self, x: str, y: str, metric: str = "sharpe", *, over: str = "best", **at: Any) -> tuple[Any, ...]:
        """What a heat map shows: values of x, values of y, the metric, and the number behind each cell.

        Returns
        -------
        list, list, float64 array of shape (n_y, n_x), int64 array of shape (n_y, n_x)
            NaN and −1 where nothing was run, or not yet.
        """
        place = {column_name(name): value for name, value in at.items()}
        grows = self.is_running and self.space.grid.codes is None  # what is drawn at random is known as it comes
        expected = {column_name(axis.name): axis_values(axis) for axis in self.space.grid.axes if grows}
        return pivot(self.table, column_name(x), column_name(y), metric, at=place, over=over, expected=expected)

    def returns(self, rows: Sequence[int] | None = None, period: str = "1d") -> tuple[Any, Any]:
        """Returns per period of some combinations, or of all that ran; computed afresh, nothing of it is kept.

        Parameters
        ----------
        rows : sequence of int, optional
            Numbers of combinations.
        period : str
            Length of a period of UTC: "1d", "1h"; bars that are longer are periods themselves.

        Returns
        -------
        times : int64 array of shape (n_periods,)
            When each period ends, milliseconds UTC.
        returns : float64 array of shape (n_periods, n_combinations)
            Fractions of the equity at each period's start; 0 once an account is ruined.

        Raises
        ------
        ConfigError
            If the combinations are not on the same candles.
        """
        numbers = self._ran() if rows is None else np.asarray(rows, np.int64)
        return marks.returns_of(self.space, self._runner, numbers, period)

    def _ran(self) -> Any:
        return self.lean("number", "error").filter(pl.col("error").is_null())["number"].to_numpy()

    def lean(self, *columns: str) -> pl.DataFrame:
        """Some columns of the table; the others are not read into memory."""
        if self.is_running or "_table" in self.__dict__:
            return self.table.select(columns)
        return read_table(self.space, self._chunks, TABLE, list(columns))

    def significance(self, metric: str = "sharpe", **options: Any) -> Significance:
        """How much of the best result is luck; see `workbench.research.luck`.

        Parameters
        ----------
        **options
            `trials`: how many there were in all, if the ledger does not know; `columns`: how many combinations to look
            at (500); others as in `workbench.research.significance`.
        """
        return judge(self, metric, **options)

    def explore(self) -> Any:
        """A panel: a metric over any two axes with sliders for the others; a click opens that run."""
        # Panels stand above this room in the house, so they are asked for by name, when somebody wants to look.
        return import_module("workbench.panels").explore(self)

    @property
    def said(self) -> str:
        """What there is to say of it, in a line or two."""
        return "\n".join(filter(None, (told(self), self._line)))

    def __len__(self) -> int:
        return self.progress.done

    def __repr__(self) -> str:
        return self.said

    def _repr_html_(self) -> str:
        from html import escape

        lines = "<br>".join(escape(line) for line in self.said.splitlines())
        head = "" if self.is_running or not self.progress.done else self.best(count=5)._repr_html_()
        return f"<div>{lines}{head}</div>"


def pool_for(sweep: Sweep, engine: str, threads: int | None, cluster: Any) -> Pool:
    """Who will run it."""
    if engine == "dask":
        from workbench.research.cluster import Cluster

        return Cluster(sweep.space, cluster)
    return Threads(sweep._runner, threads or cores())


def told(sweep: Sweep) -> str:
    """What became of a sweep, in a sentence or two."""
    progress, drive = sweep.progress, sweep._drive
    axes = ", ".join(f"{axis.name} ({len(axis):,})" for axis in sweep.space.grid.axes)
    head = f"Sweep of {sweep.space.bot.name} over {axes}: "
    if sweep.is_running:
        return f"{head}{progress}"
    fresh = progress.done - drive.resumed
    rate = f", {fresh / drive.seconds:,.0f} a second" if fresh and drive.seconds else ""
    took = f" in {span(drive.seconds)}{rate}"
    kept = f", {drive.resumed:,} of them from before" if drive.resumed else ""
    if sweep.is_partial:
        return (
            f"{head}partial, {progress.done:,} of {progress.total:,} combinations{took}{kept}. "
            f"Make the same call again to go on."
        )
    return f"{head}{progress.done:,} combinations{took}{kept}.{faults(sweep)}"


def faults(sweep: Sweep) -> str:
    """How many combinations could not be, and how many raised."""
    found = sweep.faults
    parts = [f" {found.invalid:,} cannot be (`sweep.invalid` says why)." if found.invalid else ""]
    parts.append(f" {found.failed:,} raised, the first: {found.first[1]}" if found.first else "")
    return "".join(parts)
