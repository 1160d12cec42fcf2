"""What a runner promises, measured: `python -m tests.live.measure rto|ambiguous|latency`.

`rto`: from kill -9 to a run that is ready again, with 100 open orders and 5,000 fills in its journal. `ambiguous`: a
create whose answer was lost, until it is resolved. `latency`: from an event of the market to a signed request, at 500
events a second, and how late the loop was.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import multiprocessing
import statistics
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from workbench.connectors import SeededMarket, SimulatedVenue, SystemClock
from workbench.journal import Journal
from workbench.live import Plan, run_folder
from workbench.live.runner import Runner
from workbench.market import BUY, OrderKind
from workbench.trading import Fill, Intent, Life, Report

from .bench import Bench, bench

D = Decimal
N_OPEN, N_FILLS = 100, 5_000


def told(name: str, seconds: list[float]) -> None:
    """A line of figures."""
    seconds = sorted(seconds)
    most = seconds[min(int(len(seconds) * 0.99), len(seconds) - 1)]
    print(f"{name}: n={len(seconds)} p50={statistics.median(seconds):.3f} p99={most:.3f} max={seconds[-1]:.3f} s")  # noqa: T201


# --- RTO ----------------------------------------------------------------------------------------------------------


def rto(times: int) -> None:
    """Kill and start a run, again and again."""
    with tempfile.TemporaryDirectory(prefix="rto-") as home, bench(Path(home), rate=2.0) as b:
        b.write(parameters={"calm": True})
        b.start()
        b.until(lambda status: status["state"] == "running")
        b.kill()
        fill_journal(b)
        b.start()
        took = []
        for _ in range(times):
            b.until(lambda status: status["is_ready"])
            b.kill()
            begun = time.monotonic()
            b.start()
            status = b.until(lambda status: status["is_ready"])
            took.append(time.monotonic() - begun)
            assert len(status["orders"]) == N_OPEN, len(status["orders"])
        told("from kill -9 to ready", took)


def fill_journal(b: Bench) -> None:
    """Put open orders that the venue has, and fills of earlier ones, into a run's journal."""
    now, account = b.venue.clock.now_ms(), {"venue": "binance", "account": "main", "door": "binance:main:spot"}
    with Journal.open(b.folder.journal_url, run=b.plan.run) as journal:
        for number in range(N_FILLS):
            _old_order(journal, account, number, now)
        for number in range(N_OPEN):
            name, price = f"open{number}", D(30_000 + number)
            intent = Intent(name, "BTC/USDT", BUY, OrderKind.LIMIT, D("0.01"), price, created_ms=now)
            _intend(journal, account, intent, now)
            b.venue.control.external_order("BTCUSDT", "BUY", "0.01", str(price), client_id=name, account="trader")
        journal.commit()


def _intend(journal: Journal, account: dict[str, Any], intent: Intent, now: int) -> None:
    names = {**account, "client_id": intent.client_id}
    journal.append("intent", {**account, "intent": intent, "m": 0}, time_ms=now)
    journal.append("sent", names, time_ms=now)


def _old_order(journal: Journal, account: dict[str, Any], number: int, now: int) -> None:
    name, price, amount, venue_id = f"old{number}", D(60_000), D("0.0001"), str(10_000_000 + number)
    _intend(journal, account, Intent(name, "BTC/USDT", BUY, OrderKind.MARKET, amount, created_ms=now), now)
    report = Report("BTC/USDT", name, venue_id, Life.FILLED, amount, now, amount, None, BUY)
    journal.append("answered", {**account, "client_id": name, "report": report}, time_ms=now)
    fill = Fill("BTC/USDT", venue_id, venue_id, BUY, price, amount, now, name, D("0"), "USDT")
    journal.append("fill", {**account, "fill": fill}, time_ms=now)


# --- an answer that was lost ------------------------------------------------------------------------------------------


