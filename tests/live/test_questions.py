"""What a run asks a venue about its orders, and when."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D

from tests.live.running import SPOT, open_venue, plan
from workbench.connectors import NotThere, SystemClock
from workbench.journal import Journal
from workbench.live.session import PROOF_MS, Session
from workbench.live.work import Work
from workbench.market import BUY, OrderKind
from workbench.trading import Intent, Life


class HandClock(SystemClock):
    """Stands still until it is moved."""

    ms = 0

    def now_ms(self) -> int:
        return self.ms


class SlowVenue:
    """Knows no order, and takes its time to say so."""

    def __init__(self) -> None:
        self.asked, self.answers = 0, asyncio.Event()

    async def order(self, instrument: str, client_id: str, **_: object) -> list[object]:
        self.asked += 1
        await self.answers.wait()
        raise NotThere("no such order.", venue="slow", instrument=instrument, request="order")


def test_a_question_under_way_when_not_found_becomes_a_proof_is_put_again_at_once(tmp_path):
    async def go() -> None:
        clock, venue = HandClock(), SlowVenue()
        work = Work(session, journal, {door: venue}, clock, lambda event, **facts: None)
        tracker = session.trackers[door]
        tracker.intend(Intent("lost", SPOT, BUY, OrderKind.LIMIT, D("0.01"), D("50000")))
        tracker.sent("lost", 0)
        tracker.unanswered("lost")

        async def at(now_ms: int) -> tuple[int, Life]:
            clock.ms = now_ms
            work.ask_what_is_due()
            await asyncio.sleep(0.01)
            return venue.asked, tracker.orders["lost"].life

        assert await at(PROOF_MS - 100) == (1, Life.UNKNOWN)
        assert await at(PROOF_MS) == (1, Life.UNKNOWN)  # the first has not been answered, and it was put too early
        venue.answers.set()
        await asyncio.sleep(0.01)
        assert await at(PROOF_MS + 100) == (2, Life.LOST)

    with open_venue() as there, Journal.open(tmp_path / "journal.sqlite", run="run") as journal:
        made = plan(there, SPOT)
        session, door = Session(made, made.bot.load(tmp_path)), made.markets[0].door
        asyncio.run(go())
