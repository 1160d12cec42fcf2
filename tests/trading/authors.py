"""The wishes of a case, written in the other two ways: by a compiled `decide`, and as columns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workbench.backtest.engine import Tape, locked, simulate
from workbench.backtest.loop import Inputs, Wishes
from workbench.backtest.wishes import spoken_rows
from workbench.market import TARGET, Action
from workbench.trading import new_targets

from .agreement import prepared
from .reference import Target
from .scenarios import Scenario

FIELDS = TARGET.names or ()
FLOATS = ("price", "trigger", "size", "stop_loss", "take_profit", "trailing_activation", "trailing_delta")


def decide_run(case: Scenario) -> Tape:
    """A `decide` that copies every field of every target out of its columns."""
    n_levels = max(map(len, case.decisions))
    rows = [[*targets, *[Target()] * (n_levels - len(targets))] for targets in case.decisions]
    columns = [[float(getattr(row[level], name)) for row in rows] for level in range(n_levels) for name in FIELDS]
    plane = locked(np.array(columns))
    inputs = Inputs(plane, locked(np.arange(len(plane))), np.zeros(len(plane)))
    world, bars, timeframe_ms, _ = prepared(case)
    out = new_targets(n_levels)
    return simulate(world, bars, timeframe_ms, out=out, inputs=inputs, decide=copies)


def copies(row, world, out):
    """Seventeen numbers a level, in the order of a target's fields."""
    for level in range(out.shape[0]):
        target, first = out[level], 17 * level
        target.action, target.market = int(row[first]), int(row[first + 1])
        target.side, target.kind = int(row[first + 2]), int(row[first + 3])
        target.price, target.trigger, target.size = row[first + 4], row[first + 5], row[first + 6]
        target.sizing = int(row[first + 7])
        target.stop_loss, target.take_profit = row[first + 8], row[first + 9]
        target.trailing_activation, target.trailing_delta = row[first + 10], row[first + 11]
        target.time_limit_ms, target.executor = int(row[first + 12]), int(row[first + 13])
        target.config, target.keep, target.reduce = int(row[first + 14]), int(row[first + 15]), int(row[first + 16])


def alike(case: Scenario) -> Scenario:
    """What columns can say of a case: its first level, with one action, kind, sizing and time limit for all rows."""
    mine = [targets[0] for targets in case.decisions]
    first = next((target for target in mine if target.action not in (Action.NONE, Action.CLOSE)), Target(Action.ENTER))
    return replace(case, decisions=[[likened(target, first)] for target in mine])


def likened(target: Target, first: Target) -> Target:
    if target.action == Action.CLOSE:
        return Target(Action.CLOSE, first.market)  # an exit column closes both sides
    if target.action != first.action:
        return Target()
    terms = {name: getattr(first, name) for name in ("market", "kind", "sizing", "time_limit_ms")}
    return replace(target, **terms)


def columns_run(case: Scenario) -> Tape:
    """A case made `alike`, as one level of columns."""
    world, bars, timeframe_ms, _ = prepared(case)
    targets = [targets[0] for targets in case.decisions]
    wanted = [target if target.action != Action.CLOSE else Target() for target in targets]
    first = next((target for target in wanted if target.action != Action.NONE), Target(Action.ENTER))
    terms = new_targets(1)
    for name in ("action", "kind", "sizing", "time_limit_ms"):
        terms[name] = getattr(first, name)
    side = locked(np.array([[target.side] for target in wanted], np.int8))
    exits = locked(np.array([[target.action == Action.CLOSE] for target in targets], np.int8))
    wishes = Wishes(
        side=side,
        exit=exits,
        **{name: locked(np.array([[getattr(target, name)] for target in wanted])) for name in FLOATS},
        market=locked(np.array([first.market])),
        terms=locked(terms.copy()),
        rows=spoken_rows(side, exits, len(targets)),
    )
    return simulate(world, bars, timeframe_ms, out=terms, wishes=wishes)
