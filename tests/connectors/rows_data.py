"""Part B of the catalogue: market data."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import pairwise
from typing import Any

from workbench.connectors import Bar, Behind, Gap, Stream, SystemClock, Trade
from workbench.connectors.ccxt.candles import ClosedBars
from workbench.connectors.outlet import Outlet
from workbench.errors import Busy
from workbench.market import as_time
from workbench.trading import Fill

from .bench import Bench, VenueTime, bench

FIVE_S = 5.0  # the longest that prices may be wrong without our saying so
MINUTE = 60_000


async def stale_then_fresh(b: Bench, inject: Any, mend: Any, told: str = "") -> tuple[float, float, str]:
    """Inject a fault into a moving market: stale within five seconds, no order then, and fresh again afterwards."""
    book = b.connector.book(b.symbol)
    await b.until(lambda: book.is_fresh, what="fresh before")
    reasons: list[str] = []
    inject()
    until_stale = await b.until(lambda: book.stale and not reasons.append(book.stale), FIVE_S, "stale")
    refused = await b.send(f"wb-{len(b.tracker.orders)}")
    assert type(refused) is Busy, refused
    assert b.venue_orders() == []
    await b.until(lambda: told in book.stale, FIVE_S, told)
    reasons.append(book.stale)
    mend()
    until_fresh = await b.until(lambda: book.is_fresh and book.best() is not None, 15.0, "fresh again")
    return until_stale, until_fresh, " / ".join(dict.fromkeys(filter(None, reasons)))


def quiet() -> None:
    """Nothing to mend."""


async def row_21() -> str:
    """silent stall: sockets stay open and say nothing while the market moves"""
    async with bench(streams=(Stream.BOOK,), silence_s=FIVE_S) as b:
        b.keep_moving()
        await asyncio.sleep(0.5)
        stale, fresh, reason = await stale_then_fresh(b, b.control.stall, quiet)
        return f"stale after {stale:.1f} s ({reason[:40]}), order refused; fresh {fresh:.1f} s later"


async def row_22() -> str:
    """half-open socket: nothing comes and pings are not answered"""
    async with bench(streams=(Stream.BOOK, Stream.USER), silence_s=FIVE_S) as b:
        b.keep_moving()
        await asyncio.sleep(0.5)
        before = b.connector.streams.lines[""].renewals
        stale, fresh, reason = await stale_then_fresh(b, b.control.half_open, quiet)
        await b.until(lambda: b.connector.streams.lines[""].renewals > before, 10.0, "user stream renewed")
        return f"stale after {stale:.1f} s ({reason[:40]}); fresh {fresh:.1f} s later; user stream renewed too"


async def row_23() -> str:
    """gap in the book: updates are lost"""
    async with bench(streams=(Stream.BOOK,), silence_s=FIVE_S) as b:
        b.keep_moving()
        await asyncio.sleep(0.5)
        stale, fresh, reason = await stale_then_fresh(b, lambda: b.control.gap("btcusdt@depth*", 3), quiet)
        assert "gap" in reason or "anew" in reason, reason
        return f"stale after {stale:.1f} s ({reason[:40]}); new snapshot, fresh {fresh:.1f} s later"


async def row_24() -> str:
    """snapshot older than the first update"""
    async with bench(streams=(Stream.BOOK,), silence_s=FIVE_S) as b:
        b.control.old_snapshot(b.name)
        b.keep_moving()
        await asyncio.sleep(0.5)

        def inject() -> None:
            b.control.gap("btcusdt@depth*", 3)

        stale, fresh, _ = await stale_then_fresh_slowly(b, inject, lambda: b.control.old_snapshot(b.name, False))
        return f"stale after {stale:.1f} s and as long as snapshots are old; fresh {fresh:.1f} s after that"


async def stale_then_fresh_slowly(b: Bench, inject: Any, mend: Any) -> tuple[float, float, str]:
    """As above, with two seconds in which nothing may become fresh."""
    book = b.connector.book(b.symbol)
    await b.until(lambda: book.is_fresh)
    inject()
    until_stale = await b.until(lambda: book.stale, FIVE_S, "stale")
    reason = book.stale
    end = asyncio.get_running_loop().time() + 2.0
    while asyncio.get_running_loop().time() < end:
        best = book.best()
        assert best is None or best.bid < best.ask, "fresh with a wrong book"
        await asyncio.sleep(0.01)
    mend()
    return until_stale, await b.until(lambda: book.is_fresh and book.best() is not None, 15.0, "fresh again"), reason


async def row_25() -> str:
    """crossed book, then one with an empty side"""
    async with bench(streams=(Stream.BOOK,), silence_s=FIVE_S) as b:
        seen = []
        for shift, how, told in ((1.0, "crossed", "crossed"), (3.0, "empty", "a side is empty")):
            inject = lambda how=how, shift=shift: distort(b, how, shift)  # noqa: E731
            stale, fresh, _ = await stale_then_fresh(b, inject, lambda: b.control.distort_book(b.name), told)
            seen.append(f"{how}: told as such, stale after {stale:.1f} s, fresh {fresh:.1f} s after")
        return "; ".join(seen)


def distort(b: Bench, how: str, shift: float) -> None:
    """A distorted book, and a reason to look at it anew; then nothing moves that could put it right."""
    b.control.distort_book(b.name, how)
    b.control.gap("btcusdt@depth*", 1)
    b.quote(shift)
    asyncio.get_running_loop().call_later(0.3, b.quote, shift + 1.0)


async def row_26() -> str:
    """candle taken before it is closed: watched over ten boundaries at sixty times the speed"""
    seconds = 14.0
    time = VenueTime()
    async with bench(streams=(Stream.CANDLES,), clock=time, **fast()) as b:
        wrong = []
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            b.trade(60_010 + len(b.events) % 5, 0.01)
            wrong += [e for e in b.events if isinstance(e, Bar) and e.time_ms + MINUTE > b.venue.clock.now_ms()]
            await asyncio.sleep(0.05)
        bars = [event for event in b.events if isinstance(event, Bar)]
        firsts = list(dict.fromkeys(bar.time_ms for bar in bars))
        assert not wrong
        assert len(firsts) >= 8
        assert all(later - earlier == MINUTE for earlier, later in pairwise(firsts))
        return f"{len(firsts)} bars in order, none before its close by the venue's clock"


def fast() -> dict[str, Any]:
    """A venue at which a minute lasts a second."""
    from workbench.connectors.simulated import Clock

    return {"venue_clock": Clock(as_time("2024-01-01"), speed=60.0)}


async def row_27() -> str:
    """candles stand still for days: klines end"""
    time = VenueTime()
    async with bench(streams=(Stream.CANDLES,), clock=time, **fast()) as b:
        for n in range(40):
            b.trade(60_010 + n % 3, 0.01)
            await asyncio.sleep(0.05)
        b.control.freeze_klines()
        b.control.on_stream("btcusdt@kline*", "drop", times=-1)
        await b.until(lambda: b.states(Stream.CANDLES) and not b.states(Stream.CANDLES)[-1].is_fresh, 20.0, "stale")
        reason = b.states(Stream.CANDLES)[-1].reason
        return f"told as stale seven minutes after the last close: {reason}"


async def row_28() -> str:
    """candles missing at the venue, and one that it revised later"""
    put: list[Any] = []
    rest: dict[int, Bar] = {}

    async def fetch(since_ms: int) -> list[Bar]:
        return [rest[time] for time in sorted(rest) if time >= since_ms]

    def bar(n: int, close: float = 100.0) -> Bar:
        return Bar("BTC/USDT", "1m", n * MINUTE, 100.0, 110.0, 90.0, close, 1.0)

    bars = ClosedBars("BTC/USDT", "1m", start_ms=0, fetch=fetch, put=put.append)
    bars.hear([bar(0), bar(1)])
    rest.update({0: bar(0, 101.0), 3 * MINUTE: bar(3)})
    await bars.look(4 * MINUTE + 2_000)
    assert put == [bar(0), bar(0, 101.0), Gap(Stream.CANDLES, "BTC/USDT", MINUTE, 3 * MINUTE), bar(3)]
    return "the revised bar comes again, the hole as a Gap, then the bar after it"


async def row_29() -> str:
    """public trades twice and out of order"""
    async with bench(streams=(Stream.TRADES,)) as b:
        b.control.dup("btcusdt@trade", 5)
        b.control.reorder("btcusdt@trade", 4)
        for n in range(12):
            b.trade(60_000 + n, 0.01)
        await b.until(lambda: len(trades(b)) >= 12)
        await asyncio.sleep(0.3)
        ids = [trade.trade_id for trade in trades(b)]
        assert len(ids) == len(set(ids)) == 12
        return "12 trades, each delivered once"


def trades(b: Bench) -> list[Trade]:
    return [event for event in b.events if isinstance(event, Trade)]


async def row_30() -> str:
    """consumer slower than the venue: 100,000 trades and 500 fills wait"""
    outlet = Outlet(SystemClock(), most=10_000)
    now = SystemClock().now_ms()
    one = Decimal(1)
    for n in range(100_000):
        outlet.put(Trade("BTC/USDT", str(n), 1, 1.0, 1.0, now - 5_000))
        if n % 200 == 0:
            outlet.put(Fill("BTC/USDT", str(n), "1", 1, one, one, now))
    most = len(outlet)
    left = [outlet.get_now() for _ in range(most)]
    fills = [event for event in left if isinstance(event, Fill)]
    told = [event for event in left if isinstance(event, Behind)]
    assert len(fills) == 500
    assert most <= 12_000
    assert told
    assert told[-1].shed > 80_000
    return f"at most {most:,} waited; {told[-1].shed:,} trades shed and told, lag told, 500 of 500 fills kept"


async def row_31() -> str:
    """subscription acknowledged, and nothing comes"""
    async with bench(streams=(Stream.BOOK,), silence_s=FIVE_S) as b:
        b.keep_moving()
        await asyncio.sleep(0.5)
        before = b.connector.streams.lines[b.symbol].renewals
        stale, fresh, _ = await stale_then_fresh(b, b.control.ack_only, lambda: b.control.ack_only(False))
        renewed = b.connector.streams.lines[b.symbol].renewals - before
        assert renewed >= 1
        return f"stale after {stale:.1f} s; {renewed} new connections; fresh {fresh:.1f} s after data came"


async def row_32() -> str:
    """24 h disconnect and serverShutdown"""
    async with bench(streams=(Stream.BOOK, Stream.USER)) as b:
        b.keep_moving()
        await asyncio.sleep(0.5)
        line, user = b.connector.streams.lines[b.symbol], b.connector.streams.lines[""]
        before = line.renewals, user.renewals
        b.control.server_shutdown()
        await b.until(lambda: line.renewals > before[0] and user.renewals > before[1])
        line.lifetime_s = 1.0  # stands for 23 hours
        await b.until(lambda: line.renewals > before[0] + 1)
        line.lifetime_s = 1e9
        await asyncio.sleep(0.5)
        assert all(state.is_fresh for state in b.states(Stream.BOOK))
        assert b.connector.book(b.symbol).is_fresh
        return "moved to new sockets on the warning and by age; the book was never stale in between"


async def row_33() -> str:
    """connection storm: no socket can be opened for six seconds"""
    async with bench(streams=(Stream.BOOK,)) as b:
        b.keep_moving()
        line = b.connector.streams.lines[b.symbol]
        before = line.renewals
        b.control.refuse_sockets()
        b.control.cut_sockets()
        await asyncio.sleep(6.0)
        tried = line.renewals - before
        b.control.refuse_sockets(False)
        fresh = await b.until(lambda: b.connector.book(b.symbol).is_fresh, 40.0)
        assert 2 <= tried <= 12, tried
        return f"{tried} attempts in 6 s, each later than the one before; fresh {fresh:.1f} s after the venue came back"


NOT_AUTOMATED: dict[int, str] = {}
