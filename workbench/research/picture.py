"""A metric over two axes, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.metrics import METRICS

if TYPE_CHECKING:
    import plotly.graph_objects as go

INK, GRID = "#767b84", "rgba(128,134,145,0.22)"
COLOURS = ("#b2473e", "#e6e6e3", "#2f7f5f")  # below 0, 0, above
PLAIN = ("#e6e6e3", "#2f6f9f")


def heatmap(plane: Any, x: str, y: str, metric: str) -> go.Figure:
    """The figure of a plane that `pivot` made."""
    import plotly.graph_objects as go

    return go.Figure(heat_parts(plane, x, y, metric))


def heat_parts(plane: Any, x: str, y: str, metric: str) -> dict[str, Any]:
    """Data and layout of the figure."""
    return {"data": [trace(plane, x, y, metric)], "layout": layout(x, y, metric)}


def trace(plane: Any, x: str, y: str, metric: str) -> dict[str, Any]:
    """The heat map as plotly's own words; each cell knows the number of its combination."""
    xs, ys, values, numbers = plane
    unit = METRICS[metric].unit
    shown = 100.0 * values if unit == "fraction" else values
    ending = " %" if unit == "fraction" else ""
    return {
        "type": "heatmap", "x": ticks(xs), "y": ticks(ys), "z": shown, "customdata": numbers,
        "hovertemplate": f"{x} %{{x}}<br>{y} %{{y}}<br>{METRICS[metric].label} %{{z:,.4~g}}{ending}<extra></extra>",
        "colorscale": scale(shown), "colorbar": {"thickness": 12, "outlinewidth": 0},
        "hoverongaps": False, **ends(shown),
    }  # fmt: skip


def ends(values: Any) -> dict[str, Any]:
    """Between which values the colours run: all but the outermost hundredths, around 0 where there are good and bad."""
    known = values[np.isfinite(values)]
    if not known.size:
        return {"zmin": None, "zmax": None}
    low, high = (float(edge) for edge in np.percentile(known, [1.0, 99.0]))
    if crosses_zero(values):
        high = max(abs(low), abs(high))
        low = -high
    return {"zmin": low, "zmax": high} if low < high else {"zmin": None, "zmax": None}


def scale(values: Any) -> list[list[Any]]:
    colours = COLOURS if crosses_zero(values) else PLAIN
    return [[place / (len(colours) - 1), colour] for place, colour in enumerate(colours)]


def crosses_zero(values: Any) -> bool:
    known = values[np.isfinite(values)]
    return bool(known.size and known.min() < 0.0 < known.max())


def ticks(values: list[Any]) -> list[Any]:
    """Values of an axis: numbers where they all are, else words."""
    plain = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return values if plain else ["none" if value is None else str(value) for value in values]


def layout(x: str, y: str, metric: str) -> dict[str, Any]:
    """Axes and title."""
    axis = {"gridcolor": GRID, "zeroline": False}
    return {
        "title": {"text": METRICS[metric].label, "x": 0.0, "xanchor": "left", "font": {"size": 14}},
        "xaxis": {"title": {"text": x}, **axis}, "yaxis": {"title": {"text": y}, **axis},
        "margin": {"l": 60, "r": 10, "t": 40, "b": 45}, "height": 430, "font": {"color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
    }  # fmt: skip
