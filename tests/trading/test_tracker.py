"""The order tracker, one failure of the catalogue after another: reports late, twice, out of order, or never."""

from __future__ import annotations

from decimal import Decimal

import pytest

from workbench.errors import BrokenInvariant, ConfigError
from workbench.market import OrderKind
from workbench.trading import Booked, Fill, Intent, Life, Moved, News, Odd, Oddity, Report, Tracker, Wish

from .order_lives import Lives

BTC = "BTC/USDT"
D = Decimal


def intent(client_id: str = "a", amount: str = "1", **other: object) -> Intent:
    return Intent(client_id, BTC, 1, OrderKind.LIMIT, D(amount), D("100"), **other)  # type: ignore[arg-type]


def report(life: Life, filled: str = "0", time_ms: int = 1, client_id: str = "a", **other: object) -> Report:
    return Report(BTC, client_id, "7", life, D(filled), time_ms, **other)  # type: ignore[arg-type]


def fill(trade_id: str = "t1", amount: str = "1", price: str = "100", venue_id: str = "7") -> Fill:
    return Fill(BTC, trade_id, venue_id, 1, D(price), D(amount), 1)


def sent(*client_ids: str, amount: str = "1") -> Tracker:
    tracker = Tracker()
    for client_id in client_ids or ("a",):
        tracker.intend(intent(client_id, amount))
        tracker.sent(client_id, 0)
    return tracker


def booked(news: News) -> list[str]:
    return [one.fill.trade_id for one in news if isinstance(one, Booked)]


def moves(news: News) -> list[Life]:
    return [one.now for one in news if isinstance(one, Moved)]


def oddities(news: News) -> list[Oddity]:
    return [one.oddity for one in news if isinstance(one, Odd)]


# --- the create and its answer ---------------------------------------------------------------------------------------


def test_unanswered_create_is_unknown_and_asked_about_at_once():
    tracker = sent()
    assert moves(tracker.unanswered("a")) == [Life.UNKNOWN]
    assert tracker.questions(10) == [("a", Wish.ORDER)]


def test_answer_that_is_slow_is_asked_for_without_a_timeout():
    tracker = sent()
    assert tracker.questions(999) == []
    assert tracker.questions(1_000) == [("a", Wish.ORDER)]


def test_questions_wait_longer_each_time():
    tracker = sent()
    tracker.unanswered("a")
    times = [now for now in range(0, 30_000, 10) if tracker.questions(now)]
    assert times == [0, 250, 750, 1_750, 3_750, 7_750, 12_750, 16_000, 21_000, 26_000]  # 16 s: the proof


@pytest.mark.parametrize(("asked_ms", "life"), [(15_999, Life.UNKNOWN), (16_000, Life.LOST)])
def test_not_found_is_proof_only_after_the_venues_windows(asked_ms: int, life: Life):
    tracker = sent()
    tracker.unanswered("a")
    for _ in range(50):  # never by count alone
        tracker.not_found("a", 1_000)
    tracker.not_found("a", asked_ms)
    assert tracker.orders["a"].life == life


@pytest.mark.parametrize(("asked_ms", "life"), [(90_000, Life.UNKNOWN), (960_000, Life.LOST)])
def test_in_a_replay_the_proof_takes_as_long_as_ever_by_our_own_clock(asked_ms: int, life: Life):
    tracker = sent()
    tracker.keep_pace(60.0)  # an answer that is 1.5 s late comes 90 s later there
    tracker.unanswered("a")
    tracker.not_found("a", asked_ms)
    assert tracker.orders["a"].life == life


def test_not_found_after_acceptance_keeps_the_last_proven_state():
    tracker = sent()
    tracker.report(report(Life.OPEN))
    assert oddities(tracker.not_found("a", 300_000)) == [Oddity.VANISHED]
    assert tracker.orders["a"].life == Life.OPEN


