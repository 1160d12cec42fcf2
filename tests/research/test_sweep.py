"""A sweep is many backtests: the same numbers, whichever route, order or number of threads."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

import workbench as wb
from workbench.controllers import Bollinger, Directional, MacdBollinger, SmaCross, SuperTrend
from workbench.errors import ConfigError, DataError
from workbench.market import Candles, Instrument
from workbench.metrics import METRICS
from workbench.research import heat_parts
from workbench.research.judging import drawn, first_choice
from workbench.research.runs import Runner

QUIET = {"audit": False, "luck": False, "progress": False}


def walk(n_bars: int = 4000, seed: int = 1, *, tick: float = 0.0, instrument: str | Instrument = "BTC/USDT") -> Candles:
    """Candles of a random walk; with `tick`, prices are whole multiples of it, so that many are equal."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 4e-3, n_bars)))
    open_ = np.append(100.0, close[:-1]) * np.exp(rng.normal(0.0, 2e-3, n_bars))
    high = np.maximum(open_, close) * (1.0 + np.abs(rng.normal(0.0, 2e-3, n_bars)))
    low = np.minimum(open_, close) * (1.0 - np.abs(rng.normal(0.0, 2e-3, n_bars)))
    prices = [np.round(column / tick) * tick if tick else column for column in (open_, high, low, close)]
    time = 1_600_000_000_000 // 3_600_000 * 3_600_000 + 900_000 * np.arange(n_bars)
    return Candles.from_arrays(time, *prices, np.ones(n_bars), timeframe="15m", instrument=instrument)


@pytest.fixture(scope="module")
def candles() -> Candles:
    return walk()


class Dip(wb.Controller):
    """A controller with targets of its own, as a user writes one."""

    drop: wb.Fraction = 0.01
    hold: int = wb.Field(5, ge=1)

    def targets(self, candles: Candles) -> wb.Targets:
        change = np.diff(candles.close, prepend=np.nan) / candles.close
        return wb.Targets.at_market(
            np.where(change < -self.drop, wb.BUY, wb.FLAT), time_limit=f"{15 * self.hold}m", stop_loss=0.01
        )


class Quoter(wb.Controller):
    """A compiled one, which quotes one side at a time."""

    spread: wb.Fraction = 0.002

    def columns(self, candles: Candles) -> Any:
        return candles.close, self.spread

    @staticmethod
    @wb.compiled
    def decide(row, world, out):
        side = 1 if world.position <= 0.0 else -1
        out[0].action = 3
        out[0].side = side
        out[0].kind = 1
        out[0].price = row[0] * (1.0 - side * row[1])
        out[0].size = 1.0


