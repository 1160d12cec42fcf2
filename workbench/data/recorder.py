"""Recording a venue live: trades, quotes, depth and funding into the store, with what was missed marked as gaps.

Columns are those that recordings of venues usually have, so a recording can be replayed, and its trades made into bars
by `ingest`. A part is written whole and never changed; a kill loses what was heard since the last one, and the next
recorder marks that stretch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.connectors import (
    Behind,
    Clock,
    Connector,
    Depth,
    Freshness,
    FundingRate,
    Gap,
    Quote,
    Stream,
    Trade,
)
from workbench.data.files import write_whole
from workbench.data.series import check_venue, folder_name
from workbench.errors import ConfigError, DataError, WorkbenchError
from workbench.market import Instrument, Moment, as_time
from workbench.settings import data_folder

if TYPE_CHECKING:
    import polars as pl

COLUMNS: dict[str, tuple[str, ...]] = {
    "trades": ("local_ns", "event_ms", "trade_id", "price", "qty", "buyer_is_maker"),
    "quotes": ("local_ns", "event_ms", "bid", "bid_qty", "ask", "ask_qty"),
    "depth": ("local_ns", "event_ms", "first_update_id", "final_update_id", "prev_final_update_id", "side", "price",
              "qty", "is_snapshot"),
    "funding": ("local_ns", "event_ms", "rate", "next_ms", "mark", "index"),
    "gaps": ("local_ns", "stream", "start_ms", "end_ms", "reason"),
}  # fmt: skip
STREAMS = {"trades": Stream.TRADES, "quotes": Stream.QUOTES, "depth": Stream.DEPTH}
HEARD_AS = {Stream.TRADES: "trades", Stream.QUOTES: "quotes", Stream.BOOK: "depth", Stream.DEPTH: "depth"}
FLUSH_S, FLUSH_ROWS = 60.0, 50_000
FUNDING_S = 60.0
MS = 1_000_000


async def record(
    connector: Connector,
    instruments: Iterable[str],
    *,
    clock: Clock,
    kinds: Iterable[str] = ("trades", "quotes", "depth", "funding"),
    root: Path | None = None,
    seconds: float | None = None,
    flush_s: float = FLUSH_S,
) -> dict[str, int]:
    """Record until cancelled, or for so many seconds; what was heard is in the store when it returns.

    Parameters
    ----------
    connector : Connector
        Started; its events are read here and nowhere else.
    kinds : iterable of str
        Of "trades", "quotes", "depth" (every change of the book) and "funding" (perpetuals).
    root : Path, optional
        The store; left out: the usual one.
    flush_s : float
        A part is written at least this often; a kill loses no more.

    Returns
    -------
    dict of str to int
        Rows by kind, "gaps" among them.
    """
    recorder = Recorder(connector, list(instruments), list(kinds), root or data_folder(), clock)
    await recorder.start()
    try:
        with suppress(asyncio.TimeoutError, TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(recorder.listen(), recorder.ask(), recorder.keep_flushing(flush_s))
    finally:
        recorder.flush()
    return recorder.rows


def recorded(
    venue: str,
    instrument: str | Instrument,
    kind: str,
    start: Moment | None = None,
    end: Moment | None = None,
    *,
    root: Path | None = None,
) -> pl.DataFrame:
    """What was recorded, in the order in which it was heard; `kind` is one of those of `record`, or "gaps".

    Raises
    ------
    ConfigError
        If there is no such kind.
    DataError
        If nothing was recorded, or a part is damaged.
    """
    import polars as pl

    if kind not in COLUMNS:
        raise ConfigError(f"{kind!r} is nothing that is recorded. Choose one of {', '.join(COLUMNS)}.")
    folder = _folder(root or data_folder(), venue, Instrument.parse(instrument), kind)
    parts = sorted(folder.glob("*.parquet"), key=lambda path: int(path.stem))
    if not parts:
        raise DataError(f"{venue} {instrument}: no {kind} were recorded under {folder.parent}. Record them first.")
    try:
        table = pl.read_parquet(parts)
    except (pl.exceptions.PolarsError, OSError) as broken:
        raise DataError(f"{folder}: a part cannot be read as Parquet ({broken}). Move it away.") from broken
    local_ms = pl.col("local_ns") // MS
    if start is not None:
        table = table.filter(local_ms >= as_time(start))
    return table if end is None else table.filter(local_ms < as_time(end))


@dataclass(slots=True)
class Recorder:
    """Hears events and keeps rows until they are written."""

    connector: Connector
    instruments: list[str]
    kinds: list[str]
    root: Path
    clock: Clock
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COLUMNS, 0))
    _waiting: dict[tuple[str, str], list[tuple[Any, ...]]] = field(default_factory=dict)
    _heard_ms: dict[tuple[str, str], int] = field(default_factory=dict)
    _lost_ms: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    _shed: int = 0

    def __post_init__(self) -> None:
        unknown = [kind for kind in self.kinds if kind not in (*STREAMS, "funding")]
        if unknown or not self.instruments:
            what = unknown or "no instrument"
            raise ConfigError(f"cannot record {what}: choose instruments, and of {', '.join((*STREAMS, 'funding'))}.")

    async def start(self) -> None:
        """Follow what is recorded, and mark what an earlier recorder did not hear."""
        for instrument in self.instruments:
            for kind in self.kinds:
                self._mark_pause(instrument, kind)
                if kind in STREAMS:
                    await self.connector.follow(STREAMS[kind], instrument)

    async def listen(self) -> None:
        """Take events as they come."""
        while True:
            self.take(await self.connector.next_event())

    def take(self, event: object) -> None:
        """Keep one event."""
        now = self.clock.now_ms()
        if isinstance(event, Trade) and "trades" in self.kinds:
            print_ = (now * MS, event.time_ms, event.trade_id, event.price, event.amount, event.side < 0)
            self._keep("trades", event.instrument, print_)
        elif isinstance(event, Quote) and "quotes" in self.kinds:
            quote = (now * MS, event.time_ms, event.bid, event.bid_amount, event.ask, event.ask_amount)
            self._keep("quotes", event.instrument, quote)
        elif isinstance(event, Depth) and "depth" in self.kinds:
            head = (now * MS, event.time_ms, event.first_id, event.final_id, event.previous_id)
            for side, levels in (("b", event.bids), ("a", event.asks)):
                for price, amount in levels:
                    self._keep("depth", event.instrument, (*head, side, price, amount, event.is_snapshot))
        elif isinstance(event, Freshness) and event.stream in HEARD_AS:
            self._fresh(HEARD_AS[event.stream], event)
        elif isinstance(event, Gap):
            stream = HEARD_AS.get(event.stream, event.stream.name.lower())
            self._gap(event.instrument, stream, event.start_ms, event.end_ms, "the venue has no more")
        elif isinstance(event, Behind) and event.shed > self._shed:
            for instrument in self.instruments:
                self._gap(instrument, "trades", now - event.lag_ms, now, f"{event.shed - self._shed} events shed")
            self._shed = event.shed

    async def ask(self) -> None:
        """Funding rates have no stream: ask for them."""
        perpetuals = [name for name in self.instruments if Instrument.parse(name).is_perpetual]
        while "funding" in self.kinds and perpetuals:
            for instrument in perpetuals:
                try:
                    self._fund(await self.connector.funding_rate(instrument))
                except WorkbenchError:
                    continue  # the hole shows in the stamps
            await self.clock.sleep(FUNDING_S)
        await asyncio.Event().wait()

    async def keep_flushing(self, every_s: float) -> None:
        """Write what waits, now and then."""
        while True:
            await self.clock.sleep(every_s)
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        for (kind, instrument), rows in self._waiting.items():
            if rows:
                self._write(kind, instrument, rows)
        self._waiting.clear()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _fund(self, told: FundingRate) -> None:
        row = (self.clock.now_ms() * MS, told.time_ms, told.rate, told.next_ms, told.mark, told.index)
        self._keep("funding", told.instrument, row)

    def _keep(self, kind: str, instrument: str, row: tuple[Any, ...]) -> None:
        rows = self._waiting.setdefault((kind, instrument), [])
        rows.append(row)
        self.rows[kind] += 1
        self._heard_ms[kind, instrument] = row[0] // MS
        if len(rows) >= FLUSH_ROWS:
            self._write(kind, instrument, rows)
            rows.clear()

    def _fresh(self, kind: str, event: Freshness) -> None:
        key = kind, event.instrument
        if not event.is_fresh:
            self._lost_ms.setdefault(key, (self._heard_ms.get(key, event.time_ms), event.reason))
        elif key in self._lost_ms:
            since_ms, reason = self._lost_ms.pop(key)
            self._gap(event.instrument, kind, since_ms, event.time_ms, reason)

    def _gap(self, instrument: str, stream: str, start_ms: int, end_ms: int, reason: str) -> None:
        self._keep("gaps", instrument, (self.clock.now_ms() * MS, stream, start_ms, end_ms, reason))

    def _mark_pause(self, instrument: str, kind: str) -> None:
        parts = sorted(self._path(kind, instrument).glob("*.parquet"), key=lambda path: int(path.stem))
        if parts:
            import polars as pl

            last = pl.scan_parquet(parts[-1]).select(pl.col("local_ns").max()).collect().item()
            self._gap(instrument, kind, int(last) // MS, self.clock.now_ms(), "nobody recorded")

    def _write(self, kind: str, instrument: str, rows: list[tuple[Any, ...]]) -> None:
        import polars as pl

        folder = self._path(kind, instrument)
        folder.mkdir(parents=True, exist_ok=True)
        table = pl.DataFrame(rows, schema=list(COLUMNS[kind]), orient="row", infer_schema_length=None)
        number = int(rows[0][0])
        while (folder / f"{number}.parquet").exists():
            number += 1
        write_whole(folder / f"{number}.parquet", lambda half: table.write_parquet(half, compression="zstd"))

    def _path(self, kind: str, instrument: str) -> Path:
        return _folder(self.root, self.connector.venue, Instrument.parse(instrument), kind)


def _folder(root: Path, venue: str, instrument: Instrument, kind: str) -> Path:
    return root / check_venue(venue) / folder_name(instrument) / kind
