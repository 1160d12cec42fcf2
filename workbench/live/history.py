"""The bars that a run has seen, growing; a strategy looks at all of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.backtest import Market, as_market
from workbench.connectors import Bar
from workbench.errors import DataError
from workbench.market import Candles, Instrument, timeframe_ms

COLUMNS = ("open", "high", "low", "close", "volume")
FIRST_ROOM = 1_024


class Bars:
    """Closed bars of one market, oldest first, in arrays that double when they are full."""

    def __init__(self) -> None:
        self.used = 0
        self.time = np.zeros(FIRST_ROOM, np.int64)
        self.prices = np.zeros((len(COLUMNS), FIRST_ROOM))

    def add(self, bar: Bar) -> bool:
        """Take a bar; False if it is not newer than the last (told again, or late)."""
        if self.used and bar.time_ms <= self.time[self.used - 1]:
            return False
        if self.used == len(self.time):
            self.time = np.concatenate([self.time, np.zeros_like(self.time)])
            self.prices = np.concatenate([self.prices, np.zeros_like(self.prices)], axis=1)
        self.time[self.used] = bar.time_ms
        self.prices[:, self.used] = [getattr(bar, name) for name in COLUMNS]
        self.used += 1
        return True

    def frozen(self) -> tuple[bytes, bytes]:
        """The bars as bytes."""
        return self.time[: self.used].tobytes(), np.ascontiguousarray(self.prices[:, : self.used]).tobytes()

    @classmethod
    def thawed(cls, frozen: tuple[bytes, bytes]) -> Bars:
        """Bars from bytes."""
        bars = cls()
        bars.time = np.frombuffer(frozen[0], np.int64).copy()
        bars.used = len(bars.time)
        bars.prices = np.frombuffer(frozen[1]).reshape(len(COLUMNS), bars.used).copy()
        if not bars.used:
            return cls()
        return bars


class History:
    """The bars of all markets of a run, and which of them the next row still waits for."""

    def __init__(self, venues: list[str], instruments: list[str], timeframe: str) -> None:
        self.venues, self.instruments, self.timeframe = venues, instruments, timeframe
        self.length_ms = timeframe_ms(timeframe)
        self.bars = [Bars() for _ in instruments]
        self.heard: dict[int, set[int]] = {}  # by stamp: markets whose bar, or the lack of one, is known

    def add(self, m: int, bar: Bar) -> bool:
        """Take a bar; False if it was there, or is too late."""
        if not self.bars[m].add(bar):
            return False
        self.heard.setdefault(bar.time_ms, set()).add(m)
        return True

    def lacks(self, m: int, time_ms: int) -> None:
        """A market has no bar at this stamp."""
        self.heard.setdefault(time_ms, set()).add(m)

    def complete(self) -> list[int]:
        """Stamps of which every market was heard, and those before them, oldest first; they are told once."""
        whole = [stamp for stamp, markets in self.heard.items() if len(markets) == len(self.bars)]
        found = sorted(stamp for stamp in self.heard if whole and stamp <= max(whole))
        for stamp in found:
            del self.heard[stamp]
        return found

    def market(self, kinds: list[Instrument], until_ms: int, *, even: bool = False) -> Market:
        """The bars up to a stamp as the candles of a strategy.

        Parameters
        ----------
        even : bool
            Give every market a bar at every stamp, for a strategy of columns: where nothing was traded it lies flat at
            the close before it, without volume; before a market's first bar it is NaN.

        Raises
        ------
        DataError
            If a market has none.
        """
        empty = [name for name, bars in zip(self.instruments, self.bars, strict=True) if not bars.used]
        if empty:
            raise DataError(f"{empty[0]}: no bar was heard yet. Wait for the first one to close.")
        candles = [self._candles(m, kind, until_ms) for m, kind in enumerate(kinds)]
        return as_market(_evened(candles) if even else candles)

    def row_of(self, m: int, time_ms: int) -> Any:
        """Open, high, low, close and volume of the bar of this stamp; None if there is none."""
        bars = self.bars[m]
        place = int(np.searchsorted(bars.time[: bars.used], time_ms))
        return bars.prices[:, place] if place < bars.used and bars.time[place] == time_ms else None

    def _candles(self, m: int, kind: Instrument, until_ms: int) -> Candles:
        bars = self.bars[m]
        n = int(np.searchsorted(bars.time[: bars.used], until_ms, side="right"))
        columns = {name: bars.prices[place, :n] for place, name in enumerate(COLUMNS)}
        return Candles.trusted(bars.time[:n], columns, venue=self.venues[m], instrument=kind, timeframe=self.timeframe)


def _evened(candles: list[Candles]) -> list[Candles]:
    """Candles of the same stamps: those at which any of them has a bar."""
    times = [one.time for one in candles]
    if all(np.array_equal(times[0], other) for other in times[1:]):
        return candles
    grid = np.unique(np.concatenate(times))
    return [_on_grid(one, grid) for one in candles]


def _on_grid(candles: Candles, grid: Any) -> Candles:
    place = np.searchsorted(candles.time, grid, side="right") - 1  # the last bar at each stamp, or before it
    flat = candles.time[place] != grid
    columns = {name: np.where(flat, candles.close[place], candles.columns[name][place]) for name in COLUMNS}
    columns["volume"] = np.where(flat, 0.0, columns["volume"])
    for column in columns.values():
        column[place < 0] = np.nan
    kind, name = candles.instrument, candles.timeframe
    return Candles.trusted(grid, columns, venue=candles.venue, instrument=kind, timeframe=name)
