"""Both engines on several controllers in one world, with drawdown stops, late cancels and late reports.

`python -m tests.trading.agree --cases together --count 100000` runs as many as wanted.
"""

from __future__ import annotations

from collections import Counter

import pytest

from .agreement import difference
from .reference import Executor, World, decisions
from .scenarios_together import together_scenario

pytestmark = pytest.mark.untraced

CHUNK = 150


@pytest.mark.parametrize("first", [700_000, 700_150])
def test_engines_agree_on_several_controllers(first: int) -> None:
    found = [said for said in map(difference, map(together_scenario, range(first, first + CHUNK))) if said]
    assert not found, f"{len(found)} of {CHUNK} cases differ. The first: {found[0]}"


def test_cases_show_what_several_controllers_bring() -> None:
    seen: Counter[str] = Counter()
    for seed in range(150):
        world = together_scenario(seed).run().world
        seen["several"] += len(world.controllers) > 1
        seen["stopped"] += any(one.is_stopped for one in world.controllers)
        seen["flattened"] += any(one.purpose == "FLATTEN" for one in world.orders)
        seen["refused"] += any(one.reason == "STOPPED" for one in world.refusals)
        seen["late cancels"] += any(one.ends_ms < 2**62 and one.filled > 0 for one in world.orders)
        seen["late reports"] += any(one.hears_ms > 0 for one in world.executors)
    assert min(seen.values()) >= 10, seen
    assert len(seen) == 6, seen


def test_a_close_that_reaches_the_executors_of_others_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_all(world: World, controller: int, market: int) -> list[Executor]:
        return [one for one in world.executor_slots if one is not None and one.market == market]

    monkeypatch.setattr(decisions, "own_executors", of_all)
    assert any(difference(together_scenario(seed)) for seed in range(60))
