"""How many events a second a connector carries: venue → unmodified ccxt.pro → connector → tracker, over real sockets.

    python -m benchmarks.connector_rate                2,000 events a second for 60 s
    python -m benchmarks.connector_rate 5000 20
    python -m benchmarks.connector_rate --write        both, and the figures into connector_rate.md

The venue runs in a process of its own on the same machine. Events are public trades and reports of our own orders; each
fill brings its report, its fill, a balance and a public trade. Late is what comes after the venue's stamp, which is
whole milliseconds, so figures are up to one too high. Both run on uvloop where there is one; ours with its heap frozen,
as a runner's is.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import time
from array import array
from collections.abc import Coroutine
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from workbench.connectors import CcxtConnector, SimulatedVenue, Stream, SystemClock, Trade, freeze_heap
from workbench.market import BUY, OrderKind
from workbench.trading import Booked, Fill, Intent, Report, Tracker

T = TypeVar("T")
SYMBOL, NAME = "BTC/USDT", "BTCUSDT"
STEP_S = 0.002
DRAIN_S = 10.0  # so long after the last event what is on its way may still come
FILLS_AN_ORDER = 100
OPEN_ORDERS = 20
AMOUNT = Decimal("0.1")
WARM_S = 15.0
PROMISED, BAR_MS = 2_000.0, 10.0
RESULTS = Path(__file__).with_suffix(".md")


# --- the venue's process ---------------------------------------------------------------------------------------------


async def serve(rate: float, seconds: float) -> None:
    """Let things happen at a rate: a quarter of the events are reports of orders, the rest public trades."""
    from workbench.connectors.simulated.events import FillNow, Print

    money = {"USDT": Decimal(10) ** 9}
    async with SimulatedVenue(accounts={"trader": money}) as venue:
        venue.control.book(NAME, [(59_990, 5)], [(60_010, 5)])
        venue.control.limit(1_000_000, "ORDERS")
        print(json.dumps(venue.ccxt()), flush=True)
        gc.disable()  # its ledger only grows: to look for garbage in it takes longer each time, and finds none
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        account, part = venue.account(), AMOUNT / FILLS_AN_ORDER
        prints = fills = 0
        began, began_cpu = time.perf_counter(), time.process_time()
        while (passed := time.perf_counter() - began) < seconds:
            for _ in range(int(passed * rate / 2) - prints):
                venue.step(Print(NAME, Decimal(60_000), Decimal("0.01"), BUY))
                prints += 1
            for _ in range(int(passed * rate / 4) - fills):
                order = next(iter(account.orders.values()), None)
                if order is None:
                    break
                venue.step(FillNow(NAME, order.id, min(part, order.open_amount)))
                fills += 1
            await asyncio.sleep(STEP_S)
        await asyncio.sleep(1.0)
        done = venue.core.ledger.fills("trader")
        filled = sum((fill.amount for fill in done), Decimal(0))
        cpu = time.process_time() - began_cpu
        print(json.dumps({"trades": prints + fills, "fills": len(done), "filled": str(filled), "cpu": cpu}), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


# --- ours ------------------------------------------------------------------------------------------------------------


class Reader:
    """Reads events into a tracker, and keeps how late they were."""

    def __init__(self, connector: CcxtConnector) -> None:
        self.connector, self.tracker = connector, Tracker()
        self.late = array("d")  # milliseconds
        self.trades = self.reports = self.made = 0
        self.booked, self.filled = 0, Decimal(0)
        self.chores: set[asyncio.Task[Any]] = set()

    async def run(self) -> None:
        while True:
            event = await self.connector.next_event()
            if isinstance(event, Trade):
                self.trades += 1
            elif isinstance(event, Report):
                self.reports += 1
                self.tracker.report(event)
            elif isinstance(event, Fill):
                self.book(event)
                continue
            else:
                continue
            self.late.append(time.time() * 1000.0 - event.time_ms)

    def book(self, fill: Fill) -> None:
        for news in self.tracker.fill(fill):
            if isinstance(news, Booked):
                self.booked += 1
                self.filled += news.fill.amount
                order = self.tracker.orders[news.client_id]
                if order.filled == order.amount:
                    self.renew(news.client_id)

    def renew(self, client_id: str) -> None:
        """An order is filled: forget it soon, and place the next."""
        self.chores.add(chore := asyncio.ensure_future(self.place(client_id)))
        chore.add_done_callback(self.chores.discard)

    async def place(self, old: str = "") -> None:
        self.made += 1
        intent = Intent(f"wb{self.made}", SYMBOL, BUY, OrderKind.LIMIT, AMOUNT, Decimal(59_000))
        self.tracker.intend(intent)
        self.tracker.report(await self.connector.create(intent))
        if old and self.tracker.orders[old].is_settled:
            self.tracker.forget(old)


@dataclass(frozen=True, slots=True)
class Seen:
    """One run: seconds of CPU are ours and the venue's, memory is ours, in MB, from when the caches are full."""

    seconds: float
    late: list[float]
    lost_trades: int
    lost_fills: int
    booked: Decimal
    ledger: Decimal
    memory: list[float]
    cpu_s: float
    venue_cpu_s: float
    load: float

    def at(self, share: float) -> float:
        """How late, in milliseconds, the share of the events is at most."""
        return self.late[min(int(share * len(self.late)), len(self.late) - 1)]

    @property
    def growth(self) -> float:
        """MB more at the end than when the caches were full."""
        return self.memory[-1] - self.memory[0] if self.memory else 0.0

    @property
    def is_whole(self) -> bool:
        """Was everything told, once?"""
        return not self.lost_trades and not self.lost_fills and self.booked == self.ledger

    def lines(self) -> list[tuple[str, str]]:
        """The figures, by name."""
        count, millis = len(self.late), [f"{name} {self.at(q):.1f}" for name, q in SHARES]
        each = 1e6 / max(count, 1)
        return [
            ("events", f"{count:,} in {self.seconds:g} s: {count / self.seconds:,.0f} a second"),
            ("late, ms", ", ".join(millis)),
            ("lost", f"{self.lost_trades} trades, {self.lost_fills} fills"),
            ("booked", f"{self.booked} BTC; the venue's ledger says {self.ledger}"),
            ("memory, MB", f"{self.memory[0]:.1f} to {self.memory[-1]:.1f}: {self.growth:+.1f}"),
            ("CPU", f"{self.cpu_s / self.seconds:.0%} of a core, {self.cpu_s * each:.0f} µs an event; the venue "
                    f"{self.venue_cpu_s / self.seconds:.0%}, {self.venue_cpu_s * each:.0f} µs"),
            ("load", f"{self.load:.1f} when it began, on {os.cpu_count()} cores{urgency()}"),
        ]  # fmt: skip


