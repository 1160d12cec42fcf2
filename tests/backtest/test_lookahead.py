from __future__ import annotations

from functools import cache
from itertools import count
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from workbench.backtest.lookahead import Verdict, columns_of, find_leak, scramble
from workbench.controllers import Controller, SmaCross
from workbench.errors import ConfigError
from workbench.indicators import sma
from workbench.market import Candles, Targets

from .planted import CLEAN, DAY_MS, LEAKS, ahead, made_up, next_close, side


@cache
def tape(n_bars: int, seed: int = 0) -> Candles:
    return made_up(n_bars, seed=seed, start=1_700_000_040_000 + seed * 7_860_000)


# --- the two lists ---------------------------------------------------------------------------------------------------


def test_there_are_twenty_of_each():
    assert len(LEAKS) >= 20
    assert len(CLEAN) >= 20


@pytest.mark.parametrize("name", LEAKS)
def test_planted_leak_is_caught_and_its_column_named(name):
    column, produce = LEAKS[name]
    for seed in range(3):
        verdict = find_leak(produce, tape(4_000, seed), seed=seed)
        assert not verdict.clean, f"seed {seed}: {verdict}"
        assert verdict.column == column, f"seed {seed}: {verdict}"


@pytest.mark.parametrize("name", CLEAN)
def test_honest_strategy_is_left_in_peace(name):
    for seed in range(4):
        verdict = find_leak(CLEAN[name], tape((4_000, 4_000, 900, 260)[seed], seed), seed=seed)
        assert verdict.clean, f"seed {seed}: {verdict}"


@pytest.mark.parametrize("name", LEAKS)
def test_leak_is_caught_in_two_hundred_thousand_bars(name):
    column, produce = LEAKS[name]
    verdict = find_leak(produce, tape(200_000), seed=1)
    assert (verdict.clean, verdict.column) == (False, column), str(verdict)


def test_audit_of_two_hundred_thousand_bars_looks_at_a_fraction_of_them():
    """Time is measured in benchmarks/lookahead_cost.py; this holds what time comes from."""
    slow = CLEAN["window_by_window"]
    verdict = find_leak(slow, tape(200_000), whole=slow(tape(200_000)), run_seconds=0.1, budget_seconds=0.0)
    assert verdict.cuts + verdict.scrambles == 12
    assert verdict.bars < 25_000


# --- what is blamed, and in which words -------------------------------------------------------------------------------


def test_row_to_blame_is_the_last_one_that_had_no_future():
    produce = lambda c: {"side": side(np.arange(len(c)) < 3), "price": ahead(c.close)}  # noqa: E731
    verdict = find_leak(produce, tape(2_000))
    assert (verdict.kind, verdict.column, verdict.reach) == ("prefix", "price", 1)
    assert verdict.time_ms == tape(2_000).time[verdict.first_bar]
    assert verdict.values[0] == tape(2_000).close[verdict.first_bar + 1]
    assert np.isnan(verdict.values[1])


@pytest.mark.parametrize(("half", "reach"), [(1, 1), (5, 5), (30, 30)])
def test_reach_is_the_half_of_a_centred_window(half, reach):
    window = 2 * half + 1
    produce = lambda c: {"price": pd.Series(c.close).rolling(window, center=True).mean().to_numpy()}  # noqa: E731
    assert find_leak(produce, tape(2_000)).reach == reach


def test_statistic_over_all_rows_reaches_to_the_end():
    assert find_leak(lambda c: {"price": np.full(len(c), c.close.mean())}, tape(2_000)).reach == -1


def test_leak_is_told_in_plain_words():
    verdict = Verdict(
        False, kind="prefix", column="side", first_bar=1_499, time_ms=1_672_621_140_000, values=(1, 0), reach=1
    )
    assert str(verdict) == (
        "Look-ahead: `side` in row 1,499 (2023-01-02 00:59 UTC) changes when later bars are taken away (1, without "
        "them 0), so it knew the future. It takes one more bar for it to come out as it did. Look for shift(-1), "
        "values[t + 1], np.gradient, or a window that is centred."
    )


def test_all_clear_says_how_much_was_looked_at():
    verdict = find_leak(CLEAN["two_emas"], tape(4_000), run_seconds=1_000.0)  # a twentieth of that is its time
    assert verdict.rows == verdict.longest == 4_000
    assert f"{verdict.cuts} cuts and {verdict.scrambles} scrambled futures" in str(verdict)
    assert "Not checked" not in str(verdict)


