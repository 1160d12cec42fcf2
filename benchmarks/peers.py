"""vectorbt on the same workloads, as near as its conventions allow.

It has one order a bar and column. W1: signals shifted by a bar and filled at the open. W3: one position at a time,
entered at the open after each signal that finds it flat, its stops looked at from the bar after; the time limit needs a
callback in Numba, so its Rust engine is asked for the barriers without it. W4: an order function with two orders a bar,
in Numba alone. Asked for besides the run: the net profit and the number of round trips, or all of `stats()`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import workloads as w


def portfolios(candles: Any, workload: w.Workload) -> dict[str, Callable[[], Any]]:
    """A function per engine that runs a workload and returns vectorbt's portfolio."""
    import pandas as pd
    import vectorbt as vbt

    columns = {
        name: pd.Series(getattr(candles, name), index=pd.RangeIndex(len(candles)))
        for name in ("open", "high", "low", "close")
    }
    if workload.name == "W1":
        return {engine: lambda engine=engine: cross(vbt, columns, workload.fee, engine) for engine in ("numba", "rust")}
    side = pd.Series(w.alternating(len(candles)), index=columns["close"].index)
    if workload.name == "W3":
        return {
            "numba": lambda: barriers(vbt, columns, side, workload.fee, timed=True),
            "rust, no time limit": lambda: barriers(vbt, columns, side, workload.fee, timed=False),
        }
    return {"numba": lambda: quotes(vbt, columns, workload.fee)}


def cross(vbt: Any, columns: Any, fee: float, engine: str) -> Any:
    """W1."""
    close = columns["close"]
    fast, slow = (vbt.MA.run(close, length) for length in (w.FAST, w.SLOW))
    return vbt.Portfolio.from_signals(
        close, fast.ma_crossed_above(slow).vbt.signals.fshift(1), fast.ma_crossed_below(slow).vbt.signals.fshift(1),
        price=columns["open"], size=1.0, fees=fee, init_cash=w.CASH, freq="1min", engine=engine,
    )  # fmt: skip


def barriers(vbt: Any, columns: Any, side: Any, fee: float, *, timed: bool) -> Any:
    """W3."""
    terms = {
        "price": columns["open"], "open": columns["open"], "high": columns["high"], "low": columns["low"], "size": 1.0,
        "sl_stop": w.STOP_LOSS, "tp_stop": w.TAKE_PROFIT, "stop_entry_price": "price", "fees": fee,
        "init_cash": w.CASH, "freq": "1min", "upon_opposite_entry": "ignore",
    }  # fmt: skip
    if timed:
        function, signal = with_limit(), np.roll(side.to_numpy(), 1)
        arguments = (signal, w.LIMIT, np.zeros(1, np.int64))
        return vbt.Portfolio.from_signals(
            columns["close"], signal_func_nb=function, signal_args=arguments, engine="numba", **terms
        )
    shifted = side.shift(1, fill_value=0)
    return vbt.Portfolio.from_signals(
        columns["close"], shifted > 0, False, short_entries=shifted < 0, short_exits=False, engine="rust", **terms
    )


def once(make: Callable[[], Any]) -> Callable[[], Any]:
    """Compile a callback once a process, as a notebook would."""
    made: list[Any] = []

    def get() -> Any:
        if not made:
            made.append(make())
        return made[0]

    return get


@once
def with_limit() -> Any:
    """W3's signals: an entry when flat, an exit when the time is up."""
    import numba

    @numba.njit
    def signals(c, side, limit, entered):
        if c.position_now == 0.0:
            entered[0] = c.i
            return side[c.i] > 0, False, side[c.i] < 0, False
        late = c.i - entered[0] >= limit
        return False, late, False, late

    return signals


@once
def both_quotes() -> Any:
    """W4's orders: a bid, then an ask, where the bar reaches them."""
    import numba
    from vectorbt.portfolio.nb import order_nb, order_nothing_nb

    @numba.njit
    def orders(c, o, h, l, close, spread, most, fee, memory):  # noqa: E741
        i = c.i
        if c.call_idx == 0:
            memory[0], memory[1] = c.last_position[c.from_col], 0.0
        if i > 0 and memory[1] == 0.0:
            memory[1] = 1.0
            bid = close[i - 1] * (1.0 - spread)
            if memory[0] < most and l[i] <= bid:
                return c.from_col, order_nb(size=1.0, price=min(bid, o[i]), fees=fee)
        if i > 0 and memory[1] == 1.0:
            memory[1] = 2.0
            ask = close[i - 1] * (1.0 + spread)
            if -memory[0] < most and h[i] >= ask:
                return c.from_col, order_nb(size=-1.0, price=max(ask, o[i]), fees=fee)
        return -1, order_nothing_nb()

    return orders


def quotes(vbt: Any, columns: Any, fee: float) -> Any:
    """W4."""
    bars = (columns[name].to_numpy() for name in ("open", "high", "low", "close"))
    return vbt.Portfolio.from_order_func(
        columns["close"], both_quotes(), *bars, w.SPREAD, w.MOST, fee, np.zeros(2), flexible=True, init_cash=w.CASH,
        max_orders=len(columns["close"]), freq="1min",
    )  # fmt: skip


def looked_at(portfolio: Any) -> tuple[float, int]:
    """Net profit and round trips."""
    return float(portfolio.total_profit()), int(portfolio.trades.count())
