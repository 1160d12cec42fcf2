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
    raise ConfigError(f"{bot.name} is written as `on_tick`, so it has no columns to check. Audit the decisions of a backtest.")


def target_columns(targets: Targets) -> Columns:
    """Targets as one array per column and level; what is the same in all rows is a view of one number."""
    planes: Columns = {"side": targets.side, "exit": targets.exit}
    planes |= {name: targets.column(name) for name in targets.columns}
    columns = {
        name if targets.n_levels == 1 else f"{name}[{level}]": plane[:, level]
        for name, plane in planes.items()
        for level in range(targets.n_levels)
    }
    terms = {name: getattr(targets.policy, name) for name in targets.policy.__slots__}
    terms |= {"action": targets.action, "kind": targets.kind, "sizing": targets.sizing, "time_limit_ms": targets.time_limit_ms}
    return columns | {name: np.broadcast_to(np.asarray(int(term)), targets.n_bars) for name, term in terms.items()}


@dataclass(frozen=True, slots=True)
class Moved:
    """The first row of a column that is not what it was."""

    column: str
    row: int
    values: tuple[Any, Any]


def moved(now: Columns, before: Columns, stop: int) -> Moved | None:
    """The earliest difference before row `stop`, and the column it is in; the first column where several differ."""
    found: Moved | None = None
    for name, old in before.items():
        if name not in now:
            return Moved(name, 0, ("there", "missing"))
        row = _first_difference(now[name][:stop], old[:stop])
        if row is not None and (found is None or row < found.row):
            found = Moved(name, row, (_plain(old[row]), _plain(now[name][row])))
    return found


def events(columns: Columns) -> Array:
    """Rows in which something new is said; of a column that says something new all the time, only the first."""
    rows = [row for column in columns.values() if (row := _changes(column)).size]
    return np.unique(np.concatenate(rows)) if rows else np.empty(0, np.int64)


def awake(columns: Columns) -> int:
    """First row by which every column that ever says something has begun to."""
    return max((int(row[0]) for column in columns.values() if (row := _changes(column)).size), default=0)


def _changes(column: Array) -> Array:
    if column.shape[0] < 2 or _is_constant(column):
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


def _first_difference(now: Array, before: Array) -> int | None:
    if _is_constant(now) and _is_constant(before):
        now, before = now[:1], before[:1]
    differs = now != before
    if now.dtype.kind == "f" and before.dtype.kind == "f" and differs.any():
        differs &= (now == now) | (before == before)  # NaN is NaN
        if differs.any():
            differs &= ~_close(now, before)
    rows = np.flatnonzero(differs.reshape(differs.shape[0], -1).any(axis=1))
    return int(rows[0]) if rows.size else None


def _close(now: Array, before: Array) -> Array:
    """Equal to `RELATIVE` of their own size, or of what is usual in the column."""
    finite = np.abs(before[np.isfinite(before)])
    usual = float(np.median(finite)) if finite.size else 0.0
    with np.errstate(invalid="ignore"):
        size = np.maximum(np.maximum(np.abs(now), np.abs(before)), usual)
        return np.asarray((np.abs(now - before) <= RELATIVE * size) & np.isfinite(size))


def _is_constant(column: Array) -> bool:
    return column.strides[0] == 0 if column.ndim else True


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
