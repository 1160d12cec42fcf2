"""Out of sample means: with parameters that were known before the bar opened."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import workbench as wb
from workbench.errors import BrokenInvariant, ConfigError, DataError
from workbench.journal import Ledger
from workbench.market import Candles, Targets
from workbench.research.splits import windows
from workbench.research.trying import Candidates, cut, span
from workbench.research.walk_forward import WalkForward, walk, walk_forward

DAY = 86_400_000
START = 19_723 * DAY  # 2024-01-01
GRID = {"fast": [2, 5], "slow": [10, 20, 30]}


def made(n_bars: int = 240, seed: int = 1) -> Candles:
    """Daily candles that walk at random."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(0.03 * rng.standard_normal(n_bars)))
    open_ = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(open_, close) * 1.01, np.minimum(open_, close) * 0.99
    return Candles.from_arrays(
        START + DAY * np.arange(n_bars), open_, high, low, close, np.ones(n_bars), timeframe="1d"
    )


def other_future(candles: Candles, from_ms: int, seed: int = 9) -> Candles:
    """The same candles until a moment, and different ones from then on."""
    keep = int(np.searchsorted(candles.time, from_ms))
    other = made(len(candles), seed)
    scale = candles.close[keep - 1] / other.close[keep - 1]
    columns = {
        name: np.concatenate([getattr(candles, name)[:keep], getattr(other, name)[keep:] * scale])
        for name in ("open", "high", "low", "close")
    }
    return Candles.from_arrays(candles.time, **columns, volume=candles.volume, timeframe="1d")


def walked(candles: Candles, **options: object) -> WalkForward:
    options = {"train": "100d", "test": "30d", "account": "margin"} | options
    return walk_forward(wb.controllers.SmaCross(), GRID, candles, **options)  # type: ignore[arg-type]


# --- what was known then ---------------------------------------------------------------------------------------------


def choices_known_at(candles: Candles, moment: int, **options: object) -> list[object]:
    """What was chosen in the windows whose training was over by then, and their curves until then."""
    found = walked(candles, **options)
    past = [leg for leg in found.legs if leg.window.train_end <= moment]
    return [(leg.number, leg.inside, leg.growth[leg.close_ms <= moment].tolist()) for leg in past]


@pytest.mark.parametrize("anchored", [False, True])
def test_another_future_changes_nothing_before_it(anchored):
    candles = made()
    for moment in (START + 130 * DAY, START + 175 * DAY, START + 190 * DAY):
        before = choices_known_at(candles, moment, anchored=anchored)
        after = choices_known_at(other_future(candles, moment), moment, anchored=anchored)
        assert len(before) > 0
        assert before == after


def test_a_planted_leak_is_seen_by_another_future():
    """Windows that train on their own test: chosen so, the past does depend on what comes after it."""
    candles, moment = made(), START + 130 * DAY
    candidates = Candidates.of(
        wb.controllers.SmaCross(), GRID, candles, sample=None, sampling="random", seed=0, terms={"account": "margin"}
    )
    plan = windows(*span(candles), train="100d", test="30d")
    honest = [window for window in plan if window.train_end <= moment]
    leaking = [window._replace(train_end=window.test_end) for window in honest]

    def chosen(candles: Candles, plan: list[object]) -> list[float]:
        tables = [candidates.table(cut(candles, window.train_start, window.train_end)) for window in plan]
        return [float(table["sharpe"].max()) for table in tables]

    other = other_future(candles, moment)
    assert chosen(candles, honest) == chosen(other, honest)
    assert chosen(candles, leaking) != chosen(other, leaking)
    with pytest.raises(BrokenInvariant, match="took part in the choice"):
        walk(candidates, candles, leaking)


class Clairvoyant(wb.Controller):
    """Long before it rises: a slip in an index."""

    ahead: int = wb.Field(1, ge=0)

    def targets(self, candles: Candles) -> Targets:
        """The change of a later bar."""
        change = np.roll(np.diff(candles.close, prepend=candles.close[0]), -self.ahead)
        return Targets.hold(np.where(change > 0, 1.0, 0.0))


