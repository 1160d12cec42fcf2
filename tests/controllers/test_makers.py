"""The market makers and grids built on others: what each adds, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import workbench as wb
from tests.controllers import made
from tests.controllers.made import PERPETUAL, wandering
from workbench.controllers import Dman, DmanMaker, GridStrike, PmmDynamic
from workbench.errors import ConfigError
from workbench.indicators import macd, natr

FREE: dict[str, Any] = {"fees": 0.0, "audit": False}


def bars(closes, **given):
    """Bars of a perpetual."""
    return made.bars(closes, instrument=PERPETUAL, **given)


# --- pmm_dynamic -----------------------------------------------------------------------------------------------------


def test_dynamic_reference_is_the_close_moved_against_an_unusual_macd():
    bot, tape = PmmDynamic(macd_fast=3, macd_slow=6, macd_signal=3, macd_window=10, natr_length=5), wandering(80, 1)
    line, _, histogram = macd(tape.close, 3, 6, 3)
    window = line[70 - 9 : 71]
    unusual = (line[70] - window.mean()) / window.std()
    lean = 0.5 * np.sign(histogram[70]) - 0.5 * unusual
    width = natr(tape.high, tape.low, tape.close, 5)
    assert bot.reference(tape)[70] == pytest.approx(tape.close[70] * (1 + lean * width[70] / 2), rel=1e-12)
    assert bot.multiplier(tape)[70] == width[70]
    assert np.isnan(bot.reference(tape)[: 7 + 9]).all()
    assert np.isfinite(bot.reference(tape)[7 + 9 :]).all()


def test_dynamic_reference_of_a_row_does_not_know_later_rows():
    bot, tape = PmmDynamic(macd_window=30), wandering(400, 2)
    whole = bot.reference(tape)
    for stop in (100, 173, 399):
        assert bot.reference(tape[:stop])[-1] == pytest.approx(whole[stop - 1], rel=1e-12)


def test_dynamic_spreads_are_multiples_of_the_range():
    """Bars of 2 % around 100: quotes at 1 and 2 ranges, so at about 98 and 96."""
    closes = np.tile([100.0, 100.0], 40)
    tape = bars(closes, high=closes + 1.0, low=closes - 1.0)
    bot = PmmDynamic(buy_spreads=(1.0, 2.0), sell_spreads=(), macd_fast=3, macd_slow=6, macd_signal=3, macd_window=5)
    assert bot.multiplier(tape)[-1] == pytest.approx(0.02)


# --- dman_maker and dman ---------------------------------------------------------------------------------------------


def test_level_of_a_ladder_averages_down_and_is_closed_at_one_price():
    """The level lies at 99; 5 are spent at 98.01 and 10 at 97.02, and all is sold 2 % above their average."""
    bot = DmanMaker(
        buy_spreads=(0.01,), sell_spreads=(), total=15, dca_spreads=(0.01, 0.02), dca_amounts=(1, 2), stop_loss=None,
        time_limit=None,
    )  # fmt: skip
    result = wb.backtest(bot, bars([100, 100, 98, 99.9], low=[100, 97, 98, 98]), **FREE)
    assert result.fills["price"].to_list()[:2] == pytest.approx([98.01, 97.02])
    average = 15 / (5 / 98.01 + 10 / 97.02)
    assert result.fills["price"][2] == pytest.approx(average * 1.02)
    assert result.executors["pnl"][0] == pytest.approx(15 * 0.02)


def test_ladder_is_set_where_the_close_is_below_the_band():
    """Mean 9, deviation 1.73: 6 lies below. The ladder begins at 5.4 and 4.8; the first is reached."""
    bot = Dman(length=4, width=1.0, dca_spreads=(0.1, 0.2), total=20)
    result = wb.backtest(bot, bars([10, 10, 10, 6, 6, 6], low=[10, 10, 10, 6, 5.4, 6]), **FREE)
    assert result.executors["kind"].to_list() == ["dca"]
    assert result.fills["price"].to_list()[0] == pytest.approx(5.4)
    assert result.fills["amount"][0] == pytest.approx(10 / 5.4)


@pytest.mark.parametrize(("most", "cooldown", "count"), [(1, "1m", 1), (3, "1m", 3), (3, "2m", 2)])
def test_ladders_of_one_side_are_counted_and_wait_for_the_cooldown(most, cooldown, count):
    """Closes that fall faster and faster are below their band in rows 3, 4 and 5."""
    bot = Dman(length=4, width=1.0, dca_spreads=(0.5,), max_per_side=most, cooldown=cooldown)
    result = wb.backtest(bot, bars([100, 99, 97, 93, 85, 69]), **FREE)
    assert len(result.executors) == count


def test_one_side_only_opens_that_side():
    tape = wandering(3_000, seed=5, instrument=PERPETUAL)
    for side, sign in (("long", 1), ("short", -1)):
        signal = Dman(length=30, side=side).signal(tape)
        assert set(np.unique(signal)) == {0, sign}


# --- grid_strike -----------------------------------------------------------------------------------------------------

GRID: dict[str, Any] = {
    "start": 0.9, "end": 1.1, "limit": 0.8, "total": 900, "take_profit": 0.05, "min_spread": 0.1, "max_open": 3,
    "max_batch": 0, "frequency": 0,
}  # fmt: skip


def test_grid_trades_its_levels_and_is_made_again_around_the_new_price():
    """Levels at 90, 100 and 110 around 100; 111 ends it with a gain, and the next one is laid around 111."""
    result = wb.backtest(GridStrike(**GRID), bars([100, 89, 96, 96, 111, 111]), **FREE)
    assert result.executors["close_type"].to_list() == ["take_profit", "none"]
    assert result.executors["pnl"][0] > 0.0
    assert 90.0 in result.fills["price"].round(9).to_list()


def test_grid_of_prices_is_made_only_inside_its_range():
    terms = GRID | {"start": 90.0, "end": 110.0, "limit": 80.0, "relative": False}
    assert wb.backtest(GridStrike(**terms), bars([115, 116, 117]), **FREE).executors.is_empty()
    assert len(wb.backtest(GridStrike(**terms), bars([115, 105, 105]), **FREE).executors) == 1


def test_limit_ends_a_grid_and_the_cooldown_keeps_the_next_one_back():
    tape = bars([100, 95, 79, 79, 79, 79, 79])
    made_at_once = wb.backtest(GridStrike(**GRID), tape, **FREE).executors
    assert made_at_once["close_type"].to_list()[0] == "stop_loss"
    assert len(made_at_once) == 2
    assert len(wb.backtest(GridStrike(**GRID, cooldown="10m"), tape, **FREE).executors) == 1


# --- all of them -----------------------------------------------------------------------------------------------------

LIVELY = {
    "pmm_dynamic": PmmDynamic(total=1000, stop_loss=0.01, take_profit=0.002),
    "dman_maker": DmanMaker(
        buy_spreads=(0.001,), sell_spreads=(0.001,), dca_spreads=(0.001, 0.002), dca_amounts=(1, 2), total=1000,
        take_profit=0.002,
    ),
    "dman": Dman(dca_spreads=(0.0005, 0.002), total=1000, trailing_activation=0.002, trailing_delta=0.001),
    "grid_strike": GridStrike(start=0.995, end=1.005, limit=0.99, min_spread=0.0005, max_open=5),
}  # fmt: skip


@pytest.mark.parametrize("name", LIVELY)
def test_made_market_is_traded_without_the_future(name):
    result = wb.backtest(LIVELY[name], wandering(6_000, seed=1, instrument=PERPETUAL), cash=100_000, fees=1e-4)
    assert result.audit.clean, str(result.audit)
    assert result.refusals.is_empty()
    assert len(result.fills) > 10


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: PmmDynamic(macd_fast=50), "`macd_fast` is 50 and `macd_slow` 42"),
        (lambda: DmanMaker(dca_amounts=(1.0,)), "`dca_amounts` is (1.0,) for 4 entries"),
        (lambda: Dman(dca_spreads=(1.5,)), "Give 1 to 16 fractions below 1"),
        (lambda: Dman(buy_below=2.0), "`buy_below` is 2 and `sell_above` 1"),
        (lambda: GridStrike(start=1.1), "`start` below `end`"),
        (lambda: GridStrike(limit=1.0), "Put it on the losing side"),
        (lambda: GridStrike(take_profit=None, take_profit_at="market"), "there is nothing to gain"),
    ],
)
def test_impossible_parameters_are_refused(make, sentence):
    with pytest.raises(ConfigError) as caught:
        make()
    assert sentence in str(caught.value)