def test_all_clear_says_what_was_not_looked_at():
    verdict = find_leak(CLEAN["two_emas"], tape(200_000), budget_seconds=0.0)
    assert "bars more than" in str(verdict)
    assert "as its time was up" in str(verdict)


def test_strategy_that_never_wants_anything_is_not_simply_clean():
    verdict = find_leak(CLEAN["never"], tape(2_000))
    assert verdict.clean
    assert "wanted something, as none was met" in str(verdict)


def test_one_bar_has_nothing_to_compare():
    verdict = find_leak(next_close, tape(4_000)[:1])
    assert verdict.clean
    assert "1 bars have no past and future" in str(verdict)


@pytest.mark.filterwarnings("error")
def test_audit_does_not_repeat_warnings_of_the_strategy():
    """The mean of nothing warns; the run itself has said so before."""
    verdict = find_leak(lambda c: {"price": np.full(len(c), np.mean(c.close[:0]))}, tape(2_000))
    assert verdict.clean, str(verdict)


def test_same_seed_gives_the_same_verdict():
    first, again = (find_leak(next_close, tape(4_000), seed=5) for _ in range(2))
    assert (first.first_bar, first.cuts, str(first)) == (again.first_bar, again.cuts, str(again))


# --- other faults ----------------------------------------------------------------------------------------------------


def test_unseeded_noise_is_called_not_repeatable():
    noise = np.random.default_rng()
    verdict = find_leak(lambda c: {"side": side(c.close > 0), "size": noise.uniform(size=len(c))}, tape(2_000))
    assert (verdict.clean, verdict.kind, verdict.column) == (False, "not repeatable", "size")
    assert "random numbers without a seed" in str(verdict)


def test_state_kept_between_calls_is_called_not_repeatable():
    calls = count()
    verdict = find_leak(lambda c: {"side": side(np.arange(len(c)) == next(calls) + 5)}, tape(2_000))
    assert (verdict.kind, verdict.column, verdict.first_bar) == ("not repeatable", "side", 5)


def test_state_that_shows_late_is_not_taken_for_a_leak():
    """Only every fifth call is odd, so that two calls in a row look alike."""
    calls = count()
    verdict = find_leak(lambda c: {"price": c.close + (next(calls) % 5 == 4)}, tape(400))
    assert (verdict.clean, verdict.kind) == (False, "not repeatable")


def test_wrong_length_names_column_and_rows():
    verdict = find_leak(lambda c: {"side": side(c.close > 0), "price": c.close[1:]}, tape(2_000))
    assert (verdict.kind, verdict.column) == ("length", "price")
    assert "`price` has 1,999 rows for 2,000 bars" in str(verdict)


def test_wrong_length_of_what_is_known_already_is_seen_without_a_call():
    verdict = find_leak(lambda c: pytest.fail("called"), tape(2_000), whole={"side": np.zeros(1_999, np.int8)})
    assert (verdict.kind, verdict.detail) == ("length", "1,999 rows for 2,000 bars")


def test_strategy_that_needs_whole_hours_fails_by_name():
    def produce(c):
        hourly = c.close.reshape(-1, 60).mean(axis=1)
        return {"price": np.repeat(np.concatenate([[np.nan], hourly[:-1]]), 60)}

    verdict = find_leak(produce, tape(3_600), whole=produce(tape(3_600)))
    assert (verdict.clean, verdict.kind) == (False, "error")
    assert "ValueError: cannot reshape array" in str(verdict)


def test_too_short_a_history_is_no_fault_but_is_mentioned():
    verdict = find_leak(CLEAN["needs_two_hundred_bars"], tape(900))
    assert verdict.clean
    assert "where the strategy fails (ValueError: " in str(verdict)


def test_rounding_in_the_last_digits_is_no_leak():
    """One unit in the last place, in every row, by the number of bars."""
    produce = lambda c: {"price": c.close * (1.0 + np.finfo(float).eps * (len(c) % 3))}  # noqa: E731
    assert find_leak(produce, tape(2_000)).clean


def test_difference_of_a_millionth_is_a_leak():
    produce = lambda c: {"price": c.close * (1.0 + 1e-6 * (len(c) % 3))}  # noqa: E731
    assert find_leak(produce, tape(2_000)).column == "price"


# --- what it takes in ------------------------------------------------------------------------------------------------


