"""Where prices come from: candles that come out as they went in, recordings, made-up markets, participants."""

from __future__ import annotations

import asyncio
import itertools
from decimal import Decimal as D
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from workbench.connectors.simulated import (
    CandleSource,
    Clock,
    Core,
    Crowd,
    Ladder,
    RecordedSource,
    SeededMarket,
    SimulatedVenue,
    Symbol,
)
from workbench.connectors.simulated.events import Depth, Move, Place, Tick
from workbench.connectors.simulated.refusals import Refusal
from workbench.errors import ConfigError, DataError
from workbench.market import BUY, SELL, Candles

from .driving import check_books

MINUTE = 60_000
START = 1_640_995_200_000


def candles(count: int = 300, *, instrument: str = "BTC/USDT", volume: bool = True) -> Candles:
    draw = np.random.default_rng(7)
    close = np.round(40_000 + np.cumsum(draw.normal(0, 20, count)), 2)
    opened = np.concatenate([[40_000.0], close[:-1]])
    high = np.round(np.maximum(opened, close) + draw.random(count) * 9, 2)
    low = np.round(np.minimum(opened, close) - draw.random(count) * 9, 2)
    amount = np.round(draw.random(count) * 3, 5) if volume else None
    if volume and count > 203:
        amount[200:203] = (0.0, 0.00001, 0.00003)
        for place in (200, 201):
            opened[place] = high[place] = low[place] = close[place] = close[199]
        opened[202] = close[199]
        high[202], low[202] = max(opened[202], close[202]), min(opened[202], close[202])
    time = START + MINUTE * np.arange(count)
    return Candles.from_arrays(time, opened, high, low, close, amount, instrument=instrument, timeframe="1m")


def replayed(source, milliseconds: int, clock: Clock) -> SimulatedVenue:
    venue = SimulatedVenue(sources=source, clock=clock)

    async def run() -> None:
        async with venue:
            await venue.advance(milliseconds)

    asyncio.run(run())
    return venue


# --- candles ---------------------------------------------------------------------------------------------------------


def test_klines_of_a_replay_are_the_candles():
    given = candles()
    source = CandleSource(given, history=100)
    venue = replayed(source, 200 * MINUTE, Clock(int(given.time[100]), manual=True))
    bars = venue.core.market("BTCUSDT").bars.within("1m", int(given.time[0]), None, 300)
    assert len(bars) == 300
    for place, bar in enumerate(bars):
        made = (bar.open_ms, *map(float, (bar.open, bar.high, bar.low, bar.close, bar.amount)))
        columns = (given.time, given.open, given.high, given.low, given.close, given.volume)
        assert made == tuple(column[place] for column in columns), place


def test_longer_klines_are_made_of_the_minutes():
    given = candles()
    venue = replayed(CandleSource(given, history=100), 200 * MINUTE, Clock(int(given.time[100]), manual=True))
    hours = given.resample("1h")
    bars = venue.core.market("BTCUSDT").bars.within("1h", int(given.time[0]), None, 10)
    assert [float(bar.high) for bar in bars] == list(hours.high)
    assert [round(float(bar.amount), 5) for bar in bars] == [round(float(v), 5) for v in hours.volume]


def test_perpetual_candles_trade_on_the_futures_side():
    source = CandleSource(candles(instrument="BTC/USDT:USDT"))
    assert [rules.perpetual for rules in source.symbols] == [True]


def test_candles_without_volume_trade_all_the_same():
    source = CandleSource(candles(volume=False), history=10)
    core = Core(source.symbols, start_ms=START)
    moves = [event for _, event in itertools.islice(source.events(core), 40)]
    assert all(move.amount > 0 for move in moves)


def test_order_in_a_replay_is_filled_when_the_price_comes():
    given = candles()
    source = CandleSource(given, history=100)
    venue = SimulatedVenue(sources=source, clock=Clock(int(given.time[100]), manual=True))
    limit = D(str(round(float(given.low[100:110].min()) + 0.5, 2)))

    async def run() -> None:
        async with venue:
            number = venue.control.external_order("BTCUSDT", "BUY", "0.001", limit)
            order = venue.core.spot.all_orders[number]
            while order.is_open:
                await venue.advance(1_000)
            assert order.average <= limit
            bar = (venue.clock.now_ms() - START) // MINUTE
            assert given.low[bar] <= limit

    asyncio.run(asyncio.wait_for(run(), 60))


