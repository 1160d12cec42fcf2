"""Random cases for the two engines: bars on a coarse grid, and wishes that make them trade, wait, tie and fail.

`scenario(seed)` is the same case for ever as long as this file does not change. Prices move by whole units, and
limits, triggers and barriers are put where bars will meet them exactly, so that touches, gaps and ties are common.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import IntEnum
from random import Random
from typing import Any

from workbench.market.codes import BUY, FLAT, SELL, Action, OrderKind, Sizing

from .reference import NAN, Bars, Market, Outcome, Policy, Settings, Target, run

MINUTE = 60_000
START = 1_700_000_040_000  # a whole minute
KINDS = tuple(OrderKind)
FAMILIES = ("executors", "executors", "executors", "quotes", "hold")
Row = list[Target]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One case: what `reference.run` takes. Its repr is Python that makes it again, without what is default."""

    seed: int
    bars: Bars
    decisions: list[Row]
    settings: Settings

    def run(self) -> Outcome:
        return run(self.bars, self.decisions, self.settings)

    def __repr__(self) -> str:
        lines = [f"    [{', '.join(map(brief, row))}],  # {place}" for place, row in enumerate(self.decisions)]
        wishes = "\n".join(["[", *lines, "]"])
        return f"Scenario({self.seed},\n{brief(self.bars)},\n{wishes},\n{brief(self.settings)})"


def brief(thing: Any) -> str:
    """The repr of a dataclass with only those fields that are not at their default."""
    told = [(f.name, getattr(thing, f.name)) for f in fields(thing) if not is_default(thing, f)]
    return f"{type(thing).__name__}({', '.join(f'{name}={show(value)}' for name, value in told)})"


def show(value: Any) -> str:
    if is_dataclass(value):
        return brief(value)
    if isinstance(value, tuple | list):
        inside = ", ".join(show(one) for one in value)
        return f"({inside}{',' if value else ''})" if isinstance(value, tuple) else f"[{inside}]"
    if isinstance(value, IntEnum):
        return str(value.value)
    return "NAN" if isinstance(value, float) and math.isnan(value) else repr(value)


def is_default(thing: Any, part: Any) -> bool:
    value = getattr(thing, part.name)
    both_nan = isinstance(value, float) and math.isnan(value) and part.default is NAN
    return both_nan or value == part.default


def scenario(seed: int) -> Scenario:
    """The case of a seed: 5 to 60 rows, one to three markets, one to four levels."""
    rng = Random(seed)
    n_rows, n_markets = rng.randint(5, 60), rng.choice((1, 1, 1, 2, 3))
    unit, start = rng.choice(((1.0, 100.0), (0.5, 20.0), (1.0, 50.0), (0.25, 8.0)))
    bars = random_bars(rng, n_rows, n_markets, unit, start)
    settings = random_settings(rng, n_markets, unit, start)
    levels = [(rng.randrange(n_markets), rng.choice(FAMILIES)) for _ in range(rng.randint(1, 4))]
    busy = rng.choice((0.15, 0.3, 0.6))
    decisions = [random_row(rng, row, bars, settings, levels, busy, unit) for row in range(n_rows)]
    return Scenario(seed, bars, decisions, settings)


# Bars ---------------------------------------------------------------------------------------------------------


def random_bars(rng: Random, n_rows: int, n_markets: int, unit: float, start: float) -> Bars:
    """Candles in whole units; some rows without a bar, some markets that begin late."""
    time = [START + row * MINUTE for row in range(n_rows)]
    tables = [list(random_walk(rng, n_rows, unit, start)) for _ in range(n_markets)]
    columns = [[[bar[part] for bar in table] for table in tables] for part in range(4)]
    return Bars(time, MINUTE, *columns)


