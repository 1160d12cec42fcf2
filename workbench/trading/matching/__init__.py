"""How a venue would have answered: the path of a bar, and an order met by a price."""

from workbench.trading.matching.answer import ALL_ORDERS, match
from workbench.trading.matching.path import next_tick, rest, start_walk
from workbench.trading.matching.seams import after_open, begin_row, opened_at, see_bar, see_tick, steps_over

__all__ = [
    "ALL_ORDERS",
    "after_open",
    "begin_row",
    "match",
    "next_tick",
    "opened_at",
    "rest",
    "see_bar",
    "see_tick",
    "start_walk",
    "steps_over",
]
