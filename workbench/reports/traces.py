"""What a figure draws, as plotly traces: always the same ones in one order, so that a live figure can refill them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from workbench.market import Candles
from workbench.reports import marks, words
from workbench.reports.material import Material
from workbench.reports.thin import Floats, envelope, thin_candles

Trace = dict[str, Any]
Window = tuple[float, float]

UP, DOWN, BUY_INK, SELL_INK = "#0f9d8a", "#e2572b", "#2f6fe4", "#b0379b"
LINE, SHADE, QUIET = "#4c78d0", "rgba(226,87,43,0.25)", "#7c8087"
MOST_INSTRUMENTS = 6
AROUND = 400  # points of a line kept outside of the window, so that panning shows something


@dataclass(frozen=True, slots=True)
class Drawing:
    """Traces for one stretch of time, the y range of each panel, and how long a drawn bar is."""

    traces: list[Trace]
    ranges: dict[str, tuple[float, float]]
    step_ms: int


def instruments_drawn(material: Material) -> list[str]:
    """Up to six instruments, in their order: those with the most fills where there are more."""
    symbols = list(material.candles)
    if len(symbols) <= MOST_INSTRUMENTS:
        return symbols
    fills = dict(material.fills["instrument"].value_counts().iter_rows())
    busiest = sorted(symbols, key=lambda symbol: -fills.get(symbol, 0))[:MOST_INSTRUMENTS]
    return [symbol for symbol in symbols if symbol in busiest]


def axis(panel: int, letter: str = "y") -> str:
    """Plotly's name of the axis of a panel: y, y2, y3, …"""
    return letter if panel == 0 else f"{letter}{panel + 1}"


def span_of(material: Material) -> Window:
    """First and last moment of a run, in ms: from the first bar's open to the last bar's close."""
    stamps = [(c.time[0], c.time[-1] + c.timeframe_ms) for c in material.candles.values() if len(c)]
    first, last = stamps[0] if stamps else (0, 0)
    for start, end in stamps:
        first, last = min(first, start), max(last, end)
    return float(first), float(last)


def draw(material: Material, *, bars: int, window: Window | None = None) -> Drawing:
    """Everything that a figure shows of a window of time, with at most `bars` candles in all."""
    window = window or span_of(material)
    symbols = instruments_drawn(material)
    traces: list[Trace] = []
    step = 0
    for panel, symbol in enumerate(symbols):
        shown = thin_candles(cut(material.candles[symbol], window), bars=max(bars // len(symbols), 2))
        step = max(step, shown.timeframe_ms)
        traces += price_traces(material, symbol, shown, axis(panel))
    traces += account_traces(material, window, points=2 * bars, first_panel=len(symbols))
    return Drawing(traces, y_ranges(traces, window), step)


def cut(candles: Candles, window: Window) -> Candles:
    """The candles that overlap a window, and half a window more on either side for panning."""
    margin = (window[1] - window[0]) / 2.0
    start, end = np.searchsorted(candles.time, [window[0] - margin - candles.timeframe_ms, window[1] + margin])
    return candles[int(start) : int(end)]


def price_traces(material: Material, symbol: str, shown: Candles, y: str) -> list[Trace]:
    """Candles, lines from entry to exit, buys, sells and exits of one instrument."""
    step = shown.timeframe_ms
    base = symbol.partition("/")[0]
    fills = inside(material.fills, ("time", "time"), symbol, shown)
    trips = inside(material.round_trips, ("entry_time", "exit_time"), symbol, shown)
    ended = inside(trips, ("exit_time", "exit_time"), symbol, shown)
    return [
        candle_trace(shown, symbol, y),
        link_trace(trips.filter(pl.col("pnl") > 0), step, UP, y),
        link_trace(trips.filter(pl.col("pnl") <= 0), step, DOWN, y),
        fill_trace(fills.filter(pl.col("side") > 0), step, ("Bought", base, material.quote), y),
        fill_trace(fills.filter(pl.col("side") < 0), step, ("Sold", base, material.quote), y),
        exit_trace(ended, step, material.quote, y),
    ]


def inside(table: pl.DataFrame, times: tuple[str, str], symbol: str, shown: Candles) -> pl.DataFrame:
    """Rows of one instrument that overlap the candles shown."""
    if not len(shown):
        return table.clear()
    start, end = int(shown.time[0]), int(shown.time[-1]) + shown.timeframe_ms
    first, last = (pl.col(name).dt.epoch("ms") for name in times)
    return table.filter(pl.col("instrument") == symbol, first <= end, last >= start)


def candle_trace(shown: Candles, symbol: str, y: str) -> Trace:
    way = (("increasing", UP), ("decreasing", DOWN))
    colours = {name: {"line": {"color": colour, "width": 1}, "fillcolor": colour} for name, colour in way}
    words_of = "open %{open:,.8~g}, high %{high:,.8~g}, low %{low:,.8~g}, close %{close:,.8~g}"
    return {
        "type": "candlestick", "name": symbol, "yaxis": y, "showlegend": False, **colours,
        "x": shown.time.astype(np.float64),
        "open": shown.open, "high": shown.high, "low": shown.low, "close": shown.close,
        "hovertemplate": f"<b>{symbol}</b> {words_of}<extra></extra>",
    }  # fmt: skip


def link_trace(trips: pl.DataFrame, step: int, colour: str, y: str) -> Trace:
    line = marks.links(trips, step)
    return {
        "type": "scatter", "mode": "lines", "yaxis": y, "hoverinfo": "skip", "showlegend": False,
        "x": column(line, "x"), "y": column(line, "y"), "line": {"color": colour, "width": 1, "dash": "dot"},
    }  # fmt: skip


def fill_trace(fills: pl.DataFrame, step: int, saying: tuple[str, str, str], y: str) -> Trace:
    found, bought = marks.fill_marks(fills, step), saying[0] == "Bought"
    single, edge = pl.col("count") == 1, pl.col("low" if bought else "high")
    heights = found.select(pl.when(single).then("price").otherwise(edge).alias("y"))
    symbol, colour = ("triangle-up", BUY_INK) if bought else ("triangle-down", SELL_INK)
    return {
        "type": "scatter", "mode": "markers", "yaxis": y,
        "name": saying[0], "legendgroup": saying[0], "showlegend": y == "y",
        "x": column(found, "x"), "y": column(heights, "y"), "text": marks.say_fills(found, *saying),
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"symbol": symbol, "size": sizes(found, 10), "color": colour, "line": {"color": "white", "width": 1}},
    }  # fmt: skip


def exit_trace(trips: pl.DataFrame, step: int, quote: str, y: str) -> Trace:
    found = marks.exit_marks(trips, step)
    colours = [UP if won else DOWN for won in found["pnl"] > 0]
    return {
        "type": "scatter", "mode": "markers", "yaxis": y,
        "name": "Round trip closed", "legendgroup": "exit", "showlegend": y == "y",
        "x": column(found, "x"), "y": column(found, "price"), "text": marks.say_exits(found, quote),
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"symbol": "circle-open", "size": sizes(found, 13), "color": colours, "line": {"width": 1.5}},
    }  # fmt: skip


