"""One engine, several drivers: whoever calls its functions, and wherever a run is cut, the bits are the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workbench.backtest.engine import EVERY_ROW, Tape, locked
from workbench.backtest.loop import Bars
from workbench.market import TARGET, Action, OrderKind
from workbench.trading import Status, decide
from workbench.trading.world import MAX_LEVELS, OUTBOX

from .agreement import Prepared, as_plan, as_world, compiled_run, prepared
from .authors import alike, columns_run, decide_run
from .drivers import Rows, Singly, journal_bytes, state_bytes
from .reference import Market, Policy, Settings, Target
from .scenarios import MINUTE, scenario

# One by one ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_single_calls_leave_the_same_world_and_journals(first: int) -> None:
    for seed in range(first, first + 50):
        whole, single = compiled_run(scenario(seed)), Singly(prepared(scenario(seed))).run()
        assert journal_bytes(single) == journal_bytes(whole), f"seed {seed}"
        assert state_bytes(single.world) == state_bytes(whole.world), f"seed {seed}"


class InOneCall(Singly):
    """Hands over all targets of a row at once."""

    def decide(self, t: int) -> None:
        self.world["time_ms"] = self.bars.time[t] + self.timeframe_ms
        now = self.plan.rows == t
        row = np.zeros(MAX_LEVELS, TARGET)
        row[self.plan.levels[now]] = self.targets[now]
        decide(self.world[0], row)


def test_a_row_of_targets_is_taken_as_its_targets_one_by_one() -> None:
    for seed in range(50):
        together, single = InOneCall(prepared(scenario(seed))).run(), Singly(prepared(scenario(seed))).run()
        assert state_bytes(together.world) == state_bytes(single.world), f"seed {seed}"


# Three ways to author -----------------------------------------------------------------------------------------


def test_what_decide_writes_is_taken_as_a_plan_is() -> None:
    for seed in range(100):
        decided, planned = decide_run(scenario(seed)), compiled_run(scenario(seed))
        assert journal_bytes(decided) == journal_bytes(planned), f"seed {seed}"


def test_columns_are_taken_as_a_plan_is() -> None:
    n_fills = 0
    for seed in range(200):
        case = alike(scenario(seed))
        columns, planned = columns_run(case), compiled_run(case)
        assert journal_bytes(columns) == journal_bytes(planned), f"seed {seed}"
        n_fills += len(columns.fills)
    assert n_fills > 500


# Cut anywhere -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_a_run_cut_at_any_row_is_the_run_in_one(seed: int) -> None:
    case = scenario(seed)
    whole = compiled_run(case)
    for cut in range(len(case.bars.time) + 1):
        parts = Rows(prepared(case))
        parts.run_to(cut)
        assert_same(parts, whole)


@pytest.mark.parametrize("first", range(0, 100, 50))
def test_a_run_stopped_after_every_row_is_the_run_in_one(first: int) -> None:
    for seed in range(first, first + 50):
        parts = Rows(prepared(scenario(seed)))
        for row in range(len(parts.bars.time)):
            parts.run_to(row + 1)
        assert_same(parts, compiled_run(scenario(seed)))


def assert_same(parts: Rows, whole: Tape) -> None:
    """What is left of a run that was cut leads where the run in one led."""
    end = parts.run()
    assert journal_bytes(end) == journal_bytes(whole)
    assert state_bytes(end.world) == state_bytes(whole.world)


# Journals that grow -------------------------------------------------------------------------------------------

N_BUSY, N_ENTRIES, N_QUOTES = 200, 40, 160


def busy_case() -> Prepared:
    """A flat market in which every row sells 40 executors, is refused 40, makes 40 and moves 160 quotes."""
    settings = Settings((Market(0),), cash=1e6, account="margin", policy=Policy(max_per_side=N_ENTRIES))
    refused = [Target(Action.ENTER, side=1, size=0.0)] * N_ENTRIES
    entries = [Target(Action.ENTER, side=1, size=1.0)] * N_ENTRIES
    quote = Target(Action.QUOTE, side=1, kind=OrderKind.LIMIT, price=50.0, size=1.0)
    quotes = [[quote] * N_QUOTES, [replace(quote, price=51.0)] * N_QUOTES]
    rows = [[Target(Action.CLOSE), *refused, *entries, *quotes[row % 2]] for row in range(N_BUSY)]
    time, price = np.arange(N_BUSY) * MINUTE, locked(np.full((1, N_BUSY), 100.0))
    bars = Bars(locked(time), price, price, price, price, EVERY_ROW)
    return Prepared(as_world(settings), bars, MINUTE, as_plan(rows))


def test_journals_that_grow_in_the_middle_lose_nothing() -> None:
    grows, roomy = Rows(busy_case(), room=OUTBOX), Rows(busy_case(), room=2 * N_BUSY * (N_ENTRIES + N_QUOTES))
    end = grows.run()
    for row in range(N_BUSY):
        roomy.run_to(row + 1)
    assert [len(journal) > OUTBOX for journal in grows.journals[:4]] == [True] * 4
    assert_same(roomy, end)


def test_every_order_and_executor_that_was_made_is_journalled_once() -> None:
    end = Rows(busy_case(), room=OUTBOX).run()
    live = end.world["orders"][0]["id"][end.world["orders"][0]["status"] == Status.OPEN]
    assert sorted([*end.orders["id"], *live]) == list(range(N_BUSY * (N_ENTRIES + N_QUOTES) + (N_BUSY - 1) * N_ENTRIES))
    assert len(end.fills) == (2 * N_BUSY - 3) * N_ENTRIES  # the last row only asks, the one before only buys
    assert sorted(end.executors["id"]) == list(range((N_BUSY - 2) * N_ENTRIES))
    assert len(end.refusals) == N_BUSY * N_ENTRIES
