"""Whatever the path inside the bars was, what an executor made lies between its bounds.

First cases to be checked by hand, then every path there is on a small grid, then random paths with random terms, then
the real thing: runs on 1h candles of BTC, ETH and SOL, whose entries are walked again on the true 1m path.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.backtest import Bounds, Rewalk, backtest
from workbench.controllers import Bollinger, Controller
from workbench.errors import ConfigError, DataError
from workbench.market import BUY, SELL, Action, Candles, Instrument, OrderKind, Targets
from workbench.trading import Fees

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
START = 1_700_000_000_000 // HOUR_MS * HOUR_MS
NO_FEES: dict[str, Any] = {"fees": 0.0, "audit": False, "account": "margin"}


class Scripted(Controller):
    """Says what it was told to say, whatever the candles."""

    said: Any = None

    def targets(self, candles: Candles) -> Targets:
        return self.said


def one_entry(rows: int, side: int = BUY, **terms: Any) -> Scripted:
    """Enters at the close of row 0, one unit of base, under the given barriers."""
    sides = np.zeros(rows, np.int8)
    sides[0] = side
    return Scripted(said=Targets.at_market(sides, **({"amount": 1.0} | terms)))


def candles_of(*bars: tuple[float, float, float, float], timeframe: str = "1h", **kind: Any) -> Candles:
    """Candles from (open, high, low, close)."""
    step = HOUR_MS if timeframe == "1h" else MINUTE_MS
    columns = np.array(bars, np.float64).T
    return Candles.from_arrays(START + step * np.arange(len(bars)), *columns, timeframe=timeframe, **kind)


def bounds_of(bot: Controller, *bars: tuple[float, float, float, float], **terms: Any) -> Bounds:
    return backtest(bot, candles_of((100, 100, 100, 100), *bars), cash=1e6, **(NO_FEES | terms)).bounds


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_a_bar_that_meets_stop_and_target_leaves_both_open() -> None:
    told = bounds_of(one_entry(2, stop_loss=0.02, take_profit=0.03), (100, 104, 97, 101))
    assert (told.worst, told.best) == (pytest.approx(-2.0), pytest.approx(3.0))
    assert told.expected == pytest.approx(0.0, abs=1e-9)  # without drift: 3 of 5 times the nearer barrier, at −2
    assert (told.ambiguous_bars, told.bars_with_orders) == (1, 1)


def test_a_bar_that_meets_one_barrier_says_all() -> None:
    told = bounds_of(one_entry(2, stop_loss=0.02, take_profit=0.03), (100, 102, 97, 101))
    assert told.worst == told.expected == told.best == pytest.approx(-2.0)
    assert (told.ambiguous_bars, told.bars_with_orders) == (0, 1)


def test_a_gap_over_the_stop_ends_at_the_open() -> None:
    told = bounds_of(one_entry(3, stop_loss=0.02, take_profit=0.03), (100, 101, 99, 99), (95, 110, 94, 108))
    assert told.worst == told.best == pytest.approx(-5.0)
    assert told.ambiguous_bars == 0


def test_a_short_position_is_the_mirror() -> None:
    told = bounds_of(one_entry(2, SELL, stop_loss=0.02, take_profit=0.03), (100, 104, 96, 99))
    assert (told.worst, told.best) == (pytest.approx(-2.0), pytest.approx(3.0))


def test_an_entry_on_the_way_down_may_have_missed_the_high() -> None:
    """Bought at 98: the low of 97.5 came later, the high of 104 perhaps before."""
    sides = np.array([1, 0], np.int8)
    bot = Scripted(said=Targets.at_limit(sides, 98.0, amount=1.0, stop_loss=0.05, take_profit=0.05))
    told = bounds_of(bot, (100, 104, 97.5, 99))
    assert (told.worst, told.best) == (pytest.approx(1.0), pytest.approx(4.9))
    assert told.ambiguous_bars == 1


def test_a_low_before_the_arming_does_not_trail() -> None:
    """Down to 98 first, then up to 104, where the trailing stop hangs 3 below: it lives on at 103."""
    bot = one_entry(2, trailing=(0.02, 0.03), stop_loss=0.1)
    told = bounds_of(bot, (100, 104, 98, 103))
    assert told.best == pytest.approx(3.0)
    assert told.worst == pytest.approx(-1.0)  # up to 102 first, then down to 99


def test_a_trailing_stop_ends_between_its_first_and_its_highest_place() -> None:
    bot = one_entry(2, trailing=(0.02, 0.01), stop_loss=0.1)
    told = bounds_of(bot, (100, 106, 99, 100))
    assert (told.worst, told.best) == (pytest.approx(1.0), pytest.approx(5.0))


def test_a_stop_that_is_beyond_the_entry_at_once_ends_there() -> None:
    """Net of fees of 1 % a side, a stop of 1 % is above the price that was paid."""
    bot = one_entry(2, stop_loss=0.01, take_profit=0.05, net_of_fees=True)
    told = bounds_of(bot, (100, 104, 90, 103), fees=0.01)
    assert told.worst == told.best == pytest.approx(-2.0)


def test_time_that_runs_out_inside_a_bar_leaves_its_price_open() -> None:
    bot = one_entry(2, time_limit="30m", stop_loss=0.02)
    told = bounds_of(bot, (100, 104, 99, 101))
    assert (told.worst, told.best) == (pytest.approx(-1.0), pytest.approx(4.0))
    sharp = bounds_of(one_entry(2, time_limit="1h", stop_loss=0.02), (100, 104, 99, 101))
    assert sharp.worst == sharp.best == pytest.approx(1.0)


def test_a_target_at_limit_pays_the_maker_and_no_slippage() -> None:
    bot = one_entry(2, stop_loss=0.02, take_profit=0.03, take_profit_at="limit")
    told = bounds_of(bot, (100, 104, 97, 101), fees=Fees(maker=0.0, taker=0.001), slippage=0.001)
    paid, stopped = 100.1, 100.1 * 0.98 * 0.999
    assert told.best == pytest.approx(paid * 0.03 - paid * 0.001)
    assert told.worst == pytest.approx(stopped - paid - 0.001 * (paid + stopped))
    sure = bounds_of(bot, (100, 104, 99, 101), fees=Fees(maker=0.0, taker=0.001), slippage=0.001)
    assert sure.worst == sure.best == pytest.approx(told.best)


def test_a_signal_that_closes_is_the_same_on_every_path() -> None:
    exits = np.array([False, True, False])
    bot = one_entry(3, stop_loss=0.02, take_profit=0.03, exit=exits)
    told = bounds_of(bot, (100, 101, 99, 100), (101, 120, 80, 101))
    assert told.worst == told.best == pytest.approx(1.0)
    with_latency = bounds_of(
        one_entry(4, stop_loss=0.02, exit=np.array([0, 0, 1, 0], np.bool_)),
        (100, 100, 100, 100), (100, 101, 99, 100), (99, 99, 90, 91), latency=1,
    )  # fmt: skip
    assert with_latency.bars_with_orders == 2


def test_what_a_compiled_strategy_closes_is_closed_on_every_path() -> None:
    class Closer(Controller):
        def columns(self, candles: Candles) -> tuple[np.ndarray]:
            return (np.arange(len(candles), dtype=np.float64),)

        @staticmethod
        def decide(row: Any, world: Any, out: Any) -> None:
            if row[0] == 0.0:
                out[0].action = Action.ENTER
                out[0].side = 1
                out[0].size = 1.0
                out[0].stop_loss = 0.05
                out[0].take_profit = 0.05
            if row[0] == 1.0:
                out[0].action = Action.CLOSE

    told = bounds_of(Closer(), (100, 101, 99, 100), (101, 120, 80, 101))
    assert told.worst == told.best == pytest.approx(1.0)


def test_without_executors_nothing_is_open_to_doubt() -> None:
    told = bounds_of(Scripted(said=Targets.hold(np.array([1.0, 1.0, 0.0]))), (100, 110, 90, 105), (105, 106, 104, 105))
    assert told.worst == told.expected == told.best == pytest.approx(50_000.0)
    assert "no executor" in str(told)


# --- every path on a small grid ---------------------------------------------------------------------------------------

LOW, HIGH = 96, 104
GRID = (96, 98, 100, 102, 104)


def as_path(turns: tuple[int, ...], open_: int, close: int) -> list[tuple[float, float, float, float]]:
    """One fine bar for each straight piece of a path; 12 in all."""
    legs = list(pairwise((open_, *turns, close)))
    legs += [(close, close)] * (12 - len(legs))
    return [(a, max(a, b), min(a, b), b) for a, b in legs]


def every_path(open_: int, close: int) -> list[list[tuple[float, float, float, float]]]:
    """All ways from open to close with up to four turns that meet high and low and stay between them."""
    turns = [turns for n in (2, 3, 4) for turns in product(GRID, repeat=n) if all(a != b for a, b in pairwise(turns))]
    return [as_path(found, open_, close) for found in turns if {LOW, HIGH} <= {*found, open_, close}]


@pytest.mark.parametrize("close", [96, 100, 102])
@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize(
    "terms",
    [
        {"stop_loss": 0.02, "take_profit": 0.04},
        {"stop_loss": 0.02, "take_profit": 0.02, "take_profit_at": "limit"},
        {"stop_loss": 0.05, "take_profit": 0.05},
        {"stop_loss": 0.04, "trailing": (0.02, 0.02)},
        {"trailing": (0.02, 0.04)},
        {"trailing": (0.04, 0.02), "take_profit": 0.05},
        {"stop_loss": 0.02, "trailing": (0.02, 0.06)},
    ],
    ids=str,
)  # fmt: skip
def test_the_bounds_are_what_the_worst_and_the_best_of_all_paths_make(
    terms: dict[str, Any], side: int, close: int
) -> None:
    """Neither too narrow nor too wide, here with prices on a grid."""
    first = [(100.0, 100.0, 100.0, 100.0)] * 12
    made = {"worst": np.inf, "best": -np.inf}
    told = None
    for path in every_path(100, close):
        fine = Candles.from_arrays(
            START + 5 * MINUTE_MS * np.arange(24), *np.array(first + path, np.float64).T, timeframe="5m"
        )  # fmt: skip
        told = told or backtest(one_entry(2, side, **terms), fine.resample("1h"), cash=1e6, **NO_FEES)
        profit = told.rewalk(fine).net_profit
        made = {"worst": min(made["worst"], profit), "best": max(made["best"], profit)}
    assert told is not None
    assert (told.bounds.worst, told.bounds.best) == (pytest.approx(made["worst"]), pytest.approx(made["best"]))


# --- random paths and terms -------------------------------------------------------------------------------------------

FINE = 12  # bars of 5m in one of 1h


@dataclass(frozen=True)
class Case:
    """Fine bars without jumps inside an hour, a strategy, and the terms of a run on the hours."""

    fine: Candles
    bot: Controller
    terms: dict[str, Any]


def steps(random: np.random.Generator, n: int, unit: float) -> np.ndarray:
    """Moves in whole units, many of them none: prices that meet barriers exactly."""
    return unit * random.integers(-4, 5, n) * (random.random(n) < 0.8)


def jumpless(random: np.random.Generator, hours: int, *, instrument: Instrument, holes: float) -> Candles:
    """Fine bars; each begins where the one before in its hour ended, and some are missing."""
    unit = random.choice([0.25, 0.5, 0.1])
    kept = np.flatnonzero(random.random(hours * FINE) >= holes)
    kept = np.union1d(kept, FINE * np.arange(hours) + random.integers(0, FINE, hours))
    hour = kept // FINE
    jump = np.where(np.diff(hour, prepend=-1) > 0, steps(random, len(kept), 2 * unit) * (random.random() < 0.5), 0.0)
    move = steps(random, len(kept), unit)
    close = 100.0 + np.cumsum(move + jump)
    open_ = close - move
    open_[1:] = np.where(np.diff(hour) > 0, open_[1:], close[:-1])
    reach = np.abs(np.stack([steps(random, len(kept), unit), steps(random, len(kept), unit)]))
    high, low = np.maximum(open_, close) + reach[0], np.minimum(open_, close) - reach[1]
    shift = max(0.0, 40.0 - low.min())
    columns = (column + shift for column in (open_, high, low, close))
    time = START + 5 * MINUTE_MS * kept
    return Candles.from_arrays(time, *columns, instrument=instrument, timeframe="5m")


def some(random: np.random.Generator, *choices: Any) -> Any:
    return choices[int(random.integers(len(choices)))]


def random_targets(random: np.random.Generator, close: np.ndarray, *, short: bool) -> Targets:
    rows = len(close)
    side = some(random, [1, -1], [1, 1, -1, 0], [1, 0, 0]) if short else [1, 0]
    sides = random.choice(side, rows).astype(np.int8)
    barrier = (0.002, 0.005, 0.01, 0.02, 0.04)
    terms: dict[str, Any] = {
        "amount": some(random, 1.0, 0.37),
        "stop_loss": some(random, None, *barrier),
        "take_profit": some(random, *barrier),
        "trailing": some(random, None, (some(random, *barrier), some(random, *barrier))),
        "time_limit": some(random, None, "1h", "2h", "25m", "70m"),
        "net_of_fees": bool(random.integers(2)),
        "take_profit_at": some(random, "market", "limit"),
        "max_per_side": some(random, 1, 3),
        "on_opposite": some(random, "ignore", "close"),
        "exit": random.random(rows) < some(random, 0.0, 0.2),
    }
    way = some(random, "market", "limit", "stop", "stop limit")
    if way == "market":
        return Targets.at_market(sides, **terms)
    beyond = close + sides * some(random, -1.0, -0.5, 0.0, 0.5)
    if way == "limit":
        return Targets.at_limit(sides, beyond, **terms)
    trigger = close + sides * some(random, 0.5, 1.0)
    limit = None if way == "stop" else close + sides * some(random, -0.5, 0.5, 1.5)
    return Targets.at_stop(sides, trigger, limit=limit, **terms)


def random_case(seed: int) -> Case:
    random = np.random.default_rng(seed)
    spot = bool(random.integers(2))
    instrument = Instrument.parse("BTC/USDT", lot=some(random, 0.0, 0.1), tick=some(random, 0.0, 0.05))
    fine = jumpless(random, 12, instrument=instrument, holes=some(random, 0.0, 0.0, 0.5))
    bot = Scripted(said=random_targets(random, fine.resample("1h").close, short=not spot))
    rate = some(random, 0.0, 0.001)
    terms = {
        "account": "spot" if spot else "margin",
        "fees": Fees(rate, some(random, rate, 0.003), paid_in=some(random, "quote", "received")),
        "slippage": some(random, 0.0, 0.001),
        "path": some(random, "worst", "best", "ohlc"),
        "fill": some(random, "touch", "touch", "through"),
    }
    return Case(fine, bot, terms)


def outside(again: Rewalk) -> pl.DataFrame:
    """Executors that made less or more than their own bars allowed."""
    room = 1e-9 * (again.executors["entry_price"] + 1.0)
    pnl, worst, best = (again.executors[name] for name in ("pnl", "worst", "best"))
    return again.executors.filter((pnl < worst - room) | (pnl > best + room)).filter("same_entry")


def enters_alike(targets: Targets) -> bool:
    """Are its entries the same on every path? A stop-limit's are not, nor one that time may overtake inside a bar."""
    return targets.kind != OrderKind.STOP_LIMIT and targets.time_limit_ms % HOUR_MS == 0


