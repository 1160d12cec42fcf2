"""What an indicator takes in: columns of one length, windows of a sensible size."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.compiled import compiled
from workbench.errors import ConfigError, DataError

FloatArray = npt.NDArray[np.float64]


def column(values: npt.ArrayLike, name: str) -> FloatArray:
    """`values` as one read-only, contiguous float64 column: the one type for which kernels are compiled."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"`{name}` cannot be read as numbers ({error}). Give one column of floats.") from error
    if array.ndim != 1:
        raise DataError(f"`{name}` has shape {array.shape}. Give one column at a time, of shape (n_bars,).")
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def columns(**named: npt.ArrayLike) -> tuple[FloatArray, ...]:
    """Several columns, checked to be of one length."""
    arrays = {name: column(values, name) for name, values in named.items()}
    lengths = {name: array.shape[0] for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"`{name}` {length}" for name, length in lengths.items())
        raise DataError(f"The columns differ in length: {told}. Give columns of the same bars.")
    return tuple(arrays.values())


def window(length: Any, name: str = "length", *, least: int = 1) -> int:
    """`length` as an int of at least `least`."""
    whole = isinstance(length, int | np.integer) and not isinstance(length, bool)
    if not whole:
        raise ConfigError(f"`{name}` is {length!r}. Give a whole number of bars, at least {least}.")
    if length < least:
        raise ConfigError(f"`{name}` is {length}. It must be at least {least}.")
    return int(length)


def positive(number: Any, name: str) -> float:
    """`number` as a finite float above zero."""
    try:
        value = float(number)
    except (TypeError, ValueError):
        value = float("nan")
    if not 0.0 < value < float("inf"):
        raise ConfigError(f"`{name}` is {number!r}. It must be a number above 0.")
    return value


def blank(n_bars: int) -> FloatArray:
    """A column that is not warm anywhere."""
    return np.full(n_bars, np.nan)


@compiled(inline=True)
def finite_or_nan(value: float) -> float:
    """The value itself, or NaN if it is infinite: infinity less infinity is not a number."""
    return value + (value - value)


@compiled(inline=True)
def is_finite(value: float) -> bool:
    """Neither NaN nor infinite."""
    return value - value == 0.0
