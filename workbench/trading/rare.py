"""What most runs do without, called by its address in the world, so that it is compiled for the runs that need it.

Quotes, holds, executors made by `CREATE`, and their steps are half of the engine, and a first backtest of a strategy
that opens positions would wait for all of it.
"""

from __future__ import annotations

from enum import IntEnum

from workbench.compiled import call_address, compiled
from workbench.trading.world import Reason


class Rare(IntEnum):
    """Places in `world.rare`."""

    TAKE = 0
    STEP = 1
    MEET = 2
    REBALANCE = 3


@compiled(part=True)
def take_rare(world, target, level, first_row, account):
    """Take a target that is no plain entry; without the kernel for it the run stops."""
    if world.rare[Rare.TAKE] == 0:
        world.code = Reason.NOT_EQUIPPED
        return
    call_address(world.rare[Rare.TAKE], (world, target, level, first_row, account))


@compiled(part=True)
def step_rare(world, slot, price, first_row):
    """Step an executor that is more than a position with barriers."""
    call_address(world.rare[Rare.STEP], (world, slot, price, first_row))


@compiled(part=True)
def meet_rare(world, m, row, o, high, low):
    """Was this bar one that only resting quotes met? Then they have."""
    if world.rare[Rare.MEET] == 0:
        return False
    return call_address(world.rare[Rare.MEET], (world, m, row, o, high, low)) != 0


@compiled(part=True)
def rebalance_rare(world, slot, price):
    """The fill price of an order that moves a position to its wish; NaN when it was ended."""
    call_address(world.rare[Rare.REBALANCE], (world, slot, price))
    return world.answer
