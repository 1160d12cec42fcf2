"""Indicators on a few bars each, with numbers that a reader can check by hand."""

from __future__ import annotations

import numpy as np
import pytest

from workbench import indicators

NAN = np.nan


def same(ours: object, by_hand: list[float]) -> None:
    np.testing.assert_allclose(np.asarray(ours, float), by_hand, rtol=1e-12, atol=1e-12, equal_nan=True)


def test_averages() -> None:
    values = [1.0, 2.0, 3.0, 4.0, 10.0]
    same(indicators.sma(values, 3), [NAN, NAN, 2.0, 3.0, 17 / 3])
    same(indicators.wma(values, 3), [NAN, NAN, 14 / 6, 20 / 6, (3 + 8 + 30) / 6])
    same(indicators.ema(values, 3), [NAN, NAN, 2.0, 3.0, 6.5])  # half of the way each time
    same(indicators.wilder(values, 2), [NAN, 1.5, 2.25, 3.125, 6.5625])


def test_scatter_and_bands() -> None:
    values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]  # mean 5, deviation of the population 2
    same(indicators.stddev(values, 8)[-1:], [2.0])
    same(np.array(indicators.bollinger(values, 8, 1.5))[:, -1], [2.0, 5.0, 8.0])
    same(indicators.bollinger_position(values, 8, 1.0)[-1:], [1.5])  # 9 between 3 and 7
    same(indicators.bollinger_position(values, 8, 2.0)[-1:], [1.0])  # 9 between 1 and 9


def test_relative_strength() -> None:
    # Up 1, up 1, down 1: average gains 1, 1/2 and losses 0, 1/2; then up 2: 5/4 and 1/4.
    same(indicators.rsi([1.0, 2.0, 3.0, 2.0, 4.0], 2), [NAN, NAN, 100.0, 50.0, 100 * 1.25 / 1.5])


def test_relative_strength_of_an_unmoving_price_is_in_the_middle() -> None:
    same(indicators.rsi([5.0] * 4, 2), [NAN, NAN, 50.0, 50.0])


def test_relative_strength_as_stockcharts_teaches_it() -> None:
    # StockCharts ChartSchool, "Relative Strength Index": QQQQ from 14 December 2009 on, after Wilder (1978).
    closes = [44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826]
    closes += [45.8931, 46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439]
    assert np.round(indicators.rsi(closes, 14)[14:], 2).tolist() == [70.53, 66.32, 66.55, 69.41, 66.36, 57.97]


def test_macd_begins_both_averages_in_one_row() -> None:
    # Slow (3): 2, 3, 6.5. Fast (2), begun with the mean of rows 1 and 2: 2.5, then two thirds of the way: 3.5, 47/6.
    line, signal, histogram = indicators.macd([1.0, 2.0, 3.0, 4.0, 10.0], fast=2, slow=3, signal=2)
    same(line, [NAN, NAN, NAN, 0.5, 47 / 6 - 6.5])
    same(signal, [NAN, NAN, NAN, 0.5, 0.5 + 2 / 3 * (47 / 6 - 7.0)])
    same(histogram, [NAN, NAN, NAN, 0.0, 1 / 3 * (47 / 6 - 7.0)])


def test_ranges() -> None:
    high, low, close = [10.0, 12.0, 11.0, 15.0], [8.0, 11.0, 9.0, 13.0], [9.0, 11.5, 10.0, 14.0]
    same(indicators.true_range(high, low, close), [NAN, 3.0, 2.5, 5.0])
    same(indicators.atr(high, low, close, 2), [NAN, NAN, 2.75, 3.875])
    same(indicators.natr(high, low, close, 2), [NAN, NAN, 0.275, 3.875 / 14.0])
    same(indicators.highest(high, 2), [NAN, 12.0, 12.0, 15.0])
    same(indicators.lowest(low, 2), [NAN, 8.0, 9.0, 9.0])


def test_supertrend_follows_the_price_and_turns() -> None:
    # Bars of height 2 around their close; every true range is at least 2, so the length of 1 takes it as it is.
    close = np.array([10.0, 11.0, 12.0, 11.0, 5.0, 4.0, 9.0])
    line, direction = indicators.supertrend(close + 1.0, close - 1.0, close, 1, 1.0)
    # True ranges 2, 2, 2, 7, 2, 6. Up: 11−2, 12−2, the 10 held; 5 is below it: turned, the upper band is 5+7.
    # Then min(4+2, 12), and 9 is above 6: turned, the lower band is 9−6.
    same(line, [NAN, 9.0, 10.0, 10.0, 12.0, 6.0, 3.0])
    assert direction.tolist() == [0, 1, 1, 1, -1, -1, 1]


