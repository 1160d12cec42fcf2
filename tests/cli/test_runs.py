"""The commands of runs, from a terminal against the simulated venue: outputs pinned, exit codes honest."""

from __future__ import annotations

import contextlib
import json
import os
import signal

import pytest

from tests.live.running import ACCOUNT, PERPETUAL, SPOT, end_all, fill_book, open_at, open_venue, until, urls
from workbench.live import find_folder
from workbench.live.process import find_process
from workbench.settings import AccountKeys, Vault, home_folder, set_value, vault_path

STATUS = ["name", "run", "mode", "state", "reason", "bot", "markets", "runner", "supervisor", "end"]
SUPERVISOR = [
    "name",
    "run",
    "mode",
    "state",
    "reason",
    "pid",
    "runner",
    "beats",
    "starts",
    "ready",
    "kill_switch",
    "killed",
]
KILL = [
    "killed",
    "who",
    "flatten",
    "runner",
    "proven",
    "seconds",
    "found",
    "counted",
    "left",
    "unknown",
    "flattened",
    "held",
    "says",
]
RUNS = ["name", "state", "mode", "bot", "markets", "run", "reason"]


@pytest.fixture
def venue():
    with open_venue() as made:
        yield made
        end_all(home_folder())


def bollinger(venue, *more, instrument=SPOT, name="bands"):
    return ("paper", "bollinger", "--instrument", instrument, "--simulated", venue.control_url, "--name", name,
            "--set", "length=20", "--wait", 300, *more)  # fmt: skip


def test_a_run_is_started_looked_at_paused_stopped_started_again_and_killed(run, venue):
    started = run(*bollinger(venue, "--json"))
    assert started.code == 0, started.err
    assert list(started.json) == STATUS
    assert started.json["state"] == "running"
    assert list(started.json["supervisor"]) == SUPERVISOR
    assert started.json["markets"] == ["binance BTC/USDT"]

    listed = run("runs", "--json")
    assert [list(row) for row in listed.json] == [RUNS]
    assert "bands" in run("runs").out

    found = run("status", "bands", "--json")
    assert (found.code, list(found.json), found.json["state"]) == (0, STATUS, "running")
    taken = run(*bollinger(venue))
    assert (taken.code, taken.out) == (1, "")
    assert "the name 'bands' is taken" in taken.err
    both = run(*bollinger(venue, name="others"))
    assert both.code == 1
    assert "is traded by the run 'bands' already" in both.err

    assert run("pause", "bands", "--json").json == {"state": "paused"}
    assert run("status", "bands", "--json").json["state"] == "paused"
    assert run("resume", "bands").out == "bands opens again.\n"

    lines = [
        json.loads(line) for line in run("attach", "bands", "--after", 0, "--seconds", 0, "--json").out.splitlines()
    ]
    assert [line["number"] for line in lines][:1] == [1]
    assert set(lines[0]) == {"number", "time_ms", "kind", "body"}
    assert run("logs", "bands", "--lines", 3, "--json").json

    stopped = run("stop", "bands", "--json")
    assert stopped.code == 0, stopped
    assert stopped.json["left"] == []
    late = run("pause", "bands")
    assert (late.code, late.out) == (1, "")
    assert "the runner of bands is not at work" in late.err
    over = run("status", "bands", "--json")
    assert (over.code, over.json["state"], over.json["runner"]) == (3, "stopped", None)

    back = run(*bollinger(venue, "--json"))
    assert back.code == 0, back.err
    assert (back.code, back.json["state"], back.json["run"]) == (0, "running", started.json["run"])
    killed = run("kill", "bands", "--json")
    assert (killed.code, list(killed.json), killed.json["proven"]) == (0, KILL, True)
    assert open_at(venue, SPOT) == []
    assert run("status", "bands").code == 3
    assert "was killed" in run(*bollinger(venue)).err
    assert run(*bollinger(venue, "--fresh")).code == 0


