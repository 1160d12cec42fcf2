"""A search by Optuna: its trials are backtests, its study lies in the project's database."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import optuna
import pytest

import workbench as wb
from workbench.controllers import Bollinger, SmaCross
from workbench.errors import ConfigError, WorkbenchError
from workbench.journal import Ledger, database_url
from workbench.market import Candles
from workbench.settings import home_folder

from .test_sweep import walk
from .test_sweep_survives import ROOT, until

SPACE = {"fast": range(2, 20), "slow": range(21, 90, 3), "stop_loss": (0.005, 0.05), "side": ["long", "both"]}


@pytest.fixture(scope="module")
def candles() -> Candles:
    return walk(2500)


def test_trials_are_backtests(candles):
    found = wb.optimize(SmaCross(), SPACE, candles, trials=8, sampler="random", progress=False, fees=0.0005)
    assert found.table.height == 8
    for row in found.table.iter_rows(named=True):
        bot = SmaCross(**{name: row[name] for name in SPACE})
        assert wb.backtest(bot, candles, audit=False, fees=0.0005).metrics["net_profit"] == row["net_profit"]


def test_search_is_repeatable_and_climbs(candles):
    first, again = (wb.optimize(SmaCross(), SPACE, candles, trials=40, seed=7, progress=False) for _ in range(2))
    assert first.table.equals(again.table)
    sharpe = first.table["sharpe"]
    assert sharpe[20:].mean() > sharpe[:10].mean()
    assert first.backtest(audit=False).metrics["sharpe"] == sharpe.max()
    assert first.bot == SmaCross(**first.best)
    assert f"best sharpe {sharpe.max():,.3f}" in repr(first)


def test_searches_without_a_name_stay_apart_even_in_the_same_second(candles, monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda *_: "2026-01-01 00:00:00")
    names = [wb.optimize(SmaCross(), SPACE, candles, trials=2, progress=False).study.study_name for _ in range(2)]
    assert names[0] != names[1]
    for name in names:
        assert len(optuna.load_study(study_name=name, storage=database_url()).trials) == 2


def test_study_lies_in_the_projects_database_and_is_gone_on_with(candles):
    wb.optimize(SmaCross(), SPACE, candles, trials=5, name="mine", progress=False)
    kept = optuna.load_study(study_name="mine", storage=database_url())
    assert len(kept.trials) == 5
    assert kept.trials[0].user_attrs["metrics"].keys() == wb.metrics.METRICS.keys()
    more = wb.optimize(SmaCross(), SPACE, candles, trials=3, name="mine", progress=False)
    assert more.table.height == 8
    assert len(optuna.load_study(study_name="mine", storage=database_url()).trials) == 8


def test_several_objectives_leave_a_front(candles):
    found = wb.optimize(
        SmaCross(),
        SPACE,
        candles,
        trials=12,
        objective=["total_return", "max_drawdown"],
        sampler="nsga2",
        progress=False,
    )
    assert [goal.name for goal in found.study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert 1 <= len(found.study.best_trials) <= 12
    with pytest.raises(ConfigError, match="With several objectives there is no best one"):
        _ = found.best


def test_pruner_ends_trials_that_fall_behind(candles):
    pruner = optuna.pruners.MedianPruner(n_startup_trials=3)
    found = wb.optimize(SmaCross(), SPACE, candles, trials=25, pruner=pruner, steps=3, sampler="random", progress=False)
    pruned = [trial for trial in found.study.trials if trial.state.name == "PRUNED"]
    assert pruned
    assert all(set(trial.intermediate_values) <= {1, 2} for trial in pruned)
    assert found.table.height == 25 - len(pruned)


def test_suggestions_that_cannot_be_are_pruned_and_counted(candles):
    found = wb.optimize(
        SmaCross(), {"fast": (2, 40), "slow": (3, 40)}, candles, trials=20, sampler="random", progress=False
    )
    assert found.invalid > 0
    assert found.table.height == 20 - found.invalid
    assert f"{found.invalid} of them because they cannot be" in repr(found)


def test_controller_that_raises_ends_its_trial_only(candles):
    class Fragile(Bollinger):
        def signal(self, candles: Candles):
            if self.length == 30:
                raise ZeroDivisionError("thirty")
            return super().signal(candles)

    found = wb.optimize(Fragile(), {"length": [20, 30]}, candles, trials=12, sampler="random", progress=False)
    errors = {trial.user_attrs.get("error") for trial in found.study.trials}
    assert errors == {None, "ZeroDivisionError: thirty"}


def test_search_is_counted_and_judged(candles):
    found = wb.optimize(SmaCross(), SPACE, candles, trials=30, sampler="random", progress=False)
    assert Ledger().count("SmaCross").trials == 30
    judged = found.significance(audit=False)
    assert judged.trials == 30
    assert not math.isnan(judged.deflated_sharpe)


def test_optunas_plots_are_reachable(candles):
    found = wb.optimize(SmaCross(), SPACE, candles, trials=6, sampler="random", progress=False)
    assert len(found.plot().data[0].x) == 6
    assert found.plot("slice").data
    with pytest.raises(ConfigError, match="Optuna has no plot 'pie'"):
        found.plot("pie")


@pytest.mark.parametrize(
    ("space", "options", "message"),
    [
        ({}, {}, "The grid is empty"),
        ({"lenght": [3]}, {}, "has no parameter `lenght`"),
        ({"fast": []}, {}, "`fast` has no values"),
        ([{"fast": 3}], {}, "The space is a list"),
        ({"period": ["2021"]}, {}, "The space varies `period`"),
        (SPACE, {"objective": "sharp"}, "Did you mean 'sharpe'"),
        (SPACE, {"trials": 0}, "`trials` is 0"),
        (SPACE, {"sampler": "best"}, "There is no sampler 'best'"),
        (SPACE, {"direction": "up"}, "`direction` is 'up'"),
        (SPACE, {"objective": ["sharpe", "fees"], "pruner": "median"}, "A pruner compares one objective"),
        (SPACE, {"speed": 1}, "no term `speed`"),
    ],
)
def test_what_cannot_be_searched_is_refused(candles, space, options, message):
    with pytest.raises(ConfigError, match=message):
        wb.optimize(SmaCross(), space, candles, progress=False, **options)


SCRIPT = """
import sys, time
import workbench as wb
sys.path.insert(0, {tests!r})
from research.test_sweep import walk

