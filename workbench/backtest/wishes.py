"""What a bot wants, brought into the arrays that the loop reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.backtest.engine import NO_WISHES, locked
from workbench.backtest.loop import Inputs, Wishes
from workbench.backtest.market import Market
from workbench.errors import ConfigError, DataError
from workbench.market import TARGET_COLUMNS, Candles, Policy, Targets
from workbench.trading import MAX_LEVELS, new_targets

SPARE = 256


def wanted_targets(bot: Any, market: Market) -> list[Targets]:
    """The targets of a bot for each instrument, each with a row per bar."""
    return [checked(bot.targets(candles), candles, bot) for candles in market.candles.values()]


def checked(targets: Any, candles: Candles, bot: Any) -> Targets:
    """Targets with one row per bar, or an error that says what came instead."""
    name = type(bot).__name__
    if not isinstance(targets, Targets):
        raise ConfigError(
            f"{name}.targets returned a {type(targets).__name__}. Return Targets, as in `return "
            "Targets.at_market(side)`."
        )
    if targets.n_bars != len(candles):
        raise DataError(
            f"{name}.targets returned {targets.n_bars:,} rows for {len(candles):,} bars of "
            f"{candles.instrument}. Return one row "
            f"per bar: 0 or NaN where there is nothing to say."
        )
    return targets


def as_wishes(targets: list[Targets], market: Market) -> tuple[Wishes, Any, Policy]:
    """Targets of all instruments as planes, the record that the loop fills per level, and their policy.

    Raises
    ------
    ConfigError
        If instruments want different kinds of thing at once.
    """
    first = targets[0]
    kinds = {(t.action, t.kind, t.sizing, t.time_limit_ms, t.policy) for t in targets}
    if len(kinds) > 1:
        raise ConfigError("The targets of the instruments differ in kind or policy. Return the same kind for each.")
    levels = sum(t.n_levels for t in targets)
    if levels > MAX_LEVELS:
        raise ConfigError(f"{levels} levels over all instruments: a bot has at most {MAX_LEVELS}.")
    terms = new_targets(1)
    terms["action"], terms["kind"], terms["sizing"] = first.action, first.kind, first.sizing
    terms["time_limit_ms"] = first.time_limit_ms
    level_market = np.repeat(np.arange(len(targets)), [t.n_levels for t in targets]).astype(np.int64)
    planes = {name: _plane(targets, market, name) for name in ("side", "exit", *TARGET_COLUMNS)}
    out = new_targets(levels)
    out[:] = terms
    rows = spoken_rows(planes["side"], planes["exit"], len(market.time))
    return Wishes(**planes, market=locked(level_market), terms=locked(terms), rows=rows), out, first.policy


def spoken_rows(side: Any, exit: Any, n_rows: int) -> Any:
    """The rows of planes of one level in which something is wanted; none for several levels, where nobody asks."""
    if side.shape[1] > 1 or exit.shape[1] > 1:
        return NO_WISHES.rows
    wanted = side != 0
    if exit.any():
        wanted = wanted | exit.view(np.bool_)
    return locked(np.flatnonzero(np.broadcast_to(wanted, (n_rows, 1)) if len(wanted) == 1 else wanted))


def _plane(targets: list[Targets], market: Market, name: str) -> Any:
    if market.is_single:
        return locked(_thin(_column(targets[0], name)))
    nothing: Any = {"side": 0, "exit": 0}.get(name, np.nan)
    columns = []
    for one, rows in zip(targets, market.rows, strict=True):
        column = np.broadcast_to(_column(one, name), one.side.shape)
        plane = np.full((len(market.time), one.n_levels), nothing, column.dtype)
        plane[slice(None) if rows is None else rows] = column
        columns.append(plane)
    return locked(np.concatenate(columns, axis=1))


def _column(targets: Targets, name: str) -> Any:
    if name == "exit":
        return targets.exit.view(np.int8)
    return targets.side if name == "side" else targets.columns[name]


def _thin(plane: Any) -> Any:
    """A contiguous plane in which an axis along which nothing changes has length 1; `pick` reads it."""
    plane = plane.reshape(1, -1) if plane.ndim < 2 else plane
    for axis in (0, 1):
        if plane.strides[axis] == 0 and plane.shape[axis] > 1:
            plane = plane.take([0], axis)
    return np.ascontiguousarray(plane)


def numbers(values: Any, name: str) -> npt.NDArray[np.float64]:
    """Numbers or yes and no as float64, or an error that names the column."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name} has dtype {array.dtype}. Give numbers, or True and False.")
    return array.astype(np.float64, copy=False)


def as_inputs(bot: Any, market: Market) -> Inputs:
    """The columns of a compiled bot, and the row of numbers that each bar is gathered into.

    Raises
    ------
    DataError
        If a column has not one value per bar, or instruments are not on one grid.
    """
    if all(rows is not None for rows in market.rows):
        raise DataError(
            "The instruments have bars at different times, and none has one in every row. Give a compiled `decide` "
            "candles of the same stamps, or one instrument with all of them; others are read with `candles.as_of`."
        )
    given = bot.columns(market.only if market.is_single else market.candles)
    if not isinstance(given, tuple | list):
        raise ConfigError(
            f"{type(bot).__name__}.columns returned a {type(given).__name__}. Return a tuple of arrays and numbers."
        )
    # Behind the row there are NaN, for a `decide` that reads too far: machine code does not check.
    row = np.full(len(given) + SPARE, np.nan)[: max(len(given), 1)]
    columns, places = [], []
    for place, values in enumerate(given):
        array = numbers(values, f"column {place} of {type(bot).__name__}.columns")
        if array.ndim == 0:
            row[place] = array
            continue
        if array.shape != (len(market.time),):
            raise DataError(
                f"column {place} of {type(bot).__name__}.columns has shape {array.shape} for "
                f"{len(market.time):,} bars. "
                f"Return one value per bar, or a single number."
            )
        columns.append(array)
        places.append(place)
    if len(columns) == 1:
        return Inputs(locked(np.ascontiguousarray(columns[0].reshape(1, -1))), locked(np.array(places, np.int64)), row)
    plane = np.empty((len(columns), len(market.time)))
    for place, values in enumerate(columns):
        plane[place] = values
    return Inputs(locked(plane), locked(np.array(places, np.int64)), row)