def test_a_run_of_which_all_processes_died_is_dead_and_attach_starts_it_again(run, venue):
    assert run(*bollinger(venue, instrument=PERPETUAL)).code == 0
    folder = find_folder("bands")
    for role in ("supervisor", "runner"):
        os.kill(find_process(folder, role), signal.SIGKILL)
    until(lambda: not find_process(folder, "runner"))
    dead = run("status", "bands", "--json")
    assert (dead.code, dead.json["state"]) == (3, "dead")
    assert "`workbench attach bands` starts it again" in dead.json["reason"]
    again = run("attach", "bands", "--seconds", 0)
    assert again.code == 0, again.err
    until(lambda: run("status", "bands", "--json").json["state"] == "running", 120.0)


def test_settings_alone_point_a_live_run_at_another_server_and_it_trades_there(run, venue, tmp_path):
    account = venue.account(ACCOUNT)
    keys = AccountKeys.make(key=account.key, secret=account.secret)
    Vault.create(vault_path(), "correct horse").put("binance:main", keys)
    words = tmp_path / "words"
    words.write_text("correct horse\n")
    words.chmod(0o600)
    for scheme, url in urls(venue, SPOT).items():
        set_value(f"venues.binance.urls.{scheme}", url)
    asked = ("live", "bollinger", "--instrument", SPOT, "--account", "main", "--limit", "max_order_notional=500",
             "--name", "real", "--confirm", "real", "--passphrase-file", words, "--wait", 300)  # fmt: skip
    started = run(*asked, "--json")
    assert started.code == 0, started.err
    assert (started.json["mode"], started.json["state"]) == ("live", "running")
    assert "(not the venue's own: from the settings)" in started.err
    fill_book(venue, SPOT, 3)
    assert len(open_at(venue, SPOT)) == 3
    killed = run("kill", "real", "--json").json
    assert killed["proven"]
    assert killed["found"] == 3 or not killed["counted"]  # the runner may have cancelled them before they were counted
    assert [order["status"] for order in venue.control.orders(ACCOUNT)] == ["CANCELED"] * 3
    assert open_at(venue, SPOT) == []
    for path in (home_folder() / "runs").rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # it was there for a moment
            assert not path.is_file() or account.secret.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("status", "nobody"), "there is no run 'nobody'"),
        (("stop", "nobody"), "there is no run 'nobody'"),
        (("kill", "nobody"), "there is no run 'nobody'"),
        (("paper", "bollinger", "--instrument", "BTCUSDT"), "BTCUSDT"),
        (("paper", "bolinger", "--instrument", "BTC/USDT"), "bollinger"),
        (("paper", "bollinger", "--instrument", "BTC/USDT", "--limit", "max_order_notionl=5"), "there is no limit"),
        (("paper", "bollinger", "--instrument", "BTC/USDT", "--limit", "5"), "--limit 5: that is no limit"),
        (("paper", "bollinger", "--instrument", "BTC/USDT", "--name", "My Run"), "is no name for a run"),
        (("paper", "bollinger", "--instrument", "BTC/USDT", "--simulated", "http://127.0.0.1:9"), "no simulated venue"),
        (("live", "bollinger", "--instrument", "BTC/USDT", "--account", "main"), "nobody is there to type"),
        (
            ("live", "bollinger", "--instrument", "BTC/USDT", "--account", "main", "--confirm", "yes"),
            "nothing was started",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_one(run, words, said):
    outcome = run(*words)
    assert outcome.code == 1
    assert outcome.err.startswith("workbench: ")
    assert said in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not list((home_folder() / "runs").glob("*/run.json")) if (home_folder() / "runs").is_dir() else True


def test_runs_of_an_empty_home_says_how_to_start_one(run):
    assert run("runs", "--json").json == []
    assert "There are no runs yet" in run("runs").out


def test_a_passphrase_file_that_others_can_read_is_refused(run, tmp_path):
    path = tmp_path / "words"
    path.write_text("correct horse")
    path.chmod(0o644)
    with contextlib.suppress(SystemExit):
        outcome = run("live", "bollinger", "--instrument", SPOT, "--account", "main", "--passphrase-file", path)
    assert outcome.code == 1
    assert "others can read it" in outcome.err
