"""What a sweep survives: a kill, an interrupt, a full disk, a worker that dies. The table is the same."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import workbench as wb
from workbench.controllers import SmaCross
from workbench.errors import WorkbenchError
from workbench.journal import Ledger
from workbench.market import Candles

from .test_sweep import QUIET, walk

ROOT = Path(__file__).parents[2]
HURRY = threading.Event()
GRID = {"fast": range(2, 8), "slow": range(9, 30, 3), "latency": [0, 1, 2], "stop_loss": [None, 0.01]}
SLOW = """
import sys, time
from pathlib import Path
import numpy as np
import workbench as wb
sys.path.insert(0, {tests!r})
from research.test_sweep import walk

calls = []
hurry = Path(sys.argv[0]).with_name("hurry")

class Slow(wb.Controller):
    length: int = 5
    def targets(self, candles):
        calls.append(self.length)
        time.sleep(0.05 if len(calls) < 60 or hurry.exists() else 2.0)  # so that it is caught in its middle
        return wb.Targets.at_market(np.where(np.arange(len(candles)) % self.length == 0, 1, 0), time_limit="30m")

def go(**options):
    return wb.sweep(Slow(), {{"length": range(2, 122)}}, walk(500), audit=False, luck=False, progress=False, **options)
"""


def slow_script(folder: Path, *lines: str) -> Path:
    path = folder / "slow_sweep.py"
    path.write_text(SLOW.format(tests=str(ROOT / "tests")) + "\n".join(lines) + "\n")
    return path


def until(happened: Callable[[], bool], *, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def parts() -> list[Path]:
    return list(Path(os.environ["WORKBENCH_HOME"]).glob("sweeps/*/part-*.rows"))


@pytest.fixture
def child() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that do not outlive the test."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for one in started:
        if one.poll() is None:
            one.kill()
            one.wait()


def run(path: Path, **options: Any) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, str(path)], env=environment, text=True, **options)


def test_sweep_that_was_killed_goes_on_and_its_table_is_the_same(tmp_path, child):
    killed = slow_script(tmp_path, "go(threads=2)")
    child.append(run(killed))
    until(lambda: len(parts()) >= 2)
    os.kill(child[0].pid, signal.SIGKILL)
    child[0].wait()
    there = len(parts())
    (tmp_path / "hurry").touch()
    slow_script(tmp_path, "s = go(threads=1)", "print(s)", "s.table.write_parquet(sys.argv[0] + '.resumed')",
                "go(resume=False).table.write_parquet(sys.argv[0] + '.fresh')")  # fmt: skip
    child.append(run(killed, stdout=subprocess.PIPE))
    said = child[1].communicate()[0]
    assert there >= 2
    assert "of them from before" in said
    resumed, fresh = (pl.read_parquet(f"{killed}.{name}") for name in ("resumed", "fresh"))
    assert resumed.height == 120
    assert resumed.equals(fresh)


def test_interrupt_keeps_what_is_finished_and_says_that_it_is_partial(tmp_path, child):
    script = slow_script(tmp_path, "s = go(threads=2)", "print(s)", "print(s.is_partial, s.table.height > 0)")
    child.append(run(script, stdout=subprocess.PIPE))
    until(lambda: len(parts()) >= 1)
    child[0].send_signal(signal.SIGINT)
    said = child[0].communicate(timeout=60)[0]
    assert child[0].returncode == 0
    assert "partial, " in said
    assert "Make the same call again to go on" in said
    assert said.strip().endswith("True True")


class Unhurried(wb.Controller):
    """Takes its time until it is hurried, so that there is a middle to look at on a machine of any speed."""

    length: int = 5

    def targets(self, candles: Candles) -> wb.Targets:
        HURRY.wait(0.1)
        return wb.Targets.at_market(np.where(np.arange(len(candles)) % self.length == 0, 1, 0), time_limit="30m")


def test_cancelled_sweep_goes_on_with_the_same_call():
    HURRY.clear()
    candles = walk(2_000)
    options: dict[str, Any] = {**QUIET, "threads": 1}
    grid = {"length": range(10, 200), "latency": [0, 1]}
    begun = wb.sweep(Unhurried(), grid, candles, wait=False, **options)
    until(lambda: begun.progress.done > 0)
    begun.cancel()
    HURRY.set()
    assert begun.is_partial
    assert 0 < begun.table.height < 380
    with pytest.raises(WorkbenchError, match="has no file yet"):
        _ = begun.file
    whole = wb.sweep(Unhurried(), grid, candles, **options)
    assert "of them from before" in repr(whole)
    fresh = wb.sweep(Unhurried(), grid, candles, resume=False, **options)
    assert whole.table.equals(fresh.table)
    assert pl.read_parquet(whole.file).equals(fresh.table)


def test_two_processes_may_run_the_same_sweep_at_once():
    HURRY.clear()
    candles, grid = walk(2_000), {"length": range(10, 60), "latency": [0, 1]}
    first, second = (wb.sweep(Unhurried(), grid, candles, wait=False, threads=1, **QUIET) for _ in range(2))
    assert first.is_running
    HURRY.set()
    assert first.wait(progress=False).table.equals(second.wait(progress=False).table)
    assert first.file != second.file


FULL = """
import resource, sys
import workbench as wb
sys.path.insert(0, {tests!r})
from research.test_sweep_survives import GRID, QUIET, SmaCross, walk