def test_a_strategy_that_looks_ahead_is_named_in_every_window():
    with pytest.warns(UserWarning, match="Look-ahead"):
        found = walk_forward(Clairvoyant(), {"ahead": [1, 2]}, made(), train="100d", test="30d")
    assert not found.is_clean
    assert len(found.audit) == len(found.legs)
    honest = walk_forward(Clairvoyant(), {"ahead": [0]}, made(), train="100d", test="30d")
    assert honest.is_clean
    assert not walk_forward(Clairvoyant(), {"ahead": [0]}, made(), train="100d", test="30d", audit=False).is_clean


# --- the curve -------------------------------------------------------------------------------------------------------


def test_every_bar_after_the_first_training_is_in_the_curve_once():
    candles = made()
    found = walked(candles)
    assert found.equity["time"].to_physical().to_list() == [int(t) + DAY for t in candles.time[100:]]
    assert found.equity["window"].n_unique() == len(found.legs) == 5
    assert found.days == 140
    assert len(found.returns) == 140
    assert found.equity["equity"][-1] == pytest.approx(10_000 * np.prod(1 + found.returns))
    assert found.metrics["total_return"] == pytest.approx(found.equity["equity"][-1] / 10_000 - 1)


def test_each_window_trades_what_was_best_in_its_training():
    candles = made()
    found = walked(candles)
    sweep = Candidates.of(
        wb.controllers.SmaCross(), GRID, candles, sample=None, sampling="random", seed=0, terms={"account": "margin"}
    )
    for leg in found.legs:
        table = sweep.table(cut(candles, leg.window.train_start, leg.window.train_end))
        assert leg.inside == table["sharpe"].fill_nan(None).max()
        row = table.filter(pl.col("number") == leg.number)
        assert row["sharpe"][0] == leg.inside
        assert leg.parameters == {"fast": row["fast"][0], "slow": row["slow"][0]}


def test_a_window_earns_what_a_backtest_earns_there_less_the_change_of_position():
    candles = made()
    found = walked(candles)
    leg, before = found.legs[1], found.legs[0]
    bot = wb.controllers.SmaCross(**leg.parameters)
    run = wb.backtest(bot, cut(candles, leg.window.train_start, leg.window.test_end), account="margin")
    first = int(np.searchsorted(run.bars.time, leg.window.test_start))
    cost = abs(run.equity["exposure"][first - 1] - before.exposure) * 0.001
    assert leg.cost == pytest.approx(cost)
    earned = run.tape.equity[-1] / run.tape.equity[first - 1] * (1 - cost)
    assert np.prod(leg.growth) == pytest.approx(earned, rel=1e-12)


def test_changing_over_costs_fees_and_slippage():
    free, dear = walked(made(), fees=0.0), walked(made(), fees=0.001, slippage=0.002)
    assert free.metrics["switch_costs"] == 0.0
    assert dear.metrics["switch_costs"] > 0.0


def test_parameters_and_their_drift_are_shown():
    found = walked(made())
    assert found.table.columns[:7] == ["window", "train_start", "train_end", "test_start", "test_end", "fast", "slow"]
    assert found.table.height == len(found.legs)
    drift = {row["parameter"]: row for row in found.drift.to_dicts()}
    slow = found.table["slow"].to_list()
    assert drift["slow"]["changes"] == sum(a != b for a, b in pairwise(slow))
    assert drift["slow"]["different"] == len(set(slow))
    assert repr(found).startswith("WalkForward of 5 windows, 140 days out of sample: return ")
    assert found.plot().data[0].x[-1] == found.equity["time"][-1]


