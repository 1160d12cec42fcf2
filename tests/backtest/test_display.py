"""What a notebook shows of the parts of a result."""

from __future__ import annotations

import re

import pytest

from workbench.backtest import Bounds, Card


def test_bounds_are_shown_as_a_sentence():
    bounds = Bounds(worst=-1000.0, expected=50.5, best=250.25, ambiguous_bars=2, bars_with_orders=80)
    assert repr(bounds) == (
        "Bounds: net profit between -1,000.00 (worst path) and 250.25 (best), expected 50.50; "
        "2 of 80 bars with a position (2.50%) do not say which barrier came first."
    )


@pytest.mark.parametrize(
    ("profit", "inside"), [(-100.0, True), (50.0, True), (50.0 + 1e-9, True), (50.01, False), (-100.01, False)]
)
def test_a_profit_is_inside_of_its_bounds_give_or_take_rounding(profit, inside):
    bounds = Bounds(worst=-100.0, expected=0.0, best=50.0, ambiguous_bars=1, bars_with_orders=2)
    assert (profit in bounds) is inside


def test_a_card_is_shown_as_a_few_lines_with_short_fingerprints():
    candles = {"venue": "sample", "instrument": "ETH/USDT", "timeframe": "1h", "first_ms": 0, "last_ms": 7_200_000,
               "bars": 3, "fingerprint": "59156008d276" + "0" * 52}  # fmt: skip
    card = Card(
        bot={"class": "__main__:Dip", "fingerprint": "dab13af3d890431c", "parameters": {"drop": 0.04}},
        data={"ETH/USDT": candles}, path=None, settings={"cash": 10_000.0, "fees": {"maker": 0.001}, "path": "worst"},
        seed=7, code="37735d59ea933b64", environment={"python": "3.11.7"}, result="ddf60aeae8db" + "0" * 52,
    )  # fmt: skip
    lines = re.findall(r"<th[^>]*>(.*?)</th><td[^>]*>(.*?)</td>", card._repr_html_())
    assert lines == [
        ("strategy", "Dip: drop 0.04 · dab13af3d890"),
        ("candles", "sample ETH/USDT 1h, 3 bars, 1970-01-01 00:00 … 1970-01-01 02:00 UTC · 59156008d276"),
        ("terms", "cash 10000.0, fees (maker 0.001), path worst"),
        ("seed", "7"),
        ("code", "37735d59ea93, on python 3.11.7"),
        ("result", "ddf60aeae8db"),
    ]
    finer = Card(card, path={"ETH/USDT": candles | {"timeframe": "1m"}})
    assert "<td style='text-align:left'>sample ETH/USDT 1m, 3 bars" in finer._repr_html_()
    assert "path worst" not in finer._repr_html_()
