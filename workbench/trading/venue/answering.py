"""How a venue with a spread, a queue and only so much volume answers an order; docs/matching.md parts 21 to 23."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled, in_place_of
from workbench.market import BUY, OrderKind
from workbench.trading.ledger import settle, to_lot
from workbench.trading.matching import answer
from workbench.trading.matching.answer import end_unasked, reject
from workbench.trading.orders import sized
from workbench.trading.venue.budget import has_funds, keeps_rules, wished_amount, wished_side
from workbench.trading.venue.money import account_of, closes, is_exit, leg_of, only_reduces
from workbench.trading.venue.owning import held_by
from workbench.trading.venue.records import FillModel
from workbench.trading.world import Purpose, Reason, Status

STEP_OF_ROW, STEP_OF_ORDER = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03)
FIRST_MIX, SECOND_MIX = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
ONE, ELEVEN = np.uint64(1), np.uint64(11)
BY_30, BY_27, BY_31 = np.uint64(30), np.uint64(27), np.uint64(31)
UNIT = 2.0**-53


@in_place_of(answer.meet)
@compiled(part=True)
def meet(world, slot, price):
    """Let one order be met by a price, and settle what fills."""
    order = world.orders[slot]
    kind, fresh = order.kind, order.fresh != 0
    order.fresh = 0
    if kind == OrderKind.MARKET:
        _take(world, slot, price, False)
    elif kind < OrderKind.STOP or (kind == OrderKind.STOP_LIMIT and order.triggered):
        _meet_limit(world, slot, price, fresh)
    elif order.triggered or order.side * (price - order.trigger) >= 0.0:
        order.triggered = 1
        if kind == OrderKind.STOP_LIMIT:
            _meet_limit(world, slot, price, True)
        else:
            _take(world, slot, price, False)


@compiled(part=True)
def _meet_limit(world, slot, price, fresh):
    order, order_id = world.orders[slot], world.orders[slot].id
    half = world.markets[order.market].half_spread
    opposite = price * (1.0 + order.side * half) if half > 0.0 else price
    if fresh and order.side * (opposite - order.price) <= 0.0:
        if order.kind == OrderKind.POST_ONLY:
            reject(world, slot, Reason.WOULD_TAKE)
        else:
            _take(world, slot, price, True)
    elif not fresh and _is_hit(world, order, price):
        _fill_resting(world, slot)
    lives = order.status == Status.OPEN and order.id == order_id
    if lives and world.at_open and world.fill == FillModel.INTENSITY and _is_met(world, order):
        _fill_resting(world, slot)


# Resting orders -----------------------------------------------------------------------------------------------


@compiled(part=True)
def _is_hit(world, order, price):
    """Does a price fill an order that rests?"""
    gap = order.side * (price - order.price)
    if world.fill == FillModel.INTENSITY:
        return False
    if world.fill == FillModel.QUEUE and gap == 0.0:
        return draw(world.seed, world.row, order.id) < world.markets[order.market].queue
    return gap <= 0.0 if world.fill == FillModel.TOUCH else gap < 0.0


@compiled(part=True)
def _is_met(world, order):
    """Avellaneda and Stoikov's intensity, once a bar."""
    market = world.markets[order.market]
    if market.before != market.before:
        return False
    away = order.side * (market.before - order.price)
    chance = market.intensity * np.exp(-market.decay * away) * market.dt
    return draw(world.seed, world.row, order.id) < chance


@compiled(part=True)
def draw(seed, row, order_id):
    """A number in [0, 1): splitmix64 of a seed, a row and an order."""
    z = np.uint64(seed) + (np.uint64(row) + ONE) * STEP_OF_ROW + (np.uint64(order_id) + ONE) * STEP_OF_ORDER
    z = (z ^ (z >> BY_30)) * FIRST_MIX
    z = (z ^ (z >> BY_27)) * SECOND_MIX
    z = z ^ (z >> BY_31)
    return np.float64(z >> ELEVEN) * UNIT