@settings(max_examples=300)
@given(st.integers(0, 2**32).map(random_case))
def test_any_path_without_jumps_lies_inside(case: Case) -> None:
    run = backtest(case.bot, case.fine.resample("1h"), cash=1e6, audit=False, **case.terms)
    again = run.rewalk(case.fine)
    assert outside(again).is_empty()
    assert again.is_inside or not again.executors["same_entry"].all()
    if enters_alike(case.bot.said):
        assert again.executors["same_entry"].all()
    assert run.bounds.worst - 1e-6 <= run.bounds.expected <= run.bounds.best + 1e-6


@settings(max_examples=150)
@given(st.integers(0, 2**32).map(random_case), st.integers(0, 2))
def test_a_run_lies_inside_its_own_bounds(case: Case, latency: int) -> None:
    """Whatever path was chosen, with latency too: its path is one of those that the bounds allow."""
    run = backtest(case.bot, case.fine.resample("1h"), cash=1e6, audit=False, latency=latency, **case.terms)
    made = run.executors.filter(pl.col("amount") > 0)["pnl"].to_numpy()
    worst, _, best = run._endings.profit.T
    assert (worst - 1e-9 * 100 <= made).all()
    assert (made <= best + 1e-9 * 100).all()


@settings(max_examples=50)
@given(st.integers(0, 2**32).map(random_case))
def test_a_run_on_finer_bars_is_bounded_by_those(case: Case) -> None:
    coarse = case.fine.resample("1h")
    run = backtest(case.bot, coarse, cash=1e6, audit=False, **(case.terms | {"path": case.fine}))
    assert run.metrics["net_profit"] in run.bounds
    assert run.bounds.bars_with_orders <= len(case.fine)


