"""Rows as a table: parameters, metrics, the route each took, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from workbench.errors import ConfigError
from workbench.metrics import METRICS
from workbench.research.grid import Axis
from workbench.research.parts import NAMES, Route, Status
from workbench.research.space import Space, worded

LOWER_IS_BETTER = frozenset({
    "annual_volatility", "max_drawdown", "max_drawdown_days", "average_drawdown", "average_drawdown_days",
    "ulcer_index", "fees", "fee_share", "turnover", "volume_traded",
})  # fmt: skip
NONE = "–"  # an axis of one value, for a sweep that has no second one
TAKEN = {*METRICS, "number", "route", "error", "reason"}
ROUTES = {route.value: route.name.lower() for route in Route}


def table_of(space: Space, rows: pl.DataFrame) -> pl.DataFrame:
    """All rows that were run: `number`, parameters, metrics, `route` and `error`, in order of the number."""
    ran = rows.filter(pl.col("status") != int(Status.INVALID))
    failed = pl.when(pl.col("status") == int(Status.FAILED)).then(pl.col("note"))
    route = ran["route"].cast(pl.Int64).replace_strict(ROUTES, return_dtype=pl.String)
    return ran.select("number").with_columns(
        *parameter_columns(space, ran), *(ran[name] for name in NAMES), route.alias("route"),
        ran.select(error=failed)["error"],
    )  # fmt: skip


def invalid_of(space: Space, rows: pl.DataFrame) -> pl.DataFrame:
    """The combinations that cannot be, with the reason."""
    bad = rows.filter(pl.col("status") == int(Status.INVALID))
    return bad.select("number").with_columns(*parameter_columns(space, bad), bad["note"].alias("reason"))


def parameter_columns(space: Space, rows: pl.DataFrame) -> list[pl.Series]:
    """A column per axis, with the values as they were given; those that are no plain values, in words."""
    codes = space.grid.rows(rows["number"].to_numpy())
    return [axis_values(axis).gather(codes[:, place]) for place, axis in enumerate(space.grid.axes)]


def column_name(name: str) -> str:
    """What the column of an axis is called: as the axis, or `grid_fees` where a metric has that name."""
    return f"grid_{name}" if name in TAKEN else name


def axis_values(axis: Axis) -> pl.Series:
    """The values of an axis as a column of one type."""
    name = column_name(axis.name)
    kinds = {type(value) for value in axis.values if value is not None}
    if kinds <= {int, float, bool} and (bool not in kinds or kinds == {bool}):
        dtype: Any = pl.Boolean if kinds == {bool} else pl.Float64 if float in kinds else pl.Int64
        return pl.Series(name, list(axis.values), dtype=dtype)
    texts = [None if value is None else worded(value) for value in axis.values]
    return pl.Series(name, texts, dtype=pl.String)


def check_metric(metric: str) -> str:
    """The name of a metric, or an error that lists them."""
    if metric not in METRICS:
        from difflib import get_close_matches

        near = get_close_matches(metric, METRICS, n=1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"There is no metric {metric!r}.{guess} There are {', '.join(METRICS)}.")
    return metric


def best_of(table: pl.DataFrame, metric: str, count: int, lowest: bool | None) -> pl.DataFrame:
    """The best rows by a metric; rows without a number in it do not count, ties go to the lower number."""
    descending = not (check_metric(metric) in LOWER_IS_BETTER if lowest is None else lowest)
    with_number = table.filter(pl.col(metric).is_not_nan() & pl.col(metric).is_not_null())
    return with_number.sort(metric, "number", descending=[descending, False]).head(count)


def pivot(
    table: pl.DataFrame, x: str, y: str, metric: str, *, at: dict[str, Any] | None = None, over: str = "best",
    expected: Mapping[str, pl.Series] | None = None,
) -> tuple[list[Any], list[Any], np.ndarray, np.ndarray]:  # fmt: skip
    """A metric over two axes: values of x, values of y, the plane, and the number behind each cell.

    Parameters
    ----------
    at : mapping of other axes to values
        Only rows with these.
    over : "best" or "median"
        What a cell shows of the rows that fall into it, where axes are left out of `at`.
    expected : mapping of axes to values
        What the plane has places for, where the table does not have all of it yet.

    Returns
    -------
    x values, y values, float64 array of shape (n_y, n_x), int64 array of shape (n_y, n_x)
        NaN and −1 where nothing was run. The number is that of the best row of the cell, or nearest to its median.
    """
    table = table.with_columns(pl.lit("").alias(NONE)) if NONE in (x, y) else table
    for name in (x, y):
        if name not in table.columns:
            raise ConfigError(f"The sweep has no axis `{name}`. It has {', '.join(axes_of(table))}.")
    if x == y:
        raise ConfigError(f"Both axes are `{x}`. Choose two.")
    if over not in ("best", "median"):
        raise ConfigError(f'`over` is {over!r}. Choose "best" or "median".')
    check_metric(metric)
    # `eq_missing` so that None is a value like others.
    rows = table.filter(*(pl.col(name).eq_missing(pl.lit(value)) for name, value in (at or {}).items()))
    known = {name: table[name] for name in (x, y)} | dict(expected or {})
    xs, ys = (known[name].unique().sort(nulls_last=True) for name in (x, y))
    places = [places_in(rows[name], values) for name, values in ((x, xs), (y, ys))]
    plane, numbers = np.full((len(ys), len(xs)), np.nan), np.full((len(ys), len(xs)), -1, np.int64)
    cell, value = places[1] * len(xs) + places[0], rows[metric].to_numpy()
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    order = np.lexsort((-rows["number"].to_numpy(), np.where(np.isnan(value), -np.inf, sign * value), cell))
    ends = np.flatnonzero(np.append(cell[order][1:] != cell[order][:-1], True)) if len(order) else order
    shown = ends
    if over == "median":
        starts = np.append(0, ends[:-1] + 1) if len(ends) else ends
        measured = np.bincount(cell, weights=~np.isnan(value), minlength=plane.size)[cell[order][ends]].astype(np.int64)
        shown = ends - np.minimum(measured, ends - starts + 1) // 2
        shown = np.clip(shown, starts, ends)
    plane.flat[cell[order][shown]] = value[order][shown]
    numbers.flat[cell[order][shown]] = rows["number"].to_numpy()[order][shown]
    return xs.to_list(), ys.to_list(), plane, numbers


def places_in(column: pl.Series, values: pl.Series) -> np.ndarray:
    """Where each entry of a column stands among sorted values."""
    ranks = pl.DataFrame({"value": values, "place": np.arange(len(values))})
    found = column.to_frame("value").join(ranks, on="value", how="left", nulls_equal=True, maintain_order="left")
    return found["place"].to_numpy()


def axes_of(table: pl.DataFrame) -> list[str]:
    """The columns of a table that hold parameters."""
    first = table.columns.index(NAMES[0])
    return table.columns[1:first]
