"""Indicators against printed tables and other programs' outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from workbench import indicators
from workbench.indicators.columns import FloatArray

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def bars(shared: Path) -> dict[str, FloatArray]:
    frame = pl.read_parquet(shared / "marketdata/binance_BTCUSDT_1d.parquet")
    oracle = pl.read_parquet(shared / "marketdata/reference/talib_binance_BTCUSDT_1d.parquet")
    joined = oracle.join(frame, on="timestamp", how="left", maintain_order="left")
    return {name: joined[name].to_numpy() for name in joined.columns if name != "timestamp"}


def ours(bars: dict[str, FloatArray]) -> dict[str, FloatArray]:
    high, low, close, volume = (bars[name] for name in ("high", "low", "close", "volume"))
    line, signal, histogram = indicators.macd(close)
    lower, middle, upper = indicators.bollinger(close, 20)
    k, d = indicators.stoch(high, low, close)
    fast_k, fast_d = indicators.talib("STOCHF", bars, fastk_period=5, fastd_period=3)
    return {
        "sma_20": indicators.sma(close, 20),
        "ema_20": indicators.ema(close, 20),
        "wma_20": indicators.wma(close, 20),
        "rsi_14": indicators.rsi(close, 14),
        "macd": line,
        "macd_signal": signal,
        "macd_hist": histogram,
        "bb_lower": lower,
        "bb_middle": middle,
        "bb_upper": upper,
        "atr_14": indicators.atr(high, low, close, 14),
        "natr_14": 100.0 * indicators.natr(high, low, close, 14),
        "adx_14": indicators.adx(high, low, close, 14),
        "plus_di_14": indicators.plus_di(high, low, close, 14),
        "minus_di_14": indicators.minus_di(high, low, close, 14),
        "cci_14": indicators.cci(high, low, close, 14),
        "mfi_14": indicators.mfi(high, low, close, volume, 14),
        "obv": indicators.obv(close, volume),
        "stoch_k": k,
        "stoch_d": d,
        "stochf_k": fast_k,
        "stochf_d": fast_d,
        "willr_14": indicators.willr(high, low, close, 14),
        "sar": indicators.psar(high, low),
        "roc_10": 100.0 * indicators.returns(close, 10),
        "stddev_20": indicators.stddev(close, 20),
        "kama_30": indicators.kama(close, 30),
    }


def test_six_years_of_bitcoin_agree_with_talib_in_every_column(bars: dict[str, FloatArray]) -> None:
    computed = ours(bars)
    columns = set(bars) - {"open", "high", "low", "close", "volume"}
    assert set(computed) == columns
    for name, values in computed.items():
        np.testing.assert_allclose(values, bars[name], rtol=1e-9, atol=1e-8, equal_nan=True, err_msg=name)


def test_the_last_row_is_the_one_published(bars: dict[str, FloatArray]) -> None:
    last = {name: values[-1] for name, values in ours(bars).items()}
    published = {"sma_20": 28318.0465, "ema_20": 28987.982, "wma_20": 29382.6243, "rsi_14": 66.154}
    published |= {"macd": 1021.4353, "macd_signal": 797.2347, "macd_hist": 224.2006}
    assert {name: last[name] for name in published} == pytest.approx(published, abs=1e-4)
