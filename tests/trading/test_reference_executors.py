"""Executors of one market in the plain engine, worked by hand; docs/executors.md, parts 8 to 11."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from workbench.market.codes import BUY, SELL, OrderKind

from .reference import NAN, Action, ExecutorKind, Mode, Outcome, Settings, Target
from .reference_cases import (
    FREE,
    MINUTE,
    NO_BAR,
    STILL,
    Bar,
    create,
    ends,
    flat,
    given,
    lives,
    only_executor,
    reasons,
    trade,
    traded,
    with_market,
)

LIMIT, POST_ONLY, MARKET = OrderKind.LIMIT, OrderKind.POST_ONLY, OrderKind.MARKET
ORDER, DCA, GRID, TWAP, POSITION = (
    ExecutorKind.ORDER, ExecutorKind.DCA, ExecutorKind.GRID, ExecutorKind.TWAP, ExecutorKind.POSITION,
)  # fmt: skip
MARGIN = replace(FREE, account="margin", leverage=5.0)


def stop(**terms: Any) -> Target:
    return Target(Action.STOP, **terms)


# 8. What all have in common ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "terms"),
    [
        (ORDER, {"distance": 0.01}),
        (ORDER, {"distance": 0.01, "refresh": 0.01}),  # a chaser at market
        (POSITION, {"bound": 0.01}),  # a bound on a market order
        (POSITION, {"trailing_activation": 0.01}),
        (DCA, {"prices": (100.0,), "amounts": ()}),
        (DCA, {"prices": (100.0,), "amounts": (-1.0,)}),
        (GRID, {"start": 100.0, "end": 100.0, "total": 100.0, "take_profit": 0.01}),
        (GRID, {"start": 90.0, "end": 110.0, "total": 100.0}),
        (GRID, {"start": 90.0, "end": 110.0, "total": 100.0, "take_profit": 0.01, "limit": 95.0}),
        (TWAP, {"total": 100.0}),
        (TWAP, {"total": 0.0, "interval_ms": MINUTE}),
    ],
)
def test_config_that_contradicts_itself_is_refused_and_nothing_is_made(
    kind: ExecutorKind, terms: dict[str, Any]
) -> None:
    outcome = trade([STILL, STILL], {0: [create(kind, size=1.0)]}, given(FREE, **terms))
    assert [(one.reason, one.level) for one in outcome.refusals] == [("BAD_CONFIG", 0)]
    assert (outcome.executors, outcome.orders) == ([], [])


def test_market_without_a_price_refuses_an_executor() -> None:
    settings = given(FREE, total=100.0, interval_ms=MINUTE)
    assert reasons(trade([NO_BAR, STILL], {0: [create(TWAP)]}, settings)) == ["NO_PRICE"]


def test_prices_and_amounts_of_a_config_scale_with_the_target() -> None:
    settings = given(FREE, prices=(0.99, 0.95), amounts=(0.1, 0.2))
    outcome = trade([STILL], {0: [create(DCA, price=200.0, size=100.0)]}, settings)
    assert [order.price for order in outcome.orders] == [198.0, 190.0]
    assert [order.amount for order in outcome.orders] == pytest.approx([10 / 198, 20 / 190], rel=1e-15)


def test_barrier_of_the_target_stands_before_that_of_the_config() -> None:
    settings = given(FREE, take_profit=0.5)
    bars = [STILL, STILL, (100.0, 105.0, 100.0, 105.0)]
    outcome = trade(bars, {0: [create(POSITION, size=1.0, take_profit=0.03)]}, settings)
    assert traded(outcome)[-1] == (2, SELL, 1.0, 103.0)


def test_stop_sells_and_a_stop_that_keeps_hands_over_at_break_even() -> None:
    wishes = {0: [create(POSITION, size=2.0)], 1: [stop()]}
    sold = trade([STILL, STILL, flat(103.0)], wishes, given(FREE))
    assert (ends(sold), sold.positions, only_executor(sold).pnl) == (["EARLY_STOP"], [0.0], 6.0)
    wishes[1] = [stop(keep=True)]
    kept = trade([STILL, STILL, flat(103.0)], wishes, given(FREE))
    assert (ends(kept), kept.positions, only_executor(kept).pnl) == (["POSITION_HOLD"], [2.0], 0.0)
    hold = kept.world.inventory[0, 0, 0]
    assert (hold.amount, hold.breakeven) == (2.0, 100.0)


def test_stop_reaches_the_executors_of_its_level_only() -> None:
    wishes = {0: [create(POSITION, size=1.0), create(POSITION, size=1.0)], 1: [stop(level=1)]}
    outcome = trade([STILL] * 3, wishes, given(FREE))
    assert ends(outcome) == ["NONE", "EARLY_STOP"]


def test_exit_larger_than_the_venue_takes_goes_out_in_parts() -> None:
    settings = with_market(given(MARGIN), max_amount=2.0)
    wishes = {0: [create(POSITION, size=2.0), create(POSITION, size=1.0)], 1: [stop(level=0)]}
    outcome = trade([STILL] * 4, wishes, settings)
    assert traded(outcome)[-1] == (2, SELL, 2.0, 100.0)
    too_large = trade([STILL], {0: [create(POSITION, size=2.5)]}, settings)
    assert reasons(too_large) == ["TOO_LARGE"]


# 8.8 Position -----------------------------------------------------------------------------------------------------


def test_bounded_entry_lies_at_the_venue_only_while_the_price_is_near() -> None:
    settings = given(FREE, bound=0.02)
    wish = create(POSITION, size=1.0, kind=LIMIT, price=90.0)
    bars = [STILL, (100.0, 100.0, 95.0, 95.0), (95.0, 95.0, 91.0, 91.0), flat(99.0)]
    outcome = trade(bars, {0: [wish]}, settings)
    (order,) = outcome.orders  # asked for at 90/0.98 = 91.84 on the way to 91
    assert (order.created_row, order.status, order.closed_row) == (2, "CANCELLED", 3)
    assert only_executor(outcome).phase == "ENTERING"


def test_partial_entry_is_stopped_out_and_its_rest_cancelled() -> None:
    settings = with_market(given(FREE, stop_loss=0.05), participation=0.5)
    wish = create(POSITION, size=4.0, kind=LIMIT, price=99.0)
    bars = [STILL, (100.0, 100.0, 98.0, 100.0), (100.0, 100.0, 94.0, 94.0), flat(94.0)]
    outcome = trade(bars, {0: [wish]}, settings, volume=[[2.0, 2.0, 2.0, 20.0]])
    # 1 of 4 at 99; in the next bar the other bids for 1 more at 99; at 94.05 the stop: nothing is left to sell with
    assert traded(outcome) == [(1, BUY, 1.0, 99.0), (2, BUY, 1.0, 99.0), (3, SELL, 2.0, 94.0)]
    assert outcome.orders[0].status == "CANCELLED"
    assert (ends(outcome), only_executor(outcome).pnl) == (["STOP_LOSS"], -10.0)


# 8.9 Order and chaser -----------------------------------------------------------------------------------------------


def test_order_executor_ends_with_its_position_held() -> None:
    outcome = trade([STILL, STILL], {0: [create(ORDER, size=3.0)]}, given(replace(FREE, taker=0.01)))
    executor = only_executor(outcome)
    assert (executor.close_type, executor.pnl, outcome.positions) == ("POSITION_HOLD", -3.0, [3.0])
    assert outcome.world.inventory[0, 0, 0].breakeven == 100.0


def test_order_that_is_rejected_is_asked_for_again_until_it_gives_up() -> None:
    wish = create(ORDER, size=1.0, kind=POST_ONLY, price=105.0)
    outcome = trade([STILL] * 3, {0: [wish]}, given(FREE, retries=2))
    assert [order.status for order in outcome.orders] == ["REJECTED"] * 3
    assert ends(outcome) == ["FAILED"]


def chase(bars: list[Bar], settings: Settings = FREE, **terms: Any) -> Outcome:
    wish = create(ORDER, size=2.0, kind=POST_ONLY)
    return trade(bars, {0: [wish]}, given(settings, distance=0.01, refresh=0.02, **terms))


def test_chaser_moves_when_the_market_has_left_it_behind() -> None:
    outcome = chase([STILL, flat(101.0), flat(103.0)])  # wanted 99.99: 1 % off, then 101.97: 3 %
    assert lives(outcome.orders) == [(99.0, "CANCELLED"), (pytest.approx(101.97), "LIVE")]


def test_chaser_never_has_two_orders_and_asks_only_for_what_is_left() -> None:
    slow = with_market(FREE, cancel_ms=100_000, participation=0.5)
    bars = [STILL, flat(103.0), (103.0, 103.0, 98.0, 103.0), flat(103.0)]
    wish = create(ORDER, size=2.0, kind=POST_ONLY)
    outcome = trade(bars, {0: [wish]}, given(slow, distance=0.01, refresh=0.02), volume=[[1.0] * 4])
    # the cancel of the second open arrives 40 s into row 2, at its low; half a unit filled on the way there
    assert traded(outcome) == [(2, BUY, 0.5, 99.0)]
    assert [(order.amount, order.filled, order.status) for order in outcome.orders] == [
        (2.0, 0.5, "CANCELLED"), (1.5, 0.0, "LIVE"),
    ]  # fmt: skip


def test_stopped_order_keeps_what_filled() -> None:
    slow = with_market(given(FREE), participation=0.5)
    wishes = {0: [create(ORDER, size=2.0)], 1: [stop()]}
    outcome = trade([STILL] * 3, wishes, slow, volume=[[1.0] * 3])
    assert (ends(outcome), outcome.positions) == (["POSITION_HOLD"], [0.5])


# 9. DCA -------------------------------------------------------------------------------------------------------------

LADDER = {"prices": (99.0, 95.0), "amounts": (99.0, 190.0)}


def test_ladder_averages_and_takes_profit_from_its_average() -> None:
    bars = [STILL, (100.0, 100.0, 95.0, 95.0), (95.0, 99.0, 95.0, 99.0)]
    outcome = trade(bars, {0: [create(DCA)]}, given(FREE, **LADDER, take_profit=0.02))
    executor = only_executor(outcome)
    average = (99.0 + 190.0) / 3.0  # one at 99, two at 95
    assert traded(outcome) == [(1, BUY, 1.0, 99.0), (1, BUY, 2.0, 95.0), (2, SELL, 3.0, pytest.approx(average * 1.02))]
    assert (executor.close_type, executor.pnl) == ("TAKE_PROFIT", pytest.approx(289.0 * 0.02))


def test_maker_has_no_stop_until_its_ladder_is_whole() -> None:
    settings = given(FREE, **LADDER, stop_loss=0.01)
    half = trade([STILL, (100.0, 100.0, 96.0, 96.0)], {0: [create(DCA)]}, settings)
    assert only_executor(half).phase == "HOLDING"  # 99 was bought, and 96 is 3 % below
    whole = trade([STILL, (100.0, 100.0, 95.0, 95.0)], {0: [create(DCA)]}, settings)
    assert ends(whole) == ["STOP_LOSS"]  # the average is 96.33, its stop 95.37: through as soon as 95 is bought


def test_taker_stop_is_a_share_of_the_whole_plan() -> None:
    settings = given(FREE, **LADDER, stop_loss=0.02, mode=Mode.TAKER)
    bars = [STILL, (100.0, 100.0, 98.0, 98.0), (98.0, 98.0, 95.1, 95.1), (95.1, 95.1, 92.0, 92.0)]
    outcome = trade(bars, {0: [create(DCA)]}, settings)
    # 0.02 of 289 is 5.78; one unit at 99 would be stopped at 93.22, three at (289 − 5.78)/3 = 94.41
    assert traded(outcome)[:2] == [(1, BUY, 1.0, 99.0), (3, BUY, 2.0, 95.0)]
    assert traded(outcome)[2] == (3, SELL, 3.0, pytest.approx((289.0 - 5.78) / 3.0))


def test_taker_buys_where_it_lands_unless_a_bound_forbids() -> None:
    gap = [STILL, flat(97.0)]
    plain = given(FREE, prices=(99.0,), amounts=(99.0,), mode=Mode.TAKER)
    assert traded(trade(gap, {0: [create(DCA)]}, plain)) == [(1, BUY, 1.0, 97.0)]
    bounded = given(FREE, prices=(99.0,), amounts=(99.0,), mode=Mode.TAKER, bound=0.01)
    assert traded(trade(gap, {0: [create(DCA)]}, bounded)) == []


def test_bounded_maker_asks_for_its_levels_as_the_price_comes_near() -> None:
    settings = given(FREE, **LADDER, bound=0.02)
    outcome = trade([STILL, (100.0, 100.0, 98.0, 98.0), flat(96.0)], {0: [create(DCA)]}, settings)
    assert [(order.price, order.created_row) for order in outcome.orders] == [(99.0, 0), (95.0, 2)]


def test_ladder_that_cannot_be_paid_as_a_whole_is_refused() -> None:
    settings = given(FREE, prices=(99.0, 95.0), amounts=(600.0, 600.0))
    assert reasons(trade([STILL], {0: [create(DCA)]}, settings)) == ["NO_FUNDS"]
    small = with_market(given(FREE, **LADDER), min_notional=100.0)
    assert reasons(trade([STILL], {0: [create(DCA)]}, small)) == ["TOO_SMALL"]


def test_target_at_limit_grows_with_the_ladder() -> None:
    settings = given(FREE, **LADDER, take_profit=0.1, take_profit_kind=LIMIT)
    outcome = trade([STILL, (100.0, 100.0, 97.0, 97.0), (97.0, 97.0, 95.0, 95.0)], {0: [create(DCA)]}, settings)
    targets = [(order.price, order.amount, order.status) for order in outcome.orders if order.purpose == "TARGET"]
    assert targets == [
        (pytest.approx(108.9), 1.0, "CANCELLED"), (pytest.approx(289 / 3 * 1.1), 3.0, "LIVE"),
    ]  # fmt: skip


def test_time_limit_ends_a_ladder_that_is_half_filled() -> None:
    settings = given(FREE, **LADDER, time_limit_ms=2 * MINUTE)
    outcome = trade([STILL, flat(98.0), flat(98.0), flat(98.0)], {0: [create(DCA)]}, settings)
    assert traded(outcome) == [(1, BUY, 1.0, 98.0), (2, SELL, 1.0, 98.0)]
    assert [order.status for order in outcome.orders] == ["FILLED", "CANCELLED", "FILLED"]


# 10. TWAP -----------------------------------------------------------------------------------------------------------


def test_twap_spends_its_sum_in_equal_parts_at_fixed_times() -> None:
    settings = given(FREE, total=300.0, duration_ms=4 * MINUTE, interval_ms=2 * MINUTE, mode=Mode.TAKER)
    outcome = trade([flat(100.0)] * 3 + [flat(50.0)] * 4, {0: [create(TWAP)]}, settings)
    # asked for in the decision of row 0, then at the close ticks of rows 2 and 4
    assert traded(outcome) == [(1, BUY, 1.0, 100.0), (2, BUY, 1.0, 100.0), (4, BUY, 2.0, 50.0)]
    assert (ends(outcome), outcome.positions, only_executor(outcome).pnl) == (["COMPLETED"], [4.0], 0.0)
    assert outcome.world.inventory[0, 0, 0].breakeven == 75.0


def test_twap_makes_up_for_slots_that_no_bar_met() -> None:
    settings = given(FREE, total=400.0, duration_ms=3 * MINUTE, interval_ms=MINUTE, mode=Mode.TAKER)
    outcome = trade([STILL, NO_BAR, NO_BAR, STILL, STILL], {0: [create(TWAP)]}, settings)
    # row 3: the first slot at the open, then the second and third at once; the fourth at its close
    assert [(row, round(amount, 12)) for row, _, amount, _ in traded(outcome)] == [(3, 1.0), (3, 2.0), (3, 1.0)]


def test_what_a_lot_leaves_over_is_spent_later() -> None:
    settings = with_market(
        given(FREE, total=300.0, duration_ms=2 * MINUTE, interval_ms=MINUTE, mode=Mode.TAKER), lot=0.8
    )
    outcome = trade([STILL] * 5, {0: [create(TWAP)]}, settings)
    assert [amount for _, _, amount, _ in traded(outcome)] == pytest.approx([0.8, 0.8, 0.8])
    richer = with_market(settings, lot=0.7)
    outcome = trade([STILL] * 5, {0: [create(TWAP)]}, richer)
    assert [amount for _, _, amount, _ in traded(outcome)] == pytest.approx([0.7, 0.7, 1.4])


def test_maker_replaces_what_lay_too_long_without_buying_more() -> None:
    settings = given(
        FREE, total=100.0, interval_ms=MINUTE, buffer=0.01, resubmit_ms=2 * MINUTE, kind=POST_ONLY
    )  # fmt: skip
    bars = [STILL, STILL, STILL, (98.0, 98.0, 97.0, 97.0), flat(97.0)]
    outcome = trade(bars, {0: [create(TWAP)]}, settings)
    # 99 from row 0, replaced at the close of row 2 by 99; hit at the open of row 3, where it was in the book
    assert lives(outcome.orders) == [(99.0, "CANCELLED"), (99.0, "FILLED")]
    assert ends(outcome) == ["COMPLETED"]


def test_stopped_twap_says_so_and_keeps_what_it_bought() -> None:
    settings = given(FREE, total=300.0, duration_ms=9 * MINUTE, interval_ms=3 * MINUTE, mode=Mode.TAKER)
    outcome = trade([STILL] * 4, {0: [create(TWAP)], 2: [stop()]}, settings)
    assert (ends(outcome), outcome.positions) == (["POSITION_HOLD"], [0.75])
    unfilled = trade([STILL], {0: [create(TWAP), stop(level=0)]}, settings)
    assert ends(unfilled) == ["EARLY_STOP"]


# 11. Grid -----------------------------------------------------------------------------------------------------------

# five levels 90, 95, 100, 105 and 110 of 100 each: (110 − 90)/90/0.0444 = 5.005
FIVE = {
    "start": 90.0, "end": 110.0, "total": 500.0, "min_spread": 0.0444, "min_order": 50.0, "take_profit": 0.02,
    "max_open": 9, "kind": LIMIT, "safe": 0.0,
}  # fmt: skip


def test_grid_lays_its_levels_between_start_and_end() -> None:
    outcome = trade([STILL], {0: [create(GRID)]}, given(FREE, **FIVE))
    executor = only_executor(outcome)
    assert [one.price for one in executor.steps] == [90.0, 95.0, 100.0, 105.0, 110.0]
    assert [one.quote for one in executor.steps] == [100.0] * 5
    # nearest first; levels at or above the market are bought there
    assert [(order.tag, order.price) for order in outcome.orders] == [
        (2, 100.0), (1, 95.0), (3, 100.0), (0, 90.0), (4, 100.0),
    ]  # fmt: skip


def test_one_level_lies_in_the_middle() -> None:
    settings = given(FREE, **{**FIVE, "total": 60.0})
    assert [one.price for one in only_executor(trade([STILL], {0: [create(GRID)]}, settings)).steps] == [100.0]


def test_money_for_no_level_is_too_small() -> None:
    settings = given(FREE, **{**FIVE, "total": 50.0})  # a level needs 50·1.05
    assert reasons(trade([STILL], {0: [create(GRID)]}, settings)) == ["TOO_SMALL"]
    assert reasons(trade([STILL], {0: [create(GRID)]}, given(FREE, **{**FIVE, "total": 1_001.0}))) == ["NO_FUNDS"]


def test_level_opens_closes_a_step_further_and_opens_again() -> None:
    level = given(FREE, **{**FIVE, "total": 60.0})  # the one at 100
    bars = [flat(101.0), (101.0, 101.0, 100.0, 100.0), (100.0, 102.0, 100.0, 102.0), (102.0, 102.0, 100.0, 100.0)]
    outcome = trade(bars, {0: [create(GRID)]}, level)
    assert traded(outcome) == [(1, BUY, 0.6, 100.0), (2, SELL, 0.6, 102.0), (3, BUY, 0.6, 100.0)]
    assert only_executor(outcome).steps[0].state == "CLOSING"


def test_coerced_target_is_at_least_a_step() -> None:
    settings = given(FREE, **{**FIVE, "coerce": True})
    assert only_executor(trade([STILL], {0: [create(GRID)]}, settings)).gain == pytest.approx(5.0 / 90.0)


def test_no_more_than_max_open_lie_at_once_and_no_more_than_a_batch_are_asked_for() -> None:
    few = trade([STILL], {0: [create(GRID)]}, given(FREE, **{**FIVE, "max_open": 2}))
    assert [order.tag for order in few.orders] == [2, 1]
    slow = given(FREE, **{**FIVE, "max_open": 2, "max_batch": 1, "frequency_ms": MINUTE})
    asked = trade([flat(111.0 - 2.0), flat(109.0), flat(109.0)], {0: [create(GRID)]}, slow)
    opens = [(order.tag, order.created_row) for order in asked.orders if order.purpose == "ENTRY"]
    assert opens == [(4, 0), (3, 1), (2, 2)]


def test_bound_cancels_opens_that_the_market_left_behind() -> None:
    settings = given(FREE, **{**FIVE, "bound": 0.06})
    outcome = trade([flat(99.0), (99.0, 104.0, 99.0, 104.0)], {0: [create(GRID)]}, settings)
    by_tag = {order.tag: order.status for order in outcome.orders if order.purpose == "ENTRY"}
    assert by_tag[1] == "CANCELLED"  # 95 is 8.7 % below 104
    assert 0 not in by_tag  # 90 was never near


@pytest.mark.parametrize(
    ("terms", "close_type", "position"),
    [
        ({"limit": 85.0}, "STOP_LOSS", 0.0),
        ({"limit": 85.0, "keep": True}, "POSITION_HOLD", pytest.approx(3.0 + 100 / 95 + 100 / 90)),
        ({"stop_loss": 0.05}, "STOP_LOSS", 0.0),
    ],
)
def test_grid_that_falls_through_its_range_stops_or_keeps(
    terms: dict[str, Any], close_type: str, position: float
) -> None:
    bars = [STILL, STILL, (100.0, 100.0, 84.0, 84.0), flat(84.0)]
    outcome = trade(bars, {0: [create(GRID)]}, given(FREE, **FIVE, **terms))
    assert (ends(outcome), outcome.positions) == ([close_type], [position])


def test_grid_ends_with_its_profit_beyond_its_edge() -> None:
    outcome = trade([STILL, STILL, (100.0, 111.0, 100.0, 111.0)], {0: [create(GRID)]}, given(FREE, **FIVE))
    assert ends(outcome) == ["TAKE_PROFIT"]
    # three bought at 100: closes at 102, 107.1, and the last at 110, the edge, where it was sold at market
    sold = sorted(price for _, side, _, price in traded(outcome) if side == SELL)
    assert sold == pytest.approx([102.0, 107.1, 110.0])
    assert outcome.equity[-1] == pytest.approx(1_000.0 + 2.0 + 7.1 + 10.0)


def test_dust_of_a_level_goes_with_its_next_close() -> None:
    settings = with_market(
        given(replace(FREE, fees_in_received=True, taker=0.1, maker=0.1), **{**FIVE, "total": 61.0}), lot=0.1
    )
    bars = [flat(101.0), *[(101.0, 103.0, 99.0, 101.0)] * 4]
    outcome = trade(bars, {0: [create(GRID)]}, settings)
    # a buy of 0.6 brings 0.54: 0.5 is sold, then 0.04 + 0.54 gives 0.5, then 0.08 + 0.54 gives 0.6
    sold = [round(amount, 12) for _, side, amount, _ in traded(outcome) if side == SELL]
    assert sold[:3] == [0.5, 0.5, 0.6]


def test_short_grid_is_the_mirror() -> None:
    settings = given(MARGIN, **{**FIVE, "total": 60.0})
    bars = [flat(99.0), (99.0, 100.0, 99.0, 100.0), (100.0, 100.0, 98.0, 98.0)]
    outcome = trade(bars, {0: [create(GRID, SELL)]}, settings)
    assert traded(outcome) == [(1, SELL, 0.6, 100.0), (2, BUY, 0.6, 98.0)]


def test_not_a_number_of_a_config_is_no_barrier() -> None:
    outcome = trade([STILL, flat(50.0), flat(50.0)], {0: [create(DCA)]}, given(FREE, **LADDER, stop_loss=NAN))
    assert only_executor(outcome).phase == "HOLDING"


def test_taker_under_its_bound_buys_when_the_price_comes_back_into_it() -> None:
    settings = given(FREE, prices=(100.0,), amounts=(98.0,), mode=Mode.TAKER, bound=0.02)
    outcome = trade([flat(103.0), (95.0, 99.0, 95.0, 99.0)], {0: [create(DCA)]}, settings)
    assert traded(outcome) == [(1, BUY, 0.98, 98.0)]


def test_open_that_filled_in_part_is_not_cancelled_for_being_far() -> None:
    settings = with_market(given(FREE, **{**FIVE, "total": 60.0, "bound": 0.03}), participation=0.5)
    bars = [flat(101.0), (101.0, 101.0, 100.0, 101.0), flat(104.0)]
    outcome = trade(bars, {0: [create(GRID)]}, settings, volume=[[0.4] * 3])
    assert [(order.filled, order.status) for order in outcome.orders[:1]] == [(0.2, "LIVE")]
