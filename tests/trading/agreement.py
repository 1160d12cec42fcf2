"""The compiled engine on a case of the plain one, and the first thing in which the two tell another story."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import zip_longest
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.backtest.engine import EVERY_ROW, Tape, all_orders, locked, simulate
from workbench.backtest.loop import Bars, Plan
from workbench.market import CONFIG, TARGET, Action, OrderKind
from workbench.trading import CloseType, Path, Phase, Reason, Status, World, equip, equip_rare, new_targets, new_world
from workbench.trading.world import FEE_IN_BASE, MAKER

from .reference import Config, ControllerTerms, Executor, Outcome, Settings
from .scenarios import Row as Wishes
from .scenarios import Scenario
from .venue_worlds import as_extra, as_purse_world, plain_venue_story, venue_story

TOLERANCE = 1e-9  # relative above 1, absolute below
Row = tuple[Any, ...]
Tables = dict[str, list[Row]]
Records = npt.NDArray[np.void]

# The columns of each table: the compiled engine's names, and under them the plain one's.
COMPILED = {
    "fills": "row market order executor side price amount fee flags",
    "orders": "id market executor_id side kind price amount filled created_row closed_row status",
    "executors": "id kind market side created_ms entry_value exit_value fees_quote closed_row held close_type",
    "refusals": "row market level executor reason",
}
PLAIN = {
    "fills": "row market order_id executor_id side price amount fee fee_in_base maker",
    "orders": "id market executor_id side kind price amount filled created_row closed_row status",
    "executors": "id kind market side created_ms entry_value exit_value fees closed_row held close_type pnl",
    "refusals": "row market level executor_id reason",
}


class Prepared(NamedTuple):
    """A case as the compiled engine takes it."""

    world: World
    bars: Bars
    timeframe_ms: int
    plan: Plan


# The case, for the compiled engine ----------------------------------------------------------------------------


def compiled_run(case: Scenario) -> Tape:
    """The same case through the compiled loop."""
    world, bars, timeframe_ms, plan = prepared(case)
    return simulate(world, bars, timeframe_ms, out=new_targets(1), plan=plan)


def prepared(case: Scenario) -> Prepared:
    """A fresh world, with the case's bars and decisions as arrays."""
    bars = case.bars
    o, h, l, c = (locked(np.array(part, float)) for part in (bars.open, bars.high, bars.low, bars.close))  # noqa: E741
    world = a_world(case)
    extra = as_extra(world, case) if "purses" in (world.dtype.names or ()) else None
    walked = Bars(locked(np.array(bars.time, np.int64)), o, h, l, c, EVERY_ROW, extra=extra)
    created = (target for row in case.decisions for target in row if target.action == Action.CREATE)
    equip(world, {int(target.executor) for target in created})
    return Prepared(world, walked, bars.timeframe_ms, as_plan(case.decisions, case.settings.controllers))


def a_world(case: Scenario) -> World:
    """An empty world for a case: with purses where it has any, or its matching models need them."""
    log_quotes = bool(case.seed % 2)
    plain = as_world(case.settings, log_quotes=log_quotes)
    return as_purse_world(case.settings, plain, case.bars.timeframes) if case.settings.purses else plain


def as_world(settings: Settings, *, log_quotes: bool = True) -> World:
    """An empty world under the settings of a case; it journals every quote that it withdraws, or counts them."""
    world = new_world(n_markets=len(settings.markets), cash=settings.cash)
    equip_rare(world)
    world["margin"], world["leverage"] = settings.account == "margin", settings.leverage
    world["latency"], world["path"] = settings.latency, Path[settings.path.upper()]
    world["through"], world["log_quotes"] = settings.fill == "through", log_quotes
    for name in ("max_per_side", "cooldown_ms", "close_on_opposite", "net_of_fees", "take_profit_kind"):
        world["policy"][name] = getattr(settings.policy, name)
    markets = world["markets"][0]
    markets["maker"], markets["taker"], markets["slippage"] = settings.maker, settings.taker, settings.slippage
    markets["fee_received"] = settings.fees_in_received
    for name in ("tick", "lot", "min_amount", "min_notional"):
        markets[name][: len(settings.markets)] = [getattr(market, name) for market in settings.markets]
    world["configs"][0, : len(settings.configs)] = as_configs(settings.configs)
    world["n_configs"] = len(settings.configs)
    return world


def as_configs(configs: Sequence[Config]) -> Records:
    """Configs as records; one of more levels than a ladder has says so by their number."""
    records = np.zeros(len(configs), CONFIG)
    for record, config in zip(records, configs, strict=True):
        for name in CONFIG.names or ():
            if name in ("prices", "amounts"):
                record[name][: len(getattr(config, name))] = getattr(config, name)
            elif name == "n_levels":
                record[name] = len(config.prices)
            else:
                record[name] = getattr(config, name)
    return records


