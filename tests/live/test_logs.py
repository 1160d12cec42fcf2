"""A process of a run logs into its own file, without its keys, whoever writes the line."""

from __future__ import annotations

import json
import logging

import pytest

from workbench import log
from workbench.live.folder import run_folder
from workbench.live.logs import open_logs
from workbench.log import redacting
from workbench.settings import home_folder, set_value

CANARY = "CANARY-9f8e7d6c5b4a"
KEYS = {"binance:main": {"key": f"{CANARY}-key", "secret": f"{CANARY}-secret"}}


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    monkeypatch.setattr(redacting, "_hidden", {})
    monkeypatch.setattr(redacting, "_pattern", None)
    level = logging.getLogger().level
    yield
    log.close()
    logging.getLogger().setLevel(level)


def test_keys_of_a_run_get_into_no_line_of_any_library():
    folder = run_folder(home_folder(), "btc")
    open_logs(folder, "runner", KEYS)
    logging.getLogger("some.library").warning("sent %s", KEYS)
    logging.getLogger("ccxt").info("%s", f"{CANARY}-secret".encode().hex())
    text = (folder.logs / "runner.jsonl").read_text()
    assert len(text.splitlines()) == 2
    assert CANARY not in text
    assert CANARY.encode().hex() not in text


@pytest.mark.parametrize("broken", [False, True])
def test_logs_are_as_the_settings_say_and_broken_settings_stop_no_run(broken):
    set_value("logs.level", "ERROR")
    if broken:
        (home_folder() / "config.yaml").write_text("logs: {levl: ERROR}")
    folder = run_folder(home_folder(), "btc")
    open_logs(folder, "supervisor", {})
    for level in ("info", "error"):
        getattr(log.get("live"), level)(level)
    lines = [json.loads(line)["event"] for line in (folder.logs / "supervisor.jsonl").read_text().splitlines()]
    assert lines == (["info", "error"] if broken else ["error"])
