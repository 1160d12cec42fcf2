"""Sweeps under the terms of perpetuals and matching models: each row is what a backtest of it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import workbench as wb
from workbench.research.parts import Route

HOUR = 3_600_000
START = 1_600_041_600_000


def walk(instrument: str = "BTC/USDT", n_bars: int = 600) -> wb.Candles:
    rng = np.random.default_rng(5)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, n_bars)))
    open_ = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(open_, close) * 1.002, np.minimum(open_, close) * 0.998
    time = START + HOUR * np.arange(n_bars)
    return wb.Candles.from_arrays(
        time, open_, high, low, close, np.full(n_bars, 3.0), timeframe="1h", instrument=instrument, venue="test"
    )


BOT = wb.controllers.Bollinger(length=20, stop_loss=0.02, take_profit=0.03)
GRID = {"length": [10, 20], "stop_loss": [0.01, 0.03]}


@pytest.mark.parametrize(
    "terms",
    [
        {"participation": 0.1},
        {"slippage": wb.Slippage(half_spread=0.001)},
        {"fill": wb.Queue(0.5)},
        {"fees": wb.Fees(tiers=((0.0, 0.001, 0.002),))},
        {"latency": wb.Latency(submit_ms=60_000)},
    ],
    ids=lambda terms: next(iter(terms)),
)
def test_a_model_that_no_fast_path_knows_goes_through_the_engine(terms: dict[str, Any]) -> None:
    candles = walk()
    sweep = wb.sweep(BOT, GRID, candles, progress=False, **terms)
    for row in sweep.table.iter_rows(named=True):
        bot = BOT.vary(length=row["length"], stop_loss=row["stop_loss"])
        result = wb.backtest(bot, candles, audit=False, **terms)
        assert row["net_profit"] == pytest.approx(result.metrics["net_profit"], rel=1e-12)
        assert row["route"] == Route.ENGINE.name.lower()


def test_leverage_is_swept_with_funding_and_liquidation() -> None:
    candles = walk("BTC/USDT:USDT")
    funding = pl.DataFrame({"time": candles.time[::8], "rate": np.full(len(candles.time[::8]), 0.0003)})
    accounts = [wb.Perpetual(leverage=leverage) for leverage in (1.0, 3.0)]
    sweep = wb.sweep(BOT, {"perpetual": accounts}, candles, funding=funding, progress=False)
    alone = [wb.backtest(BOT, candles, perpetual=one, funding=funding, audit=False) for one in accounts]
    assert sweep.table["net_profit"].to_list() == pytest.approx([one.metrics["net_profit"] for one in alone])
    assert all(len(one.funding) > 0 for one in alone)
