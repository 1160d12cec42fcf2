"""Asking the processor for memory before it is needed.

The loop steps over quiet bars by looking at two of their columns; what else it reads of the bar at which it stops is in
no cache, and waiting for that was a third of its time.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

TO_READ, TO_STAY, DATA = 0, 3, 1


@intrinsic
def prefetch(typing: Any, array: Any, index: Any) -> Any:
    """Ask for `array[index]`, of one dimension; an index beyond the end does no harm."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.bitcast(builder.gep(values.data, [arguments[1]]), cgutils.voidptr_t)
        flags = [ir.Constant(ir.IntType(32), flag) for flag in (TO_READ, TO_STAY, DATA)]
        kind = ir.FunctionType(ir.VoidType(), [place.type, *(flag.type for flag in flags)])
        builder.call(builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind), [place, *flags])
        return context.get_dummy_value()

    return types.void(array, index), generate
