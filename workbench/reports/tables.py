"""Tables that a report shows: months and years, round trips by kind, and the deepest drawdowns."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def monthly_table(equity: pl.DataFrame) -> pl.DataFrame:
    """Return of each calendar month (UTC), from the last value of the month before to the last value of this one.

    A bar belongs to the month in which it opened. The first month starts from the first row, so the months multiply
    up to the return of the whole run. `partial` says that the run did not cover the month from its first bar to its
    last. Rows whose equity is NaN are left out; once equity is at or below zero no return exists, and it is NaN.

    Parameters
    ----------
    equity : DataFrame(time, equity)
        Account value in quote currency, a row per bar.

    Returns
    -------
    DataFrame(year, month, return, start_equity, end_equity, partial)
        `return` is a fraction: 0.02 is 2 %.
    """
    marked = equity.select("time", "equity").filter(pl.col("equity").is_finite())
    if marked.is_empty():
        return pl.DataFrame(schema=MONTHLY)
    step = bar_length(equity["time"])
    months = (
        marked.group_by(pl.col("time").dt.truncate("1mo").alias("month_start"), maintain_order=True)
        .agg(pl.col("time").first().alias("first"), pl.col("time").last().alias("last"),
             pl.col("equity").first().alias("opening"), pl.col("equity").last().alias("end_equity"))
        .with_columns(pl.col("end_equity").shift(1).fill_null(pl.col("opening").first()).alias("start_equity"))
    )  # fmt: skip
    next_month = pl.col("month_start").dt.offset_by("1mo")
    late = pl.col("first") >= pl.col("month_start") + step
    early = pl.col("last") + step < next_month
    return months.select(
        pl.col("month_start").dt.year().cast(pl.Int32).alias("year"),
        pl.col("month_start").dt.month().cast(pl.Int8).alias("month"),
        growth("start_equity", "end_equity").alias("return"),
        "start_equity",
        "end_equity",
        (late | early).alias("partial"),
    )


MONTHLY = {
    "year": pl.Int32,
    "month": pl.Int8,
    "return": pl.Float64,
    "start_equity": pl.Float64,
    "end_equity": pl.Float64,
    "partial": pl.Boolean,
}


def yearly_table(equity: pl.DataFrame) -> pl.DataFrame:
    """Return of each calendar year, compounded from its months, beside those months.

    Returns
    -------
    DataFrame(year, Jan, …, Dec, return, partial)
        Months that the run did not touch are null; `partial` is true where the run did not cover the whole year.
    """
    months = monthly_table(equity)
    of_month = pl.col("return").filter
    years = months.group_by("year", maintain_order=True).agg(
        *(of_month(pl.col("month") == number).first().alias(name) for number, name in enumerate(MONTHS, 1)),
        growth(pl.col("start_equity").first(), pl.col("end_equity").last()).alias("return"),
        (pl.col("partial").any() | (pl.len() < 12)).alias("partial"),
    )
    return years.sort("year")


def growth(start: str | pl.Expr, end: str | pl.Expr) -> pl.Expr:
    before, after = (pl.col(name) if isinstance(name, str) else name for name in (start, end))
    return pl.when(before > 0).then(after / before - 1.0).otherwise(float("nan"))


def bar_length(time: pl.Series) -> timedelta:
    """The shortest distance between two stamps: the length of a bar, or zero where there is only one."""
    shortest = time.diff().drop_nulls().min()
    return shortest if isinstance(shortest, timedelta) else timedelta(0)


def trip_statistics(round_trips: pl.DataFrame) -> pl.DataFrame:
    """Round trips counted and weighed: all of them, then by side, by close type and by instrument.

    A round trip that comes out at exactly zero is neither a win nor a loss.

    Returns
    -------
    DataFrame(by, group, count, wins, losses, win_rate, pnl, fee, mean_return, median_return, best, worst, \
profit_factor, mean_holding, median_holding)
        `pnl` and `fee` are sums in quote currency; `best` and `worst` are the largest and smallest `return`;
        `profit_factor` is gains over losses, NaN where nothing was lost. Groups come in order of their count.
    """
    trips = round_trips.with_columns(
        pl.lit("all").alias("_all"),
        pl.when(pl.col("side") > 0).then(pl.lit("long")).otherwise(pl.lit("short")).alias("_side"),
        (pl.col("exit_time") - pl.col("entry_time")).alias("_holding"),
    )
    kinds = {"all": "_all", "side": "_side", "close type": "close_type", "instrument": "instrument"}
    return pl.concat([_by(trips, name, column) for name, column in kinds.items()])


def _by(trips: pl.DataFrame, name: str, column: str) -> pl.DataFrame:
    pnl = pl.col("pnl")
    gained, lost = pnl.filter(pnl > 0).sum(), -pnl.filter(pnl < 0).sum()
    grouped = trips.group_by(pl.col(column).alias("group")).agg(
        pl.len().cast(pl.Int64).alias("count"),
        (pnl > 0).sum().cast(pl.Int64).alias("wins"),
        (pnl < 0).sum().cast(pl.Int64).alias("losses"),
        (pnl > 0).mean().alias("win_rate"),
        pnl.sum().alias("pnl"),
        pl.col("fee").sum(),
        pl.col("return").mean().alias("mean_return"),
        pl.col("return").median().alias("median_return"),
        pl.col("return").max().alias("best"),
        pl.col("return").min().alias("worst"),
        pl.when(lost > 0).then(gained / lost).otherwise(float("nan")).alias("profit_factor"),
        pl.col("_holding").mean().alias("mean_holding"),
        pl.col("_holding").median().alias("median_holding"),
    )
    return grouped.sort(["count", "group"], descending=[True, False]).select(pl.lit(name).alias("by"), pl.all())


def drawdown_table(equity: pl.DataFrame, *, deepest: int = 10) -> pl.DataFrame:
    """The deepest falls from a running peak, deepest first.

    Parameters
    ----------
    equity : DataFrame(time, equity)
        Account value in quote currency, a row per bar; rows that are NaN are left out.
    deepest : int
        How many to give back at most.

    Returns
    -------
    DataFrame(depth, peak_time, trough_time, recovered_time, falling, recovering, peak_equity, trough_equity)
        `depth` is a positive fraction of the peak. `recovered_time` and `recovering` are null for a drawdown that
        is still open at the end. A run whose equity never was above zero has no drawdowns.
    """
    marked = equity.select("time", "equity").filter(pl.col("equity").is_finite())
    time, values = marked["time"], marked["equity"].to_numpy()
    rows = drawdown_rows(values, deepest)
    peak, trough, end = (pl.Series(column, dtype=pl.UInt32) for column in rows.T)
    recovered = end.set(end == len(values), None)
    table = pl.DataFrame(
        {
            "peak_time": time.gather(peak),
            "trough_time": time.gather(trough),
            "recovered_time": time.gather(recovered),
            "peak_equity": values[rows[:, 0]],
            "trough_equity": values[rows[:, 1]],
        }
    )
    return table.select(
        (1.0 - pl.col("trough_equity") / pl.col("peak_equity")).alias("depth"),
        "peak_time",
        "trough_time",
        "recovered_time",
        (pl.col("trough_time") - pl.col("peak_time")).alias("falling"),
        (pl.col("recovered_time") - pl.col("trough_time")).alias("recovering"),
        "peak_equity",
        "trough_equity",
    )


def drawdown_rows(equity: npt.NDArray[np.float64], deepest: int) -> npt.NDArray[np.int64]:
    """(peak, trough, recovery) rows of the deepest drawdowns; an open one has `len(equity)` as its recovery.

    The peak row is the last one at the peak; the trough row the first one at the lowest value.
    """
    if not len(equity):
        return np.empty((0, 3), np.int64)
    peak = np.maximum.accumulate(equity)
    under = (equity < peak) & (peak > 0)
    edges = np.diff(under.astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if not len(starts):
        return np.empty((0, 3), np.int64)
    stretches = np.column_stack([starts, ends]).ravel()
    lowest = np.minimum.reduceat(np.append(equity, np.inf), stretches)[::2]
    worst = np.argsort(lowest / peak[starts], kind="stable")[:deepest]
    troughs = [start + np.argmin(equity[start:end]) for start, end in zip(starts[worst], ends[worst], strict=True)]
    return np.column_stack([starts[worst] - 1, troughs, ends[worst]]).astype(np.int64)
