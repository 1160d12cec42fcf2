"""The whole state of one bot: a few structured arrays of fixed capacity, and nothing else."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from workbench.errors import ConfigError
from workbench.market import CONFIG, POLICY, TARGET, TARGET_TERMS, new_configs

NEVER = np.iinfo(np.int64).max
NO_SLOT = np.int64(-1)  # of NumPy, so that Numba does not compile a kernel for this very value
NO_SIDE = np.int64(0)
MAX_MARKETS = 64  # what `world.positions` has room for


# Capacities. A full table stops the run with an error that names it.
MAX_ORDERS = 1024
MAX_EXECUTORS = 512
MAX_LEVELS = 256
MAX_CONFIGS = 64
MAX_STEPS = 4096
OUTBOX = 6 * MAX_ORDERS


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
    EXPIRED = 4
    EARLY_STOP = 5
    TRAILING_STOP = 6
    INSUFFICIENT_BALANCE = 7
    FAILED = 8
    COMPLETED = 9
    POSITION_HOLD = 10
    LIQUIDATED = 11


class Reason(IntEnum):
    """Why an order was refused."""

    NONE = 0
    TOO_SMALL = 1
    NO_FUNDS = 2
    WOULD_TAKE = 3
    FULL = 4
    NO_PRICE = 5
    BAD_TARGET = 6
    BAD_CONFIG = 7
    BAD_MODE = 8
    NOTHING_TO_REDUCE = 9
    LEVERAGE = 10
    TOO_LARGE = 11
    NO_RATE = 12
    STOPPED = 13
    NOT_EQUIPPED = 14
    LEAVING = 15
    AT_VENUE = 16
    AT_GATE = 17
    NOT_REDUCING = 18
    AT_WORK = 19
    COOLING = 20


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
    HEDGE = 5
    FLATTEN = 6


class StepState(IntEnum):
    """Where one level of a ladder or a grid stands."""

    IDLE = 0
    OPENING = 1
    FILLED = 2
    CLOSING = 3


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
        ("traded_row", "i8"),  # the last one with a bar, where executors of two markets are at work
        # per side: [short, long]
        ("last_created_ms", "i8", (2,)),
    ],
    align=True,
)

# What is journalled is small, and leaves no bytes between its fields: a run is compared with another to the bit.
ORDER = np.dtype(
    [
        ("id", "i4"),
        ("executor", "i4"),  # slot, −1 for none
        ("executor_id", "i4"),
        ("level", "i4"),
        ("market", "i4"),
        ("active_row", "i4"),
        ("created_row", "i4"),
        ("closed_row", "i4"),
        ("purpose", "i1"),
        ("side", "i1"),
        ("kind", "i1"),
        ("sizing", "i1"),
        ("status", "i1"),
        ("reason", "i1"),
        ("fresh", "i1"),
        ("triggered", "i1"),
        ("tag", "i2"),  # which step or leg of its executor it serves
        ("part", "i2"),  # whole, it does not end its executor
        ("controller", "i2"),
        ("reduce", "i2"),
        ("price", "f8"),
        ("trigger", "f8"),
        ("size", "f8"),
        ("amount", "f8"),
        ("filled", "f8"),
        ("reserved", "f8"),
    ],
    align=True,
)

EXECUTOR = np.dtype(
    [
        ("id", "i4"),
        ("level", "i2"),
        ("market", "i2"),
        ("side", "i1"),
        ("phase", "i1"),
        ("close_type", "i1"),
        ("target_kind", "i1"),
        ("net_of_fees", "i1"),
        ("target_asked", "i1"),
        ("armed", "i1"),
        ("repeats", "i1"),  # of an exit
        ("kind", "i1"),
        ("keeps", "i1"),
        ("extended", "i1"),  # there is more of it in `works`
        ("controller", "i1"),
        ("config", "i2"),
        ("live", "i2"),  # orders at work
        ("created_row", "i4"),
        ("entered_row", "i4"),
        ("closed_row", "i4"),
        # live orders, by slot
        ("entry_order", "i4"),
        ("exit_order", "i4"),
        ("target_order", "i4"),
        ("created_ms", "i8"),
        ("entered_ms", "i8"),
        ("closed_ms", "i8"),
        ("deadline_ms", "i8"),
        # terms
        ("stop_loss", "f8"),
        ("take_profit", "f8"),
        ("trailing_activation", "f8"),
        ("trailing_delta", "f8"),
        # money
        ("held", "f8"),  # base units not yet sold
        ("entry", "f8"),  # average price
        ("entry_amount", "f8"),
        ("entry_value", "f8"),
        ("entry_held", "f8"),  # base units that came in, net of a fee in base
        ("entry_fees", "f8"),  # paid in quote
        ("exit_amount", "f8"),
        ("exit_value", "f8"),
        ("fees", "f8"),  # all of them, in quote terms
        ("fees_quote", "f8"),  # the part paid in quote
        ("last_exit", "f8"),
        # the prices waited for
        ("stop", "f8"),
        ("target", "f8"),
        ("arming", "f8"),
        ("distance", "f8"),
        ("peak", "f8"),
        ("trail", "f8"),
    ],
    align=True,
)

# What an executor needs besides while it works, by its slot; it is in no journal.
WORK = np.dtype(
    [
        ("terms", CONFIG, (1,)),  # scaled by the target, with the target's own before the config's
        ("entry", TARGET, (1,)),  # what was asked for first
        ("attempts", "i8"),  # refusals and rejections since the last fill
        ("rejected", "i8"),  # so was its last order
        ("awake", "i8"),  # it wants to be stepped in the next row
        ("due_ms", "i8"),
        ("rise", "f8", (2,)),  # prices waited for while the price rises, besides those of barriers
        ("fall", "f8", (2,)),
        ("first_step", "i8"),
        ("n_steps", "i8"),
        ("used", "i8"),
        ("left", "f8"),  # still to be asked for
        ("gain", "f8"),
        ("last_open_ms", "i8"),
        ("hedged", "f8"),  # of the second leg
    ],
    align=True,
)

# One level of a ladder or a grid; an executor owns a block of them.
STEP = np.dtype(
    [
        ("executor", "i8"),  # its id; −1: free
        ("state", "i8"),
        ("order", "i8"),  # slot
        ("order_id", "i8"),
        ("asked", "i8"),
        ("whole", "i8"),
        ("price", "f8"),
        ("amount", "f8"),
        ("quote", "f8"),
        ("held", "f8"),
        ("cost", "f8"),
    ],
    align=True,
)

# What `decide` sees of a level: the executor that was made there last.
LEVEL = np.dtype(
    [
        ("phase", "i8"),  # 0: none yet
        ("close_type", "i8"),
        ("created_ms", "i8"),
        ("closed_ms", "i8"),
        ("held", "f8"),  # when done
        ("pnl", "f8"),
        ("at_work", "i8"),  # executors of the level that are not done
        ("id", "i8"),
    ],
    align=True,
)

FILL = np.dtype(
    [
        ("row", "i4"),
        ("market", "i2"),
        ("side", "i1"),
        ("flags", "i1"),  # as below
        ("order", "i4"),
        ("executor", "i4"),
        ("created_row", "i4"),
        ("level", "i4"),
        ("price", "f8"),
        ("amount", "f8"),
        ("fee", "f8"),
    ],
    align=True,
)
# A quote that a single fill takes whole, at its price, has no row among the orders: the fill says all there is to say.
MAKER, FEE_IN_BASE, QUOTE, POST_ONLY_QUOTE = 1, 2, 4, 8
LIQUIDATION, FEE_IN_COIN = 16, 32

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
        ("levels", LEVEL, (MAX_LEVELS,)),
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


# One record, so that it is one pointer wherever it goes; a tuple of arrays costs 300 ns a call.
WORLD = np.dtype(
    [
        ("time_ms", "i8"),
        ("row", "i8"),
        ("code", "i8"),  # Reason.FULL when a table overflowed
        # the account
        ("quote", "f8"),
        ("fees", "f8"),
        ("volume", "f8"),
        ("bars_exposed", "i8"),
        # settings
        ("n_markets", "i8"),
        ("margin", "i8"),
        ("leverage", "f8"),
        ("latency", "i8"),  # rows
        ("path", "i8"),
        ("through", "i8"),
        ("traces", "i8"),  # what a policy passes over is written down too
        ("log_quotes", "i8"),
        ("remote", "i8"),  # a venue answers: a cancellation is asked for, and an order lives until it shows its end
        # counters
        ("next_order", "i8"),
        ("next_executor", "i8"),
        ("orders_top", "i8"),
        ("free_slots", "i8"),  # of orders, below the top
        ("executors_top", "i8"),
        ("cancelled_quotes", "i8"),
        ("n_fills", "i8"),
        ("n_orders", "i8"),
        ("n_executors", "i8"),
        ("n_refusals", "i8"),
        ("n_configs", "i8"),
        ("n_pairs", "i8"),  # executors of two markets at work
        ("steps_top", "i8"),
        ("tells_levels", "i8"),  # somebody looks at `seen.levels`
        ("kernels", "i8", (8,)),  # addresses of the state machines in use, by ExecutorKind
        ("rare", "i8", (4,)),  # addresses of what most runs do without
        ("answer", "f8"),  # what one of those found
        # state
        ("policy", POLICY, (1,)),
        ("seen", VIEW, (1,)),
        ("quotes", "i8", (MAX_LEVELS,)),  # slot of the live order of each quoting or holding level
        ("wishes", "f8", (MAX_LEVELS,)),  # last exposure asked for, by level
        ("markets", MARKET, (MAX_MARKETS,)),
        ("orders", ORDER, (MAX_ORDERS,)),
        ("executors", EXECUTOR, (MAX_EXECUTORS,)),
        ("configs", CONFIG, (MAX_CONFIGS + 1,)),  # the last one is that of none
        ("works", WORK, (MAX_EXECUTORS,)),
        ("steps", STEP, (MAX_STEPS,)),
        # what happened since a driver looked last; it empties them
        ("fills", FILL, (OUTBOX,)),
        ("done_orders", ORDER, (OUTBOX,)),
        ("done_executors", EXECUTOR, (OUTBOX,)),
        ("refusals", REFUSAL, (OUTBOX,)),
    ],
    align=True,
)
OUTBOXES_AT: int = dict(WORLD.fields or {})["fills"][1]  # they are the end of it

World = npt.NDArray[np.void]  # of shape (1,) and dtype WORLD; kernels take its only record


def new_world(*, n_markets: int = 1, cash: float) -> World:
    """An empty world with `cash` in quote currency, no fees and no latency; its settings are plain fields.

    Parameters
    ----------
    n_markets
        How many instruments trade in it, 64 at most.

    Returns
    -------
    ndarray of shape (1,) and dtype WORLD
        Give kernels its record, `world[0]`.
    """
    if not 1 <= n_markets <= MAX_MARKETS:
        raise ConfigError(
            f"{n_markets} instruments: a world takes 1 to {MAX_MARKETS}. Split them over several backtests."
        )
    if not 0.0 < cash < np.inf:
        raise ConfigError(f"`cash` is {cash}. Start with an amount of quote currency above 0.")
    world = np.empty(1, WORLD)
    world.view(np.uint8)[:OUTBOXES_AT] = 0  # they are most of it, and nobody reads in them beyond what is counted
    world["quote"], world["n_markets"], world["leverage"] = cash, n_markets, 1.0
    world["policy"]["max_per_side"] = 1
    world["quotes"] = NO_SLOT
    world["configs"][0, MAX_CONFIGS] = new_configs(1)[0]
    markets = world["markets"][0]
    markets["last"] = np.nan
    markets["below"], markets["above"] = -np.inf, np.inf
    markets["traded_row"] = -1
    markets["deadline_ms"] = markets["wake_row"] = NEVER
    markets["last_created_ms"] = np.iinfo(np.int64).min // 2
    return world


def copy_world(world: World, onto: World) -> World:
    """An old world in new memory, of the same dtype; what it has said and nobody has read is not copied."""
    onto.view(np.uint8)[:OUTBOXES_AT] = world.view(np.uint8)[:OUTBOXES_AT]
    return onto


def new_targets(levels: int) -> npt.NDArray[np.void]:
    """Empty target records, one per level, every term at "none"."""
    if not 1 <= levels <= MAX_LEVELS:
        raise ConfigError(f"{levels} levels: a bot has 1 to {MAX_LEVELS}.")
    targets = np.zeros(levels, TARGET)
    for name in TARGET_TERMS:
        targets[name] = np.nan
    targets["config"] = -1
    return targets


WORDS = {
    Reason.NONE: "accepted",
    Reason.TOO_SMALL: "smaller than the instrument's minimum, or nothing left after rounding to the lot",
    Reason.NO_FUNDS: "the account cannot carry it (a spot account cannot go short or spend more than it has)",
    Reason.WOULD_TAKE: "a post-only order that would have crossed the market",
    Reason.NO_PRICE: "there was no price: the market had no bar yet, or a limit was not above 0",
    Reason.BAD_TARGET: "a target record with an action, market, side, kind, sizing, level, executor or config that "
    "does not exist",
    Reason.BAD_MODE: "a net position is wished for in hedge mode, where a long and a short are held apart",
    Reason.NOTHING_TO_REDUCE: "reduce-only, and there is nothing on the other side to reduce",
    Reason.LEVERAGE: "the leverage is above what the venue allows for a position of this value",
    Reason.TOO_LARGE: "larger than the instrument's largest order",
    Reason.NO_RATE: "no rate between the quote currencies of its two markets is known",
    Reason.BAD_CONFIG: "a config that contradicts itself",
    Reason.STOPPED: "its controller was stopped",
    Reason.NOT_REDUCING: "what was asked for cannot be reduce-only: quotes can, and order executors that are created, "
    "in a run with perpetuals",
    Reason.AT_WORK: "passed over: as many executors of that side as `max_per_side` allows are at work",
    Reason.COOLING: "passed over: the last executor of that side was made less than `cooldown` ago",
    Reason.NOT_EQUIPPED: "a target of a kind that the run was not equipped for",
    Reason.LEAVING: "its cancellation is on its way",
    Reason.AT_VENUE: "its venue said no",
    Reason.AT_GATE: "the limits of the run said no",
    Reason.FULL: "a table of fixed capacity is full",
}


def explain(code: int) -> str:
    """A reason code in words."""
    return WORDS[Reason(code)]
