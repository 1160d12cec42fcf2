"""A loop of a bot's own: its `decide` compiled into the quoting loop, once there is enough to do with it.

Called by its address, a `decide` hands its records over in memory, and the loop looks at every field of them. As a part
of the loop they become registers, and what the bot never changes is not looked at: a third of the time. To compile
that takes a second or two, so it is done beside the first combinations, and only where there are many to come.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from workbench.compiled import compiled_around, part_of
from workbench.research.fast.quoting import quote_through

WORTH = 60_000_000  # bars that take as long by the common loop as an own one takes to compile
MOST = 16  # bots whose loops are kept


@dataclass
class Fitting:
    """The loop of one `decide`, for a number of levels, the places of its columns, and a kind of account."""

    decide: Any
    levels: int
    places: tuple[int, ...]
    n_numbers: int
    margin: bool
    bars: int = 0
    loop: Any = None
    thread: threading.Thread | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, bars: int, ahead: int, agrees: Callable[[Any], bool]) -> None:
        """So many bars were done by the common loop, and so many are ahead; where it pays, make an own one beside them.

        Parameters
        ----------
        agrees
            Tries a loop, which compiles it: does it come to what the common one came to?
        """
        with self.lock:
            self.bars += bars
            if self.thread is None and self.bars + ahead >= WORTH:
                self.thread = threading.Thread(target=self._make, args=(agrees,), name="fitting", daemon=False)
                self.thread.start()

    def _make(self, agrees: Callable[[Any], bool]) -> None:
        with suppress(Exception):  # the common loop goes on
            loop = loop_around(self.decide, self.levels, self.places, self.n_numbers, self.margin)
            self.loop = loop if agrees(loop) else None


def loop_around(decide: Any, levels: int, places: tuple[int, ...], n_numbers: int, margin: bool) -> Any:
    """`quote_through` with a `decide` in it; it takes the same, but for what is fixed here."""
    part, own, spot = part_of(decide), (tuple(range(levels)), tuple(range(n_numbers))), None if margin else 1

    def through(time, opens, highs, lows, closes, timeframe_ms, columns, numbers, seen, out, desk, trips, equity):
        return quote_through(
            time, opens, highs, lows, closes, timeframe_ms, columns, places, numbers, part, own, spot, seen, out,
            desk, trips, equity,
        )  # fmt: skip

    return compiled_around(through)


class Fittings:
    """Those of a process, the latest few."""

    def __init__(self) -> None:
        self.kept: OrderedDict[Any, Fitting] = OrderedDict()
        self.lock = threading.Lock()

    def of(self, decide: Any, levels: int, inputs: Any, margin: bool) -> Fitting:
        """That of a bot with such inputs, new where there is none."""
        key = getattr(decide, "py_func", decide), levels, tuple(inputs.places.tolist()), len(inputs.row), margin
        with self.lock:
            if key not in self.kept:
                self.kept[key] = Fitting(*key)
            self.kept.move_to_end(key)
            while len(self.kept) > MOST:
                self.kept.popitem(last=False)
            return self.kept[key]


FITTINGS = Fittings()
