"""Several strategies in one account: worked by hand, and each beside itself alone."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

import workbench as wb
from workbench.compiled import compiled
from workbench.controllers import Bollinger, GridStrike, PmmSimple, Together
from workbench.errors import ConfigError
from workbench.market import Action, Candles, Sizing, Targets

HOUR = 3_600_000
BTC, ETH, PERP = "BTC/USDT", "ETH/USDT", "BTC/USDT:USDT"
FREE: dict[str, Any] = {"cash": 1_000.0, "fees": 0.0, "account": "margin", "audit": False}


def candles(closes: list[float], symbol: str = BTC) -> Candles:
    """Hourly bars that open at the close before, and stay between the two."""
    close = np.array(closes, float)
    opened = np.concatenate([close[:1], close[:-1]])
    time = np.arange(len(close), dtype=np.int64) * HOUR
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    return Candles.from_arrays(time, opened, high, low, close, np.ones(len(close)), timeframe="1h", instrument=symbol)


class At(wb.Controller):
    """Enters an amount on a side in one row, and closes in another."""

    side: int = 1
    row: int = 0
    until: int = -1
    amount: float = 1.0

    def targets(self, candles: Candles) -> Targets:
        side, leaves = np.zeros(len(candles), np.int8), np.zeros(len(candles), bool)
        side[self.row] = self.side
        if self.until >= 0:
            leaves[self.until] = True
        return Targets.at_market(side, amount=self.amount, exit=leaves)


class Echo(wb.Controller):
    """Sells what it believes to hold as soon as it holds something; until then it buys one unit."""

    levels: ClassVar[int] = 2

    def columns(self, candles: Any) -> tuple[Any, ...]:
        return (candles.close,)

    @staticmethod
    @compiled
    def decide(row: Any, world: Any, out: Any) -> None:
        target = out[0]
        if world.position == 0.0 and world.open_long == 0:
            target.action, target.side, target.size = Action.ENTER, 1, 1.0
        elif world.position > 0.0:
            target.action, target.side = Action.CLOSE, 1
        target.sizing = Sizing.BASE


def pnls(result: Any) -> list[float]:
    return result.controllers["pnl"].to_list()  # type: ignore[no-any-return]


def test_each_has_its_own_pnl_and_they_add_up_to_the_account() -> None:
    bars = candles([100, 100, 104, 110, 106])
    result = wb.backtest([At(row=1), At(side=-1, row=2)], bars, **FREE)
    assert pnls(result) == [6.0, -2.0]  # bought at 100; sold at 104; 106 now
    assert result.accounts["At 1"].to_list() == [0.0, 0.0, 4.0, 10.0, 6.0]
    assert result.accounts["At 2"].to_list() == [0.0, 0.0, 0.0, -6.0, -2.0]
    assert result.equity["equity"][-1] == 1_004.0


def test_a_close_reaches_its_own_executors_alone() -> None:
    bars = candles([100.0] * 3 + [103.0] * 3)
    result = wb.backtest([At(row=0), At(row=0, until=2)], bars, **FREE)
    assert result.executors["phase"].to_list() == ["holding", "done"]
    assert result.fills["side"].to_list() == [1, 1, -1]


def test_a_decide_sees_its_own_position_and_executors() -> None:
    result = wb.backtest([At(row=0, amount=5.0), Echo()], candles([100.0] * 6), **FREE)
    echoed = result.fills.filter(pl.col("amount") == 1.0)
    assert echoed["side"].to_list() == [1, -1, 1, -1, 1]
    assert result.fills.filter(pl.col("amount") == 5.0)["side"].to_list() == [1]


def walk(seed: int, n: int = 3_000) -> Candles:
    rng = np.random.default_rng(seed)
    return candles((100.0 * np.exp(np.cumsum(rng.normal(0, 0.004, n)))).tolist())


def test_with_money_enough_each_does_what_it_does_alone() -> None:
    # The worst path is that of the account, so they would meet another one alone.
    bars, terms = walk(3), {**FREE, "cash": 1e6, "fees": 0.0005, "path": "ohlc"}
    bots = [
        Bollinger(length=30, amount=1.0, stop_loss=0.02, take_profit=0.02), Echo(),
        PmmSimple(total=1_000.0, stop_loss=0.02), GridStrike(total=2_000.0, min_spread=0.005),
    ]  # fmt: skip
    together = wb.backtest(bots, bars, **terms)
    alone = [wb.backtest(bot, bars, **terms) for bot in bots]
    assert together.controllers["fills"].to_list() == [len(one.fills) for one in alone]
    assert min(together.controllers["fills"]) > 20
    for pnl, one in zip(pnls(together), alone, strict=True):
        assert pnl == pytest.approx(one.equity["equity"][-1] - 1e6, abs=1e-6)
    change = together.equity["equity"].to_numpy() - 1e6
    np.testing.assert_allclose(together.accounts.select(pl.sum_horizontal(pl.exclude("time"))).to_series(), change,
                               atol=1e-6)  # fmt: skip


# Drawdown stops -------------------------------------------------------------------------------------------------


def test_a_drawdown_stops_one_for_good_and_sells_what_it_holds() -> None:
    # Bought 2 at 100; 106 is the peak of 12, and at 101 it has lost 10 of that. Sold at the next open; others go on.
    bars = candles([100, 100, 106, 101, 101, 90, 90])
    bot = Together(bots=(At(row=1, amount=2.0), At(row=0), At(row=5)), max_controller_drawdown_quote=(10.0, 0.0, 0.0))
    result = wb.backtest(bot, bars, **FREE)
    first = result.controllers.row(0, named=True)
    assert (first["pnl"], first["peak"], first["stopped_by"]) == (2.0, 12.0, "its own drawdown")
    assert first["stopped"].hour == 3
    assert result.controllers["stopped_by"].to_list()[1:] == [None, None]
    assert result.fills["row"].to_list() == [1, 2, 4, 6]


def test_a_drawdown_of_the_account_stops_all_and_later_wishes_are_refused_and_counted() -> None:
    bars = candles([100, 100, 80, 80, 80, 80])
    bot = Together(bots=(At(row=0, amount=2.0), At(row=3), Echo()), max_global_drawdown_quote=30.0)
    result = wb.backtest(bot, bars, **FREE)
    assert result.controllers["stopped_by"].to_list() == ["the drawdown of all"] * 3
    assert result.equity["equity"][-1] == 1_000.0 - 2 * 20  # Echo sold at the open of the bar that fell
    refused = dict(result.refusals.iter_rows())
    assert refused["its controller was stopped"] >= 2  # the entry of row 3, and what Echo asks for after
    assert result.tape.world["markets"]["position"][0, 0] == 0.0


# Instruments ----------------------------------------------------------------------------------------------------


def test_each_may_trade_instruments_of_its_own() -> None:
    both = [candles([100.0] * 6), candles([10.0, 10, 12, 12, 12, 12], ETH)]
    bot = Together(bots=(Echo(), At(row=0, amount=3.0)), instruments=((BTC,), (ETH,)))
    result = wb.backtest(bot, both, **FREE)
    assert set(result.fills.filter(pl.col("amount") == 1.0)["instrument"]) == {BTC}
    assert result.fills.filter(pl.col("amount") == 3.0)["instrument"].to_list() == [ETH]
    assert pnls(result) == [0.0, 6.0]
    other = wb.backtest(bot.vary(instruments=((ETH,), (BTC,))), both, **FREE)
    assert set(other.fills.filter(pl.col("amount") == 1.0)["instrument"]) == {ETH}


def test_each_decides_at_the_closes_of_its_own_timeframe() -> None:
    slow = walk(1, 64).resample("4h")
    eth = Candles.from_arrays(slow.time, slow.open, slow.high, slow.low, slow.close, slow.volume, timeframe="4h",
                              instrument=ETH)  # fmt: skip
    bot = Together(bots=(Echo(), Echo()), instruments=((BTC,), (ETH,)))
    result = wb.backtest(bot, [walk(2, 64), eth], **FREE)
    rows = result.fills.filter(pl.col("instrument") == ETH)["row"].to_list()
    assert rows == [4 * i + 7 for i in range(len(rows))]  # a bar of four hours is met in the row in which it closes
    assert len(rows) == 15


def test_funding_is_paid_by_whoever_holds_though_the_account_is_flat() -> None:
    perp = candles([100.0] * 12, PERP)
    funding = pl.DataFrame({"time": [0, 8 * HOUR], "rate": [0.01, 0.001]})
    terms = {"cash": 1_000.0, "fees": 0.0, "audit": False, "perpetual": wb.Perpetual(), "funding": funding}
    result = wb.backtest([At(row=0, amount=5.0), At(side=-1, row=0, amount=5.0)], perp, **terms)
    assert pnls(result) == pytest.approx([-0.5, 0.5])
    assert result.equity["equity"][-1] == 1_000.0


def test_a_liquidation_is_shared_by_what_each_holds() -> None:
    perp = candles([100.0, 100, 100, 75, 75], PERP)
    terms = {"cash": 1_000.0, "fees": 0.0, "audit": False, "funding_gaps": "name"}
    result = wb.backtest(
        [At(row=0, amount=30.0), At(row=0, amount=20.0)], perp, perpetual=wb.Perpetual(leverage=10.0), **terms
    )
    (fill,) = result.liquidations.iter_rows(named=True)
    assert fill["amount"] == 50.0
    assert pnls(result) == pytest.approx([30 * (fill["price"] - 100), 20 * (fill["price"] - 100)])
    assert result.controllers["fills"].to_list() == [1, 1]


# A value, and what is none --------------------------------------------------------------------------------------


def test_it_is_a_value_that_a_card_can_bring_back() -> None:
    bot = Together(bots=(Bollinger(length=20), PmmSimple()), max_global_drawdown_quote=100.0)
    again = Together(**json.loads(json.dumps(bot.model_dump(mode="json"))))
    assert again == bot
    assert again.fingerprint == bot.fingerprint != bot.vary(bots=(Bollinger(length=21), PmmSimple())).fingerprint
    result = wb.backtest(bot, walk(5, 400), cash=1e4, account="margin")
    assert wb.rerun(result.card).card["result"] == result.card["result"]
    assert result.audit.clean


def test_a_bot_that_looks_ahead_is_found_among_others() -> None:
    class Prophet(wb.Controller):
        def targets(self, candles: Candles) -> Targets:
            return Targets.at_market(np.sign(np.append(np.diff(candles.close), 0.0)).astype(np.int8), amount=1.0)

    with pytest.warns(wb.backtest.__globals__["LookaheadWarning"]):
        result = wb.backtest([At(), Prophet()], walk(5, 400), **{**FREE, "audit": True})
    assert not result.audit.clean


class Ticking(wb.Controller):
    def on_tick(self, context: Any) -> None:
        context.hold(1.0)


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        (lambda bars: wb.backtest([], bars), "0 bots. An account is shared by 1 to 16"),
        (lambda bars: wb.backtest([At()] * 17, bars), "17 bots"),
        (lambda bars: wb.backtest([At(), 3], bars), "3 is no strategy"),
        (lambda bars: wb.backtest([At(), Together(bots=(At(),))], bars), "is no strategy"),
        (lambda bars: wb.backtest([At(), Ticking()], bars), "Ticking is written as `on_tick`"),
        (lambda bars: Together(bots=(At(),), instruments=((BTC,), (ETH,))), "2 entries for 1 bots"),
        (lambda bars: wb.backtest(Together(bots=(At(),), instruments=((ETH,),)), bars), "no instrument 'ETH/USDT'"),
        (lambda bars: Together(bots=(At(),), max_controller_drawdown_quote=-1.0), "Give an amount above 0"),
        (lambda bars: Together(bots=(At(),), max_global_drawdown_quote=0.0), "above 0"),
        (lambda bars: wb.backtest(At(), bars, audit=False).controllers, "This run had one strategy"),
        (lambda bars: wb.sweep(Together(bots=(At(),)), {"max_global_drawdown_quote": [1.0]}, bars), "Sweep, or run"),
    ],
)  # fmt: skip
def test_what_cannot_share_an_account_is_refused_in_words(run: Any, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run(candles([100.0] * 5))
    assert sentence in str(caught.value)


def test_an_account_with_legs_is_not_shared() -> None:
    with pytest.raises(ConfigError, match="share a one-way account"):
        wb.backtest([At()], candles([100.0] * 5, PERP), perpetual=wb.Perpetual(hedge=True), funding_gaps="name")