def test_a_finer_path_that_is_another_market_is_refused() -> None:
    bot = one_entry(2, stop_loss=0.02, take_profit=0.03)
    run = backtest(bot, candles_of((100, 100, 100, 100), (100, 104, 97, 101)), cash=1e6, **NO_FEES)
    minutes = candles_of(*[(100.0, 100.0, 100.0, 100.0)] * 60, *[(100.0, 105.0, 100.0, 101.0)] * 60, timeframe="1m")
    with pytest.raises(DataError, match=r"finer bar of .*01:00|finer bar of .*lies outside its bar.*same market"):
        run.rewalk(minutes)
    with pytest.raises(DataError, match="does not cover the bar of"):
        run.rewalk(minutes[:30])
    with pytest.raises(DataError, match="must be finer"):
        run.rewalk(run.candles)
    late = backtest(bot, run.candles, cash=1e6, latency=1, **NO_FEES)
    with pytest.raises(ConfigError, match="latency of 1 bars"):
        late.rewalk(minutes)


# --- the true path ----------------------------------------------------------------------------------------------------

REAL = ("BTC", "ETH", "SOL")


@pytest.fixture(scope="module")
def minutes(shared: Path) -> dict[str, Candles]:
    """The 1m candles of 2022-01 to 2023-06: BTC and ETH without the halt of 2023-03-24, SOL without a minute more."""
    found = {}
    for coin in REAL:
        frame = pl.read_parquet(shared / f"marketdata/binance_{coin}USDT_1m.parquet")
        found[coin] = Candles.from_frame(frame, venue="binance", instrument=f"{coin}/USDT", timeframe="1m")
    return found