def random_walk(rng: Random, n_rows: int, unit: float, start: float) -> Iterator[tuple[float, ...]]:
    missing = rng.choice((0.0, 0.0, 0.2))
    begins = rng.choice((0, 0, 0, 0, 2))
    span = rng.choice((1, 2, 4))
    level = round(start / unit)
    for row in range(n_rows):
        opened = max(level + rng.choice((0, 0, 0, 0, 1, -1, 3, -3)), 3)
        closed = max(opened + rng.randint(-span, span), 3)
        high = max(opened, closed) + rng.choice((0, 0, 1, span))
        low = max(min(opened, closed) - rng.choice((0, 0, 1, span)), 2)
        level = closed
        if row < begins or rng.random() < missing:
            yield (NAN, NAN, NAN, NAN)
        else:
            yield (opened * unit, high * unit, low * unit, closed * unit)


# Settings -----------------------------------------------------------------------------------------------------


def random_settings(rng: Random, n_markets: int, unit: float, start: float) -> Settings:
    account = rng.choice(("spot", "margin"))
    maker, taker = rng.choice(((0.0, 0.0), (0.001, 0.001), (0.0002, 0.0005), (0.01, 0.02)))
    return Settings(
        markets=tuple(random_market(rng, base, unit, start) for base in range(n_markets)),
        cash=rng.choice((10.0, 20.0, 100.0)) * start,
        account=account,
        leverage=rng.choice((1.0, 2.0, 5.0)) if account == "margin" else 1.0,
        maker=maker,
        taker=taker,
        fees_in_received=rng.random() < 0.3,
        slippage=rng.choice((0.0, 0.0, 0.001, 0.01)),
        latency=rng.choice((0, 0, 0, 0, 1, 2)),
        path=rng.choice(("worst", "best", "ohlc")),
        fill=rng.choice(("touch", "touch", "through")),
        policy=random_policy(rng),
    )


def random_market(rng: Random, base: int, unit: float, start: float) -> Market:
    return Market(
        base=base,
        tick=rng.choice((0.0, unit, unit / 2, 0.01)),
        lot=rng.choice((0.0, 0.001, 0.1, 1.0)),
        min_amount=rng.choice((0.0, 0.0, 0.0, 0.5)),
        min_notional=rng.choice((0.0, 0.0, start * 0.2, start * 0.9)),
    )


def random_policy(rng: Random) -> Policy:
    return Policy(
        max_per_side=rng.choice((1, 1, 2, 3)),
        cooldown_ms=rng.choice((0, 0, 0, MINUTE, 3 * MINUTE)),
        close_on_opposite=rng.random() < 0.4,
        net_of_fees=rng.random() < 0.4,
        take_profit_kind=rng.choice((OrderKind.MARKET, OrderKind.LIMIT)),
    )


# Decisions ----------------------------------------------------------------------------------------------------


def random_row(
    rng: Random, row: int, bars: Bars, settings: Settings, levels: list[tuple[int, str]], busy: float, unit: float
) -> Row:
    """One target a level: each level keeps its market and its family, and is silent in most rows."""
    targets = []
    for market, family in levels:
        known = [price for price in bars.close[market][: row + 1] if not math.isnan(price)]
        last = known[-1] if known else bars.close[market][-1]
        last = unit * 40 if math.isnan(last) else last
        silent = rng.random() >= busy
        targets.append(Target() if silent else WISHES[family](rng, market, settings, last, unit))
    return targets


def executor_wish(rng: Random, market: int, settings: Settings, last: float, unit: float) -> Target:
    side = rng.choice((BUY, BUY, SELL))
    if rng.random() < 0.12:
        return Target(action=Action.CLOSE, market=market, side=rng.choice((FLAT, side)))
    kind = rng.choice((OrderKind.MARKET, *KINDS))
    price, trigger = random_prices(rng, kind, side, last, unit)
    size, sizing = random_size(rng, settings, last)
    wish = Target(Action.ENTER, market, side, kind, price, trigger, size, sizing)
    return random_barriers(rng, wish)


def random_barriers(rng: Random, wish: Target) -> Target:
    stop_loss, take_profit = (rng.choice((NAN, 0.01, 0.02, 0.025, 0.05, 0.1)) for _ in range(2))
    activation, delta = rng.choice(((NAN, NAN), (NAN, NAN), (0.01, 0.01), (0.02, 0.01), (0.05, 0.025)))
    return replace(
        wish,
        stop_loss=stop_loss,
        take_profit=take_profit,
        trailing_activation=activation,
        trailing_delta=delta,
        time_limit_ms=rng.choice((0, 0, MINUTE, 3 * MINUTE, 7 * MINUTE)),
    )


