"""What a strategy says, as named columns, and how two versions of it are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.controllers import Controller, Way
from workbench.errors import ConfigError
from workbench.market import Targets

Array = npt.NDArray[Any]
Columns = dict[str, Array]
Produce = Callable[[Any], Mapping[str, npt.ArrayLike]]

RELATIVE = 1e-9  # floats that differ by less count as equal: the order of a sum may depend on where the data end
DENSE = 0.25  # share of rows with something new, above which a column says something new all the time


def columns_of(bot: Controller) -> Produce:
    """The columns of a controller by name: those of its `Targets`, or `column_0`, … of a compiled one.

    Raises
    ------
    ConfigError
        For a controller written as `on_tick`: it has no columns, only decisions, which take an engine to make.
    """
    way = bot.authored()
    if way == Way.TARGETS:
        return lambda candles: target_columns(bot.targets(candles))
    if way == Way.DECIDE:
        return lambda candles: {f"column_{k}": values for k, values in enumerate(bot.columns(candles))}
    raise ConfigError(
        f"{bot.name} is written as `on_tick`, so it has no columns to check. Audit the decisions of a backtest."
    )


def target_columns(targets: Targets) -> Columns:
    """Targets as one array per column and level; what is the same in all rows is an array without rows."""
    columns: Columns = {}
    for name, plane in (("side", targets.side), ("exit", targets.exit), *targets.columns.items()):
        columns |= _levels(name, plane, targets.n_levels)
    terms = {name: getattr(targets.policy, name) for name in targets.policy.__slots__}
    terms |= {
        "action": targets.action,
        "kind": targets.kind,
        "sizing": targets.sizing,
        "time_limit_ms": targets.time_limit_ms,
    }
    return columns | {name: np.asarray(int(term)) for name, term in terms.items()}


def _levels(name: str, plane: Array, n_levels: int) -> Columns:
    if plane.ndim < 2:
        return {name: plane.reshape(())}
    if plane.strides[0] == 0:
        plane = plane[:1, :1] if plane.strides[1] == 0 else plane[:1]
        return {name: plane[0, 0]} if plane.size == 1 else {f"{name}[{k}]": plane[0, k] for k in range(plane.shape[1])}
    if plane.shape[1] == 1:
        return {name: plane[:, 0]}
    return {f"{name}[{k}]": plane[:, k] for k in range(n_levels)}


@dataclass(frozen=True, slots=True)
class Moved:
    """The first row of a column that is not what it was."""

    column: str
    row: int
    values: tuple[Any, Any]


def moved(now: Columns, before: Columns, stop: int) -> Moved | None:
    """The earliest difference before row `stop`.

    Of several columns that differ there, the one that differs most often, and of these rather a price than a side.
    """
    missing = [name for name in before if name not in now]
    if missing:
        return Moved(missing[0], 0, ("there", "missing"))
    rows = {name: _differences(now[name], old, stop) for name, old in before.items()}
    different = {name: where for name, where in rows.items() if where.size}
    if not different:
        return None
    name = min(different, key=lambda name: (different[name][0], -different[name].size, before[name].dtype.kind != "f"))
    row = int(different[name][0])
    return Moved(name, row, (_value(before[name], row), _value(now[name], row)))


def events(columns: Columns) -> Array:
    """Rows in which something new is said; of a column that says something new all the time, only the first."""
    found = [rows for column in columns.values() if (rows := _changes(column)).size]
    marked = np.zeros(max((int(rows[-1]) + 1 for rows in found), default=0), np.bool_)
    for rows in found:
        marked[rows] = True
    return np.flatnonzero(marked)


def awake(columns: Columns) -> int:
    """First row by which every column that ever says something has begun to."""
    return max((int(row[0]) for column in columns.values() if (row := _changes(column)).size), default=0)


def _changes(column: Array) -> Array:
    if column.ndim == 0 or column.shape[0] < 2 or column.strides[0] == 0:
        return np.empty(0, np.int64)
    changed = column[1:] != column[:-1]
    if column.dtype.kind == "f":
        changed &= (column[1:] == column[1:]) | (column[:-1] == column[:-1])
    changed = changed.any(axis=tuple(range(1, changed.ndim))) if changed.ndim > 1 else changed
    rows = np.flatnonzero(changed) + 1
    if rows.size > DENSE * column.shape[0]:
        return rows[:1]
    wanted = rows[_says_something(column[rows])]
    return wanted if wanted.size else rows


def _says_something(values: Array) -> Array:
    if values.dtype.kind not in "fiub" or values.ndim > 1:
        return np.ones(values.shape[0], np.bool_)
    return np.asarray((values != 0) & (values == values))


def _differences(now: Array, before: Array, stop: int) -> Array:
    if now.ndim == 0 and before.ndim == 0:
        same = now == before or (now != now and before != before)
        return np.empty(0, np.int64) if same else np.zeros(1, np.int64)
    now, before = (column[:stop] if column.ndim else column for column in (now, before))
    differs = now != before
    if now.dtype.kind == "f" and before.dtype.kind == "f" and differs.any():
        differs &= (now == now) | (before == before)  # NaN is NaN
        if differs.any():
            differs &= ~_close(now, before)
    return np.flatnonzero(differs.reshape(differs.shape[0], -1).any(axis=1) if differs.ndim > 1 else differs)


def _close(now: Array, before: Array) -> Array:
    """Equal to `RELATIVE` of their own size, or of what is usual in the column."""
    finite = np.abs(before[np.isfinite(before)])
    usual = float(np.median(finite)) if finite.size else 0.0
    with np.errstate(invalid="ignore"):
        size = np.maximum(np.maximum(np.abs(now), np.abs(before)), usual)
        return np.asarray((np.abs(now - before) <= RELATIVE * size) & np.isfinite(size))


def _value(column: Array, row: int) -> Any:
    value = column[row] if column.ndim else column[()]
    return value.item() if isinstance(value, np.generic) else value
