"""A process of a run logs into its own file, without its keys, whoever writes the line."""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import sys

import pytest

from workbench import log
from workbench.live.folder import run_folder
from workbench.live.logs import Outlet, open_logs
from workbench.live.status import told
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


WRITER = """
import os, sys
from pathlib import Path
from workbench.live.logs import Outlet
out = Outlet(Path(sys.argv[1]), max_bytes=1_000, keep=2)
for n in range(100):
    out.write(f"line {n:03d} {'x' * 40}\\n")
os.write(2, b"printed by a library\\n")
"""


def test_what_a_process_prints_is_put_aside_when_it_is_full(tmp_path):
    path = tmp_path / "runner.log"
    with path.open("ab") as file:
        subprocess.run([sys.executable, "-c", WRITER, str(path)], stderr=file, check=True)
    files = sorted(tmp_path.iterdir())
    assert [one.name for one in files] == ["runner.log", "runner.log.1", "runner.log.2"]
    assert all(one.stat().st_size <= 1_050 for one in files)
    text = "".join(one.read_text() for one in reversed(files))
    assert text.splitlines()[-2:] == ["line 099 " + "x" * 40, "printed by a library"]
    assert [line[5:8] for line in text.splitlines()[:-1]] == [f"{n:03d}" for n in range(100)][
        -len(text.splitlines()) + 1 :
    ]


def test_a_line_that_the_disk_does_not_take_stops_nobody(tmp_path, monkeypatch):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        out = Outlet(tmp_path / "runner.log")
        assert out.write("lost\n") == 5
        assert out.lost == 1
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            full.close()


def test_warnings_of_any_library_reach_the_status(tmp_path):
    log.configure()
    log.forget_warnings()
    logging.getLogger("some.library").warning("the venue is slow")
    log.get("live").warning("told by the run itself")
    now = log.warnings()[-1].last_ms
    shown = told([{"time_ms": now + 60_000, "text": "told by the run itself"}])
    assert [one["text"] for one in shown] == ["the venue is slow", "told by the run itself"]
    assert shown[0]["source"] == "some.library"


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
