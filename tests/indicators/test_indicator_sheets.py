"""Indicators against worked examples of others: StockCharts' sheets, and the test tables of Tulip Indicators.

Those begin some averages otherwise than TA-Lib and we do: with the first value instead of the average of the first
ones. The first price repeated in front of the series makes the two the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from workbench import indicators
from workbench.indicators.columns import FloatArray

pytestmark = pytest.mark.shared
Sheet = dict[str, FloatArray]


@pytest.fixture(scope="module")
def sheet(shared: Path) -> Callable[[str], Sheet]:
    def read(name: str) -> Sheet:
        frame = pl.read_csv(shared / f"marketdata/reference/ta_cs-{name}.csv", infer_schema_length=None)
        numbers = frame.select(pl.col(column).cast(pl.Float64, strict=False) for column in frame.columns)
        return {name: numbers[name].fill_null(np.nan).to_numpy() for name in numbers.columns}

    return read


@pytest.fixture(scope="module")
def tulip(shared: Path) -> dict[str, list[list[FloatArray]]]:
    text = (shared / "marketdata/reference/tulipindicators_untest.txt").read_text()
    blocks: dict[str, list[list[FloatArray]]] = {}
    for lines in (block.strip().splitlines() for block in re.split(r"\n\s*\n", text)):
        rows = [np.fromstring(line.strip("{}"), sep=",") for line in lines[1:] if line.startswith("{")]
        blocks.setdefault(lines[0] if lines else "", []).append(rows)
    return blocks


def repeated(values: FloatArray, times: int) -> FloatArray:
    return np.concatenate([np.full(times, values[0]), values])


def with_first_range(high: FloatArray, low: FloatArray, close: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A bar in front that makes the first true range high less low, as the sheets have it."""
    return repeated(high, 1), repeated(low, 1), np.append(low[0], close)


def agree(ours: FloatArray, theirs: FloatArray, *, digits: int, first: int | None = None) -> None:
    """Equal to the digits printed, in every row that is printed (from row `first` on)."""
    printed = np.flatnonzero(~np.isnan(theirs))
    printed = printed[printed >= first] if first is not None else printed
    assert printed.size >= 10
    np.testing.assert_allclose(ours[printed], theirs[printed], rtol=0.0, atol=1.02 * 0.5 * 10.0**-digits)


def test_bollinger_bands_of_stockcharts(sheet: Callable[[str], Sheet]) -> None:
    s = sheet("bbands")
    lower, middle, upper = indicators.bollinger(s["Close"], 20)
    agree(lower, s["LowBand"], digits=6)
    agree(middle, s["MiddleBand"], digits=6)
    agree(upper, s["HighBand"], digits=6)
    agree(indicators.stddev(s["Close"], 20), s["20-day Standard Deviation"], digits=6)
    agree(indicators.bollinger_position(s["Close"], 20), s["PercentageBand"], digits=6)


def test_relative_strength_of_stockcharts(sheet: Callable[[str], Sheet]) -> None:
    s = sheet("rsi")  # begun with averages of 0, as after closes that never moved
    ours = indicators.rsi(repeated(s["Close"], 14), 14)[14:]
    agree(ours, s["RSI"], digits=6)
    assert round(ours[14], 6) == 71.862114


def test_macd_of_stockcharts(sheet: Callable[[str], Sheet]) -> None:
    s = sheet("macd")
    agree(indicators.ema(repeated(s["Close"], 12), 12)[12:], s["short_ema"], digits=8)
    agree(indicators.ema(repeated(s["Close"], 26), 26)[26:], s["long_ema"], digits=8)
    line, signal, histogram = (column[60:] for column in indicators.macd(repeated(s["Close"], 60)))
    agree(line, s["MACD_line"], digits=8)
    agree(signal, s["MACD_signal"], digits=8, first=100)  # begun otherwise; by then it no longer shows
    agree(histogram, s["MACD_diff"], digits=8, first=100)


def test_average_true_range_of_stockcharts(sheet: Callable[[str], Sheet]) -> None:
    s = sheet("atr")
    ours = indicators.atr(*with_first_range(s["High"], s["Low"], s["Close"]), 14)[1:]
    agree(ours, np.where(s["ATR"] == 0.0, np.nan, s["ATR"]), digits=9)


def test_keltner_channel_of_stockcharts(sheet: Callable[[str], Sheet]) -> None:
    s = sheet("kc")
    reach = 2.0 * indicators.atr(*with_first_range(s["High"], s["Low"], s["Close"]), 10)[1:]
    middle = indicators.ema(repeated(s["Close"], 20), 20)[20:]
    agree(middle, s["middle_band"], digits=12)
    agree(middle - reach, s["lower_band"], digits=12)
    agree(middle + reach, s["upper_band"], digits=12)


