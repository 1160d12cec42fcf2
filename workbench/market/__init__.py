"""Nouns that every room shares: instruments, candles, targets, and the codes in their arrays.

They check, round and convert; they fetch nothing and decide nothing.
"""

from workbench.market.audit import Audit, audit_arrays
from workbench.market.candles import COLUMNS, Candles
from workbench.market.checking import FloatArray, TimeArray, check_candles, check_scale
from workbench.market.codes import (
    BUY,
    CONFIG,
    FLAT,
    LADDER,
    POLICY,
    SELL,
    TARGET,
    TARGET_TERMS,
    Action,
    ExecutorKind,
    LegPolicy,
    Mode,
    OrderKind,
    Sizing,
    new_configs,
)
from workbench.market.depth import (
    FEED,
    MESSAGE,
    TOP,
    MessageKind,
    change_levels,
    new_feed,
    rebuild,
    shown_at,
    take_quote,
)
from workbench.market.frames import USUAL_NAMES, as_polars, candle_arrays, commonest_step, float_column, time_column
from workbench.market.instrument import Instrument
from workbench.market.recording import Recording
from workbench.market.resampling import bar_starts, exact_sums
from workbench.market.targets import TARGET_COLUMNS, Policy, Targets
from workbench.market.timeframe import (
    Moment,
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
    "COLUMNS",
    "CONFIG",
    "FEED",
    "FLAT",
    "LADDER",
    "MESSAGE",
    "POLICY",
    "SELL",
    "TARGET",
    "TARGET_COLUMNS",
    "TARGET_TERMS",
    "TOP",
    "USUAL_NAMES",
    "Action",
    "Audit",
    "Candles",
    "ExecutorKind",
    "FloatArray",
    "Instrument",
    "LegPolicy",
    "MessageKind",
    "Mode",
    "Moment",
    "OrderKind",
    "Policy",
    "Recording",
    "Sizing",
    "Targets",
    "TimeArray",
    "as_milliseconds",
    "as_polars",
    "as_time",
    "as_timeframe",
    "audit_arrays",
    "bar_starts",
    "candle_arrays",
    "ceil_time",
    "change_levels",
    "check_candles",
    "check_scale",
    "commonest_step",
    "exact_sums",
    "float_column",
    "floor_time",
    "new_configs",
    "new_feed",
    "rebuild",
    "show_time",
    "shown_at",
    "take_quote",
    "time_column",
    "timeframe_ms",
]
