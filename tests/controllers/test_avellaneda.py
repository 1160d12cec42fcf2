"""Avellaneda and Stoikov's maker: the published table, and its quotes by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

import workbench as wb
from tests.controllers.made import bars, wandering
from tests.controllers.table_one import BOTS, is_within, outcome, path
from workbench.controllers import AvellanedaMarketMaking
from workbench.errors import ConfigError
from workbench.market import TARGET
from workbench.trading import VIEW

# A path has 200 steps; 1,000 of them are what the paper made, and what the command in `table_one` makes by default.
PATHS, SEED = 1000, 0
EDGE = math.log1p(0.1 / 1.5) / 0.1


@pytest.mark.parametrize("strategy", BOTS)
def test_table_one_of_the_paper_comes_out_of_the_engine(strategy):
    figures = outcome(strategy, PATHS, SEED).figures
    assert is_within(strategy, figures), figures


def test_spread_of_the_paper_is_149_on_average():
    bot, tape = BOTS["inventory"], path(0)
    step = bot.step(tape)
    assert (bot.edge * 2 + step[:200]).mean() == pytest.approx(1.49, abs=0.01)
    assert BOTS["symmetric"].edge * 2 + BOTS["symmetric"].step(tape) == pytest.approx(1.49, abs=0.01)


def quotes(bot: AvellanedaMarketMaking, position: float, *, row: int = -1) -> tuple[float, float]:
    """Bid and ask at the close of a bar at 100, with a position; NaN for a quote that is withdrawn."""
    tape = bars([100.0] * 5, start=0)
    columns = [np.asarray(one, np.float64) for one in bot.columns(tape)]
    numbers = np.array([one if one.ndim == 0 else one[row] for one in columns])
    world, out = np.zeros(1, VIEW), np.zeros(2, TARGET)
    world["position"], world["last"] = position, 100.0
    type(bot).decide.py_func(numbers, world.view(np.recarray)[0], out.view(np.recarray))
    bid, ask = (price if size > 0 else math.nan for price, size in zip(out["price"], out["size"], strict=True))
    return bid, ask


def test_quotes_lie_around_the_reservation_price_with_the_optimal_spread():
    """Two minutes into a session of 200, one unit held: r = 100 − 1·0.1·4·0.99, spread = 0.1·4·0.99 + 2·edge."""
    bid, ask = quotes(BOTS["inventory"], 1.0, row=1)
    left = 0.1 * 4.0 * 0.99
    assert (bid + ask) / 2 == pytest.approx(100.0 - left)
    assert ask - bid == pytest.approx(left + 2 * EDGE)


def test_symmetric_strategy_does_not_look_at_what_it_holds():
    assert quotes(BOTS["symmetric"], 0.0) == quotes(BOTS["symmetric"], 5.0)


def test_session_begins_anew_when_it_is_over():
    bot = AvellanedaMarketMaking(volatility=2.0, horizon="4m")
    assert bot.step(bars([100.0] * 5, start=0)).tolist() == pytest.approx([0.3, 0.2, 0.1, 0.4, 0.3])


# Guéant, Lehalle and Fernandez-Tapia's figures: sigma 0.3 tick/√s, A 0.9/s, k 0.3/tick, gamma 0.01.
STATIONARY = AvellanedaMarketMaking(
    mode="stationary", volatility=0.3, intensity=0.9, depth=0.3, risk_aversion=0.01, horizon="1s"
)


def test_stationary_quotes_are_those_of_the_closed_form():
    assert STATIONARY.edge == pytest.approx(3.2790, abs=1e-4)
    assert STATIONARY.step(bars([100.0])) == pytest.approx(0.0679, abs=1e-4)
    bid, ask = quotes(STATIONARY, 0.0)
    assert (100.0 - bid, ask - 100.0) == (pytest.approx(3.3129, abs=1e-4), pytest.approx(3.3129, abs=1e-4))


@pytest.mark.parametrize("held", [-3.0, 1.0, 4.0])
def test_stationary_quotes_move_by_a_step_for_each_unit_held(held):
    """delta_b(q) = edge + (2q + 1)/2 · R and delta_a(q) = edge − (2q − 1)/2 · R."""
    bid, ask = quotes(STATIONARY, held)
    slope = math.sqrt(0.09 * 0.01 / (2 * 0.3 * 0.9) * (1 + 0.01 / 0.3) ** (1 + 0.3 / 0.01))
    assert 100.0 - bid == pytest.approx(math.log1p(0.01 / 0.3) / 0.01 + (2 * held + 1) / 2 * slope)
    assert ask - 100.0 == pytest.approx(math.log1p(0.01 / 0.3) / 0.01 - (2 * held - 1) / 2 * slope)


@pytest.mark.parametrize("held", [-2.0, 0.0, 1.0])
def test_endless_quotes_are_those_of_the_paper(held):
    """r_a = s + ln(1 + (1 − 2q)γ²σ²/(2ω − γ²q²σ²))/γ with ω = γ²σ²(q_max + 1)²/2, here γ 0.1, σ 2, q_max 5."""
    bid, ask = quotes(AvellanedaMarketMaking(mode="infinite", most=5, volatility=2.0), held)
    risk = 0.1**2 * 2.0**2
    room = risk * 36 - risk * held**2
    assert ask == pytest.approx(100.0 + math.log(1 + (1 - 2 * held) * risk / room) / 0.1 + EDGE)
    assert bid == pytest.approx(100.0 + math.log(1 + (-1 - 2 * held) * risk / room) / 0.1 - EDGE)


def test_side_that_leads_too_far_away_is_withdrawn():
    bot = AvellanedaMarketMaking(volatility=2.0, most=3)
    assert math.isnan(quotes(bot, 3.0)[0])
    assert not math.isnan(quotes(bot, 3.0)[1])
    assert math.isnan(quotes(bot, -3.0)[1])
    assert not math.isnan(quotes(bot.vary(target=1.0), 3.0)[0])


def test_no_more_is_asked_than_is_held_where_shorts_cannot_be():
    assert math.isnan(quotes(AvellanedaMarketMaking(volatility=2.0, may_short=False), 0.0)[1])


def test_least_spread_keeps_quotes_away_from_mid():
    bid, ask = quotes(AvellanedaMarketMaking(volatility=2.0, min_spread=0.05), 3.0)
    assert (bid, ask) == pytest.approx((95.0, 105.0))


def test_quotes_stay_for_the_refresh():
    result = wb.backtest(
        AvellanedaMarketMaking(volatility=2.0, depth=100.0, refresh="5m", aware=False),
        bars(np.arange(100.0, 120.0), start=0), account="margin", log_quotes=True, audit=False, fees=0.0,
    )  # fmt: skip
    asked = np.unique(np.concatenate([result.tape.orders, result.tape.world["orders"][0]])["created_row"])
    assert set(asked.tolist()) <= {0, 4, 9, 14, 19}


def test_volatility_is_measured_on_closes_and_warm_after_its_length():
    bot, tape = AvellanedaMarketMaking(length=10, horizon="1h"), wandering(40, seed=3)
    variance = bot.variance(tape)
    assert np.isnan(variance[:10]).all()
    assert variance[10] == pytest.approx(60 * np.var(np.diff(tape.close[:11])))


def test_made_market_is_made_without_the_future():
    bot = AvellanedaMarketMaking(risk_aversion=0.01, depth=0.05, amount=0.01, length=100, may_short=False)
    result = wb.backtest(bot, wandering(5_000, seed=1), cash=100_000, fees=1e-4)
    assert result.audit.clean, str(result.audit)
    assert len(result.fills) > 10
    assert result.refusals.is_empty()


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"mode": "stationary"}, '`mode` is "stationary" and `intensity` None'),
        ({"mode": "infinite"}, '`mode` is "infinite" and `most` None'),
        ({"horizon": 0}, "Give a time above 0"),
        ({"risk_aversion": 0}, "above 0"),
    ],
)
def test_impossible_terms_are_refused(terms, sentence):
    with pytest.raises(ConfigError) as caught:
        AvellanedaMarketMaking(**terms)
    assert sentence in str(caught.value)
