"""Runs of the engine of which nothing but numbers is kept.

What many combinations have in common is made once: the market and its bars, and of strategies that say a signal also
their targets and an empty world under their terms. Journals and curves are written again by the next run. Checking and
making all that anew takes longer than walking 100,000 bars; the walk itself is that of `backtest`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np

from workbench.backtest import (
    Market,
    Paper,
    Result,
    Settings,
    as_market,
    as_wishes,
    locked,
    new_paper,
    run,
    simulate,
)
from workbench.controllers import Controller, Way
from workbench.market import Candles, Targets
from workbench.research.fast.choosing import Simple, method_of, way_of
from workbench.research.fast.quoters import quotes
from workbench.research.fast.terms import BARRIERS
from workbench.research.shared import Memory, sharing
from workbench.research.space import Combination
from workbench.trading import World, copy_world, new_world

KEPT = 64  # strategies whose targets are kept; a plane of signals each


class Stage(NamedTuple):
    """What is walked."""

    market: Market
    bars: Any


class Told(NamedTuple):
    """What combinations share that differ in their barriers alone."""

    settings: Settings  # kept alive, so that no others have their address
    candles: Candles
    targets: Targets
    wishes: Any
    out: Any
    world: World  # before the first bar


class Desk(threading.local):
    """What this thread writes on."""

    n_bars = -1
    paper: Paper
    world: World

    def clear(self, n_bars: int) -> None:
        """Paper for so many bars."""
        if n_bars != self.n_bars:
            self.n_bars, self.world = n_bars, new_world(cash=1.0)
            self.paper = new_paper(n_bars, self.world)


class Walks:
    """Walks combinations on one market; threads may share one."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._stages: dict[int, Stage] = {}
        self._told: OrderedDict[Hashable, Told] = OrderedDict()
        self._desk, self._is_simple = Desk(), Simple()
        self._lock = threading.Lock()

    def run(self, one: Combination) -> Result | None:
        """A combination through the engine; None for what only `backtest` can set up.

        The result is written on by the next run on this thread.
        """
        way = way_of(type(one.bot))
        if not self._is_simple(one) or way == Way.ON_TICK or not quotes(type(one.bot)):
            return None
        self._desk.clear(len(one.only))
        market, bars = stage = self._stage(one.only)
        length, bot = market.timeframe_ms, one.bot
        if way == Way.TARGETS and method_of(type(one.bot)) == "signal":
            told = self._shape(one, stage)
            wishes = told.wishes._replace(**barriers_of(one.bot))
            world = copy_world(told.world, self._desk.world)
            out = told.out.view(np.uint8).copy().view(told.out.dtype)
            tape = simulate(world, bars, length, out=out, wishes=wishes, paper=self._desk.paper)
            targets = [told.targets]
        else:
            bot = sharing(bot, self.memory)
            tape, targets = run(bot, market, bars, one.settings, length, market, paper=self._desk.paper)
        return Result(bot, market, bars, one.settings, tape, targets, None, one.settings.seed, None, None)

    def _stage(self, candles: Candles) -> Stage:
        with self._lock:
            if id(candles) not in self._stages:
                market = as_market(candles)
                self._stages[id(candles)] = Stage(market, market.bars())
            return self._stages[id(candles)]

    def _shape(self, one: Combination, stage: Stage) -> Told:
        rest = (value for name, value in one.bot.__dict__.items() if name not in BARRIERS)
        key = (type(one.bot), id(one.settings), id(one.only), *rest)
        try:
            hash(key)
        except TypeError:  # a parameter that is a list, or the like
            return told(one, sharing(one.bot, self.memory), stage)
        with self._lock:
            found = self._told.get(key)
        if found is None:
            found = told(one, sharing(one.bot, self.memory), stage)
            with self._lock:
                self._told[key] = found
                while len(self._told) > KEPT:
                    self._told.popitem(last=False)
        return found


def told(one: Combination, bot: Controller, stage: Stage) -> Told:
    """The targets of a combination as the loop reads them, and the world that they meet."""
    targets = bot.targets(one.only)
    wishes, out, policy = as_wishes([targets], stage.market)
    world = one.settings.world(stage.market.instruments, policy)
    return Told(one.settings, one.only, targets, wishes, out, world)


def barriers_of(bot: Controller) -> dict[str, Any]:
    """Its barriers, as planes in which nothing changes."""
    values = ((name, bot.__dict__[name]) for name in BARRIERS)
    return {name: locked(np.full((1, 1), np.nan if value is None else float(value))) for name, value in values}
