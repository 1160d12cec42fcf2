"""backtesting.py's published statistics of an SMA cross on Google's shares, every one from our functions.

The run is remade here in a few lines: cross of SMA 10 and 30 at the close, all in at the next open, long or short,
whole shares, no fee, the last position closed at the last bar's open (where backtesting.py fills its final order).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from workbench import metrics
from workbench.metrics import Trips

DAY_MS = 86_400_000
CASH = 10_000.0
pytestmark = pytest.mark.shared


class Run(NamedTuple):
    time_ms: np.ndarray
    close: np.ndarray
    equity: np.ndarray
    trips: Trips
    exposed: int


@pytest.fixture(scope="module")
def run(shared: Path) -> Run:
    frame = pl.read_parquet(shared / "marketdata/reference/backtestingpy_GOOG_1d.parquet")
    opens, close = frame["open"].to_numpy(), frame["close"].to_numpy()
    time_ms = frame["timestamp"].dt.timestamp("ms").to_numpy()
    fast, slow = (np.convolve(close, np.ones(n) / n)[29 : len(close)] for n in (10, 30))
    above = np.sign(fast - slow)
    rows = 30 + np.flatnonzero(above[1:] * above[:-1] < 0)
    entries, exits, sides = rows + 1, np.append(rows[1:] + 1, len(close) - 1), above[rows - 29]

    cash, equity, pnl = CASH, np.full(len(close), CASH), []
    for entry, leave, side in zip(entries, exits, sides, strict=True):
        shares = side * (cash // opens[entry])
        equity[entry:leave] = cash + shares * (close[entry:leave] - opens[entry])
        pnl.append(shares * (opens[leave] - opens[entry]))
        cash += pnl[-1]
        equity[leave] = cash
    returns = sides * (opens[exits] / opens[entries] - 1.0)
    trips = Trips(np.array(pnl), returns, time_ms[entries], time_ms[exits], sides.astype(np.int8))
    return Run(time_ms, close, equity, trips, int(exits[-1] - entries[0] + 1))


def exactly(published: float) -> object:
    """Equal but for the rounding of a sum of 2,148 floats."""
    return pytest.approx(published, rel=2e-13, abs=0.0)


def test_the_run_is_the_published_one(run: Run) -> None:
    assert len(run.trips) == 66
    assert round(run.equity[-1], 2) == 51_422.99
    assert round(run.equity.max(), 2) == 75_787.44


def test_equity_and_benchmark(run: Run) -> None:
    returns = np.diff(run.equity) / run.equity[:-1]
    total = run.equity[-1] / CASH - 1.0
    hold = metrics.buy_and_hold(run.close[29:])  # backtesting.py holds from the first bar with a signal on
    beta = metrics.beta(np.diff(np.log(run.equity)), np.diff(np.log(run.close)))
    calendar = (run.time_ms[-1] - run.time_ms[0]) / DAY_MS
    shares = {"periods_per_year": 252}
    assert 100 * total == exactly(414.2299)
    assert 100 * hold == exactly(522.0601851851852)
    assert 100 * metrics.annual_return(returns, **shares) == exactly(21.191099249053224)
    assert 100 * metrics.compounded_volatility(returns, **shares) == exactly(36.49716090702389)
    assert 100 * metrics.cagr(CASH, run.equity[-1], calendar, days_per_year=365.25) == exactly(21.160245705962623)
    assert metrics.compounded_sharpe(returns, **shares) == exactly(0.5806232244485349)
    assert metrics.compounded_sortino(returns, **shares) == exactly(1.0853434352488662)
    assert metrics.calmar(returns, **shares) == exactly(0.44166409202994605)
    assert beta == exactly(0.03803390709192)
    assert 100 * metrics.total_alpha(total, hold, beta) == exactly(394.37391142027462)


def test_drawdowns(run: Run) -> None:
    table = metrics.drawdowns(run.time_ms, run.equity)
    assert 100 * metrics.max_drawdown(run.equity) == exactly(47.98012705007589)
    assert 100 * metrics.average_drawdown(run.equity) == exactly(5.925851581948801)
    assert table["days"].max() == 584
    assert np.ceil(table["days"].to_numpy().mean()) == 41  # published in whole days, rounded up


def test_round_trips(run: Run) -> None:
    returns, pnl = run.trips.return_, run.trips.pnl
    days = (run.trips.exit_ms - run.trips.entry_ms) / DAY_MS
    assert 100 * metrics.win_rate(pnl) == exactly(46.96969696969697)
    assert 100 * returns.max() == exactly(53.59595229490424)
    assert 100 * returns.min() == exactly(-18.39887353835481)
    assert 100 * metrics.geometric_mean(returns) == exactly(2.531715975158555)
    assert metrics.profit_factor(returns) == exactly(2.167945974262033)
    assert 100 * metrics.expectancy(returns) == exactly(3.2748078066748834)
    assert metrics.sqn(pnl) == exactly(1.0766187356697705)
    assert metrics.kelly(pnl) == exactly(0.1518705127029717)
    assert 100 * metrics.exposure_time(run.exposed, len(run.close)) == exactly(96.74115456238361)
    assert days.max() == 183
    assert np.ceil(days.mean()) == 46


def test_the_summary_says_the_same_where_it_means_the_same(run: Run) -> None:
    said = metrics.summarise(
        run.time_ms,
        run.equity,
        timeframe_ms=DAY_MS,
        cash=CASH,
        trips=run.trips,
        fees_paid=0.0,
        volume_traded=1e6,
        bars_exposed=run.exposed,
        close=np.where(np.arange(len(run.close)) < 29, np.nan, run.close),
        periods_per_year=252,
    )
    assert 100 * said["total_return"] == exactly(414.2299)
    assert 100 * said["buy_and_hold"] == exactly(522.0601851851852)
    assert 100 * said["max_drawdown"] == exactly(47.98012705007589)
    assert 100 * said["average_drawdown"] == exactly(5.925851581948801)
    assert said["max_drawdown_days"] == 584
    assert np.ceil(said["average_drawdown_days"]) == 41
    assert 100 * said["win_rate"] == exactly(46.96969696969697)
    assert 100 * said["average_trade"] == exactly(3.2748078066748834)  # its expectancy, our mean return
    assert 100 * said["best_trade"] == exactly(53.59595229490424)
    assert said["longest_trade_days"] == 183
    assert said["sqn"] == exactly(1.0766187356697705)
    assert said["kelly"] == exactly(0.1518705127029717)
    assert 100 * said["exposure_time"] == exactly(96.74115456238361)
    # Not the same by design: the usual Sharpe ratio is arithmetic, and growth a year counts 365 days.
    assert said["sharpe"] == pytest.approx(0.7, abs=0.1)
    assert 100 * said["cagr"] == pytest.approx(21.14, abs=0.02)
