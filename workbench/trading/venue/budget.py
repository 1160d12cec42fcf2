"""What the purse of a market can carry: initial margin, tiers, sizes and reserves; docs/perpetuals.md part 18."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled, in_place_of
from workbench.market import BUY, SELL, Sizing
from workbench.trading import ledger, orders, risk
from workbench.trading.ledger import closable_base, free_base, free_quote, to_lot
from workbench.trading.risk import ROOM, SPARE
from workbench.trading.venue.money import account_of, closes, entry_of, leg_of, purse_of
from workbench.trading.venue.records import PurseKind
from workbench.trading.world import Reason, Status


@compiled(leaf=True)
def tier_at(market, value):
    """The tier of a value: the last one whose floor it has reached; −1 without tiers."""
    tier = -1
    for i in range(market.n_tiers):
        if market.tiers[i].floor <= value:
            tier = i
    return tier


@compiled(leaf=True)
def leg_tier(world, m, side):
    """Maintenance rate and deduction of a leg, by its value at entry."""
    market = world.markets[m]
    tier = tier_at(market, leg_of(world, m, side) * entry_of(world, m, side))
    if tier < 0:
        return 0.0, 0.0
    return market.tiers[tier].maintenance, market.tiers[tier].deduction


@compiled(part=True)
def margin_balance(world, purse):
    """Quote balance plus every position at its mark."""
    total = world.purses[purse].quote
    for m in range(world.n_markets):
        market = world.markets[m]
        if market.purse == purse and market.mark == market.mark:
            total += market.position * market.mark
    return total


@compiled(part=True)
def maintenance(world, purse):
    """What the positions of a purse need to stay open, and whether there are any."""
    total, any_leg = 0.0, False
    for m in range(world.n_markets):
        market = world.markets[m]
        if market.purse != purse:
            continue
        for side in (BUY, SELL):
            amount = leg_of(world, m, side)
            if amount > 0.0:
                rate, deduction = leg_tier(world, m, side)
                total += amount * market.mark * rate - deduction
                any_leg = True
    return total, any_leg


@compiled(part=True)
def available(world, purse):
    """Margin balance less what positions and orders use."""
    used = 0.0
    for m in range(world.n_markets):
        market = world.markets[m]
        if market.purse != purse:
            continue
        for side in (BUY, SELL):
            amount = leg_of(world, m, side)
            if amount > 0.0:
                used += amount * market.mark / market.leverage
    for slot in range(world.orders_top):
        order = world.orders[slot]
        if order.status == Status.OPEN and world.markets[order.market].purse == purse:
            used += order.reserved
    return margin_balance(world, purse) - used


@compiled(part=True)
def opened(world, m, side, amount, closing):
    """How much of an order would add to a position."""
    if closing:
        return 0.0
    position = world.markets[m].position
    if purse_of(world, m).hedge or side * position >= 0.0:
        return amount
    return max(amount - abs(position), 0.0)


# Sizes --------------------------------------------------------------------------------------------------------


@in_place_of(orders.sized)
@compiled(part=True)
def sized(world, m, side, size, sizing, price, account):
    """Base units for a size at a price; cut to what a spot purse has."""
    market, kind = world.markets[m], purse_of(world, m).kind
    if sizing == Sizing.BASE:
        return to_lot(size, market.lot)
    quote = size if sizing == Sizing.QUOTE else size * account
    if side == BUY or kind == PurseKind.PERPETUAL:
        if kind == PurseKind.SPOT:
            quote = min(quote, free_quote(world, m))
        return to_lot(quote / (price * (1.0 + market.taker)), market.lot)
    amount = quote / price
    if kind == PurseKind.SPOT:
        amount = min(amount, free_base(world, m))
    return to_lot(amount, market.lot)


# Budgets ------------------------------------------------------------------------------------------------------


@in_place_of(risk.approve)
@compiled(part=True)
def approve(world, m, side, amount, price, closing, account):
    """May an order that is asked for now be sent?"""
    reason = keeps_rules(world, m, amount, price, closing or world.asks_reduce != 0)
    if reason != Reason.NONE:
        return reason
    return has_funds(world, m, side, amount, price, closing, world.asks_reduce != 0)


@compiled(part=True)
def keeps_rules(world, m, amount, price, exempt):
    """The venue's rules of size; what closes, or is the rest of an order, is exempt from the minimums."""
    market = world.markets[m]
    if not amount > 0.0:
        return Reason.TOO_SMALL
    if not exempt and (amount < market.min_amount or amount * price < market.min_notional):
        return Reason.TOO_SMALL
    if market.max_amount > 0.0 and amount > market.max_amount:
        return Reason.TOO_LARGE
    return Reason.NONE


