"""The whole state of one bot: a few structured arrays of fixed capacity, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.errors import ConfigError
from workbench.market.codes import POLICY, TARGET

NEVER = np.iinfo(np.int64).max
NO_SLOT = -1
MAX_MARKETS = 64  # what `world.positions` has room for


class Status(IntEnum):
    """Where an order's life stands. The last four are ends."""

    FREE = 0
    OPEN = 1
    FILLED = 2
    CANCELLED = 3
    REJECTED = 4


class Phase(IntEnum):
    """Where an executor's life stands."""

    FREE = 0
    ENTERING = 1
    HOLDING = 2
    EXITING = 3
    DONE = 4


class CloseType(IntEnum):
    """Why an executor ended, in Hummingbot's words."""

    NONE = 0
    TIME_LIMIT = 1
    STOP_LOSS = 2
    TAKE_PROFIT = 3
    EARLY_STOP = 5
    TRAILING_STOP = 6
    FAILED = 8
    COMPLETED = 9


class Reason(IntEnum):
    """Why an order was refused."""

    NONE = 0
    TOO_SMALL = 1
    NO_FUNDS = 2
    WOULD_TAKE = 3
    FULL = 4
    NO_PRICE = 5


class Path(IntEnum):
    """The order in which a bar's extremes are visited."""

    OHLC = 0
    WORST = 1
    BEST = 2


class Purpose(IntEnum):
    """What an order does for its executor."""

    QUOTE = 0
    ENTRY = 1
    EXIT = 2
    TARGET = 3
    HOLD = 4


HEAD = np.dtype(
    [
        ("time_ms", "i8"),
        ("row", "i8"),
        ("code", "i8"),  # a Reason that stopped the engine; FULL is the only one
        # accounts
        ("quote", "f8"),
        ("fees", "f8"),
        ("volume", "f8"),
        ("bars_exposed", "i8"),
        # settings
        ("margin", "i8"),
        ("leverage", "f8"),
        ("latency", "i8"),
        ("path", "i8"),
        ("through", "i8"),
        # counters
        ("next_order", "i8"),
        ("next_executor", "i8"),
        ("orders_top", "i8"),
        ("executors_top", "i8"),
        ("fresh", "i8"),
        ("n_fills", "i8"),
        ("n_orders", "i8"),
        ("n_executors", "i8"),
        ("n_refusals", "i8"),
        ("cancelled_quotes", "i8"),
        ("log_quotes", "i8"),
    ],
    align=True,
)

MARKET = np.dtype(
    [
        ("position", "f8"),  # signed base units; also the base balance
        ("entry", "f8"),  # average price of the position
        ("last", "f8"),
        ("tick", "f8"),
        ("lot", "f8"),
        ("min_amount", "f8"),
        ("min_notional", "f8"),
        ("maker", "f8"),
        ("taker", "f8"),
        ("slippage", "f8"),
        ("fee_received", "i8"),  # fees in what is received, instead of in quote
        # the nearest things that anybody waits for
        ("below", "f8"),
        ("above", "f8"),
        ("deadline_ms", "i8"),
        ("wake_row", "i8"),
        # per side: [short, long]
        ("last_created_ms", "i8", (2,)),
    ],
    align=True,
)

ORDER = np.dtype(
    [
        ("id", "i8"),
        ("market", "i8"),
        ("executor", "i8"),  # slot, −1 for none
        ("executor_id", "i8"),
        ("level", "i8"),
        ("purpose", "i8"),
        ("side", "i8"),
        ("kind", "i8"),
        ("sizing", "i8"),
        ("status", "i8"),
        ("reason", "i8"),
        ("price", "f8"),
        ("trigger", "f8"),
        ("size", "f8"),
        ("amount", "f8"),
        ("filled", "f8"),
        ("reserved", "f8"),
        ("fresh", "i8"),
        ("triggered", "i8"),
        ("active_row", "i8"),
        ("created_row", "i8"),
        ("closed_row", "i8"),
    ],
    align=True,
)

