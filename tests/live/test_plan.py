"""A plan says what a run is, and nothing secret."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from workbench import controllers
from workbench.errors import ConfigError
from workbench.live import Heartbeat, Plan, run_folder
from workbench.live.session import Session
from workbench.live.together import Together
from workbench.live.words import Happened

BOT = controllers.Bollinger(length=20, stop_loss=0.02, take_profit=0.03)


def a_plan(**more):
    return Plan.make(BOT, "binance", "BTC/USDT", **{"name": "bands", "mode": "paper", **more})


def test_plan_read_back_is_the_plan_with_its_bot(tmp_path):
    plan = a_plan()
    assert stat.S_IMODE(os.stat(plan.write(tmp_path / "run")).st_mode) == 0o600
    again = Plan.read(tmp_path / "run")
    assert again == plan
    assert again.bot.load(tmp_path) == BOT


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"name": "Bands 1"}, "no name for a run"),
        ({"mode": "simulated"}, "needs `urls` for binance"),
        ({"options": {"binance": {"apiKey": "x"}}}, "looks like a secret"),
        ({"timeframe": "7q"}, "7q"),
        ({"cash": -1.0}, "cash"),
        ({"markets": [{"venue": "a", "instrument": "X/Y"}] * 2}, "named twice"),
        (
            {"markets": [{"venue": "a", "instrument": one} for one in ("X/USDT", "X/EUR:EUR", "Y/USDT:USDT")]},
            "quoted in EUR and USDT, and a live run counts its money in one",
        ),
        ({"colour": 1}, "colour"),
    ],
)
def test_plan_that_cannot_be_is_refused(more, says):
    with pytest.raises(ConfigError, match=says):
        a_plan(**more)


def test_changed_strategy_is_refused(tmp_path):
    plan = a_plan()
    other = plan.model_copy(update={"bot": plan.bot.model_copy(update={"fingerprint": "0" * 16})})
    with pytest.raises(ConfigError, match="not what it was"):
        other.bot.load(tmp_path)


def test_bot_of_a_file_is_loaded_from_the_run_folder(tmp_path):
    (tmp_path / "bot.py").write_text(
        "import workbench as wb\n\n\nclass Mine(wb.Controller):\n    length: int = 3\n\n"
        "    def targets(self, candles):\n        return wb.Targets.at_market(candles.close * 0)\n"
    )
    plan = a_plan()
    source = {"path": "Mine", "source": "bot.py", "parameters": {"length": 7}}
    assert Plan.checked({**plan.model_dump(), "bot": source}).bot.load(tmp_path).length == 7


def test_folder_without_a_plan_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="holds no run"):
        Plan.read(tmp_path)


def test_second_runner_of_a_folder_is_refused_with_the_first_ones_number(tmp_path):
    folder = run_folder(tmp_path, "bands")
    a_plan().write(folder.path)
    with folder.locked():
        done = subprocess.run(
            [sys.executable, "-m", "workbench.live.runner", str(folder.path)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert f"process {os.getpid()} holds" in done.stderr


def test_heartbeat_is_seen_by_another_process(tmp_path):
    path = tmp_path / "heartbeat"
    assert Heartbeat.read(path) == (0, 0)
    heart = Heartbeat(path)
    heart.beat(5)
    heart.beat(7)
    assert Heartbeat.read(path) == (2, 7)
    assert not Heartbeat.says_ready(path)
    heart.is_ready = True
    heart.beat(9)
    assert Heartbeat.says_ready(path)
    heart.close()


def planned(name: str, mode: str = "simulated") -> Plan:
    return Plan.make(
        controllers.Bollinger(), "binance", "BTC/USDT", name=name, mode=mode, limits={"max_total_drawdown": 100.0},
        urls={"binance": {"http": "http://127.0.0.1:1", "ws": "ws://127.0.0.1:1"}},
    )  # fmt: skip


def test_runs_with_the_same_kind_of_money_see_what_the_others_earned(tmp_path: Path) -> None:
    first, second, other = (
        Together(tmp_path, planned(*one)) for one in (("first",), ("second",), ("other", "paper"))
    )  # fmt: skip
    for one, earned in ((first, -60.0), (second, -50.0), (other, -500.0)):
        one.tell(earned)
    (tmp_path / "earned" / "torn.json").write_text("{")
    assert first.others() == {second.plan.run: -50.0}
    assert other.others() == {}


def test_what_all_runs_lost_together_stops_each_from_opening() -> None:
    """60 lost here, and 50 by another since this one began: beyond 100, though neither is alone."""
    session = Session(planned("run"), controllers.Bollinger())
    for number, (equity, others) in enumerate(((10_000.0, -7.0), (9_940.0, -7.0), (9_940.0, -57.0)), 1):
        session.standing.worth(equity, number)
        session.apply(Happened(number, number, "others", {"earned": {"another": others}}))
        refused = session.gate.opens(session.standing)
        assert (refused.limit if refused else None) == (None, None, "max_total_drawdown")[number - 1]
