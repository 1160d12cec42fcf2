"""Random cases for perpetuals and matching models: those of `scenarios_wide`, without what executors.md brought.

`venue_scenario(seed)` is the same case for ever as long as this file and the two that it draws from do not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from .reference import ControllerTerms, OrderKind, Policy, Settings
from .scenarios import Row, Scenario
from .scenarios_wide import Scene, wide_scenario, wide_wish

FAMILIES = ("executors", "executors", "executors", "quotes", "quotes", "hold")


def venue_scenario(seed: int) -> Scenario:
    """The case of a seed: its bars, purses, markets, funding and rates; wishes without `CREATE`, one controller."""
    wide = wide_scenario(seed)
    rng = Random(seed + 2 * 10**9)
    settings = one_controller(wide.settings)
    bars = wide.bars
    scene = Scene(rng, len(bars.time), len(settings.markets), *unit_and_start(settings))
    levels = [(rng.randrange(scene.n_markets), rng.choice(FAMILIES)) for _ in range(rng.randint(1, 4))]
    busy = rng.choice((0.15, 0.3, 0.6))
    decisions = [row_of(scene, row, bars.close, settings, levels, busy) for row in range(scene.n_rows)]
    return Scenario(seed, bars, decisions, settings)


def one_controller(settings: Settings) -> Settings:
    """The first controller's policy for the whole run, and no drawdown stop."""
    first: ControllerTerms = settings.controllers[0]
    policy: Policy = first.policy
    if any(one.participation for one in settings.markets):
        # What becomes of a target that fills while its entry is still filling is the executors' part.
        policy = replace(policy, take_profit_kind=OrderKind.MARKET)
    return replace(settings, controllers=(), policy=policy, configs=(), max_drawdown=0.0)


def unit_and_start(settings: Settings) -> tuple[float, float]:
    """The step of prices and where they begin, as the wide case drew them."""
    unit = 0.5 / settings.markets[0].decay
    return unit, {1.0: 100.0, 0.5: 20.0}[unit]


def row_of(
    scene: Scene,
    row: int,
    closes: Sequence[Sequence[float]],
    settings: Settings,
    levels: list[tuple[int, str]],
    busy: float,
) -> Row:
    targets = []
    for place, (market, family) in enumerate(levels):
        if scene.rng.random() >= busy:
            continue
        known = [price for price in closes[market][: row + 1] if price == price]
        last = known[-1] if known else scene.start
        wish = wide_wish(scene, market, family, settings, last)
        if settings.purses[settings.markets[market].purse].kind == "perpetual":
            wish = replace(wish, size=wish.size * max(settings.markets[market].leverage * 0.5, 1.0))
        targets.append(replace(wish, level=place))
    return targets
