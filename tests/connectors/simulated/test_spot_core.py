"""The spot side of the core: matching, money, filters, stops, lists; numbers that a reader can check by hand."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from workbench.connectors.simulated.events import (
    Amend,
    Cancel,
    CancelAll,
    CancelList,
    Deposit,
    Depth,
    Draft,
    Expire,
    FillNow,
    ListReport,
    OrderReport,
    Place,
    PlaceList,
    Print,
    Rules,
    TradeReport,
)
from workbench.connectors.simulated.refusals import Refusal
from workbench.market import BUY, SELL

from .driving import Drive, balances, check_books, executions, last


def refused(code: int, words: str = ""):
    return pytest.raises(Refusal, match=words) if not code else _Refused(code, words)


class _Refused:
    def __init__(self, code: int, words: str) -> None:
        self.code, self.words = code, words

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind, error, trace) -> bool:
        assert kind is Refusal, f"expected {self.code}, got {kind}"
        assert (error.code, self.words in error.message) == (self.code, True), error
        return True


# --- matching --------------------------------------------------------------------------------------------------------


def test_market_order_walks_the_book_and_pays_its_fee_in_what_it_gets():
    drive = Drive()
    order = drive.place("BUY", "MARKET", 15)
    assert (order.status, order.filled, order.quote_filled) == ("FILLED", 15, 10 * 101 + 5 * 102)
    assert drive.free("BTC") == 10 + 15 - D("0.015")
    assert drive.free("USDT") == 10_000 - 1_520
    assert [fill.price for fill in drive.core.ledger.fills("ann")] == [101, 102]
    check_books(drive)


def test_sale_pays_its_fee_in_quote():
    drive = Drive()
    drive.place("SELL", "MARKET", 1)
    assert drive.free("USDT") == 10_000 + 99 - D("0.099")
    check_books(drive)


def test_limit_order_rests_at_its_price_and_holds_its_money_back():
    drive = Drive()
    order = drive.place("BUY", "LIMIT", 2, 100)
    assert (order.status, drive.free("USDT"), drive.locked("USDT")) == ("NEW", 9_800, 200)
    assert drive.core.market("BTCUSDT").book.bid == 100
    drive.cancel(order)
    assert (drive.order(order).status, drive.free("USDT"), drive.locked("USDT")) == ("CANCELED", 10_000, 0)
    assert drive.core.market("BTCUSDT").book.bid == 99
    check_books(drive)


def test_better_price_than_asked_for_is_given_back():
    drive = Drive()
    drive.place("BUY", "LIMIT", 1, 105)
    assert (drive.free("USDT"), drive.locked("USDT")) == (10_000 - 101, 0)


def test_first_come_is_first_served_at_one_price():
    drive = Drive()
    drive.open("ben")
    first = drive.place("BUY", "LIMIT", 1, 100)
    second = drive.place("BUY", "LIMIT", 1, 100, who="ben")
    drive.open("cat")
    drive.place("SELL", "MARKET", D("1.5"), who="cat")
    assert (drive.order(first).status, drive.order(second).filled) == ("FILLED", D("0.5"))
    check_books(drive)


def test_iceberg_shows_a_part_and_goes_to_the_back_with_the_next():
    drive = Drive()
    drive.open("ben")
    berg = drive.place("BUY", "LIMIT", 3, 100, iceberg=1)
    other = drive.place("BUY", "LIMIT", 1, 100, who="ben")
    book = drive.core.market("BTCUSDT").book
    assert book.amount_at(BUY, D(100)) == 2
    drive.trade(100, 2, "SELL")
    assert (drive.order(berg).filled, drive.order(other).filled) == (1, 1)
    assert book.amount_at(BUY, D(100)) == 1
    check_books(drive)


def test_move_fills_what_rests_beyond_it_whole_and_what_is_at_it_by_its_amount():
    drive = Drive()
    beyond, at = drive.place("BUY", "LIMIT", 3, 100), drive.place("BUY", "LIMIT", 3, D("99.5"))
    reports = drive.trade("99.5", 4, "SELL")
    assert (drive.order(beyond).status, drive.order(at).filled) == ("FILLED", 1)
    assert [(t.price, t.amount, t.buyer_is_maker) for t in reports if isinstance(t, TradeReport)] == [
        (100, 3, True),
        (D("99.5"), 1, True),
    ]
    check_books(drive)


def test_move_without_anybody_in_its_way_is_printed_whole():
    drive = Drive()
    (trade,) = [report for report in drive.trade(101, 4) if isinstance(report, TradeReport)]
    assert (trade.price, trade.amount, trade.buyer_is_maker) == (101, 4, False)


def test_who_stood_at_the_price_before_has_his_turn_first():
    drive = Drive()
    order = drive.place("BUY", "LIMIT", 1, 99)
    drive.trade(99, 10, "SELL")
    assert drive.order(order).filled == 0
    drive.trade(99, D("10.25"), "SELL")
    assert drive.order(order).filled == D("0.25")


def test_house_that_quotes_into_a_resting_order_fills_it():
    drive = Drive()
    order = drive.place("SELL", "LIMIT", 1, 100)
    drive.quote((100, 5), asks=[(102, 5)])
    assert drive.order(order).status == "FILLED"
    check_books(drive)


def test_immediate_or_cancel_leaves_nothing_behind():
    drive = Drive()
    order = drive.place("BUY", "LIMIT", 15, 101, time_in_force="IOC")
    assert (order.status, order.filled, drive.locked("USDT")) == ("EXPIRED", 10, 0)
    check_books(drive)


def test_fill_or_kill_trades_all_or_nothing():
    drive = Drive()
    assert drive.place("BUY", "LIMIT", 15, 101, time_in_force="FOK").filled == 0
    assert drive.place("BUY", "LIMIT", 15, 102, time_in_force="FOK").status == "FILLED"
    check_books(drive)


def test_maker_only_order_that_would_take_is_refused():
    drive = Drive()
    with refused(-2010, "immediately match"):
        drive.place("BUY", "LIMIT_MAKER", 1, 101)
    assert drive.place("BUY", "LIMIT_MAKER", 1, 100).status == "NEW"


def test_market_order_for_an_amount_of_quote_spends_no_more():
    drive = Drive()
    order = drive.place("BUY", "MARKET", quote_amount=250)
    assert order.amount == order.filled == D("2.475")  # 249.975 of 250: one more lot would be too dear
    assert order.status == "FILLED"
    check_books(drive)


def test_order_that_empties_the_book_expires_with_what_it_got():
    drive = Drive(spot={"USDT": 1_000_000})
    order = drive.place("BUY", "MARKET", 25)
    assert (order.status, order.filled) == ("EXPIRED", 20)
    with refused(-2010, "liquidity"):
        drive.place("BUY", "MARKET", 1)
    check_books(drive)


@pytest.mark.parametrize(
    ("mode", "taker", "maker", "traded"),
    [
        ("EXPIRE_TAKER", "EXPIRED_IN_MATCH", "NEW", 0),
        ("EXPIRE_MAKER", "NEW", "EXPIRED_IN_MATCH", 0),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH", 0),
        ("NONE", "PARTIALLY_FILLED", "FILLED", 1),
    ],
)
def test_nobody_trades_with_himself_unless_he_says_so(mode, taker, maker, traded):
    drive = Drive()
    resting = drive.place("BUY", "LIMIT", 1, 100)
    order = drive.place("SELL", "LIMIT", 2, 100, prevention=mode)
    assert (order.status, drive.order(resting).status, order.filled) == (taker, maker, traded)
    check_books(drive)


def test_decrement_takes_the_smaller_amount_off_both():
    drive = Drive()
    resting = drive.place("BUY", "LIMIT", 1, 100)
    order = drive.place("SELL", "LIMIT", 3, 100, prevention="DECREMENT")
    assert (order.status, order.open_amount, drive.order(resting).status) == ("NEW", 2, "EXPIRED_IN_MATCH")
    assert drive.core.market("BTCUSDT").book.amount_at(SELL, D(100)) == 2
    drive.cancel(drive.order(order))
    check_books(drive)


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        (("BUY", "LIMIT", "0.0001", 100), -1013, "LOT_SIZE"),
        (("BUY", "LIMIT", "1.0005", 100), -1013, "LOT_SIZE"),
        (("BUY", "LIMIT", "1", "100.005"), -1013, "PRICE_FILTER"),
        (("BUY", "LIMIT", "1", "10000"), -1013, "PERCENT_PRICE_BY_SIDE"),
        (("BUY", "LIMIT", "0.04", "100"), -1013, "NOTIONAL"),
        (("BUY", "MARKET", "0.04", "0"), -1013, "NOTIONAL"),
        (("BUY", "LIMIT", "101", "100"), -2010, "insufficient balance"),
        (("SELL", "LIMIT", "11", "110"), -2010, "insufficient balance"),
    ],
)
def test_order_that_breaks_a_rule_is_refused_and_books_nothing(asked, code, words):
    drive = Drive()
    before = drive.core.ledger.entries
    with refused(code, words):
        drive.place(*asked)
    assert drive.core.ledger.entries == before
    assert not drive.core.accounts["ann"].orders


def test_client_id_is_unique_among_open_orders_only():
    drive = Drive()
    order = drive.place("BUY", "LIMIT", 1, 98, client_id="mine")
    with refused(-2010, "Duplicate"):
        drive.place("BUY", "LIMIT", 1, 97, client_id="mine")
    drive.cancel(order)
    assert drive.place("BUY", "MARKET", 1, client_id="mine").status == "FILLED"
    assert drive.place("BUY", "MARKET", 1, client_id="mine").status == "FILLED"  # as documented: two orders, one id


def test_too_many_open_orders_are_refused():
    drive = Drive(max_orders=2)
    drive.place("BUY", "LIMIT", 1, 90)
    drive.place("BUY", "LIMIT", 1, 91)
    with refused(-1013, "MAX_NUM_ORDERS"):
        drive.place("BUY", "LIMIT", 1, 92)


def test_halted_market_takes_no_orders_and_gives_them_back():
    drive = Drive()
    order = drive.place("BUY", "LIMIT", 1, 98)
    drive.step(Rules("BTCUSDT", {"status": "HALT"}))
    with refused(-2010, "Market is closed"):
        drive.place("BUY", "LIMIT", 1, 98)
    drive.cancel(order)
    drive.step(Rules("BTCUSDT", {"status": "CANCEL_ONLY"}))
    with refused(-2010, "cancel-only"):
        drive.place("BUY", "LIMIT", 1, 98)


def test_delisted_symbol_is_gone_and_its_orders_with_it():
    drive = Drive()
    order = drive.place("BUY", "LIMIT", 1, 98)
    drive.step(Rules("BTCUSDT", delist=True))
    assert (drive.order(order).status, drive.locked("USDT")) == ("EXPIRED", 0)
    with refused(-1121):
        drive.place("BUY", "LIMIT", 1, 98)


def test_rules_that_change_hold_for_the_next_order():
    drive = Drive()
    drive.step(Rules("BTCUSDT", {"tick": "0.5", "min_notional": 50}))
    with refused(-1013, "PRICE_FILTER"):
        drive.place("BUY", "LIMIT", 1, "98.1")
    with refused(-1013, "NOTIONAL"):
        drive.place("BUY", "LIMIT", "0.4", "98.5")


def test_unknown_order_cannot_be_cancelled():
    drive = Drive()
    with refused(-2011, "Unknown order"):
        drive.step(Cancel("ann", "BTCUSDT", 99))
    with refused(-2011, "Unknown order"):
        drive.step(CancelAll("ann", "BTCUSDT"))


def test_cancellation_may_be_for_new_orders_only():
    drive = Drive()
    order = drive.place("BUY", "LIMIT", 2, 100)
    drive.trade(100, 1, "SELL")
    with refused(-2011, "cancel restrictions"):
        drive.step(Cancel("ann", "BTCUSDT", order.id, restriction="ONLY_NEW"))
    drive.step(Cancel("ann", "BTCUSDT", order.id, restriction="ONLY_PARTIALLY_FILLED"))
    assert drive.order(order).status == "CANCELED"
    check_books(drive)


def test_tested_order_books_nothing():
    drive = Drive()
    assert executions(drive.step(Place("ann", Draft("BTCUSDT", BUY, "LIMIT", D(1), D(98)), only_test=True))) == []
    with refused(-2010):
        drive.step(Place("ann", Draft("BTCUSDT", BUY, "LIMIT", D(1_000), D(98)), only_test=True))


def test_money_that_is_not_there_cannot_be_taken_out():
    drive = Drive()
    with refused(-2010):
        drive.step(Deposit("ann", "USDT", D(-10_001)))
    drive.step(Deposit("ann", "USDT", D(-10_000)))
    assert drive.free("USDT") == 0
    check_books(drive)


# --- orders that change ----------------------------------------------------------------------------------------------


def test_amended_order_gets_smaller_and_keeps_its_place():
    drive = Drive()
    drive.open("ben")
    first, second = drive.place("BUY", "LIMIT", 3, 100), drive.place("BUY", "LIMIT", 1, 100, who="ben")
    with refused(-2038):
        drive.step(Amend("ann", "BTCUSDT", D(4), first.id))
    reports = drive.step(Amend("ann", "BTCUSDT", D(1), first.id, new_client_id="smaller"))
    assert executions(reports) == [(first.id, "REPLACED", "NEW")]
    assert drive.locked("USDT") == 100
    drive.trade(100, 1, "SELL")
    assert (drive.order(first).status, drive.order(first).client_id) == ("FILLED", "smaller")
    assert drive.order(second).filled == 0
    check_books(drive)


def test_order_that_the_venue_ends_says_why():
    drive = Drive()
    order = drive.place("BUY", "LIMIT", 1, 98)
    drive.step(Expire("BTCUSDT", order.id, "EXCHANGE_CANCELED"))
    assert (drive.order(order).status, drive.order(order).expiry_reason) == ("EXPIRED", "EXCHANGE_CANCELED")
    assert drive.locked("USDT") == 0


def test_house_can_fill_an_order_wherever_the_market_is():
    drive = Drive()
    order = drive.place("BUY", "LIMIT", 2, 90)
    drive.step(FillNow("BTCUSDT", order.id, D("0.5")))
    assert drive.order(order).filled == D("0.5")
    drive.step(FillNow("BTCUSDT", order.id))
    assert drive.order(order).status == "FILLED"
    check_books(drive)


# --- stops -----------------------------------------------------------------------------------------------------------


def test_stop_sells_at_market_when_the_price_falls_to_it():
    drive = Drive()
    drive.trade(100)
    stop = drive.place("SELL", "STOP_LOSS", 1, stop_price=95)
    assert (stop.is_working, drive.locked("BTC")) == (False, 1)
    drive.trade(96, side="SELL")
    assert drive.order(stop).filled == 0
    drive.trade(95, side="SELL")
    assert (drive.order(stop).status, drive.order(stop).average) == ("FILLED", 99)  # the best bid there is
    check_books(drive)


def test_stop_limit_rests_once_it_is_woken():
    drive = Drive()
    drive.trade(100)
    stop = drive.place("BUY", "STOP_LOSS_LIMIT", 1, "100.5", stop_price=103)
    reports = drive.trade(103)
    assert executions(reports) == [(stop.id, "NEW", "NEW")]
    assert (drive.order(stop).is_working, drive.core.market("BTCUSDT").book.bid) == (True, D("100.5"))
    check_books(drive)


def test_stop_that_would_go_off_at_once_is_refused():
    drive = Drive()
    drive.trade(100)
    with refused(-2010, "trigger immediately"):
        drive.place("SELL", "STOP_LOSS", 1, stop_price=100)
    with refused(-2010, "trigger immediately"):
        drive.place("BUY", "TAKE_PROFIT", 1, stop_price=101)


def test_take_profit_goes_off_on_the_other_side():
    drive = Drive()
    drive.trade(100)
    order = drive.place("SELL", "TAKE_PROFIT", 1, stop_price=105)
    drive.trade(105)
    assert drive.order(order).status == "FILLED"


def test_trailing_stop_follows_the_best_price():
    drive = Drive()
    drive.trade(100)
    stop = drive.place("SELL", "STOP_LOSS", 1, trailing_delta=500)
    for price in (110, 106):
        drive.trade(price)
    assert drive.order(stop).filled == 0  # 5 % below 110 is 104.5
    drive.trade("104.5", side="SELL")
    assert drive.order(stop).status == "FILLED"


def test_stop_that_wakes_another_stop_sets_off_both():
    drive = Drive()
    drive.trade(100)
    drive.quote((90, 1), (80, 10), asks=[(110, 10)])
    first, second = (
        drive.place("SELL", "STOP_LOSS", 1, stop_price=95),
        drive.place("SELL", "STOP_LOSS", 1, stop_price=91),
    )
    drive.trade(95, D("0.001"), "SELL")
    assert (drive.order(first).average, drive.order(second).average) == (90, 80)


# --- lists -----------------------------------------------------------------------------------------------------------


def oco(drive: Drive) -> tuple[int, int]:
    drive.trade(100)
    drafts = (
        Draft("BTCUSDT", SELL, "LIMIT_MAKER", D(2), D(105)),
        Draft("BTCUSDT", SELL, "STOP_LOSS", D(2), stop_price=D(95)),
    )
    reports = drive.step(PlaceList("ann", "OCO", drafts))
    below, above = dict.fromkeys(r.order.id for r in reports if isinstance(r, OrderReport))  # the stop comes first
    return above, below


def test_one_cancels_the_other_with_one_amount_held_back():
    drive = Drive()
    above, below = oco(drive)
    assert drive.locked("BTC") == 2
    drive.trade(105, 2)
    orders = drive.core.spot.all_orders
    assert (orders[above].status, orders[below].status) == ("FILLED", "EXPIRED")
    assert drive.core.spot.lists.by_id[0].is_done
    check_books(drive)


def test_the_stop_of_a_pair_takes_the_other_ones_place():
    drive = Drive()
    above, below = oco(drive)
    drive.trade(95, side="SELL")
    orders = drive.core.spot.all_orders
    assert (orders[above].status, orders[below].status) == ("EXPIRED", "FILLED")
    check_books(drive)


def test_a_pair_is_cancelled_as_one():
    drive = Drive()
    above, _ = oco(drive)
    reports = drive.step(Cancel("ann", "BTCUSDT", above))
    assert [e[1:] for e in executions(reports)] == [("CANCELED", "CANCELED")] * 2
    assert [report.list_id for report in reports if isinstance(report, ListReport)] == [0]
    assert drive.locked("BTC") == 0
    with refused(-2011):
        drive.step(CancelList("ann", "BTCUSDT", 0))
    check_books(drive)


def test_pair_on_the_wrong_sides_of_the_price_is_refused():
    drive = Drive()
    drive.trade(100)
    drafts = (
        Draft("BTCUSDT", SELL, "LIMIT_MAKER", D(2), D("99.5")),
        Draft("BTCUSDT", SELL, "STOP_LOSS", D(2), stop_price=D(95)),
    )
    with refused(-2010, "relationship"):
        drive.step(PlaceList("ann", "OCO", drafts))


def test_one_triggers_the_other_once_it_is_filled():
    drive = Drive()
    drafts = (Draft("BTCUSDT", BUY, "LIMIT", D(1), D(100)), Draft("BTCUSDT", SELL, "LIMIT", D(1), D(110)))
    reports = drive.step(PlaceList("ann", "OTO", drafts))
    working, pending = dict.fromkeys(r.order.id for r in reports if isinstance(r, OrderReport))
    orders = drive.core.spot.all_orders
    assert (orders[pending].status, drive.locked("BTC")) == ("PENDING_NEW", 0)
    drive.trade(100, D("0.5"), "SELL")
    assert orders[pending].status == "PENDING_NEW"
    drive.trade(100, D("0.5"), "SELL")
    assert (orders[working].status, orders[pending].status, drive.locked("BTC")) == ("FILLED", "NEW", 1)
    drive.trade(110)
    assert orders[pending].status == "FILLED"
    assert drive.core.spot.lists.by_id[0].is_done
    check_books(drive)


def test_order_that_waits_goes_with_the_one_that_it_waits_for():
    drive = Drive()
    drafts = (Draft("BTCUSDT", BUY, "LIMIT", D(1), D(100)), Draft("BTCUSDT", SELL, "LIMIT", D(1), D(110)))
    reports = drive.step(PlaceList("ann", "OTO", drafts))
    drive.cancel(last(reports))
    assert {order.status for order in drive.core.spot.all_orders.values()} == {"CANCELED"}
    check_books(drive)


def test_bracket_leaves_one_exit_when_the_other_is_hit():
    drive = Drive()
    drive.trade(100)
    drafts = (
        Draft("BTCUSDT", BUY, "LIMIT", D(1), D("100.5")),
        Draft("BTCUSDT", SELL, "LIMIT_MAKER", D(1), D(110)),
        Draft("BTCUSDT", SELL, "STOP_LOSS", D(1), stop_price=D(90)),
    )
    drive.step(PlaceList("ann", "OTOCO", drafts))
    drive.trade("100.5", 1, "SELL")
    drive.trade(90, 1, "SELL")
    assert [order.status for order in drive.core.spot.all_orders.values()] == ["FILLED", "FILLED", "EXPIRED"]
    check_books(drive)


# --- reports ---------------------------------------------------------------------------------------------------------


def test_reports_tell_the_story_in_order():
    drive = Drive()
    reports = drive.ask("BUY", "LIMIT", 12, 101)
    assert executions(reports) == [(1, "NEW", "NEW"), (1, "TRADE", "PARTIALLY_FILLED")]
    assert balances(reports)["USDT"] == (10_000 - 12 * 101, 2 * 101)
    numbers = [report.number for report in reports if isinstance(report, OrderReport)]
    assert numbers == sorted(set(numbers))


def test_recorded_depth_keeps_its_own_numbers():
    drive = Drive()
    drive.step(Depth("BTCUSDT", ((D(99), D(1)),), ((D(101), D(1)),), 0, 500, is_snapshot=True))
    (report,) = drive.step(Depth("BTCUSDT", ((D(99), D(0)), (D("98.5"), D(2))), (), 501, 503))
    assert (report.first_id, report.last_id) == (501, 503)
    assert dict(report.bids) == {D(99): D(0), D("98.5"): D(2)}
    assert drive.core.market("BTCUSDT").book.update_id == 503


def test_recorded_trade_keeps_its_number():
    drive = Drive()
    (trade,) = drive.step(Print("BTCUSDT", D(101), D(1), BUY, 777))
    assert trade.id == 777
    assert drive.core.market("BTCUSDT").tape[-1].id == 777
