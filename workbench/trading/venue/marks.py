"""The mark price beside the last, and what a walk stops at because of it; docs/perpetuals.md parts 19 and 20."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled, in_place_of
from workbench.market import BUY, SELL, OrderKind
from workbench.trading.matching import path, seams
from workbench.trading.matching.path import CLOSE, OPEN, nearer, vertex_before, vertex_of
from workbench.trading.venue.arrivals import end_cancelled, has_arrived, nearest_arrival, note_place
from workbench.trading.venue.budget import leg_tier
from workbench.trading.venue.fees import choose_fee_tier
from workbench.trading.venue.liquidation import liquidate_if_due
from workbench.trading.venue.money import closes, leg_of, purse_of
from workbench.trading.venue.records import FillModel, PurseKind
from workbench.trading.world import NEVER


@in_place_of(seams.steps_over)
@compiled(leaf=True)
def steps_over(world):
    return False


@in_place_of(seams.opened_at)
@compiled(leaf=True)
def opened_at(world, m, open_ms, close_ms):
    timeframe_ms = world.markets[m].timeframe_ms
    return max(close_ms - timeframe_ms if timeframe_ms > 0 else open_ms, world.began_ms)


@in_place_of(seams.see_bar)
@compiled(part=True)
def see_bar(world, extra, m, opened):
    market, t = world.markets[m], world.row
    volume = extra.volume[m, t] if extra.volume.shape[1] > 0 else 0.0
    market.volume = volume if volume > 0.0 else 0.0
    market.room = market.participation * market.volume if market.participation > 0.0 else np.inf
    market.before = market.last
    if extra.mark_close.shape[1] > 0:
        market.mark_open, market.mark_high = extra.mark_open[m, t], extra.mark_high[m, t]
        market.mark_low, market.mark_close = extra.mark_low[m, t], extra.mark_close[m, t]


@in_place_of(seams.see_tick)
@compiled(part=True)
def see_tick(world, tick):
    market = world.markets[tick.market]
    note_place(world, tick)
    market.mark = mark_at(market, tick)
    if tick.leg == CLOSE and tick.price == tick.close and market.mark_close == market.mark_close:
        market.basis = market.mark_close / tick.close
    choose_fee_tier(world, market.purse)
    end_cancelled(world, tick.market)
    liquidate_if_due(world, market.purse)


@compiled(part=True)
def mark_at(market, tick):
    """The mark at a tick: on the way between two vertices as far along as the price is."""
    if market.mark_close != market.mark_close:
        return tick.price * market.basis
    if tick.leg == OPEN:
        return market.mark_open
    b, there = vertex_of(tick), mark_vertex(market, tick, tick.leg)
    if tick.price == b:
        return there
    a, here = vertex_before(tick), mark_vertex(market, tick, tick.leg - 1)
    return here + (there - here) * ((tick.price - a) / (b - a))


@compiled(leaf=True)
def mark_vertex(market, tick, leg):
    """The mark where a leg ends: its high goes with the high of the path."""
    if leg == OPEN:
        return market.mark_open
    if leg == CLOSE:
        return market.mark_close
    is_high = (leg == OPEN + 1) == (tick.first >= tick.second)
    return market.mark_high if is_high else market.mark_low


# What a walk stops at ------------------------------------------------------------------------------------------


@in_place_of(path.order_wait)
@compiled(leaf=True)
def order_wait(world, order):
    """Does a live order wait for a higher price, and for which?"""
    if order.kind >= OrderKind.STOP and not order.triggered:
        return order.side == BUY, order.trigger
    if order.kind == OrderKind.MARKET or order.kind == OrderKind.STOP or world.fill == FillModel.INTENSITY:
        return True, np.nan
    return order.side != BUY, order.price


@in_place_of(path.is_leaning)
@compiled(leaf=True)
def is_leaning(world, order):
    return not closes(order) and has_arrived(world, order)


@in_place_of(path.note_waits)
@compiled(leaf=True)
def note_waits(world, m):
    """Every bar is walked, because it moves the mark."""
    market = world.markets[m]
    market.below, market.above, market.deadline_ms, market.wake_row = np.inf, -np.inf, NEVER, world.row + 1


@in_place_of(path.nearer_still)
@compiled(part=True)
def nearer_still(world, tick, up, price, best):
    """Where orders arrive on the way, and the price at which the purse of a market is liquidated."""
    m = tick.market
    best = nearest_arrival(world, tick, up, price, best)
    if purse_of(world, m).kind != PurseKind.PERPETUAL:
        return best
    mark, net = liquidation_mark(world, m)
    if mark != mark:
        return best
    market = world.markets[m]
    if market.mark_close != market.mark_close:
        return nearer(up, price, mark / market.basis, best) if (net < 0.0) == up else best
    here, there = mark_vertex(market, tick, tick.leg - 1), mark_vertex(market, tick, tick.leg)
    if min(here, there) < mark < max(here, there):
        a, b = vertex_before(tick), vertex_of(tick)
        return nearer(up, price, a + (b - a) * ((mark - here) / (there - here)), best)
    return best


@compiled(part=True)
def liquidation_mark(world, m):
    """The mark at which a purse is liquidated, its other markets as they are (NaN: none), and what it falls with."""
    long, short = leg_of(world, m, BUY), leg_of(world, m, SELL)
    weight = deductions = 0.0
    for side in (BUY, SELL):
        amount = leg_of(world, m, side)
        if amount > 0.0:
            rate, deduction = leg_tier(world, m, side)
            weight += amount * rate
            deductions += deduction
    net = long - short
    if (long == 0.0 and short == 0.0) or net == weight:
        return np.nan, 0.0
    balance, required = _without(world, m)
    mark = ((required - deductions) - balance) / (net - weight)
    return (mark if mark > 0.0 else np.nan), net - weight


@compiled(part=True)
def _without(world, m):
    """Margin balance and maintenance of a purse but for one market."""
    purse = world.markets[m].purse
    balance, required = world.purses[purse].quote, 0.0
    for i in range(world.n_markets):
        market = world.markets[i]
        if i == m or market.purse != purse or market.mark != market.mark:
            continue
        balance += market.position * market.mark
        for side in (BUY, SELL):
            amount = leg_of(world, i, side)
            if amount > 0.0:
                rate, deduction = leg_tier(world, i, side)
                required += amount * market.mark * rate - deduction
    return balance, required