def test_lost_order_that_shows_up_lives_again_and_is_odd():
    tracker = sent()
    tracker.unanswered("a")
    tracker.not_found("a", 20_000)
    news = tracker.report(report(Life.OPEN, time_ms=25_000))
    assert (moves(news), oddities(news)) == ([Life.OPEN], [Oddity.REVIVED])
    assert [order.intent.client_id for order in tracker.live()] == ["a"]


def test_intent_of_a_killed_runner_is_not_lost_before_the_windows_are_over():
    tracker = Tracker()
    tracker.intend(intent(created_ms=5_000))
    tracker.unanswered("a")  # what a restart makes of an intent that may have left
    tracker.not_found("a", 15_000)
    assert tracker.orders["a"].life == Life.UNKNOWN
    tracker.not_found("a", 21_000)
    assert tracker.orders["a"].life == Life.LOST


def test_refusal_of_an_order_that_lives_is_odd_and_changes_nothing():
    tracker = sent()
    tracker.report(report(Life.OPEN))
    assert oddities(tracker.refused("a", "-2010")) == [Oddity.REFUSED_YET_LIVE]
    assert tracker.orders["a"].is_live


def test_refused_order_is_over_and_asks_nothing():
    tracker = sent()
    assert moves(tracker.refused("a", "balance")) == [Life.REJECTED]
    assert (tracker.orders["a"].is_settled, tracker.questions(99_999)) == (True, [])


# --- order and repetition --------------------------------------------------------------------------------------------


def test_fill_before_the_answer_implies_acceptance():
    tracker = sent()
    news = tracker.fill(Fill(BTC, "t1", "7", 1, D(100), D("0.4"), 1, client_id="a"))
    assert (booked(news), moves(news)) == (["t1"], [Life.OPEN])
    assert tracker.report(report(Life.OPEN)) == ()


def test_fill_before_the_id_is_known_waits_for_it():
    tracker = sent()
    assert oddities(tracker.fill(fill(amount="0.4"))) == [Oddity.STRANGER]
    assert tracker.external() == []  # ours may be that order
    assert booked(tracker.report(report(Life.OPEN))) == ["t1"]
    assert tracker.strays == {}


def test_fill_told_twice_is_booked_once():
    tracker = sent()
    tracker.report(report(Life.OPEN))
    assert [booked(tracker.fill(fill(amount="0.3"))) for _ in range(3)] == [["t1"], [], []]
    assert tracker.orders["a"].filled == D("0.3")


def test_trade_revised_by_the_venue_stays_as_booked_and_is_odd():
    tracker = sent()
    tracker.report(report(Life.OPEN))
    tracker.fill(fill(amount="0.3"))
    assert oddities(tracker.fill(fill(amount="0.4"))) == [Oddity.REVISED]
    assert tracker.orders["a"].filled == D("0.3")


def test_one_trade_between_two_orders_of_ours_is_booked_for_each():
    tracker = sent("a", "b")
    for client_id, venue_id in (("a", "7"), ("b", "8")):
        tracker.report(Report(BTC, client_id, venue_id, Life.OPEN, D(0), 1))
    assert booked(tracker.fill(fill(venue_id="7"))) == booked(tracker.fill(fill(venue_id="8"))) == ["t1"]


def test_amounts_never_shrink():
    tracker = sent()
    for filled in ("0.2", "0.6", "0.4"):
        tracker.report(report(Life.OPEN, filled))
    assert tracker.orders["a"].reported == D("0.6")


def test_ends_do_not_go_back():
    tracker = sent()
    tracker.report(report(Life.CANCELLED, time_ms=5))
    assert tracker.report(report(Life.OPEN, time_ms=3)) == ()
    assert tracker.orders["a"].life == Life.CANCELLED


def test_first_end_stands():
    tracker = sent()
    tracker.report(report(Life.CANCELLED, "0.4"))
    assert tracker.report(report(Life.EXPIRED, "0.4", time_ms=9)) == ()
    assert tracker.orders["a"].life == Life.CANCELLED


