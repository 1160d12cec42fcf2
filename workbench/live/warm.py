"""Every kernel that a session calls, called once beforehand: compiling one takes seconds, and no order may wait."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from workbench.backtest import Settings, close_row
from workbench.connectors import Bar
from workbench.controllers import Controller, Way
from workbench.live.plan import Plan
from workbench.live.session import Session
from workbench.market import BUY, Action, Instrument, OrderKind, Sizing
from workbench.trading import (
    Reason,
    Status,
    advance_in,
    book_in,
    book_outside,
    end_order_in,
    equity_in,
    flatten,
    new_targets,
    rest_in,
    revive,
    size_up_in,
    take_in,
    trade_pairs,
    wind_down,
)

BARS = 600  # made up, for the bot's own decision


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
        take_in(world, target, 0, 0, float(equity_in(world)))
    for slot in range(int(world["orders_top"][0])):
        size_up_in(world, slot)
        book_in(world, slot, 99.0, 1.0, 0.1, 0.0, 0.1, True, False)
    was = world["orders"][0, :1].copy()
    end_order_in(world, 0, Status.CANCELLED.value, Reason.NONE.value)
    revive(record, was[0], 1.0)
    book_outside(record, 0, BUY, 99.0, 1.0, 0.0, 0.0, 0.0)
    flatten(record, 0, -BUY, 1.0, 0)
    wind_down(record, 0, np.int64(0), 0)
    advance_in(world, 0, 99.0)
    nothing = np.full(len(instruments), np.nan)
    close_row(world, nothing)
    trade_pairs(record, nothing)
    rest_in(world, 0)
    _decide_once(session, world, instruments)


def _decide_once(session: Session, world: Any, instruments: list[Instrument]) -> None:
    """The bot's own decision on bars that were made up, so that a compiled one is loaded; what it says is not used.

    One that is written bar by bar in Python has nothing to compile, and may do other things than to decide.
    """
    if session.rows.way == Way.ON_TICK:
        return
    length_ms = session.history.length_ms
    for m, instrument in enumerate(instruments):
        for i in range(BARS):
            close = 100.0 + np.sin(i / 7.0) + 0.01 * m
            bar = Bar(instrument.symbol, session.plan.timeframe, i * length_ms, 100.0, 102.0, 98.0, close, 1.0)
            session.history.add(m, bar)
    market = session.history.market(instruments, (BARS - 1) * length_ms)
    with contextlib.suppress(Exception):  # one that fails on real bars is paused, and says so
        session.rows.decide(world, market, BARS - 1, float(equity_in(world)))