def test_keltner() -> None:
    close = np.array([10.0, 11.0, 12.0, 11.0])
    lower, middle, upper = indicators.keltner(close + 1, close - 1, close, 2, atr_length=1, multiplier=1.5)
    same(middle, [NAN, 10.5, 11.5, 11.5 - 1 / 3])
    same(upper - middle, [NAN, 3.0, 3.0, 3.0])
    same(middle - lower, [NAN, 3.0, 3.0, 3.0])


def test_returns_are_fractions() -> None:
    same(indicators.returns([100.0, 110.0, 55.0]), [NAN, 0.1, -0.5])
    same(indicators.returns([100.0, 110.0, 55.0], 2), [NAN, NAN, -0.45])
    same(indicators.returns([0.0, 1.0, NAN, 2.0, 4.0]), [NAN, NAN, NAN, NAN, 1.0])


def test_volume_weighted_price() -> None:
    price, volume = np.array([10.0, 20.0, 30.0, 30.0]), np.array([1.0, 3.0, 0.0, 0.0])
    same(indicators.vwap(price, price, price, volume, 2), [NAN, 17.5, 20.0, NAN])


def test_crosses() -> None:
    assert indicators.crosses([1.0, 3.0, 3.0, 1.0], [2.0, 2.0, 2.0, 2.0]).tolist() == [0, 1, 0, -1]
    assert indicators.crosses([1.0, 3.0, 3.0, 1.0], 2.0).tolist() == [0, 1, 0, -1]
    assert indicators.crosses(2.0, [1.0, 3.0, 3.0, 1.0]).tolist() == [0, -1, 0, 1]


def test_a_touch_is_no_cross_until_it_goes_through() -> None:
    assert indicators.crosses([1.0, 2.0, 1.0, 2.0, 3.0], 2.0).tolist() == [0, 0, 0, 0, 1]


def test_nothing_is_crossed_over_a_gap() -> None:
    assert indicators.crosses([1.0, NAN, 3.0, 1.0], 2.0).tolist() == [0, 0, 0, -1]


def test_rounding_alone_makes_no_cross() -> None:
    assert indicators.crosses([1.0 - 1e-15, 1.0 + 1e-15, 1.0 - 1e-15], 1.0).tolist() == [0, 0, 0]
    assert not indicators.sma_cross(np.full(500, 0.1), 3, 7).any()


def test_sma_cross() -> None:
    # Averages of 1 and 2 bars: above while the price rises, below while it falls.
    assert indicators.sma_cross([3.0, 2.0, 1.0, 2.0, 3.0, 2.0], 1, 2).tolist() == [0, 0, 0, 1, 0, -1]


def test_talib_by_name() -> None:
    candles = {"open": [1.0, 2.0], "high": [3.0, 4.0], "low": [1.0, 2.0], "close": [2.0, 3.0], "volume": [5.0, 6.0]}
    same(indicators.talib("MEDPRICE", candles), [2.0, 3.0])
    same(indicators.talib("medprice", candles["high"], candles["low"]), [2.0, 3.0])
    same(indicators.talib("SMA", candles["close"], timeperiod=2), [NAN, 2.5])
    assert len(indicators.talib("BBANDS", candles, timeperiod=2)) == 3


def test_whole_numbers_of_talib_are_floats_and_nan_until_warm() -> None:
    # A doji: it opens and closes at one price between far extremes. TA-Lib looks at ten bars before it judges.
    open_, close = np.full(12, 10.0), np.append(np.full(11, 11.0), 10.0)
    doji = indicators.talib("CDLDOJI", open_, np.full(12, 12.0), np.full(12, 9.0), close)
    same(doji, [NAN] * 10 + [0.0, 100.0])


def test_talib_waits_out_a_late_start() -> None:
    same(indicators.talib("SMA", [NAN, NAN, 1.0, 3.0], timeperiod=2), [NAN, NAN, NAN, 2.0])
    same(indicators.talib("SMA", [NAN, NAN], timeperiod=2), [NAN, NAN])


@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_other_numbers_are_taken_as_floats(dtype: type) -> None:
    same(indicators.sma(np.array([1, 2, 3], dtype), 2), [NAN, 1.5, 2.5])
