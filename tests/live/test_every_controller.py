"""A sample of the shipped strategies through the command line; `python -m tests.live.every_controller` runs all."""

from __future__ import annotations

import pytest

from tests.live.every_controller import PERPETUAL, cases, lively, one
from tests.live.running import end_all
from workbench.controllers import registry


@pytest.mark.parametrize("name", ["grid_strike"])  # one that decides in compiled code of its own
def test_a_strategy_is_started_trades_and_is_stopped_and_started_again(name, tmp_path):
    with lively() as venue:
        try:
            assert one(name, "perpetual", (PERPETUAL,), venue, tmp_path) == ""
        finally:
            end_all(tmp_path)


def test_every_shipped_strategy_has_its_cases():
    assert {name for name, _, _ in cases()} == set(registry())
    assert len(list(cases())) == 2 * len(registry()) - 1
