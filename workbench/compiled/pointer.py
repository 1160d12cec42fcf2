"""Calling machine code by its address: kernels that a run may need are compiled when it does, and for it alone."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic


@intrinsic
def call_address(typing: Any, address: Any, arguments: Any) -> Any:
    """Call machine code of int64 result: its address, which must be that of a `compiled_pointer`, and a tuple for it.

    A first-class function would be an argument of everything between the loop and its use; an address is a number.
    """

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kinds = [context.get_value_type(one) for one in arguments]
        function = ir.FunctionType(ir.IntType(64), kinds)
        given = [builder.extract_value(values[1], place) for place in range(len(kinds))]
        return builder.call(builder.inttoptr(values[0], function.as_pointer()), given)

    return types.int64(types.int64, arguments), codegen
