"""What the dashboard shows of the runs of a home: those that were, and one that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

from workbench.controllers import Bollinger
from workbench.live import Plan, RunFolder, run_folder
from workbench.panels.listing import rows, worth


def written(home: Path, name: str) -> RunFolder:
    folder = run_folder(home, name)
    folder.path.mkdir(parents=True)
    Plan.make(Bollinger(), "binance", "BTC/USDT", name=name, mode="paper").write(folder.path)
    return folder


def test_a_home_without_runs_has_no_rows(tmp_path):
    assert rows(tmp_path) == []


def test_runs_of_which_no_process_lives_are_listed_and_one_that_is_spoilt_says_why(tmp_path):
    written(tmp_path, "second")
    written(tmp_path, "first")
    (written(tmp_path, "spoilt").path / "run.json").write_text("{")
    found = {one["name"]: one for one in rows(tmp_path)}
    assert set(found) == {"first", "second", "spoilt"}
    assert found["spoilt"]["state"] == "unreadable"
    assert found["spoilt"]["reason"]
    assert found["first"]["bot"] == "Bollinger"
    assert found["first"]["mode"] == "paper"
    assert (found["first"]["orders"], found["first"]["warnings"]) == (0, 0)


def test_money_is_the_runners_word_while_it_is_at_work_and_nothing_is_made_up_after(tmp_path):
    folder = written(tmp_path, "run")
    assert worth(folder, {"equity": 990.0, "net": -10.0}) == {"equity": 990.0, "net": -10.0}
    assert worth(folder, {}) == {}
    (folder.path / "end.json").write_text(json.dumps({"state": "stopped", "reason": ""}))
    assert worth(folder, {}) == {}
