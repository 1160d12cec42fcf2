"""CSCV: what it counts, what it refuses, and how fast it is."""

from __future__ import annotations

import time

import numpy as np
import pytest

from workbench.errors import ConfigError, DataError
from workbench.research.luck import overfitting
from workbench.research.luck.overfitting import fitting_blocks

from .material import noise, with_edge


def slowly(returns: np.ndarray, blocks: int) -> tuple[np.ndarray, np.ndarray]:
    """Chosen columns and their ranks outside, split by split, as the paper writes it."""
    from itertools import combinations

    pieces = np.split(returns, blocks)
    chosen, ranks = [], []
    for picks in combinations(range(blocks), blocks // 2):
        past = np.concatenate([pieces[n] for n in picks])
        future = np.concatenate([pieces[n] for n in range(blocks) if n not in picks])
        best = int((past.mean(0) / past.std(0, ddof=1)).argmax())
        scores = future.mean(0) / future.std(0, ddof=1)
        chosen.append(best)
        ranks.append((scores < scores[best]).sum() + 1)
    return np.array(chosen), np.array(ranks)


def test_sums_over_blocks_choose_as_the_slow_way_does():
    returns = noise(3, 120, 9)
    chosen, ranks = slowly(returns, 6)
    found = overfitting(returns, blocks=6)
    assert found.chosen.tolist() == chosen.tolist()
    np.testing.assert_allclose(found.logits, np.log(ranks / 10 / (1 - ranks / 10)))


def test_a_common_shift_of_all_prices_does_not_drown_the_variance():
    returns = noise(3, 120, 9)
    assert overfitting(returns + 0.5, blocks=6).chosen.tolist() == slowly(returns + 0.5, 6)[0].tolist()


def test_an_edge_in_one_column_is_chosen_and_keeps():
    found = overfitting(with_edge(noise(1), 6.0))
    assert found.pbo < 0.05
    assert found.loss < 0.05
    assert (found.chosen == 3).mean() > 0.95
    assert found.dominates
    assert found.dominates_second


def test_a_choice_that_is_reversed_later_is_overfit_in_every_split():
    """Each column gains in one block what it loses in the others, so whatever was best is worst."""
    returns = (1 / 8 - np.repeat(np.eye(8), 4, axis=0)) * 0.01
    returns += 1e-5 * np.random.default_rng(0).standard_normal(returns.shape)
    found = overfitting(returns, blocks=8)
    assert found.pbo == 1.0
    assert found.loss == 1.0
    assert not found.dominates_second


def test_a_low_pbo_says_nothing_of_profit():
    """The rank statement holds among losers too: the best of them stays the best, and loses."""
    returns = noise(1) - 0.004
    found = overfitting(with_edge(returns, 6.0))
    assert found.pbo < 0.05
    assert found.loss > 0.95


def test_equal_columns_share_their_rank_and_the_middle_is_not_overfit():
    """Two equal columns rank 1½ of 2, so ω is ½ and λ is 0: PBO counts λ < 0."""
    column = noise(1, 40, 1)
    found = overfitting(np.hstack([column, column]), blocks=4)
    assert (found.logits == 0.0).all()
    assert found.pbo == 0.0


def test_a_combination_that_rests_in_a_half_scores_nothing_there():
    returns = noise(2, 40, 3) - 0.02
    returns[:20, 0] = 0.0
    found = overfitting(returns, blocks=2)
    assert found.chosen.tolist()[0] == 0
    assert found.inside[0] == 0.0


def test_rows_that_do_not_fill_a_block_are_left_out_at_the_start():
    returns = noise(2, 103, 5)
    found = overfitting(returns, blocks=10)
    assert found.left_out == 3
    np.testing.assert_array_equal(found.logits, overfitting(returns[3:], blocks=10).logits)


def test_blocks_shorter_than_ten_trades_are_refused():
    with pytest.raises(ConfigError, match="cut trades apart"):
        overfitting(noise(1, 160, 4), blocks=16, holding=2.0)
    assert overfitting(noise(1, 160, 4), blocks=16, holding=1.0).blocks == 16
    assert fitting_blocks(160, holding=2.0) == 8
    assert fitting_blocks(160, holding=None) == 16
    assert fitting_blocks(7) is None


@pytest.mark.parametrize("blocks", [3, 0, 200, True, 2.5])
def test_blocks_that_cannot_be_are_refused(blocks):
    with pytest.raises(ConfigError, match="`blocks`"):
        overfitting(noise(1, 100, 4), blocks=blocks)


def test_more_splits_than_memory_is_worth_are_refused():
    with pytest.raises(ConfigError, match=r"makes 2,704,156 splits\. Use 20 or fewer"):
        overfitting(noise(1, 100, 4), blocks=24)


def test_one_column_and_holes_are_refused():
    with pytest.raises(DataError, match="1 column"):
        overfitting(noise(1, 100, 1))
    holed = noise(1, 100, 4)
    holed[7, 2] = np.nan
    with pytest.raises(DataError, match="row 7, column 2"):
        overfitting(holed)
    with pytest.raises(ConfigError, match="`score` is 'calmar'"):
        overfitting(noise(1, 100, 4), score="calmar")


def test_two_hundred_columns_take_about_a_second(within):
    returns = noise(1, 1000, 200)
    took = []
    for _ in range(3):
        began = time.process_time()
        assert 0.0 < overfitting(returns).pbo < 1.0
        took.append(time.process_time() - began)
    within("PBO of 200 columns", min(took), 1.0)
