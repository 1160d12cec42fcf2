from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workbench.controllers import Bollinger, Controller, MacdBollinger, SmaCross, SuperTrend, by_name, registry
from workbench.errors import ConfigError
from workbench.indicators import bollinger_position, macd
from workbench.market import Candles, Targets


def candles(close, high=None, low=None) -> Candles:
    close = np.array(close, np.float64)
    high, low = (close if values is None else np.array(values, np.float64) for values in (high, low))
    return Candles.from_arrays(60_000 * np.arange(len(close)), close, np.fmax(high, close), low, close, timeframe="1m")


def wandering(n_bars: int, seed: int) -> Candles:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.004, n_bars)))
    open_ = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(open_, close) * (1.0 + rng.exponential(0.002, n_bars))
    low = np.minimum(open_, close) * (1.0 - rng.exponential(0.002, n_bars))
    return Candles.from_arrays(60_000 * np.arange(n_bars), open_, high, low, close, timeframe="1m")


SHIPPED = {
    "sma_cross": SmaCross(fast=5, slow=12),
    "sma_cross_long": SmaCross(fast=3, slow=9, side="long", stop_loss=0.01),
    "bollinger": Bollinger(length=20, width=1.5, time_limit="45m"),
    "macd_bollinger": MacdBollinger(bb_length=20, bb_width=0.7, macd_fast=5, macd_slow=11, macd_signal=4),
    "supertrend": SuperTrend(length=7, multiplier=2.0, distance=0.02),
}


def row(targets: Targets, t: int) -> tuple:
    """One row of targets, bit for bit."""
    bits = {name: targets.column(name)[t].tobytes() for name in targets.columns}
    return targets.side[t].tobytes(), targets.exit[t].tobytes(), bits, targets.policy, targets.time_limit_ms


@pytest.mark.parametrize("name", SHIPPED)
def test_no_row_knows_the_bars_after_it(name):
    bot, tape = SHIPPED[name], wandering(400, seed=1)
    whole = bot.targets(tape)
    assert (whole.side != 0).any()
    for t in range(1, len(tape) + 1):
        assert row(bot.targets(tape[:t]), -1) == row(whole, t - 1)


@pytest.mark.parametrize("name", SHIPPED)
def test_scaled_prices_give_the_same_targets(name):
    bot, tape = SHIPPED[name], wandering(400, seed=2)
    doubled = Candles.from_arrays(tape.time, *(4.0 * values for values in tape.columns.values()), timeframe="1m")
    assert np.array_equal(bot.targets(doubled).side, bot.targets(tape).side)


@pytest.mark.parametrize("name", SHIPPED)
def test_both_sides_are_traded(name):
    if SHIPPED[name].side == "both":
        assert set(np.unique(SHIPPED[name].targets(wandering(2_000, seed=3)).side)) == {-1, 0, 1}


def test_too_few_candles_want_nothing():
    for bot in SHIPPED.values():
        assert not bot.targets(wandering(400, seed=1)[:3]).side.any()


# --- signals by hand -------------------------------------------------------------------------------------------------


def test_sma_cross_trades_in_the_row_of_the_cross():
    """Averages of 2: -, 9.5, 10, 11.5, 10; the closes are below, above, above, below."""
    assert SmaCross(fast=1, slow=2).signal(candles([10, 9, 11, 12, 8])).tolist() == [0, 0, 1, 0, -1]


def test_sma_cross_reverses_by_default_and_sets_no_barriers():
    targets = SmaCross(fast=1, slow=2).targets(candles([10, 9, 11, 12, 8]))
    assert targets.policy.close_on_opposite
    assert targets.policy.cooldown_ms == 0
    assert np.isnan(targets.column("stop_loss")).all()


def test_bollinger_buys_below_the_lower_band():
    """Mean 9, deviation √3: the lower band at width 1 is at 7.27, the upper at 10.73."""
    bot = Bollinger(length=4, width=1.0)
    assert bot.signal(candles([10, 10, 10, 6])).tolist() == [0, 0, 0, 1]
    assert bot.signal(candles([8, 8, 8, 12])).tolist() == [0, 0, 0, -1]
    assert bot.signal(candles([10, 10, 10, 10])).tolist() == [0, 0, 0, 0]


