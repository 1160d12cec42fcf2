"""Closed bars from a stream that tells of open ones: a bar is closed when the next has begun, or REST says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from workbench.connectors.protocol import Gap, Stream
from workbench.connectors.values import Bar
from workbench.market import floor_time, timeframe_ms

GRACE_MS = 1_500  # the venue's own time to close a bar
PATIENCE_MS = 300_000  # with two bars on top: what is older is stale
KEPT = 3  # bars that a later word of the venue may revise
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0


class ClosedBars:
    """Delivers the closed bars of one instrument and timeframe in order, without holes that it could fill.

    Each comes once, and once more if the venue revises it: REST is asked after each close.

    Parameters
    ----------
    fetch : callable
        Closed bars from a time on, over REST.
    put : callable
        Takes each `Bar`, and a `Gap` where the venue has none.
    start_ms : int
        The first bar wanted opens at or after this, or is the one that is open then.
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
        self.look_ms = self.next_ms + self.length + GRACE_MS
        self.tries = 0
        self._sent: dict[int, Bar] = {}

    def restart(self, now_ms: int) -> None:
        """The stream was interrupted: bars that were open then are taken from REST."""
        self.whole_from_ms = now_ms

    def is_stale(self, now_ms: int) -> bool:
        """Is the last closed bar too old to decide on?"""
        return now_ms - self.next_ms > 2 * self.length + PATIENCE_MS

    def hear(self, bars: list[Bar]) -> None:
        """The stream's latest bars, the last of them open."""
        closed = {bar.time_ms: bar for bar in bars[:-1]}
        while bars and self.next_ms < bars[-1].time_ms:
            bar = closed.get(self.next_ms)
            if bar is None or bar.time_ms < self.whole_from_ms:
                self.look_ms = min(self.look_ms, bars[-1].time_ms)  # heard in part: REST has all of it
                return
            self._deliver(bar)

    async def look(self, now_ms: int) -> None:
        """When a bar should be closed, ask REST: for bars that did not come, and for revised ones."""
        if now_ms < self.look_ms:
            return
        self.tries += 1
        pause = min(FIRST_PAUSE_S * 2.0 ** min(self.tries, 8), LONGEST_PAUSE_S)
        self.look_ms = now_ms + int(1_000 * pause)
        for bar in await self.fetch(self.next_ms - KEPT * self.length):
            if bar.time_ms + self.length <= now_ms:
                self._compare(bar)
        if self.next_ms + self.length > now_ms - GRACE_MS:  # all that should be closed is there
            self.tries, self.look_ms = 0, self.next_ms + self.length + GRACE_MS

    def _compare(self, bar: Bar) -> None:
        if bar.time_ms < self.next_ms:
            if bar.time_ms in self._sent and self._sent[bar.time_ms] != bar:
                self._sent[bar.time_ms] = bar
                self.put(bar)
            return
        if bar.time_ms > self.next_ms:
            self.put(Gap(Stream.CANDLES, self.instrument, self.next_ms, bar.time_ms))
        self._deliver(bar)

    def _deliver(self, bar: Bar) -> None:
        self.put(bar)
        self._sent[bar.time_ms] = bar
        if len(self._sent) > KEPT:
            del self._sent[min(self._sent)]
        self.next_ms = bar.time_ms + self.length
