"""The codes that arrays hold: sides, kinds of order, what a target asks for, and how its size is meant."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

BUY = 1
SELL = -1
FLAT = 0


class OrderKind(IntEnum):
    """How an order meets the market; docs/execution.md, part 4."""

    MARKET = 0
    LIMIT = 1
    POST_ONLY = 2
    STOP = 3
    STOP_LIMIT = 4


class Action(IntEnum):
    """What one target record asks for; see docs/execution.md, part 5."""

    NONE = 0
    ENTER = 1
    CLOSE = 2
    QUOTE = 3
    HOLD = 4


class Sizing(IntEnum):
    """The unit of a size: base units, quote currency, or a fraction of equity."""

    BASE = 0
    QUOTE = 1
    FRACTION = 2


# One wish of a controller for one market: the record that `decide` fills in and that a row of `Targets` becomes.
TARGET = np.dtype(
    [
        ("action", "i8"),
        ("market", "i8"),
        ("side", "i8"),
        ("kind", "i8"),
        ("price", "f8"),  # limit price
        ("trigger", "f8"),  # of a stop
        ("size", "f8"),
        ("sizing", "i8"),
        ("stop_loss", "f8"),
        ("take_profit", "f8"),
        ("trailing_activation", "f8"),
        ("trailing_delta", "f8"),
        ("time_limit_ms", "i8"),  # 0: none
        ("reduce", "i8"),  # 1: may only reduce a position
    ],
    align=True,
)

# How a controller's targets become executors.
POLICY = np.dtype(
    [
        ("max_per_side", "i8"),
        ("cooldown_ms", "i8"),
        ("close_on_opposite", "i8"),
        ("net_of_fees", "i8"),
        ("take_profit_kind", "i8"),  # OrderKind.MARKET or OrderKind.LIMIT
    ],
    align=True,
)
