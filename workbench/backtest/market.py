"""Candles of one or several instruments as the planes that the loop walks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.backtest.engine import EVERY_ROW, locked
from workbench.backtest.loop import Bars
from workbench.errors import ConfigError, DataError
from workbench.market import Candles, Instrument, show_time
from workbench.trading import MAX_MARKETS

PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Market:
    """Instruments on one grid of time.

    Attributes
    ----------
    candles : dict of name to Candles
        What was given, by instrument (and venue, where one instrument is traded on several).
    time : int64 array of shape (n_rows,)
        A row for every moment at which a bar of any of them closes, stamped a (shortest) timeframe before it.
    rows : list of int64 arrays, or None
        Row of each instrument's bars on that grid, in which they close; None where it has a bar in every row.
    timeframe_ms : int
        The shortest timeframe.
    """

    candles: dict[str, Candles]
    time: npt.NDArray[np.int64]
    rows: list[npt.NDArray[np.int64] | None]
    timeframe_ms: int

    @property
    def names(self) -> list[str]:
        return list(self.candles)

    @property
    def instruments(self) -> list[Instrument]:
        return [candles.instrument for candles in self.candles.values()]

    @property
    def is_mixed(self) -> bool:
        """Are there several timeframes?"""
        return any(one.timeframe_ms != self.timeframe_ms for one in self.candles.values())

    @property
    def quotes(self) -> list[str]:
        """The quote currencies."""
        return sorted({one.quote for one in self.instruments})

    @property
    def is_single(self) -> bool:
        return len(self.candles) == 1

    @property
    def only(self) -> Candles:
        """The candles of the only instrument."""
        return next(iter(self.candles.values()))

    def bars(self) -> Bars:
        """The planes; of a single instrument, views of its own arrays."""
        opens, highs, lows, closes = (self.plane(name) for name in PRICES)
        return Bars(locked(self.time), opens, highs, lows, closes, EVERY_ROW)

    def plane(self, name: str) -> npt.NDArray[np.float64]:
        """One price column of all instruments, of shape (n_markets, n_rows), NaN where there is no bar."""
        if self.is_single:
            return locked(getattr(self.only, name).reshape(1, -1))
        plane = np.full((len(self.candles), len(self.time)), np.nan)
        for m, (candles, rows) in enumerate(zip(self.candles.values(), self.rows, strict=True)):
            plane[m, slice(None) if rows is None else rows] = getattr(candles, name)
        return locked(plane)


def as_market(candles: Any, term: str = "candles") -> Market:
    """One `Candles`, a list, or a dict of them, put on one grid of time; `term` is what they were given as.

    A bar lies in the row in which it closes, so whoever looks at a row knows closed bars alone, whatever their
    timeframes.

    Raises
    ------
    DataError
        If there are no bars.
    """
    named = by_name(candles, term)
    shortest = min(one.timeframe_ms for one in named.values())
    times = [one.time + (one.timeframe_ms - shortest) if one.timeframe_ms > shortest else one.time
             for one in named.values()]  # fmt: skip
    grid = times[0] if len(times) == 1 else _merged(times)
    rows = [None if len(time) == len(grid) else np.searchsorted(grid, time) for time in times]
    return Market(named, grid, rows, shortest)


def _merged(times: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Every stamp of sorted columns, once; a stable sort merges runs, a hundred times faster than `numpy.unique`."""
    every = np.sort(np.concatenate(times), kind="stable")
    return every[np.append(True, every[1:] != every[:-1])]


def check_quotes(market: Market, rates: Any) -> None:
    """Refuse instruments in several currencies where no rates between them are given."""
    if len(market.quotes) > 1 and rates is None:
        raise DataError(
            f"The instruments are quoted in {' and '.join(market.quotes)}; one backtest counts in one currency. Split "
            f"them, or give `rates`."
        )


