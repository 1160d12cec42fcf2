"""The world of a run on recorded books: that of a run with purses, with the books and our places in their queues."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.market import FEED
from workbench.trading.venue.records import PURSE_WORLD, extended
from workbench.trading.world import FILL, MAX_MARKETS, MAX_ORDERS, World

CAREFUL = -1.0  # a power: only trades bring us forward

# Where an order of ours stands in its queue, by its slot.
QUEUED = np.dtype(
    [
        ("order", "i8"),  # its id; of another: the slot has a new order
        ("key", "i8"),  # twice its place among the prices of its market; one less if it is below that price
        ("ahead", "f8"),  # base units before us
        ("there", "f8"),  # what the price showed when we looked last
        ("traded", "f8"),  # of that, since
        ("served", "i8"),  # the last event that it was looked at for
    ],
    align=True,
)

BOOK_FILL = extended(FILL, [("time_ms", "i8")])
BOOK_WORLD = extended(
    PURSE_WORLD,
    [
        ("power", "f8"),  # of the queue model
        ("next_event", "i8"),
        ("stamped", "i8"),  # fills of the outbox that have their time
        ("feeds", FEED, (MAX_MARKETS,)),
        ("queued", QUEUED, (MAX_ORDERS,)),
    ],
    fills=np.dtype((BOOK_FILL, PURSE_WORLD["fills"].shape)),
)


def as_book_world(world: World, feeds: np.ndarray[Any, Any], power: float) -> World:
    """A world with purses as one of recorded books.

    Parameters
    ----------
    world
        Empty, of dtype PURSE_WORLD.
    feeds
        A FEED record for each market.
    power
        Of the queue model, or CAREFUL.
    """
    made = np.zeros(1, BOOK_WORLD)
    for name in PURSE_WORLD.names or ():
        if name != "fills":
            made[name] = world[name]
    made["feeds"][0, : len(feeds)] = feeds
    made["queued"]["order"] = -1
    made["queued"]["served"] = -1
    made["power"] = power
    return made
