"""Which bots with a compiled `decide` are tried without the engine's journals, and trying them."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.backtest import Market, as_inputs, as_market, as_pointer, check_decide
from workbench.controllers import Controller
from workbench.market import Candles
from workbench.research.fast.desk import DESK, MOST_LEVELS
from workbench.research.fast.holding import hold_through
from workbench.research.fast.measure import MEASURED, Calendar, finish, marked, measure
from workbench.research.fast.quoting import quote_through
from workbench.research.fast.tailored import FITTINGS
from workbench.research.fast.trades import ACCOUNT, STAND
from workbench.research.shared import Memory, sharing
from workbench.research.space import Combination
from workbench.trading import MAX_LEVELS, VIEW, Path, new_targets

Found = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
NOTHING_SEEN, NOTHING_SAID = np.zeros(1, VIEW), new_targets(MAX_LEVELS)


class Spare(threading.local):
    """Memory for what one combination leaves behind, used again by the next on this thread."""

    n_bars = -1

    def __init__(self) -> None:
        self.seen, self.whole = np.zeros(1, VIEW), new_targets(MAX_LEVELS)

    def take(self, n_bars: int, n_periods: int) -> None:
        """Room for so many bars."""
        if n_bars != self.n_bars:
            self.n_bars, self.equity, self.trips = n_bars, np.empty(n_bars), np.empty((3, n_bars))
            self.numbers, self.stands = np.empty((5, max(n_periods + 1, n_bars))), np.zeros(1, STAND)
            # To `measure`, a run is one unit of something with the equity as its price.
            self.stands["position"] = 1.0

    def clear(self) -> None:
        """What `decide` is shown and says, as at the start."""
        for record, blank in ((self.seen, NOTHING_SEEN), (self.whole, NOTHING_SAID)):
            record.view(np.uint8)[:] = blank.view(np.uint8)

    def is_clean(self, levels: int) -> bool:
        """Has `decide` left alone what is behind its levels?"""
        return self.whole[levels:].tobytes() == NOTHING_SAID[levels:].tobytes()


class Quoters:
    """Runs what quotes, or holds a share of its equity, and does nothing else; threads may share one.

    Attributes
    ----------
    ahead : int
        Combinations that may still come.
    """

    def __init__(self, memory: Memory, ahead: int) -> None:
        self.memory, self.ahead = memory, ahead
        self._markets: dict[int, tuple[Market, bool]] = {}
        self._desks: dict[tuple[int, int, int], tuple[Combination, npt.NDArray[np.void]]] = {}
        self._checked: set[type[Controller]] = set()
        self._spare = Spare()
        self._lock = threading.Lock()

    def run(self, one: Combination, calendar: Calendar) -> Found | None:
        """The numbers of `MEASURED`, and the equity at the start and at the end of each period.

        None where the engine has to say.
        """
        candles, bot = one.only, one.bot
        market = self._market(candles, bot)
        if market is None or not quotes(type(bot)) or not 1 <= bot.levels <= MOST_LEVELS:
            return None
        spare, inputs = self._spare, as_inputs(sharing(bot, self.memory), market)
        spare.take(len(candles), len(calendar.rows))
        desk = self._quoted(one, inputs, spare)
        if desk is None and bot.levels == 1:
            desk = held(one, inputs, spare, self._desk(one))
        if desk is None or not np.isfinite(spare.equity[-1]):
            return None
        out, marks = np.empty((1, len(MEASURED))), np.empty(len(calendar.mark_ms))
        account, cash = account_of(desk), float(one.settings.cash)
        measure(
            candles.time, spare.equity, calendar.rows, calendar.mark_ms, calendar.held, calendar.scale[0], cash,
            account[0], spare.stands, spare.trips, spare.numbers, out[0],
        )  # fmt: skip
        marked(spare.equity, calendar.rows, cash, account[0], spare.stands, marks)
        finish(out)
        return out[0], marks

    def _quoted(self, one: Combination, inputs: Any, spare: Spare) -> npt.NDArray[np.void] | None:
        """By the bot's own loop if there is one; else by the common one, which has one made where it pays."""
        fitting = FITTINGS.of(one.bot.decide, one.bot.levels, inputs, one.settings.account == "margin")
        with suppress(IndexError):  # which the engine tells better
            if fitting.loop is not None:
                return quoted(one, inputs, spare, self._desk(one), fitting.loop)
        desk = quoted(one, inputs, spare, self._desk(one))
        if desk is not None and fitting.loop is None:
            self.ahead -= 1
            fitting.count(len(one.only), len(one.only) * self.ahead, lambda loop: self._agrees(loop, one, desk))
        return desk

    def _agrees(self, loop: Any, one: Combination, desk: npt.NDArray[np.void]) -> bool:
        """Does a new loop leave the same account behind?"""
        spare, market = self._spare, self._market(one.only, one.bot)
        spare.take(len(one.only), 0)
        inputs = as_inputs(sharing(one.bot, self.memory), market) if market else None
        again = None if inputs is None else quoted(one, inputs, spare, self._desk(one), loop)
        return again is not None and again.tobytes() == desk.tobytes()

    def _desk(self, one: Combination) -> npt.NDArray[np.void]:
        """The account and its terms, of shape (1,), as at the start."""
        key = id(one.settings), id(one.only), one.bot.levels
        if key not in self._desks:
            self._desks[key] = one, desk_of(one)  # what is kept alive keeps its number
        return self._desks[key][1].view(np.uint8).copy().view(DESK)  # field by field it would take ten times as long

    def _market(self, candles: Candles, bot: Controller) -> Market | None:
        with self._lock:
            if type(bot) not in self._checked:
                check_decide(bot)
                self._checked.add(type(bot))
            if id(candles) not in self._markets:
                self._markets[id(candles)] = as_market(candles), is_sound(candles)
            market, sound = self._markets[id(candles)]
            return market if sound else None


