"""What traded, as marks on a price chart: fills and round trips, gathered where they would crowd each other."""

from __future__ import annotations

from typing import Any, cast

import polars as pl

from workbench.market import floor_time
from workbench.reports import words
from workbench.reports.thin import round_step

MOST_LINKS = 300
MOST_MARKS = 100


def mark_length(times: pl.Series, step_ms: int, *, most: int = MOST_MARKS) -> int:
    """Length of time that one mark stands for: a drawn bar, or longer where more than `most` bars would carry one."""
    bars = floor_time(times.dt.epoch("ms"), step_ms)
    if bars.n_unique() <= most:
        return step_ms
    first, last = (cast(int, edge) for edge in (bars.min(), bars.max()))
    return round_step(step_ms, last - first + step_ms, most)


def fill_marks(fills: pl.DataFrame, step_ms: int) -> pl.DataFrame:
    """Fills of one instrument and one side, gathered by drawn bar of `step_ms`, or more coarsely where they crowd.

    Returns
    -------
    DataFrame(x, price, count, amount, fee, maker, low, high)
        `x` is the open of the drawn bar in ms (the mean one of those gathered), `price` the average weighed by
        amount, `maker` how many were maker fills.
    """
    worth = pl.col("price") * pl.col("amount")
    return (
        fills.group_by(_bar("time", mark_length(fills["time"], step_ms)).alias("mark"))
        .agg(
            _bar("time", step_ms).mean().alias("x"),
            (worth.sum() / pl.col("amount").sum()).alias("price"),
            pl.len().alias("count"),
            pl.col("amount").sum(),
            pl.col("fee").sum(),
            pl.col("maker").sum(),
            pl.col("price").min().alias("low"),
            pl.col("price").max().alias("high"),
        )
        .sort("x")
    )


def exit_marks(round_trips: pl.DataFrame, step_ms: int) -> pl.DataFrame:
    """Ends of round trips of one instrument, gathered as `fill_marks` gathers fills.

    Returns
    -------
    DataFrame(x, price, count, won, pnl, return, side, close_type, entry_price, held)
        `return`, `side`, `close_type`, `entry_price` and `held` are those of the first round trip of a mark.
    """
    return (
        round_trips.group_by(_bar("exit_time", mark_length(round_trips["exit_time"], step_ms)).alias("mark"))
        .agg(
            _bar("exit_time", step_ms).mean().alias("x"),
            pl.col("exit_price").mean().alias("price"),
            pl.len().alias("count"),
            (pl.col("pnl") > 0).sum().alias("won"),
            pl.col("pnl").sum(),
            pl.col("return").first(),
            pl.col("side").first(),
            pl.col("close_type").first(),
            pl.col("entry_price").first(),
            (pl.col("exit_time") - pl.col("entry_time")).first().alias("held"),
        )
        .sort("x")
    )


def links(round_trips: pl.DataFrame, step_ms: int, *, most: int = MOST_LINKS) -> pl.DataFrame:
    """Lines from entry to exit of the `most` round trips with the largest profit or loss.

    Returns
    -------
    DataFrame(x, y)
        Three rows a round trip: entry, exit, and a null that lifts the pen.
    """
    shown = round_trips.top_k(most, by=pl.col("pnl").abs()) if len(round_trips) > most else round_trips
    ends = shown.select(
        pl.concat_list(_bar("entry_time", step_ms), _bar("exit_time", step_ms), pl.lit(None, pl.Float64)).alias("x"),
        pl.concat_list("entry_price", "exit_price", pl.lit(None, pl.Float64)).alias("y"),
    )
    return ends.explode("x", "y")


def _bar(column: str, step_ms: int) -> pl.Expr:
    opened: pl.Expr = floor_time(pl.col(column).dt.epoch("ms"), step_ms)
    return opened.cast(pl.Float64)


def say_fills(marks: pl.DataFrame, verb: str, base: str, quote: str) -> list[str]:
    """One sentence per mark: "Bought 0.5 BTC at 64,100 (fee 3.20 USDT, maker)"."""
    return [_say_fill(mark, verb, base, quote) for mark in marks.iter_rows(named=True)]


def _say_fill(mark: dict[str, Any], verb: str, base: str, quote: str) -> str:
    dealt = f"{words.price(mark['amount'])} {base} at {words.price(mark['price'])}"
    fee = words.money(mark["fee"], quote)
    if mark["count"] == 1:
        return f"{verb} {dealt} (fee {fee}, {'maker' if mark['maker'] else 'taker'})"
    spread = f"{words.price(mark['low'])} to {words.price(mark['high'])}"
    return f"{verb} {mark['count']:,} times: {dealt} on average ({spread}; fees {fee})"


def say_exits(marks: pl.DataFrame, quote: str) -> list[str]:
    """One sentence per mark: "Closed long by stop loss: −12.30 USDT (−2.10 %), held 3 h"."""
    return [_say_exit(mark, quote) for mark in marks.iter_rows(named=True)]


def _say_exit(mark: dict[str, Any], quote: str) -> str:
    pnl = words.money(mark["pnl"], quote, signed=True)
    if mark["count"] > 1:
        return f"Closed {mark['count']:,} round trips, {mark['won']:,} at a profit: {pnl} net"
    side, why = "long" if mark["side"] > 0 else "short", plain(mark["close_type"])
    gain = words.percent(mark["return"], signed=True)
    entry, held = words.price(mark["entry_price"]), words.duration(mark["held"])
    return f"Closed {side} from {entry} by {why}: {pnl} net ({gain}), held {held}"


def plain(code: str | None) -> str:
    """STOP_LOSS as "stop loss"."""
    return (code or "unknown").replace("_", " ").lower()
