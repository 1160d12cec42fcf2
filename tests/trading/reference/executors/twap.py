"""TWAP: a sum of quote currency in slots of time (part 10)."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.market.codes import OrderKind

from ..budget import is_small, whole_lots, whole_ticks
from ..orders import ask, cancel, leg_order
from ..records import Executor, Fill, Order
from ..state import World, live_orders
from ..terms import Config, Mode, Target
from .common import books_of, contradicts, finish, is_over, made, refused, start_exit


def create(world: World, target: Target, config: Config, level: int) -> None:
    if contradicts(config) or contradicts_as_twap(config):
        refused(world, target, level, "BAD_CONFIG")
        return
    executor = made(world, target, config, level)
    step(world, executor, world.last[target.market])


def contradicts_as_twap(config: Config) -> bool:
    is_timed = config.total > 0 and config.interval_ms > 0
    is_limit = config.mode == Mode.TAKER or config.kind in (OrderKind.LIMIT, OrderKind.POST_ONLY)
    return not (is_timed and is_limit and 0 <= config.buffer < 1)


def step(world: World, executor: Executor, price: float) -> None:
    if is_over(world, executor, price):
        return
    if world.now >= executor.deadline:
        start_exit(world, executor, "TIME_LIMIT", keeps=True)
        return
    use_slots(world, executor)
    if live_orders(world, executor):
        return
    if executor.left > 0:
        ask_slot(world, executor, price)
    if executor.used == n_slots(executor) and executor.left == 0 and not live_orders(world, executor):
        finish(world, executor, "COMPLETED", price)


def n_slots(executor: Executor) -> int:
    return executor.config.duration_ms // executor.config.interval_ms + 1


def use_slots(world: World, executor: Executor) -> None:
    """Plan the slots that have come due, or ask anew for what lay too long."""
    config, n = executor.config, n_slots(executor)
    slots = min(n, 1 + (world.now - executor.created_ms) // config.interval_ms)
    if slots > executor.used:
        rest = config.total - executor.entry_value
        executor.left = rest * (slots - executor.used) / (n - executor.used)
        executor.used = slots
        cancel_live(world, executor)
    elif config.mode == Mode.MAKER and config.resubmit_ms > 0:
        for order in live_orders(world, executor):
            if world.now - order.asked_ms >= config.resubmit_ms:
                cancel(world, order)


def cancel_live(world: World, executor: Executor) -> None:
    for order in live_orders(world, executor):
        cancel(world, order)


def ask_slot(world: World, executor: Executor, price: float) -> None:
    config, d, market = executor.config, executor.side, executor.market
    kind = OrderKind.MARKET
    if config.mode == Mode.MAKER:
        kind, price = config.kind, whole_ticks(world, market, d, price * (1.0 - d * config.buffer))
    amount = whole_lots(world, market, executor.left / price) if price > 0 else 0.0
    if amount <= 0 or is_small(world, market, amount, price):
        executor.left = 0.0
        return
    executor.entry_order = ask(
        world, leg_order(world, executor, market, d, amount, kind=kind, price=price, purpose="ENTRY")
    )
    executor.attempts += executor.entry_order is None


def waits(world: World, executor: Executor, *, up: bool) -> Iterator[float]:
    """It waits for times, not prices."""
    yield from ()


def told(world: World, executor: Executor, order: Order, fill: Fill, got: float, fee_quote: float) -> None:
    executor.fees += fee_quote
    books_of(executor, fill, got, fee_quote)
    executor.phase = "HOLDING" if executor.phase == "ENTERING" else executor.phase
    executor.left -= fill.price * fill.amount
    if not order.is_live:
        executor.left = 0.0
