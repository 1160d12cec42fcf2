"""What all executors have in common (part 8)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from workbench.market.codes import BUY, OrderKind

from ..budget import free_base, whole_lots
from ..ledger import hand_over
from ..orders import ask, cancel, leg_order, refuse
from ..records import Executor, Fill
from ..state import World, after_fill, live_orders, take_slot
from ..terms import MOST_REPEATS, Config, ExecutorKind, Target

SCALED_PRICES = ("start", "end", "limit")
SCALED_AMOUNTS = ("total", "amount")


# Creating (8.1) ---------------------------------------------------------------------------------------------------


def resolved(world: World, target: Target) -> Config:
    """The config of a target, scaled by its price and size, with its own terms before the config's."""
    policy = world.controllers[target.controller].terms.policy
    plain = Config(net_of_fees=policy.net_of_fees, take_profit_kind=policy.take_profit_kind)
    config = world.settings.configs[target.config] if target.config >= 0 else plain
    terms: dict[str, Any] = {}
    for name in ("stop_loss", "take_profit", "trailing_activation", "trailing_delta"):
        if not math.isnan(getattr(target, name)):
            terms[name] = getattr(target, name)
    if target.time_limit_ms > 0:
        terms["time_limit_ms"] = target.time_limit_ms
    if target.executor not in (ExecutorKind.ARBITRAGE, ExecutorKind.XEMM):
        terms["market2"] = -1
    if target.executor not in (ExecutorKind.POSITION, ExecutorKind.ORDER):
        terms |= scaled(config, target)
    return replace(config, **terms)


def scaled(config: Config, target: Target) -> dict[str, Any]:
    terms: dict[str, Any] = {}
    if not math.isnan(target.price):
        terms |= {name: getattr(config, name) * target.price for name in SCALED_PRICES}
        terms["prices"] = tuple(price * target.price for price in config.prices)
    if not math.isnan(target.size):
        terms |= {name: getattr(config, name) * target.size for name in SCALED_AMOUNTS}
        terms["amounts"] = tuple(amount * target.size for amount in config.amounts)
    return terms


def contradicts(config: Config) -> bool:
    """What contradicts itself in any config (8.1)."""
    one_sided = math.isnan(config.trailing_activation) != math.isnan(config.trailing_delta)
    numbers = [getattr(config, name) for name in NUMBERS]
    times = (config.time_limit_ms, config.frequency_ms, config.duration_ms, config.interval_ms, config.resubmit_ms)
    return one_sided or any(map(math.isinf, numbers)) or min(times) < 0 or config.retries < 0 or config.bound < 0


NUMBERS = (
    "stop_loss", "take_profit", "trailing_activation", "trailing_delta", "bound", "distance", "refresh", "start",
    "end", "limit", "total", "min_spread", "min_order", "safe", "buffer", "amount", "min_profit", "target_profit",
    "max_profit",
)  # fmt: skip


def refused(world: World, target: Target, level: int, reason: str) -> None:
    refuse(world, target.market, reason, level=level)


def made(world: World, target: Target, config: Config, level: int) -> Executor:
    """A new executor in its slot, before its first step."""
    executor = Executor(
        len(world.executors), target.market, target.side, target, world.now, world.row, kind=target.executor,
        config=config, level=level, controller=target.controller,
    )  # fmt: skip
    world.executors.append(executor)
    take_slot(world.executor_slots, executor)
    world.controllers[target.controller].last_created[target.market, target.side] = world.now
    return executor


# Money (8.2) ------------------------------------------------------------------------------------------------------


def books_of(executor: Executor, fill: Fill, got: float, fee_quote: float) -> None:
    """An entry: what came in."""
    executor.entry_amount += fill.amount
    executor.entry_value += fill.price * fill.amount
    executor.entry_fees += fee_quote
    executor.came_in += got
    executor.held += got
    single = executor.entry_amount == fill.amount
    executor.entry = fill.price if single else executor.entry_value / executor.entry_amount


def take_out(executor: Executor, fill: Fill, got: float) -> None:
    """An exit: what went out."""
    executor.exit_amount += fill.amount
    executor.exit_value += fill.price * fill.amount
    executor.exited += got
    executor.held = after_fill(executor.held, -got)


