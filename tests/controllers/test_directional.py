from __future__ import annotations

import numpy as np
import pytest

from workbench.controllers import Directional
from workbench.errors import ConfigError, DataError
from workbench.market import Candles, OrderKind, Sizing


def candles(*close: float) -> Candles:
    price = np.array(close, np.float64)
    return Candles.from_arrays(60_000 * np.arange(len(close)), price, price, price, price, timeframe="1m")


class Given(Directional):
    """Says what it was given, as prices of 2 (buy), 1 (nothing) and 0.5 (sell)."""

    def signal(self, candles):
        return np.sign(candles.close - 1.0).astype(np.int8)


TAPE = candles(1, 2, 2, 0.5, 1, 0.5)


def sides(bot: Directional) -> list[int]:
    return bot.targets(TAPE).side[:, 0].tolist()


def test_signal_becomes_market_entries_under_barriers():
    targets = Given(stop_loss=0.01, take_profit=0.05, time_limit="45m", cooldown="1m", max_per_side=2).targets(TAPE)
    assert targets.side[:, 0].tolist() == [0, 1, 1, -1, 0, -1]
    assert targets.kind == OrderKind.MARKET
    assert targets.column("stop_loss")[3, 0] == 0.01
    assert targets.column("take_profit")[3, 0] == 0.05
    assert targets.time_limit_ms == 2_700_000
    assert (targets.policy.max_per_side, targets.policy.cooldown_ms) == (2, 60_000)
    assert not targets.exit.any()


def test_defaults_protect_and_do_not_pile_up():
    targets = Given().targets(TAPE)
    assert targets.column("stop_loss")[0, 0] == 0.02
    assert targets.column("take_profit")[0, 0] == 0.03
    assert np.isnan(targets.column("trailing_delta")[0, 0])
    assert targets.time_limit_ms == 0
    assert (targets.policy.max_per_side, targets.policy.cooldown_ms) == (1, 300_000)
    assert not targets.policy.close_on_opposite
    assert not targets.policy.net_of_fees


def test_barriers_may_be_left_out():
    targets = Given(stop_loss=None, take_profit=None).targets(TAPE)
    assert np.isnan(targets.column("stop_loss")).all()
    assert np.isnan(targets.column("take_profit")).all()


def test_trailing_stop_and_ways_of_taking_profit_are_passed_on():
    bot = Given(trailing_activation=0.015, trailing_delta=0.005, take_profit_at="limit", net_of_fees=True)
    targets = bot.targets(TAPE)
    assert targets.column("trailing_activation")[0, 0] == 0.015
    assert targets.column("trailing_delta")[0, 0] == 0.005
    assert targets.policy.take_profit_kind == OrderKind.LIMIT
    assert targets.policy.net_of_fees


@pytest.mark.parametrize(
    ("given", "sizing", "size"),
    [
        ({}, Sizing.FRACTION, 1.0),
        ({"max_per_side": 4}, Sizing.FRACTION, 0.25),
        ({"fraction": 0.1, "max_per_side": 4}, Sizing.FRACTION, 0.1),
        ({"notional": 500}, Sizing.QUOTE, 500.0),
        ({"amount": 0.5}, Sizing.BASE, 0.5),
    ],
)
def test_size_is_what_was_given_or_an_even_share(given, sizing, size):
    targets = Given(**given).targets(TAPE)
    assert (targets.sizing, targets.column("size")[0, 0]) == (sizing, size)


@pytest.mark.parametrize(
    ("side", "expected"),
    [("both", [0, 1, 1, -1, 0, -1]), ("long", [0, 1, 1, 0, 0, 0]), ("short", [0, 0, 0, -1, 0, -1])],
)
def test_side_restricts_entries(side, expected):
    assert sides(Given(side=side)) == expected
    assert not Given(side=side).targets(TAPE).exit.any()


def test_opposite_signal_closes_even_if_its_side_is_not_traded():
    long = Given(side="long", on_opposite="close").targets(TAPE)
    assert long.side[:, 0].tolist() == [0, 1, 1, 0, 0, 0]
    assert long.exit[:, 0].tolist() == [False, False, False, True, False, True]
    short = Given(side="short", on_opposite="close").targets(TAPE)
    assert short.exit[:, 0].tolist() == [False, True, True, False, False, False]


def test_opposite_signal_closes_by_policy_if_both_sides_are_traded():
    targets = Given(on_opposite="close").targets(TAPE)
    assert targets.policy.close_on_opposite
    assert not targets.exit.any()


# --- what a signal may be --------------------------------------------------------------------------------------------


def says(values) -> Directional:
    class Says(Directional):
        def signal(self, candles):
            return values

    return Says()


@pytest.mark.parametrize(
    "values",
    [
        np.array([0, 1, 0, -1, 0, 0], np.int8),
        np.array([0, 1, 0, -1, 0, 0]),
        np.array([np.nan, 1.0, 0.0, -1.0, np.nan, 0.0]),
        [0, 1, 0, -1, 0, 0],
    ],
)
def test_signal_may_be_of_any_number_type_and_nan_is_nothing(values):
    assert sides(says(values)) == [0, 1, 0, -1, 0, 0]
    assert says(values).targets(TAPE).side.dtype == np.int8


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            np.zeros(5, np.int8),
            r"Says: `signal` has shape \(5,\) and dtype int8 for 6 bars\. Return one number per bar",
        ),
        (np.zeros((6, 2)), r"has shape \(6, 2\)"),
        (np.array(["buy"] * 6), "dtype <U3 for 6 bars"),
        (np.array([0, 1, 2, 0, 0, 0], np.int8), r"`signal` is 2 in row 2\. Return \+1 \(buy\), −1 \(sell\) or 0"),
        (np.array([0, 0, 0, 0, 0.5, 0]), r"`signal` is 0\.5 in row 4"),
        (np.array([0, 0, 0, np.inf, 0.5, 0]), "`signal` is inf in row 3"),
    ],
)
def test_wrong_signal_is_refused_by_row(values, sentence):
    with pytest.raises(DataError, match=sentence):
        says(values).targets(TAPE)


def test_directional_without_a_signal_says_so():
    class Mute(Directional):
        pass

    with pytest.raises(ConfigError, match=r"Mute does not say when it trades\. Define `signal"):
        Mute().targets(TAPE)


# --- parameters that do not fit --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"trailing_activation": 0.01}, "needs both `trailing_activation` and `trailing_delta`"),
        ({"trailing_delta": 0.01}, "needs both `trailing_activation` and `trailing_delta`"),
        ({"take_profit_at": "limit", "take_profit": None}, '`take_profit_at` is "limit" and `take_profit` is None'),
        ({"fraction": 0.5, "notional": 100}, "`fraction` is 0.5 and `notional` 100: two sizes for one position"),
        ({"notional": 100, "amount": 1}, "`notional` is 100 and `amount` 1: two sizes"),
        ({"on_opposite": "flip"}, "`on_opposite` is 'flip'. Choose 'ignore' or 'close'."),
        ({"side": "up"}, "`side` is 'up'. Choose 'both', 'long' or 'short'."),
        ({"max_per_side": 0}, "`max_per_side` is 0. It must be at least 1."),
        ({"amount": 0}, "`amount` is 0. It must be above 0."),
        ({"fraction": 50}, "`fraction` is 50. It must be at most 20."),
    ],
)
def test_parameters_that_do_not_fit_are_refused(given, sentence):
    with pytest.raises(ConfigError) as caught:
        Given(**given)
    assert sentence in str(caught.value)
