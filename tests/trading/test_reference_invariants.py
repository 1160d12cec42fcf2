"""What must hold in every run, whatever is drawn: the plain engine under hypothesis."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from .reference import Executor, Fill, Order, Outcome, World
from .reference.budget import reducible
from .reference.state import after_fill
from .scenarios import Scenario
from .scenarios_wide import wide_scenario

pytestmark = pytest.mark.untraced

SEEDS = st.integers(0, 10**6)
EXAMPLES = settings(max_examples=150, phases=[Phase.explicit, Phase.generate])  # a seed is its own size


def close_to(value: float, scale: float) -> object:
    """Equal to 1e-9 of what was moved."""
    return pytest.approx(value, rel=1e-9, abs=1e-9 * max(scale, 1.0))


def got(fill: Fill) -> float:
    return fill.side * (fill.amount - (fill.fee if fill.fee_in_base else 0.0))


def paid(fill: Fill) -> float:
    in_quote = not (fill.fee_in_base or fill.fee_in_coin)
    return -fill.side * fill.price * fill.amount - (fill.fee if in_quote else 0.0)


def fills_of(outcome: Outcome, market: int) -> Iterator[Fill]:
    return (fill for fill in outcome.fills if fill.market == market)


def moved(outcome: Outcome) -> float:
    """How much money went through a run: what rounding is measured by."""
    return sum(fill.price * fill.amount for fill in outcome.fills) + 1_000.0


# Money ------------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(SEEDS)
def test_every_purse_holds_what_its_fills_and_its_funding_left(seed: int) -> None:
    outcome = wide_scenario(seed).run()
    world: World = outcome.world
    for place, purse in enumerate(world.purses):
        markets = world.markets_of(place)
        quote = purse.terms.cash + sum(paid(fill) for market in markets for fill in fills_of(outcome, market))
        quote -= sum(payment.amount for payment in world.payments if payment.market in markets)
        quote -= sum(coins_of(fill, world, place) for fill in outcome.fills)
        assert purse.quote == close_to(quote + purse.insurance, moved(outcome))


def coins_of(fill: Fill, world: World, purse: int) -> float:
    pays_here = fill.fee_in_coin and world.settings.markets[fill.market].fee_purse == purse
    return fill.fee if pays_here else 0.0


@EXAMPLES
@given(SEEDS)
def test_position_is_what_its_fills_brought(seed: int) -> None:
    outcome = wide_scenario(seed).run()
    for market, rules in enumerate(outcome.world.settings.markets):
        received = rules.initial + sum(map(got, fills_of(outcome, market)))
        amounts = sum(fill.amount for fill in fills_of(outcome, market))
        assert outcome.positions[market] == close_to(received, amounts)


@EXAMPLES
@given(SEEDS)
def test_spot_purse_and_its_coins_never_go_below_zero(seed: int) -> None:
    outcome = wide_scenario(seed).run()
    world: World = outcome.world
    for market, position in enumerate(outcome.positions):
        if world.is_spot(market):
            assert position >= -1e-9
    for place, purse in enumerate(world.purses):
        if purse.terms.kind == "spot" and all(pays_whole(world, m) for m in world.markets_of(place)):
            assert purse.quote >= -1e-9 * moved(outcome)


def pays_whole(world: World, market: int) -> bool:
    """A fee tier may change between an order and its fill, and then a reserve may fall short by the difference."""
    return not world.purse_of(market).terms.fee_tiers


# Whose a position is ------------------------------------------------------------------------------------------------


@EXAMPLES
@given(SEEDS)
def test_positions_are_what_executors_hold_and_what_is_held_beside_them(seed: int) -> None:
    outcome = wide_scenario(seed).run()
    world: World = outcome.world
    for market in range(len(outcome.positions)):
        parts = [held_in(executor, market) for executor in outcome.open]
        parts += [hold.amount for (_, where, _), hold in world.inventory.items() if where == market]
        amounts = sum(fill.amount for fill in fills_of(outcome, market))
        assert sum(parts) == close_to(outcome.positions[market], amounts)
        owned = sum(owner.position[market] for owner in world.controllers)
        assert owned == close_to(outcome.positions[market], amounts)


@EXAMPLES
@given(SEEDS)
def test_legs_are_what_is_held_on_them(seed: int) -> None:
    outcome = wide_scenario(seed).run()
    world: World = outcome.world
    for market in filter(world.is_hedged, range(len(outcome.positions))):
        amounts = sum(fill.amount for fill in fills_of(outcome, market))
        for leg in (1, -1):
            parts = [held_in(one, market) for one in outcome.open if leg_of_executor(one, market) == leg]
            parts += [
                hold.amount for (_, where, side), hold in world.inventory.items() if (where, side) == (market, leg)
            ]
            assert sum(parts) == close_to(leg * world.legs[market][leg], amounts)


def leg_of_executor(executor: Executor, market: int) -> int:
    side = executor.side if executor.market == market else -executor.side
    return -side if executor.target.reduce else side


def held_in(executor: Executor, market: int) -> float:
    """What an executor at work holds in a market, signed."""
    amount = executor.side * executor.held if executor.market == market else 0.0
    return amount - (executor.side * executor.hedged if executor.config.market2 == market else 0.0)


@EXAMPLES
@given(SEEDS)
def test_executor_ends_with_every_unit_accounted_for(seed: int) -> None:
    outcome = wide_scenario(seed).run()
    for executor in outcome.done:
        mine = [fill for fill in outcome.fills if fill.executor_id == executor.id]
        amounts = sum(fill.amount for fill in mine)
        for market in {executor.market, executor.config.market2} - {-1}:
            net = sum(got(fill) for fill in mine if fill.market == market)
            assert net == close_to(held_in(executor, market), amounts)
        assert not any(order.is_live for order in outcome.orders if order.executor_id == executor.id)


@EXAMPLES
@given(SEEDS)
def test_profit_of_executors_and_holds_is_the_profit_of_their_controllers(seed: int) -> None:
    case = wide_scenario(seed)
    outcome = case.run()
    world: World = outcome.world
    if len(world.purses) > 1 and any(purse.rate != 1.0 for purse in world.purses[:2]):
        return  # with rates that move, each fill has its own
    if any(rates for rates in case.bars.rates):
        return
    total = sum(map(worth, outcome.executors, [world] * len(outcome.executors)))
    for (_, market, _), hold in world.inventory.items():
        rest = hold.amount * (world.last[market] - hold.breakeven) if hold.amount else 0.0
        total += hold.realised + rest - hold.fees
    funding = sum(payment.amount for payment in world.payments)
    pnl = sum(owner.pnl for owner in world.controllers)
    assert total - funding == close_to(pnl, moved(outcome))
    assert not math.isnan(pnl)


def worth(executor: Executor, world: World) -> float:
    """Its net profit, or what it would be at last prices."""
    if executor.phase == "DONE":
        return executor.pnl
    d, last = executor.side, world.last[executor.market]
    rest = executor.held - executor.hedged if executor.config.market2 >= 0 else executor.held
    open_value = d * rest * last if rest else 0.0
    if executor.config.market2 >= 0 and executor.hedged:
        open_value = d * (executor.held * last - executor.hedged * world.last[executor.config.market2])
    return d * (executor.exit_value - executor.entry_value) - executor.fees + open_value


@EXAMPLES
@given(SEEDS)
def test_controllers_earn_what_the_account_earns(seed: int) -> None:
    case = wide_scenario(seed)
    outcome = case.run()
    world: World = outcome.world
    if len(world.purses) > 1:
        return
    start = case.settings.purses[0].cash + sum(m.initial * m.initial_entry for m in case.settings.markets if m.initial)
    insured = world.purses[0].insurance
    pnl = sum(owner.pnl for owner in world.controllers)
    unpriced = any(math.isnan(last) for last in world.last)
    if not unpriced:
        assert outcome.equity[-1] == close_to(start + pnl + insured, moved(outcome))


# Modes --------------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(SEEDS)
def test_reduce_only_never_flips_and_legs_never_net(seed: int) -> None:
    case = wide_scenario(seed)
    outcome = case.run()
    world: World = outcome.world
    positions = [market.initial for market in case.settings.markets]
    legs = [{1: 0.0, -1: 0.0} for _ in case.settings.markets]
    for fill in outcome.fills:
        before = positions[fill.market]
        positions[fill.market] = after_fill(before, got(fill))
        order = None if fill.liquidates else outcome.orders[fill.order_id]
        if order is not None and order.reduce:
            assert before * positions[fill.market] >= 0 or world.is_hedged(fill.market)
            assert world.is_hedged(fill.market) or abs(positions[fill.market]) < abs(before)
        move_legs(legs[fill.market], fill, order)
        if world.is_hedged(fill.market):
            assert min(legs[fill.market].values()) >= 0.0
    for market, own in enumerate(legs):
        if world.is_hedged(market):
            assert world.legs[market] == own
            assert outcome.positions[market] == own[1] - own[-1]


def move_legs(legs: dict[int, float], fill: Fill, order: Order | None) -> None:
    closes = order is None or order.closes or order.reduce
    leg = -fill.side if closes else fill.side
    change = abs(got(fill))
    legs[leg] = 0.0 if fill.liquidates else after_fill(legs[leg], -change if closes else change)


@EXAMPLES
@given(SEEDS)
def test_reserves_are_gone_when_nothing_waits(seed: int) -> None:
    outcome = wide_scenario(seed).run()
    assert not any(order.reserved for order in outcome.orders if not order.is_live)
    world: World = outcome.world
    for order in world.order_slots:
        assert order is None or order.is_live
    assert all(reducible(world, order, order.side) >= 0 for order in outcome.orders if order.side)


@EXAMPLES
@given(SEEDS)
def test_nothing_decided_later_changes_what_was_traded_before(seed: int) -> None:
    case = wide_scenario(seed)
    kept = len(case.decisions) // 2
    silenced = [*case.decisions[:kept], *([] for _ in case.decisions[kept:])]
    before, after = case.run(), silent(case, silenced).run()
    assert before.equity[: kept + 1] == after.equity[: kept + 1]
    assert [fill for fill in before.fills if fill.row <= kept] == [fill for fill in after.fills if fill.row <= kept]


def silent(case: Scenario, decisions: list) -> Scenario:
    return Scenario(case.seed, case.bars, decisions, case.settings)
