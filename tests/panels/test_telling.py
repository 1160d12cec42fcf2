"""What a panel's log says of an entry, and at which level."""

from __future__ import annotations

from decimal import Decimal as D
from types import SimpleNamespace

import pytest

from workbench.market import BUY
from workbench.panels.telling import items_of
from workbench.trading import Fill, Life, Report

FILL = Fill("BTC/USDT", "7", "41", BUY, D("60000.10"), D("0.0100"), 5, fee=D("0.60"), fee_asset="USDT")


def entry(kind, body):
    return SimpleNamespace(number=3, time_ms=9, kind=kind, body=body)


@pytest.mark.parametrize(
    ("kind", "body", "level", "text"),
    [
        ("fill", {"fill": FILL}, "info", "bought 0.0100 BTC/USDT at 60000.10, fee 0.60 USDT"),
        ("paused", {"who": "panel"}, "warn", "paused by panel"),
        ("resumed", {"who": ""}, "info", "resumed"),
        ("updated", {"parameters": {"length": 30}, "who": "panel"}, "info", "length=30 took over (panel)"),
        ("dropped", {"why": "length=30 was not applied"}, "warn", "length=30 was not applied"),
        ("answered", {"refused": True, "client_id": "a", "reason": "no"}, "warn", "the venue refused a: no"),
        ("killed", {"says": "Nothing is open."}, "error", "kill switch: Nothing is open."),
        ("stopped", {"why": "stopped", "left": ["0.1 BTC"]}, "warn", "ended: stopped; left: 0.1 BTC"),
    ],
)
def test_an_entry_is_a_line(kind, body, level, text):
    (line,) = [item for item in items_of(entry(kind, body), {}) if item["as"] == "log"]
    assert (line["level"], line["text"], line["number"]) == (level, text, 3)


def test_a_fill_that_has_only_the_venues_id_is_told_under_ours():
    names: dict[str, str] = {}
    report = Report("BTC/USDT", "ours-1", "41", Life.OPEN, D(0), 4)
    assert list(items_of(entry("report", {"report": report}), names)) == []
    told = next(iter(items_of(entry("fill", {"fill": FILL}), names)))
    assert told["client_id"] == "ours-1"
    assert told["price"] == "60000.10"


def test_what_says_nothing_to_a_person_makes_no_line():
    assert list(items_of(entry("balances", {"balances": []}), {})) == []
    assert list(items_of(entry("cancelled", {"client_id": "a", "acknowledged": True}), {})) == []
