"""Orders in recorded books: numbers by hand, a slow engine of the same rules, and what must always hold."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.errors import ConfigError
from workbench.market import OrderKind

from .book_bots import Buys, Joins, Ladder, Once
from .made_books import BUY, SELL, START_MS, Script, wandering
from .slow_book import filled

NO_FEES = wb.Fees(0.0, 0.0)
MODELS = {"touch": "touch", "through": "through", "queue": wb.QueuePosition(1.0)}


def run(bot, script, **terms):
    given = script if isinstance(script, list) else [script]
    recordings = [one.recording() for one in given]
    terms = {"cash": 1_000_000.0, "account": "margin", "leverage": 10.0, "fees": NO_FEES, "step": "100ms"} | terms
    return wb.backtest(bot, recordings, audit=False, **terms)


def fills(result):
    """Milliseconds after the start, price, amount, and whether as maker, of each fill."""
    frame = result.fills
    ms = frame["time"].dt.epoch("ms") - START_MS
    prices = [round(price, 9) for price in frame["price"]]
    return list(zip(ms, prices, [round(one, 9) for one in frame["amount"]], frame["maker"], strict=True))


def quiet(**terms):
    """A book that nothing happens in until 1,000 ms: 5 wanted at 100.0, 4 offered at 100.1."""
    return Script({100.0: 5.0, 99.9: 7.0}, {100.1: 4.0, 100.2: 6.0}, **terms)


# The queue ---------------------------------------------------------------------------------------------------------


def test_trades_take_from_the_front_of_the_queue():
    script = quiet().trade(300, 100.0, 4.0, SELL).change(300, bids={100.0: 1.0})
    script.trade(400, 100.0, 1.5, SELL).change(400, bids={100.0: 0.0}).trade(500, 100.0, 0.5, SELL)
    script.change(1000, asks={100.2: 5.0})
    assert fills(run(Once(), script, fill="queue")) == [(400, 100.0, 0.5, True), (500, 100.0, 0.5, True)]
    assert fills(run(Once(), script, fill="touch")) == [(300, 100.0, 1.0, True)]
    assert fills(run(Once(), script, fill="through")) == []


def test_cancels_are_shared_between_those_before_and_those_behind():
    # 5 before us, then 5 more behind, of which and of those 4 cancel: half of them before us, with a power of 1.
    script = quiet().change(300, bids={100.0: 10.0}).change(400, bids={100.0: 6.0})
    script.trade(500, 100.0, 3.5, SELL).change(500, bids={100.0: 2.5}).change(1000, asks={100.2: 5.0})
    assert fills(run(Once(), script, fill="queue")) == [(500, 100.0, 0.5, True)]
    assert fills(run(Once(), script, fill=wb.QueuePosition(None))) == []


def test_whoever_is_careful_waits_for_trades_but_not_longer_than_the_queue():
    script = quiet().change(300, bids={100.0: 0.5}).trade(400, 100.0, 0.7, SELL).change(1000, asks={100.2: 5.0})
    assert fills(run(Once(), script, fill=wb.QueuePosition(None))) == [(400, 100.0, 0.2, True)]


def test_a_price_that_nobody_is_at_has_no_queue():
    script = Script({100.0: 5.0}, {100.5: 4.0}).trade(300, 100.2, 0.4, SELL).change(1000, asks={100.6: 5.0})
    assert fills(run(Once(price=100.2), script, fill="queue")) == [(300, 100.2, 0.4, True)]


def test_a_trade_beyond_our_price_fills_with_what_it_took():
    script = quiet().trade(300, 99.9, 0.25, SELL).trade(400, 99.9, 3.0, SELL).change(1000, asks={100.2: 5.0})
    for model in ("through", "queue", "touch"):
        assert fills(run(Once(), script, fill=model)) == [(300, 100.0, 0.25, True), (400, 100.0, 0.75, True)]


def test_a_book_that_comes_to_our_price_has_filled_us():
    script = quiet().change(300, bids={100.0: 0.0}, asks={100.0: 2.0}).change(1000, asks={100.2: 5.0})
    assert fills(run(Once(), script, fill="queue")) == [(300, 100.0, 1.0, True)]
    assert fills(run(Once(), script, fill="through")) == []


def test_one_trade_is_not_given_out_twice():
    """The better of two prices is served first, and the other gets what is left."""
    script = quiet().trade(300, 99.8, 1.5, SELL).change(1000, asks={100.2: 5.0})
    assert fills(run(Ladder(), script, fill="touch")) == [(300, 100.0, 1.0, True), (300, 99.9, 0.5, True)]


# Latency -----------------------------------------------------------------------------------------------------------


def test_an_order_meets_the_book_of_its_arrival():
    script = quiet().change(150, asks={100.1: 0.0, 100.0: 3.0}, bids={100.0: 0.0}).change(1000, asks={100.2: 5.0})
    at_once = run(Once(kind=int(OrderKind.POST_ONLY)), script, fill="queue")
    late = run(Once(kind=int(OrderKind.POST_ONLY)), script, fill="queue", latency=wb.Latency(submit_ms=60))
    assert at_once.orders["status"].to_list() == ["filled"]
    assert fills(at_once) == [(150, 100.0, 1.0, True)]
    assert late.orders.select("status", "reason").rows() == [("rejected", "would_take")]
    crossing = run(Once(), script, fill="queue", latency=wb.Latency(submit_ms=60))
    assert fills(crossing) == [(160, 100.0, 1.0, False)]


def test_an_order_fills_until_its_cancel_arrives():
    script = quiet().trade(250, 100.0, 0.3, SELL).trade(310, 100.0, 0.3, SELL).change(1000, asks={100.2: 5.0})
    bot = Once(until=1)
    assert fills(run(bot, script, latency=wb.Latency(cancel_ms=100))) == [(250, 100.0, 0.3, True)]
    assert fills(run(bot, script, latency=wb.Latency(cancel_ms=111))) == [
        (250, 100.0, 0.3, True), (310, 100.0, 0.3, True)
    ]  # fmt: skip
    assert fills(run(bot, script)) == []


def test_the_bot_knows_what_it_has_heard_of():
    # The bid goes up to 100.08 at 350; we hear of it 200 ms later, and at the close of row 5.
    script = Script({100.0: 5.0}, {100.1: 4.0}, late_ms=200, tick=0.01).trade(50, 100.1, 0.1, BUY)
    script.change(350, bids={100.08: 1.0}).change(1000, asks={100.2: 5.0}).change(1500, asks={100.2: 5.0})
    prompt, late = (script.recording(feed_ms=ms).candles("100ms") for ms in (0, 200))
    assert prompt.time[prompt.close > 100.05][0] - START_MS == 300
    assert late.time[late.close > 100.05][0] - START_MS == 500


# Takers ------------------------------------------------------------------------------------------------------------


def test_a_market_order_takes_level_by_level():
    result = run(Buys(amount=7.0), quiet().change(1000, asks={100.2: 5.0}), fees=wb.Fees(0.0, 0.001))
    assert fills(result) == [(100, 100.1, 4.0, False), (100, 100.2, 3.0, False)]
    assert result.fills["fee"].sum() == pytest.approx((4 * 100.1 + 3 * 100.2) * 0.001, rel=1e-12)


def test_a_market_order_ends_where_the_book_does():
    result = run(Buys(amount=11.0), quiet().change(1000, asks={100.2: 5.0}))
    assert [amount for _, _, amount, _ in fills(result)] == [4.0, 6.0]
    assert result.orders.select("status", "reason", "filled").rows() == [("cancelled", "no_price", 10.0)]


def test_the_rest_of_a_crossing_limit_rests():
    script = quiet().trade(400, 100.1, 1.5, SELL).change(1000, asks={100.2: 5.0})
    assert fills(run(Once(price=100.1, amount=5.0), script, fill="touch"))[0] == (100, 100.1, 4.0, False)
    result = run(Once(price=100.1, amount=5.0), script.change(1100, asks={100.1: 0.0}), fill="touch")
    assert result.orders["status"].to_list() == ["filled"]


def test_a_stop_loss_is_met_when_we_have_heard_of_the_price():
    script = quiet().change(320, bids={100.0: 0.0, 99.9: 0.0, 98.0: 9.0}, asks={100.1: 0.0, 98.5: 3.0})
    script.change(1000, asks={100.2: 5.0})
    result = run(Buys(stop_loss=0.01), script, latency=wb.Latency(submit_ms=20, report_ms=30))
    assert [(ms, price) for ms, price, _, _ in fills(result)] == [(120, 100.1), (340, 98.0)]
    assert result.executors["close_type"].to_list() == ["stop_loss"]


# What must always hold ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("model", MODELS)
def test_an_order_gets_what_a_slow_engine_says(seed, model):
    rng = np.random.default_rng(seed)
    script, side = wandering(seed, 250), int(rng.choice((1, -1)))
    at, submit_ms = int(rng.integers(0, 20)), int(rng.integers(0, 150))
    price, amount = round(100.0 + 0.1 * int(rng.integers(-4, 5)), 1), float(rng.integers(1, 30))
    power = (0.5, 1.0, 2.0, None)[seed % 4]
    fill = wb.QueuePosition(power) if model == "queue" else model
    bot = Once(price=price, amount=amount, side=side, at=at)
    ours = fills(run(bot, script, fill=fill, latency=wb.Latency(submit_ms=submit_ms)))
    arrives = 100 * (at + 1) + submit_ms
    terms = {"price": price, "amount": amount, "side": side, "model": model, "power": power}
    theirs = filled(script, arrives_ms=arrives, **terms)
    assert ours == [(ms, price, pytest.approx(amount, abs=1e-8), maker) for ms, price, amount, maker in theirs]


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), side=st.sampled_from((1, -1)), away=st.integers(-3, 3), power=st.floats(0.1, 5.0))
def test_traded_through_is_in_queue_is_in_touch(seed, side, away, power):
    """At every moment, whatever the order: no model that is less hopeful has filled more."""
    script, bot = wandering(seed, 150), Once(price=round(100.0 - 0.1 * side * away, 1), amount=12.0, side=side)
    got = [fills(run(bot, script, fill=model)) for model in ("through", wb.QueuePosition(power), "touch")]
    for less, more in pairwise(got):
        for moment in {ms for ms, *_ in less}:
            had = [sum(amount for ms, _, amount, _ in one if ms <= moment) for one in (less, more)]
            assert had[0] <= had[1] + 1e-9


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), model=st.sampled_from(tuple(MODELS)), fee=st.floats(-0.0005, 0.002))
def test_money_is_conserved(seed, model, fee):
    scripts = [wandering(seed, 200), wandering(seed + 1, 200, symbol="ETH/USDT")]
    result = run(
        Joins(markets=2), scripts, fill=MODELS[model], fees=wb.Fees(fee, 0.001), latency=wb.Latency(submit_ms=7)
    )
    frame, world = result.fills, result.tape.world[0]
    spent = (frame["side"] * frame["price"] * frame["amount"]).sum() + frame["fee"].sum()
    held = [(frame.filter(instrument=name)["side"] * frame.filter(instrument=name)["amount"]).sum()
            for name in ("BTC/USDT", "ETH/USDT")]  # fmt: skip
    assert world["purses"][0]["quote"] == pytest.approx(1_000_000.0 - spent, abs=1e-6)
    assert world["markets"]["position"][:2] == pytest.approx(held, abs=1e-9)
    value = sum(one * last for one, last in zip(held, world["markets"]["last"], strict=False))
    assert result.tape.equity[-1] == pytest.approx(1_000_000.0 - spent + value, abs=1e-6)


def test_a_run_is_the_same_again_and_from_its_card():
    result = run(Joins(), wandering(3), fill="queue", latency=wb.Latency(submit_ms=7, cancel_ms=9, report_ms=3))
    assert len(result.fills) > 10
    again = wb.rerun(result.card)
    assert again.card["result"] == result.card["result"]
    assert result.card["recordings"][0]["fingerprint"] == result.feeds.recordings[0].fingerprint


def test_a_result_shows_itself_though_its_bars_are_short(tmp_path):
    result = run(Joins(), wandering(4, 2_000), fill="queue", step="10ms")
    assert "Win rate" in str(result.summary())
    assert result.report(tmp_path / "book.html").stat().st_size > 10_000
    assert result.plot() is not None
    assert str(result.why(int(result.bars.time[5])))
    assert result.candles["BTC/USDT"].resample("50ms").timeframe_ms == 50
    assert result.candles["BTC/USDT"].resample("1s").volume.sum() == pytest.approx(
        result.candles["BTC/USDT"].volume.sum()
    )


# Bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ({"slippage": 0.001}, "`slippage` is for candles"),
        ({"participation": 0.1}, "`participation` is for candles"),
        ({"path": "best"}, "`path` is for candles"),
        ({"fill": wb.Queue(0.5)}, "Queue is a chance per bar"),
        ({"fill": "hope"}, "`fill` is 'hope'"),
        ({"step": "soon"}, "'soon' is no"),
        ({"step": "10s"}, "shorter than two bars of 10s"),
    ],
)
def test_terms_for_candles_are_refused(terms, says):
    with pytest.raises(wb.errors.WorkbenchError, match=says):
        run(Once(), quiet().change(1000, asks={100.2: 5.0}), **terms)


def test_a_place_in_the_queue_is_refused_on_candles():
    candles = wandering(1).recording().candles("1s")
    with pytest.raises(ConfigError, match="known in recorded books alone"):
        wb.backtest(Once(), candles, fill="queue")
    with pytest.raises(ConfigError, match="Give one kind"):
        wb.backtest(Once(), [candles, wandering(1).recording()])
    with pytest.raises(ConfigError, match="`power` is -1"):
        wb.QueuePosition(-1)
