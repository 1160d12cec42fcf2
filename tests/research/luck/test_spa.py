"""The reality checks: against `arch`, and by what they must never do."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.errors import DataError
from workbench.research.luck import reality_check, spa, superior
from workbench.research.luck.spa import long_run_error

from .material import noise, persistent, with_edge


@pytest.mark.parametrize("seed", range(4))
def test_mean_returns_are_tested_as_arch_does(seed):
    from arch.bootstrap import SPA, StepM

    returns = noise(seed, 250, 25, correlation=0.3) + np.linspace(-0.002, 0.0015, 25)
    theirs = SPA(np.zeros(250), -returns, block_size=7, reps=500, seed=seed)
    theirs.compute()
    ours = spa(returns, studentize=False, block=7, reps=500, seed=seed)
    assert [ours.lower, ours.p, ours.upper] == theirs.pvalues.to_list()
    steps = StepM(np.zeros(250), -returns, block_size=7, reps=500, seed=seed)
    steps.compute()
    assert superior(returns, studentize=False, block=7, reps=500, seed=seed).tolist() == list(steps.superior_models)


def test_the_error_of_the_mean_is_that_of_arch():
    from arch.bootstrap import SPA

    returns = np.column_stack([persistent(n, 0.1 * n, 300) for n in range(6)])
    theirs = SPA(np.zeros(300), -returns, block_size=12, reps=10, seed=0)
    theirs.compute()
    np.testing.assert_allclose(long_run_error(returns, 12.0) ** 2, theirs._loss_diff_var, rtol=1e-9)


def test_wild_columns_do_not_hide_a_quiet_edge():
    """Means are dominated by whatever moves most; studentised statistics are not. `arch` compares means."""
    returns = noise(6, 750, 40)
    returns[:, 1:] *= 20.0
    returns[:, 0] += 0.002
    assert spa(returns, reps=500).p < 0.01
    assert spa(returns, reps=500).best == 0
    assert spa(returns, studentize=False, reps=500).p > 0.2


def test_bad_combinations_cost_the_reality_check_but_hardly_this_test():
    good = with_edge(noise(4, 500, 20), 3.0)
    bad = np.hstack([good, noise(9, 500, 200) - 0.004])
    assert spa(bad, reps=500, block=2).p - spa(good, reps=500, block=2).p < 0.03
    assert reality_check(bad, reps=500) >= spa(bad, reps=500, studentize=False).p


def test_holding_is_beaten_only_by_what_beats_holding():
    market = noise(1, 600, 1)[:, 0] + 0.002
    lazy = market[:, None] + 0.0002 * np.random.default_rng(0).standard_normal((600, 10))
    assert spa(lazy, 0.0, reps=500).p < 0.05
    assert spa(lazy, market, reps=500).p > 0.05
    assert spa(lazy + 0.0003, market, reps=500).p < 0.01


def test_only_the_real_ones_are_taken_out():
    returns = noise(3, 800, 60)
    returns[:, [4, 17]] += 0.003
    assert superior(returns, reps=500).tolist() == [4, 17]
    assert superior(noise(8, 800, 60), reps=500).size == 0


def test_columns_are_numbered_as_they_were_given():
    returns = noise(3, 300, 6)
    returns[:, 2] = 0.0
    returns[:, 5] += 0.005
    assert spa(returns, reps=200).best == 5


def test_nothing_gained_is_nothing_found():
    found = spa(noise(3, 300, 6) - 0.01, reps=200)
    assert (found.lower, found.p, found.upper, found.naive) == (1.0, 1.0, 1.0, 1.0)


def test_a_seed_gives_the_same_value_and_another_one_another():
    returns = noise(3, 300, 6)
    assert spa(returns, reps=300, seed=4) == spa(returns, reps=300, seed=4)
    assert spa(returns, reps=300, seed=4).p != spa(returns, reps=300, seed=5).p


def test_impossible_questions_are_refused():
    with pytest.raises(DataError, match="9 periods are too few"):
        spa(noise(1, 9, 4))
    with pytest.raises(DataError, match="nothing to test"):
        spa(np.zeros((100, 3)))
    with pytest.raises(DataError, match="`benchmark` has shape"):
        spa(noise(1, 100, 4), np.zeros(99))
