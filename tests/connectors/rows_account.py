"""Part C of the catalogue: account, positions, instruments."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from decimal import Decimal

from workbench.connectors import Changed, FeeBook, MarginMode, Misfit, Stream, afford, fit, held
from workbench.connectors.simulated import Clock
from workbench.connectors.values import Listing
from workbench.errors import ConfigError, Rejected, WorkbenchError
from workbench.market import BUY, SELL, OrderKind, as_time
from workbench.trading import Fill, Intent, Life, Oddity, Report

from .bench import PERPETUAL, SPOT, VenueTime, bench, connect

D = Decimal
LAST = D(60_000)
HOUR = 3_600_000


async def row_34() -> str:
    """balance stale after an order: the venue's balance is as old as the order before"""
    by_hand = {"venue_clock": Clock(as_time("2024-01-01"), manual=True), "clock": VenueTime()}
    async with bench(accounts={"trader": {"USDT": D(1_000)}}, **by_hand) as b:
        before, asked_ms = await b.connector.balances(), b.now()
        rules = b.connector.rules[SPOT]
        rates = FeeBook().rates("binance", "main", rules)
        await b.venue.advance(60_000)  # far more than the clocks can differ by
        await b.send("wb1", amount="0.015", price="50000")
        second = Intent("wb2", SPOT, BUY, OrderKind.LIMIT, D("0.015"), D(50_000))
        unseen = held(b.tracker.live(), b.connector.rules, rates, since_ms=asked_ms, last={SPOT: LAST})
        blind = afford(second, rules, rates, balances=before, unseen={}, last=LAST)
        seen = afford(second, rules, rates, balances=before, unseen=unseen, last=LAST)
        assert blind is None
        assert isinstance(seen, Misfit)
        return f"the old balance would have carried it; with our own reservation: {seen.reason}"


async def row_35() -> str:
    """user stream silent: its listen key expired; then the stream goes deaf"""
    async with bench(perpetual=True) as b:
        line = b.connector.streams.lines[""]
        before = line.renewals
        b.control.expire_listen_key()
        await b.until(lambda: line.renewals > before and line.now is not None and b.states(Stream.USER)[-1].is_fresh)
        await b.send("wb1", price=None)
        await b.until(lambda: b.booked("wb1"), 3.0)
        await b.looked_twice()
        before, b.asks = line.renewals, False
        b.control.stall(True, markets=False)
        report = await b.send("wb2")
        b.control.fill(b.name, int(report.venue_id), perpetual=True)
        took = await b.until(lambda: b.booked("wb2"), 10.0, "fill after the deaf stream")
        assert line.renewals > before
        return f"new key and stream at once; a deaf stream noticed by our own order, its fill booked after {took:.1f} s"


async def row_36() -> str:
    """fill during an outage of the user stream"""
    async with bench() as b:
        await b.looked_twice()
        report = await b.send("wb1")
        b.asks, line = False, b.connector.streams.lines[""]
        b.control.refuse_sockets()
        b.control.cut_sockets()
        await b.until(lambda: not b.states(Stream.USER)[-1].is_fresh)
        b.control.fill(b.name, int(report.venue_id))
        before = line.renewals
        await b.until(lambda: line.renewals > before + 1)  # one whole attempt in vain, at least
        assert not b.booked()
        b.control.refuse_sockets(False)
        took = await b.until(lambda: b.life("wb1") == Life.FILLED, 10.0)
        return f"asked for after the reconnection: booked {took:.1f} s after sockets could be opened"


async def row_37() -> str:
    """position mode is not what we think"""
    async with bench(perpetual=True) as b:
        await b.connector.client.set_position_mode(True)
        assert await b.connector.is_hedged()
        error = await b.send("wb1", price=None)
        assert isinstance(error, Rejected)
        await b.send("wb2", price=None, position_side=BUY)
        try:
            await b.connector.set_hedged(False)
        except ConfigError:
            await b.send("wb3", side=SELL, price=None, position_side=BUY)
            await b.connector.set_hedged(False)
            assert not await b.connector.is_hedged()
            return "read as hedged; not changed while a position is open; changed and read back once flat"
        raise AssertionError("changed with a position open")


async def row_38() -> str:
    """hedge mode: two rows for one symbol"""
    async with bench(perpetual=True) as b:
        await b.connector.set_hedged(True)
        await b.send("wb1", price=None, amount="0.03", position_side=BUY)
        await b.send("wb2", side=SELL, price=None, amount="0.01", position_side=SELL)
        legs = {position.leg: position.amount for position in await b.connector.positions()}
        assert legs == {BUY: D("0.03"), SELL: D("-0.01")}
        return f"legs by side: {legs}"


