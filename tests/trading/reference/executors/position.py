"""The position executor (parts 6 and 8.8); a ladder and an order lean on it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from workbench.market.codes import OrderKind

from ..orders import ask, cancel, leg_order, order_for
from ..records import Executor, Fill, Order
from ..state import World, live_orders, maker_rate, taker_rate
from ..terms import Config, Target
from .common import (
    against_it,
    books_of,
    contradicts,
    exited,
    finish,
    made,
    move_trail,
    refused,
    repeat_exit,
    start_exit,
    take_out,
    takes_profit_at_limit,
    with_it,
)


def create(world: World, target: Target, config: Config, level: int) -> None:
    """Ask for the entry, then make the executor; nothing is made when the order is refused."""
    bounded = not math.isnan(config.bound)
    if contradicts(config) or (bounded and target.kind not in (OrderKind.LIMIT, OrderKind.POST_ONLY)):
        refused(world, target, level, "BAD_CONFIG")
        return
    if bounded and not is_inside(world, target, config, world.last[target.market]):
        made(world, target, config, level)
        return
    entry = order_for(world, target, purpose="ENTRY")
    if ask(world, entry, level=level) is not None:
        executor = made(world, target, config, level)
        executor.entry_order, entry.executor_id = entry, executor.id


def is_inside(world: World, target: Target, config: Config, price: float) -> bool:
    return target.side * (price - target.price) <= config.bound * price


# Steps ----------------------------------------------------------------------------------------------------------


def step(world: World, executor: Executor, price: float) -> None:
    """One step of a position executor at a price."""
    if executor.phase == "ENTERING":
        step_entering(world, executor, price)
    elif executor.phase == "HOLDING":
        step_holding(world, executor, price)
    else:
        repeat_exit(world, executor, price)


def step_entering(world: World, executor: Executor, price: float) -> None:
    has_entry = executor.entry_order is not None and executor.entry_order.is_live
    if world.now >= executor.deadline:
        start_exit(world, executor, "TIME_LIMIT")
    elif not math.isnan(executor.config.bound):
        step_bounded(world, executor, price)
    elif not has_entry:
        finish(world, executor, "FAILED", price)


def step_bounded(world: World, executor: Executor, price: float) -> None:
    """An entry that lies at the venue only while the price is near."""
    if executor.attempts > executor.config.retries:
        start_exit(world, executor, "FAILED")
        return
    entry, inside = executor.entry_order, is_inside(world, executor.target, executor.config, price)
    if entry is not None and entry.is_live:
        if not inside:
            cancel(world, entry)
        return
    if entry is not None and entry.status == "REJECTED":
        finish(world, executor, "FAILED", price)
    elif inside:
        executor.entry_order = ask(world, order_for(world, executor.target, executor=executor, purpose="ENTRY"))
        executor.attempts += executor.entry_order is None


def step_holding(world: World, executor: Executor, price: float) -> None:
    barrier = barrier_reached(world, executor, price)
    if barrier:
        start_exit(world, executor, barrier)
        return
    move_trail(executor, price)
    ask_target(world, executor)


def ask_target(world: World, executor: Executor) -> None:
    """The target at limit: asked for once for what is held, and again when more came in."""
    has_target = takes_profit_at_limit(executor) and not math.isnan(executor.target_price)
    lives = executor.target_order is not None and executor.target_order.is_live
    if has_target and not executor.asked_target and not lives:
        executor.asked_target = True
        executor.target_order = ask(
            world,
            leg_order(
                world, executor, executor.market, -executor.side, executor.held,
                kind=OrderKind.LIMIT, price=executor.target_price, purpose="TARGET",
            ),
        )  # fmt: skip


def barrier_reached(world: World, executor: Executor, price: float) -> str:
    """The first barrier that a price and the time have reached, or ""."""
    d = executor.side
    if d * (price - executor.stop_price) <= 0:
        return "STOP_LOSS"
    if executor.is_armed and d * (price - executor.trail) <= 0:
        return "TRAILING_STOP"
    if not takes_profit_at_limit(executor) and d * (price - executor.target_price) >= 0:
        return "TAKE_PROFIT"
    return "TIME_LIMIT" if world.now >= executor.deadline else ""


def waits(world: World, executor: Executor, *, up: bool) -> Iterator[float]:
    """Barriers, and the edge of an activation bound."""
    if executor.phase == "HOLDING":
        yield from with_it(executor) if (executor.side > 0) == up else against_it(executor)
    elif executor.phase == "ENTERING" and not math.isnan(executor.config.bound) and (executor.side < 0) == up:
        has_entry = executor.entry_order is not None and executor.entry_order.is_live
        edge = executor.target.price / (1.0 - executor.side * executor.config.bound)
        yield math.nan if has_entry else edge


# Told -----------------------------------------------------------------------------------------------------------


def told(world: World, executor: Executor, order: Order, fill: Fill, got: float, fee_quote: float) -> None:
    executor.fees += fee_quote
    if order.purpose == "ENTRY":
        executor.entry_fees += fee_quote
        entered(world, executor, fill)
    elif order.purpose == "TARGET":
        target_hit(world, executor, order, fill, got)
    else:
        exited(world, executor, fill, got, is_whole=not order.is_live and not order.is_part)


def entered(world: World, executor: Executor, fill: Fill) -> None:
    """An entry fill: what is held, at what price, and the prices of the barriers."""
    if executor.phase == "ENTERING":
        executor.phase = "HOLDING"
    books_of(executor, fill, fill.amount - fill.fee if fill.fee_in_base else fill.amount, 0.0)
    if executor.target_order is not None:
        cancel(world, executor.target_order)
        executor.asked_target, executor.target_order.is_part = False, True
    if executor.config.net_of_fees:
        set_net_barriers(world, executor)
    else:
        set_price_barriers(executor)


def target_hit(world: World, executor: Executor, order: Order, fill: Fill, got: float) -> None:
    """A fill of the target at limit; whole, it ends the executor."""
    take_out(executor, fill, got)
    if order.is_live:
        return
    for other in live_orders(world, executor):
        cancel(world, other)
    if executor.phase != "EXITING":
        executor.close_type = "TAKE_PROFIT"
    if live_orders(world, executor) or order.is_part:
        executor.phase = "EXITING"
    else:
        finish(world, executor, executor.close_type, fill.price)


def set_price_barriers(executor: Executor) -> None:
    d, entry, terms = executor.side, executor.entry, executor.config
    executor.stop_price = entry * (1.0 - d * terms.stop_loss)
    executor.target_price = entry * (1.0 + d * terms.take_profit)
    executor.arming_price = entry * (1.0 + d * terms.trailing_activation)
    executor.distance = entry * terms.trailing_delta


def set_net_barriers(world: World, executor: Executor) -> None:
    d, terms, taker = executor.side, executor.config, taker_rate(world, executor.market)
    profit_rate = maker_rate(world, executor.market) if takes_profit_at_limit(executor) else taker
    executor.stop_price = net_price(executor, -terms.stop_loss, taker)
    executor.target_price = net_price(executor, terms.take_profit, profit_rate)
    executor.arming_price = net_price(executor, terms.trailing_activation, taker)
    executor.distance = executor.entry_value * terms.trailing_delta / (executor.came_in * (1.0 - d * taker))


def net_price(executor: Executor, gain: float, rate: float) -> float:
    """x(g): the price at which the gain after both fees is the fraction `gain` of the entry value."""
    d, value = executor.side, executor.entry_value
    return (value * (1.0 + d * gain) + d * executor.entry_fees) / (executor.came_in * (1.0 - d * rate))
