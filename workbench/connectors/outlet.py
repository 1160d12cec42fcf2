"""Where events wait for whoever reads them: bounded, in order, and honest about what it had to drop."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import count

from workbench.connectors.clock import Clock, pace
from workbench.connectors.protocol import Behind, Depth, Event
from workbench.connectors.values import Quote, Trade

MOST = 50_000
ALARM_MS = 1_000
MARKET_DATA = (Trade, Depth)


class Outlet:
    """A queue of events that never drops a fill, a report or a change of state.

    Quotes are conflated: only the latest of an instrument waits. When more than `most` events wait, the oldest trades
    and depth are shed, and `Behind` says how many; it also comes when events are later than a second of
    ours.
    """

    def __init__(self, clock: Clock, *, most: int = MOST) -> None:
        self.clock, self.most = clock, most
        # A second of the machine, in the market's time.
        self._late_ms = ALARM_MS * pace(clock)
        self.shed = self.lag_ms = 0
        self._waiting: deque[tuple[int, Event]] = deque()
        self._numbers = count()
        self._quotes: dict[str, tuple[int, Event]] = {}
        self._market_data = 0
        self._filled = asyncio.Event()
        self._told_s = -1e9

    def put(self, event: Event) -> None:
        """Add an event; never waits."""
        if type(event) is Quote:
            self._conflate(event)
        else:
            self._waiting.append((next(self._numbers), event))
            if isinstance(event, MARKET_DATA):
                self._market_data += 1
                if len(self._waiting) > self.most:
                    self._drop_oldest()
        self._filled.set()

    async def get(self) -> Event:
        """The oldest event, waiting for one."""
        while not self._waiting and not self._quotes:
            self._filled.clear()
            await self._filled.wait()
        return self._take()

    def get_now(self) -> Event | None:
        """The oldest event, or None if there is none."""
        return self._take() if self._waiting or self._quotes else None

    def __len__(self) -> int:
        return len(self._waiting) + len(self._quotes)

    def _take(self) -> Event:
        quote = next(iter(self._quotes.values()), None)
        if quote is not None and (not self._waiting or quote[0] < self._waiting[0][0]):
            event = quote[1]
            del self._quotes[event.instrument]  # type: ignore[union-attr]
            return event
        event = self._waiting.popleft()[1]
        if isinstance(event, MARKET_DATA):
            self._market_data -= 1
            self._watch_age(event.time_ms)
        return event

    def _conflate(self, event: Quote) -> None:
        number = self._quotes[event.instrument][0] if event.instrument in self._quotes else next(self._numbers)
        self._quotes[event.instrument] = (number, event)

    def _drop_oldest(self) -> None:
        """Shed half of the market data that waits: one look for many, so that a flood costs little."""
        spare = self._market_data // 2
        kept: deque[tuple[int, Event]] = deque()
        for entry in self._waiting:
            if spare and isinstance(entry[1], MARKET_DATA):
                spare -= 1
                self.shed += 1
                self._market_data -= 1
            else:
                kept.append(entry)
        self._waiting = kept
        self._tell(self.lag_ms)

    def _watch_age(self, time_ms: int) -> None:
        if time_ms <= 0:
            return
        self.lag_ms = max(0, self.clock.now_ms() - time_ms)
        if self.lag_ms > self._late_ms and self.clock.steady_s() - self._told_s > 1.0:
            self._tell(self.lag_ms)

    def _tell(self, lag_ms: int) -> None:
        self._told_s = self.clock.steady_s()
        self._waiting.append((next(self._numbers), Behind(self.shed, lag_ms, self.clock.now_ms())))