async def row_39() -> str:
    """leverage and margin mode are acknowledged, and not set"""
    async with bench(perpetual=True) as b:
        b.control.ignore_settings("leverage", "marginType")
        refused = []
        for change in (
            b.connector.set_leverage(PERPETUAL, 7),
            b.connector.set_margin_mode(PERPETUAL, MarginMode.ISOLATED),
        ):
            try:
                await change
            except Rejected as error:
                refused.append(str(error))
        assert len(refused) == 2
        b.control.ignore_settings()
        await b.connector.set_leverage(PERPETUAL, 7)
        await b.connector.set_margin_mode(PERPETUAL, MarginMode.ISOLATED)
        await b.connector.set_margin_mode(PERPETUAL, MarginMode.ISOLATED)  # "no need to change" is no failure
        assert (await b.connector.leverage(PERPETUAL), await b.connector.margin_mode(PERPETUAL)) == (
            7,
            MarginMode.ISOLATED,
        )
        return "read back and refused both times; set, read back, and set again without a failure"


async def row_40() -> str:
    """an order by hand on the same account"""
    async with bench() as b:
        await b.send("wb1")
        number = b.control.external_order(b.name, "BUY", "0.02", "49000", client_id="by-hand")
        await b.until(lambda: b.tracker.external())
        assert b.tracker.external() == [(SPOT, str(number))]
        assert Oddity.STRANGER in b.oddities()
        assert list(b.tracker.orders) == ["wb1"]
        return "told as a STRANGER and listed as external; not adopted"


async def row_41() -> str:
    """position differs from our fills"""
    async with bench(perpetual=True) as b:
        await b.send("wb1", price=None, amount="0.03")
        await b.until(lambda: b.booked())
        ours = sum((fill.side * fill.amount for fill in b.booked()), D(0))
        assert [leg.amount for leg in await b.connector.positions()] == [ours]
        b.control.adjust_position(b.name, "0.05")
        there = [leg.amount for leg in await b.connector.positions()]
        assert there == [D("0.05")] != [ours]
        assert len(b.venue_orders()) == 1
        return f"seen by comparing: fills say {ours}, the venue {there[0]}; nothing was traded to mend it"


async def row_42() -> str:
    """liquidation, then auto-deleveraging"""
    async with bench(perpetual=True) as b:
        await b.send("wb1", price=None, amount="0.03")
        await b.until(lambda: b.booked())
        b.control.liquidate(b.name)
        await b.until(lambda: Oddity.STRANGER in b.oddities())
        await b.until(lambda: [e for e in b.events if isinstance(e, Fill) and e.side == SELL])
        assert await b.connector.positions() == []
        forced = [e for e in b.events if isinstance(e, Report) and e.client_id not in ("wb1",)]
        return (
            f"forced order seen as a stranger ({forced[-1].client_id if forced else '?'}), its fill kept, position flat"
        )


async def row_43() -> str:
    """funding at the boundary, told twice, and an extra one"""
    async with bench(perpetual=True) as b:
        # Not while this is going on: no payment but those that are asked for here.
        b.venue.core.market(b.name, perpetual=True).next_funding_ms = b.now() + 4 * HOUR
        await b.send("wb1", price=None, amount="0.1")
        await b.until(lambda: b.booked())
        b.control.mark(b.name, 60_000, "0.0001")
        since = b.now() - 1_000
        for _ in range(2):
            b.control.fund(b.name)
            await asyncio.sleep(0.02)
        first, again = [await b.connector.funding_payments(PERPETUAL, since) for _ in range(2)]
        ids = {payment.payment_id for payment in [*first, *again]}
        assert len(first) == len(ids) == 2
        assert all(payment.amount == D("-0.6") for payment in first)
        return f"two payments of {first[0].amount} {first[0].asset}, each under its own id however often asked"


async def row_44() -> str:
    """precision and least notional, with filters drawn at random"""
    draw, sent, unfit = random.Random(44), 0, 0
    async with bench() as b:
        for n in range(12):
            b.control.change_filters(b.name, tick=D(10) ** -draw.randint(0, 3), lot=D(10) ** -draw.randint(1, 5),
                                     min_notional=D(draw.choice([5, 100, 900])))  # fmt: skip
            await b.connector.refresh_rules()
            asked = Intent(f"wb{n}", SPOT, draw.choice([BUY, SELL]), OrderKind.LIMIT,
                           D(draw.random() / 5).quantize(D("1e-9")), D(50_000 + draw.random() * 20_000))  # fmt: skip
            if asked.side == SELL:
                asked = replace(asked, price=asked.price + 20_000)
            fitted = fit(asked, b.connector.rules[SPOT], last=LAST)
            if isinstance(fitted, Misfit):
                unfit += 1
                continue
            report = await b.connector.create(fitted)
            assert isinstance(report, Report)
            sent += 1
        assert sent >= 4
        assert unfit >= 1
        return f"{sent} fitted orders were all taken; {unfit} unfit ones had a reason before they were written down"


