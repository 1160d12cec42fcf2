"""Part D of the catalogue: limits, time, network."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time as machine
from pathlib import Path

from workbench.connectors import Allowance, ClockOff, KeyRefused, SystemClock, Throttled, Toxic
from workbench.connectors.ccxt import parsing
from workbench.connectors.throttle import Budget
from workbench.errors import Busy, Rejected, Silent, WorkbenchError
from workbench.trading import Life

from .bench import SPOT, bench, beside, connect


async def row_50() -> str:
    """429 with Retry-After, then a ban with seconds; a second process on the same address"""
    async with bench(streams=()) as b:
        folder = b.connector.throttle.address.path.parent
        other = connect(b.venue, account="maker", folder=folder)
        await other.start()
        try:
            b.control.reply("GET /api/v3/ticker/24hr", 429, -1003, "Too many requests.", headers={"Retry-After": "1"})
            error = await failed(b.connector.ticker(SPOT))
            assert type(error) is Throttled
            assert error.wait_s == 1.0
            start = machine.monotonic()
            await other.balances()
            waited = machine.monotonic() - start
            assert 0.7 < waited < 2.0, waited
            b.control.reply("GET /api/v3/ticker/24hr", 418, -1003, "Banned.", headers={"Retry-After": "2"})
            banned = await failed(b.connector.ticker(SPOT))
            assert type(banned) is Throttled
            start = machine.monotonic()
            await b.connector.balances()
            assert machine.monotonic() - start > 1.5
            return f"Retry-After read; the other connector waited {waited:.1f} s too; the ban's 2 s were sat out"
        finally:
            await other.close()


async def failed(call: object) -> WorkbenchError:
    """The error of a call that must fail."""
    try:
        await call  # type: ignore[misc]
    except WorkbenchError as error:
        return error
    raise AssertionError("it did not fail")


async def row_51() -> str:
    """order-rate limit -1015; and cancellations have a reserve"""
    async with bench() as b:
        b.control.reply("POST /api/v3/order", 400, -1015, "Too many new orders.", headers={"Retry-After": "0"})
        error = await b.send("wb1")
        assert type(error) is Throttled
        assert b.life("wb1") == Life.REJECTED
        assert b.venue_orders() == []
        clock = SystemClock()
        budget = Budget(Path(tempfile.mkdtemp()) / "spent", Allowance(1.0, 10.0), clock, patience_s=0.1)
        spent = 0
        try:
            while True:
                await budget.take(1.0)
                spent += 1
        except Throttled:
            pass
        assert await budget.take(1.0, urgent=True) == 0.0
        return f"certainly not accepted; with {spent} of 10 spent others wait while a cancellation goes at once"


async def row_52() -> str:
    """clock drift: the venue's clock is suddenly a minute ahead, then half a second"""
    async with bench() as b:
        b.control.skew(60_000)
        error = await b.send("wb1")
        assert type(error) is ClockOff
        assert abs(b.connector.offset.ahead_ms - 60_000) < 200
        refused = await b.send("wb2")
        assert type(refused) is Rejected
        assert await b.connector.balances()  # requests are stamped right again
        b.control.skew(700)
        await b.connector.measure_clock()
        assert b.connector.clock_is_doubtful
        report = await b.send("wb3")
        assert not isinstance(report, WorkbenchError)
        b.control.skew(0)
        return "not accepted, measured anew; off by a minute nothing is opened; off by 0.7 s a warning"


class JumpingClock(SystemClock):
    """The machine's clock, set back by hand."""

    back_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() - self.back_ms


async def row_53() -> str:
    """wall clock steps back by an hour"""
    clock = JumpingClock()
    budget = Budget(Path(tempfile.mkdtemp()) / "budget", Allowance(10.0, 5.0), clock)
    for _ in range(4):
        await budget.take(1.0)
    async with bench(clock=clock) as b:
        await b.send("wb1")
        clock.back_ms = 3_600_000
        assert await budget.take(1.0) < 1.0
        await b.connector.measure_clock()
        assert abs(b.connector.offset.ahead_ms - 3_600_000) < 500
        assert type(await b.send("wb2")) is Rejected
        await b.cancel("wb1")
        await b.until(lambda: b.life("wb1") == Life.CANCELLED)
        return "budgets and waits go on; the offset is measured; nothing is opened, cancelling still works"


async def row_54() -> str:
    """daylight saving and zones: the same payload in New York, Kathmandu and UTC, in a week of a change"""
    was, found = os.environ.get("TZ"), set()
    stamp = 1_710_054_000_123  # 2024-03-10 07:00, the hour after clocks moved in New York
    row = {"symbol": SPOT, "id": "1", "side": "buy", "price": "1", "amount": "1", "timestamp": stamp}
    try:
        for zone in ("America/New_York", "Asia/Kathmandu", "UTC"):
            os.environ["TZ"] = zone
            machine.tzset()
            trade = parsing.trade(row, parsing.Decimal(1))
            bars = parsing.bars([[stamp, 1, 1, 1, 1, 1]], SPOT, "1h")
            found.add((trade.time_ms, bars[0].time_ms, SystemClock().now_ms() // 10_000))
    finally:
        os.environ.pop("TZ") if was is None else os.environ.update(TZ=was)
        machine.tzset()
    assert len({one[:2] for one in found}) == 1
    return f"the same times in three zones: {stamp}"


async def row_55() -> str:
    """a page of HTML with status 200, half an answer, a line that is cut"""
    async with bench() as b:
        seen = []
        for kind in ("html", "truncate"):
            b.control.on("POST /api/v3/order", kind)
            error = await b.send(f"wb-{kind}")
            assert type(error) is Silent, (kind, error)
            b.control.on("GET /api/v3/ticker/24hr", kind)
            assert isinstance(await failed(b.connector.ticker(SPOT)), Busy), kind
            seen.append(kind)
        await asyncio.sleep(0.3)
        assert max(b.orders_per_id().values(), default=0) <= 1
        async with beside(b, toxics=[Toxic("cut_up", after=60)]):
            error = await b.send("wb-cut")
        assert type(error) is Silent
        return "a create is Silent and asked about, a question is Busy; a cut request is Silent"


async def row_56() -> str:
    """key revoked after it had worked: -2015, which ccxt calls DDoSProtection"""
    async with bench() as b:
        await b.looked_twice()
        await b.connector.balances()
        b.control.permissions("trader", read=False)
        assert type(await failed(b.connector.balances())) is KeyRefused
        asked = b.connector.fatal
        assert asked is not None
        assert type(await b.send("wb1")) is KeyRefused
        b.control.permissions("trader")
        await b.connector.balances()
        assert b.connector.fatal is None
        assert not isinstance(await b.send("wb2"), WorkbenchError)
        return "KeyRefused, and no order is sent any more; open again after the key has worked"


async def row_57() -> str:
    """a key that may only read, or may withdraw"""
    async with bench() as b:
        rights = await b.connector.rights()
        b.control.permissions("trader", trade=False)
        narrow = await b.connector.rights()
        error = await b.send("wb1")
        assert isinstance(error, Rejected)
        assert rights.trade is True
        assert narrow.trade is False
        assert rights.withdraw is not None
        return f"rights are read: trade {narrow.trade}, withdraw {rights.withdraw}; an order is {type(error).__name__}"


NOT_AUTOMATED: dict[int, str] = {}
