"""A small run made up for the tests of reports: prices that wander, and a trade every so many bars."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from workbench.market import Candles, timeframe_ms
from workbench.metrics import Trips, summarise
from workbench.reports import Material
from workbench.reports.material import EQUITY, FILLS, ROUND_TRIPS

START = datetime(2024, 1, 15, 6, tzinfo=UTC)
CASH = 10_000.0
FEE = 0.001


@dataclass(frozen=True)
class SimpleBounds:
    worst: float
    expected: float
    best: float
    ambiguous_bars: int
    bars_with_orders: int

    def __str__(self) -> str:
        span = f"between {self.worst:,.2f} and {self.best:,.2f} USDT"
        return f"The net profit lies {span}; {self.ambiguous_bars} of {self.bars_with_orders} bars are ambiguous."


@dataclass(frozen=True)
class SimpleVerdict:
    clean: bool

    def __str__(self) -> str:
        return "No look-ahead found." if self.clean else "Column `close` looks ahead, first in bar 17."


def wandering(
    n_bars: int, *, timeframe: str = "1h", symbol: str = "BTC/USDT", seed: int = 7, start: datetime = START
) -> Candles:
    """Candles of a random walk, valid at any length."""
    random = np.random.default_rng(seed)
    step = timeframe_ms(timeframe)
    restless = 0.004 * (step / 3_600_000) ** 0.5
    close = 40_000.0 * np.exp(np.cumsum(random.normal(0.0, restless, n_bars)))
    open_ = np.concatenate([[40_000.0], close[:-1]])
    reach = np.abs(random.normal(0.0, restless, (2, n_bars)))
    high, low = np.maximum(open_, close) * (1 + reach[0]), np.minimum(open_, close) * (1 - reach[1])
    time = int(start.timestamp() * 1000) + step * np.arange(n_bars)
    return Candles.from_arrays(
        time, open_, high, low, close, random.uniform(1, 9, n_bars), instrument=symbol, timeframe=timeframe
    )


def equity_frame(time: Any, equity: Any, exposure: Any = 0.0) -> pl.DataFrame:
    """An equity table from plain columns; the drawdown is worked out."""
    values = np.asarray(equity, np.float64)
    peak = np.fmax.accumulate(values) if len(values) else values
    stamps = pl.Series("time", time).cast(pl.Datetime("ms", "UTC"))
    frame = {
        "time": stamps,
        "equity": values,
        "drawdown": 1.0 - values / peak,
        "exposure": np.broadcast_to(exposure, values.shape),
    }
    return pl.DataFrame(frame, schema_overrides=EQUITY)


def traded(
    candles: Candles, *, every: int = 40, hold: int = 17
) -> tuple[pl.DataFrame, pl.DataFrame, np.ndarray, np.ndarray]:
    """Fills, round trips, equity and exposure of one unit bought or sold short every so many bars, held for some."""
    symbol = f"{candles.instrument}"
    entries = np.arange(1, len(candles) - hold, every)
    exits, side = entries + hold, np.where(np.arange(len(entries)) % 3 == 2, -1, 1)
    amount = 0.1
    rows = np.column_stack([entries, exits]).ravel()
    sides = np.column_stack([side, -side]).ravel()
    price = candles.open[rows]
    fee = price * amount * FEE
    count = len(rows)
    time = pl.Series(candles.time).cast(pl.Datetime("ms", "UTC"))
    ids = np.arange(count)
    fills = pl.DataFrame(
        {"row": rows, "time": time.gather(rows), "instrument": [symbol] * count, "side": sides, "price": price,
         "amount": np.full(count, amount), "fee": fee, "maker": ids % 4 == 0, "executor_id": ids // 2, "order_id": ids},
        schema_overrides={**FILLS, "row": pl.Int64},
    )  # fmt: skip
    entry, exit_ = candles.open[entries], candles.open[exits]
    fees = (entry + exit_) * amount * FEE
    pnl = side * (exit_ - entry) * amount - fees
    kinds = np.array(["TAKE_PROFIT", "STOP_LOSS", "TIME_LIMIT", "EARLY_STOP"])
    closed = np.where(pnl > 0, kinds[np.arange(len(pnl)) % 2 * 2], kinds[1 + np.arange(len(pnl)) % 3 // 2 * 2])
    trips = pl.DataFrame(
        {"instrument": [symbol] * len(entries), "side": side,
         "entry_time": time.gather(entries), "exit_time": time.gather(exits), "entry_price": entry, "exit_price": exit_,
         "amount": np.full(len(entries), amount), "pnl": pnl, "return": pnl / (entry * amount), "fee": fees,
         "close_type": closed},
        schema_overrides=ROUND_TRIPS,
    )  # fmt: skip
    position, paid = np.zeros(len(candles)), np.zeros(len(candles))
    np.add.at(position, rows, sides * amount)
    np.add.at(paid, rows, sides * amount * price + fee)
    held = np.cumsum(position)
    equity = CASH - np.cumsum(paid) + held * candles.close
    return fills, trips, equity, held * candles.close / equity


def run(
    n_bars: int = 2_000,
    *,
    symbols: tuple[str, ...] = ("BTC/USDT",),
    timeframe: str = "1h",
    every: int = 40,
    **parts: Any,
) -> Material:
    """A whole material with consistent numbers; `parts` replaces any of it."""
    candles = {s: wandering(n_bars, symbol=s, timeframe=timeframe, seed=7 + n) for n, s in enumerate(symbols)}
    pieces = [traded(c, every=every) for c in candles.values()]
    equity = CASH + sum(piece[2] - CASH for piece in pieces)
    made: dict[str, Any] = {
        "title": "Every fortieth bar",
        "candles": candles,
        "equity": equity_frame(candles[symbols[0]].time, equity, sum(piece[3] for piece in pieces)),
        "fills": pl.concat([piece[0] for piece in pieces]),
        "round_trips": pl.concat([piece[1] for piece in pieces]),
        "bounds": SimpleBounds(equity[-1] - CASH - 310.0, equity[-1] - CASH, equity[-1] - CASH + 402.25, 9, 98),
        "verdict": SimpleVerdict(True),
        "refusals": pl.DataFrame({"reason": ["NO_FUNDS", "TOO_SMALL"], "count": [3, 1]}),
        "parameters": {
            "bot": "EveryFortieth(every=40, hold=17)", "path": "ohlc", "account": "margin",
            "fees": {"maker": 0.001, "taker": 0.001}, "slippage": 0.0, "latency": 0,
        },
        "card": {"data": "3f1c9a", "code": "77ab01", "seed": 7},
    }  # fmt: skip
    material = Material(**{**made, **parts})
    return material if "metrics" in parts else replace(material, metrics=numbers_of(material))


def numbers_of(material: Material) -> dict[str, float]:
    """The metrics of a made-up run, reckoned as a backtest would."""
    trips, first = material.round_trips, next(iter(material.candles.values()))
    entry, exit_ = (trips[name].dt.epoch("ms").to_numpy() for name in ("entry_time", "exit_time"))
    columns = Trips(trips["pnl"].to_numpy(), trips["return"].to_numpy(), entry, exit_, trips["side"].to_numpy())
    return summarise(
        first.time, material.equity["equity"].to_numpy(), timeframe_ms=first.timeframe_ms, cash=CASH, trips=columns,
        fees_paid=material.fills["fee"].sum(), volume_traded=(material.fills["price"] * material.fills["amount"]).sum(),
        bars_exposed=(material.equity["exposure"] != 0).sum(), close=first.close,
    )  # fmt: skip
