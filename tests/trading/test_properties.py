"""What must hold of every run, whatever the bars and the wishes; on the compiled engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.backtest.engine import Tape, all_orders
from workbench.trading import Status
from workbench.trading.world import FEE_IN_BASE

from .agreement import compiled_run, net_pnl, prepared, told
from .drivers import JOURNALS, Rows, Singly, journal_bytes
from .scenarios import Scenario, scenario
from .transforms import (
    closed_at_the_end,
    in_spot,
    mirrorable,
    mirrored,
    scaled,
    untied,
    with_another_future,
)  # fmt: skip

pytestmark = pytest.mark.untraced

Floats = npt.NDArray[np.float64]

cases = st.integers(0, 2**32).map(scenario)
on_cases = settings(max_examples=150)


# Money --------------------------------------------------------------------------------------------------------


def flows(tape: Tape) -> tuple[Floats, Floats]:
    """What each fill moved: quote, and base."""
    fills = tape.fills
    in_base = (fills["flags"] & FEE_IN_BASE) != 0
    quote = -fills["side"] * fills["price"] * fills["amount"] - np.where(in_base, 0.0, fills["fee"])
    return quote, fills["side"] * fills["amount"] - np.where(in_base, fills["fee"], 0.0)


def known_closes(case: Scenario, market: int) -> Floats:
    """The last close up to each row; 0 before the first."""
    closes = np.array(case.bars.close[market])
    rows = np.maximum.accumulate(np.where(np.isnan(closes), -1, np.arange(len(closes))))
    return np.where(rows < 0, 0.0, closes[rows])


def by_row(tape: Tape, amounts: Floats) -> Floats:
    """Sums per row, carried forward."""
    return np.cumsum(np.bincount(tape.fills["row"], amounts, len(tape.equity)))


@on_cases
@given(cases)
def test_money_is_conserved(case: Scenario) -> None:
    tape = compiled_run(case)
    quote, base = flows(tape)
    expected = case.settings.cash + by_row(tape, quote)
    for market in range(len(case.settings.markets)):
        held = by_row(tape, np.where(tape.fills["market"] == market, base, 0.0))
        expected = expected + held * known_closes(case, market)
    np.testing.assert_allclose(tape.equity, expected, rtol=1e-9, atol=1e-9 * case.settings.cash)


@on_cases
@given(cases)
def test_sums_that_the_world_keeps_are_those_of_its_fills(case: Scenario) -> None:
    tape = compiled_run(case)
    fills, in_base = tape.fills, (tape.fills["flags"] & FEE_IN_BASE) != 0
    fees = np.where(in_base, fills["fee"] * fills["price"], fills["fee"]).sum()
    quote, base = flows(tape)
    np.testing.assert_allclose(tape.world["fees"], fees, rtol=1e-9)
    np.testing.assert_allclose(tape.world["volume"], (fills["price"] * fills["amount"]).sum(), rtol=1e-9)
    np.testing.assert_allclose(tape.world["quote"], case.settings.cash + quote.sum(), atol=1e-9 * case.settings.cash)
    positions = np.bincount(fills["market"], base, len(case.settings.markets))
    np.testing.assert_allclose(tape.world["markets"][0]["position"][: len(positions)], positions, atol=1e-9)


@on_cases
@given(cases.map(in_spot))
def test_spot_account_never_goes_below_zero(case: Scenario) -> None:
    tape = compiled_run(case)
    quote, base = flows(tape)
    assert (case.settings.cash + np.cumsum(quote) >= -1e-9 * case.settings.cash).all()
    for market in range(len(case.settings.markets)):
        assert (np.cumsum(base[tape.fills["market"] == market]) >= -1e-9).all()


@on_cases
@given(cases.map(in_spot))
def test_reserves_are_never_negative_nor_more_than_there_is(case: Scenario) -> None:
    rows, cash = Rows(prepared(case)), case.settings.cash
    for row in range(len(case.bars.time)):
        rows.run_to(row + 1)
        orders, markets = rows.world["orders"][0], rows.world["markets"][0]
        live = orders[orders["status"] == Status.OPEN]
        assert (live["reserved"] >= 0.0).all()
        assert live["reserved"][live["side"] > 0].sum() <= rows.world["quote"][0] + 1e-9 * cash
        sells = live[live["side"] < 0]
        for market in range(len(case.settings.markets)):
            assert sells["reserved"][sells["market"] == market].sum() <= markets["position"][market] + 1e-9


@on_cases
@given(cases)
def test_every_fill_is_of_one_order_and_for_all_of_it(case: Scenario) -> None:
    tape = compiled_run(case)
    orders = all_orders(tape)
    filled = orders[orders["status"] == Status.FILLED]
    assert len(np.unique(orders["id"])) == len(orders)
    assert sorted(tape.fills["order"]) == sorted(filled["id"])
    amounts = dict(told_pairs(filled, "id", "amount"))
    assert all(amount == amounts[order] for order, amount in told_pairs(tape.fills, "order", "amount"))
    np.testing.assert_array_equal(filled["filled"], filled["amount"])


def told_pairs(records: npt.NDArray[np.void], key: str, value: str) -> list[tuple[int, float]]:
    return list(zip(records[key].tolist(), records[value].tolist(), strict=True))


@on_cases
@given(cases.map(closed_at_the_end))
def test_executors_won_what_the_account_won(case: Scenario) -> None:
    tape = compiled_run(case)
    assert not tape.world["executors"][0]["phase"].any(), "an executor is still open"
    won = sum(map(net_pnl, tape.executors)) + since_the_exit(tape).sum()
    np.testing.assert_allclose(tape.equity[-1] - case.settings.cash, won, atol=1e-9 * case.settings.cash)


def since_the_exit(tape: Tape) -> Floats:
    """What rounding to the lot left behind was counted at the last exit; what it has gained since, per executor."""
    left = tape.executors[tape.executors["held"] != 0.0]
    last = tape.world["markets"][0]["last"][left["market"]]
    return np.asarray(left["side"] * left["held"] * (last - left["last_exit"]))


# Scaled, mirrored ---------------------------------------------------------------------------------------------


@on_cases
@given(cases, st.integers(-8, 12))
def test_power_of_two_scales_equity_to_the_bit(case: Scenario, power: int) -> None:
    factor = 2.0**power
    tape, dearer = compiled_run(case), compiled_run(scaled(case, factor))
    np.testing.assert_array_equal(dearer.equity, tape.equity * factor)
    np.testing.assert_array_equal(dearer.fills["price"], tape.fills["price"] * factor)
    np.testing.assert_array_equal(dearer.fills["amount"], tape.fills["amount"])


@on_cases
@given(cases.map(untied), st.floats(0.001, 1000.0))
def test_any_factor_scales_equity(case: Scenario, factor: float) -> None:
    tape, dearer = compiled_run(case), compiled_run(scaled(case, factor))
    np.testing.assert_allclose(dearer.equity, tape.equity * factor, rtol=1e-9)


@on_cases
@given(cases.map(mirrorable))
def test_mirrored_prices_mirror_pnl(case: Scenario) -> None:
    tape, twice = compiled_run(case), 8.0 * np.ceil(np.nanmax(case.bars.high))
    executors = tape.executors, working(tape)
    entries = {
        (int(one["created_row"]), int(one["level"])): float(one["entry"])
        for table in executors
        for one in table
        if one["entered_row"] >= 0
    }
    image = compiled_run(mirrored(case, twice, entries))
    won = tape.equity - case.settings.cash
    np.testing.assert_allclose(image.equity - case.settings.cash, won, rtol=1e-9, atol=1e-6)
    np.testing.assert_array_equal(image.fills["side"], -tape.fills["side"])
    np.testing.assert_allclose(image.fills["price"], twice - tape.fills["price"], rtol=1e-12)
    for name in ("row", "market", "order", "executor", "amount"):
        np.testing.assert_array_equal(image.fills[name], tape.fills[name])
    assert told("refusals", image.refusals) == told("refusals", tape.refusals)


def working(tape: Tape) -> npt.NDArray[np.void]:
    executors: npt.NDArray[np.void] = tape.world["executors"][0]
    return executors[executors["phase"] != 0]


# Skipped, and unknown, bars -----------------------------------------------------------------------------------


@on_cases
@given(cases)
def test_skipping_bars_gives_the_bits_of_walking_them(case: Scenario) -> None:
    awake = Rows(prepared(case))
    for row in range(len(case.bars.time)):
        awake.world["markets"]["wake_row"] = row
        awake.run_to(row + 1)
    tape = compiled_run(case)
    assert journal_bytes(awake.run()) == journal_bytes(tape)
    for name in ("quote", "fees", "volume", "bars_exposed"):
        assert awake.world[name] == tape.world[name]


def test_bars_in_which_nothing_can_happen_are_skipped() -> None:
    quiet = replace(scenario(0), decisions=[[] for _ in scenario(0).bars.time])
    walked = Singly(prepared(quiet))
    walked.walk = lambda m, t: (_ for _ in ()).throw(AssertionError(f"bar {t} was walked"))  # type: ignore[method-assign]
    walked.run()


@on_cases
@given(cases, cases, st.integers(0, 40))
def test_what_comes_later_does_not_change_what_was(case: Scenario, other: Scenario, row: int) -> None:
    row = min(row, len(case.bars.time) - 1)
    tape, changed = compiled_run(case), compiled_run(with_another_future(case, other, row))
    assert changed.equity[: row + 1].tobytes() == tape.equity[: row + 1].tobytes()
    for name in JOURNALS:
        ours, theirs = until(tape, name, row), until(changed, name, row)
        assert ours == theirs, name


def until(tape: Tape, name: str, row: int) -> bytes:
    """A journal up to a row."""
    journal = getattr(tape, name)
    ended = journal["closed_row" if name in ("orders", "executors") else "row"]
    return bytes(journal[ended <= row].tobytes())