def test_bollinger_thresholds_move_the_point_of_action():
    """At width 1 the last close lies at (6 − 7.27) / 3.46 = −0.37 between its bands."""
    tape = candles([10, 10, 10, 6])
    assert Bollinger(length=4, width=1.0, buy_below=-0.36).signal(tape)[-1] == 1
    assert Bollinger(length=4, width=1.0, buy_below=-0.37).signal(tape)[-1] == 0


def test_macd_bollinger_needs_both_witnesses():
    bot, tape = SHIPPED["macd_bollinger"], wandering(3_000, seed=4)
    position = bollinger_position(tape.close, 20, 0.7)
    line, _, histogram = macd(tape.close, 5, 11, 4)
    expected = [
        1 if p < 0 and m < 0 and h > 0 else -1 if p > 1 and m > 0 and h < 0 else 0
        for p, m, h in zip(position, line, histogram, strict=True)
    ]
    assert bot.signal(tape).tolist() == expected
    assert 0 < np.count_nonzero(expected) < np.count_nonzero((position < 0) | (position > 1))


def test_supertrend_enters_near_its_line_only():
    """True ranges 2, 6, 5.5. Row 1: line 8, 20 % below the close. Row 2: turned, line 11, far above 5. Row 3: 10 %."""
    tape = candles([10, 10, 5, 10], high=[11, 11, 6, 10.5], low=[9, 9, 4, 9.5])
    assert SuperTrend(length=1, multiplier=1.0, distance=0.25).signal(tape).tolist() == [0, 1, 0, -1]
    assert SuperTrend(length=1, multiplier=1.0, distance=0.15).signal(tape).tolist() == [0, 0, 0, -1]


# --- parameters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: SmaCross(fast=30, slow=10), "`fast` is 30 and `slow` 10. `fast` must be below `slow`."),
        (lambda: SmaCross(fast=10, slow=10), "`fast` is 10 and `slow` 10."),
        (lambda: SmaCross().vary(slow=5), "SmaCross: `fast` is 10 and `slow` 5."),
        (lambda: MacdBollinger(macd_fast=50), "`macd_fast` is 50 and `macd_slow` 42."),
        (lambda: Bollinger(buy_below=1.5), "`buy_below` is 1.5 and `sell_above` 1."),
        (lambda: MacdBollinger(sell_above=-1), "`buy_below` is 0 and `sell_above` -1."),
        (lambda: SuperTrend(distance=1.5), "1.5 means 150 %"),
        (lambda: Bollinger(lenght=3), "did you mean `length`?"),
    ],
)
def test_impossible_parameters_are_refused(make, sentence):
    with pytest.raises(ConfigError) as caught:
        make()
    assert sentence in str(caught.value)


def test_defaults_are_those_of_the_books():
    macd_bot = MacdBollinger()
    assert (SmaCross().fast, SmaCross().slow) == (10, 30)
    assert (macd_bot.macd_fast, macd_bot.macd_slow, macd_bot.macd_signal) == (21, 42, 9)
    assert (SuperTrend().length, SuperTrend().multiplier, SuperTrend().distance) == (20, 4.0, 0.01)


# --- by name ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bollinger", "Bollinger", "BOLLINGER"])
def test_controller_is_found_by_name(name):
    assert by_name(name) is Bollinger


@pytest.mark.parametrize("name", ["sma_cross", "sma-cross", "SmaCross", "sma cross"])
def test_spelling_of_two_words_does_not_matter(name):
    assert by_name(name) is SmaCross


def test_unknown_name_lists_the_known():
    with pytest.raises(ConfigError, match=r"no controller 'bolinger'\. Did you mean bollinger\? There are sma_cross, "):
        by_name("bolinger")


def test_registry_holds_what_is_shipped():
    assert all(issubclass(cls, Controller) for cls in registry().values())
    told = (Path(__file__).parents[2] / "docs" / "controllers.md").read_text()
    for cls in registry().values():
        assert f"`{cls.__name__}`" in told, f"docs/controllers.md has nothing on {cls.__name__}"
    assert all(by_name(cls.__name__) is cls and by_name(name) is cls for name, cls in registry().items())
