"""What the unknown path inside each bar allows: the worst, the expected and the best net profit of the same entries.

A bar that touches both the stop and the target of a position does not say which came first. So every executor of a run
is followed once more through its bars, with *all* the ways in which it could have ended: the bounds are the sums of the
worst and of the best of them. The expected value weighs them as a price without drift would: the nearer barrier is the
likelier one. Entries, amounts and the signals that closed positions are those of the run.

A path is taken to be without jumps inside a bar, as in the walk of the run itself: a stop that it reaches fills at its
own price. Where the market jumps over a stop between two trades, the loss is larger than that by the jump.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.backtest.endings import START, TWO_WAYS, follow_all
from workbench.backtest.engine import Array, Tape
from workbench.backtest.loop import Bars
from workbench.backtest.market import Market
from workbench.backtest.settings import Settings
from workbench.market import BUY, Action, OrderKind, Targets
from workbench.trading import MAKER, CloseType, Phase, Purpose, Status

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, repr=False)
class Bounds:
    """Net profit, in quote currency, on the worst, expected and best path inside each bar.

    `ambiguous_bars` did not say by themselves how a position ended, of `bars_with_orders` in which one was open.
    `profit in bounds` asks whether a net profit lies between worst and best, give or take the rounding of sums.
    """

    worst: float
    expected: float
    best: float
    ambiguous_bars: int
    bars_with_orders: int

    def __str__(self) -> str:
        if self.bars_with_orders == 0:
            return "Bounds: no executor held a position, so the path inside the bars decided nothing."
        share = self.ambiguous_bars / self.bars_with_orders
        return (
            f"Bounds: net profit between {self.worst:,.2f} (worst path) and {self.best:,.2f} (best), expected "
            f"{self.expected:,.2f}; {self.ambiguous_bars:,} of {self.bars_with_orders:,} bars with a position "
            f"({share:.2%}) do "
            f"not say which barrier came first."
        )

    __repr__ = _repr_markdown_ = __str__

    def __contains__(self, profit: float) -> bool:
        slack = ROUNDING * max(1.0, abs(self.worst), abs(self.best), abs(profit))
        return self.worst - slack <= profit <= self.best + slack


@dataclass(frozen=True, slots=True)
class Endings:
    """Every executor of a run that held something, and all the ways in which it could have ended.

    Attributes
    ----------
    executors : array of EXECUTOR, in order of their ids
    profit : float64 array of shape (n_executors, 3)
        Worst, expected and best net profit of each.
    marks : int8 array of shape (n_rows,)
        1 where a position was open, 2 where the bar did not say how one ended.
    closing : int8 array of shape (n_markets, n_rows)
        Sides that were stopped at the close of a row, whatever the price: bit 1 long, bit 2 short.
    """

    executors: Array
    profit: npt.NDArray[np.float64]
    marks: npt.NDArray[np.int8]
    closing: npt.NDArray[np.int8]

    def bounds(self, other_profit: float) -> Bounds:
        """Their sums, with the net profit that no executor made, which is the same on every path."""
        worst, expected, best = (float(value) + other_profit for value in self.profit.sum(axis=0))
        return Bounds(worst, expected, best, int((self.marks >= TWO_WAYS).sum()), int((self.marks >= 1).sum()))


def find_endings(tape: Tape, bars: Bars, walked: Market, settings: Settings, closing: Array) -> Endings:
    """Follow every executor of a run through all the ways in which it could have ended.

    Parameters
    ----------
    walked : Market
        What `bars` were made of.
    closing : int8 array of shape (n_markets, n_rows)
        Sides that a signal stopped; those that are seen in the run are added.
    """
    held, markets = held_executors(tape), tape.world["markets"][0][: len(walked.candles)]
    closing = closing | seen_closing(tape, closing.shape)
    profit, marks = np.zeros((len(held), 3)), np.zeros(len(bars.time), np.int8)
    if len(held):
        starts = starts_of(held, entry_orders(tape, held), tape.fills, bars, through=settings.fill == "through")
        follow_all(
            held, starts, markets, bars, walked.timeframe_ms, ragged_ends(walked, bars), closing,
            settings.latency.bars, settings.fill == "through", profit, marks,
        )  # fmt: skip
    return Endings(held, profit, marks, closing)


def held_executors(tape: Tape) -> Array:
    """Executors that held something, done or at work, in order of their ids."""
    working = tape.world["executors"][0]
    every = np.concatenate([tape.executors, working[working["phase"] != Phase.FREE]])
    held = every[every["entry_held"] > 0.0]
    return held[np.argsort(held["id"], kind="stable")]


def entry_orders(tape: Tape, held: Array) -> Array:
    """The order that each executor was entered with."""
    entries = tape.orders[(tape.orders["purpose"] == Purpose.ENTRY) & (tape.orders["filled"] > 0.0)]
    entries = entries[np.argsort(entries["executor_id"], kind="stable")]
    return entries[np.searchsorted(entries["executor_id"], held["id"])]


def starts_of(held: Array, orders: Array, fills: Array, bars: Bars, *, through: bool) -> Array:
    """Where each executor was on its way when its entry filled; what can be known of it."""
    maker = np.isin(orders["id"], fills["order"][(fills["flags"] & MAKER) != 0])
    side, o = held["side"], bars.open[held["market"], held["entered_row"]]
    turned = (orders["kind"] == OrderKind.STOP_LIMIT) & ~was_triggered(held, orders, bars)  # within this bar
    triggered = turned | (orders["kind"] == OrderKind.STOP)
    gap, beyond = side * (o - orders["price"]), side * (o - orders["trigger"]) >= 0.0
    at_open = np.where(maker, ~turned & ((gap < 0.0) | ((gap == 0.0) & (not through))), ~triggered | beyond)
    starts = np.zeros(len(held), START)
    starts["price"] = np.where(at_open, o, np.where(maker, orders["price"], orders["trigger"]))
    starts["at_open"] = at_open
    starts["sees_ahead"] = at_open | ~maker
    starts["sees_against"] = at_open | (maker & ~turned)
    starts["fills_beyond"] = ~at_open & maker & through
    return starts


def was_triggered(held: Array, orders: Array, bars: Bars) -> npt.NDArray[np.bool_]:
    """Had a stop-limit order met its trigger by the open of the bar in which it filled?"""
    met = np.zeros(len(held), np.bool_)
    for i in np.flatnonzero(orders["kind"] == OrderKind.STOP_LIMIT):
        m, d, row = held["market"][i], held["side"][i], held["entered_row"][i]
        extreme = (bars.high if d == BUY else bars.low)[m, orders["active_row"][i] : row]
        reached = np.append(extreme, bars.open[m, row])
        met[i] = bool((d * (reached - orders["trigger"][i]) >= 0.0).any())
    return met


def ragged_ends(walked: Market, bars: Bars) -> npt.NDArray[np.int8]:
    """Bars that may have ended before their time: finer bars are missing in them, or the next bar is."""
    ragged = np.zeros(bars.close.shape, np.int8)
    for m, one in enumerate(walked.candles.values()):
        early = np.append(np.diff(one.time) != walked.timeframe_ms, False)
        if one.incomplete is not None:
            early |= one.incomplete
        stamps = one.time[early]
        rows = np.searchsorted(bars.time, stamps)
        inside = rows < len(bars.time)
        inside[inside] = bars.time[rows[inside]] == stamps[inside]
        ragged[m, rows[inside]] = 1
    return ragged


def seen_closing(tape: Tape, shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
    """Sides that the run stopped early, by the row that decided it: all that is known of a compiled `decide`."""
    closing = np.zeros(shape, np.int8)
    stopped = held_executors(tape)
    stopped = stopped[stopped["close_type"] == CloseType.EARLY_STOP]
    orders = np.concatenate([tape.orders, tape.world["orders"][0]])
    exits = orders[(orders["purpose"] == Purpose.EXIT) & np.isin(orders["executor_id"], stopped["id"])]
    exits = exits[exits["status"] != Status.FREE]
    first = exits[np.unique(exits["executor_id"], return_index=True)[1]] if len(exits) else exits
    np.bitwise_or.at(
        closing, (first["market"], first["created_row"]), np.where(first["side"] == BUY, 2, 1).astype(np.int8)
    )
    return closing


def closing_sides(targets: list[Targets], market: Market, bars: Bars) -> Array:
    """Which sides a signal stopped at the close of each walked row: bit 1 long, bit 2 short."""
    n_rows = len(bars.time)
    closing = np.zeros((len(market.candles), n_rows), np.int8)
    decided = np.flatnonzero(bars.decides >= 0) if len(bars.decides) else None
    for m, (one, rows) in enumerate(zip(targets, market.rows, strict=False)):
        if one.action != Action.ENTER:
            continue
        sides = np.where(one.exit.any(axis=1), 3, 0).astype(np.int8)
        if one.policy.close_on_opposite:
            sides |= np.where((one.side < 0).any(axis=1), 1, 0).astype(np.int8)
            sides |= np.where((one.side > 0).any(axis=1), 2, 0).astype(np.int8)
        grid = np.zeros(len(market.time), np.int8)
        grid[slice(None) if rows is None else rows] = sides
        if decided is None:
            closing[m] = grid
        else:
            closing[m, decided] = grid[bars.decides[decided]]
    return closing
