"""The risk gate: what it refuses and in which words, what always passes, and that it can be folded again."""

from __future__ import annotations

import copy
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import ConfigError
from workbench.market import BUY, SELL, OrderKind
from workbench.trading import Fill, Gate, Intent, Limits, Standing

BTC, ETH = "BTC/USDT", "ETH/USDT:USDT"
NOW = 1_700_000_000_000
DAY = 86_400_000


def intent(side=BUY, amount="1", *, price="100", instrument=BTC, kind=OrderKind.LIMIT, name="a", **more) -> Intent:
    priced = None if price is None else Decimal(price)
    return Intent(name, instrument, side, kind, Decimal(amount), priced, **more)


def fill(side, amount, *, instrument=BTC, trade="1") -> Fill:
    return Fill(instrument, trade, "7", side, Decimal(100), Decimal(amount), NOW)


def standing(*, held="0", price="100") -> Standing:
    made = Standing()
    made.heard(BTC, Decimal(price), NOW)
    made.holds(BTC, Decimal(held))
    return made


def refused(limits: Limits, asked: Intent, where: Standing, *, now_ms: int = NOW, controller: str = "") -> str:
    answer = Gate(limits).approve(asked, where, now_ms=now_ms, controller=controller)
    return answer.limit if answer else ""


@pytest.mark.parametrize(
    ("limits", "asked", "limit"),
    [
        (Limits(max_order_amount=2), intent(amount="2"), ""),
        (Limits(max_order_amount=2), intent(amount="2.1"), "max_order_amount"),
        (Limits(max_order_amount={ETH: 2}), intent(amount="3"), ""),
        (Limits(max_order_notional=200), intent(amount="2"), ""),
        (Limits(max_order_notional=200), intent(amount="2.1"), "max_order_notional"),
        (Limits(max_order_notional=200), intent(amount="2.1", price=None, kind=OrderKind.MARKET), "max_order_notional"),
        (Limits(price_band=0.1), intent(price="110"), ""),
        (Limits(price_band=0.1), intent(price="111"), "price_band"),
        (Limits(price_band=0.1), intent(price="89"), "price_band"),
        (Limits(max_position=1), intent(amount="1"), ""),
        (Limits(max_position=1), intent(amount="1.1"), "max_position"),
        (Limits(max_exposure=100), intent(amount="1"), ""),
        (Limits(max_exposure=100), intent(amount="1.1"), "max_exposure"),
        (Limits(max_position="0.3"), intent(amount="0.3"), ""),
        (Limits(max_position=0.3), intent(amount="0.3"), ""),
    ],
)
def test_each_size_is_held_against_its_limit(limits, asked, limit):
    assert refused(limits, asked, standing()) == limit


def test_a_refusal_says_the_limit_its_value_its_bound_and_a_sentence():
    answer = Gate(Limits(max_order_notional=200)).approve(intent(amount="3"), standing(), now_ms=NOW)
    assert (answer.limit, answer.value, answer.bound) == ("max_order_notional", "300", "200")
    assert answer.sentence == "A buy of BTC/USDT is worth 300; `max_order_notional` is 200."


def test_what_rests_counts_as_if_it_were_filled():
    where = standing()
    where.sent(intent(amount="0.6", name="first"), NOW)
    assert refused(Limits(max_position=1), intent(amount="0.5"), where) == "max_position"
    assert refused(Limits(max_exposure=100), intent(amount="0.5"), where) == "max_exposure"
    where.ended("first")
    assert refused(Limits(max_position=1), intent(amount="0.5"), where) == ""


def test_a_fill_moves_what_rested_into_the_position():
    where = standing()
    where.sent(intent(amount="0.6", name="first"), NOW)
    where.filled("first", fill(BUY, "0.4"))
    assert where.held[BTC, 0] == Decimal("0.4")
    assert where.reach((BTC, 0)) == (Decimal("0.4"), Decimal("0.6"))


def test_the_rate_counts_a_minute_and_holds_for_reducing_orders_too():
    where, limits = standing(held="5"), Limits(max_orders_per_minute=2)
    where.sent(intent(SELL, name="a"), NOW)
    where.sent(intent(SELL, name="b"), NOW + 1)
    assert refused(limits, intent(SELL, name="c"), where, now_ms=NOW + 2) == "max_orders_per_minute"
    assert refused(limits, intent(SELL, name="c"), where, now_ms=NOW + 60_000) == ""


def test_an_old_price_opens_nothing_and_closes_all():
    where = standing(held="1")
    assert refused(Limits(), intent(), where, now_ms=NOW + 5_000) == ""
    assert refused(Limits(), intent(), where, now_ms=NOW + 5_001) == "max_data_age_ms"
    assert refused(Limits(), intent(SELL), where, now_ms=NOW + DAY) == ""


def test_nothing_is_opened_before_the_first_price():
    assert refused(Limits(), intent(), Standing()) == "max_data_age_ms"
    assert refused(Limits.none(), intent(), Standing()) == ""


