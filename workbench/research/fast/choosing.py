"""Which combinations a fast path may take, and taking them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.backtest import Settings
from workbench.controllers import Controller, SmaCross
from workbench.controllers import Way as Authored
from workbench.market import Action, Candles, OrderKind, Targets
from workbench.metrics import METRICS
from workbench.research.fast.batch import run_many, run_single
from workbench.research.fast.measure import MEASURED, Calendar, calendar_of, finish
from workbench.research.fast.prices import Touch, touch_table
from workbench.research.fast.signals import sma_crossings, spoken
from workbench.research.fast.trades import TERMS
from workbench.research.parts import Part, Route
from workbench.research.shared import Memory, sharing
from workbench.research.space import Combination
from workbench.trading import Path

ORDER = np.array([MEASURED.index(name) for name in METRICS if name in MEASURED], np.intp)
IS_COMPLETE = set(METRICS) == set(MEASURED)  # a metric that is not compiled here is the engine's
PLAIN = ("stop_loss", "take_profit", "size")
TRAILS = ("trailing_activation", "trailing_delta")
Record = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Ground:
    """What all combinations on the same candles share."""

    candles: Candles
    touch: Touch
    calendar: Calendar
    usable: bool


class FastPath:
    """Takes the combinations that it can; threads may share one."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._grounds: dict[int, Ground] = {}
        self._terms: dict[Any, Record] = {}
        self._local = threading.local()
        self._lock = threading.Lock()

    def run(self, wanted: dict[int, Combination], part: Part) -> None:
        """Fill in the rows of a part that a fast path can take."""
        if not IS_COMPLETE:
            return
        pairs: dict[tuple[int, int], list[int]] = {}
        for row, one in wanted.items():
            if not is_simple(one):
                continue
            if is_pair(one.bot):
                pairs.setdefault((id(one.only), len(one.only)), []).append(row)
            else:
                self._single(row, one, part)
        for rows in pairs.values():
            self._pairs(rows, wanted, part)

    def ground(self, candles: Candles) -> Ground:
        """The tables of some candles, made once."""
        with self._lock:
            if id(candles) not in self._grounds:
                usable = bool(len(candles) > 1 and np.isfinite(candles.close).all() and candles.low.min() > 0.0)
                touch, calendar = touch_table(candles.low, candles.high), calendar_of(candles)
                self._grounds[id(candles)] = Ground(candles, touch, calendar, usable)
            return self._grounds[id(candles)]

    def _pairs(self, rows: list[int], wanted: dict[int, Combination], part: Part) -> None:
        ground = self.ground(wanted[rows[0]].only)
        if not ground.usable:
            return
        lengths = np.array([(wanted[row].bot.fast, wanted[row].bot.slow) for row in rows], np.int64)  # type: ignore[attr-defined]
        terms = np.zeros(len(rows), TERMS)
        for place, row in enumerate(rows):
            terms[place] = self._pair_terms(wanted[row])[0]
        both = (terms["margin"] == 0) | (terms["close_on_opposite"] == 1) | (terms["allowed"] != 0)
        events, counts, sides = sma_crossings(ground.candles.close, lengths)
        asked = np.flatnonzero(both & (counts >= 0))
        out = np.full((len(rows), len(MEASURED)), np.nan)
        run_many(ground, events, counts, sides, terms, asked, out)
        self._fill(part, np.array(rows)[asked], out[asked], terms[asked])
        for place in np.flatnonzero(both & (counts < 0)).tolist():
            self._single(rows[place], wanted[rows[place]], part)

    def _pair_terms(self, one: Combination) -> Record:
        """The terms of a cross, which do not depend on its lengths."""
        values = one.bot.__dict__
        key = (id(one.settings), *(values[name] for name in values if name not in ("fast", "slow")))
        if key not in self._terms:
            shape = type(one.bot).targets(one.bot, one.only[:1])
            record = terms_record(shape, one)
            record["allowed"] = {"short": -1, "both": 0, "long": 1}[values["side"]]
            self._terms[key] = record
        return self._terms[key]

    def _single(self, row: int, one: Combination, part: Part) -> None:
        """A combination by its own targets, whatever they come from; the engine is left to say what is wrong."""
        ground = self.ground(one.only)
        if not ground.usable:
            return
        try:
            targets = sharing(one.bot, self.memory).targets(one.only)
        except Exception:  # it is the engine that lets the strategy's own error be seen
            return
        if not is_plain(targets, len(one.only)):
            return
        rows, said, closing = self._spoken(targets)
        terms = terms_record(targets, one)
        both = len(said) > 0 and said.min() < 0 < said.max()
        if both and terms["margin"][0] and not terms["close_on_opposite"][0]:
            return
        out = np.full((1, len(MEASURED)), np.nan)
        run_single(ground, rows, said, closing, terms, out[0])
        self._fill(part, np.array([row]), out, terms)

    def _spoken(self, targets: Targets) -> Any:
        """The rows of a column in which something is said; the last column of each thread is remembered."""
        side, exits = np.ascontiguousarray(targets.side[:, 0]), targets.exit
        exits = exits[:1, 0] if exits.strides[0] == 0 else np.ascontiguousarray(exits[:, 0])
        key = (side.ctypes.data, len(side), exits.ctypes.data if len(exits) > 1 else bool(exits[0]))
        before = getattr(self._local, "spoken", None)
        if before is None or before[0] != key:
            rows, said, closing = np.empty(len(side), np.int32), np.empty(len(side), np.int8), np.empty(len(side), bool)
            count = spoken(side, exits, rows, said, closing)
            found = (rows[:count].copy(), said[:count].copy(), closing[:count].copy())
            self._local.spoken = (key, found, side, exits)
        return self._local.spoken[1]

    def _fill(self, part: Part, rows: Any, out: Any, terms: Record) -> None:
        finish(out)
        barred = ~np.isnan(terms["stop_loss"]) | ~np.isnan(terms["take_profit"]) | (terms["time_limit_ms"] > 0)
        part.metrics[rows] = out[:, ORDER]
        part.routes[rows] = np.where(barred, Route.BARRIERS, Route.SIGNALS)


