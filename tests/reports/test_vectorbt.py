from __future__ import annotations

import sys

import numpy as np
import polars as pl
import pytest

from workbench.errors import ConfigError, DataError
from workbench.market import Candles
from workbench.reports import to_vectorbt
from workbench.reports.material import FILLS

from .material import CASH, run, wandering

DAY = 86_400_000


def fills_of(*rows: tuple[int, str, int, float, float, float]) -> pl.DataFrame:
    """Fills from (row, instrument, side, price, amount, fee)."""
    columns = {
        name: [row[place] for row in rows]
        for place, name in enumerate(("row", "instrument", "side", "price", "amount", "fee"))
    }
    stamps = pl.Series("time", [DAY * row[0] for row in rows]).cast(pl.Datetime("ms", "UTC"))
    rest = {"maker": [False] * len(rows), "executor_id": [0] * len(rows), "order_id": list(range(len(rows)))}
    return pl.DataFrame({**columns, "time": stamps, **rest}, schema_overrides={**FILLS, "row": pl.Int64})


def flat_candles(close: list[float], symbol: str = "BTC/USDT") -> Candles:
    prices = np.array(close)
    return Candles.from_arrays(
        DAY * np.arange(len(close)), prices, prices, prices, prices, instrument=symbol, timeframe="1d"
    )


def our_equity(candles: dict[str, Candles], fills: pl.DataFrame, cash: float) -> np.ndarray:
    """Money counted fill by fill, in a plain loop."""
    length = len(next(iter(candles.values())))
    equity, held = np.empty(length), dict.fromkeys(candles, 0.0)
    for row in range(length):
        for fill in fills.filter(pl.col("row") == row).iter_rows(named=True):
            held[fill["instrument"]] += fill["side"] * fill["amount"] - fill.get("fee_base", 0.0)
            paid_in_quote = fill["fee"] - fill.get("fee_base", 0.0) * fill["price"]
            cash -= fill["side"] * fill["amount"] * fill["price"] + paid_in_quote
        equity[row] = cash + sum(held[symbol] * one.close[row] for symbol, one in candles.items())
    return equity


def test_equity_of_one_fill_per_bar_is_ours():
    material = run(400)
    portfolio = to_vectorbt(material.candles, material.fills, cash=CASH)
    np.testing.assert_allclose(portfolio.value().to_numpy(), material.equity["equity"].to_numpy(), rtol=1e-9)
    times = portfolio.value().index.to_numpy().astype("datetime64[ms]").astype(np.int64)
    assert np.array_equal(times, material.candles["BTC/USDT"].time)


def test_fees_of_one_sided_bars_are_passed_on_to_the_digit():
    fills = fills_of(
        (0, "BTC/USDT", 1, 100.0, 1.0, 0.5), (0, "BTC/USDT", 1, 110.0, 1.0, 0.25), (2, "BTC/USDT", -1, 120.0, 2.0, 0.3)
    )
    portfolio = to_vectorbt({"BTC/USDT": flat_candles([105.0, 105.0, 120.0])}, fills, cash=1_000.0)
    assert portfolio.value().tolist() == pytest.approx([999.25, 999.25, 1028.95], rel=1e-12)
    assert portfolio.orders.records["fees"].tolist() == [0.75, 0.3]
    assert portfolio.orders.records["price"].tolist() == [105.0, 120.0]


def test_fills_that_cancel_within_a_bar_keep_their_result():
    fills = fills_of(
        (1, "BTC/USDT", 1, 100.0, 1.0, 0.1),
        (1, "BTC/USDT", -1, 103.0, 1.0, 0.1),
        (2, "BTC/USDT", -1, 99.0, 1.0, 0.1),
        (2, "BTC/USDT", 1, 101.0, 1.0, 0.1),
    )
    portfolio = to_vectorbt({"BTC/USDT": flat_candles([100.0] * 4)}, fills, cash=1_000.0)
    assert portfolio.value().tolist() == pytest.approx([1_000.0, 1_002.8, 1_000.6, 1_000.6], rel=1e-12)


