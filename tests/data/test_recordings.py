"""Every recorded candle file goes into the store, and the audit finds what its README lists, file by file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from workbench import data
from workbench.market import Audit, Candles, Instrument

pytestmark = pytest.mark.shared

README = Path(__file__).parents[3] / "shared" / "marketdata" / "README.md"
QUOTES = ("BTC", "ETH", "USDT", "USD")


@dataclass(frozen=True)
class Recording:
    """A line of the README's table: a candle file and what is odd in it."""

    name: str
    timeframe: str
    rows: int
    first: str
    last: str
    notes: str

    @property
    def venue(self) -> str:
        """The venue, with what kind of price it is where that is not trades: such candles are a series of their own."""
        kind = re.search(r"-(mark|quotes)", self.name)
        return self.name.split("_")[0] + (f"-{kind[1]}" if kind else "")

    @property
    def instrument(self) -> Instrument:
        pair = self.name.split("_")[1].removesuffix("-PERP").replace("-", "")
        base, quote = (
            next((pair.removesuffix(q), q) for q in QUOTES if pair.endswith(q) and pair != q)
            if pair != "BTC"
            else ("BTC", "USD")
        )
        return Instrument.parse(f"{base}/{quote}" + (f":{quote}" if "-PERP" in self.name else ""))

    def number(self, pattern: str) -> int:
        found = re.search(pattern, self.notes)
        return int(found[1].replace(",", "")) if found else 0


