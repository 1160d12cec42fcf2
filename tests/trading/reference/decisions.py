"""What controllers ask for, row by row, and what stops them (parts 5, 8 and 15)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from workbench.market.codes import FLAT, OrderKind, Sizing

from .budget import whole_lots, whole_ticks
from .executors import create, stop
from .executors.common import resolved
from .executors.position import create as create_position
from .ledger import controller_pnl
from .orders import ask, cancel, order_for, refuse
from .records import Controller, Executor, Order
from .state import World, equity, holdings
from .terms import Action, ExecutorKind, Target


def decide(world: World, targets: Sequence[Target]) -> None:
    """Handle a decision: its targets in order (part 5)."""
    handlers = {
        Action.ENTER: enter, Action.CLOSE: close, Action.QUOTE: quote, Action.HOLD: hold, Action.CREATE: create,
        Action.STOP: stop_level,
    }  # fmt: skip
    for place, target in enumerate(targets):
        owner = world.controllers[target.controller]
        if target.action == Action.NONE or not decides_now(world, owner):
            continue
        level = owner.terms.first_level + (place if target.level < 0 else target.level)
        if owner.is_stopped and asks_for_more(target):
            refuse(world, target.market, "STOPPED", level=level)
        elif target.reduce and not may_reduce(world, target):
            refuse(world, target.market, "NOT_REDUCING", level=level)
        else:
            handlers[Action(target.action)](world, target, level)


def decides_now(world: World, owner: Controller) -> bool:
    return owner.terms.every_ms == 0 or world.now % owner.terms.every_ms == 0


def asks_for_more(target: Target) -> bool:
    if target.action == Action.QUOTE:
        return target.side != FLAT and is_wanted(target)
    return target.action in (Action.ENTER, Action.CREATE, Action.HOLD)


def may_reduce(world: World, target: Target) -> bool:
    """Can it be reduce-only (part 17)? What stops or closes only reduces anyway."""
    if target.action in (Action.CLOSE, Action.STOP):
        return True
    is_order = target.action == Action.CREATE and target.executor == ExecutorKind.ORDER
    return bool(world.settings.purses) and (target.action == Action.QUOTE or is_order)


# Executors --------------------------------------------------------------------------------------------------------


def own_executors(world: World, controller: int, market: int) -> list[Executor]:
    """A controller's executors in a market, by slot."""
    return [
        one for one in world.executor_slots
        if one is not None and one.market == market and one.controller == controller
    ]  # fmt: skip


def enter(world: World, target: Target, level: int) -> None:
    owner, key = world.controllers[target.controller], (target.market, target.side)
    policy = owner.terms.policy
    if target.side == FLAT:
        return
    if policy.close_on_opposite:
        stop_early(world, target, -target.side)
    running = [one for one in own_executors(world, target.controller, target.market) if one.phase != "EXITING"]
    if sum(one.side == target.side for one in running) >= policy.max_per_side:
        return
    if key in owner.last_created and world.now - owner.last_created[key] < policy.cooldown_ms:
        return
    plain = replace(target, config=-1)
    create_position(world, plain, resolved(world, plain), level)


def close(world: World, target: Target, level: int) -> None:
    stop_early(world, target, target.side)


def stop_early(world: World, target: Target, side: int) -> None:
    """Stop the executors of a market, of one side or (FLAT) of both, that are not exiting."""
    for executor in own_executors(world, target.controller, target.market):
        if executor.phase not in ("EXITING", "DONE") and side != -executor.side:
            stop(world, executor, keep=target.keep)


def stop_level(world: World, target: Target, level: int) -> None:
    """`STOP`: every executor of a level that is not exiting."""
    for executor in list(world.executor_slots):
        if executor is not None and executor.level == level and executor.phase not in ("EXITING", "DONE"):
            stop(world, executor, keep=target.keep)


# Quotes -----------------------------------------------------------------------------------------------------------


def is_wanted(target: Target) -> bool:
    return not (math.isnan(target.price) or math.isnan(target.size) or target.size == 0)


def quote(world: World, target: Target, level: int) -> None:
    """Replace the level's resting order, or keep it if it is still on its way, or the new one would be the same."""
    if target.side == FLAT:
        return
    old, wanted = world.quotes.get(level), is_wanted(target)
    if old is not None and old.is_live:
        if wanted and old.created_row < world.row < old.active_row:
            return
        if wanted and target.sizing == Sizing.BASE and is_same(world, old, target):
            return
        cancel(world, old)
    new = ask(world, order_for(world, target), level=level) if wanted else None
    if new is not None:
        world.quotes[level] = new


def is_same(world: World, old: Order, target: Target) -> bool:
    """Whether the order of a target in base units would be the old one again, after rounding."""
    price = whole_ticks(world, target.market, target.side, target.price)
    amount = whole_lots(world, target.market, target.size)
    new = (target.market, target.side, target.kind, price, amount, target.reduce)
    return new == (old.market, old.side, old.kind, old.price, old.amount, old.reduce)


# Wishes -----------------------------------------------------------------------------------------------------------


def hold(world: World, target: Target, level: int) -> None:
    """Ask for the market order that moves the position to an exposure, if the wish is a new one."""
    if math.isnan(target.size) or target.size == world.wishes.get(level, 0.0):
        return
    if world.is_hedged(target.market):
        refuse(world, target.market, "BAD_MODE", level=level)
        return
    earlier = world.holds.get(level)
    if earlier is not None and earlier.is_live:
        cancel(world, earlier)
    order = order_for(world, replace(target, side=FLAT, kind=OrderKind.MARKET, reduce=False), purpose="HOLD")
    order.is_hold = True
    if ask(world, order, level=level) is not None:
        world.wishes[level], world.holds[level] = target.size, order


# Drawdown stops (part 15) -------------------------------------------------------------------------------------------


def look_at_drawdowns(world: World) -> None:
    """Mark every controller, and stop those, or all, that have fallen too far from their peak."""
    for place, owner in enumerate(world.controllers):
        owner.pnl = controller_pnl(world, place)
        owner.peak = max(owner.peak, owner.pnl)
        most = owner.terms.max_drawdown
        if most > 0 and owner.peak - owner.pnl >= most:
            stop_controller(world, place)
    value = equity(world)
    world.peak = value if math.isnan(world.peak) else max(world.peak, value)
    if world.settings.max_drawdown > 0 and world.peak - value >= world.settings.max_drawdown:
        for place in range(len(world.controllers)):
            stop_controller(world, place)


def stop_controller(world: World, place: int) -> None:
    """For good: its orders and executors end, what it holds is sold."""
    owner = world.controllers[place]
    if owner.is_stopped:
        return
    owner.stopped_row = world.row
    for order in list(world.order_slots):
        if order is not None and order.controller == place and order.executor_id < 0:
            cancel(world, order)
    for executor in list(world.executor_slots):
        if executor is not None and executor.controller == place and executor.phase not in ("EXITING", "DONE"):
            stop(world, executor, keep=False)
    for market in range(len(world.settings.markets)):
        flatten(world, place, market)


def flatten(world: World, place: int, market: int) -> None:
    for leg, hold in list(holdings(world, place, market)):
        amount = whole_lots(world, market, abs(hold.amount))
        if amount > 0 and leg * hold.amount >= 0:  # else it has reduced what another one holds
            side = -1 if hold.amount > 0 else 1
            wish = Target(market=market, side=side, size=amount, controller=place)
            order = order_for(world, wish, purpose="FLATTEN")
            order.closes = True
            ask(world, order, level=world.controllers[place].terms.first_level)
