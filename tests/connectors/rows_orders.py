"""Part A of the catalogue: order submission and identity."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

from workbench.connectors import AlreadyThere, NotThere, client_order_id
from workbench.connectors.ccxt import VENUES
from workbench.connectors.ccxt.wire import refuse_repeats
from workbench.errors import ConfigError, Rejected, Silent
from workbench.market import OrderKind
from workbench.trading import Life, Oddity

from .bench import PERPETUAL, bench, beside, impatient


async def row_1() -> str:
    """create times out, order exists: accept_then_silence"""
    async with bench() as b:
        b.control.accept_then_silence("POST /api/v3/order")
        with impatient(b.connector):
            error = await b.send("wb1")
        assert type(error) is Silent
        took = await b.until(lambda: b.life("wb1") == Life.OPEN)
        assert b.orders_per_id() == {"wb1": 1}
        b.control.on("POST /api/v3/order", "reset")
        assert type(await b.send("wb2")) is Silent
        await b.until(lambda: b.life("wb2") == Life.OPEN)
        return f"Silent; adopted by its id after {took:.2f} s; one order at the venue; the same after a reset"


async def row_2() -> str:
    """retry duplicates a market order: accept_then_silence on a market order"""
    async with bench() as b:
        refuse_repeats(b.connector.client)
        b.control.accept_then_silence("POST /api/v3/order")
        with impatient(b.connector):
            assert type(await b.send("wb1", price=None)) is Silent
        await b.until(lambda: b.life("wb1") == Life.FILLED and b.order("wb1").is_settled)
        await asyncio.sleep(1.0)
        assert b.orders_per_id() == {"wb1": 1}
        assert len(b.booked()) == len(b.control.fills("trader")) == 1
        b.connector.client.options["maxRetriesOnFailure"] = 1
        try:
            refuse_repeats(b.connector.client)
        except ConfigError:
            return "one order, one fill; a client that would repeat is refused at the start"
        raise AssertionError("a client that repeats was accepted")


async def row_3() -> str:
    """duplicate-id refusal read as a reject: an order with the id is there already"""
    async with bench() as b:
        b.control.external_order(b.name, "BUY", "0.01", "50000", client_id="wb1")
        error = await b.send("wb1")
        assert type(error) is AlreadyThere
        await b.until(lambda: b.life("wb1") == Life.OPEN)
        assert b.orders_per_id() == {"wb1": 1}
        return "AlreadyThere; asked for and adopted"


async def row_4() -> str:
    """new order not visible yet: queries lag behind a lost answer"""
    async with bench(streams=()) as b:
        b.control.read_lag(3_600_000)
        b.control.accept_then_silence("POST /api/v3/order")
        with impatient(b.connector):
            await b.send("wb1")
        await b.until(lambda: b.order("wb1").asked >= 3)
        assert b.life("wb1") == Life.UNKNOWN
        b.control.read_lag(0)
        await b.until(lambda: b.life("wb1") == Life.OPEN)
        return "UNKNOWN while not found, never given up by count; then adopted"


async def row_5() -> str:
    """order disappears from queries and comes back: blackout of its id"""
    async with bench() as b:
        await b.send("wb1")
        b.control.blackout("wb1", 1_500)
        asked = b.now()
        try:
            await b.connector.order(b.symbol, "wb1")
            raise AssertionError("found in the blackout")
        except NotThere:
            b.hear(b.tracker.not_found("wb1", asked + 300_000))
        assert Oddity.VANISHED in b.oddities()
        assert b.life("wb1") == Life.OPEN
        await asyncio.sleep(1.6)
        assert (await b.connector.order(b.symbol, "wb1"))[0].life == Life.OPEN
        return "last proven state kept, VANISHED told; found again later"


async def row_6() -> str:
    """fill before the answer: the answer never comes, and messages change places"""
    async with bench() as b, beside(b) as proxy:
        b.control.reorder("executionReport", 1)
        b.control.accept_then_silence("POST /api/v3/order")
        sending = asyncio.ensure_future(b.send("wb1", price=None))
        await b.until(lambda: b.booked("wb1"))
        assert not sending.done()
        proxy.cut()
        assert type(await sending) is Silent
        await b.until(lambda: b.life("wb1") == Life.FILLED and b.order("wb1").is_settled)
        assert len(b.booked()) == 1
        return "fill booked before the answer and before NEW; nothing went back"


async def row_7() -> str:
    """fills told twice: by the stream, by the stream again, by REST"""
    async with bench() as b:
        b.control.dup("executionReport", 4)
        await b.send("wb1", price=None)
        await b.until(lambda: b.booked("wb1"))
        for _ in range(2):
            await b.connector.streams.catch_up()
        await asyncio.sleep(0.3)
        heard = [event for event in b.events if type(event).__name__ == "Fill"]
        assert len(heard) >= 4
        assert len(b.booked()) == 1
        assert b.order("wb1").filled == Decimal("0.01")
        return f"told {len(heard)} times, booked once"


async def row_8() -> str:
    """fill after the end of its order: the fill's message comes after the cancellation's"""
    async with bench() as b:
        await b.looked_twice()
        b.asks = False
        report = await b.send("wb1", amount="0.02")
        b.control.on_stream("executionReport", "hold")
        b.control.fill(b.name, int(report.venue_id), "0.005")
        await b.cancel("wb1")
        await b.until(lambda: b.life("wb1") == Life.CANCELLED)
        assert not b.booked()
        assert not b.order("wb1").is_settled
        b.control.release()
        await b.until(lambda: b.booked("wb1"))
        assert b.life("wb1") == Life.CANCELLED
        assert b.order("wb1").is_settled
        return "cancelled and not settled; the late fill was booked, then settled"


async def row_9() -> str:
    """inferred fill, then the real one: trades are hidden from queries and from the stream"""
    async with bench() as b:
        b.control.gap("executionReport", 2)
        b.control.hide_trades()
        await b.send("wb1", price=None)
        await asyncio.sleep(1.0)
        assert b.life("wb1") == Life.FILLED
        assert (b.booked(), b.order("wb1").missing) == ([], Decimal("0.01"))
        b.control.hide_trades(False)
        await b.until(lambda: b.order("wb1").is_settled)
        assert len(b.booked()) == 1
        return "no fill is made up: 0.01 missing until the real trade showed, then booked once"


async def row_10() -> str:
    """fill races a cancellation: the order is filled just before it would be cancelled"""
    async with bench() as b:
        await b.send("wb1")
        b.control.fill_on_cancel()
        error = await b.cancel("wb1")
        assert isinstance(error, NotThere)
        await b.until(lambda: b.life("wb1") == Life.FILLED and b.order("wb1").is_settled)
        return "NotThere is no proof: asked, FILLED, its fill booked"


async def row_11() -> str:
    """cancellation acknowledged, order kept"""
    async with bench() as b:
        await b.send("wb1")
        b.control.keep_on_cancel()
        assert await b.cancel("wb1") is None
        assert b.life("wb1") == Life.OPEN
        await b.until(lambda: Oddity.CANCEL_IGNORED in b.oddities())
        assert await b.cancel("wb1") is None
        await b.until(lambda: b.life("wb1") == Life.CANCELLED)
        return "open until shown otherwise; CANCEL_IGNORED; the second cancellation worked"


async def row_12() -> str:
    """cancellations of a live order are answered with -2011 for ever"""
    async with bench() as b:
        await b.send("wb1")
        rule = b.control.reply("DELETE /api/v3/order", 400, -2011, "Unknown order sent.", times=-1)
        for _ in range(3):
            assert isinstance(await b.cancel("wb1"), NotThere)
        await asyncio.sleep(0.5)
        assert rule.used == 3
        assert b.life("wb1") == Life.OPEN
        return "one request a call, none repeated; the order stays known and open"


async def row_13() -> str:
    """cancel-replace half succeeds: answer 409"""
    async with bench() as b:
        report = await b.send("wb1", amount="0.02")
        old = b.order("wb1").intent
        new = replace(old, client_id="wb2", amount=Decimal(500))  # the old goes, the new is refused: no money
        b.hear(b.tracker.intend(new))
        b.hear(b.tracker.sent("wb2", b.now()))
        edited = await b.connector.edit(old, new, venue_id=report.venue_id)
        assert (edited.cancelled, edited.created) == (True, None)
        assert edited.reason
        b.hear(b.tracker.refused("wb2", edited.reason))
        await b.until(lambda: b.life("wb1") == Life.CANCELLED)
        assert b.life("wb2") == Life.REJECTED
        return f"both halves read: old cancelled, new refused ({edited.reason[:40]})"


async def row_15() -> str:
    """the venue ends orders by itself: expiry, self-trade prevention, the rest of an IOC"""
    async with bench() as b:
        report = await b.send("wb1")
        b.control.expire(b.name, int(report.venue_id))
        await b.until(lambda: b.life("wb1") in (Life.EXPIRED, Life.CANCELLED))
        await b.send("wb2", amount="9", price="60010", time_in_force="IOC")
        await b.until(lambda: b.life("wb2") == Life.EXPIRED and b.order("wb2").is_settled)
        assert b.order("wb2").filled == 5
        return f"ended {b.life('wb1').name}; IOC filled 5 of 9, EXPIRED, settled"


async def row_16() -> str:
    """reduce-only refused because nothing is left"""
    async with bench(perpetual=True) as b:
        error = await b.send("wb1", side=-1, price=None, reduce_only=True)
        assert type(error) is Rejected
        assert await b.connector.positions() == []
        return "Rejected; the account is flat, as was wanted"


async def row_18() -> str:
    """orphan conditional orders: a plain "cancel all" leaves stops alive"""
    async with bench(perpetual=True) as b:
        await b.send("wb0", price=None)
        await b.send("wb1")
        await b.send("wb2", side=-1, price=None, kind=OrderKind.STOP, trigger=Decimal(50_000), reduce_only=True)
        assert {report.client_id for report in await b.connector.open_orders(PERPETUAL)} == {"wb1", "wb2"}
        await b.connector.client.cancel_all_orders(PERPETUAL)
        assert [report.client_id for report in await b.connector.open_orders(PERPETUAL)] == ["wb2"]
        assert await b.connector.cancel_all(PERPETUAL) == []
        await b.until(lambda: b.life("wb2") == Life.CANCELLED)
        return "both lists are read and cancelled; nothing is left"


async def row_19() -> str:
    """orders after a stop"""
    async with bench() as b:
        b.connector.closed_because = "stopped"
        error = await b.send("wb1")
        assert isinstance(error, Rejected)
        assert b.venue_orders() == []
        return "the lowest layer refuses it; nothing reached the venue"


async def row_20() -> str:
    """client ids too long or in the wrong alphabet; a broker's prefix added"""
    seen = 0
    for venue in VENUES.values():
        ids = {client_order_id(venue.ids, run, executor, count) for run in ("a", "btc-bands", "é" * 50)
               for executor in (-1, 0, 40_000_000) for count in (0, 1, 2_000_000_000)}  # fmt: skip
        assert len(ids) == 27
        assert all(len(one) <= venue.ids.length and one.isascii() for one in ids)
        seen += len(ids)
    async with bench() as b:
        mine = client_order_id(VENUES["binance"].ids, "btc-bands", 3, 7)
        await b.send(mine)
        assert b.orders_per_id() == {mine: 1}
    return f"{seen} ids over {len(VENUES)} venues fit; the venue received ours unchanged"


NOT_AUTOMATED = {
    14: "the protocol has no batch call, so no batch can fail in part",
    17: "stops are children of positions: a rule of executors and runner, proven in their tests",
}
