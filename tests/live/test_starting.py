"""What a start refuses, in which words, and what a live one shows before it asks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from tests.live.running import until
from workbench.controllers import Bollinger
from workbench.errors import ConfigError
from workbench.live import Plan, Run, attach, live, paper, run_folder, runs, starting
from workbench.live.asking import screen
from workbench.live.noting import note_end
from workbench.live.process import find_process, is_at_work
from workbench.live.starting import SAME, _lay_out, start
from workbench.settings import home_folder
from workbench.trading import Limits

BOT = Bollinger(length=20)


def planned(name="run", mode="live", instrument="BTC/USDT", bot=BOT, **more):
    return Plan.make(bot, "binance", instrument, name=name, mode=mode, **more)


@pytest.fixture
def at_work():
    """A run whose supervisor lives, as far as another start can see."""
    made = []

    def begin(plan):
        folder = run_folder(home_folder(), plan.name)
        _lay_out(plan, folder, None)
        code = "import time; time.sleep(60)"
        words = [sys.executable, "-c", code, "workbench.live.supervisor", str(folder.path)]
        process = subprocess.Popen(words)
        made.append(process)
        until(lambda: is_at_work(folder), 5.0)
        return folder

    yield begin
    for process in made:
        process.kill()
        process.wait()


KEYS = {"binance:main": {"key": "k", "secret": "s"}}


def test_a_name_that_is_at_work_is_taken(at_work):
    at_work(planned())
    with pytest.raises(ConfigError, match="the name 'run' is taken: that run is at work"):
        start(planned(), KEYS)


def test_an_instrument_that_another_run_trades_is_not_traded_twice(at_work):
    at_work(planned("first"))
    with pytest.raises(ConfigError, match="BTC/USDT on account 'main' of binance is traded by the run 'first' already"):
        start(planned("second"), KEYS)


def test_a_market_of_a_killed_run_is_free_once_its_supervisor_has_gone(at_work, monkeypatch):
    folder = at_work(planned("first"))
    note_end(folder, "killed", "Nothing is open.", 0)
    monkeypatch.setattr(starting, "LINGER_S", 0.2)
    with pytest.raises(ConfigError, match=r"'first' is killed, and its supervisor still cancels .* Nothing is open"):
        start(planned("second"), KEYS)
    monkeypatch.setattr(starting, "LINGER_S", 20.0)
    leaving = threading.Timer(0.3, os.kill, (find_process(folder, "supervisor"), signal.SIGKILL))
    leaving.start()
    starting._check_markets(planned("second"))  # it waited
    leaving.join()


def test_a_name_of_another_strategy_is_not_gone_on_with():
    _lay_out(planned(mode="paper"), run_folder(home_folder(), "run"), None)
    with pytest.raises(ConfigError, match="there was a run 'run' already, with another bot"):
        start(planned(mode="paper", bot=Bollinger(length=21)), {})
    assert "bot" in SAME


def test_a_killed_run_does_not_go_on_by_itself():
    folder = run_folder(home_folder(), "run")
    _lay_out(planned(mode="paper"), folder, None)
    note_end(folder, "killed", "Nothing is open.", 0)
    with pytest.raises(ConfigError, match=r"the run 'run' was killed: Nothing is open\. It does not go on"):
        start(planned(mode="paper"), {})


def test_a_stale_lock_of_a_dead_process_is_nobodys():
    folder = run_folder(home_folder(), "run")
    _lay_out(planned(mode="paper"), folder, None)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (folder.path / "supervisor.lock").write_text(str(gone.pid))
    (folder.path / "runner.lock").write_text(str(os.getpid()))  # the number lives, as another process
    assert Run(folder).state == "dead"
    with folder.locked("supervisor"), folder.locked():
        assert Run(folder).state == "dead"


def test_missing_keys_are_named_before_anything_is_done():
    with pytest.raises(ConfigError, match=r"no keys of binance:main were given\. `workbench secrets add binance:main`"):
        start(planned(), {})
    assert not run_folder(home_folder(), "run").path.exists()


def test_money_needs_limits_a_vault_and_the_typed_name():
    said = []
    with pytest.raises(ConfigError, match="money needs limits"):
        live(BOT, "binance", "BTC/USDT", confirm="x")
    with pytest.raises(ConfigError, match="'yes' is not 'bollinger-btc-usdt', so nothing was started"):
        live(BOT, "binance", "BTC/USDT", limits=Limits(), confirm="yes", say=said.append)
    assert "about to trade with MONEY" in said[0]
    with pytest.raises(ConfigError, match="there is no vault yet"):
        live(BOT, "binance", "BTC/USDT", limits=Limits(), confirm="bollinger-btc-usdt", say=said.append)
    assert not (home_folder() / "runs").exists()


def test_the_screen_says_account_host_limits_fees_and_what_is_not_protected():
    plan = planned(limits={"max_order_notional": "500"}, terms={"fees": {"maker": 0.001, "taker": 0.001}})
    said = screen(plan)
    assert "BTC/USDT on binance, account 'main'" in said
    assert "venue host    binance: api.binance.com" in said
    assert "max order notional: 500" in said
    assert "maker" in said
    assert "binance has no dead-man's switch for spot" in said
    assert "the loss of a day" in said
    assert len(said.splitlines()) <= 24


def test_another_host_is_said_to_be_none_of_the_venues():
    plan = planned(urls={"binance": {"http": "http://127.0.0.1:8090", "ws": "ws://127.0.0.1:8090"}})
    assert "127.0.0.1:8090 (not the venue's own: from the settings)" in screen(plan)


def test_bad_input_to_a_start_is_a_sentence():
    with pytest.raises(ConfigError, match="is no strategy"):
        paper("bollinger", "binance", "BTC/USDT")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="is not on this machine"):
        paper(BOT, "binance", "BTC/USDT", simulated="http://example.com:80")
    with pytest.raises(ConfigError, match="no simulated venue answers at"):
        paper(BOT, "binance", "BTC/USDT", simulated="http://127.0.0.1:9")
    with pytest.raises(ConfigError, match="there is no run 'nobody'"):
        attach("nobody")


def test_runs_lists_also_what_cannot_be_read():
    assert len(runs()) == 0
    folder = run_folder(home_folder(), "broken")
    folder.path.mkdir(parents=True)
    (folder.path / "run.json").write_text("{")
    found = runs()
    assert found["name"].to_list() == ["broken"]
    assert found["state"].to_list() == ["unreadable"]
