"""One client's sockets: what is followed on them, how fresh each of it is, and what ends them.

A generation lives from its connection to its first fault. `Line` keeps one alive: it starts the next when one ends,
goes silent or grows old, waits longer after each failure, and starts the new before it ends the old where that was
planned.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from statistics import median
from typing import Any, Protocol

from workbench.connectors.ccxt.errors import UNREADABLE
from workbench.connectors.clock import Clock
from workbench.connectors.protocol import Stream
from workbench.errors import WorkbenchError

LOOK_S = 0.25
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 30.0
HEALTHY_S = 60.0
MOST_GAPS = 5  # broken books in a minute before the socket is given up
HANDOVER_S = 10.0
CLOSING_S = 2.0
LOGIN_S = 5.0
LONGEST_SILENCE_S = 60.0
FIRST_WORD_S = 0.5
ON_ITS_WAY_S = 0.3  # what REST knows may be on its way to us
QUIET = 0.6  # of the longest silence, before the venue is asked


@dataclass(slots=True)
class Watch:
    """One thing followed on a line: `call` is a `watch_…` of ccxt, asked again as soon as it answers."""

    stream: Stream
    instrument: str
    call: Callable[[Any], Awaitable[Any]]
    take: Callable[[Any], None] | None = None
    silence_s: float | None = None  # None: it may be silent, as our own orders are
    heard_s: float = 0.0
    is_fresh: bool = False
    asking: bool = False
    gaps: deque[float] = field(default_factory=lambda: deque(maxlen=32))

    def hear(self, now_s: float) -> None:
        """A message came."""
        if self.is_fresh:
            self.gaps.append(now_s - self.heard_s)
        self.heard_s = now_s

    def limit_s(self) -> float:
        """How long it may be silent: some seconds, or three usual gaps of a stream that is slow by nature."""
        usual = 3.0 * median(self.gaps) if len(self.gaps) >= 8 else 0.0
        return min(max(self.silence_s or LONGEST_SILENCE_S, usual), LONGEST_SILENCE_S)

    def is_quiet(self, now_s: float) -> bool:
        """Has it been silent for long enough to ask? A quiet market may not even say a first word."""
        enough = QUIET * self.limit_s() if self.is_fresh else FIRST_WORD_S
        return self.silence_s is not None and now_s - self.heard_s > enough

    def is_late(self, now_s: float) -> bool:
        """Has it been silent for too long?"""
        return self.silence_s is not None and now_s - self.heard_s > self.limit_s()


class Owner(Protocol):
    """Who is told what happens on a line."""

    def new_client(self, listener: Any) -> Any:
        """A client for the next generation."""

    async def before(self, client: Any) -> None:
        """Log in, or whatever else comes before the first watch."""

    def takes(self, generation: Generation, message: object) -> bool:
        """Was a message read here, so that ccxt need not?"""

    def raw(self, client: Any, message: object) -> str:
        """A message, after ccxt dealt with it; a reason to renew the line, or nothing."""

    def fresh(self, watch: Watch) -> None:
        """A watch is good again."""

    def stale(self, watch: Watch, reason: str) -> None:
        """A watch must not be relied on."""

    async def confirm(self, watch: Watch) -> bool:
        """Is what we know of a silent watch what the venue says now?"""

    async def caught(self, line: Line) -> None:
        """A new generation stands: fetch what was missed."""

    def unreadable(self, line: Line, fault: BaseException) -> None:
        """A message that cannot be read ended a generation."""


class Generation:
    """A client, a task for each watch, and the reason why it ended."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.client: Any = None
        self.tasks: list[asyncio.Task[None]] = []
        self.born_s = line.clock.steady_s()
        self.heard: set[int] = set()
        self.ended = asyncio.Event()
        self.open = asyncio.Event()
        self.reason = ""
        self.follows = False
        self.breaks: deque[float] = deque(maxlen=MOST_GAPS)

    async def start(self) -> None:
        """Connect, and follow everything."""
        owner = self.line.owner
        self.client = owner.new_client(self)
        await owner.before(self.client)
        self.follows = True
        for watch in self.line.watches:
            self.follow(watch)

    def follow(self, watch: Watch) -> None:
        """Start one watch."""
        watch.heard_s = self.line.clock.steady_s()
        self.tasks.append(asyncio.ensure_future(self._follow(watch)))

    async def _follow(self, watch: Watch) -> None:
        """Ask, enqueue, ask again: anything slower in here would miss what comes in between."""
        import ccxt

        while not self.ended.is_set():
            try:
                answer = await watch.call(self.client)
            except ccxt.ChecksumError as fault:
                if not await self._mend(watch, str(fault)):
                    return
                continue
            except (ccxt.BaseError, *UNREADABLE, OSError, TimeoutError) as fault:
                self.end(f"{type(fault).__name__}: {fault}"[:200])
                return
            self.hear(watch)
            if watch.take is not None:
                watch.take(answer)

    async def _mend(self, watch: Watch, reason: str) -> bool:
        """A book with a hole is thrown away and built anew, on the same socket while that helps."""
        now = self.line.clock.steady_s()
        self.line.owner.stale(watch, f"gap in the book: {reason}"[:200])
        watch.is_fresh = False
        self.heard.discard(id(watch))
        self.breaks.append(now)
        if len(self.breaks) == MOST_GAPS and now - self.breaks[0] < HEALTHY_S:
            self.end("one gap in the book after another")
            return False
        await self.line.clock.sleep(0.02)
        return True

    def hear(self, watch: Watch) -> None:
        """A watch answered."""
        watch.hear(self.line.clock.steady_s())
        self.heard.add(id(watch))

    def end(self, reason: str) -> None:
        """Give this generation up."""
        if not self.ended.is_set():
            self.reason = reason
            self.ended.set()
            self.line.wake.set()

    async def close(self) -> None:
        """Cancel the tasks and close the sockets."""
        self.end(self.reason or "closed")
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if self.client is not None:
            await _closed(self.client)

    # --- what the client tells ---

    def connected(self, url: str) -> None:
        """A socket is open."""
        self.open.set()

    def takes(self, raw: object) -> bool:
        """Was it read here, so that ccxt need not?"""
        return self.line.owner.takes(self, raw)

    def message(self, raw: object) -> None:
        """A message came."""
        reason = self.line.owner.raw(self.client, raw)
        if reason:
            self.line.renew(reason)

    def unreadable(self, url: str, fault: BaseException) -> None:
        """A message could not be read."""
        self.line.owner.unreadable(self.line, fault)
        self.end(f"unreadable message: {fault}"[:200])


