"""Fixtures of the live side."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journal.conftest import postgresql as postgresql
from tests.live.running import end_all, open_venue
from workbench.connectors import SimulatedVenue
from workbench.settings import home_folder


@pytest.fixture
def venue() -> Iterator[SimulatedVenue]:
    """A simulated venue, and no process of a run left when the test is over."""
    with open_venue() as made:
        yield made
        end_all(home_folder())
