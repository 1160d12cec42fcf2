"""From an event of the market to a signed request, at 500 events a second: `python -m tests.live.latency`.

The runner works in this process, the venue in another. Each order is followed from the moment when the event that made
it was read off the socket to the moment when its request is signed: `waited` for the loop, `folded`, `written` (append,
commit, sync), `called` (budget, ccxt, signature). In the same run, on the same disk, a thread with nothing else to do
writes and syncs a page, and commits a row of SQLite, now and then: what this machine takes for a promise.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import itertools
import multiprocessing
import os
import sqlite3
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from workbench.connectors import SeededMarket, SimulatedVenue, SystemClock
from workbench.live import Plan, run_folder
from workbench.live.runner import Runner

CALM = {"max_data_age_ms": 60_000, "max_orders_per_minute": 100_000, "max_oddities": 1_000}
PROBE_EVERY_S = 0.25
ORDERS_FILE = "main.orders"


def venue_apart(door: Any, rate: float) -> None:
    """A venue in a process of its own, so that only the runner is measured."""
    os.nice(10)  # as if on another machine: it takes no time that the runner wants, and wakes on another core
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    source = SeededMarket([("BTC/USDT", 60_000)], seed=1, rate=rate, volatility=0.1)
    with SimulatedVenue(sources=source, accounts={"trader": {"USDT": 1_000_000, "BTC": 5}}) as venue:
        account = venue.account()
        door.send((venue.spot_url, {"key": account.key, "secret": account.secret}))
        door.recv()


class Probe(threading.Thread):
    """What the disk takes for a sync, and SQLite for a row, while the run is at work beside it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.ended = folder, threading.Event()
        self.syncs: list[float] = []
        self.commits: list[float] = []

    def run(self) -> None:
        """Until it is told to end."""
        database = sqlite3.connect(self.folder / "probe.sqlite", isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            database.execute(f"PRAGMA {pragma}")
        database.execute("CREATE TABLE rows (text TEXT)")
        with (self.folder / "probe").open("wb", buffering=0) as file:
            while not self.ended.wait(PROBE_EVERY_S):
                self.syncs.append(_timed(lambda: (file.write(b"x" * 4096), os.fdatasync(file.fileno()))))
                self.commits.append(_timed(lambda: database.execute("INSERT INTO rows VALUES (?)", ("x" * 1_000,))))
        database.close()


def _timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def moment() -> tuple[float, float]:
    """The time, and what this thread has had of the processor."""
    return time.perf_counter(), time.thread_time()


class Watch:
    """Marks the way of each order through a runner."""

    def __init__(self, runner: Runner) -> None:
        self.parts: dict[str, list[float]] = {name: [] for name in ("all", "waited", "folded", "written", "called")}
        self.worked: dict[str, list[float]] = {name: [] for name in self.parts}
        self.commits: list[float] = []
        self.events = 0
        self._came: dict[int, tuple[float, float]] = {}
        self._event: list[tuple[float, float]] = []
        self._names: list[str] = []
        self._marks: dict[str, list[tuple[float, float]]] = {}
        work = runner.work
        connector = next(iter(work.connectors.values()))
        outlet, client, journal = connector.streams.outlet, connector.client, work.journal
        self._wrap(outlet, "put", self._put)
        self._wrap(runner, "_take", self._take)
        self._wrap(work, "_carry_out", self._carry_out)
        self._wrap(work, "_write_intent", self._write_intent)
        self._wrap(journal, "commit", self._commit)
        self._wrap(journal, "commit_entries", self._commit_entries)
        self._wrap(client, "sign", self._sign)

    @staticmethod
    def _wrap(owner: Any, name: str, around: Any) -> None:
        inner = getattr(owner, name)
        setattr(owner, name, lambda *args, **more: around(inner, *args, **more))

    def _put(self, inner: Any, event: Any) -> None:
        self.events += 1
        self._came[id(event)] = moment()
        inner(event)

    def _take(self, inner: Any, door: str, event: Any) -> None:
        now = moment()
        self._event = [self._came.pop(id(event), now), now]
        inner(door, event)
        self._event = []

    def _carry_out(self, inner: Any, commands: Any) -> None:
        self._folded, self._names = moment(), []
        inner(commands)

    def _write_intent(self, inner: Any, command: Any) -> Any:
        self._names.append(command.intent.client_id)
        return inner(command)

    def _commit_entries(self, inner: Any) -> Any:
        found = self._commit(inner)
        if self._event:
            written = moment()
            self._marks.update({name: [*self._event, self._folded, written] for name in self._names})
        return found

    def _commit(self, inner: Any) -> Any:
        began = time.perf_counter()
        try:
            return inner()
        finally:
            self.commits.append(time.perf_counter() - began)

    def _sign(self, inner: Any, path: str, *rest: Any, **more: Any) -> Any:
        signed = inner(path, *rest, **more)
        name = next((one.get("newClientOrderId") for one in rest if isinstance(one, dict)), None)
        marks = self._marks.pop(str(name), None) if path == "order" and "POST" in rest[:2] else None
        if marks is not None:
            marks = [*marks, moment()]
            spans = [(marks[0], marks[-1]), *itertools.pairwise(marks)]
            for name, (start, end) in zip(self.parts, spans, strict=True):
                self.parts[name].append(end[0] - start[0])
                self.worked[name].append(end[1] - start[1])
        return signed


async def spin(into: list[float]) -> None:
    """How long the same bit of arithmetic takes, ten times a second: what the machine itself adds to anything."""
    while True:
        into.append(_timed(lambda: sum(range(20_000))))
        await asyncio.sleep(0.1)


async def lag(into: list[float]) -> None:
    """How late the loop is, two hundred times a second."""
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(0.005)
        into.append(max(loop.time() - before - 0.005, 0.0))


def row(name: str, seconds: list[float]) -> str:
    """A line of the table."""
    found = sorted(seconds)
    at = [found[min(int(len(found) * part), len(found) - 1)] * 1e3 if found else 0.0 for part in (0.5, 0.9, 0.99, 1.0)]
    return f"| {name:<44} | {len(found):>6} |" + "".join(f" {value:8.2f} |" for value in at)


async def measure(seconds: float, rate: float, folder: Path, url: str, account: Any) -> list[str]:
    """Let a run trade for so long; the lines of the table."""
    from .eager_bot import Eager

    plan = Plan.make(
        Eager(), "binance", "BTC/USDT", name="late", mode="simulated", timeframe="1s", limits=CALM, warm_bars=30,
        urls={"binance": {"http": url, "ws": url.replace("http", "ws")}},
    )  # fmt: skip
    run = run_folder(folder, "late")
    plan.write(run.path)
    runner = Runner(plan, run, SystemClock(), {"binance:main": account}, log=io.StringIO())
    working = asyncio.ensure_future(runner.run())
    while runner.status()["state"] != "running":
        await asyncio.sleep(0.1)
    await asyncio.sleep(2.0)
    watch, probe, late, spins = Watch(runner), Probe(folder), list[float](), list[float]()
    probe.start()
    looking, began = [asyncio.ensure_future(one) for one in (lag(late), spin(spins))], time.monotonic()
    await asyncio.sleep(seconds)
    took = time.monotonic() - began
    for task in looking:
        task.cancel()
    probe.ended.set()
    probe.join()
    await runner.stop(hold=False)
    await working
    parts = watch.parts
    return [
        f"{watch.events / took:.0f} events a second for {took:.0f} s, {len(parts['all'])} orders",
        "", "| ms | n | p50 | p90 | p99 | max |", "|---|---|---|---|---|---|",
        row("event read to request signed", parts["all"]), row("- waited for the loop", parts["waited"]),
        row("- folded", parts["folded"]), row("- written and synced", parts["written"]),
        row("- budget, ccxt, signature", parts["called"]),
        *(row(f"processor time: {name}", watch.worked[name]) for name in ("all", "folded", "written", "called")),
        row("any commit of the run", watch.commits),
        row("this disk: write 4 kB, fdatasync", probe.syncs), row("this disk: a row of SQLite, FULL", probe.commits),
        row("this machine: the same arithmetic", spins), row("loop lag", late),
    ]  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--folder", help="where the journal lies, instead of the folder for temporary files")
    given = parser.parse_args()
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=venue_apart, args=(there, given.rate))
    process.start()
    url, account = here.recv()
    with tempfile.TemporaryDirectory(prefix="late-", dir=given.folder) as folder:
        lines = asyncio.run(measure(given.seconds, given.rate, Path(folder), url, account))
    print("\n".join(lines))  # noqa: T201
    here.send("end")
    process.join(10)


if __name__ == "__main__":
    main()
