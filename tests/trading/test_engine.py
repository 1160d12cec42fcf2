"""The compiled engine at its edges: tables that are full, targets that are nonsense, worlds that cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from workbench.backtest.engine import EVERY_ROW, Tape, locked, simulate
from workbench.backtest.loop import Bars, Inputs
from workbench.errors import ConfigError
from workbench.market import Action, OrderKind, Sizing
from workbench.market.codes import BUY, SELL
from workbench.trading import Purpose, Reason, Status, World, new_targets, new_world
from workbench.trading.world import MAX_EXECUTORS, MAX_LEVELS, MAX_MARKETS, OUTBOX, WORLD

from .agreement import as_plan, as_world
from .drivers import state_bytes
from .reference import NAN, Market, Policy, Settings, Target
from .scenarios import MINUTE

LIMIT, STOP = OrderKind.LIMIT, OrderKind.STOP
SPOT = Settings((Market(0),), cash=1_000.0)
MARGIN = replace(SPOT, account="margin", leverage=10.0)
ROOMY = replace(MARGIN, cash=1e9, policy=Policy(max_per_side=10_000))
FENCE = 4_096  # bytes on either side of a world


def bars(*closes: Sequence[float]) -> Bars:
    """A market each: bars that open, stay and close at a price."""
    plane = locked(np.array(closes, float))
    return Bars(locked(np.arange(plane.shape[1]) * MINUTE), plane, plane, plane, plane, EVERY_ROW)


def trade(
    prices: Sequence[float], wishes: dict[int, list[Target]], settings: Settings = SPOT, *, world: World | None = None,
    log_quotes: bool = True,
) -> Tape:  # fmt: skip
    """Take the wishes of each row, at prices that only jump from bar to bar."""
    plan = as_plan([wishes.get(row, []) for row in range(len(prices))])
    world = as_world(settings, log_quotes=log_quotes) if world is None else world
    return simulate(world, bars(prices), MINUTE, out=new_targets(1), plan=plan)


def enter(side: int = BUY, size: float = 1.0, **terms: Any) -> Target:
    return Target(Action.ENTER, side=side, size=size, level=0, **terms)


def quote(side: int, price: float, size: float = 1.0, **terms: Any) -> Target:
    return Target(Action.QUOTE, side=side, kind=LIMIT, price=price, size=size, **terms)


def reasons(tape: Tape) -> list[Reason]:
    return [Reason(int(code)) for code in tape.refusals["reason"]]


# Worlds that cannot be ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cash", [0.0, -1.0, NAN, np.inf])
def test_world_without_cash_says_so(cash: float) -> None:
    with pytest.raises(ConfigError, match=r"`cash` is .*\. Start with an amount of quote currency above 0\."):
        new_world(cash=cash)


@pytest.mark.parametrize("n_markets", [0, -1, MAX_MARKETS + 1])
def test_world_without_or_with_too_many_markets_says_so(n_markets: int) -> None:
    with pytest.raises(ConfigError, match=rf"{n_markets} instruments: a world takes 1 to {MAX_MARKETS}\."):
        new_world(n_markets=n_markets, cash=1.0)


@pytest.mark.parametrize("levels", [0, MAX_LEVELS + 1])
def test_bot_without_or_with_too_many_levels_says_so(levels: int) -> None:
    with pytest.raises(ConfigError, match=rf"{levels} levels: a bot has 1 to {MAX_LEVELS}\."):
        new_targets(levels)


def test_no_rows_leave_nothing_behind() -> None:
    tape = trade([], {})
    assert [len(tape.fills), len(tape.orders), len(tape.executors), len(tape.refusals), len(tape.equity)] == [0] * 5


def test_market_without_a_bar_refuses_and_keeps_the_cash() -> None:
    tape = trade([NAN, NAN], {0: [enter(), quote(BUY, 1.0), Target(Action.HOLD, size=1.0)]})
    assert reasons(tape) == [Reason.NO_PRICE] * 3
    assert tape.equity.tolist() == [1_000.0, 1_000.0]


# Full tables --------------------------------------------------------------------------------------------------

FULL = (
    r"^row 1: a table is full; one bot holds at most 1,024 live orders and 512 executors, "
    r"and a row has at most 6,144 events\. Use fewer levels, a lower `max_per_side`, or barriers that end executors\.$"
)


def crowds(n_executors: int = 0, n_refused: int = 0, n_moved: int = 0) -> dict[int, list[Target]]:
    """Row 1 makes executors, is refused some, and moves a quote again and again."""
    moved = [quote(BUY, 50.0 + number % 2, level=1) for number in range(n_moved + (n_moved > 0))]
    return {1: [*[enter()] * n_executors, *[enter(size=0.0)] * n_refused, *moved]}


@pytest.mark.parametrize("table", ["n_executors", "n_refused", "n_moved"])
def test_table_that_overflows_says_so(table: str) -> None:
    room = MAX_EXECUTORS if table == "n_executors" else OUTBOX
    trade([100.0] * 3, crowds(**{table: room}), ROOMY)
    with pytest.raises(ConfigError, match=FULL):
        trade([100.0] * 3, crowds(**{table: room + 1}), ROOMY)


def test_executors_up_to_the_last_slot_all_trade_and_end() -> None:
    tape = trade([100.0] * 5, crowds(MAX_EXECUTORS) | {3: [Target(Action.CLOSE)]}, ROOMY)
    assert len(tape.fills) == 2 * MAX_EXECUTORS
    assert sorted(tape.executors["id"]) == list(range(MAX_EXECUTORS))


def test_full_table_touches_no_other_memory() -> None:
    for crowd in (crowds(MAX_EXECUTORS + 9), crowds(0, OUTBOX + 9), crowds(0, 0, OUTBOX + 9)):
        world, fences = fenced(as_world(ROOMY))
        with pytest.raises(ConfigError, match=FULL):
            trade([100.0] * 3, crowd, world=world)
        assert is_whole(fences)


def fenced(world: World) -> tuple[World, npt.NDArray[np.uint8]]:
    """The same world in memory of known bytes, which is given too."""
    memory = np.full(FENCE + WORLD.itemsize + FENCE, 0xA5, np.uint8)
    inside: World = memory[FENCE:-FENCE].view(WORLD)
    inside[0] = world[0]
    return inside, memory


def is_whole(memory: npt.NDArray[np.uint8]) -> bool:
    """Has nobody written to the bytes before and after a world?"""
    return bool((memory[:FENCE] == 0xA5).all() and (memory[-FENCE:] == 0xA5).all())


# Nonsense -----------------------------------------------------------------------------------------------------

NONSENSE = (
    r"^row 2: `decide` wrote a target record with .* that does not exist\. Check what it assigns to `out\[level\]`\.$"
)
WRONG = [
    *(("market", value) for value in (1, 99, -1, 2**40, -(2**62))),
    *(("side", value) for value in (2, 7, -2, 2**33)),
    *(("kind", value) for value in (5, -1, 2**33)),
    *(("sizing", value) for value in (3, -1, 2**33)),
    *(("action", value) for value in (7, 77, -1)),
]


def writes(row, world, out):
    """A `decide` that writes what its columns say, at once wrong and right."""
    out[0].action, out[0].market, out[0].side = int(row[0]), int(row[1]), int(row[2])
    out[0].kind, out[0].sizing, out[0].size = int(row[3]), int(row[4]), row[5]
    out[0].price = row[6]


def decided(columns: Sequence[Sequence[float]], world: World) -> Tape:
    """Run `writes` on columns of action, market, side, kind, sizing, size and price."""
    plane = locked(np.array(columns, float))
    inputs = Inputs(plane, locked(np.arange(len(plane))), np.zeros(len(plane)))
    flat = bars([100.0] * plane.shape[1])
    return simulate(world, flat, MINUTE, out=new_targets(1), inputs=inputs, decide=writes)


@pytest.mark.parametrize("action", [Action.ENTER, Action.CLOSE, Action.QUOTE, Action.HOLD])
@pytest.mark.parametrize(("name", "value"), WRONG)
def test_nonsense_of_a_decide_says_so_and_changes_nothing(name: str, value: int, action: Action) -> None:
    record = {"action": action, "market": 0, "side": 1, "kind": 1, "sizing": 0, "size": 1, "price": 90, name: value}
    columns = [[0.0, 0.0, number, 0.0] for number in record.values()]
    world, fences = fenced(as_world(SPOT))
    with pytest.raises(ConfigError, match=NONSENSE):
        decided(columns, world)
    assert is_whole(fences)
    assert untouched(world) == untouched(trade([100.0] * 3, {}).world)


def untouched(world: World) -> dict[str, bytes]:
    """The state of a world that only a decision may change."""
    state = state_bytes(world)
    return {
        name: state[name] for name in state if name not in ("code", "row", "time_ms", "seen", "bars_exposed", "rare")
    }


@pytest.mark.parametrize("level", [MAX_LEVELS, -1, 2**40])
def test_plan_for_a_level_that_does_not_exist_says_so(level: int) -> None:
    plan = as_plan([[], [], [quote(BUY, 90.0)], []])
    plan = plan._replace(levels=locked(np.array([level])))
    world, fences = fenced(as_world(SPOT))
    with pytest.raises(ConfigError, match=NONSENSE):
        simulate(world, bars([100.0] * 4), MINUTE, out=new_targets(1), plan=plan)
    assert is_whole(fences)


# None, and what is no price -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [NAN, 0.0, -1.0, np.inf])
@pytest.mark.parametrize("sizing", Sizing)
@pytest.mark.parametrize("settings", [SPOT, MARGIN], ids=["spot", "margin"])
def test_entry_of_no_size_is_refused(size: float, sizing: Sizing, settings: Settings) -> None:
    tape = trade([100.0] * 3, {0: [enter(size=size, sizing=sizing)]}, settings)
    assert len(tape.fills) == 0
    assert reasons(tape) in ([Reason.TOO_SMALL], [Reason.NO_FUNDS])


@pytest.mark.parametrize("price", [NAN, 0.0, -5.0])
@pytest.mark.parametrize("kind", [LIMIT, OrderKind.POST_ONLY, OrderKind.STOP_LIMIT])
@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize("settings", [SPOT, MARGIN], ids=["spot", "margin"])
def test_limit_that_is_no_price_is_refused(price: float, kind: OrderKind, side: int, settings: Settings) -> None:
    wishes = {0: [Target(Action.HOLD, size=0.5, level=3)], 1: [enter(side, 0.1, kind=kind, price=price, trigger=100.0)]}
    tape = trade([100.0] * 4, wishes, settings)
    assert reasons(tape) == [Reason.NO_PRICE]
    assert not tape.world["orders"][0]["status"].any()


def test_quote_below_zero_lends_nobody_money() -> None:
    tape = trade([100.0, 100.0, 50.0], {0: [quote(BUY, -1_000.0, 10.0), quote(BUY, 60.0, 100.0)]})
    assert reasons(tape) == [Reason.NO_PRICE, Reason.NO_FUNDS]
    assert tape.world["quote"][0] == 1_000.0


def test_quote_of_nan_only_cancels() -> None:
    for gone in (quote(BUY, NAN), quote(BUY, 90.0, NAN), quote(BUY, 90.0, 0.0)):
        tape = trade([100.0] * 4, {0: [quote(BUY, 90.0)], 2: [gone]})
        assert tape.orders["status"].tolist() == [Status.CANCELLED]
        assert len(tape.refusals) == 0


def test_wish_of_nan_leaves_a_position_alone() -> None:
    tape = trade([100.0] * 4, {0: [Target(Action.HOLD, size=0.5)], 2: [Target(Action.HOLD, size=NAN)]})
    assert tape.fills["amount"].tolist() == [5.0]


def test_stop_without_a_trigger_waits_for_ever() -> None:
    tape = trade([100.0, 1.0, 1e9], {0: [enter(kind=STOP)]})
    assert tape.world["orders"][0]["status"][0] == Status.OPEN


def test_barriers_of_nan_are_none() -> None:
    tape = trade([100.0, 100.0, 1.0, 1e9], {0: [enter()]})
    assert tape.fills["price"].tolist() == [100.0]


def test_time_limit_for_ever_never_comes() -> None:
    tape = trade([100.0] * 4, {0: [enter(time_limit_ms=np.iinfo(np.int64).max)]})
    assert len(tape.executors) == 0


# What others must agree on ------------------------------------------------------------------------------------


def test_what_rounding_leaves_of_a_position_is_nothing() -> None:
    lots = replace(SPOT, markets=(Market(0, lot=0.1),))
    assert 0.1 + 0.2 - 0.3 > 0.0
    wishes = {0: [quote(BUY, 100.0, 0.1), quote(BUY, 100.0, 0.2)], 1: [quote(SELL, 100.0, 0.3, level=2)]}
    tape = trade([100.0] * 5, wishes, lots)
    assert tape.world["markets"]["position"][0, 0] == 0.0
    assert tape.world["bars_exposed"][0] == 1


def test_quote_that_moves_to_another_market_leaves_the_first() -> None:
    two = replace(SPOT, markets=(Market(0), Market(1)))
    plan = as_plan([[quote(BUY, 90.0)], [replace(quote(BUY, 90.0), market=1)], []])
    flat = bars([100.0] * 3, [100.0] * 3)
    tape = simulate(as_world(two), flat, MINUTE, out=new_targets(1), plan=plan)
    live = tape.world["orders"][0][tape.world["orders"][0]["status"] == Status.OPEN]
    assert live["market"].tolist() == [1]


def test_plan_on_finer_bars_is_taken_row_by_row_however_it_is_cut() -> None:
    decides = locked(np.array([-1, 0, -1, 1, -1, 3, -1, 4]))  # row 2 of the plan is decided nowhere
    plan = as_plan([[enter()], [Target(Action.CLOSE)], [enter()], [enter()], [Target(Action.CLOSE)]])
    flat = bars([100.0] * 8)
    flat = flat._replace(decides=decides, decided_ms=locked(flat.time + MINUTE))
    tape = simulate(as_world(SPOT), flat, MINUTE, out=new_targets(1), plan=plan)
    assert tape.fills["row"].tolist() == [2, 4, 6]
    assert tape.executors["created_row"].tolist() == [1]


def test_quote_replaced_by_one_that_rounds_to_nothing_is_withdrawn() -> None:
    ticks = replace(SPOT, markets=(Market(0, tick=1.0),))
    tape = trade([100.0] * 4, {0: [quote(BUY, 90.0)], 1: [quote(BUY, 0.3)]}, ticks, log_quotes=False)
    assert reasons(tape) == [Reason.NO_PRICE]
    assert not tape.world["orders"][0]["status"].any()
    assert tape.world["cancelled_quotes"][0] == 1


def test_quote_replaces_an_order_that_waits_to_hold() -> None:
    slow = replace(SPOT, latency=3)
    tape = trade([100.0] * 3, {0: [Target(Action.HOLD, size=0.5)], 1: [quote(BUY, 90.0)]}, slow, log_quotes=False)
    assert [(one["purpose"], one["status"]) for one in tape.orders] == [(Purpose.HOLD, Status.CANCELLED)]
    live = tape.world["orders"][0]
    assert live["purpose"][live["status"] == Status.OPEN].tolist() == [Purpose.QUOTE]


def test_quote_replaced_in_its_place_tells_its_own_size() -> None:
    wishes = {0: [quote(BUY, 90.0, 0.5, sizing=Sizing.FRACTION)], 1: [quote(BUY, 91.0, 2.0)]}
    order = trade([100.0] * 3, wishes, log_quotes=False).world["orders"][0][0]
    assert (order["id"], order["sizing"], order["size"], order["amount"]) == (1, Sizing.BASE, 2.0, 2.0)


def test_wish_that_the_lot_makes_dearer_than_the_cash_is_rejected() -> None:
    almost = replace(SPOT, markets=(Market(0, lot=0.001),), cash=0.0889999999991)  # a lot costs 0.089
    tape = trade([89.0, 89.0], {0: [Target(Action.HOLD, size=1.0)]}, almost)
    assert [(one["status"], one["reason"]) for one in tape.orders] == [(Status.REJECTED, Reason.NO_FUNDS)]
    assert tape.world["quote"][0] == 0.0889999999991