def by_jump(again: Rewalk, fine: Candles) -> np.ndarray:
    """How far the market jumped from one minute to the next where each executor ended; nothing, if it did not jump."""
    closed = again.executors["closed"].dt.epoch("ms").fill_null(-1).to_numpy()
    rows = np.searchsorted(fine.time, closed)
    rows[(closed < 0) | (rows == 0)] = 1
    return np.abs(fine.open[rows] - fine.close[rows - 1])


STRATEGY = {"length": 20, "width": 1.0, "cooldown": "1h", "notional": 1_000.0, "time_limit": "12h"}
ACCOUNTS = {
    "spot": {"account": "spot", "side": "long", "max_per_side": 2},
    "margin": {"account": "margin", "side": "both", "max_per_side": 2},
}
BARRIERS = {
    "plain": {"stop_loss": 0.006, "take_profit": 0.006},
    "trailing": {"stop_loss": 0.008, "take_profit": 0.02, "trailing_activation": 0.004, "trailing_delta": 0.003},
    "limit": {"stop_loss": 0.006, "take_profit": 0.006, "take_profit_at": "limit"},
    "net": {"stop_loss": 0.008, "take_profit": 0.006, "net_of_fees": True},
    "net limit": {"stop_loss": 0.008, "take_profit": 0.006, "net_of_fees": True, "take_profit_at": "limit"},
    "closing": {"stop_loss": 0.01, "take_profit": 0.01, "on_opposite": "close"},
}


