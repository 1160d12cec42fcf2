"""Recording a venue on loopback: what was heard is in the store, and what was not is marked."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from workbench import data
from workbench.connectors import CcxtConnector, SimulatedVenue, SystemClock
from workbench.data import record, recorded
from workbench.errors import ConfigError, DataError

SPOT, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"


def levels(shift: float = 0.0) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    return (
        [(59_990 + shift, 5), (59_980 + shift, 4)],
        [(60_010 + shift, 5), (60_020 + shift, 6)],
    )


@asynccontextmanager
async def connected(*, perpetual: bool = False) -> AsyncIterator[tuple[SimulatedVenue, CcxtConnector]]:
    async with SimulatedVenue() as venue:
        venue.control.book("BTCUSDT", *levels(), perpetual=perpetual)
        connector = CcxtConnector(
            "binance", clock=SystemClock(), chance=Random(1), perpetual=perpetual, silence_s=1.0,
            folder=Path(tempfile.mkdtemp()), config={**venue.ccxt(perpetual=perpetual), "timeout": 1_000},
        )  # fmt: skip
        await connector.start()
        try:
            yield venue, connector
        finally:
            await connector.close()


async def market(venue: SimulatedVenue, *, perpetual: bool = False, trades: int = 20) -> None:
    """Something happens: quotes move and trades are made."""
    await asyncio.sleep(1.0)
    for n in range(trades):
        venue.control.book("BTCUSDT", *levels(n % 5), perpetual=perpetual)
        venue.control.trade("BTCUSDT", 60_000 + n % 7, 0.01, "SELL" if n % 2 else "BUY", perpetual=perpetual)
        await asyncio.sleep(0.05)


async def until(condition: Any, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def recording(tmp_path: Path, *, perpetual: bool = False, seconds: float = 3.0, **other: Any) -> dict[str, int]:
    async def run() -> dict[str, int]:
        async with connected(perpetual=perpetual) as (venue, connector):
            busy = asyncio.ensure_future(market(venue, perpetual=perpetual))
            symbol = PERPETUAL if perpetual else SPOT
            rows = await record(
                connector, [symbol], clock=SystemClock(), root=tmp_path, seconds=seconds, flush_s=0.5, **other
            )
            await busy
            return rows

    return asyncio.run(run())


def test_trades_quotes_and_depth_are_kept_as_they_came(tmp_path: Path) -> None:
    rows = recording(tmp_path)
    trades = recorded("binance", SPOT, "trades", root=tmp_path)
    assert len(trades) == rows["trades"] == 20
    assert trades["price"].to_list() == [60_000.0 + n % 7 for n in range(20)]
    assert trades["buyer_is_maker"].to_list() == [bool(n % 2) for n in range(20)]
    assert trades["trade_id"].n_unique() == 20
    quotes = recorded("binance", SPOT, "quotes", root=tmp_path)
    assert len(quotes) == rows["quotes"] > 0
    assert (quotes["bid"] < quotes["ask"]).all()
    assert rows["gaps"] == 0
    assert sorted(path.name for path in (tmp_path / "binance" / "BTC-USDT").iterdir()) == ["depth", "quotes", "trades"]


def test_recorded_depth_builds_the_book_again(tmp_path: Path) -> None:
    recording(tmp_path, kinds=["depth"])
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
    recording(tmp_path, kinds=["trades"])
    trades = recorded("binance", SPOT, "trades", root=tmp_path).drop("local_ns")
    trades.write_parquet(tmp_path / "trades.parquet")
    data.ingest(
        tmp_path / "trades.parquet", venue="binance", instrument=SPOT, timeframe="1m", columns={"time": "event_ms"}
    )
    candles = data.candles("binance", SPOT, "1m")
    assert float(candles.volume.sum()) == pytest.approx(0.2)


def test_what_was_not_heard_is_a_gap(tmp_path: Path) -> None:
    async def run() -> None:
        async with connected() as (venue, connector):
            busy = asyncio.ensure_future(market(venue, trades=200))
            work = record(connector, [SPOT], clock=SystemClock(), kinds=["depth"], root=tmp_path)
            recording, book = asyncio.ensure_future(work), connector.book(SPOT)
            await until(lambda: book.is_fresh)
            await asyncio.sleep(0.3)
            venue.control.gap("btcusdt@depth*", 2)
            await until(lambda: book.stale)
            await until(lambda: book.is_fresh)
            await asyncio.sleep(0.3)
            recording.cancel()
            busy.cancel()
            await asyncio.gather(recording, busy, return_exceptions=True)

    asyncio.run(run())
    gaps = recorded("binance", SPOT, "gaps", root=tmp_path)
    assert gaps["stream"].to_list() == ["depth"]
    assert 0 < gaps["end_ms"][0] - gaps["start_ms"][0] < 3_000
    assert recorded("binance", SPOT, "depth", root=tmp_path)["is_snapshot"].any()


def test_pause_between_two_recorders_is_a_gap(tmp_path: Path) -> None:
    recording(tmp_path, kinds=["trades"], seconds=2.5)
    last = recorded("binance", SPOT, "trades", root=tmp_path)["local_ns"].max() // 1_000_000
    recording(tmp_path, kinds=["trades"], seconds=2.5)
    gaps = recorded("binance", SPOT, "gaps", root=tmp_path)
    assert gaps.select("stream", "reason").rows() == [("trades", "nobody recorded")]
    assert gaps["start_ms"][0] == last


def test_funding_of_a_perpetual_is_asked_for(tmp_path: Path) -> None:
    rows = recording(tmp_path, perpetual=True, kinds=["funding"], seconds=1.0)
    funding = recorded("binance", PERPETUAL, "funding", root=tmp_path)
    assert rows["funding"] == 1
    assert funding["rate"][0] == pytest.approx(0.0001)
    assert funding["next_ms"][0] > funding["event_ms"][0]


def test_reading_cuts_by_time(tmp_path: Path) -> None:
    recording(tmp_path, kinds=["trades"])
    whole = recorded("binance", SPOT, "trades", root=tmp_path)
    middle = int(whole["local_ns"][10]) // 1_000_000
    early = recorded("binance", SPOT, "trades", end=middle, root=tmp_path)
    late = recorded("binance", SPOT, "trades", start=middle, root=tmp_path)
    assert len(early) + len(late) == len(whole)
    assert 0 < len(early) < len(whole)


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
