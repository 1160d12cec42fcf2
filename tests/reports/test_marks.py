from __future__ import annotations

import polars as pl
import pytest

from workbench.market import as_milliseconds
from workbench.reports.marks import exit_marks, fill_marks, links, plain, say_exits, say_fills

from .material import run

HOUR = as_milliseconds("1h")


def bought(material) -> pl.DataFrame:
    return material.fills.filter(pl.col("side") > 0)


@pytest.mark.parametrize("every", [40, 18])
def test_no_fill_is_lost_in_the_marks(every):
    fills = bought(run(20_000, every=every))
    marks = fill_marks(fills, HOUR)
    assert len(marks) <= 101
    assert marks["count"].sum() == len(fills)
    assert marks["amount"].sum() == pytest.approx(fills["amount"].sum())
    assert marks["fee"].sum() == pytest.approx(fills["fee"].sum())
    assert marks["low"].min() == fills["price"].min()
    assert marks["high"].max() == fills["price"].max()


def test_few_fills_are_each_a_mark_on_their_bar():
    fills = bought(run(400))
    marks = fill_marks(fills, HOUR)
    assert marks["x"].to_list() == fills["time"].dt.epoch("ms").to_list()
    assert marks["price"].to_list() == pytest.approx(fills["price"].to_list())


def test_a_mark_of_one_fill_says_what_was_dealt():
    fills = bought(run(60)).head(1).with_columns(pl.lit(64_100.0).alias("price"), pl.lit(0.5).alias("amount"))
    marks = fill_marks(fills.with_columns(pl.lit(3.2).alias("fee"), pl.lit(False).alias("maker")), HOUR)
    assert say_fills(marks, "Bought", "BTC", "USDT") == ["Bought 0.5 BTC at 64,100 (fee 3.20 USDT, taker)"]


def test_a_mark_of_several_fills_says_how_many():
    fills = pl.concat([bought(run(60)).head(1).with_columns(pl.lit(price).alias("price")) for price in (100.0, 104.0)])
    marks = fill_marks(fills.with_columns(pl.lit(0.5).alias("fee")), HOUR)
    said = say_fills(marks, "Sold", "BTC", "USDT")
    assert said == ["Sold 2 times: 0.2 BTC at 102 on average (100 to 104; fees 1.00 USDT)"]


def test_an_exit_says_how_its_round_trip_ended():
    trip = run(60).round_trips.head(1).with_columns(
        pl.lit(-12.3).alias("pnl"), pl.lit(-0.021).alias("return"), pl.lit("STOP_LOSS").alias("close_type"),
        pl.lit(64_000.0).alias("entry_price"),
    )  # fmt: skip
    said = say_exits(exit_marks(trip, HOUR), "USDT")
    assert said == ["Closed long from 64,000 by stop loss: −12.30 USDT net (−2.10 %), held 17 h"]


def test_links_beyond_the_bound_are_those_with_the_largest_results():
    trips = run(2_000).round_trips
    shown = links(trips, HOUR, most=3)
    assert len(shown) == 9
    largest = trips.top_k(3, by=pl.col("pnl").abs())["entry_price"]
    assert set(shown["y"][::3]) == set(largest)
    assert shown["y"][2::3].null_count() == 3


def test_codes_are_said_in_plain_words():
    assert (plain("EARLY_STOP"), plain(None)) == ("early stop", "unknown")
