"""The order executor and the limit chaser (8.9)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from workbench.market.codes import OrderKind, Sizing

from ..budget import whole_lots, whole_ticks
from ..orders import ask, cancel, order_for
from ..records import Executor, Fill, Order
from ..state import World
from ..terms import NEVER, Config, Target
from .common import books_of, contradicts, finish, is_over, made, refused, start_exit


def create(world: World, target: Target, config: Config, level: int) -> None:
    if contradicts(config) or contradicts_as_chaser(target, config):
        refused(world, target, level, "BAD_CONFIG")
        return
    wish = target
    if not math.isnan(config.distance):
        wish = replace(target, price=wanted_price(world, target, config, world.last[target.market]))
    entry = order_for(world, wish, purpose="ENTRY")
    if ask(world, entry, level=level) is not None:
        executor = made(world, target, config, level)
        executor.entry_order, entry.executor_id = entry, executor.id


def contradicts_as_chaser(target: Target, config: Config) -> bool:
    if math.isnan(config.distance) and math.isnan(config.refresh):
        return False
    if target.kind not in (OrderKind.LIMIT, OrderKind.POST_ONLY):
        return True
    return not (0 <= config.distance < 1 and config.refresh > 0)


def wanted_price(world: World, target: Target, config: Config, price: float) -> float:
    """Where a chaser wants to lie: a distance behind the best of its own side."""
    half = world.settings.markets[target.market].half_spread
    best = price * (1.0 - target.side * half)
    return whole_ticks(world, target.market, target.side, best * (1.0 - target.side * config.distance))


def step(world: World, executor: Executor, price: float) -> None:
    if is_over(world, executor, price):
        return
    if world.now >= executor.deadline:
        start_exit(world, executor, "TIME_LIMIT", keeps=True)
        return
    order = executor.entry_order
    assert order is not None
    if order.is_live and chases_on(world, executor, order, price):
        cancel(world, order)
    if not order.is_live:
        ask_rest(world, executor, order, price)


def chases_on(world: World, executor: Executor, order: Order, price: float) -> bool:
    """Has the market left a chaser behind? Only where its order rests and no cancel is on its way."""
    config = executor.config
    if math.isnan(config.distance) or order.is_fresh or order.ends_ms < NEVER:
        return False
    wanted = wanted_price(world, executor.target, config, price)
    return executor.side * (wanted - order.price) > config.refresh * order.price


def ask_rest(world: World, executor: Executor, before: Order, price: float) -> None:
    """Ask for what has not filled."""
    wish = executor.target
    if executor.entry_amount > 0.0:
        rest = whole_lots(world, executor.market, before.open_amount)
        if rest <= 0:
            executor.keeps = True
            finish(world, executor, "POSITION_HOLD", world.last[executor.market])
            return
        wish = replace(wish, size=rest, sizing=Sizing.BASE)
    if not math.isnan(executor.config.distance):
        wish = replace(wish, price=wanted_price(world, executor.target, executor.config, price))
    new = ask(world, order_for(world, wish, executor=executor, purpose="ENTRY"))
    if new is None:
        executor.attempts += 1
    else:
        executor.entry_order = new


def waits(world: World, executor: Executor, *, up: bool) -> Iterator[float]:
    """Nothing but its order waits."""
    yield from ()


def told(world: World, executor: Executor, order: Order, fill: Fill, got: float, fee_quote: float) -> None:
    executor.fees += fee_quote
    books_of(executor, fill, got, fee_quote)
    executor.phase = "HOLDING" if executor.phase == "ENTERING" else executor.phase
    if not order.is_live:
        executor.keeps = True
        finish(world, executor, "POSITION_HOLD", fill.price)