def test_a_window_without_a_choice_trades_nothing_and_sells_what_was_held():
    candles = made()
    calls = []

    def evaluate(parameters, part):
        calls.append(part)
        score = 1.0 if len(calls) == 1 else float("nan")
        return pl.DataFrame({"sharpe": [score] * len(parameters)})

    found = walked(candles, evaluate=evaluate)
    assert [leg.number for leg in found.legs] == [0, None, None, None, None]
    assert found.legs[1].cost == pytest.approx(abs(found.legs[0].exposure) * 0.001)
    assert found.legs[1].growth[0] == 1 - found.legs[1].cost
    assert (found.legs[2].growth == 1.0).all()
    assert found.table["fast"].to_list() == [2, None, None, None, None]


def test_an_own_way_to_score_is_handed_the_training_candles_alone():
    candles, seen = made(), []

    def evaluate(parameters, part):
        seen.append((part.time[0], part.time[-1] + DAY))
        return pl.DataFrame({"sharpe": [float(one["slow"]) for one in parameters]})

    found = walked(candles, evaluate=evaluate)
    assert seen == [(leg.window.train_start, leg.window.train_end) for leg in found.legs]
    assert all(leg.parameters == {"fast": 2, "slow": 30} for leg in found.legs)
    with pytest.raises(ConfigError, match="`evaluate` returned 1 rows"):
        walked(candles, evaluate=lambda parameters, part: pl.DataFrame({"sharpe": [1.0]}))


def test_lower_is_better_where_it_is():
    found = walked(made(), objective="max_drawdown")
    assert all(leg.inside < 0.6 for leg in found.legs)
    assert "max_drawdown_in_training" in found.table.columns
    assert np.isnan(found.metrics["efficiency"])


def test_several_instruments_are_cut_alike():
    class Both(wb.Controller):
        length: int = wb.Field(5, ge=1)

        def targets(self, candles):
            return {name: Targets.hold(np.where(one.close > one.open, 0.4, 0.0)) for name, one in candles.items()}

    one = made()
    other = replace(made(seed=3), instrument=wb.Instrument.parse("ETH/USDT"))
    pair = {"BTC/USDT": one, "ETH/USDT": other}
    found = walk_forward(Both(), {"length": [3, 5]}, pair, train="100d", test="30d")
    assert found.days == 140
    assert len(found.equity) == 140


# --- counting and refusing -------------------------------------------------------------------------------------------


def test_a_walk_counts_its_combinations_once_and_not_its_windows():
    walked(made())
    walked(made())
    assert Ledger().count("SmaCross").trials == 6


def test_what_cannot_be_walked_is_refused():
    with pytest.raises(DataError, match="too short to train on 300"):
        walked(made(), train="300d")
    with pytest.raises(ConfigError, match="no metric 'sharp'"):
        walked(made(), objective="sharp")
    with pytest.raises(ConfigError, match="varies `period`"):
        walk_forward(wb.controllers.SmaCross(), {"period": ["2024"]}, made(), train="100d", test="30d")
    with pytest.raises(ConfigError, match="no parameter `fats`"):
        walk_forward(wb.controllers.SmaCross(), {"fats": [2]}, made(), train="100d", test="30d")


@pytest.mark.shared
@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL"])
def test_on_recorded_candles_the_curve_knows_only_what_was_known(shared: Path, coin: str):
    wb.data.ingest(
        shared / "marketdata" / f"binance_{coin}USDT_1m.parquet",
        venue="binance",
        instrument=f"{coin}/USDT",
        timeframe="1m",
    )
    candles = wb.candles("binance", f"{coin}/USDT", "4h")
    grid = {"fast": [5, 10, 20], "slow": [30, 60, 90]}

    def run(part: Candles) -> WalkForward:
        return walk_forward(wb.controllers.SmaCross(), grid, part, train="180d", test="30d", account="margin")

    found = run(candles)
    assert len(found.legs) == 13
    assert found.is_clean
    assert found.days == pytest.approx(365, abs=2)
    shorter = run(candles[:"2023-01"])  # what was known at the time
    for leg, early in zip(found.legs[: len(shorter.legs) - 1], shorter.legs[:-1], strict=True):
        assert (leg.number, leg.inside) == (early.number, early.inside)
        assert leg.growth.tolist() == early.growth.tolist()
