"""The table of venues, and the page that prints it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workbench.connectors.ccxt import VENUES, DeadMan, Venue, facts

PAGE = Path(__file__).parents[3] / "docs" / "connectors.md"
COLUMNS = ("venue", "ccxt classes", "client ids", "asked by our id", "stops kept apart", "dead-man's switch", "edits",
           "own stream", "sandbox")  # fmt: skip


def switch(one: DeadMan | None) -> str:
    return (
        "none" if one is None else f"{one.least_s}–{one.most_s} s" + (", by instrument" if one.per_instrument else "")
    )


def row(venue: Venue) -> str:
    ids = f"{venue.ids.prefix}{'hex' if venue.ids.alphabet == 'hex' else 'a–z 0–9'}, at most {venue.ids.length}"
    switches = {"spot": switch(venue.dead_man_spot), "perpetual": switch(venue.dead_man_perpetual)}
    kinds = {"spot": venue.spot, "perpetual": venue.perpetual}
    there = {kind: name for kind, name in kinds.items() if name}
    cells = [
        venue.name,
        ", ".join(f"{kind} `{name}`" for kind, name in there.items()),
        ids,
        "yes" if venue.asks_by_client_id else "no",
        ", ".join(venue.conditional_kinds) or "no",
        "; ".join(f"{kind}: {switches[kind]}" for kind in there),
        "; ".join(f"{kind}: {venue.edits(perpetual=kind == 'perpetual') or 'no'}" for kind in there),
        venue.user_stream,
        "yes" if venue.sandbox else "no",
    ]
    return f"| {' | '.join(cells)} |"


def table() -> str:
    head = f"| {' | '.join(COLUMNS)} |"
    return "\n".join([head, "|" + "---|" * len(COLUMNS), *(row(venue) for venue in VENUES.values())])


def test_page_prints_the_table() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")


def test_ten_venues_are_known_and_ccxt_has_their_classes() -> None:
    import ccxt

    wanted = {"binance", "binanceusdm", "bybit", "okx", "kraken", "kucoin", "gate", "bitget", "coinbase", "hyperliquid"}
    assert set(VENUES) == wanted
    for venue in VENUES.values():
        for name in filter(None, (venue.spot, venue.perpetual)):
            assert name in ccxt.exchanges, name


@pytest.mark.parametrize("venue", sorted(VENUES))
def test_switch_named_in_the_table_is_a_call_of_ccxt(venue: str) -> None:
    import ccxt

    for perpetual in (False, True):
        one = facts(venue).dead_man(perpetual=perpetual)
        if one is not None:
            name = facts(venue).class_of(perpetual=perpetual)
            assert hasattr(getattr(ccxt, name)(), one.method), (venue, one.method)


def test_venue_that_is_not_in_the_table_gets_the_defaults() -> None:
    assert facts("bitstamp") == Venue("bitstamp")
    assert facts("bitstamp").class_of(perpetual=False) == "bitstamp"


def test_catalogue_of_the_page_has_every_row() -> None:
    from ..catalogue import not_automated, rows

    numbers = {int(number) for number in re.findall(r"^\| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)}
    assert numbers == {*rows(), *not_automated()}
