"""Purses, margin, marks, funding and liquidation in the plain engine, worked by hand; docs/perpetuals.md."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from workbench.errors import ConfigError
from workbench.market.codes import BUY, SELL, OrderKind, Sizing

from .reference import Action, ExecutorKind, Funding, Market, PurseTerms, Settings, Target, Tier
from .reference_cases import (
    FREE,
    HEDGED,
    MINUTE,
    NO_BAR,
    PERPETUAL,
    STILL,
    create,
    ends,
    flat,
    only_executor,
    reasons,
    trade,
    trade_all,
    traded,
    with_market,
)

ORDER = ExecutorKind.ORDER
TIERED = with_market(PERPETUAL, tiers=(Tier(0.0, 0.005, 0.0, 50.0), Tier(6_000.0, 0.01, 30.0, 5.0)))


def enter(side: int, size: float = 1.0, **terms: Any) -> Target:
    return Target(Action.ENTER, side=side, size=size, **terms)


def order(side: int, size: float, **terms: Any) -> Target:
    return create(ORDER, side, **{"config": -1, "size": size, **terms})


# 16. Purses -------------------------------------------------------------------------------------------------------


def test_markets_of_one_purse_share_its_cash_and_others_do_not() -> None:
    purses = (PurseTerms(1_000.0), PurseTerms(50.0))
    shared = Settings(markets=(Market(0), Market(1), Market(2, purse=1)), purses=purses)
    wishes = {0: [enter(BUY, 6.0), enter(BUY, 6.0, market=1), enter(BUY, 1.0, market=2)]}
    outcome = trade_all([[STILL] * 2] * 3, wishes, shared)
    assert outcome.positions == [6.0, 0.0, 0.0]
    assert reasons(outcome) == ["NO_FUNDS"]  # 100 of 50; that 600 and 600 are too much for 1,000 is seen at the fill
    assert [one.status for one in outcome.orders] == ["FILLED", "REJECTED"]


def test_equity_is_the_sum_of_purses_at_their_rates() -> None:
    purses = (PurseTerms(1_000.0), PurseTerms(500.0, rate=2.0))
    two = Settings(markets=(Market(0), Market(1, purse=1)), purses=purses)
    outcome = trade_all([[STILL] * 3, [STILL, STILL, flat(110.0)]], {0: [order(BUY, 1.0, market=1)]}, two)
    assert outcome.equity == [2_000.0, 2_000.0, 1_000.0 + 2.0 * 510.0]


# 17. Modes --------------------------------------------------------------------------------------------------------


def test_hedge_legs_never_net() -> None:
    outcome = trade([STILL, STILL, flat(110.0)], {0: [order(BUY, 2.0), order(SELL, 3.0)]}, HEDGED)
    assert outcome.world.legs[0] == {1: 2.0, -1: 3.0}
    assert (outcome.positions, outcome.equity[-1]) == ([-1.0], 990.0)


def test_executor_of_a_hedged_purse_closes_its_own_leg() -> None:
    wishes = {0: [enter(BUY, 2.0), enter(SELL, 3.0)], 1: [Target(Action.CLOSE, side=BUY)]}
    outcome = trade([STILL] * 3, wishes, HEDGED)
    assert outcome.world.legs[0] == {1: 0.0, -1: 3.0}


def test_net_wish_in_hedge_mode_is_refused() -> None:
    wish = Target(Action.HOLD, size=0.5, sizing=Sizing.FRACTION)
    assert reasons(trade([STILL] * 2, {0: [wish]}, HEDGED)) == ["BAD_MODE"]


@pytest.mark.parametrize("settings", [PERPETUAL, HEDGED])
def test_reduce_only_takes_away_what_is_there_and_no_more(settings: Settings) -> None:
    wishes = {0: [order(BUY, 2.0)], 1: [order(SELL, 5.0, reduce=True)]}
    outcome = trade([STILL] * 3, wishes, settings)
    assert [(amount, side) for _, side, amount, _ in traded(outcome)] == [(2.0, BUY), (2.0, SELL)]
    assert (outcome.positions, outcome.orders[1].status) == ([0.0], "FILLED")


@pytest.mark.parametrize("settings", [PERPETUAL, HEDGED])
def test_reduce_only_with_nothing_to_reduce_is_refused(settings: Settings) -> None:
    wishes = {0: [order(BUY, 2.0)], 1: [order(BUY, 1.0, reduce=True)]}
    assert reasons(trade([STILL] * 3, wishes, settings)) == ["NOTHING_TO_REDUCE"]


def test_reduce_only_that_comes_too_late_is_cancelled() -> None:
    late = order(SELL, 1.0, reduce=True, kind=OrderKind.LIMIT, price=105.0)
    wishes = {0: [enter(BUY)], 1: [late, Target(Action.CLOSE)]}
    outcome = trade([STILL] * 3 + [flat(106.0)], wishes, PERPETUAL)
    assert (outcome.positions, outcome.orders[1].status) == ([0.0], "CANCELLED")


def test_two_executors_that_net_to_nothing_both_get_out() -> None:
    wishes = {0: [enter(BUY, 1.0), enter(SELL, 1.0)], 2: [Target(Action.CLOSE)]}
    outcome = trade([STILL, STILL, flat(110.0), flat(110.0)], wishes, PERPETUAL)
    assert [executor.pnl for executor in outcome.executors] == [10.0, -10.0]
    assert (outcome.positions, outcome.cash) == ([0.0], 1_000.0)


# 18. Margin ---------------------------------------------------------------------------------------------------------


def test_margin_bounds_what_can_be_opened_and_never_what_closes() -> None:
    wishes = {0: [order(BUY, 60.0)], 1: [order(BUY, 41.0)], 2: [order(SELL, 60.0)]}
    outcome = trade([STILL] * 4, wishes, PERPETUAL)  # 6,000 at ten times takes 600 of 1,000; 4,100 would take 410
    assert (reasons(outcome), outcome.positions) == (["NO_FUNDS"], [0.0])


def test_resting_orders_reserve_their_margin() -> None:
    bid = {"kind": OrderKind.LIMIT, "price": 100.0}
    lower = {"kind": OrderKind.LIMIT, "price": 90.0}
    outcome = trade([flat(101.0)], {0: [order(BUY, 60.0, **bid), order(BUY, 45.0, **lower)]}, PERPETUAL)
    assert outcome.orders[0].reserved == 600.0
    assert reasons(outcome) == ["NO_FUNDS"]  # 405 more


def test_fee_is_part_of_what_an_order_needs() -> None:
    taxed = with_market(PERPETUAL, taker=0.001)
    assert reasons(trade([STILL], {0: [order(BUY, 100.0)]}, taxed)) == ["NO_FUNDS"]
    assert reasons(trade([STILL], {0: [order(BUY, 99.0)]}, taxed)) == []  # 990 + 9.9


def test_leverage_above_that_of_the_tier_is_refused() -> None:
    assert reasons(trade([STILL], {0: [order(BUY, 60.0)]}, TIERED)) == ["LEVERAGE"]
    assert reasons(trade([STILL], {0: [order(BUY, 59.0)]}, TIERED)) == []


# 20. Liquidation ------------------------------------------------------------------------------------------------------

LOW_TIER = with_market(PERPETUAL, tiers=(Tier(0.0, 0.005),))


def test_long_is_liquidated_where_the_margin_balance_meets_maintenance() -> None:
    outcome = trade([STILL, STILL, (100.0, 100.0, 70.0, 75.0)], {0: [order(BUY, 50.0)]}, LOW_TIER)
    price = 4_000.0 / (50.0 - 50.0 * 0.005)  # −4,000 + 50·p = 50·p·0.005
    assert outcome.fills[-1].price == pytest.approx(price, rel=1e-14)
    assert outcome.fills[-1].liquidates
    assert (outcome.positions, outcome.cash) == ([0.0], pytest.approx(50.0 * price * 0.005))
    assert outcome.world.liquidations == [(2, 0)]


def test_short_is_liquidated_on_the_way_up() -> None:
    outcome = trade([STILL, STILL, (100.0, 130.0, 100.0, 120.0)], {0: [order(SELL, 50.0)]}, LOW_TIER)
    assert outcome.fills[-1].price == pytest.approx(6_000.0 / (50.0 + 50.0 * 0.005), rel=1e-14)


def test_gap_past_the_purse_is_insured() -> None:
    outcome = trade([STILL, STILL, flat(70.0)], {0: [order(BUY, 50.0)]}, LOW_TIER)
    assert (outcome.cash, outcome.world.purses[0].insurance) == (0.0, 500.0)


def test_tiers_without_steps_liquidate_where_the_sum_says() -> None:
    wide = with_market(PERPETUAL, tiers=(Tier(0.0, 0.005), Tier(2_000.0, 0.01, 10.0)))
    outcome = trade([STILL, STILL, (100.0, 100.0, 70.0, 75.0)], {0: [order(BUY, 50.0)]}, wide)
    assert outcome.fills[-1].price == pytest.approx((4_000.0 - 10.0) / (50.0 - 0.5), rel=1e-14)


def test_liquidation_comes_before_a_stop_that_the_same_tick_shows() -> None:
    wish = enter(BUY, 50.0, stop_loss=0.25)
    outcome = trade([STILL, STILL, flat(70.0)], {0: [wish]}, LOW_TIER)
    executor = only_executor(outcome)
    assert (executor.close_type, executor.pnl) == ("LIQUIDATED", -1_500.0)


def test_stop_on_the_way_saves_the_purse() -> None:
    outcome = trade([STILL, STILL, (100.0, 100.0, 70.0, 75.0)], {0: [enter(BUY, 50.0, stop_loss=0.1)]}, LOW_TIER)
    assert (ends(outcome), outcome.cash) == (["STOP_LOSS"], 500.0)


def test_one_bad_market_liquidates_the_purse_and_cancels_its_orders() -> None:
    two = replace(LOW_TIER, markets=(*LOW_TIER.markets, Market(1, leverage=10.0)))
    bid = order(BUY, 1.0, market=1, kind=OrderKind.LIMIT, price=90.0)
    bars = [[STILL, STILL, flat(80.0)], [STILL, STILL, flat(100.0)]]
    outcome = trade_all(bars, {0: [order(BUY, 50.0), order(SELL, 2.0, market=1), bid]}, two)
    assert outcome.positions == [0.0, 0.0]
    assert [fill.market for fill in outcome.fills if fill.liquidates] == [0, 1]
    assert outcome.orders[2].status == "CANCELLED"


def test_liquidation_fee_comes_out_of_what_is_left() -> None:
    dear = with_market(LOW_TIER, liquidation_fee=0.001)
    outcome = trade([STILL, STILL, flat(80.3)], {0: [order(BUY, 50.0)]}, dear)
    assert outcome.fills[-1].fee == pytest.approx(4.015)
    assert outcome.cash == pytest.approx(15.0 - 4.015)


# 19. Mark price -----------------------------------------------------------------------------------------------------


def test_mark_that_does_not_follow_a_spike_saves_the_position() -> None:
    spike = (100.0, 100.0, 70.0, 98.0)
    calm = [[None, None, (100.0, 100.0, 90.0, 98.0)]]
    outcome = trade([STILL, STILL, spike], {0: [order(BUY, 50.0)]}, LOW_TIER, marks=calm)
    assert (outcome.positions, outcome.world.marks) == ([50.0], [98.0])


def test_liquidation_is_met_where_the_mark_is_on_the_way() -> None:
    falling = (100.0, 100.0, 70.0, 70.0)
    marks = [[None, None, (98.0, 98.0, 78.0, 78.0)]]  # the high first: flat, then both fall together
    outcome = trade([STILL, STILL, falling], {0: [order(BUY, 50.0)]}, LOW_TIER, marks=marks)
    met = 4_000.0 / 49.75
    assert outcome.fills[-1].price == pytest.approx(100.0 - 30.0 * (98.0 - met) / 20.0, rel=1e-12)


def test_basis_is_kept_where_there_is_no_mark_bar() -> None:
    marks = [[None, (102.0, 102.0, 102.0, 102.0), None]]
    outcome = trade([STILL, STILL, flat(110.0)], {}, LOW_TIER, marks=marks)
    assert outcome.world.marks == [pytest.approx(110.0 * 1.02)]


# 20.1 Funding ---------------------------------------------------------------------------------------------------------


def stamps(*pairs: tuple[int, float], **terms: Any) -> Settings:
    return replace(PERPETUAL, funding=tuple(Funding(time, 0, rate, **terms) for time, rate in pairs))


@pytest.mark.parametrize(("off", "paid"), [(0, 0.0), (5, 0.0), (-3, 0.0), (1_000, 2.0)])
def test_order_of_a_stamp_does_not_pay_it_however_late_it_is_written(off: int, paid: float) -> None:
    settings = stamps((MINUTE + off, 0.01))  # decided at 1:00, filled at the open of the bar of 1:00
    outcome = trade([STILL, STILL], {0: [order(BUY, 2.0)]}, settings)
    assert outcome.cash == 800.0 - paid


def test_longs_pay_shorts_receive_and_the_mark_counts() -> None:
    for side, cash in ((BUY, 800.0 - 2.2), (SELL, 1_200.0 + 2.2)):
        outcome = trade([STILL, STILL, STILL], {0: [order(side, 2.0)]}, stamps((2 * MINUTE, 0.01), mark=110.0))
        assert outcome.cash == pytest.approx(cash)
    (payment,) = outcome.world.payments
    assert (payment.row, payment.position, payment.amount) == (2, -2.0, pytest.approx(-2.2))


def test_funding_is_paid_by_the_position_before_the_decision_of_that_time_acts() -> None:
    wishes = {0: [order(BUY, 2.0)], 1: [order(SELL, 2.0)]}
    outcome = trade([STILL] * 3, wishes, stamps((2 * MINUTE, 0.01)))
    assert (outcome.positions, outcome.cash) == ([0.0], 998.0)


def test_stamp_in_the_middle_of_a_row_is_paid_by_what_the_open_bought() -> None:
    outcome = trade([STILL, STILL], {0: [order(BUY, 2.0)]}, stamps((MINUTE + 30_000, 0.01)))
    assert outcome.cash == 798.0


def test_stamps_of_missing_rows_are_paid_before_the_next_bar() -> None:
    outcome = trade([STILL, STILL, NO_BAR, STILL], {0: [order(BUY, 2.0)]}, stamps((2 * MINUTE + 30_000, 0.01)))
    assert [(one.row, one.amount) for one in outcome.world.payments] == [(3, 2.0)]


def test_rate_that_is_missing_is_counted_and_nothing_is_paid() -> None:
    outcome = trade([STILL] * 3, {0: [order(BUY, 2.0)]}, stamps((2 * MINUTE, float("nan"))))
    assert (outcome.world.funding_gaps, outcome.cash) == ([1], 800.0)


def test_funding_can_liquidate() -> None:
    outcome = trade(
        [STILL] * 3, {0: [order(BUY, 50.0)]}, replace(LOW_TIER, funding=stamps((2 * MINUTE, 0.199)).funding)
    )
    assert outcome.world.liquidations == [(2, 0)]


def test_funding_of_a_market_that_is_no_perpetual_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no perpetual"):
        trade([STILL], {}, replace(FREE, funding=(Funding(0, 0, 0.01),)))


def test_carry_earns_funding_less_fees_and_basis() -> None:
    """Long spot, short perpetual: what is left is the sum of funding, less fees, less the change of the basis."""
    carry = Settings(
        markets=(Market(0, taker=0.001), Market(1, purse=1, leverage=10.0, taker=0.0005)),
        purses=(PurseTerms(1_000.0), PurseTerms(1_000.0, "perpetual")),
        funding=(Funding(2 * MINUTE, 1, 0.01), Funding(3 * MINUTE, 1, -0.002)),
    )
    spot, perpetual = [STILL, STILL, flat(120.0), flat(90.0)], [flat(101.0), flat(101.0), flat(120.5), flat(90.2)]
    outcome = trade_all([spot, perpetual], {0: [order(BUY, 5.0), order(SELL, 5.0, market=1)]}, carry)
    funding = 5.0 * 101.0 * 0.01 - 5.0 * 120.5 * 0.002
    fees = 500.0 * 0.001 + 505.0 * 0.0005
    basis = 5.0 * ((90.2 - 90.0) - (101.0 - 100.0))
    assert outcome.equity[-1] - outcome.equity[0] == pytest.approx(funding - fees - basis, abs=1e-9)


def test_leg_averages_its_entries_and_a_close_leaves_them() -> None:
    wishes = {0: [order(BUY, 1.0), order(SELL, 1.0)], 1: [order(BUY, 3.0)], 2: [order(SELL, 2.0, reduce=True)]}
    outcome = trade([STILL, STILL, flat(104.0), flat(110.0)], wishes, HEDGED)
    assert outcome.world.legs[0] == {1: 2.0, -1: 1.0}
    assert outcome.world.entries[0] == {1: 103.0, -1: 100.0}


def test_one_way_entry_is_that_of_the_fill_after_a_flip() -> None:
    wishes = {0: [order(BUY, 1.0)], 1: [order(BUY, 3.0)], 2: [order(SELL, 6.0)]}
    outcome = trade([STILL, STILL, flat(104.0), flat(110.0)], wishes, PERPETUAL)
    assert (outcome.positions, outcome.world.entries[0][-1]) == ([-2.0], 110.0)