EXECUTOR = np.dtype(
    [
        ("id", "i8"),
        ("market", "i8"),
        ("level", "i8"),
        ("side", "i8"),
        ("phase", "i8"),
        ("close_type", "i8"),
        ("created_ms", "i8"),
        ("created_row", "i8"),
        ("entered_row", "i8"),
        ("closed_row", "i8"),
        ("entered_ms", "i8"),
        ("closed_ms", "i8"),
        ("deadline_ms", "i8"),
        # terms
        ("stop_loss", "f8"),
        ("take_profit", "f8"),
        ("trailing_activation", "f8"),
        ("trailing_delta", "f8"),
        ("target_kind", "i8"),
        ("net_of_fees", "i8"),
        # live orders, by slot
        ("entry_order", "i8"),
        ("exit_order", "i8"),
        ("target_order", "i8"),
        ("target_asked", "i8"),
        ("attempts", "i8"),
        # money
        ("held", "f8"),  # base units not yet sold
        ("entry", "f8"),  # average price
        ("entry_amount", "f8"),
        ("entry_value", "f8"),
        ("exit_amount", "f8"),
        ("exit_value", "f8"),
        ("fees", "f8"),  # all of them, in quote terms
        ("fees_quote", "f8"),  # the part paid in quote
        ("last_exit", "f8"),
        # the prices waited for
        ("stop", "f8"),
        ("target", "f8"),
        ("arming", "f8"),
        ("armed", "i8"),
        ("distance", "f8"),
        ("peak", "f8"),
        ("trail", "f8"),
    ],
    align=True,
)

FILL = np.dtype(
    [
        ("row", "i4"),
        ("market", "i2"),
        ("side", "i1"),
        ("flags", "i1"),  # 1 maker, 2 fee in base
        ("order", "i4"),
        ("executor", "i4"),
        ("price", "f8"),
        ("amount", "f8"),
        ("fee", "f8"),
    ],
    align=True,
)
MAKER, FEE_IN_BASE = 1, 2

REFUSAL = np.dtype([("row", "i8"), ("market", "i8"), ("level", "i8"), ("executor", "i8"), ("reason", "i8")], align=True)

# What `decide` sees of the world.
VIEW = np.dtype(
    [
        ("time_ms", "i8"),  # the close of the bar just seen
        ("row", "i8"),
        ("position", "f8"),  # of the first market, signed base units
        ("entry", "f8"),  # its average price; NaN when flat
        ("last", "f8"),
        ("quote", "f8"),  # quote balance
        ("equity", "f8"),
        ("open_long", "i8"),  # executors at work
        ("open_short", "i8"),
        ("positions", "f8", (MAX_MARKETS,)),
        ("lasts", "f8", (MAX_MARKETS,)),
    ],
    align=True,
)

TICK = np.dtype(
    [
        ("market", "i8"),
        ("row", "i8"),
        ("leg", "i8"),  # 0 open, 1 and 2 extremes, 3 close, 4 done
        ("price", "f8"),
        ("time_ms", "i8"),
        ("close_ms", "i8"),
        ("open", "f8"),
        ("high", "f8"),
        ("low", "f8"),
        ("close", "f8"),
        ("first", "f8"),
        ("second", "f8"),
    ],
    align=True,
)


