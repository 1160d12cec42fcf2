"""`workbench venue`: a venue from the terminal, which a client in another process finds and trades on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ccxt
import pytest
from lab import ROOT

import workbench as wb


@contextmanager
def venue(*words: str) -> Iterator[Any]:
    """The command in a process of its own; yields what it answered."""
    command = [sys.executable, "-m", "workbench", "venue", "--port", "0", "--json", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        try:
            lines = []
            while not lines or lines[-1] != "}\n":
                lines.append(process.stdout.readline())
            yield json.loads("".join(lines))
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0


def fetch(address: str) -> Any:
    with urllib.request.urlopen(address) as answer:
        return json.load(answer)


def test_it_answers_in_json_and_closes_when_its_time_is_over(run):
    said = run("venue", "--port", 0, "--seconds", 0.05, "--account", "ann", "--account", "ben", "--json")
    assert said.code == 0
    assert said.json["accounts"].keys() == {"ann", "ben"}
    assert said.json["symbols"] == ["BTC/USDT", "ETH/USDT", "BTC/USDT:USDT", "ETH/USDT:USDT"]


def test_it_says_how_to_trade_there(run):
    said = run("venue", "--port", 0, "--seconds", 0.05, "--crowd")
    assert said.out.startswith("A venue is open, trading BTC/USDT.")
    assert "ccxt.binance(json.load(urllib.request.urlopen(" in said.out
    assert said.out.endswith("Closed.\n")


def test_plain_ccxt_trades_on_a_replay_in_another_process():
    wb.data.sample()
    with venue("--replay", "sample", "BTC/USDT", "1m", "--speed", "60", "--cash", "5000") as said:
        exchange = ccxt.binance(fetch(f"{said['control']}/ccxt"))
        assert exchange.fetch_balance()["USDT"]["free"] == 5_000
        order = exchange.create_order("BTC/USDT", "market", "buy", 0.01)
        assert order["status"] == "closed"
        first = exchange.fetch_time()
        while exchange.fetch_time() - first < 5_000:  # five seconds there are a twelfth of one here
            pass
        assert len(exchange.fetch_ohlcv("BTC/USDT", "1m", limit=300)) == 300


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--replay", "binance", "BTC/USDT", "1m"), "workbench: "),
        (("--start", "2024"), "workbench: --start and --end belong to a replay."),
        (("--crowd", "--replay", "sample", "BTC/USDT", "1m"), "workbench: --crowd makes its own prices"),
        (("--speed", "0", "--replay", "sample", "BTC/USDT", "1m"), "workbench: A clock cannot run at speed 0"),
    ],
)
def test_what_cannot_be_opened_is_refused_with_a_sentence(run, words, sentence):
    if "sample" in words:
        wb.data.sample()
    said = run("venue", "--port", 0, "--seconds", 0.05, *words)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(sentence)


def test_port_that_is_taken_is_named(run):
    with venue() as said:
        taken = said["spot"].rpartition(":")[2]
        refused = run("venue", "--port", taken, "--seconds", 0.05)
    assert refused.code == 1
    assert "choose another" in refused.err or "give another" in refused.err
