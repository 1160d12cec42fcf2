"""Targets: shapes that broadcast, sizes said in one way, and sentences for what cannot be meant."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.errors import ConfigError, DataError
from workbench.market import Action, OrderKind, Sizing, Targets

SIDE = np.array([1, 0, -1], np.int8)


def test_numbers_columns_and_levels_are_broadcast_against_each_other() -> None:
    targets = Targets.at_market(SIDE, stop_loss=0.02, take_profit=[[0.01, 0.03]] * 3)
    assert (targets.n_bars, targets.n_levels) == (3, 2)
    assert targets.column("stop_loss").shape == (3, 2)
    assert targets.column("take_profit")[1].tolist() == [0.01, 0.03]
    assert targets.side[:, 1].tolist() == [1, 0, -1]


def test_default_size_is_all_of_equity() -> None:
    targets = Targets.at_market(SIDE)
    assert (targets.sizing, float(targets.column("size")[0, 0])) == (Sizing.FRACTION, 1.0)


def test_kinds_follow_from_how_they_are_made() -> None:
    assert Targets.at_limit(SIDE, 99.0).kind == OrderKind.LIMIT
    assert Targets.at_limit(SIDE, 99.0, post_only=True).kind == OrderKind.POST_ONLY
    assert Targets.at_stop(SIDE, 101.0).kind == OrderKind.STOP
    assert Targets.at_stop(SIDE, 101.0, limit=102.0).kind == OrderKind.STOP_LIMIT


def test_quotes_put_the_bids_before_the_asks() -> None:
    bids = np.array([[99.0, 98.0], [np.nan, 97.0]])
    targets = Targets.quotes(bids, np.array([101.0, 102.0]), amount=0.5)
    assert targets.action == Action.QUOTE
    assert targets.side.tolist() == [[1, 1, -1], [1, 1, -1]]
    np.testing.assert_array_equal(targets.column("price"), [[99.0, 98.0, 101.0], [np.nan, 97.0, 102.0]])


def test_slice_keeps_the_rows_that_it_names() -> None:
    targets = Targets.at_limit(SIDE, np.array([99.0, 98.0, 97.0]), exit=np.array([False, True, False]))[1:]
    assert targets.side[:, 0].tolist() == [0, -1]
    assert targets.column("price")[:, 0].tolist() == [98.0, 97.0]
    assert targets.exit[0].all()


def test_durations_are_words_or_milliseconds() -> None:
    targets = Targets.at_market(SIDE, time_limit="45m", cooldown=5_000)
    assert (targets.time_limit_ms, targets.policy.cooldown_ms) == (2_700_000, 5_000)


def test_policy_is_changed_without_touching_the_wishes() -> None:
    targets = Targets.at_market(SIDE, max_per_side=2)
    assert targets.with_policy(max_per_side=5).policy.max_per_side == 5
    assert targets.policy.max_per_side == 2


def test_no_rows_are_no_error() -> None:
    assert Targets.at_market(np.zeros(0, np.int8)).n_bars == 0


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: Targets.at_market([2, 0, 0]), DataError, r"`side` is 2 in row 0\. A side is \+1"),
        (lambda: Targets.at_market([0.0, np.nan]), DataError, "`side` is nan in row 1"),
        (lambda: Targets.at_market(["buy"]), DataError, "`side` has shape .* and dtype <U3"),
        (lambda: Targets.at_market(np.zeros((2, 2, 2))), DataError, r"`side` has shape \(2, 2, 2\)"),
        (lambda: Targets.at_limit(SIDE, [99.0, 98.0]), DataError, "`price` has 2 rows and `side` 3"),
        (lambda: Targets.at_market(SIDE, amount=1, notional=5), ConfigError, "Both `amount` and `notional` are given"),
        (lambda: Targets.at_market(SIDE, fraction=-0.5), ConfigError, "`fraction` has a negative or infinite value"),
        (lambda: Targets.at_market(SIDE, amount=np.inf), ConfigError, "`amount` has a negative or infinite value"),
        (lambda: Targets.at_market(SIDE, stop_loss=-0.02), ConfigError, "`stop_loss` must be above 0"),
        (lambda: Targets.at_market(SIDE, stop_loss=2), ConfigError, "`stop_loss` is 1 or more.*write 0.02 for 2 %"),
        (lambda: Targets.at_market(SIDE, take_profits=0.02), ConfigError, "do not know `take_profits`"),
        (lambda: Targets.at_market(SIDE, on_opposite="flip"), ConfigError, "`on_opposite` is 'flip'. Choose"),
        (lambda: Targets.at_market(SIDE, take_profit_at="stop"), ConfigError, "`take_profit_at` is 'stop'. Choose"),
        (lambda: Targets.at_market(SIDE, take_profit_at="limit"), ConfigError, "needs a `take_profit`"),
        (lambda: Targets.at_market(SIDE, max_per_side=0), ConfigError, "`max_per_side` is 0"),
        (lambda: Targets.quotes([99.0], [101.0]), ConfigError, "No size is given"),
        (lambda: Targets.quotes([99.0], [101.0, 102.0], amount=1), DataError, "`bid` has 1 rows and `ask` 2"),
        (lambda: Targets.quotes([99.0], [101.0], amount=1, stop_loss=0.1), ConfigError, "do not know `stop_loss`"),
        (lambda: Targets.hold([np.inf]), DataError, "`exposure` is infinite in row 0"),
    ],
)
def test_what_cannot_be_meant_gets_a_sentence(make, error, said) -> None:
    with pytest.raises(error, match=said):
        make()
