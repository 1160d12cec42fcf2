"""How a venue would have answered: the path of a bar, and an order met by a price."""

from workbench.trading.matching.answer import ALL_ORDERS, match
from workbench.trading.matching.path import next_tick, rest, start_walk

__all__ = ["ALL_ORDERS", "match", "next_tick", "rest", "start_walk"]
