"""The search for a leak: which cuts are tried, in which order, and for how long."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.backtest.lookahead.columns import Moved, Produce, awake, events, moved
from workbench.backtest.lookahead.tape import Market, Tape
from workbench.backtest.lookahead.trial import Failure, Stretch, Trial
from workbench.backtest.lookahead.verdict import Verdict

FIRST, USUAL, LONGEST = 512, 1_536, 20_000  # rows of a stretch
FEWEST_CHECKS = 12  # made whatever they cost
COMPARING, SCRAMBLING = 3e-9, 100e-9  # seconds a row, beside what the strategy takes
SETTLING_CALLS = 16

Check = Callable[[], Verdict | None]


def find_leak(
    produce: Produce,
    candles: Market,
    *,
    seed: int = 0,
    whole: Mapping[str, npt.ArrayLike] | None = None,
    run_seconds: float | None = None,
    budget_seconds: float | None = None,
) -> Verdict:
    """Compare what a strategy says with and without the bars that came later.

    Parameters
    ----------
    produce : callable
        Takes candles and returns named columns, each with one row per bar; `columns_of(bot)` makes one.
    candles : Candles, or dict of them
        Of several markets, a row is one moment of their common time grid; a column whose name begins with that of a
        market and a space may have one row per bar of that market instead.
    seed : int
        What is drawn by chance follows from it. How long the stretches are, and how far the list of checks is worked
        off, depends on the time that a row takes.
    whole : mapping of arrays, optional
        What `produce(candles)` returned, if that is known already: saves a full pass.
    run_seconds : float, optional
        What the run took that is audited. Left out, it is taken to be one full pass of `produce`.
    budget_seconds : float, optional
        When to stop checking; left out: 35 ms and 5 % of the run. The first twelve checks are made in any case.

    Returns
    -------
    Verdict
        Everything is compared exactly; floats that differ pass if they agree to 1e-9 of their size. NaN equals NaN.
    """
    trial = Trial(produce, Tape(candles), run_seconds, budget_seconds)
    with warnings.catch_warnings(), np.errstate(all="ignore"):  # what they say, the run itself has said already
        warnings.simplefilter("ignore")
        return _Search(trial, np.random.default_rng(seed)).verdict(whole)


@dataclass(slots=True)
class _Search:
    trial: Trial
    rng: np.random.Generator
    cuts: int = 0
    scrambles: int = 0
    silent: bool = True  # so far, no row was met in which anything was wanted
    lengths: list[int] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    def verdict(self, given: Mapping[str, npt.ArrayLike] | None) -> Verdict:
        """Work off the list of checks until something moves, the list ends, or time is up."""
        rows = len(self.trial.tape)
        if rows < 2:
            return self._say(True, unchecked=(f"{rows} bars have no past and future to tell apart",))
        whole = None if given is None else self.trial.shaped(given, 0, rows)
        if isinstance(whole, Failure):
            return self._failed(whole)
        head = self._head(whole)
        if isinstance(head, Verdict):
            return head
        for check in self._checks(head, whole):
            if self.cuts + self.scrambles >= FEWEST_CHECKS and self.trial.spent() > self.trial.budget():
                self.unchecked.append("the rest of the list, as its time was up")
                break
            found = check()
            if found is not None:
                return found
        return self._conclusion()

    def _head(self, whole: Stretch | None) -> Stretch | Verdict:
        """A stretch from row 0 on: the shortest that works, then longer ones while cheap or while nothing comes out."""
        head = self._shortest_head(whole)
        if isinstance(head, Failure):
            return self._failed(head)
        again = self.trial.stretch(0, head.stop)
        if isinstance(again, Failure) or moved(again.columns, head.columns, head.rows):
            return self._not_repeatable(head, again)
        while (size := self._longer(head)) > head.rows:
            longer = self._from_start(size, whole)
            if isinstance(longer, Failure):
                break
            head = longer
        return head

    def _shortest_head(self, whole: Stretch | None) -> Stretch | Failure:
        size = min(FIRST, len(self.trial.tape))
        head = self._from_start(size, whole)
        while isinstance(head, Failure) and size < len(self.trial.tape):
            size = min(len(self.trial.tape), 6 * size)
            head = self._from_start(size, whole)
        return head

    def _from_start(self, size: int, whole: Stretch | None) -> Stretch | Failure:
        return whole if whole is not None and size == len(self.trial.tape) else self.trial.stretch(0, size)

    def _longer(self, head: Stretch) -> int:
        """Rows of the next longer head, or those of this one if that is long enough or would cost too much."""
        is_silent = not events(head.columns).size
        size = min(len(self.trial.tape), 6 * head.rows if is_silent else min(6 * head.rows, max(LONGEST, head.rows)))
        return size if self.trial.per_row * size <= (0.8 if is_silent else 0.2) * self.trial.budget() else head.rows

    def _checks(self, head: Stretch, whole: Stretch | None) -> Iterator[Check]:
        """The list: what is likeliest to show a leak for the least work comes first."""
        rows, first = len(self.trial.tape), awake(head.columns)
        usual = self._usual(head, first)
        head = self._shortened(head, usual)
        self.lengths.append(head.rows)
        yield from self._pairs(head, self._behind(head, 2))
        yield from self._cuts(head, self._anywhere(first + 1, head.rows, 2))
        yield from self._cuts(head, [*self._anywhere(1, first, 1), head.rows - 1])
        yield from self._pairs(head, self._behind(head, 2))
        yield from self._scrambles(head, self._anywhere(first + 1, head.rows, 2))
        yield from self._cuts(head, [*self._near_start(first, head.rows), *self._anywhere(first + 1, head.rows, 1)])
        if rows > head.rows:
            yield from self._far_ahead(whole)
            yield from self._in(rows - usual, usual, last=True)
        for _ in range(6):
            yield from self._in(self._somewhere(usual, whole), usual)
        yield from self._pairs(head, self._behind(head, 6))

    def _in(self, start: int, size: int, *, last: bool = False) -> Iterator[Check]:
        stretch = self.trial.stretch(start, start + size)
        if isinstance(stretch, Failure):
            return
        self.lengths.append(stretch.rows)
        yield from self._pairs(stretch, self._behind(stretch, 2))
        yield from self._cuts(stretch, [stretch.rows - 1] if last else self._anywhere(1, stretch.rows, 2))
        yield from self._scrambles(stretch, self._anywhere(1, stretch.rows, 1))

    def _far_ahead(self, whole: Stretch | None) -> Iterator[Check]:
        """Cut and scramble the whole, where that is affordable: only so does a leak of thousands of bars show."""
        rows = len(self.trial.tape)
        if whole is None and self.trial.affords(2 * rows, COMPARING):
            made = self.trial.stretch(0, rows)
            whole = made if isinstance(made, Stretch) else None
        if whole is None or not self.trial.affords(rows, COMPARING):
            return
        self.lengths.append(rows)
        yield from self._cuts(whole, self._anywhere(rows // 2, rows, 1))
        if self.trial.affords(rows, SCRAMBLING):
            yield from self._scrambles(whole, self._anywhere(rows // 2, rows, 1))

    def _pairs(self, stretch: Stretch, cuts: list[int]) -> Iterator[Check]:
        for cut in cuts:
            yield partial(self._cut, stretch, cut)
            yield partial(self._scramble, stretch, cut)

    def _cuts(self, stretch: Stretch, cuts: list[int]) -> Iterator[Check]:
        return (partial(self._cut, stretch, cut) for cut in cuts)

    def _scrambles(self, stretch: Stretch, cuts: list[int]) -> Iterator[Check]:
        return (partial(self._scramble, stretch, cut) for cut in cuts)

    def _cut(self, stretch: Stretch, cut: int) -> Verdict | None:
        self.cuts += 1
        return self._compared(stretch, partial(self.trial.stretch, stretch.start, stretch.start + cut), cut, "prefix")

    def _scramble(self, stretch: Stretch, cut: int) -> Verdict | None:
        self.scrambles += 1
        wild = self.scrambles % 2 == 1
        other = self.trial.tape.scrambled(stretch.start, stretch.start + cut, stretch.stop, wild=wild)
        return self._compared(
            stretch, partial(self.trial.stretch, stretch.start, stretch.stop, other), cut, "scrambled future"
        )

    def _compared(
        self, stretch: Stretch, remake: Callable[[], Stretch | Failure], cut: int, kind: str
    ) -> Verdict | None:
        """What moved before the cut; a failure is judged at the end, when it is known which lengths work."""
        other = remake()
        found = None if isinstance(other, Failure) else moved(other.columns, stretch.columns, cut)
        if found is None or isinstance(other, Failure):
            return None
        for first, again in ((stretch, self.trial.stretch(stretch.start, stretch.stop)), (other, remake())):
            if isinstance(again, Failure) or moved(again.columns, first.columns, first.rows):
                return self._not_repeatable(first, again)
        reach = self._reach(stretch, found, cut) if kind == "prefix" else None
        return self._say(False, kind=kind, reach=reach, **self._place(stretch, found))

    def _reach(self, stretch: Stretch, found: Moved, cut: int) -> int | None:
        """Bars after the row until it comes out as it did in the end, by halving; −1: all of them."""
        wrong, right = cut, stretch.rows
        for _ in range(SETTLING_CALLS):
            if right - wrong <= 1:
                break
            middle = (wrong + right) // 2
            wrong, right = (wrong, middle) if self._is_settled(stretch, found, middle) else (middle, right)
        if right < stretch.rows:
            return right - found.row - 1
        return None if cut == stretch.rows - 1 else -1

    def _is_settled(self, stretch: Stretch, found: Moved, cut: int) -> bool:
        part = self.trial.stretch(stretch.start, stretch.start + cut)
        if isinstance(part, Failure) or found.column not in part.columns:
            return False
        now, before = part.columns[found.column], stretch.columns[found.column]
        rows = slice(found.row, found.row + 1)
        return moved({"": now[rows] if now.ndim else now}, {"": before[rows] if before.ndim else before}, 1) is None

    def _usual(self, head: Stretch, first: int) -> int:
        """Rows of a stretch that is long enough for something to come out, and no longer than can be paid for."""
        payable = int(self.trial.budget() / (12 * max(self.trial.per_row, 1e-12)))
        wanted = min(max(USUAL, 4 * first), max(LONGEST, 2 * first))
        return min(len(self.trial.tape), max(FIRST, 2 * first, min(wanted, payable)))

    def _shortened(self, head: Stretch, usual: int) -> Stretch:
        """The head, or, if a dozen passes over it cost too much, its beginning, made afresh as a stretch of its own."""
        if head.rows <= usual or self.trial.per_row * head.rows <= self.trial.budget() / 12:
            return head
        shorter = self.trial.stretch(0, usual)
        return head if isinstance(shorter, Failure) else shorter

    def _behind(self, stretch: Stretch, count: int) -> list[int]:
        """Cuts right behind rows in which something new was said."""
        rows = events(stretch.columns)
        self.silent &= not rows.size
        usable = rows[rows < stretch.rows - 1]
        return (
            [int(row) + 1 for row in self.rng.choice(usable, min(count, usable.size), replace=False)]
            if usable.size
            else []
        )

    def _anywhere(self, low: int, high: int, count: int) -> list[int]:
        low = max(1, min(low, high - 1))
        return [int(cut) for cut in self.rng.integers(low, max(high, low + 1), count)]

    def _near_start(self, first: int, rows: int) -> list[int]:
        """Cuts in the warm-up, and as soon as something comes out."""
        steps = [2**k + int(self.rng.integers(0, 2**k)) for k in range(max(1, first).bit_length())]
        return sorted({cut for cut in (*steps, first - 1, first, first + 1) if 0 < cut < rows})

    def _somewhere(self, size: int, whole: Stretch | None) -> int:
        """Where a stretch begins: anywhere, or so that a row in which something new is said is in its later half."""
        most = len(self.trial.tape) - size
        rows = events(whole.columns) if whole is not None and self.silent else np.empty(0, np.int64)
        if not rows.size:
            return int(self.rng.integers(0, most + 1))
        return int(np.clip(self.rng.choice(rows) - size * 3 // 4, 0, most))

    def _conclusion(self) -> Verdict:
        """Clean, unless it failed on more bars than it is known to work with, or on everything."""
        wrong = [each for each in self.trial.failures if each.rows > self.trial.shortest.get(each.start, each.rows)]
        if wrong or (self.trial.failures and len(self.trial.failures) >= self.cuts):
            return self._failed(wrong[0] if wrong else self.trial.failures[-1])
        if self.trial.failures:
            worst = max(self.trial.failures, key=lambda failure: failure.rows)
            self.unchecked.append(f"{worst.rows:,} bars and fewer, where the strategy fails ({worst.detail})")
        if max(self.lengths) < len(self.trial.tape):
            self.unchecked.append(f"whether a row uses bars more than {max(self.lengths):,} ahead of it")
        if self.silent:
            self.unchecked.append("any row in which the strategy wanted something, as none was met")
        return self._say(True)

    def _failed(self, failure: Failure) -> Verdict:
        return self._say(False, kind=failure.kind, column=failure.column, detail=failure.detail)

    def _not_repeatable(self, first: Stretch, again: Stretch | Failure) -> Verdict:
        found = None if isinstance(again, Failure) else moved(again.columns, first.columns, first.rows)
        return self._say(False, kind="not repeatable", **({} if found is None else self._place(first, found)))

    def _place(self, stretch: Stretch, found: Moved) -> dict[str, Any]:
        row = stretch.start + found.row
        return {
            "column": found.column,
            "first_bar": row,
            "time_ms": int(self.trial.tape.times[row]),
            "values": found.values,
        }

    def _say(self, clean: bool, **found: Any) -> Verdict:
        found.setdefault("unchecked", tuple(self.unchecked))
        return Verdict(
            clean,
            rows=len(self.trial.tape),
            stretches=len(self.lengths),
            longest=max(self.lengths, default=0),
            cuts=self.cuts,
            scrambles=self.scrambles,
            bars=self.trial.bars,
            seconds=time.perf_counter() - self.trial.began[0],
            **found,
        )
