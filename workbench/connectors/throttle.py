"""One budget of requests for all of our processes: venues count by address and by account, not by program.

The budget lies in a small file under a lock. Cancellations and exits may use all of it, other requests leave a part.
A venue that says "wait" is obeyed by every process; going on asking is what turns a refusal into a ban.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import os
import struct
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from workbench.connectors.clock import Clock
from workbench.connectors.errors import Throttled

MOST_BURSTS, LONGEST_BAN_MS = 100.0, 7 * 86_400_000
RECORD = struct.Struct("<dddd")  # level, steady seconds of it, wall ms until all are stopped, until others are
LOCK_TRIES, LOCK_PAUSE_S = 200, 0.001
HEAD_START_S = 10.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much may be spent: `rate` a second on average, at most `burst` at once, `reserve` of it for the urgent."""

    rate: float
    burst: float
    reserve: float = 0.2


class Budget:
    """One allowance, shared by every process that names the same file.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    patience_s : float
        A request that would have to wait longer is refused instead.
    """

    def __init__(self, path: Path, allowance: Allowance, clock: Clock, *, patience_s: float = 60.0) -> None:
        self.path, self.allowance, self.clock, self.patience_s = path, allowance, clock, patience_s
        self._is_taken = False  # it is somebody's turn
        self._line: list[tuple[float, int, asyncio.Future[None]]] = []  # since when, and who waits for it
        self._numbers = itertools.count()
        path.parent.mkdir(parents=True, exist_ok=True)

    async def take(self, cost: float, *, urgent: bool = False, soon: bool = False) -> float:
        """Spend `cost`, waiting for it where needed; returns the seconds waited.

        Requests of a process that are not urgent go in the order in which they came: small ones without end would keep
        a large one out for ever. One that should go `soon` counts as having come ten seconds earlier.

        Raises
        ------
        Throttled
            If the wait would be longer than our patience; nothing was spent then.
        """
        if urgent:
            return await self._wait(cost, 0.0, urgent=True)
        waited = await self._get_in_line(soon)
        try:
            return await self._wait(cost, waited, urgent=False)
        finally:
            self._hand_over()

    async def _get_in_line(self, soon: bool) -> float:
        if not self._is_taken:
            self._is_taken = True
            return 0.0
        began, turn = self.clock.steady_s(), asyncio.get_running_loop().create_future()
        heapq.heappush(self._line, (began - HEAD_START_S * soon, next(self._numbers), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was our turn just then
                self._hand_over()
            raise
        return self.clock.steady_s() - began

    def _hand_over(self) -> None:
        """The next one's turn, of those who have not gone away."""
        while self._line:
            turn = heapq.heappop(self._line)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._is_taken = False

    async def _wait(self, cost: float, waited: float, *, urgent: bool) -> float:
        while True:
            pause = await self._try(cost, urgent)
            if pause <= 0.0:
                return waited
            if waited + pause > self.patience_s:
                raise Throttled(
                    f"{self.path.stem}: the budget of requests asks for a wait of {waited + pause:.0f} s, longer than "
                    f"{self.patience_s:.0f} s. Ask for less, or later.",
                    wait_s=pause,
                )
            await self.clock.sleep(pause)
            waited += pause

    async def stop(self, seconds: float, *, urgent_too: bool = True) -> None:
        """Let nobody spend for so long: the venue said so (a 429, a ban), or its counter is nearly full."""
        until = self.clock.now_ms() + 1000.0 * seconds
        async with self._opened() as file:
            level, stamp, all_until, others_until = self._read(file)
            if urgent_too:
                all_until = max(all_until, until)
            self._write(file, level, stamp, all_until, max(others_until, until))

    async def _try(self, cost: float, urgent: bool) -> float:
        """Spend if it is there; else how long to wait."""
        async with self._opened() as file:
            level, stamp, all_until, others_until = self._read(file)
            now, wall = self.clock.steady_s(), self.clock.now_ms()
            stopped = ((all_until if urgent else max(all_until, others_until)) - wall) / 1000.0
            if stopped > 0.0:
                return stopped
            allowance = self.allowance
            level = max(0.0, level - max(0.0, now - stamp) * allowance.rate)
            most = allowance.burst * (1.0 if urgent else 1.0 - allowance.reserve)
            if level > 0.0 and level + cost > most:  # what costs more than the whole burst goes when all else is paid
                return max(level + min(cost, most) - most, 1e-3 * allowance.rate) / allowance.rate
            self._write(file, level + cost, now, all_until, others_until)
            return 0.0

    def _read(self, file: int) -> tuple[float, float, float, float]:
        os.lseek(file, 0, os.SEEK_SET)
        content = os.read(file, RECORD.size)
        if len(content) < RECORD.size:
            return 0.0, self.clock.steady_s(), 0.0, 0.0
        level, stamp, all_until, others_until = RECORD.unpack(content)
        if not self._can_be(level, stamp, all_until, others_until):
            return 0.0, self.clock.steady_s(), 0.0, 0.0
        if stamp > self.clock.steady_s():  # written before the machine was started anew: paid long ago
            level, stamp = 0.0, self.clock.steady_s()
        return level, stamp, all_until, others_until

    def _can_be(self, level: float, stamp: float, *stops: float) -> bool:
        """A file that was damaged must neither open the gate for ever nor shut it for longer than any ban lasts."""
        sane = isfinite(stamp) and 0.0 <= level <= MOST_BURSTS * self.allowance.burst
        return sane and all(until <= self.clock.now_ms() + LONGEST_BAN_MS for until in stops)

    @staticmethod
    def _write(file: int, level: float, stamp: float, all_until: float, others_until: float) -> None:
        os.lseek(file, 0, os.SEEK_SET)
        os.write(file, RECORD.pack(level, stamp, all_until, others_until))

    def _opened(self) -> _Held:
        return _Held(self.path, self.clock)


class _Held:
    """The file, under its lock. A holder that was stopped in its tracks is not waited for: a cancel must go out."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path, self.clock = path, clock

    async def __aenter__(self) -> int:
        self.file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)  # no buffers: this stands before every order
        for _ in range(LOCK_TRIES):
            if _lock(self.file):
                break
            try:
                await self.clock.sleep(LOCK_PAUSE_S)
            except BaseException:
                os.close(self.file)
                raise
        return self.file

    async def __aexit__(self, *_: object) -> None:
        os.close(self.file)  # and with it goes the lock


if os.name == "nt":
    import msvcrt

    def _lock(file: int) -> bool:
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


@dataclass(slots=True)
class Throttle:
    """The budgets of one account at one venue: requests by address, orders by account."""

    address: Budget
    orders: Budget

    @classmethod
    def at(
        cls,
        folder: Path,
        venue: str,
        account: str,
        clock: Clock,
        *,
        requests: Allowance,
        orders: Allowance,
        patience_s: float = 60.0,
    ) -> Throttle:
        """The budgets kept in `folder`, which all processes of this machine share."""
        made = [
            Budget(folder / f"{venue}.address", requests, clock, patience_s=patience_s),
            Budget(folder / f"{venue}.{_plain(account)}.orders", orders, clock, patience_s=patience_s),
        ]
        return cls(*made)


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name) or "_"
