"""A session at work: what happens is written down, folded, and what follows is done. All in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from workbench.connectors import Bar, NotThere
from workbench.errors import Busy, ConfigError, Rejected, Silent, VenueError
from workbench.journal import Entry, Journal, NotWritten
from workbench.live import crash
from workbench.live.eager import start_now
from workbench.live.freezing import freeze
from workbench.live.session import Session
from workbench.live.words import Command, Fall, Happened, Note, Send, Withdraw
from workbench.trading import NEVER, Fill, Intent, Order, Report, Wish

SNAPSHOT_EVERY = 3_000
OVERLAP_MS = 60_000
CONFIRM_S = 5.0  # a person's word is on its way so long at most; bars of a replay may be shorter
Tell = Callable[..., None]
T = TypeVar("T")


class Work:
    """The journal, the session and the venues of a run, tied together.

    Parameters
    ----------
    connectors : dict
        By door: venue, account and kind of instrument.
    tell : callable
        Takes an event and its facts, for the log.
    """

    def __init__(self, session: Session, journal: Journal, connectors: dict[str, Any], clock: Any, tell: Tell) -> None:
        self.session, self.journal, self.connectors, self.clock, self.tell = session, journal, connectors, clock, tell
        self.places = {
            (place.door, place.instrument): m for m, place in enumerate(session.plan.markets)
        }  # the market of an instrument
        self.heard: dict[int, list[float]] = {}  # the last price of each market, and when
        self.bounds: list[tuple[float, float, int]] = []
        self.fallen = ""
        self.armed = self._seen = 0  # tickets of parameters: to take over at a close, and not armed at the last
        self._armed_ms, self._seen_s = 0, 0.0
        self.warnings: list[dict[str, Any]] = []
        self.on_written: Callable[[], None] = lambda: None
        self.on_broken: Callable[[], None] = lambda: None
        self.make_room: Callable[[], bool] = lambda: False
        self.broken: BaseException | None = None
        self.strangers: set[tuple[str, str, str, str]] = set()
        self._asking: dict[str, set[str]] = {door: set() for door in session.trackers}
        self._sending: set[tuple[str, str]] = set()  # requests that may not have left yet
        self._chores: set[asyncio.Task[None]] = set()
        self._leaving = False  # a request is being made, in the hands of who wants it
        self._untold: list[str] = []  # warnings that the log does not have yet

    # --- writing down ------------------------------------------------------------------------------------------------

    def happen(self, kind: str, body: dict[str, Any]) -> None:
        """Something that we do, or that a market tells: folded, then written down with what follows from it."""
        self._carry_out(self._fold(kind, body))

    def learn(self, kind: str, body: dict[str, Any]) -> None:
        """Something that a venue says of our money: committed before the session hears of it."""
        now = self.clock.now_ms()
        self.journal.append(kind, body, time_ms=now)
        crash.point("J8" if kind == "fill" else "J5")
        entries = self._insist(self.journal.commit_entries)
        crash.point("J9" if kind == "fill" else "J6")
        commands: list[Command] = []
        for entry in entries:
            if entry.number > self.session.number:
                commands += self.session.apply(entry)
        if kind == "fill":
            crash.point("J10")
        self._carry_out(commands)

    def _commit(self) -> list[Entry]:
        return self._insist(self.journal.commit)

    def _insist(self, write: Callable[[], T]) -> T:
        """Write; on a full disk in the room that was kept for this."""
        try:
            return write()
        except NotWritten as error:
            if "full" not in str(error) or not self.make_room():
                raise
            return write()

    def catch_up(self) -> None:
        """What could wait until orders had left: the tables of their entries, and lines of the log."""
        self._insist(self.journal.settle)
        untold, self._untold = self._untold, []
        for text in untold:
            self.tell("warning", text=text)

    def _fold(self, kind: str, body: dict[str, Any]) -> list[Command]:
        now = self.clock.now_ms()
        number = self.journal.append(kind, body, time_ms=now)
        return self.session.apply(Happened(number, now, kind, body))

    def _carry_out(self, commands: list[Command]) -> None:
        """Write down all that follows, commit it once, and then let it leave."""
        if commands:
            crash.point("J0")
        leaving: list[Callable[[], Coroutine[Any, Any, None]]] = []
        while commands:
            command = commands.pop(0)
            if isinstance(command, Send):
                commands += self._write_intent(command)
                leaving.append(lambda one=command: self._send(one.door, one.intent))  # type: ignore[misc]
            elif isinstance(command, Withdraw):
                commands += self._fold("cancel", {"door": command.door, "client_id": command.client_id})
                leaving.append(lambda one=command: self._withdraw(one))  # type: ignore[misc]
            elif isinstance(command, Note):
                self._note(command)
            else:
                self._fall(command)
        if leaving:
            crash.point("J1")
            self._insist(self.journal.commit_entries)
            crash.point("J2")
        else:
            self._commit()
        for chore in leaving:
            self.send_off(chore())
        self._measure()
        self.on_written()

    def _write_intent(self, command: Send) -> list[Command]:
        facts = {"door": command.door, "intent": command.intent, **command.facts}
        names = {"door": command.door, "client_id": command.intent.client_id}
        return [*self._fold("intent", facts), *self._fold("sent", names)]

    def _note(self, note: Note) -> None:
        self.journal.append(note.kind, note.body, time_ms=self.clock.now_ms())
        if note.kind in ("warning", "refused"):
            self._untold.append(self._remember(str(note.body.get("text") or note.body.get("reason", ""))))

    def _fall(self, fall: Fall) -> None:
        self.fallen = self.fallen or fall.reason

    def warn(self, text: str) -> None:
        """Something that a trader should know: in the status, the log and the journal."""
        self.tell("warning", text=self._remember(text))
        self.journal.append("warning", {"text": text}, time_ms=self.clock.now_ms())
        self.journal.commit()

    def _remember(self, text: str) -> str:
        self.warnings = [*self.warnings[-49:], {"time_ms": self.clock.now_ms(), "text": text}]
        return text

    def _measure(self) -> None:
        """What the session waits for, looked up once rather than at each tick."""
        session = self.session
        if session.world is None:
            return
        markets = session.world["markets"][0]
        self.bounds = [
            (float(markets["below"][m]), float(markets["above"][m]), session.due_ms(m))
            for m in range(len(session.rules))
        ]

    def keep_snapshot(self) -> None:
        """Keep the session, if enough has happened since the last time; one that is not taken costs time, no more."""
        if self.session.number - self.session.kept < SNAPSHOT_EVERY:
            return
        blob = freeze(self.session)
        self.session.kept = self.session.number
        if blob is not None:
            with contextlib.suppress(NotWritten):
                self.journal.keep_snapshot(self.session.number, blob)

    # --- markets -----------------------------------------------------------------------------------------------------

    def hear_price(self, door: str, instrument: str, price: float, time_ms: int) -> None:
        """A print: written down only if somebody waits for it."""
        m = self.places.get((door, instrument))
        if m is None:
            return
        self.heard[m] = [price, time_ms]
        if m < len(self.bounds):
            below, above, due = self.bounds[m]
            if price <= below or price >= above or self.clock.now_ms() >= due:
                self.tick(m)

    def tick(self, m: int) -> None:
        """Let a market's executors see the last price, now."""
        place = self.session.plan.markets[m]
        price, time_ms = self.heard.get(m, (None, 0))
        if price is None:
            return
        facts = {"m": m, "market": place.instrument, "venue": place.venue, "price": price, "time_ms": time_ms}
        self.happen("tick", {**facts, "prices": {str(m): [price, time_ms]}})

    def hear_bar(self, door: str, bar: Bar, *, late: bool = False, warm: bool = False) -> None:
        """A closed bar, if it is one of ours and new."""
        m = self.places.get((door, bar.instrument))
        if m is None or bar.timeframe != self.session.plan.timeframe:
            return
        bars = self.session.history.bars[m]
        if bars.used and bar.time_ms <= bars.time[bars.used - 1]:
            return
        place = self.session.plan.markets[m]
        facts = {"m": m, "bar": bar, "venue": place.venue, "account": place.account}
        if warm:
            self._fold("bar", {**facts, "warm": True})
            return
        crash.point("J11")
        self._close(facts, late=late)

    def look_at_time(self) -> None:
        """Deadlines that came, and rows that a market has no bar for."""
        now = self.clock.now_ms()
        for m, (_, _, due) in enumerate(self.bounds):
            if due != NEVER and now >= due:
                self.tick(m)
        history = self.session.history
        patience = history.length_ms + min(max(history.length_ms // 4, 2_000), 15_000)
        for stamp in [stamp for stamp in history.heard if now > stamp + patience]:
            for m in range(len(history.bars)):
                if m not in history.heard.get(stamp, {m}):
                    self._close({"m": m, "bar": None, "time_ms": stamp})

    # --- parameters that wait for a bar's end ------------------------------------------------------------------------

    def _close(self, facts: dict[str, Any], *, late: bool = False) -> None:
        """A bar, and when it ends a row, the parameters that wait for that: the row is decided by the old ones."""
        before = self.session.closed_ms
        self.happen("bar", {**facts, "late": True} if late else facts)
        prepared = self.session.prepared
        if prepared is None or late or self.session.closed_ms == before:
            return
        if self.armed == prepared["ticket"]:
            if self.session.closed_ms >= self._armed_ms:
                self.happen("updated", {name: prepared[name] for name in ("parameters", "who", "ticket")})
        elif self._seen != prepared["ticket"]:
            self._seen, self._seen_s = prepared["ticket"], self.clock.steady_s()
        elif self.clock.steady_s() >= self._seen_s + CONFIRM_S:
            self.drop_prepared("nobody confirmed it within a bar")

    def arm(self, ticket: int, ends_ms: int) -> None:
        """Let the parameters of this ticket take over when the bar closes that ends then, or the next that does."""
        self.armed, self._armed_ms = ticket, ends_ms

    def drop_prepared(self, why: str) -> None:
        """Take parameters away that lie ready, if any do, and say so: those before them stay."""
        prepared = self.session.prepared
        if prepared is None:
            return
        named = ", ".join(f"{name}={value}" for name, value in prepared["parameters"].items())
        text = f"{named} was prepared and not applied: {why}. The parameters before it stay."
        self.happen("dropped", {"ticket": prepared["ticket"], "parameters": prepared["parameters"], "why": text})
        self.warn(text)

    # --- our own orders ----------------------------------------------------------------------------------------------

    def _said(self, door: str, instrument: str, **facts: Any) -> dict[str, Any]:
        """The body of a word of a venue: who says it, and the last price that was heard there."""
        venue, account, _ = door.split(":", 2)
        m = self.places.get((door, instrument))
        prices = {str(m): self.heard[m]} if m is not None and m in self.heard else {}
        return {"door": door, "venue": venue, "account": account, "prices": prices, **facts}

    def hear_report(self, door: str, report: Report, *, asked_ms: int = 0) -> None:
        """A venue's word on an order; told again it is not written again."""
        tracker = self.session.trackers[door]
        order = tracker.orders.get(report.client_id)
        if order is None:
            self._hear_stranger(door, report)
            return
        known = report.venue_id in ("", order.venue_id, *order.other_ids)
        same = report.life == order.life and report.filled <= order.reported and known and not order.cancel_ms
        if not same or (order.life <= 3 and report.time_ms > order.told_ms):
            self.learn("report", self._said(door, report.instrument, report=report, asked_ms=asked_ms))

    def hear_fill(self, door: str, fill: Fill) -> None:
        """An execution; one that is booked is not written again."""
        crash.point("J7")
        tracker = self.session.trackers[door]
        order = tracker.orders.get(fill.client_id) or self._named(door, fill)
        if order is None:
            self._hear_stranger(door, fill)
        elif fill.trade_id not in order.fills:
            self.learn("fill", self._said(door, fill.instrument, fill=fill))

    def _named(self, door: str, fill: Fill) -> Order | None:
        """The order that a venue means by its own id; while one of ours has none yet, it may be that one."""
        tracker = self.session.trackers[door]
        for order in tracker.orders.values():
            names = (order.venue_id, *order.other_ids)
            if order.intent.instrument == fill.instrument and fill.venue_id in names:
                return order
        nameless = (one for one in tracker.unsettled() if not one.venue_id)
        return next((one for one in nameless if one.intent.instrument == fill.instrument), None)

    def _hear_stranger(self, door: str, message: Report | Fill) -> None:
        """Not ours: written down under that label, once, and left alone."""
        key = (door, message.instrument, message.venue_id, getattr(message, "trade_id", ""))
        if key not in self.strangers:
            self.strangers.add(key)
            name = "fill" if isinstance(message, Fill) else "report"
            self.journal.append("external", self._said(door, message.instrument, **{name: message}),
                                time_ms=self.clock.now_ms())  # fmt: skip
            self.journal.commit()

    async def _send(self, door: str, intent: Intent) -> None:
        """Send an order once, and write down what came of it."""
        connector, names = self.connectors[door], {"client_id": intent.client_id}
        answer: dict[str, Any]
        self._sending.add((door, intent.client_id))
        try:
            crash.point("J3")
            answer = {"report": await connector.create(intent)}
        except Silent as error:
            answer = {"unanswered": True, "reason": str(error)}
        except Busy as error:
            answer = {"refused": True, "reason": str(error), "busy": True}
        except (Rejected, ConfigError) as error:
            answer = {"refused": True, "reason": str(error)}
        finally:
            self._sending.discard((door, intent.client_id))
        await self._get_out_of_hand()
        if "reason" in answer:
            self.tell("not sent" if answer.get("busy") else "refused", client_id=intent.client_id, why=answer["reason"])
        self.learn("answered", self._said(door, intent.instrument, **names, **answer))

    async def _withdraw(self, one: Withdraw) -> None:
        """Ask for a cancellation; what it is worth is seen by asking for the order."""
        crash.point("J12")
        acknowledged = await self._cancel(one)
        await self._get_out_of_hand()
        crash.point("J14")
        names = {"client_id": one.client_id, "acknowledged": acknowledged}
        self.learn("cancelled", self._said(one.door, one.instrument, **names))
        crash.point("J14")

    async def _cancel(self, one: Withdraw) -> bool:
        """Was it acknowledged? A conditional order that has fired may rest among the plain ones, and is one of them."""
        order = self.session.trackers[one.door].orders.get(one.client_id)
        fired = order.other_ids[-1] if order is not None and order.other_ids else one.venue_id
        ways = [(True, one.venue_id), (False, fired)] if one.conditional else [(False, one.venue_id)]
        for conditional, venue_id in ways:
            try:
                await self.connectors[one.door].cancel(
                    one.instrument, client_id=one.client_id, venue_id=venue_id, conditional=conditional
                )
                return True
            except (VenueError, ConfigError) as error:
                self.tell("cancel", client_id=one.client_id, why=str(error))
                if not isinstance(error, Rejected):
                    break
        return False

    # --- questions ---------------------------------------------------------------------------------------------------

    def ask_what_is_due(self) -> None:
        """Ask venues for what the trackers want to know now; each question once at a time."""
        now = self.clock.now_ms()
        for door, tracker in self.session.trackers.items():
            for client_id, wish in tracker.questions(now, self._asking[door]):
                self.spawn(self.ask(door, client_id, wish))

    async def ask(self, door: str, client_id: str, wish: Wish) -> None:
        """Ask for an order, or for its fills."""
        order = self.session.trackers[door].orders.get(client_id)
        if order is None:
            return
        self._asking[door].add(client_id)
        try:
            await (self._ask_order(door, order) if wish == Wish.ORDER else self._ask_fills(door, order))
        except VenueError as error:
            self.tell("question", client_id=client_id, why=str(error))
        finally:
            self._asking[door].discard(client_id)

    async def _ask_order(self, door: str, order: Order) -> None:
        asked, intent = self.clock.now_ms(), order.intent
        conditional = intent.trigger is not None
        try:
            reports = await self.connectors[door].order(
                intent.instrument, intent.client_id, venue_id=order.venue_id, conditional=conditional
            )
        except NotThere:
            names = {"client_id": intent.client_id, "asked_ms": asked, "proven": not order.accepted}
            old = asked - order.sent_ms >= self.session.trackers[door].proof_ms
            if not order.accepted and old and (door, intent.client_id) not in self._sending:  # it may wait here still
                self.learn("missing", self._said(door, intent.instrument, **names))
            elif order.accepted:
                await self._ask_fills(door, order)
            return
        for report in reports:
            self.hear_report(door, report, asked_ms=asked)
        if order.missing:
            await self._ask_fills(door, order)

    async def _ask_fills(self, door: str, order: Order) -> None:
        for fill in await self.connectors[door].fills(order.intent.instrument, order.sent_ms - OVERLAP_MS):
            self.hear_fill(door, fill)

    # --- tasks -------------------------------------------------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something be done beside all else."""
        self._keep(asyncio.ensure_future(work))

    def send_off(self, request: Coroutine[Any, Any, None]) -> None:
        """Let a request leave now; what comes of it is dealt with beside all else."""
        self._leaving = True
        try:
            self._keep(start_now(request))
        finally:
            self._leaving = False

    async def _get_out_of_hand(self) -> None:
        """An answer that needed no waiting is heard after those who asked have finished."""
        if self._leaving:
            await asyncio.sleep(0)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._chores.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._chores.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.broken = task.exception()
            self.on_broken()

    async def settle_chores(self, seconds: float) -> None:
        """Wait for what is under way, not for ever."""
        if self._chores:
            await asyncio.wait(set(self._chores), timeout=seconds)

    async def close(self) -> None:
        """End what is under way."""
        with contextlib.suppress(NotWritten):
            self.catch_up()
        for task in list(self._chores):
            task.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