def sizes(found: pl.DataFrame, least: float) -> Floats:
    """A mark's size in pixels: larger, but not by much, where it stands for more."""
    return least + 2.0 * np.log10(found["count"].to_numpy().astype(np.float64))


def account_traces(material: Material, window: Window, *, points: int, first_panel: int) -> list[Trace]:
    """Equity, drawdown (drawn downwards) and exposure."""
    time = column(material.equity.select(pl.col("time").dt.epoch("ms").cast(pl.Float64)), "time")
    looks: dict[str, tuple[str, str, Trace]] = {
        "equity": ("Equity", f"Equity %{{y:,.2f}} {material.quote}", {"line": {"color": LINE, "width": 1.5}}),
        "drawdown": ("Drawdown", "%{customdata:.2%} below the peak",
                     {"line": {"color": DOWN, "width": 1}, "fill": "tozeroy", "fillcolor": SHADE}),
        "exposure": ("Exposure", "Exposure %{y:+.1%} of equity", {"line": {"color": QUIET, "width": 1, "shape": "hv"}}),
    }  # fmt: skip
    return [
        line_trace(time, column(material.equity, name), window, points, looks[name], axis(first_panel + place))
        for place, name in enumerate(looks)
    ]


def line_trace(
    time: Floats, values: Floats, window: Window, points: int, look: tuple[str, str, Trace], y: str
) -> Trace:
    name, saying, style = look
    rows = rows_drawn(time, values, window, points)
    heights = values[rows]
    falls = {"customdata": heights} if name == "Drawdown" else {}
    return {
        "type": "scatter", "mode": "lines", "name": name, "yaxis": y, "showlegend": False, **style, **falls,
        "x": time[rows], "y": -heights if falls else heights, "hovertemplate": f"{saying}<extra></extra>",
    }  # fmt: skip


def rows_drawn(time: Floats, values: Floats, window: Window, points: int) -> Any:
    """Rows inside a window, closely, and some of those around it, each with every extreme."""
    start, end = np.searchsorted(time, [window[0], window[1]])
    if start == 0 and end == len(time):
        return envelope(values, points)
    start, end = max(int(start) - 1, 0), min(int(end) + 1, len(time))
    return np.union1d(envelope(values, AROUND), start + envelope(values[start:end], points))


def y_ranges(traces: list[Trace], window: Window) -> dict[str, tuple[float, float]]:
    """Lowest and highest value that each panel shows inside a window, with a margin of a twentieth."""
    edges: dict[str, tuple[float, float]] = {}
    for trace in traces:
        seen = (trace["x"] >= window[0]) & (trace["x"] <= window[1])
        lows, highs = (trace[name if name in trace else "y"][seen] for name in ("low", "high"))
        known = np.isfinite(lows) & np.isfinite(highs)
        if known.any():
            low, high = edges.get(trace["yaxis"], (np.inf, -np.inf))
            edges[trace["yaxis"]] = (min(low, float(lows[known].min())), max(high, float(highs[known].max())))
    return {name: widened(low, high) for name, (low, high) in edges.items()}


def widened(low: float, high: float) -> tuple[float, float]:
    margin = (high - low) / 20.0 or max(abs(high) / 100.0, 0.01)
    return low - margin, high + margin


def column(table: pl.DataFrame, name: str) -> Floats:
    return table[name].to_numpy()


def say_bars(material: Material, step_ms: int) -> str:
    """How many candles there are, and how they are drawn: "1,000,000 candles of 1 min, drawn as bars of 8 h"."""
    candles = list(material.candles.values())
    length = max(c.timeframe_ms for c in candles)
    text = f"{words.count(sum(len(c) for c in candles), 'candle')} of {words.duration(length)}"
    return text if step_ms <= length else f"{text}, drawn as bars of {words.duration(step_ms)}"
