"""Every executor as a state machine that asks for orders and is told of fills (parts 8 to 12)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import ModuleType

from workbench.market.codes import FLAT

from ..matching import deafen
from ..orders import close_order, refuse
from ..records import Executor, Fill, Order
from ..state import World, live_orders
from ..terms import ExecutorKind, Target
from . import arbitrage, dca, grid, order, position, twap, xemm
from .common import finish, resolved, start_exit
from .pairs import finish_pair

KINDS: dict[int, ModuleType] = {
    ExecutorKind.POSITION: position,
    ExecutorKind.ORDER: order,
    ExecutorKind.DCA: dca,
    ExecutorKind.GRID: grid,
    ExecutorKind.TWAP: twap,
    ExecutorKind.ARBITRAGE: arbitrage,
    ExecutorKind.XEMM: xemm,
}


def create(world: World, target: Target, level: int) -> None:
    """Handle `CREATE` (8.1): one executor, or a refusal with a reason."""
    if target.side == FLAT:
        return
    config = resolved(world, target)
    markets = [target.market, config.market2] if config.market2 >= 0 else [target.market]
    if any(math.isnan(world.last[market]) for market in markets):
        refuse(world, target.market, "NO_PRICE", level=level)
        return
    KINDS[target.executor].create(world, target, config, level)


def step(world: World, executor: Executor, price: float) -> None:
    """One step of any executor at a price."""
    KINDS[executor.kind].step(world, executor, price)


def waits(world: World, executor: Executor, *, up: bool) -> Iterator[float]:
    """The prices that it waits for while the price rises or falls (8.5)."""
    yield from KINDS[executor.kind].waits(world, executor, up=up)


def told(world: World, executor: Executor, one: Order, fill: Fill, got: float, fee_quote: float) -> None:
    """A fill of one of its orders."""
    executor.attempts, executor.repeats = 0, 0
    deafen(world, one)
    KINDS[executor.kind].told(world, executor, one, fill, got, fee_quote)


def stop(world: World, executor: Executor, *, keep: bool) -> None:
    """Stop early (8.4)."""
    if executor.phase == "EXITING":
        return
    always = executor.kind in (ExecutorKind.ORDER, ExecutorKind.TWAP)
    if executor.config.market2 >= 0:
        KINDS[executor.kind].stop(world, executor, "EARLY_STOP", keep)
    else:
        start_exit(world, executor, "EARLY_STOP", keeps=keep or always)


def end_liquidated(world: World, executor: Executor, price: float) -> None:
    """Its position is gone (part 20); what it asked for in another purse is cancelled at once."""
    executor.keeps = False
    for one in live_orders(world, executor):
        close_order(world, one, "CANCELLED")
    if executor.config.market2 >= 0:
        finish_pair(world, executor, "LIQUIDATED")
    else:
        finish(world, executor, "LIQUIDATED", price)


__all__ = ["create", "end_liquidated", "step", "stop", "told", "waits"]
