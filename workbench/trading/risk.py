"""An intent is approved, or refused with a reason; nothing goes round it."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY
from workbench.trading.ledger import closable_base, free_base, free_quote, is_spot
from workbench.trading.world import Reason

ROOM = 1e-9  # of equity, for the rounding of sums
SPARE = 1e-12


@compiled(leaf=True)
def approve(world, m, side, amount, price, closing, account):
    """May this order be sent, with equity of `account`? Returns a `Reason`.

    An order that closes what an executor holds is exempt from the minimums and from the limit of leverage: it must
    always be possible to get out, even where that uncovers a position of the other side.
    """
    market = world.markets[m]
    if not amount > 0.0:
        return Reason.TOO_SMALL
    if not closing and is_too_small(market, amount, price):
        return Reason.TOO_SMALL
    return approve_funds(world, m, side, amount, price, closing, account)


@compiled(leaf=True)
def approve_funds(world, m, side, amount, price, closing, account):
    """Can the account carry it?"""
    market = world.markets[m]
    if not is_spot(world, m):
        return Reason.NONE if closing else _approve_margin(world, m, side, amount, price, account)
    if side == BUY:
        enough = suffices(free_quote(world, m), amount * price * (1.0 + market.taker))
    else:
        enough = suffices(closable_base(world, m) if closing else free_base(world, m), amount)
    return Reason.NONE if enough else Reason.NO_FUNDS


@compiled(leaf=True)
def is_too_small(market, amount, price):
    """Is it below one of the instrument's minimums?"""
    return (amount < market.min_amount) | (amount * price < market.min_notional)


@compiled(leaf=True)
def suffices(free, needed):
    """Is there enough of what is free, but for the rounding of sums?"""
    return needed <= free * (1.0 + SPARE)


@compiled(leaf=True)
def carries(position, wanted, exposure, most):
    """May a margin account's position become this large? A smaller one than before always may."""
    return (wanted <= abs(position)) | (exposure <= most * (1.0 + ROOM))


@compiled(leaf=True)
def _approve_margin(world, m, side, amount, price, account):
    position = world.markets[m].position
    wanted = abs(position + side * amount)
    exposure = wanted * price
    if world.n_markets > 1:
        exposure = _exposure(world, m, exposure)
    carried = carries(position, wanted, exposure, world.leverage * account)
    return Reason.NONE if carried else Reason.NO_FUNDS


@compiled(part=True)
def _exposure(world, m, own):
    exposure = 0.0
    for i in range(world.n_markets):
        if i == m:
            exposure += own
        elif world.markets[i].position != 0.0:
            exposure += abs(world.markets[i].position * world.markets[i].last)
    return exposure


@compiled(part=True)
def refuse(world, m, level, executor, reason):
    """Write down what was refused and why."""
    if world.n_refusals >= world.refusals.shape[0]:
        world.code = Reason.FULL
        return
    row = world.refusals[world.n_refusals]
    row.row, row.market, row.level, row.executor, row.reason = world.row, m, level, executor, reason
    world.n_refusals += 1


@compiled(leaf=True)
def usable(size):
    """Is a size a number above zero?"""
    return size > 0.0 and size < np.inf
