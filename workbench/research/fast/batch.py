"""Combinations one after the other in machine code, and the room that they need."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.compiled import compiled
from workbench.research.fast.measure import marked, measure
from workbench.research.fast.trades import ACCOUNT, STAND, trade, turn


class Room:
    """Memory for what one combination leaves behind, used again by the next."""

    def __init__(self, events: int, periods: int) -> None:
        self.account = np.zeros(1, ACCOUNT)
        self.stands = np.empty(2 * events + 2, STAND)
        self.trips = np.empty((3, events + 1))
        self.spare = np.empty((5, max(periods + 1, events + 1)))


def run_many(ground: Any, events: Any, counts: Any, sides: Any, terms: Any, asked: Any, out: Any, marks: Any) -> None:
    """The combinations `asked` of many that take turns between buy and sell, into their rows of `out` and `marks`."""
    if not len(asked):
        return
    candles, calendar = ground.candles, ground.calendar
    room = Room(int(counts[asked].max()), len(calendar.rows))
    said, closing = alternating(int(counts[asked].max()))
    _many(
        candles.time, candles.open, ground.touch, candles.close, calendar.rows, calendar.mark_ms, calendar.held,
        calendar.scale[0], events, counts, sides, said, closing, terms, asked,
        room.account[0], room.stands, room.trips, room.spare, out, marks,
    )  # fmt: skip


def alternating(count: int) -> tuple[Any, Any]:
    """What turns say: for the first one a sell or a buy, and for shorts alone, both sides, longs alone.

    Returns
    -------
    said : int8 array of shape (2, 3, count)
    closing : bool array of shape (2, 3, count)
        Where a turn of the side that opens nothing closes what is open.
    """
    turns = np.where(np.arange(count) % 2, 1, -1).astype(np.int8)
    first = np.stack([turns, -turns])
    said = np.stack([np.minimum(first, 0), first, np.maximum(first, 0)], axis=1)
    return said, said == 0


def run_shared(ground: Any, said: Any, terms: Any, out: Any, marks: Any) -> None:
    """Combinations that say the same in the same rows, and differ in their terms.

    Parameters
    ----------
    marks : float64 array of shape (n, n_periods + 1), or (0, …) where nobody wants them
        Equity at the start and at the end of each period.
    """
    candles, calendar = ground.candles, ground.calendar
    room = Room(len(said.rows), len(calendar.rows))
    _shared(
        candles.time, candles.open, ground.touch, candles.close, calendar.rows, calendar.mark_ms, calendar.held,
        calendar.scale[0], said.rows, said.sides, said.exits, terms, room.account[0], room.stands, room.trips,
        room.spare, out, marks,
    )  # fmt: skip


@compiled
def _many(
    time, opens, touch, closes, rows, mark_ms, held, scale, events, counts, sides, said, closing, terms, asked,
    account, stands, trips, spare, out, marks,
):  # fmt: skip
    for i in range(asked.shape[0]):
        k = asked[i]
        one = terms[k]
        barred = one.stop_loss == one.stop_loss or one.take_profit == one.take_profit or one.time_limit_ms > 0
        plain = not (barred or one.trailing_delta == one.trailing_delta)
        if plain and one.close_on_opposite:
            turn(time, opens, closes, scale.timeframe_ms, events[k], sides[k], counts[k], one, account, stands, trips)
        else:
            begins, kind = (1 if sides[k] > 0 else 0), one.allowed + 1
            trade(
                time, opens, touch, closes, scale.timeframe_ms, events[k], said[begins, kind],
                closing[begins, kind if one.close_on_opposite else 1], counts[k], one, account, stands, trips,
            )  # fmt: skip
        measure(time, closes, rows, mark_ms, held, scale, one.cash, account, stands, trips, spare, out[k])
        if marks.shape[0] > 0:
            marked(closes, rows, one.cash, account, stands, marks[k])


@compiled
def _shared(
    time, opens, touch, closes, rows, mark_ms, held, scale, events, said, closing, terms, account, stands, trips, spare,
    out, marks,
):  # fmt: skip
    for k in range(terms.shape[0]):
        trade(
            time, opens, touch, closes, scale.timeframe_ms, events, said, closing, events.shape[0], terms[k], account,
            stands, trips,
        )  # fmt: skip
        measure(time, closes, rows, mark_ms, held, scale, terms[k].cash, account, stands, trips, spare, out[k])
        if marks.shape[0] > 0:
            marked(closes, rows, terms[k].cash, account, stands, marks[k])
