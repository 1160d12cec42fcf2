"""The compiled engine and the plain one tell the same story, and a bug planted in either is found."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from workbench.backtest.engine import Tape
from workbench.trading import ALL_ORDERS, Path, advance, equity, match, take

from . import agree, reference
from .agreement import compiled_run, difference, prepared
from .drivers import Awake, Singly
from .reference import Executor, Fill, Order, Target, World
from .scenarios import Scenario, scenario, shrink

pytestmark = pytest.mark.untraced

FIRST = int(os.environ.get("WORKBENCH_TEST_SEED", "200000"))  # `python -m tests.trading.agree` does many more
COUNT, CHUNK = 1_500, 250
WITHIN = 400  # seeds in which a planted bug has to show


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, CHUNK))
def test_engines_agree(first: int) -> None:
    print(f"seeds {first} to {first + CHUNK - 1}")  # noqa: T201 — pytest shows it when the test fails
    found = [seed for seed in range(first, first + CHUNK) if difference(scenario(seed))]
    assert not found, in_short(scenario(found[0]), len(found))


def in_short(case: Scenario, n_found: int) -> str:
    """A case that differs, cut down to what it takes to differ."""
    small = shrink(case, lambda one: bool(difference(one)))
    return f"{n_found} of {CHUNK} cases differ. The first, cut down:\n{small!r}\n{difference(small)}"


def test_command_shows_what_differs_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["agree", "--from", "7", "--count", "3"])
    monkeypatch.setattr(agree, "all_differences", lambda *seeds: map(agree.differences_in, [range(7, 10)]))
    monkeypatch.setattr(agree, "difference", lambda case: "seed 8 differs" if case.seed == 8 else "")
    assert agree.main() == 1
    out = capsys.readouterr().out
    assert all(line in out for line in ("seeds 7 to 9 ", "\nseed 8 differs\n", "\n3 cases, 1 differences, "))


# Bugs in the plain engine -------------------------------------------------------------------------------------

plain = {name: getattr(reference, name) for name in dir(reference)}


def time_limit_beats_the_stop(world: World, executor: Executor, price: float) -> str:
    late = world.now >= executor.deadline
    return "TIME_LIMIT" if late else plain["barrier_reached"](world, executor, price)


def extremes_swapped(world: World, market: int, bar: tuple[float, ...]) -> tuple[float, float]:
    first, second = plain["vertices"](world, market, bar)
    return second, first


def limits_always_fresh(world: World, order: Order, price: float, is_fresh: bool) -> None:
    plain["answer_limit"](world, order, price, is_fresh=True)


def base_fee_forgotten(world: World, executor: Executor, fill: Fill) -> None:
    plain["entered"](world, executor, fill)
    executor.held = fill.amount


def trail_that_stays(executor: Executor, price: float) -> None:
    if not executor.is_armed:
        plain["move_trail"](executor, price)


def ticks_the_other_way(world: World, market: int, side: int, price: float) -> float:
    return plain["whole_ticks"](world, market, -side, price)


def lots_rounded_up(world: World, market: int, amount: float) -> float:
    lot = world.settings.markets[market].lot
    return math.ceil(amount / lot - 1e-9) * lot if lot and amount > 0 else plain["whole_lots"](world, market, amount)


def stops_without_gaps(world: World, order: Order, price: float) -> None:
    stops = order.kind == reference.OrderKind.STOP and order.side * (price - order.trigger) >= 0
    plain["answer"](world, order, order.trigger if stops else price)


def exits_a_tick_late(world: World, market: int) -> list[Order]:
    orders: list[Order] = plain["active_orders"](world, market)
    return [order for order in orders if not (order.closes and order.created_row == world.row and order.is_fresh)]


def gross_price(executor: Executor, gain: float, rate: float) -> float:
    return executor.entry * (1.0 + executor.side * gain)


def never_the_same(world: World, old: Order, target: Target) -> bool:
    return False


def uncut(world: World, order: Order) -> float:
    return order.size * reference.equity(world)


def fully_lent(world: World, market: int, side: int, amount: float, price: float) -> bool:
    return True


PLAIN_BUGS = {
    "a deadline beats the stop": ("barrier_reached", time_limit_beats_the_stop),
    "the extremes are swapped": ("vertices", extremes_swapped),
    "a resting limit pays as taker": ("answer_limit", limits_always_fresh),
    "a stop fills at its trigger in a gap": ("answer", stops_without_gaps),
    "a fee in base is held": ("entered", base_fee_forgotten),
    "a trail stays where it was armed": ("move_trail", trail_that_stays),
    "net of fees is not": ("net_price", gross_price),
    "a limit is rounded towards the market": ("whole_ticks", ticks_the_other_way),
    "an amount is rounded up": ("whole_lots", lots_rounded_up),
    "an exit waits for the next tick": ("active_orders", exits_a_tick_late),
    "a new order never takes a free slot": ("take_slot", list.append),
    "leverage has no limit": ("within_leverage", fully_lent),
    "a quote is always replaced": ("is_same", never_the_same),
    "a wish is not cut": ("hold_value", uncut),
    "one exit too few": ("MOST_REPEATS", reference.MOST_REPEATS - 1),
}


@pytest.mark.parametrize(("name", "bug"), PLAIN_BUGS.values(), ids=PLAIN_BUGS)
def test_bug_in_the_plain_engine_is_found(name: str, bug: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, name, bug)
    assert any(differences(compiled_run))


def differences(run: Callable[[Scenario], Tape]) -> Iterator[str]:
    return (difference(scenario(seed), run) for seed in range(FIRST, FIRST + WITHIN))


# Bugs in what drives the compiled engine ----------------------------------------------------------------------


class StepsFirst(Singly):
    def see_tick(self, m: int, price: float) -> None:
        self.markets["last"][m], self.world["time_ms"] = price, self.tick["time_ms"]
        advance(self.world[0], m, price)
        match(self.world[0], m, price, ALL_ORDERS)


class MatchesOnce(Singly):
    def see_tick(self, m: int, price: float) -> None:
        self.markets["last"][m], self.world["time_ms"] = price, self.tick["time_ms"]
        match(self.world[0], m, price, ALL_ORDERS)
        advance(self.world[0], m, price)


class ForgetsTime(Singly):
    def see_tick(self, m: int, price: float) -> None:
        self.tick["time_ms"] = self.bars.time[self.world["row"][0]]
        super().see_tick(m, price)


class LooksAhead(Singly):
    def run_row(self, t: int) -> None:
        self.world["row"] = t - 1
        self.decide(t)
        super().run_row(t)


class DecidesBackwards(Singly):
    def decide(self, t: int) -> None:
        self.world["time_ms"] = self.bars.time[t] + self.timeframe_ms
        for place in reversed(range(*self.plan.rows.searchsorted([t, t + 1]))):
            take(self.world[0], self.targets[place], self.plan.levels[place], equity(self.world[0]))


class MarksAtTheOpen(Singly):
    def see_bar(self, m: int, t: int) -> None:
        super().see_bar(m, t)
        self.markets["last"][m] = self.bars.open[m, t]


class Oversleeps(Singly):
    def walk(self, m: int, t: int) -> None:
        super().walk(m, t)
        self.markets["above"][m] = math.inf


class OtherPath(Singly):
    def run(self) -> Tape:
        self.world["path"] = {Path.OHLC: Path.WORST, Path.WORST: Path.BEST}.get(self.world["path"][0], Path.OHLC)
        return super().run()


class NoLatency(Singly):
    def run(self) -> Tape:
        self.world["latency"] = 0
        return super().run()


class DearerFees(Singly):
    def run(self) -> Tape:
        self.markets["taker"] *= 1.0 + 1e-6
        return super().run()


class LosesTheLastFill(Singly):
    def run(self) -> Tape:
        whole = super().run()
        return Tape(whole.world, whole.fills[:-1], whole.orders, whole.executors, whole.refusals, whole.equity)


BUGS = [
    StepsFirst, MatchesOnce, ForgetsTime, LooksAhead, DecidesBackwards, MarksAtTheOpen, Oversleeps, OtherPath,
    NoLatency, DearerFees, LosesTheLastFill,
]  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
def test_bug_in_driving_the_compiled_engine_is_found(bug: type[Singly]) -> None:
    assert any(differences(lambda case: bug(prepared(case)).run()))


@pytest.mark.parametrize("driver", [Singly, Awake])
def test_single_calls_have_no_such_bug(driver: type[Singly]) -> None:
    found = differences(lambda case: driver(prepared(case)).run())
    assert not any(itertools.islice(found, 40))
