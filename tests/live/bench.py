"""A simulated venue in a thread, and runs in processes of their own that trade on it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal as D
from pathlib import Path
from typing import Any

from workbench.connectors import SeededMarket, SimulatedVenue
from workbench.journal import Past
from workbench.live import Client, Plan, run_folder
from workbench.live.client import NotReached

ROOT = Path(__file__).parents[2]
BOT = Path(__file__).with_name("busy_bot.py")
SPOT, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"
MONEY = {"USDT": 1_000_000, "BTC": 5}
CALM = {"max_data_age_ms": 60_000, "max_orders_per_minute": 100_000, "max_oddities": 1_000}


class Bench:
    """A venue, and the run that trades on it."""

    def __init__(self, home: Path, *, seed: int = 0, rate: float = 20.0, **more: Any) -> None:
        source = SeededMarket([(SPOT, 60_000), (PERPETUAL, 60_000)], seed=seed, rate=rate, volatility=0.1)
        self.home, self.venue = home, SimulatedVenue(sources=source, accounts={"trader": MONEY}, seed=seed, **more)
        self.run: subprocess.Popen[bytes] | None = None
        self.plan: Plan

    def write(self, instrument: str = SPOT, **more: Any) -> Plan:
        """Plan a run of the busy bot and write it down."""
        folder = run_folder(self.home, "busy")
        urls = {
            f"binance:{kind}": {"http": url, "ws": url.replace("http", "ws")}
            for kind, url in (("spot", self.venue.spot_url), ("perpetual", self.venue.futures_url))
        }
        file = more.pop("bot_file", BOT)
        name = file.stem.removesuffix("_bot").capitalize()
        bot = {"path": name, "source": "bot.py", "parameters": more.pop("parameters", {})}
        folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copy(file, folder.path / "bot.py")
        markets = more.pop("markets", [{"venue": "binance", "instrument": instrument}])
        self.plan = Plan.checked({
            "name": "busy", "run": f"busy-{self.home.name}", "mode": "simulated", "timeframe": "1s", "warm_bars": 30,
            "bot": bot, "markets": markets, "urls": urls, "limits": CALM, **more,
        })  # fmt: skip
        self.plan.write(folder.path)
        self.folder = folder
        return self.plan

    def start(self, crash: str = "") -> subprocess.Popen[bytes]:
        """Start the runner of the plan."""
        command = [sys.executable, "-m", "workbench.live.runner", str(self.folder.path)]
        log = open(self.home / "runner.log", "ab")  # noqa: SIM115 - the child's
        made = subprocess.Popen(
            [*command, "--crash", crash] if crash else command, stdin=subprocess.PIPE, stdout=log, stderr=log,
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        log.close()
        account = self.venue.account()
        keys = {"keys": {"binance:main": {"key": account.key, "secret": account.secret}}}
        assert made.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            made.stdin.write(json.dumps(keys).encode() + b"\n")
            made.stdin.close()
        self.run = made
        return made

    @property
    def client(self) -> Client:
        return Client(self.folder, who="test")

    def status(self) -> dict[str, Any]:
        try:
            return self.client.status()
        except NotReached:
            return {"state": "gone", "orders": [], "executors": [], "number": 0}

    def until(self, condition: Callable[[dict[str, Any]], Any], seconds: float = 150.0) -> dict[str, Any]:
        """Wait for a state of the run; whatever it is when time is up is an error."""
        deadline, status = time.monotonic() + seconds, {"state": "gone"}
        while time.monotonic() < deadline:
            assert self.run is None or self.run.poll() in (None, 0), self.log()[-3_000:]
            status = self.status()
            if status["state"] != "gone" and condition(status):
                return status
            time.sleep(0.02)
        raise AssertionError(f"not within {seconds} s: {status} {self.log()[-2_000:]}")

    def log(self) -> str:
        return (self.home / "runner.log").read_text()

    def kill(self) -> None:
        """As the machine would: -9."""
        assert self.run is not None
        self.run.kill()
        self.run.wait()

    def ended(self, seconds: float = 30.0) -> int:
        """The exit code of the runner, once it has ended."""
        assert self.run is not None
        return self.run.wait(seconds)

    def ended_or_idle(self) -> None:
        """Wait until the run has recovered and is at rest, then end it as the machine would."""
        self.until(lambda status: status.get("is_ready"))
        self.kill()

    def past(self) -> Past:
        return Past.open(self.plan.journal or self.folder.journal_url, run=self.plan.run)

    # --- what must hold ---

    def invariants(self, *, perpetual: bool = False) -> list[str]:
        """What is wrong between the venue's ledger and ours, after a run has ended; nothing, if all is well."""
        wrong: list[str] = []
        with self.past() as past:
            orders, fills = past.orders(exact=True).to_dicts(), past.fills(exact=True).to_dicts()
            entries = list(past.entries())
        theirs = list(self.venue.control.orders(perpetual=perpetual))
        ids = Counter(one["client_id"] for one in theirs)
        ours = {one["client_id"] for one in orders}
        wrong += [f"I1: {name} is {count} orders" for name, count in ids.items() if count > 1]
        trades = self.their_trades(perpetual=perpetual)
        booked = Counter(str(one["trade_id"]) for one in fills)
        wrong += [f"I2: trade {name} was booked {count} times" for name, count in booked.items() if count > 1]
        wrong += [f"I2: trade {name} of the venue is not in the journal" for name in trades.keys() - booked.keys()]
        wrong += [f"I2: trade {name} is not the venue's" for name in booked.keys() - trades.keys()]
        for side in (1, -1):
            mine = sum((D(one["amount"]) for one in fills if one["side"] == side), D(0))
            there = sum((amount for way, amount, _ in trades.values() if way == side), D(0))
            wrong += [f"I3: side {side}: {mine} of ours, {there} there"] if mine != there else []
        is_open = {one["client_id"] for one in theirs if one["status"] in ("NEW", "PARTIALLY_FILLED")}
        wrong += [f"I4: {name} is open and unknown" for name in is_open - ours]
        last = {one["client_id"]: one["status"] for one in orders}
        wrong += [f"I5: {name} is {life}" for name, life in last.items() if life in ("SENT", "UNKNOWN", "INTENDED")]
        fees = sum((D(one["fee"]) for one in fills), D(0))
        there = sum((fee for *_, fee in trades.values()), D(0))
        wrong += [f"I7: fees {fees} of ours, {there} there"] if fees != there else []
        wrong += self.secrets()
        numbers = [entry.number for entry in entries]
        wrong += ["the journal has a hole"] if numbers != list(range(1, len(numbers) + 1)) else []
        return wrong

    def their_trades(self, *, perpetual: bool) -> dict[str, tuple[int, D, D]]:
        """Side, amount and fee of each trade, by id, from the venue's immutable ledger."""
        found = {}
        for one in self.venue.control.fills():
            if bool(one.get("perpetual")) == perpetual:
                found[str(one["trade_id"])] = (int(one["side"]), D(str(one["amount"])), D(str(one["fee"])))
        return found

    def secrets(self) -> list[str]:
        """I10: nothing secret lies on the disk."""
        account = self.venue.account()
        wrong = []
        for path in self.home.rglob("*"):
            if path.is_file() and account.secret.encode() in path.read_bytes():
                wrong.append(f"I10: the secret lies in {path.name}")
        return wrong


@contextlib.contextmanager
def bench(home: Path, **more: Any) -> Iterator[Bench]:
    """A bench, and no process left behind."""
    made = Bench(home, **more)
    with made.venue:
        try:
            yield made
        finally:
            if made.run is not None and made.run.poll() is None:
                made.kill()
