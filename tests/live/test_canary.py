"""Staged capital: it waits, grows, or is rolled back; and the shadow by which it is judged."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.live.bench import PERPETUAL, bench
from tests.live.model_venue import ModelVenue
from tests.live.parity import plan_of
from tests.live.test_parity import BOT, CASE, changed, run
from workbench.live import Run
from workbench.live.canary import Canary, Step
from workbench.live.shadow import Shadow
from workbench.live.words import Happened

HOUR = 3_600_000
RARE = '''\
import workbench as wb


class Rare(wb.Controller):
    """In at every tenth close and six bars later out: each trade is judged before the next one."""

    amount: float = 0.01

    def on_tick(self, context):
        """One thing only."""
        if context.row % 10 == 0:
            context.enter(wb.BUY, amount=self.amount, time_limit_ms=6_000)
'''
CANARY = Canary(share=0.1, after="2h", fills=5, max_drift=0.01, max_loss=0.1)
FINE: dict[str, object] = {
    "cash": 1_000.0,
    "age_ms": 3 * HOUR,
    "filled": 9,
    "live": 1_001.0,
    "twin": 1_000.0,
    "differs": "",
}


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        ({}, Step.GROW), ({"age_ms": HOUR}, Step.WAIT), ({"filled": 4}, Step.WAIT), ({"live": 1_011.0}, Step.BACK),
        ({"live": 899.0, "twin": 899.0}, Step.BACK), ({"differs": "row 3"}, Step.BACK),
        ({"differs": "row 3", "age_ms": 0}, Step.BACK),
    ],
)  # fmt: skip
def test_a_canary_waits_grows_or_is_rolled_back(facts: dict[str, object], step: Step) -> None:
    assert CANARY.judge(**{**FINE, **facts})[0] == step  # type: ignore[arg-type]


def test_it_begins_with_its_share() -> None:
    plan = plan_of(CASE, "paper", canary={"share": 0.1})
    assert plan.first_cash == 0.1 * plan.cash
    assert "10% first" in plan.canary.in_words(plan.cash)


def shadowed(entries: list[Happened], plan: object) -> Shadow:
    shadow = Shadow(plan, BOT, "")  # type: ignore[arg-type]
    for entry in entries:
        shadow.hear(entry)
    return shadow


def test_the_shadow_of_a_run_that_does_as_its_backtest_is_quiet() -> None:
    entries, plan, _ = run(ModelVenue)
    shadow = shadowed(entries, plan)
    assert shadow._alarms() == []
    assert shadow.facts()["equal"] is True
    assert shadow.filled > 10


def test_the_shadow_says_once_that_a_run_drifts() -> None:
    entries, plan, _ = run(changed(price=lambda price: price * 2))
    shadow = shadowed(entries, plan)
    (said,) = shadow._alarms()
    assert said.startswith("SHADOW: the run's equity lies ")
    assert shadow._alarms() == []


def test_a_canary_that_drifts_is_judged_back_and_one_that_does_not_grows() -> None:
    for venue, step in ((ModelVenue, Step.GROW), (changed(price=lambda price: price * 2), Step.BACK)):
        entries, plan, _ = run(venue)
        staged = plan.model_copy(update={"canary": Canary(share=0.999999, after="1m", fills=3)})
        shadow = shadowed(entries, staged)
        assert shadow.judge(entries[-1].time_ms)[0] == step


def test_money_that_is_added_is_no_profit() -> None:
    entries, plan, _ = run(ModelVenue)
    place = max(n for n, one in enumerate(entries) if one.kind == "equity")
    shadow = shadowed(entries[:place], plan)
    before = shadow.twin.walker.world["quote"][0]  # type: ignore[union-attr]
    shadow.hear(replace(entries[place - 1], kind="funded", body={"amount": 500.0}))
    assert shadow.twin.walker.world["quote"][0] == before + 500.0  # type: ignore[union-attr]
    assert not shadow.staging()


def test_a_canary_that_drifts_is_rolled_back_and_flattened_by_its_runner(tmp_path: Path) -> None:
    """A real process: it does as its backtest, until the venue takes twenty times the fee that it had named."""
    staged = {"share": 0.1, "after": "2h", "fills": 5, "max_drift": 0.005, "max_loss": 0.5}
    script = tmp_path / "rare.py"
    script.write_text(RARE)
    with bench(tmp_path, prices=((PERPETUAL, 60_000),)) as b:
        b.write(PERPETUAL, path="Rare", script=script, canary=staged, cash=10_000.0, terms={"leverage": 5.0})
        b.start()
        status = b.until(lambda status: (status.get("shadow") or {}).get("rows", 0) > 3 and b.venue.control.fills())
        assert status["state"] == "running"
        assert status["shadow"]["equal"]
        assert abs(status["shadow"]["drift"]) < staged["max_drift"]
        assert abs(status["net"]) < 50.0  # of the thousand that it has, not of the ten thousand that it may get
        b.venue.account().perpetual_taker *= 20
        assert b.ended() == 0
        with b.past() as past:
            told = list(past.entries())
        assert [entry.body["who"] for entry in told if entry.kind == "killed"] == ["canary"]
        assert any("CANARY: rolled back and flattened: its equity lies" in str(entry.body) for entry in told)
        assert not any(entry.kind == "funded" for entry in told)
        assert -50.0 < Run(b.folder).worth()["net"] < 0.0
        assert b.still_open() == []
        assert Decimal(b.venue.control.balances()["positions"].get("BTCUSDT BOTH", 0)) == 0
        assert b.invariants(perpetual=True) == []
