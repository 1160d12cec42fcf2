"""The same run in vectorbt, on 786,160 minutes of bitcoin: equity is ours at every bar.

Once with our own fills (`to_vectorbt`), which shows that money is counted alike; and once from our signals alone, where
vectorbt finds the fills itself. There its conventions have to be ours: a signal of one bar is dealt at the open of the
next, in a spot account, long only, without barriers (vectorbt meets those at other prices).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from workbench.backtest import Result, backtest
from workbench.controllers import Bollinger, SmaCross
from workbench.market import Candles

pytestmark = pytest.mark.shared
TERMS = {"fees": 0.001, "slippage": 0.0005, "account": "spot"}
CROSS = {"fast": 600, "slow": 3_000, "side": "long"}


@pytest.fixture(scope="module")
def candles(shared: Path) -> Candles:
    frame = pl.read_parquet(shared / "marketdata/binance_BTCUSDT_1m.parquet")
    found = Candles.from_frame(frame, venue="binance", instrument="BTC/USDT", timeframe="1m")
    assert len(found) == 786_160
    return found


def equity_of(result: Result) -> np.ndarray:
    return result.equity["equity"].to_numpy()


def from_signals(candles: Candles, bot: SmaCross, *, cash: float, **size: Any) -> Any:
    """vectorbt's own run of a bot's signals: what is said at a close is dealt at the next open."""
    import vectorbt as vbt

    index = pd.DatetimeIndex(candles.time.view("datetime64[ms]"))  # without a zone, which would cost a minute
    signal = pd.Series(np.concatenate([[0], bot.signal(candles)[:-1]]), index=index)
    close, open_ = pd.Series(candles.close, index=index), pd.Series(candles.open, index=index)
    return vbt.Portfolio.from_signals(
        close, signal > 0, signal < 0, price=open_, init_cash=cash, fees=TERMS["fees"], slippage=TERMS["slippage"],
        freq="1min", engine="rust", **size,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("size", "theirs", "cash"),
    [({"amount": 0.25}, {"size": 0.25}, 1e6), ({"fraction": 1.0}, {"size": np.inf}, 1e4)],
    ids=["a fixed amount", "all in"],
)  # fmt: skip
def test_vectorbt_makes_the_same_of_our_signals(
    candles: Candles, size: dict[str, float], theirs: dict[str, float], cash: float
) -> None:
    bot = SmaCross(**CROSS, **size)
    result = backtest(bot, candles, cash=cash, **TERMS)
    portfolio = from_signals(candles, bot, cash=cash, **theirs)
    np.testing.assert_allclose(portfolio.value().to_numpy(), equity_of(result), rtol=1e-9)
    assert portfolio.trades.count() == len(result.executors) > 100
    assert portfolio.orders.records["fees"].sum() == pytest.approx(result.metrics["fees"], rel=1e-9)
    assert portfolio.total_profit() == pytest.approx(result.metrics["net_profit"], rel=1e-7)


def test_our_fills_make_the_same_equity_there(candles: Candles) -> None:
    result = backtest(SmaCross(**CROSS), candles, cash=1e4, **TERMS)
    portfolio = result.to_vectorbt()
    np.testing.assert_allclose(portfolio.value().to_numpy(), equity_of(result), rtol=1e-9)
    assert portfolio.orders.count() == len(result.fills)


def test_many_fills_inside_bars_make_the_same_equity_there(candles: Candles) -> None:
    """Both sides on margin, barriers that are met within the bar of the entry, fees, thousands of fills."""
    bot = Bollinger(length=240, width=3.0, stop_loss=0.002, take_profit=0.002, cooldown="2h", notional=2_000.0)
    result = backtest(bot, candles, cash=1e5, fees=0.0004, account="margin", audit=False)
    assert len(result.fills) > 4_000
    assert (result.round_trips["bars"] == 0).any()
    np.testing.assert_allclose(result.to_vectorbt().value().to_numpy(), equity_of(result), rtol=1e-9)
