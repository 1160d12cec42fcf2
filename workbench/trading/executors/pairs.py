"""What executors of two markets have in common; docs/executors.md part 12."""

from __future__ import annotations

from workbench.compiled import compiled
from workbench.market import OrderKind
from workbench.trading.executors.common import ask, extend, limit_time, make
from workbench.trading.ledger import DUST, finish
from workbench.trading.world import NO_SLOT, Phase, Purpose


@compiled(part=True)
def begin(world, slot, kind, level):
    """Make an executor of the two markets of its config; its first step is that of the next row."""
    work = world.works[slot]
    target = work.entry[0]
    make(world, slot, kind, target.market, level, target.side, NO_SLOT)
    limit_time(world, slot, work.terms[0].time_limit_ms)
    extend(world, slot, target.config)


@compiled(part=True)
def other_market(world, slot):
    """The market of the second leg."""
    return world.works[slot].terms[0].market2


@compiled(part=True)
def rate_of(world, m):
    """What a unit of a market's quote currency is worth in the reporting one."""
    return 1.0


@compiled(part=True)
def are_comparable(world, slot):
    """Are both last prices of this row, and the rates between them fresh?"""
    first, second = world.executors[slot].market, other_market(world, slot)
    of_now = world.markets[first].traded_row == world.row and world.markets[second].traded_row == world.row
    return of_now and has_fresh_rate(world, first) and has_fresh_rate(world, second)


@compiled(leaf=True)
def has_fresh_rate(world, m):
    """Is the rate of a market's quote currency not too old?"""
    return True


@compiled(leaf=True)
def has_rate(world, m):
    """Is there a rate of a market's quote currency at all?"""
    return True


@compiled(part=True)
def have_rates(world, slot):
    """Can what the two markets of an executor to be made bring ever be compared?"""
    return has_rate(world, world.works[slot].entry[0].market) and has_rate(world, other_market(world, slot))


@compiled(part=True)
def taker_price(world, m, side):
    """What a taker pays at the last price."""
    market = world.markets[m]
    return market.last * (1.0 + side * market.slippage)


@compiled(part=True)
def ask_leg(world, slot, tag, undoes, kind, price, amount, first_row):
    """Ask for an order of one leg (0 here, 1 there), or of what undoes it; its slot."""
    executor = world.executors[slot]
    m = other_market(world, slot) if tag else executor.market
    side = -executor.side if (tag != 0) != (undoes != 0) else executor.side
    purpose = Purpose.HEDGE.value if tag else Purpose.ENTRY.value
    purpose = Purpose.EXIT.value if undoes else purpose
    return ask(world, slot, m, side, purpose, kind, price, amount, tag, first_row)


@compiled(part=True)
def take_leg(world, slot, tag, undoes, amount, first_row):
    """The same at market."""
    return ask_leg(world, slot, tag, undoes, OrderKind.MARKET.value, 0.0, amount, first_row)


@compiled(part=True)
def book_leg(world, slot, order_slot, price, amount, got, fee_quote):
    """A fill of a leg, in the reporting currency; what undoes a leg goes back."""
    executor, work, order = world.executors[slot], world.works[slot], world.orders[order_slot]
    sign = -1.0 if order.purpose == Purpose.EXIT else 1.0
    rate = rate_of(world, order.market)
    value = price * amount * rate
    executor.fees_quote += fee_quote * (rate - 1.0)  # it was booked in its own currency
    if executor.entered_row < 0:
        executor.entered_row, executor.entered_ms = world.row, world.time_ms
    if order.tag == 0:
        executor.entry_amount += sign * amount
        executor.entry_value += sign * value
        executor.held = _changed(executor.held, sign * got)
        executor.entry = executor.entry_value / executor.entry_amount
    else:
        executor.exit_amount += sign * amount
        executor.exit_value += sign * value
        work.hedged = _changed(work.hedged, sign * got)


@compiled(leaf=True)
def _changed(before, change):
    after = before + change
    return 0.0 if abs(after) <= DUST * max(abs(before), abs(change)) else after


@compiled(part=True)
def finish_pair(world, slot, close_type):
    """Done: what one leg has more than the other counts at the last price of the first market."""
    executor, work = world.executors[slot], world.works[slot]
    executor.close_type = close_type
    executor.held -= work.hedged
    executor.last_exit = world.markets[executor.market].last * rate_of(world, executor.market)
    executor.phase = Phase.EXITING
    finish(world, slot)