def random_prices(rng: Random, kind: OrderKind, side: int, last: float, unit: float) -> tuple[float, float]:
    """A limit price and a trigger near the last price, on the grid, between its points or (a limit) marketable."""
    step = rng.choice((1.0, 1.0, 1.0, 0.5, 0.3))
    price = max(last - side * rng.choice((-1, 0, 1, 1, 2, 3)) * step * unit, unit)
    trigger = max(last + side * rng.choice((-1, 0, 1, 1, 2, 3)) * step * unit, unit)
    if kind == OrderKind.STOP_LIMIT:
        return max(trigger + side * rng.choice((-1, 0, 1)) * unit, unit), trigger
    return price, trigger if kind == OrderKind.STOP else NAN


def random_size(rng: Random, settings: Settings, last: float) -> tuple[float, Sizing]:
    share = rng.choice((0.01, 0.1, 0.25, 0.5, 1.0, 1.0, 1.5))
    sizing = rng.choice(tuple(Sizing))
    if sizing == Sizing.FRACTION:
        return share, sizing
    value = share * settings.cash
    return (value, sizing) if sizing == Sizing.QUOTE else (max(round(value / last, 1), 0.1), sizing)


def quote_wish(rng: Random, market: int, settings: Settings, last: float, unit: float) -> Target:
    """Few prices and sizes, so that a level often asks for what it has already."""
    side = rng.choice((BUY, BUY, SELL))
    price = rng.choice((NAN, *(max(last - side * away * unit, unit) for away in (-1, 0, 1, 1, 2))))
    size, sizing = rng.choice(((0.0, Sizing.BASE), (1.0, Sizing.BASE), (1.0, Sizing.BASE), (0.2, Sizing.FRACTION)))
    kind = rng.choice((OrderKind.LIMIT, OrderKind.POST_ONLY))
    return Target(Action.QUOTE, market, side, kind, price, size=size, sizing=sizing)


def hold_wish(rng: Random, market: int, settings: Settings, last: float, unit: float) -> Target:
    exposure = rng.choice((NAN, 0.0, 0.3, 0.5, 1.0, 2.0, -0.5, -1.0))
    return Target(Action.HOLD, market, size=exposure, sizing=Sizing.FRACTION)


WISHES = {"executors": executor_wish, "quotes": quote_wish, "hold": hold_wish}


# Shrinking ----------------------------------------------------------------------------------------------------


def shrink(case: Scenario, fails: Callable[[Scenario], bool]) -> Scenario:
    """A smaller case that still fails: rows cut from the end, then wishes silenced, for as long as that helps."""
    while True:
        smaller = next((one for one in smaller_ones(case) if fails(one)), None)
        if smaller is None:
            return case
        case = smaller


WOVEN = ("markets", "purses", "controllers", "configs")  # others point into these


def smaller_ones(case: Scenario) -> Iterator[Scenario]:
    n_rows = len(case.bars.time)
    for kept in sorted({n_rows // 2, n_rows - n_rows // 4, n_rows - 1} - {0, n_rows}):
        yield replace(case, bars=first_rows(case.bars, kept), decisions=case.decisions[:kept])
    for row, targets in enumerate(case.decisions):
        for level, target in enumerate(targets):
            if target.action != Action.NONE:
                quiet = [*targets[:level], Target(), *targets[level + 1 :]]
                yield replace(case, decisions=[*case.decisions[:row], quiet, *case.decisions[row + 1 :]])
    plain = Settings(case.settings.markets, account=case.settings.account)
    for part in (one for one in fields(Settings) if one.name not in WOVEN):
        simple = replace(case.settings, **{part.name: getattr(plain, part.name)})
        if simple != case.settings:
            yield replace(case, settings=simple)


def first_rows(bars: Bars, kept: int) -> Bars:
    planes = ("open", "high", "low", "close", "volume", "marks", "rates")
    cut = {name: [list(series)[:kept] for series in getattr(bars, name)] for name in planes}
    return replace(bars, time=list(bars.time)[:kept], **cut)
