"""Purses: what is in them, what leaves them, and the positions behind them; docs/perpetuals.md parts 16 and 17."""

from __future__ import annotations

from workbench.compiled import compiled, in_place_of
from workbench.market import BUY
from workbench.trading import ledger, orders, quotes
from workbench.trading.ledger import DUST, close_order, move_position
from workbench.trading.venue.records import PurseKind
from workbench.trading.world import NEVER, NO_SLOT, Purpose, Reason, Status


@compiled(part=True)
def purse_equity(world, purse):
    """Quote balance of a purse plus its positions at their last prices."""
    total = world.purses[purse].quote
    for m in range(world.n_markets):
        market = world.markets[m]
        if market.purse == purse and market.position != 0.0 and market.last == market.last:
            total += market.position * market.last
    return total


@in_place_of(ledger.total_equity)
@compiled(part=True)
def total_equity(world):
    """Σ equity of the purses at their rates; one that has no rate yet counts for nothing."""
    if world.n_purses == 1:
        return purse_equity(world, 0)
    total = 0.0
    for purse in range(world.n_purses):
        rate = world.purses[purse].rate
        if rate == rate:
            total += purse_equity(world, purse) * rate
    return total


@in_place_of(ledger.account_of)
@compiled(leaf=True)
def account_of(world, m):
    return purse_equity(world, world.markets[m].purse)


@compiled(leaf=True)
def purse_of(world, m):
    """The purse that a market trades from."""
    return world.purses[world.markets[m].purse]


@in_place_of(ledger.is_spot)
@compiled(leaf=True)
def is_spot(world, m):
    return purse_of(world, m).kind == PurseKind.SPOT


@in_place_of(ledger.free_quote)
@compiled(part=True)
def free_quote(world, m):
    """Quote balance of a purse less what resting buys of its markets have set aside."""
    purse, reserved = world.markets[m].purse, 0.0
    for slot in range(world.orders_top):
        order = world.orders[slot]
        if order.status == Status.OPEN and order.side == BUY and world.markets[order.market].purse == purse:
            reserved += order.reserved
    return world.purses[purse].quote - reserved


# Positions ----------------------------------------------------------------------------------------------------


@compiled(leaf=True)
def is_exit(order):
    """Does an order close what an executor, or a stopped controller, holds?"""
    purpose = order.purpose
    return purpose == Purpose.EXIT or purpose == Purpose.TARGET or purpose == Purpose.FLATTEN


@compiled(leaf=True)
def closes(order):
    """Does an order close what an executor, or a reduce-only target, holds?"""
    return is_exit(order) or order.reduce != 0


@compiled(leaf=True)
def leg_of(world, m, side):
    """The long or short leg of a market; a one-way position is one of them."""
    market = world.markets[m]
    if purse_of(world, m).hedge:
        return market.legs[0] if side == BUY else market.legs[1]
    return max(side * market.position, 0.0)


@compiled(leaf=True)
def entry_of(world, m, side):
    """Average entry of a leg."""
    market = world.markets[m]
    if purse_of(world, m).hedge:
        return market.entries[0] if side == BUY else market.entries[1]
    return market.entry


@compiled(leaf=True)
def rounded(before, change):
    """A balance after a change; what the rounding of sums left behind is nothing."""
    after = before + change
    return 0.0 if abs(after) <= DUST * max(abs(before), abs(change)) else after


@compiled(part=True)
def move(world, order, got, price):
    """Into the position of a market, or, hedged, into the leg that the order is for."""
    market = world.markets[order.market]
    if not purse_of(world, order.market).hedge:
        move_position(market, order.side * got, price)
        return
    opens = not closes(order)
    leg = 0 if (order.side == BUY) == opens else 1
    before, change = market.legs[leg], got if opens else -got
    if before == 0.0:
        market.entries[leg] = price
    elif change > 0.0:
        market.entries[leg] = (market.entries[leg] * before + price * change) / (before + change)
    market.legs[leg] = rounded(before, change)
    market.position = market.legs[0] - market.legs[1]
    market.entry = market.entries[0] if market.position > 0.0 else market.entries[1]


# Orders that only reduce --------------------------------------------------------------------------------------


@in_place_of(orders.mark_reduce)
@compiled(leaf=True)
def mark_reduce(world, reduces):
    world.asks_reduce = reduces


@in_place_of(orders.dress)
@compiled(leaf=True)
def dress(world, order):
    order.controller = world.owners[order.level]
    order.reduce = world.asks_reduce
    # Without latency an order that is asked for in a walk is there at once.
    submit_ms = world.markets[order.market].submit_ms
    order.arrives_ms = world.at_ms + submit_ms if submit_ms > 0 or world.walking == 0 else world.open_ms
    order.ends_ms = NEVER


@in_place_of(ledger.cancel)
@compiled(part=True)
def cancel(world, slot):
    """Ask for a cancel, which takes a while to arrive; without latency the order is gone at once."""
    if slot == NO_SLOT:
        return
    order = world.orders[slot]
    if world.remote:
        order.reason = Reason.LEAVING
        return
    cancel_ms = world.markets[order.market].cancel_ms
    if cancel_ms == 0:
        close_order(world, slot, Status.CANCELLED, Reason.NONE)
    else:
        order.ends_ms = min(order.ends_ms, world.at_ms + cancel_ms)


@in_place_of(orders.has_room)
@compiled(leaf=True)
def has_room(world, level):
    """A backtest asks for the cancel of the old quote and for the new one at once: for a while both may live."""
    return world.remote == 0 or world.quotes[level] == NO_SLOT


@in_place_of(orders.lingers)
@compiled(leaf=True)
def lingers(world, slot):
    return slot != NO_SLOT and world.orders[slot].status == Status.OPEN


@in_place_of(ledger.let_go_quote)
@compiled(leaf=True)
def let_go_quote(world, level, slot):
    if world.quotes[level] == slot:
        world.quotes[level] = NO_SLOT


@in_place_of(ledger.is_special)
@compiled(leaf=True)
def is_special(world, order):
    return order.reduce != 0


@in_place_of(quotes.reduces_as)
@compiled(leaf=True)
def reduces_as(world, order, target):
    return (order.reduce != 0) == (target.reduce != 0)


@in_place_of(orders.knows_reduce)
@compiled(leaf=True)
def knows_reduce(world):
    return True


@in_place_of(orders.out_of_the_question)
@compiled(leaf=True)
def out_of_the_question(world, m, side, purpose):
    net_wish = purpose == Purpose.HOLD and purse_of(world, m).hedge != 0
    return Reason.BAD_MODE if net_wish else Reason.NONE


@in_place_of(orders.nothing_to_reduce)
@compiled(leaf=True)
def nothing_to_reduce(world, m, side, closing):
    only_reduces = world.asks_reduce != 0 or (closing and purse_of(world, m).hedge != 0)
    return only_reduces and leg_of(world, m, -side) <= 0.0


@compiled(leaf=True)
def only_reduces(world, order):
    """May an order do nothing but take away from a position?"""
    if order.reduce != 0:
        return True
    return is_exit(order) and purse_of(world, order.market).hedge != 0


# The short way of quotes is for plain worlds -------------------------------------------------------------------


@in_place_of(quotes.can_stay)
@compiled(leaf=True)
def can_stay(world, kind, slot):
    return False


@in_place_of(quotes.meet_quotes)
@compiled(leaf=True)
def meet_quotes(world, m, row, o, high, low):
    return False
