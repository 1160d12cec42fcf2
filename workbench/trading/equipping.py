"""Giving a world the kernels that its run needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types

from workbench.compiled import compiled_pointer
from workbench.market import TARGET
from workbench.trading.advance import take_other
from workbench.trading.calls import record_type
from workbench.trading.executors import step_extended
from workbench.trading.matching.answer import rebalance
from workbench.trading.quotes import meet_quotes
from workbench.trading.rare import Rare
from workbench.trading.world import World

_pointers: dict[tuple[int, Any], Any] = {}  # they live as long as the process, and so does their machine code


def equip_rare(world: World) -> None:
    """Let a run quote, hold, and create executors; entries of positions always work."""
    for place in Rare:
        key = place, world.dtype
        if key not in _pointers:
            _pointers[key] = compiled_pointer(FUNCTIONS[place], _signature(world, place))
        world["rare"][0, place] = _pointers[key].address


def _take(world, target, level, first_row, account):
    take_other(world, target, level, first_row, account)
    return 0


def _step(world, slot, price, first_row):
    step_extended(world, slot, price, first_row)
    return 0


def _meet(world, m, row, o, high, low):
    return 1 if meet_quotes(world, m, row, o, high, low) else 0


def _rebalance(world, slot, price):
    world.answer = rebalance(world, slot, price)
    return 0


FUNCTIONS: dict[Rare, Callable[..., Any]] = {
    Rare.TAKE: _take,
    Rare.STEP: _step,
    Rare.MEET: _meet,
    Rare.REBALANCE: _rebalance,
}


def _signature(world: World, place: Rare) -> Any:
    record, whole, real = record_type(world.dtype), types.int64, types.float64
    arguments = {
        Rare.TAKE: (record_type(TARGET), whole, whole, real),
        Rare.STEP: (whole, real, whole),
        Rare.MEET: (whole, whole, real, real, real),
        Rare.REBALANCE: (whole, real),
    }[place]
    return types.int64(record, *arguments)
