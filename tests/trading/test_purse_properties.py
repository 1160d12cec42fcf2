"""What must hold of every run with purses, whatever its bars, terms and wishes: invariants of the compiled engine."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.backtest.engine import Tape, all_orders
from workbench.market import ExecutorKind
from workbench.trading import CloseType, Phase, Purpose
from workbench.trading.world import FEE_IN_BASE, FEE_IN_COIN, LIQUIDATION

from .agreement import compiled_run
from .scenarios import Scenario
from .scenarios_purses import purse_scenario
from .scenarios_venue import venue_scenario

SEEDS = st.integers(0, 10**8)
MANY = settings(max_examples=40, suppress_health_check=list(HealthCheck))
KINDS = pytest.mark.parametrize("draw", [venue_scenario, purse_scenario], ids=["wishes", "executors"])


def near(value: float, wanted: float, scale: float) -> bool:
    return abs(value - wanted) <= 1e-9 * max(scale, 1.0)


@KINDS
@MANY
@given(seed=SEEDS)
def test_money_is_conserved_with_fees_funding_and_insurance(draw: Any, seed: int) -> None:
    case = draw(seed)
    tape = compiled_run(case)
    quotes = [purse.cash for purse in case.settings.purses]
    moved = list(quotes)
    purse_of = [market.purse for market in case.settings.markets]
    coins = [market.fee_purse for market in case.settings.markets]
    for fill in tape.fills:
        m, value, in_coin = fill["market"], fill["price"] * fill["amount"], bool(fill["flags"] & FEE_IN_COIN)
        quotes[purse_of[m]] -= fill["side"] * value
        moved[purse_of[m]] += value
        if not fill["flags"] & FEE_IN_BASE:
            quotes[coins[m] if in_coin else purse_of[m]] -= fill["fee"]
    assert tape.payments is not None
    for payment in tape.payments:
        quotes[purse_of[payment["market"]]] -= payment["amount"]
    for place, (quote, scale) in enumerate(zip(quotes, moved, strict=True)):
        purse = tape.world["purses"][0, place]
        assert near(purse["quote"], quote + purse["insurance"], scale), f"seed {seed}, purse {place}"


@KINDS
@MANY
@given(seed=SEEDS)
def test_a_position_is_the_sum_of_its_fills(draw: Any, seed: int) -> None:
    case = draw(seed)
    tape = compiled_run(case)
    for m, market in enumerate(case.settings.markets):
        mine = tape.fills[tape.fills["market"] == m]
        got = mine["amount"] - np.where(mine["flags"] & FEE_IN_BASE, mine["fee"], 0.0)
        position = market.initial + float((mine["side"] * got).sum())
        assert near(tape.world["markets"]["position"][0, m], position, float(mine["amount"].sum())), f"seed {seed}"


def orders_by_id(tape: Tape) -> dict[int, Any]:
    return {int(order["id"]): order for order in all_orders(tape)}


def closes(order: Any) -> bool:
    return bool(order["purpose"] in (Purpose.EXIT, Purpose.TARGET) or order["reduce"])


@KINDS
@MANY
@given(seed=SEEDS)
def test_hedged_legs_never_net_and_reduce_only_never_flips(draw: Any, seed: int) -> None:
    case = draw(seed)
    tape = compiled_run(case)
    orders = orders_by_id(tape)
    hedged = [case.settings.purses[market.purse].hedge for market in case.settings.markets]
    position: defaultdict[int, float] = defaultdict(float)
    legs: defaultdict[int, dict[int, float]] = defaultdict(lambda: {1: 0.0, -1: 0.0})
    for m, market in enumerate(case.settings.markets):
        position[m] = market.initial
    for fill in tape.fills:
        m, side, amount = int(fill["market"]), int(fill["side"]), float(fill["amount"])
        got = amount - (float(fill["fee"]) if fill["flags"] & FEE_IN_BASE else 0.0)
        liquidates = bool(fill["flags"] & LIQUIDATION)
        order = None if liquidates else orders[int(fill["order"])]
        before = position[m]
        position[m] = 0.0 if abs(before + side * got) < 1e-9 else before + side * got
        if hedged[m]:
            opens = not liquidates and not closes(order)
            legs[m][side if opens else -side] += got if opens else -got
            assert min(legs[m].values()) >= -1e-9, f"seed {seed}: a leg below 0"
        elif order is not None and order["reduce"]:
            assert abs(position[m]) <= abs(before) + 1e-9, f"seed {seed}: reduce-only has added"
            assert position[m] * before >= 0.0, f"seed {seed}: reduce-only has flipped"
    for m, is_hedged in enumerate(hedged):
        if is_hedged:
            ended = tape.world["markets"]["legs"][0, m]
            assert near(ended[0], legs[m][1], 1.0)
            assert near(ended[1], legs[m][-1], 1.0)


@MANY
@given(seed=SEEDS)
def test_no_executor_ends_with_an_amount_that_nobody_accounts_for(seed: int) -> None:
    case = purse_scenario(seed)
    tape = compiled_run(case)
    orders = orders_by_id(tape)
    held: defaultdict[int, float] = defaultdict(float)
    for fill in tape.fills:
        if fill["executor"] >= 0:
            got = fill["amount"] - (fill["fee"] if fill["flags"] & FEE_IN_BASE else 0.0)
            exits = orders[int(fill["order"])]["purpose"] in (Purpose.EXIT, Purpose.TARGET)
            held[int(fill["executor"])] += float(-got if exits else got)
    working = tape.world["executors"][0]
    for one in [*tape.executors, *working[working["phase"] != Phase.FREE]]:
        if one["kind"] >= ExecutorKind.ARBITRAGE:
            continue  # what one leg has more than the other is in its own test
        assert near(one["held"], held[int(one["id"])], one["entry_amount"]), f"seed {seed}, executor {one['id']}"
        check_end(case, one, seed)


def check_end(case: Scenario, one: Any, seed: int) -> None:
    """An executor that sold out holds less than an order; what is left has a name: held, failed or liquidated."""
    named = (CloseType.POSITION_HOLD, CloseType.FAILED, CloseType.LIQUIDATED)
    if one["kind"] in (ExecutorKind.ORDER, ExecutorKind.TWAP):
        return  # they are there to change a position, which stays
    if case.settings.fees_in_received:
        return  # the fee of a short's exit is missing from what it bought back, and stays with its record
    if one["phase"] != Phase.DONE or one["close_type"] in named or one["keeps"]:
        return
    market = case.settings.markets[one["market"]]
    least = max(market.lot, market.min_amount, 1e-9)
    dust = one["held"] * (one["last_exit"] if one["last_exit"] == one["last_exit"] else 0.0)
    assert one["held"] <= least * (1 + 1e-9) or dust <= market.min_notional, f"seed {seed}, executor {one['id']}"
