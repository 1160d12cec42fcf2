"""Recording a venue on loopback: what was heard is in the store, and what was not is marked.

The venue's clock is moved by hand, and the recorder's shows the same time. Each thing happens once the recorder has
taken the one before.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.connectors.bench import VenueTime
from workbench import data
from workbench.connectors import CcxtConnector, Depth, Event, Freshness, Gap, Quote, SimulatedVenue, Stream, Trade
from workbench.connectors.simulated import Clock
from workbench.data import record, recorded
from workbench.errors import ConfigError, DataError

SPOT, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"
START = 1_700_000_000_000
STEP_MS = 500


class Watched(CcxtConnector):
    """Remembers what the recorder has taken."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.taken: list[Event] = []

    async def next_event(self) -> Event:
        self.taken.append(event := await super().next_event())
        return event

    def count(self, kind: type[Any]) -> int:
        return sum(isinstance(event, kind) for event in self.taken)


class Scene:
    """A venue, a connector to it, and a market that moves step by step."""

    def __init__(self, venue: SimulatedVenue, connector: Watched, clock: VenueTime) -> None:
        self.venue, self.connector, self.clock = venue, connector, clock
        self.perpetual, self.steps = connector.perpetual, 0
        self.symbol = PERPETUAL if connector.perpetual else SPOT

    async def listening(self, kinds: Iterable[str]) -> None:
        """Wait until the venue tells us all that is recorded, and we know it."""
        streams = [kind for kind in kinds if kind != "funding"]
        heard = self.venue.sides["futures" if self.perpetual else "spot"].streams.listeners
        lines = self.connector.streams.lines
        if streams:
            await until(lambda: len(heard) == len(streams) and all(one.is_fresh for one in lines[self.symbol].watches))

    async def step(self) -> None:
        """Quotes move and a trade is made; then the clock moves, and the venue tells of changed levels."""
        self.venue.control.book("BTCUSDT", *levels(self.steps % 5), perpetual=self.perpetual)
        side = "SELL" if self.steps % 2 else "BUY"
        self.venue.control.trade("BTCUSDT", 60_000 + self.steps % 7, 0.01, side, perpetual=self.perpetual)
        self.steps += 1
        await self.venue.advance(STEP_MS)

    async def caught_up(self, kinds: Iterable[str]) -> None:
        """Wait until the recorder has taken the last trade and the last change of the book."""
        book = self.venue.core.market("BTCUSDT", perpetual=self.perpetual).book
        taken = self.connector.taken
        if "trades" in kinds:
            await until(lambda: self.connector.count(Trade) == self.steps)
        if "quotes" in kinds:
            await until(lambda: self.connector.count(Quote) > 0)
        if "depth" in kinds:
            await until(lambda: any(isinstance(one, Depth) and one.final_id == book.update_id for one in taken))


def levels(shift: float = 0.0) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    return (
        [(59_990 + shift, 5), (59_980 + shift, 4)],
        [(60_010 + shift, 5), (60_020 + shift, 6)],
    )


@asynccontextmanager
async def scene(*, perpetual: bool = False, start_ms: int = START) -> AsyncIterator[Scene]:
    async with SimulatedVenue(clock=Clock(start_ms, manual=True)) as venue:
        venue.control.book("BTCUSDT", *levels(), perpetual=perpetual)
        clock = VenueTime()
        clock.venue = venue
        connector = Watched(
            "binance", clock=clock, chance=Random(1), perpetual=perpetual, silence_s=60.0,
            folder=Path(tempfile.mkdtemp()), config=venue.ccxt(perpetual=perpetual),
        )  # fmt: skip
        await connector.start()
        try:
            yield Scene(venue, connector, clock)
        finally:
            await connector.close()


@asynccontextmanager
async def recorder(scene: Scene, kinds: Iterable[str], root: Path, *, flush_s: float = 0.5) -> AsyncIterator[None]:
    """Record until left; what was heard is in the store then."""
    work = record(scene.connector, [scene.symbol], clock=scene.clock, kinds=kinds, root=root, flush_s=flush_s)
    recording = asyncio.ensure_future(work)
    try:
        await scene.listening(kinds)
        yield
    finally:
        recording.cancel()
        with pytest.raises(asyncio.CancelledError):
            await recording


async def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


def recording(tmp_path: Path, kinds: Iterable[str] = ("trades", "quotes", "depth"), *, start_ms: int = START) -> None:
    """Twenty steps."""

    async def run() -> None:
        async with scene(start_ms=start_ms) as one, recorder(one, kinds, tmp_path):
            for _ in range(20):
                await one.step()
                await one.caught_up(kinds)

    asyncio.run(run())


def test_trades_quotes_and_depth_are_kept_as_they_came(tmp_path: Path) -> None:
    recording(tmp_path)
    trades = recorded("binance", SPOT, "trades", root=tmp_path)
    assert len(trades) == 20
    assert trades["price"].to_list() == [60_000.0 + n % 7 for n in range(20)]
    assert trades["buyer_is_maker"].to_list() == [bool(n % 2) for n in range(20)]
    assert trades["trade_id"].n_unique() == 20
    quotes = recorded("binance", SPOT, "quotes", root=tmp_path)
    assert len(quotes) > 0
    assert (quotes["bid"] < quotes["ask"]).all()
    assert sorted(path.name for path in (tmp_path / "binance" / "BTC-USDT").iterdir()) == ["depth", "quotes", "trades"]