class Slow(wb.controllers.SmaCross):
    def signal(self, candles):
        time.sleep(0.05)
        return super().signal(candles)

print(wb.optimize(Slow(), {{"fast": range(2, 20)}}, walk(500), trials=400, name="slow", progress=False))
"""


def test_interrupt_keeps_the_trials_that_have_finished(tmp_path: Path):
    script = tmp_path / "search.py"
    script.write_text(SCRIPT.format(tests=str(ROOT / "tests")))
    environment, file = os.environ | {"PYTHONPATH": str(ROOT)}, home_folder() / "workbench.sqlite"
    child = subprocess.Popen([sys.executable, str(script)], env=environment, text=True, stdout=subprocess.PIPE)

    def kept() -> int:
        try:
            with closing(sqlite3.connect(file, timeout=30)) as database:
                return database.execute("SELECT count(*) FROM trials").fetchone()[0]
        except sqlite3.OperationalError:  # not there yet
            return 0

    until(lambda: kept() >= 3)
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=60)[0]
    assert "partial, " in said
    assert 3 <= kept() < 400


def test_first_searches_may_begin_at_once(candles):
    ready = Barrier(6)

    def search(number: int) -> int:
        ready.wait()
        return wb.optimize(SmaCross(), SPACE, candles, trials=2, name=f"n{number % 3}", progress=False).table.height

    with ThreadPoolExecutor(6) as pool:
        assert min(pool.map(search, range(6))) >= 2
    names = optuna.get_all_study_names(database_url())
    assert sorted(names) == ["n0", "n1", "n2"]


def test_search_in_which_nothing_finished_says_so(candles):
    found = wb.optimize(SmaCross(), {"fast": [50], "slow": [10]}, candles, trials=2, progress=False)
    assert found.table.height == 0
    assert "none has finished" in repr(found)
    with pytest.raises(WorkbenchError, match="No trial has finished"):
        _ = found.best
