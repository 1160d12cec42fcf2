"""One run of the compiled loop: journals that grow, a world that is set up, a code that becomes a sentence."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from workbench.backtest import loop, purses  # noqa: F401 - what a world with purses does in the loop
from workbench.backtest.loop import Bars, Inputs, Journals, Plan, Wishes
from workbench.backtest.memory import room
from workbench.compiled import compiled_pointer
from workbench.errors import BrokenInvariant, ConfigError
from workbench.market import TARGET, Action, OrderKind
from workbench.trading import (
    EXECUTOR,
    FILL,
    MAX_EXECUTORS,
    MAX_ORDERS,
    ORDER,
    OUTBOX,
    POST_ONLY_QUOTE,
    QUOTE,
    REFUSAL,
    TICK,
    Reason,
    Status,
    World,
    equip_rare,
    explain,
)

Array = npt.NDArray[Any]


@dataclass(slots=True)
class Paper:
    """What a run writes on; one that is given is written on again by the next run, so a tape of it is short-lived."""

    equity: npt.NDArray[np.float64]
    journals: Journals


@dataclass(frozen=True, slots=True)
class Tape:
    """What a run left behind: journals in order of time, equity per row, and the world as it ended."""

    world: World
    fills: Array
    orders: Array
    executors: Array
    refusals: Array
    equity: npt.NDArray[np.float64]
    payments: Array | None = None  # funding, where there are purses
    pnls: Array | None = None  # of each of several controllers, by row
    rates: Array | None = None  # news of each purse's rate, by row


def locked(array: Array) -> Array:
    """A view that nobody can write to; kernels are compiled for such views alone."""
    view = array.view()
    view.flags.writeable = False
    return view


NO_WISHES = Wishes(
    side=locked(np.zeros((0, 0), np.int8)),
    exit=locked(np.zeros((0, 0), np.int8)),
    **{name: locked(np.zeros((0, 0))) for name in Wishes._fields[2:9]},
    market=locked(np.zeros(0, np.int64)),
    terms=locked(np.zeros(1, TARGET)),
    rows=locked(np.zeros(0, np.int64)),
)
NO_INPUTS = Inputs(locked(np.zeros((0, 0))), locked(np.zeros(0, np.int64)), np.zeros(0))
NO_PLAN = Plan(locked(np.zeros(0, np.int64)), locked(np.zeros(0, np.int64)), locked(np.zeros(0, TARGET)))
EVERY_ROW = locked(np.zeros(0, np.int64))


def simulate(
    world: World,
    bars: Bars,
    timeframe_ms: int,
    *,
    out: Array,
    wishes: Wishes = NO_WISHES,
    inputs: Inputs = NO_INPUTS,
    decide: Any = None,
    plan: Plan = NO_PLAN,
    paper: Paper | None = None,
) -> Tape:
    """Walk all bars in a world and return what happened; `world` is changed, and `paper` is written on.

    Raises
    ------
    ConfigError
        If a table of fixed capacity overflows, or a target record is nonsense.
    """
    n_rows, tick = len(bars.time), np.zeros(1, TICK)
    paper = paper or new_paper(n_rows, world)
    paper.journals.used[:] = 0
    kernel, says = loop.run, (wishes, plan)  # type: Any, tuple[Any, ...]
    if decide is not None:
        kernel, says = loop.run_deciding, (inputs, as_pointer(decide))
    if decide is not None or not (plainly(wishes.terms) and plainly(plan.targets)):
        equip_rare(world)
    row = 0
    while row < n_rows:
        row = step_rows(
            world, tick, paper.journals, bars, timeframe_ms, *says, out, paper.equity, row, n_rows, kernel=kernel
        )
        if row < n_rows:
            paper.journals = grown(paper.journals)
    return tape(world, paper.journals, paper.equity, bars)


def plainly(targets: Array) -> bool:
    """Do these target records only open and close positions?"""
    return set(targets["action"].tolist()) <= {Action.NONE, Action.ENTER, Action.CLOSE}


def new_paper(n_rows: int, world: World) -> Paper:
    """Paper for a run of so many rows in such a world."""
    return Paper(room(n_rows, np.float64), journals_of(world, n_rows))


def step_rows(world: World, tick: Array, journals: Journals, *rest: Any, kernel: Any = loop.run) -> int:
    """A compiled loop over some rows; a code that it leaves in the world becomes an error."""
    row = kernel(world[0], tick[0], journals, *rest)
    complain(world)
    return int(row)


def tape(world: World, journals: Journals, equity: npt.NDArray[np.float64], bars: Bars | None = None) -> Tape:
    """The written part of the journals, with the world that wrote them."""
    fills, orders, executors, refusals = (
        journal[:used] for journal, used in zip(journals[:4], journals.used, strict=True)
    )
    if bars is None or bars.extra is None:
        return Tape(world, fills, orders, executors, refusals, equity)
    paid = bars.extra.paid[: int(world["n_payments"][0])]
    return Tape(world, fills, orders, executors, refusals, equity, payments=paid, rates=bars.extra.rates)


def all_orders(tape: Tape) -> Array:
    """Every order of a run in order of its id: ended, at work, and the quotes that filled at once, from their fills."""
    live = tape.world["orders"][0]
    whole = tape.fills[(tape.fills["flags"] & QUOTE) != 0]
    quotes = np.zeros(len(whole), tape.orders.dtype)
    for ours, theirs in (
        ("id", "order"), ("market", "market"), ("level", "level"), ("side", "side"), ("price", "price"),
        ("size", "amount"), ("amount", "amount"), ("filled", "amount"), ("created_row", "created_row"),
        ("closed_row", "row"),
    ):  # fmt: skip
        quotes[ours] = whole[theirs]
    post_only = (whole["flags"] & POST_ONLY_QUOTE) != 0
    quotes["kind"] = np.where(post_only, OrderKind.POST_ONLY, OrderKind.LIMIT)
    quotes["executor"] = quotes["executor_id"] = -1
    quotes["trigger"], quotes["status"] = np.nan, Status.FILLED
    orders = np.concatenate([tape.orders, live[live["status"] == Status.OPEN], quotes])
    return orders[np.argsort(orders["id"], kind="stable")]


def journals_of(world: World, n_rows: int) -> Journals:
    """Empty journals for a run of so many rows, of what the world notes down."""
    order, fill = (world.dtype[name].base for name in ("done_orders", "fills"))
    return new_journals(n_rows // 4 + 2 * OUTBOX, fills=2 * n_rows, order=order, fill=fill)


def new_journals(
    rows: int, fills: int = 0, order: np.dtype[np.void] = ORDER, fill: np.dtype[np.void] = FILL
) -> Journals:
    """Empty journals; memory that is not written costs nothing."""
    kinds = ((max(rows, fills), fill), (rows, order), (rows, EXECUTOR), (rows, REFUSAL))
    fill_room, orders, executors, refusals = (room(count, kind) for count, kind in kinds)
    return Journals(fill_room, orders, executors, refusals, np.zeros(4, np.int64))


def grown(journals: Journals) -> Journals:
    """The same journals with four times the room where one is more than half full."""
    larger = []
    for journal, used in zip(journals[:4], journals.used, strict=True):
        is_short = 2 * (used + OUTBOX) > len(journal)
        bigger = room(4 * len(journal), journal.dtype) if is_short else journal
        if is_short:
            bigger[:used] = journal[:used]
        larger.append(bigger)
    fills, orders, executors, refusals = larger
    return Journals(fills, orders, executors, refusals, journals.used)


def complain(world: World) -> None:
    """Say what stopped a run short, if anything did."""
    code, row = Reason(int(world["code"][0])), int(world["row"][0])
    if code == Reason.FULL:
        raise ConfigError(
            f"row {row}: a table is full; one bot holds at most {MAX_ORDERS:,} live orders and "
            f"{MAX_EXECUTORS:,} executors, and a "
            f"row has at most {OUTBOX:,} events. Use fewer levels, a lower `max_per_side`, or barriers that "
            "end executors."
        )
    if code == Reason.BAD_TARGET:
        raise ConfigError(f"row {row}: `decide` wrote {explain(code)}. Check what it assigns to `out[level]`.")
    if code != Reason.NONE:
        raise BrokenInvariant(f"row {row}: the engine stopped with code {code!r}. Please report it.")


@functools.lru_cache(maxsize=256)
def as_pointer(decide: Callable[..., None]) -> Any:
    """A user's `decide`, compiled alone: the engine takes it as a first-class function and is not compiled again.

    Raises
    ------
    ConfigError
        If Numba cannot compile it.
    """
    function = getattr(decide, "py_func", decide)
    try:
        return compiled_pointer(function, loop.DECIDE)
    except numba.core.errors.NumbaError as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), "unknown").strip()
        raise ConfigError(
            f"`decide` could not be compiled: {reason} It takes (row, world, out) and may use numbers, NumPy "
            "and compiled "
            f"functions only. Try it as plain Python with `{function.__name__}.py_func(row, world, out)`."
        ) from error
