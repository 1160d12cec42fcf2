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

from tests.live.forge import Forged
from workbench.connectors import SeededMarket, SimulatedVenue
from workbench.connectors.simulated.clock import Clock
from workbench.journal import Past
from workbench.live import Client, Plan, run_folder
from workbench.live.client import NotReached
from workbench.live.keys import DOOR
from workbench.live.noting import write_note
from workbench.live.session import Session

ROOT = Path(__file__).parents[2]
BOT = Path(__file__).with_name("busy_bot.py")
SPOT, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"
MONEY = {"USDT": 1_000_000, "BTC": 5}
CALM = {"max_data_age_ms": 60_000, "max_orders_per_minute": 100_000, "max_oddities": 1_000}


class Bench:
    """A venue, and the run that trades on it.

    With a `pace` the venue's time runs so many times as fast as the wall's, and the run lives in that time; its runners
    are forked from a process that has everything loaded.
    """

    def __init__(
        self, home: Path, *, seed: int = 0, rate: float = 20.0, pace: float = 0.0, volatility: float = 0.1,
        prices: tuple[tuple[str, float], ...] = ((SPOT, 60_000), (PERPETUAL, 60_000)), **more: Any,
    ) -> None:  # fmt: skip
        source = SeededMarket(prices, seed=seed, rate=rate, volatility=volatility)
        if pace:
            more["clock"] = Clock(int(time.time() * 1_000), speed=pace)
        self.home, self.venue = home, SimulatedVenue(sources=source, accounts={"trader": MONEY}, seed=seed, **more)
        self.market, self.pace, self.run = prices[0][0], pace, None  # type: subprocess.Popen[bytes] | Forged | None
        self.plan: Plan

    def write(self, instrument: str = SPOT, **more: Any) -> Plan:
        """Plan a run of the busy bot and write it down."""
        folder = run_folder(self.home, "busy")
        urls = {
            f"binance:{kind}": {"http": url, "ws": url.replace("http", "ws")}
            for kind, url in (("spot", self.venue.spot_url), ("perpetual", self.venue.futures_url))
        }
        bot = {"path": more.pop("path", "Busy"), "source": "bot.py", "parameters": more.pop("parameters", {})}
        folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copy(more.pop("script", BOT), folder.path / "bot.py")
        markets = more.pop("markets", [{"venue": "binance", "instrument": instrument}])
        self.plan = Plan.checked({
            "name": "busy", "run": f"busy-{self.home.name}", "mode": "simulated", "timeframe": "1s", "warm_bars": 30,
            "bot": bot, "markets": markets, "urls": urls, "limits": CALM, **more,
        })  # fmt: skip
        self.plan.write(folder.path)
        if self.pace:
            write_note(folder, DOOR, {"door": str(self.venue.control_url)})
        self.folder = folder
        return self.plan

    def start(self, crash: str = "", spoil: Callable[[], None] | None = None) -> subprocess.Popen[bytes] | Forged:
        """Start the runner of the plan; `spoil` is called in its process first, where that is a fork."""
        self.run = self._forged(crash, spoil) if self.pace else self._started(crash)
        return self.run

    def _forged(self, crash: str, spoil: Callable[[], None] | None) -> Forged:
        words = ("--crash", crash) if crash else ()
        return Forged(self.folder.path, self._keys(), self.home / "runner.log", *words, spoil=spoil)

    def _keys(self) -> dict[str, Any]:
        account = self.venue.account()
        return {"binance:main": {"key": account.key, "secret": account.secret}}

    def _started(self, crash: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "workbench.live.runner", str(self.folder.path)]
        log = open(self.home / "runner.log", "ab")  # noqa: SIM115 - the child's
        made = subprocess.Popen(
            [*command, "--crash", crash] if crash else command, stdin=subprocess.PIPE, stdout=log, stderr=log,
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        log.close()
        assert made.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            made.stdin.write(json.dumps({"keys": self._keys()}).encode() + b"\n")
            made.stdin.close()
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
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {status} {self.log()[-2_000:]}")

    def log(self) -> str:
        return (self.home / "runner.log").read_text()

    def kill(self) -> None:
        """As the machine would: -9."""
        assert self.run is not None
        self.run.kill()
        self.run.wait()

    def ended(self, seconds: float = 150.0) -> int:
        """The exit code of the runner, once it has ended."""
        assert self.run is not None
        return int(self.run.wait(seconds))

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
        wrong += self._folded(entries, fills, perpetual=perpetual)
        wrong += self.secrets()
        numbers = [entry.number for entry in entries]
        wrong += ["the journal has a hole"] if numbers != list(range(1, len(numbers) + 1)) else []
        return wrong

    def _folded(self, entries: list[Any], fills: list[dict[str, Any]], *, perpetual: bool) -> list[str]:
        """I3 and I8: what the bot's world holds is the sum of the fills, and on a perpetual what the venue shows."""
        session, wrong = Session(self.plan, self.plan.bot.load(self.folder.path)), []
        for entry in entries:
            session.apply(entry)
        for m, position in session.positions().items():
            rules, mine = session.rules[m], [one for one in fills if one["instrument"] == session.rules[m].symbol]
            summed = sum((D(one["amount"]) * one["side"] for one in mine), D(0))
            summed -= sum((D(one["fee"]) for one in mine if one["fee_asset"] == rules.base), D(0))
            wrong += [f"I3: the world holds {position}, its fills come to {summed}"] if off(position, summed) else []
            held = self.venue.control.balances()["positions"].get(f"{rules.symbol.split(':')[0].replace('/', '')} BOTH")
            if perpetual and off(position, held or 0):
                wrong.append(f"I3: the venue holds {held}, we {position}")
        return wrong

    def still_open(self) -> list[str]:
        """I6: orders that the venue has open, conditional ones too."""
        found = [one for kind in (False, True) for one in self.venue.control.orders(perpetual=kind)]
        resting = [one["client_id"] for one in found if one["status"] in ("NEW", "PARTIALLY_FILLED")]
        return resting + [one.client_id for one in self.venue.core.perpetual.algos.open_of("trader")]

    def countdowns(self) -> dict[str, int]:
        """Dead-man's switches that the venue has armed, by symbol."""
        return dict(self.venue.account().futures.countdowns)

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


def off(one: float, other: Any) -> bool:
    """Are two amounts not the same, beyond what floats do to them?"""
    return abs(float(one) - float(other)) > 1e-9


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
