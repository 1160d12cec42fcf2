"""The codes that arrays hold: sides, kinds of order, what a target asks for, and how its size is meant."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

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
    CREATE = 5
    STOP = 6


class ExecutorKind(IntEnum):
    """Which state machine works for a target; docs/executors.md, part 8."""

    POSITION = 0
    ORDER = 1
    DCA = 2
    GRID = 3
    TWAP = 4
    ARBITRAGE = 5
    XEMM = 6
    LP = 7


class Mode(IntEnum):
    """How a DCA or a TWAP enters: with orders that rest, or at market."""

    MAKER = 0
    TAKER = 1


class LegPolicy(IntEnum):
    """What becomes of an arbitrage of which one leg has not filled."""

    COMPLETE = 0
    UNWIND = 1


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
        ("executor", "i8"),  # ExecutorKind, of CREATE
        ("config", "i8"),  # row of the table of configs; −1: none
        ("keep", "i8"),  # CLOSE and STOP leave what is held
        ("reduce", "i8"),  # 1: may only reduce a position
    ],
    align=True,
)
TARGET_TERMS = ("price", "trigger", "stop_loss", "take_profit", "trailing_activation", "trailing_delta")  # NaN: none

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

LADDER = 16  # levels of a DCA at most

# The terms of an executor, one record for all kinds: the table of them is given to a run and never changes.
CONFIG = np.dtype(
    [
        ("kind", "i8"),  # OrderKind of entries
        ("mode", "i8"),
        ("retries", "i8"),
        ("keep", "i8"),  # a grid's at its limit
        ("net_of_fees", "i8"),
        ("take_profit_kind", "i8"),
        ("stop_loss", "f8"),
        ("take_profit", "f8"),
        ("trailing_activation", "f8"),
        ("trailing_delta", "f8"),
        ("time_limit_ms", "i8"),
        ("bound", "f8"),  # entries lie at the venue only while the price is this fraction near
        # order: the chaser
        ("distance", "f8"),
        ("refresh", "f8"),
        # dca; amounts in quote currency
        ("n_levels", "i8"),
        ("prices", "f8", (LADDER,)),
        ("amounts", "f8", (LADDER,)),
        # grid
        ("start", "f8"),
        ("end", "f8"),
        ("limit", "f8"),
        ("total", "f8"),  # quote currency; of a twap too
        ("min_spread", "f8"),
        ("min_order", "f8"),
        ("safe", "f8"),
        ("coerce", "i8"),
        ("max_open", "i8"),
        ("max_batch", "i8"),
        ("frequency_ms", "i8"),
        # twap
        ("duration_ms", "i8"),
        ("interval_ms", "i8"),
        ("resubmit_ms", "i8"),
        ("buffer", "f8"),
        # arbitrage and xemm
        ("market2", "i8"),
        ("amount", "f8"),
        ("min_profit", "f8"),
        ("target_profit", "f8"),
        ("max_profit", "f8"),
        ("policy", "i8"),  # LegPolicy
    ],
    align=True,
)
CONFIG_DEFAULTS = {
    "kind": OrderKind.LIMIT,
    "retries": 10,
    **dict.fromkeys(("stop_loss", "take_profit", "trailing_activation", "trailing_delta", "bound"), np.nan),
    **dict.fromkeys(("distance", "refresh", "start", "end", "limit"), np.nan),
    **dict.fromkeys(("min_profit", "target_profit", "max_profit"), np.nan),
    "min_spread": 0.0005,
    "min_order": 5.0,
    "safe": 0.0001,
    "max_open": 5,
    "market2": -1,
}


def new_configs(n: int) -> npt.NDArray[np.void]:
    """Config records with every term at its default, or at "none"."""
    configs = np.zeros(n, CONFIG)
    for name, value in CONFIG_DEFAULTS.items():
        configs[name] = value
    return configs
