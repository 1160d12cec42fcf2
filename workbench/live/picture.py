"""How figures of runs look: readable on light and on dark, with all of the verdict above them."""

from __future__ import annotations

import textwrap
from typing import Any

INK, GRID = "#767b84", "rgba(128,134,145,0.22)"
LIVE, MODEL, GAP, BAND = "#2f81d6", "#d98324", "#1f9d74", "rgba(47,129,214,0.18)"
WIDTH, LINE_PX = 100, 18


def finish(figure: Any, verdict: str, *, height: int) -> Any:
    """Give a plotly figure its title, a line for every so many letters, and the looks; the figure."""
    lines = textwrap.wrap(verdict, WIDTH)
    figure.update_layout(
        title={"text": "<br>".join(lines), "font": {"size": 13}, "x": 0, "xref": "paper", "y": 1, "yref": "container",
               "yanchor": "top", "pad": {"t": 14}},
        height=height, margin={"l": 12, "r": 12, "t": 50 + LINE_PX * len(lines), "b": 36}, hovermode="x unified",
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.0, "yanchor": "bottom"},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        font={"color": INK, "family": "system-ui, sans-serif", "size": 12},
    )  # fmt: skip
    figure.update_xaxes(gridcolor=GRID, zeroline=False)
    figure.update_yaxes(gridcolor=GRID, zeroline=False, automargin=True)
    return figure
