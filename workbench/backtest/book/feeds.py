"""Recordings as the loop walks them: one line of events of all markets, in the order in which they happened."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.backtest.engine import locked
from workbench.backtest.loop import Bars
from workbench.backtest.settings import Settings
from workbench.errors import ConfigError, DataError
from workbench.market import FEED, Candles, Instrument, Recording, new_feed, show_time
from workbench.trading import (
    CAREFUL,
    MAX_MARKETS,
    Intensity,
    Queue,
    QueuePosition,
    World,
    as_book_world,
    as_slippage,
)

Array = npt.NDArray[Any]
STEPS = ("tick", "lot", "min_amount", "min_notional")


class BookExtra(NamedTuple):
    """What `Extra` has, and behind it the events, their tables, and what the books show now.

    `event_ms`, `event_markets` and `event_places` are one line of events: a place in `messages`, or ~place in `mids`.
    """

    volume: Array
    mark_open: Array
    mark_high: Array
    mark_low: Array
    mark_close: Array
    funding: Array
    paid: Array
    rates: Array
    rate_ms: Array
    event_ms: Array
    event_markets: Array
    event_places: Array
    mids: Array
    messages: Array
    levels: Array
    amounts: Array
    prices: Array
    bids: Array
    asks: Array


@dataclass(frozen=True, slots=True)
class Feeds:
    """The recordings of a run, in the order of its markets."""

    recordings: tuple[Recording, ...]

    def candles(self, step: str) -> list[Candles]:
        """Bars of the mid prices, on which the bot decides, while all books are known.

        Raises
        ------
        DataError
            If they are not known at the same time.
        """
        whole = [one.candles(step) for one in self.recordings]
        first, last = max(one.time[0] for one in whole), min(one.time[-1] for one in whole)
        if last <= first:
            spans = ", ".join(f"{one.instrument} {show_time(int(one.time[0]))} … {show_time(int(one.time[-1]))} UTC"
                              for one in whole)  # fmt: skip
            raise DataError(f"The recordings do not overlap: {spans}. Give recordings of the same time.")
        return [one[np.searchsorted(one.time, first) : np.searchsorted(one.time, last) + 1] for one in whole]

    @property
    def account(self) -> str | None:
        """Spot and perpetuals side by side need an account for each; the rest is chosen as for candles."""
        kinds = {one.instrument.is_perpetual for one in self.recordings}
        return "perpetual" if kinds == {True} else None

    def facts(self) -> list[dict[str, Any]]:
        """What was recorded, and its fingerprint, for the card."""
        return [
            {"venue": one.venue, "instrument": str(one.instrument), "messages": len(one), "changes": len(one.levels),
             "first_ms": one.start_ms, "last_ms": one.end_ms, "fingerprint": one.fingerprint}
            | {name: getattr(one.instrument, name) for name in STEPS}
            for one in self.recordings
        ]  # fmt: skip

    def model(self, fill: Any) -> Any:
        """The model of what fills a resting order; a chance per bar is none here.

        Raises
        ------
        ConfigError
            If it is one for candles.
        """
        if fill == "queue":
            return QueuePosition()
        if isinstance(fill, Queue | Intensity):
            raise ConfigError(
                f"{type(fill).__name__} is a chance per bar, and a recorded book shows the queue itself. Choose "
                f'fill="touch", "through", "queue" or wb.QueuePosition(power).'
            )
        return fill

    def refuse(self, *, path: Any, slippage: Any, participation: float, marks: Any, rates: Any) -> None:
        """Refuse terms that stand in for a book where there is none.

        Raises
        ------
        ConfigError
            If one is given.
        """
        slips = as_slippage(slippage)
        given = {
            "path": path != "worst" if isinstance(path, str) else True,
            "slippage": bool(slips.fraction or slips.half_spread or slips.impact),
            "participation": bool(participation),
            "marks": marks is not None,
            "rates": rates is not None,
        }
        named = [name for name, is_given in given.items() if is_given]
        if named:
            raise ConfigError(f"`{named[0]}` is for candles: here the recorded book answers orders. Leave it out.")

    def into(self, world: World, bars: Bars, settings: Settings) -> tuple[World, Bars]:
        """The world of a run on these recordings, and its rows with all of their events."""
        feeds, arrays = line_up(self.recordings)
        shown = [np.zeros(int(feeds["last"][-1])) for _ in range(2)]  # by bids and by asks, at each price
        fill = settings.fill
        power = CAREFUL
        if isinstance(fill, QueuePosition) and fill.power is not None:
            power = fill.power
        return as_book_world(world, feeds, power), bars._replace(extra=BookExtra(*bars.extra, *arrays, *shown))


def restored_feeds(facts: Sequence[Mapping[str, Any]]) -> Feeds:
    """The recordings of a card, from the store.

    Raises
    ------
    DataError
        If they are not there, or others.
    """
    from workbench.data import book

    found = []
    for one in facts:
        kind = Instrument.parse(one["instrument"], **{name: one[name] for name in STEPS})
        got = book(one["venue"], kind, start=one["first_ms"], end=one["last_ms"] + 1)
        if got.fingerprint != one["fingerprint"]:
            raise DataError(
                f"{one['venue']} {kind}: the stored recording is not that of the run (fingerprint "
                f"{got.fingerprint[:12]}…, then {one['fingerprint'][:12]}…). Give backtest() the files that it was of."
            )
        found.append(got)
    return Feeds(tuple(found))


def as_feeds(given: Any) -> Feeds | None:
    """Recordings, if that is what was given in place of candles.

    Raises
    ------
    ConfigError
        If they are mixed with candles, or too many.
    """
    if isinstance(given, Recording):
        given = [given]
    elif isinstance(given, Mapping):
        given = list(given.values())
    if not isinstance(given, Sequence) or isinstance(given, str):
        return None
    recorded = [one for one in given if isinstance(one, Recording)]
    if not recorded:
        return None
    if len(recorded) < len(given):
        raise ConfigError("Recordings of books and candles were given together. Give one kind.")
    if len(recorded) > MAX_MARKETS:
        raise ConfigError(f"{len(recorded)} recordings were given. One backtest takes {MAX_MARKETS}: split them.")
    return Feeds(tuple(recorded))


@functools.lru_cache(maxsize=2)
def line_up(recordings: tuple[Recording, ...]) -> tuple[Array, list[Array]]:
    """A feed for each; their events in the order of time; and their messages, levels and prices one after the other.

    The last ones are kept: a bot is run on the same recordings again and again.
    """
    feeds = np.zeros(len(recordings), FEED)
    times, markets, places, mids, messages, levels = [], [], [], [], [], []
    n_prices = n_messages = n_rows = n_mids = 0
    for m, one in enumerate(recordings):
        feeds[m] = new_feed(len(one.prices), n_prices)[0]
        heard_ms, prices = one.mids()
        times += [one.messages["time_ms"], heard_ms]
        markets.append(np.full(len(one) + len(prices), m))
        places += [np.arange(len(one)) + n_messages, ~(np.arange(len(prices)) + n_mids)]
        mids.append(prices)
        messages.append(_moved(one.messages, n_prices, n_rows))
        levels.append(np.where(one.levels >= 0, one.levels + n_prices, one.levels - n_prices).astype(np.int32))
        n_prices, n_messages = n_prices + len(one.prices), n_messages + len(one)
        n_rows, n_mids = n_rows + len(one.levels), n_mids + len(prices)
    time, place = np.concatenate(times), np.concatenate(places)
    order = np.lexsort((place < 0, time))  # what happened comes before what was heard
    events = [time[order], np.concatenate(markets)[order], place[order], np.concatenate(mids)]
    tables = [
        np.concatenate(messages), np.concatenate(levels), np.concatenate([one.amounts for one in recordings]),
        np.concatenate([one.prices for one in recordings]),
    ]  # fmt: skip
    return feeds, [locked(np.ascontiguousarray(one)) for one in (*events, *tables)]


def _moved(messages: Array, n_prices: int, n_rows: int) -> Array:
    moved = messages.copy()
    for name, by in (("bid", n_prices), ("ask", n_prices), ("first", n_rows), ("last", n_rows)):
        moved[name] += by
    return moved
