"""The classic market maker, one step of its pipeline at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import workbench as wb
from tests.controllers.made import bars, wandering
from workbench.controllers import PureMarketMaking
from workbench.errors import ConfigError

FREE: dict[str, Any] = {"fees": 0.0, "account": "margin", "audit": False, "cash": 10_000}
SHORT: dict[str, Any] = {"may_short": True, "fee": 0.0}


def asked(bot, tape, **terms) -> pl.DataFrame:
    """Every order in order of its making: side, price, amount, the row after whose close it was made."""
    result = wb.backtest(bot, tape, **{**FREE, **terms})
    live = result.tape.world["orders"][0]
    orders = np.concatenate([result.tape.orders, live[live["status"] == 1]])
    orders = orders[np.argsort(orders["id"])]
    return pl.DataFrame({name: orders[name] for name in ("side", "price", "amount", "created_row", "closed_row")})


def prices(frame: pl.DataFrame, side: int) -> list[float]:
    return frame.filter(pl.col("side") == side)["price"].to_list()


def test_levels_lie_a_spread_further_apart_and_grow():
    bot = PureMarketMaking(order_levels=2, order_amount=1.0, order_level_amount=0.5, order_level_spread=0.02, **SHORT)
    frame = asked(bot, bars([100.0]))
    assert frame["price"].to_list() == pytest.approx([99.0, 97.0, 101.0, 103.0])
    assert frame["amount"].to_list() == [1.0, 1.5, 1.0, 1.5]


def test_split_levels_say_each_spread_and_amount():
    bot = PureMarketMaking(
        order_levels=2, bid_spreads=(0.01, 0.05), ask_spreads=(0.02, 0.04), bid_amounts=(3.0, 4.0), **SHORT
    )
    frame = asked(bot, bars([100.0]))
    assert frame["price"].to_list() == pytest.approx([99.0, 95.0, 102.0, 104.0])
    assert frame["amount"].to_list() == [3.0, 4.0, 1.0, 1.0]


def test_stale_orders_are_replaced_and_young_ones_stay():
    tape = bars([100.0, 100.4, 100.2, 100.3])
    assert prices(asked(PureMarketMaking(**SHORT), tape), 1) == pytest.approx([99.0, 99.396, 99.198, 99.297])
    slow = asked(PureMarketMaking(order_refresh_time="2m", **SHORT), tape)
    assert prices(slow, 1) == pytest.approx([99.0, 99.198])


def test_stale_orders_stay_within_the_tolerance():
    """0.4 % away from 100 is within half a percent, 0.6 % is not; then 100.6 is what is quoted around."""
    tape = bars([100.0, 100.4, 100.6, 100.3])
    frame = asked(PureMarketMaking(order_refresh_tolerance=0.005, **SHORT), tape)
    assert prices(frame, 1) == pytest.approx([99.0, 100.6 * 0.99])


def test_order_of_the_greatest_age_is_replaced_within_the_tolerance_too():
    tape = bars([100.0, 100.1, 100.2, 100.1])
    bot = PureMarketMaking(order_refresh_tolerance=0.5, max_order_age="3m", **SHORT)
    assert asked(bot, tape).filter(pl.col("side") == 1)["created_row"].to_list() == [0, 3]


def test_nothing_is_made_for_a_while_after_a_fill():
    """The bid fills in row 1, whose stamp is the close of row 0; five minutes later both sides are made anew."""
    tape = bars([100.0] * 8, low=[100, 98.9, 100, 100, 100, 100, 100, 100])
    frame = asked(PureMarketMaking(filled_order_delay="5m", order_refresh_time="1h", **SHORT), tape)
    assert frame.filter(pl.col("side") == 1)["created_row"].to_list() == [0, 5]
    assert frame.filter(pl.col("side") == -1)["created_row"].to_list() == [0, 5]


@pytest.mark.parametrize(
    ("terms", "sides"),
    [
        ({"price_ceiling": 100.0}, [-1]),
        ({"price_floor": 100.0}, [1]),
        ({"price_ceiling": 100.1, "price_floor": 99.9}, [1, -1]),
    ],
)
def test_price_band_leaves_one_side(terms, sides):
    assert asked(PureMarketMaking(**terms, **SHORT), bars([100.0]))["side"].to_list() == sides


def test_moving_band_is_around_the_close_with_which_its_period_began():
    """The band of 1 % is around 100 until four minutes are over, and then around 102."""
    bot = PureMarketMaking(moving_price_band=True, price_band_refresh="4m", **SHORT)
    tape = bars([100.0, 102, 102, 102, 102, 102], start=4 * 60_000 - 60_000)
    assert asked(bot, tape).filter(pl.col("side") == 1)["created_row"].to_list() == [0, 4, 5]


def test_ping_pong_waits_for_the_other_side():
    """The bid fills in row 1, the ask in row 3; a bid is made again only after that, and no ask."""
    tape = bars([100.0] * 6, low=[100, 98.9, 100, 100, 100, 100], high=[100, 100, 100, 101.1, 100, 100])
    frame = asked(PureMarketMaking(ping_pong=True, **SHORT), tape)
    bids = frame.filter(pl.col("side") == 1)["created_row"].to_list()
    asks = frame.filter(pl.col("side") == -1)["created_row"].to_list()
    assert bids == [0, 3, 4, 5]
    assert asks == [0, 1, 2]


def test_order_whose_opposite_has_filled_hangs():
    """The bid fills in row 1. The ask at 101 stays, beside a new pair around 100.4."""
    tape = bars([100.0, 100.4, 100.4, 100.4], low=[100, 98.9, 100.4, 100.4])
    frame = asked(PureMarketMaking(hanging_orders=True, order_refresh_time="1m", **SHORT), tape)
    hanging = frame.filter(pl.col("side") == -1).row(0, named=True)
    assert (hanging["price"], hanging["closed_row"]) == (pytest.approx(101.0), -1)
    assert prices(frame, -1)[1] == pytest.approx(101.404)


def test_transaction_costs_move_prices_away():
    bot = PureMarketMaking(add_transaction_costs=True, fee=0.002, may_short=True)
    assert asked(bot, bars([100.0]))["price"].to_list() == pytest.approx([99 * 0.998, 101 * 1.002])


def test_inventory_skew_is_linear_around_its_target():
    """Nothing is held, the target is half of 10,000: bids double, asks nothing. At a target of 0 both as asked."""
    skewed = PureMarketMaking(inventory_skew=True, **SHORT)
    assert asked(skewed, bars([100.0]))["amount"].to_list() == [2.0]
    assert asked(skewed.vary(inventory_target=0.0), bars([100.0]))["amount"].to_list() == [1.0, 1.0]
    half = skewed.vary(inventory_target=0.005)
    assert asked(half, bars([100.0]))["amount"].to_list() == pytest.approx([1.5, 0.5])


def test_budget_cuts_amounts_to_what_is_there():
    """A spot account of 150 buys 1 BTC at 99, and has 51 left for the second level at 98; there is nothing to sell."""
    bot = PureMarketMaking(order_levels=2, fee=0.0)
    result = asked(bot, bars([100.0]), account="spot", cash=150)
    assert result["side"].to_list() == [1, 1]
    assert result["amount"].to_list() == pytest.approx([1.0, 51 / 98])


def test_order_that_the_price_came_too_near_to_is_cancelled():
    tape = bars([100.0, 99.4, 99.4])
    bot = PureMarketMaking(minimum_spread=0.005, order_refresh_time="1h", order_refresh_tolerance=0.05, **SHORT)
    bids = asked(bot, tape).filter(pl.col("side") == 1)
    assert bids["closed_row"].to_list()[0] == 1


def test_orders_that_would_take_are_turned_away_unless_asked_for():
    """Made around 100, met by an open of 98: a bid at 99 would take."""
    low = bars([98.0] * 2, high=[100, 98])
    tape = wb.Candles.from_arrays(low.time, [100, 98], [100, 98], [100, 98], [100, 98], timeframe="1m")
    for takes, fills in ((False, 0), (True, 1)):
        bot = PureMarketMaking(take_if_crossed=takes, **SHORT)
        assert len(wb.backtest(bot, tape, **FREE).fills) == fills


LIVELY = {
    "plain": PureMarketMaking(bid_spread=0.001, ask_spread=0.001, order_amount=0.01),
    "all": PureMarketMaking(
        bid_spread=0.001, ask_spread=0.001, order_amount=0.01, order_levels=3, order_level_spread=0.0005,
        inventory_skew=True, inventory_range_multiplier=20, order_refresh_tolerance=0.001, hanging_orders=True,
        moving_price_band=True, add_transaction_costs=True, fee=1e-4,
    ),
    "ping": PureMarketMaking(bid_spread=0.001, ask_spread=0.001, order_amount=0.01, ping_pong=True),
}  # fmt: skip


@pytest.mark.parametrize("name", LIVELY)
def test_made_market_is_quoted_on_spot_without_the_future(name):
    result = wb.backtest(LIVELY[name], wandering(6_000, seed=1), cash=100_000, fees=1e-4)
    assert result.audit.clean, str(result.audit)
    assert len(result.fills) > 100
    assert result.refusals["count"].sum() < 60, "the budget is an estimate; one in a hundred bars may be refused"
    assert result.equity["exposure"].min() >= 0.0


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"bid_spreads": (0.01, 0.02)}, "for 1 `order_levels`"),
        ({"ask_amounts": (0.0,)}, "Give one number above 0"),
        ({"price_floor": 2.0, "price_ceiling": 1.0}, "The floor must be the lower one"),
        ({"order_refresh_tolerance": -0.1}, "at least 0"),
    ],
)
def test_impossible_terms_are_refused(terms, sentence):
    with pytest.raises(ConfigError) as caught:
        PureMarketMaking(**terms)
    assert sentence in str(caught.value)
