"""Our fills in vectorbt: a Portfolio with the same equity, for all that its users have built around one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from workbench.errors import ConfigError, DataError
from workbench.market import Candles, show_time
from workbench.reports.thin import Floats

if TYPE_CHECKING:
    import vectorbt

WITHIN_BARS = "within bars"
DUST = 1e-9  # of an asset that always costs 1: carries a result without an amount, which vectorbt has no order for
TOLERANCE = 1e-9


def to_vectorbt(candles: Mapping[str, Candles], fills: pl.DataFrame, *, cash: float) -> vectorbt.Portfolio:
    """A `vectorbt.Portfolio` whose equity is ours, bar by bar.

    vectorbt takes one order per bar and instrument. The fills of a bar become that order: their net amount, at the
    average price of the side that remains, with the very sum of their fees. Where fills of a bar cancel each other,
    what they earned or cost has no amount to go with: it is booked as the fee of a column of its own, `within bars`.

    Parameters
    ----------
    candles : mapping of instrument to Candles
        What was traded on; rows are their stamps merged, and an instrument without a bar keeps its last price.
    fills : DataFrame(time, instrument, side, price, amount, fee)
        Every execution, `fee` in quote currency. A column `row`, if there, gives the bar of each; otherwise a fill
        belongs to the last bar that had opened. A column `fee_base`, if there, is the part of the fee that was paid in
        base units, out of what was bought; `fee` includes its value.
    cash : float
        Quote currency at the start, above zero; the account held nothing else.

    Returns
    -------
    vectorbt.Portfolio
        A column per instrument; several columns share the cash. `value()` is our equity. Its index is UTC, without
        saying so.

    Raises
    ------
    ConfigError
        If vectorbt is not installed, or the account borrowed quote currency, which vectorbt's cash cannot do.
    """
    vbt = import_vectorbt()
    grid = time_grid(candles)
    if not cash > 0:
        raise ConfigError(f"`cash` is {cash}. Give the quote currency at the start, above 0.")
    orders = net_orders(fills, grid)
    refuse_borrowing(orders, grid, cash)
    return portfolio(vbt, orders, grid, cash)


def import_vectorbt() -> Any:
    try:
        import vectorbt
    except ImportError as missing:
        raise ConfigError(f"vectorbt cannot be imported ({missing}). Install it with `pip install vectorbt[rust]`; "
                          f"nothing else here needs it.") from missing  # fmt: skip
    return vectorbt


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of time, and the price that each instrument had at their close: columns of shape (n_rows,)."""

    time: npt.NDArray[np.int64]
    close: dict[str, Floats]
    bar_ms: int


def time_grid(candles: Mapping[str, Candles]) -> Grid:
    """All stamps merged, with each instrument's last price; before its first bar, its first price."""
    stamps = [one.time for one in candles.values()]
    time = stamps[0] if len(stamps) == 1 else np.unique(np.concatenate(stamps))
    close = {}
    for symbol, one in candles.items():
        if not len(one):
            raise DataError(f"The candles of {symbol} have no bars. Leave the instrument out, or give its bars.")
        close[symbol] = one.close[np.maximum(np.searchsorted(one.time, time, side="right") - 1, 0)]
    return Grid(time, close, min(one.timeframe_ms for one in candles.values()))


def net_orders(fills: pl.DataFrame, grid: Grid) -> pl.DataFrame:
    """One order per bar and instrument that has fills.

    Returns
    -------
    DataFrame(row, instrument, size, price, fee, rest)
        Signed net amount, the price and fee to book it with, and the quote currency that the bar's fills earned (or
        cost, below zero) beyond that.
    """
    if "row" not in fills.columns:
        stamps = fills["time"].dt.epoch("ms").to_numpy()
        fills = fills.with_columns(pl.Series("row", np.searchsorted(grid.time, stamps, side="right") - 1))
    if "fee_base" not in fills.columns:
        fills = fills.with_columns(pl.lit(0.0).alias("fee_base"))
    check_rows(fills, grid)
    amount, price, side = pl.col("amount"), pl.col("price"), pl.col("side").cast(pl.Float64)
    sums = fills.group_by("row", "instrument", maintain_order=True).agg(
        *(part.filter(side == way).sum().alias(f"{name}_{word}")
          for way, word in ((1, "bought"), (-1, "sold"))
          for name, part in (("amount", amount), ("value", amount * price))),
        pl.col("fee").sum(),
        pl.col("fee_base").sum(),
        (pl.col("fee_base") * price).sum().alias("fee_base_value"),
    )  # fmt: skip
    return one_order(sums).sort("row")


