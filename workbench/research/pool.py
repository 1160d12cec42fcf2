"""Threads that run pieces of a sweep side by side; kernels release the interpreter's lock."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.research.parts import Part
from workbench.research.runs import BATCH, Runner

Numbers = npt.NDArray[np.int64]
PIECE = 2 * BATCH


class Threads:
    """Runs pieces on some threads of this process."""

    def __init__(self, runner: Runner, threads: int) -> None:
        self.runner = runner
        self.workers = threads

    def run(self, pieces: Iterable[Numbers], stop: threading.Event, take: Callable[[Part], None]) -> None:
        """Run all pieces, handing each finished part to `take`; the first error stops all and is raised."""
        waiting, lock, errors = iter(pieces), threading.Lock(), []

        def work() -> None:
            try:
                while not stop.is_set():
                    with lock:
                        piece = next(waiting, None)
                    if piece is None:
                        return
                    for part in self.runner.parts(piece, stop):
                        take(part)
            except BaseException as error:
                errors.append(error)
                stop.set()

        others = [threading.Thread(target=work, name=f"sweep-{n}", daemon=True) for n in range(1, self.workers)]
        for thread in others:
            thread.start()
        work()
        for thread in others:
            thread.join()
        if errors:
            raise errors[0]


def cut(numbers: Numbers, workers: int) -> Iterator[Numbers]:
    """Pieces of a sweep: small enough that all workers end at about the same time."""
    size = int(np.clip(-(-len(numbers) // (4 * workers)), 1, PIECE))
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered(codes: Callable[[Numbers], Any], names: list[str], shared: set[str], numbers: Numbers) -> Numbers:
    """Combinations that share columns, one after the other.

    Parameters
    ----------
    codes : function from numbers to codes of shape (len(numbers), n_axes)
    names : list of str
        The axes.
    shared : set of str
        Those that the columns depend on.
    """
    places = [place for place, name in enumerate(names) if name in shared]
    if not places or len(places) == len(names):
        return numbers
    table = codes(numbers)
    return numbers[np.lexsort([numbers, *(table[:, place] for place in reversed(places))])]
