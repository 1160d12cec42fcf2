"""Klines of a second: each has one, traded in or not, as the venue's own."""

from __future__ import annotations

from decimal import Decimal as D

from workbench.connectors.simulated.bars import MOST_SECONDS, Bars

START = 1_700_000_000_000


def traded(*trades: tuple[int, int]) -> Bars:
    bars = Bars()
    for number, (time_ms, price) in enumerate(trades):
        bars.trade(START + time_ms, D(price), D(1), True, number)
    return bars


def test_seconds_without_a_trade_keep_the_last_price():
    bars = traded((100, 10), (900, 12), (4_200, 11))
    bars.roll(START + 6_000)
    found = bars.within("1s", None, None, 500)
    assert [(bar.open_ms - START) // 1_000 for bar in found] == [0, 1, 2, 3, 4, 5, 6]
    assert [bar.count for bar in found] == [2, 0, 0, 0, 1, 0, 0]
    assert [(int(bar.open), int(bar.high), int(bar.low), int(bar.close)) for bar in found[:2]] == [
        (10, 12, 10, 12), (12, 12, 12, 12),
    ]  # fmt: skip


def test_seconds_are_found_by_their_open():
    bars = traded((0, 10), (9_500, 11))
    inside = bars.within("1s", START + 2_001, START + 6_000, 3)
    assert [bar.open_ms - START for bar in inside] == [3_000, 4_000, 5_000]
    assert [bar.open_ms - START for bar in bars.within("1s", None, START + 6_000, 2)] == [5_000, 6_000]


def test_seconds_are_kept_for_two_hours_however_fast_time_goes():
    bars = traded((0, 10))
    bars.roll(START + 30 * 86_400_000)
    assert len(bars.within("1s", None, None, 500)) == 1
    bars.roll(START + 30 * 86_400_000 + 10_000 * 1_000)
    assert len(bars.within("1s", START, None, 10**6)) <= MOST_SECONDS
