"""A venue fills orders in parts: what came in is protected at once, and every part is booked once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from workbench.market import BUY, SELL, Action, OrderKind, Sizing
from workbench.trading import (
    ALL_ORDERS,
    CloseType,
    Phase,
    Purpose,
    Status,
    World,
    advance,
    decide,
    equity,
    match,
    new_targets,
    new_world,
    settle,
)

ENTRY = 0  # the slot of the first order


def waiting(side: int = BUY, *, target_at_limit: bool = False, **terms: float) -> World:
    """A world in which an executor waits for 2 units at a limit of 100, with a stop of 5 % and a target of 10 %."""
    world = new_world(cash=1_000.0)
    world["margin"] = 1
    world["policy"]["take_profit_kind"] = OrderKind.LIMIT if target_at_limit else OrderKind.MARKET
    world["markets"]["last"][0, 0] = 100.0
    target = new_targets(1)
    target["action"], target["side"], target["kind"] = Action.ENTER, side, OrderKind.LIMIT
    target["price"], target["size"], target["sizing"] = 100.0, 2.0, Sizing.BASE
    target["stop_loss"], target["take_profit"] = terms.get("stop_loss", 0.05), terms.get("take_profit", 0.10)
    decide(world[0], target)
    return world


def tick(world: World, price: float) -> None:
    """What a driver does with a price: step the executors, and answer the orders that they ask for."""
    world["markets"]["last"][0, 0] = price
    world["row"] += 1
    new = int(world["next_order"][0])
    advance(world[0], 0, price)
    match(world[0], 0, price, new)


def executor(world: World) -> Any:
    return world["executors"][0, 0]


def ended(world: World) -> Any:
    assert world["n_executors"][0] == 1
    return world["done_executors"][0, 0]


@pytest.mark.parametrize(("side", "through_the_stop"), [(BUY, 94.0), (SELL, 106.0)])
def test_half_filled_entry_is_stopped_out_and_its_other_half_cancelled(side: int, through_the_stop: float) -> None:
    world = waiting(side)
    settle(world[0], ENTRY, 100.0, 1.0, True)
    assert executor(world)["phase"] == Phase.HOLDING
    assert (executor(world)["held"], executor(world)["stop"]) == (1.0, 100.0 - side * 5.0)
    tick(world, through_the_stop)
    gone = ended(world)
    assert (gone["close_type"], gone["entry_amount"], gone["exit_amount"]) == (CloseType.STOP_LOSS, 1.0, 1.0)
    entry = world["done_orders"][0, 0]
    assert (entry["status"], entry["amount"], entry["filled"]) == (Status.CANCELLED, 2.0, 1.0)
    assert world["markets"]["position"][0, 0] == 0.0
    assert equity(world[0]) == 1_000.0 - 6.0
    assert world["orders_top"][0] == 0


def test_parts_at_other_prices_average_the_entry_and_move_the_barriers() -> None:
    world = waiting()
    settle(world[0], ENTRY, 100.0, 0.5, True)
    settle(world[0], ENTRY, 96.0, 1.5, True)
    assert executor(world)["entry"] == 97.0
    assert executor(world)["stop"] == pytest.approx(97.0 * 0.95, rel=1e-15)
    assert executor(world)["entry_order"] == -1
    assert world["n_fills"][0] == 2
    assert world["markets"]["entry"][0, 0] == 97.0


def test_resting_target_grows_with_every_part_that_comes_in() -> None:
    world = waiting(target_at_limit=True)
    settle(world[0], ENTRY, 100.0, 0.5, True)
    tick(world, 101.0)
    target = world["orders"][0, executor(world)["target_order"]]
    assert (target["purpose"], target["price"], target["amount"]) == (Purpose.TARGET, pytest.approx(110.0), 0.5)
    settle(world[0], ENTRY, 100.0, 1.5, True)
    tick(world, 101.0)
    target = world["orders"][0, executor(world)["target_order"]]
    assert target["amount"] == 2.0
    assert [order["status"] for order in world["done_orders"][0, :2]] == [Status.FILLED, Status.CANCELLED]


def test_target_filled_in_parts_ends_its_executor_once() -> None:
    world = waiting(target_at_limit=True)
    settle(world[0], ENTRY, 100.0, 2.0, True)
    tick(world, 101.0)
    slot = int(executor(world)["target_order"])
    price = float(world["orders"]["price"][0, slot])
    settle(world[0], slot, price, 0.75, True)
    assert (executor(world)["phase"], executor(world)["held"]) == (Phase.HOLDING, 1.25)
    settle(world[0], slot, price, 1.25, True)
    assert ended(world)["close_type"] == CloseType.TAKE_PROFIT
    assert equity(world[0]) == pytest.approx(1_000.0 + 2.0 * (price - 100.0), rel=1e-15)


def test_half_filled_target_and_then_the_stop_sell_no_more_than_is_held() -> None:
    world = waiting(target_at_limit=True)
    settle(world[0], ENTRY, 100.0, 2.0, True)
    tick(world, 101.0)
    slot = int(executor(world)["target_order"])
    settle(world[0], slot, float(world["orders"]["price"][0, slot]), 0.5, True)
    tick(world, 90.0)
    gone = ended(world)
    assert (gone["close_type"], gone["exit_amount"], gone["held"]) == (CloseType.STOP_LOSS, 2.0, 0.0)
    assert world["markets"]["position"][0, 0] == 0.0
    sold = world["fills"][0, : int(world["n_fills"][0])]
    assert sold["amount"][sold["side"] == SELL].tolist() == [0.5, 1.5]


def test_time_limit_cancels_an_entry_of_which_nothing_came_in() -> None:
    world = waiting()
    world["executors"]["deadline_ms"][0, 0] = 60_000
    world["time_ms"] = 60_000
    tick(world, 100.0)
    assert ended(world)["close_type"] == CloseType.TIME_LIMIT
    assert world["orders_top"][0] == 0
    match(world[0], 0, 90.0, ALL_ORDERS)
    assert world["n_fills"][0] == 0
    assert np.isnan(world["markets"]["entry"][0, 0]) or world["markets"]["position"][0, 0] == 0.0
