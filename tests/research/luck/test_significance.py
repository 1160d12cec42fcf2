"""The verdict, its words, and what is unknown rather than guessed."""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest

from workbench.errors import ConfigError, DataError
from workbench.research import luck
from workbench.research.luck import by_day, significance

from .material import noise, with_edge

DAY_MS = 86_400_000


def judge(returns, **options):
    options = {"periods_per_year": 365, "trials": np.shape(returns)[-1], "reps": 500} | options
    return significance(options.pop("table", None), returns, **options)


class Bounds:
    worst = 12.0

    def __str__(self) -> str:
        return "12.00 (worst) …"


class Run:
    """What a verdict reads of a `Result`."""

    class audit:
        clean = True

    bounds = Bounds()


# --- verdicts --------------------------------------------------------------------------------------------------------


def test_noise_could_well_be_luck():
    found = judge(noise(5, 1200, 200))
    assert found.verdict == "luck"
    assert found.line.startswith("Could well be luck: Sharpe ratio ")
    assert found.deflated_sharpe < 0.95
    assert found.p > 0.05
    assert not found.is_ticked


def test_a_planted_edge_is_more_than_luck():
    found = judge(with_edge(noise(5, 1200, 100), 4.0))
    assert found.verdict == "real"
    assert found.line.startswith("More than luck, as far as these numbers can tell: Sharpe ratio ")
    assert found.best == 3
    assert found.sharpe.lower < 4.0 < found.sharpe.upper
    assert found.luck_sharpe < found.sharpe.estimate


def test_tests_that_disagree_settle_nothing():
    """An edge that is alone in a wide search of the past: the resamples see it, the trials outside do not forgive."""
    returns = with_edge(noise(5, 1200, 50), 2.2)
    found = judge(returns, trials=10_000_000)
    assert found.p < 0.05
    assert found.deflated_sharpe < 0.95
    assert found.verdict == "unclear"
    assert found.line.startswith("Not settled")


def test_only_every_answer_together_is_a_tick():
    returns = with_edge(noise(5, 1200, 100), 4.0)
    table = pl.DataFrame({"break_even_fee": np.full(100, 0.004), "average_trade_days": np.full(100, 1.0)})
    whole = {"table": table, "hold": noise(7, 1200, 1)[:, 0], "fee": 0.001, "run": Run()}
    assert judge(returns, **whole).is_ticked
    for missing in whole:
        assert not judge(returns, **{name: value for name, value in whole.items() if name != missing}).is_ticked
    assert not judge(returns, **whole | {"fee": 0.005}).is_ticked


def test_the_line_names_the_trials_the_bar_and_the_null():
    line = judge(noise(5, 1200, 200), trials=5000).line
    assert "the best of 5,000 trials" in line
    assert "luck alone would show" in line
    assert "PBO" in line
    assert "(noise: about 50 %)" in line
    assert "\n" not in line


def test_all_of_it_is_shown_as_text_as_html_and_as_numbers():
    found = judge(noise(5, 1200, 20), trials=50)
    assert len(str(found).splitlines()) == 1 + len(found.checks) + len(found.notes)
    assert found._repr_html_().count("<tr>") == len(found.checks) == 8
    facts = json.loads(json.dumps(found.facts()))
    assert facts["verdict"] == found.verdict
    assert facts["pbo"] == found.pbo
    assert facts["counted"].startswith("mean correlation")
    assert repr(found) == f"Significance: {found.line}"


def test_the_logits_are_drawn():
    found = judge(noise(5, 1200, 20))
    bars = found.plot().data
    assert sum(len(bar.x) for bar in bars) == 12_870
    assert (np.asarray(bars[0].x) < 0).all()
    with pytest.raises(DataError, match="no logits"):
        judge(noise(5, 1200, 1)).plot()


# --- unknown, never a number -----------------------------------------------------------------------------------------


def test_one_trial_is_unknown():
    found = judge(noise(5, 400, 1), trials=1)
    assert found.verdict == "unknown"
    assert "one trial only" in found.line
    for name in ("deflated_sharpe", "luck_sharpe", "pbo", "loss", "slope", "p", "p_hold", "trials_allowed"):
        assert math.isnan(getattr(found, name)), name


def test_an_unknown_number_of_trials_is_unknown():
    found = judge(noise(5, 400, 30), trials=None)
    assert found.verdict == "unknown"
    assert "nobody counted the trials" in found.line
    assert math.isnan(found.deflated_sharpe)


def test_one_run_of_many_that_were_not_kept_is_deflated_but_not_judged():
    found = judge(noise(5, 400, 1), trials=60)
    assert found.verdict == "unknown"
    assert not math.isnan(found.deflated_sharpe)
    assert found.deflation.variance == 1 / 399


