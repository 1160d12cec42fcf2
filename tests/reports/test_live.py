from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import plotly.graph_objects as go
import pytest
from lab import open_notebook, served, write_notebook

from workbench.reports import live_figure, plot

from .material import run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def material():
    return run(100_000, timeframe="1m", every=400)


def drawn(widget):
    return next(trace for trace in widget.data if trace.type == "candlestick")


@pytest.mark.parametrize("window", [["2024-02-01", "2024-02-02"], [1_706_745_600_000, 1_706_832_000_000]])
def test_zooming_draws_the_stretch_from_all_bars(material, window):
    widget = live_figure(material)
    assert isinstance(widget, go.FigureWidget)
    assert drawn(widget).x[1] - drawn(widget).x[0] == 3_600_000
    widget.layout.xaxis.range = window
    assert drawn(widget).x[1] - drawn(widget).x[0] == 60_000
    assert "drawn as bars" not in widget.layout.title.text
    day = material.candles["BTC/USDT"]["2024-02-01":"2024-02-02"]
    low, high = widget.layout.yaxis.range
    assert low < day.low.min() < day.high.max() < high
    assert high - low < 1.2 * (day.high.max() - day.low.min())


def test_zooming_out_draws_the_whole_again(material):
    widget = live_figure(material)
    before = drawn(widget).high
    widget.layout.xaxis.range = ["2024-02-01", "2024-02-02"]
    widget.layout.xaxis.autorange = True
    assert drawn(widget).high.tolist() == before.tolist()


def test_a_window_before_all_data_shows_nothing_and_does_not_fail(material):
    widget = live_figure(material)
    widget.layout.xaxis.range = ["2020-01-01", "2020-01-02"]
    assert len(drawn(widget).x) == 0


def test_without_widgets_a_plain_figure_is_made(material, monkeypatch):
    def missing(*_args, **_options):
        raise ImportError("Please install anywidget to use the FigureWidget class")

    monkeypatch.setattr(go, "FigureWidget", missing)
    assert type(live_figure(material)) is go.Figure


def test_plot_is_live_in_a_notebook_only(material, monkeypatch):
    assert type(plot(material)) is go.Figure
    assert go.FigureWidget.__module__ != "plotly.missing_anywidget"  # it looks at the real IPython, once
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert isinstance(plot(material), go.FigureWidget)


@pytest.mark.browser
def test_in_jupyterlab_a_range_button_draws_finer_bars(chromium, tmp_path):
    write_notebook(
        tmp_path / "zoom.ipynb",
        f"import sys; sys.path.insert(0, {str(ROOT)!r})",
        "from tests.reports.material import run\nfrom workbench.reports import plot, summary\n"
        'material = run(100_000, timeframe="1m", every=400)',
        "summary(material)",
        "plot(material)",
    )
    errors: list[str] = []
    with served(tmp_path) as address:
        page = chromium.new_page(viewport={"width": 1400, "height": 1400})
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        open_notebook(page, address, "zoom.ipynb")
        page.wait_for_selector(".js-plotly-plot .boxlayer path")
        assert "drawn as bars of 1 h" in page.text_content(".js-plotly-plot .gtitle")
        assert page.locator(".wb-summary").is_visible()
        page.locator(".rangeselector .button").first.click()
        page.wait_for_function("!document.querySelector('.js-plotly-plot .gtitle').textContent.includes('drawn as')")
        page.wait_for_function("document.querySelectorAll('.js-plotly-plot .boxlayer path').length > 500")
        assert page.evaluate("document.querySelector('.js-plotly-plot')._fullLayout.xaxis.type") == "date"
        page.close()
    assert errors == []