@in_place_of(risk.approve_funds)
@compiled(part=True)
def approve_funds(world, m, side, amount, price, closing, account):
    return has_funds(world, m, side, amount, price, closing, False)


@compiled(part=True)
def has_funds(world, m, side, amount, price, closing, reduces):
    """Can the purse carry it?"""
    kind = purse_of(world, m).kind
    if kind == PurseKind.PERPETUAL:
        return _has_margin(world, m, side, amount, price, closing or reduces)
    if kind == PurseKind.MARGIN:
        fits = closing or reduces or _fits_leverage(world, m, side, amount, price)
        return Reason.NONE if fits else Reason.NO_FUNDS
    if side == BUY:
        enough = amount * price * (1.0 + world.markets[m].taker) <= free_quote(world, m) * (1.0 + SPARE)
    else:
        free = closable_base(world, m) if closing else free_base(world, m)
        enough = amount <= free * (1.0 + SPARE)
    return Reason.NONE if enough else Reason.NO_FUNDS


@compiled(part=True)
def _has_margin(world, m, side, amount, price, closing):
    part = opened(world, m, side, amount, closing)
    if part == 0.0:
        return Reason.NONE
    market = world.markets[m]
    tier = tier_at(market, (leg_of(world, m, side) + part) * price)
    if tier >= 0 and market.tiers[tier].max_leverage < market.leverage:
        return Reason.LEVERAGE
    need = part * price * (1.0 / market.leverage + market.taker)
    return Reason.NONE if need <= available(world, market.purse) * (1.0 + SPARE) else Reason.NO_FUNDS


@compiled(part=True)
def _fits_leverage(world, m, side, amount, price):
    position = world.markets[m].position
    wanted = abs(position + side * amount)
    if wanted <= abs(position):
        return True
    exposure = exposure_of(world, m, wanted * price)
    return exposure <= purse_of(world, m).leverage * account_of(world, m) * (1.0 + ROOM)


@compiled(part=True)
def exposure_of(world, m, own):
    """Σ of the values of all positions of a purse, with another value for one of them."""
    total, purse = 0.0, world.markets[m].purse
    for i in range(world.n_markets):
        market = world.markets[i]
        if market.purse != purse:
            continue
        if i == m:
            total += own
        elif market.last == market.last:
            total += abs(market.position * market.last)
    return total


@in_place_of(ledger.reserve)
@compiled(part=True)
def reserve(world, order):
    """Set aside what a resting order will need: money or base of a spot purse, margin of a perpetual one."""
    market, kind = world.markets[order.market], purse_of(world, order.market).kind
    if kind == PurseKind.PERPETUAL:
        part = opened(world, order.market, order.side, order.amount, closes(order))
        order.reserved = part * order.price * (1.0 / market.leverage + market.taker)
    elif kind == PurseKind.SPOT:
        if order.side == BUY:
            order.reserved = order.amount * order.price * (1.0 + market.taker)
        else:
            order.reserved = order.amount


# A wished exposure --------------------------------------------------------------------------------------------


@compiled(part=True)
def carried(world, m, wish):
    """The value of a wished exposure, as far as the purse can carry it beside its other markets."""
    account, purse = account_of(world, m), purse_of(world, m)
    if purse.kind == PurseKind.SPOT:
        return min(max(wish, 0.0), 1.0) * account
    leverage = world.markets[m].leverage if purse.kind == PurseKind.PERPETUAL else purse.leverage
    value = min(max(wish, -leverage), leverage) * account
    most = max(leverage * account - exposure_of(world, m, 0.0), 0.0)
    return min(max(value, -most), most)


@compiled(part=True)
def wished_amount(world, m, wish, side, price, held):
    """What has to be traded at a price to get there from what is held, as far as the purse goes."""
    market, kind = world.markets[m], purse_of(world, m).kind
    amount = side * (carried(world, m, wish) / price - held)
    if kind == PurseKind.SPOT:
        amount = min(
            amount, free_quote(world, m) / (price * (1.0 + market.taker)) if side == BUY else free_base(world, m)
        )
    elif kind == PurseKind.PERPETUAL:
        closing = abs(market.position) if side * market.position < 0.0 else 0.0
        amount = min(
            amount, closing + available(world, market.purse) / (price * (1.0 / market.leverage + market.taker))
        )
    return to_lot(amount, market.lot)


@compiled(part=True)
def wished_side(world, m, wish, price, held):
    """Which way a wish goes at a price."""
    delta = carried(world, m, wish) / price - held
    if delta > 0.0:
        return BUY
    return SELL if delta < 0.0 else np.int64(0)
