"""Recordings as the loop walks them: one line of events of all markets, in the order in which they happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.backtest.engine import locked
from workbench.backtest.loop import Bars
from workbench.backtest.settings import Settings
from workbench.errors import ConfigError
from workbench.market import FEED, Candles, Recording, new_feed
from workbench.trading import (
    CAREFUL,
    MAX_MARKETS,
    Extra,
    Intensity,
    Queue,
    QueuePosition,
    World,
    as_book_world,
    as_slippage,
)

Array = npt.NDArray[Any]

# What `Extra` has, and the recordings behind it.
BookExtra: Any = NamedTuple(
    "BookExtra",
    [(name, npt.NDArray[Any]) for name in (
        *Extra._fields, "event_ms", "event_markets", "event_places", "mids", "messages", "levels", "amounts", "prices",
        "bids", "asks",
    )],
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Feeds:
    """The recordings of a run, in the order of its markets."""

    recordings: tuple[Recording, ...]

    def candles(self, step: str) -> list[Candles]:
        """Bars of the mid prices, on which the bot decides."""
        return [one.candles(step) for one in self.recordings]

    @property
    def account(self) -> str | None:
        """Spot and perpetuals side by side need an account for each; the rest is chosen as for candles."""
        kinds = {one.instrument.is_perpetual for one in self.recordings}
        return "perpetual" if kinds == {True} else None

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
        feeds, parts, arrays = line_up(self.recordings)
        fill = settings.fill
        power = CAREFUL
        if isinstance(fill, QueuePosition) and fill.power is not None:
            power = fill.power
        return as_book_world(world, feeds, power), bars._replace(extra=BookExtra(*bars.extra, *parts, *arrays))


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


def line_up(recordings: Sequence[Recording]) -> tuple[Array, list[Array], list[Array]]:
    """A feed for each; their events in the order of time; and their messages, levels and prices one after the other."""
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
    state = [np.zeros(n_prices), np.zeros(n_prices)]
    return feeds, [locked(np.ascontiguousarray(one)) for one in events], [*map(locked, tables), *state]


def _moved(messages: Array, n_prices: int, n_rows: int) -> Array:
    moved = messages.copy()
    for name, by in (("bid", n_prices), ("ask", n_prices), ("first", n_rows), ("last", n_rows)):
        moved[name] += by
    return moved
