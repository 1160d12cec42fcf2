"""A recorded book through the venue's sockets into ours: `python -m tests.connectors.recorded_books --seconds 300`.

The simulated venue replays recorded depth; unmodified ccxt and our connector follow it; at each update our best bid and
ask are compared with the quote that was recorded under the same update id. The venue's clock is moved by hand, a tenth
of a second at a time, and only once our book has all of the step before: every step that changes the book is compared.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.connectors import Book, SimulatedVenue, Stream
from workbench.connectors.simulated import Clock
from workbench.connectors.simulated.sources import RecordedSource

from .bench import VenueTime, connect

STEP_MS = 100  # as often as the venue tells of changes
NAMES = {False: "binance-spot_BTCUSDT_20240808", True: "binance-usdm_BTCUSDT_20240808"}


@dataclass(slots=True)
class Compared:
    """Updates compared with recorded quotes, and the first that differed."""

    updates: int = 0
    equal: int = 0
    first: str = ""


async def compare(folder: Path, *, perpetual: bool, seconds: float) -> Compared:
    """Replay so many seconds of a recording from its snapshot on."""
    import polars as pl

    name = NAMES[perpetual]
    depth = pl.read_parquet(folder / f"{name}_depth.parquet")
    snapshot = depth.filter(pl.col("is_snapshot"))
    start, number = snapshot["local_ns"].min(), snapshot["final_update_id"].max()
    newer = pl.col("is_snapshot") | (pl.col("final_update_id") > number)  # a venue sends nothing from before its book
    depth = depth.filter(newer & pl.col("local_ns").is_between(start, start + int(seconds * 1e9)))
    quotes = pl.read_parquet(folder / f"{name}_bbo.parquet").sort("update_id")
    symbol = "BTC/USDT:USDT" if perpetual else "BTC/USDT"
    source = RecordedSource(symbol, depth=depth)
    venue = SimulatedVenue(sources=source, clock=Clock(source.start_ms, manual=True))
    async with venue:
        connector = connect(venue, perpetual=perpetual, silence_s=60.0, clock=VenueTime())
        found = Compared()
        compared = _against(quotes, found)
        connector.streams.listeners.append(compared)
        await connector.start()
        there = venue.core.market("BTCUSDT", perpetual=perpetual).book
        while not there.update_id:  # until the snapshot is there
            await venue.advance(STEP_MS)
        await connector.follow(Stream.BOOK, symbol)
        here, end_ms = connector.book(symbol), start // 1_000_000 + int(seconds * 1e3)
        await _until(lambda: here.is_fresh)
        while venue.clock.now_ms() < end_ms:
            await venue.advance(STEP_MS)
            await _until(lambda: here.number == there.update_id)
        await connector.close()
    return found


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


def _against(quotes: Any, found: Compared) -> Any:
    ids = quotes["update_id"].to_numpy()
    known = {name: quotes[name].to_numpy() for name in ("bid", "bid_qty", "ask", "ask_qty")}
    seen: set[int] = set()

    def compare_one(book: Book) -> None:
        top, row = book.top(), int(np.searchsorted(ids, book.number, side="right")) - 1
        if top is None or row < 0 or book.number in seen or book.number > ids[-1]:
            return
        seen.add(book.number)
        found.updates += 1
        ours = (top.bid, top.bid_amount, top.ask, top.ask_amount)
        theirs = tuple(float(column[row]) for column in known.values())
        if ours == theirs:
            found.equal += 1
        elif not found.first:
            found.first = f"update {book.number}: {ours}, recorded {theirs} at {ids[row]}"

    return compare_one


def main() -> None:
    """Print how many updates agree."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--folder", type=Path, default=Path(__file__).parents[3] / "shared" / "marketdata" / "l2")
    given = options.parse_args()
    for perpetual in (False, True):
        work = compare(given.folder, perpetual=perpetual, seconds=given.seconds)
        found = asyncio.run(work)
        print(f"{NAMES[perpetual]}: {found.equal} of {found.updates} updates equal the recorded quote. {found.first}")  # noqa: T201


if __name__ == "__main__":
    main()
