"""`result.why(time)`: what happened in one bar, in the order in which it did, and why what did not happen did not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from workbench.backtest.engine import Array, Tape, all_orders
from workbench.backtest.market import Market
from workbench.errors import ConfigError
from workbench.market import ExecutorKind, OrderKind, Targets, show_time
from workbench.trading import FEE_IN_BASE, LIQUIDATION, MAKER, CloseType, Phase, Purpose, Reason, Status, explain

SIDES = {1: "buy", -1: "sell", 0: "trade"}
TERMS = ("price", "trigger", "size", "stop_loss", "take_profit", "trailing_activation", "trailing_delta")


@dataclass(frozen=True, slots=True)
class Story:
    """One row of a run in sentences; `str()` is all of them."""

    row: int
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines)

    __repr__ = __str__


def row_of(time_ms: int, times: Any, timeframe_ms: int) -> int:
    """The row in whose bar a moment lies.

    Raises
    ------
    ConfigError
        If the run has no such bar.
    """
    row = int(np.searchsorted(times, time_ms, side="right")) - 1
    if row < 0 or time_ms >= times[row] + timeframe_ms:
        raise ConfigError(
            f"There is no bar at {show_time(time_ms)} UTC. The run goes from {show_time(int(times[0]))} to "
            f"{show_time(int(times[-1]) + timeframe_ms)} UTC; give a moment inside one of its bars."
        )
    return row


def story_of(tape: Tape, market: Market, bars: Any, targets: list[Targets], row: int, *, traced: bool) -> Story:
    """What happened in a row."""
    names = market.names
    lines = [f"Row {row:,}, the bar of {show_time(int(bars.time[row]))} UTC"]
    lines += _prices(bars, names, row)
    lines += _walk(tape, names, row)
    lines += _wanted(targets, names, row)
    lines += _made(tape, names, row)
    lines += _refused(tape, names, row)
    if not traced:
        lines.append("What a policy passed over is not kept: run it with trace=True to see it.")
    lines.append(f"At its close: equity {tape.equity[row]:,.2f}.")
    return Story(row, tuple(lines))


def _prices(bars: Any, names: list[str], row: int) -> Iterator[str]:
    for m, name in enumerate(names):
        o, h, low, c = (float(plane[m, row]) for plane in (bars.open, bars.high, bars.low, bars.close))
        yield f"{name}: open {o:,g}, high {h:,g}, low {low:,g}, close {c:,g}" if c == c else f"{name}: no bar"


def _walk(tape: Tape, names: list[str], row: int) -> Iterator[str]:
    """Fills, orders that ended otherwise, funding, and executors that ended."""
    for fill in tape.fills[tape.fills["row"] == row]:
        how = "as maker" if fill["flags"] & MAKER else "as taker"
        how = "liquidated by the venue" if fill["flags"] & LIQUIDATION else how
        fee = f"{float(fill['fee']):,.6g} {'base' if fill['flags'] & FEE_IN_BASE else 'quote'}"
        of = f" of executor {fill['executor']}" if fill["executor"] >= 0 else ""
        yield (
            f"Filled: {SIDES[int(fill['side'])]} {float(fill['amount']):,g} {names[fill['market']]} at "
            f"{float(fill['price']):,g} {how}, order {fill['order']}{of}, fee {fee}"
        )
    if tape.payments is not None:
        for paid in tape.payments[tape.payments["row"] == row]:
            yield f"Funding of {names[paid['market']]}: {float(paid['amount']):,.4f} paid at a rate of {paid['rate']:g}"
    for order in tape.orders[(tape.orders["closed_row"] == row) & (tape.orders["status"] != Status.FILLED)]:
        why = f": {explain(int(order['reason']))}" if order["reason"] != Reason.NONE else ""
        yield f"Order {order['id']} {Status(int(order['status'])).name.lower()}{why}"
    for one in tape.executors[tape.executors["closed_row"] == row]:
        close = CloseType(int(one["close_type"])).name.lower().replace("_", " ")
        yield f"Executor {one['id']} ended: {close}, having entered at {float(one['entry']):,g}"


def _wanted(targets: list[Targets], names: list[str], row: int) -> Iterator[str]:
    """What the strategy said at the close, where it says so beforehand."""
    for name, one in zip(names, targets, strict=False):
        if one.n_bars <= row:
            continue
        for level in range(one.n_levels):
            if one.exit[row, level]:
                yield f"Wanted: close {name}"
            side = int(one.side[row, level])
            terms = {term: float(one.column(term)[row, level]) for term in TERMS}
            given = ", ".join(f"{term.replace('_', ' ')} {value:g}" for term, value in terms.items() if value == value)
            if side or (one.action.name == "HOLD" and terms["size"] == terms["size"]):
                yield f"Wanted: {one.action.name.lower()} {SIDES[side]} {name}, level {level}: {given}"


def _made(tape: Tape, names: list[str], row: int) -> Iterator[str]:
    """Executors and orders that were made in the row."""
    working = tape.world["executors"][0]
    every = np.concatenate([tape.executors, working[working["phase"] != Phase.FREE]])
    for one in every[every["created_row"] == row]:
        kind = ExecutorKind(int(one["kind"])).name.lower()
        what = f"{kind}, {SIDES[int(one['side'])]} {names[one['market']]}"
        yield f"Made: executor {one['id']}, {what}, level {one['level']}"
    orders = all_orders(tape)
    for order in orders[orders["created_row"] == row]:
        yield f"Asked for: order {order['id']}, {_order(order, names)}"


def _order(order: Array, names: list[str]) -> str:
    kind, purpose = OrderKind(int(order["kind"])).name.lower(), Purpose(int(order["purpose"])).name.lower()
    at = "" if np.isnan(order["price"]) else f" at {float(order['price']):,g}"
    at += "" if np.isnan(order["trigger"]) else f" once at {float(order['trigger']):,g}"
    amount = order["amount"] if order["amount"] == order["amount"] else order["size"]
    whose = f"{purpose} of executor {order['executor_id']}" if order["executor_id"] >= 0 else purpose
    side = SIDES[int(order["side"])]
    return f"{side} {float(amount):,g} {names[order['market']]}, {kind}{at} ({whose}), from row {order['active_row']:,}"


def _refused(tape: Tape, names: list[str], row: int) -> Iterator[str]:
    for one in tape.refusals[tape.refusals["row"] == row]:
        whose = f"executor {one['executor']}" if one["executor"] >= 0 else f"level {one['level']}"
        yield f"Refused: {whose} on {names[one['market']]}: {explain(int(one['reason']))}"


def trace_frame(tape: Tape, times: Any, names: list[str]) -> pl.DataFrame:
    """Every refusal with its row, market, level or executor, and the reason in words."""
    found = tape.refusals
    return pl.DataFrame(
        {
            "time": pl.Series(times[found["row"]]).cast(pl.Datetime("ms", "UTC")),
            "row": found["row"].copy(),
            "instrument": pl.Series([names[m] for m in found["market"]], dtype=pl.String),
            "level": found["level"].copy(),
            "executor_id": found["executor"].copy(),
            "reason": pl.Series([explain(int(code)) for code in found["reason"]], dtype=pl.String),
        }
    )
