"""What a run cancels is gone at the venue, whatever has become of it on the way."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D

from tests.live.running import PERPETUAL, open_venue, plan, with_client
from workbench.connectors import SystemClock
from workbench.journal import Journal
from workbench.live.session import Session
from workbench.live.words import Withdraw
from workbench.live.work import Work
from workbench.market import BUY, OrderKind
from workbench.trading import Intent


def test_a_stop_limit_order_that_has_fired_and_rests_can_be_cancelled(tmp_path):
    intent = Intent("fired", PERPETUAL, BUY, OrderKind.STOP_LIMIT, D("0.01"), D("59000"), D("60100"))
    with open_venue() as venue, Journal.open(tmp_path / "journal.sqlite", run="run") as journal:
        made = plan(venue, PERPETUAL)
        door = made.markets[0].door

        async def go(client):
            session = Session(made, made.bot.load(tmp_path))
            work = Work(session, journal, {door: client}, SystemClock(), lambda event, **facts: None)
            session.trackers[door].intend(intent)
            session.trackers[door].report(await client.create(intent))
            venue.control.trade("BTCUSDT", 60_150, 0.1, perpetual=True)
            while not await client.open_orders(PERPETUAL):  # it rests below the market now, among the plain ones
                await asyncio.sleep(0.01)
            name = session.trackers[door].orders["fired"].venue_id
            assert await work._cancel(Withdraw(door, PERPETUAL, "fired", name, conditional=True))
            return await client.open_orders(PERPETUAL)

        assert with_client(venue, PERPETUAL, go) == []
