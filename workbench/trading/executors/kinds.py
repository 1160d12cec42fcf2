"""The state machines that a run may need: each compiled once, when a run first uses it, and kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from workbench.compiled import compiled_pointer
from workbench.market import ExecutorKind
from workbench.trading.calls import kernel_type
from workbench.trading.executors.arbitrage import arbitrage
from workbench.trading.executors.dca import dca
from workbench.trading.executors.grid import grid
from workbench.trading.executors.order import order
from workbench.trading.executors.twap import twap
from workbench.trading.executors.xemm import xemm
from workbench.trading.world import World

KINDS: dict[int, Callable[..., int]] = {
    ExecutorKind.ORDER: order,
    ExecutorKind.DCA: dca,
    ExecutorKind.GRID: grid,
    ExecutorKind.TWAP: twap,
    ExecutorKind.ARBITRAGE: arbitrage,
    ExecutorKind.XEMM: xemm,
}


_pointers: dict[tuple[int, Any], Any] = {}  # they live as long as the process, and so does their machine code


def equip(world: World, kinds: Iterable[int]) -> None:
    """Let executors of some kinds work in a world; positions always do."""
    for kind in sorted(set(kinds) & set(KINDS)):
        key = kind, world.dtype
        if key not in _pointers:
            _pointers[key] = compiled_pointer(KINDS[kind], kernel_type(world))
        world["kernels"][0, kind] = _pointers[key].address