def test_order_said_to_be_open_later_than_its_end_is_odd():
    tracker = sent()
    tracker.report(report(Life.CANCELLED, time_ms=5))
    assert oddities(tracker.report(report(Life.OPEN, time_ms=6))) == [Oddity.RISEN]


def test_fills_alone_end_an_order():
    tracker = sent()
    tracker.report(report(Life.OPEN))
    assert moves(tracker.fill(fill())) == [Life.FILLED]
    assert tracker.unsettled() == []


def test_end_whose_fills_are_missing_is_not_settled_and_asks_for_them():
    tracker = sent()
    tracker.report(report(Life.FILLED, "1"))
    assert tracker.orders["a"].missing == D(1)
    assert tracker.questions(10_000) == [("a", Wish.FILLS)]
    tracker.fill(fill())
    assert tracker.orders["a"].is_settled


def test_fill_after_a_cancellation_is_booked_and_odd():
    tracker = sent()
    tracker.report(report(Life.CANCELLED))
    news = tracker.fill(fill(amount="0.4"))
    assert (booked(news), oddities(news)) == (["t1"], [Oddity.LATE_FILL])
    assert tracker.orders["a"].life == Life.CANCELLED


def test_cancelled_order_that_was_filled_to_the_end_is_filled():
    tracker = sent()
    tracker.report(report(Life.CANCELLED))
    assert moves(tracker.fill(fill())) == [Life.FILLED]


def test_more_than_the_amount_is_booked_and_odd():
    tracker = sent()
    tracker.report(report(Life.OPEN))
    tracker.fill(fill("t1", "0.9"))
    assert oddities(tracker.fill(fill("t2", "0.2"))) == [Oddity.OVERFILLED]
    assert tracker.orders["a"].filled == D("1.1")


def test_average_weighs_the_fills():
    tracker = sent()
    tracker.report(report(Life.OPEN))
    tracker.fill(fill("t1", "0.25", "100"))
    tracker.fill(fill("t2", "0.75", "104"))
    assert tracker.orders["a"].average == D(103)


# --- cancellations ---------------------------------------------------------------------------------------------------


def test_acknowledged_cancellation_is_no_end_until_the_venue_shows_it():
    tracker = sent()
    tracker.report(report(Life.OPEN))
    tracker.cancel_sent("a", 100)
    assert tracker.cancel_answered("a", acknowledged=True) == ()
    assert tracker.questions(101) == [("a", Wish.ORDER)]
    assert moves(tracker.report(report(Life.CANCELLED), asked_ms=101)) == [Life.CANCELLED]


def test_order_open_after_its_cancellation_was_acknowledged_is_odd_and_may_be_cancelled_again():
    tracker = sent()
    tracker.report(report(Life.OPEN))
    tracker.cancel_sent("a", 100)
    tracker.cancel_answered("a", acknowledged=True)
    assert tracker.report(report(Life.OPEN), asked_ms=200) == ()  # the venue may lag
    assert oddities(tracker.report(report(Life.OPEN), asked_ms=1_200)) == [Oddity.CANCEL_IGNORED]
    assert tracker.orders["a"].cancel_ms == 0


def test_refused_cancellation_proves_nothing():
    tracker = sent()
    tracker.report(report(Life.OPEN))
    tracker.cancel_sent("a", 100)
    tracker.cancel_answered("a", acknowledged=False)
    assert tracker.orders["a"].life == Life.OPEN
    assert tracker.questions(100) == [("a", Wish.ORDER)]


@pytest.mark.parametrize("answer", ["none", "refused"])
def test_order_that_outlived_a_lost_cancellation_may_be_cancelled_again(answer: str):
    tracker = sent()
    tracker.report(report(Life.OPEN))
    tracker.cancel_sent("a", 100)
    if answer == "refused":
        tracker.cancel_answered("a", acknowledged=False)
    assert tracker.report(report(Life.OPEN), asked_ms=200) == ()
    assert tracker.orders["a"].cancel_ms == 100  # it may still be on its way
    assert tracker.report(report(Life.OPEN), asked_ms=1_200) == ()
    assert tracker.orders["a"].cancel_ms == 0
    assert tracker.questions(60_000) == []  # nothing is on its way any more