def test_a_small_net_sale_with_larger_fees_is_carried():
    fills = fills_of((0, "BTC/USDT", 1, 100.0, 1.0, 2.0), (0, "BTC/USDT", -1, 100.0, 1.001, 2.0))
    portfolio = to_vectorbt({"BTC/USDT": flat_candles([100.0, 90.0])}, fills, cash=1_000.0)
    assert portfolio.value().tolist() == pytest.approx([996.0, 996.01], rel=1e-12)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("in_base", [False, True])
def test_equity_is_ours_with_many_fills_a_bar_shorts_and_several_instruments(seed, in_base):
    random = np.random.default_rng(seed)
    btc, eth = wandering(120, seed=seed), wandering(120, symbol="ETH/USDT", seed=seed + 1)
    rows, of_eth = np.sort(random.integers(0, 120, 400)), random.random(400) < 0.5
    price = np.where(of_eth, eth.close[rows], btc.close[rows]) * random.uniform(0.99, 1.01, 400)
    amount, side, rate = random.uniform(0.001, 0.1, 400), random.choice([-1, 1], 400), random.choice([2e-4, 5e-4], 400)
    symbols, fee = np.where(of_eth, "ETH/USDT", "BTC/USDT"), price * amount * rate
    fills = fills_of(*zip(rows, symbols, side, price, amount, fee, strict=True))
    if in_base:
        fills = fills.with_columns(pl.Series("fee_base", np.where(side > 0, amount * rate, 0.0)))
    candles = {"BTC/USDT": btc, "ETH/USDT": eth}
    portfolio = to_vectorbt(candles, fills, cash=1e6)
    np.testing.assert_allclose(portfolio.value().to_numpy(), our_equity(candles, fills, 1e6), rtol=1e-9)


def test_without_rows_a_fill_belongs_to_the_bar_that_had_opened():
    fills = fills_of((1, "BTC/USDT", 1, 100.0, 1.0, 0.0)).drop("row").with_columns(pl.col("time").dt.offset_by("5h"))
    portfolio = to_vectorbt({"BTC/USDT": flat_candles([100.0, 110.0, 120.0])}, fills, cash=1_000.0)
    assert portfolio.value().tolist() == [1_000.0, 1_010.0, 1_020.0]


def test_a_run_without_fills_keeps_its_cash():
    portfolio = to_vectorbt({"BTC/USDT": flat_candles([100.0, 110.0])}, pl.DataFrame(schema=FILLS), cash=1_000.0)
    assert portfolio.value().tolist() == [1_000.0, 1_000.0]


def test_borrowed_quote_is_refused_with_its_time_and_sum():
    fills = fills_of((1, "BTC/USDT", 1, 100.0, 15.0, 0.0))
    with pytest.raises(ConfigError, match=r"1970-01-02 00:00.*500\.00.*without leverage"):
        to_vectorbt({"BTC/USDT": flat_candles([100.0, 110.0])}, fills, cash=1_000.0)


def test_a_fill_outside_of_the_candles_is_refused():
    with pytest.raises(DataError, match="row 7"):
        to_vectorbt({"BTC/USDT": flat_candles([100.0])}, fills_of((7, "BTC/USDT", 1, 100.0, 1.0, 0.0)), cash=1_000.0)
    with pytest.raises(DataError, match="ETH/USDT"):
        to_vectorbt({"BTC/USDT": flat_candles([100.0])}, fills_of((0, "ETH/USDT", 1, 100.0, 1.0, 0.0)), cash=1_000.0)


def test_without_vectorbt_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "vectorbt", None)
    with pytest.raises(ConfigError, match="Install it with"):
        to_vectorbt({"BTC/USDT": flat_candles([100.0])}, pl.DataFrame(schema=FILLS), cash=1_000.0)
