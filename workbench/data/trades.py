"""Trades, made into bars: first, highest, lowest and last price, and the amount traded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import DataError
from workbench.market import (
    USUAL_NAMES,
    FloatArray,
    TimeArray,
    bar_starts,
    check_scale,
    exact_sums,
    float_column,
    show_time,
    time_column,
)

if TYPE_CHECKING:
    import polars as pl

USUAL = {
    "time": ("trade_time", "trade_ms", "transact_time", "event_ms", *USUAL_NAMES["time"]),
    "id": ("id", "trade_id", "tradeid", "agg_trade_id", "tid", "a"),
    "price": ("price", "p", "px", "rate"),
    "amount": ("amount", "qty", "quantity", "size", "q", "base_qty", "volume", "vol"),
}


def is_trades(have: list[str], given: Mapping[str, str] | None = None) -> bool:
    """Do these columns show trades: a price and an amount, and no open, high, low and close?"""
    found = _find(have)
    bars = {"open", "high", "low", "close"} & ({_plain(name) for name in have} | set(given or {}))
    return not bars and {"time", "price", "amount"} <= found.keys()


def trades_to_bars(
    table: pl.DataFrame,
    where: str,
    length_ms: int,
    *,
    time_unit: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> tuple[TimeArray, dict[str, FloatArray]]:
    """Bars of a table of trades, in the order of their stamps and, within one stamp, of their ids.

    A bar in which nobody traded does not exist. The last bar ends with the last trade, whether or not its time was up.

    Raises
    ------
    DataError
        If an id is there twice, or a price or an amount is not a positive number.
    """
    names = {**_find(table.columns), **(columns or {})}
    time = time_column(table[names["time"]], where, time_unit)
    check_scale(time, 0, where)
    price, amount = float_column(table[names["price"]], where), float_column(table[names["amount"]], where)
    _refuse(~((price > 0) & (price < np.inf)), price, "price", time, where)
    _refuse(~((amount >= 0) & (amount < np.inf)), amount, "amount", time, where)
    order = _order(time, table[names["id"]] if "id" in names else None, where)
    time, price, amount = time[order], price[order], amount[order]
    stamps, first = bar_starts(time, length_ms)
    last = np.append(first[1:], len(time)) - 1
    return stamps, {
        "open": price[first],
        "high": np.maximum.reduceat(price, first),
        "low": np.minimum.reduceat(price, first),
        "close": price[last],
        "volume": exact_sums(amount, first),
    }


def _order(time: TimeArray, ids: pl.Series | None, where: str) -> TimeArray:
    import polars as pl

    if ids is None:
        return np.argsort(time, kind="stable")
    numbers = ids.cast(pl.Int64, strict=False)
    keys = ids if numbers.null_count() else numbers
    if keys.n_unique() < len(keys):
        row = int(keys.is_first_distinct().not_().arg_true()[0])
        raise DataError(
            f"{where}, row {row} ({show_time(time[row])}): the trade id {ids[row]!r} is there twice. Keep one of them."
        )
    return np.lexsort((keys.rank("ordinal").to_numpy(), time))


def _refuse(bad: np.ndarray, values: FloatArray, name: str, time: TimeArray, where: str) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"{where}, row {row} ({show_time(time[row])}): {name} is {values[row]:g}. Repair or remove the trade."
        )


def _find(have: list[str]) -> dict[str, str]:
    plain = {_plain(name): name for name in reversed(have)}
    found = {ours: next((plain[n] for n in names if n in plain), None) for ours, names in USUAL.items()}
    return {ours: theirs for ours, theirs in found.items() if theirs is not None}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
