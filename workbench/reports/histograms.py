"""How round trips are spread: what each returned, and how long each was held."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from workbench.reports import words
from workbench.reports.picture import GRID, INK, TIP
from workbench.reports.thin import ROUND_STEPS, Floats
from workbench.reports.traces import DOWN, LINE, UP

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_BINS = 48


def return_histogram(round_trips: pl.DataFrame) -> go.Figure:
    """Round trips by their net return; zero is an edge, so that no bar mixes wins with losses."""
    import plotly.graph_objects as go

    returns = round_trips["return"].drop_nans().to_numpy()
    edges = return_edges(returns)
    counts = np.histogram(returns, edges)[0]
    signed = [words.percent(edge, signed=True) for edge in edges]
    said = [f"{start} to {end}" for start, end in pairwise(signed)]
    middle = (edges[:-1] + edges[1:]) / 2
    bar = {"type": "bar", "x": middle, "y": counts, "width": np.diff(edges), "text": said,
           "marker": {"color": [UP if at > 0 else DOWN for at in middle]}, "textposition": "none",
           "hovertemplate": "%{y:,} with %{text}<extra></extra>"}  # fmt: skip
    return go.Figure({"data": [bar], "layout": layout("Net return of a round trip", {"tickformat": "+.1~%"})})


def return_edges(returns: Floats) -> Floats:
    """Bin edges at round fractions, zero among them, at most `MOST_BINS + 1` of them."""
    if not len(returns):
        return np.array([-0.01, 0.0, 0.01])
    span = max(float(returns.max()), 0.0) - min(float(returns.min()), 0.0)
    wish = min(MOST_BINS - 2, max(8, 2 * int(np.sqrt(len(returns)))))
    width = round_up(span / wish) if span > 0 else 0.01
    first, last = np.floor(returns.min() / width), np.floor(returns.max() / width) + 1
    return np.arange(min(first, 0.0), max(last, 1.0) + 0.5) * width


def round_up(value: float) -> float:
    """The next larger of 1, 2, 2.5 and 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (1.0, 2.0, 2.5, 5.0, 10.0) if step * power >= value * (1 - 1e-12)))


def holding_histogram(round_trips: pl.DataFrame) -> go.Figure:
    """Round trips by how long they were held, in round lengths of time."""
    import plotly.graph_objects as go

    held = (round_trips["exit_time"] - round_trips["entry_time"]).dt.total_milliseconds().to_numpy()
    edges = holding_edges(held)
    counts = np.histogram(held, edges)[0]
    lengths = [words.duration(float(edge)) for edge in edges]
    said = [f"{start} – {end}" for start, end in pairwise(lengths)]
    bar = {"type": "bar", "x": said, "y": counts, "marker": {"color": LINE},
           "hovertemplate": "%{y:,} held %{x}<extra></extra>"}  # fmt: skip
    return go.Figure({"data": [bar], "layout": layout("Time held", {"type": "category"})})


def holding_edges(held: Any) -> Any:
    """Round lengths of time from below the shortest to above the longest holding."""
    steps = np.array([0, *ROUND_STEPS, max(2 * ROUND_STEPS[-1], int(held.max(initial=0)) + 1)])
    first = np.searchsorted(steps, held.min(initial=steps[-1]), side="right") - 1
    last = np.searchsorted(steps, held.max(initial=0), side="right")
    return steps[min(first, last - 1) : last + 1]


def layout(title: str, x: dict[str, Any]) -> dict[str, Any]:
    line = {"gridcolor": GRID, "zerolinecolor": GRID, "automargin": True}
    return {
        "title": {"text": title, "x": 0, "xref": "paper", "font": {"size": 13}}, "height": 280, "bargap": 0.08,
        "xaxis": {**line, **x}, "yaxis": {**line, "rangemode": "tozero", "title": {"text": "round trips"}},
        "margin": {"l": 44, "r": 12, "t": 40, "b": 40}, "showlegend": False,
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": INK, "family": "system-ui, sans-serif", "size": 12},
        "hoverlabel": {"bgcolor": TIP, "font": {"color": "#f3f5f8"}},
    }  # fmt: skip
