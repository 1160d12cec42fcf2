"""Parameters in two steps: what is prepared changes nothing until committed, and a crash between leaves the old."""

from __future__ import annotations

import contextlib
import os
import signal

import polars as pl
import pytest

from tests.live.conftest import venue
from tests.live.running import keys, laid_out, plan, until
from workbench.errors import ConfigError, WorkbenchError
from workbench.live import Run
from workbench.live.process import find_process, start_supervisor

__all__ = ["venue"]

OLD, NEW = 20, 35


@pytest.fixture
def run(venue):
    """A supervised run on bars of a minute. The venue has a book and no trade, so that no bar ends."""
    folder = laid_out(plan(venue))
    start_supervisor(folder, keys(venue))
    found = Run(folder, who="tests")
    found.wait("running", seconds=240.0)
    return found


def length(run):
    with contextlib.suppress(WorkbenchError):
        return run._runner.look().get("bot", {}).get("parameters", {}).get("length")
    return None


def kinds(run):
    return run.events.filter(pl.col("kind").is_in(["prepared", "updated", "dropped"]))["kind"].to_list()


def test_a_crash_between_the_two_steps_leaves_the_old_set_and_the_journal_says_so(run):
    ticket = run.prepare(length=NEW)["prepared"]["ticket"]
    run.commit(ticket)
    until(lambda: length(run) == OLD)  # no bar has ended
    os.kill(find_process(run.folder, "runner"), signal.SIGKILL)
    until(lambda: kinds(run) == ["prepared", "dropped"], 120.0, "a runner that says what it did not do")
    until(lambda: length(run) == OLD, 120.0)
    said = run.events.filter(pl.col("kind") == "dropped")["body"][0]
    assert "length=35 was prepared and not applied: the run ended before its bar did" in said
    assert "The parameters before it stay" in said
    run.wait("running", seconds=240.0)
    with pytest.raises(ConfigError, match="nothing lies ready"):
        run.commit(ticket)


def test_what_is_not_confirmed_or_not_taken_by_the_model_changes_nothing(run):
    with pytest.raises(ConfigError, match="length"):
        run.prepare(length=1)
    with pytest.raises(ConfigError, match="cannot change while the run trades"):
        run.prepare(entry="market")
    first = run.prepare(length=NEW)["prepared"]["ticket"]
    second = run.prepare(length=50)["prepared"]["ticket"]
    with pytest.raises(ConfigError, match="nothing lies ready"):
        run.commit(first)
    run.discard(second)
    assert kinds(run) == ["prepared", "dropped", "prepared", "dropped"]
    until(lambda: length(run) == OLD)
