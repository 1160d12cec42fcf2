"""Position holds: worked by hand, as the plain engine keeps them, and as the sum of all fills."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import workbench as wb
from tests.trading.agreement import Prepared, prepared
from tests.trading.scenarios import Scenario, scenario
from tests.trading.scenarios_executors import executor_scenario
from tests.trading.scenarios_purses import purse_scenario
from tests.trading.scenarios_together import together_scenario
from tests.trading.scenarios_venue import venue_scenario
from workbench.backtest import Context
from workbench.backtest.engine import Tape, simulate
from workbench.backtest.holds import netted
from workbench.market import ExecutorKind
from workbench.trading import Phase, new_targets

from .test_together import FREE, candles

CASES = [scenario, executor_scenario, venue_scenario, purse_scenario, together_scenario]
Draw = Callable[[int], Scenario]


def ran(case: Scenario) -> tuple[Tape, Prepared]:
    ready = prepared(case)
    tape = simulate(ready.world, ready.bars, ready.timeframe_ms, out=new_targets(1), plan=ready.plan)
    return tape, ready


@pytest.mark.parametrize("draw", CASES)
@pytest.mark.parametrize("block", range(4))
def test_holds_are_those_of_the_plain_engine(draw: Draw, block: int) -> None:
    for seed in range(20 * block, 20 * block + 20):
        case = draw(seed)
        if any(one.initial for one in case.settings.markets):
            continue  # inventory of the start is not in a journal
        (tape, ready), book = ran(case), case.run().world
        holds = netted(tape, ready.bars)
        last = np.nan_to_num(tape.world["markets"][0]["last"])
        for (controller, market, leg), by_book in book.inventory.items():
            ours = holds[controller, market, leg % 3]
            where = f"{draw.__name__} {seed}: {controller, market, leg}"
            assert ours["amount"] == pytest.approx(by_book.amount, rel=1e-9, abs=1e-9), where
            if len(case.settings.purses) < 3:  # a coin's rate before its first news is in no plane of rates
                assert ours["fees"] == pytest.approx(by_book.fees, rel=1e-9, abs=1e-9), where
            won, open_ = [
                (float(one["realised"]), float(one["amount"] * (last[market] - one["breakeven"])))
                for one in (
                    ours,
                    {"realised": by_book.realised, "amount": by_book.amount, "breakeven": by_book.breakeven},
                )
            ]
            # Within a row a hand-over may come before or after a quote: what is realised of their sum may differ.
            assert sum(won) == pytest.approx(sum(open_), rel=1e-7, abs=1e-7), where


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**8), draw=st.sampled_from(CASES))
def test_position_is_what_executors_hold_and_the_holds(seed: int, draw: Draw) -> None:
    case = draw(seed)
    tape, ready = ran(case)
    holds, world = netted(tape, ready.bars), tape.world
    for m, market in enumerate(case.settings.markets):
        held = market.initial + float(holds["amount"][:, m].sum())
        for slot in np.flatnonzero(world["executors"][0]["phase"] != Phase.FREE).tolist():
            one, work = world["executors"][0, slot], world["works"][0, slot]
            held += float(one["side"] * one["held"]) if one["market"] == m else 0.0
            if one["kind"] >= ExecutorKind.ARBITRAGE and work["terms"][0]["market2"] == m:
                held -= float(one["side"] * work["hedged"])
        scale = float(np.abs(tape.fills["amount"][tape.fills["market"] == m]).sum()) + 1.0
        assert world["markets"]["position"][0, m] == pytest.approx(held, abs=1e-9 * scale), f"{draw.__name__} {seed}"


class Quoting(wb.Controller):
    """Buys and sells by quotes at given closes."""

    trades: tuple[tuple[int, int, float], ...] = ()  # row, side, amount

    def on_tick(self, context: Context) -> None:
        for row, side, amount in self.trades:
            if context.row == row:
                context.quote_at(0, side, context.last, amount)


def test_break_even_is_weighted_and_a_flip_through_zero_begins_anew() -> None:
    # Bought 1 at 100 and 1 at 110: 105. Sold 3 at 120: 2 of them earn 15 each, the third is short from 120 on.
    bars = candles([100.0, 100, 110, 110, 120, 120, 114])
    bot = Quoting(trades=((0, 1, 1.0), (2, 1, 1.0), (4, -1, 3.0)))
    (hold,) = wb.backtest(bot, bars, **FREE).holds.iter_rows(named=True)
    assert (hold["amount"], hold["breakeven"], hold["realised"]) == (-1.0, 120.0, 30.0)
    assert hold["unrealised"] == 6.0


def test_what_an_executor_keeps_is_handed_over_at_its_entry_and_said_whose_it_was() -> None:
    class Keeper(wb.Controller):
        def on_tick(self, context: Context) -> None:
            if context.row == 0:
                context.create(wb.executors.Order(), 1, amount=2.0)
            if context.row == 2:
                context.enter(1, amount=1.0)
            if context.row == 4:
                context.close(keep=True)

    result = wb.backtest(Keeper(), candles([100.0, 100, 104, 104, 108, 108]), **FREE)
    (hold,) = result.holds.iter_rows(named=True)
    assert (hold["amount"], hold["breakeven"]) == (3.0, pytest.approx((2 * 100 + 104) / 3))
    assert result.hand_overs.select("executor_id", "amount", "price").rows() == [(0, 2.0, 100.0), (1, 1.0, 104.0)]
    assert result.executors["pnl"].to_list() == [0.0, 0.0]  # what is kept is the position's, not the executor's
    assert hold["unrealised"] == pytest.approx(result.metrics["net_profit"])


def test_a_run_in_which_executors_sell_what_they_bought_holds_nothing() -> None:
    bot = wb.controllers.Bollinger(length=20, stop_loss=0.01, take_profit=0.01)
    rng = np.random.default_rng(1)
    closes: Any = (100 * np.exp(np.cumsum(rng.normal(0, 0.01, 300)))).tolist()
    result = wb.backtest(bot, candles(closes), **FREE)
    assert len(result.executors) > 5
    assert result.holds["amount"].abs().sum() < 1e-9