def recordings() -> list[Recording]:
    if not README.is_file():
        return []
    table = README.read_text("utf-8").split("## Candles, funding, marks, trades")[1].split("\nNotes:")[0]
    lines = [
        [cell.strip(" `") for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("| `")
    ]
    found = [Recording(c[0], c[2], int(c[3].replace(",", "")), c[4], c[5], c[6]) for c in lines]
    return [recording for recording in found if not re.search(r"_funding|_trades", recording.name)]


def ingest(shared: Path, recording: Recording) -> Audit:
    bids = {name: f"bid_{name}" for name in ("open", "high", "low", "close")} | {"volume": "bid_volume"}
    path = shared / "marketdata" / f"{recording.name}.parquet"
    if recording.name.endswith("-quotes"):
        have = pl.read_parquet_schema(path)
        bids["volume"] = next(name for name in have if name.startswith("bid_") and name not in bids.values())
    return data.ingest(
        path,
        venue=recording.venue,
        instrument=recording.instrument,
        timeframe=recording.timeframe,
        columns=bids if recording.name.endswith("-quotes") else None,
    )


def stored(recording: Recording) -> Candles:
    return data.candles(recording.venue, recording.instrument, recording.timeframe)


def test_all_candle_files_are_listed(shared: Path) -> None:
    files = {path.stem for path in (shared / "marketdata").glob("*.parquet")}
    assert {recording.name for recording in recordings()} == {
        name for name in files if not re.search(r"_funding|_trades", name)
    }


@pytest.mark.parametrize("recording", recordings(), ids=lambda recording: recording.name)
def test_audit_finds_what_the_readme_lists(shared: Path, recording: Recording) -> None:
    audit = ingest(shared, recording)
    assert audit.rows == recording.rows
    assert f"{pl.from_epoch(pl.Series([audit.first_ms]), 'ms')[0]:%Y-%m-%d %H:%M}" == recording.first
    assert f"{pl.from_epoch(pl.Series([audit.last_ms]), 'ms')[0]:%Y-%m-%d %H:%M}" == recording.last
    assert audit.missing == recording.number(r"([\d,]+) bars missing")
    assert len(audit.gaps) == recording.number(r"in ([\d,]+) gap")
    assert audit.nulls == recording.number(r"([\d,]+) null values")
    if (
        "volume is 0 by nature" not in recording.notes
        and "mark" not in recording.name
        and "quotes" not in recording.name
    ):
        assert audit.zero_volume == recording.number(r"([\d,]+) zero-volume")
    assert (audit.duplicates, audit.unsorted, audit.bad_ohlc) == (0, 0, 0)
    check_longest_gap(audit, recording)
    check_largest_jump(audit, recording)
    again = stored(recording).audit()
    assert (again.rows, again.missing, again.zero_volume) == (audit.rows, audit.missing, audit.zero_volume)


def check_longest_gap(audit: Audit, recording: Recording) -> None:
    listed = re.search(r"longest (\d+) between ([\d-]+ [\d:]+) and ([\d-]+ [\d:]+)", recording.notes)
    if listed:
        longest = audit.gaps.filter(pl.col("missing") == pl.col("missing").max())
        spans = {(f"{a:%Y-%m-%d %H:%M}", f"{b:%Y-%m-%d %H:%M}") for a, b in longest.select("after", "before").rows()}
        assert longest["missing"][0] == int(listed[1])
        assert (listed[2], listed[3]) in spans


def check_largest_jump(audit: Audit, recording: Recording) -> None:
    listed = re.search(r"largest close-to-close move ([\d.]+) % at ([\d-]+ [\d:]+)", recording.notes)
    if listed:
        time, move = audit.jumps.row(0)
        assert (round(abs(move) * 100, 2), f"{time:%Y-%m-%d %H:%M}") == (float(listed[1]), listed[2])


def by_name(name: str) -> Recording:
    return next(recording for recording in recordings() if recording.name == name)


def assert_same_bars(ours: Candles, theirs: Candles) -> int:
    """Compare every bar that both have and that ours has whole, to the bit."""
    both = np.intersect1d(ours.time, theirs.time)
    mine, other = np.searchsorted(ours.time, both), np.searchsorted(theirs.time, both)
    if ours.incomplete is not None:
        whole = ~ours.incomplete[mine]
        mine, other = mine[whole], other[whole]
    for name in ("open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(getattr(ours, name)[mine], getattr(theirs, name)[other], err_msg=name)
    return len(mine)


@pytest.mark.parametrize("coin", ["BTC", "ETH"])
def test_minutes_made_into_days_are_the_other_download(shared: Path, coin: str) -> None:
    minutes, days = by_name(f"binance_{coin}USDT_1m"), by_name(f"binance_{coin}USDT_1d")
    ingest(shared, minutes)
    ours = data.candles("binance", minutes.instrument, "1d")
    theirs = Candles.from_frame(pl.read_parquet(shared / "marketdata" / f"{days.name}.parquet"), timeframe="1d")
    assert len(ours) == 546
    assert ours.incomplete is not None
    assert int(ours.incomplete.sum()) == 1  # 2023-03-24, when the venue halted for 80 minutes
    assert assert_same_bars(ours, theirs) == 545
    halted = int(np.flatnonzero(ours.incomplete)[0])
    assert ours.close[halted] == theirs["2023-03-24":"2023-03-25"].close[0]


@pytest.mark.parametrize("coin", ["ADA", "DOGE", "XRP"])
def test_five_minutes_made_into_hours_are_the_other_download(shared: Path, coin: str) -> None:
    fives, hours = by_name(f"binance_{coin}USDT_5m"), by_name(f"binance_{coin}USDT_1h")
    ingest(shared, fives)
    ours = data.candles("binance", fives.instrument, "1h")
    theirs = Candles.from_frame(pl.read_parquet(shared / "marketdata" / f"{hours.name}.parquet"), timeframe="1h")
    assert assert_same_bars(ours, theirs) >= 8_010


def test_trades_made_into_minutes_are_the_recorded_minutes(shared: Path) -> None:
    trades = shared / "marketdata" / "binance_XRPETH_trades.parquet"
    data.ingest(trades, venue="binance", instrument="XRP/ETH", timeframe="1m")
    ours = data.candles("binance", "XRP/ETH", "1m")
    theirs = Candles.from_frame(pl.read_parquet(shared / "marketdata" / "binance_XRPETH_1m.parquet"), timeframe="1m")
    assert len(ours) == 2_469
    assert ours.fingerprint == theirs.fingerprint


def test_lost_minute_of_sol_is_found(shared: Path) -> None:
    gaps = ingest(shared, by_name("binance_SOLUSDT_1m")).gaps
    assert [(f"{a:%Y-%m-%d %H:%M}", n) for a, _, n in gaps.rows()] == [
        ("2023-02-14 16:38", 1),
        ("2023-03-24 12:39", 80),
    ]


def test_all_files_together_make_one_store(shared: Path) -> None:
    parts: dict[tuple[str, str, str], set[int]] = {}
    for recording in recordings():
        ingest(shared, recording)
        frame = pl.read_parquet(shared / "marketdata" / f"{recording.name}.parquet", columns=["timestamp"])
        key = (recording.venue, recording.instrument.symbol, recording.timeframe)
        parts.setdefault(key, set()).update(frame["timestamp"].to_physical().to_list())
    catalog = data.catalog()
    assert {row[:3]: row[3] for row in catalog.select("venue", "instrument", "timeframe", "rows").rows()} == {
        key: len(stamps) for key, stamps in parts.items()
    }
