"""Cross-exchange market making: an order here, hedged there as it fills (12.2)."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.market.codes import OrderKind

from ..budget import is_small, whole_lots, whole_ticks
from ..orders import ask, cancel, leg_order
from ..records import Executor, Fill, Order
from ..state import World, live_orders, maker_rate, taker_rate
from ..terms import Config, Target
from .common import cancel_all, contradicts, made, refused
from .pairs import book_leg, comparable, finish_pair, has_rates, rate, taker_price


def create(world: World, target: Target, config: Config, level: int) -> None:
    if contradicts(config) or contradicts_as_xemm(target, config):
        reason = "BAD_CONFIG"
    elif not has_rates(world, (target.market, config.market2)):
        reason = "NO_RATE"
    else:
        amount = whole_lots(world, target.market, config.amount)
        is_nothing = amount <= 0 or is_small(world, target.market, amount, world.last[target.market])
        reason = "TOO_SMALL" if is_nothing else ""
    if reason:
        refused(world, target, level, reason)
    else:
        made(world, target, config, level)


def contradicts_as_xemm(target: Target, config: Config) -> bool:
    if config.kind not in (OrderKind.LIMIT, OrderKind.POST_ONLY) or config.market2 == target.market:
        return True
    in_order = config.min_profit <= config.target_profit and not config.target_profit > config.max_profit
    return not (in_order and config.amount > 0 and config.target_profit > -1)


def step(world: World, executor: Executor, price: float) -> None:
    """Once a row, at its close."""
    if executor.attempts > executor.config.retries:
        give_up(world, executor)
        return
    if executor.phase != "EXITING" and world.now >= executor.deadline:
        stop(world, executor, "TIME_LIMIT", False)
        return
    go_on(world, executor)


def go_on(world: World, executor: Executor) -> None:
    waits_for_hedge = not hedge(world, executor)
    is_done = executor.phase == "EXITING" or not rest_of(world, executor)
    if is_done and not live_orders(world, executor) and not waits_for_hedge:
        finish_pair(world, executor, executor.close_type if executor.phase == "EXITING" else "COMPLETED")
        return
    if executor.phase != "EXITING":
        quote(world, executor)


def give_up(world: World, executor: Executor) -> None:
    """Nothing more is asked for; it ends when nothing of it lives."""
    cancel_all(world, executor)
    executor.phase, executor.close_type, executor.keeps = "EXITING", "FAILED", True
    if not live_orders(world, executor):
        finish_pair(world, executor, "FAILED")


def hedge(world: World, executor: Executor) -> bool:
    """Hedge what has filled, once it is enough; False when that was refused."""
    other = executor.config.market2
    if executor.keeps or any(order.tag == 1 for order in live_orders(world, executor)):
        return True
    amount = whole_lots(world, other, executor.held - executor.hedged)
    if amount <= 0 or is_small(world, other, amount, world.last[other]):
        return True
    order = leg_order(world, executor, other, -executor.side, amount, purpose="HEDGE", tag=1)
    if ask(world, order) is None:
        executor.attempts += 1
        return False
    return True


def rest_of(world: World, executor: Executor) -> float:
    """What the maker has still to fill; 0 when it is not worth an order."""
    rest = whole_lots(world, executor.market, executor.config.amount - executor.entry_amount)
    return 0.0 if rest <= 0 or is_small(world, executor.market, rest, world.last[executor.market]) else rest


def quote(world: World, executor: Executor) -> None:
    maker = next((order for order in live_orders(world, executor) if order.tag == 0), None)
    known = comparable(world, executor)
    if maker is not None and (not known or not is_worth(world, executor, maker.price)):
        cancel(world, maker)
    rest = rest_of(world, executor)
    if not known or rest <= 0 or (maker is not None and maker.is_live):
        return
    d, market = executor.side, executor.market
    price = whole_ticks(world, market, d, target_price(world, executor))
    order = leg_order(world, executor, market, d, rest, kind=executor.config.kind, price=price, purpose="ENTRY")
    executor.attempts += ask(world, order) is None


def is_worth(world: World, executor: Executor, price: float) -> bool:
    gain = profit_at(world, executor, price)
    return not (gain < executor.config.min_profit or gain > executor.config.max_profit)


def profit_at(world: World, executor: Executor, price: float) -> float:
    """What a fill at a maker's price earns when it is hedged now."""
    first, second = executor.market, executor.config.market2
    hedged = taker_price(world, second, -executor.side)
    if executor.side > 0:
        earned = hedged * (1.0 - taker_rate(world, second)) * rate(world, second)
        paid = price * (1.0 + maker_rate(world, first)) * rate(world, first)
    else:
        earned = price * (1.0 - maker_rate(world, first)) * rate(world, first)
        paid = hedged * (1.0 + taker_rate(world, second)) * rate(world, second)
    return earned / paid - 1.0


def target_price(world: World, executor: Executor) -> float:
    first, second = executor.market, executor.config.market2
    hedged, gain = taker_price(world, second, -executor.side), executor.config.target_profit
    if executor.side > 0:
        earned = hedged * (1.0 - taker_rate(world, second)) * rate(world, second)
        return earned / (rate(world, first) * (1.0 + maker_rate(world, first)) * (1.0 + gain))
    paid = hedged * (1.0 + taker_rate(world, second)) * rate(world, second) * (1.0 + gain)
    return paid / (rate(world, first) * (1.0 - maker_rate(world, first)))


def stop(world: World, executor: Executor, close_type: str, keep: bool) -> None:
    cancel_all(world, executor)
    executor.phase, executor.close_type, executor.keeps = "EXITING", close_type, keep
    go_on(world, executor)


def waits(world: World, executor: Executor, *, up: bool) -> Iterator[float]:
    """It does not look into walks."""
    yield from ()


def told(world: World, executor: Executor, order: Order, fill: Fill, got: float, fee_quote: float) -> None:
    if executor.phase == "ENTERING":
        executor.phase = "HOLDING"
    book_leg(world, executor, order, fill, got, fee_quote)
