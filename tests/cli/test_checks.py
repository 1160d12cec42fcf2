"""What the doctor finds on the live side."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from types import SimpleNamespace

import pytest

from workbench.cli import checks
from workbench.journal import Journal
from workbench.settings import config_path, home_folder, vault_path


@pytest.fixture
def home():
    home_folder().mkdir(mode=0o700, parents=True)
    return home_folder()


def test_the_live_side_of_a_healthy_machine(run, home):
    (home / "runs").mkdir()
    Journal.open(home / "runs" / "btc" / "journal.sqlite", run="btc").close()
    said = run("doctor", "--json")
    found = {finding["name"]: finding for finding in said.json["findings"]}
    for name in ("rights", "settings", "vault", "clock", "disk", "databases", "core dumps"):
        assert found[name]["good"], found[name]
    assert found["databases"]["detail"].startswith("1 journals of runs")


def test_a_vault_that_others_read_is_named(run, home):
    vault_path().write_text("{}")
    vault_path().chmod(0o644)
    said = run("doctor")
    assert said.code == 1
    assert f"chmod 600 {vault_path()}" in said.out


def test_a_run_that_others_enter_is_named(home):
    run = home / "runs" / "btc"
    run.mkdir(parents=True)
    run.chmod(0o755)
    finding = checks.rights()
    assert not finding.good
    assert f"chmod 700 {run}" in finding.detail


def test_a_link_in_place_of_the_vault_is_named(home):
    vault_path().symlink_to("/etc/passwd")
    assert not checks.rights().good
    assert not checks.vault().good


def test_settings_that_cannot_be_are_named(home):
    config_path().write_text("version: 1\ndefalts: {}\n")
    finding = checks.settings()
    assert not finding.good
    assert "Did you mean `defaults`?" in finding.detail


def test_a_damaged_vault_is_named(home):
    vault_path().write_text("{")
    vault_path().chmod(0o600)
    assert "damaged" in checks.vault().detail


def test_a_clock_that_was_set_back_is_found(home):
    file = home / "from-the-future"
    file.touch()
    os.utime(file, (time.time() + 3600,) * 2)
    finding = checks.clock()
    assert not finding.good
    assert "a file was written at" in finding.detail


def test_a_clock_that_was_never_set_is_found(monkeypatch):
    monkeypatch.setattr(checks.time, "time", lambda: 86_400.0)
    assert "it says 1970-01-02" in checks.clock().detail


@pytest.mark.parametrize(("free", "said"), [(50 * 10**6, "open nothing any more"), (300 * 10**6, "Make room soon")])
def test_a_disk_that_fills_up_is_found(monkeypatch, free, said):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    finding = checks.disk()
    assert not finding.good
    assert said in finding.detail


def test_a_newer_database_and_a_broken_one_are_found(home):
    newer, broken = (home / "runs" / name / "journal.sqlite" for name in ("newer", "broken"))
    Journal.open(newer, run="newer").close()
    with sqlite3.connect(newer) as other:
        other.execute("UPDATE workbench_run_version SET version_num = '9001'")
    broken.parent.mkdir()
    broken.write_text("no database at all" * 1000)
    finding = checks.databases()
    assert not finding.good
    assert "version 9001" in finding.detail
    assert "no SQLite database" in finding.detail
