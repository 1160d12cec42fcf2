"""The journals of a run as polars frames, in words a trader knows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from workbench.backtest.engine import Array, Tape, all_orders
from workbench.backtest.loop import Bars
from workbench.backtest.trips import in_quote, net_profit
from workbench.market import ExecutorKind, OrderKind
from workbench.trading import (
    FEE_IN_BASE,
    FEE_IN_COIN,
    LIQUIDATION,
    MAKER,
    CloseType,
    Phase,
    Purpose,
    Reason,
    Status,
    explain,
)

STAMP = pl.Datetime("ms", "UTC")


def stamps(time_ms: npt.NDArray[np.int64]) -> pl.Series:
    """Milliseconds as UTC times; a negative number is none."""
    series = pl.Series(np.ascontiguousarray(time_ms, np.int64))
    return pl.select(pl.when(series >= 0).then(series)).to_series().cast(STAMP)


def words(codes: Array, kind: type) -> pl.Series:
    """Codes as the lower-case names of their enum."""
    names = {int(member): member.name.lower() for member in kind}  # type: ignore[attr-defined]
    return pl.Series(np.ascontiguousarray(codes, np.int64)).replace_strict(names, return_dtype=pl.String)


def _instruments(codes: Array, names: list[str]) -> pl.Series:
    return pl.Series(np.ascontiguousarray(codes, np.int64)).replace_strict(
        dict(enumerate(names)), return_dtype=pl.String
    )


def _floats(values: Array) -> npt.NDArray[np.float64]:
    return np.ascontiguousarray(values, np.float64)


def _ints(values: Array) -> npt.NDArray[np.int64]:
    return np.ascontiguousarray(values, np.int64)


def fills_frame(tape: Tape, bars: Bars, names: list[str]) -> pl.DataFrame:
    """Every execution; `fee` in quote currency, of which `fee_base` was paid in base units, or `fee_coin` in a coin."""
    fills = in_quote(tape)
    in_coin = (tape.fills["flags"] & FEE_IN_COIN) != 0
    in_base = (fills["flags"] & FEE_IN_BASE) != 0
    fee = np.where(in_base, fills["fee"] * fills["price"], fills["fee"])
    return pl.DataFrame(
        {
            "time": stamps(fills["time_ms"] if "time_ms" in (fills.dtype.names or ()) else bars.time[fills["row"]]),
            "row": _ints(fills["row"]),
            "instrument": _instruments(fills["market"], names),
            "order_id": _ints(fills["order"]),
            "executor_id": _ints(fills["executor"]),
            "side": np.ascontiguousarray(fills["side"]),
            "price": _floats(fills["price"]),
            "amount": _floats(fills["amount"]),
            "fee": fee,
            "fee_base": np.where(in_base, fills["fee"], 0.0),
            "maker": (fills["flags"] & MAKER) != 0,
            **({"fee_coin": np.where(in_coin, tape.fills["fee"], 0.0)} if in_coin.any() else {}),
            **({"liquidation": (fills["flags"] & LIQUIDATION) != 0} if tape.payments is not None else {}),
        }
    )


def orders_frame(tape: Tape, bars: Bars, names: list[str]) -> pl.DataFrame:
    """Every order in order of its id, with how it ended; `open` ones live on."""
    orders = all_orders(tape)
    return pl.DataFrame(
        {
            "order_id": _ints(orders["id"]),
            "executor_id": _ints(orders["executor_id"]),
            "instrument": _instruments(orders["market"], names),
            "level": _ints(orders["level"]),
            "purpose": words(orders["purpose"], Purpose),
            "side": orders["side"].astype(np.int8),
            "kind": words(orders["kind"], OrderKind),
            "price": _floats(orders["price"]),
            "trigger": _floats(orders["trigger"]),
            "amount": _floats(orders["amount"]),
            "filled": _floats(orders["filled"]),
            **({"reduce_only": orders["reduce"] != 0} if tape.payments is not None else {}),
            "status": words(orders["status"], Status),
            "reason": words(orders["reason"], Reason),
            "created": stamps(bars.time[orders["created_row"]]),
            "closed": stamps(_at_rows(bars, orders["closed_row"])),
        }
    )


def executors_frame(tape: Tape, bars: Bars, names: list[str]) -> pl.DataFrame:
    """Every executor in order of its id; `pnl` is net and, of those at work, unrealised before exit fees."""
    working = tape.world["executors"][0]
    working = working[working["phase"] != Phase.FREE]
    executors = np.concatenate([tape.executors, working])
    executors = executors[np.argsort(executors["id"], kind="stable")]
    last = tape.world["markets"][0]["last"][executors["market"]]
    done = executors["phase"] == Phase.DONE
    marked = executors.copy()
    marked["last_exit"] = np.where(done, executors["last_exit"], np.nan_to_num(last))
    with np.errstate(invalid="ignore", divide="ignore"):
        exit_price = executors["exit_value"] / executors["exit_amount"]
    entered = executors["entry_amount"] > 0.0
    return pl.DataFrame(
        {
            "executor_id": _ints(executors["id"]),
            "instrument": _instruments(executors["market"], names),
            "level": _ints(executors["level"]),
            "kind": words(executors["kind"], ExecutorKind),
            "side": executors["side"].astype(np.int8),
            "phase": words(executors["phase"], Phase),
            "close_type": words(executors["close_type"], CloseType),
            "created": stamps(executors["created_ms"]),
            "entered": stamps(executors["entered_ms"]),
            "closed": stamps(executors["closed_ms"]),
            "entry_price": np.where(entered, executors["entry"], np.nan),
            "exit_price": exit_price,
            "amount": _floats(executors["entry_amount"]),
            "stop_price": np.where(entered, executors["stop"], np.nan),
            "target_price": np.where(entered, executors["target"], np.nan),
            "fee": _floats(executors["fees"]),
            "pnl": net_profit(marked),
        }
    )


def trips_frame(trips: Array, names: list[str]) -> pl.DataFrame:
    """Closed round trips in order of their exit; `pnl` net in quote currency, `return` net of the entry's value."""
    return pl.DataFrame(
        {
            "instrument": _instruments(trips["market"], names),
            "executor_id": _ints(trips["executor"]),
            "side": trips["side"].astype(np.int8),
            "entry_time": stamps(trips["entry_ms"]),
            "exit_time": stamps(trips["exit_ms"]),
            "entry_price": _floats(trips["entry_value"] / trips["entry_amount"]),
            "exit_price": _floats(trips["exit_value"] / trips["exit_amount"]),
            "amount": _floats(trips["entry_amount"]),
            "pnl": _floats(trips["pnl"]),
            "return": _floats(trips["pnl"] / trips["entry_value"]),
            "fee": _floats(trips["fee"]),
            "close_type": words(trips["close_type"], CloseType),
            "bars": _ints(trips["exit_row"] - trips["entry_row"]),
        }
    )


