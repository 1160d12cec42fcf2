"""Plain Python authoring: what `on_tick` is given, and the loop that calls it once a bar has closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.backtest.configs import give_configs
from workbench.backtest.engine import (
    NO_PLAN,
    NO_WISHES,
    Tape,
    complain,
    grown,
    journals_of,
    step_rows,
    tape,
)
from workbench.backtest.loop import Bars, empty_outbox
from workbench.backtest.market import Market
from workbench.controllers import Executor, Order
from workbench.errors import ConfigError
from workbench.market import Action, Candles, ExecutorKind, OrderKind, Sizing
from workbench.trading import MAX_LEVELS, OUTBOX, TICK, Phase, World, decide, equip_rare, new_targets

SIZES = {"amount": Sizing.BASE, "notional": Sizing.QUOTE, "fraction": Sizing.FRACTION}
BARRIERS = ("stop_loss", "take_profit")
TRAILING = ("trailing_activation", "trailing_delta")


class Context:
    """What a strategy written as `on_tick(self, context)` sees, and what it may ask for.

    `candles` are the bars up to and including the one that has just closed; `row` is its index, `time_ms` its close.
    `position`, `entry`, `quote`, `equity` and `last` describe the account. `enter`, `quote_at`, `hold`, `create`,
    `stop` and `close` ask for what the other two ways of writing a strategy ask for, with the same words. State of
    your own goes into `memory`, a dict that lives as long as the run.
    """

    def __init__(self, market: Market, world: World) -> None:
        self._market, self._world = market, world
        self._targets = new_targets(MAX_LEVELS)
        self._used = 0
        self._configs: list[Executor] = []
        self.memory: dict[str, Any] = {}
        self.row = -1
        self.equity = float(world["quote"][0])  # of all purses

    @property
    def candles(self) -> Candles:
        """Bars of the only (or first) instrument, up to the one that has just closed; a view."""
        return self.candles_of(self._market.names[0])

    def candles_of(self, name: str) -> Candles:
        """Bars of one instrument up to now; a view."""
        m = self._place(name)
        rows = self._market.rows[m]
        stop = self.row + 1 if rows is None else int(np.searchsorted(rows, self.row, side="right"))
        return self._market.candles[name][:stop]

    @property
    def time_ms(self) -> int:
        """The close of the bar that has just been seen."""
        return int(self._market.time[self.row]) + self._market.timeframe_ms

    @property
    def quote(self) -> float:
        """Balance in quote currency, of all purses."""
        return float(self._world["quote"][0])

    @property
    def position(self) -> float:
        """Signed base units of the only (or first) instrument."""
        return self.position_of(self._market.names[0])

    def position_of(self, name: str) -> float:
        """Signed base units of one instrument."""
        return float(self._world["markets"]["position"][0, self._place(name)])

    @property
    def last(self) -> float:
        """Last price of the only (or first) instrument."""
        return float(self._world["markets"]["last"][0, 0])

    @property
    def entry(self) -> float:
        """Average price of that position; NaN when flat."""
        return float(self._world["markets"]["entry"][0, 0]) if self.position else np.nan

    def enter(
        self,
        side: int,
        *,
        price: float = np.nan,
        trigger: float = np.nan,
        post_only: bool = False,
        time_limit_ms: int = 0,
        trailing: tuple[float, float] | None = None,
        instrument: str | None = None,
        **terms: float,
    ) -> None:
        """Open a position executor: at market, at a limit `price`, or once `trigger` is reached.

        `amount`, `notional` or `fraction` is its size (default: fraction 1); `stop_loss` and `take_profit` are
        fractions of the entry price.
        """
        target = self._next(Action.ENTER, side, instrument)
        target["price"], target["trigger"], target["time_limit_ms"] = price, trigger, time_limit_ms
        target["kind"] = _kind(price, trigger, post_only)
        target["trailing_activation"], target["trailing_delta"] = trailing or (np.nan, np.nan)
        target["sizing"], target["size"] = _size(terms)
        for name in BARRIERS:
            target[name] = _fraction(name, terms.pop(name, None))
        for name in TRAILING:
            _fraction(name, float(target[name]))
        _refuse_unknown("enter", terms)

    def quote_at(
        self,
        level: int,
        side: int,
        price: float,
        amount: float,
        *,
        post_only: bool = False,
        reduce_only: bool = False,
        instrument: str | None = None,
    ) -> None:
        """Replace the resting order of a level; an amount of 0 withdraws it.

        `reduce_only`, of perpetuals, never opens or flips a position; hedged, it closes the leg of the other side.
        """
        if reduce_only and "purses" not in (self._world.dtype.names or ()):
            raise ConfigError(
                "`reduce_only` is for perpetuals. Run the backtest with perpetual=wb.Perpetual(leverage=…)."
            )
        target = self._next(Action.QUOTE, side, instrument, level)
        target["price"], target["size"], target["sizing"] = price, _amount("amount", amount), Sizing.BASE
        target["kind"] = OrderKind.POST_ONLY if post_only else OrderKind.LIMIT
        target["reduce"] = reduce_only

    def hold(self, exposure: float, *, instrument: str | None = None) -> None:
        """Move the position to a fraction of equity: 1 all in, 0 flat, −1 all short."""
        name = instrument or self._market.names[0]
        target = self._next(Action.HOLD, 0, name, self._place(name))
        if np.isinf(exposure):
            raise ConfigError(f"`exposure` is {exposure}. It is a fraction of equity; NaN leaves a position alone.")
        target["size"], target["sizing"] = exposure, Sizing.FRACTION

    def create(
        self,
        executor: Executor,
        side: int,
        *,
        level: int | None = None,
        price: float = np.nan,
        trigger: float = np.nan,
        post_only: bool = False,
        instrument: str | None = None,
        **size: float,
    ) -> None:
        """Make an executor, such as `wb.executors.Grid(...)`, at a level (or the next free one).

        Its prices are multiplied by `price` and its amounts by `amount`, where they are given. A `Position` and an
        `Order` enter as in `enter`: at market, at a limit `price`, or once `trigger` is reached, with `amount`,
        `notional` or `fraction` as their size.
        """
        if not isinstance(executor, Executor):
            raise ConfigError(
                f"`executor` is a {type(executor).__name__}. Give a value such as wb.executors.Grid(...), and the side."
            )
        target = self._next(Action.CREATE, side, instrument, level)
        target["executor"], target["config"] = executor.kind, len(self._configs)
        target["price"], target["trigger"] = price, trigger
        if executor.kind in (ExecutorKind.POSITION, ExecutorKind.ORDER):
            chases = isinstance(executor, Order) and executor.distance is not None
            target["kind"] = _kind(0.0 if chases else price, trigger, post_only)
            target["sizing"], target["size"] = _size(size)
        else:
            target["size"] = _amount("amount", size.pop("amount", np.nan))
        _refuse_unknown("create", size)
        self._configs.append(executor)

    def stop(self, level: int, *, keep: bool = False, instrument: str | None = None) -> None:
        """Stop the executors of a level early; with `keep` what they hold stays."""
        self._next(Action.STOP, 0, instrument, level)["keep"] = keep

    def level(self, level: int) -> Any:
        """The executor that was made last at a level: `phase`, `close_type`, `created_ms`, `closed_ms`, `held`, `pnl`.

        `at_work` counts those of the level that are not done. A record of dtype LEVEL; phase 0 is none yet.
        """
        if not 0 <= level < MAX_LEVELS:
            raise ConfigError(f"`level` is {level}. A bot has levels 0 to {MAX_LEVELS - 1}.")
        seen, working = self._world["seen"]["levels"][0, 0, level].copy(), self._world["executors"][0]
        mine = working[(working["phase"] != Phase.FREE) & (working["id"] == seen["id"])]
        if len(mine) and seen["phase"] != Phase.FREE:
            seen["phase"] = mine["phase"][0]
        return seen

    def close(self, side: int = 0, *, instrument: str | None = None, keep: bool = False) -> None:
        """Stop the executors of an instrument early; of one side, or (0) of both. With `keep` what they hold stays."""
        self._next(Action.CLOSE, side, instrument)["keep"] = keep

    def _next(self, action: Action, side: int, instrument: str | None, level: int | None = None) -> Any:
        place = self._used if level is None else level
        if not 0 <= place < MAX_LEVELS:
            raise ConfigError(f"on_tick asked for level {place}. A bot has levels 0 to {MAX_LEVELS - 1}: use fewer.")
        if side not in (-1, 0, 1):
            raise ConfigError(f"`side` is {side!r}. A side is +1 (buy) or −1 (sell).")
        if self._targets["action"][place] != Action.NONE:
            raise ConfigError(
                f"on_tick asked for level {place} twice in one tick. Ask for quotes and holds first, each level once; "
                f"entries take the levels that are left."
            )
        self._used = max(self._used, place + 1)
        target = self._targets[place]
        target["action"], target["side"] = action, side
        target["market"] = self._place(instrument or self._market.names[0])
        return target

    def _place(self, name: str) -> int:
        if name not in self._market.candles:
            raise ConfigError(f"There is no instrument {name!r} in this run. It has {', '.join(self._market.names)}.")
        return self._market.names.index(name)

    def taken(self) -> npt.NDArray[Any]:
        """The wishes of this tick, in order; afterwards there are none."""
        wishes = self._targets[: self._used].copy()
        self._targets[: self._used] = new_targets(1)
        self._used = 0
        if self._configs:
            give_configs(self._world, self._configs, self._market.names)
            self._configs = []
        return wishes


def run_ticks(on_tick: Callable[[Context], Any], world: World, market: Market, bars: Bars, timeframe_ms: int) -> Tape:
    """The engine, a row at a time, with a Python function deciding at each close."""
    n_rows = len(bars.time)
    equity, tick, out = np.empty(n_rows), np.zeros(1, TICK), new_targets(1)
    journals = journals_of(world, n_rows)
    equip_rare(world)
    context = Context(market, world)
    for row in range(n_rows):
        step_rows(
            world, tick, journals, bars, timeframe_ms, NO_WISHES, NO_PLAN, out, equity, row, row + 1
        )  # fmt: skip
        if (journals.used + OUTBOX > [len(journal) for journal in journals[:4]]).any():
            journals = grown(journals)
        decided = row if not len(bars.decides) else int(bars.decides[row])
        if decided >= 0:
            context.row, context.equity = decided, float(equity[row])
            check_answer(on_tick(context))
            world["time_ms"] = bars.time[row] + timeframe_ms
            decide(world[0], context.taken())
            complain(world)
    empty_outbox(world[0], journals)
    return tape(world, journals, equity, bars)


def check_answer(answer: Any) -> None:
    """What a strategy wants in a tick it says to the context; what it returns would be lost."""
    if answer is not None:
        raise ConfigError(
            f"`on_tick` returned a {type(answer).__name__}. Ask for what you want with context.enter, quote_at, hold "
            f"or close, and return nothing."
        )


def _kind(price: float, trigger: float, post_only: bool) -> OrderKind:
    if trigger == trigger:
        return OrderKind.STOP_LIMIT if price == price else OrderKind.STOP
    if price == price:
        return OrderKind.POST_ONLY if post_only else OrderKind.LIMIT
    return OrderKind.MARKET


def _size(terms: dict[str, float]) -> tuple[Sizing, float]:
    given = [name for name in SIZES if name in terms]
    if len(given) > 1:
        raise ConfigError(f"Both `{given[0]}` and `{given[1]}` are given. Say the size in one way.")
    return (SIZES[given[0]], _amount(given[0], terms.pop(given[0]))) if given else (Sizing.FRACTION, 1.0)


def _amount(name: str, value: Any) -> float:
    if isinstance(value, str) or value is None or value < 0 or np.isinf(value):
        raise ConfigError(f"`{name}` is {value!r}. A size is a number, not negative and not infinite.")
    return float(value)


def _fraction(name: str, value: float | None) -> float:
    if value is None or value != value:
        return np.nan
    if not 0.0 < value < np.inf or (name == "stop_loss" and value >= 1.0):
        raise ConfigError(f"`{name}` is {value}. It is a fraction of the entry price above 0: write 0.02 for 2 %.")
    return value


def _refuse_unknown(where: str, terms: dict[str, Any]) -> None:
    if terms:
        raise ConfigError(f"context.{where} does not know `{next(iter(terms))}`. See the docstring of Context.")
