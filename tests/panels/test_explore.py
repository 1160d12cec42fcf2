"""A sweep to walk about in: the heat map, its sliders, and the run behind a click."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from research.test_sweep import QUIET, walk
from research.test_sweep_survives import HURRY, Unhurried, until

import workbench as wb
from workbench.controllers import Bollinger, SmaCross
from workbench.errors import ConfigError
from workbench.panels import explore
from workbench.research import Sweep

GRID = {"fast": [2, 5, 9], "slow": [20, 40, 60, 80], "stop_loss": [None, 0.01]}


@pytest.fixture
def found() -> Sweep:
    return wb.sweep(SmaCross(), GRID, walk(3000), **QUIET)


def click(panel, row: int, column: int) -> None:
    """What the browser sends when a cell is clicked."""
    trace = panel.heat.data[0]
    panel.heat._js2py_pointsCallback = {
        "event_type": "plotly_click",
        "points": {"trace_indexes": [0], "point_indexes": [[row, column]],
                   "xs": [trace.x[column]], "ys": [trace.y[row]], "zs": [None]},
        "device_state": None, "selector": None,
    }  # fmt: skip


def test_longest_axes_are_shown_and_the_others_have_sliders(found):
    panel = found.explore().settle()
    assert (panel.x.value, panel.y.value) == ("slow", "fast")
    assert [slider.description for slider in panel._sliders.children] == ["stop_loss"]
    assert np.asarray(panel.heat.data[0].z).shape == (3, 4)
    panel.y.value = "stop_loss"
    panel.settle()
    assert [slider.description for slider in panel._sliders.children] == ["fast"]
    assert list(panel.heat.data[0].y) == ["0.01", "none"]


def test_cells_show_the_best_and_a_slider_picks_a_plane(found):
    panel = explore(found, metric="net_profit").settle()
    best = found.table.group_by("slow", "fast").agg(pl.col("net_profit").max()).sort("fast", "slow")["net_profit"]
    assert np.asarray(panel.heat.data[0].z).ravel().tolist() == best.to_list()
    panel.others["stop_loss"].value = (0.01,)
    panel.settle()
    rows = found.table.filter(stop_loss=0.01).sort("fast", "slow")["net_profit"]
    assert np.asarray(panel.heat.data[0].z).ravel().tolist() == rows.to_list()
    panel.metric.value = "max_drawdown"
    panel.settle()
    rows = found.table.filter(stop_loss=0.01).sort("fast", "slow")["max_drawdown"]
    assert np.asarray(panel.heat.data[0].z).ravel() == pytest.approx(100 * rows.to_numpy())


def test_click_opens_the_run_behind_the_cell(found, within):
    panel = found.explore().settle()
    panel.others["stop_loss"].value = (None,)
    panel.settle()
    click(panel, 1, 2)
    panel.settle()
    row = found.table.filter(pl.col("number") == panel.number).row(0, named=True)
    assert (row["fast"], row["slow"], row["stop_loss"]) == (5, 60, None)
    assert panel.result.metrics["net_profit"] == row["net_profit"]
    assert "slow=60" in panel.chart.layout.title.text
    assert f"{row['net_profit']:,.2f}" in panel.table.value
    within("click to opened run, in the kernel", panel.seconds, 1.0)


def test_same_axis_twice_is_said(found):
    panel = found.explore().settle()
    panel.y.value = panel.x.value
    panel.settle()
    assert "Choose two different axes" in panel.status.value


def test_sweep_of_one_axis_is_a_row_of_cells():
    found = wb.sweep(Bollinger(), {"length": [10, 20, 40]}, walk(2000), **QUIET)
    panel = found.explore().settle()
    assert np.asarray(panel.heat.data[0].z).ravel().tolist() == found.table["sharpe"].to_list()
    click(panel, 0, 1)
    assert panel.settle().number == 1
    with pytest.raises(ConfigError, match="nothing to walk about in"):
        wb.sweep(Bollinger(), {"length": [10]}, walk(500), **QUIET).explore()


def test_cells_fill_in_while_the_sweep_is_running():
    HURRY.clear()
    grid = {"length": range(10, 120), "latency": [0, 1]}
    running = wb.sweep(Unhurried(), grid, walk(2_000), wait=False, threads=1, **QUIET)
    panel = running.explore()
    until(lambda: bool(np.isfinite(np.asarray(panel.heat.data[0].z, float)).any()))
    early = np.isfinite(np.asarray(panel.heat.data[0].z, float)).sum()
    assert running.is_running
    assert np.asarray(panel.heat.data[0].z).shape == (2, 110)  # as large as it will be
    HURRY.set()
    running.wait(progress=False)
    until(lambda: np.isfinite(np.asarray(panel.heat.data[0].z, float)).sum() == 220)
    assert 0 < early < 220