def test_what_must_stay_free_stays_free_also_before_the_venue_shows_what_is_spent():
    where, limits = standing(), Limits(keep={"USDT": 100})
    where.has({"USDT": Decimal(300)})
    assert refused(limits, intent(amount="2"), where) == ""
    where.sent(intent(amount="1", name="first"), NOW)
    assert refused(limits, intent(amount="2"), where) == "keep"
    where.has({"USDT": Decimal(300)})
    assert refused(limits, intent(amount="2"), where) == ""


def test_a_day_that_lost_too_much_opens_nothing_until_the_next():
    where, limits = standing(), Limits(max_daily_loss=50, max_data_age_ms=None)
    where.worth(1_000, NOW)
    where.worth(950, NOW + 1)
    assert refused(limits, intent(), where) == "max_daily_loss"
    where.worth(950, NOW + DAY)
    assert refused(limits, intent(), where, now_ms=NOW + DAY) == ""


def test_a_drawdown_is_measured_from_the_peak_of_run_controller_and_all():
    where = standing()
    for equity in (1_000, 1_200, 1_080):
        where.worth(equity, NOW)
    assert refused(Limits(max_drawdown=0.1), intent(), where) == "max_drawdown"
    assert refused(Limits(max_drawdown=0.11), intent(), where) == ""
    where.earned("grid", 30)
    where.earned("grid", 10)
    assert refused(Limits(max_controller_drawdown=20), intent(), where, controller="grid") == "max_controller_drawdown"
    assert refused(Limits(max_controller_drawdown=20), intent(), where, controller="other") == ""
    where.earned_together(5)
    where.earned_together(-5)
    assert refused(Limits(max_total_drawdown=10), intent(), where) == "max_total_drawdown"


def test_the_breaker_trips_after_oddities_within_a_minute_and_is_set_back_by_resume():
    where, most = standing(held="1"), Limits(max_oddities=2)
    where.oddity(NOW, 2)
    where.oddity(NOW + 70_000, 2)
    assert not where.is_tripped
    where.oddity(NOW + 71_000, 2)
    assert refused(most, intent(), where) == "max_oddities"
    assert refused(most, intent(SELL), where) == ""
    where.resume()
    assert refused(most, intent(), where) == ""


def test_a_paused_run_opens_nothing_and_still_closes():
    where = standing(held="1")
    where.pause()
    assert refused(Limits(), intent(), where) == "pause"
    assert refused(Limits(), intent(SELL), where) == ""
    assert Gate(Limits()).opens(where).limit == "pause"
    where.resume()
    assert refused(Limits(), intent(), where) == ""


def test_closing_more_than_is_held_is_no_reduction():
    where = standing(held="1")
    where.pause()
    assert refused(Limits(), intent(SELL, "1.1"), where) == "pause"
    where.sent(intent(SELL, "0.5", name="first"), NOW)
    assert refused(Limits(), intent(SELL, "0.6"), where) == "pause"
    assert refused(Limits(), intent(SELL, "0.6", reduce_only=True), where) == ""


@pytest.mark.parametrize(
    ("limits", "equities", "limit"),
    [
        (Limits(kill_loss=0.1), (1_000, 901), None),
        (Limits(kill_loss=0.1), (1_000, 900), "kill_loss"),
        (Limits(kill_profit=0.1), (1_000, 1_099), None),
        (Limits(kill_profit=0.1), (1_000, 1_100), "kill_profit"),
        (Limits(kill_trailing=0.2), (1_000, 2_000, 1_601), None),
        (Limits(kill_trailing=0.2), (1_000, 2_000, 1_600), "kill_trailing"),
        (Limits(), (1_000, 1), None),
    ],
)
def test_the_kill_switch_falls_on_loss_on_profit_and_on_the_fall_from_the_peak(limits, equities, limit):
    where = standing()
    for equity in equities:
        where.worth(float(equity), NOW)
    alarm = Gate(limits).alarm(where)
    assert (alarm and alarm.limit) == limit


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"max_order_notionl": 5}, "there is no limit 'max_order_notionl'"),
        ({"max_position": -1}, "`max_position` is -1"),
        ({"max_drawdown": 20}, "`max_drawdown` is 20"),
        ({"max_exposure": float("nan")}, "`max_exposure` is"),
    ],
)
def test_a_mistyped_limit_is_a_sentence(given_, said):
    with pytest.raises(ConfigError, match=said):
        Limits(**given_)


def test_limits_go_through_json_and_come_back_the_same():
    limits = Limits(max_position={BTC: "0.3"}, max_order_notional=0.1, keep={"USDT": 5})
    assert Limits.model_validate_json(limits.model_dump_json()) == limits


# --- properties ------------------------------------------------------------------------------------------------------

