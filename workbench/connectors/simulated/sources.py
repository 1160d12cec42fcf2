"""Where the venue's prices come from: stored candles, recorded books and trades, or a market made up from a seed.

A source is a list of events with their times. It knows nothing of clocks: the venue lets each event happen when its
time has come, at whatever speed time passes there.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Protocol

import numpy as np

from workbench.connectors.simulated.amounts import ONE, ZERO, places, to_step
from workbench.connectors.simulated.bars import MINUTE, Bar
from workbench.connectors.simulated.core import Core
from workbench.connectors.simulated.events import Depth, Event, Move, Print
from workbench.connectors.simulated.ladder import Ladder
from workbench.connectors.simulated.symbols import Symbol
from workbench.errors import DataError
from workbench.market import BUY, SELL, Candles, Instrument, timeframe_ms

Timed = Iterator[tuple[int, Event]]
POINTS = 8  # trades that a candle is made into
MOST_HISTORY = 5_000


class Source(Protocol):
    """Where prices come from."""

    symbols: list[Symbol]
    start_ms: int | None  # None: whenever the venue's clock says

    def prepare(self, core: Core) -> None:
        """Put history into the markets before anything happens."""

    def events(self, core: Core) -> Timed:
        """What happens, in order of time."""


class CandleSource:
    """Stored candles as a path of trades: open, the nearer extreme, the farther one, close, around a made-up book.

    Klines made of these trades are the candles again: the same prices (rounded to the tick) and the same volume
    (rounded to the lot).

    Parameters
    ----------
    candles : Candles
        Of one instrument; a perpetual trades on the futures side.
    history : int
        So many of the first bars are put before the start, for clients that ask for klines.
    """

    def __init__(self, candles: Candles, *, history: int = 500, ladder: Ladder | None = None) -> None:
        if len(candles) < 2:
            raise DataError(f"{candles.instrument}: {len(candles)} candles are no market. Give at least two.")
        self.candles, self.ladder = candles, ladder or Ladder()
        self.length_ms = timeframe_ms(candles.timeframe)
        self.rules = rules_of(candles)
        self.symbols = [self.rules]
        self.first = min(history, len(candles) // 2, MOST_HISTORY)
        self.start_ms: int | None = int(candles.time[self.first])

    def prepare(self, core: Core) -> None:
        """Put the first bars into the market's history, and the house's quotes around the last of them."""
        market = core.market(self.rules.name, perpetual=self.rules.perpetual)
        rows = [self._row(place) for place in range(self.first)]
        market.bars.begin(self._bar(place, row) for place, row in enumerate(rows))
        price = rows[-1][3] if rows else self._row(0)[0]
        bids, asks = self.ladder.around(self.rules, price, BUY)
        core.step(Depth(self.rules.name, bids, asks, is_snapshot=True, perpetual=self.rules.perpetual), core.time_ms)

    def events(self, core: Core) -> Timed:
        """Eight trades a bar, at even steps of its time; a bar without volume has none."""
        name, perpetual, last = self.rules.name, self.rules.perpetual, ZERO
        for place in range(self.first, len(self.candles)):
            opened, row = int(self.candles.time[place]), self._row(place)
            for point, (price, amount) in enumerate(zip(_path(*row[:4]), _shares(row[4], self.rules.lot), strict=True)):
                if not amount:
                    continue
                side = SELL if price < last else BUY
                last = price
                bids, asks = self.ladder.around(self.rules, price, side)
                time_ms = opened + min(point * self.length_ms // (POINTS - 1), self.length_ms - 1)
                yield time_ms, Move(name, price, amount, side, bids, asks, perpetual)

    def _bar(self, place: int, row: list[Decimal]) -> Bar:
        opened, (first, high, low, close, amount) = int(self.candles.time[place]), row
        return Bar(
            opened, opened + self.length_ms - 1, first, high, low, close, amount, amount * (high + low) / 2, POINTS
        )

    def _row(self, place: int) -> list[Decimal]:
        candles, tick, lot = self.candles, self.rules.tick, self.rules.lot
        columns = (candles.open, candles.high, candles.low, candles.close)
        prices = [max(to_step(Decimal(repr(float(c[place]))) + tick / 2, tick), tick) for c in columns]
        volume = float(candles.volume[place])
        amount = Decimal(repr(volume)) if volume == volume else self.ladder.worth / prices[3]  # NaN: not reported
        return [*prices, to_step(amount + lot / 2, lot)]


class RecordedSource:
    """Recorded changes of a book, and recorded trades, as they were.

    Parameters
    ----------
    symbol : str or Instrument
        "BTC/USDT" or "BTC/USDT:USDT".
    depth, trades : polars.DataFrame
        Columns as workbench's recorder writes them. `depth`: local_ns, event_ms, first_update_id, final_update_id,
        side ("b" or "a"), price, qty (0: the level is gone), is_snapshot; one row a level. `trades`: local_ns,
        event_ms, trade_id, price, qty, buyer_is_maker. Either may be left out.
    """

    def __init__(self, symbol: str | Instrument, *, depth: Any = None, trades: Any = None) -> None:
        if depth is None and trades is None:
            raise DataError(f"{symbol}: nothing was recorded. Give `depth`, `trades` or both.")
        self.depth, self.trades = depth, trades
        some = depth if depth is not None else trades
        self.rules = Symbol.of(symbol, float(some["price"][0]))
        self.rules = self.rules.changed(tick=_finest(some["price"]), lot=_finest(some["qty"]))
        self.symbols = [self.rules]
        stamps = [int(frame["event_ms"].min()) for frame in (depth, trades) if frame is not None]
        self.start_ms: int | None = min(stamps)

    def prepare(self, core: Core) -> None:
        """Nothing: a recording begins with itself."""

    def events(self, core: Core) -> Timed:
        """Every message, in the order in which the recorder heard it."""
        import heapq

        heard = heapq.merge(self._updates(), self._prints(), key=lambda row: row[0])
        return ((time_ms, event) for _, time_ms, event in heard)

    def _updates(self) -> Iterator[tuple[int, int, Event]]:
        if self.depth is None:
            return
        names = ("local_ns", "event_ms", "first_update_id", "final_update_id", "side", "price", "qty", "is_snapshot")
        key, rows, base = None, [], self.rules
        for row in self.depth.select(names).iter_rows():
            if key is not None and (row[0], row[3], row[7]) != (key[0], key[3], key[7]):
                yield _update(base, key, rows)
                rows = []
            key = row
            rows.append((row[4], _decimal(row[5], base.price_places), _decimal(row[6], base.amount_places)))
        if key is not None:
            yield _update(base, key, rows)

    def _prints(self) -> Iterator[tuple[int, int, Event]]:
        if self.trades is None:
            return
        rules = self.rules
        names = ("local_ns", "event_ms", "trade_id", "price", "qty", "buyer_is_maker")
        for local, time_ms, number, price, amount, maker in self.trades.select(names).iter_rows():
            made = Print(rules.name, _decimal(price, rules.price_places), _decimal(amount, rules.amount_places),
                         SELL if maker else BUY, number, rules.perpetual)  # fmt: skip
            yield local, time_ms, made


class SeededMarket:
    """A market made up from a seed: a random walk of trades at random times, for ever.

    Parameters
    ----------
    symbols : iterable of (str, float)
        Instruments and the prices at which they begin. Left out: bitcoin and ether, spot and perpetual.
    rate : float
        Trades a second, of each instrument.
    volatility : float
        Standard deviation of an hour's return.
    """

    def __init__(self, symbols: Iterable[tuple[str, float]] | None = None, *, seed: int = 0, rate: float = 4.0,
                 volatility: float = 0.006, ladder: Ladder | None = None) -> None:  # fmt: skip
        chosen = symbols if symbols is not None else (("BTC/USDT", 60_000), ("ETH/USDT", 3_000),
                                                      ("BTC/USDT:USDT", 60_000), ("ETH/USDT:USDT", 3_000))  # fmt: skip
        self.prices = {Symbol.of(name, price): float(price) for name, price in chosen}
        self.symbols = list(self.prices)
        self.start_ms: int | None = None
        self.seed, self.rate, self.ladder = seed, rate, ladder or Ladder(seed=seed)
        self.scale = volatility / (3_600 * rate) ** 0.5

    def prepare(self, core: Core) -> None:
        """An evening's minutes before the start, and quotes around the price."""
        for number, (rules, price) in enumerate(self.prices.items()):
            market = core.market(rules.name, perpetual=rules.perpetual)
            market.bars.begin(self._minutes(number, rules, price, core.time_ms))
            bids, asks = self.ladder.around(rules, _on_tick(price, rules), BUY)
            core.step(Depth(rules.name, bids, asks, is_snapshot=True, perpetual=rules.perpetual), core.time_ms)

    def events(self, core: Core) -> Timed:
        """Trades, one instrument after the other as chance has it."""
        draw = random.Random(f"{self.seed} trades")
        prices, time_ms = dict(self.prices), float(core.time_ms)
        while True:
            time_ms += draw.expovariate(self.rate * len(prices)) * 1_000
            rules = draw.choice(self.symbols)
            prices[rules] *= float(np.exp(draw.gauss(0.0, self.scale)))
            price, side = _on_tick(prices[rules], rules), draw.choice((BUY, SELL))
            amount = max(to_step(Decimal(str(draw.expovariate(1 / 500.0))) / price, rules.lot), rules.lot)
            bids, asks = self.ladder.around(rules, price, side)
            yield int(time_ms), Move(rules.name, price, amount, side, bids, asks, rules.perpetual)

    def _minutes(self, number: int, rules: Symbol, price: float, now_ms: int, count: int = 1_000) -> list[Bar]:
        """Minutes that end at the price, walked backwards."""
        draw = np.random.default_rng([self.seed, number])
        steps = draw.normal(0.0, self.scale * (60 * self.rate) ** 0.5, count)
        closes = price * np.exp(np.concatenate([[0.0], np.cumsum(steps)]))[::-1]
        first, made = now_ms - now_ms % MINUTE - count * MINUTE, []
        for place in range(count):
            ends = sorted((_on_tick(closes[place], rules), _on_tick(closes[place + 1], rules)))
            amount = to_step(Decimal(str(round(float(draw.gamma(2.0, 2_000.0)), 2))) / ends[1], rules.lot)
            opened = first + place * MINUTE
            made.append(Bar(opened, opened + MINUTE - 1, _on_tick(closes[place], rules), ends[1], ends[0],
                            _on_tick(closes[place + 1], rules), amount, amount * ends[1], 60))  # fmt: skip
        return made


