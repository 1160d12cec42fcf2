from __future__ import annotations

import math
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from workbench.errors import ConfigError, DataError
from workbench.market import Candles
from workbench.reports import Material, figure
from workbench.reports.material import FILLS, ROUND_TRIPS
from workbench.reports.traces import draw, instruments_drawn

from .material import equity_frame, run, wandering


def traces(shown, kind: str) -> list:
    return [trace for trace in shown.data if trace.type == kind]


def named(shown, name: str):
    return next(trace for trace in shown.data if trace.name == name)


@pytest.fixture(scope="module")
def long_run() -> Material:
    return run(1_000_000, timeframe="1m", every=50)


def test_a_million_bars_are_a_small_figure(long_run):
    assert len(figure(long_run).to_json()) < 3_000_000


def test_a_million_bars_are_drawn_in_well_under_a_second(long_run, within):
    figure(run(100))
    took = []
    for _ in range(3):
        start = time.perf_counter()
        assert len(figure(long_run).data) > 2
        took.append(time.perf_counter() - start)
    within("figure of a million bars", min(took), 0.8)


def test_a_million_bars_keep_every_extreme(long_run):
    shown, candles = figure(long_run), long_run.candles["BTC/USDT"]
    bars = traces(shown, "candlestick")[0]
    assert (max(bars.high), min(bars.low)) == (candles.high.max(), candles.low.min())
    assert len(bars.x) <= 3000
    assert max(named(shown, "Equity").y) == long_run.equity["equity"].max()
    assert min(named(shown, "Drawdown").y) == -long_run.equity["drawdown"].max()
    assert max(named(shown, "Exposure").y) == long_run.equity["exposure"].max()


def test_every_fill_of_a_million_bars_is_in_a_mark(long_run):
    said = [text for name in ("Bought", "Sold") for text in named(figure(long_run), name).text]
    counts = [int(text.split()[1].replace(",", "")) for text in said]
    assert len(said) <= 202
    assert sum(counts) == len(long_run.fills)


def test_prices_are_drawn_as_they_are_where_they_fit():
    material = run(500)
    bars, candles = traces(figure(material), "candlestick")[0], material.candles["BTC/USDT"]
    for name in ("open", "high", "low", "close"):
        assert np.array_equal(getattr(bars, name), getattr(candles, name))
    assert np.array_equal(bars.x, candles.time)


def test_heading_says_what_was_run_and_how_it_is_drawn(long_run):
    text = figure(long_run).layout.title.text
    assert "1,000,000 candles of 1 min, drawn as bars of 6 h" in text
    assert f"{len(long_run.fills):,} fills, {len(long_run.round_trips):,} round trips" in text


def test_a_title_cannot_carry_markup_into_a_figure():
    assert "<b>" not in figure(run(50, title="<b>loud</b>")).layout.title.text


def test_panels_do_not_overlap():
    layout = figure(run(300, symbols=("BTC/USDT", "ETH/USDT", "SOL/USDT"))).layout
    domains = [layout[name].domain for name in ("yaxis6", "yaxis5", "yaxis4", "yaxis3", "yaxis2", "yaxis")]
    edges = [edge for domain in domains for edge in domain]
    assert edges == sorted(edges)
    assert (edges[0], edges[-1]) == (pytest.approx(0.0, abs=1e-9), 1.0)


def test_each_instrument_has_a_panel_with_its_own_trades():
    material = run(400, symbols=("BTC/USDT", "ETH/USDT"))
    shown = figure(material)
    assert [trace.yaxis for trace in traces(shown, "candlestick")] == ["y", "y2"]
    bought = [trace for trace in shown.data if trace.name == "Bought"]
    fills = material.fills.filter(pl.col("side") > 0)
    assert [len(trace.x) for trace in bought] == [
        fills.filter(pl.col("instrument") == s).height for s in material.candles
    ]


def test_of_many_instruments_the_six_with_the_most_fills_are_drawn_and_the_rest_is_said():
    material = run(300, symbols=tuple(f"C{number}/USDT" for number in range(9)))
    quiet = material.fills.filter(~pl.col("instrument").is_in(["C0/USDT", "C4/USDT", "C8/USDT"]))
    material = replace(material, fills=quiet)
    assert instruments_drawn(material) == [f"C{number}/USDT" for number in (1, 2, 3, 5, 6, 7)]
    shown = figure(material)
    assert len(traces(shown, "candlestick")) == 6
    assert "6 of 9 instruments" in shown.layout.title.text


