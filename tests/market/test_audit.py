"""The audit counts what is wrong and touches nothing."""

from __future__ import annotations

import numpy as np
import polars as pl

from workbench import data
from workbench.market import Audit, Candles, as_time

START = as_time("2022-01-01")


def messy() -> pl.DataFrame:
    minutes = [0, 1, 2, 2, 7, 6, 8, 9]  # 3, 4 and 5 are missing, 2 is there twice, 7 and 6 are swapped
    return pl.DataFrame({
        "time": [START + 60_000 * minute for minute in minutes],
        "open": [10.0, 10, 10, 10, 12, 10, 10, 10],
        "high": [11.0, 10, 10, 10, 11, 10, 10, 10],  # in row 4 the high is below the open
        "low": [9.0, 10, 10, 10, 9, 10, None, -1],  # row 6 lacks one, and row 7 is below zero
        "close": [10.0, 10, 10, 10, 10, 10, 10, 10],
        "volume": [1.0, 0, 0, 0, 0, 1, 1, 1],
    })  # fmt: skip


def test_a_file_that_is_no_candles_can_still_be_audited() -> None:
    audit = data.audit(messy(), "1m")
    assert (audit.rows, audit.missing, audit.duplicates, audit.unsorted) == (8, 3, 1, 1)
    assert (audit.zero_volume, audit.dead, audit.bad_ohlc, audit.nulls) == (4, 3, 2, 1)
    assert not audit.is_clean
    gap = audit.gaps.to_dicts()
    assert [(f"{g['after']:%H:%M}", f"{g['before']:%H:%M}", g["missing"]) for g in gap] == [("00:02", "00:06", 3)]


def test_timeframe_is_found_from_the_stamps() -> None:
    assert data.audit(messy()).timeframe == "1m"


def made(close: list[float]) -> Candles:
    prices = np.array(close)
    stamps = START + 60_000 * np.arange(len(close))
    return Candles.from_arrays(stamps, prices, prices, prices, prices, np.ones(len(close)), timeframe="1m")


def test_jumps_are_signed_and_largest_first() -> None:
    audit = made([100.0, 110.0, 88.0, 88.0, 132.0]).audit()
    assert audit.is_clean
    assert audit.gaps.shape == (0, 3)
    assert [(f"{time:%H:%M}", round(move, 10)) for time, move in audit.jumps.rows()] == [
        ("00:04", 0.5),
        ("00:02", -0.2),
        ("00:01", 0.1),
    ]


def test_at_most_ten_jumps_are_kept() -> None:
    assert len(made([100.0 + n % 3 for n in range(50)]).audit().jumps) == 10


def test_one_bar_has_neither_gaps_nor_jumps() -> None:
    audit = made([100.0]).audit()
    assert (audit.rows, audit.missing, len(audit.gaps), len(audit.jumps)) == (1, 0, 0, 0)


def test_audit_prints_what_it_found() -> None:
    audit: Audit = data.audit(messy(), "1m")
    text = repr(audit)
    assert text.startswith("Audit the frame: 8 bars of 1m, 2022-01-01 00:00 … 2022-01-01 00:09 UTC")
    assert "missing             3  in 1 gap; longest 3, 2022-01-01 00:02 → 2022-01-01 00:06" in text
    assert "<table>" in audit._repr_html_()
    assert "<td>bad_ohlc</td>" in audit._repr_html_()


def test_a_source_without_volume_has_nulls_and_no_dead_bars() -> None:
    stamps = START + 60_000 * np.arange(3)
    audit = Candles.from_arrays(stamps, *[np.full(3, 5.0)] * 4, timeframe="1m").audit()
    assert (audit.nulls, audit.zero_volume, audit.dead) == (3, 0, 0)
