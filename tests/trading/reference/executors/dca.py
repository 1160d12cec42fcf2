"""DCA: a position executor with several entries (part 9)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from workbench.market.codes import OrderKind

from ..budget import funds, is_small, whole_lots, whole_ticks
from ..orders import ask, leg_order, order_for
from ..records import Executor, Fill, Order, Step
from ..state import World, taker_rate
from ..terms import Config, Mode, Target
from . import position
from .common import contradicts, made, refused, repeat_exit, start_exit


def create(world: World, target: Target, config: Config, level: int) -> None:
    steps = ladder(world, target, config)
    is_odd = contradicts(config) or contradicts_as_ladder(config)
    reason = "BAD_CONFIG" if is_odd else unaffordable(world, target, steps)
    if reason:
        refused(world, target, level, reason)
        return
    executor = made(world, target, config, level)
    executor.steps = steps
    ask_entries(world, executor, world.last[target.market])


def contradicts_as_ladder(config: Config) -> bool:
    prices, amounts = config.prices, config.amounts
    is_ladder = 1 <= len(prices) == len(amounts) <= 16
    is_limit = config.mode == Mode.TAKER or config.kind in (OrderKind.LIMIT, OrderKind.POST_ONLY)
    return not (is_ladder and is_limit and all(one > 0 for one in (*prices, *amounts)))


def ladder(world: World, target: Target, config: Config) -> list[Step]:
    """Price and amount of each level, rounded."""
    steps = []
    for price, quote in zip(config.prices, config.amounts, strict=False):
        if config.mode == Mode.MAKER:
            price = whole_ticks(world, target.market, target.side, price)
        amount = whole_lots(world, target.market, quote / price) if price > 0 else 0.0
        steps.append(Step(price, amount))
    return steps


def unaffordable(world: World, target: Target, steps: list[Step]) -> str:
    """Why a ladder is refused: a level is too small, or all of it too dear."""
    amount, value = 0.0, 0.0
    for one in steps:
        if one.amount <= 0 or is_small(world, target.market, one.amount, one.price):
            return "TOO_SMALL"
        amount += one.amount
        value += one.amount * one.price
    return whole_budget(world, target, amount, value / amount)


def whole_budget(world: World, target: Target, amount: float, price: float) -> str:
    """Part 4's budget for a plan as a whole, without the minimums."""
    return funds(world, order_for(world, target), target.side, amount, price)


# Steps ----------------------------------------------------------------------------------------------------------


def step(world: World, executor: Executor, price: float) -> None:
    if executor.phase == "EXITING":
        repeat_exit(world, executor, price)
    elif executor.attempts > executor.config.retries:
        start_exit(world, executor, "FAILED")
    elif executor.phase == "HOLDING":
        step_holding(world, executor, price)
    elif world.now >= executor.deadline:
        start_exit(world, executor, "TIME_LIMIT")
    else:
        ask_entries(world, executor, price)


def step_holding(world: World, executor: Executor, price: float) -> None:
    position.step_holding(world, executor, price)
    if executor.phase == "HOLDING":
        ask_entries(world, executor, price)


def ask_entries(world: World, executor: Executor, price: float) -> None:
    """Ask for levels in their order, as far as the price allows."""
    for tag, one in enumerate(executor.steps):
        if one.order is not None and one.order.status == "REJECTED" and one.order.filled == 0.0:
            one.asked = False
        if one.asked:
            continue
        if not is_due(executor, one, price):
            return
        one.order = ask(world, entry_order(world, executor, one, tag))
        one.asked = one.order is not None
        executor.attempts += one.order is None
        if one.order is None:
            return


def entry_order(world: World, executor: Executor, one: Step, tag: int) -> Order:
    config = executor.config
    kind = config.kind if config.mode == Mode.MAKER else OrderKind.MARKET
    return leg_order(
        world, executor, executor.market, executor.side, one.amount, kind=kind, price=one.price, purpose="ENTRY",
        tag=tag,
    )  # fmt: skip


def is_due(executor: Executor, one: Step, price: float) -> bool:
    gap, bound = executor.side * (price - one.price), executor.config.bound
    if executor.config.mode == Mode.MAKER:
        return math.isnan(bound) or gap <= bound * price
    return gap <= 0 and (math.isnan(bound) or gap >= -bound * one.price)


def next_level(executor: Executor) -> Step | None:
    return next((one for one in executor.steps if not one.asked), None)


def waits(world: World, executor: Executor, *, up: bool) -> Iterator[float]:
    yield from position.waits(world, executor, up=up) if executor.phase == "HOLDING" else ()
    one, d, bound = next_level(executor), executor.side, executor.config.bound
    if one is None or executor.phase == "EXITING":
        return
    if executor.config.mode == Mode.TAKER:
        yield one.price
        if not math.isnan(bound):
            yield one.price * (1.0 - d * bound)
    elif not math.isnan(bound) and (d < 0) == up:
        yield one.price / (1.0 - d * bound)


# Told -----------------------------------------------------------------------------------------------------------


def told(world: World, executor: Executor, order: Order, fill: Fill, got: float, fee_quote: float) -> None:
    if order.purpose == "ENTRY" and not order.is_live:
        executor.steps[order.tag].is_whole = True
    position.told(world, executor, order, fill, got, fee_quote)
    if order.purpose == "ENTRY":
        executor.stop_price = stop_price(world, executor)


def stop_price(world: World, executor: Executor) -> float:
    """A maker's stop counts once its ladder is whole; a taker's is a share of the whole plan."""
    config, d = executor.config, executor.side
    if config.mode == Mode.MAKER:
        return executor.stop_price if all(one.is_whole for one in executor.steps) else math.nan
    plan = 0.0
    for quote in config.amounts:
        plan += quote
    value, held = executor.entry_value, executor.came_in
    if config.net_of_fees:
        value = value + d * executor.entry_fees
        held = held * (1.0 - d * taker_rate(world, executor.market))
    return (value - d * config.stop_loss * plan) / held
