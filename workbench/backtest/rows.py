"""One row decided alone, by the functions that the loop decides every row with: what a live run does at a close."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.backtest.configs import give_configs
from workbench.backtest.context import Context, check_answer
from workbench.backtest.deciding import check_decide, check_written, roomy_targets
from workbench.backtest.engine import (
    NO_PLAN,
    NO_WISHES,
    Array,
    as_pointer,
    complain,
    new_journals,
    step_rows,
)
from workbench.backtest.loop import mark, show, take_exit
from workbench.backtest.market import Market
from workbench.backtest.settings import set_policy
from workbench.backtest.wishes import as_inputs, as_wishes, wanted_targets
from workbench.compiled import compiled
from workbench.controllers import Controller, Way
from workbench.market import Action, Policy
from workbench.trading import OUTBOX, TICK, World, equip_rare, new_targets, take, take_in, trade_pairs


@compiled
def close_row(worlds, closes):
    """Equity at a row's close, and a step of every executor of two markets; NaN is a bar that is missing."""
    world = worlds[0]
    total = mark(world)
    if world.n_pairs > 0:
        trade_pairs(world, closes)
    return total


@compiled
def decide_row(worlds, numbers, decide, out, time_ms, row, total):
    """Ask a compiled `decide` at a close, and take what it wants; `out` keeps what that was."""
    world = worlds[0]
    show(world, time_ms, row, total)
    decide(numbers, world.seen[0], out)
    for level in range(out.shape[0]):
        if out[level].action != Action.NONE:
            take(world, out[level], level, total)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a bot wanted at a close: a TARGET record per level that spoke, and the markets that it closed first."""

    levels: tuple[int, ...] = ()
    targets: Array = field(default_factory=lambda: np.zeros(0))
    exits: tuple[int, ...] = ()

    def facts(self) -> list[Any]:
        """As plain values, to compare runs by: [market, "exit"] and [level, every field that is set]."""
        said: list[Any] = [[m, "exit"] for m in self.exits]
        for level, one in zip(self.levels, self.targets, strict=True):
            named = {name: one[name].item() for name in one.dtype.names or ()}
            said.append([level, {name: value for name, value in named.items() if value == value and value != 0}])
        return said


class RowByRow:
    """A bot that decides a row at a time in a world, in whichever way it is written.

    Parameters
    ----------
    bot : Controller
        The strategy.
    """

    def __init__(self, bot: Controller) -> None:
        self.bot, self.way = bot, type(bot).authored()
        self.memory: dict[str, Any] = {}  # of an `on_tick`
        if self.way == Way.DECIDE:
            check_decide(bot)
            self._decide, (self._out, self._whole) = as_pointer(bot.decide), roomy_targets(bot.levels)

    def equip(self, world: World, names: list[str]) -> None:
        """Give a world the kernels and configs that the bot needs; also one that was read back."""
        equip_rare(world)
        world["tells_levels"] = self.way != Way.TARGETS
        set_policy(world, getattr(self.bot, "policy", None) or Policy())
        if self.way == Way.DECIDE:
            give_configs(world, self.bot.executors(), names)

    def decide(self, world: World, market: Market, row: int, total: float) -> Wanted:
        """What is wanted at the close of `row`, the last of the bars, with equity `total`; the world has taken it."""
        if self.way == Way.TARGETS:
            wanted = self._by_columns(world, market, row, total)
        elif self.way == Way.DECIDE:
            wanted = self._compiled(world, market, row, total)
        else:
            wanted = self._in_python(world, market, row, total)
        complain(world)
        return wanted

    def read_targets(self, market: Market) -> tuple[Any, Any, Policy]:
        """What a bot of columns wants in every row of a market; a row is picked from it."""
        return as_wishes(wanted_targets(self.bot, market), market)

    def read_columns(self, market: Market) -> Any:
        """The columns that a compiled bot looks at."""
        return as_inputs(self.bot, market)

    def _by_columns(self, world: World, market: Market, row: int, total: float) -> Wanted:
        wishes, out, policy = self.read_targets(market)
        set_policy(world, policy)
        spoken, exits = [], []
        for level, m in enumerate(wishes.market):
            if _at(wishes.exit, row, level):
                take_exit(world[0], m)
                exits.append(int(m))
            side = _at(wishes.side, row, level)
            if side or wishes.terms[0]["action"] == Action.HOLD:
                target = out[level]
                target["market"], target["side"] = m, side
                for name in NAMES:
                    target[name] = _at(getattr(wishes, name), row, level)
                take_in(world, out, level, level, total)
                spoken.append(level)
        return Wanted(tuple(spoken), out[spoken].copy(), tuple(exits))

    def _compiled(self, world: World, market: Market, row: int, total: float) -> Wanted:
        inputs = self.read_columns(market)
        inputs.row[inputs.places] = inputs.columns[:, row]
        decide_row(world, inputs.row, self._decide, self._out, world["time_ms"][0], row, total)
        spoken = np.flatnonzero(self._out["action"] != Action.NONE)
        wanted = Wanted(tuple(spoken.tolist()), self._out[spoken].copy())
        self._out["action"] = Action.NONE
        check_written(self.bot, self._whole)
        return wanted

    def _in_python(self, world: World, market: Market, row: int, total: float) -> Wanted:
        context = Context(market, world)
        context.memory, context.row, context.equity = self.memory, row, total
        check_answer(self.bot.on_tick(context))
        taken = context.taken()
        spoken = np.flatnonzero(taken["action"] != Action.NONE)
        for level in spoken:
            take_in(world, taken, level, level, total)
        return Wanted(tuple(spoken.tolist()), taken[spoken].copy())


class Walker:
    """A backtest a row at a time: the loop walks, and somebody else decides at each close.

    Parameters
    ----------
    market : Market
        The bars to walk.
    world : World
        Where they are walked; it is changed.
    """

    def __init__(self, market: Market, world: World) -> None:
        self.world, self._bars, self._length = world, market.bars(), market.timeframe_ms
        self._tick, self._out = np.zeros(1, TICK), new_targets(1)
        self._equity, self._journals = np.empty(len(market.time)), new_journals(4 * OUTBOX)
        equip_rare(world)

    def show(self, market: Market) -> None:
        """The same bars, and more of them."""
        self._bars = market.bars()
        if len(market.time) > len(self._equity):
            self._equity = np.resize(self._equity, 2 * len(market.time))

    @property
    def fills(self) -> Array:
        """What was filled in the last row, in order."""
        return self._journals.fills[: self._journals.used[0]]

    @property
    def orders(self) -> Array:
        """What ended in the last row, or was made and ended since the one before it."""
        return self._journals.orders[: self._journals.used[1]]

    def step(self, row: int) -> float:
        """Walk one row; the equity at its close, at which `decide` may speak now."""
        self._journals.used[:] = 0
        step_rows(
            self.world, self._tick, self._journals, self._bars, self._length, NO_WISHES, NO_PLAN, self._out,
            self._equity, row, row + 1,
        )  # fmt: skip
        self.world["time_ms"] = self._bars.time[row] + self._length
        return float(self._equity[row])


NAMES = ("price", "trigger", "size", "stop_loss", "take_profit", "trailing_activation", "trailing_delta")


def _at(plane: Array, row: int, level: int) -> Any:
    """A value of a plane whose axes may have length 1."""
    return plane[row if plane.shape[0] > 1 else 0, level if plane.shape[1] > 1 else 0]