def test_a_run_without_fills_is_drawn():
    shown = figure(run(200, fills=pl.DataFrame(schema=FILLS), round_trips=pl.DataFrame(schema=ROUND_TRIPS)))
    assert len(named(shown, "Bought").x) == 0
    assert "0 fills, 0 round trips" in shown.layout.title.text


def test_one_bar_is_drawn():
    candles = wandering(1)
    shown = figure(Material("One bar", {"BTC/USDT": candles}, equity_frame(candles.time, [100.0])))
    low, high = shown.layout.yaxis.range
    assert low < candles.low[0] <= candles.high[0] < high
    assert shown.layout.yaxis2.range[0] < 100.0 < shown.layout.yaxis2.range[1]


def test_an_entry_without_an_exit_is_marked():
    material = run(100)
    last_open = replace(material, fills=material.fills.head(1), round_trips=material.round_trips.clear())
    shown = figure(last_open)
    assert len(named(shown, "Bought").x) == 1
    assert len(named(shown, "Round trip closed").x) == 0


def test_a_gap_in_the_candles_stays_a_gap():
    whole = wandering(100_000, timeframe="1m")
    kept = np.r_[0:20_000, 70_000:100_000]
    columns = (getattr(whole, name)[kept] for name in ("time", "open", "high", "low", "close"))
    candles = Candles.from_arrays(*columns, timeframe="1m")
    shown = figure(Material("Gap", {"BTC/USDT": candles}, equity_frame(candles.time, np.ones(len(kept)))))
    assert np.diff(traces(shown, "candlestick")[0].x).max() > 49_000 * 60_000


def test_equity_that_is_unknown_or_below_zero_is_drawn():
    material = run(3)
    shown = figure(replace(material, equity=equity_frame(material.equity["time"], [100.0, math.nan, -50.0])))
    heights = named(shown, "Equity").y
    assert (heights[0], heights[2]) == (100.0, -50.0)
    assert math.isnan(heights[1])
    low, high = shown.layout.yaxis2.range
    assert low < -50.0 < 100.0 < high


def test_a_window_is_drawn_from_all_bars_and_fits_every_panel(long_run):
    candles = long_run.candles["BTC/USDT"]
    start, end = float(candles.time[500_000]), float(candles.time[501_000])
    drawing = draw(long_run, bars=3000, window=(start, end))
    assert drawing.step_ms == 60_000
    low, high = drawing.ranges["y"]
    inside = slice(500_000, 501_001)
    assert low < candles.low[inside].min() < candles.high[inside].max() < high
    assert high - low < 1.2 * (candles.high[inside].max() - candles.low[inside].min())
    equity = long_run.equity["equity"].to_numpy()[inside]
    assert drawing.ranges["y2"][0] <= equity.min() <= equity.max() <= drawing.ranges["y2"][1]


def test_too_few_bars_are_refused():
    with pytest.raises(ConfigError, match="`bars` is 10"):
        figure(run(100), bars=10)


def test_missing_parts_are_refused_by_name():
    material = run(50)
    with pytest.raises(DataError, match="`fills` has no column 'fee'"):
        replace(material, fills=material.fills.drop("fee"))
    with pytest.raises(DataError, match="at least one instrument"):
        replace(material, candles={})
    with pytest.raises(DataError, match="`equity` has no rows"):
        replace(material, equity=material.equity.clear())


def test_the_quote_currency_is_named_where_all_instruments_share_it():
    assert run(50).quote == "USDT"
    assert run(50, symbols=("BTC/USDT:USDT", "ETH/USDT")).quote == "USDT"
    assert run(50, symbols=("BTC/USDT", "ETH/BTC")).quote == "quote"


def test_importing_reports_loads_nothing_heavy():
    heavy = "plotly, vectorbt, pandas, ipywidgets, scipy, matplotlib, pyarrow, ccxt"
    code = f"""
import sys, numba, polars
before = set(sys.modules)
import workbench.reports
print([name for name in '{heavy}'.split(', ') if name in sys.modules and name not in before])
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
