"""A figure that looks closer when you do: in a notebook, zooming draws the stretch anew from all bars."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from workbench.market import as_time
from workbench.reports.material import Material
from workbench.reports.picture import check_bars, figure, heading, parts_of
from workbench.reports.traces import Drawing, Window, draw, span_of

if TYPE_CHECKING:
    import plotly.graph_objects as go


def plot(material: Material, *, bars: int = 3000) -> go.Figure | go.FigureWidget:
    """`live_figure` in a notebook, `figure` elsewhere."""
    return live_figure(material, bars=bars) if in_notebook() else figure(material, bars=bars)


def live_figure(material: Material, *, bars: int = 3000) -> go.Figure | go.FigureWidget:
    """The picture of `figure`, drawn anew from all bars of the stretch that one zooms into or pans to.

    Returns
    -------
    plotly.graph_objects.FigureWidget
        Or a plain Figure where plotly finds no support for widgets (anywidget is not installed).
    """
    import plotly.graph_objects as go

    check_bars(bars)
    parts = parts_of(material, draw(material, bars=bars))
    try:
        widget = go.FigureWidget(parts)
    except ImportError:
        return go.Figure(parts)
    widget.layout.on_change(lambda *_: look_closer(widget, material, bars), ("xaxis", "range"), ("xaxis", "autorange"))
    widget.observe(lambda _: fill_cell(widget), DRAWN)
    return widget


DRAWN = "_js2py_traceDeltas"  # what the page sends once it has drawn


def fill_cell(widget: Any) -> None:
    """Make a widget as wide as its cell.

    It is drawn before it is put into the page, when there is no width to fill, and looks for one with the next change
    of its layout: so it gets one, that changes nothing to be seen, as soon as it says that it has been drawn.
    """
    if widget.layout.meta is None:
        widget.layout.meta = "drawn"


def look_closer(widget: Any, material: Material, bars: int) -> None:
    """Draw the stretch that a widget shows now, and fit every panel to it."""
    window = window_of(widget.layout.xaxis, span_of(material))
    drawing = draw(material, bars=bars, window=window)
    with widget.batch_update():
        for shown, fresh in zip(widget.data[1:], drawing.traces, strict=True):
            shown.update({name: fresh[name] for name in REFILLED if name in fresh})
        widget.layout.title.text = heading(material, drawing)
        fit(widget, drawing)


REFILLED = ("x", "y", "open", "high", "low", "close", "text", "customdata", "marker")


def fit(widget: Any, drawing: Drawing) -> None:
    for name, edges in drawing.ranges.items():
        widget.layout["yaxis" + name[1:]].range = edges


def window_of(xaxis: Any, span: Window) -> Window:
    """The window that an axis shows; plotly writes its ends as ISO text or as milliseconds."""
    if xaxis.autorange or not xaxis.range:
        return span
    start, end = (float(as_time(edge) if isinstance(edge, str) else edge) for edge in xaxis.range)
    return (start, end) if start < end else span


def in_notebook() -> bool:
    """Does a Jupyter kernel run this, so that a widget can be shown?"""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")