def test_a_record_too_short_to_resample_is_unknown():
    found = judge(noise(5, 9, 20))
    assert found.verdict == "unknown"
    assert any("9 periods are too few" in note for note in found.notes)


def test_a_record_too_short_for_blocks_has_no_pbo():
    found = judge(noise(5, 60, 20), holding=3.0)
    assert math.isnan(found.pbo)
    assert any("PBO needs four blocks of ten trades each" in note for note in found.notes)


def test_long_trades_get_longer_blocks_and_it_is_said():
    table = pl.DataFrame({"average_trade_days": np.full(20, 5.0)})
    found = judge(noise(5, 400, 20), table=table)
    assert found.overfitting.blocks == 8
    assert any("8 blocks instead of 16" in note for note in found.notes)


def test_combinations_that_never_traded_are_counted_and_set_aside():
    returns = noise(5, 400, 20)
    returns[:, :5] = 0.0
    found = judge(returns)
    assert (found.idle, found.sampled, found.trials) == (5, 15, 20)
    assert found.best >= 5
    nothing = judge(returns * 0.0)
    assert nothing.verdict == "unknown"
    assert "no combination ever traded" in nothing.line


# --- what cannot be --------------------------------------------------------------------------------------------------


def test_constant_and_non_finite_returns_are_refused():
    constant, holed = noise(5, 100, 4), noise(5, 100, 4)
    constant[:, 2] = 0.001
    holed[3, 1] = np.inf
    with pytest.raises(DataError, match=r"Column 2 of `returns` is 0\.001 in every period"):
        judge(constant)
    with pytest.raises(DataError, match="is inf in row 3, column 1"):
        judge(holed)
    with pytest.raises(DataError, match="shape"):
        judge(np.zeros((0, 3)))


def test_a_table_that_does_not_fit_is_refused():
    returns = noise(5, 100, 4)
    with pytest.raises(ConfigError, match="`table` has 9 rows and `returns` 4 columns"):
        judge(returns, table=pl.DataFrame({"sharpe": np.zeros(9)}))
    with pytest.raises(ConfigError, match="does not name one of 9 rows"):
        judge(returns, table=pl.DataFrame({"sharpe": np.zeros(9)}), rows=[0, 1, 2, 9], trials=9)
    with pytest.raises(DataError, match="Column 7 is said to be the best"):
        judge(returns, best=7)
    with pytest.raises(ConfigError, match="`periods_per_year`"):
        judge(returns, periods_per_year=0)


# --- traps -----------------------------------------------------------------------------------------------------------


def test_minutes_are_made_into_days_before_anything_is_tested():
    """Trap 8: many bars make any Sharpe ratio look certain."""
    hours = noise(5, 24 * 300, 10) / 5
    found = judge(hours, periods_per_year=24 * 365)
    assert found.deflation.observations == 300
    ends = (np.arange(24 * 300) + 1) * 3_600_000
    assert judge(hours, periods_per_year=24 * 365, end_ms=ends).deflation.sharpe == pytest.approx(
        found.deflation.sharpe
    )


def test_days_are_those_of_the_calendar_where_times_are_known():
    returns = np.array([[0.1], [0.1], [-0.5], [0.0]])
    ends = np.array([DAY_MS - 1, DAY_MS, DAY_MS + 1, 3 * DAY_MS])
    np.testing.assert_allclose(by_day(returns, ends, rows_a_day=2)[:, 0], [0.21, -0.5, 0.0])
    np.testing.assert_allclose(by_day(returns[1:], rows_a_day=2)[:, 0], [-0.5])
    with pytest.raises(DataError, match="`end_ms`"):
        by_day(returns, ends[::-1], rows_a_day=2)


def test_the_spread_of_all_trials_is_that_of_the_table_where_only_some_were_looked_at():
    returns = noise(5, 400, 20)
    sharpes = np.random.default_rng(1).normal(0, 3.0, 1000)
    found = judge(returns, table=pl.DataFrame({"sharpe": sharpes}), rows=np.arange(20), trials=1000)
    assert found.deflation.variance == pytest.approx(9.0 / 365, rel=0.15)
    assert any("20 of 1,000 trials were looked at" in note for note in found.notes)


def test_a_chosen_column_is_judged_even_if_another_one_looks_better():
    assert judge(noise(5, 400, 20), best=7).best == 7


def test_the_front_door_of_the_room_is_there():
    assert luck.significance is significance
    assert all(getattr(luck, name) is not None for name in luck.__all__)
