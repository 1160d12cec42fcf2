"""Which part of a record chooses, and which part judges: windows in time, and folds of rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.errors import BrokenInvariant, ConfigError, DataError
from workbench.market import as_milliseconds, show_time

Rows = npt.NDArray[np.intp]
Length = str | int | timedelta
MOST_SPLITS = 20_000


class Window(NamedTuple):
    """A stretch of time to choose on and a later one to judge on, in milliseconds; ends are not included."""

    train_start: int
    train_end: int
    test_start: int
    test_end: int


def windows(
    start_ms: int, end_ms: int, *, train: Length, test: Length, gap: Length = 0, anchored: bool = False
) -> list[Window]:
    """Cut a record into windows whose tests follow each other without a hole.

    Parameters
    ----------
    start_ms, end_ms : int
        Open of the first bar and close of the last one.
    train, test, gap : duration
        Length of what chooses, of what judges, and of what is left out between them: as long as a trade may last. The
        last test may be shorter.
    anchored : bool
        Train from the beginning of the record each time, instead of on the last `train`.

    Raises
    ------
    ConfigError
        Lengths that are no durations or not above zero.
    DataError
        A record that is too short for one window.
    """
    long, short, between = (as_milliseconds(length) for length in (train, test, gap))
    if long <= 0 or short <= 0:
        raise ConfigError(
            f'`train` is {train!r} and `test` {test!r}. Both must be longer than nothing, such as "180d".'
        )
    first = start_ms + long + between
    if first + short > end_ms:
        raise DataError(
            f"The candles run from {show_time(start_ms)} to {show_time(end_ms)}, {days(end_ms - start_ms)}: too short "
            f"to train on {days(long)} and test on {days(short)}{f' after {days(between)}' if between else ''}. Take "
            f"shorter windows or more candles."
        )
    found = []
    for test_start in range(first, end_ms, short):
        train_end = test_start - between
        train_start = start_ms if anchored else train_end - long
        found.append(Window(train_start, train_end, test_start, min(test_start + short, end_ms)))
    return found


def check_windows(found: list[Window]) -> list[Window]:
    """Refuse windows in which the future takes part in the choice, or in which two tests overlap.

    Raises
    ------
    BrokenInvariant
        With the first window that leaks.
    """
    last = -math.inf
    for number, window in enumerate(found):
        if not window.train_start < window.train_end <= window.test_start < window.test_end:
            raise BrokenInvariant(
                f"Window {number} trains until {show_time(window.train_end)} and is tested from "
                f"{show_time(window.test_start)} to {show_time(window.test_end)}: what judges took part in the choice."
            )
        if window.test_start < last:
            raise BrokenInvariant(
                f"Window {number} is tested from {show_time(window.test_start)}, which was judged before."
            )
        last = window.test_end
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Rows to choose on and rows to judge on, and the numbers of the groups that judge."""

    train: Rows
    test: Rows
    held_out: tuple[int, ...]


def group_edges(n_rows: int, groups: int) -> Rows:
    """Where groups of equal length begin, and where the last one ends; shape (groups + 1,)."""
    if isinstance(groups, bool) or groups != int(groups) or groups < 2:
        raise ConfigError(f"`groups` is {groups!r}. Give a whole number, 2 or more.")
    if n_rows < 2 * groups:
        raise DataError(f"{n_rows} periods are too few for {groups} groups. Each needs two; take fewer groups.")
    return np.linspace(0, n_rows, int(groups) + 1).astype(np.intp)


def folds(n_rows: int, *, groups: int = 6, held_out: int = 1, purge: int = 0, embargo: int = 0) -> Iterator[Fold]:
    """Every way to hold out some groups of rows; one at a time is k-fold, more are combinatorial.

    Parameters
    ----------
    n_rows : int
    groups, held_out : int
        Groups that the rows are cut into, and how many of them judge at once.
    purge : int
        Rows left out of training on both sides of what judges: as many as a trade may last, so that none reaches over.
    embargo : int
        Rows left out after it besides, because returns that follow each other resemble each other.

    Raises
    ------
    ConfigError
        Numbers that do not fit together, or leave nothing to train on.

    References
    ----------
    López de Prado (2018), Advances in Financial Machine Learning, chapters 7 and 12.
    """
    edges = group_edges(n_rows, groups)
    if not 1 <= held_out < groups:
        raise ConfigError(f"`held_out` is {held_out!r} of {groups} groups. Hold out at least one, and not all.")
    if purge < 0 or embargo < 0:
        raise ConfigError(f"`purge` is {purge!r} and `embargo` {embargo!r}. Both are 0 or more.")
    if math.comb(groups, held_out) > MOST_SPLITS:
        raise ConfigError(
            f"{groups} groups with {held_out} held out are {math.comb(groups, held_out):,} splits. Use fewer."
        )
    for chosen in combinations(range(groups), held_out):
        yield _fold(n_rows, edges, chosen, purge, embargo)


def path_count(groups: int, held_out: int) -> int:
    """Whole paths through the record that the folds can be put together to: φ = k / N · C(N, k)."""
    return held_out * math.comb(groups, held_out) // groups


def path_table(groups: int, held_out: int) -> Rows:
    """Which fold judges each group on each path; shape (n_paths, groups).

    A group's first fold belongs to the first path, its second one to the second, and so on.
    """
    table = np.empty((path_count(groups, held_out), groups), np.intp)
    seen = [0] * groups
    for number, chosen in enumerate(combinations(range(groups), held_out)):
        for group in chosen:
            table[seen[group], group] = number
            seen[group] += 1
    return table


def _fold(n_rows: int, edges: Rows, chosen: tuple[int, ...], purge: int, embargo: int) -> Fold:
    test, free = np.zeros(n_rows, bool), np.ones(n_rows, bool)
    for group in chosen:
        start, end = int(edges[group]), int(edges[group + 1])
        test[start:end] = True
        free[max(0, start - purge) : end + purge + embargo] = False
    if not free.any():
        raise ConfigError(
            f"With groups {chosen} held out, a purge of {purge} and an embargo of {embargo} rows leave nothing of "
            f"{n_rows} rows to train on. Make them smaller."
        )
    return Fold(np.flatnonzero(free), np.flatnonzero(test), chosen)


def days(length_ms: int) -> str:
    """A length in days, or in hours if it is shorter."""
    return f"{length_ms / 86_400_000:,.1f} days" if length_ms >= 86_400_000 else f"{length_ms / 3_600_000:.1f} hours"
