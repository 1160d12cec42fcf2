"""An order asked for, refused or cancelled (parts 4 and 26)."""

from __future__ import annotations

import math

from workbench.market.codes import OrderKind, Sizing

from .budget import budget, free_base, is_reduce_only, reducible, reserved_for, sized, whole_lots, whole_ticks
from .records import Executor, Order, Refusal
from .state import World, take_slot
from .terms import NAN, RESTING, STOPS, Target


def order_for(world: World, target: Target, *, executor: Executor | None = None, purpose: str = "QUOTE") -> Order:
    """The order that a target describes, not yet asked for."""
    limit = target.price if target.kind in RESTING else NAN
    trigger = target.trigger if target.kind in STOPS else NAN
    return Order(
        -1, target.market, -1 if executor is None else executor.id, target.side, target.kind, limit, trigger,
        target.size, target.sizing, NAN, world.row, world.active_row, purpose=purpose, controller=target.controller,
        reduce=target.reduce,
    )  # fmt: skip


def leg_order(
    world: World, executor: Executor, market: int, side: int, amount: float, *,
    kind: OrderKind = OrderKind.MARKET, price: float = NAN, purpose: str = "EXIT", tag: int = 0,
) -> Order:  # fmt: skip
    """An order of an executor, in base units."""
    wish = Target(market=market, side=side, kind=kind, price=price, size=amount, controller=executor.controller)
    order = order_for(world, wish, executor=executor, purpose=purpose)
    order.closes, order.tag = purpose in ("EXIT", "TARGET"), tag
    return order


def ask(world: World, order: Order, *, level: int = -1) -> Order | None:
    """Make an order, or write down why it was refused; a refused order never lives."""
    order, reason = prepared(world, order)
    if reason:
        refuse(world, order.market, reason, level=level, executor_id=order.executor_id)
        return None
    order.id, order.level = len(world.orders), level
    order.asked_ms, order.arrives_ms = world.now, arrival(world, order.market)
    if order.kind in RESTING:
        order.reserved = reserved_for(world, order)
    world.orders.append(order)
    take_slot(world.order_slots, order)
    return order


def refuse(world: World, market: int, reason: str, *, level: int = -1, executor_id: int = -1) -> None:
    """Write down what was refused: of an executor its id, of a wish its level."""
    world.refusals.append(Refusal(world.row, market, reason, level if executor_id < 0 else -1, executor_id))


def arrival(world: World, market: int) -> int:
    """When an order that is asked for now comes to the venue; without latency it is there at once."""
    latency = world.settings.markets[market].submit_ms
    if latency == 0 and world.place is not None:
        return world.place.open_ms
    return world.at_ms + latency


def prepared(world: World, order: Order) -> tuple[Order, str]:
    """Round the price, work out the amount if it can be known, and check the budget of a new order."""
    last = world.last[order.market]
    if math.isnan(last):
        return order, "NO_PRICE"
    if order.kind in RESTING:
        order.price = whole_ticks(world, order.market, order.side, order.price)
        if not order.price > 0:
            return order, "NO_PRICE"
    if order.is_hold:
        return order, ""
    if is_reduce_only(world, order) and reducible(world, order, order.side) <= 0:
        return order, "NOTHING_TO_REDUCE"
    if order.sizing != Sizing.BASE and order.kind not in RESTING:
        is_spot_sale = world.is_spot(order.market) and order.side < 0
        nothing = is_spot_sale and free_base(world, order.market) <= 1e-12
        return order, "NO_FUNDS" if nothing else ""
    if order.sizing == Sizing.BASE:
        order.amount = whole_lots(world, order.market, order.size)
    else:
        order.amount = sized(world, order, order.price)
    price = order.price if order.kind in RESTING else last
    return order, budget(world, order, order.side, order.amount, price)


def cancel(world: World, order: Order | None) -> None:
    """Ask for a cancel; without latency the order is gone at once."""
    if order is None or not order.is_live:
        return
    latency = world.settings.markets[order.market].cancel_ms
    if latency == 0:
        close_order(world, order, "CANCELLED")
    else:
        order.ends_ms = min(order.ends_ms, world.at_ms + latency)


def close_order(world: World, order: Order, status: str) -> None:
    """The end of an order; its slot is free."""
    order.status, order.closed_row, order.reserved = status, world.row, 0.0
    world.order_slots[world.order_slots.index(order)] = None