class Line:
    """Keeps one generation alive after another, until it is closed."""

    def __init__(self, name: str, owner: Owner, clock: Clock, chance: Random, *, lifetime_s: float) -> None:
        self.name, self.owner, self.clock, self.chance, self.lifetime_s = name, owner, clock, chance, lifetime_s
        self.watches: list[Watch] = []
        self.now: Generation | None = None
        self.coming: Generation | None = None  # being started
        self.renewals = 0
        self.failures = 0
        self.wake = asyncio.Event()
        self._asked = ""
        self._not_before_s = 0.0
        self._closed = False
        self._task: asyncio.Task[None] | None = None
        self._chores: set[asyncio.Task[None]] = set()

    def add(self, watch: Watch) -> None:
        """Follow one more thing; starts the line with the first."""
        self.watches.append(watch)
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())
        for generation in (self.now, self.coming):
            if generation is not None and generation.follows and not generation.ended.is_set():
                generation.follow(watch)

    def renew(self, reason: str) -> None:
        """Move to new sockets, the new before the old where the old still speak."""
        self._asked = self._asked or reason
        self.wake.set()

    async def close(self) -> None:
        """End it, with a moment for sockets that are being closed."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self.now is not None:
            self._spawn(self.now.close())
        if self._chores:
            _, slow = await asyncio.wait(self._chores, timeout=CLOSING_S)
            for task in slow:
                task.cancel()
            await asyncio.gather(*slow, return_exceptions=True)

    # --- the loop ---

    async def _run(self) -> None:
        while not self._closed:
            await self._look()
            with suppress(asyncio.TimeoutError, TimeoutError):
                await asyncio.wait_for(self.wake.wait(), LOOK_S)
            self.wake.clear()

    async def _look(self) -> None:
        now = self.now
        if now is None:
            await self._restart("")
        elif now.ended.is_set():
            await self._restart(now.reason)
        elif self._wants_new(now) and self.clock.steady_s() >= self._not_before_s:
            await self._hand_over(now, self._asked or "grown old")
        else:
            self._judge(now)

    def _wants_new(self, generation: Generation) -> bool:
        return bool(self._asked) or self.clock.steady_s() - generation.born_s > self.lifetime_s

    def _judge(self, generation: Generation) -> None:
        now_s = self.clock.steady_s()
        for watch in self.watches:
            if watch.is_late(now_s):
                self._give_up(watch, generation, f"silent for {now_s - watch.heard_s:.1f} s")
            elif watch.is_quiet(now_s) and not watch.asking:
                watch.asking = True
                self._spawn(self._ask(watch, generation))
            elif not watch.is_fresh and id(watch) in generation.heard:
                self._fresh(watch)
        if self.failures and now_s - generation.born_s > HEALTHY_S:
            self.failures = 0

    async def _ask(self, watch: Watch, generation: Generation) -> None:
        """A stream that says nothing may have nothing to say: ask over REST before it is given up."""
        heard_s = watch.heard_s
        try:
            if await self.owner.confirm(watch):
                watch.heard_s = self.clock.steady_s()
                generation.heard.add(id(watch))
                return
            await self.clock.sleep(ON_ITS_WAY_S)
            if generation is self.now and watch.heard_s == heard_s:
                self._give_up(watch, generation, "silent, and the venue has moved on")
        except WorkbenchError:
            pass  # no answer is no proof: the silence goes on counting
        finally:
            watch.asking = False

    def _give_up(self, watch: Watch, generation: Generation, reason: str) -> None:
        self._stale(watch, reason)
        watch.gaps.clear()
        generation.end(f"{watch.stream.name.lower()} {reason}")

    def _spawn(self, chore: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    async def _restart(self, reason: str) -> None:
        """The old is dead: wait a little longer each time, and start the next."""
        for watch in self.watches:
            self._stale(watch, reason)
        old, self.now, self._asked = self.now, None, ""
        if old is not None:
            self._spawn(old.close())  # a line that is cut says no good-bye: nobody waits for it
            await self.clock.sleep(self._pause())
        self.now = await self._started()
        if self.now.ended.is_set():
            self.failures += 1
            for watch in self.watches:
                self._stale(watch, self.now.reason)
        else:
            self._trust_silent_ones()

    async def _hand_over(self, old: Generation, reason: str) -> None:
        """Start the next, and end the old when the next has spoken; if it does not, the old stays."""
        self._asked = ""
        new = await self._started()
        deadline = self.clock.steady_s() + HANDOVER_S
        wanted = {id(watch) for watch in self.watches if watch.silence_s is not None}
        while not wanted <= new.heard and not new.ended.is_set() and self.clock.steady_s() < deadline:
            self._judge(old)
            await self.clock.sleep(0.02)
        if new.ended.is_set() and not old.ended.is_set():
            self.failures += 1
            self._asked, self._not_before_s = reason, self.clock.steady_s() + self._pause()
            self._spawn(new.close())
            return
        self.now, old.reason = new, reason
        self._spawn(old.close())
        self._trust_silent_ones()

    def _trust_silent_ones(self) -> None:
        """What may be silent by nature is good once its socket is open and what was missed was asked for."""
        for watch in self.watches:
            if watch.silence_s is None:
                self._fresh(watch)

    async def _started(self) -> Generation:
        import ccxt

        self.coming = generation = Generation(self)
        self.renewals += 1
        try:
            async with asyncio.timeout(LOGIN_S):  # ccxt would wait for the answer to a login for ever
                await generation.start()
            await self._opened(generation)
            await self.owner.caught(self)
        except (ccxt.BaseError, *UNREADABLE, OSError, TimeoutError, WorkbenchError) as fault:
            generation.end(f"{type(fault).__name__}: {fault}"[:200])
        except asyncio.CancelledError:
            await generation.close()
            raise
        finally:
            self.coming = None
        return generation

    async def _opened(self, generation: Generation) -> None:
        ways = [asyncio.ensure_future(generation.open.wait()), asyncio.ensure_future(generation.ended.wait())]
        try:
            await asyncio.wait(ways, timeout=HANDOVER_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
        if not generation.open.is_set():
            generation.end(generation.reason or "no connection")

    def _pause(self) -> float:
        longest = min(FIRST_WAIT_S * 2.0 ** min(self.failures, 10), LONGEST_WAIT_S)
        return longest * (0.5 + 0.5 * self.chance.random())

    def _fresh(self, watch: Watch) -> None:
        if not watch.is_fresh:
            watch.is_fresh = True
            self.owner.fresh(watch)

    def _stale(self, watch: Watch, reason: str) -> None:
        if watch.is_fresh or reason:
            watch.is_fresh = False
            self.owner.stale(watch, reason or "no data yet")


async def _closed(client: Any) -> None:
    """Close a client; what its sockets say on their way out is of no interest."""
    with suppress(Exception):
        await client.close()
