"""Notebook 01 in a real JupyterLab, seen by a headless browser."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from lab import open_notebook, served

from .test_first import FIRST
from .test_notebooks import COMPILING

TALL = {"width": 1280, "height": 9000}  # so that JupyterLab lays out every cell
DONE = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const code = [...panel.content.model.cells].filter(cell => cell.type === 'code');
  const failed = code.some(cell => cell.outputs.toJSON().some(output => output.output_type === 'error'));
  return failed || (panel.sessionContext.session.kernel.status === 'idle' && code.every(cell => cell.executionCount));
}"""
DRAWN = """() => {
  const charts = [...document.querySelectorAll('.js-plotly-plot')];
  const fills = chart => chart.querySelector('.main-svg').clientWidth > 0.9 * chart.clientWidth;
  return charts.length === 2 && charts.every(chart => chart.querySelector('.js-line') && fills(chart));
}"""
OUTPUTS = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
  .filter(cell => cell.type === 'code').flatMap(cell => cell.outputs.toJSON())
  .map(({output_type, name, text, ename}) => ({type: output_type, text: `${name ?? ''} ${text ?? ename ?? ''}`}))"""
CHARTS = """() => [...document.querySelectorAll('.js-plotly-plot')].map(chart => ({
  traces: chart._fullData.filter(trace => trace.visible === true).map(trace => `${trace.type} ${trace.name}`),
  candles: chart.querySelectorAll('.boxlayer path.box').length,
  lines: [...chart.querySelectorAll('.scatterlayer path.js-line')].filter(line => line.getAttribute('d')).length,
  marks: chart.querySelectorAll('.scatterlayer path.point').length,
  height: chart.getBoundingClientRect().height,
  width: chart.querySelector('.main-svg').clientWidth / chart.closest('.jp-OutputArea-output').clientWidth,
}))"""


pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def seen(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What there was to see once all cells had run: outputs, charts, errors of the browser."""
    folder: Path = tmp_path_factory.mktemp("lab")
    shutil.copy(FIRST, folder)
    errors: list[str] = []
    with served(folder) as address:
        page = chromium.new_page(viewport=TALL)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        open_notebook(page, address, FIRST.name)
        page.wait_for_function(DONE, timeout=300_000)
        outputs = page.evaluate(OUTPUTS)
        assert [output for output in outputs if output["type"] == "error"] == []
        page.wait_for_function(DRAWN, timeout=120_000)
        picture = folder / "notebook.png"
        page.screenshot(path=picture)
        print(f"\na picture of it: {picture}")  # noqa: T201 - for whoever runs it with -s
        found = {"outputs": outputs, "charts": page.evaluate(CHARTS), "errors": errors}
        page.close()
    return found


def test_every_cell_ran_without_a_complaint(seen):
    assert len(seen["outputs"]) > 15
    complaints = [output["text"] for output in seen["outputs"] if output["text"].startswith("stderr ")]
    assert [text for text in complaints if COMPILING not in text] == []


def test_the_run_is_drawn_with_its_candles_fills_equity_drawdown_and_exposure(seen):
    run = seen["charts"][0]
    assert any(trace.startswith("candlestick ") for trace in run["traces"])
    assert {"scatter Equity", "scatter Drawdown", "scatter Exposure"} <= set(run["traces"])
    assert run["candles"] > 100
    assert run["lines"] >= 3
    assert run["marks"] > 50
    assert run["height"] > 500
    assert run["width"] > 0.9


def test_the_honest_run_and_the_slip_are_drawn(seen):
    both = seen["charts"][1]
    assert both["traces"] == ["scatter TurningDip", "scatter Dip"]
    assert both["lines"] == 2
    assert len(seen["charts"]) == 2


def test_the_browser_has_nothing_to_complain_of(seen):
    assert seen["errors"] == []