def quoted(
    one: Combination, inputs: Any, spare: Spare, desk: npt.NDArray[np.void], loop: Any = None
) -> npt.NDArray[np.void] | None:
    """The account after quoting through all bars; None if there was more to do than that.

    Parameters
    ----------
    loop
        One of the bot's own, as `loop_around` makes it.
    """
    candles, levels = one.only, one.bot.levels
    bars = candles.time, candles.open, candles.high, candles.low, candles.close, candles.timeframe_ms
    rest = spare.seen, spare.whole[:levels], desk[0], spare.trips, spare.equity
    if loop is not None:
        return desk if loop(*bars, inputs.columns, inputs.row, *rest) == len(candles) else None
    spare.clear()
    reached = quote_through(
        *bars, inputs.columns, inputs.places, inputs.row, as_pointer(one.bot.decide), None, 1, *rest
    )
    return desk if reached == len(candles) and spare.is_clean(levels) else None


def held(one: Combination, inputs: Any, spare: Spare, desk: npt.NDArray[np.void]) -> npt.NDArray[np.void] | None:
    """The same after holding what `decide` wishes."""
    candles = one.only
    spare.clear()
    reached = hold_through(
        candles.time, candles.open, candles.close, candles.timeframe_ms, inputs.columns, inputs.places, inputs.row,
        as_pointer(one.bot.decide), spare.seen[0], spare.whole[:1], desk[0], spare.trips, spare.equity,
    )  # fmt: skip
    return desk if reached == len(candles) and spare.is_clean(1) else None


def is_sound(candles: Candles) -> bool:
    """Does each bar open and close between its extremes?"""
    low, high = np.minimum(candles.open, candles.close), np.maximum(candles.open, candles.close)
    return bool((candles.low <= low).all() and (candles.high >= high).all())


@lru_cache(256)
def quotes(cls: type[Controller]) -> bool:
    """Does a class make no executors of its own?"""
    return cls.executors is Controller.executors


def desk_of(one: Combination) -> npt.NDArray[np.void]:
    """The account and its terms, of shape (1,)."""
    settings, instrument, desk = one.settings, one.only.instrument, np.zeros(1, DESK)
    values = {
        "quote": settings.cash, "margin": settings.account == "margin", "leverage": settings.leverage,
        "maker": settings.fees.maker, "taker": settings.fees.taker, "slippage": settings.slippage.fraction,
        "path": Path[settings.path.upper()], "through": settings.fill == "through", "levels": one.bot.levels,
        **{name: getattr(instrument, name) for name in ("tick", "lot", "min_amount", "min_notional")},
    }  # fmt: skip
    for name, value in values.items():
        desk[name] = value
    return desk


def account_of(desk: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """What trading left behind, as `measure` takes it, of shape (1,)."""
    account = np.zeros(1, ACCOUNT)
    account["stands"] = 1
    for name in ("fees", "volume", "exposed", "trips"):
        account[name] = desk[name]
    return account
