"""A live session in lockstep with its venue is the backtest, to the bit; and what differs is named.

`python -m tests.live.parity` does it for every shipped strategy on 10,000 recorded bars over sockets, and with
`--in-process` on as many as are asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tests.live.lockstep import Lockstep, Pages
from tests.live.model_venue import Held, ModelVenue
from tests.live.parity import Case, cases, in_process, over_sockets, plan_of, rates_of, rules_of, straight
from workbench import controllers as c
from workbench.backtest import as_market
from workbench.errors import Rejected
from workbench.live.parity import Parity, compare
from workbench.live.words import Happened
from workbench.market import Candles, OrderKind, show_time
from workbench.trading import Intent, Life, Report

SAMPLE = ("sma_cross", "pmm_simple", "dman", "grid_strike", "stat_arb", "xemm", "spot_perpetual_arbitrage")
BOT = c.SmaCross(fast=3, slow=8)
CASE = Case("sma_cross", BOT, ("BTC/USDT",))


@pytest.mark.shared
@pytest.mark.parametrize("name", SAMPLE)
def test_orders_fills_and_pnl_are_the_backtests_to_the_bit(name: str, shared: Any) -> None:
    case = [one for one in cases() if one.name == name][-1]
    told = in_process(case, 1_000)
    assert told["counts"]["fills"] > 0
    assert {what: said for what, said in told["first"].items() if said} == {}
    assert told["pnl"][0] == told["pnl"][1]


@pytest.mark.shared
@pytest.mark.parametrize("instrument", ["ETH/USDT", "BTC/USDT:USDT"])
def test_over_sockets_too(instrument: str, shared: Any) -> None:
    case = next(one for one in cases() if one.name == "pmm_simple" and one.instruments == (instrument,))
    told = asyncio.run(over_sockets(case, 300))
    assert told["counts"]["fills"] > 5
    assert {what: said for what, said in told["first"].items() if said} == {}


# --- what is not the same is named ------------------------------------------------------------------------------------


class Kept(Pages):
    """A journal that keeps everything."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Happened] = []

    def append(self, kind: str, body: Any, *, time_ms: int) -> int:
        number = super().append(kind, body, time_ms=time_ms)
        self.entries.append(self.batch[-1])
        return number


def walk(n: int = 200) -> Candles:
    """A made-up market with turns."""
    draw = np.random.default_rng(4)
    close = np.round(20_000.0 * np.exp(np.cumsum(draw.normal(0, 0.002, n))), 2)
    opened = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(opened, close) * 1.001, np.minimum(opened, close) * 0.999
    columns = {"open": opened, "high": high.round(2), "low": low.round(2), "close": close, "volume": np.full(n, 10.0)}
    times = 1_700_000_040_000 + 60_000 * np.arange(n)
    kind = rules_of("BTC/USDT").instrument()
    return Candles.trusted(times, columns, venue="binance", instrument=kind, timeframe="1m")


def run(venue: type[ModelVenue], *late: int) -> tuple[list[Happened], Any, Candles]:
    """A run at a venue that does something of its own; its journal, its plan, its bars."""
    candles, plan = walk(), plan_of(CASE, "paper")
    port, journal = venue(plan, as_market([candles]), rates_of(CASE)), Kept()
    steps = Lockstep(plan, BOT, [candles], [rules_of("BTC/USDT")], rates_of(CASE), port, journal=journal)
    steps.late |= set(late)
    straight(steps.run())
    return journal.entries, plan, candles


def parity(venue: type[ModelVenue]) -> Parity:
    entries, plan, _ = run(venue)
    return compare(entries, plan, BOT)


class Late(ModelVenue):
    """The fourth order is filled a bar later."""

    asleep: tuple[Held, int] | None = None

    async def create(self, intent: Intent) -> Report:
        if self.number == 3 and self.asleep is None:
            self.number += 1
            held = Held(intent, str(self.number), 0, 0.0, float(intent.amount))
            self.asleep = held, self.time_ms + 60_000
            return Report(
                intent.instrument, intent.client_id, held.venue_id, Life.OPEN, Decimal(0), self.time_ms, intent.amount
            )
        return await super().create(intent)

    async def show(self, m: int, price: float, time_ms: int) -> None:
        await super().show(m, price, time_ms)
        if self.asleep is not None and time_ms >= self.asleep[1] and self.asleep[0].intent.kind == OrderKind.MARKET:
            (held, _), self.asleep = self.asleep, (self.asleep[0], 1 << 62)
            self._fill(held, price, maker=False)