candles = walk(3000)
wb.backtest(SmaCross(), candles, audit=False)
kept = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, kept[1]))  # no file may grow beyond: the system refuses to write
try:
    wb.sweep(SmaCross(), GRID, candles, threads=1, **QUIET)
except wb.errors.WorkbenchError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, kept)
print(wb.sweep(SmaCross(), GRID, candles, threads=1, **QUIET))
"""


def test_full_disk_is_said_and_what_was_finished_is_kept(tmp_path, child):
    script = tmp_path / "full.py"
    script.write_text(FULL.format(tests=str(ROOT / "tests")))
    child.append(run(script, stdout=subprocess.PIPE))
    refused, whole = child[0].communicate()[0].splitlines()
    assert re.match(r"The sweep could not write to .*What was finished before is kept there: make room", refused)
    assert re.search(r"252 combinations in .*, [1-9]\d* of them from before", whole)
    assert not list(Path(os.environ["WORKBENCH_HOME"]).glob("sweeps/*/*.tmp"))


def test_table_of_many_rows_is_written_in_stretches_and_is_the_same(monkeypatch):
    from workbench.research import driving

    candles = walk(600)
    whole = wb.sweep(SmaCross(), GRID, candles, resume=False, **QUIET)
    monkeypatch.setattr(driving, "STRETCH", 50)
    cut = wb.sweep(SmaCross(), GRID, candles, resume=False, **QUIET)
    assert pl.read_parquet(cut.file).equals(pl.read_parquet(whole.file))
    assert cut.table.height == 6 * 7 * 6


def test_sweep_is_counted_once_however_often_it_is_resumed():
    candles = walk(600)
    grid = {"fast": [2, 30], "slow": [10, 20, 40]}
    for _ in range(2):
        wb.sweep(SmaCross(), grid, candles, **QUIET)
    assert Ledger().count("SmaCross").trials == 4  # two cannot be


def test_results_can_be_read_while_it_runs():
    HURRY.clear()
    candles = walk(2_000)
    grid = {"length": range(10, 200), "latency": [0, 1]}
    begun = wb.sweep(Unhurried(), grid, candles, wait=False, threads=1, **QUIET)
    until(lambda: begun.progress.done > 0)
    early = begun.table
    assert begun.is_running
    assert 0 < early.height < 380
    assert "left, until" in repr(begun)
    begun.cancel()
    again = begun.table.filter(pl.col("number").is_in(early["number"].implode()))
    assert again.equals(early)


class Sleepy(wb.Controller):
    """Takes its time, so that there is a middle in which a worker can die."""

    length: int = 5

    def targets(self, candles: Candles) -> wb.Targets:
        threading.Event().wait(0.02)
        return wb.Targets.at_market(np.where(np.arange(len(candles)) % self.length == 0, 1, 0), time_limit="30m")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A Dask cluster of two workers, each a process of its own."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as here,
        distributed.Client(here) as client,
    ):
        yield client


def test_dask_makes_the_same_table_from_candles_of_the_store(cluster):
    wb.data.sample(months=1)
    candles = wb.candles("sample", "BTC/USDT", "1h")
    options = {**QUIET, "resume": False}
    local = wb.sweep(SmaCross(), GRID, candles, **options)
    spread = wb.sweep(SmaCross(), GRID, candles, engine="dask", cluster=cluster, **options)
    assert spread.table.equals(local.table)


def test_dask_makes_the_same_table_from_candles_of_nobodys_store(cluster):
    candles, options = walk(800), {**QUIET, "resume": False}
    grid = {"candles": {"one": candles, "half": candles[:400]}, "fast": [2, 3], "slow": [9, 12]}
    local = wb.sweep(SmaCross(), grid, **options)
    spread = wb.sweep(SmaCross(), grid, engine="dask", cluster=cluster, **options)
    assert spread.table.equals(local.table)


def test_worker_that_dies_in_the_middle_changes_nothing(cluster):
    candles, options = walk(300), {**QUIET, "resume": False}
    grid = {"length": range(2, 202)}
    begun = wb.sweep(Sleepy(), grid, candles, engine="dask", cluster=cluster, wait=False, **options)
    until(lambda: begun.progress.done > 10)
    os.kill(next(iter(cluster.run(os.getpid).values())), signal.SIGKILL)
    spread = begun.wait(progress=False)
    assert spread.table.height == 200
    assert spread.table.equals(wb.sweep(Sleepy(), grid, candles, **options).table)