def test_tick_and_lot_are_as_fine_as_the_candles():
    (rules,) = CandleSource(candles()).symbols
    assert (rules.tick, rules.lot) == (D("0.01"), D("0.00001"))


def test_single_candle_is_no_market():
    with pytest.raises(DataError, match="at least two"):
        CandleSource(candles(1))


# --- recordings ------------------------------------------------------------------------------------------------------


def recording() -> tuple[pl.DataFrame, pl.DataFrame]:
    depth = pl.DataFrame({
        "local_ns": [1, 1, 3, 3], "event_ms": [START, START, START + 20, START + 20],
        "first_update_id": [0, 0, 11, 11], "final_update_id": [10, 10, 12, 12], "side": ["b", "a", "b", "b"],
        "price": [99.5, 100.5, 99.5, 99.25], "qty": [1.5, 2.0, 0.0, 0.75], "is_snapshot": [True, True, False, False],
    })  # fmt: skip
    trades = pl.DataFrame({"local_ns": [2], "event_ms": [START + 10], "trade_id": [77], "price": [99.5], "qty": [0.25],
                           "buyer_is_maker": [True]})  # fmt: skip
    return depth, trades


def test_recording_is_told_in_the_order_in_which_it_was_heard():
    depth, trades = recording()
    source = RecordedSource("BTC/USDT", depth=depth, trades=trades)
    venue = replayed(source, 20, Clock(START, manual=True))
    market = venue.core.market("BTCUSDT")
    assert (market.book.update_id, market.book.bid, market.book.ask) == (12, D("99.25"), D("100.5"))
    assert [(trade.id, trade.amount, trade.buyer_is_maker) for trade in market.tape] == [(77, D("0.25"), True)]
    assert (source.rules.tick, source.rules.lot) == (D("0.01"), D("0.01"))


def test_nothing_recorded_is_refused():
    with pytest.raises(DataError, match="nothing was recorded"):
        RecordedSource("BTC/USDT")


@pytest.mark.shared
@pytest.mark.parametrize(("kind", "symbol"), [("spot", "BTC/USDT"), ("usdm", "BTC/USDT:USDT")])
def test_book_of_a_recording_has_the_recorded_best_prices(shared, kind, symbol):
    folder = shared / "marketdata" / "l2"
    depth, quotes = (
        pl.read_parquet(folder / f"binance-{kind}_BTCUSDT_20240808_{word}.parquet") for word in ("depth", "bbo")
    )
    first = depth.filter("is_snapshot")["final_update_id"][0]
    depth = depth.filter(pl.col("is_snapshot") | (pl.col("final_update_id") > first)).head(60_000)
    source = RecordedSource(symbol, depth=depth)
    core = Core(source.symbols, start_ms=source.start_ms)
    market = core.market("BTCUSDT", perpetual=source.rules.perpetual)
    best = {row[0]: row[1:] for row in quotes.select("update_id", "bid", "bid_qty", "ask", "ask_qty").iter_rows()}
    compared = 0
    for time_ms, event in source.events(core):
        reports = core.step(event, time_ms)
        assert [(report.first_id, report.last_id) for report in reports] == [(event.first_id or 1, event.last_id)] or (
            event.is_snapshot
        )
        book = market.book
        if event.last_id in best and not event.is_snapshot:
            ours = (book.bid, book.amount_at(BUY, book.bid), book.ask, book.amount_at(SELL, book.ask))
            assert tuple(map(float, ours)) == best[event.last_id]
            compared += 1
    assert compared > 80


# --- made up ---------------------------------------------------------------------------------------------------------


