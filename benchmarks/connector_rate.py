"""How many events a second a connector carries: venue → unmodified ccxt.pro → connector → tracker, over real sockets.

    python -m benchmarks.connector_rate                2,000 events a second for 60 s
    python -m benchmarks.connector_rate 5000 20

The venue runs in a process of its own on the same machine. Events are public trades and reports of our own orders; each
fill brings its report, its fill, a balance and a public trade. Late is what comes after the venue's stamp, which is
whole milliseconds, so figures are up to one too high.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from workbench.connectors import CcxtConnector, SimulatedVenue, Stream, SystemClock, Trade
from workbench.market import BUY, OrderKind
from workbench.trading import Booked, Fill, Intent, Report, Tracker

SYMBOL, NAME = "BTC/USDT", "BTCUSDT"
STEP_S = 0.005
FILLS_AN_ORDER = 100
OPEN_ORDERS = 20
AMOUNT = Decimal("0.1")
WARM_S = 15.0


# --- the venue's process ---------------------------------------------------------------------------------------------


async def serve(rate: float, seconds: float) -> None:
    """Let things happen at a rate: a quarter of the events are reports of orders, the rest public trades."""
    from workbench.connectors.simulated.events import FillNow, Print

    money = {"USDT": Decimal(10) ** 9}
    async with SimulatedVenue(accounts={"trader": money}) as venue:
        venue.control.book(NAME, [(59_990, 5)], [(60_010, 5)])
        print(json.dumps(venue.ccxt()), flush=True)
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
        self.late: list[float] = []
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


async def measure(rate: float, seconds: float) -> bool:
    """Run both, print what was seen, and whether it is as promised."""
    command = [sys.executable, "-m", "benchmarks.connector_rate", "--serve", str(rate), str(seconds)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    config = json.loads(child.stdout.readline())
    connector = CcxtConnector("binance", clock=SystemClock(), chance=Random(1), config=config, silence_s=60.0)
    await connector.start()
    await connector.follow(Stream.TRADES, SYMBOL)
    await connector.follow(Stream.USER, SYMBOL)
    reader = Reader(connector)
    reading = asyncio.ensure_future(reader.run())
    for _ in range(OPEN_ORDERS):
        await reader.place()
    await asyncio.sleep(3.0)
    reader.late.clear()
    child.stdin.write("go\n")
    child.stdin.flush()
    began_cpu = time.process_time()
    memory = await watched(seconds)
    cpu = time.process_time() - began_cpu
    told = json.loads(await asyncio.get_running_loop().run_in_executor(None, child.stdout.readline))
    await asyncio.sleep(1.0)
    reading.cancel()
    await connector.close()
    child.communicate("\n")
    return show(reader, told, memory, seconds, cpu)


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


def show(reader: Reader, told: dict[str, Any], memory: list[float], seconds: float, cpu: float) -> bool:
    """Print the figures."""
    late = sorted(reader.late)
    at = lambda share: late[min(int(share * len(late)), len(late) - 1)]  # noqa: E731
    lost = (told["trades"] - reader.trades, told["fills"] - reader.booked)
    growth = memory[-1] - memory[0] if memory else 0.0
    print(f"events        {len(late):,} in {seconds:g} s: {len(late) / seconds:,.0f} a second")
    print(f"late, ms      p50 {at(0.5):.1f}, p95 {at(0.95):.1f}, p99 {at(0.99):.1f}, most {late[-1]:.1f}")
    print(f"lost          {lost[0]} of {told['trades']:,} trades, {lost[1]} of {told['fills']:,} fills")
    print(f"booked        {reader.filled} BTC, the venue's ledger says {told['filled']}")
    print(f"memory, MB    {memory[0]:.1f} to {memory[-1]:.1f}: {growth:+.1f} over {seconds - WARM_S:.0f} s")
    shares = f"{100 * cpu / seconds:.0f} % of a core; the venue {100 * told['cpu'] / seconds:.0f} %"
    print(
        f"CPU           {shares}; load of the machine {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else shares
    )
    good = lost == (0, 0) and reader.filled == Decimal(told["filled"]) and at(0.99) < 10.0
    print("as promised" if good else "NOT as promised (p99 under 10 ms, nothing lost)")
    return good


def main() -> None:
    """Serve, or measure."""
    words = [word for word in sys.argv[1:] if word != "--serve"]
    rate, seconds = (float(words[n]) if len(words) > n else default for n, default in enumerate((2_000.0, 60.0)))
    if "--serve" in sys.argv:
        asyncio.run(serve(rate, seconds))
    else:
        raise SystemExit(not asyncio.run(measure(rate, seconds)))


if __name__ == "__main__":
    main()
