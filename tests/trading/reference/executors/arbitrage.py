"""Arbitrage: both legs at once, and a policy for the one that is missing (12.1)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from workbench.market.codes import OrderKind

from ..budget import budget, whole_lots
from ..orders import ask, leg_order
from ..records import Executor, Fill, Order
from ..state import World, live_orders, taker_rate
from ..terms import MOST_REPEATS, Config, LegPolicy, Target
from .common import cancel_all, contradicts, made, refused
from .pairs import book_leg, comparable, finish_pair, has_rates, rate, refused_leg, taker_price


def create(world: World, target: Target, config: Config, level: int) -> None:
    amount = 0.0
    if contradicts(config) or config.market2 == target.market or config.amount <= 0 or math.isnan(config.min_profit):
        reason = "BAD_CONFIG"
    elif not has_rates(world, (target.market, config.market2)):
        reason = "NO_RATE"
    else:
        amount = whole_lots(world, config.market2, whole_lots(world, target.market, config.amount))
        reason = "" if amount > 0 else "TOO_SMALL"
    if reason:
        refused(world, target, level, reason)
    else:
        made(world, target, config, level).left = amount


def step(world: World, executor: Executor, price: float) -> None:
    """Once a row, at its close."""
    if executor.phase == "EXITING":
        unwind(world, executor, repeats=True)
    elif executor.attempts > executor.config.retries:
        stop(world, executor, "FAILED", False)
    elif executor.phase == "HOLDING":
        complete(world, executor)
    elif world.now >= executor.deadline:
        stop(world, executor, "TIME_LIMIT", False)
    elif comparable(world, executor) and profit(world, executor) > executor.config.min_profit:
        send(world, executor)


def profit(world: World, executor: Executor) -> float:
    """What buying in one market and selling in the other earns now, after fees."""
    buy, sell = executor.market, executor.config.market2
    if executor.side < 0:
        buy, sell = sell, buy
    earned = taker_price(world, sell, -1) * (1.0 - taker_rate(world, sell)) * rate(world, sell)
    paid = taker_price(world, buy, 1) * (1.0 + taker_rate(world, buy)) * rate(world, buy)
    return earned / paid - 1.0


def leg(world: World, executor: Executor, tag: int, amount: float) -> Order:
    market = executor.config.market2 if tag else executor.market
    side = -executor.side if tag else executor.side
    purpose = "HEDGE" if tag else "ENTRY"
    return leg_order(world, executor, market, side, amount, kind=OrderKind.MARKET, purpose=purpose, tag=tag)


def send(world: World, executor: Executor) -> None:
    """Both legs or none."""
    for tag in (0, 1):
        order = leg(world, executor, tag, executor.left)
        reason = budget(world, order, order.side, executor.left, world.last[order.market])
        if reason:
            refused_leg(world, executor, order.market, reason)
            return
    executor.phase = "HOLDING"
    for tag in (0, 1):
        ask_leg(world, executor, tag, executor.left)


def ask_leg(world: World, executor: Executor, tag: int, amount: float) -> None:
    executor.attempts += ask(world, leg(world, executor, tag, amount)) is None


def complete(world: World, executor: Executor) -> None:
    """Wait for what lives; ask again for what is missing, or give it up."""
    if live_orders(world, executor):
        return
    missing = [executor.left - executor.entry_amount, executor.left - executor.exit_amount]
    rests = [whole_lots(world, market, rest) for market, rest in zip(both(executor), missing, strict=True)]
    if not any(rests):
        finish_pair(world, executor, "COMPLETED")
    elif executor.config.policy == LegPolicy.UNWIND:
        stop(world, executor, "FAILED", False)
    else:
        for tag in (0, 1):
            if rests[tag] > 0:
                ask_leg(world, executor, tag, rests[tag])


def both(executor: Executor) -> tuple[int, int]:
    return executor.market, executor.config.market2


def stop(world: World, executor: Executor, close_type: str, keep: bool) -> None:
    cancel_all(world, executor)
    executor.phase, executor.close_type, executor.keeps = "EXITING", close_type, keep
    unwind(world, executor, repeats=False)


def unwind(world: World, executor: Executor, *, repeats: bool) -> None:
    """Take back what one leg has more than the other."""
    if live_orders(world, executor):
        return
    excess = executor.held - executor.hedged
    tag = 0 if excess > 0 else 1
    market = both(executor)[tag]
    amount = whole_lots(world, market, abs(excess))
    if executor.keeps or amount <= 0:
        finish_pair(world, executor, executor.close_type)
        return
    if repeats and executor.repeats == MOST_REPEATS:
        finish_pair(world, executor, "FAILED")
        return
    executor.repeats += repeats
    side = -executor.side if tag == 0 else executor.side
    ask(world, leg_order(world, executor, market, side, amount, tag=tag))


def waits(world: World, executor: Executor, *, up: bool) -> Iterator[float]:
    """It does not look into walks."""
    yield from ()


def told(world: World, executor: Executor, order: Order, fill: Fill, got: float, fee_quote: float) -> None:
    book_leg(world, executor, order, fill, got, fee_quote)
