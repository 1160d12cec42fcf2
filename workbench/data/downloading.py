"""Download: what is missing of a series, from the venue, page by page into the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.data.ingesting import check_grid
from workbench.data.paging import Pager, connect
from workbench.data.series import Bars, Series
from workbench.errors import ConfigError, DataError
from workbench.market import (
    COLUMNS,
    Audit,
    Instrument,
    Moment,
    as_time,
    as_timeframe,
    audit_arrays,
    ceil_time,
    floor_time,
    show_time,
    timeframe_ms,
)
from workbench.settings import data_folder

Stretch = tuple[int, int]  # [start, end) in milliseconds
Progress = Callable[[float], None]  # told the fraction done

COMMIT_PAGES = 10  # a kill loses at most this many pages, which are then asked for again
SETTLED_MS = 3_600_000  # a venue may still bring bars of the last hour, so their absence is not noted down


def download(
    venue: str,
    instrument: str | Instrument,
    timeframe: str,
    start: Moment,
    end: Moment | None = None,
    *,
    base_url: str | None = None,
    config: Mapping[str, Any] | None = None,
    recheck: bool = False,
    progress: bool | Progress = True,
) -> Audit:
    """Fetch what is missing of a range of candles from a venue into the store, through ccxt.

    Only closed bars are taken, by the venue's clock. What is stored already is neither asked for nor touched, so a
    download that was killed goes on where it was, and holes inside what is stored are asked for again. What the venue
    does not give twice is noted down as absent there, and not asked for a third time. The venue's rate limit is kept;
    lost connections, 429 and 5xx are waited out, a bounded number of times.

    Parameters
    ----------
    venue : str
        A ccxt id: "binance". The venue's name in the store is the same.
    instrument, timeframe : str
        "BTC/USDT", "1m".
    start, end : str, int, date or datetime
        Bars whose open lies in [start, end); `end` left out: up to the last closed bar.
    base_url : str, optional
        Another host that speaks the venue's dialect, such as "http://127.0.0.1:8080"; paths stay the venue's.
    config : mapping, optional
        Passed to ccxt: timeout, proxies, urls, options, rateLimit.
    recheck : bool
        Ask again also for what was noted down as absent.
    progress : bool or callable
        Show a bar, or tell a function the fraction done.

    Returns
    -------
    Audit
        Of what is stored of the range now.

    Raises
    ------
    ConfigError
        If the venue, the instrument or the timeframe is not known there.
    Busy, Rejected
        If the venue does not answer or refuses; what had come in is stored.
    DataError
        If the venue has nothing in the range, or sends a bar that cannot be.
    """
    instrument, length = Instrument.parse(instrument), timeframe_ms(timeframe)
    pager = connect(venue, instrument, as_timeframe(length), base_url=base_url, config=config)
    first, closed = int(ceil_time(as_time(start), length)), int(floor_time(pager.now_ms(), length))
    last = closed if end is None else min(closed, int(ceil_time(as_time(end), length)))
    if first >= last:
        raise ConfigError(
            f"No {timeframe} bar opened at {show_time(first)} or later and closed by {show_time(last)}. Move `start`."
        )
    series = Series(data_folder(), venue, pager.instrument, pager.timeframe)
    with _shown(progress, series.name) as tell:
        _fill(series, pager, (first, last), () if recheck else series.manifest().absent, tell)
    time, columns = series.read(first, last)
    if not len(time):
        raise DataError(
            f"{series.name}: the venue has no bars from {show_time(first)} to {show_time(last)}. Choose another range."
        )
    return audit_arrays(time, columns, length, series.name)


def missing(series: Series, wanted: Stretch, known: tuple[Stretch, ...]) -> list[Stretch]:
    """Where bars are missing inside a stretch, less the stretches that the venue is known not to have."""
    length = timeframe_ms(series.timeframe)
    time = series.times(*wanted)
    edges = np.concatenate([[wanted[0] - length], time, [wanted[1]]])
    holes = np.flatnonzero(np.diff(edges) > length)
    found = [(int(edges[row]) + length, int(edges[row + 1])) for row in holes]
    return [rest for hole in found for rest in _without(hole, known)]


@dataclass(slots=True)
class Inlet:
    """Gathers pages and commits them a few at a time."""

    series: Series
    pages: list[Bars] = field(default_factory=list)

    def add(self, bars: Bars, holes: list[Stretch]) -> None:
        starts, ends = np.array(holes).T
        place = np.searchsorted(starts, bars[0], side="right") - 1
        wanted = (place >= 0) & (bars[0] < ends[place])
        self.pages.append((bars[0][wanted], {name: column[wanted] for name, column in bars[1].items()}))
        if len(self.pages) >= COMMIT_PAGES:
            self.flush()

    def flush(self, absent: tuple[Stretch, ...] = ()) -> None:
        pages, self.pages = [page for page in self.pages if len(page[0])], []
        if pages or absent:
            time = np.concatenate([np.empty(0, np.int64), *(page[0] for page in pages)])
            columns = {name: np.concatenate([np.empty(0), *(page[1][name] for page in pages)]) for name in COLUMNS}
            self.series.commit((time, columns), where=self.series.name, absent=absent)


def _fill(series: Series, pager: Pager, wanted: Stretch, known: tuple[Stretch, ...], tell: Progress) -> None:
    inlet = Inlet(series)
    try:
        for _ in range(2):  # a page may have been short by mistake: ask once more for what did not come
            _pass(inlet, pager, wanted, missing(series, wanted, known), tell)
            inlet.flush()
        settled = pager.now_ms() - SETTLED_MS
        never = [(start, min(end, settled)) for start, end in missing(series, wanted, known) if start < settled]
        inlet.flush(absent=tuple(never))
    finally:
        inlet.flush()


def _pass(inlet: Inlet, pager: Pager, wanted: Stretch, holes: list[Stretch], tell: Progress) -> None:
    position = wanted[0]
    for start, end in holes:
        position = max(position, start)
        while position < end:
            bars, position = pager.page(position, wanted[1])
            if len(bars[0]):
                check_grid(bars[0], timeframe_ms(pager.timeframe), f"{inlet.series.name}, as sent by the venue")
                inlet.add(bars, holes)
            tell(min(1.0, (position - wanted[0]) / (wanted[1] - wanted[0])))


def _without(hole: Stretch, known: tuple[Stretch, ...]) -> Iterator[Stretch]:
    start, end = hole
    for known_start, known_end in known:
        if known_end <= start or known_start >= end:
            continue
        if known_start > start:
            yield start, known_start
        start = max(start, known_end)
    if start < end:
        yield start, end


@contextmanager
def _shown(progress: bool | Progress, name: str) -> Iterator[Progress]:
    if callable(progress):
        yield progress
        return
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    parts = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Bar(*parts, disable=not progress, transient=True) as bar:
        task = bar.add_task(f"Downloading {name}", total=1.0)
        yield lambda done: bar.update(task, completed=done)