def changed(**more: Callable[[Any], Any]) -> type[ModelVenue]:
    """A venue whose fifth fill is another."""

    class Other(ModelVenue):
        def _fill(self, held: Held, price: float, *, maker: bool) -> Report:
            report = super()._fill(held, price, maker=maker)
            if self.trade == 5:
                door, fill = self.told[-2]
                self.told[-2] = (
                    door,
                    replace(fill, **{name: change(getattr(fill, name)) for name, change in more.items()}),
                )
            return report

    return Other


class Refusing(ModelVenue):
    """The third entry is refused."""

    bought = 0

    async def create(self, intent: Intent) -> Report:
        self.bought += intent.side > 0
        if self.bought == 3 and intent.side > 0:
            self.number += 1
            raise Rejected("no.", venue="model", instrument=intent.instrument, request="create")
        return await super().create(intent)


def test_a_run_that_did_as_the_backtest_is_said_to_be_equal() -> None:
    found = parity(ModelVenue)
    assert found.is_equal
    assert found.rows == 200
    assert len(found.orders) > 20
    assert found.verdict == (f"200 decisions, and a backtest over the same bars takes every one of them. "
                             f"All {len(found.orders)} orders that traded are equal.")  # fmt: skip
    assert [one for _, one, _ in found.equity] == [one for _, _, one in found.equity]


def test_a_bar_that_came_too_late_to_decide_on_is_no_decision() -> None:
    entries, _, _ = run(ModelVenue)
    crossed = [one.body["row"] for one in entries if one.kind == "equity" and one.body["wanted"]]
    entries, plan, candles = run(ModelVenue, crossed[3])
    found = compare(entries, plan, BOT)
    assert found.rows == 199
    assert found.is_equal
    assert found.notes == [f"the bar of {show_time(int(candles.time[crossed[3]]))} came late"]


def test_a_candle_that_was_changed_is_named() -> None:
    entries, plan, candles = run(ModelVenue)
    place = next(
        n for n, one in enumerate(entries) if one.kind == "bar" and one.body["bar"].time_ms == candles.time[60]
    )
    bar = entries[place].body["bar"]
    other = replace(bar, close=bar.close * 1.05)
    wrong = Happened(entries[place].number, entries[place].time_ms, "bar", {**entries[place].body, "bar": other})
    entries = [*entries[:place], wrong, *entries[place + 1 :]]
    found = compare(entries, plan, BOT)
    assert found.first is not None
    assert not found.is_equal
    assert found.first["instrument"] == "BTC/USDT"
    assert 60 <= found.first["row"] <= 60 + BOT.slow
    assert "bars that are not those that the run decided on" in found.first["cause"]
    told = compare(entries, plan, BOT, candles={"BTC/USDT": candles})
    when = show_time(int(candles.time[60]))
    assert told.first is not None
    assert told.first["cause"] == (f"a bar that differs (BTC/USDT {when}: close {other.close:.12g} in the run, "
                                   f"{bar.close:.12g} in the candles)")  # fmt: skip


def test_a_fill_that_came_late_is_named() -> None:
    found = parity(Late)
    first = found.first_fill
    assert first is not None
    assert first["cause"].split(", ")[0] == "time"
    assert first["instrument"] == "BTC/USDT"
    assert first["price_live"] != first["price_backtest"]
    assert f"the first {first['time']} on BTC/USDT in time" in found.verdict
    assert found.gap["time"] != 0.0
    assert sum(found.gap[name] for name in ("price", "time", "amount", "fee", "missing", "other")) == pytest.approx(
        found.gap["whole"]
    )


def test_a_fee_that_was_changed_is_named() -> None:
    found = parity(changed(fee=lambda fee: fee * 3))
    first = found.first_fill
    assert first is not None
    assert first["cause"] == "fee"
    assert first["fee_live"] == pytest.approx(3 * first["fee_backtest"])
    assert found.table.filter(found.table["cause"] == "fee")["orders"][0] == 1
    assert first["effect"] == pytest.approx(first["fee_backtest"] - first["fee_live"])


def test_a_price_that_was_changed_is_named() -> None:
    found = parity(changed(price=lambda price: price + 10))
    first = found.first_fill
    assert first is not None
    assert first["cause"] == "price"
    assert first["price_live"] == pytest.approx(first["price_backtest"] + 10)


def test_an_order_that_the_venue_refused_is_missing() -> None:
    found = parity(Refusing)
    first = found.first_fill
    assert first is not None
    assert first["cause"] == "missing"
    assert first["amount_live"] == 0.0


def test_the_chart_has_both_curves_and_the_gap() -> None:
    found = parity(changed(fee=lambda fee: fee * 3))
    figure = found.plot()
    assert figure.layout.title.text.replace("<br>", " ") == found.verdict
    assert [trace.name for trace in figure.data] == ["run", "backtest", "gap"]
    assert max(abs(value) for value in figure.data[2].y) > 0
