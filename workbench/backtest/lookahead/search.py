"""The search for a leak: which cuts are tried, in which order, and for how long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.backtest.lookahead.columns import Array, Columns, Moved, Produce, awake, events, moved
from workbench.backtest.lookahead.tape import Market, Tape
from workbench.backtest.lookahead.verdict import Verdict

FIRST, USUAL, LONGEST = 512, 1_536, 20_000  # rows of a stretch
FEWEST_CHECKS = 12  # made whatever they cost
BUDGET_SECONDS, BUDGET_SHARE = 0.035, 0.06  # of the run; what is under way when it is spent is still finished
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
        Of several markets, a row is one moment of their common time grid.
    seed : int
        What is checked, and in which order, follows from it; only how far the list is worked off depends on time.
    whole : mapping of arrays, optional
        What `produce(candles)` returned, if that is known already: saves a full pass.
    run_seconds : float, optional
        What the run took that is audited. Left out, it is taken to be one full pass of `produce`.
    budget_seconds : float, optional
        When to stop checking; left out: 35 ms and 6 % of the run. The first twelve checks are made in any case.

    Returns
    -------
    Verdict
        Everything is compared exactly; floats that differ pass if they agree to 1e-9 of their size. NaN equals NaN.
    """
    search = _Search(produce, Tape(candles), np.random.default_rng(seed), run_seconds, budget_seconds)
    return search.verdict(whole)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Rows of the tape, and what the strategy says on them."""

    start: int
    stop: int
    columns: Columns

    @property
    def rows(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class _Failure:
    start: int
    rows: int
    kind: str
    column: str | None
    detail: str


@dataclass(slots=True)
class _Search:
    produce: Produce
    tape: Tape
    rng: np.random.Generator
    run_seconds: float | None
    budget_seconds: float | None
    began: tuple[float, float] = field(default_factory=lambda: _clocks())
    per_row: float = 0.0
    timed_rows: int = 0
    cuts: int = 0
    scrambles: int = 0
    bars: int = 0
    silent: bool = True
    lengths: list[int] = field(default_factory=list)
    shortest: dict[int, int] = field(default_factory=dict)  # rows that worked, by where they start
    failures: list[_Failure] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    def verdict(self, given: Mapping[str, npt.ArrayLike] | None) -> Verdict:
        """Work off the list of checks until something moves, the list ends, or time is up."""
        rows = len(self.tape)
        if rows < 2:
            return self._say(True, unchecked=(f"{rows} bars have no past and future to tell apart",))
        whole = None if given is None else self._shaped(given, 0, rows)
        if isinstance(whole, _Failure):
            return self._failed(whole)
        head = self._head(whole)
        if isinstance(head, Verdict):
            return head
        for check in self._checks(head, whole):
            if self.cuts + self.scrambles >= FEWEST_CHECKS and self._spent() > self._budget():
                self.unchecked.append("the rest of the list, as its time was up")
                break
            found = check()
            if found is not None:
                return found
        return self._conclusion()

    def _head(self, whole: _Stretch | None) -> _Stretch | Verdict:
        """A stretch from row 0 on: the shortest that works, then longer ones while cheap or while nothing comes out."""
        head = self._shortest_head(whole)
        if isinstance(head, _Failure):
            return self._failed(head)
        again = self._stretch(0, head.stop)
        if isinstance(again, _Failure) or moved(again.columns, head.columns, head.rows):
            return self._not_repeatable(head, again)
        while (size := self._longer(head)) > head.rows:
            longer = self._from_start(size, whole)
            if isinstance(longer, _Failure):
                break
            head = longer
        return head

    def _shortest_head(self, whole: _Stretch | None) -> _Stretch | _Failure:
        size = min(FIRST, len(self.tape))
        head = self._from_start(size, whole)
        while isinstance(head, _Failure) and size < len(self.tape):
            size = min(len(self.tape), 6 * size)
            head = self._from_start(size, whole)
        return head

    def _from_start(self, size: int, whole: _Stretch | None) -> _Stretch | _Failure:
        return whole if whole is not None and size == len(self.tape) else self._stretch(0, size)

    def _longer(self, head: _Stretch) -> int:
        """Rows of the next longer head, or those of this one if that is long enough or would cost too much."""
        is_silent = not events(head.columns).size
        size = min(len(self.tape), 6 * head.rows if is_silent else min(6 * head.rows, max(LONGEST, head.rows)))
        return size if self.per_row * size <= (0.4 if is_silent else 0.2) * self._budget() else head.rows

    def _checks(self, head: _Stretch, whole: _Stretch | None) -> Iterator[Check]:
        """The list: what is likeliest to show a leak for the least work comes first."""
        rows, first = len(self.tape), awake(head.columns)
        usual = self._usual(head, first)
        head = self._shortened(head, usual)
        self.lengths.append(head.rows)
        yield from self._pairs(head, self._behind(head, 4))
        yield from self._cuts(head, self._anywhere(first + 1, head.rows, 3))
        yield from self._cuts(head, [head.rows - 1, *self._near_start(first, head.rows)])
        yield from self._scrambles(head, self._anywhere(first + 1, head.rows, 2))
        if rows > head.rows:
            yield from self._far_ahead(whole)
            yield from self._in(rows - usual, usual, last=True)
        for _ in range(6):
            yield from self._in(self._somewhere(usual, whole), usual)
        yield from self._pairs(head, self._behind(head, 6))

    def _in(self, start: int, size: int, *, last: bool = False) -> Iterator[Check]:
        stretch = self._stretch(start, start + size)
        if isinstance(stretch, _Failure):
            return
        self.lengths.append(stretch.rows)
        yield from self._pairs(stretch, self._behind(stretch, 2))
        yield from self._cuts(stretch, [stretch.rows - 1] if last else self._anywhere(1, stretch.rows, 2))
        yield from self._scrambles(stretch, self._anywhere(1, stretch.rows, 1))

    def _far_ahead(self, whole: _Stretch | None) -> Iterator[Check]:
        """Cut and scramble the whole, where that is affordable: only so does a leak of thousands of bars show."""
        rows = len(self.tape)
        if whole is None and self._affords(2 * rows, COMPARING):
            made = self._stretch(0, rows)
            whole = made if isinstance(made, _Stretch) else None
        if whole is None or not self._affords(rows, COMPARING):
            return
        self.lengths.append(rows)
        yield from self._cuts(whole, self._anywhere(rows // 2, rows, 1))
        if self._affords(rows, SCRAMBLING):
            yield from self._scrambles(whole, self._anywhere(rows // 2, rows, 1))

    def _pairs(self, stretch: _Stretch, cuts: list[int]) -> Iterator[Check]:
        for cut in cuts:
            yield partial(self._cut, stretch, cut)
            yield partial(self._scramble, stretch, cut)

    def _cuts(self, stretch: _Stretch, cuts: list[int]) -> Iterator[Check]:
        return (partial(self._cut, stretch, cut) for cut in cuts)

    def _scrambles(self, stretch: _Stretch, cuts: list[int]) -> Iterator[Check]:
        return (partial(self._scramble, stretch, cut) for cut in cuts)

    def _cut(self, stretch: _Stretch, cut: int) -> Verdict | None:
        self.cuts += 1
        return self._compared(stretch, partial(self._stretch, stretch.start, stretch.start + cut), cut, "prefix")

    def _scramble(self, stretch: _Stretch, cut: int) -> Verdict | None:
        self.scrambles += 1
        wild = self.scrambles % 2 == 1
        other = self.tape.scrambled(stretch.start, stretch.start + cut, stretch.stop, wild=wild)
        return self._compared(
            stretch, partial(self._stretch, stretch.start, stretch.stop, other), cut, "scrambled future"
        )

    def _compared(
        self, stretch: _Stretch, remake: Callable[[], _Stretch | _Failure], cut: int, kind: str
    ) -> Verdict | None:
        """What moved before the cut; a failure is judged at the end, when it is known which lengths work."""
        other = remake()
        found = None if isinstance(other, _Failure) else moved(other.columns, stretch.columns, cut)
        if found is None or isinstance(other, _Failure):
            return None
        for first, again in ((stretch, self._stretch(stretch.start, stretch.stop)), (other, remake())):
            if isinstance(again, _Failure) or moved(again.columns, first.columns, first.rows):
                return self._not_repeatable(first, again)
        reach = self._reach(stretch, found, cut) if kind == "prefix" else None
        return self._say(False, kind=kind, reach=reach, **self._place(stretch, found))

    def _reach(self, stretch: _Stretch, found: Moved, cut: int) -> int | None:
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

    def _is_settled(self, stretch: _Stretch, found: Moved, cut: int) -> bool:
        part = self._stretch(stretch.start, stretch.start + cut)
        if isinstance(part, _Failure) or found.column not in part.columns:
            return False
        now, before = part.columns[found.column], stretch.columns[found.column]
        rows = slice(found.row, found.row + 1)
        return moved({"": now[rows] if now.ndim else now}, {"": before[rows] if before.ndim else before}, 1) is None

    def _usual(self, head: _Stretch, first: int) -> int:
        """Rows of a stretch that is long enough for something to come out, and no longer than can be paid for."""
        payable = int(self._budget() / (12 * max(self.per_row, 1e-12)))
        wanted = min(max(USUAL, 4 * first), max(LONGEST, 2 * first))
        return min(len(self.tape), max(FIRST, 2 * first, min(wanted, payable)))

    def _shortened(self, head: _Stretch, usual: int) -> _Stretch:
        """The head, or, if a dozen passes over it cost too much, its beginning, made afresh as a stretch of its own."""
        if head.rows <= usual or self.per_row * head.rows <= self._budget() / 12:
            return head
        shorter = self._stretch(0, usual)
        return head if isinstance(shorter, _Failure) else shorter

    def _behind(self, stretch: _Stretch, count: int) -> list[int]:
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
        return sorted({cut for cut in (*steps, first, first + 1, first + 2) if 0 < cut < rows})

    def _somewhere(self, size: int, whole: _Stretch | None) -> int:
        """Where a stretch begins: anywhere, or so that a row in which something new is said is in its later half."""
        most = len(self.tape) - size
        rows = events(whole.columns) if whole is not None and self.silent else np.empty(0, np.int64)
        if not rows.size:
            return int(self.rng.integers(0, most + 1))
        return int(np.clip(self.rng.choice(rows) - size * 3 // 4, 0, most))

    def _stretch(self, start: int, stop: int, candles: Market | None = None) -> _Stretch | _Failure:
        """Run the strategy on some rows. Whatever it raises is part of the finding, so nothing is let through."""
        self.bars += stop - start
        began = time.perf_counter()
        try:
            made = self.produce(self.tape.part(start, stop) if candles is None else candles)
            self._time(stop - start, time.perf_counter() - began)
        except Exception as error:
            text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            return self._note(
                _Failure(start, stop - start, "error", None, f"{text}, on {stop - start:,} bars"), candles
            )
        return self._shaped(made, start, stop, candles)

    def _shaped(
        self, made: Mapping[str, npt.ArrayLike], start: int, stop: int, candles: Market | None = None
    ) -> _Stretch | _Failure:
        rows, columns = stop - start, {}
        for name, values in made.items():
            column: Array = np.asarray(values)
            if column.ndim and column.shape[0] != rows:
                detail = f"{column.shape[0]:,} rows for {rows:,} bars"
                return self._note(_Failure(start, rows, "length", name, detail), candles)
            columns[name] = column
        self.shortest[start] = min(rows, self.shortest.get(start, rows))
        return _Stretch(start, stop, columns)

    def _time(self, rows: int, seconds: float) -> None:
        """Keep what a row takes, by the quickest of the longest calls: the first one may have compiled something."""
        quickest = self.per_row if rows == self.timed_rows else np.inf
        if rows >= self.timed_rows:
            self.timed_rows, self.per_row = rows, min(quickest, seconds / rows)

    def _note(self, failure: _Failure, candles: Market | None) -> _Failure:
        if candles is None:  # on made-up candles a strategy may fail with good reason
            self.failures.append(failure)
        return failure

    def _conclusion(self) -> Verdict:
        """Clean, unless it failed on more bars than it is known to work with, or on everything."""
        wrong = [each for each in self.failures if each.rows > self.shortest.get(each.start, each.rows)]
        if wrong or (self.failures and len(self.failures) >= self.cuts):
            return self._failed(wrong[0] if wrong else self.failures[-1])
        if self.failures:
            worst = max(self.failures, key=lambda failure: failure.rows)
            self.unchecked.append(f"{worst.rows:,} bars and fewer, where the strategy fails ({worst.detail})")
        if max(self.lengths) < len(self.tape):
            self.unchecked.append(f"whether a row uses bars more than {max(self.lengths):,} ahead of it")
        if self.silent:
            self.unchecked.append("any row in which the strategy wanted something, as none was met")
        return self._say(True)

    def _failed(self, failure: _Failure) -> Verdict:
        return self._say(False, kind=failure.kind, column=failure.column, detail=failure.detail)

    def _not_repeatable(self, first: _Stretch, again: _Stretch | _Failure) -> Verdict:
        found = None if isinstance(again, _Failure) else moved(again.columns, first.columns, first.rows)
        return self._say(False, kind="not repeatable", **({} if found is None else self._place(first, found)))

    def _place(self, stretch: _Stretch, found: Moved) -> dict[str, Any]:
        row = stretch.start + found.row
        return {"column": found.column, "first_bar": row, "time_ms": int(self.tape.times[row]), "values": found.values}

    def _say(self, clean: bool, **found: Any) -> Verdict:
        found.setdefault("unchecked", tuple(self.unchecked))
        return Verdict(
            clean,
            rows=len(self.tape),
            stretches=len(self.lengths),
            longest=max(self.lengths, default=0),
            cuts=self.cuts,
            scrambles=self.scrambles,
            bars=self.bars,
            seconds=time.perf_counter() - self.began[0],
            **found,
        )

    def _budget(self) -> float:
        if self.budget_seconds is not None:
            return self.budget_seconds
        run = self.per_row * len(self.tape) if self.run_seconds is None else self.run_seconds
        return BUDGET_SECONDS + BUDGET_SHARE * run

    def _spent(self) -> float:
        """Time used, by the wall or by the processor, whichever is less: a busy machine must not thin out the audit."""
        return min(now - then for now, then in zip(_clocks(), self.began, strict=True))

    def _affords(self, rows: int, extra_per_row: float) -> bool:
        return (self.per_row + extra_per_row) * rows < 0.5 * (self._budget() - self._spent())


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()
