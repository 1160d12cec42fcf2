"""Round trips: from executors as they stand, and from the fills that no executor made."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from workbench.backtest.engine import Array, Tape
from workbench.backtest.memory import room
from workbench.compiled import compiled
from workbench.trading import FEE_IN_BASE, FEE_IN_COIN, LIQUIDATION, CloseType

TRIP = np.dtype(
    [
        ("market", "i2"),
        ("side", "i1"),
        ("close_type", "i1"),
        ("executor", "i4"),  # −1: netted from fills
        ("entry_row", "i4"),
        ("exit_row", "i4"),
        ("entry_ms", "i8"),
        ("exit_ms", "i8"),
        ("entry_value", "f8"),
        ("entry_amount", "f8"),
        ("exit_value", "f8"),
        ("exit_amount", "f8"),
        ("fee", "f8"),
        ("pnl", "f8"),
    ],
    align=True,
)
COMPLETED = 9
FLAT = 1e-9  # of the amount traded: less is rounding


def net_profit(executors: Array) -> npt.NDArray[np.float64]:
    """Net PnL of done executors in quote currency; docs/execution.md part 6."""
    side = executors["side"]
    rest = side * executors["held"] * executors["last_exit"]
    return side * (executors["exit_value"] - executors["entry_value"]) - executors["fees_quote"] + rest


def round_trips(tape: Tape, time_ms: npt.NDArray[np.int64]) -> Array:
    """Closed round trips in order of their exit: one per executor that traded, one per netted position beside them."""
    trips = room(len(tape.executors) + len(tape.fills) + 1, TRIP)
    made, count = write_trips(tape.executors, in_quote(tape), time_ms, trips, int(tape.world["n_markets"][0]))
    trips = trips[:count]
    in_order = made == count or (made == 0 and tape.world["n_markets"][0] == 1)
    return trips if in_order else trips[np.argsort(trips["exit_row"], kind="stable")]


def in_quote(tape: Tape) -> Array:
    """The fills of a run; fees that were paid in a third coin at what they were worth in quote currency."""
    fills, plane = tape.fills, tape.rates
    if plane is None:
        return fills
    in_coin = (fills["flags"] & FEE_IN_COIN) != 0
    if not in_coin.any():
        return fills
    fills, markets = fills.copy(), tape.world["markets"][0]
    known = pl.DataFrame(plane.T).fill_nan(None).fill_null(strategy="forward").to_numpy()
    row, market = fills["row"][in_coin], fills["market"][in_coin]
    coin, own = known[row, markets["fee_purse"][market]], known[row, markets["purse"][market]]
    fills["fee"][in_coin] *= coin / np.where(np.isnan(own), 1.0, own)
    fills["flags"][in_coin] &= ~FEE_IN_COIN
    return fills


@compiled
def write_trips(executors, fills, time_ms, trips, n_markets):
    """The trips of executors, then the netted ones; returns how many there are of the first, and of both."""
    made = 0
    for i in range(executors.shape[0]):
        executor = executors[i]
        if executor.exit_amount > 0.0 or (executor.close_type == CloseType.LIQUIDATED and executor.held > 0.0):
            _of_executor(executor, trips[made])
            made += 1
    return made, _net(fills, time_ms, trips, made, n_markets)


@compiled(part=True)
def _of_executor(executor, trip):
    d = executor.side
    trip.market, trip.side, trip.executor, trip.close_type = executor.market, d, executor.id, executor.close_type
    trip.entry_row, trip.exit_row = executor.entered_row, executor.closed_row
    trip.entry_ms, trip.exit_ms = executor.entered_ms, executor.closed_ms
    trip.entry_value, trip.entry_amount = executor.entry_value, executor.entry_amount
    trip.exit_value, trip.exit_amount = executor.exit_value, executor.exit_amount
    if executor.close_type == CloseType.LIQUIDATED:
        trip.exit_value += executor.held * executor.last_exit
        trip.exit_amount += executor.held
    trip.fee = executor.fees
    left = d * executor.held * executor.last_exit
    trip.pnl = d * (executor.exit_value - executor.entry_value) - executor.fees_quote + left


@compiled(part=True)
def _net(fills, time_ms, trips, count, n_markets):
    """Net the fills of no executor, from flat to flat; one through zero ends a trip and begins the next."""
    for m in range(n_markets):
        count = _net_market(fills, time_ms, trips, count, m)
    return count


@compiled(part=True)
def _net_market(fills, time_ms, trips, count, m):
    position = size = entry_value = entry_amount = exit_value = exit_amount = paid = 0.0
    entry_row = side = 0
    for i in range(fills.shape[0]):
        fill = fills[i]
        if fill.executor >= 0 or fill.market != m:
            continue
        in_base, price = (fill.flags & FEE_IN_BASE) != 0, fill.price
        # A fee taken out of the base that came in is paid by the quote that it cost.
        fee = fill.fee * price if in_base else fill.fee
        amount = fill.amount - fill.fee if in_base else fill.amount
        if (fill.flags & LIQUIDATION) != 0:
            # It also closes what executors held, in trips of their own.
            if not position * fill.side < 0.0:
                continue
            fee, amount = fee * (min(amount, abs(position)) / amount), min(amount, abs(position))
        # Which side a fill is of cannot be foretold, and a wrong guess costs more than adding nothing.
        direction = float(fill.side)
        closable = -position * direction
        part = closable if closable < amount else amount
        part = part if part > 0.0 else 0.0
        left = amount - part
        exit_amount += part
        exit_value += price * part
        if (part > 0.0) & (left > 0.0):
            paid, position = paid + fee * (part / amount), 0.0
        else:
            paid, position = paid + fee, position + direction * amount
        reach = abs(position)
        size = reach if reach > size else size
        if reach < FLAT * size:
            trip = trips[count]
            trip.market, trip.side, trip.executor, trip.close_type = m, side, -1, COMPLETED
            trip.entry_row, trip.exit_row = entry_row, fill.row
            trip.entry_ms, trip.exit_ms = time_ms[np.uint64(entry_row)], time_ms[np.uint64(fill.row)]
            trip.entry_value, trip.entry_amount = entry_value, entry_amount
            trip.exit_value, trip.exit_amount = exit_value, exit_amount
            trip.fee, trip.pnl = paid, side * (exit_value - entry_value) - paid
            count += 1
            entry_value = entry_amount = exit_value = exit_amount = position = 0.0
            left = left if left > FLAT * size else 0.0
            paid, position, size = fee * (left / amount), direction * left, left
        if entry_amount == 0.0 and left > 0.0:
            side, entry_row = fill.side, fill.row
        entry_amount += left
        entry_value += price * left
    return count