def as_plan(decisions: Sequence[Wishes], controllers: Sequence[ControllerTerms] = ()) -> Plan:
    """Decisions as rows, levels and records; a target without a level has its place in the list for one.

    Silence is left out: rows in which nothing is wanted are those that the loop may step over.
    """
    wishes = [
        (row, place, target)
        for row, targets in enumerate(decisions)
        for place, target in enumerate(targets)
        if target.action != Action.NONE
    ]
    records = np.zeros(len(wishes), TARGET)
    for name in TARGET.names or ():
        records[name] = [getattr(target, name) for _, _, target in wishes]
    first = [one.first_level for one in controllers] or [0]
    levels = np.array(
        [(place if target.level < 0 else target.level) + first[target.controller] for _, place, target in wishes],
        np.int64,
    )
    rows = np.array([row for row, _, _ in wishes], np.int64)
    return Plan(locked(rows), locked(levels), locked(records))


# Both stories, in the same words ------------------------------------------------------------------------------


def compiled_story(tape: Tape) -> Tables:
    """What the compiled engine did: its fills, orders, executors, refusals, equity and balances, as rows."""
    working = tape.world["executors"][0]
    executors = np.concatenate([tape.executors, working[working["phase"] != Phase.FREE]])
    orders = all_orders(tape)
    positions = tape.world["markets"][0]["position"][: tape.world["n_markets"][0]]
    return {
        "fills": [(*row, bool(flags & FEE_IN_BASE), bool(flags & MAKER)) for *row, flags in told("fills", tape.fills)],
        "orders": sorted((*row, status_name(status)) for *row, status in told("orders", orders)),
        "executors": sorted(
            (*row, CloseType(close_type).name, net_pnl(executor))
            for (*row, close_type), executor in zip(told("executors", executors), executors, strict=True)
        ),
        "refusals": [(*row, Reason(reason).name) for *row, reason in map(one_owner, told("refusals", tape.refusals))],
        "equity": [(value,) for value in tape.equity.tolist()],
        "balances": [(float(tape.world["quote"][0]), *positions.tolist())],
        **venue_story(tape),
    }


def told(table: str, records: Records) -> list[Row]:
    """The compared fields of structured records, as plain tuples."""
    return list(zip(*(records[name].tolist() for name in COMPILED[table].split()), strict=True))


def status_name(status: int) -> str:
    return "LIVE" if status == Status.OPEN else Status(status).name


def one_owner(refusal: Row) -> Row:
    """A refusal names the level or the executor that it was for; the other is −1."""
    row, market, level, executor, reason = refusal
    return row, market, level if executor < 0 else -1, executor, reason


def net_pnl(executor: np.void) -> float:
    """Part 6: what an executor that is done has won; 0 before that."""
    if executor["phase"] != Phase.DONE:
        return 0.0
    d, rest = executor["side"], executor["held"]
    gross = d * (executor["exit_value"] - executor["entry_value"]) + d * rest * executor["last_exit"]
    return float(gross - executor["fees_quote"])


def plain_story(outcome: Outcome) -> Tables:
    """What the plain engine did, in the same rows."""
    tables: Tables = {}
    for table, names in PLAIN.items():
        tables[table] = list(map(attrgetter(*names.split()), getattr(outcome, table)))
    tables["executors"] = [balanced(row, one) for row, one in zip(tables["executors"], outcome.executors, strict=True)]
    tables["equity"] = [(value,) for value in outcome.equity]
    tables["balances"] = [(outcome.cash, *outcome.positions)]
    return {**tables, **plain_venue_story(outcome)}


def balanced(row: Row, executor: Executor) -> Row:
    """Of an executor of two markets what it holds is what one leg has more than the other, once it is done."""
    if executor.config.market2 < 0 or executor.phase != "DONE":
        return row
    return (*row[:-3], executor.held - executor.hedged, *row[-2:])


# The first difference -----------------------------------------------------------------------------------------


def difference(case: Scenario, run: Callable[[Scenario], Tape] = compiled_run) -> str:
    """Empty when `run` and the plain engine tell the same story of a case; else the first thing that differs."""
    tape = run(case)
    ours, theirs = compiled_story(tape), plain_story(case.run())
    if not tape.world["log_quotes"][0]:
        replaced = [row for row in theirs["orders"] if is_withdrawn_quote(row)]
        theirs["orders"] = [row for row in theirs["orders"] if not is_withdrawn_quote(row)]
        count = int(tape.world["cancelled_quotes"][0])
        if len(replaced) != count:
            return f"seed {case.seed}: {count} quotes withdrawn, and by the book {len(replaced)}"
    for table, rows in theirs.items():
        for place, (mine, book) in enumerate(zip_longest(ours[table], rows)):
            if not is_same(mine, book):
                return f"seed {case.seed}: {table}[{place}] is {mine}, and by the book {book}"
    return ""


def is_withdrawn_quote(row: Row) -> bool:
    """A limit order of no executor, cancelled without a fill: the compiled engine may count these instead."""
    _, _, executor, _, kind, _, _, filled, _, _, status = row
    limits = (OrderKind.LIMIT, OrderKind.POST_ONLY)
    return bool(executor < 0 and kind in limits and status == "CANCELLED" and filled == 0.0)


def is_same(ours: Row | None, theirs: Row | None) -> bool:
    """Equal, floats up to `TOLERANCE`; a row that one of the two has not differs."""
    if ours is None or theirs is None or len(ours) != len(theirs):
        return False
    return all(map(is_same_value, ours, theirs))


def is_same_value(ours: Any, theirs: Any) -> bool:
    if not isinstance(theirs, float):
        return bool(ours == theirs)
    if math.isnan(theirs):
        return math.isnan(ours)
    return math.isclose(ours, theirs, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