@compiled(part=True)
def _fill_resting(world, slot):
    order = world.orders[slot]
    if not cut_to_position(world, slot):
        return
    part = _from_volume(world, order.market, order.amount - order.filled)
    if part > 0.0:
        settle(world, slot, order.price, part, True)


# Takers -------------------------------------------------------------------------------------------------------


@compiled(part=True)
def _take(world, slot, price, limited):
    """Fill as taker, or reject what the budget does not carry; an amount not known yet is worked out now."""
    if not cut_to_position(world, slot):
        return
    order, m = world.orders[slot], world.orders[slot].market
    side, amount = side_of(world, order, price), order.amount
    paid = _paid(world, order, side, price, 0.0, limited)
    kept, order.reserved = order.reserved, 0.0
    if amount != amount:
        if order.purpose == Purpose.HOLD:
            amount = wished_amount(world, m, order.size, side, paid, held_by(world, m, order.controller))
        else:
            amount = sized(world, m, side, order.size, order.sizing, paid, account_of(world, m))
            if only_reduces(world, order):
                amount = min(amount, leg_of(world, m, -side))
    reason = keeps_rules(world, m, amount - order.filled, paid, closes(order) or order.filled > 0.0)
    if reason == Reason.NONE:
        reason = funds(world, order, side, amount - order.filled, paid)
    part = 0.0
    if reason == Reason.NONE:
        part = _from_volume(world, m, amount - order.filled)
        if part > 0.0 and world.markets[m].impact > 0.0:
            paid = _paid(world, order, side, price, _share(world.markets[m], part), limited)
            reason = funds(world, order, side, part, paid)
    order.reserved = kept
    if reason == Reason.TOO_SMALL and order.purpose == Purpose.HOLD:
        end_unasked(world, slot, Status.CANCELLED.value, Reason.NONE)
    elif reason != Reason.NONE:
        reject(world, slot, reason)
    elif part > 0.0:
        order.side, order.amount = side, amount
        settle(world, slot, paid, part, False)


@compiled(leaf=True)
def funds(world, order, side, amount, price):
    return has_funds(world, order.market, side, amount, price, is_exit(order), order.reduce != 0)


@compiled(leaf=True)
def side_of(world, order, price):
    """The side of an order; a wish has none until it is known which way it goes."""
    if order.side != 0:
        return np.int64(order.side)
    held = held_by(world, order.market, order.controller)
    return np.int64(wished_side(world, order.market, order.size, price, held))


@compiled(leaf=True)
def _paid(world, order, side, price, share, limited):
    """What a taker pays, for a share of the bar's volume; never worse than its limit."""
    paid = _market_price(world, order, side, price, share)
    if limited:
        paid = min(paid, order.price) if order.side == BUY else max(paid, order.price)
    return paid


@compiled(leaf=True)
def _market_price(world, order, side, price, share):
    market = world.markets[order.market]
    worse = market.half_spread + market.slippage
    if market.impact > 0.0:
        worse = worse + market.impact * share * share
    return price * (1.0 + side * worse)


@compiled(leaf=True)
def _share(market, part):
    return min(part / market.volume, 1.0) if market.volume > 0.0 else 1.0


@compiled(part=True)
def cut_to_position(world, slot):
    """Cut an order that only reduces to what there is; False when that is nothing, and it is over."""
    order = world.orders[slot]
    if not only_reduces(world, order):
        return True
    most = leg_of(world, order.market, -order.side)
    if most <= 0.0:
        end_unasked(world, slot, Status.CANCELLED.value, Reason.NONE)
        return False
    if order.amount == order.amount and order.amount - order.filled > most:
        order.amount = order.filled + most
    return True


@compiled(part=True)
def _from_volume(world, m, wanted):
    """How much of an amount the bar still has for us; it is taken."""
    market = world.markets[m]
    if not market.participation > 0.0:
        return wanted
    part = wanted if market.room >= wanted else to_lot(market.room, market.lot)
    market.room -= part
    return part
