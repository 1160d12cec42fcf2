"""Which combinations a fast path may take, and taking them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.controllers import Controller, SmaCross
from workbench.controllers import Way as Authored
from workbench.indicators import sma_cross
from workbench.market import Candles, Targets
from workbench.metrics import METRICS
from workbench.research.fast.batch import run_many, run_shared
from workbench.research.fast.measure import MEASURED, Calendar, calendar_of, finish
from workbench.research.fast.prices import Touch, touch_table
from workbench.research.fast.quoters import Quoters
from workbench.research.fast.signals import sma_crossings, spoken
from workbench.research.fast.terms import Record, Shapes, is_plain, stacked, terms_record
from workbench.research.parts import Part, Route
from workbench.research.shared import Memory, column_method, sharing
from workbench.research.space import Combination

ORDER = np.array([MEASURED.index(name) for name in METRICS if name in MEASURED], np.intp)
IS_COMPLETE = set(METRICS) == set(MEASURED)  # a metric that is not compiled here is the engine's
GUARDS = ("stop_loss", "take_profit", "trailing_delta")  # one of them, or a time limit, is a barrier
KEPT = 64  # columns whose spoken rows are kept
Curves = dict[int, npt.NDArray[np.float64]]  # equity at the ends of days, by row
Marks = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]  # times, and equity


@dataclass(frozen=True, slots=True)
class Ground:
    """What all combinations on the same candles share."""

    candles: Candles
    first: Candles
    touch: Touch
    calendar: Calendar
    usable: bool


class Said(NamedTuple):
    """The rows in which a strategy says something: a side, an exit or both."""

    rows: npt.NDArray[np.int32]
    sides: npt.NDArray[np.int8]
    exits: npt.NDArray[np.bool_]

    @property
    def both(self) -> bool:
        """Are there signals of both sides?"""
        return bool(len(self.sides) and self.sides.min() < 0 < self.sides.max())


class FastPath:
    """Takes the combinations that it can, of so many that are ahead; threads may share one."""

    def __init__(self, memory: Memory, ahead: int = 0) -> None:
        self.memory = memory
        self._grounds: dict[int, Ground] = {}
        self._shapes, self._quoters = Shapes(), Quoters(memory, ahead)
        self._said: OrderedDict[Any, Said] = OrderedDict()
        self.is_simple = Simple()
        self._lock = threading.Lock()

    def run(self, wanted: dict[int, Combination], part: Part, curves: Curves | None = None) -> None:
        """Fill in the rows of a part that a fast path can take, and their curves, where these are asked for."""
        if not IS_COMPLETE:
            return
        pairs: dict[int, list[int]] = {}
        told: dict[int, tuple[Ground, Said, list[tuple[int, Record]]]] = {}
        for row, one in wanted.items():
            if way_of(type(one.bot)) != Authored.TARGETS or not self.is_simple(one):
                continue
            if is_pair(one.bot):
                pairs.setdefault(id(one.only), []).append(row)
            else:
                self._tell(row, one, told)
        for rows in pairs.values():
            self._pairs(rows, wanted, part, told, curves)
        for ground, said, members in told.values():
            self._shared(ground, said, members, part, curves)

    def marks(self, one: Combination) -> Marks | None:
        """Times and equity at the start and at the end of each UTC day; None if the engine has to say."""
        quoted = self.quoted(one)
        if quoted is not None:
            return quoted[1]
        curves: Curves = {}
        self.run({0: one}, Part.blank([0]), curves)
        return (self.ground(one.only).calendar.mark_ms, curves[0]) if curves else None

    def quoted(self, one: Combination) -> tuple[npt.NDArray[np.float64], Marks] | None:
        """Every metric and the marks of a bot that decides row by row, if all it does is to quote; else None."""
        decides = way_of(type(one.bot)) == Authored.DECIDE and one.settings.account in ("spot", "margin")
        if not (IS_COMPLETE and decides and self.is_simple(one)):
            return None
        ground = self.ground(one.only)
        if not ground.usable:
            return None
        calendar = ground.calendar
        try:
            found = self._quoters.run(one, calendar)
        except Exception:  # it is the engine that lets the strategy's own error be seen
            return None
        return None if found is None else (found[0][ORDER], (calendar.mark_ms, found[1]))

    def ground(self, candles: Candles) -> Ground:
        """The tables of some candles, made once."""
        with self._lock:
            if id(candles) not in self._grounds:
                usable = bool(len(candles) > 1 and np.isfinite(candles.close).all() and candles.low.min() > 0.0)
                calendar = calendar_of(candles.time, candles.close, candles.timeframe_ms)
                touch = touch_table(candles.low, candles.high)
                self._grounds[id(candles)] = Ground(candles, candles[:1], touch, calendar, usable)
            return self._grounds[id(candles)]

    def _pairs(
        self, rows: list[int], wanted: dict[int, Combination], part: Part, told: Any, curves: Curves | None
    ) -> None:
        ground = self.ground(wanted[rows[0]].only)
        if not ground.usable:
            return
        bots: list[Any] = [wanted[row].bot for row in rows]
        records: Any = [self._shapes.record(wanted[row], ground.first, ("fast", "slow")) for row in rows]
        terms = stacked(records)
        possible = (terms["margin"] == 0) | (terms["close_on_opposite"] == 1) | (terms["allowed"] != 0)
        lengths = np.array([(bot.fast, bot.slow) for bot in bots], np.int64)
        events, counts, sides = sma_crossings(ground.candles.close, lengths)
        for place in np.flatnonzero(possible & (counts < 0)).tolist():
            counts[place] = exactly(ground.candles.close, lengths[place], events[place], sides[place : place + 1])
        asked = np.flatnonzero(possible & (counts >= 0))
        out = np.full((len(rows), len(MEASURED)), np.nan)
        marks = blank_marks(ground, len(rows), curves)
        run_many(ground, events, counts, sides, terms, asked, out, marks)
        self._fill(part, np.array(rows)[asked], out[asked], terms[asked])
        keep(curves, np.array(rows)[asked], marks, asked)
        for place in np.flatnonzero(possible & (counts < 0)).tolist():
            self._tell(rows[place], wanted[rows[place]], told)

    def _tell(self, row: int, one: Combination, told: Any) -> None:
        """Put a combination to those that say the same; the engine is left to say what is wrong with one."""
        ground = self.ground(one.only)
        if not ground.usable:
            return
        try:
            found = self._found(one, ground)
        except Exception:  # it is the engine that lets the strategy's own error be seen
            return
        if found is None:
            return
        said, terms = found
        if said.both and terms["margin"][0] and not terms["close_on_opposite"][0]:
            return
        told.setdefault(id(said), (ground, said, []))[2].append((row, terms))

    def _found(self, one: Combination, ground: Ground) -> tuple[Said, Record] | None:
        """What it says, and its terms; None if no kernel knows such."""
        if method_of(type(one.bot)) != "signal":
            targets = sharing(one.bot, self.memory).targets(one.only)
            return (
                (self._spoken(one, targets), terms_record(targets, one)) if is_plain(targets, len(one.only)) else None
            )
        terms = self._shapes.record(one, ground.first)
        if terms is None:
            return None
        said = self._remembered(self._key(one))
        return said or self._spoken(one, sharing(one.bot, self.memory).targets(one.only)), terms

    def _remembered(self, key: Any) -> Said | None:
        with self._lock:
            return None if key is None else self._said.get(key)

    def _spoken(self, one: Combination, targets: Targets) -> Said:
        """The rows in which it says something, made once for all that say the same."""
        key = self._key(one)
        said = self._remembered(key) or spoken_rows(targets)
        if key is None:
            return said
        with self._lock:
            said = self._said.setdefault(key, said)
            while len(self._said) > KEPT:
                self._said.popitem(last=False)
        return said

    def _key(self, one: Combination) -> Any:
        """What decides the rows in which it says something: its signal, and which sides that may open and close."""
        values = one.bot.__dict__
        signal = self.memory.key(one.only, values)
        if signal is None or method_of(type(one.bot)) != "signal":
            return signal
        return signal, values["side"], values["on_opposite"]

    def _shared(
        self, ground: Ground, said: Said, members: list[tuple[int, Record]], part: Part, curves: Curves | None
    ) -> None:
        terms = stacked([record for _, record in members])
        out = np.full((len(members), len(MEASURED)), np.nan)
        marks, rows = blank_marks(ground, len(members), curves), np.array([row for row, _ in members])
        run_shared(ground, said, terms, out, marks)
        self._fill(part, rows, out, terms)
        keep(curves, rows, marks, range(len(members)))

    def _fill(self, part: Part, rows: Any, out: Any, terms: Record) -> None:
        finish(out)
        barred = (terms["time_limit_ms"] > 0) | np.any([~np.isnan(terms[name]) for name in GUARDS], axis=0)
        part.metrics[rows] = out[:, ORDER]
        part.routes[rows] = np.where(barred, Route.BARRIERS, Route.SIGNALS)


def blank_marks(ground: Ground, count: int, curves: Curves | None) -> npt.NDArray[np.float64]:
    """Room for a curve of each combination, or for none where nobody asked for them."""
    return np.empty((0 if curves is None else count, len(ground.calendar.mark_ms)))


def keep(curves: Curves | None, rows: Any, marks: npt.NDArray[np.float64], places: Any) -> None:
    """Put curves to their rows, where they were asked for."""
    if curves is not None:
        curves.update((int(row), marks[place]) for row, place in zip(rows, places, strict=True))


def spoken_rows(targets: Targets) -> Said:
    """The rows of targets in which something is said."""
    side, exits = np.ascontiguousarray(targets.side[:, 0]), targets.exit
    exits = exits[:1, 0] if exits.strides[0] == 0 else np.ascontiguousarray(exits[:, 0])
    rows, said, closing = np.empty(len(side), np.int32), np.empty(len(side), np.int8), np.empty(len(side), np.bool_)
    count = spoken(side, exits, rows, said, closing)
    return Said(rows[:count].copy(), said[:count].copy(), closing[:count].copy())


def exactly(close: npt.NDArray[np.float64], lengths: Any, rows: Any, first: Any) -> int:
    """The crosses of a pair that was in doubt, into its rows; −1 where there is no room for them."""
    crosses = sma_cross(close, int(lengths[0]), int(lengths[1]))
    found = np.flatnonzero(crosses)
    if len(found) > len(rows):
        return -1
    rows[: len(found)], first[:] = found, crosses[found[:1]] if len(found) else 0
    return len(found)


def is_simple(one: Combination) -> bool:
    """One spot market, no latency, fees in quote, and no purses?"""
    settings = one.settings
    return (
        len(one.candles) == 1
        and isinstance(one.terms.get("path", ""), str)
        and settings.latency.bars == 0
        and settings.fees.paid_in == "quote"
        and not settings.has_purses
        and not one.only.instrument.is_perpetual
    )


class Simple:
    """`is_simple`, asked once for all combinations under the same terms."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], bool] = {}

    def __call__(self, one: Combination) -> bool:
        key = id(one.settings), id(one.candles)  # which the space keeps alive
        if key not in self._known:
            self._known[key] = is_simple(one)
        return self._known[key]


@lru_cache(256)
def way_of(cls: type[Controller]) -> Authored:
    """How a class says what it wants."""
    return cls.authored()


@lru_cache(256)
def method_of(cls: type[Controller]) -> str:
    """Which method of a class makes the columns that others may share."""
    return column_method(cls)


def is_pair(bot: Controller) -> bool:
    """Is this the shipped cross of two averages?"""
    return type(bot) is SmaCross and bot.max_per_side == 1 and bot.take_profit_at == "market"
