"""Two more drivers of the compiled engine: its loop a few rows at a time, and its functions called one by one."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.backtest import loop
from workbench.backtest.engine import NO_WISHES, Tape, grown, new_journals, step_rows, tape
from workbench.trading import (
    ALL_ORDERS,
    Reason,
    World,
    advance,
    equity,
    match,
    new_targets,
    next_tick,
    rest,
    start_walk,
    take,
    trade_pairs,
)  # fmt: skip
from workbench.trading.world import OUTBOX, TICK

from .agreement import Prepared

JOURNALS = ("fills", "orders", "executors", "refusals")
OUTBOXES = ("fills", "done_orders", "done_executors", "refusals")  # what stays in them once they are emptied is old


class Rows:
    """The compiled loop, run from row to row; between two calls a test may look at the world."""

    def __init__(self, case: Prepared, *, room: int = 2 * OUTBOX) -> None:
        self.world, self.bars, self.timeframe_ms, self.plan = case
        self.tick, self.journals = np.zeros(1, TICK), new_journals(room)
        self.equity, self.row = np.empty(len(self.bars.time)), 0
        self.fixed: Any = (NO_WISHES, self.plan, new_targets(1), self.equity)

    def run(self) -> Tape:
        """The rows that are left."""
        return self.run_to(len(self.bars.time))

    def run_to(self, stop: int) -> Tape:
        """Rows up to `stop`, and all that happened since the first one."""
        while self.row < stop:
            where = (self.bars, self.timeframe_ms, *self.fixed, self.row, stop)
            self.row = step_rows(self.world, self.tick, self.journals, *where)
            self.journals = grown(self.journals)
        return tape(self.world, self.journals, self.equity)


class Singly:
    """A plain Python loop over single calls into the compiled engine, as a live run makes them."""

    def __init__(self, case: Prepared) -> None:
        self.world, self.bars, self.timeframe_ms, self.plan = case
        self.tick, self.markets = np.zeros(1, TICK)[0], self.world["markets"][0]
        self.targets = self.plan.targets.copy()
        self.equity = np.empty(len(self.bars.time))

    def run(self) -> Tape:
        """All rows; a case is small enough for the outbox to hold all that happens."""
        for t in range(len(self.bars.time)):
            self.run_row(t)
        journals = new_journals(2 * OUTBOX)
        loop.empty_outbox(self.world[0], journals)
        assert self.world["code"][0] == Reason.NONE
        return tape(self.world, journals, self.equity)

    def run_row(self, t: int) -> None:
        """Walk the bars, mark, decide: docs/execution.md part 1."""
        self.world["row"] = t
        for m in range(len(self.bars.open)):
            if not np.isnan(self.bars.close[m, t]):
                self.see_bar(m, t)
        self.mark(t)
        self.decide(t)

    def see_bar(self, m: int, t: int) -> None:
        if self.matters(m, t):
            self.walk(m, t)
        self.markets["last"][m] = self.bars.close[m, t]

    def matters(self, m: int, t: int) -> bool:
        """Can anything happen in this bar?"""
        market, close_ms = self.markets[m], self.bars.time[t] + self.timeframe_ms
        is_beyond = self.bars.low[m, t] <= market["below"] or self.bars.high[m, t] >= market["above"]
        return bool(is_beyond or t >= market["wake_row"] or close_ms >= market["deadline_ms"])

    def walk(self, m: int, t: int) -> None:
        bars, open_ms = self.bars, self.bars.time[t]
        bar = (bars.open[m, t], bars.high[m, t], bars.low[m, t], bars.close[m, t])
        start_walk(self.tick, m, t, open_ms, open_ms + self.timeframe_ms, *bar)
        while next_tick(self.world[0], self.tick):
            self.see_tick(m, self.tick["price"])
        rest(self.world[0], m)

    def see_tick(self, m: int, price: float) -> None:
        """Match, step, match what the steps asked for: part 3."""
        self.markets["last"][m], self.world["time_ms"] = price, self.tick["time_ms"]
        match(self.world[0], m, price, ALL_ORDERS)
        first_new = self.world["next_order"][0]
        advance(self.world[0], m, price)
        match(self.world[0], m, price, first_new)

    def mark(self, t: int) -> None:
        self.equity[t] = equity(self.world[0])
        self.world["bars_exposed"] += (self.markets["position"] != 0.0).any()

    def decide(self, t: int) -> None:
        """The targets of a row, in order: part 5."""
        self.world["time_ms"] = self.bars.time[t] + self.timeframe_ms
        if self.world["n_pairs"][0] > 0:
            trade_pairs(self.world[0], self.bars.close[:, t])
        first, last = np.searchsorted(self.plan.rows, [t, t + 1])
        for place in range(first, last):
            take(self.world[0], self.targets[place], self.plan.levels[place], equity(self.world[0]))


class Awake(Singly):
    """Walks every bar, also those in which nothing can happen."""

    def matters(self, m: int, t: int) -> bool:
        return True


def journal_bytes(one: Tape) -> dict[str, bytes]:
    """Every journal and the equity of a run, bit for bit."""
    return {name: getattr(one, name).tobytes() for name in (*JOURNALS, "equity")}


def state_bytes(world: World) -> dict[str, bytes]:
    """Every field of a world bit for bit, without what was left in its outboxes and in slots that are free."""
    state = {name: world[name].tobytes() for name in world.dtype.names or () if name not in OUTBOXES}
    for name, phase in (("orders", "status"), ("executors", "phase")):
        used = world[name][0][phase] != 0
        state[name] = used.tobytes() + world[name][0][used].tobytes()
    return state
