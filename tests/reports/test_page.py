from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from workbench.errors import ConfigError
from workbench.reports import Material, report
from workbench.reports.histograms import holding_edges, return_edges, return_histogram
from workbench.reports.material import FILLS, REFUSALS, ROUND_TRIPS
from workbench.reports.thin import thin_candles

from .material import equity_frame, run, wandering
from .test_digest import tags_left_open

LOADS = {"script": "src", "link": "href", "img": "src", "iframe": "src", "object": "data", "source": "src"}
TRACES = {"candles": ".boxlayer .box", "line": ".scatterlayer path.js-line", "bar": ".barlayer .point"}


class Page(HTMLParser):
    """What a page loads, and its text outside of scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self.inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.inside = tag
        if tag == "script":
            self.scripts.append("")
        if LOADS.get(tag) in named:
            self.loads.append(str(named[LOADS[tag]]))

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts[-1] += data
        elif self.inside != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\xa0", " ").split())


def written(material: Material, folder: Path) -> Page:
    return Page(report(material, folder / "run.html").read_text("utf-8"))


def test_a_page_is_one_file_that_loads_nothing(tmp_path):
    path = report(run(500), tmp_path / "run.html")
    html = path.read_text("utf-8")
    assert [one.name for one in tmp_path.iterdir()] == ["run.html"]
    assert Page(html).loads == []
    assert re.findall(r"@import|url\(\s*['\"]?https?:", html.split("</style>")[0]) == []
    assert sum("Plotly, Inc." in script for script in Page(html).scripts) == 1


def test_tags_of_a_page_are_whole(tmp_path):
    html = report(run(500), tmp_path / "run.html").read_text("utf-8")
    assert tags_left_open(html) == []


def test_the_path_comes_back_absolute_and_an_old_file_is_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.html").write_text("old")
    path = report(run(100), "run.html")
    assert path == tmp_path / "run.html"
    assert path.read_text("utf-8").startswith("<!DOCTYPE html>")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"there is no folder .*nowhere\. Make it first"):
        report(run(50), tmp_path / "nowhere" / "run.html")


def test_a_folder_instead_of_a_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="that is a folder"):
        report(run(50), tmp_path)


@pytest.mark.parametrize(
    ("step", "failure"),
    [("replace", OSError(28, "No space left on device")), ("write_text", PermissionError(13, "Permission denied"))],
)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step, failure):
    target = tmp_path / "run.html"
    target.write_text("old")

    def fail(*_args, **_options):
        raise failure

    monkeypatch.setattr(Path, step, fail)
    with pytest.raises(ConfigError, match=f"{failure.strerror}. Give a path in a folder that you may write to"):
        report(run(50), target)
    assert target.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["run.html"]


def test_the_result_and_its_verdicts_come_before_everything_else(tmp_path):
    material = run(2_000)
    html = report(material, tmp_path / "run.html").read_text("utf-8")
    verdicts = re.findall(r"<b>(.*?)</b>", html[: html.index("<main>")])
    result = f"{material.metrics['net_profit']:,.2f} USDT".replace("-", "−")
    assert verdicts[:3] == [result, "Inside the bars", "Look-ahead"]
    assert re.findall(r"<h2>(.*?)</h2>", html) == [
        "Numbers", "Prices, trades and equity", "Months", "Round trips", "Largest drawdowns", "Refused orders",
        "What was run",
    ]  # fmt: skip


def test_months_are_shown_with_their_sign_and_the_edges_named(tmp_path):
    equity = equity_frame(pl.datetime_range(pl.datetime(2024, 1, 30), pl.datetime(2024, 3, 2), "1d", eager=True), [
        *[100.0] * 2, *[110.0] * 29, *[99.0] * 2
    ])  # fmt: skip
    text = written(run(3, equity=equity, metrics={}), tmp_path).text
    assert "Only in part covered by the run: Jan 2024, Mar 2024." in text
    assert "2024 0.00 % +10.00 % −10.00 %" in text
    assert "−1.00 %" in text


def test_a_title_cannot_break_out_of_the_page(tmp_path):
    bad = "</script><script>document.title='broken'</script>"
    page = written(run(100, title=bad, parameters={"bot": bad}), tmp_path)
    assert not any("broken" in script and "candlestick" not in script for script in page.scripts)
    assert bad in page.text


def test_nested_parameters_are_written_out(tmp_path):
    text = written(run(100), tmp_path).text
    assert "fees · maker 0.001" in text
    assert "bot EveryFortieth(every=40, hold=17)" in text


def test_a_run_in_which_nothing_happened_says_so(tmp_path):
    nothing = {"fills": pl.DataFrame(schema=FILLS), "round_trips": pl.DataFrame(schema=ROUND_TRIPS)}
    candles = wandering(1)
    page = written(Material("Still", {"BTC/USDT": candles}, equity_frame(candles.time, [100.0]), **nothing), tmp_path)
    for words in (
        "No round trip was completed.",
        "Equity never fell below its peak.",
        "No order was refused.",
        "Not given.",
    ):
        assert words in page.text


def test_refusals_are_listed_most_frequent_first(tmp_path):
    refusals = pl.DataFrame({"reason": ["TOO_SMALL", "NO_FUNDS"], "count": [2, 1500]}, schema=REFUSALS)
    assert "no funds 1,500 too small 2" in written(run(100, refusals=refusals), tmp_path).text


def test_no_bar_of_the_histogram_mixes_wins_with_losses():
    returns = run(4_000).round_trips["return"].to_numpy()
    edges = return_edges(returns)
    assert 0.0 in edges
    assert edges[0] <= returns.min() <= returns.max() <= edges[-1]
    shown = return_histogram(run(4_000).round_trips).data[0]
    assert sum(shown.y) == len(returns)
    assert sum(count for count, middle in zip(shown.y, shown.x, strict=True) if middle > 0) == (returns > 0).sum()


@pytest.mark.parametrize("returns", [[0.0], [0.01], [-0.5, 3.0], [-1e-9, 1e-9], [0.02] * 500])
def test_histogram_edges_hold_all_returns_and_are_few(returns):
    edges = return_edges(np.array(returns))
    assert len(edges) <= 50
    assert edges[0] <= min(returns)
    assert edges[-1] >= max(returns)


@pytest.mark.parametrize("held", [[0], [1], [60_000, 86_400_000], [10**12]])
def test_holding_times_fall_between_round_lengths(held):
    edges = holding_edges(np.array(held))
    assert (np.diff(edges) > 0).all()
    assert np.histogram(held, edges)[0].sum() == len(held)


def opened(chromium, path: Path, **options):
    """A page, and everything that went wrong or was asked for while it opened."""
    page, trouble, asked = chromium.new_page(viewport={"width": 1366, "height": 800}, **options), [], []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda message: trouble.append(message.text) if message.type in ("error", "warning") else None)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector(f".chart {TRACES['candles']}")
    return page, trouble, asked


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_draws_every_chart_without_a_word_of_complaint(chromium, tmp_path, scheme):
    material = run(3_000, symbols=("BTC/USDT", "ETH/USDT"))
    drawn = sum(len(thin_candles(candles, bars=1_500)) for candles in material.candles.values())
    path = report(material, tmp_path / "run.html")
    page, trouble, asked = opened(chromium, path, color_scheme=scheme)
    assert page.locator(f"[data-figure=chart] {TRACES['candles']}").count() == drawn
    assert page.locator(f"[data-figure=chart] {TRACES['line']}").count() >= 3
    assert page.locator(f"[data-figure=returns] {TRACES['bar']}").count() >= 3
    assert page.locator(f"[data-figure=holding] {TRACES['bar']}").count() >= 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()
    assert trouble == []
    assert asked == [path.as_uri()]


@pytest.mark.browser
def test_zooming_fits_the_heights_to_what_is_seen(chromium, tmp_path):
    material = run(3_000)
    page, trouble, _ = opened(chromium, report(material, tmp_path / "run.html"))
    whole = page.evaluate("document.querySelector('.chart').layout.yaxis.range[1]")
    page.evaluate("Plotly.relayout(document.querySelector('.chart'), {'xaxis.range': ['2024-03-01', '2024-03-03']})")
    page.wait_for_function("whole => document.querySelector('.chart').layout.yaxis.range[1] < whole", arg=whole)
    low, high = page.evaluate("document.querySelector('.chart').layout.yaxis.range")
    seen = material.candles["BTC/USDT"]["2024-03-01":"2024-03-03"]
    assert low < seen.low.min() < seen.high.max() < high
    assert high - low < 1.25 * (seen.high.max() - seen.low.min())
    page.close()
    assert trouble == []


@pytest.mark.browser
def test_pointing_at_a_bar_tells_its_story_in_words(chromium, tmp_path):
    page, _, _ = opened(chromium, report(run(100), tmp_path / "run.html"))
    area = page.locator("[data-figure=chart] .nsewdrag").first
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.18, box["y"] + 100)
    page.wait_for_selector(".hoverlayer .legend text")
    said = page.text_content(".hoverlayer")
    for words in ("open ", "Equity ", " USDT", "below the peak", "Exposure "):
        assert words in said
    page.close()


@pytest.mark.browser
def test_an_empty_run_opens_too(chromium, tmp_path):
    material = run(60)
    empty = replace(material, fills=material.fills.clear(), round_trips=material.round_trips.clear(), metrics={})
    page, trouble, _ = opened(chromium, report(empty, tmp_path / "run.html"))
    page.close()
    assert trouble == []
