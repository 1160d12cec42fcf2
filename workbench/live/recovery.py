"""Starting is recovering: what the venue knows against what the journal knows. A reconnection does the same.

Orders first, then fills, then positions and balances: a fill belongs to an order, and a position is its fills.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeVar

from workbench.connectors import CcxtConnector, Rules, facts, is_of_run
from workbench.errors import BrokenInvariant, Busy, ConfigError, Silent
from workbench.journal import Journal
from workbench.live import crash
from workbench.live.freezing import thaw
from workbench.live.plan import Plan
from workbench.live.session import Session
from workbench.live.venues import rates_of
from workbench.live.work import OVERLAP_MS, Work
from workbench.trading import Wish

Answer = TypeVar("Answer")
TRIES, FIRST_WAIT_S, LONGEST_WAIT_S, AWAY_WAIT_S = 8, 0.25, 4.0, 15.0
PAGE = 500
COMPARISONS, COMPARE_AGAIN_S = 5, 0.4


def fold(journal: Journal, plan: Plan, bot: Any) -> Session:
    """The session of a journal: its last snapshot that can be read, and all entries after it."""
    found = journal.snapshot()
    session = Session(plan, bot)
    if found is not None:
        try:
            session = thaw(found[1], plan, bot)
        except (ConfigError, ValueError, KeyError):
            session = Session(plan, bot)
    session.kept = session.number
    for entry in journal.entries(after=session.number):
        session.apply(entry)
    return session


class Recovery:
    """Brings a run and its venues to the same account of things."""

    def __init__(self, work: Work) -> None:
        self.work, self.session, self.plan = work, work.session, work.session.plan

    async def check_account(self, door: str) -> None:
        """Rights, position mode and leverage, as they must be; nothing is changed by itself.

        Raises
        ------
        ConfigError
            If one of them is not what the plan says; the message says how to set it right.
        """
        connector = self.work.connectors[door]
        if isinstance(connector, CcxtConnector):
            rights = await patiently(connector.rights)
            if rights.trade is False:
                raise ConfigError(f"{door}: the key may not trade. Give it that right at the venue, or another key.")
            if rights.withdraw:
                self.work.warn(f"{door}: the key may withdraw money. Take that right from it: a run never needs it.")
        if not door.endswith(":perpetual"):
            return
        if await patiently(connector.is_hedged):
            raise ConfigError(
                f"{door}: the account holds long and short side by side, and this run trades one position. Set it to "
                f"one-way mode while it is flat."
            )
        wanted = Decimal(str(self.plan.terms.get("leverage", 1)))
        for place in self.plan.markets:
            if place.door == door:
                await self._check_leverage(connector, place.instrument, wanted)

    async def _check_leverage(self, connector: Any, instrument: str, wanted: Decimal) -> None:
        has = await patiently(lambda: connector.leverage(instrument))
        if has < wanted:
            raise ConfigError(
                f"{instrument}: the account's leverage is {has}, and the plan's {wanted}. Set the account to at least "
                f"{wanted}, or plan for {has}."
            )

    def note_rules(self) -> None:
        """Write down the rules and fees that are in force, if they are new."""
        rules: list[Rules] = []
        for place in self.plan.markets:
            known = self.work.connectors[place.door].rules
            if place.instrument not in known:
                raise ConfigError(f"{place.venue} does not list {place.instrument!r}. Check the symbol.")
            rules.append(known[place.instrument])
        rates = [rates_of(one, place, self.plan) for one, place in zip(rules, self.plan.markets, strict=True)]
        if rules != self.session.rules or rates != self.session.desk.rates:
            self.work.happen("rules", {"rules": rules, "rates": rates})

    async def read_bars(self) -> None:
        """History at the first start; at a later one the bars that were missed, which executors see."""
        for m, place in enumerate(self.plan.markets):
            bars = self.session.history.bars[m]
            is_new = not bars.used
            length, now = self.session.history.length_ms, self.work.clock.now_ms()
            first = now - now % length - self.plan.warm_bars * length if is_new else int(bars.time[bars.used - 1]) + 1
            await self._read_bars_of(place.door, place.instrument, first, warm=is_new)

    async def _read_bars_of(self, door: str, instrument: str, since_ms: int, *, warm: bool) -> None:
        length = self.session.history.length_ms
        while since_ms + length <= self.work.clock.now_ms():
            page = await patiently(
                lambda since=since_ms: self.work.connectors[door].candles(  # type: ignore[misc]
                    instrument, self.plan.timeframe, since, PAGE
                )
            )
            closed = [
                bar for bar in page if since_ms <= bar.time_ms and bar.time_ms + length <= self.work.clock.now_ms()
            ]
            for bar in closed:
                self.work.hear_bar(door, bar, warm=warm, late=not warm)
            if not closed or len(page) < PAGE:
                break
            since_ms = closed[-1].time_ms + length
        self.work.journal.commit()

    async def reconcile(self, door: str) -> None:
        """Orders, fills, positions and balances, funding; what is ours is taken in, what is not is labelled."""
        names = [place.instrument for place in self.plan.markets if place.door == door]
        since = self._last_fill_ms(door) - OVERLAP_MS
        shown: set[str] = set()
        for instrument in names:
            shown |= await self._open_orders(door, instrument)
        crash.point("J15")
        for order in self.session.trackers[door].unsettled():
            if order.intent.client_id in shown:
                continue
            await patiently(lambda one=order: self.work.ask(door, one.intent.client_id, Wish.ORDER))  # type: ignore[misc]
        await self._ask_fills(door, names, since)
        crash.point("J15")
        await self._account(door, names)
        crash.point("J15")

    async def _ask_fills(self, door: str, names: list[str], since_ms: int) -> None:
        for instrument in names:
            for fill in await patiently(lambda one=instrument: self.work.connectors[door].fills(one, since_ms)):  # type: ignore[misc]
                self.work.hear_fill(door, fill)

    def _last_fill_ms(self, door: str) -> int:
        orders = self.session.trackers[door].orders.values()
        times = [fill.time_ms for order in orders for fill in order.fills.values()]
        sent = [order.sent_ms for order in orders if not order.is_settled]
        return max(times) if times and not sent else min([*times[-1:], *sent], default=self.work.clock.now_ms())

    async def _open_orders(self, door: str, instrument: str) -> set[str]:
        """Ours are heard; one of this run that the journal does not know cannot be: nothing leaves unwritten."""
        rule, shown = facts(door.partition(":")[0]).ids, set()
        for report in await patiently(lambda: self.work.connectors[door].open_orders(instrument)):
            known = report.client_id in self.session.trackers[door].orders
            if not known and is_of_run(rule, self.plan.run, report.client_id):
                raise BrokenInvariant(
                    f"{instrument}: the venue has an order {report.client_id!r} of this run that its journal does not "
                    f"know. The journal is not the one that the run wrote: rebuild it from the venue."
                )
            self.work.hear_report(door, report, asked_ms=self.work.clock.now_ms())
            shown.add(report.client_id)
        return shown

    async def _account(self, door: str, names: list[str]) -> None:
        venue = door.split(":")
        whose = {"door": door, "venue": venue[0], "account": venue[1]}
        await self._compare(door, names, whose)
        if not door.endswith(":perpetual"):
            return
        for instrument in names:
            await self._funding(door, instrument, whose)

    async def _compare(self, door: str, names: list[str], whose: dict[str, str]) -> None:
        """What the venue holds against what the journal says; an order that is filled meanwhile is asked for first."""
        connector = self.work.connectors[door]
        off = ""
        for _ in range(COMPARISONS):
            balances = await patiently(connector.balances)
            told = {"balances": list(balances.values()), "is_all": True, "time_ms": self.work.clock.now_ms()}
            self.work.learn("balances", {**whose, **told})
            legs = []
            if door.endswith(":perpetual"):
                legs = await patiently(connector.positions)
                self.work.learn("positions", {**whose, "positions": legs})
            off = self._off(door, balances, {leg.instrument: leg.amount for leg in legs})
            if not off:
                return
            await self.work.clock.sleep(COMPARE_AGAIN_S)
            await self._ask_fills(door, names, self.work.clock.now_ms() - OVERLAP_MS)
        raise BrokenInvariant(off)

    def _off(self, door: str, balances: Any, held: dict[str, Decimal]) -> str:
        """The first difference, in a sentence; nothing: there is none."""
        if door.endswith(":perpetual"):
            return self._off_perpetual(door, held)
        return self._off_spot(door, balances)

    async def _funding(self, door: str, instrument: str, whose: dict[str, Any]) -> None:
        since = self.session.begun_ms
        for payment in await patiently(lambda: self.work.connectors[door].funding_payments(instrument, since)):
            key = (door, payment.instrument, payment.payment_id)
            if key not in self.session.paid and payment.time_ms >= since:
                self.work.learn("funding", {**whose, "payment": payment})

    def _off_spot(self, door: str, balances: Any) -> str:
        """A run cannot hold more of a coin than the account has; what is there besides is somebody else's."""
        for m, position in self.session.positions().items():
            place = self.plan.markets[m]
            if place.door != door:
                continue
            base, lot = self.session.rules[m].base, self.session.rules[m].lot
            has = balances[base].total if base in balances else Decimal(0)
            if Decimal(repr(position)) > has + max(lot, Decimal(repr(position)) * Decimal("1e-9")):
                return (
                    f"{place.instrument}: the journal says that the run holds {position:g} {base}, and the account has "
                    f"{has}. Coins left without a trade of this run: bring them back, or start a new run."
                )
        return ""

    def _off_perpetual(self, door: str, held: dict[str, Decimal]) -> str:
        for m, position in self.session.positions().items():
            place, lot = self.plan.markets[m], self.session.rules[m].lot
            if place.door != door:
                continue
            has = held.get(place.instrument, Decimal(0))
            if abs(has - Decimal(repr(position))) > max(lot, Decimal("1e-9")) / 2:
                return (
                    f"{place.instrument}: the venue holds {has}, and the journal says {position:g}. Trades that are "
                    f"not of this run are in it: close the difference by hand, then start again."
                )
        return ""


async def insistently(ask: Callable[[], Awaitable[Answer]], complain: Callable[[str], None]) -> Answer:
    """A question asked until the venue answers; it may be away for hours. A no is an answer."""
    import asyncio

    wait_s = FIRST_WAIT_S
    while True:
        try:
            return await patiently(ask)
        except (Busy, Silent) as error:
            complain(str(error))
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 2.0, AWAY_WAIT_S)


async def patiently(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """A question asked again while the venue is busy, a bounded number of times."""
    import asyncio

    for tried in range(TRIES):
        try:
            return await ask()
        except Busy:
            if tried == TRIES - 1:
                raise
            await asyncio.sleep(min(FIRST_WAIT_S * 2.0**tried, LONGEST_WAIT_S))
    raise AssertionError("unreachable")
