"""Two markets, in one of which nothing was traded for a bar: a strategy of columns goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.live.lockstep import Lockstep
from tests.live.model_venue import ModelVenue
from tests.live.parity import Case, plan_of, rates_of, rules_of, straight
from tests.live.test_parity import Kept
from workbench import controllers as c
from workbench.backtest import as_market
from workbench.connectors import Bar
from workbench.live.history import History
from workbench.live.parity import compare
from workbench.market import Candles

PAIR = ("BTC/USDT", "ETH/USDT")


def history(*stamps: tuple[int, ...]) -> History:
    """Minutes of each market; the close of minute n is n + 100."""
    made = History(["binance"] * len(stamps), list(PAIR[: len(stamps)]), "1m")
    for m, minutes in enumerate(stamps):
        for n in minutes:
            close = 100.0 + n
            made.add(m, Bar(PAIR[m], "1m", n * 60_000, close - 0.5, close + 1.0, close - 1.0, close, 7.0))
    return made


KINDS = [rules_of(name).instrument() for name in PAIR]


def test_a_bar_without_trades_lies_flat_at_the_close_before_it():
    market = history((0, 1, 3), (1, 2, 3)).market(KINDS, 180_000, even=True)
    first, second = market.candles.values()
    assert first.time.tolist() == second.time.tolist() == [0, 60_000, 120_000, 180_000]
    assert first.close.tolist() == [100.0, 101.0, 101.0, 103.0]
    assert (first.open[2], first.high[2], first.low[2], first.volume[2]) == (101.0, 101.0, 101.0, 0.0)
    assert np.isnan(second.close[0])  # nothing is known before a market's first bar
    assert second.close[1:].tolist() == [101.0, 102.0, 103.0]
    assert first.volume.tolist() == [7.0, 7.0, 0.0, 7.0]


def test_what_is_shown_of_a_row_does_not_change_with_later_bars():
    told = history((0, 1, 3), (1, 2, 3))
    before, after = (told.market(KINDS, until, even=True).candles for until in (120_000, 180_000))
    for name in before:
        for column in ("open", "high", "low", "close", "volume"):
            now, then = getattr(before[name], column), getattr(after[name], column)[:3]
            np.testing.assert_array_equal(now, then)


def test_bars_of_the_same_stamps_are_shown_as_they_are():
    made = history((0, 1), (0, 1))
    even, plain = (made.market(KINDS, 60_000, even=one) for one in (True, False))
    assert all(np.shares_memory(even.candles[name].close, plain.candles[name].close) for name in even.candles)


def test_without_it_a_bar_that_is_not_there_is_not_there():
    market = history((0, 1, 3), (0, 1, 2, 3)).market(KINDS, 180_000)
    assert [len(one.time) for one in market.candles.values()] == [3, 4]


def walk(name: str, seed: int, lost: Any, n: int = 300) -> Candles:
    """A made-up market, in whose lost minutes nothing was traded."""
    close = np.round(20_000.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.002, n))), 2)
    opened = np.concatenate([close[:1], close[:-1]])
    columns = {"open": opened, "high": np.maximum(opened, close), "low": np.minimum(opened, close), "close": close,
               "volume": np.full(n, 10.0)}  # fmt: skip
    kept = ~np.isin(np.arange(n), list(lost))
    times = 1_700_000_040_000 + 60_000 * np.arange(n)
    chosen = {column: values[kept] for column, values in columns.items()}
    return Candles.trusted(times[kept], chosen, venue="binance", instrument=rules_of(name).instrument(), timeframe="1m")


@pytest.mark.parametrize("lost", [((), (60, 61)), ((60,), ()), ((60, 150), (90, 200))], ids=["second", "first", "both"])
def test_a_strategy_of_two_markets_goes_on_when_one_of_them_lacks_a_bar(lost):
    bot = c.StatArb(length=20, entry_z=1.0, total=500.0, cooldown=0)
    case = Case("stat_arb", bot, PAIR)
    candles = [walk(name, seed, gone) for (seed, name), gone in zip(enumerate(PAIR), lost, strict=True)]
    plan, journal = plan_of(case, "paper"), Kept()
    rules = [rules_of(name) for name in PAIR]
    port = ModelVenue(plan, as_market(candles), rates_of(case))
    driver = Lockstep(plan, bot, candles, rules, rates_of(case), port, journal=journal)
    straight(driver.run())
    assert driver.session.state == "running"
    assert driver.outcome.refusals == []
    wanted = [entry.body["row"] for entry in journal.entries if entry.kind == "equity" and entry.body["wanted"]]
    assert min(wanted) < 60 < 200 < max(wanted)  # it traded before and after
    told = compare(journal.entries, plan, bot)
    assert told.first is None, str(told)
