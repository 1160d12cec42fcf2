"""Several controllers in one world: levels, accounts and drawdown stops of their own; docs/executors.md part 15."""

from __future__ import annotations

from workbench.compiled import compiled, in_place_of
from workbench.market import BUY, SELL, Action, ExecutorKind, OrderKind, Sizing
from workbench.trading import owners
from workbench.trading.executors import halt
from workbench.trading.ledger import cancel, to_lot
from workbench.trading.orders import open_order
from workbench.trading.venue.money import purse_of, rounded
from workbench.trading.venue.records import Stop
from workbench.trading.world import NO_SLOT, Phase, Purpose, Status


@in_place_of(owners.owner_of)
@compiled(leaf=True)
def owner_of(world, level):
    return world.owners[level]


@in_place_of(owners.is_stopped)
@compiled(part=True)
def is_stopped(world, target, level):
    world.deciding = world.owners[level]
    if world.n_controllers == 0 or world.controllers[world.deciding].stopped == 0:
        return False
    if target.action == Action.QUOTE:
        return target.side != 0 and target.price == target.price and target.size > 0.0
    return target.action == Action.ENTER or target.action == Action.CREATE or target.action == Action.HOLD


@in_place_of(owners.policy_of)
@compiled(leaf=True)
def policy_of(world):
    return world.policy[0] if world.n_controllers == 0 else world.controllers[world.deciding].policy[0]


@in_place_of(owners.is_own)
@compiled(leaf=True)
def is_own(world, executor):
    return executor.controller == world.deciding


@in_place_of(owners.created_ms)
@compiled(leaf=True)
def created_ms(world, m, side):
    return world.controllers[world.deciding].last_created_ms[m, 1 if side == BUY else 0]


@in_place_of(owners.note_created)
@compiled(leaf=True)
def note_created(world, slot):
    executor = world.executors[slot]
    owner = world.controllers[executor.controller]
    world.hears_ms[slot] = 0
    owner.last_created_ms[executor.market, 1 if executor.side == BUY else 0] = world.time_ms


@in_place_of(owners.seen_level)
@compiled(leaf=True)
def seen_level(world, level):
    owner = world.owners[level]
    if world.n_controllers == 0:
        return world.seen[0].levels[level]
    return world.views[owner].levels[level - world.controllers[owner].first_level]


# Accounts -----------------------------------------------------------------------------------------------------


@compiled(part=True)
def book_account(world, place, m, side, value, fee, got):
    """Into a controller's account: what a fill, or a liquidation, moved."""
    owner = world.controllers[place]
    owner.flow[m] -= side * value
    owner.flow[m] -= fee
    owner.position[m] = rounded(owner.position[m], side * got)


@compiled(part=True)
def pay_funding(world, m, mark, rate):
    """Each controller pays for its own position."""
    for place in range(max(world.n_controllers, 1)):
        owner = world.controllers[place]
        owner.flow[m] -= owner.position[m] * mark * rate


@compiled(part=True)
def anybody_holds(world, m):
    """Has a controller a position in a market, though all of them may net to nothing?"""
    held = False
    for place in range(max(world.n_controllers, 1)):
        held = held or world.controllers[place].position[m] != 0.0
    return held


@compiled(part=True)
def close_accounts(world, m, price, fee):
    """A liquidation of a one-way position: each controller's part of it, and of the fee by its size."""
    gross = 0.0
    for place in range(max(world.n_controllers, 1)):
        gross += abs(world.controllers[place].position[m])
    for place in range(max(world.n_controllers, 1)):
        position = world.controllers[place].position[m]
        if position != 0.0:
            book_account(world, place, m, -1.0, position * price, fee * abs(position) / gross, position)


@compiled(part=True)
def held_by(world, m, place):
    """The position that a wish moves: that of its controller."""
    return world.markets[m].position if world.n_controllers == 0 else world.controllers[place].position[m]


# Drawdown stops -----------------------------------------------------------------------------------------------


@in_place_of(owners.look_at_drawdowns)
@compiled(part=True)
def look_at_drawdowns(world, total):
    if world.n_controllers == 0:
        return
    for place in range(world.n_controllers):
        owner = world.controllers[place]
        owner.pnl = _pnl(world, owner)
        owner.peak = max(owner.peak, owner.pnl)
        if owner.max_drawdown > 0.0 and owner.peak - owner.pnl >= owner.max_drawdown:
            _stop(world, place, Stop.OWN.value)
    world.peak = total if world.peak != world.peak else max(world.peak, total)
    if world.max_drawdown > 0.0 and world.peak - total >= world.max_drawdown:
        for place in range(world.n_controllers):
            _stop(world, place, Stop.ALL.value)


@compiled(part=True)
def _pnl(world, owner):
    """Σ (flow + position·last)·rate over markets."""
    total = 0.0
    for m in range(world.n_markets):
        last, rate = world.markets[m].last, purse_of(world, m).rate
        if last == last and rate == rate:
            total += (owner.flow[m] + owner.position[m] * last) * rate
    return total


@compiled(part=True)
def _stop(world, place, why):
    """For good: its orders and executors end, and what it holds is sold."""
    owner = world.controllers[place]
    if owner.stopped != 0:
        return
    owner.stopped, owner.stopped_row = why, world.row
    first_row = world.row + 1 + world.latency
    for slot in range(world.orders_top):
        order = world.orders[slot]
        if order.status == Status.OPEN and order.controller == place and order.executor == NO_SLOT:
            cancel(world, slot)
    for slot in range(world.executors_top):
        executor = world.executors[slot]
        at_work = executor.phase == Phase.ENTERING or executor.phase == Phase.HOLDING
        if at_work and executor.controller == place:
            halt(world, slot, 0, first_row)
    for m in range(world.n_markets):
        _flatten(world, place, m, first_row)


@compiled(part=True)
def _flatten(world, place, m, first_row):
    """Sell what no executor of a controller holds."""
    hold = world.controllers[place].position[m] - _in_executors(world, place, m)
    amount = to_lot(abs(hold), world.markets[m].lot)
    if amount > 0.0:
        open_order(
            world, m, NO_SLOT, world.controllers[place].first_level, Purpose.FLATTEN.value, SELL if hold > 0.0 else BUY,
            OrderKind.MARKET.value, 0.0, 0.0, amount, Sizing.BASE.value, first_row,
        )  # fmt: skip


@compiled(part=True)
def _in_executors(world, place, m):
    """What the executors of a controller hold of a market, signed."""
    total = 0.0
    for slot in range(world.executors_top):
        executor = world.executors[slot]
        if executor.phase == Phase.FREE or executor.controller != place:
            continue
        if executor.market == m:
            total += executor.side * executor.held
        if executor.kind >= ExecutorKind.ARBITRAGE and world.works[slot].terms[0].market2 == m:
            total -= executor.side * world.works[slot].hedged
    return total
