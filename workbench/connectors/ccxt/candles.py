"""Closed bars from a stream that tells of open ones: a bar is closed when the next has begun, or REST says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from workbench.connectors.protocol import Gap, Stream
from workbench.connectors.values import Bar
from workbench.market import floor_time, timeframe_ms

GRACE_MS = 1_500  # the venue's own time to close a bar


class ClosedBars:
    """Delivers the closed bars of one instrument and timeframe, each once, in order, without holes it could fill.

    Parameters
    ----------
    fetch : callable
        Closed bars from a time on, over REST.
    put : callable
        Takes each `Bar`, and a `Gap` where the venue has none.
    start_ms : int
        The first bar wanted opens at or after this.
    """

    def __init__(
        self,
        instrument: str,
        timeframe: str,
        *,
        start_ms: int,
        fetch: Callable[[int], Awaitable[list[Bar]]],
        put: Callable[[Bar | Gap], None],
    ) -> None:
        self.instrument, self.timeframe, self.fetch, self.put = instrument, timeframe, fetch, put
        self.length = timeframe_ms(timeframe)
        self.next_ms = floor_time(start_ms, self.length)
        self.whole_from_ms = start_ms  # the stream has been heard without a break since then
        self.wants_rest = False

    def restart(self, now_ms: int) -> None:
        """The stream was interrupted: bars that were open then are taken from REST."""
        self.whole_from_ms = now_ms

    def hear(self, bars: list[Bar]) -> None:
        """The stream's latest bars, the last of them open."""
        if not bars:
            return
        closed = {bar.time_ms: bar for bar in bars[:-1]}
        while self.next_ms < bars[-1].time_ms:
            bar = closed.get(self.next_ms)
            if bar is None or bar.time_ms < self.whole_from_ms:
                self.wants_rest = True
                return
            self._deliver(bar)

    async def look(self, now_ms: int) -> None:
        """Ask REST for bars that should be closed by now and did not come, or came in part."""
        overdue = now_ms >= self.next_ms + self.length + GRACE_MS
        if not (overdue or self.wants_rest):
            return
        bars = await self.fetch(self.next_ms)
        self.wants_rest = False
        for bar in bars:
            if bar.time_ms < self.next_ms or bar.time_ms + self.length > now_ms:
                continue
            if bar.time_ms > self.next_ms:
                self.put(Gap(Stream.CANDLES, self.instrument, self.next_ms, bar.time_ms))
            self._deliver(bar)

    def _deliver(self, bar: Bar) -> None:
        self.put(bar)
        self.next_ms = bar.time_ms + self.length
