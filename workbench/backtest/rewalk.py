"""The entries of a run on finer candles: what became of each where its own bars left that open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from workbench.backtest.bounds import Bounds, Endings, entry_orders
from workbench.backtest.engine import EVERY_ROW, Array, Tape, locked, simulate
from workbench.backtest.loop import Bars, Plan
from workbench.backtest.market import Market, as_market, finer_bars
from workbench.backtest.settings import Settings
from workbench.backtest.tables import executors_frame
from workbench.errors import ConfigError, DataError
from workbench.market import BUY, FLAT, SELL, Action, OrderKind, Policy, Sizing, as_timeframe, show_time
from workbench.trading import World, new_targets

ANY_NUMBER = 1 << 40
NEVER = np.iinfo(np.int64).max
CLOSED_SIDE = np.array([FLAT, BUY, SELL, FLAT])  # by the bits of `closing`; 0 closes both
SAME = 1e-9  # of a price


@dataclass(frozen=True, slots=True)
class Rewalk:
    """What the entries of a run made on finer candles.

    Attributes
    ----------
    timeframe : str
        Of the finer candles.
    net_profit : float
        In quote currency; what no executor made is counted as it was in the run.
    bounds : Bounds
        Those of the run.
    executors : DataFrame
        Per executor: how it ended on the finer path, its `pnl`, and the `worst` and `best` that its own bars allowed.
        `same_entry` is False where the entry itself came out differently: the market jumped over the trigger of a stop,
        a stop-limit met its trigger and its limit in another order, or time ran out before the entry. The bounds know
        nothing of that.
    """

    timeframe: str
    net_profit: float
    bounds: Bounds
    executors: pl.DataFrame

    @property
    def is_inside(self) -> bool:
        """Does the net profit lie within the bounds?"""
        return self.net_profit in self.bounds

    def __str__(self) -> str:
        where = "inside" if self.is_inside else "outside"
        return (
            f"On the path of the {self.timeframe} candles the same entries made {self.net_profit:,.2f}, {where} the "
            f"bounds of {self.bounds.worst:,.2f} and {self.bounds.best:,.2f}; {self.bounds.ambiguous_bars:,} bars were "
            f"ambiguous."
        )


def rewalk(
    endings: Endings, tape: Tape, bars: Bars, walked: Market, settings: Settings, finer: Any, other_profit: float
) -> Rewalk:
    """Walk the entries of a run, and nothing else of it, on finer candles; see `Result.rewalk`."""
    if settings.latency.bars:
        raise ConfigError(
            f"This run has a latency of {settings.latency.bars} bars, and finer bars are shorter ones. Rewalk a run "
            f"without latency, or give `backtest` the finer candles as its `path`."
        )
    market = as_market(finer)
    fine = finer_bars(walked, market)
    check_inside(fine, bars, market)
    fine = fine._replace(decides=EVERY_ROW)
    plan = plan_of(endings, entry_orders(tape, endings.executors), bars, walked.timeframe_ms, fine, market.timeframe_ms)
    world = roomy_world(endings.executors, market, settings)
    again = simulate(world, fine, market.timeframe_ms, out=new_targets(1), plan=plan)
    ended = executors_frame(again, fine, market.names).select(
        "instrument", "side", "entry_price", "exit_price", "close_type", "entered", "closed", "pnl"
    )
    if len(ended) < len(endings.executors):
        raise DataError("Some entries were refused on the finer candles. Give the finer candles of the same market.")
    interval = dict(zip(("worst", "expected", "best"), endings.profit.T.copy(), strict=True))
    executors = ended.with_columns(
        pl.Series("executor_id", np.ascontiguousarray(endings.executors["id"])),
        same_entry=same_entries(ended, endings.executors, bars, walked.timeframe_ms),
        **{name: pl.Series(values) for name, values in interval.items()},
    ).select("executor_id", pl.exclude("executor_id"))
    profit = other_profit + float(executors["pnl"].sum())
    return Rewalk(as_timeframe(market.timeframe_ms), profit, endings.bounds(other_profit), executors)


def same_entries(ended: pl.DataFrame, executors: Array, bars: Bars, timeframe_ms: int) -> npt.NDArray[np.bool_]:
    """Was each executor entered at the price of the run, and within the same bar?"""
    entered = ended["entered"].dt.epoch("ms").fill_null(-1).to_numpy()
    bar = bars.time[executors["entered_row"]]
    same_price = np.isclose(ended["entry_price"].to_numpy(), executors["entry"], rtol=SAME, atol=0.0)
    return same_price & (entered >= bar) & (entered < bar + timeframe_ms)


def check_inside(fine: Bars, bars: Bars, market: Market) -> None:
    """Refuse finer candles that show a price which their bar does not have: they are of another market."""
    rows = np.searchsorted(bars.time, fine.time, side="right") - 1
    for m, name in enumerate(market.names):
        above = fine.high[m] > bars.high[m, rows] * (1.0 + SAME)
        below = fine.low[m] < bars.low[m, rows] * (1.0 - SAME)
        wrong = np.flatnonzero(above | below)
        if len(wrong):
            raise DataError(
                f"{name}: the finer bar of {show_time(int(fine.time[wrong[0]]))} UTC lies outside its bar of "
                f"{show_time(int(bars.time[rows[wrong[0]]]))}. Give the finer candles of the same market."
            )


def plan_of(endings: Endings, orders: Array, bars: Bars, timeframe_ms: int, fine: Bars, fine_ms: int) -> Plan:
    """Entries by amount and what closed them by signal, as targets at the rows of the finer bars."""
    executors, (markets, rows) = endings.executors, np.nonzero(endings.closing)
    targets = new_targets(1).repeat(len(rows) + len(executors))
    closes, enters = targets[: len(rows)], targets[len(rows) :]
    at = last_rows(np.concatenate([rows, executors["created_row"]]), bars, timeframe_ms, fine)
    closes["action"], closes["market"] = Action.CLOSE, markets
    closes["side"] = CLOSED_SIDE[endings.closing[markets, rows]]
    enters["action"], enters["sizing"], enters["size"] = Action.ENTER, Sizing.BASE, executors["entry_amount"]
    for name in ("market", "side", "stop_loss", "take_profit", "trailing_activation", "trailing_delta"):
        enters[name] = executors[name]
    for name in ("kind", "price", "trigger"):
        enters[name] = orders[name]
    left = executors["deadline_ms"] - (fine.time[at[len(rows) :]] + fine_ms)
    enters["time_limit_ms"] = np.where(executors["deadline_ms"] == NEVER, 0, left)
    order = np.argsort(at, kind="stable")  # of one row: what closes first
    levels = np.zeros(len(at), np.int64)
    return Plan(locked(at[order]), locked(levels), locked(targets[order]))


def last_rows(rows: npt.NDArray[np.int64], bars: Bars, timeframe_ms: int, fine: Bars) -> npt.NDArray[np.int64]:
    """The last finer row within each bar."""
    return np.searchsorted(fine.time, bars.time[rows] + timeframe_ms) - 1


def roomy_world(executors: Array, market: Market, settings: Settings) -> World:
    """A world in which no entry is refused, whatever else is open: only the path may differ from the run."""
    kind = OrderKind(int(executors["target_kind"].max(initial=0)))
    policy = Policy(
        max_per_side=ANY_NUMBER, net_of_fees=bool(executors["net_of_fees"].any()), take_profit_kind=kind
    )  # fmt: skip
    world = settings.world(market.instruments, policy)
    world["margin"], world["leverage"] = 1, float(ANY_NUMBER)
    world["quote"] = settings.cash + 10.0 * executors["entry_value"].sum()
    world["markets"]["min_amount"] = world["markets"]["min_notional"] = 0.0
    return world
