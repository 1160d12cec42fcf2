"""Every kernel that a session calls, called once beforehand: compiling one takes seconds, and no order may wait."""

from __future__ import annotations

import numpy as np

from workbench.backtest import Settings, close_row
from workbench.controllers import Controller
from workbench.live.plan import Plan
from workbench.live.session import Session
from workbench.market import BUY, Action, Instrument, OrderKind, Sizing
from workbench.trading import (
    Reason,
    Status,
    advance,
    book,
    book_outside,
    end_order,
    equity,
    flatten,
    new_targets,
    rest,
    revive,
    size_up,
    take,
    trade_pairs,
    wind_down,
)


def warm_up(plan: Plan, bot: Controller) -> None:
    """Compile, or find compiled, what the run will call; it trades in a world of its own, which is thrown away."""
    instruments = [Instrument.parse(place.instrument) for place in plan.markets]
    world = Settings(cash=1e6, account="margin").world(instruments, None)
    world["remote"], world["markets"]["last"] = 1, 100.0
    session = Session(plan, bot)
    session.rows.equip(world, session._names())
    record = world[0]
    for kind in (OrderKind.LIMIT, OrderKind.MARKET):
        target = new_targets(1)
        target["action"], target["side"], target["kind"], target["sizing"] = Action.ENTER, BUY, kind, Sizing.QUOTE
        target["price"], target["size"] = 99.0, 1000.0
        take(record, target[0], 0, float(equity(record)))
    for slot in range(int(world["orders_top"][0])):
        size_up(record, slot)
        book(record, slot, 99.0, 1.0, 0.1, 0.0, 0.1, True, False)
    was = world["orders"][0, :1].copy()
    end_order(record, 0, Status.CANCELLED.value, Reason.NONE.value)
    revive(record, was[0], 1.0)
    book_outside(record, 0, BUY, 99.0, 1.0, 0.0, 0.0, 0.0)
    flatten(record, 0, -BUY, 1.0, 0)
    wind_down(record, 0, np.int64(0), 0)
    advance(record, 0, 99.0)
    nothing = np.full(len(instruments), np.nan)
    close_row(record, nothing)
    trade_pairs(record, nothing)
    rest(record, 0)