class World(NamedTuple):
    """Every array a tick reads or writes. Numba takes it as it is."""

    head: npt.NDArray[Any]
    markets: npt.NDArray[Any]
    policy: npt.NDArray[Any]
    orders: npt.NDArray[Any]
    executors: npt.NDArray[Any]
    quotes: npt.NDArray[np.int64]  # slot of the live order of each quoting or holding level
    wishes: npt.NDArray[np.float64]  # last exposure asked for, by level
    view: npt.NDArray[Any]
    # journals
    fills: npt.NDArray[Any]
    done_orders: npt.NDArray[Any]
    done_executors: npt.NDArray[Any]
    refusals: npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many of each the world can hold at once. A full table stops the run with an error that names it."""

    orders: int = 256
    executors: int = 128
    levels: int = 64

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if getattr(self, name) < 1:
                raise ConfigError(f"capacity: `{name}` is {getattr(self, name)}. It must be at least 1.")


def new_world(*, n_markets: int, cash: float, capacity: Capacity | None = None, journal: int = 4096) -> World:
    """An empty world with `cash` in quote currency and zero fees; settings are fields of `head` and `markets`.

    Parameters
    ----------
    n_markets
        How many instruments trade in it, 64 at most.
    journal
        First size of the journals of fills, orders and executors, in rows; `grown` makes larger ones.
    """
    if not 1 <= n_markets <= MAX_MARKETS:
        raise ConfigError(f"{n_markets} instruments: a world takes 1 to {MAX_MARKETS}. Split them over several backtests.")
    room = capacity or Capacity()
    world = World(
        head=np.zeros(1, HEAD),
        markets=np.zeros(n_markets, MARKET),
        policy=np.zeros(1, POLICY),
        orders=np.zeros(room.orders, ORDER),
        executors=np.zeros(room.executors, EXECUTOR),
        quotes=np.full(room.levels, NO_SLOT, np.int64),
        wishes=np.zeros(room.levels),
        view=np.zeros(1, VIEW),
        fills=np.empty(0, FILL),
        done_orders=np.empty(0, ORDER),
        done_executors=np.empty(0, EXECUTOR),
        refusals=np.empty(0, REFUSAL),
    )
    world.head["quote"] = cash
    world.head["leverage"] = 1.0
    world.policy["max_per_side"] = 1
    world.markets["last"] = np.nan
    world.markets["below"], world.markets["above"] = -np.inf, np.inf
    world.markets["deadline_ms"] = world.markets["wake_row"] = NEVER
    world.markets["last_created_ms"] = np.iinfo(np.int64).min // 2
    return grown(world, rows=journal)


def new_targets(levels: int) -> npt.NDArray[Any]:
    """Empty target records, one per level, every term at "none"."""
    targets = np.zeros(levels, TARGET)
    for name in ("price", "trigger", "stop_loss", "take_profit", "trailing_activation", "trailing_delta"):
        targets[name] = np.nan
    return targets


JOURNALS = ("fills", "done_orders", "done_executors", "refusals")
COUNTERS = {"fills": "n_fills", "done_orders": "n_orders", "done_executors": "n_executors", "refusals": "n_refusals"}


def grown(world: World, *, rows: int = 0) -> World:
    """The same world with journals of at least `rows` rows, and four times as many where one is more than half full."""
    larger = {}
    for name in JOURNALS:
        journal, used = getattr(world, name), int(world.head[COUNTERS[name]][0])
        wanted = max(rows, room_needed(world), 4 * len(journal) if 2 * used > len(journal) else len(journal))
        if wanted + used > len(journal):
            larger[name] = np.empty(wanted + used, journal.dtype)
            larger[name][:used] = journal[:used]
    return world._replace(**larger)


def room_needed(world: World) -> int:
    """Journal rows that one row of candles can fill at the very most."""
    return 16 * (len(world.orders) + len(world.executors) + len(world.quotes)) + 64


def journal(world: World, name: str) -> npt.NDArray[Any]:
    """The written part of a journal: fills, done_orders, done_executors or refusals."""
    return getattr(world, name)[: int(world.head[COUNTERS[name]][0])]


WORDS = {
    Reason.NONE: "accepted",
    Reason.TOO_SMALL: "smaller than the instrument's minimum, or nothing left after rounding to the lot",
    Reason.NO_FUNDS: "the account cannot carry it (a spot account cannot go short or spend more than it has)",
    Reason.WOULD_TAKE: "a post-only order that would have crossed the market",
    Reason.NO_PRICE: "the market had no bar yet, so there was no price",
    Reason.FULL: "a table of fixed capacity is full",
}


def explain(code: int) -> str:
    """A reason code in words."""
    return WORDS[Reason(code)]
