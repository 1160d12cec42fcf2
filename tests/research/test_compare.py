"""Runs side by side."""

from __future__ import annotations

import pytest

import workbench as wb
from workbench.controllers import SmaCross
from workbench.errors import ConfigError
from workbench.metrics import METRICS

from .test_sweep import QUIET, walk


def test_runs_stand_side_by_side_with_the_trials_of_their_family():
    candles = walk(1500)
    found = wb.sweep(SmaCross(), {"fast": [2, 5], "slow": [20, 40]}, candles, **QUIET)
    first, second = found.backtest(0), found.backtest(3)
    table = wb.compare(first, second)
    assert table["metric"].to_list() == [*METRICS, "trials"]
    assert table.columns[1:] == [repr(first.bot), repr(second.bot)]
    (sharpe,) = table.filter(metric="sharpe")[repr(second.bot)]
    assert sharpe == second.metrics["sharpe"]
    assert table[-1, 1] == table[-1, 2] == 4.0


def test_runs_of_the_same_bot_are_told_apart():
    one, other = wb.backtest(SmaCross(), walk(800)), wb.backtest(SmaCross(), walk(800, instrument="ETH/USDT"))
    assert wb.compare(one, other).columns[1:] == [f"{SmaCross()!r} on BTC/USDT", f"{SmaCross()!r} on ETH/USDT"]
    assert wb.compare(one, one).columns[1:] == [f"{SmaCross()!r} (1)", f"{SmaCross()!r} (2)"]
    named = wb.compare(one, other, names=["bitcoin", "ether"], metrics=["sharpe", "fees"])
    assert named.columns == ["metric", "bitcoin", "ether"]
    assert named["metric"].to_list() == ["sharpe", "fees", "trials"]


def test_what_cannot_be_compared_is_refused():
    run = wb.backtest(SmaCross(), walk(300))
    with pytest.raises(ConfigError, match="nothing to compare"):
        wb.compare()
    with pytest.raises(ConfigError, match="A SmaCross is given where a run is compared"):
        wb.compare(run, SmaCross())
    with pytest.raises(ConfigError, match="for 2 runs"):
        wb.compare(run, run, names=["a", "a"])
    with pytest.raises(ConfigError, match="no metric 'sharp'"):
        wb.compare(run, metrics=["sharp"])