class Ladder(wb.Controller):
    """Several quotes at once, of which some come and go, stay the same, cross the market, or are at one price."""

    levels: ClassVar[int] = 5
    spread: wb.Fraction = 0.002
    kind: int = 1
    most: float = 3.0
    odd: bool = False

    def columns(self, candles: Candles) -> Any:
        """Besides the close, one that stays for some bars."""
        held = candles.close[np.arange(len(candles)) // 7 * 7]
        return candles.close, held, self.spread, float(self.kind), self.most, float(self.odd)

    @staticmethod
    @wb.compiled
    def decide(row, world, out):
        for level in range(5):
            side = 1 - 2 * (level % 2)
            out[level].action = 3
            out[level].side = side
            out[level].kind = int(row[3])
            out[level].price = (row[0] if level < 2 else row[1]) * (1.0 - side * row[2] * (level // 2))
            out[level].size = 1.0 + level // 3 if side * world.position < row[4] else 0.0
        if world.row % 11 == 3:
            out[3].side = 0
        if world.row % 13 == 5 and world.position > 0.0:
            out[4].price = np.nan if world.last < world.entry else 2.0 * row[0]
        if row[5] != 0.0 and world.row == 1000:
            out[0].action = 1


class Share(wb.Controller):
    """A share of its equity, now more, now less, now none, of either side; some wishes are none or too large."""

    share: float = 0.5
    enters: bool = False

    def columns(self, candles: Candles) -> Any:
        """The close of every fifth bar, which stays for five, and the share."""
        return candles.close, candles.close[np.arange(len(candles)) // 5 * 5], self.share, float(self.enters)

    @staticmethod
    @wb.compiled
    def decide(row, world, out):
        if world.row % 3 > 0 or world.position > 0.0:
            out[0].action = 4
            out[0].size = row[2] * (np.floor(200.0 * row[0] / row[1]) - 199.0)
        if world.row % 17 == 5:
            out[0].size = 0.0 if world.last > world.entry else np.nan
        if row[3] != 0.0 and world.row == 1000:
            out[0].action, out[0].side, out[0].size = 1, 1, 1.0


LOTS = replace(Instrument.parse("BTC/USDT"), tick=0.01, lot=0.001, min_amount=0.002, min_notional=5.0)
SWEEPS: dict[str, tuple[Any, dict[str, Any], dict[str, Any], set[str]]] = {
    "crosses": (SmaCross(), {"fast": [1, 2, 7], "slow": [3, 20, 61]}, {}, {"signals"}),
    "crosses, both ways": (SmaCross(), {"fast": [2, 9], "slow": [12, 40], "leverage": [1.0, 3.0]},
                           {"account": "margin"}, {"signals"}),
    "crosses under barriers": (SmaCross(slow=25), {"stop_loss": [None, 0.01], "take_profit": [None, 0.02],
                               "time_limit": [None, "3h"], "path": ["worst", "best", "ohlc"]}, {},
                               {"signals", "barriers"}),
    "long crosses that exit": (SmaCross(side="long"), {"fast": [3, 9], "amount": [0.5, 5.0]}, {}, {"signals"}),
    "crosses of one side": (SmaCross(slow=20), {"side": ["long", "short", "both"], "on_opposite": ["close", "ignore"],
                            "stop_loss": [None, 0.01], "cooldown": ["0ms", "3h"]}, {"account": "margin"},
                            {"signals", "barriers", "engine"}),
    "bands": (Bollinger(length=30), {"stop_loss": [0.004, 0.03], "net_of_fees": [True, False],
              "cooldown": ["0ms", "2h"], "fees": [0.0, 0.001]}, {}, {"barriers"}),
    "short bands": (Bollinger(length=20, side="short"), {"take_profit": [0.004, 0.02], "slippage": [0.0, 0.002]},
                    {"account": "margin"}, {"barriers"}),
    "bands both ways": (Bollinger(length=20), {"on_opposite": ["close", "ignore"]}, {"account": "margin"},
                        {"barriers", "engine"}),
    "several at once": (Bollinger(length=20), {"max_per_side": [1, 2]}, {}, {"barriers", "engine"}),
    "late": (Bollinger(length=20), {"latency": [0, 1]}, {}, {"barriers", "engine"}),
    "targets at limit": (Bollinger(length=20), {"take_profit_at": ["market", "limit"]}, {}, {"barriers", "engine"}),
    "trailing": (SuperTrend(), {"trailing_activation": [0.002, 0.01], "trailing_delta": [0.001, 0.005],
                 "path": ["worst", "best", "ohlc"]}, {}, {"barriers"}),
    "crosses that trail": (SmaCross(slow=15), {"trailing_activation": [0.004], "trailing_delta": [0.0005, 0.003],
                           "take_profit": [None, 0.006], "time_limit": [None, "4h"]}, {"account": "margin"},
                           {"barriers"}),
    "another signal": (MacdBollinger(), {"stop_loss": [0.01], "notional": [500.0, 50_000.0]}, {}, {"barriers"}),
    "a user's targets": (Dip(), {"drop": [0.002, 0.005], "hold": [1, 9]}, {}, {"barriers"}),
    "a user's decide": (Quoter(), {"spread": [0.001, 0.004], "latency": [0, 1]}, {}, {"quotes", "engine"}),
    "a quoter on margin": (Quoter(), {"spread": [0.0, 0.001, 0.004], "path": ["worst", "best", "ohlc"]},
                           {"account": "margin"}, {"quotes"}),
    "a ladder": (Ladder(), {"kind": [1, 2], "fill": ["touch", "through"], "path": ["worst", "best", "ohlc"],
                 "cash": [250.0, 1e6], "spread": [0.0005, 0.003]}, {"account": "margin", "slippage": 0.0004,
                 "leverage": 2.0}, {"quotes"}),
    "a ladder on spot": (Ladder(), {"kind": [1, 2], "fill": ["touch", "through"], "path": ["worst", "best", "ohlc"],
                         "cash": [250.0, 1e6], "spread": [0.0005, 0.003]}, {"slippage": 0.0004, "fees": 0.0007},
                         {"quotes"}),
    "a share": (Share(), {"share": [0.1, 0.4, 1.5], "cash": [30.0, 1e6], "fees": [0.0, 0.002]}, {"slippage": 0.0004},
                {"quotes"}),
    "a share on margin": (Share(), {"share": [0.3, 1.5], "leverage": [1.0, 3.0]}, {"account": "margin"}, {"quotes"}),
    "a share that enters": (Share(), {"enters": [False, True], "latency": [0, 1]}, {}, {"quotes", "engine"}),
    "a ladder that does more": (Ladder(), {"odd": [False, True], "latency": [0, 1]}, {"account": "margin"},
                                {"quotes", "engine"}),
}  # fmt: skip


@pytest.mark.parametrize("name", SWEEPS)
@pytest.mark.parametrize("prices", ["walk", "ticks"])
def test_every_row_is_its_backtest_to_the_last_bit(name, prices):
    bot, grid, terms, routes = SWEEPS[name]
    candles = walk() if prices == "walk" else walk(seed=2, tick=0.5, instrument=LOTS)
    table = wb.sweep(bot, grid, candles, **QUIET, **terms).table
    assert set(table["route"]) == routes
    for row in table.iter_rows(named=True):
        varied = {name: row[f"grid_{name}" if name in METRICS else name] for name in grid}
        own = {name: value for name, value in varied.items() if name in type(bot).model_fields}
        others = {name: value for name, value in varied.items() if name not in own}
        metrics = wb.backtest(bot.vary(**own), candles, audit=False, **terms, **others).metrics
        different = [metric for metric in METRICS if not same(row[metric], metrics[metric])]
        assert different == [], (varied, {metric: (row[metric], metrics[metric]) for metric in different})


def same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


def test_tables_do_not_depend_on_threads(candles):
    grid = {"fast": range(2, 8), "slow": range(5, 30, 3), "stop_loss": [None, 0.01]}
    tables = [wb.sweep(SmaCross(), grid, candles, threads=n, resume=False, **QUIET).table for n in (1, 2, 5)]
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])
    assert tables[0]["number"].is_sorted()


def test_combinations_that_cannot_be_are_counted_and_listed_and_the_rest_runs(candles):
    found = wb.sweep(SmaCross(), {"fast": [5, 20], "slow": [10, 30]}, candles, **QUIET)
    assert found.table.height == 3
    assert found.invalid.select("fast", "slow").rows() == [(20, 10)]
    assert "`fast` must be below `slow`" in found.invalid["reason"][0]
    assert "1 cannot be" in repr(found)


def test_value_out_of_bounds_is_a_combination_that_cannot_be(candles):
    found = wb.sweep(Bollinger(), {"stop_loss": [0.02, 1.5], "length": [1, 30]}, candles, **QUIET)
    assert found.table.select("stop_loss", "length").rows() == [(0.02, 30)]
    assert found.invalid.height == 3
    assert any("Give a fraction below 1" in reason for reason in found.invalid["reason"])


def test_terms_that_do_not_fit_are_combinations_that_cannot_be(candles):
    grid = {"leverage": [1.0, 2.0], "account": ["spot", "margin"]}
    found = wb.sweep(SmaCross(), grid, candles, **QUIET)
    assert found.table.height == 3
    assert found.invalid.select("leverage", "account").rows() == [(2.0, "spot")]


class Fragile(wb.Controller):
    """Raises for one value."""

    length: int = 3

    def targets(self, candles: Candles) -> wb.Targets:
        if self.length == 5:
            raise ZeroDivisionError("five is too many")
        return wb.Targets.at_market((np.arange(len(candles)) % self.length == 0).astype(np.int8), stop_loss=0.01)


def test_controller_that_raises_for_one_combination_has_it_in_its_row(candles):
    found = wb.sweep(Fragile(), {"length": [3, 4, 5, 6]}, candles, **QUIET)
    assert found.table["error"].to_list() == [None, None, "ZeroDivisionError: five is too many", None]
    assert math.isnan(found.table["sharpe"][2])
    assert not found.table["net_profit"].is_nan()[3]
    assert found.best("net_profit").height == 3
    assert "1 raised, the first: ZeroDivisionError" in repr(found)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({}, "The grid is empty"),
        ([], "The list of combinations is empty"),
        ({"length": []}, "`length` has no values"),
        ({"lenght": [1]}, "did you mean `length`"),
        ({"length": 5}, r"one value. Give several, in brackets: \[5\]"),
        ({"length": (5, 50)}, "an interval without steps"),
        ("length", "The grid is a str"),
        ([{"length": 5}, {"length": 6, "width": 2.0}], "does not say `width`"),
        ({"fees": [0.1], "speed": [1]}, "no parameter `speed`"),
    ],
)
def test_grid_that_is_none_is_refused_before_anything_runs(candles, grid, message):
    with pytest.raises(ConfigError, match=message):
        wb.sweep(Bollinger(), grid, candles, **QUIET)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "ray"}, "Choose one of 'local', 'dask'"),
        ({"threads": 0}, "`threads` is 0"),
        ({"cluster": "tcp://127.0.0.1:1"}, 'Pass engine="dask"'),
        ({"sample": 0}, "`sample` is 0"),
        ({"sampling": "sobol"}, "Choose one of 'random', 'latin'"),
        ({"speed": 3}, "no term `speed`"),
        ({"fees": 0.5}, "a fraction between"),
        ({"length": 5}, "no term `length`"),
        ({"cash": -1.0}, "`cash` is -1.0"),
    ],
)
def test_options_that_cannot_be_are_refused(candles, options, message):
    with pytest.raises(ConfigError, match=message):
        wb.sweep(Bollinger(), {"length": [20, 30]}, candles, **{**QUIET, **options})


