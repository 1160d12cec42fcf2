"""Which bots with a compiled `decide` are tried without the engine's journals, and trying them."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.backtest import Market, as_inputs, as_market, as_pointer, check_decide
from workbench.controllers import Controller
from workbench.market import Candles
from workbench.research.fast.holding import hold_through
from workbench.research.fast.measure import MEASURED, Calendar, finish, marked, measure
from workbench.research.fast.quoting import BITS, DESK, MOST_LEVELS, quote_through
from workbench.research.fast.trades import ACCOUNT, STAND
from workbench.research.shared import Memory, sharing
from workbench.research.space import Combination
from workbench.trading import MAX_LEVELS, VIEW, Path, new_targets

Found = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


class Spare(threading.local):
    """Memory for what one combination leaves behind, used again by the next on this thread."""

    n_bars = -1

    def take(self, n_bars: int, n_periods: int) -> None:
        """Room for so many bars."""
        if n_bars != self.n_bars:
            self.n_bars, self.equity, self.trips = n_bars, np.empty(n_bars), np.empty((3, n_bars))
            self.numbers, self.stands = np.empty((5, max(n_periods + 1, n_bars))), np.zeros(1, STAND)
            # To `measure`, a run is one unit of something with the equity as its price.
            self.stands["position"] = 1.0


class Quoters:
    """Runs what quotes, or holds a share of its equity, and does nothing else; threads may share one."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._markets: dict[int, tuple[Market, bool]] = {}
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
        desk = quoted(one, inputs, spare)
        if desk is None and bot.levels == 1:
            desk = held(one, inputs, spare)
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

    def _market(self, candles: Candles, bot: Controller) -> Market | None:
        with self._lock:
            if type(bot) not in self._checked:
                check_decide(bot)
                self._checked.add(type(bot))
            if id(candles) not in self._markets:
                self._markets[id(candles)] = as_market(candles), is_sound(candles)
            market, sound = self._markets[id(candles)]
            return market if sound else None


def quoted(one: Combination, inputs: Any, spare: Spare) -> npt.NDArray[np.void] | None:
    """The account after quoting through all bars, of shape (1,); None if there was more to do than that."""
    candles, levels, desk, whole = one.only, one.bot.levels, desk_of(one), new_targets(MAX_LEVELS)
    reached = quote_through(
        candles.time, candles.open, candles.high, candles.low, candles.close, candles.timeframe_ms, inputs.columns,
        inputs.places, inputs.row, as_pointer(one.bot.decide), np.zeros(1, VIEW)[0], whole[:levels],
        whole[:levels].view(BITS), desk[0], spare.trips, spare.equity,
    )  # fmt: skip
    return desk if reached == len(candles) and is_clean(whole[levels:]) else None


def held(one: Combination, inputs: Any, spare: Spare) -> npt.NDArray[np.void] | None:
    """The same after holding what `decide` wishes."""
    candles, desk, whole = one.only, desk_of(one), new_targets(MAX_LEVELS)
    reached = hold_through(
        candles.time, candles.open, candles.close, candles.timeframe_ms, inputs.columns, inputs.places, inputs.row,
        as_pointer(one.bot.decide), np.zeros(1, VIEW)[0], whole[:1], desk[0], spare.trips, spare.equity,
    )  # fmt: skip
    return desk if reached == len(candles) and is_clean(whole[1:]) else None


def is_clean(behind: npt.NDArray[np.void]) -> bool:
    """Has `decide` left alone what is not its own?"""
    return behind.tobytes() == new_targets(MAX_LEVELS)[: len(behind)].tobytes()


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
