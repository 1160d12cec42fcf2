"""Whose a level is: a plain world has one controller, and a world with purses up to sixteen; docs/executors.md 15."""

from __future__ import annotations

from workbench.compiled import compiled
from workbench.market import BUY


@compiled(leaf=True)
def is_stopped(world, target, level):
    """Is the controller that speaks stopped, and asks for more than an end? From here on it is the one that decides."""
    return False


@compiled(leaf=True)
def policy_of(world):
    """The policy of the controller that decides."""
    return world.policy[0]


@compiled(leaf=True)
def is_own(world, executor):
    """Is an executor that of the controller that decides?"""
    return True


@compiled(leaf=True)
def owner_of(world, level):
    """The controller of a level."""
    return 0


@compiled(leaf=True)
def created_ms(world, m, side):
    """When the controller that decides made an executor of a market and side last."""
    return world.markets[m].last_created_ms[1 if side == BUY else 0]


@compiled(leaf=True)
def note_created(world, slot):
    """Remember that an executor was made just now."""
    executor = world.executors[slot]
    world.markets[executor.market].last_created_ms[1 if executor.side == BUY else 0] = world.time_ms


@compiled(leaf=True)
def seen_level(world, level):
    """What `decide` sees of a level."""
    return world.seen[0].levels[level]


@compiled(leaf=True)
def look_at_drawdowns(world, total):
    """Once a row is marked: stop the controllers that have lost too much."""
