"""A run's curve on the cone of what its backtest promised, and whether it still keeps the promise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import DataError
from workbench.live.picture import BAND, LIVE, MODEL, finish
from workbench.metrics import Cone, Watch, cone

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Expectation:
    """A live record against its promise. Printing it gives the verdict.

    Attributes
    ----------
    live : ndarray
        Growth of 1 of the run, a value per period.
    cone : Cone
        What chance makes of the promise.
    watch : Watch
        The test, which has seen every return of the run.
    """

    live: FloatArray
    cone: Cone
    watch: Watch

    @property
    def outside(self) -> int:
        """Periods in which the run lay below the cone."""
        return int(np.sum(self.live < self.cone.low[: len(self.live)]))

    @property
    def verdict(self) -> str:
        """One line."""
        return f"{self.watch.verdict} Below the {self.cone.share:.0%} cone in {self.outside:,} of {len(self.live):,}."

    def __str__(self) -> str:
        return self.verdict

    def plot(self) -> Any:
        """The cone and the run on it, as a plotly figure."""
        import plotly.graph_objects as go

        figure = go.Figure()
        periods = list(range(1, len(self.cone.median) + 1))
        figure.add_scatter(x=periods, y=self.cone.high, showlegend=False, line={"width": 0})
        band = {
            "fill": "tonexty",
            "fillcolor": BAND,
            "line": {"width": 0},
            "name": f"{self.cone.share:.0%} of all paths",
        }
        figure.add_scatter(x=periods, y=self.cone.low, mode="lines", **band)
        figure.add_scatter(x=periods, y=self.cone.median, name="median", line={"dash": "dot", "color": MODEL})
        figure.add_scatter(x=periods[: len(self.live)], y=self.live, name="run", line={"color": LIVE})
        figure.update_layout(yaxis_title="growth of 1", xaxis_title="periods")
        return finish(figure, self.verdict, height=420)


def against(
    equity: FloatArray, promised: FloatArray, *, every: int = 1, rate: float = 0.05, share: float = 0.9, seed: int = 0
) -> Expectation:
    """Hold a run's equity against the equity of its backtest, out of sample.

    Parameters
    ----------
    equity, promised : ndarray
        At each close, of the run and of the backtest, on the same timeframe.
    every : int
        Bars to a period: returns are taken over so many.
    rate : float
        Probability of ever raising a false alarm; `metrics.Watch` says how.
    """
    mine, theirs = returns_of(equity, every), returns_of(promised, every)
    if not len(mine):
        raise DataError(
            f"The run has {len(equity)} closes, and a period takes {every + 1}. Wait, or take a smaller `every`."
        )
    watch = Watch.of(theirs, rate=rate)
    for value in mine:
        watch.see(float(value))
    return Expectation(
        np.asarray(np.cumprod(1.0 + mine), np.float64), cone(theirs, len(mine), share=share, seed=seed), watch
    )


def returns_of(equity: FloatArray, every: int = 1) -> FloatArray:
    """Returns over so many closes each."""
    values = np.asarray(equity, np.float64)[::every]
    return values[1:] / values[:-1] - 1.0
