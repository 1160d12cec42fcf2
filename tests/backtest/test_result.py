"""A result says the same in all its tables, a run can be made again to the bit, and three ways to write are one."""

from __future__ import annotations

import copy
import json
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

from workbench import data
from workbench.backtest import Card, Context, Result, backtest, rerun
from workbench.compiled import compiled
from workbench.controllers import Bollinger, Controller, SmaCross
from workbench.errors import BrokenInvariant, ConfigError, DataError
from workbench.market import BUY, FLAT, SELL, Action, Candles, Instrument, OrderKind, Policy, Sizing, Targets
from workbench.metrics import METRICS, Trips, summarise
from workbench.trading import Fees, Latency, Slippage

from .planted import made_up

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
START = 1_700_000_000_000 // HOUR_MS * HOUR_MS


def hours(n_bars: int = 400, *, seed: int = 1, symbol: Any = "BTC/USDT", venue: str = "test") -> Candles:
    """Candles of 1h that walk at random."""
    minutes = made_up(n_bars * 60, seed, START)
    given = (minutes.time, minutes.open, minutes.high, minutes.low, minutes.close, minutes.volume)
    return Candles.from_arrays(*given, timeframe="1m", venue=venue, instrument=symbol).resample("1h")


def candles_of(*closes: float) -> Candles:
    """Bars that open where the one before closed, and go nowhere else."""
    close = np.array(closes)
    open_ = np.concatenate([close[:1], close[:-1]])
    time = START + HOUR_MS * np.arange(len(close))
    return Candles.from_arrays(
        time, open_, np.maximum(open_, close), np.minimum(open_, close), close, timeframe="1h", venue="test"
    )


class Dip(Controller):
    """Buys after a fall, in columns."""

    fall: float = 0.002

    def targets(self, candles: Candles) -> Targets:
        fell = candles.close < (1.0 - self.fall) * candles.open
        return Targets.at_market(
            np.where(fell, BUY, FLAT), notional=1_000.0, stop_loss=0.005, take_profit=0.007, time_limit="5h",
            trailing=(0.004, 0.002), max_per_side=1, take_profit_at="limit",
        )  # fmt: skip


class DipDecided(Controller):
    """The same in a compiled `decide`."""

    fall: float = 0.002
    policy: ClassVar[Policy] = Policy(take_profit_kind=OrderKind.LIMIT)

    def columns(self, candles: Candles) -> tuple[Any, ...]:
        return candles.close < (1.0 - self.fall) * candles.open, 5.0 * HOUR_MS

    @staticmethod
    @compiled
    def decide(row: Any, world: Any, out: Any) -> None:
        if row[0]:
            target = out[0]
            target.action = Action.ENTER
            target.side = 1
            target.sizing = Sizing.QUOTE
            target.size = 1_000.0
            target.stop_loss = 0.005
            target.take_profit = 0.007
            target.trailing_activation = 0.004
            target.trailing_delta = 0.002
            target.time_limit_ms = int(row[1])


class DipTicked(Controller):
    """The same in plain Python."""

    fall: float = 0.002
    policy: ClassVar[Policy] = Policy(take_profit_kind=OrderKind.LIMIT)

    def on_tick(self, context: Context) -> None:
        bar = context.candles[-1:]
        if bar.close[0] < (1.0 - self.fall) * bar.open[0]:
            context.enter(
                BUY, notional=1_000.0, stop_loss=0.005, take_profit=0.007, time_limit_ms=5 * HOUR_MS,
                trailing=(0.004, 0.002),
            )  # fmt: skip


class Maker(Controller):
    """Quotes both sides in columns."""

    def targets(self, candles: Candles) -> Targets:
        return Targets.quotes(candles.close * 0.9985, candles.close * 1.0015, amount=0.02)