AMOUNTS = st.decimals("0.01", "5", places=2)
PRICES = st.decimals("80", "120", places=1)
SIDES = st.sampled_from([BUY, SELL])
BOUNDS = Limits(
    max_order_amount=3, max_order_notional=300, price_band=0.15, max_position=6, max_exposure=700,
    max_orders_per_minute=8, keep={"USDT": 50}, max_daily_loss=200, max_drawdown=0.3, max_oddities=3,
)  # fmt: skip
EVENTS = st.one_of(
    st.tuples(st.just("ask"), SIDES, AMOUNTS, PRICES, st.sampled_from([OrderKind.LIMIT, OrderKind.MARKET])),
    st.tuples(st.just("fill"), st.integers(0, 20), st.decimals("0.1", "1", places=1)),
    st.tuples(st.just("end"), st.integers(0, 20)),
    st.tuples(st.just("price"), PRICES),
    st.tuples(st.just("worth"), st.integers(600, 1_500)),
    st.tuples(st.just("odd")),
    st.tuples(st.just("pause"), st.booleans()),
    st.tuples(st.just("free"), st.integers(0, 2_000)),
    st.tuples(st.just("wait"), st.integers(1, 40_000)),
)


class Driver:
    """A venue and a session in ten lines: what the gate lets through rests, and is filled as the events say."""

    def __init__(self) -> None:
        self.where, self.now, self.count, self.intents = standing(), NOW, 0, {}
        self.log, self.answers = [], []
        self.where.has({"USDT": Decimal(1_000)})

    def step(self, event) -> None:
        match event:
            case ("ask", side, amount, price, kind):
                self.ask(side, amount, price if kind == OrderKind.LIMIT else None, kind)
            case ("fill", at, share) if self.where.resting:
                name = sorted(self.where.resting)[at % len(self.where.resting)]
                amount = self.where.resting[name].left * share
                if amount:
                    self.where.filled(name, replace(fill(self.intents[name].side, amount), trade_id=str(len(self.log))))
            case ("end", at) if self.where.resting:
                self.where.ended(sorted(self.where.resting)[at % len(self.where.resting)])
            case ("price", price):
                self.where.heard(BTC, price, self.now)
            case ("worth", equity):
                self.where.worth(float(equity), self.now)
            case ("odd",):
                self.where.oddity(self.now, BOUNDS.max_oddities)
            case ("pause", on):
                self.where.pause() if on else self.where.resume()
            case ("free", amount):
                self.where.has({"USDT": Decimal(amount)})
            case ("wait", span):
                self.now += span
        self.log.append(event)

    def ask(self, side, amount, price, kind) -> None:
        self.count += 1
        asked = Intent(f"o{self.count:03}", BTC, side, kind, amount, price)
        answer = Gate(BOUNDS).approve(asked, self.where, now_ms=self.now)
        reduces = self.where.reduces(asked)
        self.answers.append((asked, answer, reduces))
        if answer is None:
            self.check(asked, reduces)
            self.intents[asked.client_id] = asked
            self.where.sent(asked, self.now)
        elif reduces:
            assert answer.limit == "max_orders_per_minute"

    def check(self, asked, reduces) -> None:
        """Reckoned here a second time, from what the test itself knows."""
        where = self.where
        recent = [sent for sent in where.sent_ms if sent > self.now - 60_000]
        assert len(recent) < BOUNDS.max_orders_per_minute
        if reduces:
            return
        last, at = where.prices[BTC]
        price = asked.price or last
        held = where.held.get((BTC, 0), Decimal(0))
        same = sum((o.left for o in where.resting.values() if o.side == asked.side), Decimal(0))
        after = abs(held + asked.side * (same + asked.amount))
        assert self.now - at <= 5_000
        assert not where.is_paused
        assert not where.is_tripped
        assert asked.amount <= 3
        assert asked.amount * price <= 300
        assert abs(price - last) <= Decimal("0.15") * last
        assert after <= 6
        assert after * min(price, last) <= 700
        if where.equity:
            assert where.day_equity - where.equity.now < 200
            assert where.equity.now > where.equity.peak * (1 - 0.3 - 1e-12)


@settings(max_examples=300)
@given(st.lists(EVENTS, max_size=40))
def test_nothing_passes_that_breaks_a_limit_and_what_reduces_always_does(events):
    driver = Driver()
    for event in events:
        driver.step(event)


@settings(max_examples=150)
@given(st.lists(EVENTS, max_size=30), st.integers(0, 30))
def test_told_the_same_again_the_gate_stands_and_answers_the_same(events, cut):
    once = Driver()
    for event in events:
        once.step(event)
    again = Driver()
    for event in events[:cut]:
        again.step(event)
    again.where = copy.deepcopy(again.where)  # a snapshot
    for event in events[cut:]:
        again.step(event)
    assert again.where == once.where
    assert again.answers == once.answers


@settings(max_examples=200)
@given(held=st.decimals("-5", "5", places=2), amount=AMOUNTS, side=SIDES, price=PRICES)
def test_with_everything_against_it_a_reduction_passes(held, amount, side, price):
    where = standing(held=str(held))
    where.worth(1_000, NOW)
    where.worth(1, NOW)
    where.has({"USDT": Decimal(0)})
    where.pause()
    asked = intent(side, str(amount), price=str(price))
    shrinks = held * side < 0 and amount <= abs(held)
    answer = Gate(BOUNDS).approve(asked, where, now_ms=NOW + DAY)
    assert (answer is None) == shrinks
