"""Random cases for several controllers in one world: those of `scenarios_wide`, one-way.

`together_scenario(seed)` is the same case for ever as long as this file and `scenarios_wide` do not change.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from .scenarios import Scenario
from .scenarios_wide import wide_scenario


def together_scenario(seed: int) -> Scenario:
    """The case of a seed: one to three controllers with levels, policies, accounts and drawdown stops of their own."""
    wide = wide_scenario(seed)
    rng = Random(seed + 5 * 10**9)
    old = wide.settings
    settings = replace(
        old,
        purses=tuple(replace(one, hedge=False) for one in old.purses),
        controllers=tuple(
            replace(one, every_ms=0, max_drawdown=old.cash * rng.choice((0.0, 0.0, 0.002, 0.02)))
            for one in old.controllers
        ),
        max_drawdown=old.cash * rng.choice((0.0, 0.0, 0.0, 0.005, 0.05)),
    )
    return Scenario(seed, wide.bars, wide.decisions, settings)
