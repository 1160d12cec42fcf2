"""An order's life at a venue, told by reports that come late, twice, out of order, before the answer, or never.

Pure: what happened goes in, news comes out. The live runner and the paper venue fold the same calls. Money is booked
from fills alone, each trade once and for ever; what a venue says about an order only tells which fills are missing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from workbench.errors import BrokenInvariant
from workbench.trading.messages import ZERO, Booked, Fill, Intent, Life, Moved, News, Odd, Oddity, Report, Wish

QUIET: News = ()
FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 250, 5_000
Key = tuple[str, str]  # instrument, the venue's id: some venues number the orders of each instrument


@dataclass(slots=True)
class Order:
    """All that is known of one order; only its tracker changes it."""

    intent: Intent
    amount: Decimal
    price: Decimal | None
    life: Life = Life.INTENDED
    venue_id: str = ""
    other_ids: tuple[str, ...] = ()  # of the orders that a conditional order turned into
    filled: Decimal = ZERO  # booked from fills
    value: Decimal = ZERO  # Σ price · amount of the fills
    reported: Decimal = ZERO  # the most that the venue said was filled
    fills: dict[str, Fill] = field(default_factory=dict)
    accepted: bool = False  # the venue has shown that it has, or had, the order
    sent_ms: int = 0
    told_ms: int = 0  # the venue's stamp of its latest word
    cancel_ms: int = 0  # when we asked to cancel; 0: we did not
    cancel_acknowledged: bool = False
    ask_ms: int = 0  # not before this should the venue be asked
    asked: int = 0
    reason: str = ""

    @property
    def is_live(self) -> bool:
        """May the order still trade, for all we know?"""
        return self.life <= Life.OPEN

    @property
    def missing(self) -> Decimal:
        """Base units that the venue says were filled and whose fills have not come."""
        return max(self.reported - self.filled, ZERO)

    @property
    def is_settled(self) -> bool:
        """Has it ended, with every fill of it booked?"""
        return self.life > Life.OPEN and self.filled >= self.reported

    @property
    def average(self) -> Decimal | None:
        """Average price of the fills; None before the first."""
        return self.value / self.filled if self.filled else None


class Tracker:
    """The orders of one account, folded from what we did and what the venue says.

    Each call returns the news that it made: lives that went on, fills booked, oddities. A thing told again is no
    news. A report or a fill that names an order by the venue's id alone waits until that id is known to be ours.

    Parameters
    ----------
    proof_ms : int
        An order that the venue never showed, and does not find when asked this long after the sending, never arrived:
        the venue's window for a request (5 s), its own wait (10 s) and a margin. "Not found" before that proves
        nothing.
    patience_ms : int
        How long an answer, a proof of a cancellation or a fill may take before the venue should be asked.
    """

    def __init__(self, *, proof_ms: int = 16_000, patience_ms: int = 1_000) -> None:
        self.proof_ms, self.patience_ms = proof_ms, patience_ms
        self._usual, self._pauses = (proof_ms, patience_ms), (FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
        self.orders: dict[str, Order] = {}
        self.strangers: dict[Key, Report] = {}
        self.strays: dict[Key, dict[str, Fill]] = {}
        self._named: dict[Key, Order] = {}
        self._unsettled: dict[str, Order] = {}

    def keep_pace(self, pace: float) -> None:
        """Wait as long as ever while the time of entries runs `pace` times as fast: a venue that replays a market."""
        self.proof_ms, self.patience_ms = (int(one * pace) for one in self._usual)
        self._pauses = int(FIRST_PAUSE_MS * pace), int(LONGEST_PAUSE_MS * pace)

    # --- what we did -------------------------------------------------------------------------------------------------

    def intend(self, intent: Intent) -> News:
        """An order is going to be sent.

        Raises
        ------
        BrokenInvariant
            If its id was used before.
        """
        if intent.client_id in self.orders:
            raise BrokenInvariant(f"{intent.instrument}: client id {intent.client_id!r} is used twice. Stop trading.")
        order = Order(intent, intent.amount, intent.price, sent_ms=intent.created_ms)
        self.orders[intent.client_id] = self._unsettled[intent.client_id] = order
        return QUIET

    def sent(self, client_id: str, now_ms: int) -> News:
        """The first byte of the request may leave now."""
        order = self._ours(client_id)
        order.sent_ms, order.ask_ms = now_ms, now_ms + self.patience_ms
        return self._move(order, Life.SENT) if order.life < Life.SENT else QUIET

    def unanswered(self, client_id: str) -> News:
        """The request timed out or its connection broke: the order may live."""
        order = self._ours(client_id)
        order.ask_ms = 0
        return self._move(order, Life.UNKNOWN) if order.life < Life.UNKNOWN else QUIET

    def refused(self, client_id: str, reason: str) -> News:
        """The venue said no to the request. That an id is there already is no such answer: then ask for the order."""
        order = self._ours(client_id)
        if order.life > Life.OPEN:
            return QUIET
        if order.accepted:
            return (self._odd(order, Oddity.REFUSED_YET_LIVE, reason),)
        return self._end(order, Life.REJECTED, reason)

    def cancel_sent(self, client_id: str, now_ms: int) -> News:
        """A cancellation is on its way; the order lives until the venue shows otherwise."""
        order = self._ours(client_id)
        order.cancel_ms, order.cancel_acknowledged = now_ms, False
        order.ask_ms = now_ms + self.patience_ms
        return QUIET

    def cancel_answered(self, client_id: str, *, acknowledged: bool) -> News:
        """A cancellation was acknowledged, or refused. Neither ends the order, but the venue should be asked."""
        order = self._ours(client_id)
        order.cancel_acknowledged, order.ask_ms = acknowledged, 0
        return QUIET

    # --- what the venue says -----------------------------------------------------------------------------------------

    def report(self, report: Report, *, asked_ms: int = 0) -> News:
        """A venue's word on an order, in whatever order such words come.

        Parameters
        ----------
        asked_ms : int
            When the question was asked that this answers; 0 for what came by itself.
        """
        order = self._find(report.instrument, report.client_id, report.venue_id)
        if order is None:
            return self._meet_stranger(report)
        news = self._name(order, report.instrument, report.venue_id) + self._hear(order, report, asked_ms)
        self._let_go(order)
        return news

    def fill(self, fill: Fill) -> News:
        """An execution, from a stream or a question; taken at any time, booked once."""
        order = self._find(fill.instrument, fill.client_id, fill.venue_id)
        if order is None:
            return self._keep_stray(fill)
        news = self._name(order, fill.instrument, fill.venue_id) + self._book(order, fill)
        self._let_go(order)
        return news

    def not_found(self, client_id: str, asked_ms: int) -> News:
        """The venue does not know the order. Proof only for one that it never showed, asked long after the sending."""
        order = self._ours(client_id)
        if order.life > Life.OPEN:
            return QUIET
        if order.accepted:
            return (self._odd(order, Oddity.VANISHED, "not found, although the venue had shown it"),)
        if order.life > Life.INTENDED and asked_ms - order.sent_ms < self.proof_ms:
            return QUIET
        return self._end(order, Life.LOST, "it never arrived")

    # --- what to ask, and what there is ------------------------------------------------------------------------------

    def questions(self, now_ms: int, under_way: Collection[str] = ()) -> list[tuple[str, Wish]]:
        """What to ask the venue now, by client id.

        The same question waits longer each time, up to 5 s; but an order that the venue never showed is asked for as
        soon as "not found" is a proof. What is due stays due while an earlier question about the order is under way.
        """
        due = []
        for client_id, order in self._unsettled.items():
            wish = _wish(order)
            if wish is not None and now_ms >= order.ask_ms and client_id not in under_way:
                order.ask_ms = now_ms + min(self._pauses[0] << min(order.asked, 8), self._pauses[1])
                proof_ms = order.sent_ms + self.proof_ms
                if not order.accepted and now_ms < proof_ms < order.ask_ms:
                    order.ask_ms = proof_ms
                order.asked += 1
                due.append((client_id, wish))
        return due

    def live(self, instrument: str | None = None) -> Iterator[Order]:
        """Orders that may still trade."""
        for order in list(self._unsettled.values()):
            if order.is_live and instrument in (None, order.intent.instrument):
                yield order

    def unsettled(self) -> list[Order]:
        """Orders that live, or have ended with fills that have not come."""
        return list(self._unsettled.values())

    def external(self) -> list[Key]:
        """Instruments and the venue's ids of orders that cannot be ours: none of ours there is without an id."""
        nameless = {order.intent.instrument for order in self._unsettled.values() if not order.venue_id}
        return [key for key in {**self.strangers, **self.strays} if key[0] not in nameless]

    def forget(self, client_id: str) -> None:
        """Drop a settled order. Whoever keeps the journal answers for its fills from now on."""
        order = self._ours(client_id)
        if not order.is_settled:
            raise BrokenInvariant(f"order {client_id!r} is {order.life.name} and not settled. Keep it.")
        del self.orders[client_id]
        for venue_id in (order.venue_id, *order.other_ids):
            self._named.pop((order.intent.instrument, venue_id), None)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _ours(self, client_id: str) -> Order:
        order = self.orders.get(client_id)
        if order is None:
            raise BrokenInvariant(f"no order {client_id!r} was intended here. Intend it first.")
        return order

    def _find(self, instrument: str, client_id: str, venue_id: str) -> Order | None:
        order = self.orders.get(client_id)
        if order is not None and order.intent.instrument == instrument:
            return order
        return self._named.get((instrument, venue_id))

    def _name(self, order: Order, instrument: str, venue_id: str) -> News:
        """Learn the venue's id, and book what came under it before. A conditional order may come to have two."""
        if not venue_id:
            return QUIET
        known = self._named.setdefault((instrument, venue_id), order)
        if known is not order:
            return (self._odd(order, Oddity.CONFLICT, f"{venue_id} is {known.intent.client_id} too"),)
        if not order.venue_id:
            order.venue_id = venue_id
        elif venue_id != order.venue_id and venue_id not in order.other_ids:
            order.other_ids = (*order.other_ids, venue_id)
        if not self.strays and not self.strangers:
            return QUIET
        return self._take_in(order, (instrument, venue_id))

    def _take_in(self, order: Order, key: Key) -> News:
        stranger, news = self.strangers.pop(key, None), QUIET
        if stranger is not None:
            news = self._hear(order, stranger, 0)
        for fill in self.strays.pop(key, {}).values():
            news += self._book(order, fill)
        return news

    def _hear(self, order: Order, report: Report, asked_ms: int) -> News:
        if report.filled > order.reported:
            order.reported = report.filled
        was, now, later = order.life, report.life, report.time_ms > order.told_ms
        if report.time_ms >= order.told_ms:
            order.told_ms = report.time_ms
            order.amount, order.price = report.amount or order.amount, report.price or order.price
        if now > Life.OPEN:
            return self._hear_end(order, report)
        order.accepted = True
        if was < Life.OPEN:
            return self._move(order, Life.OPEN)
        if was in (Life.REJECTED, Life.LOST):
            return (self._odd(order, Oddity.REVIVED, f"was {was.name}"), *self._move(order, Life.OPEN))
        if was > Life.OPEN:
            return (self._odd(order, Oddity.RISEN, f"was {was.name}"),) if later else QUIET
        return self._outlive_cancel(order) if asked_ms > order.cancel_ms + self.patience_ms else QUIET

    def _outlive_cancel(self, order: Order) -> News:
        """Shown open when asked well after its cancellation was sent: that came to nothing, and may be sent again."""
        was_acknowledged, order.cancel_ms, order.cancel_acknowledged = order.cancel_acknowledged, 0, False
        if not was_acknowledged:
            return QUIET
        return (self._odd(order, Oddity.CANCEL_IGNORED, "open after its cancellation was acknowledged"),)

    def _hear_end(self, order: Order, report: Report) -> News:
        was, now = order.life, report.life
        if now == Life.FILLED and not report.filled:
            order.reported = max(order.reported, order.amount)
        if now == was or was in (Life.FILLED, Life.CANCELLED, Life.EXPIRED):
            return QUIET
        if now in (Life.REJECTED, Life.LOST):
            return QUIET if was > Life.OPEN else self._end(order, now, report.reason)
        order.accepted = True
        odd = (self._odd(order, Oddity.REVIVED, f"was {was.name}"),) if was > Life.OPEN else QUIET
        return (*odd, *self._end(order, now, report.reason))

    def _book(self, order: Order, fill: Fill) -> News:
        known = order.fills.get(fill.trade_id)
        if known is not None:
            same = known.price == fill.price and known.amount == fill.amount
            return QUIET if same else (self._odd(order, Oddity.REVISED, f"trade {fill.trade_id}"),)
        order.fills[fill.trade_id] = fill
        order.filled += fill.amount
        order.value += fill.price * fill.amount
        order.accepted = True
        return (Booked(order.intent.client_id, fill), *self._after_fill(order))

    def _after_fill(self, order: Order) -> News:
        was, filled = order.life, order.filled
        news = QUIET
        if filled > order.amount:
            news += (self._odd(order, Oddity.OVERFILLED, f"{filled} of {order.amount}"),)
        if was > Life.OPEN and filled > order.reported:
            news += (self._odd(order, Oddity.LATE_FILL, f"{was.name} with {order.reported}, now {filled}"),)
        if filled >= order.amount:
            return news if was == Life.FILLED else news + self._end(order, Life.FILLED, "")
        if was < Life.OPEN or was in (Life.REJECTED, Life.LOST):
            odd = (self._odd(order, Oddity.REVIVED, f"was {was.name}"),) if was > Life.OPEN else QUIET
            return (*news, *odd, *self._move(order, Life.OPEN))
        return news

    def _move(self, order: Order, now: Life, reason: str = "") -> News:
        was, order.life = order.life, now
        if was > Life.OPEN:
            self._unsettled[order.intent.client_id] = order
        return (Moved(order.intent.client_id, was, now, reason),)

    def _end(self, order: Order, now: Life, reason: str) -> News:
        order.reason, order.asked = reason, 0
        news = self._move(order, now, reason)
        self._let_go(order)
        return news

    def _let_go(self, order: Order) -> None:
        if order.is_settled:
            self._unsettled.pop(order.intent.client_id, None)
        elif order.life > Life.OPEN:
            self._unsettled[order.intent.client_id] = order

    def _odd(self, order: Order, oddity: Oddity, detail: str) -> Odd:
        return Odd(order.intent.client_id, oddity, order.intent.instrument, detail)

    def _meet_stranger(self, report: Report) -> News:
        key = (report.instrument, report.venue_id or report.client_id)
        known = self.strangers.get(key)
        if known is None or report.life >= known.life:
            self.strangers[key] = report
        return QUIET if known else (Odd("", Oddity.STRANGER, report.instrument, f"order {key[1]}"),)

    def _keep_stray(self, fill: Fill) -> News:
        waiting = self.strays.setdefault((fill.instrument, fill.venue_id), {})
        if fill.trade_id in waiting:
            return QUIET
        waiting[fill.trade_id] = fill
        return (Odd("", Oddity.STRANGER, fill.instrument, f"trade {fill.trade_id} of order {fill.venue_id}"),)


def _wish(order: Order) -> Wish | None:
    if order.life in (Life.SENT, Life.UNKNOWN) or (order.life == Life.OPEN and order.cancel_ms):
        return Wish.ORDER
    return Wish.FILLS if order.filled < order.reported else None
