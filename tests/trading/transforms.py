"""Cases made from other cases: scaled, mirrored, cut, closed at the end."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from workbench.market.codes import Action, Sizing

from .reference import Bars, Market, Target
from .scenarios import MINUTE, Scenario

FRACTIONS = ("stop_loss", "take_profit", "trailing_activation", "trailing_delta")
OFF_GRID = 0.000321  # puts a barrier between the prices of a coarse grid
Prices = list[list[float]]


def each_target(case: Scenario, change: Callable[[int, int, Target], Target]) -> Scenario:
    """The same case with every target changed, given its row and its level."""
    decisions = [
        [change(row, level, target) for level, target in enumerate(targets)]
        for row, targets in enumerate(case.decisions)
    ]
    return replace(case, decisions=decisions)


def each_price(bars: Bars, change: Callable[[float], float]) -> Bars:
    """The same bars with every price changed."""
    parts = [[list(map(change, table)) for table in part] for part in (bars.open, bars.high, bars.low, bars.close)]
    return Bars(bars.time, bars.timeframe_ms, *parts)


def each_market(case: Scenario, change: Callable[[Market], Market]) -> Scenario:
    return replace(case, settings=replace(case.settings, markets=tuple(map(change, case.settings.markets))))


def in_spot(case: Scenario) -> Scenario:
    return replace(case, settings=replace(case.settings, account="spot", leverage=1.0))


# Scaled -------------------------------------------------------------------------------------------------------


def scaled(case: Scenario, factor: float) -> Scenario:
    """The case in another currency: every price and every sum of quote currency, `factor` times as large."""

    def dearer(row: int, level: int, target: Target) -> Target:
        size = target.size * factor if target.sizing == Sizing.QUOTE else target.size
        return replace(target, price=target.price * factor, trigger=target.trigger * factor, size=size)

    case = each_market(case, lambda m: replace(m, tick=m.tick * factor, min_notional=m.min_notional * factor))
    settings = replace(case.settings, cash=case.settings.cash * factor)
    bars = each_price(case.bars, lambda price: price * factor)
    return each_target(replace(case, bars=bars, settings=settings), dearer)


def untied(case: Scenario) -> Scenario:
    """The case without the ties of a coarse grid, so that the last bit of a price decides nothing."""
    case = replace(case, bars=without_ties(case.bars))
    case = each_market(case, lambda m: replace(m, tick=0.0, min_notional=m.min_notional * (1.0 + OFF_GRID)))
    return each_target(case, lambda row, level, target: off_grid(target))


def off_grid(target: Target) -> Target:
    return replace(target, **{name: getattr(target, name) + OFF_GRID for name in FRACTIONS})


# Mirrored -----------------------------------------------------------------------------------------------------


def mirrorable(case: Scenario) -> Scenario:
    """The case with all that has no mirror image taken out of it: see `mirrored`."""
    start = case.bars.close[0][-1] if not math.isnan(case.bars.close[0][-1]) else 100.0
    settings = replace(
        case.settings, cash=1e4 * start, account="margin", leverage=1e6, maker=0.0, taker=0.0, slippage=0.0,
        fees_in_received=False,
    )  # fmt: skip
    case = replace(case, settings=settings, bars=without_ties(case.bars))
    case = each_market(case, lambda m: replace(m, tick=m.tick if m.tick != 0.01 else 0.0, min_notional=0.0))
    return each_target(case, lambda row, level, target: in_base_units(target))


def without_ties(bars: Bars) -> Bars:
    """Where both extremes are equally near the open, the page says: high first. A mirror would say: low first."""
    highs = [
        [h + 0.0625 if h - o == o - low else h for o, h, low in zip(*table, strict=True)]
        for table in zip(bars.open, bars.high, bars.low, strict=True)
    ]
    return replace(bars, high=highs)


def in_base_units(target: Target) -> Target:
    if target.action == Action.HOLD:
        return Target()
    size = target.size if target.sizing == Sizing.BASE else 1.3
    return off_grid(replace(target, size=size, sizing=Sizing.BASE))


def mirrored(case: Scenario, twice: float, entries: dict[tuple[int, int], float]) -> Scenario:
    """Every price p becomes `twice` − p, and buying becomes selling.

    What is won is then the same to the cent, if and only if nothing depends on a price other than through differences:
    no fees, no slippage, no minimum notional, amounts in base units, an account that leverage never limits, no bar
    whose extremes are equally near its open, and barriers at mirrored prices. A barrier is a fraction of the entry, so
    its fraction changes: `entries` maps the row and level of each wish that was filled to the price it got.
    """

    def opposite(row: int, level: int, target: Target) -> Target:
        entry = entries.get((row, level), twice / 2.0)
        barriers: Any = {name: getattr(target, name) * entry / (twice - entry) for name in FRACTIONS}
        target = replace(target, price=twice - target.price, trigger=twice - target.trigger, **barriers)
        return replace(target, side=-target.side)

    bars = each_price(case.bars, lambda price: twice - price)
    bars = replace(bars, high=bars.low, low=bars.high)
    return each_target(replace(case, bars=bars), opposite)


# Longer, and other, futures -----------------------------------------------------------------------------------


def closed_at_the_end(case: Scenario, *, rows: int = 16) -> Scenario:
    """Executors only, and some still bars at the end, in which all of them are told to close."""
    case = each_target(case, lambda row, level, target: target if is_executors(target) else Target())
    closing = [Target(Action.CLOSE, market) for market in range(len(case.settings.markets))]
    return replace(case, bars=with_still_rows(case.bars, rows), decisions=[*case.decisions, *[closing] * rows])


def is_executors(target: Target) -> bool:
    return target.action in (Action.ENTER, Action.CLOSE)


def with_still_rows(bars: Bars, rows: int) -> Bars:
    time = [*bars.time, *(bars.time[-1] + MINUTE * (1 + row) for row in range(rows))]
    last = [last_known(table) for table in bars.close]
    parts: list[Any] = [
        [[*table, *[price] * rows] for table, price in zip(part, last, strict=True)]
        for part in (bars.open, bars.high, bars.low, bars.close)
    ]
    return Bars(time, bars.timeframe_ms, *parts)


def last_known(prices: Any) -> float:
    return next((price for price in reversed(prices) if not math.isnan(price)), math.nan)


def with_another_future(case: Scenario, other: Scenario, row: int) -> Scenario:
    """The case up to and including a row, and then bars and wishes of another."""
    n_markets = len(case.settings.markets)

    def join(ours: Any, theirs: Any) -> Prices:
        return [[*ours[m][: row + 1], *theirs[m % len(theirs)][row + 1 :]] for m in range(n_markets)]

    names = ("open", "high", "low", "close")
    parts = [join(getattr(case.bars, name), getattr(other.bars, name)) for name in names]
    rows = row + 1 + max(len(other.bars.time) - row - 1, 0)
    time = [case.bars.time[0] + MINUTE * place for place in range(rows)]
    later = [[t for t in wishes if t.market < n_markets] for wishes in other.decisions[row + 1 :]]
    return replace(
        case, bars=Bars(time, case.bars.timeframe_ms, *parts), decisions=[*case.decisions[: row + 1], *later]
    )
