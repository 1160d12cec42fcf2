"""A sample of the failure catalogue; `python -m tests.connectors.catalogue` injects them all and prints the table."""

from __future__ import annotations

import asyncio

from .catalogue import not_automated, rows, see_all

SAMPLE = [1, 2, 3, 7, 8, 10, 11, 13, 18, 19, 23, 28, 29, 30, 34, 36, 38, 40, 43, 45, 51, 52, 55, 56]


def test_every_row_of_the_first_four_parts_is_injected_or_says_why_not() -> None:
    assert sorted({*rows(), *not_automated()}) == list(range(1, 58))
    assert not set(rows()) & set(not_automated())
    assert all(len(why) > 30 for why in not_automated().values())


def test_a_sample_of_the_faults_ends_as_the_catalogue_asks() -> None:
    table = asyncio.run(see_all(SAMPLE, loud=True))
    assert [(seen.number, seen.behaviour) for seen in table if not seen.passed] == []
    assert [seen.number for seen in table] == SAMPLE
