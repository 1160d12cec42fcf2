"""Combinations one after the other in machine code, and the room that they need."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.compiled import compiled
from workbench.research.fast.measure import measure
from workbench.research.fast.signals import alternating
from workbench.research.fast.trades import ACCOUNT, STAND, TRIP, trade


class Room:
    """Memory for what one combination leaves behind, used again by the next."""

    def __init__(self, events: int, periods: int) -> None:
        self.account = np.zeros(1, ACCOUNT)
        self.stands = np.empty(2 * events + 2, STAND)
        self.trips = np.empty(events + 1, TRIP)
        self.spare = np.empty((5, max(periods + 1, events + 1)))
        self.said = np.empty(events + 1, np.int8)
        self.closing = np.zeros(events + 1, np.bool_)


def run_many(ground: Any, events: Any, counts: Any, sides: Any, terms: Any, asked: Any, out: Any) -> None:
    """The combinations `asked` of many that take turns between buy and sell, into their rows of `out`."""
    if not len(asked):
        return
    candles, calendar = ground.candles, ground.calendar
    room = Room(int(counts[asked].max()), len(calendar.rows))
    _many(
        candles.time, candles.open, ground.touch, candles.close, calendar.rows, calendar.mark_ms, calendar.held,
        calendar.scale[0], events, counts, sides, terms, asked, room.account, room.stands, room.trips, room.spare,
        room.said, room.closing, out,
    )  # fmt: skip


def run_single(ground: Any, rows: Any, said: Any, closing: Any, terms: Any, out: Any) -> None:
    """One combination by the rows in which it says something."""
    candles, calendar = ground.candles, ground.calendar
    room = Room(len(rows), len(calendar.rows))
    _one(
        candles.time, candles.open, ground.touch, candles.close, calendar.rows, calendar.mark_ms, calendar.held,
        calendar.scale[0], rows, said, closing, len(rows), terms[0], room.account[0], room.stands, room.trips,
        room.spare, out,
    )  # fmt: skip


@compiled
def _many(
    time, opens, touch, closes, rows, mark_ms, held, scale, events, counts, sides, terms, asked, account, stands,
    trips, spare, said, closing, out,
):  # fmt: skip
    for i in range(asked.shape[0]):
        k = asked[i]
        alternating(sides[k], counts[k], said)
        _one(
            time, opens, touch, closes, rows, mark_ms, held, scale, events[k], said, closing, counts[k], terms[k],
            account[0], stands, trips, spare, out[k],
        )  # fmt: skip


@compiled
def _one(
    time, opens, touch, closes, rows, mark_ms, held, scale, events, said, closing, count, terms, account, stands,
    trips, spare, out,
):  # fmt: skip
    trade(time, opens, touch, closes, scale.timeframe_ms, events, said, closing, count, terms, account, stands, trips)
    measure(time, closes, rows, mark_ms, held, scale, terms.cash, account, stands, trips, spare, out)
