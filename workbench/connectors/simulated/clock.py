"""The venue's clock: the wall's, a replay's that may run faster, or one that a test moves by hand."""

from __future__ import annotations

import time

from workbench.errors import ConfigError


class Clock:
    """Tells the venue what time it is.

    Parameters
    ----------
    start_ms : int, optional
        Where the market's time begins; left out: it is the wall's.
    speed : float
        Market time per wall time; only with a `start_ms`.
    manual : bool
        The time stands still until `advance` is called.
    """

    def __init__(self, start_ms: int | None = None, *, speed: float = 1.0, manual: bool = False) -> None:
        if not speed > 0:
            raise ConfigError(f"A clock cannot run at speed {speed}. Give a number above 0, such as 60.")
        if manual and start_ms is None:
            raise ConfigError("A clock that is moved by hand needs a `start_ms` to begin at.")
        self.start_ms, self.speed, self.manual = start_ms, speed, manual
        self.skew_ms = 0  # a fault: the venue's answers about time are off by so much
        self._now = start_ms or 0
        self._began = time.monotonic()

    @property
    def is_wall(self) -> bool:
        """Is the market's time the wall's?"""
        return self.start_ms is None

    def begin(self) -> None:
        """Let a replay's time start now."""
        self._began = time.monotonic()

    def now_ms(self) -> int:
        """The market's time."""
        if self.manual:
            return self._now
        if self.start_ms is None:
            return wall_ms()
        return self.start_ms + int((time.monotonic() - self._began) * 1000 * self.speed)

    def pace_ms(self) -> int:
        """Time for what has a rhythm of its own: limits, batches, pings. The wall's, unless a hand moves it."""
        return self._now if self.manual else wall_ms()

    def server_ms(self) -> int:
        """The time that the venue tells, faults included."""
        return self.now_ms() + self.skew_ms

    def seconds_until(self, market_ms: int) -> float:
        """Wall seconds until the market's time is there; 0 if it is."""
        return max(0.0, (market_ms - self.now_ms()) / 1000 / (1.0 if self.is_wall else self.speed))

    def advance(self, milliseconds: int) -> int:
        """Move a manual clock on; the new time."""
        if not self.manual:
            raise ConfigError(
                "This clock runs by itself. Make the venue with clock=Clock(start_ms, manual=True) to move it."
            )
        self._now += milliseconds
        return self._now


def wall_ms() -> int:
    """Milliseconds since 1970, from the machine's clock."""
    return int(time.time() * 1000)
