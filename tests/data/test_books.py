"""Recordings of books are read whole, in the venue's order, and refused where they cannot have been."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import workbench as wb
from tests.backtest.made_books import BUY, SELL, START_MS, Script, wandering
from workbench.errors import ConfigError, DataError
from workbench.market import Instrument, MessageKind, Recording

TICKS = {"usdm": ("BTC/USDT:USDT", 0.1, 0.001), "spot": ("BTC/USDT", 0.01, 0.00001)}


def shared_book(shared: Path, name: str, **terms: Any) -> Recording:
    symbol, tick, lot = TICKS[name]
    files = [shared / "marketdata" / "l2" / f"binance-{name}_BTCUSDT_20240808_{kind}.parquet"
             for kind in ("depth", "trades", "bbo")]  # fmt: skip
    kind = Instrument.parse(symbol, tick=tick, lot=lot)
    return wb.data.book("binance", kind, depth=files[0], trades=files[1], quotes=files[2], **terms)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "agree", "of", "bid", "ask"),
    [("usdm", 6_547, 6_547, 61659.7, 61659.8), ("spot", 6_491, 6_493, 61602.01, 61602.02)],
)
def test_books_built_from_changes_are_the_recorded_quotes(shared, name, agree, of, bid, ask):
    """All but the two updates that the README of the recordings names."""
    one = shared_book(shared, name)
    assert one.agreement() == (agree, of)
    last = one.tops(with_quotes=False)[-1]
    assert (one.prices[last["bid"]], one.prices[last["ask"]]) == (bid, ask)
    assert one.missing_trades == 0
    assert (one.heard_ms >= one.messages["time_ms"]).all()


def script() -> Script:
    made = Script({100.0: 5.0, 99.9: 7.0}, {100.1: 4.0, 100.2: 6.0}, late_ms=40)
    made.trade(300, 100.0, 2.0, SELL).change(300, bids={100.0: 3.0}).quote(350, 100.0, 2.5, 100.1, 4.0)
    return made.change(400, bids={100.0: 2.0}).trade(500, 100.1, 1.0, BUY).change(2_500, asks={100.1: 3.0})


def test_messages_are_in_the_order_of_the_venue():
    one = script().recording()
    words = [MessageKind(kind).name for kind in one.messages["kind"]]
    assert words == ["SNAPSHOT", "TRADE", "CHANGES", "QUOTE", "CHANGES", "TRADE", "CHANGES"]
    assert (one.messages["time_ms"] - START_MS).tolist() == [0, 300, 300, 350, 400, 500, 2500]


def test_our_clock_is_set_by_the_fastest_message():
    assert (script().recording().heard_ms - START_MS).tolist() == [0, 300, 300, 350, 400, 500, 2500]
    assert script().recording(feed_ms=15).heard_ms[1] - START_MS == 315


def test_the_top_is_that_of_the_newest_of_changes_and_quotes():
    one = script().recording()
    assert one.tops()["bid_amount"].tolist() == [5.0, 5.0, 3.0, 2.5, 2.0, 2.0, 2.0]
    assert one.tops(with_quotes=False)["bid_amount"].tolist() == [5.0, 5.0, 3.0, 3.0, 2.0, 2.0, 2.0]
    frame = one.quotes()
    assert frame["bid_amount"].to_list() == [5.0, 3.0, 2.5, 2.0, 2.0]
    assert frame["ask_amount"].to_list() == [4.0, 4.0, 4.0, 4.0, 3.0]


def test_bars_are_of_the_mid_that_was_heard():
    made = Script({100.0: 5.0}, {100.2: 4.0}, tick=0.01).trade(1_200, 100.2, 2.0, BUY).trade(2_000, 100.2, 1.0, BUY)
    made.change(1_500, bids={100.1: 1.0}).change(1_700, bids={100.1: 0.0}).change(1_900, asks={100.1: 1.0})
    bars = made.change(4_100, bids={99.0: 1.0}).recording().candles("1s")
    assert (bars.time - START_MS).tolist() == [0, 1_000, 2_000, 3_000]
    assert bars.open == pytest.approx([100.1, 100.1, 100.05, 100.05])
    assert bars.high == pytest.approx([100.1, 100.15, 100.05, 100.05])
    assert bars.low == pytest.approx([100.1, 100.05, 100.05, 100.05])
    assert bars.close == pytest.approx([100.1, 100.05, 100.05, 100.05])
    assert bars.volume.tolist() == [0.0, 3.0, 0.0, 0.0]


def test_changes_from_before_the_snapshot_are_left_out_and_newer_ones_applied_to_it():
    made = script()
    made.depth = [made.depth[k] | {"local_ns": made.depth[4]["local_ns"]} for k in (4, 0, 1, 2, 3)] + made.depth[5:]
    old = made.depth[0] | {"final_update_id": 99, "first_update_id": 90, "price": 1.0, "local_ns": 1}
    made.depth[0] |= {"first_update_id": 95}
    made.depth.insert(0, old)
    one = made.recording()
    assert 1.0 not in one.prices[np.where(one.levels >= 0, one.levels, ~one.levels)]
    assert one.tops()["bid_amount"][-1] == 2.0


def test_fingerprint_is_that_of_the_data():
    assert wandering(5).recording().fingerprint == wandering(5).recording().fingerprint
    assert wandering(5).recording().fingerprint != wandering(6).recording().fingerprint


def test_what_was_recorded_into_the_store_is_read_from_it(tmp_path: Path):
    made = script()
    for name, table in made.tables().items():
        folder = tmp_path / "made" / "BTC-USDT" / name
        folder.mkdir(parents=True)
        table.write_parquet(folder / "1.parquet")
    kind = Instrument.parse("BTC/USDT", tick=0.1)
    assert wb.data.book("made", kind, root=tmp_path).fingerprint == made.recording().fingerprint


def test_quotes_without_numbers_are_as_new_as_they_are_late():
    """Those that `wb.data.record` writes: the book says so at 350 and no longer at 400."""
    tables = script().tables()
    tables["quotes"] = tables["quotes"].drop("update_id")
    one = wb.data.book("made", Instrument.parse("BTC/USDT", tick=0.1), **tables)
    assert one.tops()["bid_amount"].tolist() == [5.0, 5.0, 3.0, 2.5, 2.0, 2.0, 2.0]


# Bad input ---------------------------------------------------------------------------------------------------------


def without_snapshot(made: Script) -> None:
    made.depth = [row for row in made.depth if not row["is_snapshot"]]


def with_gap(made: Script) -> None:
    made.depth = [row for row in made.depth if row["final_update_id"] != 103]


def crossed(made: Script) -> None:
    made.change(2_600, bids={100.3: 1.0})


def crossed_quote(made: Script) -> None:
    made.quote(2_600, 100.2, 1.0, 100.1, 1.0)


def unsorted(made: Script) -> None:
    made.depth[-1]["local_ns"] -= 10**10


def stamps_go_back(made: Script) -> None:
    made.trades[-1]["event_ms"] -= 400


def no_price(made: Script) -> None:
    made.trades[0]["price"] = float("nan")


def no_amount(made: Script) -> None:
    made.depth[-1]["qty"] = -1.0


def no_side(made: Script) -> None:
    made.depth[-1]["side"] = "x"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (without_snapshot, "no snapshot that they change"),
        (with_gap, r"row 5: the change with the number 104 does not follow 101: 1 gap"),
        (crossed, r"crossed \(bid 100.3, ask 100.1\) after message 7 with the id 105"),
        (crossed_quote, "quotes, row 1: `ask` is 100.1, and not above the bid"),
        (unsorted, "`local_ns` goes back"),
        (stamps_go_back, "trades, row 1: `the venue's stamp` goes back"),
        (no_price, "trades, row 0: `price` is nan, and not a price above 0"),
        (no_amount, "depth, row 6: `qty` is -1.0, and not an amount"),
        (no_side, "depth, row 6: `side` is x, and not 'b' or 'a'"),
    ],
)
def test_a_recording_that_cannot_have_been_is_refused(spoil: Callable[[Script], None], says: str):
    made = script()
    spoil(made)
    with pytest.raises(DataError, match=says):
        made.recording()


def test_tables_that_are_none_are_refused(tmp_path: Path):
    tables = script().tables()
    with pytest.raises(DataError, match="there is no column 'qty'"):
        wb.data.book("made", "BTC/USDT", depth=tables["depth"].drop("qty"))
    with pytest.raises(DataError, match="there are no rows"):
        wb.data.book("made", "BTC/USDT", depth=tables["depth"].clear())
    with pytest.raises(DataError, match="there are no rows"):
        wb.data.book("made", "BTC/USDT", depth=tables["depth"], end="2000-01-01")
    with pytest.raises(ConfigError, match="given without `depth`"):
        wb.data.book("made", "BTC/USDT", trades=tables["trades"])
    with pytest.raises(DataError, match="no depth were recorded"):
        wb.data.book("made", "BTC/USDT", root=tmp_path)
    (tmp_path / "half.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        wb.data.book("made", "BTC/USDT", depth=tmp_path / "half.parquet")
    with pytest.raises(ConfigError, match="`feed_ms` is -1"):
        script().recording(feed_ms=-1)


def test_trades_that_are_missing_are_counted():
    made = script()
    made.trades[1]["trade_id"] = 5
    assert made.recording().missing_trades == 3
    assert pl.DataFrame(made.trades)["trade_id"].to_list() == [1, 5]
