"""The records of a world with purses: those of a plain world, each with more fields behind it."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.errors import ConfigError
from workbench.market import POLICY
from workbench.trading.world import (
    MARKET,
    MAX_EXECUTORS,
    MAX_LEVELS,
    MAX_MARKETS,
    NEVER,
    ORDER,
    VIEW,
    WORLD,
    World,
    new_world,
)

MAX_PURSES = 16
MAX_TIERS = 16
MAX_CONTROLLERS = 16
DAYS = 30  # that a volume of a fee tier is summed over


class PurseKind(IntEnum):
    """What a purse may carry; docs/perpetuals.md part 16."""

    SPOT = 0
    MARGIN = 1
    PERPETUAL = 2


class FillModel(IntEnum):
    """What fills a limit order that rests; docs/matching.md part 23."""

    TOUCH = 0
    THROUGH = 1
    QUEUE = 2
    INTENSITY = 3
    POSITION = 4  # in a recorded book; docs/books.md


class Stop(IntEnum):
    """Which drawdown stopped a controller."""

    NONE = 0
    OWN = 1
    ALL = 2


CONTROLLER = np.dtype(
    [
        ("first_level", "i8"),
        ("n_levels", "i8"),
        ("first_config", "i8"),
        ("stopped", "i8"),  # a Stop
        ("stopped_row", "i8"),
        ("max_drawdown", "f8"),  # in the reporting currency; 0: none
        ("peak", "f8"),
        ("pnl", "f8"),
        ("policy", POLICY, (1,)),
        ("flow", "f8", (MAX_MARKETS,)),  # money in, by market, in its quote currency
        ("position", "f8", (MAX_MARKETS,)),
        ("last_created_ms", "i8", (MAX_MARKETS, 2)),  # [short, long]
    ],
    align=True,
)

TIER = np.dtype([("floor", "f8"), ("maintenance", "f8"), ("deduction", "f8"), ("max_leverage", "f8")], align=True)

PURSE = np.dtype(
    [
        ("quote", "f8"),
        ("kind", "i8"),
        ("hedge", "i8"),
        ("leverage", "f8"),  # of a margin purse
        ("insurance", "f8"),  # what a venue bore of losses beyond the purse
        ("rate", "f8"),  # to the reporting currency; NaN: not known yet
        ("rate_ms", "i8"),
        ("max_age_ms", "i8"),
        ("n_tiers", "i8"),
        ("fee_tiers", "f8", (MAX_TIERS, 3)),  # volume, maker, taker
        ("volumes", "f8", (DAYS,)),  # of the days before today, oldest first
        ("today", "f8"),
        ("day", "i8"),  # −1 before the first tick
    ],
    align=True,
)

MARKET_MORE: list[Any] = [
    ("purse", "i8"),
    ("timeframe_ms", "i8"),  # 0: that of the rows
    ("leverage", "f8"),
    ("liquidation_fee", "f8"),
    ("max_amount", "f8"),
    ("n_tiers", "i8"),
    ("tiers", TIER, (MAX_TIERS,)),
    # a hedged position: [long, short]
    ("legs", "f8", (2,)),
    ("entries", "f8", (2,)),
    # the mark, and its bar; NaN where there is none
    ("mark", "f8"),
    ("basis", "f8"),
    ("mark_open", "f8"),
    ("mark_high", "f8"),
    ("mark_low", "f8"),
    ("mark_close", "f8"),
    # funding: the next stamp of this market, the one after its last, and those without a rate
    ("next_stamp", "i8"),
    ("end_stamp", "i8"),
    ("gaps", "i8"),
    # models
    ("half_spread", "f8"),
    ("impact", "f8"),
    ("participation", "f8"),
    ("room", "f8"),
    ("volume", "f8"),
    ("before", "f8"),  # last price before the bar that is walked
    ("queue", "f8"),
    ("intensity", "f8"),
    ("decay", "f8"),
    ("dt", "f8"),
    ("fee_purse", "i8"),  # −1: fees are not paid in a third coin
    ("discount", "f8"),
    ("submit_ms", "i8"),
    ("cancel_ms", "i8"),
    ("report_ms", "i8"),
]

FUNDING = np.dtype([("time_ms", "i8"), ("market", "i8"), ("rate", "f8"), ("mark", "f8")], align=True)

PAYMENT = np.dtype(
    [
        ("row", "i8"),  # −1: not paid
        ("market", "i8"),
        ("time_ms", "i8"),
        ("rate", "f8"),
        ("mark", "f8"),
        ("position", "f8"),
        ("amount", "f8"),
    ],
    align=True,
)


def extended(record: np.dtype[np.void], more: list[Any], **instead: Any) -> np.dtype[np.void]:
    """The fields of a record, some of another type, and more behind them."""
    fields = [(name, instead.get(name, record.fields[name][0])) for name in record.names or () if record.fields]
    return np.dtype(fields + more, align=True)


PURSE_ORDER = extended(ORDER, [("arrives_ms", "i8"), ("ends_ms", "i8")])  # NEVER: no cancel is on its way
PURSE_WORLD = extended(
    WORLD,
    [
        ("n_purses", "i8"),
        ("fill", "i8"),
        ("seed", "u8"),
        ("asks_reduce", "i8"),  # what is asked for now is reduce-only
        ("at_open", "i8"),  # the tick is the open of a bar
        ("before_ms", "i8"),  # close of this row, once it has begun
        ("began_ms", "i8"),  # close of the row before
        # the walk: path time, the bar's times, the last vertex reached, and the price on the leg from it
        ("at_ms", "i8"),
        ("walking", "i8"),
        ("open_ms", "i8"),
        ("close_ms", "i8"),
        ("vertex", "i8"),
        ("on_leg", "i8"),
        ("leg_from", "f8"),
        ("leg_to", "f8"),
        ("price", "f8"),
        ("hears_ms", "i8", (MAX_EXECUTORS,)),  # when the executor of a slot has heard of its last fill
        ("n_payments", "i8"),
        ("liquidations", "i8"),
        ("funding", "f8"),  # paid, less received, in the reporting currency
        ("rows_without_rate", "i8"),
        ("rows_with_old_rate", "i8"),
        ("purses", PURSE, (MAX_PURSES,)),
        # several controllers; none: the run's one, whose account is the first
        ("n_controllers", "i8"),
        ("deciding", "i8"),
        ("max_drawdown", "f8"),
        ("peak", "f8"),
        ("owners", "i8", (MAX_LEVELS,)),
        ("controllers", CONTROLLER, (MAX_CONTROLLERS,)),
        ("views", VIEW, (MAX_CONTROLLERS,)),
    ],
    markets=np.dtype((extended(MARKET, MARKET_MORE), WORLD["markets"].shape)),
    orders=np.dtype((PURSE_ORDER, WORLD["orders"].shape)),
    done_orders=np.dtype((PURSE_ORDER, WORLD["done_orders"].shape)),
)


class Extra(NamedTuple):
    """What a world with purses is given beside its bars.

    `volume` and the marks are (n_markets, n_rows) planes, or (0, 0) where there are none. Funding stamps are in order
    of market, then time; `paid` has a row for each, `order` counting them as they are settled.
    """

    volume: npt.NDArray[np.float64]
    mark_open: npt.NDArray[np.float64]
    mark_high: npt.NDArray[np.float64]
    mark_low: npt.NDArray[np.float64]
    mark_close: npt.NDArray[np.float64]
    funding: npt.NDArray[np.void]
    paid: npt.NDArray[np.void]
    rates: npt.NDArray[np.float64]
    rate_ms: npt.NDArray[np.int64]


def new_purse_world(*, n_markets: int, cash: list[float]) -> World:
    """An empty world with a purse for each amount of `cash`; all markets trade from the first, a spot purse.

    Parameters
    ----------
    cash
        Quote currency of each purse, 0 or more; what is asked of `new_world` of the first.
    """
    if not 1 <= len(cash) <= MAX_PURSES:
        raise ConfigError(f"{len(cash)} purses: a run has 1 to {MAX_PURSES}. Let more markets share one.")
    plain = new_world(n_markets=n_markets, cash=max(cash))
    world = np.zeros(1, PURSE_WORLD)
    for name in WORLD.names or ():
        if name not in ("markets", "orders", "done_orders"):
            world[name] = plain[name]
    markets, purses = world["markets"][0], world["purses"][0]
    for name in MARKET.names or ():
        markets[name] = plain["markets"][0][name]
    markets["below"], markets["above"] = np.inf, -np.inf  # every bar is walked: it moves the mark
    markets["leverage"], markets["basis"], markets["fee_purse"] = 1.0, 1.0, -1
    for name in ("mark", "entries", "mark_open", "mark_high", "mark_low", "mark_close", "before"):
        markets[name] = np.nan
    markets["room"] = np.inf
    purses["quote"][: len(cash)] = cash
    purses["leverage"], purses["rate"], purses["day"] = 1.0, 1.0, -1
    world["peak"] = np.nan
    world["controllers"]["stopped_row"] = -1
    world["controllers"]["last_created_ms"] = np.iinfo(np.int64).min // 2
    world["n_purses"], world["before_ms"] = len(cash), -NEVER // 2
    world["quote"] = sum(cash)
    return world
