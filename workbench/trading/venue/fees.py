"""Fees by tier and in a third coin; docs/matching.md part 24."""

from __future__ import annotations

from workbench.compiled import compiled, in_place_of
from workbench.market import BUY
from workbench.trading import ledger
from workbench.trading.venue.money import move, purse_of
from workbench.trading.venue.owning import book_account
from workbench.trading.venue.records import DAYS

DAY_MS = 86_400_000


@compiled(part=True)
def choose_fee_tier(world, purse):
    """On the first tick of a UTC day: the tier of the volume of the 30 days before it, for all markets of a purse."""
    one, day = world.purses[purse], world.time_ms // DAY_MS
    if one.n_tiers == 0 or day == one.day:
        return
    if one.day >= 0:
        for passed in range(min(day - one.day, DAYS)):
            for i in range(DAYS - 1):
                one.volumes[i] = one.volumes[i + 1]
            one.volumes[DAYS - 1] = one.today if passed == 0 else 0.0
        one.today = 0.0
    one.day = day
    traded = 0.0
    for i in range(DAYS):
        traded += one.volumes[i]
    tier = 0
    for i in range(one.n_tiers):
        if one.fee_tiers[i, 0] <= traded:
            tier = i
    for m in range(world.n_markets):
        if world.markets[m].purse == purse:
            world.markets[m].maker, world.markets[m].taker = one.fee_tiers[tier, 1], one.fee_tiers[tier, 2]


@in_place_of(ledger.charge)
@compiled(part=True)
def charge(world, order, amount, price, rate):
    """Move what a fill moves between purses and positions; its fee may come out of the purse of a coin."""
    m, market, purse = order.market, world.markets[order.market], purse_of(world, order.market)
    value = amount * price
    coins, worth = in_third_coin(world, m, value, rate)
    in_base = market.fee_received != 0 and order.side == BUY and coins == 0.0
    fee = amount * rate if in_base else value * rate
    purse.quote -= order.side * value
    if coins > 0.0:
        fee = coins
    else:
        worth = fee * price if in_base else fee
        purse.quote -= 0.0 if in_base else fee
    got = amount - fee if in_base else amount
    move(world, order, got, price)
    book_account(world, order.controller, m, order.side, value, 0.0 if in_base else worth, got)
    world.fees += worth
    world.volume += value
    purse.today += value
    return fee, worth, in_base, coins > 0.0


@compiled(part=True)
def in_third_coin(world, m, value, rate):
    """Coins that a fee costs, taken from their purse, and their value in quote; 0 where it cannot be paid so."""
    market = world.markets[m]
    if market.fee_purse < 0:
        return 0.0, 0.0
    own, coin = world.purses[market.purse], world.purses[market.fee_purse]
    if not (is_fresh(world, own) and is_fresh(world, coin)):
        return 0.0, 0.0
    fee = value * rate * (1.0 - market.discount)
    coins = fee * (own.rate / coin.rate)
    if not 0.0 < coins <= coin.quote:
        return 0.0, 0.0
    coin.quote -= coins
    return coins, fee


@compiled(leaf=True)
def is_fresh(world, purse):
    """Is the rate of a purse known, and not too old?"""
    young = purse.max_age_ms == 0 or world.time_ms - purse.rate_ms <= purse.max_age_ms
    return purse.rate == purse.rate and young
