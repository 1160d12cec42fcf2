"""Nouns that every room shares: instruments, candles, targets, and the codes in their arrays.

They check, round and convert; they fetch nothing and decide nothing.
"""

from workbench.market.audit import Audit
from workbench.market.candles import Candles
from workbench.market.codes import BUY, FLAT, POLICY, SELL, TARGET, Action, OrderKind, Sizing
from workbench.market.instrument import Instrument
from workbench.market.targets import Policy, Targets
from workbench.market.timeframe import (
    as_milliseconds,
    as_time,
    as_timeframe,
    ceil_time,
    floor_time,
    show_time,
    timeframe_ms,
)

__all__ = [
    "BUY",
    "FLAT",
    "POLICY",
    "SELL",
    "TARGET",
    "Action",
    "Audit",
    "Candles",
    "Instrument",
    "OrderKind",
    "Policy",
    "Sizing",
    "Targets",
    "as_milliseconds",
    "as_time",
    "as_timeframe",
    "ceil_time",
    "floor_time",
    "show_time",
    "timeframe_ms",
]
