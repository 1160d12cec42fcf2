"""The store: what goes in comes out, whole, whoever dies on the way."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from killing import kill_child_after, run_child, tree
from kline_server import MINUTE, make_tape

from workbench import data
from workbench.data.lock import locked
from workbench.data.manifest import read_manifest
from workbench.data.series import Series, fingerprint
from workbench.errors import ConfigError, DataError
from workbench.market import Candles, Instrument, as_time
from workbench.settings import data_folder

START = as_time("2023-01-30")
BTC = Instrument.parse("BTC/USDT")


def frame(minutes: int = 5_000, start: int = START, holes: tuple[tuple[int, int], ...] = ()) -> pl.DataFrame:
    tape = make_tape(start, minutes, holes)
    names = ("open", "high", "low", "close", "volume")
    columns = dict(zip(names, map(list, zip(*tape.values(), strict=True)), strict=True))
    return pl.DataFrame({"time": list(tape), **columns})


def put(table: pl.DataFrame, *, replace: bool = False, timeframe: str = "1m", instrument: str = "BTC/USDT") -> None:
    data.ingest(table, venue="binance", instrument=instrument, timeframe=timeframe, replace=replace)


def get(timeframe: str = "1m", start: str | int | None = None, end: str | int | None = None) -> Candles:
    return data.candles("binance", "BTC/USDT", timeframe, start, end)


def series() -> Series:
    return Series(data_folder(), "binance", BTC, "1m")


def test_what_goes_in_comes_out() -> None:
    table = frame()
    put(table)
    candles = get()
    assert candles.time.tolist() == table["time"].to_list()
    assert all(
        getattr(candles, name).tolist() == table[name].to_list() for name in ("open", "high", "low", "close", "volume")
    )
    assert (candles.venue, candles.instrument, candles.timeframe) == ("binance", BTC, "1m")


def test_a_part_holds_a_month() -> None:
    put(frame())
    manifest = series().manifest()
    assert [part.month for part in manifest.parts] == ["2023-01", "2023-02"]
    assert [part.rows for part in manifest.parts] == [2_880, 2_120]
    assert {path.name for path in series().folder.iterdir()} == {p.file for p in manifest.parts} | {
        "manifest.json",
        ".lock",
    }


def test_fingerprint_in_the_manifest_is_that_of_the_bars() -> None:
    put(frame())
    part = series().manifest().parts[1]
    assert part.fingerprint == fingerprint(series().read(as_time("2023-02"), None))


def test_only_the_needed_parts_are_touched() -> None:
    put(frame())
    first = series().folder / series().manifest().parts[0].file
    first.unlink()
    assert len(get(start="2023-02-01")) == 2_120
    with pytest.raises(DataError, match=r"2023-01\..*not there.*Delete that file and manifest.json"):
        get()


def test_ingesting_twice_changes_no_file() -> None:
    put(frame())
    before = tree(data_folder())
    stamps = {path: path.stat().st_mtime_ns for path in series().folder.glob("*.parquet")}
    put(frame())
    assert tree(data_folder()) == before
    assert {path: path.stat().st_mtime_ns for path in series().folder.glob("*.parquet")} == stamps


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_overlapping_files_are_joined(order: tuple[int, int]) -> None:
    table = frame()
    pieces = (table[:3_000], table[2_500:])
    for piece in order:
        put(pieces[piece])
    assert get().time.tolist() == table["time"].to_list()
    assert data.catalog()["gaps"].to_list() == [0]


def test_conflicting_bars_are_refused_and_nothing_is_changed() -> None:
    put(frame())
    before = tree(data_folder())
    other = frame().with_columns(
        close=pl.when(pl.col("time") == START + 7 * MINUTE).then(pl.col("low")).otherwise("close")
    )
    with pytest.raises(
        DataError, match=r"2023-01-30 00:07: close is .* in the store and .* \(1 such bars\). Pass `replace=True`"
    ):
        put(other)
    assert tree(data_folder()) == before
    put(other, replace=True)
    assert get().close[7] == other["low"][7]


def test_series_are_kept_apart() -> None:
    put(frame())
    put(frame(minutes=30), instrument="BTC/USDT:USDT")
    put(frame(minutes=20), instrument="1000SHIB-USDT")
    catalog = data.catalog()
    assert catalog["instrument"].to_list() == ["1000SHIB/USDT", "BTC/USDT", "BTC/USDT:USDT"]
    assert catalog["rows"].to_list() == [20, 5_000, 30]
    assert data.candles("binance", "BTC/USDT:USDT", "1m").instrument.is_perpetual


def test_catalog_says_what_is_there() -> None:
    put(frame(holes=((10, 12), (2_880, 2_890))))  # the second one lies across the end of the month
    (row,) = data.catalog().to_dicts()
    assert list(row) == ["venue", "instrument", "timeframe", "first", "last", "rows", "gaps", "bytes"]
    assert (row["rows"], row["gaps"]) == (4_988, 2)
    assert f"{row['first']:%Y-%m-%d %H:%M} {row['last']:%Y-%m-%d %H:%M}" == "2023-01-30 00:00 2023-02-02 11:19"
    assert row["bytes"] == sum(path.stat().st_size for path in data_folder().rglob("*.parquet"))


def test_foreign_folders_in_the_store_are_left_alone() -> None:
    put(frame(minutes=20))
    (data_folder() / "notes" / "of" / "mine").mkdir(parents=True)
    (data_folder() / "binance" / "BTC-USDT" / "charts").mkdir()
    assert len(data.catalog()) == 1
    assert len(get()) == 20


def test_catalog_of_an_empty_store_is_empty() -> None:
    assert data.catalog().shape == (0, 8)


def test_range_is_half_open_and_in_whole_bars() -> None:
    put(frame())
    hours = get("1h", "2023-01-30 00:30", "2023-01-30 03:30")
    assert hours.time.tolist() == [START + hour * 60 * MINUTE for hour in (1, 2, 3)]
    assert hours.incomplete is not None
    assert not hours.incomplete.any()


def test_incomplete_bars_are_marked_and_not_made_up() -> None:
    put(frame(minutes=300, holes=((70, 71), (120, 180))))
    hours = get("1h")
    assert hours.time.tolist() == [START + hour * 60 * MINUTE for hour in (0, 1, 3, 4)]
    assert hours.incomplete is not None
    assert hours.incomplete.tolist() == [False, True, False, False]


def test_finest_stored_timeframe_is_used_where_it_covers_as_much() -> None:
    put(frame(minutes=1_440 * 2))
    days = get("1d")
    prices = {name: [1.0, 1.0] for name in ("open", "high", "low", "close", "volume")}
    long = pl.DataFrame({"time": [START - 86_400_000, START], **prices})
    put(long, timeframe="1d")
    assert get("1d", "2023-01-30", "2023-02-01").fingerprint == days.fingerprint
    assert get("1d", "2023-01-29", "2023-01-31").close.tolist() == [1.0, 1.0]


def test_tick_and_lot_are_remembered() -> None:
    exact = Instrument.parse("BTC/USDT", tick=0.01, lot=1e-5)
    data.ingest(frame(), venue="binance", instrument=exact, timeframe="1m")
    put(frame())  # one that does not know them does not make us forget
    assert get("1h").instrument == exact


def test_volume_that_is_not_reported_stays_unreported() -> None:
    put(frame().drop("volume"))
    assert np.isnan(get("1h").volume).all()


@pytest.mark.parametrize("text", ["", "{", '{"version": 1}', "[]"])
def test_lost_or_broken_manifest_is_rebuilt(text: str) -> None:
    put(frame())
    candles, manifest = get(), series().manifest()
    (series().folder / "manifest.json").write_text(text)
    if not text:
        (series().folder / "manifest.json").unlink()
    assert get().fingerprint == candles.fingerprint
    assert read_manifest(series().folder) == manifest


def test_manifest_of_a_newer_version_is_left_alone() -> None:
    put(frame())
    path = series().folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 99}))
    with pytest.raises(DataError, match="written by a newer workbench"):
        get()


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_damaged_part_is_named(damage: str) -> None:
    put(frame())
    path = series().folder / series().manifest().parts[0].file
    content = path.read_bytes()
    path.write_bytes(content[:-1_000] if damage == "truncated" else content[:-8] + b"\xff" * 8)
    with pytest.raises(DataError, match=path.name.replace(".", r"\.")):
        get()


def test_damaged_part_can_be_fetched_again() -> None:
    put(frame())
    whole = get().fingerprint
    path = series().folder / series().manifest().parts[0].file
    path.write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"Delete that file and manifest\.json"):
        put(frame())
    path.unlink()
    (series().folder / "manifest.json").unlink()
    put(frame())
    assert get().fingerprint == whole


def test_writers_wait_for_each_other(tmp_path: Path) -> None:
    pieces = [frame(minutes=400, start=START + n * 400 * MINUTE) for n in range(6)]
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=put, args=(piece,)) for piece in pieces]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert len(get()) == 2_400
    assert not get().audit().missing


def test_a_lock_that_is_held_too_long_names_its_holder(tmp_path: Path) -> None:
    held = pytest.raises(DataError, match=f"process {os.getpid()} has been writing there")
    with locked(tmp_path), held, locked(tmp_path, patience_s=0.0):
        pass


def test_reader_looks_again_when_a_writer_replaced_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    put(frame(minutes=1_000))
    stale = series().manifest()
    put(frame())
    looks = iter([stale, series().manifest()])
    monkeypatch.setattr(Series, "manifest", lambda _: next(looks))
    assert len(series().read()[0]) == 5_000


@pytest.mark.parametrize(("venue", "instrument", "timeframe", "start", "said"), [
    ("binence", "BTC/USDT", "1h", None, r"nothing is stored of the venue 'binence'.*Did you mean 'binance'\?"),
    ("binance", "ETH/USDT", "1h", None, r"ETH/USDT is not stored; stored is BTC/USDT.*wb.data.download"),
    ("binance", "BTC/USDT", "30s", None, r"30s bars cannot be made from the stored timeframes \(1m\).*download 30s"),
    ("binance", "BTC/USDT", "1h", "2024", r"no 1h bars in 2024-01-01 00:00.*stored are 1m bars in 2023-01-30 00:00"),
])  # fmt: skip
def test_asking_for_what_is_not_there_says_what_is(
    venue: str, instrument: str, timeframe: str, start: str | None, said: str
) -> None:
    put(frame())
    with pytest.raises(DataError, match=said):
        data.candles(venue, instrument, timeframe, start)


def test_empty_range_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="is not before end"):
        get("1h", "2023-02", "2023-01")


@pytest.mark.parametrize("venue", ["", "../x", "a/b", "a b", ".hidden"])
def test_venue_is_no_path(venue: str) -> None:
    with pytest.raises(ConfigError, match="is no name of a venue"):
        data.ingest(frame(minutes=20), venue=venue, instrument="BTC/USDT", timeframe="1m")
    assert not data_folder().exists() or not any(data_folder().rglob("*.parquet"))


@dataclass(frozen=True)
class Job:
    """Two files, the second of which begins with the first, and what the store is after either."""

    first: str
    second: str
    before: dict[str, bytes]
    after: dict[str, bytes]
    first_lines: int
    second_lines: int


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("job")
    first, second = str(folder / "first.parquet"), str(folder / "second.parquet")
    frame(minutes=3_000).write_parquet(first)
    frame(minutes=5_000).write_parquet(second)
    _, first_lines = run_child("ingest", {"path": first}, 0, folder / "store")
    before = tree(folder / "store")
    _, second_lines = run_child("ingest", {"path": second}, 0, folder / "store")
    return Job(first, second, before, tree(folder / "store"), first_lines, second_lines)


def ingest(path: str) -> None:
    data.ingest(path, venue="binance", instrument="BTC/USDT", timeframe="1m")


@pytest.mark.parametrize("seed", range(20))
def test_killed_ingest_leaves_the_store_as_it_was_or_as_it_should_be(job: Job, seed: int) -> None:
    die_at = random.Random(seed).randint(1, job.second_lines)
    print("seed", seed, "dies at line", die_at, "of", job.second_lines)  # noqa: T201
    ingest(job.first)
    assert tree(data_folder()) == job.before
    assert run_child("ingest", {"path": job.second}, die_at, data_folder())[0] != 0
    assert get().time.tolist() in ([START + MINUTE * n for n in range(minutes)] for minutes in (3_000, 5_000))
    ingest(job.second)
    assert tree(data_folder()) == job.after


@pytest.mark.parametrize("seed", range(6))
def test_killed_first_ingest_leaves_nothing_or_everything(job: Job, seed: int) -> None:
    die_at = random.Random(seed).randint(1, job.first_lines)
    print("seed", seed, "dies at line", die_at, "of", job.first_lines)  # noqa: T201
    assert run_child("ingest", {"path": job.first}, die_at, data_folder())[0] != 0
    assert data.catalog()["rows"].to_list() in ([], [3_000])
    ingest(job.first)
    assert tree(data_folder()) == job.before


@pytest.mark.parametrize("seed", range(8))
def test_ingest_killed_at_any_moment_leaves_the_store_as_it_was_or_as_it_should_be(job: Job, seed: int) -> None:
    moment = random.Random(seed).uniform(0.0, 0.15)
    ingest(job.first)
    died = kill_child_after(moment, "ingest", {"path": job.second}, data_folder())
    print("seed", seed, f"killed after {moment:.3f} s" if died else "was faster")  # noqa: T201
    assert len(get()) in (3_000, 5_000)
    ingest(job.second)
    assert tree(data_folder()) == job.after


@pytest.mark.shared
def test_a_year_and_a_half_of_minutes_reads_in_tens_of_milliseconds(
    shared: Path, within: Callable[[str, float, float], None]
) -> None:
    data.ingest(
        shared / "marketdata" / "binance_BTCUSDT_1m.parquet", venue="binance", instrument="BTC/USDT", timeframe="1m"
    )
    took = []
    for _ in range(5):
        begun = time.perf_counter()
        assert len(get("1h")) == 13_103
        took.append(time.perf_counter() - begun)
    within("786,160 minutes read and made into hours", min(took), 0.25)
