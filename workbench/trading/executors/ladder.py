"""Blocks of steps: the levels of a ladder or a grid, in a pool of the world; docs/executors.md 8.7."""

from __future__ import annotations

from workbench.compiled import compiled
from workbench.trading.ledger import account_of
from workbench.trading.risk import approve_funds
from workbench.trading.world import NO_SLOT, Reason, Status, StepState


@compiled(part=True)
def take_steps(world, slot, n):
    """Give an executor a block of `n` steps, the first that is free; False stops the run."""
    free, k = 0, 0
    while free < n and k < world.steps.shape[0]:
        free = free + 1 if k >= world.steps_top or world.steps[k].executor == NO_SLOT else 0
        k += 1
    if free < n:
        world.code = Reason.FULL
        return False
    work = world.works[slot]
    work.first_step, work.n_steps = k - n, n
    world.steps_top = max(world.steps_top, k)
    for i in range(k - n, k):
        step = world.steps[i]
        step.executor, step.state, step.order, step.order_id = world.executors[slot].id, StepState.IDLE, NO_SLOT, -1
        step.asked = step.whole = 0
        step.price = step.amount = step.quote = step.held = step.cost = 0.0
    return True


@compiled(leaf=True)
def lives(world, step):
    """Is the order of a step at work?"""
    if step.order == NO_SLOT:
        return False
    order = world.orders[step.order]
    return order.status == Status.OPEN and order.id == step.order_id


@compiled(leaf=True)
def note_order(world, step, order):
    """Write down which order a step has asked for."""
    step.order = order
    step.order_id = world.orders[order].id if order != NO_SLOT else -1


@compiled(leaf=True)
def is_small(market, amount, price):
    """Is an amount under a minimum of the venue?"""
    return amount < market.min_amount or amount * price < market.min_notional


@compiled(part=True)
def can_carry(world, m, side, amount, price):
    """The budget of a plan as a whole, without the minimums."""
    return approve_funds(world, m, side, amount, price, False, account_of(world, m))