def is_simple(one: Combination) -> bool:
    """One spot market, no latency, fees in quote, and a strategy that says what it wants beforehand?"""
    settings = one.settings
    return (
        len(one.candles) == 1
        and isinstance(one.terms.get("path", ""), str)
        and settings.latency.bars == 0
        and settings.fees.paid_in == "quote"
        and not one.only.instrument.is_perpetual
        and type(one.bot).authored() == Authored.TARGETS
    )


def is_pair(bot: Controller) -> bool:
    """Is this the shipped cross of two averages?"""
    return type(bot) is SmaCross and bot.max_per_side == 1 and bot.trailing_delta is None and (
        bot.take_profit_at == "market")  # fmt: skip


def is_plain(targets: Any, n_bars: int) -> bool:
    """Entries at market, one at once, under a stop, a target and a time limit that are the same in all rows?"""
    if not isinstance(targets, Targets) or targets.n_bars != n_bars or targets.n_levels != 1:
        return False
    policy, columns = targets.policy, targets.columns
    return (
        targets.action == Action.ENTER
        and targets.kind == OrderKind.MARKET
        and policy.max_per_side == 1
        and policy.take_profit_kind == OrderKind.MARKET
        and all(columns[name].ndim == 0 for name in PLAIN)
        and all(np.isnan(columns[name]).all() for name in TRAILS)
    )


def terms_record(targets: Targets, one: Combination) -> Record:
    """Targets, account and models as the record that the kernel reads, in an array of shape (1,)."""
    settings, instrument, policy = one.settings, one.only.instrument, targets.policy
    record = np.zeros(1, TERMS)
    values = {
        **account_terms(settings),
        **{name: getattr(instrument, name) for name in ("lot", "min_amount", "min_notional")},
        **{name: float(targets.columns[name]) for name in PLAIN},
        "sizing": int(targets.sizing), "time_limit_ms": targets.time_limit_ms, "cooldown_ms": policy.cooldown_ms,
        "close_on_opposite": policy.close_on_opposite, "net_of_fees": policy.net_of_fees,
    }  # fmt: skip
    for name, value in values.items():
        record[name] = value
    return record


def account_terms(settings: Settings) -> dict[str, Any]:
    """What the account and its models are."""
    return {
        "cash": settings.cash, "leverage": settings.leverage, "margin": settings.account == "margin",
        "taker": settings.fees.taker, "slippage": settings.slippage.fraction, "path": Path[settings.path.upper()],
    }  # fmt: skip
