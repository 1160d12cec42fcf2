"""The compiled engine run on a scenario of the reference engine, and what differs between the two."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.backtest.engine import EVERY_ROW, Tape, locked, simulate
from workbench.backtest.loop import Bars, Plan, Source
from workbench.market import TARGET
from workbench.trading import CloseType, Path, Reason, Status, new_targets, new_world

from .reference import Outcome
from .scenarios import Scenario

CLOSE = {"rel_tol": 1e-9, "abs_tol": 1e-9}


def compiled_run(case: Scenario) -> Tape:
    """The same case through the compiled loop."""
    settings, bars = case.settings, case.bars
    world = new_world(n_markets=len(settings.markets), cash=settings.cash)
    world["margin"], world["leverage"] = settings.account == "margin", settings.leverage
    world["latency"], world["path"] = settings.latency, Path[settings.path.upper()]
    world["through"], world["log_quotes"] = settings.fill == "through", 1
    markets = world["markets"][0]
    markets["maker"], markets["taker"], markets["slippage"] = settings.maker, settings.taker, settings.slippage
    markets["fee_received"] = settings.fees_in_received
    for m, market in enumerate(settings.markets):
        for name in ("tick", "lot", "min_amount", "min_notional"):
            markets[name][m] = getattr(market, name)
    for name in ("max_per_side", "cooldown_ms", "close_on_opposite", "net_of_fees", "take_profit_kind"):
        world["policy"][name] = getattr(settings.policy, name)
    planes = [locked(np.array(getattr(bars, name), float)) for name in ("open", "high", "low", "close")]
    walked = Bars(locked(np.array(bars.time, np.int64)), *planes, EVERY_ROW)
    return simulate(
        world, walked, bars.timeframe_ms, out=new_targets(1), source=Source.PLAN, plan=as_plan(case.decisions)
    )


def as_plan(decisions: list[list[Any]]) -> Plan:
    wishes = [(row, k, target) for row, targets in enumerate(decisions) for k, target in enumerate(targets)]
    records = np.zeros(len(wishes), TARGET)
    for place, (_, _, target) in enumerate(wishes):
        for name in TARGET.names or ():
            records[name][place] = getattr(target, name)
    levels = [target.level if target.level >= 0 else k for _, k, target in wishes]
    rows = np.array([row for row, _, _ in wishes], np.int64)
    return Plan(locked(rows), locked(np.array(levels, np.int64)), locked(records))


def rows_of(tape: Tape) -> dict[str, list[tuple[Any, ...]]]:
    """The compiled engine's tables, as tuples."""
    fills = [
        (f["row"], f["market"], f["order"], f["executor"], f["side"], f["price"], f["amount"], f["fee"], bool(f["flags"] & 2),
         bool(f["flags"] & 1)) for f in tape.fills
    ]  # fmt: skip
    live = [o for o in tape.world["orders"][0] if o["status"] == Status.OPEN]
    orders = [
        (o["id"], o["market"], o["executor_id"], o["side"], o["kind"], o["price"], o["amount"], status(o), o["created_row"],
         o["closed_row"]) for o in [*tape.orders, *live]
    ]  # fmt: skip
    working = [e for e in tape.world["executors"][0] if e["phase"] != 0]
    executors = [
        (e["id"], e["market"], e["side"], CloseType(int(e["close_type"])).name, e["created_ms"], e["entry_value"], e["exit_value"],
         e["fees_quote"], e["closed_row"], net_pnl(e)) for e in [*tape.executors, *working]
    ]  # fmt: skip
    refusals = [
        (r["row"], r["market"], Reason(int(r["reason"])).name, r["level"] if r["executor"] < 0 else -1, r["executor"])
        for r in tape.refusals
    ]
    return {"fills": fills, "orders": sorted(orders), "executors": sorted(executors), "refusals": refusals}


def status(order: Any) -> str:
    return "LIVE" if order["status"] == Status.OPEN else Status(int(order["status"])).name


def net_pnl(e: Any) -> float:
    if e["phase"] != 4:
        return 0.0
    return float(
        e["side"] * (e["exit_value"] - e["entry_value"]) - e["fees_quote"] + e["side"] * e["held"] * e["last_exit"]
    )


def expected_rows(outcome: Outcome) -> dict[str, list[tuple[Any, ...]]]:
    """The reference engine's tables, as tuples."""
    fills = [
        (f.row, f.market, f.order_id, f.executor_id, f.side, f.price, f.amount, f.fee, f.fee_in_base, f.maker)
        for f in outcome.fills
    ]
    orders = [
        (o.id, o.market, o.executor_id, o.side, int(o.kind), o.price, o.amount, o.status, o.created_row, o.closed_row)
        for o in outcome.orders
    ]
    executors = [
        (e.id, e.market, e.side, e.close_type, e.created_ms, e.entry_value, e.exit_value, e.fees, e.closed_row, e.pnl)
        for e in outcome.executors
    ]
    refusals = [(r.row, r.market, r.reason, r.level, r.executor_id) for r in outcome.refusals]
    return {"fills": fills, "orders": sorted(orders), "executors": sorted(executors), "refusals": refusals}


def difference(case: Scenario) -> str:
    """Empty when both engines tell the same story; else the first thing that differs."""
    tape, outcome = compiled_run(case), case.run()
    ours, theirs = rows_of(tape), expected_rows(outcome)
    for table, rows in theirs.items():
        for place, row in enumerate(rows):
            if place >= len(ours[table]) or not same(ours[table][place], row):
                mine = ours[table][place] if place < len(ours[table]) else None
                return f"seed {case.seed}: {table}[{place}] is {plain(mine)}, and by the book {plain(row)}"
        if len(ours[table]) > len(rows):
            return f"seed {case.seed}: {table} has {plain(ours[table][len(rows)])} that the book has not"
    if not np.allclose(tape.equity, outcome.equity, rtol=1e-9, atol=1e-9):
        row = int(np.flatnonzero(~np.isclose(tape.equity, outcome.equity, rtol=1e-9, atol=1e-9))[0])
        return f"seed {case.seed}: equity[{row}] is {tape.equity[row]}, and by the book {outcome.equity[row]}"
    positions = tape.world["markets"][0]["position"][: len(outcome.positions)]
    if not np.allclose(positions, outcome.positions, rtol=1e-9, atol=1e-9):
        return f"seed {case.seed}: positions are {positions}, and by the book {outcome.positions}"
    return ""


def plain(row: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    return None if row is None else tuple(value.item() if isinstance(value, np.generic) else value for value in row)


def same(ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> bool:
    return all(same_value(a, b) for a, b in zip(ours, theirs, strict=True))


def same_value(a: Any, b: Any) -> bool:
    if isinstance(b, float):
        return bool(np.isclose(a, b, rtol=1e-9, atol=1e-9, equal_nan=True))
    return bool(a == b)
