"""Cross-validation: the choice is judged where it was not made, and every path goes through all days."""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench.errors import ConfigError, DataError
from workbench.journal import Ledger
from workbench.research.cross_validate import CrossValidation, cross_validate

from .test_walk_forward import DAY, GRID, START, made

N = 120
ENDS = START + DAY * np.arange(1, N + 1)


def of_returns(returns: np.ndarray, **options: object) -> CrossValidation:
    """Cross-validation of given returns; the strategy only lends its parameters."""
    grid = {"slow": list(range(20, 20 + returns.shape[1]))}
    options = {"purge": 0, "embargo": 0} | options
    return cross_validate(
        wb.controllers.SmaCross(), grid, made(), evaluate=lambda parameters, candles: (returns, ENDS), **options  # type: ignore[arg-type]
    )  # fmt: skip


def noise(seed: int, columns: int) -> np.ndarray:
    return 0.01 * np.random.default_rng(seed).standard_normal((N, columns))


def test_each_fold_judges_what_was_best_outside_of_it():
    returns = noise(1, 8)
    found = of_returns(returns, groups=6, held_out=2)
    assert len(found.folds) == 15
    for n, fold in enumerate(found.folds):
        past, future = returns[fold.train], returns[fold.test]
        ratios = past.mean(0) / past.std(0, ddof=1)
        best = int(ratios.argmax())
        assert found.chosen[n] == best
        assert found.inside[n] == pytest.approx(ratios[best] * np.sqrt(365))
        scores = future.mean(0) / future.std(0, ddof=1)
        assert found.outside[n] == pytest.approx(scores[best] * np.sqrt(365))
        assert found.rank[n] == pytest.approx((scores < scores[best]).sum() / 7)


def test_every_path_is_out_of_sample_on_every_day():
    returns = noise(2, 5)
    found = of_returns(returns, groups=6, held_out=2)
    assert found.paths.shape == (N, 5)
    assert np.isfinite(found.paths).all()
    for n, fold in enumerate(found.folds):
        for group in fold.held_out:
            rows = np.arange(group * 20, group * 20 + 20)
            lies = [
                path for path in range(5) if np.array_equal(found.paths[rows, path], returns[rows, found.chosen[n]])
            ]
            assert lies
    assert found.equity.columns == ["time", "path 0", "path 1", "path 2", "path 3", "path 4"]
    assert found.equity["path 0"][-1] == pytest.approx(np.prod(1 + found.paths[:, 0]))
    assert found.equity["time"].to_physical().to_list() == ENDS.tolist()


def test_k_fold_has_one_path():
    found = of_returns(noise(3, 4), groups=5, held_out=1)
    assert found.paths.shape == (N, 1)
    assert len(found.folds) == 5


def test_an_edge_is_chosen_and_keeps_and_noise_is_a_middling_choice():
    returns = noise(4, 20)
    ranks = [of_returns(noise(seed, 20)).rank.mean() for seed in range(20)]
    assert np.mean(ranks) == pytest.approx(0.5, abs=0.12)
    returns[:, 6] += 0.006
    found = of_returns(returns)
    assert set(found.chosen.tolist()) == {6}
    assert found.loss == 0.0
    assert found.rank.mean() > 0.9
    assert (found.sharpes > 2.0).all()


def test_purge_and_embargo_are_days_whatever_the_period():
    found = of_returns(noise(1, 3), groups=6, held_out=1, purge="2d", embargo="3d")
    (fold,) = [fold for fold in found.folds if fold.held_out == (2,)]
    assert set(range(N)) - set(fold.train.tolist()) == set(range(38, 65))


def test_a_combination_that_failed_is_never_chosen():
    returns = noise(1, 4)
    returns[5, 2] = np.nan
    returns[:, 2] += 1.0
    found = of_returns(returns)
    assert 2 not in found.chosen
    returns[0, :] = np.nan
    with pytest.raises(DataError, match="No combination could be run"):
        of_returns(returns)


def test_backtests_are_validated_and_counted_once():
    candles = made(200)
    found = cross_validate(wb.controllers.SmaCross(), GRID, candles, groups=5, held_out=2, account="margin")
    assert Ledger().count("SmaCross").trials == 6
    assert len(found.folds) == 10
    assert found.paths.shape == (200, 4)
    assert found.table.columns == ["fold", "held_out", "fast", "slow", "sharpe_inside", "sharpe_outside", "rank"]
    assert repr(found).startswith("CrossValidation: 10 folds, 4 paths with Sharpe ratios ")
    chosen = found.folds[0]
    bot = wb.controllers.SmaCross(**found.parameters[0])
    run = wb.backtest(bot, candles, account="margin")
    marks = np.concatenate([[10_000.0], run.tape.equity])
    rows = chosen.test[chosen.test < 40]
    np.testing.assert_allclose(found.paths[rows, 0], (marks[1:] / marks[:-1] - 1)[rows], rtol=1e-12)


def test_what_cannot_be_validated_is_refused():
    with pytest.raises(ConfigError, match="`objective` is 'calmar'"):
        of_returns(noise(1, 3), objective="calmar")
    with pytest.raises(DataError, match="too few for 80 groups"):
        of_returns(noise(1, 3), groups=80)
    with pytest.raises(DataError, match="shape"):
        of_returns(noise(1, 3)[:50])
    with pytest.raises(ConfigError, match="more than 20,000"):
        cross_validate(
            wb.controllers.SmaCross(),
            {"fast": range(1, 200), "slow": range(200, 400)},
            made(),
            evaluate=lambda *_: None,
        )  # type: ignore[arg-type]
