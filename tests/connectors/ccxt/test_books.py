"""Books: recorded ones through the venue's sockets, and what can be read from one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from workbench.connectors import Book

from ..recorded_books import compare


@pytest.mark.shared
@pytest.mark.parametrize(("perpetual", "updates"), [(False, 106), (True, 109)])
def test_our_best_prices_equal_the_recorded_quotes_at_every_update(shared: Path, perpetual: bool, updates: int) -> None:
    """Twelve seconds of five minutes; `python -m tests.connectors.recorded_books` compares as many as wanted."""
    found = asyncio.run(compare(shared / "marketdata" / "l2", perpetual=perpetual, seconds=12.0))
    assert found.first == ""
    assert (found.equal, found.updates) == (updates, updates)


def book(bids: list[list[float]], asks: list[list[float]], stale: str = "") -> Book:
    return Book("BTC/USDT", bids, asks, 7, 1, stale)


def test_best_is_told_only_while_the_book_is_good() -> None:
    good = book([[99.0, 1.0]], [[101.0, 2.0]])
    assert (good.best().bid, good.best().ask, good.best().ask_amount) == (99.0, 101.0, 2.0)
    assert book([[99.0, 1.0]], [[101.0, 2.0]], "silent").best() is None


@pytest.mark.parametrize(
    ("bids", "asks", "fault"),
    [
        ([[99.0, 1.0]], [[101.0, 1.0]], ""),
        ([], [[101.0, 1.0]], "a side is empty"),
        ([[101.0, 1.0]], [[101.0, 1.0]], "crossed"),
        ([[102.0, 1.0]], [[101.0, 1.0]], "crossed"),
    ],
)
def test_levels_that_cannot_be_are_named(bids: list[list[float]], asks: list[list[float]], fault: str) -> None:
    assert book(bids, asks).fault().startswith(fault)
    assert bool(book(bids, asks).fault()) == bool(fault)


def test_price_for_an_amount_walks_the_levels() -> None:
    thick = book([[99.0, 1.0], [98.0, 3.0]], [[101.0, 1.0], [103.0, 1.0]])
    assert thick.price_for(1, 2.0) == 102.0
    assert thick.price_for(-1, 4.0) == 98.25
    assert thick.price_for(1, 2.5) is None


def test_levels_count_base_units_where_the_venue_counts_contracts() -> None:
    contracts = Book("BTC/USDT:USDT", [[99.0, 100.0]], [[101.0, 50.0]], 1, 1, "", 0.01)
    assert contracts.best().bid_amount == 1.0
    assert contracts.levels(-1) == [(101.0, 0.5)]
