"""Position holds: what no executor holds, netted per controller and market; docs/executors.md part 14.

They are made of the journals once a run is over: of the fills of quotes and holds, and of what executors left behind
when they ended. Every fill goes in once, by its order, which is an executor's or is not.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from workbench.backtest.engine import Array, Tape
from workbench.backtest.loop import Bars
from workbench.backtest.trips import in_quote
from workbench.compiled import compiled
from workbench.market import ExecutorKind
from workbench.trading import FEE_IN_BASE, LIQUIDATION, CloseType, PurseKind, Status

EVENT = np.dtype(
    [
        ("row", "i8"),
        ("place", "i8"),  # after which fill
        ("controller", "i8"),
        ("market", "i8"),
        ("leg", "i8"),  # 0 of a one-way account, else the side of the leg
        ("executor", "i8"),  # −1: a fill
        ("closes", "i8"),  # a liquidation, which closes the holds of all
        ("change", "f8"),  # signed base units
        ("price", "f8"),
        ("fee", "f8"),
    ],
    align=True,
)
HOLD = np.dtype([("amount", "f8"), ("breakeven", "f8"), ("realised", "f8"), ("fees", "f8")], align=True)
DUST = 1e-12


def holds_frame(tape: Tape, bars: Bars, names: list[str], bots: tuple[str, ...]) -> pl.DataFrame:
    """Each hold as it ended: amount, break-even, realised and unrealised PnL before fees, and fees, in quote."""
    holds, last = netted(tape, bars), tape.world["markets"][0]["last"]
    rows = []
    for controller, bot in enumerate(bots):
        for m, name in enumerate(names):
            for leg, word in enumerate(("net", "long", "short")):
                amount, breakeven, realised, fees = holds[controller, m, leg].tolist()
                if amount or realised or fees:
                    open_ = amount * (float(last[m]) - breakeven) if amount else 0.0
                    rows.append((bot, name, word, amount, breakeven, realised, open_, fees))
    words, numbers = ("controller", "instrument", "leg"), ("amount", "breakeven", "realised", "unrealised", "fees")
    schema = {**dict.fromkeys(words, pl.String), **dict.fromkeys(numbers, pl.Float64)}
    return pl.DataFrame(rows, schema=schema, orient="row")


def handed_frame(tape: Tape, bars: Bars, names: list[str], bots: tuple[str, ...]) -> pl.DataFrame:
    """What each executor handed over when it ended: signed base units, and the price at which they count."""
    events = hand_overs(tape, bars, first_place(tape))
    return pl.DataFrame(
        {
            "time": pl.Series(bars.time[events["row"]]).cast(pl.Datetime("ms", "UTC")),
            "controller": [bots[one] for one in events["controller"]],
            "executor_id": events["executor"].copy(),
            "instrument": [names[one] for one in events["market"]],
            "amount": events["change"].copy(),
            "price": events["price"].copy(),
        },
        schema_overrides={"controller": pl.String, "instrument": pl.String},
    )


def netted(tape: Tape, bars: Bars) -> Array:
    """Holds of shape (controllers, markets, 3): net, long and short."""
    n_controllers = max(int(tape.world["n_controllers"][0]), 1) if has_purses(tape) else 1
    holds = np.zeros((n_controllers, int(tape.world["n_markets"][0]), 3), HOLD)
    events = np.concatenate([fills_of_none(tape), hand_overs(tape, bars, first_place(tape))])
    order = np.lexsort((events["executor"] < 0, events["place"], events["row"]))
    net(events[order], holds)
    return holds


@compiled
def net(events, holds):
    """Net every event into its hold: weighted on the same side, realised against it, and anew through zero."""
    for i in range(events.shape[0]):
        one = events[i]
        if one.closes:
            _close(one, holds)
        else:
            _take_in(holds[one.controller, one.market, one.leg + 3 * (one.leg < 0)], one.change, one.price)
            holds[one.controller, one.market, one.leg + 3 * (one.leg < 0)].fees += one.fee


@compiled(part=True)
def _take_in(hold, change, price):
    before, after = hold.amount, hold.amount + change
    after = 0.0 if abs(after) <= DUST * max(abs(before), abs(change)) else after
    hold.amount = after
    if before == 0.0:
        hold.breakeven = price
    elif before * change > 0.0:
        hold.breakeven = (hold.breakeven * before + price * change) / after
    else:
        hold.realised += (price - hold.breakeven) * min(abs(change), abs(before)) * (1.0 if before > 0.0 else -1.0)
        if after * before < 0.0:
            hold.breakeven = price


@compiled(part=True)
def _close(one, holds):
    """A liquidation: the holds of all controllers, and of its fee their shares."""
    leg, gross = one.leg + 3 * (one.leg < 0), 0.0
    for c in range(holds.shape[0]):
        gross += abs(holds[c, one.market, leg].amount)
    for c in range(holds.shape[0]):
        hold = holds[c, one.market, leg]
        amount = hold.amount
        if amount != 0.0:
            _take_in(hold, -amount, one.price)
            hold.fees += one.fee * abs(amount) / gross


# Events -----------------------------------------------------------------------------------------------------------


def has_purses(tape: Tape) -> bool:
    return "purses" in (tape.world.dtype.names or ())


def owners_of(tape: Tape, levels: Array) -> npt.NDArray[np.int64]:
    """The controller of each level."""
    owners = tape.world["owners"][0] if has_purses(tape) else np.zeros(1, np.int64)
    return np.asarray(owners[np.clip(levels, 0, len(owners) - 1)])


def hedged_markets(tape: Tape) -> npt.NDArray[np.bool_]:
    n = int(tape.world["n_markets"][0])
    if not has_purses(tape):
        return np.zeros(n, bool)
    purses, mine = tape.world["purses"][0], tape.world["markets"][0]["purse"][:n]
    return np.asarray((purses["hedge"][mine] != 0) & (purses["kind"][mine] == PurseKind.PERPETUAL))


def fills_of_none(tape: Tape) -> Array:
    """The fills that no executor asked for: of quotes, holds, flattening orders and liquidations."""
    fills = in_quote(tape)
    place = np.flatnonzero(fills["executor"] < 0)
    fills = fills[place]
    in_base = (fills["flags"] & FEE_IN_BASE) != 0
    got = fills["amount"] - np.where(in_base, fills["fee"], 0.0)
    events = np.zeros(len(fills), EVENT)
    events["row"], events["place"], events["executor"] = fills["row"], place, -1
    events["controller"], events["market"] = owners_of(tape, fills["level"]), fills["market"]
    events["closes"] = (fills["flags"] & LIQUIDATION) != 0
    events["change"], events["fee"] = fills["side"] * got, np.where(in_base, 0.0, fills["fee"])
    events["price"] = np.where(in_base, fills["price"] * fills["amount"] / got, fills["price"])
    hedged = hedged_markets(tape)[fills["market"]]
    reduces = reducing(tape, fills["order"]) if hedged.any() else np.zeros(len(fills), bool)
    opened = np.where(reduces | (events["closes"] != 0), -fills["side"], fills["side"])
    events["leg"] = np.where(hedged, opened, 0)
    return events


def reducing(tape: Tape, ids: Array, field: str = "id") -> npt.NDArray[np.bool_]:
    """Which orders were reduce-only; with `executor_id`, which executors asked for such."""
    live = tape.world["orders"][0]
    marked = [orders[field][orders["reduce"] != 0] for orders in (tape.orders, live[live["status"] == Status.OPEN])]
    return np.isin(ids, np.concatenate(marked))


def first_place(tape: Tape) -> dict[tuple[int, int], int]:
    """By market and row: the first liquidation among the fills."""
    places = np.flatnonzero((tape.fills["flags"] & LIQUIDATION) != 0)
    found: dict[tuple[int, int], int] = {}
    for place in places[::-1].tolist():
        found[int(tape.fills["market"][place]), int(tape.fills["row"][place])] = place
    return found


def hand_overs(tape: Tape, bars: Bars, liquidated: dict[tuple[int, int], int]) -> Array:
    """What executors that are done had left, a row for each market of it."""
    done = tape.executors
    left = [_left(tape, bars, one, liquidated) for one in done[(done["held"] != 0.0) | (done["kind"] >= PAIRS)]]
    rows = [row for rows in left for row in rows]
    events = np.array(rows, EVENT) if rows else np.zeros(0, EVENT)
    if events["leg"].any():  # what an executor took away, it took from the other leg
        events["leg"] *= np.where(reducing(tape, events["executor"], "executor_id"), -1, 1)
    return events


PAIRS = ExecutorKind.ARBITRAGE


def _left(tape: Tape, bars: Bars, one: Array, liquidated: dict[tuple[int, int], int]) -> list[tuple[float, ...]]:
    market, row, side = int(one["market"]), int(one["closed_row"]), int(one["side"])
    mine = np.flatnonzero(tape.fills["executor"] == one["id"])
    last = int(mine[-1]) if len(mine) and tape.fills["row"][mine[-1]] == row else len(tape.fills)
    place = liquidated.get((market, row), last) - 0.5 if one["close_type"] == CloseType.LIQUIDATED else last
    owner, hedged = int(owners_of(tape, one["level"])), hedged_markets(tape)
    if one["kind"] < PAIRS:
        parts = [(market, side * float(one["held"]), float(one["last_exit"]))]
    else:
        parts = _of_pair(tape, bars, mine, market, row)
    return [
        (row, int(np.floor(place)), owner, m, (1 if change > 0 else -1) if hedged[m] else 0, int(one["id"]), 0, change,
         price, 0.0)
        for m, change, price in parts if change != 0.0
    ]  # fmt: skip


def _of_pair(tape: Tape, bars: Bars, mine: Array, market: int, row: int) -> list[tuple[int, float, float]]:
    """Both legs, at one value: that of the first market's last price."""
    fills = tape.fills[mine]
    got = fills["side"] * (fills["amount"] - np.where((fills["flags"] & FEE_IN_BASE) != 0, fills["fee"], 0.0))
    here = last_price(bars, market, row)
    changes = {int(m): float(got[fills["market"] == m].sum()) for m in np.unique(fills["market"])}
    return [
        (m, 0.0 if abs(change) <= DUST * float(np.abs(got).max()) else change,
         here * rate_of(tape, market, row) / rate_of(tape, m, row))
        for m, change in changes.items()
    ]  # fmt: skip


def last_price(bars: Bars, market: int, row: int) -> float:
    known = bars.close[market][: row + 1]
    known = known[~np.isnan(known)]
    return float(known[-1]) if len(known) else np.nan


def rate_of(tape: Tape, market: int, row: int) -> float:
    """What the quote currency of a market was worth in that of the run."""
    if tape.rates is None or not tape.rates.shape[0]:
        return 1.0
    known = tape.rates[int(tape.world["markets"][0]["purse"][market])][: row + 1]
    known = known[~np.isnan(known)]
    return float(known[-1]) if len(known) else 1.0
