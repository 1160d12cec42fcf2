"""What notebook 05 says about its own numbers holds."""

from __future__ import annotations

from lab import ROOT

FIFTH = ROOT / "notebooks" / "05_a_venue_of_your_own.ipynb"


def shown(book, start: str) -> str:
    """What the one cell that starts like this put out, as text."""
    (cell,) = [cell for cell in book.cells if cell.cell_type == "code" and cell.source.startswith(start)]
    output = cell.outputs[-1]
    return str(output.data.get("text/markdown") or output.data["text/plain"])


def test_the_order_rests_and_is_filled_when_the_market_comes(executed):
    book = executed(FIFTH)
    assert shown(book, "now, bid = ").startswith("'open: 0.05 BTC")
    filled = shown(book, "def until_filled")
    assert "closed at " in filled
    assert 0.5 < float(filled.split(" after ")[1].split()[0]) < 60


def test_the_lost_sale_was_done_once_and_the_ledger_agrees(executed):
    book = executed(FIFTH)
    assert "RequestTimeout" in shown(book, "venue.control.accept_then_silence")
    assert shown(book, "exchange.timeout = 10_000").startswith("'closed: sold 0.02 BTC")
    assert "MarketClosed" in shown(book, "venue.control.halt")
    assert "says the same" in shown(book, "left, ledger = ")
