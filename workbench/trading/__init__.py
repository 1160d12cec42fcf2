"""The heart: one bot's whole state, and one tick of its life.

A driver calls `next_tick`, `match`, `advance` and `match` again until a bar is over, and `decide` at its close. The
compiled loop of a backtest does so in one pass; a live run does so per event, and a venue answers in place of `match`.
"""

from workbench.trading.advance import advance, decide, take
from workbench.trading.ledger import equity, settle
from workbench.trading.matching import ALL_ORDERS, match, next_tick, rest, start_walk
from workbench.trading.models import Fees, Latency, Slippage, as_fees, as_latency, as_slippage
from workbench.trading.world import (
    CloseType,
    Path,
    Phase,
    Purpose,
    Reason,
    Status,
    World,
    explain,
    new_targets,
    new_world,
)

__all__ = [
    "ALL_ORDERS", "CloseType", "Fees", "Latency", "Path", "Phase", "Purpose", "Reason", "Slippage", "Status", "World", "advance", "as_fees", "as_latency", "as_slippage", "decide", "equity",
    "explain", "match", "new_targets", "new_world", "next_tick", "rest", "settle", "start_walk", "take",
]  # fmt: skip
