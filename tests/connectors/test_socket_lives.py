"""A sample of the order lives that `python -m tests.connectors.socket_lives --lives 10000` lives over real sockets."""

from __future__ import annotations

import asyncio

import pytest

from .socket_lives import live


@pytest.mark.parametrize("seed", [1, 70_001])
def test_orders_through_a_line_that_breaks_end_as_the_ledger_says(seed: int) -> None:
    outcome = asyncio.run(live(seed, 60))
    assert outcome.divergences == []
    assert outcome.lives == 60
    assert outcome.hurts > 0
    assert outcome.unknown > 0
    assert outcome.fills > 0
