"""Position holds, several controllers, and what stops them, in the plain engine; docs/executors.md, parts 14 and 15."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from workbench.market.codes import BUY, SELL, OrderKind, Sizing

from .reference import (
    Action,
    ControllerTerms,
    ExecutorKind,
    Funding,
    Hold,
    Market,
    Outcome,
    Policy,
    Settings,
    Target,
)
from .reference.ledger import take_in
from .reference.state import new_world
from .reference_cases import FREE, HEDGED, MINUTE, PERPETUAL, STILL, create, ends, flat, reasons, trade, traded

TWO_OF_THEM = replace(
    PERPETUAL, controllers=(ControllerTerms(0, 4), ControllerTerms(4, 4, Policy(max_per_side=2)))
)  # fmt: skip


def enter(side: int, size: float = 1.0, **terms: Any) -> Target:
    return Target(Action.ENTER, side=side, size=size, **terms)


def quote(side: int, price: float, size: float = 1.0, **terms: Any) -> Target:
    return Target(Action.QUOTE, side=side, kind=OrderKind.LIMIT, price=price, size=size, **terms)


def held(outcome: Outcome, controller: int = 0, leg: int = 0) -> Hold:
    hold: Hold = outcome.world.inventory[controller, 0, leg]
    return hold


# 14. Position hold --------------------------------------------------------------------------------------------------


def netted(*changes: tuple[float, float]) -> Hold:
    world = new_world(FREE)
    for change, price in changes:
        take_in(world, 0, 0, 0, change, price)
    return world.inventory[0, 0, 0]


def test_same_direction_gives_a_weighted_break_even() -> None:
    assert netted((1.0, 100.0), (3.0, 104.0)) == Hold(4.0, 103.0)


def test_reducing_realises_against_the_break_even() -> None:
    assert netted((4.0, 103.0), (-1.0, 107.0)) == Hold(3.0, 103.0, realised=4.0)
    assert netted((-4.0, 103.0), (1.0, 107.0)) == Hold(-3.0, 103.0, realised=-4.0)


def test_flip_through_zero_opens_the_rest_at_its_price() -> None:
    assert netted((1.0, 100.0), (-3.0, 110.0)) == Hold(-2.0, 110.0, realised=10.0)


def test_quotes_go_into_the_hold_with_their_fees() -> None:
    taxed = replace(FREE, maker=0.01)
    wishes = {0: [quote(BUY, 99.0)], 1: [Target(), quote(SELL, 103.0)]}
    outcome = trade([STILL, (100.0, 100.0, 99.0, 100.0), (100.0, 103.0, 100.0, 100.0)], wishes, taxed)
    hold = held(outcome)
    assert (hold.amount, hold.realised, hold.fees) == (0.0, 4.0, pytest.approx(2.02))
    assert outcome.equity[-1] == pytest.approx(1_000.0 + 4.0 - 2.02)


def test_fee_in_base_raises_the_break_even() -> None:
    taxed = replace(FREE, maker=0.01, fees_in_received=True)
    outcome = trade([STILL, (100.0, 100.0, 99.0, 100.0)], {0: [quote(BUY, 99.0)]}, taxed)
    assert (held(outcome).amount, held(outcome).breakeven) == (0.99, pytest.approx(100.0))


def test_initial_position_is_held_at_its_entry() -> None:
    owned = replace(FREE, markets=(Market(0, initial=2.0, initial_entry=90.0),))
    outcome = trade([STILL, flat(95.0)], {0: [quote(SELL, 100.5, 1.0)]}, owned)
    assert held(outcome) == Hold(2.0, 90.0)
    assert outcome.pnls == [[20.0], [10.0]]


def test_hedged_holds_have_two_legs() -> None:
    wishes = {
        0: [create(ExecutorKind.ORDER, BUY, size=2.0, config=-1), create(ExecutorKind.ORDER, SELL, size=3.0, config=-1)]
    }
    outcome = trade([STILL, STILL], wishes, HEDGED)
    assert (held(outcome, leg=1).amount, held(outcome, leg=-1).amount) == (2.0, -3.0)


# 15. Controllers ------------------------------------------------------------------------------------------------------


def of(controller: int, target: Target) -> Target:
    return replace(target, controller=controller, level=0)


def test_two_controllers_on_both_sides_keep_their_own_books() -> None:
    wishes = {0: [of(0, enter(BUY, 2.0)), of(1, enter(SELL, 2.0))]}
    outcome = trade([STILL, STILL, flat(110.0)], wishes, TWO_OF_THEM)
    assert (outcome.positions, outcome.equity[-1]) == ([0.0], 1_000.0)
    assert outcome.pnls[-1] == [20.0, -20.0]


def test_counts_and_closes_are_a_controllers_own() -> None:
    wishes = {row: [of(0, enter(BUY)), of(1, enter(BUY))] for row in range(3)}
    wishes[3] = [of(1, Target(Action.CLOSE))]
    outcome = trade([STILL] * 5, wishes, TWO_OF_THEM)
    assert [(one.controller, one.created_row) for one in outcome.executors] == [(0, 0), (1, 0), (1, 1)]
    assert ends(outcome) == ["NONE", "EARLY_STOP", "EARLY_STOP"]


def test_levels_count_from_a_controllers_first() -> None:
    outcome = trade([STILL], {0: [of(1, enter(BUY, 1_000.0))]}, TWO_OF_THEM)
    assert [refusal.level for refusal in outcome.refusals] == [4]


def test_wish_moves_the_controllers_own_position() -> None:
    wish = Target(Action.HOLD, size=1.0, sizing=Sizing.FRACTION)
    outcome = trade([STILL, STILL], {0: [of(0, enter(SELL, 3.0)), of(1, wish)]}, TWO_OF_THEM)
    assert [owner.position[0] for owner in outcome.world.controllers] == [-3.0, 10.0]
    assert outcome.positions == [7.0]


def test_funding_is_paid_by_whoever_held() -> None:
    funded = replace(TWO_OF_THEM, funding=(Funding(2 * MINUTE, 0, 0.01),))
    outcome = trade([STILL] * 3, {0: [of(0, enter(BUY, 3.0)), of(1, enter(SELL, 1.0))]}, funded)
    assert outcome.pnls[-1] == [-3.0, 1.0]
    assert outcome.equity[-1] == 998.0


def test_controller_decides_only_when_its_time_has_come() -> None:
    slow = replace(FREE, controllers=(ControllerTerms(every_ms=3 * MINUTE, policy=Policy(max_per_side=9)),))
    outcome = trade([STILL] * 7, {row: [enter(BUY)] for row in range(7)}, slow)
    assert [one.created_row for one in outcome.executors] == [2, 5]


FALLING = [STILL, STILL, flat(96.0), flat(95.0), flat(94.0)]


def test_drawdown_stops_one_controller_and_not_the_other() -> None:
    careful = replace(
        TWO_OF_THEM, controllers=(ControllerTerms(0, 4, max_drawdown=8.0), ControllerTerms(4, 4))
    )  # fmt: skip
    wishes = {0: [of(0, enter(BUY, 2.0)), of(1, enter(BUY, 2.0))], 3: [of(0, enter(BUY)), of(0, Target(Action.CLOSE))]}
    outcome = trade(FALLING, wishes, careful)
    assert [owner.stopped_row for owner in outcome.world.controllers] == [2, -1]
    assert traded(outcome)[-1] == (3, SELL, 2.0, 95.0)
    assert reasons(outcome) == ["STOPPED"]
    assert outcome.pnls[-1] == [-10.0, -12.0]


def test_drawdown_is_counted_from_the_peak() -> None:
    careful = replace(FREE, controllers=(ControllerTerms(max_drawdown=8.0),))
    outcome = trade([STILL, STILL, flat(110.0), flat(103.0), flat(102.0)], {0: [enter(BUY)]}, careful)
    assert [owner.stopped_row for owner in outcome.world.controllers] == [4]


def test_stopped_controller_withdraws_its_quotes_and_sells_what_it_holds() -> None:
    careful = replace(FREE, controllers=(ControllerTerms(max_drawdown=4.0),))
    wishes = {0: [quote(BUY, 100.0, 2.0), quote(BUY, 90.0)]}
    outcome = trade(FALLING, wishes, careful)
    assert [(order.purpose, order.status) for order in outcome.orders] == [
        ("QUOTE", "FILLED"), ("QUOTE", "CANCELLED"), ("FLATTEN", "FILLED"),
    ]  # fmt: skip
    assert (outcome.positions, held(outcome).realised) == ([0.0], -10.0)


def test_global_drawdown_stops_them_all() -> None:
    careful = replace(TWO_OF_THEM, max_drawdown=15.0)
    wishes = {0: [of(0, enter(BUY, 2.0)), of(1, enter(BUY, 2.0))]}
    outcome = trade(FALLING, wishes, careful)
    assert [owner.stopped_row for owner in outcome.world.controllers] == [2, 2]
    assert (outcome.positions, ends(outcome)) == ([0.0], ["EARLY_STOP", "EARLY_STOP"])


def test_settings_without_controllers_have_one() -> None:
    plain = Settings(markets=(Market(0),), policy=Policy(max_per_side=3))
    assert [owner.terms.policy.max_per_side for owner in new_world(plain).controllers] == [3]