def test_same_seed_makes_the_same_market():
    def events(seed: int) -> list:
        source = SeededMarket(seed=seed)
        core = Core(source.symbols, start_ms=START)
        source.prepare(core)
        return list(itertools.islice(source.events(core), 200))

    assert events(1) == events(1) != events(2)
    times = [time for time, _ in events(1)]
    assert times == sorted(times)
    assert 8 < 200_000 / (times[-1] - times[0]) < 32  # sixteen trades a second: four of each of four


def test_made_up_market_has_a_history_that_leads_to_its_price():
    source = SeededMarket([("SOL/USDT", 150.0)], seed=4)
    core = Core(source.symbols, start_ms=START + 30_000)
    source.prepare(core)
    bars = core.market("SOLUSDT").bars.within("1m", None, None, 1_000)
    assert len(bars) == 1_000
    assert (bars[-1].close_ms, float(bars[-1].close)) == (START - 1, 150.0)
    assert all(bar.low <= min(bar.open, bar.close) and bar.high >= max(bar.open, bar.close) for bar in bars)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_made_up_book_begins_at_the_price_of_the_trade(side):
    rules = Symbol.of("BTC/USDT", 60_000)
    bids, asks = Ladder().around(rules, D("60123.45"), side)
    assert len(bids) == len(asks) == 20
    assert (asks if side == BUY else bids)[0][0] == D("60123.45")
    assert bids[0][0] < asks[0][0]
    for levels, descending in ((bids, True), (asks, False)):
        prices = [price for price, _ in levels]
        assert prices == sorted(set(prices), reverse=descending)
        assert all(amount % rules.lot == 0 < amount and price % rules.tick == 0 for price, amount in levels)


def test_participants_are_accounts_like_any_other():
    source = Crowd(seed=2)
    core = Core(source.symbols, seed=2, start_ms=START)
    source.prepare(core)
    for time_ms, event in itertools.islice(source.events(core), 1_500):
        assert isinstance(event, Place) or type(event).__name__ == "CancelAll"
        try:
            core.step(event, time_ms)
        except Refusal:
            continue
    traded = {fill.account for name in core.accounts for fill in core.ledger.fills(name)}
    assert traded >= {"taker-0", "taker-1"}

    class Held:
        pass

    held = Held()
    held.core = core
    check_books(held)


def test_source_that_fails_is_not_passed_over_in_silence():
    class Broken(SeededMarket):
        def events(self, core):
            yield core.time_ms, Tick()
            raise DataError("the tape is torn")

    async def run() -> None:
        async with SimulatedVenue(sources=Broken(seed=1)) as venue:
            await asyncio.wait(venue._tasks, timeout=10, return_when=asyncio.FIRST_COMPLETED)

    with pytest.raises(DataError, match="torn"):
        asyncio.run(run())


# --- the clock -------------------------------------------------------------------------------------------------------


def test_clock_says_what_is_wrong_with_it():
    with pytest.raises(ConfigError, match="above 0"):
        Clock(START, speed=0)
    with pytest.raises(ConfigError, match="start_ms"):
        Clock(manual=True)
    with pytest.raises(ConfigError, match="by itself"):
        Clock().advance(5)


def test_replay_runs_as_fast_as_asked(monkeypatch):
    machine = SimpleNamespace(monotonic=lambda: 5.0, time=lambda: 0.0)
    monkeypatch.setattr("workbench.connectors.simulated.clock.time", machine)
    clock = Clock(START, speed=1_000)
    assert clock.now_ms() == START
    machine.monotonic = lambda: 5.25
    assert clock.now_ms() == START + 250_000
    assert clock.seconds_until(START + 1_250_000) == 1.0
    assert clock.seconds_until(START) == 0.0


def test_venue_without_a_source_takes_its_quotes_from_whoever_comes():
    venue = SimulatedVenue()
    assert venue.core.market("BTCUSDT").book.bid is None
    venue.control.book("BTCUSDT", [(59_999, 1)], [(60_001, 1)])
    assert venue.core.market("BTCUSDT").book.bid == 59_999
    assert isinstance(venue.step(Move("BTCUSDT", D(60_001), D(1)))[0].price, D)
    assert venue.step(Depth("BTCUSDT", (), ((D(60_001), D(0)),)))
