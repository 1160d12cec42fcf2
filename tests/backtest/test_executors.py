"""Executors as a trader asks for them: by values in `on_tick`, and by a table in a compiled `decide`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

import workbench as wb
from workbench.controllers.executors import Arbitrage, Dca, Executor, Grid, Order, Position, Twap, Xemm
from workbench.errors import ConfigError
from workbench.market import Action, ExecutorKind

START = 1_704_067_200_000


def candles(closes: list[float], venue: str = "") -> wb.Candles:
    """Bars of an hour that go from close to close."""
    close = np.array(closes)
    opens = np.r_[close[0], close[:-1]]
    frame = pl.DataFrame(
        {
            "time": START + 3_600_000 * np.arange(len(close)),
            "open": opens,
            "high": np.maximum(opens, close),
            "low": np.minimum(opens, close),
            "close": close,
            "volume": 1.0,
        }
    )
    return wb.Candles.from_frame(frame, instrument="BTC/USDT", timeframe="1h", venue=venue)


def first_tick(ask: Callable[[Any], None]) -> wb.Controller:
    """A bot that asks for something once the first bar has closed."""

    class Once(wb.Controller):
        def on_tick(self, context: Any) -> None:
            if context.row == 0:
                ask(context)

    return Once()


def test_grid_recycles_its_levels_until_the_price_leaves_its_range() -> None:
    grid = wb.executors.Grid(start=0.9, end=1.1, total=900, take_profit=0.05, min_spread=0.1, max_open=3)
    bot = first_tick(lambda context: context.create(grid, wb.BUY, price=100.0))
    result = wb.backtest(bot, candles([100, 89, 96, 89, 96, 111]), fees=0.0)
    assert result.executors["kind"].to_list() == ["grid"]
    assert result.executors["close_type"].to_list() == ["take_profit"]
    bought = result.fills.filter(pl.col("side") == 1)["price"].round(9).to_list()
    assert bought.count(90.0) >= 2
    assert result.executors["pnl"][0] == pytest.approx(result.equity["equity"][-1] - 10_000.0)


def test_ladder_averages_down_and_leaves_at_its_break_even_plus_profit() -> None:
    ladder = Dca(prices=(1.0, 0.98, 0.96), amounts=(100.0, 98.0, 96.0), take_profit=0.01, mode="taker")
    bot = first_tick(lambda context: context.create(ladder, wb.BUY, price=100.0))
    result = wb.backtest(bot, candles([100, 97, 95, 100]), fees=0.0, path="ohlc")
    fills = result.fills
    assert fills["side"].to_list() == [1, 1, 1, -1]
    assert fills["price"].to_list()[-1] == pytest.approx(1.01 * np.mean(fills["price"].to_list()[:3]))


def test_twap_spends_its_total_in_equal_parts_and_keeps_what_it_bought() -> None:
    twap = Twap(total=400.0, duration="3h", interval="1h")
    result = wb.backtest(first_tick(lambda context: context.create(twap, wb.BUY)), candles([100.0] * 6), fees=0.0)
    assert result.fills["amount"].to_list() == [1.0] * 4
    assert result.executors["close_type"].to_list() == ["completed"]
    assert result.equity["exposure"][-1] > 0.0


def test_chaser_follows_the_price_and_fills_once() -> None:
    chaser = Order(distance=0.01, refresh=0.01)
    bot = first_tick(lambda context: context.create(chaser, wb.BUY, amount=1.0))
    result = wb.backtest(bot, candles([100, 103, 106, 104]), fees=0.0)
    assert result.orders["status"].to_list().count("filled") == 1
    assert result.orders["status"].to_list().count("cancelled") >= 1
    assert result.executors["close_type"].to_list() == ["position_hold"]


def test_arbitrage_takes_both_legs_and_ends_completed() -> None:
    arbitrage = Arbitrage(second="dear BTC/USDT", amount=1.0, min_profit=0.01)
    bot = first_tick(lambda context: context.create(arbitrage, wb.BUY, instrument="cheap BTC/USDT"))
    markets = [candles([100.0] * 4, "cheap"), candles([105.0] * 4, "dear")]
    result = wb.backtest(bot, markets, fees=0.0, account="margin", leverage=2.0)
    assert result.executors["close_type"].to_list() == ["completed"]
    assert result.executors["pnl"][0] == pytest.approx(5.0)


class Gridder(wb.Controller):
    """A grid by a compiled `decide`, stopped in row 3 with what it holds kept."""

    levels: ClassVar[int] = 1

    def executors(self) -> tuple[Executor, ...]:
        return (Grid(start=0.9, end=1.1, total=900, coerce=True, min_spread=0.1, max_open=3),)

    def columns(self, candles: wb.Candles) -> tuple[Any, ...]:
        return candles.close, np.arange(len(candles))

    @staticmethod
    @wb.compiled
    def decide(row, world, out):
        if row[1] == 0.0:
            out[0].action, out[0].executor, out[0].config = Action.CREATE, ExecutorKind.GRID, 0
            out[0].side, out[0].price, out[0].size = 1, row[0], 1.0
        if row[1] == 3.0 and world.levels[0].at_work == 1:
            out[0].action, out[0].keep = Action.STOP, 1


def test_decide_creates_by_its_table_and_stops_by_level_with_what_is_held_kept() -> None:
    result = wb.backtest(Gridder(), candles([100, 95, 89, 89, 89, 89]), fees=0.0)
    assert result.executors["close_type"].to_list() == ["position_hold"]
    assert result.equity["exposure"][-1] > 0.0


def test_bot_sees_why_the_last_executor_of_a_level_ended() -> None:
    seen = []

    class Watcher(wb.Controller):
        def on_tick(self, context: Any) -> None:
            level = context.level(4)
            seen.append((int(level["phase"]), int(level["close_type"]), int(level["at_work"])))
            if context.row == 0:
                context.create(Position(stop_loss=0.05), wb.BUY, level=4, fraction=0.5)

    wb.backtest(Watcher(), candles([100, 100, 94, 94]), fees=0.0)
    assert seen == [(0, 0, 0), (2, 0, 1), (4, 2, 0), (4, 2, 0)]


def test_config_that_the_account_cannot_carry_is_a_counted_refusal() -> None:
    grid = Grid(start=0.9, end=1.1, total=90_000, coerce=True, min_spread=0.1)
    bot = first_tick(lambda context: context.create(grid, wb.BUY, price=100.0))
    result = wb.backtest(bot, candles([100.0] * 3))
    assert result.executors.is_empty()
    assert result.refusals["count"].to_list() == [1]


WRONG: dict[str, Callable[[], Any]] = {
    "a range": lambda: Grid(start=1.0, end=1.0, total=1.0, coerce=True),
    "losing side": lambda: Grid(start=0.9, end=1.0, limit=0.95, total=1.0, coerce=True),
    "nothing to gain": lambda: Grid(start=0.9, end=1.0, total=1.0),
    "1 prices and 2 amounts": lambda: Dca(prices=(1.0,), amounts=(1.0, 2.0)),
    "above 0": lambda: Dca(prices=(1.0,), amounts=(-1.0,)),
    "needs both": lambda: Order(distance=0.01),
    "interval": lambda: Twap(total=1.0, duration="1h", interval=0),
    "not in this order": lambda: Xemm(second="A/B", amount=1.0, min_profit=0.02, target_profit=0.01),
    "did you mean": lambda: Grid(strat=0.9, end=1.0, total=1.0, coerce=True),
    "take_profit": lambda: Position(take_profit_at="limit"),
}


@pytest.mark.parametrize("words", WRONG)
def test_contradictions_are_refused_with_what_to_do(words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        WRONG[words]()


def test_decide_that_creates_what_is_not_in_its_table_stops_the_run() -> None:
    class Stray(Gridder):
        def executors(self) -> tuple[Executor, ...]:
            return ()

    with pytest.raises(ConfigError, match="target record"):
        wb.backtest(Stray(), candles([100.0] * 4))