def test_scrambled_future_leaves_the_past_and_stays_possible():
    candles = tape(2_000)
    for wild in (True, False):
        other = scramble(candles, 1_200, wild=wild)
        assert np.array_equal(other.close[:1_200], candles.close[:1_200])
        assert (other.close[1_200:] != candles.close[1_200:]).all()
        Candles.from_arrays(other.time, *other.columns.values(), timeframe="1m")  # refuses what cannot be a bar
    assert np.sign(np.diff(np.log(other.close[1_200:]))).sum() == -np.sign(np.diff(np.log(candles.close[1_200:]))).sum()


def test_several_markets_are_cut_at_one_moment():
    late = tape(3_000, 1)
    shifted = Candles.from_arrays(tape(3_000).time[500:], *(v[:2_500] for v in late.columns.values()), timeframe="1m")
    markets = {"here": tape(3_000), "there": shifted}

    def spread(candles, bars):
        grid = np.union1d(candles["here"].time, candles["there"].time)
        price = {
            name: pd.Series(c.close, c.time).shift(-bars).reindex(grid).ffill().to_numpy()
            for name, c in candles.items()
        }
        return {"here": price["here"], "ratio": price["here"] / price["there"]}

    honest = find_leak(lambda c: spread(c, 0), markets)
    assert honest.clean, str(honest)
    assert honest.rows == 3_000
    assert find_leak(lambda c: spread(c, 1), markets).column in ("here", "ratio")


def test_column_of_one_market_may_have_its_own_rows():
    early, other = tape(3_000)[:2_500], tape(3_000, 1)[:2_000]
    late = Candles.from_arrays(tape(3_000).time[1_000:], *other.columns.values(), timeframe="1m")

    def each(candles, bars):
        return {f"{name} side": side(ahead(c.close, bars) > sma(c.close, 5)) for name, c in candles.items()}

    markets = {"early": early, "late": late}
    honest = find_leak(lambda c: each(c, 0), markets)
    assert honest.clean, str(honest)
    assert honest.rows == 3_000
    guilty = find_leak(lambda c: {**each(c, 0), "late side": each(c, 1)["late side"]}, markets, budget_seconds=60.0)
    assert guilty.column == "late side"
    assert guilty.first_bar >= 1_000
    wrong = find_leak(lambda c: {"late side": each(c, 0)["late side"][1:]}, markets)
    assert wrong.detail == "1,999 rows for 3,000 bars"


def test_columns_of_a_compiled_controller_are_numbered():
    class Quotes(Controller):
        levels: ClassVar[int] = 2

        def columns(self, candles):
            return candles.close, 0.001, pd.Series(candles.close).bfill().shift(-1).to_numpy()

        @staticmethod
        def decide(row, world, out):
            out[0].price = row[0]

    verdict = find_leak(columns_of(Quotes()), tape(2_000))
    assert (verdict.column, verdict.reach) == ("column_2", 1)


def test_controller_in_plain_python_has_no_columns():
    class Thinker(Controller):
        def on_tick(self, context):
            return None

    with pytest.raises(ConfigError, match="no columns to check"):
        columns_of(Thinker())


def test_target_columns_are_named_as_targets_name_them():
    class Ladder(Controller):
        def targets(self, candles):
            low = sma(candles.close, 5)
            return Targets.quotes(
                np.column_stack([low, low * 0.99]), low * 1.01, amount=np.tile([0.1, 0.2, 0.3], (50, 1))
            )

    columns = columns_of(Ladder())(tape(2_000)[:50])
    assert {"side[0]", "side[2]", "price[0]", "price[2]"} <= set(columns)
    assert columns["price[1]"][10] == pytest.approx(columns["price[0]"][10] * 0.99)
    assert float(columns["max_per_side"]) == 1


def test_day_is_cut_inside():
    """The whole day's volume moves only if a cut falls inside the day, and here all else is told in whole days."""

    def produce(c):
        day = c.time // DAY_MS
        return {"size": pd.Series(c.volume).groupby(day).transform("sum").to_numpy().round(-1)}

    assert find_leak(produce, tape(20_000)).column == "size"


def test_shipped_controller_is_audited_in_a_stretch_of_any_start():
    verdict = find_leak(columns_of(SmaCross()), tape(200_000), budget_seconds=60.0)
    assert verdict.clean
    assert verdict.longest == 200_000
