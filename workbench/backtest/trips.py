"""Round trips: from executors as they stand, and from the fills that no executor made."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.backtest.engine import Array, Tape
from workbench.backtest.memory import room
from workbench.compiled import compiled
from workbench.trading import FEE_IN_BASE

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
    made, count = write_trips(tape.executors, tape.fills, time_ms, trips, int(tape.world["n_markets"][0]))
    trips = trips[:count]
    return trips if made in (0, count) else trips[np.argsort(trips["exit_row"], kind="stable")]


@compiled
def write_trips(executors, fills, time_ms, trips, n_markets):
    """The trips of executors, then the netted ones; returns how many there are of the first, and of both."""
    made = 0
    for i in range(executors.shape[0]):
        executor = executors[i]
        if executor.exit_amount > 0.0:
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
    trip.fee = executor.fees
    left = d * executor.held * executor.last_exit
    trip.pnl = d * (executor.exit_value - executor.entry_value) - executor.fees_quote + left


@compiled(part=True)
def _net(fills, time_ms, trips, count, n_markets):
    """Net the fills of no executor, from flat to flat; one through zero ends a trip and begins the next."""
    open_trips = np.zeros(n_markets, trips.dtype)
    position, size = np.zeros(n_markets), np.zeros(n_markets)
    for i in range(fills.shape[0]):
        fill = fills[i]
        if fill.executor >= 0:
            continue
        m, in_base = fill.market, (fill.flags & FEE_IN_BASE) != 0
        fee = fill.fee * fill.price if in_base else fill.fee
        amount = fill.amount - fill.fee if in_base else fill.amount
        left = amount
        if position[m] * fill.side < 0.0:
            part = min(left, abs(position[m]))
            share = 1.0 if part == amount else part / amount
            trip = open_trips[m]
            trip.exit_amount += part
            trip.exit_value += fill.price * part
            trip.fee += fee * share
            position[m] += fill.side * part
            left -= part
            if abs(position[m]) <= FLAT * size[m]:
                trip.exit_row, trip.exit_ms = fill.row, time_ms[fill.row]
                trip.pnl = trip.side * (trip.exit_value - trip.entry_value) - trip.fee
                trips[count] = trip
                count += 1
                position[m] = 0.0
                if left <= FLAT * size[m]:
                    left = 0.0
        if left > 0.0:
            trip = open_trips[m]
            if position[m] == 0.0:
                trip.market, trip.side, trip.executor, trip.close_type = m, fill.side, -1, COMPLETED
                trip.entry_row, trip.entry_ms = fill.row, time_ms[fill.row]
                trip.entry_value = trip.entry_amount = trip.exit_value = trip.exit_amount = trip.fee = 0.0
            # A fee taken out of the base that came in is paid by the quote that it cost.
            trip.entry_amount += left
            trip.entry_value += fill.price * left
            trip.fee += fee if left == amount else fee * (left / amount)
            position[m] += fill.side * left
            size[m] = abs(position[m])
    return count
