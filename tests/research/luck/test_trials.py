"""Counting trials, deflating by them, and what a record can bear."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ConfigError, DataError
from workbench.metrics import expected_maximum, kurtosis, min_backtest_length, probabilistic_sharpe, skew
from workbench.research.luck import (
    clusters,
    deflate,
    haircut_sharpes,
    independent_trials,
    mean_correlation,
    search_budget,
    sharpe_ratios,
    trial_variance,
    trials_allowed,
)

from .material import noise


def families(groups: int, each: int, *, seed: int = 0) -> np.ndarray:
    """Columns in families: within one they are alike, between them they are not."""
    rng = np.random.default_rng(seed)
    roots = np.repeat(rng.standard_normal((1000, groups)), each, axis=1)
    return 0.01 * (roots + 0.5 * rng.standard_normal(roots.shape))


# --- effective trials ------------------------------------------------------------------------------------------------


def test_the_mean_correlation_is_that_of_all_pairs():
    returns = noise(1, 400, 30, correlation=0.4)
    pairs = np.corrcoef(returns.T)[np.triu_indices(30, 1)]
    assert mean_correlation(returns) == pytest.approx(pairs.mean(), abs=1e-12)


@pytest.mark.parametrize(("correlation", "expected"), [(0.0, 1000), (0.5, 500.5), (0.9, 100.9)])
def test_correlated_trials_count_for_less(correlation, expected):
    found = independent_trials(noise(2, 20_000, 20, correlation=correlation), trials=1000)
    assert found.independent == pytest.approx(expected, rel=0.05)
    assert found.how == f"mean correlation {max(found.correlation, 0):.2f}"


def test_a_thousand_copies_are_one_trial():
    copies = np.repeat(noise(1, 500, 1), 10, axis=1)
    assert independent_trials(copies, trials=1000).independent == pytest.approx(1.0)


def test_families_are_found_as_clusters():
    labels = clusters(families(5, 12))
    assert len(set(labels)) == 5
    assert all(len(set(labels[n : n + 12])) == 1 for n in range(0, 60, 12))
    found = independent_trials(families(5, 12), trials=5000, counting="clusters")
    assert (found.independent, found.how) == (5.0, "clusters of 60 combinations")


def test_an_unknown_number_is_not_one():
    found = independent_trials(noise(1, 100, 4))
    assert (found.trials, found.independent) == (None, None)


def test_fewer_trials_than_columns_cannot_be():
    with pytest.raises(ConfigError, match="`trials` is 3, "):
        independent_trials(noise(1, 100, 4), trials=3)
    with pytest.raises(ConfigError, match="`counting` is 'guess'"):
        independent_trials(noise(1, 100, 4), trials=4, counting="guess")


# --- deflation -------------------------------------------------------------------------------------------------------


def test_the_best_is_held_against_the_best_of_luck():
    returns = noise(3, 500, 50)
    ratios = sharpe_ratios(returns)
    found = deflate(returns, trials=50)
    assert found.best == ratios.argmax()
    column = returns[:, found.best]
    bar = expected_maximum(found.count.independent, found.variance)
    assert found.luck == bar
    assert found.deflated == probabilistic_sharpe(
        ratios.max(), 500, skew=skew(column), kurtosis=kurtosis(column), benchmark=bar
    )
    assert found.deflated < found.probabilistic


def test_trials_outside_of_this_table_raise_the_bar():
    returns = noise(3, 500, 50)
    few, many = (deflate(returns, trials=n) for n in (50, 50_000))
    assert many.luck > few.luck
    assert many.deflated < few.deflated


@pytest.mark.parametrize("trials", [1, None])
def test_one_trial_or_an_unknown_number_deflates_nothing(trials):
    found = deflate(noise(3, 500, 1), trials=trials)
    assert math.isnan(found.luck)
    assert math.isnan(found.deflated)
    assert not math.isnan(found.probabilistic)


def test_the_spread_of_symmetric_trials_is_their_variance():
    ratios = 0.03 * np.random.default_rng(1).standard_normal(20_000)
    assert trial_variance(ratios, 1000) == pytest.approx(ratios.var(), rel=0.03)


def test_combinations_that_fees_ruin_do_not_raise_the_bar():
    ratios = 0.03 * np.random.default_rng(1).standard_normal(1000)
    ruined = np.concatenate([ratios, ratios[:300] - 1.0])
    assert ruined.var() > 100 * ratios.var()
    assert trial_variance(ruined, 1000) < 2 * trial_variance(ratios, 1000)


def test_few_ratios_tell_no_spread_so_it_is_that_of_chance():
    assert trial_variance([0.1, 0.2, np.nan], 501) == 1 / 500
    assert deflate(noise(1, 501, 1), trials=20).variance == 1 / 500


def test_what_never_moved_cannot_be_deflated():
    with pytest.raises(ConfigError, match="ever moved"):
        deflate(np.zeros((100, 3)), trials=3)


# --- length, budget, haircut -----------------------------------------------------------------------------------------


@given(st.floats(2.0, 1e9), st.floats(0.2, 5.0))
def test_trials_allowed_undoes_the_minimum_length(trials, sharpe):
    assert trials_allowed(min_backtest_length(trials, sharpe=sharpe), sharpe=sharpe) == pytest.approx(trials, rel=1e-6)


def test_a_good_sharpe_ratio_over_many_years_bears_any_search():
    assert trials_allowed(10.0, sharpe=5.0) == pytest.approx(1e15, rel=1e-6)
    with pytest.raises(ConfigError, match="`years` is 0"):
        trials_allowed(0)


def test_a_third_or_so_is_looked_at_before_stopping():
    assert search_budget(100) == 37
    assert search_budget(1) == 1
    with pytest.raises(ConfigError, match="`configurations`"):
        search_budget(0)


def test_bonferroni_by_hand():
    """z = 0.1 √900 = 3: p = 0.0026998; times 10: 0.026998, which is z = 2.2115."""
    (found,) = haircut_sharpes([0.1], 900, trials=10, correction="bonferroni")
    assert found * 30 == pytest.approx(2.2115, abs=5e-5)


def test_the_corrections_stand_in_their_order():
    ratios = [0.12, 0.1, 0.08, 0.02]
    found = {name: haircut_sharpes(ratios, 900, correction=name) for name in ("bonferroni", "holm", "bhy")}
    assert (found["bonferroni"] <= found["holm"] + 1e-12).all()
    assert found["bonferroni"][0] == pytest.approx(found["holm"][0])
    assert all((values <= np.array(ratios) + 1e-12).all() for values in found.values())
    assert (np.diff(found["holm"]) <= 0).all()


def test_holm_and_bhy_agree_with_the_textbook():
    from scipy.stats import false_discovery_control

    from workbench.research.luck.haircut import adjusted_p

    p = np.array([0.01, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(adjusted_p(p, 4, "bhy"), false_discovery_control(p, method="by"))
    np.testing.assert_allclose(adjusted_p(p, 4, "holm"), [0.03, 0.06, 0.06, 0.02])


def test_losers_are_cut_to_nothing_and_nonsense_is_refused():
    assert haircut_sharpes([-0.1, 0.0], 900).tolist() == [0.0, 0.0]
    with pytest.raises(ConfigError, match="2 Sharpe ratios, 1 trials"):
        haircut_sharpes([0.1, 0.2], 900, trials=1)
    with pytest.raises(ConfigError, match="`correction`"):
        haircut_sharpes([0.1], 900, correction="none")
    with pytest.raises(DataError, match="cannot be read"):
        mean_correlation([["a"]])