def test_directional_movement_of_stockcharts(sheet: Callable[[str], Sheet]) -> None:
    s = sheet("adx")  # TA-Lib begins one bar earlier; 300 bars on it no longer shows
    bars = s["High"], s["Low"], s["Close"]
    agree(indicators.adx(*bars), s["ADX"], digits=6, first=300)
    agree(indicators.plus_di(*bars), s["+DI14"], digits=7, first=300)
    agree(indicators.minus_di(*bars), s["-DI14"], digits=7, first=300)


def test_kaufman_money_flow_and_balance_of_stockcharts(sheet: Callable[[str], Sheet]) -> None:
    s = sheet("kama")
    agree(indicators.kama(s["Close"], 10), s["KAMA"], digits=6, first=10)
    s = sheet("mfi")
    agree(indicators.mfi(s["High"], s["Low"], s["Close"], s["Volume"], 14), s["MFI"], digits=5)
    s = sheet("obv")
    agree(indicators.obv(s["Close"], np.nan_to_num(s["Volume"])), s["OBV"], digits=9)


def test_parabolic_stop_of_stockcharts(sheet: Callable[[str], Sheet]) -> None:
    s = sheet("psar")
    theirs = np.where(np.isnan(s["psar_up"]), s["psar_down"], s["psar_up"])
    agree(indicators.psar(s["High"], s["Low"]), theirs, digits=8, first=8)  # from the first turn on


def test_stochastic_and_volume_weighted_price_of_stockcharts(sheet: Callable[[str], Sheet]) -> None:
    s = sheet("soo")
    close = np.where(np.isnan(s["Close"]), s["Low"], s["Close"])  # the sheet gives closes only once it needs them
    k, d = indicators.stoch(s["High"], s["Low"], close, 14, slow=1)
    agree(k, s["SO"], digits=6, first=15)
    agree(d, s["SO_SIG"], digits=5)
    s = sheet("vwap")
    agree(indicators.vwap(s["High"], s["Low"], s["Close"], s["Volume"], 14), s["vwap"], digits=12, first=13)


TULIP: dict[str, Callable[..., FloatArray | tuple[FloatArray, ...]]] = {
    "sma 5": lambda x: indicators.sma(x, 5),
    "wma 5": lambda x: indicators.wma(x, 5),
    "ema 5": lambda x: indicators.ema(repeated(x, 5), 5),
    "wilders 5": lambda x: indicators.wilder(x, 5),
    "rsi 5": lambda x: indicators.rsi(x, 5),
    "stddev 5": lambda x: indicators.stddev(x, 5),
    "bbands 5 2": lambda x: indicators.bollinger(x, 5),
    "max 5": lambda x: indicators.highest(x, 5),
    "min 5": lambda x: indicators.lowest(x, 5),
    "roc 5": lambda x: indicators.returns(x, 5),
    "tr": lambda *bars: indicators.true_range(*with_first_range(*bars)),
    "atr 5": lambda *bars: indicators.atr(*with_first_range(*bars), 5),
    "natr 5": lambda *bars: 100.0 * indicators.natr(*with_first_range(*bars), 5),
    "cci 5": lambda high, low, close: indicators.cci(high, low, close, 5),
    "mfi 5": lambda high, low, close, volume: indicators.mfi(high, low, close, volume, 5),
    "obv": lambda c, v: indicators.obv(c, v) - v[0],
    "stoch 5 3 3": lambda high, low, close: indicators.stoch(high, low, close, 5),
    "willr 5": lambda high, low, close: indicators.willr(high, low, close, 5),
    "psar .2 2": lambda *bars: indicators.psar(*bars, step=0.2, maximum=2.0),
    "vwma 5": lambda c, v: indicators.vwap(c, c, c, v, 5),
    "crossany": lambda a, b: np.abs(indicators.crosses(a, b).astype(float)),
    "crossover": lambda a, b: np.maximum(indicators.crosses(a, b), 0).astype(float),
}
OUTPUTS = {"bbands 5 2": 3, "stoch 5 3 3": 2}


@pytest.mark.parametrize("name", TULIP)
def test_tables_of_tulip_indicators(name: str, tulip: dict[str, list[list[FloatArray]]]) -> None:
    outputs = OUTPUTS.get(name, 1)
    for rows in tulip[name]:
        ours = TULIP[name](*rows[:-outputs])
        for column, theirs in zip(ours if isinstance(ours, tuple) else (ours,), rows[-outputs:], strict=True):
            assert theirs.size >= 7
            np.testing.assert_allclose(column[-theirs.size :], theirs, rtol=0.0, atol=5.01e-4)
