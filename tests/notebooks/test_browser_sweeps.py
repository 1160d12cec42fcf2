"""Notebooks 03 and 04 in a real JupyterLab, seen by a headless browser."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from lab import open_notebook, served

from .test_browser import DONE, OUTPUTS, TALL
from .test_fourth import FOURTH
from .test_notebooks import COMPILING
from .test_third import THIRD

pytestmark = pytest.mark.browser

CHARTS = """() => [...document.querySelectorAll('.js-plotly-plot')].map(chart => ({
  kinds: [...new Set(chart._fullData.map(trace => trace.type))],
  lines: [...chart.querySelectorAll('.scatterlayer path.js-line')].filter(line => line.getAttribute('d')).length,
  cells: chart.querySelectorAll('.heatmaplayer image').length,
  bars: chart.querySelectorAll('.barlayer path').length,
  width: chart.querySelector('.main-svg').clientWidth / chart.clientWidth,
}))"""
SETTLED = """count => {
  const charts = [...document.querySelectorAll('.js-plotly-plot')];
  const drawn = '.scatterlayer path.js-line, .heatmaplayer image, .barlayer path';
  return charts.length >= count && charts.every(chart => chart.querySelector(drawn));
}"""
WORDS = "() => document.body.innerText"
KINDS = {
    THIRD: [["scatter"], ["heatmap"], ["heatmap"], ["bar"]],  # tune, heat map, explore, importances
    FOURTH: [["heatmap"], ["scatter"], ["histogram"], ["scatter"]],  # map, bars of luck, logits, walk
}


def look(page: Any, book: Path, folder: Path) -> dict[str, Any]:
    """What there is to see once all cells have run: outputs, charts, words, errors of the browser."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.wait_for_function(DONE, timeout=300_000)
    page.wait_for_function(SETTLED, arg=len(KINDS[book]), timeout=120_000)
    picture = folder / f"{book.stem}.png"
    page.screenshot(path=picture)
    print(f"\na picture of it: {picture}")  # noqa: T201 - for whoever runs it with -s
    return {"outputs": page.evaluate(OUTPUTS), "charts": page.evaluate(CHARTS), "words": page.evaluate(WORDS),
            "errors": errors}  # fmt: skip


@pytest.fixture(scope="module", params=KINDS, ids=lambda book: book.stem)
def seen(request: Any, chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A notebook, and what is seen of it."""
    folder: Path = tmp_path_factory.mktemp("lab")
    shutil.copy(request.param, folder)
    with served(folder) as address:
        page = chromium.new_page(viewport=TALL)
        open_notebook(page, address, request.param.name)
        found = look(page, request.param, folder)
        page.close()
    return request.param, found


def test_every_cell_runs_without_a_complaint(seen):
    _, found = seen
    assert [output for output in found["outputs"] if output["type"] == "error"] == []
    complaints = [output["text"] for output in found["outputs"] if output["text"].startswith("stderr ")]
    assert [text for text in complaints if COMPILING not in text] == []
    assert found["errors"] == []


def test_every_chart_is_drawn_over_its_whole_width(seen):
    book, found = seen
    assert [chart["kinds"] for chart in found["charts"]] == KINDS[book]
    assert all(chart["lines"] + chart["cells"] + chart["bars"] > 0 for chart in found["charts"])
    assert all(chart["width"] > 0.9 for chart in found["charts"])


def test_the_answer_is_there_to_read(seen):
    book, found = seen
    assert ("if one must choose" if book == THIRD else "luck") in found["words"]
