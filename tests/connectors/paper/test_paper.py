"""Paper trading at a real market: here the simulated venue stands for it, and only its prices are used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from workbench.connectors import Connector, FeeRates, NoFunds, NotThere, SimulatedVenue, Stream, SystemClock
from workbench.connectors.paper import Memory, PaperConnector
from workbench.errors import Busy, Rejected
from workbench.market import BUY, SELL, OrderKind
from workbench.trading import Fill, Intent, Life, Report, Tracker

from ..bench import ASKS, BIDS, PERPETUAL, SPOT, connect

D = Decimal
HOUR = 3_600_000
RATES = FeeRates(maker=D("0.001"), taker=D("0.002"))


class Desk:
    """A paper account and the market under it, with its events in a tracker."""

    def __init__(self, venue: SimulatedVenue, paper: PaperConnector, symbol: str) -> None:
        self.venue, self.paper, self.symbol = venue, paper, symbol
        self.tracker, self.events = Tracker(), list[Any]()

    def quote(self, shift: float = 0.0) -> None:
        levels = [[(price + shift, amount) for price, amount in side] for side in (BIDS, ASKS)]
        self.venue.control.book("BTCUSDT", *levels, perpetual=self.paper.perpetual)

    async def send(self, client_id: str, side: int, amount: str, price: str | None = None, **other: Any) -> Report:
        kind = other.pop("kind", OrderKind.MARKET if price is None else OrderKind.LIMIT)
        intent = Intent(client_id, self.symbol, side, kind, D(amount), D(price) if price else None, **other)
        self.tracker.intend(intent)
        self.tracker.sent(client_id, self.paper.clock.now_ms())
        return await self.paper.create(intent)

    async def pump(self) -> None:
        while True:
            event = await self.paper.next_event()
            self.events.append(event)
            if isinstance(event, Report):
                self.tracker.report(event)
            elif isinstance(event, Fill):
                self.tracker.fill(event)

    async def until(self, condition: Callable[[], object], seconds: float = 5.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def desk(
    *, perpetual: bool = False, money: dict[str, str] | None = None, memory: Memory | None = None, **other: Any
) -> AsyncIterator[Desk]:
    async with SimulatedVenue() as venue:
        symbol = PERPETUAL if perpetual else SPOT
        has = {asset: D(amount) for asset, amount in (money or {"USDT": "10000"}).items()}
        paper = PaperConnector(
            connect(venue, perpetual=perpetual), money=has, clock=SystemClock(), perpetual=perpetual, rates=RATES,
            submit_ms=5, report_ms=5, memory=memory, **other,
        )  # fmt: skip
        one = Desk(venue, paper, symbol)
        one.quote()
        await paper.start()
        await paper.follow(Stream.USER)
        pumping = asyncio.ensure_future(one.pump())
        try:
            yield one
        finally:
            pumping.cancel()
            await paper.close()


def run(work: Any) -> None:
    asyncio.run(work())


def test_paper_speaks_the_whole_protocol() -> None:
    async def work() -> None:
        async with desk() as d:
            assert isinstance(d.paper, Connector)

    run(work)


def test_market_order_walks_the_real_book_and_pays_its_fee() -> None:
    async def work() -> None:
        async with desk(money={"USDT": "1000000"}) as d:
            await d.send("a", BUY, "8")
            await d.until(lambda: d.tracker.orders["a"].is_settled)
            order = d.tracker.orders["a"]
            assert [(fill.amount, fill.price) for fill in order.fills.values()] == [
                (D(5), D(60_010)),
                (D(3), D(60_020)),
            ]
            balances = await d.paper.balances()
            assert balances["BTC"].total == D(8) * (1 - RATES.taker)
            assert balances["USDT"].total == 1_000_000 - (5 * 60_010 + 3 * 60_020)

    run(work)


def test_nothing_reaches_the_real_venue() -> None:
    async def work() -> None:
        async with desk() as d:
            await d.send("a", BUY, "0.1")
            await d.send("b", BUY, "0.01", "50000")
            assert d.venue.control.orders() == []

    run(work)


def test_more_than_the_book_holds_fills_in_part() -> None:
    async def work() -> None:
        async with desk(money={"USDT": "2000000"}) as d:
            report = await d.send("a", BUY, "20", "60030")
            assert (report.life, report.filled) == (Life.OPEN, D(15))
            await d.paper.cancel(SPOT, client_id="a")
            await d.until(lambda: d.tracker.orders["a"].is_settled)
            assert d.tracker.orders["a"].life == Life.CANCELLED

    run(work)


def test_resting_order_is_filled_as_maker_when_the_market_trades_through_it() -> None:
    async def work() -> None:
        async with desk() as d:
            await d.send("a", BUY, "0.1", "60000")
            assert d.tracker.orders["a"].life <= Life.OPEN
            d.venue.control.trade("BTCUSDT", 59_995, 1, "SELL")
            await d.until(lambda: d.tracker.orders["a"].is_settled)
            (fill,) = d.tracker.orders["a"].fills.values()
            assert (fill.price, fill.is_maker, fill.fee) == (D(60_000), True, D("0.0001"))

    run(work)


def test_resting_order_is_filled_when_the_book_moves_through_it() -> None:
    async def work() -> None:
        async with desk() as d:
            await d.send("a", BUY, "0.1", "60000")
            d.quote(-100.0)
            await d.until(lambda: d.tracker.orders["a"].life == Life.FILLED)

    run(work)


def test_money_that_is_not_there_is_refused() -> None:
    async def work() -> None:
        async with desk(money={"USDT": "100"}) as d:
            with pytest.raises(NoFunds):
                await d.send("a", BUY, "1", "50000")
            with pytest.raises(NoFunds):
                await d.send("b", SELL, "1", "70000")

    run(work)


def test_post_only_that_would_take_is_refused() -> None:
    async def work() -> None:
        async with desk() as d:
            with pytest.raises(Rejected):
                await d.send("a", BUY, "0.1", "60020", kind=OrderKind.POST_ONLY)

    run(work)


def test_stop_waits_for_its_trigger() -> None:
    async def work() -> None:
        async with desk(money={"USDT": "100", "BTC": "1"}) as d:
            await d.send("a", SELL, "0.5", None, kind=OrderKind.STOP, trigger=D(59_500))
            assert [one.client_id for one in await d.paper.open_orders(SPOT)] == ["a"]
            d.quote(-600.0)
            d.venue.control.trade("BTCUSDT", 59_400, 1, "SELL")
            await d.until(lambda: d.tracker.orders["a"].is_settled)
            # Not at 59,990, which the book still shows: the print was known before the book.
            assert D(59_380) <= d.tracker.orders["a"].average <= D(59_400)

    run(work)


def test_unknown_order_is_not_there() -> None:
    async def work() -> None:
        async with desk() as d:
            with pytest.raises(NotThere):
                await d.paper.order(SPOT, "nobody")
            with pytest.raises(NotThere):
                await d.paper.cancel(SPOT, client_id="nobody")

    run(work)


def test_stale_prices_open_nothing() -> None:
    async def work() -> None:
        async with desk() as d:
            await d.send("a", BUY, "0.01")
            d.paper.market.book(SPOT).stale = "silent for 6 s"
            with pytest.raises(Busy, match="stale"):
                await d.send("b", BUY, "0.01")

    run(work)


def test_perpetual_has_leverage_funding_and_conditional_orders() -> None:
    async def work() -> None:
        async with desk(perpetual=True) as d:
            market = d.paper.matching.core.market("BTCUSDT", perpetual=True)
            market.next_funding_ms = d.paper.clock.now_ms() + 4 * HOUR  # none but the one that is called for below
            await d.paper.set_leverage(PERPETUAL, 10)
            await d.send("a", SELL, "0.5")
            await d.until(lambda: d.tracker.orders["a"].is_settled)
            (leg,) = await d.paper.positions()
            assert (leg.amount, leg.entry, leg.leverage) == (D("-0.5"), D(59_990), D(10))
            await d.send("s", BUY, "0.5", None, kind=OrderKind.STOP, trigger=D(61_000), reduce_only=True)
            assert [one.client_id for one in await d.paper.open_orders(PERPETUAL)] == ["s"]
            assert await d.paper.cancel_all(PERPETUAL) == []
            before = (await d.paper.balances())["USDT"].total
            market.next_funding_ms = d.paper.clock.now_ms() + 100
            await d.until(lambda: d.paper.matching.funding_payments(PERPETUAL, 0))
            (payment,) = await d.paper.funding_payments(PERPETUAL, 0)
            assert payment.amount > 0  # the rate is above zero, and shorts receive it
            assert (await d.paper.balances())["USDT"].total == before + payment.amount

    run(work)


def test_account_is_as_it_was_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "paper.jsonl"

    async def first() -> None:
        async with desk(memory=Memory(path)) as d:
            await d.send("a", BUY, "0.1")
            await d.send("b", BUY, "0.01", "50000")
            await d.until(lambda: d.tracker.orders["a"].is_settled)
            left.update(await d.paper.balances())
            ids.update(fill.trade_id for fill in await d.paper.fills(SPOT, 0))

    async def second() -> None:
        async with desk(memory=Memory(path)) as d:
            now = await d.paper.balances()
            assert {asset: one.total for asset, one in now.items()} == {asset: one.total for asset, one in left.items()}
            assert now["USDT"].free == left["USDT"].free
            assert [one.client_id for one in await d.paper.open_orders(SPOT)] == ["b"]
            assert [fill.client_id for fill in await d.paper.fills(SPOT, 0)] == ["a"]
            await d.send("c", BUY, "0.01")
            new = {fill.trade_id for fill in await d.paper.fills(SPOT, 0)} - ids
            assert len(new) == 1

    left: dict[str, Any] = {}
    ids: set[str] = set()
    run(first)
    run(second)


def test_line_that_a_kill_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "paper.jsonl"
    path.write_bytes(b'{"money": {"USDT": "5"}, "positions": []}\n{"money": {"US')
    assert Memory(path).load().money == {"USDT": D(5)}
