"""Random cases for created executors in purses: perpetual, margin and spot, under all matching models.

`purse_scenario(seed)` is the same case for ever as long as this file and those that it draws from do not change.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from .reference import NAN, ExecutorKind, Target
from .scenarios import Row, Scenario
from .scenarios_executors import FAMILIES, MADE, last_price, one_wish
from .scenarios_venue import unit_and_start, venue_scenario
from .scenarios_wide import Scene, wide_config


def purse_scenario(seed: int, kinds: tuple[ExecutorKind, ...] = MADE) -> Scenario:
    """The case of `venue_scenario`, with one to four levels that create executors of all kinds."""
    case = venue_scenario(seed)
    rng = Random(seed + 3 * 10**9)
    settings = replace(case.settings, configs=())
    scene = Scene(rng, len(case.bars.time), len(settings.markets), *unit_and_start(settings))
    settings = replace(settings, configs=tuple(wide_config(scene) for _ in range(rng.randint(4, 8))))
    levels = [(rng.randrange(scene.n_markets), rng.choice(FAMILIES)) for _ in range(rng.randint(1, 4))]
    busy = rng.choice((0.1, 0.25, 0.5))
    decisions: list[Row] = []
    for row in range(scene.n_rows):
        lasts = [last_price(prices, row, scene.start) for prices in case.bars.close]
        wishes = [
            reduced(scene, one_wish(scene, market, family, settings, lasts[market], kinds, reduces=True))
            for market, family in levels
        ]
        decisions.append([wish if rng.random() < busy else Target() for wish in wishes])
    return Scenario(seed, case.bars, decisions, settings)


def reduced(scene: Scene, wish: Target) -> Target:
    """Now and then a wish is reduce-only that cannot be, or has half a trailing stop."""
    wish = replace(wish, reduce=True) if scene.one_in(40) else wish
    return replace(wish, trailing_delta=NAN, trailing_activation=0.01) if scene.one_in(40) else wish
