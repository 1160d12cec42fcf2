"""Market makers of levels: what each level does, worked by hand on a few bars."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import workbench as wb
from tests.controllers import made
from tests.controllers.made import PERPETUAL, wandering
from workbench.controllers import MarketMaking, PmmSimple
from workbench.errors import ConfigError

FREE: dict[str, Any] = {"fees": 0.0, "audit": False}
BIDS: dict[str, Any] = {"buy_spreads": (0.01,), "sell_spreads": (), "total": 99.0, "time_limit": None}


def bars(closes, instrument=PERPETUAL, **given):
    """Bars of a perpetual, where nothing is rebalanced."""
    return made.bars(closes, instrument=instrument, **given)


def test_filled_bid_is_sold_at_its_take_profit():
    """1 BTC is bought at 99, and sold at 99 · 1.02 = 100.98."""
    result = wb.backtest(
        PmmSimple(**BIDS), bars([100] * 4, low=[100, 98.9, 100, 100], high=[100, 100, 101, 100]), **FREE
    )
    first = result.executors.row(0, named=True)
    assert first["entry_price"] == pytest.approx(99.0)
    assert first["exit_price"] == pytest.approx(100.98)
    assert (first["close_type"], first["pnl"]) == ("take_profit", pytest.approx(1.98))


def test_order_that_waited_for_the_refresh_is_replaced_at_the_price_of_today():
    """Made at 100 in row 0 (a bid at 99), replaced in row 2 at 104 (102.96), which row 3 reaches."""
    tape = bars([100, 102, 104, 104, 104], low=[100, 100, 102, 102.9, 104])
    result = wb.backtest(PmmSimple(**BIDS, refresh="2m", take_profit=0.5), tape, **FREE)
    assert result.executors["close_type"].to_list() == ["early_stop", "none"]
    assert result.fills["price"].to_list() == pytest.approx([102.96])


def test_order_younger_than_the_refresh_stays():
    tape = bars([100, 102, 104, 104, 104], low=[100, 100, 102, 102.9, 104])
    assert wb.backtest(PmmSimple(**BIDS, refresh="10m"), tape, **FREE).fills.is_empty()


@pytest.mark.parametrize(("cooldown", "rows"), [("1m", [0, 1]), ("3m", [0, 3])])
def test_level_cools_down_after_its_stop_loss(cooldown, rows):
    """Bought at 99 in row 1 and stopped there at 99 · 0.97, at the stamp of the bar: its close is a minute later."""
    tape = bars([100, 96, 96, 96, 96, 96], low=[100, 95, 96, 96, 96, 96])
    result = wb.backtest(PmmSimple(**BIDS, cooldown=cooldown, refresh="1m"), tape, **FREE)
    assert result.executors["close_type"][0] == "stop_loss"
    assert rows_of(result)[: len(rows)] == rows


def rows_of(result) -> list[int]:
    """The row in which each executor was made."""
    first = int(result.candles["BTC/USDT:USDT"].time[0]) + 60_000
    return [(int(made_at.timestamp() * 1000) - first) // 60_000 for made_at in result.executors["created"]]


def test_amounts_are_shares_of_the_total_over_both_sides():
    bot = PmmSimple(buy_spreads=(0.01, 0.02), sell_spreads=(0.01,), buy_amounts=(1, 2), sell_amounts=(5,), total=80)
    assert bot.quote_amounts == pytest.approx((10.0, 20.0, 50.0))
    assert PmmSimple(total=80).quote_amounts == (20.0, 20.0, 20.0, 20.0)


def test_both_sides_are_quoted_at_their_spreads():
    result = wb.backtest(
        PmmSimple(buy_spreads=(0.01, 0.02), sell_spreads=(0.03,), total=300, stop_loss=None, take_profit=0.5),
        bars([100, 100, 100], low=[100, 100, 97], high=[100, 100, 104]),
        **FREE,
    )
    assert sorted(result.fills["price"].to_list()) == pytest.approx([98.0, 99.0, 103.0])
    assert result.fills["amount"].sum() == pytest.approx(100 / 98 + 100 / 99 + 100 / 103)


def test_hooks_move_the_reference_and_widen_the_spreads():
    class Elsewhere(MarketMaking):
        def reference(self, candles):
            return candles.close + 10.0

        def multiplier(self, candles):
            return 2.0

    result = wb.backtest(Elsewhere(**BIDS), bars([100, 100, 107], low=[100, 100, 107]), **FREE)
    assert result.fills["price"][0] == pytest.approx(100.0)  # 110 · 0.98 crosses: taken at the open
    assert result.orders["price"][0] == pytest.approx(107.8)


def test_nothing_is_quoted_before_the_reference_is_warm():
    class Warming(MarketMaking):
        def reference(self, candles):
            return np.where(np.arange(len(candles)) < 2, np.nan, candles.close)

    result = wb.backtest(Warming(**BIDS), bars([100] * 5), **FREE)
    assert rows_of(result)[0] == 2


def test_at_twice_the_total_over_its_target_it_only_asks():
    """Equity 1,000 with a target of 0: a position worth `inventory_range` times the total ends the bids."""
    bot = PmmSimple(
        buy_spreads=(0.01,), sell_spreads=(0.3,), total=200, inventory_target=0.0, stop_loss=None, take_profit=0.9,
        time_limit=None, refresh="1m",
    )  # fmt: skip
    result = wb.backtest(bot, bars([100, 98, 96, 94, 92, 90]), cash=1_000, **FREE)
    sizes = [fill["price"] * fill["amount"] for fill in result.fills.iter_rows(named=True)]
    assert sizes == pytest.approx([100.0])
    asks = result.orders.filter(pl.col("side") == -1)
    assert asks["amount"][0] == pytest.approx(100 / 130)
    assert asks["amount"][2] == pytest.approx(1.48 * 100 / (1.3 * 96), rel=0.03)


def test_spot_buys_what_its_asks_need_before_it_asks():
    """Asks of 100 at a price of 100 need 1 BTC; 1.05 is bought, the middle of the band, and then the ask is there."""
    bot = PmmSimple(buy_spreads=(), sell_spreads=(0.01,), total=100, take_profit=0.5, stop_loss=None)
    result = wb.backtest(bot, made.bars([100] * 4, high=[100, 100, 101.5, 100]), cash=1_000, **FREE)
    assert result.executors["kind"].to_list() == ["order", "position"]
    assert result.fills["amount"].to_list() == pytest.approx([1.05, 100 / 101])
    assert result.refusals.is_empty()


def test_rebalancing_can_be_left_out():
    bot = PmmSimple(buy_spreads=(), sell_spreads=(0.01,), rebalance=False)
    result = wb.backtest(bot, made.bars([100] * 4), cash=1_000, **FREE)
    assert result.fills.is_empty()
    assert result.refusals["count"].sum() == 4


@pytest.mark.parametrize("instrument", ["BTC/USDT", PERPETUAL])
def test_made_market_is_quoted_without_a_refusal_and_without_the_future(instrument):
    bot = PmmSimple(
        buy_spreads=(0.001, 0.002), sell_spreads=(0.001, 0.002), total=1000, stop_loss=0.01, take_profit=0.002
    )
    result = wb.backtest(bot, wandering(5_000, seed=1, instrument=instrument), cash=100_000, fees=1e-4)
    assert result.audit.clean, str(result.audit)
    assert result.refusals.is_empty()
    assert set(result.executors["close_type"]) >= {"take_profit", "stop_loss", "early_stop"}


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: PmmSimple(buy_spreads=(0.01, -0.02)), "`buy_spreads` holds -0.02"),
        (lambda: PmmSimple(buy_spreads=(), sell_spreads=()), "0 levels were given"),
        (lambda: PmmSimple(buy_amounts=(1.0,)), r"`buy_amounts` is (1.0,) for 2 levels"),
        (lambda: PmmSimple(sell_amounts=(1.0, 0.0)), "Give one number above 0"),
        (lambda: PmmSimple(trailing_delta=0.01), "needs both"),
        (lambda: PmmSimple(take_profit=None), "Give a `take_profit`"),
        (lambda: PmmSimple(inventory_target=1.5), "at most 1"),
    ],
)
def test_impossible_levels_are_refused(make, sentence):
    with pytest.raises(ConfigError) as caught:
        make()
    assert sentence in str(caught.value)


def test_two_markets_are_refused():
    tape = wandering(50, seed=1)
    with pytest.raises(ConfigError, match="trades one market and was given"):
        wb.backtest(PmmSimple(), [tape, wandering(50, seed=2, instrument="ETH/USDT")], audit=False)