def test_term_that_is_varied_and_given_is_refused(candles):
    with pytest.raises(ConfigError, match="`fees` is varied by the grid and given as a term too"):
        wb.sweep(Bollinger(), {"fees": [0.0, 0.001]}, candles, fees=0.002, **QUIET)


def test_bot_that_is_none_is_refused(candles):
    with pytest.raises(ConfigError, match=r"`bot` is the class Bollinger. Make one of it: Bollinger\(\)"):
        wb.sweep(Bollinger, {"length": [20]}, candles)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="No candles are given"):
        wb.sweep(Bollinger(), {"length": [20]})
    with pytest.raises(ConfigError, match="no table of candles"):
        wb.sweep(Bollinger(), {"length": [20]}, "BTC/USDT")
    with pytest.raises(DataError, match="has no bars"):
        wb.sweep(Bollinger(), {"length": [20]}, candles[:0])


def test_list_runs_its_combinations_alone(candles):
    table = wb.sweep(SmaCross(), [{"fast": 3, "slow": 9}, {"fast": 5, "slow": 30}], candles, **QUIET).table
    assert table.select("fast", "slow").rows() == [(3, 9), (5, 30)]


def test_sample_draws_distinct_combinations_and_the_same_again(candles):
    grid = {"fast": range(2, 30), "slow": range(31, 90)}
    first, again, other = (wb.sweep(SmaCross(), grid, candles, sample=12, seed=s, **QUIET).table for s in (3, 3, 4))
    assert first.height == 12
    assert first.select("fast", "slow").n_unique() == 12
    assert first.equals(again)
    assert not first.equals(other)


