"""Order lives over real sockets with everything going wrong: `python -m tests.connectors.socket_lives --lives 10000`.

Orders go through a proxy that cuts, delays and swallows connections, to a venue that loses requests, answers and
messages, repeats and reorders them, all from a seed. Afterwards the tracker must say what the venue's ledger says: no
order twice, every trade once, the same position.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from workbench.connectors import CcxtConnector, FaultProxy, Faults, SimulatedVenue, Stream, SystemClock, Toxic
from workbench.connectors.simulated import Rule
from workbench.errors import WorkbenchError
from workbench.trading import Life, Tracker

from .bench import ASKS, BIDS, MONEY, SPOT, Bench

D = Decimal
AT_ONCE = 12
PROOF_MS, WINDOW_MS = 3_000, 1_000
FOR_EVER_S = 200.0  # only so that what never ends is seen to
TOXICS = ("latency", "cut_up", "cut_down", "reset", "black_hole", "refuse")


@dataclass(slots=True)
class Outcome:
    """What came of so many lives."""

    seed: int
    lives: int = 0
    fills: int = 0
    unknown: int = 0
    hurts: int = 0
    divergences: list[str] = field(default_factory=list)


async def live(seed: int, lives: int) -> Outcome:
    """So many orders, from one seed."""
    faults = Faults(seed, lose_request=0.04, lose_reply=0.05, reset=0.04, error=0.04, delay=0.1, delay_ms=150,
                    drop=0.08, repeat=0.1, reorder=0.1)  # fmt: skip
    venue = SimulatedVenue(accounts={"trader": MONEY}, faults=faults, seed=seed)
    async with venue:
        port = int(venue.spot_url.rsplit(":", 1)[1])
        async with FaultProxy("127.0.0.1", port, seed=seed) as proxy:
            bench = await _started(venue, proxy, seed)
            try:
                outcome = await _trade(bench, proxy, seed, lives)
                await _calm(bench, proxy)
                async with asyncio.timeout(FOR_EVER_S):
                    await _settle(bench)
                _compare(bench, outcome)
            finally:
                await bench.stop()
                await bench.connector.close()
    return outcome


async def _started(venue: SimulatedVenue, proxy: FaultProxy, seed: int) -> Bench:
    config: dict[str, Any] = venue.ccxt()
    config["urls"] = _through(config["urls"], venue.spot_url, proxy.url)
    config["options"] = {**config.get("options", {}), "recvWindow": WINDOW_MS}
    connector = CcxtConnector("binance", clock=SystemClock(), chance=random.Random(seed),
                              config={**config, "timeout": 400}, silence_s=2.0)  # fmt: skip
    bench = Bench(venue, connector, Tracker(proof_ms=PROOF_MS, patience_ms=150))
    venue.control.book("BTCUSDT", BIDS, ASKS)
    for _ in range(20):
        try:
            await connector.start()
            break
        except WorkbenchError:
            await asyncio.sleep(0.05)
    bench.start()
    await connector.follow(Stream.USER, SPOT)
    await bench.until(lambda: bench.states(Stream.USER), 20.0)
    return bench


def _through(urls: Any, there: str, here: str) -> Any:
    if isinstance(urls, dict):
        return {name: _through(url, there, here) for name, url in urls.items()}
    both = ((there, here), (there.replace("http", "ws", 1), here.replace("http", "ws", 1)))
    for old, new in both:
        urls = urls.replace(old, new) if isinstance(urls, str) else urls
    return urls


async def _trade(bench: Bench, proxy: FaultProxy, seed: int, lives: int) -> Outcome:
    """A few orders at once, each with its own fate, while the market moves and the line is hurt now and then."""
    draw, gate = random.Random(seed), asyncio.Semaphore(AT_ONCE)
    outcome = Outcome(seed, lives)
    line = _Line(proxy, random.Random(seed + 1))
    # one is lost for certain, whatever chance does
    bench.venue.faults.rules.append(Rule("POST /api/v3/order", "lose_request", after=lives // 3))
    moving = asyncio.ensure_future(_move(bench, random.Random(seed + 2)))

    async def one(number: int, fate: float, amount: str, price: str | None, side: int) -> None:
        async with gate:
            line.carry()
            await bench.send(f"wb{seed}-{number}", side, amount, price)
            await asyncio.sleep(fate * 0.2)
            if bench.life(f"wb{seed}-{number}") <= Life.OPEN and fate < 0.7:
                await bench.cancel(f"wb{seed}-{number}")

    try:
        orders = []
        for number in range(lives):
            side = draw.choice([1, -1])
            near = 60_000 + side * draw.choice([-400, -30, -5, 15, 100])
            price = None if draw.random() < 0.2 else str(near)
            orders.append(one(number, draw.random(), str(D(draw.randint(1, 30)) / 1000), price, side))
        await asyncio.gather(*orders)
    finally:
        moving.cancel()
        await asyncio.gather(moving, return_exceptions=True)
    outcome.hurts = line.hurts
    outcome.unknown = sum(1 for news in bench.news if getattr(news, "now", None) == Life.UNKNOWN)
    return outcome


class _Line:
    """The line to the venue: whole for some orders, hurt for a few. By count, so that a fast machine meets as much."""

    def __init__(self, proxy: FaultProxy, draw: random.Random) -> None:
        self.proxy, self.draw, self.hurts = proxy, draw, 0
        self._left = draw.randint(6, 14)

    def carry(self) -> None:
        """One order more."""
        self._left -= 1
        if self._left > 0:
            return
        if self.proxy.toxics:
            self.proxy.toxics.clear()
            self._left = self.draw.randint(6, 14)
            return
        kind = self.draw.choice(TOXICS)
        self.proxy.toxics[:] = [Toxic(kind, milliseconds=60, jitter=60, after=self.draw.choice([50, 300, 900, 4_000]))]
        if self.draw.random() < 0.3:
            self.proxy.cut()
        self.hurts += 1
        self._left = self.draw.randint(2, 6)


async def _move(bench: Bench, draw: random.Random) -> None:
    while True:
        await asyncio.sleep(0.03)
        bench.quote(draw.uniform(-40.0, 40.0) // 1)
        if draw.random() < 0.3:
            bench.trade(60_000 + draw.randint(-30, 30), 0.05, draw.choice(["BUY", "SELL"]))


async def _calm(bench: Bench, proxy: FaultProxy) -> None:
    """Nothing is hurt any more: connections from before, which keep their toxics, go, and our stream stands anew."""
    line = bench.connector.streams.lines[""]
    before = line.now
    bench.venue.faults.calm()
    proxy.toxics.clear()
    proxy.cut()
    bench.connector.client.timeout = 10_000

    def is_new() -> bool:
        now = line.now
        stands = now is not None and now is not before and not now.ended.is_set()
        return stands and bench.states(Stream.USER)[-1].is_fresh

    await bench.until(is_new, FOR_EVER_S, "a user stream over whole connections")


async def _settle(bench: Bench) -> None:
    """Quiet: cancel what is open, ask until nothing is left to ask, and catch up once more."""
    while bench.tracker.unsettled():
        for order in bench.tracker.live():
            if order.life == Life.OPEN and not order.cancel_ms:
                await bench.cancel(order.intent.client_id)
        await asyncio.sleep(0.1)
    for fill in await bench.connector.fills(SPOT, bench.now() - 3_600_000):
        bench.hear(bench.tracker.fill(fill))


def _compare(bench: Bench, outcome: Outcome) -> None:
    """The tracker against the venue's own ledger."""
    wrong = outcome.divergences
    wrong += [f"{name} was placed {n} times" for name, n in bench.orders_per_id().items() if n > 1]
    true: dict[str, list[Any]] = {}
    for fill in bench.control.fills("trader"):
        true.setdefault(fill["client_id"], []).append(fill)
    placed = {order["client_id"]: order for order in bench.venue_orders()}
    told = Counter((one.client_id, one.fill.trade_id) for one in bench.news if hasattr(one, "fill"))
    for client_id, order in bench.tracker.orders.items():
        fills = true.get(client_id, [])
        outcome.fills += len(fills)
        amount = sum((fill["amount"] for fill in fills), D(0))
        ids = {str(fill["trade_id"]) for fill in fills}
        if order.filled != amount or set(order.fills) != ids or not order.is_settled:
            wrong.append(f"{client_id}: {order.life.name}, booked {order.filled}, the ledger says {amount}")
        if any(told[client_id, number] != 1 for number in ids):
            wrong.append(f"{client_id}: a fill was not told once")
        if (client_id in placed) == (order.life in (Life.LOST, Life.REJECTED)):
            wrong.append(f"{client_id}: {order.life.name}, but at the venue: {client_id in placed}")


def main() -> None:
    """Run seeds until so many lives were lived."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lives", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    done = fills = 0
    broken: list[str] = []
    start = time.monotonic()
    while done < given.lives:
        outcome = asyncio.run(live(given.seed + done, min(200, given.lives - done)))
        done, fills = done + outcome.lives, fills + outcome.fills
        broken += [f"seed {outcome.seed}: {one}" for one in outcome.divergences]
        seen = f"{outcome.hurts} times hurt, {outcome.unknown} orders unknown for a while, {outcome.fills} fills"
        print(f"seed {outcome.seed}: {outcome.lives} lives, {seen}, {len(outcome.divergences)} divergences", flush=True)  # noqa: T201
    print(f"{done:,} lives, {fills:,} fills, {len(broken)} divergences, {time.monotonic() - start:.0f} s")  # noqa: T201
    raise SystemExit("\n".join(broken[:10]) or 0)


if __name__ == "__main__":
    main()
