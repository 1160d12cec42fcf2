"""Klines of a market: minutes, made of its trades, and whatever is asked for, made of the minutes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice

from workbench.connectors.simulated.amounts import ZERO
from workbench.market import floor_time

MINUTE = 60_000
INTERVALS = {"1s": 1_000, "1m": MINUTE, "3m": 180_000, "5m": 300_000, "15m": 900_000, "30m": 1_800_000,
             "1h": 3_600_000, "2h": 7_200_000, "4h": 14_400_000, "6h": 21_600_000, "8h": 28_800_000,
             "12h": 43_200_000, "1d": 86_400_000, "3d": 259_200_000, "1w": 604_800_000, "1M": 0}  # fmt: skip
MOST_MINUTES = 60 * 24 * 60  # two months of them are kept
SECOND, MOST_SECONDS = 1_000, 7_200


@dataclass(slots=True)
class Bar:
    """One kline. `count` trades, the first and last of them by id (-1: none)."""

    open_ms: int
    close_ms: int  # its last millisecond
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    amount: Decimal = ZERO
    quote: Decimal = ZERO
    count: int = 0
    bought: Decimal = ZERO  # by takers
    bought_quote: Decimal = ZERO
    first_id: int = -1
    last_id: int = -1

    def trade(self, price: Decimal, amount: Decimal, taker_buys: bool, trade_id: int) -> None:
        """Take in one trade."""
        if not self.count:
            self.open = self.high = self.low = price
            self.first_id = trade_id
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), price
        self.amount += amount
        self.quote += price * amount
        self.count += 1
        self.last_id = trade_id
        if taker_buys:
            self.bought += amount
            self.bought_quote += price * amount

    def join(self, later: Bar) -> None:
        """Take in a later bar."""
        if later.count or not self.count:
            self.high, self.low = max(self.high, later.high), min(self.low, later.low)
            self.close = later.close
        self.amount += later.amount
        self.quote += later.quote
        self.count += later.count
        self.bought += later.bought
        self.bought_quote += later.bought_quote
        self.first_id = later.first_id if self.first_id < 0 else self.first_id
        self.last_id = later.last_id if later.last_id >= 0 else self.last_id


def span(time_ms: int, interval: str) -> tuple[int, int]:
    """First and last millisecond of the kline that holds a moment."""
    if interval == "1M":
        moment = datetime.fromtimestamp(time_ms / 1000, UTC)
        first = datetime(moment.year, moment.month, 1, tzinfo=UTC)
        after = datetime(moment.year + moment.month // 12, moment.month % 12 + 1, 1, tzinfo=UTC)
        return int(first.timestamp() * 1000), int(after.timestamp() * 1000) - 1
    opened = int(floor_time(time_ms, INTERVALS[interval]))
    return opened, opened + INTERVALS[interval] - 1


class Seconds:
    """The seconds of a market, one after the other from its first trade on; two hours of them are kept."""

    def __init__(self) -> None:
        self._bars: deque[Bar] = deque(maxlen=MOST_SECONDS)

    def trade(self, time_ms: int, price: Decimal, amount: Decimal, taker_buys: bool, trade_id: int) -> None:
        """Take in one trade."""
        self.roll(time_ms)
        if not self._bars:
            self._begin(time_ms, price)
        self._bars[-1].trade(price, amount, taker_buys, trade_id)

    def roll(self, time_ms: int) -> None:
        """Let time pass: seconds without a trade keep the last price."""
        if not self._bars or time_ms <= self._bars[-1].close_ms:
            return
        price = self._bars[-1].close
        if time_ms - self._bars[-1].close_ms > MOST_SECONDS * SECOND:
            self._bars.clear()
            self._begin(time_ms, price)
        while (opened := self._bars[-1].close_ms + 1) <= time_ms:
            self._bars.append(Bar(opened, opened + SECOND - 1, price, price, price, price))

    def within(self, start_ms: int | None, end_ms: int | None, limit: int) -> list[Bar]:
        """Seconds whose open lies in [start, end]: the oldest `limit` with a start, the newest without."""
        if not self._bars:
            return []
        zero = self._bars[0].open_ms
        end = len(self._bars) if end_ms is None else min((end_ms - zero) // SECOND + 1, len(self._bars))
        start = max(-(-(start_ms - zero) // SECOND), 0) if start_ms is not None else max(end - limit, 0)
        return [self._bars[place] for place in range(start, min(end, start + limit))]

    def _begin(self, time_ms: int, price: Decimal) -> None:
        opened = int(floor_time(time_ms, SECOND))
        self._bars.append(Bar(opened, opened + SECOND - 1, price, price, price, price))


class Bars:
    """The minutes of a market, a stretch of history before them, and the last of its seconds."""

    def __init__(self) -> None:
        self.seconds = Seconds()
        self._history: list[Bar] = []
        self._minutes: deque[Bar] = deque(maxlen=MOST_MINUTES)

    def begin(self, history: Iterable[Bar]) -> None:
        """Put bars before everything that has been traded here; they are of one length, and in order."""
        self._history = list(history)

    @property
    def last_price(self) -> Decimal | None:
        """Close of the newest bar."""
        bars = self._minutes or self._history
        return bars[-1].close if bars else None

    def trade(self, time_ms: int, price: Decimal, amount: Decimal, taker_buys: bool, trade_id: int) -> None:
        """Take in one trade."""
        self.seconds.trade(time_ms, price, amount, taker_buys, trade_id)
        if not self._minutes or self._minutes[-1].close_ms < time_ms:
            self.roll(time_ms)
            if not self._minutes:
                self._minutes.append(_flat(time_ms, price))
        self._minutes[-1].trade(price, amount, taker_buys, trade_id)

    def roll(self, time_ms: int) -> None:
        """Let time pass: seconds and minutes without a trade keep the last price."""
        self.seconds.roll(time_ms)
        while self._minutes and self._minutes[-1].close_ms < time_ms:
            last = self._minutes[-1]
            if time_ms - last.close_ms > MOST_MINUTES * MINUTE:
                self._minutes.append(_flat(time_ms - MOST_MINUTES * MINUTE, last.close))
            else:
                self._minutes.append(_flat(last.close_ms + 1, last.close))

    def within(self, interval: str, start_ms: int | None, end_ms: int | None, limit: int) -> list[Bar]:
        """Klines whose open lies in [start, end]: the oldest `limit` with a start, the newest without."""
        if interval == "1s":
            return self.seconds.within(start_ms, end_ms, limit)
        chosen: list[Bar] = []
        since = start_ms if start_ms is not None else self._back(interval, end_ms, limit)
        for bar in self._joined(interval, since):
            if end_ms is not None and bar.open_ms > end_ms:
                break
            chosen.append(bar)
            if start_ms is not None and len(chosen) == limit:
                break
        return chosen[-limit:]

    def at(self, interval: str, time_ms: int) -> Bar | None:
        """The kline that holds a moment."""
        opened, closed = span(time_ms, interval)
        found = self.within(interval, opened, closed, 1)
        return found[0] if found else None

    def since(self, time_ms: int) -> Bar | None:
        """Everything from a moment's minute on, as one bar: what the rolling tickers are made of."""
        made: Bar | None = None
        for bar in self._parts(int(floor_time(time_ms, MINUTE))):
            if made is None:
                made = replace(bar)
            else:
                made.join(bar)
        return made

    def _back(self, interval: str, end_ms: int | None, limit: int) -> int | None:
        newest = self._minutes or self._history
        if not newest:
            return None
        last = newest[-1].open_ms if end_ms is None else min(end_ms, newest[-1].open_ms)
        return span(last, interval)[0] - (limit - 1) * (INTERVALS[interval] or 31 * INTERVALS["1d"])

    def _joined(self, interval: str, start_ms: int | None) -> Iterator[Bar]:
        made: Bar | None = None
        start = None if start_ms is None else _first_open(start_ms, interval)
        for bar in self._parts(start):
            opened, closed = span(bar.open_ms, interval)
            if made is not None and made.open_ms == opened:
                made.join(bar)
                continue
            if made is not None:
                yield made
            made = replace(bar, open_ms=opened, close_ms=closed)
        if made is not None:
            yield made

    def _parts(self, start_ms: int | None) -> Iterator[Bar]:
        until = self._minutes[0].open_ms if self._minutes else None
        for bar in self._history:
            if (start_ms is None or bar.open_ms >= start_ms) and (until is None or bar.open_ms < until):
                yield bar
        skipped = 0
        if start_ms is not None and self._minutes:
            skipped = max(0, -(-(start_ms - self._minutes[0].open_ms) // MINUTE))
        yield from islice(self._minutes, skipped, None)


def _first_open(start_ms: int, interval: str) -> int:
    opened, closed = span(start_ms, interval)
    return opened if opened == start_ms else closed + 1


def _flat(time_ms: int, price: Decimal) -> Bar:
    opened, closed = span(time_ms, "1m")
    return Bar(opened, closed, price, price, price, price)
