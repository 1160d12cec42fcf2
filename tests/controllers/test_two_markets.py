"""Strategies of two markets, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import workbench as wb
from tests.controllers.made import PERPETUAL, bars, wandering
from workbench.controllers import Arbitrage, SpotPerpetualArbitrage, StatArb, Xemm
from workbench.errors import ConfigError

FREE: dict[str, Any] = {"fees": 0.0, "account": "margin", "leverage": 3.0, "audit": False}
HERE, THERE = "here BTC/USDT", "there BTC/USDT"


def both(here, there, **given):
    """One instrument on two venues."""
    return [bars(here, venue="here", **given), bars(there, venue="there")]


def test_both_directions_are_taken_and_earn_the_difference():
    """Bought here at 100 and sold there at 105; five minutes later the other way round."""
    bot = Arbitrage(second=THERE, amount=1.0, min_profit=0.01)
    result = wb.backtest(bot, both([100, 100, 100, 105, 105, 105], [105, 105, 105, 100, 100, 100]), **FREE)
    done = result.executors.filter(result.executors["close_type"] == "completed")
    assert done["side"].to_list()[:2] == [1, -1]
    assert result.fills["side"].to_list()[:4] == [1, -1, -1, 1]


def test_imbalance_ends_one_way_trades():
    tape = both([100.0] * 12, [105.0] * 12)
    for imbalance, trades in ((1.0, 1), (3.0, 3)):
        bot = Arbitrage(second=THERE, amount=1.0, min_profit=0.01, imbalance=imbalance, delay=0)
        result = wb.backtest(bot, tape, **FREE)
        assert result.executors["close_type"].to_list().count("completed") == trades
        done = result.executors.filter(result.executors["close_type"] == "completed")
        assert done["pnl"].to_list() == pytest.approx([5.0] * trades)


def test_difference_that_does_not_pay_is_left_alone():
    bot = Arbitrage(second=THERE, amount=1.0, min_profit=0.06)
    assert wb.backtest(bot, both([100.0] * 5, [105.0] * 5), **FREE).fills.is_empty()


def test_level_rests_where_a_fill_and_its_hedge_earn_the_target():
    """The taker pays 100: a bid for 1 % lies at 100 / 1.01. It fills, and is hedged at 100 at the next open."""
    bot = Xemm(second=THERE, buy_levels=((0.01, 1.0),), sell_levels=(), total=100)
    result = wb.backtest(bot, both([100.0] * 6, [100.0] * 6, low=[100, 100, 98.9, 100, 100, 100]), **FREE)
    assert result.fills["price"].to_list() == pytest.approx([100 / 1.01, 100.0])
    assert result.fills["side"].to_list() == [1, -1]
    assert result.equity["equity"][-1] - 10_000 == pytest.approx(100.0 - 100.0 / 1.01)


def test_levels_share_the_total_and_stop_at_the_imbalance():
    bot = Xemm(second=THERE, buy_levels=((0.01, 1.0), (0.02, 3.0)), sell_levels=(), total=100, imbalance=1.0)
    tape = both([100.0] * 12, [100.0] * 12, low=[100, 100, 97, *[100.0] * 3, 97, *[100.0] * 5])
    result = wb.backtest(bot, tape, **FREE)
    bought = result.fills.filter(result.fills["side"] == 1)
    assert sorted(bought["amount"].to_list()) == pytest.approx([0.25, 0.75])
    assert bot.vary(imbalance=None).columns(dict(zip("ab", tape, strict=True)))[2] == np.inf


def test_carry_opens_at_a_premium_and_closes_when_it_is_gone():
    """Spot at 100 and the perpetual at 102, later both at 103: 2 are earned, whatever the price did."""
    tape = [
        bars([100.0, 100, 100, 103, 103, 103, 103]),
        bars([102.0, 102, 102, 103, 103, 103, 103], instrument=PERPETUAL),
    ]
    bot = SpotPerpetualArbitrage(second=PERPETUAL, amount=1.0, delay="1h")
    result = wb.backtest(bot, tape, **FREE)
    assert result.fills["side"].to_list() == [1, -1, -1, 1]
    assert result.equity["equity"][-1] - 10_000 == pytest.approx(2.0)
    assert result.equity["exposure"][-1] == pytest.approx(0.0)


def test_cheap_perpetual_is_left_alone_unless_spot_may_be_short():
    tape = [bars([102.0] * 6), bars([100.0] * 6, instrument=PERPETUAL)]
    bot = SpotPerpetualArbitrage(second=PERPETUAL, amount=1.0)
    assert wb.backtest(bot, tape, **FREE).fills.is_empty()
    assert wb.backtest(bot.vary(reverse=True), tape, **FREE).fills["side"].to_list() == [-1, 1]


def pair(shift):
    """Two prices of which the first is the second, a little noise and a shift."""
    rng = np.random.default_rng(4)
    second = 100.0 * np.exp(np.cumsum(rng.normal(0, 1e-3, len(shift))))
    first = second * np.exp(rng.normal(0, 1e-4, len(shift)) + np.asarray(shift))
    eth = bars(second, instrument="ETH/USDT:USDT")
    return [bars(first, instrument=PERPETUAL), eth]


def test_dear_leg_is_sold_and_both_are_closed_when_they_meet():
    shift = np.zeros(80)
    shift[60:65] = 0.004
    result = wb.backtest(StatArb(length=50, total=2_000, entry_z=5.0, exit_z=0.5), pair(shift), **FREE)
    assert result.fills["instrument"].to_list()[:2] == [PERPETUAL, "ETH/USDT:USDT"]
    assert result.fills["side"].to_list()[:2] == [-1, 1]
    assert result.executors["close_type"].to_list()[:2] == ["early_stop", "early_stop"]
    assert result.executors["pnl"].to_list()[0] + result.executors["pnl"].to_list()[1] > 0.0


def test_leg_that_is_left_alone_is_closed():
    """The first leg is stopped out; the second one follows at the next open."""
    shift = np.zeros(80)
    shift[60:] = 0.004 + 0.01 * np.arange(20)
    result = wb.backtest(
        StatArb(length=50, total=2_000, entry_z=5.0, stop_loss=0.02, cooldown="1d"), pair(shift), **FREE
    )
    assert result.executors["close_type"].to_list() == ["stop_loss", "early_stop"]


def test_pair_that_came_apart_is_given_up():
    """Row 60 has a score of 5.2 and row 61 one of 6.8; without a stop the legs meet again in row 75."""
    shift = np.zeros(80)
    shift[60:] = [0.0009, *[0.004] * 19]
    bot = StatArb(length=50, total=2_000, entry_z=4.0, stop_loss=None, cooldown="1d")
    assert wb.backtest(bot, pair(shift), **FREE).fills["row"].to_list() == [61, 61, 76, 76]
    assert wb.backtest(bot.vary(stop_z=6.0), pair(shift), **FREE).fills["row"].to_list() == [61, 61, 62, 62]


TWO = {
    "arbitrage": Arbitrage(second=THERE, amount=0.1, min_profit=0.0005, imbalance=3.0),
    "xemm": Xemm(second=THERE, buy_levels=((0.001, 1.0),), sell_levels=((0.001, 1.0),), total=1000, min_profit=0.0005),
    "stat_arb": StatArb(length=100, total=1000),
}


@pytest.mark.parametrize("name", TWO)
def test_made_markets_are_traded_without_the_future(name):
    here = wandering(3_000, seed=1, venue="here")
    rng = np.random.default_rng(9)
    near = [values * np.exp(rng.normal(0, 6e-4, 3_000)) for values in (here.open, here.close)]
    high, low = np.maximum(*near) * 1.0005, np.minimum(*near) * 0.9995
    there = wb.Candles.from_arrays(
        here.time, near[0], high, low, near[1], here.volume, timeframe="1m", venue="there", instrument="BTC/USDT"
    )
    result = wb.backtest(TWO[name], [here, there], cash=100_000, fees=0.0, account="margin")
    assert result.audit.clean, str(result.audit)
    assert len(result.fills) > 10


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Arbitrage(), "Arbitrage needs `second`"),
        (lambda: Xemm(second=THERE, buy_levels=(), sell_levels=()), "0 levels"),
        (lambda: SpotPerpetualArbitrage(second="x", min_opening=0.001, min_closing=-0.001), "together earn nothing"),
        (lambda: StatArb(exit_z=3.0), "They must be in this order"),
        (lambda: StatArb(stop_z=1.0), "They must be in this order"),
    ],
)
def test_impossible_parameters_are_refused(make, sentence):
    with pytest.raises(ConfigError) as caught:
        make()
    assert sentence in str(caught.value)


@pytest.mark.parametrize("bot", [Arbitrage(second=THERE), StatArb()])
def test_one_market_is_refused(bot):
    with pytest.raises(ConfigError, match=r"two markets and was given 1|no instrument"):
        wb.backtest(bot, bars([100.0] * 5, venue="here"), audit=False)
