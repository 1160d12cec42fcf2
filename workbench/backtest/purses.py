"""What the loop does in a world with purses: equity per row, and no short way of quotes."""

from __future__ import annotations

from workbench.backtest import loop, quoting
from workbench.compiled import compiled, in_place_of
from workbench.trading import total_equity


@in_place_of(loop.mark)
@compiled(part=True)
def mark(world):
    """Equity of all purses in the reporting currency; the balance behind it, and rates that are missing or old."""
    cash, exposed, missing, old = 0.0, 0, 0, 0
    for i in range(world.n_purses):
        purse = world.purses[i]
        if purse.rate == purse.rate:
            cash += purse.quote * purse.rate
            if purse.max_age_ms > 0 and world.before_ms - purse.rate_ms > purse.max_age_ms:
                old = 1
        else:
            missing = 1
    for m in range(world.n_markets):
        if world.markets[m].position != 0.0:
            exposed = 1
    world.quote = cash
    world.at_ms, world.walking = world.before_ms, 0  # the walks of this row are over
    world.bars_exposed += exposed
    world.rows_without_rate += missing
    world.rows_with_old_rate += old
    return total_equity(world)


@in_place_of(quoting.quote_on)
@compiled(part=True)
def quote_on(world, journals, bars, timeframe_ms, inputs, decide, out, equity, start, stop):
    """Nothing: the short way of quotes is for plain worlds."""
    return start