def refusals_frame(tape: Tape) -> pl.DataFrame:
    """How often something was refused, by reason in words."""
    codes, counts = np.unique(tape.refusals["reason"], return_counts=True)
    rejected = tape.orders[tape.orders["status"] == Status.REJECTED]["reason"]
    late, late_counts = np.unique(rejected, return_counts=True)
    reasons = [explain(int(code)) for code in codes] + [f"at its fill: {explain(int(code))}" for code in late]
    return pl.DataFrame(
        {"reason": reasons, "count": [*counts.tolist(), *late_counts.tolist()]},
        schema={"reason": pl.String, "count": pl.Int64},
    )


def equity_frame(tape: Tape, bars: Bars) -> pl.DataFrame:
    """Account value at each bar's close (stamped with its open), the fall from its peak, and exposure as a fraction."""
    equity = tape.equity
    peak = np.maximum.accumulate(equity)
    with np.errstate(invalid="ignore", divide="ignore"):
        drawdown = np.where(peak > 0.0, 1.0 - equity / peak, np.nan)
        exposure = position_values(tape, bars) / equity
    return pl.DataFrame({"time": stamps(bars.time), "equity": equity, "drawdown": drawdown, "exposure": exposure})


def position_values(tape: Tape, bars: Bars) -> npt.NDArray[np.float64]:
    """Signed value of all positions at each row's last prices, in quote currency."""
    fills, total = tape.fills, np.zeros(len(bars.time))
    for m in range(bars.close.shape[0]):
        mine = fills[fills["market"] == m]
        if not len(mine):
            continue
        got = mine["amount"] - np.where((mine["flags"] & FEE_IN_BASE) != 0, mine["fee"], 0.0)
        change = np.bincount(mine["row"], weights=mine["side"] * got, minlength=len(total))
        close = bars.close[m]
        if np.isnan(close).any():
            close = pl.Series(close).fill_nan(None).forward_fill().fill_null(0.0).to_numpy()
        total += np.cumsum(change) * close
    return total


def _at_rows(bars: Bars, rows: Array) -> npt.NDArray[np.int64]:
    return np.where(rows >= 0, bars.time[np.maximum(rows, 0)], -1)
