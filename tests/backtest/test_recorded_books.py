"""Real books: fills by model side by side, spot and perpetual at once, and every way to write a bot."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from tests.data.test_books import shared_book
from workbench.backtest.book import as_feeds
from workbench.market import Recording

from .book_bots import Joins

pytestmark = pytest.mark.shared
MODELS = ("touch", "queue", wb.QueuePosition(3.0), wb.QueuePosition(None), "through")
FEES, LATENCY = wb.Fees(0.0, 0.0004), wb.Latency(submit_ms=5, cancel_ms=5, report_ms=5)
MIDNIGHT = pl.DataFrame({"time": [1_723_161_600_000], "rate": [0.0001]}).with_columns(
    pl.col("time").cast(pl.Datetime("ms", "UTC"))
)


@cache
def book_of(shared: Path, name: str) -> Recording:
    return shared_book(shared, name)


def run(bot, recordings, **terms):
    """Spot and perpetual side by side, each from its own purse; the run holds one funding stamp."""
    terms = {"cash": {"spot": 50_000, "perpetual": 50_000}, "step": "100ms", "fill": "queue"} | terms
    return wb.backtest(
        bot, recordings, perpetual=wb.Perpetual(leverage=3), funding=MIDNIGHT, fees=FEES, latency=LATENCY, **terms
    )


def test_models_side_by_side(shared):
    """The table of docs/books.md: what a quote a side at the best prices would have got."""
    got = []
    for model in MODELS:
        result = run(Joins(amount=0.01, most=0.1), book_of(shared, "usdm"), cash=100_000, fill=model, audit=False)
        got.append((len(result.fills), round(result.fills["amount"].sum(), 3)))
        assert result.fills["maker"].all()
    amounts = [amount for _, amount in got]
    assert amounts == sorted(amounts, reverse=True)
    assert amounts[0] > 3 * amounts[1] > 3 * amounts[-1] > 0.0
    assert got == TABLE


TABLE = [(3195, 20.016), (948, 5.741), (838, 5.07), (809, 4.486), (606, 3.43)]


def test_a_market_maker_on_spot_and_perpetual_at_once(shared):
    """`PmmSimple` on both, as on candles: its fills, its purses, and the funding of midnight."""
    maker = wb.controllers.PmmSimple(
        buy_spreads=(0.00002, 0.0001), sell_spreads=(0.00002, 0.0001), total=2000.0, refresh="2s", cooldown="0s",
        stop_loss=0.001, take_profit=0.0002, time_limit="30s",
    )  # fmt: skip
    names = (("BTC/USDT",), ("BTC/USDT:USDT",))
    both = wb.controllers.Together(bots=(maker, maker.vary(total=3000.0)), instruments=names)
    recordings = [book_of(shared, "spot"), book_of(shared, "usdm")]
    result = run(both, recordings)
    assert result.audit.clean
    makers = result.fills.filter(pl.col("maker"))["instrument"].value_counts()
    assert dict(makers.rows())["BTC/USDT"] > 150
    assert dict(makers.rows())["BTC/USDT:USDT"] > 50
    assert result.funding["payment"].len() == 1
    # What each bot made is the change of equity; the rest is bookkeeping between them.
    assert result.controllers["pnl"].sum() == pytest.approx(result.tape.equity[-1] - 100_000.0, abs=1e-6)
    assert wb.rerun(result.card).card["result"] == result.card["result"]
    assert as_feeds(recordings).facts() == result.card["recordings"]


def test_one_bot_may_quote_both_markets(shared):
    result = run(Joins(amount=0.001, most=0.01, markets=2), [book_of(shared, "spot"), book_of(shared, "usdm")])
    assert set(result.fills["instrument"]) == {"BTC/USDT", "BTC/USDT:USDT"}
    assert result.fills["time"].is_sorted()


def test_avellaneda_quotes_a_recorded_book(shared):
    bot = wb.controllers.AvellanedaMarketMaking(amount=0.01)
    result = run(bot, book_of(shared, "usdm"), cash=50_000, step="1s")
    assert result.replaced_quotes + len(result.orders) > 50


def test_bots_of_targets_and_of_ticks_trade_on_it_too(shared):
    class Now(wb.Controller):
        def on_tick(self, context):
            if context.row == 5:
                context.enter(wb.BUY, amount=0.5)

    terms = {"cash": 50_000, "step": "1s"}
    ticked = run(Now(), book_of(shared, "usdm"), **terms)
    assert ticked.fills["amount"].sum() == pytest.approx(0.5)
    bands = wb.controllers.Bollinger(length=20, width=1.5, stop_loss=0.001, take_profit=0.001)
    assert run(bands, book_of(shared, "usdm"), **terms).fills.height > 2
