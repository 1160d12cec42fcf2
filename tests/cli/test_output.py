"""Values in JSON's own types."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from workbench.cli.output import plain, table


class Colour(IntEnum):
    RED = 1


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (float("inf"), None),
        (0.5, 0.5),
        (True, True),
        (Colour.RED, "RED"),
        (np.float64(2.5), 2.5),
        (np.int64(3), 3),
        (datetime(2024, 1, 2, tzinfo=UTC), "2024-01-02T00:00:00+00:00"),
        (Path("a") / "b", "a/b"),
        (Point(1.0, float("nan")), {"x": 1.0, "y": None}),
        ({1: (2, 3)}, {"1": [2, 3]}),
        (pl.DataFrame({"a": [1, None]}), [{"a": 1}, {"a": None}]),
    ],
)
def test_plain_values(value, expected):
    assert plain(value) == expected


def test_table_shows_every_row_and_column():
    frame = pl.DataFrame({f"column{n}": range(100) for n in range(12)})
    text = table(frame)
    assert all(f"column{n}" in text for n in range(12))
    assert len(text.splitlines()) > 100
