"""A paper run of a perpetual: the market is a venue's, the account is made up, and a restart finds it as it was."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

from tests.live.eager_bot import Eager
from workbench.connectors import SeededMarket, SimulatedVenue, SystemClock
from workbench.journal import Past
from workbench.live import Plan, run_folder
from workbench.live.runner import Runner

SWAP = "BTC/USDT:USDT"
CALM = {"max_data_age_ms": 60_000, "max_orders_per_minute": 100_000, "max_oddities": 1_000}


async def until(what: Any) -> None:
    async with asyncio.timeout(60):
        while not what():
            await asyncio.sleep(0.05)


async def trade(plan: Plan, folder: Any, fills: int) -> tuple[Any, Any, Any]:
    """Run until so many fills are booked, and stop in order: the account at the start, the account at the end, left."""
    runner = Runner(plan, folder, SystemClock(), {}, log=io.StringIO())
    working = asyncio.ensure_future(runner.run())
    await until(lambda: working.done() or (hasattr(runner, "work") and runner.status()["state"] == "running"))
    account = next(iter(runner.work.connectors.values()))
    began = await account.balances()
    tracker = next(iter(runner.work.session.trackers.values()))
    await until(lambda: sum(len(order.fills) for order in tracker.orders.values()) >= fills)
    await runner.stop(hold=False)
    ended, legs = await account.balances(), await account.positions()
    assert await working == 0
    return began["USDT"].total, ended["USDT"].total, [leg.amount for leg in legs]


def test_a_paper_run_of_a_perpetual_trades_stops_flat_and_goes_on_with_its_account(tmp_path: Path) -> None:
    source = SeededMarket([(SWAP, 60_000)], seed=1, rate=40.0, volatility=0.3)
    with SimulatedVenue(sources=source, accounts={"trader": {"USDT": 1_000}}) as venue:
        url = venue.futures_url
        plan = Plan.make(
            Eager(), "binance", SWAP, name="paper", mode="paper", timeframe="1s", limits=CALM, warm_bars=30,
            cash=10_000.0, terms={"leverage": 3},
            urls={"binance:perpetual": {"http": url, "ws": url.replace("http", "ws")}},
        )  # fmt: skip
        folder = run_folder(tmp_path, "paper")
        plan.write(folder.path)
        first = asyncio.run(trade(plan, folder, 1))
        again = asyncio.run(trade(plan, folder, 4))
        assert venue.control.orders(perpetual=True) == []  # nothing of it ever reached the venue
    assert first[0] == 10_000
    assert again[0] == first[1] != first[0]
    assert first[2] == again[2] == []
    with Past.open(folder.journal_url, run=plan.run) as past:
        assert past.verify().rows["fills"] >= 4
        assert set(past.orders()["status"]) <= {"FILLED", "CANCELLED", "REJECTED"}
