"""The heart: one bot's whole state, and one tick of its life.

A driver calls `next_tick`, `match`, `advance` and `match` again until a bar is over, and `decide` at its close. The
compiled loop of a backtest does so in one pass; a live run does so per event, and a venue answers in place of `match`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from workbench.trading.advance import advance, decide, stop_early, take, trade_pairs
from workbench.trading.book import BOOK_WORLD, CAREFUL, as_book_world, walk_messages
from workbench.trading.equipping import equip_rare
from workbench.trading.executors import KINDS, equip
from workbench.trading.ledger import equity, netted, settle, to_lot, to_tick, total_equity
from workbench.trading.matching import (
    ALL_ORDERS,
    after_open,
    begin_row,
    match,
    next_tick,
    opened_at,
    rest,
    see_bar,
    see_tick,
    start_walk,
    steps_over,
)
from workbench.trading.models import (
    Fees,
    Intensity,
    Latency,
    Perpetual,
    Queue,
    QueuePosition,
    Slippage,
    Tier,
    as_fees,
    as_latency,
    as_slippage,
)
from workbench.trading.owners import look_at_drawdowns
from workbench.trading.quotes import (
    first_side,
    is_carried,
    is_plain_quote,
    lowest_free,
    nearest,
    put_quotes_back,
    watch_quotes,
)
from workbench.trading.rare import meet_rare
from workbench.trading.venue import (
    CONTROLLER,
    FUNDING,
    MAX_CONTROLLERS,
    MAX_PURSES,
    MAX_TIERS,
    PAYMENT,
    PURSE,
    PURSE_WORLD,
    TIER,
    Extra,
    FillModel,
    PurseKind,
    Stop,
    new_purse_world,
)
from workbench.trading.world import (
    EXECUTOR,
    FEE_IN_BASE,
    FEE_IN_COIN,
    FILL,
    LIQUIDATION,
    MAKER,
    MAX_CONFIGS,
    MAX_EXECUTORS,
    MAX_LEVELS,
    MAX_MARKETS,
    MAX_ORDERS,
    NEVER,
    NO_SIDE,
    NO_SLOT,
    ORDER,
    OUTBOX,
    POST_ONLY_QUOTE,
    QUOTE,
    REFUSAL,
    TICK,
    VIEW,
    CloseType,
    Path,
    Phase,
    Purpose,
    Reason,
    Status,
    World,
    copy_world,
    explain,
    new_targets,
    new_world,
)

if TYPE_CHECKING:
    from workbench.trading.gate import Alarm, Gate, Refusal
    from workbench.trading.limits import Limits
    from workbench.trading.messages import Booked, Fill, Intent, Life, Moved, News, Odd, Oddity, Report, Wish
    from workbench.trading.remote import book, book_outside, end_order, flatten, revive, size_up, wind_down
    from workbench.trading.standing import Resting, Standing, Worth
    from workbench.trading.tracker import Order, Tracker

# What only a live run asks for; a backtest need not wait for it.
HOMES = {
    "gate": "Alarm Gate Refusal",
    "limits": "Limits",
    "messages": "Booked Fill Intent Life Moved News Odd Oddity Report Wish",
    "remote": "book book_outside end_order flatten revive size_up wind_down",
    "standing": "Resting Standing Worth",
    "tracker": "Order Tracker",
}
HOME = {name: home for home, names in HOMES.items() for name in names.split()}

__all__ = [
    "ALL_ORDERS",
    "BOOK_WORLD",
    "CAREFUL",
    "CONTROLLER",
    "EXECUTOR",
    "FEE_IN_BASE",
    "FEE_IN_COIN",
    "FILL",
    "FUNDING",
    "KINDS",
    "LIQUIDATION",
    "MAKER",
    "MAX_CONFIGS",
    "MAX_CONTROLLERS",
    "MAX_EXECUTORS",
    "MAX_LEVELS",
    "MAX_MARKETS",
    "MAX_ORDERS",
    "MAX_PURSES",
    "MAX_TIERS",
    "NEVER",
    "NO_SIDE",
    "NO_SLOT",
    "ORDER",
    "OUTBOX",
    "PAYMENT",
    "POST_ONLY_QUOTE",
    "PURSE",
    "PURSE_WORLD",
    "QUOTE",
    "REFUSAL",
    "TICK",
    "TIER",
    "VIEW",
    "Alarm",
    "Booked",
    "CloseType",
    "Extra",
    "Fees",
    "Fill",
    "FillModel",
    "Gate",
    "Intensity",
    "Intent",
    "Latency",
    "Life",
    "Limits",
    "Moved",
    "News",
    "Odd",
    "Oddity",
    "Order",
    "Path",
    "Perpetual",
    "Phase",
    "Purpose",
    "PurseKind",
    "Queue",
    "QueuePosition",
    "Reason",
    "Refusal",
    "Report",
    "Resting",
    "Slippage",
    "Standing",
    "Status",
    "Stop",
    "Tier",
    "Tracker",
    "Wish",
    "World",
    "Worth",
    "advance",
    "after_open",
    "as_book_world",
    "as_fees",
    "as_latency",
    "as_slippage",
    "begin_row",
    "book",
    "book_outside",
    "copy_world",
    "decide",
    "end_order",
    "equip",
    "equip_rare",
    "equity",
    "explain",
    "first_side",
    "flatten",
    "is_carried",
    "is_plain_quote",
    "look_at_drawdowns",
    "lowest_free",
    "match",
    "meet_rare",
    "nearest",
    "netted",
    "new_purse_world",
    "new_targets",
    "new_world",
    "next_tick",
    "opened_at",
    "put_quotes_back",
    "rest",
    "revive",
    "see_bar",
    "see_tick",
    "settle",
    "size_up",
    "start_walk",
    "steps_over",
    "stop_early",
    "take",
    "to_lot",
    "to_tick",
    "total_equity",
    "trade_pairs",
    "walk_messages",
    "watch_quotes",
    "wind_down",
]


def __getattr__(name: str) -> Any:
    if name not in HOME:
        raise AttributeError(f"workbench.trading has no {name!r}. It offers {', '.join(__all__)}.")
    return getattr(importlib.import_module(f"{__name__}.{HOME[name]}"), name)
