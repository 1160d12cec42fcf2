"""The wide random cases against their own purpose: they show all there is, and say how to make them again."""

from __future__ import annotations

from collections import Counter

import pytest

from . import reference
from .reference import ExecutorKind, Outcome
from .scenarios import Scenario, shrink
from .scenarios_wide import wide_scenario

pytestmark = pytest.mark.untraced

N_CASES = 700
ENDS = ("EARLY_STOP", "STOP_LOSS", "TRAILING_STOP", "TAKE_PROFIT", "TIME_LIMIT", "FAILED", "POSITION_HOLD")
KINDS = tuple(kind for kind in ExecutorKind if kind != ExecutorKind.LP)
EXPECTED = (
    *(f"{kind.name} filled" for kind in KINDS),
    *(f"{kind.name} {end}" for kind in (ExecutorKind.POSITION, ExecutorKind.DCA, ExecutorKind.GRID) for end in ENDS),
    *(f"{kind.name} {end}" for kind in (ExecutorKind.ORDER, ExecutorKind.TWAP) for end in ("POSITION_HOLD", "FAILED")),
    *("TWAP COMPLETED", "ARBITRAGE COMPLETED", "ARBITRAGE FAILED", "ARBITRAGE EARLY_STOP", "XEMM COMPLETED"),
    *("XEMM EARLY_STOP", "POSITION LIQUIDATED", "liquidation", "insurance", "funding", "funding gap", "marks"),
    *("BAD_CONFIG", "BAD_MODE", "LEVERAGE", "NOTHING_TO_REDUCE", "TOO_LARGE", "NO_RATE", "STOPPED", "NO_FUNDS"),
    *("TOO_SMALL", "NO_PRICE", "spot", "margin", "perpetual", "hedge", "reduce", "partial fill", "fee in a coin"),
    *("queue", "intensity", "touch", "through", "submit", "cancel", "report", "timeframes", "old rate", "no rate"),
    *("2 controllers", "3 controllers", "EXIT in parts", "HEDGE FILLED", "FLATTEN FILLED", "ENTRY REJECTED"),
)


def test_wide_cases_show_everything() -> None:
    seen = Counter[str]()
    for seed in range(N_CASES):
        case = wide_scenario(seed)
        seen.update(told(case, case.run()))
    rare = {name: seen[name] for name in EXPECTED if seen[name] < 3}
    assert not rare, f"seen less than three times in {N_CASES} cases: {rare}"
    assert seen["trades"] > 0.8 * N_CASES


def told(case: Scenario, outcome: Outcome) -> set[str]:
    """What there is to see in one case, a word for each."""
    world, settings = outcome.world, case.settings
    words = {settings.fill, f"{len(settings.controllers)} controllers"} | {one.kind for one in settings.purses}
    words |= {name for name, is_so in circumstances(case).items() if is_so}
    for executor in outcome.executors:
        name = executor.kind.name
        words |= {f"{name} {executor.close_type}"} | ({f"{name} filled"} if executor.entry_amount else set())
    for order in outcome.orders:
        words |= {f"{order.purpose} {order.status}"} | ({"reduce"} if order.reduce and order.filled else set())
        words |= {"partial fill"} if 0 < order.filled < order.amount else set()
        words |= {f"{order.purpose} in parts"} if order.is_part else set()
    words |= {"trades"} if outcome.fills else set()
    words |= {"fee in a coin"} if any(fill.fee_in_coin for fill in outcome.fills) else set()
    words |= {"liquidation"} if world.liquidations else set()
    words |= {"insurance"} if any(purse.insurance for purse in world.purses) else set()
    words |= {"funding"} if any(payment.amount for payment in world.payments) else set()
    words |= {"funding gap"} if any(world.funding_gaps) else set()
    words |= {"old rate"} if world.rows_with_old_rate else set()
    words |= {"no rate"} if world.rows_without_rate else set()
    return words | {refusal.reason for refusal in outcome.refusals}


def circumstances(case: Scenario) -> dict[str, bool]:
    markets = case.settings.markets
    return {
        "submit": any(one.submit_ms for one in markets),
        "cancel": any(one.cancel_ms for one in markets),
        "report": any(one.report_ms for one in markets),
        "timeframes": len(set(case.bars.timeframes)) > 1,
        "marks": bool(case.bars.marks),
        "hedge": any(one.hedge for one in case.settings.purses),
    }


def test_case_is_the_same_each_time_and_its_repr_makes_it_again() -> None:
    for seed in range(12):
        case = wide_scenario(seed)
        assert repr(case) == repr(wide_scenario(seed))
        again = eval(repr(case), {**vars(reference), "Scenario": Scenario, "inf": float("inf")})
        assert again.run().fills == case.run().fills
        assert again.run().equity == case.run().equity


def test_shrinking_keeps_a_wide_failure() -> None:
    def liquidates(case: Scenario) -> bool:
        return bool(case.run().world.liquidations)

    case = next(one for one in map(wide_scenario, range(500)) if liquidates(one))
    small = shrink(case, liquidates)
    assert liquidates(small)
    assert sum(map(len, small.decisions)) <= sum(map(len, case.decisions))
