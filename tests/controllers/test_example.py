"""The strategy under strategies/, which people copy."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from workbench.backtest.lookahead import columns_of, find_leak
from workbench.controllers import Controller
from workbench.market import Candles

EXAMPLE = Path(__file__).parents[2] / "strategies" / "pullback.py"


def example() -> type[Controller]:
    spec = importlib.util.spec_from_file_location("pullback", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Pullback


def candles(close) -> Candles:
    price = np.array(close, np.float64)
    return Candles.from_arrays(60_000 * np.arange(len(price)), price, price, price, price, timeframe="1m")


def test_example_buys_the_dip_of_a_rising_market():
    """Averages of 4: -, -, -, 103, 104.75, 105.5; the high of the last three is 110 from row 3 on."""
    bot = example()(trend=4, lookback=3, pullback=0.03)
    assert bot.signal(candles([100, 100, 102, 110, 107, 103])).tolist() == [0, 0, 0, 0, 0, 0]
    assert bot.vary(pullback=0.025).signal(candles([100, 100, 102, 110, 107, 103])).tolist() == [0, 0, 0, 0, 1, 0]


def test_example_is_honest():
    rng = np.random.default_rng(0)
    verdict = find_leak(
        columns_of(example()(pullback=0.005)), candles(100 * np.exp(rng.normal(0, 0.001, 3_000).cumsum())),
        budget_seconds=60.0,
    )  # fmt: skip
    assert verdict.clean, str(verdict)
    assert "none was met" not in str(verdict)
