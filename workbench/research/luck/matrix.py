"""The matrix that every test of luck starts from: a row per period, a column per combination, returns as fractions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.errors import ConfigError, DataError

FloatArray = npt.NDArray[np.float64]
TimeArray = npt.NDArray[np.int64]

DAY_MS = 86_400_000
DAYS_PER_YEAR = 365.0
STILL = 1e-12  # a deviation below this share of the largest value is rounding


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Checked returns of the combinations that moved.

    Attributes
    ----------
    returns : float64 array of shape (n_periods, n_active)
    columns : int array of shape (n_active,)
        Where each of them stood in the matrix that was given.
    idle : int
        Combinations that never moved: they did not trade, and have no Sharpe ratio.
    periods_per_year : float
        Of the rows as they are here, after bars of less than a day were made into days.
    """

    returns: FloatArray
    columns: npt.NDArray[np.intp]
    idle: int
    periods_per_year: float

    @property
    def years(self) -> float:
        """Length of the record."""
        return self.returns.shape[0] / self.periods_per_year


def as_trials(returns: npt.ArrayLike, *, periods_per_year: float, end_ms: npt.ArrayLike | None = None) -> Trials:
    """Check a matrix of returns, make days of shorter periods, and set combinations that never moved aside.

    Bars of minutes make every Sharpe ratio look certain: they are many, and their tails are not independent. So rows
    of less than a day are compounded to days: calendar days (UTC) if `end_ms` says when each row ends, else so many
    rows at a time as make a day.
    """
    matrix = as_matrix(returns)
    per_year = positive(periods_per_year, "periods_per_year")
    if per_year > 366.0:
        matrix = by_day(matrix, end_ms, rows_a_day=round(per_year / DAYS_PER_YEAR))
        per_year = DAYS_PER_YEAR
    moved = spreads(matrix) > 0.0
    still = matrix[:, ~moved]
    if still.any():
        column = int(np.flatnonzero(~moved)[still.any(axis=0).argmax()])
        raise DataError(
            f"Column {column} of `returns` is {matrix[0, column]} in every period: that is no record of a strategy. "
            f"Give its returns, fractions per period."
        )
    return Trials(np.ascontiguousarray(matrix[:, moved]), np.flatnonzero(moved), int((~moved).sum()), per_year)


def as_matrix(returns: npt.ArrayLike) -> FloatArray:
    """`returns` as float64 of shape (n_periods, n_columns), all of them finite."""
    try:
        matrix = np.asarray(returns, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"`returns` cannot be read as numbers ({error}). Give an array of floats.") from error
    if matrix.ndim == 1:
        matrix = matrix[:, None]
    if matrix.ndim != 2 or not matrix.size:
        raise DataError(f"`returns` has shape {matrix.shape}. Give a row per period and a column per combination.")
    if not np.isfinite(matrix).all():
        row, column = (int(place[0]) for place in np.nonzero(~np.isfinite(matrix)))
        raise DataError(
            f"`returns` is {matrix[row, column]} in row {row}, column {column}. Leave out combinations that failed, "
            f"and give 0 for a period without a trade."
        )
    return matrix


def as_column(returns: npt.ArrayLike) -> FloatArray:
    """One record of finite returns."""
    matrix = as_matrix(returns)
    if matrix.shape[1] != 1:
        raise DataError(f"`returns` has {matrix.shape[1]} columns. Give the returns of one combination.")
    return matrix[:, 0]


def by_day(returns: FloatArray, end_ms: npt.ArrayLike | None = None, *, rows_a_day: int) -> FloatArray:
    """Returns compounded to days, UTC; without times, of `rows_a_day` rows, the odd ones at the start left out."""
    if end_ms is None:
        odd = returns.shape[0] % rows_a_day if returns.shape[0] >= rows_a_day else 0
        starts = np.arange(odd, returns.shape[0], rows_a_day)
    else:
        ends = np.asarray(end_ms, np.int64)
        if ends.shape != returns.shape[:1] or (np.diff(ends) <= 0).any():
            raise DataError(f"`end_ms` has shape {ends.shape}: give a rising time for each of {len(returns)} periods.")
        starts = np.flatnonzero(np.diff((ends - 1) // DAY_MS, prepend=np.iinfo(np.int64).min // DAY_MS))
    return np.multiply.reduceat(1.0 + returns, starts, axis=0) - 1.0


def spreads(matrix: FloatArray) -> FloatArray:
    """Sample standard deviation of each column; 0 for what differs by rounding alone."""
    if matrix.shape[0] < 2:
        return np.zeros(matrix.shape[1])
    deviation = matrix.std(axis=0, ddof=1)
    return np.where(deviation > STILL * np.abs(matrix).max(axis=0), deviation, 0.0)


def sharpe_ratios(matrix: FloatArray) -> FloatArray:
    """Sharpe ratio of each column, per period; NaN for one that does not vary."""
    deviation = spreads(matrix)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(deviation > 0.0, matrix.mean(axis=0) / deviation, math.nan)


def positive(number: float, name: str) -> float:
    """`number` as a finite float above zero."""
    if not 0.0 < number < math.inf:
        raise ConfigError(f"`{name}` is {number!r}. It must be a number above 0.")
    return float(number)


def whole(number: int, name: str, *, least: int) -> int:
    """`number` as an int of at least `least`."""
    if isinstance(number, bool) or number != int(number) or number < least:
        raise ConfigError(f"`{name}` is {number!r}. Give a whole number, {least} or more.")
    return int(number)


def share(number: float, name: str) -> float:
    """`number` as a float between 0 and 1."""
    if not 0.0 < number < 1.0:
        raise ConfigError(f"`{name}` is {number!r}. It must lie between 0 and 1.")
    return float(number)
