"""A finished backtest run once more, as it stands in memory, and a hash over everything that it came to."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from workbench.backtest.engine import Tape, all_orders
from workbench.backtest.result import Result
from workbench.backtest.run import run


def again(bot: Any, result: Result) -> Tape:
    """Run a bot over the candles and terms of a result."""
    walked = result.finer or result.market
    tape, _ = run(
        bot, result.market, result.bars, result.settings, walked.timeframe_ms, walked, result.given, result.feeds
    )
    return tape


def digest_of(tape: Tape) -> str:
    """A hash over every order, fill and equity of a run: equal hashes, equal bits."""
    told = hashlib.sha256(np.ascontiguousarray(tape.equity).tobytes())
    for table in (all_orders(tape), tape.fills):
        for name in table.dtype.names or ():
            told.update(name.encode() + np.ascontiguousarray(table[name]).tobytes())
    return told.hexdigest()


def sizes_of(tape: Tape) -> tuple[int, int]:
    """How many orders and fills a run came to."""
    return len(all_orders(tape)), len(tape.fills)
