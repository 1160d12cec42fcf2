"""Grids, ladders and two venues on real minutes: binance and binanceus, three weeks of March 2023."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import workbench as wb
from workbench.controllers import Arbitrage, Dman, GridStrike, Xemm
from workbench.market import Candles

pytestmark = pytest.mark.shared
HERE, THERE = "binance BTC/USDT", "binanceus BTC/USDT"
MARGIN = {"cash": 100_000, "fees": 0.0005, "account": "margin", "leverage": 3.0}


@pytest.fixture(scope="module")
def venues(shared: Path) -> list[Candles]:
    """Both venues in the minutes that both have."""
    every = [
        Candles.from_frame(
            pl.read_parquet(shared / f"marketdata/{venue}_BTCUSDT_1m.parquet"),
            venue=venue, instrument="BTC/USDT", timeframe="1m",
        )
        for venue in ("binance", "binanceus")
    ]  # fmt: skip
    common = np.intersect1d(every[0].time, every[1].time)
    return [only(candles, np.isin(candles.time, common)) for candles in every]


def only(candles: Candles, rows: np.ndarray) -> Candles:
    columns = [values[rows] for values in candles.columns.values()]
    return Candles.from_arrays(
        candles.time[rows], *columns, venue=candles.venue, instrument="BTC/USDT", timeframe=candles.timeframe
    )


def traded(result, name: str) -> float:
    """Net base units of one market."""
    fills = result.fills.filter(pl.col("instrument") == name)
    return float((fills["side"] * fills["amount"]).sum())


def test_arbitrage_leaves_no_leg_alone(venues):
    bot = Arbitrage(second=THERE, amount=0.05, min_profit=0.001, imbalance=None)
    result = wb.backtest(bot, venues, **MARGIN)
    assert result.audit.clean
    assert result.executors["close_type"].to_list().count("completed") >= 10
    assert traded(result, HERE) == pytest.approx(-traded(result, THERE), abs=1e-12)


def test_every_fill_of_the_maker_is_hedged(venues):
    levels = ((0.002, 1.0), (0.004, 1.0))
    bot = Xemm(second=HERE, buy_levels=levels, sell_levels=levels, total=4_000, min_profit=0.001, imbalance=2.0)
    result = wb.backtest(bot, venues[::-1], **MARGIN)
    assert result.audit.clean
    assert result.executors["close_type"].to_list().count("completed") > 100
    assert traded(result, HERE) == pytest.approx(-traded(result, THERE), abs=1e-9)
    # What the executors earned is what the account did; open ones hold nothing here.
    assert result.executors["pnl"].sum() == pytest.approx(result.metrics["net_profit"], abs=1.0)


@pytest.mark.parametrize(
    "bot",
    [
        GridStrike(min_spread=0.002, max_open=10, max_batch=0, total=5_000, coerce=True),
        Dman(total=5_000, dca_spreads=(0.001, 0.005, 0.01), time_limit="1d", side="long"),
    ],
    ids=lambda bot: bot.name,
)
def test_what_executors_earned_is_what_the_account_did(bot, venues):
    result = wb.backtest(bot, venues[0], cash=100_000, fees=0.0005)
    assert result.audit.clean
    assert len(result.fills) > 30
    assert result.executors["pnl"].sum() == pytest.approx(result.metrics["net_profit"], abs=1e-6)
