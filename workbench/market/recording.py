"""A recording of one instrument on one venue: every change of its book, its trades and quotes, in the venue's order."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import ConfigError, DataError
from workbench.market.candles import COLUMNS, Candles
from workbench.market.depth import TOP, MessageKind, new_feed, rebuild
from workbench.market.instrument import Instrument
from workbench.market.timeframe import as_milliseconds, show_time

if TYPE_CHECKING:
    import polars as pl

FloatArray = npt.NDArray[np.float64]
SHORTEST_STEP_MS = 1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Recording:
    """Depth, trades and quotes, checked once and then trusted; read one with `wb.data.book`.

    Attributes
    ----------
    messages : MESSAGE array of shape (n_messages,)
        In the order of the venue's clock.
    levels : int32 array of shape (n_changes,)
        The level of each change: a place in `prices`, of an ask as ~place.
    amounts : float64 array of shape (n_changes,)
        What that level shows from then on, in base units; 0: nothing.
    prices : float64 array of shape (n_prices,)
        Every price that occurs, ascending.
    missing_trades : int
        Trades that the ids say there were, and that the recording has not.
    """

    venue: str
    instrument: Instrument
    messages: npt.NDArray[np.void]
    levels: npt.NDArray[np.int32]
    amounts: FloatArray
    prices: FloatArray
    missing_trades: int = 0
    _kept: dict[Any, Any] = field(init=False, default_factory=dict)

    def __len__(self) -> int:
        return len(self.messages)

    @property
    def start_ms(self) -> int:
        """When the book was first known."""
        return int(self.messages["heard_ms"][0])

    @property
    def end_ms(self) -> int:
        """When the last message was heard."""
        return int(self.messages["heard_ms"].max())

    @property
    def fingerprint(self) -> str:
        """SHA-256 over every bit of it, as hex digits; equal data, equal fingerprint."""
        if "fingerprint" not in self._kept:
            digest = hashlib.sha256(f"recording 1|{len(self.messages)}|{len(self.levels)}".encode())
            for name in self.messages.dtype.names or ():
                digest.update(np.ascontiguousarray(self.messages[name]).data)
            for array in (self.levels, self.amounts, self.prices):
                digest.update(np.ascontiguousarray(array).data)
            self._kept["fingerprint"] = digest.hexdigest()
        return str(self._kept["fingerprint"])

    def tops(self, *, with_quotes: bool = True) -> npt.NDArray[np.void]:
        """The best of the book after each message, as TOP records; `with_quotes=False`: as its changes alone say.

        Raises
        ------
        DataError
            If the book is ever crossed.
        """
        key = "tops", with_quotes
        if key not in self._kept:
            n_places, tops = len(self.prices), np.zeros(len(self.messages), TOP)
            arrays = (self.messages, self.levels, self.amounts, np.zeros(n_places), np.zeros(n_places))
            crossed = rebuild(new_feed(n_places)[0], *arrays, with_quotes, tops)
            if crossed >= 0:
                raise DataError(self._crossed(crossed, tops[crossed]))
            self._kept[key] = tops
        return self._kept[key]

    def _crossed(self, at: int, top: Any) -> str:
        message = self.messages[at]
        bid, ask = (self.prices[int(top[side])] for side in ("bid", "ask"))
        return (
            f"{self.venue} {self.instrument}: the book is crossed (bid {bid:g}, ask {ask:g}) after message {at:,} with "
            f"the id {message['id']} at {show_time(int(message['time_ms']))} UTC. Changes are missing or out of order: "
            f"record it again, or cut it there."
        )

    def agreement(self) -> tuple[int, int]:
        """How often the book that its changes build equals the recorded quote of the same moment, and of how often.

        Compared is the best bid and ask, price and amount, after each message of changes, with the newest quote whose
        id is not above that of the message.
        """
        tops, messages = self.tops(with_quotes=False), self.messages
        quotes = messages[messages["kind"] == MessageKind.QUOTE]
        quotes = quotes[np.argsort(quotes["id"], kind="stable")]
        changed = messages["kind"] == MessageKind.CHANGES
        latest = np.searchsorted(quotes["id"], messages["id"][changed], side="right") - 1
        ours, theirs = tops[changed][latest >= 0], quotes[latest[latest >= 0]]
        same = np.ones(len(ours), bool)
        for name in TOP.names or ():
            same &= ours[name] == theirs[name]
        return int(same.sum()), len(ours)

    def quotes(self) -> pl.DataFrame:
        """The best bid and ask as we heard them: `time`, `bid`, `bid_amount`, `ask`, `ask_amount`; a row per change."""
        import polars as pl

        tops, heard = self.tops(), self.heard_ms
        rows = self._moves(*(tops[name] for name in TOP.names or ()))
        return pl.DataFrame(
            {
                "time": pl.Series(heard[rows]).cast(pl.Datetime("ms", "UTC")),
                "bid": self.prices[tops["bid"][rows]], "bid_amount": tops["bid_amount"][rows].copy(),
                "ask": self.prices[tops["ask"][rows]], "ask_amount": tops["ask_amount"][rows].copy(),
            }
        )  # fmt: skip

    @property
    def heard_ms(self) -> npt.NDArray[np.int64]:
        """When each message, and all before it, were known to us."""
        return np.maximum.accumulate(self.messages["heard_ms"])

    def mids(self) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Half way between best bid and ask as we heard of them: times in ms, and prices; one for each move."""
        tops, heard = self.tops(), self.heard_ms
        rows = self._moves(tops["bid"], tops["ask"])
        return heard[rows], 0.5 * (self.prices[tops["bid"][rows]] + self.prices[tops["ask"][rows]])

    def _moves(self, *columns: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        tops = self.tops()
        moved = np.zeros(len(tops), bool)
        for column in columns:
            moved |= np.r_[True, column[1:] != column[:-1]]
        return np.flatnonzero(moved & (tops["bid"] >= 0) & (tops["ask"] < len(self.prices)))

    def candles(self, timeframe: str = "1s") -> Candles:
        """Bars of the mid price as we heard of it, with the volume of trades; every bar in between is there.

        Parameters
        ----------
        timeframe : str
            Length of a bar, "1ms" or more; it may be shorter than those of other candles.

        Raises
        ------
        ConfigError
            If it is no length of time.
        DataError
            If the recording is shorter than two bars.
        """
        step = as_milliseconds(timeframe)
        if not isinstance(timeframe, str) or step < SHORTEST_STEP_MS:
            raise ConfigError(f'{timeframe!r} is no length of a bar. Write one like "100ms", "1s" or "1m".')
        if ("candles", step) in self._kept:
            return self._kept["candles", step]
        heard, mids = self.mids()
        first, last = -(-int(heard[0]) // step), self.end_ms // step if len(heard) else 0
        if not len(heard) or last - first < 2:
            raise DataError(
                f"{self.venue} {self.instrument}: the recording is shorter than two bars of {timeframe}. Choose a "
                f"shorter step."
            )
        opens = np.arange(first, last, dtype=np.int64) * step
        closed = np.searchsorted(heard, opens + step, side="right")  # moves known by each close
        began = np.r_[np.searchsorted(heard, opens[0], side="right"), closed[:-1]]
        columns = dict(zip(COLUMNS, (*_bars(mids, began, closed), self._volumes(opens, step)), strict=True))
        kind = {"venue": self.venue, "instrument": self.instrument, "timeframe": timeframe}
        made = self._kept["candles", step] = Candles.trusted(opens, columns, **kind)  # type: ignore[arg-type]
        return made

    def _volumes(self, opens: npt.NDArray[np.int64], step: int) -> FloatArray:
        trades = self.messages[self.messages["kind"] == MessageKind.TRADE]
        bar = (np.maximum(trades["heard_ms"] - 1, 0) - opens[0]) // step
        inside = (bar >= 0) & (bar < len(opens))
        volumes = np.bincount(bar[inside], weights=trades["bid_amount"][inside], minlength=len(opens))
        return volumes.astype(np.float64)

    def __repr__(self) -> str:
        span = (self.end_ms - self.start_ms) / 1000
        return (
            f"Recording of {self.venue} {self.instrument}: {len(self.messages):,} messages, {len(self.levels):,} "
            f"changes, {span:,.1f} s from {show_time(self.start_ms)} UTC"
        )


def _bars(mids: FloatArray, began: npt.NDArray[np.int64], closed: npt.NDArray[np.int64]) -> tuple[FloatArray, ...]:
    """Open, high, low and close of bars, each of which begins with the price of the one before."""
    opened, close = mids[np.maximum(began - 1, 0)], mids[np.maximum(closed - 1, 0)]
    high, low, moved = opened.copy(), opened.copy(), closed > began
    if moved.any():
        edges = np.ravel(np.column_stack((began[moved], closed[moved])))
        padded = np.r_[mids, mids[-1]]  # so that the last edge is a place
        high[moved] = np.maximum(high[moved], np.maximum.reduceat(padded, edges)[::2])
        low[moved] = np.minimum(low[moved], np.minimum.reduceat(padded, edges)[::2])
    return opened, high, low, close
