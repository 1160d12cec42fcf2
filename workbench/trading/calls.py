"""How the engine calls an executor's state machine: by its address in the world, 0 where a run has no use for it.

So an engine that trades positions alone is compiled without ladders, grids and the rest, and with them not again.
"""

from __future__ import annotations

import functools
from typing import Any

import numba
import numpy as np
from numba import types

from workbench.compiled import call_address, compiled
from workbench.trading.world import World

# What a state machine is called for, and what `n`, `m`, `x`, `y`, `z` and `w` then are.
CREATE = 0  # n level, m first row of its orders, x price; `slot` is free, its work has terms and the target
STEP = 1  # m first row of its orders, x price
TOLD = 2  # n slot of the order, m whether it is whole, x price, y amount, z what moved in base, w fee paid in quote
HALT = 3  # of those of two markets: n keep, m first row of its orders


record_type = functools.cache(numba.from_dtype)  # a world has a hundred fields, and Numba looks at each anew


def kernel_type(world: World) -> Any:
    """The signature of a state machine for worlds of this kind."""
    return types.int64(record_type(world.dtype), *(types.int64,) * 4, *(types.float64,) * 4)


@compiled(part=True)
def call_kernel(world, kind, event, slot, n, m, x, y, z, w):
    """Let the state machine of a kind do what an event asks for."""
    numbers = (np.float64(x), np.float64(y), np.float64(z), np.float64(w))
    whole = (np.int64(event), np.int64(slot), np.int64(n), np.int64(m))
    return call_address(world.kernels[kind], (world, *whole, *numbers))