SHARES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999), ("most", 1.0))


def urgency() -> str:
    """What others on the machine have to say: nothing, if this process goes before them."""
    first = hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR)
    return "; both processes before all others (`chrt -f 5`)" if first else ""


async def measure(rate: float, seconds: float) -> Seen:
    """Run both at a rate, for so long."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    command = [sys.executable, "-m", "benchmarks.connector_rate", "--serve", str(rate), str(seconds)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    reader = await started(json.loads(child.stdout.readline()))
    reading = asyncio.ensure_future(reader.run())
    for _ in range(OPEN_ORDERS):
        await reader.place()
    await asyncio.sleep(3.0)
    freeze_heap()
    del reader.late[:]
    child.stdin.write("go\n")
    child.stdin.flush()
    began_cpu = time.process_time()
    memory = await watched(seconds)
    cpu = time.process_time() - began_cpu
    told = json.loads(await asyncio.get_running_loop().run_in_executor(None, child.stdout.readline))
    await drained(reader, told)
    reading.cancel()
    await reader.connector.close()
    child.communicate("\n")
    return Seen(
        seconds, sorted(reader.late), told["trades"] - reader.trades, told["fills"] - reader.booked, reader.filled,
        Decimal(told["filled"]), memory, cpu, told["cpu"], load,
    )  # fmt: skip


async def started(config: dict[str, Any]) -> Reader:
    """A connector that follows public trades and our orders."""
    connector = CcxtConnector("binance", clock=SystemClock(), chance=Random(1), config=config, silence_s=60.0)
    await connector.start()
    await connector.follow(Stream.TRADES, SYMBOL)
    await connector.follow(Stream.USER, SYMBOL)
    return Reader(connector)


async def drained(reader: Reader, told: dict[str, Any]) -> None:
    """Wait for what is on its way: late is late, lost is what never comes."""
    end = time.perf_counter() + DRAIN_S
    while (reader.trades, reader.booked) != (told["trades"], told["fills"]) and time.perf_counter() < end:
        await asyncio.sleep(0.05)


async def watched(seconds: float) -> list[float]:
    """Resident memory in MB, every five seconds after the caches have filled."""
    memory, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds:
        await asyncio.sleep(min(5.0, seconds / 4))
        if time.perf_counter() - start >= min(WARM_S, seconds / 2):
            memory.append(resident_mb())
    return memory


def resident_mb() -> float:
    """What this process holds, in MB; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def show(seen: Seen) -> bool:
    """Print the figures; is it as promised?"""
    for name, text in seen.lines():
        print(f"{name:<12}{text}")
    if len(seen.late) > 1.1 * PROMISED * seen.seconds:
        print("more than is promised\n")
        return seen.is_whole
    good = seen.is_whole and seen.at(0.99) < BAR_MS
    print("as promised\n" if good else f"NOT as promised (p99 under {BAR_MS:g} ms, nothing lost)\n")
    return good


def write(runs: list[Seen]) -> None:
    """The figures as a table."""
    names = [name for name, _ in runs[0].lines()]
    rows = [[name, *(dict(seen.lines())[name] for seen in runs)] for name in names]
    head = ["", *(f"{len(seen.late) / seen.seconds:,.0f} events/s, {seen.seconds:g} s" for seen in runs)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])
    RESULTS.write_text(f"# {TITLE}\n\n`python -m benchmarks.connector_rate --write`\n\n{table}\n", encoding="utf-8")


TITLE = "Events a second through a connector: venue → ccxt.pro → connector → tracker"


def run(work: Coroutine[Any, Any, T]) -> T:
    """On uvloop where there is one, as a runner would."""
    try:
        from uvloop import run as fast
    except ImportError:
        return asyncio.run(work)
    return fast(work)


def main() -> None:
    """Serve, or measure."""
    words = [float(word) for word in sys.argv[1:] if not word.startswith("--")]
    rate, seconds = [*words, *(PROMISED, 60.0)[len(words) :]]
    if "--serve" in sys.argv:
        run(serve(rate, seconds))
        return
    wanted = [(rate, seconds), (5_000.0, 20.0)] if "--write" in sys.argv else [(rate, seconds)]
    runs = [run(measure(*one)) for one in wanted]
    good = [show(seen) for seen in runs]
    if "--write" in sys.argv:
        write(runs)
    raise SystemExit(not good[0])


if __name__ == "__main__":
    main()
