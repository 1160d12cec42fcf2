"""A run is pointed at another server by settings alone: another process, other ports, another name of the host."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.running import end_all, until
from workbench.controllers import PmmSimple
from workbench.live import live
from workbench.settings import AccountKeys, Secret, Vault, home_folder, set_value, vault_path
from workbench.trading import Limits

SERVER = """
import json, sys
from workbench.connectors import SeededMarket, SimulatedVenue
source = SeededMarket([("BTC/USDT", 60_000), ("BTC/USDT:USDT", 60_000)], seed=3, rate=20.0, volatility=0.1)
with SimulatedVenue(sources=source, accounts={"trader": {"USDT": 1_000_000, "BTC": 5}}) as venue:
    account = venue.account()
    said = {"spot": venue.spot_url, "futures": venue.futures_url, "key": account.key, "secret": account.secret}
    print(json.dumps(said), flush=True)
    for line in sys.stdin:
        print(json.dumps([len(venue.control.orders(perpetual=side)) for side in (False, True)]), flush=True)
"""
BOT = PmmSimple(buy_spreads=(0.0005,), sell_spreads=(0.0005,), refresh="3s", total=1000.0)
PASSPHRASE = "a passphrase of a test"


class Other:
    """A server of the same dialect, in a process of its own, that says what it was sent."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.said = self._read()

    def _read(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def orders(self) -> list[int]:
        """How many orders it has had, spot and perpetual."""
        assert self.process.stdin is not None
        self.process.stdin.write("orders\n")
        self.process.stdin.flush()
        return self._read()


@pytest.fixture
def other() -> Iterator[Other]:
    made = Other()
    yield made
    end_all(home_folder())
    made.process.kill()
    made.process.wait()


@pytest.mark.parametrize("instrument", ["BTC/USDT", "BTC/USDT:USDT"])
def test_a_live_run_trades_at_another_server_that_the_settings_name(other, instrument):
    for part, side in (("urls", "spot"), ("perpetual_urls", "futures")):
        http = other.said[side].replace("127.0.0.1", "localhost")
        set_value(f"venues.binance.{part}.http", http)
        set_value(f"venues.binance.{part}.ws", http.replace("http", "ws", 1))
    keys = AccountKeys(key=Secret(other.said["key"]), secret=Secret(other.said["secret"]))
    Vault.create(vault_path(), PASSPHRASE).put("binance:main", keys)
    said: list[str] = []
    run = live(
        BOT, "binance", instrument, account="main", name="elsewhere", timeframe="1s", warm_bars=30,
        limits=Limits(max_orders_per_minute=100_000, max_data_age_ms=60_000), confirm="elsewhere",
        passphrase=PASSPHRASE, say=said.append,
    )  # fmt: skip
    assert "not the venue's own: from the settings" in said[0]
    assert "localhost:" in said[0]
    status = run.wait(seconds=120)
    assert status["state"] == "running", status["reason"]
    side = 1 if ":" in instrument else 0
    until(lambda: other.orders()[side] > 3, 60.0, "orders at the other server")
    assert other.orders()[1 - side] == 0
    run.kill()
    assert run.state == "killed"
