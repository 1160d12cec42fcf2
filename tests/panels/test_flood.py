"""A short flood; the long one is a command: `python -m tests.panels.flood`."""

from __future__ import annotations

import pytest
from lab import chromium, served

from tests.live.running import end_all, open_venue

from . import flood

__all__ = ["chromium"]


@pytest.mark.browser
def test_panel_answers_under_five_hundred_market_events_a_second(chromium, tmp_path, within, record_testsuite_property):
    try:
        with open_venue() as venue, served(tmp_path) as address:
            page = flood.opened(chromium, address, tmp_path, str(venue.control_url))
            found = flood.flood(12.0, 500.0, page, venue, tmp_path)
            differs = page.locator(".wb-diff").inner_text()
            panned = flood.pan(page)
            page.close()
    finally:
        end_all(tmp_path / "home")
    print(f"\n{found}")  # noqa: T201 - for whoever runs it with -s
    record_testsuite_property("flood of 12 s", str(found))
    assert found.sent > 0
    within("a market event of the flood sent, mean", found.seconds / found.sent, 1 / 300)
    within("input to picture under 500 events a second, p95", found.p95_ms / 1e3, 0.2)
    within("from picture to picture under it, mean", found.seconds / found.frames, 0.5)
    within("the kernel's share of a second under it", found.kernel_share, 0.2)
    assert found.frames / found.seconds <= 10.5
    assert differs.startswith("length 100 → 1")  # each round moved the slider by a key
    whole, near, *dragged = panned
    assert whole["last_ms"] - whole["first_ms"] >= 60_000 * (flood.STORED - 1)
    assert 400 < whole["bars"] <= 2_402  # a million bars, as many to one as it takes
    assert near["step_ms"] == 60_000
    places = [one["from_ms"] for one in dragged]
    assert len(places) >= 2
    assert places == sorted(places, reverse=True)  # into the past, in bars of a minute
    assert {one["step_ms"] for one in dragged} == {60_000}
    record_testsuite_property(
        "longest wait for bars while panning over a million, in ms", max(one["took_ms"] for one in panned)
    )
