"""Real runs at a simulated venue: what tests of processes stand on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from workbench.connectors import CcxtConnector, Keys, SimulatedVenue, SystemClock
from workbench.controllers import Bollinger
from workbench.live import Plan, RunFolder, run_folder, supervisor
from workbench.live.process import find_process
from workbench.live.supervisor import Supervisor
from workbench.market import BUY, SELL, OrderKind
from workbench.settings import home_folder
from workbench.trading import Intent, Limits

SPOT, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"
MONEY = {"USDT": Decimal(1_000_000), "BTC": Decimal(100)}
ACCOUNT = "trader"


@contextlib.contextmanager
def open_venue(**options: Any) -> Iterator[SimulatedVenue]:
    """A venue with quotes, in a thread of its own."""
    with SimulatedVenue(accounts={ACCOUNT: MONEY, "maker": MONEY}, **options) as venue:
        for perpetual in (False, True):
            venue.control.book("BTCUSDT", [(59_990, 50)], [(60_010, 50)], perpetual=perpetual)
        yield venue


def door(venue: SimulatedVenue) -> str:
    """Its control address."""
    return str(venue.control_url)


def urls(venue: SimulatedVenue, instrument: str | tuple[str, ...]) -> dict[str, str]:
    """Where it listens."""
    http = venue.futures_url if ":" in instrument else venue.spot_url
    return {"http": http, "ws": http.replace("http", "ws", 1)}


def keys(venue: SimulatedVenue) -> dict[str, dict[str, str]]:
    """What a runner signs with."""
    account = venue.account(ACCOUNT)
    return {f"binance:{ACCOUNT}": {"key": account.key, "secret": account.secret}}


def plan(venue: SimulatedVenue, instrument: str | tuple[str, ...] = SPOT, *, name: str = "run", **more: Any) -> Plan:
    """A run that trades there, with bars enough that it does not decide anything in a test."""
    return Plan.make(
        Bollinger(length=20), "binance", instrument, name=name, mode="simulated", account=ACCOUNT,
        urls={"binance": urls(venue, instrument)}, limits=Limits().model_dump(mode="json"), **more,
    )  # fmt: skip


def laid_out(made: Plan) -> RunFolder:
    """Its folder, as a start leaves it."""
    from workbench.live.starting import _lay_out

    folder = run_folder(home_folder(), made.name)
    _lay_out(made, folder, None)
    return folder


def connect(venue: SimulatedVenue, instrument: str) -> CcxtConnector:
    """Another client of the same account."""
    account = venue.account(ACCOUNT)
    return CcxtConnector(
        "binance", clock=SystemClock(), chance=Random(1), perpetual=":" in instrument,
        keys=Keys(account.key, account.secret), urls=urls(venue, instrument),
    )  # fmt: skip


async def rest(connector: CcxtConnector, instrument: str, n: int) -> None:
    """So many orders of ours far from the market; every tenth is conditional."""
    for i in range(n):
        stops = i % 10 == 0
        trigger = Decimal(40_000 + i) if stops else None
        price = Decimal(39_000) if stops else Decimal(50_000)
        kind = OrderKind.STOP_LIMIT if stops else OrderKind.LIMIT
        side = SELL if stops else BUY
        await connector.create(Intent(f"o{i}", instrument, side, kind, Decimal("0.01"), price, trigger))


def fill_book(venue: SimulatedVenue, instrument: str, n: int = 50) -> None:
    """The same, from a test that has no loop."""

    with_client(venue, instrument, lambda client: rest(client, instrument, n))


def with_client(venue: SimulatedVenue, instrument: str, work: Callable[[CcxtConnector], Any]) -> Any:
    """Do something as another client of the same account."""

    async def go() -> Any:
        connector = connect(venue, instrument)
        await connector.start()
        try:
            return await work(connector)
        finally:
            await connector.close()

    return asyncio.run(go())


def open_at(venue: SimulatedVenue, instrument: str) -> list[Any]:
    """Orders that the venue shows open to another client, conditional ones too."""
    return with_client(venue, instrument, lambda client: client.open_orders(instrument))


def until(condition: Callable[[], Any], seconds: float = 20.0, what: str = "") -> Any:
    """Wait for something to hold; what it came to."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        time.sleep(0.01)
    return found


async def _settle() -> None:
    """Let what was cancelled in this loop come to its end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait(others, timeout=15.0) if others else None


@contextlib.contextmanager
def guard(made: Plan, folder: RunFolder, given: dict[str, Any], **patience: float) -> Iterator[Supervisor]:
    """A supervisor in a thread of its own, with a shorter patience."""
    before = {name: getattr(supervisor, name) for name in patience}
    for name, value in patience.items():
        setattr(supervisor, name, value)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    guardian = Supervisor(made, folder, given, SystemClock(), quiet=True)
    living = asyncio.run_coroutine_threadsafe(guardian.run(), loop)
    try:
        yield guardian
    finally:
        living.cancel()
        asyncio.run_coroutine_threadsafe(_settle(), loop).result(20.0)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        end_all(folder.path.parent.parent)
        for name, value in before.items():
            setattr(supervisor, name, value)


def end_all(home: Path) -> None:
    """End every process of every run of this home; a test leaves none behind."""
    for role in ("supervisor", "runner"):
        for path in (home / "runs").glob("*/"):
            pid = find_process(RunFolder(path), role)  # type: ignore[arg-type]
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