def ambiguous(times: int) -> None:
    """Creates that the venue does and never answers, or never gets; what it knows of apart from what it does not."""
    found: dict[str, list[float]] = {"the venue shows it (p99 < 2 s)": [], "it never came (bound 16 s)": []}
    for kind in ("accept_then_silence", "lose_request"):
        with tempfile.TemporaryDirectory(prefix="lost-") as home, bench(Path(home), rate=10.0) as b:
            b.write()
            b.start()
            b.until(lambda status: status["state"] == "running" and status["row"] > 32)
            for _ in range(times):
                b.venue.control.on("POST /api/v3/order", kind, times=1)
                b.until(lambda status: any(one["life"] in ("SENT", "UNKNOWN") for one in status["orders"]))
                b.until(lambda status: not any(one["life"] in ("SENT", "UNKNOWN") for one in status["orders"]))
            b.client.stop(hold=False)
            b.ended()
            known = {str(one["client_id"]) for one in b.venue.control.orders()}
            for name, took in lost_answers(b).items():
                found[next(iter(found)) if name in known else list(found)[1]].append(took)
            print(f"{kind}: what is wrong: {b.invariants()}")  # noqa: T201
    for population, seconds in found.items():
        if seconds:
            told(population, seconds)


def lost_answers(b: Bench) -> dict[str, float]:
    """How long each create that was never answered was not known of: from its sending to a word, or the proof."""
    sent: dict[str, int] = {}
    took: dict[str, float] = {}
    lost: set[str] = set()
    with b.past() as past:
        for entry in past.entries():
            body = entry.body if isinstance(entry.body, dict) else {}
            told_by = body.get("report") or body.get("fill")
            name = body.get("client_id") or getattr(told_by, "client_id", "")
            if entry.kind == "sent":
                sent[name] = entry.time_ms
            elif entry.kind == "answered" and body.get("unanswered"):
                lost.add(name)
            elif entry.kind in ("answered", "report", "fill", "missing") and name in sent:
                took.setdefault(name, (entry.time_ms - sent[name]) / 1e3)
    return {name: seconds for name, seconds in took.items() if name in lost}


# --- from an event to a request ---------------------------------------------------------------------------------------


def venue_apart(door: Any) -> None:
    """A venue in a process of its own, so that only the runner is measured."""
    source = SeededMarket([("BTC/USDT", 60_000)], seed=1, rate=500.0, volatility=0.1)
    with SimulatedVenue(sources=source, accounts={"trader": {"USDT": 1_000_000, "BTC": 5}}) as venue:
        account = venue.account()
        door.send((venue.spot_url, {"key": account.key, "secret": account.secret}))
        door.recv()


async def latency(seconds: float) -> None:
    """A run in this process, at a venue with 500 prints a second; time from a bar or a fill to the signed request."""
    from .busy_bot import Busy

    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=venue_apart, args=(there,))
    process.start()
    url, account = here.recv()
    with tempfile.TemporaryDirectory(prefix="late-") as home:
        calm = {"max_data_age_ms": 60_000, "max_orders_per_minute": 100_000, "max_oddities": 1_000}
        plan = Plan.make(
            Busy(), "binance", "BTC/USDT", name="late", mode="simulated", timeframe="1s", limits=calm, warm_bars=30,
            urls={"binance": {"http": url, "ws": url.replace("http", "ws")}},
        )  # fmt: skip
        folder = run_folder(Path(home), "late")
        plan.write(folder.path)
        runner = Runner(plan, folder, SystemClock(), {"binance:main": account}, log=io.StringIO())
        working = asyncio.ensure_future(runner.run())
        while runner.status()["state"] != "running":
            await asyncio.sleep(0.1)
        took = watch(runner)
        await asyncio.sleep(seconds)
        lag = runner.status()["lag_ms"]
        await runner.stop(hold=False)
        await working
        told("event to signed request", took)
        print(f"loop lag, a decaying maximum: {lag:.1f} ms")  # noqa: T201
    here.send("end")
    process.join(10)


def watch(runner: Runner) -> list[float]:
    """Time each event that makes an order, until its request is signed."""
    took: list[float] = []
    began = [0.0]
    take, client = runner._take, next(iter(runner.work.connectors.values())).client
    sign = client.sign

    def timed_take(door: str, event: Any) -> None:
        began[0] = time.perf_counter()
        take(door, event)

    def timed_sign(path: str, *rest: Any, **more: Any) -> Any:
        signed = sign(path, *rest, **more)
        if path == "order" and "POST" in rest[:2] and began[0]:
            took.append(time.perf_counter() - began[0])
        return signed

    runner._take, client.sign = timed_take, timed_sign  # type: ignore[method-assign]
    return took


def main() -> None:
    """Measure what is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("rto", "ambiguous", "latency"))
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    if given.what == "rto":
        rto(given.times)
    elif given.what == "ambiguous":
        ambiguous(given.times)
    else:
        asyncio.run(latency(float(given.times)))


if __name__ == "__main__":
    main()