@pytest.mark.shared
@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("barriers", BARRIERS)
@pytest.mark.parametrize("coin", REAL)
def test_the_true_path_lies_inside(minutes: dict[str, Candles], coin: str, barriers: str, account: str) -> None:
    terms = ACCOUNTS[account]
    bot = Bollinger(**STRATEGY, **BARRIERS[barriers], side=terms["side"], max_per_side=terms["max_per_side"])
    run = backtest(bot, minutes[coin].resample("1h"), cash=1e6, account=terms["account"], audit=False)
    again = run.rewalk(minutes[coin])
    told = run.bounds
    assert again.executors["same_entry"].all()
    assert told.ambiguous_bars >= 24, told  # several dozens, and said so
    assert f"{told.ambiguous_bars:,} of {told.bars_with_orders:,} bars" in str(told)
    assert told.worst < told.best
    assert told.worst <= again.net_profit <= told.best
    assert told.worst - 1e-6 <= run.metrics["net_profit"] <= told.best + 1e-6
    # Each by itself: between two minutes the market may jump over a barrier, and no further than that is allowed.
    amount = run.executors.filter(pl.col("amount") > 0)["amount"].to_numpy()
    room = amount * by_jump(again, minutes[coin]) * 1.01 + 1e-9
    pnl, worst, best = (again.executors[name].to_numpy() for name in ("pnl", "worst", "best"))
    assert (pnl >= worst - room).all()
    assert (pnl <= best + room).all()
    beyond = (pnl < worst - 1e-9) | (pnl > best + 1e-9)
    assert beyond.mean() < 0.02  # jumps are rare


@pytest.mark.shared
def test_several_markets_lie_inside_together(minutes: dict[str, Candles]) -> None:
    bot = Bollinger(**STRATEGY, **BARRIERS["plain"])
    hours = [minutes[coin].resample("1h") for coin in REAL]
    run = backtest(bot, hours, cash=1e6, account="margin", audit=False)
    again = run.rewalk([minutes[coin] for coin in REAL])
    alone = [backtest(bot, one, cash=1e6, account="margin", audit=False).bounds for one in hours]
    assert run.bounds.worst == pytest.approx(sum(one.worst for one in alone))
    assert run.bounds.best == pytest.approx(sum(one.best for one in alone))
    assert run.bounds.worst <= again.net_profit <= run.bounds.best
    assert again.is_inside
    assert "inside the bounds" in str(again)