def test_rows_are_counted_by_kind(tmp_path: Path) -> None:
    """Six events wait when it begins, so that it takes them however little time it has."""
    bids, asks = map(tuple, levels())
    waiting: list[Event] = [Trade(SPOT, str(n), 1, 60_000.0, 0.01, START + n) for n in range(3)]
    waiting += [Quote(SPOT, 59_990.0, 5.0, 60_010.0, 5.0, START), Depth(SPOT, 1, 2, 0, bids, asks, True, START)]
    waiting += [Gap(Stream.TRADES, SPOT, START, START + 9)]

    async def run() -> dict[str, int]:
        async with scene() as one:
            for event in waiting:
                one.connector.streams.outlet.put(event)
            kinds = ["trades", "quotes", "depth"]
            return await record(one.connector, [SPOT], clock=one.clock, kinds=kinds, root=tmp_path, seconds=0.01)

    rows = asyncio.run(run())
    assert (rows["trades"], rows["gaps"], rows["funding"]) == (3, 1, 0)
    for kind in ("trades", "quotes", "depth", "gaps"):
        assert rows[kind] == len(recorded("binance", SPOT, kind, root=tmp_path)) > 0


def test_recorded_depth_builds_the_book_again(tmp_path: Path) -> None:
    recording(tmp_path, ["depth"])
    depth = recorded("binance", SPOT, "depth", root=tmp_path)
    assert depth["is_snapshot"][0]
    book: dict[str, dict[float, float]] = {"b": {}, "a": {}}
    previous = depth["final_update_id"][0]
    for row in depth.iter_rows(named=True):
        assert row["final_update_id"] >= previous
        previous = row["final_update_id"]
        if row["qty"] == 0.0:
            book[row["side"]].pop(row["price"], None)
        else:
            book[row["side"]][row["price"]] = row["qty"]
    bids, asks = levels(19 % 5)
    assert sorted(book["b"].items(), reverse=True) == [(float(p), float(q)) for p, q in bids]
    assert sorted(book["a"].items()) == [(float(p), float(q)) for p, q in asks]


def test_recorded_trades_become_bars(tmp_path: Path) -> None:
    recording(tmp_path, ["trades"])
    trades = recorded("binance", SPOT, "trades", root=tmp_path).drop("local_ns")
    trades.write_parquet(tmp_path / "trades.parquet")
    data.ingest(
        tmp_path / "trades.parquet", venue="binance", instrument=SPOT, timeframe="1m", columns={"time": "event_ms"}
    )
    candles = data.candles("binance", SPOT, "1m")
    assert float(candles.volume.sum()) == pytest.approx(0.2)


def test_what_was_not_heard_is_a_gap(tmp_path: Path) -> None:
    async def run() -> None:
        async with scene() as one, recorder(one, ["depth"], tmp_path):
            for _ in range(3):
                await one.step()
                await one.caught_up(["depth"])
            one.venue.control.gap("btcusdt@depth*", 2)
            for _ in range(3):  # two changes are lost; the third shows it
                await one.step()
            taken = one.connector.taken
            await until(lambda: [e.is_fresh for e in taken if isinstance(e, Freshness)] == [True, False, True])
            await one.step()
            await one.caught_up(["depth"])

    asyncio.run(run())
    gaps = recorded("binance", SPOT, "gaps", root=tmp_path)
    assert gaps["stream"].to_list() == ["depth"]
    assert 0 < gaps["end_ms"][0] - gaps["start_ms"][0] < 3_000
    assert recorded("binance", SPOT, "depth", root=tmp_path)["is_snapshot"].any()


def test_pause_between_two_recorders_is_a_gap(tmp_path: Path) -> None:
    recording(tmp_path, ["trades"])
    last = recorded("binance", SPOT, "trades", root=tmp_path)["local_ns"].max() // 1_000_000
    recording(tmp_path, ["trades"], start_ms=START + 60_000)
    gaps = recorded("binance", SPOT, "gaps", root=tmp_path)
    assert gaps.select("stream", "reason").rows() == [("trades", "nobody recorded")]
    assert gaps.select("start_ms", "end_ms").rows() == [(last, START + 60_000)]


def test_funding_of_a_perpetual_is_asked_for(tmp_path: Path) -> None:
    async def run() -> None:
        async with scene(perpetual=True) as one, recorder(one, ["funding"], tmp_path, flush_s=0.01):
            await until(lambda: list(tmp_path.rglob("funding/*.parquet")))

    asyncio.run(run())
    funding = recorded("binance", PERPETUAL, "funding", root=tmp_path)
    assert len(funding) == 1
    assert funding["rate"][0] == pytest.approx(0.0001)
    assert funding["next_ms"][0] > funding["event_ms"][0]


def test_reading_cuts_by_time(tmp_path: Path) -> None:
    recording(tmp_path, ["trades"])
    whole = recorded("binance", SPOT, "trades", root=tmp_path)
    middle = int(whole["local_ns"][10]) // 1_000_000
    early = recorded("binance", SPOT, "trades", end=middle, root=tmp_path)
    late = recorded("binance", SPOT, "trades", start=middle, root=tmp_path)
    assert len(whole) == 20
    assert (len(early), len(late)) == (10, 10)


def test_unknown_kind_and_empty_store_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Choose one of"):
        recorded("binance", SPOT, "candles", root=tmp_path)
    with pytest.raises(DataError, match="Record them first"):
        recorded("binance", SPOT, "trades", root=tmp_path)


def test_damaged_part_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "binance" / "BTC-USDT" / "trades"
    folder.mkdir(parents=True)
    (folder / "1.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="cannot be read"):
        recorded("binance", SPOT, "trades", root=tmp_path)
