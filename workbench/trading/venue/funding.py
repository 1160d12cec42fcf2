"""Funding at the venue's own stamps, on the position held then; docs/perpetuals.md part 20.1. And rates, part 25."""

from __future__ import annotations

from workbench.compiled import compiled, in_place_of
from workbench.trading.matching import seams
from workbench.trading.venue.liquidation import liquidate_if_due
from workbench.trading.venue.owning import anybody_holds, pay_funding


@in_place_of(seams.begin_row)
@compiled(part=True)
def begin_row(world, extra, row, close_ms):
    for purse in range(extra.rates.shape[0]):
        if extra.rates[purse, row] == extra.rates[purse, row]:
            one = world.purses[purse]
            one.rate, one.rate_ms = extra.rates[purse, row], extra.rate_ms[purse, row]
    for m in range(world.n_markets):
        market = world.markets[m]
        if market.next_stamp < market.end_stamp:
            settle_funding(world, extra, m, world.before_ms)
    world.began_ms, world.before_ms = world.before_ms, close_ms


@in_place_of(seams.after_open)
@compiled(part=True)
def after_open(world, extra, m, close_ms):
    if world.markets[m].next_stamp < world.markets[m].end_stamp:
        settle_funding(world, extra, m, close_ms - 1)


@compiled(part=True)
def settle_funding(world, extra, m, until_ms):
    """Pay what is due of a market up to a time, on the position as it is."""
    market = world.markets[m]
    while market.next_stamp < market.end_stamp and extra.funding[market.next_stamp].time_ms <= until_ms:
        stamp = extra.funding[market.next_stamp]
        market.next_stamp += 1
        if stamp.rate != stamp.rate:
            market.gaps += 1
            continue
        mark = stamp.mark if stamp.mark == stamp.mark else market.mark
        if mark == mark and (market.position != 0.0 or anybody_holds(world, m)):
            _pay(world, extra.paid[world.n_payments], m, stamp, mark)


@compiled(part=True)
def _pay(world, payment, m, stamp, mark):
    market, purse = world.markets[m], world.purses[world.markets[m].purse]
    amount = market.position * mark * stamp.rate
    purse.quote -= amount
    pay_funding(world, m, mark, stamp.rate)
    if purse.rate == purse.rate:
        world.funding += amount * purse.rate
    payment.row, payment.market, payment.time_ms, payment.rate = world.row, m, stamp.time_ms, stamp.rate
    payment.mark, payment.position, payment.amount = mark, market.position, amount
    world.n_payments += 1
    liquidate_if_due(world, market.purse)
