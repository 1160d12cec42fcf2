"""Records on the stack of a kernel, which the compiler can turn into registers where it sees all that reads them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic
from numba.np.numpy_support import from_dtype


@intrinsic(prefer_literal=True)
def scratch(typing: Any, like: Any, places: Any, room: Any) -> Any:
    """As many records like these as the tuple `places` is long, all zero, before memory for `room` that stays unseen.

    What writes behind its records, which it must not, meets that memory. They are gone when the kernel
    that asked for them returns, a leaf too.
    """
    kind, count = types.Array(like.dtype if isinstance(like, types.Array) else like, 1, "C"), len(places)
    whole = max(count, room.literal_value)

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        from numba.np.arrayobj import make_array, populate_array  # part of the compiler, which loads late

        record = context.get_data_type(kind.dtype)
        size = context.get_abi_sizeof(record)
        with builder.goto_entry_block():
            memory = builder.alloca(ir.ArrayType(record, whole))
        memory.align = 16
        start, number = builder.bitcast(memory, record.as_pointer()), context.get_value_type(types.intp)
        cgutils.memset(builder, start, number(size * whole), 0)
        array = make_array(kind)(context, builder)
        width = number(size)
        populate_array(array, data=start, shape=[number(count)], strides=[width], itemsize=width, meminfo=None)
        return array._getvalue()

    return kind(like, places, room), codegen


def seen_as(dtype: npt.DTypeLike) -> Any:
    """A function for kernels: contiguous records, seen as records of another type of the same size."""
    kind = types.Array(from_dtype(np.dtype(dtype)), 1, "C")

    @intrinsic
    def other(typing: Any, records: Any) -> Any:
        return kind(records), lambda context, builder, signature, values: impl_ret_borrowed(
            context, builder, kind, values[0]
        )

    return other
