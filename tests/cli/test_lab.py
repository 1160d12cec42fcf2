"""How JupyterLab is started."""

from __future__ import annotations

import subprocess
import sys

from workbench.cli.lab import lab_command
from workbench.settings import data_folder


def test_lab_runs_on_this_python_in_that_folder(tmp_path):
    command = lab_command(tmp_path, port=9999, browser=False)
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={tmp_path}" in command
    assert {"--ServerApp.port=9999", "--no-browser"} <= set(command)


def test_lab_ends_with_the_code_of_jupyter(run, monkeypatch, tmp_path):
    given = {}
    monkeypatch.setattr(subprocess, "call", lambda command, env: given.update(env) or 7)
    said = run("lab", tmp_path, "--no-browser", "--json")
    assert said.code == 7
    assert given["WORKBENCH_DATA"] == str(data_folder())  # its kernels work elsewhere, and find the same store
    assert said.json["folder"] == str(tmp_path)
