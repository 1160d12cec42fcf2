"""backtesting.py's published run of an SMA cross on Google's shares, made again with the shipped controller.

What is published: SMA 10 and 30 of the close, all in at the next open, long or short, whole shares, no fee, cash
10,000, and the last position closed at the last bar's open. `tests/metrics/test_published_run.py` says what each of the
statistics means; here all of them come out of `result` and the public functions of `metrics`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from workbench import metrics
from workbench.backtest import Result, backtest
from workbench.controllers import SmaCross
from workbench.market import Candles, Instrument, Targets

DAY_MS = 86_400_000
CASH = 10_000.0
SHARES = {"periods_per_year": 252}
pytestmark = pytest.mark.shared


class ClosedAtTheEnd(SmaCross):
    """Closes what is open at the last bar's open, where backtesting.py fills its final order.

    It has to know where the data end, which no strategy can: our own run leaves the position open, at the last close.
    """

    def targets(self, candles: Candles) -> Targets:
        cross = super().targets(candles)
        last = np.zeros((len(candles), 1), np.bool_)
        last[-2] = True
        return replace(cross, exit=cross.exit | last)


@pytest.fixture(scope="module")
def candles(shared: Path) -> Candles:
    frame = pl.read_parquet(shared / "marketdata/reference/backtestingpy_GOOG_1d.parquet")
    shares = Instrument("GOOG/USD", "GOOG", "USD", lot=1.0)
    return Candles.from_frame(frame, venue="nasdaq", instrument=shares, timeframe="1d")


@pytest.fixture(scope="module")
def result(candles: Candles) -> Result:
    bot = ClosedAtTheEnd(fast=10, slow=30, fraction=1.0, on_opposite="close")
    return backtest(bot, candles, cash=CASH, account="margin", fees=0.0, audit=False)


@pytest.fixture(scope="module")
def equity(result: Result) -> np.ndarray:
    return result.equity["equity"].to_numpy()


@pytest.fixture(scope="module")
def per_trade(result: Result) -> np.ndarray:
    """What each round trip returned, in order of its exit."""
    return result.round_trips["return"].to_numpy()


def exactly(published: float) -> object:
    """Equal but for the rounding of a sum of 2,148 floats."""
    return pytest.approx(published, rel=2e-13, abs=0.0)


def test_trades_and_money(result: Result, equity: np.ndarray) -> None:
    assert len(result.round_trips) == 66
    assert round(equity[-1], 2) == 51_422.99
    assert round(equity.max(), 2) == 75_787.44
    assert 100 * result.metrics["total_return"] == exactly(414.2299)
    assert CASH + result.round_trips["pnl"].sum() == exactly(equity[-1])
    assert result.executors["phase"].unique().to_list() == ["done"]


def test_the_shipped_controller_alone_leaves_the_last_trade_open(candles: Candles, result: Result) -> None:
    left = backtest(SmaCross(fast=10, slow=30), candles, cash=CASH, account="margin", fees=0.0)
    assert left.audit is not None
    assert left.audit.clean
    assert len(left.round_trips) == 65
    assert left.round_trips.equals(result.round_trips[:65])
    assert left.equity["equity"][:-1].equals(result.equity["equity"][:-1])
    shares = left.executors["amount"][-1]
    assert left.metrics["net_profit"] - result.metrics["net_profit"] == pytest.approx(
        shares * (candles.close[-1] - candles.open[-1]), rel=1e-9
    )


def test_growth_and_risk(candles: Candles, equity: np.ndarray, result: Result) -> None:
    returns = np.diff(equity) / equity[:-1]
    days = (candles.time[-1] - candles.time[0]) / DAY_MS
    assert 100 * metrics.annual_return(returns, **SHARES) == exactly(21.191099249053224)
    assert 100 * metrics.compounded_volatility(returns, **SHARES) == exactly(36.49716090702389)
    assert 100 * metrics.cagr(CASH, equity[-1], days, days_per_year=365.25) == exactly(21.160245705962623)
    assert metrics.compounded_sharpe(returns, **SHARES) == exactly(0.5806232244485349)
    assert metrics.compounded_sortino(returns, **SHARES) == exactly(1.0853434352488662)
    assert metrics.calmar(returns, **SHARES) == exactly(0.44166409202994605)
    # `result.metrics` has ratios of the same names that mean something else: arithmetic means, 365 days a year.
    assert result.metrics["sharpe"] != pytest.approx(0.58, abs=0.1)


def test_benchmark(candles: Candles, equity: np.ndarray, result: Result) -> None:
    total = result.metrics["total_return"]
    hold = metrics.buy_and_hold(candles.close[29:])  # it holds from the first bar with both averages on
    beta = metrics.beta(np.diff(np.log(equity)), np.diff(np.log(candles.close)))
    assert 100 * hold == exactly(522.0601851851852)
    assert beta == exactly(0.03803390709192)
    assert 100 * metrics.total_alpha(total, hold, beta) == exactly(394.37391142027462)
    # Ours holds from the first close on.
    assert result.metrics["buy_and_hold"] == exactly(candles.close[-1] / candles.close[0] - 1)


def test_drawdowns(candles: Candles, equity: np.ndarray, result: Result) -> None:
    told = result.metrics
    assert 100 * told["max_drawdown"] == exactly(47.98012705007589)
    assert 100 * told["average_drawdown"] == exactly(5.925851581948801)
    assert told["max_drawdown_days"] == 584
    assert np.ceil(told["average_drawdown_days"]) == 41  # published in whole days, rounded up
    assert 100 * result.equity["drawdown"].max() == exactly(47.98012705007589)
    assert metrics.drawdowns(candles.time, equity)["days"].max() == 584


def test_round_trips(result: Result, per_trade: np.ndarray) -> None:
    told = result.metrics
    assert told["round_trips"] == 66
    assert 100 * told["win_rate"] == exactly(46.96969696969697)
    assert 100 * told["best_trade"] == exactly(53.59595229490424)
    assert 100 * told["worst_trade"] == exactly(-18.39887353835481)
    assert 100 * told["average_trade"] == exactly(3.2748078066748834)  # its expectancy
    assert told["sqn"] == exactly(1.0766187356697705)
    assert told["kelly"] == exactly(0.1518705127029717)
    assert told["longest_trade_days"] == 183
    assert np.ceil(told["average_trade_days"]) == 46
    # It counts a bar at whose open a trade ended as exposed; ours was flat at its close. Every other exit is an entry.
    assert 100 * (told["exposure_time"] + 1 / len(result.equity)) == exactly(96.74115456238361)
    # Of returns; `result.metrics` has the profit factor of money.
    assert metrics.profit_factor(per_trade) == exactly(2.167945974262033)
    assert 100 * metrics.geometric_mean(per_trade) == exactly(2.531715975158555)


def test_a_trade_is_what_it_was(result: Result, candles: Candles) -> None:
    """The first cross, counted by hand: all of 10,000 in whole shares at the next open."""
    first = result.round_trips.row(0, named=True)
    row = int(np.searchsorted(candles.time, first["entry_time"].timestamp() * 1000))
    assert first["entry_price"] == candles.open[row]
    assert first["amount"] == CASH // candles.open[row]
    assert first["pnl"] == exactly(first["side"] * first["amount"] * (first["exit_price"] - first["entry_price"]))


def test_sides_follow_one_another(result: Result) -> None:
    side = result.round_trips["side"].to_numpy()
    assert (side[1:] == -side[:-1]).all()
    assert result.round_trips["exit_time"][:-1].equals(result.round_trips["entry_time"][1:])
    assert result.round_trips["close_type"].unique().to_list() == ["early_stop"]
