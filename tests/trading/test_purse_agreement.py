"""Created executors in perpetual, margin and spot purses: the compiled engine and the plain one tell the same story."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from workbench.market import ExecutorKind
from workbench.trading import CloseType

from .agreement import compiled_run, difference
from .scenarios import shrink
from .scenarios_executors import MADE
from .scenarios_purses import purse_scenario

pytestmark = pytest.mark.untraced

# `python -m tests.trading.agree --cases purses` runs many more.
FIRST = int(os.environ.get("WORKBENCH_TEST_SEED", "500000"))
COUNT, CHUNK = 300, 100


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, CHUNK))
def test_engines_agree_on_executors_in_purses(first: int) -> None:
    print(f"seeds {first} to {first + CHUNK - 1}")  # noqa: T201 — pytest shows it when the test fails
    found = [seed for seed in range(first, first + CHUNK) if difference(purse_scenario(seed))]
    assert not found, in_short(found[0], len(found))


def in_short(seed: int, n_found: int) -> str:
    small = shrink(purse_scenario(seed), lambda one: bool(difference(one)))
    return f"{n_found} of {CHUNK} cases differ. The first, cut down:\n{small!r}\n{difference(small)}"


def test_cases_show_every_executor_and_its_liquidation() -> None:
    seen: Counter[str] = Counter()
    for seed in range(800):
        tape = compiled_run(purse_scenario(seed))
        for kind, end in zip(tape.executors["kind"].tolist(), tape.executors["close_type"].tolist(), strict=True):
            seen[ExecutorKind(kind).name] += 1
            seen[f"{ExecutorKind(kind).name} {CloseType(end).name}"] += 1
        seen["payments"] += len(tape.payments) if tape.payments is not None else 0
    assert all(seen[kind.name] >= 20 for kind in MADE), seen
    liquidated = [kind for kind in MADE if seen[f"{kind.name} LIQUIDATED"]]
    assert len(liquidated) >= 3, seen
    assert seen["payments"] >= 50, seen


def test_a_spread_that_a_chaser_forgets_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from .reference.executors import order as plain_order

    def without_spread(world, target, config, price):  # type: ignore[no-untyped-def]
        return plain_order.whole_ticks(world, target.market, target.side, price * (1.0 - target.side * config.distance))

    monkeypatch.setattr(plain_order, "wanted_price", without_spread)
    assert any(difference(purse_scenario(seed, (ExecutorKind.ORDER,))) for seed in range(60))