def finish(world: World, executor: Executor, close_type: str, price: float) -> None:
    """Done: net PnL, with what is left counted, and handed over, at `price`, or at its break-even if it is kept."""
    d, rest = executor.side, executor.held
    x = executor.entry if rest and (executor.keeps or close_type == "COMPLETED") else price
    executor.pnl = d * (executor.exit_value - executor.entry_value) - executor.fees + d * rest * x
    end(world, executor, close_type)
    hand_over(world, executor, executor.market, d * rest, x)


def end(world: World, executor: Executor, close_type: str) -> None:
    executor.phase, executor.close_type = "DONE", close_type
    executor.closed_ms, executor.closed_row = world.now, world.row
    world.executor_slots[world.executor_slots.index(executor)] = None


# Exits (8.3, 8.4) -------------------------------------------------------------------------------------------------


def is_over(world: World, executor: Executor, price: float) -> bool:
    """Go on with an exit, or give up; False when a step has its own things to do."""
    if executor.phase == "EXITING":
        repeat_exit(world, executor, price)
        return True
    if executor.attempts > executor.config.retries:
        start_exit(world, executor, "FAILED", keeps=executor.kind in (ExecutorKind.ORDER, ExecutorKind.TWAP))
        return True
    return False


def start_exit(world: World, executor: Executor, close_type: str, *, keeps: bool = False) -> None:
    """*Exit*: cancel what lives, then wind up."""
    cancel_all(world, executor)
    executor.phase, executor.close_type, executor.keeps = "EXITING", close_type, keeps
    wind_up(world, executor)


def cancel_all(world: World, executor: Executor) -> None:
    for order in live_orders(world, executor):
        cancel(world, order)


def wind_up(world: World, executor: Executor) -> None:
    """Sell what is held, once no order of the executor lives; or keep it."""
    if live_orders(world, executor):
        return
    market, last = executor.market, world.last[executor.market]
    if executor.keeps:
        kept = executor.close_type == "EARLY_STOP" and executor.held > 0
        finish(world, executor, "POSITION_HOLD" if kept else executor.close_type, last)
        return
    amount = executor.held
    if world.is_spot(market) and executor.side == BUY:
        amount = min(amount, free_base(world, market, closes=True))
    amount = whole_lots(world, market, amount)
    if amount <= 0:
        finish(world, executor, executor.close_type, last)
        return
    most = world.settings.markets[market].max_amount
    is_part = 0 < most < amount
    amount = whole_lots(world, market, most) if is_part else amount
    executor.exit_order = ask(world, leg_order(world, executor, market, -executor.side, amount))
    if executor.exit_order is not None:
        executor.exit_order.is_part = is_part


def repeat_exit(world: World, executor: Executor, price: float) -> None:
    if live_orders(world, executor):
        return
    if executor.repeats == MOST_REPEATS and not executor.keeps:
        finish(world, executor, "FAILED", price)
        return
    executor.repeats += 1
    wind_up(world, executor)


def exited(world: World, executor: Executor, fill: Fill, got: float, *, is_whole: bool) -> None:
    """A fill of the exit; the executor is done with it, unless that was only a part."""
    take_out(executor, fill, got)
    if is_whole:
        finish(world, executor, executor.close_type, fill.price)


# Barriers (part 6) --------------------------------------------------------------------------------------------------


def takes_profit_at_limit(executor: Executor) -> bool:
    return executor.config.take_profit_kind == OrderKind.LIMIT


def with_it(executor: Executor) -> Iterator[float]:
    if not takes_profit_at_limit(executor):
        yield executor.target_price
    if executor.trails and not executor.is_armed:
        yield executor.arming_price


def against_it(executor: Executor) -> Iterator[float]:
    yield executor.stop_price
    if executor.is_armed:
        yield executor.trail


def move_trail(executor: Executor, price: float) -> None:
    d = executor.side
    if executor.trails and not executor.is_armed and d * (price - executor.arming_price) >= 0:
        executor.is_armed, executor.peak = True, price
    if executor.is_armed:
        executor.peak = max(executor.peak, price) if d > 0 else min(executor.peak, price)
        executor.trail = executor.peak - d * executor.distance
