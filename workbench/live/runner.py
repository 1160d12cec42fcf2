"""The runner: one process, one event loop, one run. `python -m workbench.live.runner FOLDER`; starting is recovering.

Keys come as one line of JSON on the standard input, {"keys": {"venue:account": {"key": …, "secret": …}}}, when the plan
needs them; they are in no argument, environment or file. It ends with 0 after a stop, 2 when it refuses to start (the
reason is the last line of its log), 1 when it broke.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from workbench import __version__
from workbench.connectors import (
    Balances,
    Bar,
    Behind,
    Changed,
    Clock,
    Fault,
    Freshness,
    Positions,
    Stream,
    SystemClock,
    Trade,
    pace,
)
from workbench.errors import BrokenInvariant, Busy, ConfigError, Silent, VenueError, WorkbenchError
from workbench.journal import Journal, NotWritten
from workbench.live import crash
from workbench.live.admission import ensure_token
from workbench.live.canary import Step
from workbench.live.control import Control
from workbench.live.disk import Disk
from workbench.live.folder import BEATS_PER_S, Heartbeat, RunFolder
from workbench.live.garbage import Garbage
from workbench.live.keys import clock_of
from workbench.live.logs import Outlet, open_logs
from workbench.live.looking import about, bar_end, look_at
from workbench.live.plan import Plan
from workbench.live.process import harden
from workbench.live.recovery import Recovery, fold, insistently, patiently
from workbench.live.shadow import Shadow
from workbench.live.status import status_of
from workbench.live.together import Together
from workbench.live.venues import connectors
from workbench.live.warm import warm_up
from workbench.live.words import plain
from workbench.live.work import Work
from workbench.log import get, redacted
from workbench.trading import Fill, Report

STOPPED, BROKE, REFUSED = 0, 1, 2
LOOK_S, STOP_S = 0.05, 30.0
DEAD_MAN_S, ARM_EVERY_S, ARM_AGAIN_S = 60, 15.0, 2.0
DISK_S = 5.0
CLOSE_S = 5.0
SHADOW_S = 1.0
LOG = get("live")
BEFORE: dict[str, Any] = {
    "state": "starting", "is_ready": False, "number": 0, "row": 0, "orders": [], "executors": [], "refusals": 0,
    "warnings": [],
}  # fmt: skip


class Runner:
    """All that a run's process holds, and the commands of `Commands`.

    Parameters
    ----------
    keys : mapping
        Of each account, by "venue:account".
    clock : Clock
        Time and waiting, real or virtual.
    made : dict, optional
        Connectors by door, where the caller brings them.
    """

    def __init__(
        self, plan: Plan, folder: RunFolder, clock: Clock, keys: Mapping[str, Any] | None = None,
        log: TextIO | Outlet | None = None, made: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.plan, self.folder, self.clock = plan, folder, clock
        self.log = log or Outlet(folder.logs / "runner.log")
        self.code, self.left = STOPPED, list[str]()
        self.made = made
        self.keys = keys or {}
        self.work: Work
        self._ended, self._written = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[Any]] = []
        self._stopping: asyncio.Task[dict[str, Any]] | None = None
        self._armed: dict[tuple[str, str], float] = {}
        self._was_fresh: dict[str, bool] = {}
        self._lag_s = 0.0
        self.shadow: Shadow | None = None
        self._garbage = Garbage()
        self._is_watched = False
        self._together, self._told_ms = Together(folder.path.parent.parent, plan), 0
        self.disk, self.waiting = Disk(folder.path), ""
        self._disk_s = self._armed_s = 0.0
        self._disk_said = ""

    # --- life --------------------------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Recover, trade until stopped, and leave; the exit code."""
        self._heart = Heartbeat(self.folder.heartbeat)
        beating = asyncio.ensure_future(self._beat())
        control = Control(self, self.folder.socket, ensure_token(self.folder.token), facts={"run": self.plan.run})
        await control.start()
        try:
            await self._live()
        except (BrokenInvariant, Busy, Silent, NotWritten) as error:  # no reason never to try again
            self.code = BROKE
            self.tell("broken", why=str(error))
        finally:
            await self._close()
            await control.close()
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
        return self.code

    async def _live(self) -> None:
        """Start, unless it is told to go before that is done; and stay until told to go."""
        starting, ending = asyncio.ensure_future(self._start()), asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await ending
        finally:
            for task in (starting, ending):
                task.cancel()
            await asyncio.gather(starting, ending, return_exceptions=True)

    def _waits(self, why: str) -> None:
        """A venue does not answer while we start, or come back to it: it is asked until it does."""
        if why != self.waiting:
            self.waiting = why
            self.tell("waits", why=why)

    async def _start(self) -> None:
        bot = self.plan.bot.load(self.folder.path)
        journal = Journal.open(self.plan.journal or self.folder.journal_url, run=self.plan.run)
        self.journal = journal
        shared = self.folder.path.parent.parent / "budgets"
        made = self.made or connectors(self.plan, self.keys, folder=self.folder.path, shared=shared, clock=self.clock)
        self.keys = {}
        started = asyncio.gather(*(insistently(one.start, self._waits) for one in made.values()))
        session = await asyncio.to_thread(fold, journal, self.plan, bot)
        await asyncio.to_thread(warm_up, self.plan, bot)
        self.work = Work(session, journal, made, self.clock, self.tell)
        self.work.on_written, self.work.on_broken = self._written.set, self._broke
        self.work.make_room = self.disk.give_up_reserve
        self.disk.keep_reserve()
        if not session.number:
            self.work.happen("planned", self.plan.model_dump(mode="json"))
        facts = {"pid": os.getpid(), "version": __version__, "seed": self.plan.seed, "pace": pace(self.clock)}
        self.work.happen("started", facts)
        self.tell("started", run=self.plan.run, **facts, entries=session.number)
        self.work.drop_prepared("the run ended before its bar did")
        await started
        await self._connect()

    async def _connect(self) -> None:
        """Rules and rights, our own stream, then what the venues know; the bot comes last."""
        recovery, work = Recovery(self.work), self.work
        recovery.note_rules()
        for door in work.connectors:
            await insistently(lambda one=door: recovery.check_account(one), self._waits)  # type: ignore[misc]
        for door, connector in work.connectors.items():
            self._tasks.append(asyncio.ensure_future(self._pump(door, connector)))
            await connector.follow(Stream.USER)
        await self._follow_markets()
        await insistently(recovery.read_bars, self._waits)
        for door in work.connectors:
            await insistently(lambda one=door: recovery.reconcile(one), self._waits)  # type: ignore[misc]
        self.waiting = ""
        await self._arm()
        work.happen("ready", {})
        self._heart.is_ready = True
        self._heart.beat(SystemClock().now_ms())
        self._tasks.append(asyncio.ensure_future(self._look()))
        if self.plan.shadow or self.plan.canary is not None:
            url = self.plan.journal or self.folder.journal_url
            self.shadow = Shadow(self.plan, self.plan.bot.load(self.folder.path), url)
            self._tasks.append(asyncio.ensure_future(self._follow_twin(self.shadow)))
        self._garbage.begin()
        work.keep_snapshot()
        self.tell("ready", equity=work.session.equity(), state=work.session.state)
        if work.session.state in ("stopping", "killed"):  # it died while it stopped
            self._stopping = asyncio.ensure_future(self._stop(hold=work.session.hold, who="recovery"))

    async def _follow_markets(self) -> None:
        for place in self.plan.markets:
            connector = self.work.connectors[place.door]
            await connector.follow(Stream.TRADES, place.instrument)
            await connector.follow(Stream.CANDLES, place.instrument, self.plan.timeframe)

    async def _close(self) -> None:
        self._garbage.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not hasattr(self, "work"):
            return
        await self.work.close()
        for connector in self.work.connectors.values():
            with contextlib.suppress(Exception):
                async with asyncio.timeout(CLOSE_S):
                    await connector.close()
        with contextlib.suppress(WorkbenchError):
            self.work.happen("stopped", {"why": self._why(), "left": self.left, "code": self.code})
        self.tell("stopped", run=self.plan.run, why=self._why(), left=self.left, code=self.code)
        self.journal.close()

    def _why(self) -> str:
        broken = self.work.broken
        return f"{type(broken).__name__}: {broken}" if broken else self.work.session.state

    def _broke(self) -> None:
        self.code = BROKE
        self.tell("broken", why=self._why())
        self._ended.set()

    def end(self) -> None:
        """Leave as after a signal: nothing is cancelled, and a new start goes on."""
        self._ended.set()

    def tell(self, event: str, **facts: Any) -> None:
        """A line of the log."""
        line = redacted({"time_ms": self.clock.now_ms(), "event": event, **facts})
        self.log.write(json.dumps(line, default=str) + "\n")
        self.log.flush()
        if event == "warning":
            LOG.warning(str(facts.get("text", "")))

    # --- the loop ----------------------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        try:
            while True:
                self._heart.beat(SystemClock().now_ms())
                before = asyncio.get_running_loop().time()
                await asyncio.sleep(1.0 / BEATS_PER_S)
                late = asyncio.get_running_loop().time() - before - 1.0 / BEATS_PER_S
                self._lag_s = max(late, self._lag_s * 0.99)
        finally:
            self._heart.close()

    async def _look(self) -> None:
        """What time brings: deadlines, questions, the dead-man's switch, the kill switch."""
        self._armed_s = self.clock.steady_s()
        while True:
            await self.clock.sleep(LOOK_S)
            self._garbage.look()
            try:
                self.work.look_at_time()
                self.work.ask_what_is_due()
                self.work.catch_up()
                self._earn_together()
                self.work.keep_snapshot()
                self._look_at_disk()
                if self.clock.steady_s() - self._armed_s > ARM_EVERY_S:
                    self._armed_s = self.clock.steady_s()
                    self.work.spawn(self._arm())
                if self.work.fallen and self._stopping is None:
                    reason, self.work.fallen = self.work.fallen, ""
                    self.work.warn(reason)
                    self._stopping = asyncio.ensure_future(self.kill(flatten=self.work.session.gate.limits.flatten))
            except Exception as error:
                self.work.broken = error
                self._broke()
                return

    async def _follow_twin(self, shadow: Shadow) -> None:
        """The shadow twin reads what was written, beside the loop; it warns, and a canary is judged by it."""
        is_staged = self.plan.canary is not None
        while True:
            await self.clock.sleep(SHADOW_S)
            try:
                for said in await asyncio.to_thread(shadow.look):
                    self.work.warn(said)
                is_staged = is_staged and shadow.staging() and not self._stage(shadow)
            except WorkbenchError as error:
                self.work.warn(f"SHADOW: it cannot follow: {error}")
                return

    def _stage(self, shadow: Shadow) -> bool:
        """What follows for a canary: wait (False), the rest of its money, or back and flat."""
        step, why = shadow.judge(self.clock.now_ms())
        if step == Step.WAIT or self.work.session.state != "running":
            return False
        if step == Step.GROW:
            self.work.happen("funded", {"amount": self.plan.cash - self.plan.first_cash, "why": why})
            self.work.warn(f"CANARY: {why}. It has all of its {self.plan.cash:,.2f} now.")
        elif self._stopping is None:
            self.work.warn(f"CANARY: rolled back and flattened: {why}.")
            self.work.fallen = self.work.fallen or f"the canary was rolled back: {why}"
            self._stopping = asyncio.ensure_future(self.kill(flatten=True, who="canary"))
        return True

    def _earn_together(self) -> None:
        """Once a bar: tell the other runs what this one earned, and hear of theirs if there is a limit on the sum."""
        session = self.work.session
        if session.closed_ms == self._told_ms:
            return
        self._told_ms = session.closed_ms
        self.work.spawn(self._tell_earned(session.earned))
        if session.gate.limits.max_total_drawdown is None:
            return
        found = self._together.others()
        if found != {run: now for run, (_, now) in session.others.items()}:
            self.work.happen("others", {"earned": found})

    async def _tell_earned(self, earned: float) -> None:
        """Replacing a file may wait for the disk, and orders of the same bar are on their way."""
        with contextlib.suppress(OSError):  # a full disk: the next bar tells it again
            await asyncio.to_thread(self._together.tell, earned)

    async def _pump(self, door: str, connector: Any) -> None:
        """What a venue says, one event after the other."""
        while True:
            event = await connector.next_event()
            try:
                self._take(door, event)
            except Exception as error:
                self.work.broken = error
                self._broke()
                return

    def _take(self, door: str, event: Any) -> None:
        work = self.work
        if isinstance(event, Trade):
            work.hear_price(door, event.instrument, event.price, event.time_ms)
        elif isinstance(event, Bar):
            work.hear_bar(door, event)
        elif isinstance(event, Fill):
            work.hear_fill(door, event)
        elif isinstance(event, Report):
            work.hear_report(door, event)
        else:
            self._take_rare(door, event)

    def _take_rare(self, door: str, event: Any) -> None:
        work, (venue, account, _) = self.work, door.split(":", 2)
        whose = {"door": door, "venue": venue, "account": account}
        if isinstance(event, Balances):
            told = {"balances": list(event.balances.values()), "is_all": event.is_all, "time_ms": event.time_ms}
            work.learn("balances", {**whose, **told})
        elif isinstance(event, Positions):
            work.learn("positions", {**whose, "positions": list(event.positions)})
        elif isinstance(event, Freshness):
            self._freshness(door, event)
        elif isinstance(event, Changed):
            Recovery(work).note_rules()
        elif isinstance(event, Fault):
            work.warn(f"{door}: {event.error}")
        elif isinstance(event, Behind):
            shed = f", and {event.shed:,} market events were shed" if event.shed else ""
            work.warn(f"{door}: what comes is {event.lag_ms:,} ms late{shed}")

    def _freshness(self, door: str, event: Freshness) -> None:
        """A stream of ours that came back is not believed: the venue is asked, as at a start."""
        if not event.is_fresh:
            self.tell("stale", door=door, stream=event.stream.name, instrument=event.instrument, why=event.reason)
        if event.stream != Stream.USER:
            return
        was, self._was_fresh[door] = self._was_fresh.get(door), event.is_fresh
        if event.is_fresh and was is False:
            self.work.spawn(self._again(door))

    async def _again(self, door: str) -> None:
        recovery = Recovery(self.work)
        await insistently(recovery.read_bars, self._waits)
        await insistently(lambda: recovery.reconcile(door), self._waits)
        self.waiting = ""
        self.tell("reconciled", door=door)

    async def _arm(self) -> None:
        """Have venues cancel our orders if they do not hear from us for a minute; said once where they cannot."""
        for place in self.plan.markets:
            key = (place.door, place.instrument)
            if self._armed.get(key) == 0.0:
                continue
            try:
                has = await patiently(lambda one=place: self.work.connectors[one.door].arm(one.instrument, DEAD_MAN_S))  # type: ignore[misc]
            except VenueError as error:
                self._not_armed(place.instrument, error)
                continue
            crash.point("J20")
            if key not in self._armed:
                self.tell("dead man's switch", door=place.door, instrument=place.instrument, armed=has)
            self._armed[key] = 1.0 if has else 0.0

    def _not_armed(self, instrument: str, error: VenueError) -> None:
        """No reason to end: it is tried again soon, and the trader knows."""
        self._armed_s = self.clock.steady_s() - ARM_EVERY_S + ARM_AGAIN_S
        self.work.warn(f"{instrument}: the dead-man's switch could not be set, and is tried again: {error}")

    def _look_at_disk(self) -> None:
        """Warn while room gets short, and open nothing more when there is none."""
        now_s = self.clock.steady_s()
        if now_s - self._disk_s < DISK_S:
            return
        self._disk_s = now_s
        said, stops = self.disk.complaint()
        if not said and not self.disk.keep_reserve():
            said, stops = "the disk was full, and what was kept for that is used up: it opens nothing. Make room.", True
        if said and said[:4] != self._disk_said[:4]:
            self.work.warn(said)
        self._disk_said = said
        if stops and self.work.session.state == "running":
            self.work.happen("paused", {"who": "disk"})

    async def _disarm(self) -> None:
        for door, instrument in [key for key, armed in self._armed.items() if armed]:
            with contextlib.suppress(WorkbenchError):
                await self.work.connectors[door].arm(instrument, 0)

    # --- commands ----------------------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """What the run is and does. Never waits."""
        found = dict(status_of(self.work) if hasattr(self, "work") else BEFORE)
        if self.waiting:
            found["reason"] = f"waits: {self.waiting}"
        return {
            "name": self.plan.name, "run": self.plan.run, "mode": self.plan.mode.value, "pid": os.getpid(), **found,
            "lag_ms": round(self._lag_s * 1e3, 3), "tasks": len(asyncio.all_tasks()), "left": self.left,
            "shadow": self.shadow.facts() if self.shadow is not None else None,
            "dead_man": {f"{door} {name}": bool(armed) for (door, name), armed in self._armed.items()},
        }  # fmt: skip

    def look(self) -> dict[str, Any]:
        """The status with the book, money at the price heard last, and what may be changed; for panels."""
        if not hasattr(self, "work") or not self.work.session.rules:
            return self.status()
        if not self._is_watched:
            self._is_watched = True
            self.work.spawn(self._follow_books())
        return {**self.status(), **look_at(self.work)}

    async def _follow_books(self) -> None:
        """Books are followed once somebody looks on; the run itself does without."""
        for place in self.plan.markets:
            with contextlib.suppress(WorkbenchError):
                await self.work.connectors[place.door].follow(Stream.BOOK, place.instrument)

    def events(self, after: int = 0, limit: int = 200) -> list[dict[str, Any]]:
        """Entries of the journal after a number, oldest first."""
        from itertools import islice

        found = islice(self.journal.entries(after=after), limit)
        return [
            {"number": one.number, "time_ms": one.time_ms, "kind": one.kind, "body": plain(one.body)} for one in found
        ]

    async def follow(self, after: int = 0) -> AsyncIterator[dict[str, Any]]:
        """Entries after a number, and each that comes."""
        while True:
            self._written.clear()
            for entry in self.events(after):
                after = entry["number"]
                yield entry
            await self._written.wait()

    async def pause(self, *, who: str = "") -> dict[str, Any]:
        """Open nothing more; exits and protection go on."""
        self._ask_for("running", "paused")
        self.work.happen("paused", {"who": who})
        return {"state": self.work.session.state}

    async def resume(self, *, who: str = "") -> dict[str, Any]:
        """Open again."""
        self._ask_for("paused", "running")
        self.work.happen("resumed", {"who": who})
        return {"state": self.work.session.state}

    async def update(self, parameters: Mapping[str, Any], *, who: str = "") -> dict[str, Any]:
        """Change parameters of the bot that may change while it trades."""
        self._ask_for("running", "paused")
        self._check_hot(parameters)
        self.work.happen("updated", {"parameters": dict(parameters), "who": who})
        return {"parameters": plain(self.work.session.rows.bot.parameters)}

    async def prepare(self, parameters: Mapping[str, Any], *, who: str = "") -> dict[str, Any]:
        """Lay new parameters ready: nothing changes until they are committed, and then at a bar's end."""
        self._ask_for("running", "paused")
        self._check_hot(parameters)
        self.work.drop_prepared("another set took its place")
        old = plain(self.work.session.rows.bot.parameters)
        before = {name: old[name] for name in parameters}
        self.work.happen("prepared", {"parameters": dict(parameters), "before": before, "who": who})
        return {"prepared": about(self.work)["prepared"], "bar_ends_ms": bar_end(self.work)}

    async def commit(self, ticket: int, *, who: str = "") -> dict[str, Any]:
        """Let the set of this ticket take over when the bar ends that is open now."""
        self._ask_for("running", "paused")
        prepared = self.work.session.prepared
        if prepared is None or prepared["ticket"] != ticket:
            raise ConfigError(f"{self.plan.name}: nothing lies ready under {ticket}, so the parameters before it stay. "
                              "Prepare them anew.")  # fmt: skip
        ends_ms = bar_end(self.work)
        self.work.arm(ticket, ends_ms)
        return {"prepared": about(self.work)["prepared"], "bar_ends_ms": ends_ms}

    async def discard(self, ticket: int, *, who: str = "") -> dict[str, Any]:
        """Take the set of this ticket away again; the parameters before it stay."""
        self._ask_for("running", "paused")
        prepared = self.work.session.prepared
        if prepared is not None and prepared["ticket"] == ticket:
            self.work.drop_prepared(f"{who or 'somebody'} took it back")
        return {"parameters": plain(self.work.session.rows.bot.parameters)}

    def _check_hot(self, parameters: Mapping[str, Any]) -> None:
        """May all of these change while the run trades, and does the bot take them?"""
        bot = self.work.session.rows.bot
        for name in parameters:
            field = type(bot).model_fields.get(name)
            extra = field.json_schema_extra if field is not None else None
            if field is None or not (isinstance(extra, dict) and extra.get("hot")):
                raise ConfigError(f"{bot.name}: `{name}` cannot change while the run trades. Stop it, start another.")
        bot.vary(**parameters)

    async def stop(self, *, hold: bool = True, who: str = "") -> dict[str, Any]:
        """Nothing new, cancel, wait for proof, close what is held unless `hold`; says what is left, within 30 s."""
        self._ask_for("running", "paused", "stopping")
        if self._stopping is None:
            self._stopping = asyncio.ensure_future(self._stop(hold=hold, who=who))
        return await asyncio.shield(self._stopping)

    async def _stop(self, *, hold: bool, who: str) -> dict[str, Any]:
        deadline = self.clock.steady_s() + STOP_S
        self.work.happen("stopping", {"hold": hold, "who": who})
        await self._until_idle(deadline)
        if not hold and any(self.work.session.positions().values()):
            self.work.happen("stopping", {"hold": hold, "who": who, "flatten": True})
            await self._until_idle(deadline)
        return await self._leave()

    async def kill(self, *, flatten: bool = False, who: str = "") -> dict[str, Any]:
        """Cancel everything of the run's instruments now, prove it, and end; `flatten` sells what is left."""
        if not hasattr(self, "work"):
            self._ended.set()
            return {"state": "killed", "left": []}
        deadline = self.clock.steady_s() + STOP_S
        self.work.happen("killed", {"who": who, "flatten": flatten, "reason": self.work.fallen})
        for place in self.plan.markets:
            with contextlib.suppress(WorkbenchError):
                await self.work.connectors[place.door].cancel_all(place.instrument)
                crash.point("J18")
        await self._until_idle(deadline)
        if flatten and any(self.work.session.positions().values()):
            self.work.happen("stopping", {"hold": False, "who": who, "flatten": True})
            await self._until_idle(deadline)
        return await self._leave()

    async def _until_idle(self, deadline_s: float) -> None:
        while not self.work.session.is_idle and self.clock.steady_s() < deadline_s:
            await self.clock.sleep(LOOK_S)

    async def _leave(self) -> dict[str, Any]:
        """Say honestly what is left, and end."""
        self.left = await self._what_is_left()
        await self._disarm()
        self._ended.set()
        return {"state": self.work.session.state, "left": self.left}

    async def _what_is_left(self) -> list[str]:
        left = [
            f"order {order.intent.client_id} of {order.intent.instrument}: {order.life.name.lower()}"
            for tracker in self.work.session.trackers.values() for order in tracker.unsettled()
        ]  # fmt: skip
        for m, amount in self.work.session.positions().items():
            if amount:
                left.append(f"{amount:g} {self.session_name(m)}")
        for place in self.plan.markets:
            try:
                async with asyncio.timeout(CLOSE_S):
                    there = await self.work.connectors[place.door].open_orders(place.instrument)
            except (WorkbenchError, TimeoutError) as error:
                left.append(f"{place.instrument}: {place.venue} does not say what is open ({error})")
                continue
            left += [f"open at {place.venue}: {one.client_id or one.venue_id}" for one in there]
        return left

    def session_name(self, m: int) -> str:
        """The instrument of a market."""
        return self.plan.markets[m].instrument

    def _ask_for(self, *states: str) -> None:
        state = self.work.session.state if hasattr(self, "work") else "starting"
        if state not in states:
            raise ConfigError(f"{self.plan.name} is {state}, so that cannot be done. Look at its status first.")


def read_keys(plan: Plan, source: TextIO) -> Mapping[str, Any]:
    """The keys that the plan needs, from one line."""
    return json.loads(source.readline() or "{}").get("keys", {}) if plan.needs_keys else {}


def main(arguments: list[str] | None = None) -> int:
    """Run what lies in a folder; the exit code."""
    given = arguments if arguments is not None else sys.argv[1:]
    harden()
    folder = RunFolder(Path(given[0]))
    if len(given) > 2 and given[1] == "--crash":
        crash.arm(given[2])
    try:
        plan = Plan.read(folder.path)
        keys = read_keys(plan, sys.stdin)
        open_logs(folder, "runner", keys)
        with folder.locked():
            return asyncio.run(_run(plan, folder, keys))
    except WorkbenchError as error:
        sys.stderr.write(json.dumps({"event": "refused", "reason": str(error)}) + "\n")
        return REFUSED


async def _run(plan: Plan, folder: RunFolder, keys: Mapping[str, Any]) -> int:
    runner = Runner(plan, folder, clock_of(plan, folder), keys)
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, runner.end)
    return await runner.run()


if __name__ == "__main__":
    sys.exit(main())