async def row_45() -> str:
    """fee taken out of what was bought: all that was bought cannot be sold"""
    async with bench(accounts={"trader": {"USDT": D(10_000)}}) as b:
        await b.send("wb1", price=None, amount="0.1")
        await b.until(lambda: b.booked())
        bought = b.booked()[0]
        assert (bought.fee_asset, bought.fee) == ("BTC", D("0.0001"))
        free = (await b.connector.balances())["BTC"].free
        assert free == bought.amount - bought.fee
        rules, rates = b.connector.rules[SPOT], FeeBook().rates("binance", "main", b.connector.rules[SPOT])
        balances = await b.connector.balances()
        gross = Intent("wb2", SPOT, SELL, OrderKind.MARKET, bought.amount)
        assert isinstance(afford(gross, rules, rates, balances=balances, unseen={}, last=LAST), Misfit)
        net = fit(replace(gross, amount=free), rules, last=LAST)
        assert not isinstance(await b.connector.create(net), WorkbenchError)
        return f"bought {bought.amount}, fee {bought.fee} BTC; {net.amount} sold, the gross amount refused beforehand"


async def row_46() -> str:
    """filters change while running"""
    async with bench() as b:
        assert await b.connector.refresh_rules() == []
        b.control.change_filters(b.name, tick=D(10))
        error = await b.send("wb1", price="50001")
        assert isinstance(error, Rejected)
        await b.until(lambda: any(isinstance(e, Changed) for e in b.events))
        fitted = fit(replace(b.order("wb1").intent, client_id="wb2"), b.connector.rules[SPOT], last=LAST)
        assert fitted.price == 50_000
        assert isinstance(await b.connector.create(fitted), Report)
        return "refused once; the rules were loaded anew at once and the change told; the next order fits"


async def row_47() -> str:
    """symbol halted, cancel-only, delisted; a price of zero"""
    async with bench() as b:
        seen = []
        await b.send("wb1")
        for status, listing in (
            ("HALT", Listing.HALTED),
            ("CANCEL_ONLY", Listing.CANCEL_ONLY),
            ("TRADING", Listing.TRADING),
        ):
            b.control.halt(b.name, status)
            assert SPOT in await b.connector.refresh_rules()
            assert b.connector.rules[SPOT].listing == listing
            seen.append(isinstance(fit(b.order("wb1").intent, b.connector.rules[SPOT], last=LAST), Misfit))
        assert seen == [True, True, False]
        assert b.connector.rules["ETH/USDT"].listing == Listing.TRADING
        b.control.delist(b.name)
        await b.connector.refresh_rules()
        assert SPOT not in b.connector.rules
        assert "ETH/USDT" in b.connector.rules
        return "no new orders while halted or cancel-only; gone when delisted; the other instrument untouched"


async def row_48() -> str:
    """maintenance of the whole venue"""
    async with bench(streams=(Stream.USER, Stream.BOOK)) as b:
        report = await b.send("wb1")
        b.asks = False
        b.control.maintenance()
        book = b.connector.book(SPOT)
        await b.until(lambda: book.stale)
        error = await b.send("wb2")
        assert isinstance(error, WorkbenchError)
        await asyncio.sleep(1.0)
        b.control.maintenance(False)
        b.control.fill(b.name, int(report.venue_id))
        await b.until(lambda: b.life("wb1") == Life.FILLED and book.is_fresh, 20.0)
        assert set(b.orders_per_id()) == {"wb1"}
        return f"stale, {type(error).__name__} for an order; reconnected and caught up when it was over"


async def row_49() -> str:
    """one id, two markets: BTCUSDT spot and perpetual in one run"""
    async with bench() as b:
        other = connect(b.venue, perpetual=True)
        await other.start()
        try:
            spot = await b.connector.create(Intent("wb1", SPOT, BUY, OrderKind.LIMIT, D("0.01"), D(50_000)))
            perpetual = await other.create(Intent("wb1", PERPETUAL, BUY, OrderKind.LIMIT, D("0.01"), D(50_000)))
            assert (spot.instrument, perpetual.instrument) == (SPOT, PERPETUAL)
            b.hear(b.tracker.intend(Intent("wb1", SPOT, BUY, OrderKind.LIMIT, D("0.01"), D(50_000))))
            b.hear(b.tracker.report(spot))
            b.hear(b.tracker.fill(Fill(PERPETUAL, "1", spot.venue_id, BUY, D(50_000), D("0.01"), 1, client_id="wb1")))
            assert b.order("wb1").filled == 0
            ids = f"{spot.venue_id} and {perpetual.venue_id}"
            return f"ids {ids} are told apart by instrument; a fill of one is not the other's"
        finally:
            await other.close()


NOT_AUTOMATED: dict[int, str] = {}