class MakerDecided(Controller):
    levels: ClassVar[int] = 2

    def columns(self, candles: Candles) -> tuple[Any, ...]:
        return (candles.close,)

    @staticmethod
    @compiled
    def decide(row: Any, world: Any, out: Any) -> None:
        for level in range(2):
            out[level].action = Action.QUOTE
            out[level].kind = OrderKind.LIMIT
            out[level].side = 1 - 2 * level
            out[level].price = row[0] * (0.9985 if level == 0 else 1.0015)
            out[level].size = 0.02


class MakerTicked(Controller):
    def on_tick(self, context: Context) -> None:
        context.quote_at(0, BUY, context.last * 0.9985, 0.02)
        context.quote_at(1, SELL, context.last * 1.0015, 0.02)


class Holder(Controller):
    def targets(self, candles: Candles) -> Targets:
        return Targets.hold(np.round(1.4 * np.sin(np.arange(len(candles)) / 7.0)) * 0.5)


class HolderDecided(Controller):
    def columns(self, candles: Candles) -> tuple[Any, ...]:
        return (np.round(1.4 * np.sin(np.arange(len(candles)) / 7.0)) * 0.5,)

    @staticmethod
    @compiled
    def decide(row: Any, world: Any, out: Any) -> None:
        out[0].action = Action.HOLD
        out[0].size = row[0]


class HolderTicked(Controller):
    def on_tick(self, context: Context) -> None:
        context.hold(float(np.round(1.4 * np.sin(context.row / 7.0)) * 0.5))


MARGIN: dict[str, Any] = {"account": "margin", "audit": False, "cash": 10_000.0}


# --- three ways to write ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ways",
    [(Dip, DipDecided, DipTicked), (Maker, MakerDecided, MakerTicked), (Holder, HolderDecided, HolderTicked)],
    ids=["executors", "quotes", "hold"],
)  # fmt: skip
@pytest.mark.parametrize("latency", [0, 1])
def test_three_ways_to_write_a_strategy_trade_alike(ways: tuple[type[Controller], ...], latency: int) -> None:
    first, *others = (backtest(way(), hours(800), latency=latency, **MARGIN) for way in ways)
    assert len(first.fills) > 20 or (latency and ways[0] is Maker)  # a quote that is replaced in time never comes
    for other in others:
        assert other.fills.equals(first.fills)
        assert other.equity.equals(first.equity)
        assert other.orders.equals(first.orders)
        assert other.executors.equals(first.executors)
        assert other.metrics == pytest.approx(first.metrics, nan_ok=True, rel=0, abs=0)


def test_a_finer_path_decides_at_the_same_rows_whichever_way_it_is_written() -> None:
    fine = made_up(200 * 60, 3, START)
    coarse = fine.resample("1h")
    first, *others = (backtest(way(), coarse, path=fine, **MARGIN) for way in (Dip, DipDecided, DipTicked))
    assert len(first.fills) > 10
    assert len(first.equity) == len(fine)
    for other in others:
        assert other.fills.equals(first.fills)


# --- money ------------------------------------------------------------------------------------------------------------


def money(result: Result) -> np.ndarray:
    """Equity from the fills alone: the starting cash, what they moved, and positions at the last closes."""
    rows, total = len(result.equity), np.full(len(result.equity), float(result.settings.cash))
    for name, one in result.candles.items():
        fills = result.fills.filter(pl.col("instrument") == name)
        side, price, amount = (fills[column].to_numpy() for column in ("side", "price", "amount"))
        fee, fee_base = fills["fee"].to_numpy(), fills["fee_base"].to_numpy()
        paid = side * price * amount + fee - fee_base * price
        got = side * amount - fee_base
        position, quote = (np.cumsum(np.bincount(fills["row"], values, rows)) for values in (got, paid))
        bars = np.searchsorted(one.time, result.equity["time"].dt.epoch("ms").to_numpy(), side="right") - 1
        last = np.where(bars >= 0, one.close[np.maximum(bars, 0)], 0.0)
        total += position * last - quote
        total = np.asarray(total)
    return total


