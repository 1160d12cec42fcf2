"""A run, row by row (parts 1, 16, 25 and 26)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .decisions import decide, look_at_drawdowns
from .executors import step
from .perpetuals import drop_early_funding, settle_funding
from .records import Executor, Outcome
from .state import World, equity, is_fresh_rate, new_world
from .terms import NAN, Bars, Settings, Target
from .walk import is_bar, walk

Decide = Callable[[int, World], Sequence[Target | Mapping[str, Any]]]
Decisions = Decide | Sequence[Sequence[Target | Mapping[str, Any]]]


def run(bars: Bars, decisions: Decisions, settings: Settings) -> Outcome:
    """Trade `decisions` on `bars`, row by row (part 1).

    Parameters
    ----------
    bars : Bars
    decisions : callable or sequence
        A list of targets (or dicts of their fields) per row, or a function of row and world that returns one.
    settings : Settings
    """
    world = new_world(settings)
    markets = range(len(settings.markets))
    for market in markets:
        if len(bars.time):
            drop_early_funding(world, market, int(bars.time[0]) + bars.timeframe_ms - timeframe(bars, market))
    world.row_began_ms = -(2**62)
    for row, stamp in enumerate(bars.time):
        closed_ms = int(stamp) + bars.timeframe_ms
        world.row, world.active_row = row, row + settings.latency
        take_rates(world, bars, row)
        for market in markets:
            settle_funding(world, market, world.row_began_ms, inclusive=True)
        for market in markets:
            see_bar(world, bars, market, row, closed_ms)
        world.now = world.at_ms = world.row_began_ms = closed_ms
        world.equity.append(equity(world))
        count_rates(world)
        world.active_row = row + 1 + settings.latency
        look_at_drawdowns(world)
        world.pnls.append([owner.pnl for owner in world.controllers])
        for executor in list(world.executor_slots):
            if executor is not None and steps_now(world, executor):
                step(world, executor, world.last[executor.market])
        wanted = decisions(row, world) if callable(decisions) else decisions[row]
        decide(world, [wish if isinstance(wish, Target) else Target(**wish) for wish in wanted])
    return Outcome(
        world.fills, world.orders, world.executors, world.refusals, world.equity, world.cash,
        [world.position(market) for market in markets], world, world.pnls,
    )  # fmt: skip


def steps_now(world: World, executor: Executor) -> bool:
    """Is it one of two markets, and has it heard of its fills?"""
    return executor.config.market2 >= 0 and executor.phase != "DONE" and executor.hears_ms <= world.now


def timeframe(bars: Bars, market: int) -> int:
    return bars.timeframes[market] if bars.timeframes else bars.timeframe_ms


def see_bar(world: World, bars: Bars, market: int, row: int, closed_ms: int) -> None:
    """Walk the bar of a market that closes in this row, if there is one."""
    bar = tuple(float(side[market][row]) for side in (bars.open, bars.high, bars.low, bars.close))
    if not is_bar(bar):
        return
    rules = world.settings.markets[market]
    volume = float(bars.volume[market][row]) if bars.volume else NAN
    world.volumes[market] = 0.0 if math.isnan(volume) or volume < 0 else volume
    world.rooms[market] = rules.participation * world.volumes[market] if rules.participation else math.inf
    world.before[market] = world.last[market]
    world.mark_bars[market] = bars.marks[market][row] if bars.marks else None
    world.bar_rows[market] = row
    walk(world, market, bar, closed_ms - timeframe(bars, market), closed_ms)


def take_rates(world: World, bars: Bars, row: int) -> None:
    """What was known of rates when the row before closed."""
    if not bars.rates:
        return
    for purse, series in zip(world.purses, bars.rates, strict=True):
        news = series[row] if series else None
        if news is not None:
            purse.rate, purse.rate_ms = news


def count_rates(world: World) -> None:
    world.rows_without_rate += any(math.isnan(purse.rate) for purse in world.purses)
    known = [purse for purse in world.purses if not math.isnan(purse.rate)]
    world.rows_with_old_rate += any(not is_fresh_rate(world, purse) for purse in known)
