"""What a compiled `decide` writes down and cannot have: an error, or a refusal that is counted and says why."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

import workbench as wb
from workbench.compiled import compiled
from workbench.controllers import Executor, executors
from workbench.errors import ConfigError
from workbench.market import Action, Candles, ExecutorKind, OrderKind, Sizing

FIELDS = (
    "action", "side", "kind", "price", "size", "sizing", "executor", "config", "reduce", "trailing_activation",
    "trailing_delta", "stop_loss", "keep",
)  # fmt: skip
PERP, SPOT = "BTC/USDT:USDT", "BTC/USDT"


class Writer(wb.Controller):
    """Buys one unit in row 0, and writes down what its parameters say in row 2."""

    levels: ClassVar[int] = 2
    wish: tuple[float, ...]
    buys: float = 1.0

    def executors(self) -> tuple[Executor, ...]:
        return (executors.Order(), executors.Grid(start=0.9, end=1.1, total=100, coerce=True), executors.Position())

    def columns(self, candles: Candles) -> tuple[Any, ...]:
        return np.arange(len(candles)), self.buys, *self.wish

    @staticmethod
    @compiled
    def decide(row: Any, world: Any, out: Any) -> None:
        if row[0] == 0.0 and row[1] > 0.0:
            out[0].action, out[0].side, out[0].size, out[0].sizing = Action.ENTER, 1, row[1], Sizing.BASE
        if row[0] == 2.0:
            target = out[1]
            target.action, target.side, target.kind = int(row[2]), int(row[3]), int(row[4])
            target.price, target.size, target.sizing = row[5], row[6], int(row[7])
            target.executor, target.config, target.reduce = int(row[8]), int(row[9]), int(row[10])
            target.trailing_activation, target.trailing_delta = row[11], row[12]
            target.stop_loss, target.keep = row[13], int(row[14])


def wish(**fields: float) -> tuple[float, ...]:
    nothing = dict.fromkeys(FIELDS, 0.0) | dict.fromkeys(
        ("price", "trailing_activation", "trailing_delta", "stop_loss"), 1e300
    )
    values = {**nothing, "config": -1.0, "size": 1.0, "sizing": float(Sizing.BASE), "side": 1.0, **fields}
    return tuple(float(values[name]) for name in FIELDS)


class Sparse(Writer):
    """The same, with NaN where nothing is said: a parameter cannot be NaN."""

    def columns(self, candles: Candles) -> tuple[Any, ...]:
        given = super().columns(candles)
        return (*given[:2], *(np.nan if value == 1e300 else value for value in given[2:]))


def run(asked: tuple[float, ...], instrument: str = PERP, buys: float = 1.0, **terms: Any) -> Any:
    time = np.arange(6, dtype=np.int64) * 3_600_000
    price = np.full(6, 100.0)
    rules = terms.pop("rules", {})
    bars = Candles.from_arrays(time, price, price, price, price, np.ones(6), timeframe="1h",
                               instrument=wb.Instrument.parse(instrument, **rules))  # fmt: skip
    if instrument == PERP:
        terms = {"perpetual": wb.Perpetual(leverage=5.0), "funding_gaps": "name", **terms}
    return wb.backtest(Sparse(wish=asked, buys=buys), bars, cash=1_000.0, fees=0.0, audit=False, **terms)


def refused(result: Any) -> str:
    assert result.refusals["count"].to_list() == [1]
    return str(result.refusals["reason"][0])


CREATE, ENTER = float(Action.CREATE), float(Action.ENTER)


@pytest.mark.parametrize(
    "asked",
    [
        wish(action=ENTER, side=-1, reduce=1),
        wish(action=float(Action.HOLD), size=0.5, reduce=1),
        wish(action=CREATE, executor=float(ExecutorKind.POSITION), side=-1, reduce=1),
        wish(action=CREATE, executor=float(ExecutorKind.GRID), config=1, price=100.0, reduce=1),
    ],
    ids=["enter", "hold", "position", "grid"],
)
def test_what_cannot_be_reduce_only_is_a_counted_refusal(asked: tuple[float, ...]) -> None:
    result = run(asked)
    assert "cannot be reduce-only" in refused(result)
    assert result.fills["side"].to_list() == [1]


@pytest.mark.parametrize("hedge", [False, True])
def test_an_order_executor_may_be_reduce_only_and_never_flips(hedge: bool) -> None:
    asked = wish(action=CREATE, executor=float(ExecutorKind.ORDER), config=0, side=-1, size=5.0, reduce=1)
    result = run(asked, perpetual=wb.Perpetual(leverage=5.0, hedge=hedge))
    assert result.fills.select("side", "amount").rows() == [(1, 1.0), (-1, 1.0)]
    assert result.tape.world["markets"]["position"][0, 0] == 0.0
    assert result.orders["reduce_only"].to_list() == [False, True]


def test_an_order_executor_that_only_reduces_has_nothing_to_do_where_nothing_is_held() -> None:
    asked = wish(action=CREATE, executor=float(ExecutorKind.ORDER), config=0, side=-1, reduce=1)
    assert "nothing on the other side to reduce" in refused(run(asked, buys=0.0))


def test_reduce_only_quotes_on_spot_are_refused_and_counted() -> None:
    asked = wish(action=float(Action.QUOTE), side=-1, kind=float(OrderKind.LIMIT), price=99.0, reduce=1)
    assert "cannot be reduce-only" in refused(run(asked, SPOT))


def test_stops_and_closes_only_reduce_anyway() -> None:
    result = run(wish(action=float(Action.CLOSE), reduce=1))
    assert result.refusals.is_empty()
    assert result.fills["side"].to_list() == [1, -1]


@pytest.mark.parametrize("action", [ENTER, CREATE])
@pytest.mark.parametrize("half", ["trailing_activation", "trailing_delta"])
def test_half_a_trailing_stop_is_refused(action: float, half: str) -> None:
    asked = wish(action=action, executor=float(ExecutorKind.POSITION), size=0.1, **{half: 0.01})
    for instrument in (PERP, SPOT):
        assert "contradicts itself" in refused(run(asked, instrument, buys=0.0))


def test_a_grid_that_is_scaled_to_nothing_is_refused() -> None:
    asked = wish(action=CREATE, executor=float(ExecutorKind.GRID), config=1, price=100.0, size=0.0)
    assert "contradicts itself" in refused(run(asked))
    with pytest.raises(ConfigError, match="a range"):
        executors.Grid(start=1.0, end=1.0, total=100, coerce=True)


@pytest.mark.parametrize("rules", [{"min_amount": 0.5}, {"min_notional": 50.0}, {"lot": 1.0}], ids=str)
def test_amounts_under_a_minimum_of_the_venue_are_refused(rules: dict[str, float]) -> None:
    assert "smaller than the instrument's minimum" in refused(run(wish(action=ENTER, size=0.4), buys=0.0, rules=rules))


def test_leverage_above_the_tier_is_refused() -> None:
    tiers = (wb.Tier(0.0, 0.005, 20.0), wb.Tier(500.0, 0.01, 2.0))
    terms = wb.Perpetual(leverage=5.0, tiers=tiers)
    assert "leverage is above" in refused(run(wish(action=ENTER, size=10.0), buys=0.0, perpetual=terms))


def test_a_net_wish_is_refused_in_hedge_mode() -> None:
    terms = wb.Perpetual(leverage=5.0, hedge=True)
    assert "hedge mode" in refused(run(wish(action=float(Action.HOLD), size=0.5), perpetual=terms))


@pytest.mark.parametrize(
    "fields", [{"executor": float(ExecutorKind.LP), "config": 0.0}, {"executor": 9.0}, {"executor": 3.0, "config": 7.0}]
)
def test_an_executor_that_the_engine_does_not_know_stops_the_run(fields: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"row 2: `decide` wrote .* executor or config that does not exist"):
        run(wish(action=CREATE, **fields))
