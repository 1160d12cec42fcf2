"""The parts of the fast paths, each against what it stands for."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.compiled import compiled
from workbench.controllers import Bollinger, SmaCross
from workbench.indicators import sma_cross
from workbench.market import Candles
from workbench.metrics import METRICS
from workbench.research.fast import DAY_MS
from workbench.research.fast.measure import MEASURED, period_ends
from workbench.research.fast.numbers import percentile, total
from workbench.research.fast.prices import first_touch, touch_table
from workbench.research.fast.signals import sma_crossings
from workbench.research.runs import Runner, marks_of

from .test_sweep import QUIET, Quoter, same, walk


@compiled
def total_of(values):
    return total(values, 0, values.shape[0])


@compiled
def percentile_of(values, share):
    return percentile(values, values.shape[0], share)


@compiled
def touch_of(touch, start, end, below, above):
    return first_touch(touch, start, end, below, above)


@pytest.mark.parametrize("count", [*range(20), 127, 128, 129, 135, 136, 255, 256, 257, 1000, 4097, 70_001])
def test_sum_has_the_bits_of_numpys(count):
    values = np.random.default_rng(count).normal(0.0, 1.0, count) * 10.0 ** np.random.default_rng(1).integers(-8, 8)
    assert total_of(values) == values.sum()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.sampled_from([0.0, 0.05, 0.5, 0.95, 1.0]))
@settings(max_examples=200)
def test_percentile_has_the_bits_of_numpys(values, share):
    column = np.array(values)
    assert percentile_of(column.copy(), share) == np.percentile(column, 100.0 * share)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5000), st.floats(0.9, 1.1), st.floats(0.9, 1.2))
@settings(max_examples=200)
def test_first_touch_is_the_first_bar_that_leaves_the_band(seed, count, below, above):
    rng = np.random.default_rng(seed)
    middle = np.exp(np.cumsum(rng.normal(0.0, 2e-3, count)))
    low, high = middle * 0.999, middle * 1.001
    start = int(rng.integers(0, count))
    end = int(rng.integers(start, count + 1))
    touched = np.flatnonzero((low[start:end] <= below) | (high[start:end] >= above))
    expected = start + int(touched[0]) if len(touched) else end
    assert touch_of(touch_table(low, high), start, end, below, above) == expected


PRICES = {
    "a walk": lambda rng, n: 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, n))),
    "ticks": lambda rng, n: np.round(100.0 + np.cumsum(rng.integers(-1, 2, n)) * 0.5, 1),
    "dead stretches": lambda rng, n: np.repeat(100.0 + np.cumsum(rng.normal(0.0, 0.1, n // 50 + 1)), 50)[:n],
    "a crash": lambda rng, n: np.where(np.arange(n) < n // 2, 1e6, 1.0) * np.exp(np.cumsum(rng.normal(0.0, 1e-3, n))),
    "a dust of rounding": lambda rng, n: 100.0 * (1.0 + 1e-13 * rng.normal(0.0, 1.0, n)),
}


@pytest.mark.parametrize("kind", PRICES)
@pytest.mark.parametrize("seed", range(3))
def test_crosses_are_those_of_the_indicator_or_left_to_it(kind, seed):
    rng = np.random.default_rng(seed)
    close = PRICES[kind](rng, 3000)
    close = np.maximum(close, 1e-6)
    pairs = np.array([(f, s) for f in (1, 2, 3, 10, 50) for s in (4, 11, 64, 200, 700) if f < s], np.int64)
    rows, counts, sides = sma_crossings(close, pairs)
    taken = counts >= 0
    for pair in np.flatnonzero(taken):
        expected = sma_cross(close, *map(int, pairs[pair]))
        found = np.zeros(len(close), np.int8)
        turns = np.where(np.arange(counts[pair]) % 2, -1, 1) * sides[pair]
        found[rows[pair, : counts[pair]]] = turns
        assert found.tolist() == expected.tolist(), pairs[pair]
    if kind == "a walk":
        assert taken[pairs[:, 1] >= 64].all()


def test_crosses_that_are_in_doubt_take_the_same_route_and_are_those_of_the_indicator():
    close = 100.0 * (1.0 + 3e-12 * np.random.default_rng(1).normal(0.0, 1.0, 3000))  # near what counts as equal
    close[1500:] *= 1.0 + 1e-3 * np.sin(np.arange(1500) / 40.0)
    pairs = np.array([(2, 12), (2, 40), (5, 12), (5, 40)], np.int64)
    assert (sma_crossings(close, pairs)[1] < 0).any()
    time = 1_600_041_600_000 + 60_000 * np.arange(3000)
    candles = Candles.from_arrays(time, close, close, close, close, timeframe="1m")
    table = agree(SmaCross(), {"fast": [2, 5], "slow": [12, 40]}, candles)
    assert set(table["route"]) == {"signals"}
    assert table["round_trips"].max() > 5


def test_daily_equity_of_quotes_is_that_of_their_backtest():
    table = agree(Quoter(), {"spread": [0.0005, 0.004], "path": ["worst", "best"]}, walk(), account="margin")
    assert set(table["route"]) == {"quotes"}


class Entering(wb.Controller):
    """Enters under barriers of its own, on a side that depends on what it holds, and now and then closes all."""

    levels: ClassVar[int] = 2
    stop_loss: wb.Fraction = 0.01

    def columns(self, candles: Candles) -> Any:
        return np.arange(len(candles)) % 97.0, candles.close, self.stop_loss

    @staticmethod
    @wb.compiled
    def decide(row, world, out):
        if row[0] == 40.0 or (row[0] == 41.0 and world.open_long > 0):
            out[0].action, out[0].side, out[0].size = 1, 1 if world.last > row[1] * 0.5 else -1, 1.0
            out[0].stop_loss, out[0].take_profit = row[2], 2.0 * row[2]
        if row[0] == 60.0 and world.position > 0.5 and world.entry > row[1]:
            out[1].action, out[1].side, out[1].size, out[1].time_limit_ms = 1, -1, 0.5, 7_200_000
        if row[0] == 96.0:
            out[1].action, out[1].side = 2, 0


@pytest.mark.parametrize(
    "bot",
    [
        Bollinger(length=15, max_per_side=3, cooldown="0ms", stop_loss=0.02, take_profit=0.03),
        Bollinger(length=15, take_profit_at="limit", stop_loss=0.02, take_profit=0.01, fraction=0.3),
        Bollinger(length=15, side="both", on_opposite="ignore", trailing_activation=0.004, trailing_delta=0.002),
        Entering(),
    ],
    ids=["several a side", "a limit as target", "both sides, trailing", "decided row by row"],
)
def test_what_the_engine_walks_for_a_sweep_is_its_backtest(bot):
    grid = {"stop_loss": [0.004, 0.02, 0.05], "path": ["worst", "best", "ohlc"], "latency": [0, 2]}
    table = agree(bot, grid, walk(6000, seed=11), account="margin")
    assert set(table["route"]) == {"engine"}
    assert table["round_trips"].min() > 5


@pytest.mark.parametrize("timeframe", ["1m", "1h", "1d", "1w"])
def test_metrics_are_complete_and_the_same_on_every_timeframe(timeframe):
    assert set(MEASURED) == set(METRICS)
    minute = walk(1500, seed=5)
    length = {"1m": 60_000, "1h": 3_600_000, "1d": 86_400_000, "1w": 604_800_000}[timeframe]
    time = 1_598_832_000_000 // length * length + length * np.arange(1500)
    candles = Candles.from_arrays(time, minute.open, minute.high, minute.low, minute.close, timeframe=timeframe)
    agree(SmaCross(), {"fast": [2, 5], "slow": [12, 40]}, candles)


def test_metrics_are_the_same_where_an_account_is_ruined():
    rng = np.random.default_rng(3)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.004, 0.03, 900)))
    time = 1_600_041_600_000 // 86_400_000 * 86_400_000 + 14_400_000 * np.arange(900)
    candles = Candles.from_arrays(time, close, close * 1.02, close * 0.98, close, timeframe="4h")
    bot = SmaCross(side="short", fraction=8.0)
    table = agree(bot, {"fast": [2, 5], "slow": [12, 40]}, candles, account="margin", leverage=10.0)
    assert table["net_profit"].min() < -10_000.0


def test_metrics_are_the_same_where_nothing_is_traded_or_one_bar_is_all():
    agree(SmaCross(), {"fast": [2, 5], "slow": [900, 2000]}, walk(500))
    agree(SmaCross(), {"fast": [2], "slow": [4]}, walk(2))
    agree(SmaCross(), {"fast": [2], "slow": [4]}, walk(1))


@pytest.mark.parametrize("seed", range(16))
def test_random_terms_give_the_backtest_to_the_last_bit(seed):
    rng = np.random.default_rng(seed)
    pick: Any = lambda *values: values[int(rng.integers(len(values)))]  # noqa: E731
    candles = walk(1200, seed=100 + seed, tick=pick(0.0, 0.5))
    bot = pick(SmaCross(), Bollinger(length=15)).vary(
        stop_loss=pick(None, 0.003, 0.02), take_profit=pick(None, 0.004, 0.03), time_limit=pick(None, "45m", "6h"),
        cooldown=pick("0ms", "90m"), on_opposite=pick("close", "ignore"), side=pick("both", "long", "short"),
        net_of_fees=pick(True, False), **pick({}, {"trailing_activation": 0.003, "trailing_delta": pick(5e-4, 2e-3)}),
        **pick({}, {"fraction": 0.3}, {"notional": 700.0}, {"amount": 2.0}),
    )  # fmt: skip
    grid = {"fees": [0.0, 0.001], "slippage": [0.0, 0.004], "path": ["worst", "best", "ohlc"]}
    agree(bot, grid, candles, **pick({}, {"account": "margin"}, {"account": "margin", "leverage": 4.0}))


def agree(bot: Any, grid: dict[str, Any], candles: Candles, **terms: Any) -> Any:
    """Each row of a sweep against its backtest, and its daily equity too."""
    found = wb.sweep(bot, grid, candles, **QUIET, **terms)
    runner = Runner(found.space)
    for row in found.table.iter_rows(named=True):
        run = found.backtest(row["number"], audit=False)
        metrics = run.metrics
        days, expected = runner.marks(row["number"], DAY_MS), marks_of(run, DAY_MS)
        assert all(np.array_equal(ours, theirs) for ours, theirs in zip(days, expected, strict=True))
        different = {name: (row[name], metrics[name]) for name in METRICS if not same(row[name], metrics[name])}
        assert different == {}, found.space.grid.values(row["number"])
    return found.table


def test_periods_end_with_the_last_bar_of_each():
    day, hour = 86_400_000, 3_600_000
    time = np.array([0, 5, 23, 24, 30, 72, 73]) * hour
    assert period_ends(time, hour, day).tolist() == [2, 4, 6]
    assert period_ends(time, day, day).tolist() == list(range(7))
