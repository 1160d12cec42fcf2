"""Random cases for the executors that a target creates, in the accounts and markets of `scenarios`.

`executor_scenario(seed)` draws from all kinds that the compiled engine has; with `kinds` from those alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from workbench.market.codes import BUY, FLAT, SELL, Action
from workbench.trading import KINDS

from .reference import ExecutorKind, Settings, Target
from .scenarios import WISHES, Row, Scenario, random_bars, random_settings
from .scenarios_wide import Scene, create_wish, wide_config

MADE = (ExecutorKind.POSITION, *(ExecutorKind(kind) for kind in KINDS))
PAIRS = (ExecutorKind.ARBITRAGE, ExecutorKind.XEMM)
FAMILIES = ("create", "create", "create", "create", "executors", "quotes", "hold")


def executor_scenario(seed: int, kinds: Sequence[ExecutorKind] = MADE) -> Scenario:
    """The case of a seed: 5 to 60 rows, one to three markets, one to four levels, four to eight configs."""
    rng = Random(seed + 2 * 10**9)
    unit, start = rng.choice(((1.0, 100.0), (0.5, 20.0), (1.0, 50.0), (0.25, 8.0)))
    scene = Scene(rng, rng.randint(5, 60), rng.choice((1, 1, 2, 2, 3)), unit, start)
    bars = random_bars(rng, scene.n_rows, scene.n_markets, unit, start)
    plain = random_settings(rng, scene.n_markets, unit, start)
    settings = replace(plain, configs=tuple(wide_config(scene) for _ in range(rng.randint(4, 8))))
    levels = [(rng.randrange(scene.n_markets), rng.choice(FAMILIES)) for _ in range(rng.randint(1, 4))]
    busy = rng.choice((0.1, 0.25, 0.5))
    decisions: list[Row] = []
    for row in range(scene.n_rows):
        lasts = [last_price(prices, row, start) for prices in bars.close]
        wishes = [one_wish(scene, market, family, settings, lasts[market], kinds) for market, family in levels]
        decisions.append([wish if rng.random() < busy else Target() for wish in wishes])
    return Scenario(seed, bars, decisions, settings)


def last_price(prices: Sequence[float], row: int, start: float) -> float:
    return next((price for price in reversed(prices[: row + 1]) if not math.isnan(price)), start)


def one_wish(
    scene: Scene,
    market: int,
    family: str,
    settings: Settings,
    last: float,
    kinds: Sequence[ExecutorKind],
    *,
    reduces: bool = False,
) -> Target:
    if family != "create":
        return WISHES[family](scene.rng, market, settings, last, scene.unit)
    if scene.one_in(10):
        return Target(Action.STOP, market, keep=scene.rng.random() < 0.5)
    if scene.one_in(25):
        return Target(Action.CLOSE, market, scene.rng.choice((FLAT, BUY, SELL)), keep=scene.rng.random() < 0.5)
    possible = [kind for kind in kinds if scene.n_markets > 1 or kind not in PAIRS]
    while True:
        wish = create_wish(scene, market, settings, last)
        if wish.executor in possible or not possible:
            return wish if reduces else replace(wish, reduce=False)
