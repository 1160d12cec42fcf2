"""A sample of the shipped strategies through the command line; `python -m tests.live.every_controller` runs all."""

from __future__ import annotations

import pytest

from tests.live.every_controller import MONEY, PERPETUAL, cases, one
from tests.live.running import end_all
from workbench.connectors import SeededMarket, SimulatedVenue
from workbench.controllers import registry


@pytest.mark.parametrize("name", ["grid_strike"])  # one that decides in compiled code of its own
def test_a_strategy_is_started_stopped_and_started_again(name, tmp_path):
    with SimulatedVenue(sources=[SeededMarket(seed=1)], accounts={"trader": MONEY}) as venue:
        try:
            assert one(name, "perpetual", PERPETUAL[:1], str(venue.control_url), tmp_path, 1.0) == ""
        finally:
            end_all(tmp_path)


def test_every_shipped_strategy_has_its_cases():
    assert {name for name, _, _ in cases()} == set(registry())
    assert len(list(cases())) == 2 * len(registry()) - 1
