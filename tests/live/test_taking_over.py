"""When parameters take over that were laid ready: at the close that was promised, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.lockstep import Pages
from tests.live.parity import FEES, rules_of
from tests.live.running import SPOT
from workbench.connectors import Bar, SystemClock
from workbench.controllers import Bollinger
from workbench.live import Plan
from workbench.live.session import Session
from workbench.live.work import CONFIRM_S, Work

MINUTE, START = 60_000, 1_700_000_040_000
OLD, NEW = 20, 35


class HandClock(SystemClock):
    """Stands still until it is moved."""

    ms, seconds = START, 0.0

    def now_ms(self) -> int:
        return self.ms

    def steady_s(self) -> float:
        return self.seconds


class Bars:
    """A run of minute bars that its venue tells, each when it is asked to."""

    def __init__(self, folder: Path) -> None:
        plan = Plan.make(Bollinger(length=OLD), "binance", SPOT, name="bands", mode="paper", timeframe="1m")
        self.session, self.clock = Session(plan, plan.bot.load(folder)), HandClock()
        self.work = Work(self.session, Pages(), {}, self.clock, lambda event, **facts: None)  # type: ignore[arg-type]
        self.work.happen("rules", {"rules": [rules_of(SPOT)], "rates": [FEES["spot"]]})
        self.closed = 0

    def close(self, seconds: float) -> None:
        """The next bar, told when it has ended, so long after the one before."""
        self.clock.seconds += seconds
        stamp = START + self.closed * MINUTE
        self.closed += 1
        self.clock.ms = max(self.clock.ms, stamp + MINUTE)
        bar = Bar(SPOT, "1m", stamp, 100.0, 101.0, 99.0, 100.5, 5.0)
        self.work.hear_bar(self.session.plan.markets[0].door, bar)

    def prepare(self) -> int:
        """Lay a longer length ready; its ticket."""
        self.work.happen("prepared", {"parameters": {"length": NEW}, "before": {"length": OLD}, "who": "tests"})
        assert self.session.prepared is not None
        return int(self.session.prepared["ticket"])

    @property
    def length(self) -> int:
        bot = self.session.rows.bot
        assert isinstance(bot, Bollinger)
        return bot.length


@pytest.fixture
def run(tmp_path: Path) -> Bars:
    made = Bars(tmp_path)
    made.close(60.0)
    return made


def test_a_close_that_is_told_late_does_not_let_them_take_over_a_bar_too_early(run: Bars) -> None:
    ticket = run.prepare()
    run.clock.ms = START + 2 * MINUTE + 300  # the second bar has ended, and its close is still on its way
    run.work.arm(ticket, START + 3 * MINUTE)
    run.close(60.0)
    assert run.length == OLD
    run.close(60.0)
    assert run.length == NEW


def test_what_nobody_confirms_within_a_bar_is_dropped(run: Bars) -> None:
    run.prepare()
    run.close(60.0)
    assert run.session.prepared
    run.close(60.0)
    assert run.session.prepared is None
    assert run.length == OLD


def test_where_bars_are_shorter_than_a_persons_word_takes_it_may_still_be_confirmed(run: Bars) -> None:
    ticket = run.prepare()
    for _ in range(4):
        run.close(1.0)
    assert run.session.prepared
    run.work.arm(ticket, START + 6 * MINUTE)
    run.close(1.0)
    assert run.length == NEW


def test_and_is_dropped_when_it_has_taken_too_long(run: Bars) -> None:
    run.prepare()
    run.close(1.0)
    run.close(CONFIRM_S)
    assert run.session.prepared is None