def check_rows(fills: pl.DataFrame, grid: Grid) -> None:
    unknown = fills.filter(~pl.col("instrument").is_in(list(grid.close)))
    if len(unknown):
        raise DataError(f"There is a fill of {unknown['instrument'][0]}, and no candles of it. Give its candles too.")
    outside = fills.filter((pl.col("row") < 0) | (pl.col("row") >= len(grid.time)))
    if len(outside):
        raise DataError(f"There is a fill in row {outside['row'][0]}, and the candles have {len(grid.time)} rows. "
                        f"Give the candles that the fills were made on.")  # fmt: skip


def one_order(sums: pl.DataFrame) -> pl.DataFrame:
    """Net the two sides of each bar; if both were dealt, or a sale brings less than its fee, book the rest apart."""
    bought, sold = pl.col("amount_bought"), pl.col("amount_sold")
    one_sided = (bought == 0) | (sold == 0)
    buying = bought - sold > 0
    fee = pl.col("fee")
    plain = one_sided & (buying | (fee <= pl.col("value_sold")))
    price = pl.when(buying).then(pl.col("value_bought") / bought).otherwise(pl.col("value_sold") / sold)
    size = bought - sold - pl.col("fee_base")
    moved = pl.col("value_sold") - pl.col("value_bought") - (fee - pl.col("fee_base_value"))
    beyond = moved + size * price
    booked = pl.when(pl.col("fee_base") == 0).then(fee).otherwise(-beyond)
    return sums.select(
        "row",
        "instrument",
        size.alias("size"),
        price.alias("price"),
        pl.when(plain).then(booked).otherwise(0.0).alias("fee"),
        pl.when(plain).then(0.0).otherwise(beyond).alias("rest"),
        moved.alias("moved"),
    )


def refuse_borrowing(orders: pl.DataFrame, grid: Grid, cash: float) -> None:
    """vectorbt's cash cannot go below zero: it knows no loan of quote currency."""
    moved = orders.group_by("row", maintain_order=True).agg(pl.col("moved").sum())
    left = cash + moved["moved"].cum_sum().to_numpy()
    owing = np.flatnonzero(left < -TOLERANCE * cash)
    if len(owing):
        first = int(owing[0])
        when = show_time(int(grid.time[moved["row"][first]]))
        raise ConfigError(
            f"At {when} this account owed {-left[first]:,.2f} of quote currency: it bought on margin. "
            f"vectorbt's cash cannot go below zero. Convert a run without leverage, or one in a spot account."
        )


def portfolio(vbt: Any, orders: pl.DataFrame, grid: Grid, cash: float) -> vectorbt.Portfolio:
    import pandas as pd

    close, size, price, fee = order_columns(orders, grid)
    # vectorbt turns an index with a zone into objects, again and again: a hundred times slower.
    index = pd.DatetimeIndex(grid.time.view("datetime64[ms]"), name="time")
    names = [*grid.close, WITHIN_BARS][: close.shape[1]]
    options = {"allow_partial": False, "raise_reject": True, "min_size": 0.0, "freq": pd.Timedelta(grid.bar_ms, "ms")}
    if len(names) > 1:
        options |= {"cash_sharing": True, "group_by": True, "call_seq": sellers_first(size, price, fee)}
    frames = [pd.DataFrame(values, index=index, columns=names) for values in (close, size, price, fee)]
    prices, sizes, at, fees = frames if len(names) > 1 else [frame.iloc[:, 0] for frame in frames]
    return vbt.Portfolio.from_orders(prices, size=sizes, price=at, fixed_fees=fees, init_cash=cash, **options)


def order_columns(orders: pl.DataFrame, grid: Grid) -> tuple[Floats, Floats, Floats, Floats]:
    """Close, size, price and fee of shape (n_rows, n_columns); the last column is `within bars`, if that is needed."""
    rests = orders.filter(pl.col("rest") != 0.0).group_by("row").agg(pl.col("rest").sum())
    closes = [*grid.close.values(), *([np.ones(len(grid.time))] if len(rests) else [])]
    size, price, fee = (np.full((len(grid.time), len(closes)), empty) for empty in (np.nan, 1.0, 0.0))
    for place, symbol in enumerate(grid.close):
        mine = orders.filter(pl.col("instrument") == symbol, pl.col("size") != 0.0)
        rows = mine["row"].to_numpy()
        for plane, name in ((size, "size"), (price, "price"), (fee, "fee")):
            plane[rows, place] = mine[name].to_numpy()
    if len(rests):
        rows, rest = rests["row"].to_numpy(), rests["rest"].to_numpy()
        size[rows, -1], fee[rows, -1] = np.where(rest > 0, -DUST, DUST), -rest
    return np.column_stack(closes), size, price, fee


def sellers_first(size: Floats, price: Floats, fee: Floats) -> npt.NDArray[np.int64]:
    """The order in which a row's columns are dealt: whatever brings cash before whatever takes it."""
    brought = -np.nan_to_num(size) * price - fee
    return np.argsort(-brought, axis=1, kind="stable")