def rules_of(candles: Candles) -> Symbol:
    """A symbol whose tick and lot are as fine as the candles' own numbers, unless their instrument says."""
    made = Symbol.of(candles.instrument, float(candles.close[-1]))
    finer = {}
    if not candles.instrument.tick:
        finer["tick"] = min(made.tick, _finest(candles.close))
    if not candles.instrument.lot:
        finer["lot"] = min(made.lot, _finest(candles.volume))
    return made.changed(**finer) if finer else made


def _path(opened: Decimal, high: Decimal, low: Decimal, close: Decimal) -> list[Decimal]:
    """Eight prices from open to close by way of both extremes, the nearer one first."""
    first, second = (high, low) if high - opened <= opened - low else (low, high)
    return [opened, first, first, first, second, second, second, close]


def _shares(amount: Decimal, lot: Decimal) -> list[Decimal]:
    """An amount in eight parts of whole lots; the first and the last are never the ones that are left out."""
    part = to_step(amount / POINTS, lot)
    if part:
        return [part] * (POINTS - 1) + [amount - part * (POINTS - 1)]
    lots = int(amount / lot)
    order = (0, 7, 1, 4, 2, 5, 3, 6)
    return [lot if order.index(place) < lots else ZERO for place in range(POINTS)]


def _finest(values: Any) -> Decimal:
    """The step that the first thousand of some numbers need, eight decimals at most."""
    some = [float(value) for value in values[:1_000] if value and np.isfinite(value)]
    most = max((places(Decimal(repr(value))) for value in some), default=2)
    return ONE.scaleb(-min(most, 8))


def _update(rules: Symbol, key: Any, rows: list[Any]) -> tuple[int, int, Event]:
    bids, asks = (tuple((price, amount) for side, price, amount in rows if side == word) for word in ("b", "a"))
    made = Depth(rules.name, bids, asks, int(key[2] or 0), int(key[3]), bool(key[7]), rules.perpetual)
    return int(key[0]), int(key[1] or key[0] // 1_000_000), made


def _decimal(value: float, decimals: int) -> Decimal:
    return Decimal(f"{value:.{decimals}f}")


def _on_tick(price: float, rules: Symbol) -> Decimal:
    return max(to_step(Decimal(repr(float(price))) + rules.tick / 2, rules.tick), rules.tick)
