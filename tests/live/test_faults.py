"""A sample of the failure catalogue of live runs; `python -m tests.live.faults` prints the whole table."""

from __future__ import annotations

import pytest

from tests.live import faults
from tests.live.faults import functions, not_automated, numbers, see

SAMPLE = (39, 72, 73, 77)


def test_every_row_of_the_last_three_parts_is_played_or_says_why_not():
    assert set(range(58, 93)) <= set(numbers())
    assert not set(functions()) & (set(faults.tests()) | set(not_automated()))
    assert all(len(why) > 30 for why in not_automated().values())


@pytest.mark.parametrize("number", SAMPLE)
def test_a_sample_of_the_faults_ends_as_the_catalogue_asks(number, tmp_path):
    seen = see(number, tmp_path, loud=True)
    assert seen.passed, seen.behaviour
