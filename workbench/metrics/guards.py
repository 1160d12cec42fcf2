"""What metrics take in, and divisions that give NaN where there is nothing to divide by."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import ConfigError, DataError

FloatArray = npt.NDArray[np.float64]
TimeArray = npt.NDArray[np.int64]
NAN = float("nan")
DAY_MS = 86_400_000
DAYS_PER_YEAR = 365.0
NOISE = 1e-12


def column(values: npt.ArrayLike, name: str) -> FloatArray:
    """`values` as one float64 column without infinities; NaN may stand for "not measured"."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"`{name}` cannot be read as numbers ({error}). Give one column of floats.") from error
    if array.ndim != 1:
        raise DataError(f"`{name}` has shape {array.shape}. Give one column.")
    if np.isinf(array).any():
        row = int(np.isinf(array).argmax())
        raise DataError(f"`{name}` is infinite in row {row}. Use NaN where nothing was measured.")
    return array


def measured(values: npt.ArrayLike, name: str) -> FloatArray:
    """The values of a column that are not NaN."""
    array = column(values, name)
    missing = np.isnan(array)
    return array[~missing] if missing.any() else array


def together(a: npt.ArrayLike, b: npt.ArrayLike, names: tuple[str, str]) -> tuple[FloatArray, FloatArray]:
    """Two columns of one length, in the rows in which both were measured."""
    first, second = column(a, names[0]), column(b, names[1])
    if first.shape != second.shape:
        raise DataError(
            f"`{names[0]}` has {first.shape[0]} rows, `{names[1]}` {second.shape[0]}. Give both for the same periods."
        )
    whole = ~(np.isnan(first) | np.isnan(second))
    return (first, second) if whole.all() else (first[whole], second[whole])


def above_zero(number: Any, name: str) -> float:
    """`number` as a finite float above zero."""
    value = float(number)
    if not 0.0 < value < math.inf:
        raise ConfigError(f"`{name}` is {number!r}. It must be a number above 0.")
    return value


def ratio(above: float, below: float) -> float:
    """above / below as a Python float; NaN where that is not a finite number."""
    above, below = float(above), float(below)
    if below == 0.0 or not math.isfinite(above) or not math.isfinite(below):
        return NAN
    quotient = above / below
    return quotient if math.isfinite(quotient) else NAN


def power(base: float, exponent: float) -> float:
    """base ** exponent for a base that is not negative; NaN where the result is too large for a float."""
    if not base >= 0.0 or not math.isfinite(exponent):
        return NAN
    try:
        result = float(base) ** float(exponent)
    except (OverflowError, ZeroDivisionError):
        return NAN
    return result if math.isfinite(result) else NAN


def exp(exponent: float) -> float:
    """e ** exponent; NaN where that is too large for a float, or the exponent is NaN."""
    return math.exp(exponent) if exponent < 709.0 else NAN


def mean(values: FloatArray) -> float:
    """Arithmetic mean; NaN of nothing."""
    return float(values.mean()) if values.size else NAN


def inner(a: FloatArray, b: FloatArray) -> float:
    """Sum of products. NumPy's own goes through BLAS, whose threads cost milliseconds and change the last bits."""
    return float((a * b).sum())


def deviation(values: FloatArray) -> float:
    """Sample standard deviation (n − 1); NaN of fewer than two, and 0 for what differs by rounding alone."""
    if values.size < 2:
        return NAN
    spread = float(values.std(ddof=1))
    return spread if spread > NOISE * abs(float(values.mean())) else 0.0