MODELS: dict[str, dict[str, Any]] = {
    "free": {"fees": 0.0},
    "quote": {"fees": Fees(maker=0.0002, taker=0.0005)},
    "received": {"fees": Fees(0.001, 0.001, paid_in="received"), "slippage": Slippage(0.0004)},
    "rebate": {"fees": Fees(maker=-0.0001, taker=0.0004), "latency": Latency(2), "fill": "through"},
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("bot", [Dip(), Maker(), Holder()], ids=lambda bot: bot.name)
def test_equity_is_what_the_fills_moved(bot: Controller, model: str) -> None:
    result = backtest(bot, hours(), **MARGIN, **MODELS[model])
    equity = result.equity["equity"].to_numpy()
    np.testing.assert_allclose(equity, money(result), rtol=1e-10)
    peak = np.maximum.accumulate(equity)
    np.testing.assert_allclose(result.equity["drawdown"].to_numpy(), 1.0 - equity / peak, atol=1e-12)
    assert result.metrics["fees"] == pytest.approx(result.fills["fee"].sum(), rel=1e-9)
    assert result.metrics["volume_traded"] == pytest.approx((result.fills["price"] * result.fills["amount"]).sum())
    assert result.metrics["net_profit"] == equity[-1] - 10_000.0


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("bot", [Maker(), Holder()], ids=lambda bot: bot.name)
def test_whenever_it_is_flat_round_trips_add_up_to_what_was_made(bot: Controller, model: str) -> None:
    result = backtest(bot, hours(1_600), **MARGIN, **MODELS[model])
    equity, time = result.equity["equity"].to_numpy(), result.equity["time"]
    got = result.fills["side"] * result.fills["amount"] - result.fills["fee_base"]
    position = np.cumsum(np.bincount(result.fills["row"], got, len(equity)))
    flat = np.flatnonzero((np.abs(position) < 1e-12) & (np.arange(len(equity)) > 0))
    pnl, closed = result.round_trips["pnl"].to_numpy(), result.round_trips["exit_time"]
    for row in flat:
        assert pnl[(closed <= time[int(row)]).to_numpy()].sum() == pytest.approx(equity[row] - 10_000.0, abs=1e-6)
    if model == "free" or bot.name == "Holder":
        assert len(flat) > 20
        assert len(pnl) > 20


@pytest.mark.parametrize("model", MODELS)
def test_executors_add_up_to_what_was_made(model: str) -> None:
    result = backtest(Dip(), hours(), **MARGIN, **MODELS[model])
    assert len(result.round_trips) > 30
    made = result.executors["pnl"].sum()
    assert made == pytest.approx(result.metrics["net_profit"], abs=1e-6)
    trips = result.round_trips
    done = result.executors.filter(pl.col("phase") == "done", pl.col("amount") > 0)
    assert sorted(trips["executor_id"]) == done["executor_id"].to_list()
    assert trips["pnl"].sum() == pytest.approx(done["pnl"].sum())
    assert (trips["return"] * trips["entry_price"] * trips["amount"]).to_numpy() == pytest.approx(
        trips["pnl"].to_numpy()
    )
    assert trips["fee"].sum() == pytest.approx(done["fee"].sum())
    assert set(trips["close_type"]) <= {"take_profit", "stop_loss", "trailing_stop", "time_limit"}


def test_one_trade_by_hand() -> None:
    """Bought for 1,000 at 100, fees 0.1 %, slippage 1 %; sold 3 hours later at 110."""

    class Once(Controller):
        def targets(self, candles: Candles) -> Targets:
            side = np.zeros(len(candles), np.int8)
            side[0] = 1
            return Targets.at_market(side, notional=1_000.0, time_limit="3h")

    candles = candles_of(100, 100, 105, 110, 110)
    plain = backtest(Once(), candles, cash=5_000, fees=0.001, slippage=0.01)
    bought, sold = 100 * 1.01, 110 * 0.99
    amount = 1_000 / (bought * 1.001)
    fill = plain.fills.row(0, named=True)
    assert (fill["price"], fill["amount"]) == (pytest.approx(bought), pytest.approx(amount))
    assert fill["fee"] == pytest.approx(amount * bought * 0.001)
    assert plain.metrics["net_profit"] == pytest.approx(amount * (sold * 0.999 - bought * 1.001))
    assert plain.equity["equity"][1] == pytest.approx(5_000 - 1_000 + amount * 100)
    assert plain.equity["exposure"][1] == pytest.approx(amount * 100 / plain.equity["equity"][1])
    in_base = backtest(Once(), candles, cash=5_000, fees=Fees(0.001, 0.001, paid_in="received"), slippage=0.01)
    assert in_base.metrics["net_profit"] == pytest.approx(amount * (0.999 * sold * 0.999 - bought))
    assert in_base.fills["fee_base"].to_list() == [pytest.approx(amount * 0.001), 0.0]


def test_a_spot_account_cannot_go_short_and_says_so() -> None:
    result = backtest(Bollinger(length=20, side="short"), hours(), cash=1_000)
    assert len(result.fills) == 0
    assert result.refusals["reason"].str.contains("cannot go short").all()
    assert result.refusals["count"].sum() > 10
    perpetual = backtest(Bollinger(length=20, side="short"), hours(symbol="BTC/USDT:USDT"), cash=1_000)
    assert perpetual.settings.account == "margin"
    assert len(perpetual.fills) > 0


# --- several markets --------------------------------------------------------------------------------------------------


def without(candles: Candles, rows: slice) -> Candles:
    kept = np.delete(np.arange(len(candles)), rows)
    columns = [getattr(candles, name)[kept] for name in ("time", "open", "high", "low", "close", "volume")]
    return Candles.from_arrays(*columns, timeframe="1h", venue="test", instrument=candles.instrument)


def test_several_instruments_add_up() -> None:
    """Each starts and rests at another time; with sizes in quote currency they know nothing of each other."""
    btc = without(hours(seed=1), slice(50, 60))
    eth = without(hours(seed=2, symbol="ETH/USDT"), slice(200, 230))[37:]
    both = backtest(Dip(), {"first": btc, "second": eth}, **MARGIN)
    alone = {name: backtest(Dip(), one, **MARGIN) for name, one in both.candles.items()}
    assert list(alone) == ["BTC/USDT", "ETH/USDT"]
    assert both.metrics["net_profit"] == pytest.approx(sum(one.metrics["net_profit"] for one in alone.values()))
    assert len(both.equity) == len(np.union1d(btc.time, eth.time))
    for name, one in alone.items():
        ours = both.fills.filter(pl.col("instrument") == name)
        assert ours.select("time", "side", "price", "amount", "fee").equals(
            one.fills.select("time", "side", "price", "amount", "fee")
        )
        assert both.executors.filter(pl.col("instrument") == name)["pnl"].to_list() == one.executors["pnl"].to_list()
    np.testing.assert_allclose(both.equity["equity"].to_numpy(), money(both), rtol=1e-10)
    again = backtest(Dip(), [btc, eth], **MARGIN)
    assert again.equity.equals(both.equity)


def test_several_venues_of_one_instrument_are_told_apart() -> None:
    here, there = hours(seed=1, venue="here"), hours(seed=2, venue="there")
    result = backtest(Dip(), [here, there], **MARGIN)
    assert list(result.candles) == ["here BTC/USDT", "there BTC/USDT"]
    assert set(result.fills["instrument"]) == {"here BTC/USDT", "there BTC/USDT"}


# --- numbers and pages ------------------------------------------------------------------------------------------------


def test_metrics_are_those_of_the_tables() -> None:
    result = backtest(Dip(), hours(), **MARGIN)
    trips, told = result.round_trips, result.metrics
    columns = (trips[name].to_numpy() for name in ("pnl", "return"))
    stamps = (trips[name].dt.epoch("ms").to_numpy() for name in ("entry_time", "exit_time"))
    exposed = int((result.equity["exposure"].abs() > 0).sum())
    again = summarise(
        result.candles["BTC/USDT"].time,
        result.equity["equity"].to_numpy(),
        timeframe_ms=HOUR_MS,
        cash=10_000.0,
        trips=Trips(*columns, *stamps, trips["side"].to_numpy()),
        fees_paid=result.fills["fee"].sum(),
        volume_traded=(result.fills["price"] * result.fills["amount"]).sum(),
        bars_exposed=exposed,
        close=result.candles["BTC/USDT"].close,
    )
    assert list(told) == list(METRICS) == list(again)
    assert told == pytest.approx(again, rel=1e-9, nan_ok=True)
    assert all(type(value) is float for value in told.values())


def test_a_result_speaks(tmp_path: Path) -> None:
    result = backtest(Dip(), hours())
    said = str(result.summary())
    assert f"{abs(result.metrics['net_profit']):,.2f}" in said
    assert "No look-ahead" in said
    assert "net profit" in repr(result)
    assert "round trips" in repr(result)
    assert "<" in result._repr_html_()
    page = result.report(tmp_path / "run.html")
    assert page.read_text(encoding="utf-8").count("BTC/USDT") > 1
    assert result.plot() is not None


def test_a_run_without_a_single_trade_has_all_its_tables() -> None:
    result = backtest(SmaCross(fast=300, slow=390), hours())
    assert result.metrics["net_profit"] == 0.0
    assert result.metrics["round_trips"] == 0.0
    assert np.isnan(result.metrics["win_rate"])
    for table in (result.fills, result.orders, result.executors, result.round_trips, result.refusals):
        assert len(table) == 0
    assert result.equity["equity"].unique().to_list() == [10_000.0]
    assert "no executor held a position" in str(result.bounds)
    assert str(result.summary())


# --- the card ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def stored() -> Candles:
    """Minutes in the store, read back as hours."""
    minutes = made_up(300 * 60, 5, START)
    instrument = Instrument.parse("BTC/USDT", tick=0.01, lot=0.001)
    data.ingest(minutes.to_polars(), venue="test", instrument=instrument, timeframe="1m")
    return data.candles("test", "BTC/USDT", "1h")


def through_json(card: Card) -> dict[str, Any]:
    return json.loads(json.dumps(card))


TERMS = [
    {},
    {"account": "margin", "leverage": 3.0, "fees": Fees(0.0, 0.0004, paid_in="received"), "slippage": 0.001},
    {"latency": 2, "fill": "through", "path": "best", "cash": 777.0, "seed": 9},
]


@pytest.mark.parametrize("terms", TERMS, ids=["plain", "margin", "late"])
@pytest.mark.parametrize(
    "bot", [Dip(fall=0.001), DipDecided(), DipTicked(), Bollinger(length=20)], ids=lambda b: b.name
)
def test_a_card_makes_the_same_bits(stored: Candles, bot: Controller, terms: dict[str, Any]) -> None:
    result = backtest(bot, stored, **terms)
    assert len(result.fills) > 0
    for card in (result.card, through_json(result.card)):
        again = rerun(card)
        assert again.equity["equity"].to_numpy().tobytes() == result.equity["equity"].to_numpy().tobytes()
        assert again.fills.equals(result.fills)
        assert again.bot == bot
        assert again.settings == result.settings
        assert through_json(again.card) == through_json(result.card)


def test_a_card_remembers_a_slice_a_finer_path_and_the_steps_of_an_instrument(stored: Candles) -> None:
    minutes = data.candles("test", "BTC/USDT", "1m")
    assert stored.instrument.lot == 0.001
    coarser = replace(stored[20:200], instrument=Instrument.parse("BTC/USDT", lot=0.01))
    result = backtest(Dip(), coarser, path=minutes)
    again = rerun(through_json(result.card))
    assert again.equity.equals(result.equity)
    assert again.candles["BTC/USDT"].instrument == coarser.instrument


def test_a_card_of_several_instruments_makes_the_same_bits(stored: Candles) -> None:
    other = made_up(200 * 60, 6, START + 30 * HOUR_MS)
    data.ingest(other.to_polars(), venue="test", instrument="ETH/USDT", timeframe="1m")
    result = backtest(Dip(), [stored, data.candles("test", "ETH/USDT", "1h")])
    assert rerun(through_json(result.card)).equity.equals(result.equity)


def test_a_changed_candle_is_named(stored: Candles) -> None:
    card = through_json(backtest(Dip(), stored).card)
    changed = stored.to_polars().head(1).with_columns(volume=pl.col("volume") + 1.0)
    minutes = data.candles("test", "BTC/USDT", "1m")[:1].to_polars().with_columns(volume=changed["volume"])
    data.ingest(minutes, venue="test", instrument="BTC/USDT", timeframe="1m", replace=True)
    with pytest.raises(DataError, match=r"BTC/USDT: the stored candles are not those of that run.*ingested anew"):
        rerun(card)


def test_candles_that_are_not_in_the_store_are_named() -> None:
    card = through_json(backtest(Dip(), hours()).card)
    with pytest.raises(DataError, match=r"nothing is stored of the venue 'test'.*wb\.data\.ingest"):
        rerun(card)
    assert len(rerun(backtest(Dip(), hours()).card).fills) > 0  # the card of this session has them


def test_a_changed_parameter_is_named(stored: Candles) -> None:
    card = through_json(backtest(Dip(), stored).card)
    card["bot"]["parameters"]["fall"] = 0.003
    with pytest.raises(ConfigError, match=r"Dip has changed since that run"):
        rerun(card)
    card["bot"]["parameters"] = {"drop": 0.003}
    with pytest.raises(ConfigError, match=r"Dip has no parameter `drop`"):
        rerun(card)


SOURCE = """
from workbench.controllers import Controller
from workbench.market import Targets

class Edited(Controller):
    def targets(self, candles):
        return Targets.at_market((candles.close < candles.open) * {side}, notional=100.0, time_limit="2h")
"""


def module_of(path: Path, side: int) -> types.ModuleType:
    import importlib.util

    path.write_text(SOURCE.format(side=side))
    spec = importlib.util.spec_from_file_location("edited_strategy", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["edited_strategy"] = module
    spec.loader.exec_module(module)
    return module


def test_a_changed_source_is_named(stored: Candles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "edited_strategy", None)
    card = through_json(backtest(module_of(tmp_path / "one.py", 1).Edited(), stored).card)
    assert rerun(card).card["result"] == card["result"]
    module_of(tmp_path / "two.py", -1)
    with pytest.raises(ConfigError, match=r"Edited has changed since that run.*old source"):
        rerun(card)
    card["bot"]["class"] = "edited_strategy:Gone"
    with pytest.raises(ConfigError, match=r"edited_strategy:Gone is not defined here"):
        rerun(card)


def test_another_outcome_says_what_else_differs(stored: Candles) -> None:
    card = through_json(backtest(Dip(), stored).card)
    other = copy.deepcopy(card)
    other["result"], other["code"] = "0" * 64, "an older one"
    with pytest.raises(BrokenInvariant, match=r"came out differently .*differs beside: code"):
        rerun(other)


def test_what_is_no_card_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no card: it has no `bot`"):
        rerun({"data": {}})


def test_a_decide_needs_no_columns() -> None:
    class Once(Controller):
        @staticmethod
        def decide(row: Any, world: Any, out: Any) -> None:
            if world.row == 3:
                out[0].action = Action.ENTER
                out[0].side = 1
                out[0].size = 0.1

    result = backtest(Once(), hours(), **MARGIN)
    assert result.fills["row"].to_list() == [4]
    assert result.fills["price"].to_list() == [result.candles["BTC/USDT"].open[4]]
