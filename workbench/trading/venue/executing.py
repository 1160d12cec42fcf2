"""What executors go by in a market with a spread, and between purses in different currencies; docs/executors.md 12."""

from __future__ import annotations

from workbench.compiled import compiled, in_place_of
from workbench.trading.executors import common, order, pairs
from workbench.trading.ledger import to_lot
from workbench.trading.venue.fees import is_fresh
from workbench.trading.venue.money import purse_of


@in_place_of(order.best_of)
@compiled(leaf=True)
def best_of(world, m, side, price):
    return price * (1.0 - side * world.markets[m].half_spread)


@in_place_of(common.largest_part)
@compiled(leaf=True)
def largest_part(world, m, amount):
    market = world.markets[m]
    return to_lot(market.max_amount, market.lot) if 0.0 < market.max_amount < amount else amount


@in_place_of(pairs.rate_of)
@compiled(leaf=True)
def rate_of(world, m):
    return purse_of(world, m).rate


@in_place_of(pairs.has_fresh_rate)
@compiled(leaf=True)
def has_fresh_rate(world, m):
    return is_fresh(world, purse_of(world, m))


@in_place_of(pairs.has_rate)
@compiled(leaf=True)
def has_rate(world, m):
    rate = purse_of(world, m).rate
    return rate == rate


@in_place_of(pairs.taker_price)
@compiled(part=True)
def taker_price(world, m, side):
    market = world.markets[m]
    return market.last * (1.0 + side * (market.half_spread + market.slippage))
