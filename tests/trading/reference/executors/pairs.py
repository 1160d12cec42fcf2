"""What executors of two markets have in common (part 12)."""

from __future__ import annotations

import math

from ..ledger import hand_over
from ..orders import refuse
from ..records import Executor, Fill, Order
from ..state import World, after_fill, is_fresh_rate, slippage_of
from .common import end


def has_rates(world: World, markets: tuple[int, int]) -> bool:
    return not any(math.isnan(world.purse_of(market).rate) for market in markets)


def comparable(world: World, executor: Executor) -> bool:
    """Did both markets have a bar in this row, and are the rates fresh?"""
    markets = (executor.market, executor.config.market2)
    same_moment = all(world.bar_rows[market] == world.row for market in markets)
    return same_moment and all(is_fresh_rate(world, world.purse_of(market)) for market in markets)


def rate(world: World, market: int) -> float:
    return world.purse_of(market).rate


def taker_price(world: World, market: int, side: int) -> float:
    """What a taker pays at the last price, without impact."""
    worse = world.settings.markets[market].half_spread + slippage_of(world, market)
    return world.last[market] * (1.0 + side * worse)


def book_leg(world: World, executor: Executor, order: Order, fill: Fill, got: float, fee_quote: float) -> None:
    """A fill of a leg, in the reporting currency; what undoes a leg goes back."""
    sign = -1.0 if order.purpose == "EXIT" else 1.0
    value = fill.price * fill.amount * rate(world, order.market)
    executor.fees += fee_quote * rate(world, order.market)
    if order.tag == 0:
        executor.entry_amount += sign * fill.amount
        executor.entry_value += sign * value
        executor.held = after_fill(executor.held, sign * got)
    else:
        executor.exit_amount += sign * fill.amount
        executor.exit_value += sign * value
        executor.hedged = after_fill(executor.hedged, sign * got)


def finish_pair(world: World, executor: Executor, close_type: str) -> None:
    """Done: the profit is the executor's, both inventories go to the position holds at one value."""
    d, first, second = executor.side, executor.market, executor.config.market2
    here = world.last[first]
    there = here * rate(world, first) / rate(world, second)
    executor.pnl = d * (executor.exit_value - executor.entry_value) - executor.fees
    rest = executor.held - executor.hedged
    executor.pnl += d * rest * here * rate(world, first) if rest else 0.0
    end(world, executor, close_type)
    hand_over(world, executor, first, d * executor.held, here)
    hand_over(world, executor, second, -d * executor.hedged, there)


def refused_leg(world: World, executor: Executor, market: int, reason: str) -> None:
    refuse(world, market, reason, executor_id=executor.id)
    executor.attempts += 1