def test_latin_hypercube_hits_every_part_of_an_interval_once(candles):
    found = wb.sweep(Bollinger(), {"stop_loss": (0.0, 0.1), "length": (10, 29)}, candles,
                     sample=10, sampling="latin", **QUIET)  # fmt: skip
    losses, lengths = found.table["stop_loss"].to_numpy(), found.table["length"].to_numpy()
    assert sorted(np.floor(losses * 100)) == list(range(10))
    assert sorted((lengths - 10) // 2) == list(range(10))


def test_instruments_and_periods_are_axes():
    one, two = walk(3000, 1), walk(3000, 2)
    days = ("2020-09-14", ("2020-09-14", "2020-09-20"), "2021")
    found = wb.sweep(SmaCross(), {"candles": {"first": one, "second": two}, "period": days}, **QUIET)
    assert found.table.select("candles", "period").rows() == [
        ("first", "2020-09-14"), ("first", "2020-09-14 … 2020-09-20"),
        ("second", "2020-09-14"), ("second", "2020-09-14 … 2020-09-20"),
    ]  # fmt: skip
    assert found.table["days"].to_list() == [1.0, 6.0, 1.0, 6.0]
    assert found.invalid["period"].to_list() == ["2021", "2021"]
    assert "has no bars in the period 2021" in found.invalid["reason"][0]
    single = wb.backtest(SmaCross(), two["2020-09-14":"2020-09-20"], audit=False).metrics
    assert found.table["net_profit"][3] == single["net_profit"]


def test_several_markets_at_once_are_swept_like_one_backtest():
    pair = {"a": walk(2000, 1, instrument="BTC/USDT"), "b": walk(2000, 2, instrument="ETH/USDT")}
    table = wb.sweep(Bollinger(fraction=0.4), {"length": [20, 40]}, pair, **QUIET).table
    expected = [wb.backtest(Bollinger(length=n, fraction=0.4), pair, audit=False).metrics for n in (20, 40)]
    assert table["sharpe"].to_list() == [metrics["sharpe"] for metrics in expected]
    assert set(table["route"]) == {"engine"}


def test_best_knows_which_end_of_a_metric_is_good(candles):
    found = wb.sweep(SmaCross(), {"fast": range(2, 10), "slow": [20, 40]}, candles, **QUIET)
    assert found.best("sharpe", 1)["sharpe"][0] == found.table["sharpe"].max()
    assert found.best("max_drawdown", 1)["max_drawdown"][0] == found.table["max_drawdown"].min()
    assert found.best("fees", 1, lowest=False)["fees"][0] == found.table["fees"].max()
    with pytest.raises(ConfigError, match="Did you mean 'sharpe'"):
        found.best("sharp")


def test_row_opens_as_the_backtest_that_it_is(candles):
    found = wb.sweep(SmaCross(), {"fast": [3, 5], "slow": [20, 40]}, candles, fees=0.0, **QUIET)
    number = found.best("net_profit", 1)["number"][0]
    result = found.backtest(number)
    assert result.metrics["net_profit"] == found.table["net_profit"].max()
    assert found.bot(number).parameters == result.bot.parameters
    assert result.audit.clean
    with pytest.raises(ConfigError, match="There is no combination 4"):
        found.backtest(4)


def test_returns_are_those_behind_the_sharpe_ratio(candles):
    found = wb.sweep(Bollinger(), {"length": [20, 40, 60], "latency": [0, 1]}, candles, **QUIET)
    times, returns = found.returns()
    assert returns.shape == (len(times), 6)
    assert times[-1] == candles.time[-1] + candles.timeframe_ms
    sharpe = returns.mean(axis=0) / returns.std(axis=0, ddof=1) * math.sqrt(365.0)
    assert sharpe == pytest.approx(found.table["sharpe"].to_numpy(), rel=1e-12)
    assert np.prod(1.0 + returns, axis=0) - 1.0 == pytest.approx(found.table["total_return"].to_numpy(), rel=1e-9)
    hourly = found.returns([2], period="1h")[1]
    assert np.prod(1.0 + hourly) - 1.0 == pytest.approx(found.table["total_return"][2], rel=1e-9)


def test_heatmap_shows_the_best_of_each_cell_and_whose_it_is(candles):
    grid = {"fast": [2, 5, 9], "slow": [20, 40], "stop_loss": [None, 0.01]}
    found = wb.sweep(SmaCross(), grid, candles, **QUIET)
    trace = found.heatmap("fast", "slow", "net_profit").data[0]
    best = found.table.group_by("fast", "slow").agg(pl.col("net_profit").max()).sort("slow", "fast")
    assert np.asarray(trace.z).ravel().tolist() == best["net_profit"].to_list()
    row = found.table.filter(pl.col("number") == trace.customdata[1][2]).row(0, named=True)
    assert (row["fast"], row["slow"], row["net_profit"]) == (9, 40, trace.z[1][2])
    plane = found.heatmap("fast", "slow", "net_profit", stop_loss=None).data[0]
    rows = found.table.filter(pl.col("stop_loss").is_null()).sort("slow", "fast")
    assert np.asarray(plane.z).ravel().tolist() == rows["net_profit"].to_list()


def test_a_single_wild_cell_does_not_take_all_the_colours():
    values = np.append(np.linspace(-1.0, 1.0, 199), -50.0).reshape(10, 20)
    trace = heat_parts((list(range(20)), list(range(10)), values, np.zeros((10, 20), int)), "x", "y", "sharpe")["data"][
        0
    ]
    assert -1.5 < trace["zmin"] == -trace["zmax"]
    assert trace["z"].min() == -50.0


def test_strategy_that_looks_ahead_is_caught_before_the_sweep(candles):
    class Prophet(Directional):
        ahead: int = 1

        def signal(self, candles: Candles) -> Any:
            return np.sign(np.roll(candles.close, -self.ahead) - candles.close).astype(np.int8)

    with pytest.warns(wb.backtest.__globals__["LookaheadWarning"], match="Prophet"):
        found = wb.sweep(Prophet(), {"ahead": [1, 2]}, candles, luck=False, progress=False)
    assert found.verdict is not None
    assert not found.verdict.clean


def test_signal_is_computed_once_for_all_that_share_it(candles):
    calls: list[int] = []

    class Counted(Directional):
        length: int = 5
        stop_loss: wb.Fraction | None = 0.02

        def signal(self, candles: Candles) -> Any:
            calls.append(self.length)
            return np.where(np.arange(len(candles)) % self.length == 0, 1, 0).astype(np.int8)

    grid = {"stop_loss": [0.01, 0.02, 0.03], "length": [4, 5], "latency": [0, 1]}
    found = wb.sweep(Counted(), grid, candles, threads=1, **QUIET)
    assert found.table.height == 12
    assert sorted(calls) == [4, 5]


def test_line_under_a_sweep_says_how_much_is_luck(candles):
    found = wb.sweep(SmaCross(), {"fast": range(2, 12), "slow": range(20, 60, 4)}, candles, audit=False, progress=False)
    assert "100 trials" in repr(found)
    assert "deflated Sharpe" in repr(found)
    wb.sweep(SmaCross(), {"fast": range(2, 12), "slow": range(21, 61, 4)}, candles, **QUIET)
    assert found.significance(audit=False).trials == 200


LOUD = {"audit": False, "progress": False}


@pytest.mark.parametrize(
    ("bot", "grid"),
    [
        (SmaCross(), {"fast": range(2, 32), "slow": range(20, 80, 2)}),  # 900, of which some cannot be
        (Bollinger(length=20), {"stop_loss": [0.001 * (n + 1) for n in range(25)], "fees": [0.0, 1e-3]}),
        (Quoter(), {"spread": [0.001 * (n + 1) for n in range(6)]}),
    ],
)
def test_line_under_a_sweep_is_the_one_of_significance_whoever_runs_it(candles, bot, grid):
    line = str(wb.sweep(bot, grid, candles, **LOUD)).splitlines()[-1]
    again = wb.sweep(bot, grid, candles, threads=1, **LOUD)
    assert " is the best of " in line
    assert str(again).splitlines()[-1] == line
    again._runner = Runner(again.space)  # which has kept nothing, as that of another process
    assert again.significance().line == line


def test_most_of_what_is_looked_at_is_known_beforehand():
    everything = np.arange(2000)
    first = first_choice(2000, 7)
    assert len(set(first)) == 500
    assert set(drawn(2000, 7, everything, 500)) == set(first)
    able = np.setdiff1d(everything, first[:100])
    some = drawn(2000, 7, able, 499)
    assert set(first[100:]) < set(some) <= set(able)
    assert len(set(some)) == 499


def test_one_trial_is_unknown_and_never_a_number(candles):
    found = wb.sweep(SmaCross(), {"fast": [3]}, candles, audit=False, progress=False)
    assert "Unknown how much is luck" in repr(found)
    assert math.isnan(found.significance(audit=False).deflated_sharpe)
