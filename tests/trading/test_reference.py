"""The plain engine against examples worked by hand, and the random cases against their own purpose."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from workbench.errors import ConfigError
from workbench.market.codes import BUY, FLAT, SELL, Action, OrderKind, Sizing

from . import reference
from .reference import NAN, Bars, Executor, Fill, Market, Outcome, Policy, Settings, Target, World
from .scenarios import MINUTE, Scenario, scenario, shrink

pytestmark = pytest.mark.untraced

Bar = tuple[float, float, float, float]  # open, high, low, close
STILL: Bar = (100.0, 100.0, 100.0, 100.0)
NO_BAR: Bar = (NAN, NAN, NAN, NAN)
FREE = Settings(markets=(Market(0),), cash=1_000.0)
MARGIN = replace(FREE, account="margin", leverage=5.0)
LIMIT, POST_ONLY, STOP, STOP_LIMIT = OrderKind.LIMIT, OrderKind.POST_ONLY, OrderKind.STOP, OrderKind.STOP_LIMIT


def trade(bars: list[Bar], wishes: dict[int, list[Target]], settings: Settings = FREE) -> Outcome:
    """Run one market, a bar a minute; `wishes` maps a row to its decision."""
    return trade_all([bars], wishes, settings)


def trade_all(tables: list[list[Bar]], wishes: dict[int, list[Target]], settings: Settings) -> Outcome:
    columns = [[[bar[part] for bar in table] for table in tables] for part in range(4)]
    rows = range(len(tables[0]))
    bars = Bars([row * MINUTE for row in rows], MINUTE, *columns)
    return reference.run(bars, [wishes.get(row, []) for row in rows], settings)


def enter(side: int, size: float = 1.0, **terms: Any) -> Target:
    return Target(Action.ENTER, side=side, size=size, **terms)


def quote(side: int, price: float, size: float = 1.0, **terms: Any) -> Target:
    return Target(Action.QUOTE, side=side, kind=LIMIT, price=price, size=size, **terms)


def hold(exposure: float, **terms: Any) -> Target:
    return Target(Action.HOLD, size=exposure, sizing=Sizing.FRACTION, **terms)


def with_policy(settings: Settings, **terms: Any) -> Settings:
    return replace(settings, policy=Policy(**terms))


def only_executor(outcome: Outcome) -> Executor:
    (executor,) = outcome.executors
    return executor


def prices(outcome: Outcome) -> list[float]:
    return [fill.price for fill in outcome.fills]


def ending(outcome: Outcome) -> tuple[str, float]:
    """How the only executor ended, and the price it got."""
    return only_executor(outcome).close_type, outcome.fills[-1].price


# 2. The walk --------------------------------------------------------------------------------------------------

WIDE = [STILL, STILL, (100.0, 110.0, 90.0, 100.0)]
BRACKET = {0: [enter(BUY, stop_loss=0.05, take_profit=0.05)]}


def test_stop_comes_before_target_in_a_worst_path() -> None:
    assert ending(trade(WIDE, BRACKET)) == ("STOP_LOSS", 95.0)


def test_stop_comes_after_target_in_a_best_path() -> None:
    assert ending(trade(WIDE, BRACKET, replace(FREE, path="best"))) == ("TAKE_PROFIT", 105.0)


@pytest.mark.parametrize(
    ("high", "low", "barrier"), [(110.0, 89.0, "TAKE_PROFIT"), (110.0, 90.0, "TAKE_PROFIT"), (111.0, 90.0, "STOP_LOSS")]
)
def test_nearer_extreme_comes_first_in_an_ohlc_path(high: float, low: float, barrier: str) -> None:
    bars = [STILL, STILL, (100.0, high, low, 100.0)]
    assert ending(trade(bars, BRACKET, replace(FREE, path="ohlc")))[0] == barrier


def test_short_is_walked_high_first_in_a_worst_path() -> None:
    outcome = trade(WIDE, {0: [enter(SELL, stop_loss=0.05, take_profit=0.05)]}, MARGIN)
    assert ending(outcome) == ("STOP_LOSS", 105.0)


@pytest.mark.parametrize(("path", "close_type"), [("worst", "NONE"), ("best", "TAKE_PROFIT")])
def test_worst_path_lets_a_waiting_buy_fill_only_after_the_high(path: str, close_type: str) -> None:
    wish = enter(BUY, kind=LIMIT, price=95.0, take_profit=0.1)  # target 104.5: after the low, the high would reach it
    outcome = trade([STILL, (100.0, 110.0, 90.0, 100.0)], {0: [wish]}, replace(FREE, path=path))
    assert only_executor(outcome).close_type == close_type


def test_targets_do_not_count_as_waiting_to_open() -> None:
    hedged = with_policy(MARGIN, max_per_side=2, take_profit_kind=LIMIT)  # flat, with a sell waiting at 120
    dip = enter(BUY, kind=LIMIT, price=98.0, take_profit=0.05)  # so the worst is the high before the low
    bars = [STILL, STILL, (100.0, 103.5, 97.0, 100.0)]
    outcome = trade(bars, {0: [enter(BUY, take_profit=0.2), enter(SELL)], 1: [dip]}, hedged)
    assert [fill.price for fill in outcome.fills] == [100.0, 100.0, 98.0]
    assert outcome.executors[2].phase == "HOLDING"  # low before high would have sold it at 102.9


def test_walk_stops_at_a_limit_and_then_at_the_stop_of_what_it_bought() -> None:
    wish = enter(BUY, kind=LIMIT, price=95.0, stop_loss=0.02)
    outcome = trade([STILL, (100.0, 100.0, 90.0, 92.0)], {0: [wish]})
    assert prices(outcome) == pytest.approx([95.0, 93.1], rel=1e-15)


# 3. One tick, and when orders are active ----------------------------------------------------------------------


def test_orders_of_a_decision_fill_at_the_next_open() -> None:
    outcome = trade([STILL, (101.0, 102.0, 100.0, 102.0)], {0: [enter(BUY)]})
    assert [(fill.row, fill.price) for fill in outcome.fills] == [(1, 101.0)]


def test_latency_of_two_bars_delays_entry_and_exit() -> None:
    falling = [STILL, STILL, STILL, STILL, (100.0, 100.0, 94.0, 96.0), (93.0,) * 4, (92.0,) * 4]
    outcome = trade(falling, {0: [enter(BUY, stop_loss=0.05)]}, replace(FREE, latency=2))
    assert [(fill.row, fill.price) for fill in outcome.fills] == [(3, 100.0), (6, 92.0)]
    assert only_executor(outcome).close_type == "STOP_LOSS"


def test_a_row_without_a_bar_delays_an_order_until_the_next_bar() -> None:
    outcome = trade([STILL, NO_BAR, (103.0,) * 4], {0: [enter(BUY)]})
    assert [(fill.row, fill.price) for fill in outcome.fills] == [(2, 103.0)]


def test_a_newer_order_takes_the_lowest_free_slot_and_is_matched_first() -> None:
    first = {0: [quote(BUY, 95.0), quote(BUY, 94.0)], 1: [quote(BUY, 93.0)]}
    outcome = trade([STILL, STILL, (90.0,) * 4], first)
    assert [fill.order_id for fill in outcome.fills] == [2, 1]


# 4. How an order is answered ----------------------------------------------------------------------------------


def test_limit_fresh_and_marketable_fills_as_taker_at_the_better_market() -> None:
    outcome = trade([STILL, (90.0,) * 4], {0: [enter(BUY, kind=LIMIT, price=95.0)]})
    assert [(fill.price, fill.maker) for fill in outcome.fills] == [(90.0, False)]


def test_limit_gapped_over_fills_at_its_own_price() -> None:
    outcome = trade([STILL, STILL, (90.0,) * 4], {0: [enter(BUY, kind=LIMIT, price=95.0)]})
    assert [(fill.row, fill.price, fill.maker) for fill in outcome.fills] == [(2, 95.0, True)]


def test_slippage_never_takes_a_crossing_limit_past_its_price() -> None:
    slippery = replace(FREE, slippage=0.01)
    outcome = trade([STILL, STILL], {0: [enter(BUY, kind=LIMIT, price=100.5)]}, slippery)
    assert prices(outcome) == [100.5]  # the market price was 101


def test_slippage_hurts_both_sides_of_a_market_order() -> None:
    wishes = {0: [enter(BUY)], 1: [Target(Action.CLOSE)]}
    assert prices(trade([STILL, STILL, STILL], wishes, replace(FREE, slippage=0.01))) == [101.0, 99.0]


def test_post_only_that_would_cross_is_rejected() -> None:
    outcome = trade([STILL, STILL], {0: [enter(BUY, kind=POST_ONLY, price=100.0)]})
    assert [order.status for order in outcome.orders] == ["REJECTED"]
    assert only_executor(outcome).close_type == "FAILED"
    assert outcome.refusals == []


@pytest.mark.parametrize(
    ("fill", "low", "price"), [("touch", 95.0, [95.0]), ("through", 95.0, []), ("through", 94.0, [95.0])]
)
def test_limit_fills_on_touch_or_only_when_traded_through(fill: str, low: float, price: list[float]) -> None:
    bars = [STILL, (100.0, 100.0, low, 100.0)]
    assert prices(trade(bars, {0: [quote(BUY, 95.0)]}, replace(FREE, fill=fill))) == price


def test_stop_fills_at_its_trigger_and_a_gapped_stop_where_it_lands() -> None:
    wish = {0: [enter(BUY, kind=STOP, trigger=105.0)]}
    assert prices(trade([STILL, (100.0, 108.0, 100.0, 108.0)], wish)) == [105.0]
    assert prices(trade([STILL, (107.0, 108.0, 106.0, 108.0)], wish)) == [107.0]


def test_stop_limit_rests_once_triggered_if_the_market_is_past_it() -> None:
    wish = {0: [enter(BUY, kind=STOP_LIMIT, trigger=105.0, price=104.0)]}
    untouched = trade([STILL, (100.0, 107.0, 103.0, 107.0)], wish, replace(FREE, path="best"))
    assert prices(untouched) == []  # low, then high: 103 came before the trigger
    outcome = trade([STILL, (100.0, 107.0, 103.0, 107.0)], wish)
    assert [(fill.price, fill.maker) for fill in outcome.fills] == [(104.0, True)]


def test_stop_limit_above_its_trigger_takes_at_the_trigger() -> None:
    outcome = trade(
        [STILL, (100.0, 107.0, 100.0, 107.0)], {0: [enter(BUY, kind=STOP_LIMIT, trigger=105.0, price=106.0)]}
    )
    assert [(fill.price, fill.maker) for fill in outcome.fills] == [(105.0, False)]


def test_fraction_of_equity_leaves_room_for_the_fee() -> None:
    taxed = replace(FREE, taker=0.01)
    outcome = trade([STILL, STILL], {0: [enter(BUY, 0.5, sizing=Sizing.FRACTION)]}, taxed)
    assert outcome.fills[0].amount == pytest.approx(500.0 / 101.0, rel=1e-15)
    assert outcome.cash == pytest.approx(500.0, rel=1e-15)


def test_quote_size_is_capped_by_the_free_quote_of_a_spot_account() -> None:
    wishes = {0: [quote(BUY, 90.0, 6.0), enter(BUY, 800.0, sizing=Sizing.QUOTE)]}  # 540 of 1,000 are reserved
    assert trade([STILL, STILL], wishes).fills[0].amount == 4.6


def test_limit_is_rounded_to_its_tick_and_amount_to_its_lot() -> None:
    coarse = replace(FREE, markets=(Market(0, tick=0.5, lot=0.1),))
    outcome = trade([STILL], {0: [quote(BUY, 95.7, 1.29), quote(SELL, 104.2, 0.0), quote(BUY, 95.5, 0.3)]}, coarse)
    assert [order.price for order in outcome.orders] == [95.5, 95.5]
    assert [order.amount for order in outcome.orders] == pytest.approx([1.2, 0.3], rel=1e-15)
    seller = trade([STILL], {0: [quote(SELL, 104.2)]}, replace(coarse, account="margin"))
    assert seller.orders[0].price == 104.5


def test_order_below_the_minimum_notional_is_refused_before_it_lives() -> None:
    strict = replace(FREE, markets=(Market(0, min_notional=50.0),))
    outcome = trade([STILL, STILL], {0: [enter(BUY, 0.4)], 1: [enter(BUY, 0.5)]}, strict)
    assert [(r.row, r.reason, r.level, r.executor_id) for r in outcome.refusals] == [(0, "TOO_SMALL", 0, -1)]
    assert [order.id for order in outcome.orders] == [0]
    assert len(outcome.executors) == 1


def test_order_below_the_minimum_amount_is_refused() -> None:
    strict = replace(FREE, markets=(Market(0, min_amount=0.5),))
    outcome = trade([STILL], {0: [quote(BUY, 90.0, 0.4), quote(BUY, 90.0, 0.5)]}, strict)
    assert [(refusal.reason, refusal.level) for refusal in outcome.refusals] == [("TOO_SMALL", 0)]


def test_exit_is_exempt_from_the_minimums() -> None:
    strict = replace(FREE, markets=(Market(0, min_notional=100.0),))
    outcome = trade([STILL, STILL, (90.0,) * 4], {0: [enter(BUY, stop_loss=0.05)]}, strict)
    assert ending(outcome) == ("STOP_LOSS", 90.0)


def test_spot_sell_without_base_is_refused() -> None:
    outcome = trade([STILL, STILL], {0: [enter(SELL)]})
    assert [refusal.reason for refusal in outcome.refusals] == ["NO_FUNDS"]
    assert (outcome.orders, outcome.executors) == ([], [])


def test_market_buy_that_a_gap_makes_too_dear_is_rejected_at_its_fill() -> None:
    outcome = trade([STILL, (101.0,) * 4], {0: [enter(BUY, 10.0)]})
    assert [order.status for order in outcome.orders] == ["REJECTED"]
    assert outcome.refusals == []


def test_live_limits_reserve_what_they_would_cost() -> None:
    outcome = trade([STILL], {0: [quote(BUY, 90.0, 6.0), quote(BUY, 80.0, 6.0)]})  # 540 + 480 > 1,000
    assert [(refusal.reason, refusal.level) for refusal in outcome.refusals] == [("NO_FUNDS", 1)]


def test_crossing_limit_is_paid_from_its_own_reserve() -> None:
    wishes = {0: [quote(BUY, 100.0, 10.0)], 1: [Target(), quote(SELL, 100.0, 10.0)]}
    outcome = trade([STILL] * 3, wishes)
    assert [(fill.side, fill.amount, fill.maker) for fill in outcome.fills] == [(BUY, 10.0, False), (SELL, 10.0, False)]


def test_order_that_makes_the_position_smaller_is_never_refused_for_leverage() -> None:
    two = with_policy(MARGIN, max_per_side=2)
    wishes = {0: [enter(BUY, 25.0, stop_loss=0.1), enter(BUY, 25.0)]}
    outcome = trade([STILL, STILL, (85.0,) * 4], wishes, two)
    assert outcome.positions == [25.0]  # worth 2,125, and five times the equity is 1,250


def test_margin_refuses_what_exceeds_the_leverage() -> None:
    outcome = trade([STILL, STILL], {0: [enter(SELL, 50.0)], 1: [enter(BUY, 101.0)]}, MARGIN)
    assert outcome.positions == [-50.0]  # 5,000 is five times the equity; buying 101 would go to +51
    assert [refusal.reason for refusal in outcome.refusals] == ["NO_FUNDS"]


def test_market_that_has_not_begun_refuses_for_want_of_a_price() -> None:
    wishes = {0: [enter(BUY), quote(BUY, 90.0), hold(1.0)], 1: [Target(), Target(), hold(1.0)]}
    outcome = trade([NO_BAR, STILL, STILL], wishes)
    assert [refusal.reason for refusal in outcome.refusals] == ["NO_PRICE"] * 3
    assert outcome.positions == [10.0]  # the same wish, asked again


# 5. Decisions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("closes", "positions"), [(True, [-1.0]), (False, [0.0])])
def test_opposite_signal_closes_what_is_open_if_the_policy_says_so(closes: bool, positions: list[float]) -> None:
    settings = with_policy(MARGIN, close_on_opposite=closes)
    outcome = trade([STILL, STILL, STILL], {0: [enter(BUY)], 1: [enter(SELL)]}, settings)
    assert outcome.positions == positions
    assert outcome.executors[0].close_type == ("EARLY_STOP" if closes else "NONE")


def test_cooldown_counts_from_the_last_creation_on_that_side() -> None:
    wishes = {row: [enter(BUY)] for row in range(5)}
    settings = with_policy(FREE, max_per_side=9, cooldown_ms=3 * MINUTE)
    outcome = trade([STILL] * 5, wishes, settings)
    assert [executor.created_row for executor in outcome.executors] == [0, 3]


def test_no_more_than_max_per_side_are_open() -> None:
    wishes = {row: [enter(BUY), enter(SELL)] for row in range(4)}
    outcome = trade([STILL] * 4, wishes, with_policy(MARGIN, max_per_side=2))
    assert [(executor.created_row, executor.side) for executor in outcome.executors] == [
        (0, BUY), (0, SELL), (1, BUY), (1, SELL),
    ]  # fmt: skip


def test_close_stops_one_side_or_both() -> None:
    both = {0: [enter(BUY), enter(SELL, 2.0)]}
    assert trade([STILL] * 3, {**both, 1: [Target(Action.CLOSE, side=SELL)]}, MARGIN).positions == [1.0]
    assert trade([STILL] * 3, {**both, 1: [Target(Action.CLOSE, side=FLAT)]}, MARGIN).positions == [0.0]


def test_close_of_an_unfilled_entry_is_done_at_once() -> None:
    outcome = trade([STILL, STILL], {0: [enter(BUY, kind=LIMIT, price=90.0)], 1: [Target(Action.CLOSE)]})
    executor = only_executor(outcome)
    assert (executor.phase, executor.close_type, executor.closed_row, executor.pnl) == ("DONE", "EARLY_STOP", 1, 0.0)
    assert [order.status for order in outcome.orders] == ["CANCELLED"]


def test_close_leaves_alone_what_is_exiting() -> None:
    wishes = {0: [enter(BUY)], 2: [Target(Action.CLOSE)], 3: [Target(Action.CLOSE)]}
    outcome = trade([STILL] * 7, wishes, replace(FREE, latency=1))
    assert [(order.status, order.created_row, order.closed_row) for order in outcome.orders] == [
        ("FILLED", 0, 2), ("FILLED", 2, 4),
    ]  # fmt: skip


def test_quote_keeps_an_equal_order_and_replaces_another() -> None:
    wishes = {0: [quote(BUY, 95.0)], 1: [quote(BUY, 95.0)], 2: [quote(BUY, 94.0)], 3: [quote(BUY, NAN)]}
    outcome = trade([STILL] * 4, wishes)
    assert [(order.price, order.status, order.created_row, order.closed_row) for order in outcome.orders] == [
        (95.0, "CANCELLED", 0, 2), (94.0, "CANCELLED", 2, 3),
    ]  # fmt: skip


def test_quote_in_quote_currency_is_always_replaced() -> None:
    same = quote(BUY, 1.0, 2.0, sizing=Sizing.QUOTE)
    outcome = trade([STILL] * 2, {0: [same], 1: [same]})
    assert [(order.amount, order.status) for order in outcome.orders] == [(2.0, "CANCELLED"), (2.0, "LIVE")]


def test_hold_goes_from_long_to_short_in_one_order() -> None:
    outcome = trade([STILL] * 4, {0: [hold(1.0)], 1: [hold(1.0)], 2: [hold(-1.0)]}, MARGIN)
    assert [(fill.row, fill.side, fill.amount) for fill in outcome.fills] == [(1, BUY, 10.0), (3, SELL, 20.0)]


def test_hold_in_a_spot_account_is_cut_to_flat_and_to_the_cash() -> None:
    taxed = replace(FREE, taker=0.25)
    outcome = trade([STILL] * 3, {0: [hold(2.0)], 1: [hold(-1.0)]}, taxed)
    assert [(fill.side, fill.amount) for fill in outcome.fills] == [(BUY, 8.0), (SELL, 8.0)]
    assert outcome.equity == [1_000.0, 800.0, 600.0]


def test_hold_in_a_margin_account_leaves_room_for_other_markets() -> None:
    two = replace(MARGIN, markets=(Market(0), Market(1)), leverage=2.0)
    wishes = {0: [enter(BUY, 15.0)], 1: [Target(), hold(-3.0, market=1)]}
    assert trade_all([[STILL] * 3, [STILL] * 3], wishes, two).positions == [15.0, -5.0]


def test_first_wish_of_nothing_makes_no_order_and_a_wish_fulfilled_is_cancelled() -> None:
    assert trade([STILL] * 2, {0: [hold(0.0)]}).orders == []
    both_ways = trade([STILL] * 3, {0: [hold(0.5)], 1: [Target(), hold(0.5)]})
    assert [(order.side, order.status) for order in both_ways.orders] == [(BUY, "FILLED"), (FLAT, "CANCELLED")]


def test_newer_wish_replaces_one_that_still_waits() -> None:
    outcome = trade([STILL, NO_BAR, STILL], {0: [hold(1.0)], 1: [hold(0.5)]})
    assert [order.status for order in outcome.orders] == ["CANCELLED", "FILLED"]
    assert outcome.positions == [5.0]


def test_decision_may_look_at_the_world() -> None:
    def ladder(row: int, world: World) -> list[dict[str, Any]]:
        return [{"action": Action.ENTER, "side": BUY, "size": 1.0}] if world.position(0) < 2 else []

    bars = Bars([0, 1, 2, 3, 4], 1, *([[100.0] * 5],) * 4)
    assert reference.run(bars, ladder, with_policy(FREE, max_per_side=9)).positions == [2.0]


# 6. The position executor -------------------------------------------------------------------------------------


def test_gap_through_stop_fills_at_open() -> None:
    outcome = trade([STILL, STILL, (90.0, 96.0, 90.0, 96.0)], {0: [enter(BUY, stop_loss=0.05)]})
    assert ending(outcome) == ("STOP_LOSS", 90.0)
    assert only_executor(outcome).pnl == -10.0


def test_margin_short_earns_when_the_price_falls() -> None:
    outcome = trade([STILL, STILL, (100.0, 100.0, 94.0, 94.0)], {0: [enter(SELL, take_profit=0.05)]}, MARGIN)
    assert ending(outcome) == ("TAKE_PROFIT", 95.0)
    assert (only_executor(outcome).pnl, outcome.cash, outcome.positions) == (5.0, 1_005.0, [0.0])


def test_trailing_stop_is_armed_then_follows_the_peak() -> None:
    trailing = {0: [enter(BUY, trailing_activation=0.05, trailing_delta=0.02)]}
    bars = [STILL, STILL, (100.0, 110.0, 100.0, 109.0), (109.0, 109.0, 107.0, 107.0)]
    outcome = trade(bars, trailing)  # low first: armed at 105 on the way up, peak 110, trail 108
    assert ending(outcome) == ("TRAILING_STOP", 108.0)
    assert outcome.fills[-1].row == 3


def test_trailing_stop_can_be_hit_in_the_bar_that_armed_it() -> None:
    trailing = {0: [enter(BUY, trailing_activation=0.05, trailing_delta=0.02)]}
    outcome = trade([STILL, STILL, (100.0, 110.0, 100.0, 109.0)], trailing, replace(FREE, path="best"))
    assert ending(outcome) == ("TRAILING_STOP", 108.0)


def test_time_limit_ends_a_position_at_the_close_of_the_200th_bar() -> None:
    bars = [(100.0, 101.0, 99.0, 100.5)] * 205
    outcome = trade(bars, {2: [enter(BUY, time_limit_ms=200 * MINUTE)]})
    assert [(fill.row, fill.price) for fill in outcome.fills] == [(3, 100.0), (202, 100.5)]
    executor = only_executor(outcome)
    assert (executor.close_type, executor.closed_ms) == ("TIME_LIMIT", executor.created_ms + 200 * MINUTE)


def test_time_limit_ends_an_entry_that_never_filled() -> None:
    outcome = trade([STILL] * 4, {0: [enter(BUY, kind=LIMIT, price=90.0, time_limit_ms=2 * MINUTE)]})
    executor = only_executor(outcome)
    assert (executor.close_type, executor.closed_row) == ("TIME_LIMIT", 2)
    assert [order.status for order in outcome.orders] == ["CANCELLED"]


def test_target_at_limit_earns_the_maker_fee() -> None:
    settings = with_policy(replace(FREE, maker=0.0, taker=0.01), take_profit_kind=LIMIT)
    outcome = trade([STILL, STILL, (107.0,) * 4], {0: [enter(BUY, take_profit=0.05)]}, settings)
    assert [(fill.price, fill.fee, fill.maker) for fill in outcome.fills] == [(100.0, 1.0, False), (105.0, 0.0, True)]
    assert only_executor(outcome).pnl == 4.0


def test_stop_cancels_the_target_and_sells_what_it_had_reserved() -> None:
    settings = with_policy(FREE, take_profit_kind=LIMIT)
    outcome = trade(WIDE, BRACKET, settings)
    assert [(order.kind, order.status) for order in outcome.orders] == [
        (OrderKind.MARKET, "FILLED"), (LIMIT, "CANCELLED"), (OrderKind.MARKET, "FILLED"),
    ]  # fmt: skip
    assert outcome.positions == [0.0]


def test_refused_target_is_not_asked_for_again() -> None:
    settings = with_policy(
        replace(FREE, markets=(Market(0, lot=1.0),), fees_in_received=True, taker=0.01), take_profit_kind=LIMIT
    )
    outcome = trade([STILL] * 5, {0: [enter(BUY, take_profit=0.05)]}, settings)  # 0.99 held is less than a lot
    assert [(refusal.row, refusal.reason, refusal.executor_id) for refusal in outcome.refusals] == [(1, "TOO_SMALL", 0)]


def test_holding_less_than_a_lot_ends_without_an_exit_order() -> None:
    lots = replace(FREE, markets=(Market(0, lot=1.0),), fees_in_received=True, taker=0.01)
    outcome = trade([STILL, STILL, (90.0,) * 4], {0: [enter(BUY, stop_loss=0.05)]}, lots)
    executor = only_executor(outcome)
    assert (executor.close_type, len(outcome.fills)) == ("STOP_LOSS", 1)
    assert executor.pnl == pytest.approx(0.99 * 90.0 - 100.0, rel=1e-14)


def test_hold_does_not_sell_what_an_executor_holds() -> None:
    wishes = {0: [enter(BUY, 4.0, stop_loss=0.05)], 1: [Target(), hold(0.2)]}
    outcome = trade([STILL, STILL, STILL, (90.0,) * 4], wishes)
    assert [(fill.side, fill.amount) for fill in outcome.fills] == [(BUY, 4.0), (SELL, 4.0)]
    executor = only_executor(outcome)
    assert (executor.phase, executor.exited, executor.pnl) == ("DONE", 4.0, -40.0)


def test_fee_in_base_leaves_dust_that_counts() -> None:
    settings = replace(FREE, markets=(Market(0, lot=0.01),), fees_in_received=True, taker=0.001)
    outcome = trade([STILL, STILL, (110.0,) * 4], {0: [enter(BUY, take_profit=0.05)]}, settings)
    bought, sold = outcome.fills
    assert (bought.fee, bought.fee_in_base, sold.amount, sold.fee_in_base) == (0.001, True, 0.99, False)
    assert outcome.positions == pytest.approx([0.009], rel=1e-12)
    assert only_executor(outcome).pnl == pytest.approx(0.999 * 110.0 - 100.0 - 0.99 * 110.0 * 0.001, rel=1e-12)
    assert outcome.equity[-1] == pytest.approx(1_000.0 + only_executor(outcome).pnl, rel=1e-15)


@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize("in_received", [False, True])
def test_stop_at_one_percent_net_loses_one_percent_net(side: int, in_received: bool) -> None:
    costly = replace(MARGIN, maker=0.001, taker=0.004, fees_in_received=in_received)
    bars = [STILL, STILL, (100.0, 103.0, 97.0, 100.0)]
    outcome = trade(bars, {0: [enter(side, stop_loss=0.01)]}, with_policy(costly, net_of_fees=True))
    assert only_executor(outcome).close_type == "STOP_LOSS"
    assert only_executor(outcome).pnl == pytest.approx(-1.0, abs=1e-12)
    assert outcome.equity[-1] == pytest.approx(999.0 + outcome.positions[0] * (100.0 - prices(outcome)[-1]), abs=1e-12)


@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize("kind", [OrderKind.MARKET, LIMIT])
def test_target_at_two_percent_net_earns_two_percent_net(side: int, kind: OrderKind) -> None:
    costly = with_policy(replace(MARGIN, maker=0.001, taker=0.004), net_of_fees=True, take_profit_kind=kind)
    bars = [STILL, STILL, (100.0, 104.0, 96.0, 100.0)]
    outcome = trade(bars, {0: [enter(side, take_profit=0.02)]}, costly)
    assert only_executor(outcome).pnl == pytest.approx(2.0, abs=1e-12)


def test_exit_that_cannot_be_paid_is_asked_again_ten_times_and_then_fails() -> None:
    wishes = {0: [hold(1.0)], 1: [Target(), enter(SELL, 5.0, stop_loss=0.05)], 2: [hold(0.99)]}
    outcome = trade([STILL] * 4 + [(110.0,) * 4] * 4, wishes)  # the base was sold, then the cash spent again
    executor = only_executor(outcome)
    assert (executor.phase, executor.close_type) == ("DONE", "FAILED")
    assert executor.closed_ms == 7 * MINUTE  # a still bar has four ticks: 4 + 4 + 3 asks, then the close of row 6
    assert [refusal.reason for refusal in outcome.refusals] == ["NO_FUNDS"] * 11
    assert executor.pnl == pytest.approx(5.0 * (100.0 - 110.0), rel=1e-15)


# 7. Money -----------------------------------------------------------------------------------------------------


def test_market_without_its_own_base_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"\[0, 0\]"):
        trade([STILL], {}, replace(FREE, markets=(Market(0), Market(0))))


@pytest.mark.parametrize("seed", range(300))
def test_money_is_conserved(seed: int) -> None:
    case = scenario(seed)
    outcome = case.run()
    cash = case.settings.cash + sum(paid(fill) for fill in outcome.fills)
    assert outcome.cash == pytest.approx(cash, rel=1e-9, abs=1e-9)
    for market, position in enumerate(outcome.positions):
        received = sum(got(fill) for fill in outcome.fills if fill.market == market)
        assert position == pytest.approx(received, rel=1e-9, abs=1e-9)
    if case.settings.is_spot:
        assert min(outcome.cash, *outcome.positions) >= -1e-9 * case.settings.cash


def paid(fill: Fill) -> float:
    return -fill.side * fill.price * fill.amount - (0.0 if fill.fee_in_base else fill.fee)


def got(fill: Fill) -> float:
    return fill.side * fill.amount - (fill.fee if fill.fee_in_base else 0.0)


@pytest.mark.parametrize("seed", range(300))
def test_pnl_of_an_executor_is_what_its_fills_moved(seed: int) -> None:
    outcome = scenario(seed).run()
    for executor in outcome.done:
        fills = [fill for fill in outcome.fills if fill.executor_id == executor.id]
        rest = sum(map(got, fills))
        if len(fills) == 2:
            moved = sum(map(paid, fills)) + rest * fills[-1].price
            assert executor.pnl == pytest.approx(moved, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", range(200))
def test_nothing_done_later_changes_what_was_traded_before(seed: int) -> None:
    case = scenario(seed)
    kept = len(case.decisions) // 2
    silenced = [*case.decisions[:kept], *([] for _ in case.decisions[kept:])]
    before, after = case.run(), replace(case, decisions=silenced).run()
    assert before.equity[: kept + 1] == after.equity[: kept + 1]
    assert [fill for fill in before.fills if fill.row <= kept] == [fill for fill in after.fills if fill.row <= kept]


# The random cases ---------------------------------------------------------------------------------------------


def test_random_cases_trade_and_show_every_kind() -> None:
    seen, n_cases = Counter[str](), 2_000
    for seed in range(n_cases):
        seen.update(told(scenario(seed)))
    assert seen["trades"] > 0.85 * n_cases
    rare = {name: seen[name] for name in EXPECTED if seen[name] < 10}
    assert not rare, f"seen less than ten times in {n_cases} cases: {rare}; all counts: {dict(seen)}"


EXPECTED = (
    *(f"{kind.name} {role}" for kind in (LIMIT, STOP_LIMIT) for role in ("maker", "taker")),
    *("POST_ONLY maker", "MARKET taker", "STOP taker"),
    *(f"{kind.name} {status}" for kind in OrderKind for status in ("LIVE", "CANCELLED", "REJECTED", "FILLED")),
    *("EARLY_STOP", "STOP_LOSS", "TRAILING_STOP", "TAKE_PROFIT", "TIME_LIMIT", "FAILED", "FAILED exit"),
    *("ENTERING", "HOLDING", "EXITING", "DONE", "TOO_SMALL", "NO_FUNDS", "NO_PRICE", "refused exit"),
    *("HOLD FILLED", "HOLD CANCELLED", "HOLD LIVE", "QUOTE FILLED", "QUOTE CANCELLED", "QUOTE kept"),
    *("spot", "margin", "short", "worst", "best", "ohlc", "touch", "through", "latency 1", "latency 2"),
    *("1 markets", "2 markets", "3 markets", "missing bars", "fee in base", "slippage"),
)


def told(case: Scenario) -> set[str]:
    """What there is to see in one case, a word for each."""
    outcome, settings = case.run(), case.settings
    words = {settings.account, settings.path, settings.fill, f"latency {settings.latency}"}
    words |= {f"{len(settings.markets)} markets"} | ({"slippage"} if settings.slippage else set())
    words |= {"missing bars"} if any(map(math.isnan, case.bars.open[0])) else set()
    for fill in outcome.fills:
        words |= {"trades", f"{outcome.orders[fill.order_id].kind.name} {'maker' if fill.maker else 'taker'}"}
        words |= {"fee in base"} if fill.fee_in_base else set()
    for order in outcome.orders:
        words.add(f"{order.kind.name} {order.status}")
        if order.executor_id < 0:
            words.add(f"{'HOLD' if order.is_hold else 'QUOTE'} {order.status}")
    for executor in outcome.executors:
        words |= {executor.phase, executor.close_type} | ({"short"} if executor.side < 0 else set())
        words |= {"FAILED exit"} if executor.close_type == "FAILED" and executor.held else set()
    words |= {refusal.reason for refusal in outcome.refusals}
    words |= {"refused exit"} if any(refusal.executor_id >= 0 for refusal in outcome.refusals) else set()
    return words | ({"QUOTE kept"} if any(map(was_kept, outcome.orders, [case] * len(outcome.orders))) else set())


def was_kept(order: reference.Order, case: Scenario) -> bool:
    """Whether a later row asked for a quote that was there already."""
    rows = case.decisions[order.created_row + 1 : order.closed_row + 1 if order.closed_row >= 0 else None]
    mine = (Action.QUOTE, order.market, order.side, order.kind, order.size, Sizing.BASE, order.price)
    is_quote = order.executor_id < 0 and not order.is_hold
    return is_quote and any(
        mine == (t.action, t.market, t.side, t.kind, t.size, t.sizing, t.price) for row in rows for t in row
    )


def test_a_case_is_the_same_each_time_and_its_repr_makes_it_again() -> None:
    case = scenario(7)
    assert repr(case) == repr(scenario(7))
    again = eval(repr(case), {**vars(reference), "Scenario": Scenario})
    assert again.run().fills == case.run().fills


def test_shrinking_keeps_the_failure_and_drops_the_rest() -> None:
    case = scenario(11)

    def stops(one: Scenario) -> bool:
        return any(executor.close_type == "STOP_LOSS" for executor in one.run().executors)

    small = shrink(case, stops)
    asked = sum(target.action != Action.NONE for row in small.decisions for target in row)
    assert stops(small)
    assert asked <= 2
    assert len(small.decisions) <= len(case.decisions)


def test_quote_on_its_way_is_left_alone_so_that_it_arrives() -> None:
    late = replace(FREE, latency=1)
    wishes = {row: [quote(BUY, 99.0 - row / 10)] for row in range(6)}
    outcome = trade([STILL] * 5 + [(100.0, 100.0, 90.0, 95.0)], wishes, late)
    assert [order.created_row for order in outcome.orders] == [0, 2, 4]
    assert [(fill.row, fill.price) for fill in outcome.fills] == []
    caught = trade([STILL] * 4 + [(100.0, 100.0, 90.0, 95.0)], wishes, late)
    assert [(fill.row, fill.price) for fill in caught.fills] == [(4, 98.8)]
