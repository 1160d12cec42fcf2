"""Small cases for the plain engine, written short: bars as tuples, wishes by row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from . import reference
from .reference import (
    NAN,
    Action,
    Bars,
    Config,
    Executor,
    ExecutorKind,
    Market,
    Order,
    Outcome,
    PurseTerms,
    Settings,
    Target,
)

MINUTE = 60_000
Bar = tuple[float, float, float, float]  # open, high, low, close
STILL: Bar = (100.0, 100.0, 100.0, 100.0)
NO_BAR: Bar = (NAN, NAN, NAN, NAN)
FREE = Settings(markets=(Market(0),), cash=1_000.0)
PERPETUAL = replace(FREE, markets=(Market(0, leverage=10.0),), purses=(PurseTerms(1_000.0, "perpetual"),))
HEDGED = replace(PERPETUAL, purses=(PurseTerms(1_000.0, "perpetual", hedge=True),))
TWO = replace(FREE, markets=(Market(0), Market(1, initial=10.0, initial_entry=100.0)))


def flat(price: float) -> Bar:
    """A bar that does not move."""
    return (price, price, price, price)


def trade(bars: list[Bar], wishes: dict[int, list[Target]], settings: Settings = FREE, **extras: Any) -> Outcome:
    """Run one market, a bar a minute; `wishes` maps a row to its decision."""
    return trade_all([bars], wishes, settings, **extras)


def trade_all(tables: list[list[Bar]], wishes: dict[int, list[Target]], settings: Settings, **extras: Any) -> Outcome:
    columns = [[[bar[part] for bar in table] for table in tables] for part in range(4)]
    rows = range(len(tables[0]))
    bars = Bars([row * MINUTE for row in rows], MINUTE, *columns, **extras)
    return reference.run(bars, [wishes.get(row, []) for row in rows], settings)


def given(settings: Settings, **terms: Any) -> Settings:
    """The same settings with one config."""
    return replace(settings, configs=(Config(**terms),))


def with_market(settings: Settings, place: int = 0, **terms: Any) -> Settings:
    markets = list(settings.markets)
    markets[place] = replace(markets[place], **terms)
    return replace(settings, markets=tuple(markets))


def create(executor: ExecutorKind, side: int = 1, /, **terms: Any) -> Target:
    return Target(Action.CREATE, side=side, executor=executor, **{"config": 0, **terms})


def only_executor(outcome: Outcome) -> Executor:
    (executor,) = outcome.executors
    return executor


def ends(outcome: Outcome) -> list[str]:
    return [executor.close_type for executor in outcome.executors]


def traded(outcome: Outcome) -> list[tuple[int, int, float, float]]:
    """Row, side, amount and price of every fill."""
    return [(fill.row, fill.side, fill.amount, fill.price) for fill in outcome.fills]


def lives(orders: list[Order]) -> list[tuple[float, str]]:
    """Price and fate of every order."""
    return [(order.price, order.status) for order in orders]


def reasons(outcome: Outcome) -> list[str]:
    return [refusal.reason for refusal in outcome.refusals]
