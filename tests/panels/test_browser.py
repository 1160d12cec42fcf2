"""The panels in a real JupyterLab, driven by a headless browser."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import chromium, open_notebook, served, write_notebook

__all__ = ["chromium"]

pytestmark = pytest.mark.browser

SETUP = """
import sys
import workbench as wb
sys.path.insert(0, {tests!r})
from research.test_sweep import QUIET, walk
candles = walk(100_000)
"""
TUNE = "panel = wb.tune(wb.controllers.SmaCross(), candles); panel"
EXPLORE = """
grid = {"fast": range(2, 252), "slow": range(252, 652)}  # a hundred thousand rows
sweep = wb.sweep(wb.controllers.SmaCross(), grid, candles[:3000], **QUIET)
view = sweep.explore(); view
"""
BUSY = "import time; time.sleep(3)"
COUNT = """
panel.settle(600)
print(panel.controls['slow'].value, panel.bot.slow, panel._latest.asked, panel._latest.done)
"""
RUN = """index => {
  const panel = window.jupyterapp.shell.currentWidget;
  panel.content.activeCellIndex = index;
  panel.content.model.cells.get(index).outputs.clear();
  return window.jupyterapp.commands.execute('notebook:run-cell');
}"""
PRESS = """times => {
  const handle = document.querySelector('.wb-slow .noUi-handle');
  handle.focus();
  const press = () => handle.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}));
  for (let n = 0; n < times; n++) press();
}"""
PRINTED = """index => window.jupyterapp.shell.currentWidget.content.model.cells.get(index).outputs.toJSON()
  .map(output => output.text).join('')"""
# Moves a slider by its model, as dragging does, and says how long the chart took to be drawn anew.
DRAG = """async ([from, to]) => {
  const chart = document.querySelector('.wb-tune .js-plotly-plot');
  const handle = document.querySelector('.wb-slow .noUi-handle');
  const took = [];
  for (let value = from; value < to; value++) {
    const drawn = new Promise(done => chart.once('plotly_afterplot', done));
    const began = performance.now();
    handle.focus();
    handle.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}));
    await drawn;
    took.push(performance.now() - began);
  }
  return took;
}"""
TUNED = "() => document.querySelector('.wb-tune .js-plotly-plot .scatterlayer path.js-line') !== null"
HEATED = "() => document.querySelector('.wb-explore .js-plotly-plot .heatmaplayer image') !== null"
# Where to click: shares of the width and height of the heat map.
CELL = """([x, y]) => {
  const box = document.querySelector('.wb-explore .js-plotly-plot .nsewdrag').getBoundingClientRect();
  return [box.x + x * box.width, box.y + y * box.height];
}"""
TITLE = """() => document.querySelectorAll('.wb-explore .js-plotly-plot')[1]?.layout?.title?.text ?? ''"""
# When the chart of the opened run has been drawn with another title than before.
OPENED = f"""before => ({TITLE})() !== before
  && document.querySelectorAll('.wb-explore .js-plotly-plot')[1].querySelector('path.js-line')?.getAttribute('d')"""
PLACES = """() => [...document.querySelectorAll('.js-plotly-plot')].map(chart =>
  [chart.querySelector('.main-svg').clientWidth / chart.parentElement.clientWidth,
   chart.closest('.jp-OutputArea-output').getBoundingClientRect().right - chart.getBoundingClientRect().right])"""

FITTED = f"() => ({PLACES})().every(([share, room]) => 0.95 < share && share <= 1.0 && room >= 0)"


@pytest.fixture(scope="module")
def page(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A notebook with both panels, whose kernel is idle again."""
    folder: Path = tmp_path_factory.mktemp("lab")
    tests = str(Path(__file__).parents[1])
    write_notebook(folder / "panels.ipynb", SETUP.format(tests=tests), TUNE, EXPLORE, BUSY, COUNT)
    with served(folder) as address:
        shown = chromium.new_page(viewport={"width": 1280, "height": 2600})
        open_notebook(shown, address, "panels.ipynb")
        shown.wait_for_function(TUNED, timeout=300_000)
        shown.wait_for_function(HEATED, timeout=120_000)
        yield shown
        shown.screenshot(path=folder / "panels.png")
        print(f"\na picture of it: {folder / 'panels.png'}")  # noqa: T201 - for whoever runs it with -s
        shown.close()


def text_of(page: Any, metric: str, panel: str = "wb-tune") -> str:
    return str(page.evaluate(f"() => document.querySelector('.{panel} [data-metric={metric}]').textContent"))


def test_chart_is_drawn_anew_while_a_slider_moves(page, within):
    before = text_of(page, "net_profit")
    took = page.evaluate(DRAG, [30, 70])
    assert text_of(page, "net_profit") != before
    within("slider to redrawn chart in the browser, p95", statistics.quantiles(took, n=20)[-1] / 1e3, 0.4)


def test_click_on_a_cell_of_a_hundred_thousand_opens_its_run(page, within):
    took = [opened(page, place) for place in ([0.52, 0.45], [0.2, 0.7], [0.8, 0.3], [0.35, 0.6], [0.66, 0.2])]
    assert "–" not in text_of(page, "net_profit", "wb-explore")
    within("click to opened run in the browser, median", statistics.median(took) / 1e3, 1.0)


def opened(page: Any, place: list[float]) -> float:
    """Milliseconds from a click to the drawn run."""
    before = page.evaluate(TITLE)
    x, y = page.evaluate(CELL, place)
    page.mouse.move(x, y)
    began = time.perf_counter()
    page.mouse.click(x, y)
    page.wait_for_function(OPENED, arg=before, timeout=30_000)
    return 1e3 * (time.perf_counter() - began)


def test_charts_are_as_wide_as_their_places(page):
    opened(page, [0.45, 0.55])  # the third of them
    page.wait_for_function(FITTED)  # a new chart is drawn before it knows its place
    places = page.evaluate(PLACES)
    assert len(places) == 3
    for share, room in places:
        assert 0.95 < share <= 1.0
        assert room >= 0


def test_slider_that_moves_under_a_busy_cell_leaves_one_thing_to_do(page):
    busy = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status"
    page.evaluate(f"index => {{ ({RUN})(index) }}", 3)
    page.wait_for_function(f"() => ({busy})() === 'busy'", timeout=30_000)
    page.evaluate(PRESS, 40)
    page.wait_for_function(f"() => ({busy})() === 'idle'", timeout=30_000)
    page.evaluate(RUN, 4)
    page.wait_for_function(f"() => ({PRINTED})(4) !== ''", timeout=30_000)
    slider, shown, asked, done = map(int, page.evaluate(PRINTED, 4).split())
    assert slider == shown
    assert done <= asked
