"""What a compiled `decide` says of a level, as a quote: its price and amount in steps, and whether it is one at all."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled, seen_as
from workbench.market import TARGET, Action, OrderKind, Sizing
from workbench.trading import DUST, to_lot, to_tick

# A target whose barriers are read as bits: whether three of them are NaN is seen without a branch.
BITS = np.dtype([(name, "i8") for name in TARGET.names or ()], align=True)
NAN_BITS = np.float64(np.nan).view(np.int64)
as_bits = seen_as(BITS)


@compiled(leaf=True)
def rounded(target, tick, lot):
    """Its price and its amount in steps of the instrument; an amount that is no number is none."""
    if tick > 0.0 or lot > 0.0:
        return to_tick(target.price, target.side, tick), to_lot(target.size, lot)
    return target.price, target.size if target.size >= DUST else 0.0


@compiled(leaf=True)
def oddness(target, bits):
    """0 for a quote and nothing else, of the first market, in base units."""
    odd = (target.action - Action.QUOTE) | target.market | (target.sizing - Sizing.BASE) | target.reduce
    odd |= (target.kind - OrderKind.LIMIT) * (target.kind - OrderKind.POST_ONLY) | target.side * target.side >> 1
    return odd | (bits.stop_loss - NAN_BITS) | (bits.take_profit - NAN_BITS) | (bits.trailing_delta - NAN_BITS)


@compiled(leaf=True)
def clear(target):
    """A record that says nothing, from one that is all zero."""
    target.price = target.trigger = target.stop_loss = target.take_profit = np.nan
    target.trailing_activation = target.trailing_delta = np.nan
    target.config = -1


@compiled(leaf=True)
def say_again(target, source):
    """Make a record say what another one does."""
    target.action, target.market, target.side, target.kind = source.action, source.market, source.side, source.kind
    target.price, target.trigger, target.size, target.sizing = source.price, source.trigger, source.size, source.sizing
    target.stop_loss, target.take_profit = source.stop_loss, source.take_profit
    target.trailing_activation, target.trailing_delta = source.trailing_activation, source.trailing_delta
    target.time_limit_ms, target.executor, target.config = source.time_limit_ms, source.executor, source.config
    target.keep, target.reduce = source.keep, source.reduce
