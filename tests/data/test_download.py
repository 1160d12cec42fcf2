"""Downloads from a venue on loopback, driven by the unmodified ccxt client."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from killing import run_child, tree
from kline_server import FAULTS, MINUTE, KlineServer, make_tape, serving

from workbench import data
from workbench.data import downloading, paging
from workbench.data.series import Series
from workbench.errors import Busy, ConfigError, DataError
from workbench.market import Audit, Instrument, as_time
from workbench.settings import data_folder

START = as_time("2023-01-31 12:00")  # so that the tape runs over the end of a month
MINUTES = 3_000
HOLES = ((700, 780), (1_200, 2_400), (2_500, 2_501))  # a halt, one longer than a page, a lost minute
END = START + MINUTES * MINUTE
FAST = {"rateLimit": 1}


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch) -> Iterator[KlineServer]:
    monkeypatch.setattr(paging, "FIRST_WAIT_S", 0.001)
    with serving(KlineServer(make_tape(START, MINUTES, HOLES), now_ms=END + 7 * 86_400_000)) as server:
        yield server


def fetch(venue: KlineServer, start: int = START, end: int | None = END) -> Audit:
    return data.download("binance", "BTC/USDT", "1m", start, end, base_url=venue.url, config=FAST, progress=False)


def stored() -> dict[int, tuple[float, ...]]:
    candles = data.candles("binance", "BTC/USDT", "1m")
    return dict(
        zip(candles.time.tolist(), zip(*(c.tolist() for c in candles.columns.values()), strict=True), strict=True)
    )


@pytest.mark.parametrize("windowed", [False, True])
def test_download_stores_what_the_venue_has(venue: KlineServer, windowed: bool) -> None:
    venue.windowed = windowed
    audit = fetch(venue)
    assert stored() == venue.tape
    assert (audit.rows, audit.missing, len(audit.gaps)) == (1_719, 1_281, 3)


def test_instrument_is_remembered_with_its_steps(venue: KlineServer) -> None:
    fetch(venue)
    instrument = data.candles("binance", "BTC/USDT", "1h").instrument
    assert (instrument.tick, instrument.lot, instrument.min_notional) == (0.01, 1e-05, 5.0)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("at", [0, 1, 9])
def test_one_fault_leaves_no_trace(venue: KlineServer, fault: str, at: int) -> None:
    venue.faults = {at: fault}
    fetch(venue)
    assert stored() == venue.tape


@pytest.mark.parametrize("seed", range(8))
def test_many_faults_leave_no_trace(venue: KlineServer, seed: int) -> None:
    print("seed", seed)  # noqa: T201
    venue.plan(seed, share=0.4)
    venue.faults = {at: "repeat" if fault == "empty" else fault for at, fault in venue.faults.items()}
    venue.windowed = bool(seed % 2)
    fetch(venue)
    assert stored() == venue.tape


def test_open_bar_is_not_stored(venue: KlineServer) -> None:
    venue.now_ms = END - 10 * MINUTE + 30_000  # the bar that opened half a minute ago is on the tape, unfinished
    fetch(venue, end=None)
    assert max(stored()) == END - 11 * MINUTE


def test_second_download_asks_only_for_what_is_new(venue: KlineServer) -> None:
    fetch(venue, end=START + 600 * MINUTE)
    asked = venue.klines
    fetch(venue, end=START + 600 * MINUTE)
    assert venue.klines == asked
    fetch(venue, end=START + 650 * MINUTE)
    assert venue.klines == asked + 1


def test_holes_are_asked_for_twice_and_then_known_to_be_absent(venue: KlineServer) -> None:
    fetch(venue)
    absent = Series(data_folder(), "binance", Instrument.parse("BTC/USDT"), "1m").manifest().absent
    assert absent == tuple((START + first * MINUTE, START + last * MINUTE) for first, last in HOLES)
    asked = venue.klines
    fetch(venue)
    assert venue.klines == asked


def test_what_was_absent_is_fetched_when_asked_to_look_again(venue: KlineServer) -> None:
    whole = make_tape(START, MINUTES, ())
    fetch(venue)
    venue.bring(whole)  # the venue has filled in its holes since
    fetch(venue)
    assert len(stored()) == 1_719
    names = {"base_url": venue.url, "config": FAST, "progress": False}
    data.download("binance", "BTC/USDT", "1m", START, END, recheck=True, **names)
    assert stored() == whole


def test_hole_in_an_ingested_file_is_filled_from_the_venue(venue: KlineServer, tmp_path: Path) -> None:
    import polars as pl

    stamps = [stamp for stamp in sorted(venue.tape) if not START + 100 * MINUTE <= stamp < START + 130 * MINUTE]
    columns = zip(*(venue.tape[stamp] for stamp in stamps), strict=True)
    names = ("open", "high", "low", "close", "volume")
    frame = pl.DataFrame({"time": stamps, **dict(zip(names, map(list, columns), strict=True))})
    data.ingest(frame, venue="binance", instrument="BTC/USDT", timeframe="1m")
    assert len(stored()) == len(venue.tape) - 30
    fetch(venue)
    assert stored() == venue.tape


def test_retry_after_is_obeyed(venue: KlineServer) -> None:
    venue.faults, venue.retry_after = {0: "429", 1: "429"}, "7"
    pager = paging.connect("binance", Instrument.parse("BTC/USDT"), "1m", base_url=venue.url, config=FAST)
    waits: list[float] = []
    pager.wait = waits.append
    bars, _ = pager.page(START, END)
    assert waits == [7.0, 7.0]
    assert len(bars[0]) == 100


def test_a_venue_that_never_answers_is_busy_and_keeps_what_came(venue: KlineServer) -> None:
    venue.faults = dict.fromkeys(range(3, 100), "503")
    with pytest.raises(Busy, match=r"BTC/USDT on binance: no answer after 8 tries.*call download again"):
        fetch(venue)
    assert len(stored()) == 300
    venue.faults = {}
    fetch(venue)
    assert stored() == venue.tape


def test_a_ban_is_said_and_not_waited_out(venue: KlineServer) -> None:
    venue.faults, venue.retry_after = {0: "429"}, "7200"
    with pytest.raises(Busy, match="7200 s to wait"):
        fetch(venue)


def test_nothing_in_range_is_an_error(venue: KlineServer) -> None:
    with pytest.raises(DataError, match="the venue has no bars from 2023-02-01 08:50 to 2023-02-01 09:40"):
        fetch(venue, start=START + 1_250 * MINUTE, end=START + 1_300 * MINUTE)


def test_unknown_names_are_refused(venue: KlineServer) -> None:
    with pytest.raises(ConfigError, match="ccxt knows no venue 'binence'"):
        data.download("binence", "BTC/USDT", "1m", START, base_url=venue.url)
    with pytest.raises(ConfigError, match="binance does not list BTX/USDT"):
        data.download("binance", "BTX/USDT", "1m", START, base_url=venue.url)
    with pytest.raises(ConfigError, match=r"binance gives no 7m candles\. Choose one of 1s, 1m"):
        data.download("binance", "BTC/USDT", "7m", START, base_url=venue.url)


def test_progress_is_told_and_ends_at_one(venue: KlineServer) -> None:
    told: list[float] = []
    data.download("binance", "BTC/USDT", "1m", START, END, base_url=venue.url, config=FAST, progress=told.append)
    assert told[0] < 0.1
    assert max(told) == 1.0


def test_base_url_moves_every_host(venue: KlineServer) -> None:
    pager = paging.connect("binance", Instrument.parse("BTC/USDT"), "1m", base_url=venue.url, config=FAST)
    assert {url.startswith(venue.url + "/") for url in pager.exchange.urls["api"].values()} == {True}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], int]:
    """The store after a download that nobody killed, and how many lines it ran."""
    folder = tmp_path_factory.mktemp("whole")
    with serving(KlineServer(make_tape(START, MINUTES, HOLES), now_ms=END + 7 * 86_400_000)) as venue:
        _, lines = run_child("download", {"base_url": venue.url, "start": START, "end": END}, 0, folder)
    return tree(folder), lines


@pytest.mark.parametrize("seed", range(10))
def test_killed_download_resumes_to_the_same_store(
    venue: KlineServer, undisturbed: tuple[dict[str, bytes], int], tmp_path: Path, seed: int
) -> None:
    die_at = random.Random(seed).randint(1, undisturbed[1])
    print("seed", seed, "dies at line", die_at)  # noqa: T201
    job = {"base_url": venue.url, "start": START, "end": END}
    assert run_child("download", job, die_at, tmp_path)[0] != 0
    assert run_child("download", job, 0, tmp_path)[0] == 0
    assert tree(tmp_path) == undisturbed[0]


def test_missing_is_what_is_not_stored_less_what_is_absent() -> None:
    hole = (0, 100)
    assert list(downloading._without(hole, ((10, 20), (50, 200)))) == [(0, 10), (20, 50)]
    assert list(downloading._without(hole, ((0, 100),))) == []
