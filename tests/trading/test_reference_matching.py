"""Matching models, clocks, fees and rates in the plain engine, worked by hand; docs/matching.md."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from workbench.market.codes import BUY, SELL, OrderKind, Sizing

from .reference import NAN, Action, Bars, ExecutorKind, Market, Outcome, Policy, PurseTerms, Settings, Target, draw, run
from .reference_cases import (
    FREE,
    MINUTE,
    NO_BAR,
    STILL,
    create,
    ends,
    flat,
    given,
    lives,
    reasons,
    trade,
    trade_all,
    traded,
    with_market,
)

LIMIT, POST_ONLY = OrderKind.LIMIT, OrderKind.POST_ONLY
DAY = 86_400_000


def enter(side: int, size: float = 1.0, **terms: Any) -> Target:
    return Target(Action.ENTER, side=side, size=size, **terms)


def quote(side: int, price: float, size: float = 1.0, **terms: Any) -> Target:
    return Target(Action.QUOTE, side=side, kind=LIMIT, price=price, size=size, **terms)


# 21. The price a taker gets -----------------------------------------------------------------------------------------


def test_spread_and_slippage_add_up_for_a_taker_and_leave_a_maker_alone() -> None:
    wide = with_market(replace(FREE, slippage=0.01), half_spread=0.02)
    assert traded(trade([STILL] * 2, {0: [enter(BUY)]}, wide)) == [(1, BUY, 1.0, 103.0)]
    rests = trade([STILL, (100.0, 100.0, 99.0, 100.0)], {0: [quote(BUY, 99.0)]}, wide)
    assert traded(rests) == [(1, BUY, 1.0, 99.0)]


def post(price: float) -> Target:
    return Target(Action.QUOTE, side=BUY, kind=POST_ONLY, price=price, size=1.0)


def test_post_only_is_turned_away_at_the_opposite_best_and_not_before() -> None:
    wide = with_market(FREE, half_spread=0.02)
    assert lives(trade([STILL, STILL], {0: [post(102.0)]}, wide).orders) == [(102.0, "REJECTED")]
    inside = trade([STILL, STILL], {0: [post(101.9)]}, wide)  # rests inside the spread, and is hit at its own price
    assert [(fill.price, fill.maker) for fill in inside.fills] == [(101.9, True)]


def test_impact_grows_with_the_square_of_the_share() -> None:
    deep = with_market(FREE, impact=0.1)
    outcome = trade([STILL] * 2, {0: [enter(BUY, 2.0)]}, deep, volume=[[10.0] * 2])
    assert traded(outcome) == [(1, BUY, 2.0, pytest.approx(100.4))]  # 0.1·0.2²


# 22. Amounts a bar has ------------------------------------------------------------------------------------------------


def test_a_market_order_takes_what_each_bar_has() -> None:
    thin = with_market(FREE, participation=0.5)
    outcome = trade([STILL] * 4, {0: [enter(BUY, 2.5)]}, thin, volume=[[2.0, 2.0, 0.0, 4.0]])
    assert [(row, amount) for row, _, amount, _ in traded(outcome)] == [(1, 1.0), (3, 1.5)]
    assert outcome.orders[0].status == "FILLED"


def test_orders_of_a_bar_share_what_it_has() -> None:
    thin = with_market(FREE, participation=1.0)
    outcome = trade([STILL, flat(95.0)], {0: [quote(BUY, 99.0, 2.0), quote(BUY, 98.0, 2.0)]}, thin, volume=[[3.0] * 2])
    assert [order.filled for order in outcome.orders] == [2.0, 1.0]
    assert outcome.orders[1].reserved == 98.0  # for the one that is still open


def test_part_is_rounded_to_the_lot_but_for_the_last() -> None:
    thin = with_market(FREE, participation=1.0, lot=0.4)
    outcome = trade([STILL] * 4, {0: [enter(BUY, 2.0)]}, thin, volume=[[1.0] * 4])
    assert [amount for _, _, amount, _ in traded(outcome)] == pytest.approx([0.8, 0.8, 0.4])


# 23. Limits that rest -------------------------------------------------------------------------------------------------


def test_draws_are_the_numbers_of_the_page() -> None:
    assert draw(0, 0, 0) == pytest.approx(0.1760125626, abs=5e-11)
    assert draw(1, 2, 3) == pytest.approx(0.6454299425, abs=5e-11)
    mean = sum(draw(7, row, order) for row in range(100) for order in range(100)) / 10_000
    assert abs(mean - 0.5) < 4.0 / math.sqrt(12.0 * 10_000)


TOUCH = (100.0, 100.0, 99.0, 100.0)


@pytest.mark.parametrize(("queue", "share"), [(0.0, 0.0), (0.3, 0.3), (1.0, 1.0)])
def test_touch_fills_as_often_as_the_queue_is_short(queue: float, share: float) -> None:
    settings = replace(with_market(FREE, queue=queue), fill="queue", cash=10**6)
    filled = [
        bool(trade([STILL, TOUCH], {0: [quote(BUY, 99.0)]}, replace(settings, seed=seed)).fills) for seed in range(600)
    ]
    assert abs(sum(filled) / 600 - share) < 4.0 * math.sqrt(share * (1 - share) / 600) + 1e-12


def test_traded_through_fills_whatever_the_queue() -> None:
    settings = replace(with_market(FREE, queue=0.0), fill="queue")
    assert len(trade([STILL, (100.0, 100.0, 98.9, 100.0)], {0: [quote(BUY, 99.0)]}, settings).fills) == 1


def test_intensity_fills_by_the_distance_and_not_by_the_price() -> None:
    settings = replace(with_market(FREE, intensity=140.0, decay=1.5, dt=0.005), fill="intensity", cash=10**6)
    n = 1_500
    filled = sum(
        len(trade([STILL, STILL], {0: [quote(BUY, 99.0)]}, replace(settings, seed=seed)).fills) for seed in range(n)
    )
    chance = 140.0 * math.exp(-1.5) * 0.005
    assert abs(filled / n - chance) < 4.0 * math.sqrt(chance * (1 - chance) / n)
    deep = trade([STILL, (100.0, 100.0, 50.0, 60.0)], {0: [quote(BUY, 90.0)]}, settings)
    assert deep.fills == []  # e^−15: the low does not fill it


# 24. Rules and fees ---------------------------------------------------------------------------------------------------


def test_amount_above_the_largest_is_refused() -> None:
    assert reasons(trade([STILL], {0: [quote(BUY, 99.0, 3.0)]}, with_market(FREE, max_amount=2.0))) == ["TOO_LARGE"]


def half_days(settings: Settings) -> Outcome:
    """Four bars of half a day; a unit is bought at the open of each but the first."""
    columns = [[[100.0] * 4]] * 4
    wishes = [[enter(BUY)]] * 4
    return run(Bars([row * DAY // 2 for row in range(4)], DAY // 2, *columns), wishes, settings)


@pytest.mark.parametrize(("before", "fees"), [(0.0, [1.0, 1.0, 1.0]), (50.0, [1.0, 0.2, 0.2]), (150.0, [0.2] * 3)])
def test_fee_tier_is_that_of_the_days_before(before: float, fees: list[float]) -> None:
    tiers = ((0.0, 0.01, 0.01), (150.0, 0.0, 0.002))
    purse = PurseTerms(1_000.0, fee_tiers=tiers, volume=before)
    outcome = half_days(replace(FREE, purses=(purse,), policy=Policy(max_per_side=9)))
    assert [fill.fee for fill in outcome.fills] == fees  # 100 are traded on the first day, the rest on the second


COIN = replace(
    FREE,
    taker=0.01,
    markets=(Market(0, fee_purse=1, discount=0.25),),
    purses=(PurseTerms(1_000.0), PurseTerms(0.01, rate=50.0)),
)


def test_fee_in_a_third_coin_is_cheaper_and_falls_back_when_it_runs_out() -> None:
    wishes = {0: [enter(BUY)], 1: [Target(Action.CLOSE)]}
    outcome = trade([STILL] * 3, wishes, replace(COIN, purses=(PurseTerms(1_000.0), PurseTerms(0.02, rate=50.0))))
    bought, sold = outcome.fills
    assert (bought.fee_in_coin, bought.fee) == (True, 0.015)  # 0.75 at 50
    assert (sold.fee_in_coin, sold.fee) == (False, 1.0)
    assert outcome.executors[0].pnl == -1.75
    assert outcome.world.purses[1].quote == pytest.approx(0.005)


def test_coin_without_a_rate_pays_nothing() -> None:
    unknown = replace(COIN, purses=(PurseTerms(1_000.0), PurseTerms(10.0, rate=NAN)))
    assert not trade([STILL] * 2, {0: [enter(BUY)]}, unknown).fills[0].fee_in_coin


# 25. Rates with age -------------------------------------------------------------------------------------------------


def test_unknown_rate_is_never_one_and_is_counted() -> None:
    settings = replace(FREE, purses=(PurseTerms(1_000.0), PurseTerms(500.0, rate=NAN, max_age_ms=MINUTE)))
    known = [[None] * 4, [None, (1.1, MINUTE), None, None]]
    outcome = trade([STILL] * 4, {}, settings, rates=known)
    assert outcome.equity == [1_000.0, 1_550.0, 1_550.0, 1_550.0]
    assert (outcome.world.rows_without_rate, outcome.world.rows_with_old_rate) == (1, 2)


# 26. Time -----------------------------------------------------------------------------------------------------------

SLOW = Settings(markets=(Market(0), Market(1)), cash=10_000.0)


def two_clocks(wishes: dict[int, list[Target]], hour: tuple[float, ...], settings: Settings = SLOW) -> Outcome:
    """A market of one minute beside one of three."""
    slow = [NO_BAR, NO_BAR, STILL, NO_BAR, NO_BAR, hour, NO_BAR, NO_BAR, flat(hour[3])]
    return trade_all([[STILL] * 9, slow], wishes, settings, timeframes=(MINUTE, 3 * MINUTE))


def test_longer_bar_is_known_when_it_has_closed() -> None:
    outcome = two_clocks({2: [enter(BUY, market=1)]}, (100.0, 110.0, 100.0, 110.0))
    assert traded(outcome) == [(5, BUY, 1.0, 100.0)]  # its open is row 3, and row 5 tells
    assert outcome.equity[:6] == [10_000.0] * 5 + [10_010.0]


def test_order_of_the_middle_of_a_longer_bar_meets_the_middle_of_its_path() -> None:
    outcome = two_clocks({3: [enter(BUY, market=1)]}, (100.0, 110.0, 90.0, 96.0))
    assert traded(outcome) == [(5, BUY, 1.0, 110.0)]  # a minute into three: where the path has its first extreme


def late(**terms: int) -> Settings:
    return with_market(replace(FREE, path="ohlc"), **terms)


RISING = (100.0, 106.0, 99.0, 103.0)  # the low is nearer: 100, 99, 106, 103, twenty seconds each


@pytest.mark.parametrize(
    ("submit_ms", "row", "price"),
    [(0, 1, 100.0), (10_000, 1, 99.5), (20_000, 1, 99.0), (30_000, 1, 102.5), (60_000, 2, 100.0), (70_000, 2, 100.0)],
)
def test_order_meets_the_path_where_it_arrives(submit_ms: int, row: int, price: float) -> None:
    outcome = trade([STILL, RISING, STILL], {0: [enter(BUY)]}, late(submit_ms=submit_ms))
    assert traded(outcome) == [(row, BUY, 1.0, price)]


def test_stop_that_is_late_fills_further_down() -> None:
    falling = (100.0, 100.0, 70.0, 70.0)
    outcome = trade([STILL, STILL, falling], {0: [enter(BUY, stop_loss=0.1)]}, late(submit_ms=4_000))
    # the low comes second: from 100 at 20 s to 70 at 40 s; 90 is met at 26.666 s, and 4 s later it is 84.001
    assert traded(outcome)[-1] == (2, SELL, 1.0, pytest.approx(84.0, abs=2e-3))


@pytest.mark.parametrize(("cancel_ms", "fate"), [(0, "CANCELLED"), (15_000, "CANCELLED"), (50_000, "FILLED")])
def test_order_may_fill_while_its_cancel_is_on_its_way(cancel_ms: int, fate: str) -> None:
    wishes = {0: [quote(BUY, 99.0)], 1: [quote(BUY, 99.0, 0.0)]}
    dip = (100.0, 100.0, 98.0, 98.0)  # from 100 at 20 s to 98 at 40 s
    outcome = trade([STILL, STILL, dip], wishes, late(cancel_ms=cancel_ms))
    assert [order.status for order in outcome.orders] == [fate]


def test_replaced_quote_and_its_successor_may_both_fill() -> None:
    wishes = {0: [quote(BUY, 99.0)], 1: [quote(BUY, 98.5)]}
    outcome = trade([STILL, STILL, (100.0, 100.0, 98.0, 98.0)], wishes, late(cancel_ms=50_000))
    assert [(price, status) for price, status in lives(outcome.orders)] == [(99.0, "FILLED"), (98.5, "FILLED")]


def test_stop_is_not_watched_before_the_entry_is_known() -> None:
    dip = (100.0, 100.0, 80.0, 100.0)
    wish = {0: [enter(BUY, stop_loss=0.1)]}
    assert ends(trade([STILL, dip, STILL], wish, late(report_ms=0))) == ["STOP_LOSS"]
    outcome = trade([STILL, dip, STILL], wish, late(report_ms=60_000))
    assert ends(outcome) == ["NONE"]
    heard = trade([STILL, dip, STILL], wish, late(report_ms=30_000))  # half way down, at 90: heard, and stopped
    assert traded(heard)[-1][:3] == (1, SELL, 1.0)
    assert traded(heard)[-1][3] <= 90.0


def test_market_and_limit_orders_never_fill_before_they_arrive() -> None:
    wish = create(ExecutorKind.ORDER, size=1.0, kind=LIMIT, price=99.5)
    outcome = trade([STILL, RISING, (100.0, 100.0, 99.0, 99.0)], {0: [wish]}, given(late(submit_ms=25_000)))
    assert [(row, price) for row, _, _, price in traded(outcome)] == [(2, 99.5)]


def test_sizes_of_a_fraction_are_of_the_purse_of_the_market() -> None:
    two = Settings(markets=(Market(0), Market(1, purse=1)), purses=(PurseTerms(1_000.0), PurseTerms(400.0)))
    wish = enter(BUY, 0.5, sizing=Sizing.FRACTION, market=1)
    assert trade_all([[STILL] * 2] * 2, {0: [wish]}, two).fills[0].amount == 2.0


def test_resting_sells_reserve_the_base_of_their_own_market() -> None:
    owned = Settings(markets=tuple(Market(base, initial=10.0, initial_entry=100.0) for base in (0, 1)))
    wishes = {0: [quote(SELL, 110.0, 6.0), quote(SELL, 110.0, 6.0), quote(SELL, 110.0, 10.0, market=1)]}
    outcome = trade_all([[STILL], [STILL]], wishes, owned)
    assert [(refusal.reason, refusal.level) for refusal in outcome.refusals] == [("NO_FUNDS", 1)]
