"""Executors of two markets in the plain engine, worked by hand; docs/executors.md, part 12."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workbench.market.codes import BUY, SELL, OrderKind

from .reference import NAN, Action, ExecutorKind, LegPolicy, Market, Outcome, PurseTerms, Settings, Target
from .reference_cases import (
    MINUTE,
    NO_BAR,
    STILL,
    TWO,
    Bar,
    create,
    ends,
    flat,
    given,
    only_executor,
    reasons,
    trade_all,
    with_market,
)

ARBITRAGE, XEMM = ExecutorKind.ARBITRAGE, ExecutorKind.XEMM
DEAR = flat(102.0)


def legs(outcome: Outcome) -> list[tuple[int, int, int, float, float]]:
    """Row, market, side, amount and price of every fill."""
    return [(fill.row, fill.market, fill.side, fill.amount, fill.price) for fill in outcome.fills]


def arbitrage(settings: Settings = TWO, **terms: object) -> Settings:
    return given(settings, **{"market2": 1, "amount": 2.0, "min_profit": 0.01, **terms})


# 12.1 Arbitrage -------------------------------------------------------------------------------------------------------


def test_arbitrage_sends_both_legs_when_it_pays_and_books_the_difference() -> None:
    outcome = trade_all([[STILL] * 5, [STILL, STILL, DEAR, DEAR, DEAR]], {0: [create(ARBITRAGE)]}, arbitrage())
    assert legs(outcome) == [(3, 0, BUY, 2.0, 100.0), (3, 1, SELL, 2.0, 102.0)]
    executor = only_executor(outcome)
    assert (executor.close_type, executor.pnl, outcome.positions) == ("COMPLETED", 4.0, [2.0, 8.0])
    holds = outcome.world.inventory  # both at one value: 2 of the first at 100, and −2 of the second at 100
    assert (holds[0, 0, 0].amount, holds[0, 0, 0].breakeven, holds[0, 1, 0].amount) == (2.0, 100.0, 8.0)


@pytest.mark.parametrize(("taker", "trades"), [(0.004, True), (0.006, False)])
def test_arbitrage_counts_the_fees_of_both_legs(taker: float, trades: bool) -> None:
    taxed = arbitrage(replace(TWO, taker=taker))  # 2 % less twice the fee
    outcome = trade_all([[STILL] * 3, [DEAR] * 3], {0: [create(ARBITRAGE)]}, taxed)
    assert bool(outcome.fills) == trades


def test_arbitrage_of_the_other_side_buys_in_the_second_market() -> None:
    settings = arbitrage(replace(TWO, markets=(replace(TWO.markets[0], initial=5.0, initial_entry=100.0), Market(1))))
    outcome = trade_all([[DEAR] * 3, [STILL] * 3], {0: [create(ARBITRAGE, SELL)]}, settings)
    assert legs(outcome) == [(2, 0, SELL, 2.0, 102.0), (2, 1, BUY, 2.0, 100.0)]


def test_prices_of_two_moments_are_not_compared() -> None:
    outcome = trade_all([[STILL] * 4, [DEAR, NO_BAR, NO_BAR, DEAR]], {0: [create(ARBITRAGE)]}, arbitrage())
    assert [fill.row for fill in outcome.fills] == []
    assert only_executor(outcome).phase == "HOLDING"  # found in row 3, when both have a bar again


def test_budget_of_both_legs_is_looked_at_before_either_is_sent() -> None:
    poor = arbitrage(amount=11.0)  # 10 of the second are there
    outcome = trade_all([[STILL] * 3, [DEAR] * 3], {0: [create(ARBITRAGE)]}, replace(poor, cash=2_000.0))
    assert (outcome.orders, set(reasons(outcome))) == ([], {"NO_FUNDS"})


GAP = [STILL, STILL, flat(700.0), STILL, STILL, STILL]  # at 700 two cannot be paid for


def missing_leg(policy: LegPolicy, retries: int = 10) -> Outcome:
    settings = arbitrage(policy=policy, retries=retries)
    return trade_all([GAP, [DEAR] * 6], {0: [create(ARBITRAGE)]}, settings)


def test_missing_leg_is_completed_at_whatever_price() -> None:
    outcome = missing_leg(LegPolicy.COMPLETE)
    assert legs(outcome) == [(2, 1, SELL, 2.0, 102.0), (4, 0, BUY, 2.0, 100.0)]  # refused once at 700
    assert (ends(outcome), only_executor(outcome).pnl) == (["COMPLETED"], 4.0)


def test_missing_leg_is_unwound_where_the_policy_says_so() -> None:
    outcome = missing_leg(LegPolicy.UNWIND)
    assert legs(outcome) == [(2, 1, SELL, 2.0, 102.0), (3, 1, BUY, 2.0, 102.0)]
    assert (ends(outcome), outcome.positions) == (["FAILED"], [0.0, 10.0])


def test_completing_gives_up_after_its_retries_and_unwinds() -> None:
    settings = arbitrage(retries=1)
    bars = [STILL, STILL, *[flat(700.0)] * 5]
    outcome = trade_all([bars, [DEAR] * 7], {0: [create(ARBITRAGE)]}, settings)
    assert legs(outcome)[-1] == (5, 1, BUY, 2.0, 102.0)  # rejected, refused at the close of 2 and 3, then unwound
    assert (ends(outcome), outcome.positions) == (["FAILED"], [0.0, 10.0])


def test_stopped_arbitrage_leaves_no_leg_behind() -> None:
    wishes = {0: [create(ARBITRAGE)], 2: [Target(Action.STOP)]}
    outcome = trade_all([GAP, [DEAR] * 6], wishes, arbitrage())
    assert (ends(outcome), outcome.positions) == (["EARLY_STOP"], [0.0, 10.0])


def test_rates_make_prices_comparable_and_old_ones_stop_it() -> None:
    purses = (PurseTerms(1_000.0), PurseTerms(1_000.0, rate=NAN, max_age_ms=MINUTE))
    settings = arbitrage(replace(TWO, purses=purses, markets=(Market(0), replace(TWO.markets[1], purse=1))))
    once = [[None] * 4, [(1.0, 0), None, None, None]]
    wishes = {0: [create(ARBITRAGE)]}
    fresh = trade_all([[STILL] * 4, [DEAR] * 4], wishes, settings, rates=once)  # still fresh at the close of row 0
    assert fresh.fills == []  # its first look is at the close of row 1, a minute too late
    always = [[None] * 4, [(1.0, row * MINUTE) for row in range(4)]]
    assert len(trade_all([[STILL] * 4, [DEAR] * 4], wishes, settings, rates=always).fills) == 2
    cheap = [[None] * 4, [(0.98, row * MINUTE) for row in range(4)]]
    assert trade_all([[STILL] * 4, [DEAR] * 4], wishes, settings, rates=cheap).fills == []
    assert reasons(trade_all([[STILL] * 4, [DEAR] * 4], wishes, settings)) == ["NO_RATE"]


# 12.2 XEMM ----------------------------------------------------------------------------------------------------------


def xemm(settings: Settings = TWO, **terms: object) -> Settings:
    plain = {"market2": 1, "amount": 2.0, "min_profit": 0.005, "target_profit": 0.01, "kind": OrderKind.POST_ONLY}
    return given(settings, **{**plain, **terms})


DIP: Bar = (100.0, 100.0, 98.0, 100.0)


def test_maker_is_priced_off_the_taker_and_hedged_when_it_fills() -> None:
    outcome = trade_all([[STILL, STILL, DIP, STILL], [STILL] * 4], {0: [create(XEMM)]}, xemm())
    price = 100.0 / 1.01
    assert legs(outcome) == [(2, 0, BUY, 2.0, pytest.approx(price)), (3, 1, SELL, 2.0, 100.0)]
    assert (ends(outcome), only_executor(outcome).pnl) == (["COMPLETED"], pytest.approx(2.0 * (100.0 - price)))


def test_maker_price_covers_the_fees_of_both() -> None:
    taxed = xemm(replace(TWO, maker=0.001, taker=0.002))
    outcome = trade_all([[STILL] * 2, [STILL] * 2], {0: [create(XEMM)]}, taxed)
    assert outcome.orders[0].price == pytest.approx(100.0 * 0.998 / (1.001 * 1.01))


def test_maker_that_sells_is_priced_above() -> None:
    settings = xemm(replace(TWO, markets=(replace(TWO.markets[0], initial=5.0, initial_entry=100.0), Market(1))))
    peak = (100.0, 102.0, 100.0, 100.0)
    outcome = trade_all([[STILL, STILL, peak, STILL], [STILL] * 4], {0: [create(XEMM, SELL)]}, settings)
    assert legs(outcome) == [(2, 0, SELL, 2.0, 101.0), (3, 1, BUY, 2.0, 100.0)]


def test_quote_is_replaced_when_its_profit_leaves_the_band() -> None:
    taker = [STILL, STILL, flat(100.4), flat(99.4), flat(103.0)]
    outcome = trade_all([[STILL] * 5, taker], {0: [create(XEMM)]}, xemm(max_profit=0.03))
    # 99.0099 earns 1.4 % at 100.4, 0.39 % at 99.4 (replaced by 98.4158), and that 4.7 % at 103 (too good: replaced)
    prices = [(pytest.approx(100.0 / 1.01), "CANCELLED"), (pytest.approx(99.4 / 1.01), "CANCELLED")]
    assert [(order.price, order.status) for order in outcome.orders[:2]] == prices
    assert len(outcome.orders) == 3


def test_partial_fills_accumulate_until_the_taker_takes_them() -> None:
    settings = xemm(with_market(with_market(TWO, participation=0.5), 1, min_amount=1.0))
    volume = [[1.0] * 7, [10.0] * 7]
    bars = [STILL, STILL, DIP, DIP, DIP, DIP, STILL]
    outcome = trade_all([bars, [STILL] * 7], {0: [create(XEMM)]}, settings, volume=volume)
    hedges = [(row, amount) for row, market, _, amount, _ in legs(outcome) if market == 1]
    assert hedges == [(4, 1.0), (6, 1.0)]  # half a unit a bar


def test_residue_under_the_minimum_is_handed_over_not_forgotten() -> None:
    settings = xemm(with_market(TWO, 1, min_amount=1.5), amount=1.0)
    outcome = trade_all([[STILL, STILL, DIP, STILL], [STILL] * 4], {0: [create(XEMM)]}, settings)
    assert (ends(outcome), outcome.positions) == (["COMPLETED"], [1.0, 10.0])
    assert outcome.world.inventory[0, 0, 0].amount == 1.0


def test_fill_that_races_the_cancel_is_hedged() -> None:
    slow = xemm(with_market(TWO, cancel_ms=90_000))
    taker = [STILL, STILL, flat(99.0), flat(99.0), flat(99.0), flat(99.0)]
    bars = [STILL, STILL, STILL, DIP, STILL, STILL]
    outcome = trade_all([bars, taker], {0: [create(XEMM)]}, slow)
    # asked to go at the close of row 2, it lives until half way through row 4; row 3 fills it, row 4 hedges
    assert legs(outcome) == [(3, 0, BUY, 2.0, pytest.approx(100.0 / 1.01)), (4, 1, SELL, 2.0, 99.0)]


def test_stopped_xemm_hedges_what_it_has_and_then_ends() -> None:
    settings = xemm(with_market(TWO, participation=0.5))
    volume = [[1.0] * 5, [10.0] * 5]
    wishes = {0: [create(XEMM)], 2: [Target(Action.STOP)]}
    outcome = trade_all([[STILL, STILL, DIP, DIP, STILL], [STILL] * 5], wishes, settings, volume=volume)
    assert [(market, amount) for _, market, _, amount, _ in legs(outcome)] == [(0, 0.5), (1, 0.5)]
    assert (ends(outcome), outcome.positions) == (["EARLY_STOP"], [0.5, 9.5])


def test_quoting_stops_where_prices_cannot_be_compared() -> None:
    outcome = trade_all([[STILL] * 3, [STILL, STILL, NO_BAR]], {0: [create(XEMM)]}, xemm())
    assert [order.status for order in outcome.orders] == ["CANCELLED"]


def test_two_market_executor_of_one_market_is_refused() -> None:
    assert reasons(trade_all([[STILL], [STILL]], {0: [create(XEMM)]}, xemm(market2=0))) == ["BAD_CONFIG"]
    assert reasons(trade_all([[STILL], [STILL]], {0: [create(XEMM)]}, xemm(min_profit=0.02))) == ["BAD_CONFIG"]


def test_unwinding_gives_up_after_ten_repeats_and_hands_over_the_leg() -> None:
    settings = arbitrage(policy=LegPolicy.UNWIND, amount=9.0)
    second = [DEAR, DEAR, DEAR, *[flat(900.0)] * 14]  # what was sold at 102 cannot be bought back at 900
    outcome = trade_all([[STILL, STILL, flat(700.0), *[STILL] * 14], second], {0: [create(ARBITRAGE)]}, settings)
    assert (ends(outcome), outcome.positions) == (["FAILED"], [0.0, 1.0])
    assert len(reasons(outcome)) + sum(order.status == "REJECTED" for order in outcome.orders) == 1 + 1 + 10
    assert outcome.world.inventory[0, 1, 0].amount == 1.0


def test_profit_and_fees_are_counted_in_the_reporting_currency() -> None:
    purses = (PurseTerms(1_000.0, rate=2.0), PurseTerms(1_000.0))
    second = replace(TWO.markets[1], purse=1, initial_entry=200.0)
    settings = arbitrage(replace(TWO, purses=purses, taker=0.001, markets=(Market(0), second)))
    outcome = trade_all([[STILL] * 3, [flat(210.0)] * 3], {0: [create(ARBITRAGE)]}, settings)
    fees = 2.0 * (200.0 * 0.001) + 420.0 * 0.001  # 0.2 at two, and 0.42
    assert only_executor(outcome).pnl == pytest.approx(420.0 - 2.0 * 200.0 - fees)


def test_residue_is_valued_in_the_reporting_currency() -> None:
    purses = (PurseTerms(1_000.0, rate=2.0), PurseTerms(1_000.0))
    second = replace(TWO.markets[1], purse=1, min_amount=9.0)
    settings = xemm(replace(TWO, purses=purses, markets=(Market(0), second)))
    bars = [[STILL, STILL, DIP, flat(101.0)], [flat(200.0)] * 4]
    outcome = trade_all(bars, {0: [create(XEMM)]}, settings)
    bought = 2.0 * 100.0 / 1.01 * 2.0
    assert only_executor(outcome).pnl == pytest.approx(2.0 * 100.0 * 2.0 - bought)  # ends at the close of row 2