def by_name(candles: Any, term: str = "candles") -> dict[str, Candles]:
    """Candles by the name of their instrument, with the venue where that is not enough."""
    if isinstance(candles, Candles):
        given: Sequence[Candles] = [candles]
    elif isinstance(candles, Mapping):
        given = list(candles.values())
    elif isinstance(candles, Sequence) and not isinstance(candles, str):
        given = list(candles)
    else:
        raise ConfigError(f"`{term}` is a {type(candles).__name__}, and no table of candles. {_way_to(candles, term)}")
    for one in given:
        _check(one, term)
    if not given:
        raise ConfigError(f"`{term}` is empty. Give Candles, or a dict or list of them.")
    if not 1 <= len(given) <= MAX_MARKETS:
        raise ConfigError(f"{len(given)} instruments were given. One backtest takes 1 to {MAX_MARKETS}: split them.")
    symbols = [str(one.instrument) for one in given]
    names = [s if symbols.count(s) == 1 else f"{one.venue} {s}" for s, one in zip(symbols, given, strict=True)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"{twice} was given twice. Give every instrument once.")
    return dict(zip(names, given, strict=True))


def _way_to(candles: Any, term: str) -> str:
    if isinstance(candles, str):
        return f'Read them first: wb.candles("binance", {candles!r}, "1h").'
    if hasattr(candles, "columns"):
        return 'Make candles of it first: wb.Candles.from_frame(frame, timeframe="1h").'
    words = '"worst", "best", "ohlc", ' if term == "path" else ""
    return f"Give {words}Candles, or a dict or list of them."


def _check(candles: Any, term: str) -> None:
    if not isinstance(candles, Candles):
        raise ConfigError(
            f"`{term}` holds a {type(candles).__name__}, and no table of candles. {_way_to(candles, term)}"
        )
    if len(candles) == 0:
        raise DataError(
            f"{candles.instrument} has no bars. Choose a range with data; wb.data.catalog() lists what is stored."
        )


def finer_bars(market: Market, path: Market) -> Bars:
    """Finer candles to walk instead of a market's own bars; a coarse row is decided at the close of its last fine bar.

    Raises
    ------
    DataError
        If the finer candles are not of the same instruments, not finer, or do not cover the coarse ones.
    """
    if path.names != market.names:
        raise DataError(
            f"`path` has candles of {', '.join(path.names)}, the run is on {', '.join(market.names)}. Give the same."
        )
    if path.is_mixed or market.is_mixed:
        raise DataError("Candles of several timeframes are walked as they are. Leave `path` out, or resample to one.")
    if path.timeframe_ms >= market.timeframe_ms or market.timeframe_ms % path.timeframe_ms:
        raise DataError("`path` must be finer than the candles, and a whole part of them: 1m for 1h, say.")
    for name, one in market.candles.items():
        check_covers(path.candles[name].time, one, name)
    row = np.searchsorted(market.time, path.time, side="right") - 1
    inside = (row >= 0) & (path.time < market.time[row] + market.timeframe_ms)
    bars = path.bars()
    time = np.ascontiguousarray(path.time[inside])
    opens, highs, lows, closes = (locked(np.ascontiguousarray(getattr(bars, name)[:, inside])) for name in PRICES)
    rows = deciding_rows(market, time)
    decided_ms = market.time[rows] + market.timeframe_ms
    return Bars(locked(time), opens, highs, lows, closes, locked(rows), locked(decided_ms))


def check_covers(fine: npt.NDArray[np.int64], coarse: Candles, name: str) -> None:
    """Refuse finer candles that have nothing in one of the bars; single bars may be missing."""
    at = np.searchsorted(fine, coarse.time)
    missing = np.append(fine, np.iinfo(np.int64).max)[at] >= coarse.time + coarse.timeframe_ms
    if missing.any():
        bar = show_time(int(coarse.time[missing.argmax()]))
        raise DataError(
            f"`path` does not cover the bar of {bar} UTC of {name}, and {int(missing.sum()) - 1:,} others. Load the "
            f"finer candles for the whole run, or cut its candles to what they cover."
        )


def deciding_rows(market: Market, time: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each fine row, the coarse row that is decided at its close, or −1."""
    coarse = np.searchsorted(market.time, time, side="right") - 1
    lasts = np.append(coarse[1:] != coarse[:-1], True)
    return np.where(lasts, coarse, -1).astype(np.int64)
