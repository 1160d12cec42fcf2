"""A million random order lives against a venue's ledger: `python -m tests.trading.order_lives --lives 1000000`.

A small venue decides what becomes of each order and writes it into its own ledger. What it says about them is then
lost, repeated, reordered or late; the tracker hears it, asks when it wants to, and must come out at the ledger.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from workbench.market import OrderKind
from workbench.trading import Booked, Fill, Intent, Life, News, Report, Tracker, Wish

BATCH = 8  # orders whose messages are mixed
LOT = Decimal("0.001")
AMOUNTS = [LOT * n for n in range(1, 60)]
PRICES = [Decimal(60_000) + Decimal(n) / 10 for n in range(64)]
NONE = Decimal(0)
Message = Callable[[], News]


@dataclass(slots=True)
class Ledger:
    """What truly became of one order; `arrived` is false where the venue never saw it."""

    intent: Intent
    venue_id: str
    life: Life
    fills: list[Fill] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    arrived: bool = True

    @property
    def filled(self) -> Decimal:
        return sum((fill.amount for fill in self.fills), NONE)


class Lives:
    """Orders from a seed, told badly; `divergences` counts those that the tracker did not get right."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.lives = self.booked = self.messages = self.divergences = 0
        self.first = ""

    def run(self, lives: int) -> None:
        while self.lives < lives:
            self._batch()

    def _batch(self) -> None:
        tracker = Tracker()
        orders = [self._live(self.lives + n) for n in range(BATCH)]
        told: dict[tuple[str, str], int] = {}
        script: list[Message] = []
        for order in orders:
            tracker.intend(order.intent)
            tracker.sent(order.intent.client_id, 0)
            script += self._say(tracker, order)
        self._mix(script)
        for message in script:
            self._count(message(), told)
        self._reconcile(tracker, orders, told)
        for order in orders:
            self._compare(tracker, order, told)
        self.lives += BATCH
        self.messages += len(script)

    def _live(self, number: int) -> Ledger:
        """One order and what becomes of it."""
        draw = self.draw
        amount, side = AMOUNTS[draw.getrandbits(5)], 1 if draw.getrandbits(1) else -1
        intent = Intent(f"wb-{number}", "BTC/USDT", side, OrderKind.LIMIT, amount, PRICES[draw.getrandbits(6)])
        kind = draw.random()
        order = Ledger(intent, str(number), Life.OPEN)
        if kind < 0.06:
            order.life, order.arrived = Life.LOST, False
            return order
        if kind < 0.12:
            order.life = Life.REJECTED
            return order
        order.reports.append(self._report(order, Life.OPEN, NONE))
        left, filled = amount, NONE
        for n in range(draw.getrandbits(2)):
            part = left if n == 2 or draw.getrandbits(1) else LOT
            left, filled = left - part, filled + part
            order.fills.append(
                Fill("BTC/USDT", f"{number}.{n}", order.venue_id, side, PRICES[draw.getrandbits(6)], part, n + 1)
            )
            order.life = Life.FILLED if not left else Life.OPEN
            order.reports.append(self._report(order, order.life, filled))
            if not left:
                return order
        if kind < 0.9:
            order.life = Life.CANCELLED if draw.getrandbits(1) else Life.EXPIRED
            order.reports.append(self._report(order, order.life, filled))
        return order

    def _report(self, order: Ledger, life: Life, filled: Decimal) -> Report:
        mine = order.intent.client_id if self.draw.getrandbits(2) else ""  # some streams say only the venue's id
        return Report("BTC/USDT", mine, order.venue_id, life, filled, len(order.reports) + 1)

    def _say(self, tracker: Tracker, order: Ledger) -> list[Message]:
        """The answer to the create, and the streams: each message may be lost or come twice."""
        draw, client_id = self.draw, order.intent.client_id
        script: list[Message] = []
        chance = draw.random()
        if not order.arrived or chance < 0.2:
            script.append(lambda: tracker.unanswered(client_id))
        elif order.life == Life.REJECTED:
            script.append(lambda: tracker.refused(client_id, "no"))
        else:
            answer = Report("BTC/USDT", client_id, order.venue_id, Life.OPEN, NONE, 1)
            script.append(lambda: tracker.report(answer))
        for report in order.reports:
            script += [lambda report=report: tracker.report(report)] * self._copies()
        for fill in order.fills:
            script += [lambda fill=fill: tracker.fill(fill)] * self._copies()
        if draw.getrandbits(2) == 0:
            script.append(lambda: tracker.cancel_sent(client_id, 5))
            script.append(lambda: tracker.cancel_answered(client_id, acknowledged=bool(draw.getrandbits(1))))
        return script

    def _copies(self) -> int:
        chance = self.draw.getrandbits(3)
        return 0 if chance == 0 else 2 if chance == 1 else 1

    def _mix(self, script: list[Message]) -> None:
        """Late and out of order: some messages change places, near or far; sometimes all of them do."""
        draw, n = self.draw, len(script)
        if draw.getrandbits(2) == 0:
            draw.shuffle(script)
            return
        for _ in range(n // 2):
            one, two = int(draw.random() * n), int(draw.random() * n)
            script[one], script[two] = script[two], script[one]

    def _reconcile(self, tracker: Tracker, orders: list[Ledger], told: dict[tuple[str, str], int]) -> None:
        """Answer the tracker's questions, at first with a lag, then catch up as after a reconnection."""
        known = {order.intent.client_id: order for order in orders}
        now = 10_000
        while now < 60_000 and (asked := tracker.questions(now)):
            for client_id, wish in asked:
                order = known[client_id]
                if wish == Wish.FILLS:
                    for fill in order.fills:
                        self._count(tracker.fill(fill), told)
                elif not order.arrived or order.life == Life.REJECTED or (now < 12_000 and self.draw.getrandbits(1)):
                    self._count(tracker.not_found(client_id, now), told)
                else:
                    self._count(tracker.report(self._truth(order), asked_ms=now), told)
            now += 5_000
        for order in orders:
            if order.reports:
                self._count(tracker.report(self._truth(order)), told)
                for fill in order.fills:
                    self._count(tracker.fill(fill), told)

    @staticmethod
    def _truth(order: Ledger) -> Report:
        return Report("BTC/USDT", order.intent.client_id, order.venue_id, order.life, order.filled, 9)

    def _count(self, news: News, told: dict[tuple[str, str], int]) -> None:
        for one in news:
            if type(one) is Booked:
                key = (one.client_id, one.fill.trade_id)
                told[key] = told.get(key, 0) + 1

    def _compare(self, tracker: Tracker, order: Ledger, told: dict[tuple[str, str], int]) -> None:
        found = tracker.orders[order.intent.client_id]
        ends = {order.life} if order.reports else {Life.REJECTED, Life.LOST}
        once = all(told.get((order.intent.client_id, fill.trade_id)) == 1 for fill in order.fills)
        value = sum((fill.price * fill.amount for fill in order.fills), NONE)
        if found.life in ends and found.filled == order.filled and found.value == value and once:
            self.booked += len(order.fills)
            return
        self.divergences += 1
        self.first = self.first or f"{order}\nagainst {found}"


def main() -> None:
    """Run lives from a seed and print what came of them."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lives", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    lives, start = Lives(given.seed), time.perf_counter()
    lives.run(given.lives)
    took = time.perf_counter() - start
    print(  # noqa: T201
        f"seed {given.seed}: {lives.lives:,} lives, {lives.messages:,} messages, {lives.booked:,} fills booked once, "
        f"{lives.divergences} divergences, {took:.1f} s ({lives.lives / took:,.0f} lives/s)"
    )
    raise SystemExit(lives.first or 0)


if __name__ == "__main__":
    main()
