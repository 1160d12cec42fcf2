"""The futures side of the core: positions, margin, liquidation, funding, conditional orders; by hand."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from workbench.connectors.simulated import margin
from workbench.connectors.simulated.events import (
    AlgoReport,
    Arm,
    CancelAlgo,
    CancelAll,
    Configure,
    Draft,
    Fund,
    FuturesReport,
    Liquidate,
    MarginReport,
    Mark,
    Modify,
    MoveMargin,
    OrderReport,
    PlaceAlgo,
    Report,
    Tick,
    Transfer,
)
from workbench.connectors.simulated.ledger import CLEARING, FUTURES, INSURANCE
from workbench.connectors.simulated.symbols import Symbol
from workbench.market import BUY, SELL

from .driving import Drive, check_books, executions
from .test_spot_core import refused

HOUR = 3_600_000


class Perp(Drive):
    """The same, meaning the futures side."""

    def __init__(self, **more) -> None:
        super().__init__(**more)
        self.mark(100)

    def buy(self, amount, price=0, **more):
        return self.place("BUY", "LIMIT" if price else "MARKET", amount, price, perpetual=True, **more)

    def sell(self, amount, price=0, **more):
        return self.place("SELL", "LIMIT" if price else "MARKET", amount, price, perpetual=True, **more)

    def mark(self, price) -> list[Report]:
        return self.step(Mark("BTCUSDT", D(str(price))))

    def algo(self, side: int, kind: str, amount=1, trigger=0, **more) -> int:
        draft = Draft("BTCUSDT", side, kind, D(str(amount)), stop_price=D(str(trigger)), **more)
        (report,) = [r for r in self.step(PlaceAlgo("ann", draft)) if isinstance(r, AlgoReport)]
        return report.algo.id

    def available(self) -> D:
        return margin.available(self.core.perpetual.markets, self.core.accounts["ann"], "USDT")

    def status(self, number: int) -> str:
        return self.core.perpetual.algos.by_id[number].status


# --- positions -------------------------------------------------------------------------------------------------------


def test_purchase_opens_a_long_position_and_pays_its_fee():
    drive = Perp()
    drive.buy(10)
    assert (drive.position(), drive.wallet()) == (10, 10_000 - D("0.505"))  # 1,010 at 0.05 %
    check_books(drive)


def test_entry_is_the_average_and_a_part_that_closes_is_realised():
    drive = Perp()
    drive.buy(10)
    drive.quote((103, 10), asks=[(105, 10)], perpetual=True)
    drive.buy(5)
    held = drive.core.accounts["ann"].futures.position("BTCUSDT", "BOTH")
    assert held.entry == D(10 * 101 + 5 * 105) / 15
    drive.sell(3)
    fill = drive.core.ledger.fills("ann", "BTCUSDT", perpetual=True)[-1]
    assert fill.realized == ((103 - held.entry) * 3).quantize(D("1e-8"), "ROUND_DOWN")
    assert (held.amount, held.entry) == (12, D(1_535) / 15)
    check_books(drive)


def test_position_turns_over_at_the_price_of_the_trade():
    drive = Perp()
    drive.buy(2)
    drive.sell(5)
    held = drive.core.accounts["ann"].futures.position("BTCUSDT", "BOTH")
    assert (held.amount, held.entry) == (-3, 99)
    assert [row.amount for row in drive.core.ledger.income("ann") if row.kind == "REALIZED_PNL"] == [-4]
    check_books(drive)


def test_what_all_have_gained_is_nothing():
    drive = Perp()
    drive.open("ben")
    drive.buy(4, 100, who="ben")
    drive.sell(7)
    drive.mark(90)
    floors = [account.futures for account in drive.core.accounts.values()] + [drive.core.perpetual.house]
    open_gain = sum(held.gain(D(90)) for futures in floors for held in futures.positions.values())
    assert drive.core.ledger.balance(CLEARING, "USDT", FUTURES) == round(open_gain, 8)
    assert sum(held.amount for futures in floors for held in futures.positions.values()) == 0


def test_break_even_covers_the_fee_of_the_entry():
    drive = Perp()
    drive.buy(10)
    held = drive.core.accounts["ann"].futures.position("BTCUSDT", "BOTH")
    assert held.break_even == 101 + D("0.505") / 10


# --- margin ----------------------------------------------------------------------------------------------------------


def test_position_needs_its_value_over_the_leverage():
    drive = Perp()
    drive.step(Configure("ann", "BTCUSDT", leverage=10))
    drive.buy(10)
    assert drive.available() == drive.wallet() - 100 + 10 * (100 - 101)


def test_order_that_closes_needs_nothing_more():
    drive = Perp()
    drive.buy(10)
    before = drive.available()
    drive.sell(10, 110)
    assert drive.available() == before
    drive.sell(5, 111)
    assert drive.available() == before  # five more than the position: |10 − 15| is still no more than |10|
    drive.sell(10, 112)
    assert drive.available() < before


def test_order_beyond_the_money_is_refused():
    drive = Perp(futures={"USDT": 100})
    with refused(-2019, "Margin is insufficient"):
        drive.buy(D("20.001"), 100)
    assert drive.buy(20, 100).status == "NEW"  # 2,000 at 20 times
    with refused(-2019):
        drive.buy(1, 100)


def test_value_beyond_the_bracket_is_refused():
    drive = Perp(futures={"USDT": 10_000_000})
    drive.step(Configure("ann", "BTCUSDT", leverage=125))
    with refused(-2027):
        drive.buy(501, 100)
    drive.step(Configure("ann", "BTCUSDT", leverage=100))
    assert drive.buy(501, 100).status == "NEW"


def test_leverage_out_of_range_is_refused():
    drive = Perp()
    with refused(-4028, "126"):
        drive.step(Configure("ann", "BTCUSDT", leverage=126))


def test_maintenance_has_no_jump_between_brackets():
    rules = Symbol.of("BTC/USDT:USDT", 100)
    for lower, upper in zip(rules.brackets, rules.brackets[1:], strict=False):
        assert lower.cap * lower.rate - lower.deduction == lower.cap * upper.rate - upper.deduction


def test_isolated_margin_is_set_apart_and_comes_back():
    drive = Perp()
    drive.step(Configure("ann", "BTCUSDT", margin_type="ISOLATED", leverage=10))
    drive.buy(10)
    held = drive.core.accounts["ann"].futures.position("BTCUSDT", "BOTH")
    assert held.isolated_wallet == 101
    assert drive.available() == drive.wallet() - 101
    drive.step(MoveMargin("ann", "BTCUSDT", D(50)))
    assert held.isolated_wallet == 151
    drive.sell(5)
    assert held.isolated_wallet == D("75.5")
    drive.sell(5)
    assert (held.isolated_wallet, drive.available()) == (0, drive.wallet())
    check_books(drive)


def test_margin_is_not_moved_where_it_is_not_isolated():
    drive = Perp()
    drive.buy(1)
    with refused(-4046):
        drive.step(MoveMargin("ann", "BTCUSDT", D(10)))


def test_settings_are_not_changed_under_a_position():
    drive = Perp()
    with refused(-4046):
        drive.step(Configure("ann", "BTCUSDT", margin_type="CROSSED"))
    with refused(-4059):
        drive.step(Configure("ann", dual=False))
    drive.buy(1)
    with refused(-4048):
        drive.step(Configure("ann", "BTCUSDT", margin_type="ISOLATED"))
    with refused(-4068):
        drive.step(Configure("ann", dual=True))
    drive.sell(1)
    drive.buy(1, 98)
    with refused(-4047):
        drive.step(Configure("ann", "BTCUSDT", margin_type="ISOLATED"))
    with refused(-4067):
        drive.step(Configure("ann", dual=True))


def test_transfer_moves_money_between_the_wallets_and_no_more_than_there_is():
    drive = Perp()
    drive.step(Transfer("ann", "USDT", D(4_000)))
    assert (drive.free("USDT"), drive.wallet()) == (6_000, 14_000)
    with refused(-2010):
        drive.step(Transfer("ann", "USDT", D(6_001)))
    drive.step(Transfer("ann", "USDT", D(-14_000)))
    assert drive.wallet() == 0
    check_books(drive)


# --- hedge mode ------------------------------------------------------------------------------------------------------


def test_hedge_mode_keeps_both_sides_apart():
    drive = Perp()
    drive.step(Configure("ann", dual=True))
    drive.buy(2, position_side="LONG")
    drive.sell(3, position_side="SHORT")
    assert (drive.position("LONG"), drive.position("SHORT")) == (2, -3)
    drive.sell(2, position_side="LONG")
    assert (drive.position("LONG"), drive.position("SHORT")) == (0, -3)
    with refused(-2022):
        drive.sell(1, position_side="LONG")
    check_books(drive)


def test_position_side_must_fit_the_mode():
    drive = Perp()
    with refused(-4061):
        drive.buy(1, position_side="LONG")
    drive.step(Configure("ann", dual=True))
    with refused(-4061):
        drive.buy(1)


# --- orders ----------------------------------------------------------------------------------------------------------


def test_reduce_only_needs_something_to_reduce():
    drive = Perp()
    with refused(-2022, "ReduceOnly"):
        drive.sell(1, reduce_only=True)
    drive.buy(2)
    order = drive.sell(5, reduce_only=True)
    assert (order.filled, order.status, drive.position()) == (2, "EXPIRED", 0)
    check_books(drive)


def test_reduce_only_order_goes_when_the_position_does():
    drive = Perp()
    drive.buy(2)
    order = drive.sell(2, 110, reduce_only=True)
    drive.sell(2)
    assert drive.order(order, perpetual=True).status == "EXPIRED"


def test_post_only_order_that_would_take_is_refused():
    drive = Perp()
    with refused(-5022):
        drive.buy(1, 101, time_in_force="GTX")
    assert drive.buy(1, 100, time_in_force="GTX").status == "NEW"


def test_fill_or_kill_that_cannot_is_refused():
    drive = Perp()
    with refused(-5021):
        drive.buy(11, 101, time_in_force="FOK")


@pytest.mark.parametrize(
    ("amount", "price", "code"),
    [("0.0005", 100, -1111), ("1", "100.005", -1111), ("1", "250", -4016), ("0.01", 100, -4164), ("2000", 100, -4005)],
)
def test_order_that_breaks_a_rule_is_refused(amount, price, code):
    drive = Perp()
    with refused(code, ""):
        drive.buy(D(amount), price)


def test_price_off_the_tick_but_fine_enough_is_another_refusal():
    drive = Perp(tick="0.05")
    with refused(-4014):
        drive.buy(1, "100.01")


def test_duplicate_client_id_is_refused_while_the_order_is_open():
    drive = Perp()
    drive.buy(1, 98, client_id="mine")
    with refused(-4116):
        drive.buy(1, 97, client_id="mine")


def test_modified_order_stands_at_the_end_of_the_queue():
    drive = Perp()
    drive.open("ben")
    first, second = drive.buy(1, 100), drive.buy(1, 100, who="ben")
    reports = drive.step(Modify("ann", "BTCUSDT", BUY, D(2), D(100), first.id))
    assert executions(reports) == [(first.id, "AMENDMENT", "NEW")]
    drive.trade(100, 1, "SELL", perpetual=True)
    assert drive.order(second, perpetual=True).status == "FILLED"
    assert drive.order(first, perpetual=True).filled == 0
    with refused(-5027):
        drive.step(Modify("ann", "BTCUSDT", BUY, D(2), D(100), first.id))
    check_books(drive)


def test_good_till_date_ends_on_its_date():
    drive = Perp()
    order = drive.buy(1, 98, time_in_force="GTD", good_till_ms=drive.now + 1_000)
    drive.step(Tick(), 900)
    assert drive.order(order, perpetual=True).is_open
    drive.step(Tick(), 200)
    assert drive.order(order, perpetual=True).status == "EXPIRED"


def test_countdown_cancels_plain_orders_and_leaves_conditional_ones():
    drive = Perp()
    order, number = drive.buy(1, 98), drive.algo(SELL, "STOP_MARKET", trigger=90)
    drive.step(Arm("ann", "BTCUSDT", 1_000))
    drive.step(Arm("ann", "BTCUSDT", 1_000), 900)  # asked again: it begins anew
    drive.step(Tick(), 900)
    assert drive.order(order, perpetual=True).is_open
    drive.step(Tick(), 200)
    assert drive.order(order, perpetual=True).status == "CANCELED"
    assert drive.status(number) == "NEW"


def test_countdown_of_nothing_stops_it():
    drive = Perp()
    order = drive.buy(1, 98)
    drive.step(Arm("ann", "BTCUSDT", 1_000))
    drive.step(Arm("ann", "BTCUSDT", 0))
    drive.step(Tick(), 10_000)
    assert drive.order(order, perpetual=True).is_open


def test_having_no_orders_to_cancel_is_no_mistake():
    assert executions(Perp().step(CancelAll("ann", "BTCUSDT", perpetual=True))) == []


def test_price_match_takes_its_price_from_the_book():
    drive = Perp()
    assert drive.place("BUY", "LIMIT", 1, perpetual=True, price_match="QUEUE").price == 99
    assert drive.place("BUY", "LIMIT", 1, perpetual=True, price_match="OPPONENT").average == 101


# --- conditional orders ----------------------------------------------------------------------------------------------


def test_stop_becomes_an_order_when_the_price_falls_to_it():
    drive = Perp()
    drive.trade(100, perpetual=True)
    drive.buy(3)
    number = drive.algo(SELL, "STOP_MARKET", 3, 95, reduce_only=True)
    drive.trade(96, side="SELL", perpetual=True)
    assert drive.status(number) == "NEW"
    reports = drive.trade(95, side="SELL", perpetual=True)
    assert [r.algo.status for r in reports if isinstance(r, AlgoReport)] == ["TRIGGERING", "TRIGGERED", "FINISHED"]
    assert drive.position() == 0
    check_books(drive)


def test_stop_on_the_mark_does_not_look_at_trades():
    drive = Perp()
    drive.trade(100, perpetual=True)
    drive.buy(1)
    number = drive.algo(SELL, "STOP_MARKET", 1, 95, working_type="MARK_PRICE")
    drive.trade(94, side="SELL", perpetual=True)
    assert drive.status(number) == "NEW"
    drive.mark(95)
    assert drive.status(number) == "FINISHED"


def test_stop_that_would_go_off_at_once_is_refused():
    drive = Perp()
    drive.trade(100, perpetual=True)
    with refused(-2021):
        drive.algo(SELL, "STOP_MARKET", 1, 100)


def test_closing_stop_closes_what_there_is():
    drive = Perp()
    drive.trade(100, perpetual=True)
    drive.buy(7)
    number = drive.algo(SELL, "STOP_MARKET", 0, 95, close_position=True)
    drive.trade(95, side="SELL", perpetual=True)
    assert (drive.status(number), drive.position()) == ("FINISHED", 0)


def test_closing_stop_without_a_position_expires():
    drive = Perp()
    drive.trade(100, perpetual=True)
    number = drive.algo(SELL, "STOP_MARKET", 0, 95, close_position=True)
    drive.trade(95, side="SELL", perpetual=True)
    assert drive.status(number) == "EXPIRED"


def test_take_profit_limit_rests_at_its_price():
    drive = Perp()
    drive.trade(100, perpetual=True)
    drive.buy(1)
    number = drive.algo(SELL, "TAKE_PROFIT", 1, 105, price=D(106))
    drive.trade(105, perpetual=True)
    assert drive.status(number) == "TRIGGERED"
    drive.trade(106, 1, perpetual=True)
    assert (drive.status(number), drive.position()) == ("FINISHED", 0)


def test_trailing_stop_waits_for_its_activation_and_then_follows():
    drive = Perp()
    drive.trade(100, perpetual=True)
    drive.buy(1)
    number = drive.algo(SELL, "TRAILING_STOP_MARKET", 1, activation_price=D(110), callback_rate=D(5))
    for price in (101, 95, 112, 107):
        drive.trade(price, perpetual=True)
    assert drive.status(number) == "NEW"  # 5 % below 112 is 106.4
    drive.trade("106.4", perpetual=True)
    assert drive.status(number) == "FINISHED"


def test_stop_that_the_margin_does_not_cover_is_rejected_with_the_reason():
    drive = Perp(futures={"USDT": 100})
    drive.trade(100, perpetual=True)
    number = drive.algo(BUY, "STOP_MARKET", 500, 105)
    drive.trade(105, perpetual=True)
    assert drive.status(number) == "REJECTED"
    assert "Margin" in drive.core.perpetual.algos.by_id[number].failure


def test_cancel_all_of_conditional_orders_takes_all_in_the_symbol():
    drive = Perp()
    drive.trade(100, perpetual=True)
    numbers = [drive.algo(SELL, "STOP_MARKET", 1, price) for price in (90, 91)]
    drive.step(CancelAlgo("ann", "BTCUSDT"))
    assert [drive.status(number) for number in numbers] == ["CANCELED"] * 2
    with refused(-2011):
        drive.step(CancelAlgo("ann", algo_id=numbers[0]))


# --- funding and liquidation -----------------------------------------------------------------------------------------


def test_longs_pay_shorts_when_the_rate_is_positive():
    drive = Perp()
    drive.open("ben")
    drive.buy(5, 100)
    drive.sell(5, 100, who="ben")
    before = drive.wallet("ann"), drive.wallet("ben")
    drive.step(Fund("BTCUSDT", D("0.001")))
    assert (drive.wallet("ann") - before[0], drive.wallet("ben") - before[1]) == (D("-0.5"), D("0.5"))
    assert [row.amount for row in drive.core.ledger.income("ann") if row.kind == "FUNDING_FEE"] == [D("-0.5")]
    check_books(drive)


def test_funding_is_paid_at_the_venues_hours():
    drive = Perp()
    drive.buy(5)
    drive.step(Mark("BTCUSDT", D(100), funding_rate=D("0.0002")))
    drive.step(Tick(), 25 * HOUR)
    paid = [row for row in drive.core.ledger.income("ann") if row.kind == "FUNDING_FEE"]
    assert [row.amount for row in paid] == [D("-0.1")] * 3
    assert [row.time_ms % (8 * HOUR) for row in drive.core.perpetual.market("BTCUSDT").fundings] == [0] * 3


def test_position_is_closed_when_it_is_not_covered_any_more():
    drive = Perp(futures={"USDT": 100})
    drive.buy(15, 101)
    account = drive.core.accounts["ann"]
    held = account.futures.position("BTCUSDT", "BOTH")
    price = margin.liquidation_price(drive.core.perpetual.markets, account, held)
    drive.mark(price + D("0.01"))
    assert drive.position() == 10
    reports = drive.mark(price - D("0.01"))
    forced = [r for r in reports if isinstance(r, OrderReport) and r.order.client_id.startswith("autoclose-")]
    assert forced[0].execution == "NEW"
    assert {report.execution for report in forced[1:]} == {"CALCULATED"}
    assert (drive.position(), account.perpetual_orders) == (0, {})
    check_books(drive)


def test_liquidation_price_is_where_equity_meets_maintenance():
    drive = Perp(futures={"USDT": 100})
    drive.buy(10)
    account = drive.core.accounts["ann"]
    held = account.futures.position("BTCUSDT", "BOTH")
    price = margin.liquidation_price(drive.core.perpetual.markets, account, held)
    # wallet 99.495; equity there 99.495 + 10 (p − 101), maintenance 10 p · 0.004
    assert price.quantize(D("1e-8")) == ((1_010 - D("99.495")) / (10 - D("0.04"))).quantize(D("1e-8"))


def test_wallet_below_zero_is_made_good_by_the_insurance():
    drive = Perp(futures={"USDT": 100})
    drive.buy(10)
    drive.quote((50, 100), asks=[(51, 100)], perpetual=True)
    drive.mark(50)
    assert (drive.position(), drive.wallet()) == (0, 0)
    assert drive.core.ledger.balance(INSURANCE, "USDT", FUTURES) < 0
    assert drive.core.ledger.income("ann")[-1].kind == "INSURANCE_CLEAR"
    check_books(drive)


def test_isolated_position_goes_alone():
    drive = Perp()
    drive.step(Configure("ann", "BTCUSDT", margin_type="ISOLATED", leverage=20))
    drive.buy(10)
    drive.mark(96)
    assert drive.position() == 0
    assert drive.wallet() > 9_900


def test_venue_takes_over_at_the_mark_what_the_book_does_not():
    drive = Perp()
    drive.buy(10)
    drive.quote(asks=[(101, 1)], perpetual=True)
    drive.step(Liquidate("ann", "BTCUSDT"))
    assert drive.position() == 0
    assert drive.core.ledger.fills("ann", "BTCUSDT", perpetual=True)[-1].price == 100


def test_customer_is_warned_once_before_it_is_too_late():
    drive = Perp(futures={"USDT": 100})
    drive.buy(10)
    calls = [r for price in (95, "91.5", "91.45") for r in drive.mark(price) if isinstance(r, MarginReport)]
    assert len(calls) == 1


def test_trade_reports_the_wallet_and_the_position_once():
    drive = Perp()
    reports = drive.ask("BUY", "MARKET", 15, perpetual=True)
    (report,) = [report for report in reports if isinstance(report, FuturesReport)]
    assert (report.reason, report.positions) == ("ORDER", (("BTCUSDT", "BOTH"),))
