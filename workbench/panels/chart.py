"""Price with trades, and equity, thin enough to be drawn anew while a slider moves."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.backtest import Result
from workbench.metrics import METRICS

POINTS = 1200  # of a line
MARKS = 400  # trades that are marked
SHOWN = ("net_profit", "total_return", "sharpe", "max_drawdown", "round_trips", "win_rate", "profit_factor",
         "exposure_time", "fees", "buy_and_hold")  # fmt: skip
STYLE = "<style>.wb-place > .js-plotly-plot { width: 100%; min-width: 0 }</style>"
LOOKS = 4  # until a figure has found its width
INK, GRID = "#767b84", "rgba(128,134,145,0.22)"
BUY, SELL, LINE, PRICE = "#2f7f5f", "#b2473e", "#2f6f9f", "#767b84"


def new_chart(height: int = 460) -> Any:
    """An empty chart: price, what was bought and sold, equity, over one axis of time."""
    import plotly.graph_objects as go

    line = {"type": "scatter", "mode": "lines", "showlegend": False}
    mark = {"type": "scatter", "mode": "markers", "showlegend": False}
    traces = [
        {**line, "name": "Price", "line": {"color": PRICE, "width": 1}, "yaxis": "y"},
        {**mark, "name": "Buy", "marker": {"color": BUY, "symbol": "triangle-up", "size": 7}, "yaxis": "y"},
        {**mark, "name": "Sell", "marker": {"color": SELL, "symbol": "triangle-down", "size": 7}, "yaxis": "y"},
        {**line, "name": "Equity", "line": {"color": LINE, "width": 1.5}, "yaxis": "y2"},
    ]
    axis = {"gridcolor": GRID, "zeroline": False}
    layout = {
        "height": height, "margin": {"l": 60, "r": 10, "t": 30, "b": 30}, "font": {"color": INK}, "uirevision": "tune",
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "title": {"font": {"size": 13}, "x": 0.0},
        "xaxis": {"type": "date", "anchor": "y2", **axis},
        "yaxis": {"domain": [0.5, 1.0], "title": {"text": "price"}, **axis},
        "yaxis2": {"domain": [0.0, 0.46], "title": {"text": "equity"}, **axis},
    }  # fmt: skip
    return filling(go.FigureWidget({"data": traces, "layout": layout}))


def filling(figure: Any) -> Any:
    """A figure as wide as its place: it is drawn before it has one, and looks again when it says that it is drawn."""

    def look(_: Any) -> None:
        if (figure.layout.meta or 0) < LOOKS:
            figure.layout.meta = (figure.layout.meta or 0) + 1

    figure.layout.autosize = True
    figure.observe(look, "_js2py_traceDeltas")
    return figure


def placed(figure: Any, flex: str = "1 1 0") -> Any:
    """A figure in a place that it cannot outgrow: what it was drawn as at first is wider than most."""
    import ipywidgets as w

    place = w.Box([w.HTML(STYLE, layout={"display": "none"}), figure], layout={"flex": flex, "min_width": "20em"})
    place.add_class("wb-place")
    return place


def draw(chart: Any, result: Result, title: str = "") -> None:
    """Put a run into a chart, in one message."""
    time, fills = result.bars.time.view("datetime64[ms]"), result.tape.fills
    close = result.bars.close[0]
    rows, thinned = marked(fills)
    price, equity = thin(close), thin(result.tape.equity)
    said = f"{title}{' · one trade in ' + str(thinned) + ' is marked' if thinned > 1 else ''}"
    with chart.batch_update():
        chart.layout.title.text = said
        for trace, (x, y) in zip(chart.data, (
            (time[price], close[price]), picked(time, fills[rows], 1), picked(time, fills[rows], -1),
            (time[equity], result.tape.equity[equity]),
        ), strict=True):  # fmt: skip
            trace.x, trace.y = x, y


def picked(time: npt.NDArray[np.datetime64], fills: Any, side: int) -> tuple[Any, Any]:
    """Times and prices of the fills of one side, in the first market."""
    mine = fills[(fills["side"] == side) & (fills["market"] == 0)]
    return time[mine["row"]], np.ascontiguousarray(mine["price"])


def marked(fills: Any) -> tuple[Any, int]:
    """Which fills to mark, and one in how many that is."""
    share = max(1, -(-len(fills) // MARKS))
    share += share > 1 and share % 2 == 0  # an even one would mark only what was bought
    return np.arange(0, len(fills), share), share


def thin(values: npt.NDArray[np.float64], points: int = POINTS) -> npt.NDArray[np.int64]:
    """Rows that draw a line with all its extremes: the first, lowest, highest and last of each stretch."""
    count = len(values)
    if count <= points:
        return np.arange(count)
    width = -(-count // (points // 4))
    whole = count // width * width
    table, start = values[:whole].reshape(-1, width), np.arange(0, whole, width)
    rows = [start, start + table.argmin(axis=1), start + table.argmax(axis=1), start + width - 1]
    return np.unique(np.concatenate([*rows, np.arange(whole, count, max(1, (count - whole) // 4)), [count - 1]]))


def numbers(metrics: dict[str, float], before: dict[str, float] | None = None) -> str:
    """Metrics as a table; those that moved since `before` say which way."""
    rows = []
    for name in SHOWN:
        value, old = metrics[name], None if before is None else before[name]
        moved = "" if old is None or value == old or value != value else ("▲" if value > old else "▼")
        rows.append(
            f"<tr><th style='text-align:left; font-weight:normal; padding-right:1em'>{escape(METRICS[name].label)}</th>"
            f"<td data-metric='{name}' style='text-align:right; font-variant-numeric:tabular-nums'>"
            f"{escape(METRICS[name].show(value))}</td><td style='width:1.2em; color:{INK}'>{moved}</td></tr>"
        )
    return f"<table style='line-height:1.5'>{''.join(rows)}</table>"


def said(text: str, *, bad: bool = False) -> str:
    """A line under a panel."""
    return f"<span style='color:{SELL if bad else INK}'>{escape(text)}</span>"
