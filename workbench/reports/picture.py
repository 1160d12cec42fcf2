"""One figure of a run: prices with what was traded, equity, drawdown and exposure, over one axis of time."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from workbench.errors import ConfigError
from workbench.market import as_milliseconds
from workbench.reports import words
from workbench.reports.material import Material
from workbench.reports.traces import LINE, Drawing, Window, axis, draw, instruments_drawn, say_bars, span_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

INK, GRID, TIP = "#767b84", "rgba(128,134,145,0.22)", "rgba(26,30,38,0.93)"
GAP = 0.035
BESIDE = 1.03
BUTTONS = (("1d", 1, "day"), ("7d", 7, "day"), ("30d", 1, "month"), ("91d", 3, "month"), ("365d", 1, "year"))


def figure(material: Material, *, bars: int = 3000) -> go.Figure:
    """Candles with trades marked, equity, drawdown and exposure; a picture of the whole run at any length.

    A run of more than `bars` bars is drawn with longer ones that have the exact open, high, low and close; lines keep
    every extreme; fills that fall into one drawn bar become one mark that tells their number. Up to six instruments
    are drawn, one above the other; where there are more, those with the most fills.

    Parameters
    ----------
    bars : int
        The most candles to draw in all, from 50 on. Browsers stay quick up to about 5,000.

    Returns
    -------
    plotly.graph_objects.Figure
        Some hundred kilobytes as JSON, whatever the length of the run.
    """
    import plotly.graph_objects as go

    check_bars(bars)
    return go.Figure(parts_of(material, draw(material, bars=bars)))


def parts_of(material: Material, drawing: Drawing) -> dict[str, Any]:
    """Data and layout of a figure; the first trace only marks where time starts and ends."""
    window = span_of(material)
    return {"data": [span_trace(window), *drawing.traces], "layout": layout(material, drawing, window)}


def span_trace(window: Window) -> dict[str, Any]:
    """Draws nothing, but its text tells plotly that x is time: new data make it guess anew, from the first trace."""
    ends = [f"{words.stamp(edge)}:00" for edge in window]
    return {"type": "scatter", "x": ends, "y": [None, None], "hoverinfo": "skip", "showlegend": False}


def check_bars(bars: int) -> None:
    if bars < 50:
        raise ConfigError(f"`bars` is {bars}: too few to draw a price. Give 50 or more.")


def layout(material: Material, drawing: Drawing, window: Window) -> dict[str, Any]:
    """Panels from the top down: a price each for up to six instruments, then equity, drawdown and exposure."""
    symbols = instruments_drawn(material)
    each = 400 if len(symbols) == 1 else 260 if len(symbols) == 2 else 190
    names = [*symbols, f"Equity, {material.quote}", "Drawdown", "Exposure"]
    heights = [each] * len(symbols) + [170, 110, 110]
    domains = stacked(heights)
    panels = {f"yaxis{p + 1}" if p else "yaxis": y_axis(domain) for p, domain in enumerate(domains)}
    for place in (-1, -2):
        panels[f"yaxis{len(names) + place + 1}"]["tickformat"] = ".2~%"
    for name, edges in drawing.ranges.items():
        panels["yaxis" + name[1:]]["range"] = list(edges)
    return {
        **panels,
        "xaxis": x_axis(window, len(names) - 1),
        "annotations": [label(name, domain) for name, domain in zip(names, domains, strict=True)],
        "title": {"text": heading(material, drawing), "x": 0, "xref": "paper", "y": 1, "yref": "container",
                  "yanchor": "top", "pad": {"t": 22}},
        "height": sum(heights) + 165, "autosize": True, "margin": {"l": 12, "r": 70, "t": 125, "b": 40},
        "hovermode": "x unified", "hoversubplots": "axis", "dragmode": "zoom", "bargap": 0,
        "hoverlabel": {"namelength": -1, "bgcolor": TIP, "font": {"color": "#f3f5f8", "size": 12}},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": INK, "activecolor": LINE},
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": BESIDE, "yanchor": "bottom"},
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": INK, "family": "system-ui, sans-serif", "size": 12},
    }  # fmt: skip


def stacked(heights: list[int]) -> list[tuple[float, float]]:
    """Share of the height of each panel from the top down, as (bottom, top) with gaps between."""
    room = 1.0 - GAP * (len(heights) - 1)
    tops: list[tuple[float, float]] = []
    top = 1.0
    for height in heights:
        bottom = top - room * height / sum(heights)
        tops.append((max(bottom, 0.0), top))
        top = bottom - GAP
    return tops


def y_axis(domain: tuple[float, float]) -> dict[str, Any]:
    return {
        "domain": list(domain), "side": "right", "anchor": "x", "gridcolor": GRID, "zeroline": False,
        "automargin": True, "fixedrange": True, "hoverformat": ",.8~g",
    }  # fmt: skip


def x_axis(window: Window, last_panel: int) -> dict[str, Any]:
    span = window[1] - window[0]
    buttons = [
        {"label": f"{count} {step}{'s' if count > 1 else ''}", "count": count, "step": step, "stepmode": "backward"}
        for length, count, step in BUTTONS
        if as_milliseconds(length) < span
    ]
    selector = {"buttons": [*buttons, {"label": "all", "step": "all"}], "x": 0, "y": BESIDE, "yanchor": "bottom",
                "bgcolor": GRID, "activecolor": "rgba(76,120,208,0.45)"}  # fmt: skip
    return {
        "type": "date", "anchor": axis(last_panel), "range": list(window), "rangeslider": {"visible": False},
        "gridcolor": GRID, "rangeselector": selector, "hoverformat": "%Y-%m-%d %H:%M UTC",
        "showspikes": True, "spikemode": "across", "spikesnap": "cursor", "spikethickness": 1, "spikecolor": INK,
        "spikedash": "dot",
    }  # fmt: skip


def label(name: str, domain: tuple[float, float]) -> dict[str, Any]:
    return {
        "text": f"<b>{name}</b>", "x": 0, "y": domain[1], "xref": "paper", "yref": "paper", "xanchor": "left",
        "yanchor": "bottom", "showarrow": False, "font": {"size": 12},
    }  # fmt: skip


def say_run(material: Material) -> str:
    """What was run over what: instruments, from when to when, and how many candles."""
    start, end = span_of(material)
    symbols = list(material.candles)
    what = ", ".join(symbols[:4]) + (f" and {len(symbols) - 4} more" if len(symbols) > 4 else "")
    length = words.duration(end - start)
    return f"{what} · {words.stamp(start)} to {words.stamp(end)} UTC ({length}) · {say_bars(material, 0)}"


def heading(material: Material, drawing: Drawing) -> str:
    return f"{escape(material.title)}<br><span style='font-size:12px'>{subtitle(material, drawing)}</span>"


def subtitle(material: Material, drawing: Drawing) -> str:
    """What a figure shows: how bars are drawn, which instruments, and how much was traded."""
    parts = [say_bars(material, drawing.step_ms)]
    shown = instruments_drawn(material)
    if len(shown) < len(material.candles):
        parts.append(f"{len(shown)} of {len(material.candles)} instruments: those with the most fills")
    fills, trips = words.count(len(material.fills), "fill"), words.count(len(material.round_trips), "round trip")
    return " · ".join([*parts, f"{fills}, {trips}"])
