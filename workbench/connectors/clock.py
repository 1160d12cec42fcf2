"""Time as an argument: what a connector knows of it, so that a test can bring its own."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """The time of day, a steady count for durations, and waiting."""

    def now_ms(self) -> int:
        """UTC milliseconds, which may jump when the machine's clock is set."""

    def steady_s(self) -> float:
        """Seconds since some moment, which never jump."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        """UTC milliseconds."""
        return time.time_ns() // 1_000_000

    def steady_s(self) -> float:
        """Seconds since the machine started, or near it."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run for so many seconds."""
        await asyncio.sleep(seconds)


class PacedClock:
    """The time of a market that is replayed: it began at some moment, and runs faster than the machine's.

    Waiting, and steady time, are the machine's own: sockets and answers are no faster for it.

    Parameters
    ----------
    start_ms : int
        The market's time now.
    speed : float
        Market time per time of the machine.
    """

    def __init__(self, start_ms: int, speed: float) -> None:
        self.start_ms, self.speed = start_ms, speed
        self._began = time.monotonic()

    def now_ms(self) -> int:
        """UTC milliseconds of the market."""
        return self.start_ms + int((time.monotonic() - self._began) * 1_000 * self.speed)

    def steady_s(self) -> float:
        """Seconds since the machine started, or near it."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run for so many seconds of the machine."""
        await asyncio.sleep(seconds)


class VenueClock:
    """A venue's time: our clock, and how far the venue's is ahead of it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.ahead_ms = 0

    def now_ms(self) -> int:
        """UTC milliseconds by the venue's clock, as far as it was measured."""
        return self.clock.now_ms() + self.ahead_ms

    def steady_s(self) -> float:
        """Seconds since some moment, which never jump."""
        return self.clock.steady_s()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self.clock.sleep(seconds)


def pace(clock: Clock) -> float:
    """A clock's time per time of the machine."""
    own = clock.clock if isinstance(clock, VenueClock) else clock
    return own.speed if isinstance(own, PacedClock) else 1.0
