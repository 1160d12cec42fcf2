"""Perpetuals, purses and matching models: the compiled engine and the plain one tell the same story."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from . import reference
from .agreement import a_world, compiled_run, difference
from .reference import World
from .reference import perpetuals as plain_perpetuals
from .scenarios import Scenario, shrink
from .scenarios_venue import venue_scenario

pytestmark = pytest.mark.untraced

FIRST = int(os.environ.get("WORKBENCH_TEST_SEED", "300000"))  # `python -m tests.trading.agree --cases venue`: many more
COUNT, CHUNK = 1_000, 250
WITHIN = 400


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, CHUNK))
def test_engines_agree_on_perpetuals_and_models(first: int) -> None:
    print(f"seeds {first} to {first + CHUNK - 1}")  # noqa: T201 — pytest shows it when the test fails
    found = [seed for seed in range(first, first + CHUNK) if difference(venue_scenario(seed))]
    assert not found, in_short(venue_scenario(found[0]), len(found))


def in_short(case: Scenario, n_found: int) -> str:
    small = shrink(case, lambda one: bool(difference(one)))
    return f"{n_found} of {CHUNK} cases differ. The first, cut down:\n{small!r}\n{difference(small)}"


def test_cases_show_what_they_are_drawn_for() -> None:
    seen: Counter[str] = Counter()
    for seed in range(600):
        tape = compiled_run(venue_scenario(seed))
        world = tape.world
        seen["liquidations"] += int(world["liquidations"][0])
        seen["payments"] += len(tape.payments if tape.payments is not None else ())
        seen["partial fills"] += int((tape.orders["filled"] < tape.orders["amount"]).sum())
        seen["coins"] += int((tape.fills["flags"] & 32 != 0).sum())
        seen["insurance"] += int((world["purses"]["insurance"] > 0).sum())
        for reason in tape.refusals["reason"].tolist():
            seen[f"refused {reason}"] += 1
    wanted = ("liquidations", "payments", "partial fills", "coins", "insurance", "refused 8", "refused 9", "refused 10")
    assert all(seen[name] >= 5 for name in wanted), seen


def test_a_plain_case_is_the_same_with_a_purse() -> None:
    from .reference import PurseTerms
    from .scenarios import scenario

    for seed in range(300):
        case = scenario(seed)
        terms = case.settings
        purse = PurseTerms(terms.cash, terms.account, terms.leverage)
        with_purse = replace(case, settings=replace(terms, purses=(purse,)))
        assert a_world(with_purse).dtype != a_world(case).dtype
        assert difference(with_purse) == ""


# Bugs planted in the plain engine -------------------------------------------------------------------------------


def last_instead_of_mark(world: World, market: int, price: float) -> None:
    world.marks[market] = price


def funding_the_other_way(world: World, market: int, time_ms: int, rate: float, mark: float) -> None:
    PAY(world, market, time_ms, -rate, mark)


def never_liquidated(world: World, purse: int) -> bool:
    return False


def no_insurance(purse: Any) -> None:
    return None


def unlucky(seed: int, row: int, order_id: int) -> float:
    return 0.999


PAY = plain_perpetuals.pay
PLANTED: dict[str, Callable[..., Any]] = {
    "set_mark": last_instead_of_mark,
    "pay": funding_the_other_way,
    "liquidate_if_due": never_liquidated,
    "cover": no_insurance,
    "draw": unlucky,
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_bug_planted_in_the_plain_engine_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (plain_perpetuals, reference.matching, reference.walk):
        if hasattr(module, name):
            monkeypatch.setattr(module, name, PLANTED[name])
    assert any(difference(venue_scenario(seed)) for seed in range(FIRST, FIRST + WITHIN))
