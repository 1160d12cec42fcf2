from __future__ import annotations

import math
from dataclasses import replace
from html.parser import HTMLParser

import polars as pl
import pytest

from workbench.metrics import METRICS
from workbench.reports import summary
from workbench.reports.digest import GROUPS
from workbench.reports.material import FILLS, REFUSALS, ROUND_TRIPS

from .material import CASH, SimpleBounds, SimpleVerdict, equity_frame, numbers_of, run


def line_with(text: str, words: str) -> str:
    return next(line for line in text.splitlines() if words in line)


def flat(text: str) -> str:
    """The text without its line breaks."""
    return " ".join(text.split())


def test_numbers_come_in_groups_with_their_units():
    material = run(2_000)
    text = str(summary(material))
    places = [text.index(f"\n{name}\n") for name in ("Return", "Risk", "Trades", "Costs", "Honesty")]
    assert places == sorted(places)
    assert line_with(text, "Net profit  ").endswith(" USDT")
    assert line_with(text, "Largest drawdown").endswith(" %")
    assert line_with(text, "Average holding time").endswith("17 h")
    assert f"{material.metrics['fees']:,.2f} USDT" in line_with(text, "Fees  ")


def test_every_metric_is_shown_once():
    shown = [key for keys in GROUPS.values() for key in keys]
    assert sorted([*shown, "days"]) == sorted(METRICS)


def test_a_number_of_no_group_is_shown_too():
    material = run(100)
    told = summary(replace(material, metrics={**material.metrics, "moon_phase": 0.25}))
    assert [(line.label, line.value) for line in told.groups["Others"]] == [("Moon phase", "0.2500")]


def test_values_are_aligned_and_lines_not_too_wide():
    lines = str(summary(run(2_000))).splitlines()
    assert max(len(line) for line in lines) <= 100
    ends = {len(line) for line in lines if line.startswith("  ") and line.endswith("%")}
    assert len(ends) == 1


def test_numbers_that_are_missing_say_why():
    none = {"fills": pl.DataFrame(schema=FILLS), "round_trips": pl.DataFrame(schema=ROUND_TRIPS)}
    material = run(200, **none)
    flat_equity = replace(material, equity=equity_frame(material.equity["time"], [CASH] * 200))
    text = str(summary(replace(flat_equity, metrics=numbers_of(flat_equity))))
    assert line_with(text, "Win rate").endswith("–  (no round trips)")
    assert line_with(text, "Break-even fee").endswith("–  (nothing was traded)")
    assert line_with(text, "Sharpe ratio").endswith("–  (returns do not vary)")
    assert "nan" not in text.lower()


@pytest.mark.parametrize(("trips", "said"), [(0, "nothing to judge"), (1, "Only 1 round trip:"), (29, "Only 29 round")])
def test_few_round_trips_are_said(trips, said):
    material = run(2_000)
    text = flat(str(summary(replace(material, round_trips=material.round_trips.head(trips)))))
    assert said in text


def test_enough_round_trips_need_no_word():
    assert "too few to tell" not in flat(str(summary(run(2_000))))


def test_a_short_run_says_that_yearly_numbers_are_extrapolated():
    assert "83 d 8 h of data: numbers for a year are extrapolated" in flat(str(summary(run(2_000))))
    assert "extrapolated" not in flat(str(summary(run(9_000))))


def test_bounds_are_said_with_their_ambiguous_bars():
    said = flat(str(summary(run(200, bounds=SimpleBounds(-310.0, 120.5, 402.25, 9, 98)))))
    assert "Net profit −310.00 USDT on the worst path of prices inside the bars, +120.50 USDT expected" in said
    assert "9 of 98 bars at stake could have gone either way. Even its sign depends on that." in said


def test_bounds_without_ambiguity_are_good_news():
    said = flat(str(summary(run(200, bounds=SimpleBounds(50.0, 50.0, 50.0, 0, 98)))))
    assert "+ Inside the bars: None of the 98 bars at stake was ambiguous" in said


def test_bounds_of_a_run_that_held_nothing_claim_nothing():
    said = flat(str(summary(run(200, bounds=SimpleBounds(0.0, 0.0, 0.0, 0, 0)))))
    assert "· Inside the bars: Nothing was at stake" in said


def test_a_look_ahead_is_told_in_the_words_of_the_verdict():
    said = flat(str(summary(run(200, verdict=SimpleVerdict(False)))))
    assert "! Look-ahead: Column `close` looks ahead, first in bar 17." in said
    assert "Look-ahead: Not checked in this run." in flat(str(summary(run(200, verdict=None))))


def test_refusals_are_counted_by_reason():
    assert "4 orders refused: no funds 3, too small 1." in flat(str(summary(run(200))))
    assert "refused" not in str(summary(run(200, refusals=pl.DataFrame(schema=REFUSALS))))


def test_borrowing_is_said_of_margin_accounts_only():
    assert "Borrowing cost nothing" in flat(str(summary(run(200))))
    assert "Borrowing" not in flat(str(summary(run(200, parameters={"account": "spot"}))))


def test_an_open_position_ruin_and_missing_fees_are_said():
    material = run(200)
    time = material.equity["time"].head(3)
    broke = replace(
        material,
        equity=equity_frame(time, [100.0, -1.0, 5.0], [0.0, 1.0, -0.5]),
        fills=material.fills.with_columns(pl.lit(0.0).alias("fee")),
    )
    said = flat(str(summary(broke)))
    assert "Equity fell to zero or below at 2024-01-15 07:00" in said
    assert "The run ends short by 50.0 % of equity" in said
    assert "No fees were charged" in said


def test_a_notebook_gets_html_that_is_whole_and_escaped():
    material = run(200, title="<script>alert(1)</script>")
    html = summary(material)._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert tags_left_open(html) == []
    assert "http" not in html


def test_unknown_equity_at_the_end_is_no_open_position():
    material = run(3)
    unknown = replace(
        material, equity=equity_frame(material.equity["time"], [1.0, 1.0, math.nan], [0.0, 0.0, math.nan])
    )
    assert "Still open" not in str(summary(unknown))


class Tags(HTMLParser):
    """Follows opening and closing tags."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("br", "meta", "link", "img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def tags_left_open(html: str) -> list[str]:
    tags = Tags()
    tags.feed(html)
    tags.close()
    return tags.open


def test_a_terminal_shows_the_same_words_for_the_object_itself():
    told = summary(run(50))
    assert repr(told) == str(told)
    assert repr(told).startswith(told.title)
