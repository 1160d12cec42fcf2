"""Every executor as the engine sees it: made, stepped and stopped; docs/executors.md 8.1, 8.3 and 8.4."""

from __future__ import annotations

from workbench.compiled import compiled
from workbench.market import ExecutorKind
from workbench.trading.calls import CREATE, HALT, STEP, call_kernel
from workbench.trading.executors import position
from workbench.trading.executors.common import (
    always_keeps,
    contradicts,
    free_slot,
    repeat_exit,
    resolve,
    say_no,
    start_exit,
)
from workbench.trading.world import NO_SLOT, CloseType, Phase, Reason

create_position, step_position = position.create, position.step


@compiled(part=True)
def create(world, target, level, first_row):
    """Make one executor, or refuse with a reason."""
    slot = free_slot(world)
    if slot == NO_SLOT:
        return
    work = world.works[slot]
    resolve(world, target, work)
    last, other = world.markets[target.market].last, work.terms[0].market2
    if last != last or (other >= 0 and world.markets[other].last != world.markets[other].last):
        say_no(world, target.market, level, Reason.NO_PRICE)
    elif contradicts(work.terms[0]):
        say_no(world, target.market, level, Reason.BAD_CONFIG)
    elif target.executor == ExecutorKind.POSITION:
        create_position(world, slot, level, first_row)
    else:
        call_kernel(world, target.executor, CREATE, slot, level, first_row, last, 0.0, 0.0, 0.0)


@compiled(part=True)
def step_extended(world, slot, price, first_row):
    """One tick of an executor that is more than a position with barriers."""
    executor, work = world.executors[slot], world.works[slot]
    work.awake = 0  # until it wants something that it does not get
    if executor.kind == ExecutorKind.POSITION:
        step_position(world, slot, price, first_row)
    elif executor.kind >= ExecutorKind.ARBITRAGE:
        return
    elif executor.phase == Phase.EXITING:
        repeat_exit(world, slot, first_row)
    elif work.attempts > work.terms[0].retries:
        start_exit(world, slot, CloseType.FAILED.value, always_keeps(executor.kind), first_row)
    else:
        call_kernel(world, executor.kind, STEP, slot, 0, first_row, price, 0.0, 0.0, 0.0)


@compiled(part=True)
def halt(world, slot, keep, first_row):
    """Stop an executor early: its orders are cancelled, and what it holds is sold or kept."""
    executor = world.executors[slot]
    if executor.kind >= ExecutorKind.ARBITRAGE:
        call_kernel(world, executor.kind, HALT, slot, keep, first_row, 0.0, 0.0, 0.0, 0.0)
    else:
        keeps = 1 if keep != 0 or always_keeps(executor.kind) else 0
        start_exit(world, slot, CloseType.EARLY_STOP.value, keeps, first_row)
