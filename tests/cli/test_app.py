"""Exit codes, and where a message goes."""

from __future__ import annotations

import subprocess
import sys

import pytest

import workbench

COMMANDS = [(name,) for name in ("demo", "backtest", "doctor", "lab", "venue")] + [
    ("data", name) for name in ("ingest", "sample", "catalog", "candles", "audit", "download")
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_answers_in_json_too(run, command):
    said = run(*command, "--help")
    assert said.code == 0
    assert "--json" in said.out


def test_version_goes_to_stdout(run):
    said = run("--version")
    assert (said.code, said.out.strip()) == (0, workbench.__version__)


@pytest.mark.parametrize(
    "words", [("dmeo",), ("data", "catalog", "--jsn"), ("backtest",), ("data", "candles", "binance")]
)
def test_mistyped_command_ends_with_2(run, words):
    said = run(*words)
    assert said.code == 2
    assert said.out == ""
    assert said.err


def test_wrong_input_ends_with_1_and_one_sentence_on_stderr(run):
    said = run("lab", "nowhere")
    assert (said.code, said.out) == (1, "")
    assert said.err == "workbench: nowhere is not a folder. Name the one that holds your notebooks.\n"


def test_module_is_the_command():
    said = subprocess.run([sys.executable, "-m", "workbench", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == workbench.__version__
