"""Purses, timeframes, rates and models through `wb.backtest`: each worked by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

import workbench as wb
from workbench.backtest import Context
from workbench.errors import ConfigError, DataError

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
Rows = list[tuple[float, ...]]


def candles(rows: Rows, symbol: str = "BTC/USDT", timeframe: str = "1h", **more: Any) -> wb.Candles:
    """Bars from `start` on: open, high, low, close; 100 of volume each."""
    o, h, low, c = np.array(rows, float).T
    step = {"1m": MINUTE, "15m": 15 * MINUTE, "1h": HOUR, "4h": 4 * HOUR}[timeframe]
    time = DAY + more.pop("start", 0) + np.arange(len(rows), dtype=np.int64) * step
    volume = np.full(len(rows), more.pop("volume", 100.0))
    return wb.Candles.from_arrays(time, o, h, low, c, volume, timeframe=timeframe, instrument=symbol, venue="test")


def flat(*prices: float) -> Rows:
    return [(price, price, price, price) for price in prices]


class Buyer(wb.Controller):
    """Buys an amount of one instrument in one row."""

    symbol: str = "BTC/USDT"
    at: int = 0
    amount: float = 1.0
    price: float | None = None

    def on_tick(self, context: Context) -> None:
        if context.row == self.at:
            limit = {} if self.price is None else {"price": self.price}
            context.enter(1, amount=self.amount, instrument=self.symbol, **limit)


# Timeframes, starts and gaps ------------------------------------------------------------------------------------


class Watcher(wb.Controller):
    """Writes down what it can see of a slower market at each close."""

    def on_tick(self, context: Context) -> None:
        slow = context.candles_of("ETH/USDT")
        SEEN.append((context.time_ms, len(slow), int(slow.time[-1]) + slow.timeframe_ms if len(slow) else -1))


SEEN: list[tuple[int, int, int]] = []


def test_a_bar_of_any_timeframe_is_known_only_once_it_has_closed() -> None:
    SEEN.clear()
    fast, slow = candles(flat(*[100.0] * 9), timeframe="15m"), candles(flat(10, 11), "ETH/USDT")
    wb.backtest(Watcher(), [fast, slow], audit=False)
    assert [count for _, count, _ in SEEN] == [0, 0, 0, 1, 1, 1, 1, 2, 2]
    assert all(close <= now for now, _, close in SEEN)


def test_an_order_decided_inside_a_longer_bar_meets_what_is_left_of_it() -> None:
    # Decided at 01:30. The bar of 01:00 to 02:00 walks 10 → 8 → 14 → 12, a third of its time each; half way through
    # it is at 11, between 8 and 14. The open at 10 is over by then.
    fast = candles(flat(*[100.0] * 12), timeframe="15m")
    slow = candles([(9, 9, 9, 9), (10, 14, 8, 12), (12, 12, 12, 12)], "ETH/USDT")
    result = wb.backtest(Buyer(symbol="ETH/USDT", at=5), [fast, slow], fees=0.0, path="ohlc", audit=False)
    (fill,) = result.fills.iter_rows(named=True)
    assert fill["price"] == pytest.approx(11.0)
    assert fill["row"] == 7  # that in which the bar closes


def test_instruments_may_start_late_and_have_gaps() -> None:
    btc, late = candles(flat(*range(100, 112))), candles(flat(*range(10, 16)), "ETH/USDT", start=6 * HOUR)
    holed = wb.Candles.from_frame(late.to_polars().filter(pl.col("time") != datetime(1970, 1, 2, 8, tzinfo=UTC)),
                                  instrument="ETH/USDT", timeframe="1h", venue="test")  # fmt: skip
    early = wb.backtest(Buyer(symbol="ETH/USDT", at=2), [btc, holed], audit=False)
    assert "no bar yet" in early.refusals["reason"][0]
    result = wb.backtest(Buyer(symbol="ETH/USDT", at=7), [btc, holed], fees=0.0, audit=False)
    (fill,) = result.fills.iter_rows(named=True)
    assert (fill["price"], fill["row"]) == (13.0, 9)  # the bar of 8:00 is missing, that of 9:00 opens at 13


def test_columns_of_a_decide_take_slower_candles_as_they_were_known() -> None:
    fast = candles(flat(*range(100, 112)), timeframe="15m")
    slow = candles(flat(10, 11, 12), "ETH/USDT")
    known = slow.as_of(fast)
    np.testing.assert_array_equal(known, [np.nan, np.nan, np.nan, 10, 10, 10, 10, 11, 11, 11, 11, 12])
    np.testing.assert_array_equal(slow.as_of(fast, slow.close * 2.0), known * 2.0)

    class Joined(wb.Controller):
        levels = 1

        def columns(self, candles: Any) -> tuple[Any, ...]:
            return (candles["ETH/USDT"].as_of(candles["BTC/USDT"]),)

        @staticmethod
        @wb.compiled
        def decide(row, world, out):  # type: ignore[no-untyped-def]
            if row[0] > 10.5:
                out[0].action, out[0].size = 4, 1.0  # hold BTC

    result = wb.backtest(Joined(), [fast, slow], fees=0.0)
    assert result.fills["row"].to_list() == [8]  # known with row 7, bought at the next open
    assert result.audit is not None
    assert result.audit.clean


# Rates between currencies ----------------------------------------------------------------------------------------


def test_purses_in_two_currencies_count_at_the_rate_known_then() -> None:
    usdt, btc = candles(flat(10, 10, 10, 10), "ETH/USDT"), candles(flat(0.1, 0.1, 0.1, 0.2), "SOL/BTC")
    rate = candles(flat(100, 100, 100, 110, 120), "BTC/USDT", start=-HOUR)
    cash = {"USDT": 1_000.0, "BTC": 2.0}
    result = wb.backtest(Buyer(symbol="SOL/BTC", amount=5.0), [usdt, btc], cash=cash, rates={"BTC": rate}, fees=0.0,
                         audit=False)  # fmt: skip
    # Row t knows the rate that closed with row t − 1: 100, 100, 100, 110. 5 SOL of 0.1 BTC; at the end they are 0.2.
    assert result.equity["equity"].to_list() == pytest.approx([1_200, 1_200, 1_200, 1_000 + 110 * (1.5 + 1.0)])
    assert result.metrics["net_profit"] == pytest.approx(75.0)
    assert result.purses["quote"].to_list() == pytest.approx([1_000.0, 1.5])
    assert wb.rerun(result.card).card["result"] == result.card["result"]


def test_rates_that_are_missing_or_late_are_refused() -> None:
    both = [candles(flat(10, 10), "ETH/USDT"), candles(flat(0.1, 0.1), "SOL/BTC")]
    cash = {"USDT": 1_000.0, "BTC": 2.0}
    with pytest.raises(DataError, match="Split them, or give `rates`"):
        wb.backtest(Buyer(), both, cash=cash)
    with pytest.raises(ConfigError, match="there is no rate of BTC"):
        wb.backtest(Buyer(), both, cash=cash, rates={})
    with pytest.raises(ConfigError, match=r"is from SOL/USDT\. Give BTC/USDT"):
        wb.backtest(Buyer(), both, cash=cash, rates={"BTC": candles(flat(1, 1), "SOL/USDT", start=-HOUR)})
    with pytest.raises(DataError, match="first known at 1970-01-02 01:00"):
        wb.backtest(Buyer(), both, cash=cash, rates={"BTC": candles(flat(1, 1))})
    with pytest.raises(ConfigError, match="Markets quoted in BTC and USDT cannot share a purse"):
        wb.backtest(Buyer(), both, rates={"BTC": candles(flat(1, 1), start=-HOUR)})


# Models ----------------------------------------------------------------------------------------------------------


def test_partial_fills_take_their_share_of_each_bars_volume() -> None:
    bars = candles(flat(*[10.0] * 6), volume=20.0)
    result = wb.backtest(Buyer(amount=5.0), bars, participation=0.1, fees=0.0, audit=False)
    assert result.fills["amount"].to_list() == [2.0, 2.0, 1.0]
    assert result.fills["row"].to_list() == [1, 2, 3]
    with pytest.raises(DataError, match="have no volume"):
        wb.backtest(Buyer(), candles(flat(1, 1), volume=float("nan")), participation=0.1)


def test_latency_in_ms_meets_the_price_on_the_way() -> None:
    # Ordered at 1:00, there 30 minutes later: half way along 10 → 8 → 14 → 12, on the leg from 8 to 14, at 11.
    bars = candles([(10, 10, 10, 10), (10, 14, 8, 12), (12, 12, 12, 12)])
    result = wb.backtest(Buyer(), bars, latency=wb.Latency(submit_ms=30 * MINUTE), fees=0.0, path="ohlc", audit=False)
    assert result.fills["price"].to_list() == [pytest.approx(11.0)]
    late = wb.backtest(Buyer(), bars, latency=wb.Latency(submit_ms=HOUR), fees=0.0, path="ohlc", audit=False)
    assert late.fills["price"].to_list() == [12.0]
    with pytest.raises(ConfigError, match="Give one of them"):
        wb.Latency(bars=1, submit_ms=5)


def test_a_cancel_that_is_on_its_way_does_not_stop_a_fill() -> None:
    # Quoted at 95, withdrawn at 2:00. The bar walks 100 → 101 → 94 → 100, twenty minutes each: 95 comes before 2:40.
    class Withdrawer(wb.Controller):
        def on_tick(self, context: Context) -> None:
            if context.row < 2:
                context.quote_at(0, 1, 95.0, 1.0 - context.row)

    bars = candles([*flat(100, 100), (100, 101, 94, 100), *flat(100)])
    for cancel_ms, prices in ((10 * MINUTE, []), (30 * MINUTE, []), (40 * MINUTE, [95.0])):
        result = wb.backtest(
            Withdrawer(), bars, latency=wb.Latency(cancel_ms=cancel_ms), fees=0.0, path="ohlc", audit=False
        )
        assert result.fills["price"].to_list() == prices
    with pytest.raises(ConfigError, match=r"`bars` .* and `cancel_ms`"):
        wb.Latency(bars=1, cancel_ms=5)


def test_a_stop_is_not_watched_before_the_entry_is_known() -> None:
    # Bought at 100 at 1:00; the bar walks 100 → 97 → 104 → 100. The stop at 98 comes before 1:20, the report at 1:30.
    bars = candles([*flat(100), (100, 104, 97, 100), *flat(100)])

    def ends(report_ms: int) -> list[str]:
        bot = StoppedBuyer()
        latency = wb.Latency(report_ms=report_ms)
        result = wb.backtest(bot, bars, latency=latency, fees=0.0, path="ohlc", audit=False)
        return result.executors["close_type"].to_list()

    assert (ends(0), ends(5 * MINUTE), ends(30 * MINUTE)) == (["stop_loss"], ["stop_loss"], ["none"])


class StoppedBuyer(wb.Controller):
    """Buys one unit in the first row, under a stop of 2 %."""

    def on_tick(self, context: Context) -> None:
        if context.row == 0:
            context.enter(1, amount=1.0, stop_loss=0.02)


def test_slippage_by_spread_and_by_share_of_volume() -> None:
    bars = candles(flat(100, 100, 100))
    slippage = wb.Slippage(half_spread=0.001, impact=0.04)
    result = wb.backtest(Buyer(amount=50.0), bars, cash=1e5, slippage=slippage, fees=0.0, audit=False)
    assert result.fills["price"][0] == pytest.approx(100 * (1 + 0.001 + 0.04 * 0.5**2))


def test_a_touched_limit_waits_in_a_queue_by_its_chance() -> None:
    rows = [(10.0, 10.0, 10.0, 10.0), *[(10.0, 10.5, 9.0, 10.0)] * 4]

    def fills(chance: float, seed: int = 0) -> list[int]:
        result = wb.backtest(Buyer(price=9.0), candles(rows), fill=wb.Queue(chance), seed=seed, audit=False)
        return result.fills["row"].to_list()

    assert (fills(1.0), fills(0.0)) == ([1], [])
    assert {tuple(fills(0.5, seed)) for seed in range(12)} > {(1,), (2,)}
    assert fills(0.5, 3) == fills(0.5, 3)


def test_fees_by_tier_of_what_was_traded_before() -> None:
    tiers = ((0.0, 0.001, 0.002), (1_000.0, 0.0005, 0.001))
    bars = candles(flat(*[100.0] * 30))

    class Twice(wb.Controller):
        def on_tick(self, context: Context) -> None:
            if context.row in (0, 25):
                context.quote_at(context.row, 1, 101.0, 10.0)

    result = wb.backtest(Twice(), bars, fees=wb.Fees(tiers=tiers), audit=False)
    # 1,000 traded on the first day make the second tier from the second one on.
    assert result.fills["fee"].to_list() == pytest.approx([2.0, 1.0])
    before = wb.backtest(Twice(), bars, fees=wb.Fees(tiers=tiers, traded=1_000.0), audit=False)
    assert before.fills["fee"].to_list() == pytest.approx([1.0, 1.0])


def test_fees_in_a_third_coin_until_there_is_none_left() -> None:
    bars = candles(flat(*[100.0] * 4))
    rates = {"BNB": candles(flat(*[50.0] * 5), "BNB/USDT", start=-HOUR)}
    fees = wb.Fees(taker=0.01, coin="BNB", discount=0.25)

    class Each(wb.Controller):
        def on_tick(self, context: Context) -> None:
            if context.row < 2:
                context.quote_at(context.row, 1, 101.0, 10.0)

    result = wb.backtest(Each(), bars, cash={"USDT": 5_000.0, "BNB": 0.2}, fees=fees, rates=rates, audit=False)
    # 1,000 · 1 % · 0.75 = 7.50, which are 0.15 BNB; the second time 0.05 are left, and 10 are paid in quote.
    assert result.fills["fee"].to_list() == pytest.approx([7.5, 10.0])
    assert result.fills["fee_coin"].to_list() == pytest.approx([0.15, 0.0])
    assert result.purses["quote"].to_list() == pytest.approx([2_990.0, 0.05])
    assert result.metrics["net_profit"] == pytest.approx(-17.5)
    with pytest.raises(ConfigError, match="Fees are to be paid in BNB, of which there is none"):
        wb.backtest(Each(), bars, fees=fees)


# Accounts --------------------------------------------------------------------------------------------------------


def test_leverage_and_funding_make_a_perpetual_account() -> None:
    bars = candles(flat(*[100.0] * 12), "BTC/USDT:USDT")
    rates = pl.DataFrame({"time": [DAY, DAY + 8 * HOUR], "rate": [0.001, 0.001]})
    bot = Buyer(symbol="BTC/USDT:USDT", amount=40.0)
    terms: dict[str, Any] = {"cash": 1_000.0, "fees": 0.0, "audit": False}
    short = wb.backtest(bot, bars, leverage=5.0, funding=rates, **terms)
    longer = wb.backtest(bot, bars, perpetual=wb.Perpetual(leverage=5.0), funding=rates, **terms)
    assert short.card["result"] == longer.card["result"]
    assert short.metrics["funding"] == pytest.approx(4.0)
    named = wb.backtest(bot, bars, account="perpetual", leverage=5.0, funding_gaps="name", **terms)
    assert named.purses["kind"].to_list() == ["perpetual"]
    assert len(named.funding_gaps) == 1


def test_isolated_margin_lets_one_market_die_alone() -> None:
    btc, eth = (candles([*flat(100, 100), (100, 100, 60, 60)], f"{base}/USDT:USDT") for base in ("BTC", "ETH"))
    calm = candles(flat(100, 100, 100), "ETH/USDT:USDT")

    class Both(wb.Controller):
        def on_tick(self, context: Context) -> None:
            if context.row == 0:
                for symbol in ("BTC/USDT:USDT", "ETH/USDT:USDT"):
                    context.enter(1, amount=15.0, instrument=symbol)

    terms: dict[str, Any] = {"funding_gaps": "name", "fees": 0.0, "audit": False}
    each = {"BTC/USDT:USDT": 500.0, "ETH/USDT:USDT": 500.0}
    alone = wb.backtest(Both(), [btc, calm], cash=each, perpetual=wb.Perpetual(leverage=5.0, margin="isolated"),
                        **terms)  # fmt: skip
    assert alone.liquidations["instrument"].to_list() == ["BTC/USDT:USDT"]
    together = wb.backtest(Both(), [btc, calm], cash=1_000.0, perpetual=wb.Perpetual(leverage=5.0), **terms)
    assert len(together.liquidations) == 0  # the other market's cash stands in
    with pytest.raises(ConfigError, match="Isolated margin, and 2 perpetuals of one purse"):
        wb.backtest(Both(), [btc, eth], perpetual=wb.Perpetual(leverage=5.0, margin="isolated"), **terms)


def test_a_card_of_purses_and_models_makes_the_run_again() -> None:
    bars = candles([(10, 11, 9, 10)] * 8, volume=20.0)
    result = wb.backtest(
        Buyer(amount=5.0, price=9.0), bars, participation=0.1, fill=wb.Queue(0.7), latency=wb.Latency(submit_ms=900),
        fees=wb.Fees(tiers=((0.0, 0.001, 0.002),)), slippage=wb.Slippage(half_spread=0.001), seed=7, audit=False,
    )  # fmt: skip
    again = wb.rerun(result.card)
    assert again.card["result"] == result.card["result"]
    assert again.card["settings"] == result.card["settings"]
    assert "latency" in str(result.card["settings"])
    assert result.summary() is not None
