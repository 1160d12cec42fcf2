"""What a report is made of: the parts of one run, handed over plainly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import polars as pl

from workbench.errors import DataError
from workbench.market import Candles

Columns = dict[str, Any]
STAMP = pl.Datetime("ms", "UTC")

EQUITY: Columns = {"time": STAMP, "equity": pl.Float64, "drawdown": pl.Float64, "exposure": pl.Float64}
FILLS: Columns = {
    "time": STAMP,
    "instrument": pl.String,
    "side": pl.Int8,
    "price": pl.Float64,
    "amount": pl.Float64,
    "fee": pl.Float64,
    "maker": pl.Boolean,
    "executor_id": pl.Int64,
    "order_id": pl.Int64,
}
ROUND_TRIPS: Columns = {
    "instrument": pl.String,
    "side": pl.Int8,
    "entry_time": STAMP,
    "exit_time": STAMP,
    "entry_price": pl.Float64,
    "exit_price": pl.Float64,
    "amount": pl.Float64,
    "pnl": pl.Float64,
    "return": pl.Float64,
    "fee": pl.Float64,
    "close_type": pl.String,
}
REFUSALS: Columns = {"reason": pl.String, "count": pl.Int64}


class Bounds(Protocol):
    """Net profit on the worst, the expected and the best path inside each bar; `str()` says it in a sentence."""

    @property
    def worst(self) -> float: ...
    @property
    def expected(self) -> float: ...
    @property
    def best(self) -> float: ...
    @property
    def ambiguous_bars(self) -> int: ...
    @property
    def bars_with_orders(self) -> int: ...


class Verdict(Protocol):
    """Whether a strategy looked ahead; `str()` says it in a sentence."""

    @property
    def clean(self) -> bool: ...


def no_rows(columns: Columns) -> pl.DataFrame:
    return pl.DataFrame(schema=columns)


@dataclass(frozen=True, slots=True)
class Material:
    """The parts of one run that tables and figures are made from.

    Attributes
    ----------
    title : str
        What the run is called, at the head of every output.
    candles : mapping of instrument to Candles
        The prices that were traded on, at least one instrument.
    equity : DataFrame(time, equity, drawdown, exposure)
        A row per bar, at least one: account value in quote currency, fall from the running peak as a positive
        fraction, and the signed value of all positions as a fraction of equity. NaN leaves a gap.
    fills : DataFrame(time, instrument, side, price, amount, fee, maker, executor_id, order_id)
        Every execution; a column `row`, if there, gives the bar as a row of `equity`.
    round_trips : DataFrame(instrument, side, entry_time, exit_time, entry_price, exit_price, amount, pnl, return, \
fee, close_type)
        Entry to exit; `pnl` is net in quote currency, `return` net as a fraction of the entry value.
    metrics : mapping of name to number, as `workbench.metrics.summarise` gives it
    bounds, verdict : Bounds, Verdict, or None where that was not computed
    refusals : DataFrame(reason, count)
    parameters, card : mappings of what was run and of its fingerprints, shown as they are
    """

    title: str
    candles: Mapping[str, Candles]
    equity: pl.DataFrame
    fills: pl.DataFrame = field(default_factory=lambda: no_rows(FILLS))
    round_trips: pl.DataFrame = field(default_factory=lambda: no_rows(ROUND_TRIPS))
    metrics: Mapping[str, float] = field(default_factory=dict)
    bounds: Bounds | None = None
    verdict: Verdict | None = None
    refusals: pl.DataFrame = field(default_factory=lambda: no_rows(REFUSALS))
    parameters: Mapping[str, Any] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.candles:
            raise DataError("A report needs the candles of at least one instrument. Give `candles`.")
        tables: dict[str, tuple[pl.DataFrame, Columns]] = {
            "equity": (self.equity, EQUITY),
            "fills": (self.fills, FILLS),
            "round_trips": (self.round_trips, ROUND_TRIPS),
            "refusals": (self.refusals, REFUSALS),
        }
        for name, (table, columns) in tables.items():
            missing = [column for column in columns if column not in table.columns]
            if missing:
                raise DataError(f"`{name}` has no column {missing[0]!r}. It needs {', '.join(columns)}.")
        if self.equity.is_empty():
            raise DataError("`equity` has no rows. Run over at least one bar.")

    @property
    def quote(self) -> str:
        """The quote currency that all instruments share, or the word "quote" where they do not share one."""
        quotes = {symbol.partition("/")[2].partition(":")[0] for symbol in self.candles}
        shared = quotes.pop() if len(quotes) == 1 else ""
        return shared or "quote"
