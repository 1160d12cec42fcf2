"""Walks through a record, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.research.walk_forward import WalkForward

TOO_MANY = 60  # windows beyond which lines would hide the curve
MOST_POINTS = 5_000


def walk_figure(walk: WalkForward) -> Any:
    """The stitched curve out of sample, with a line where each window begins."""
    import plotly.graph_objects as go

    equity = walk.equity.gather_every(1 + walk.equity.height // MOST_POINTS)
    look = {"title": f"Out of sample throughout, chosen by {walk.objective}", "template": "plotly_white", "height": 360,
            "yaxis_title": "equity"}  # fmt: skip
    figure = go.Figure(go.Scatter(x=equity["time"].to_list(), y=equity["equity"].to_list(), name="equity"), look)
    if len(walk.legs) <= TOO_MANY:
        for start in walk.table["test_start"].to_list():
            figure.add_vline(x=start, line={"width": 1, "dash": "dot", "color": "lightgray"})
    return figure