def test_amended_order_takes_the_amount_of_the_latest_word():
    tracker = sent()
    tracker.report(report(Life.OPEN, time_ms=9, amount=D(3), price=D(90)))
    tracker.report(report(Life.OPEN, time_ms=4, amount=D(1), price=D(100)))
    order = tracker.orders["a"]
    assert (order.amount, order.price) == (D(3), D(90))


# --- what is not ours ------------------------------------------------------------------------------------------------


def test_order_of_another_is_external_and_never_adopted():
    tracker = sent()
    tracker.report(report(Life.OPEN))
    foreign = Report(BTC, "web-1", "99", Life.OPEN, D(0), 1)
    assert oddities(tracker.report(foreign)) == [Oddity.STRANGER]
    assert tracker.report(foreign) == ()
    assert tracker.external() == [(BTC, "99")]
    assert "web-1" not in tracker.orders


def test_same_number_on_another_instrument_is_another_order():
    tracker = sent()
    tracker.report(report(Life.OPEN))
    other = Fill("BTC/USDT:USDT", "t1", "7", 1, D(100), D(1), 1)
    assert oddities(tracker.fill(other)) == [Oddity.STRANGER]
    assert tracker.orders["a"].filled == 0


def test_two_ids_of_the_venue_may_lead_to_one_order():
    tracker = sent()
    tracker.report(report(Life.OPEN))  # the conditional order
    tracker.report(Report(BTC, "a", "70", Life.OPEN, D(0), 2))  # what it turned into
    assert booked(tracker.fill(fill(venue_id="70"))) == ["t1"]
    tracker.forget("a")
    assert oddities(tracker.fill(fill("t2", venue_id="70"))) == [Oddity.STRANGER]


def test_one_id_of_the_venue_for_two_orders_is_odd():
    tracker = sent("a", "b")
    tracker.report(report(Life.OPEN))
    assert Oddity.CONFLICT in oddities(tracker.report(report(Life.OPEN, client_id="b")))


# --- what cannot be --------------------------------------------------------------------------------------------------


def test_client_id_used_twice_stops_trading():
    tracker = sent()
    with pytest.raises(BrokenInvariant, match="used twice"):
        tracker.intend(intent())


def test_answer_to_an_order_nobody_intended_stops_trading():
    with pytest.raises(BrokenInvariant, match="Intend it first"):
        Tracker().unanswered("a")


def test_unsettled_order_is_not_forgotten():
    with pytest.raises(BrokenInvariant, match="not settled"):
        sent().forget("a")


@pytest.mark.parametrize("value", [None, D("NaN"), D("Infinity"), D(0), D(-1), 100.0])
def test_limit_without_a_finite_price_cannot_be_made(value: object):
    with pytest.raises(ConfigError, match="`price`"):
        Intent("a", BTC, 1, OrderKind.LIMIT, D(1), value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("side", 0),
        ("amount", D("NaN")),
        ("trigger", D(5)),
        ("time_in_force", "DAY"),
        ("client_id", ""),
        ("price", D(1)),
    ],
)
def test_order_that_cannot_be_meant_is_refused(field: str, value: object):
    fields = {"client_id": "a", "instrument": BTC, "side": 1, "kind": OrderKind.MARKET, "amount": D(1), field: value}
    with pytest.raises(ConfigError):
        Intent(**fields)  # type: ignore[arg-type]


# --- many ------------------------------------------------------------------------------------------------------------


@pytest.mark.untraced
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_million_random_lives_come_out_at_the_venues_ledger(seed: int):
    """A quarter of them: `python -m tests.trading.order_lives` tells as many as one likes."""
    lives = Lives(seed)
    lives.run(250_000)
    assert lives.divergences == 0, f"seed {seed}: {lives.first}"
    assert lives.booked > 200_000
