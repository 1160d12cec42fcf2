"""The short way of a bot that only quotes, beside the long way that `log_quotes=True` takes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

import workbench as wb
from workbench.market import Candles

LEVELS = 4
CANCELLED = 3


class AnyQuotes(wb.Controller):
    """Quotes whatever its columns say: per level an action, a side, a kind, a price and a size."""

    levels: ClassVar[int] = LEVELS
    seed: int = 0

    def columns(self, candles: Candles):
        """Prices close to the close, sizes that are sometimes none, and now and then a level that says nothing."""
        rng, n = np.random.default_rng(self.seed), len(candles)
        columns = []
        for level in range(LEVELS):
            speaks = np.where(rng.random(n) < 0.9, 3.0, 0.0)
            side = np.where(rng.random(n) < 0.05, -1.0, 1.0) * (1.0 if level % 2 else -1.0)
            post_only = np.where(rng.random(n) < 0.2, 5.0, 1.0) if self.seed % 3 == 0 else np.ones(n)
            distance = rng.choice([2e-4, 5e-4, 5e-4, 2e-3], n)
            size = np.where(rng.random(n) < 0.1, 0.0, rng.choice([0.5, 1.0], n))
            still = rng.random(n) < 0.1  # the very order again
            price = candles.close * (1.0 - side * distance)
            price = np.where(still, np.round(candles.close, -2) * (1.0 - side * 1e-3), price)
            columns += [speaks, side, post_only, price, size]
        return tuple(columns)

    @staticmethod
    @wb.compiled
    def decide(row, world, out):
        """Say what the columns say, as long as the inventory is below twenty."""
        for level in range(4):
            at = 5 * level
            out[level].action = int(row[at])
            out[level].side = int(row[at + 1])
            out[level].kind = 1 if row[at + 2] < 3.0 else 2
            out[level].price = row[at + 3]
            out[level].size = row[at + 4] if row[at + 1] * world.position < 20.0 else 0.0


def walk(seed: int, n: int = 4000) -> Candles:
    """Bars with gaps between a close and the next open that sometimes jump over a quote."""
    rng = np.random.default_rng(seed)
    close = 30_000.0 * np.exp(np.cumsum(rng.normal(0.0, 8e-4, n)))
    open_ = np.concatenate([[30_000.0], close[:-1]]) * np.exp(rng.normal(0.0, 2e-4, n))
    high = np.maximum(open_, close) * (1.0 + np.abs(rng.normal(0.0, 3e-4, n)))
    low = np.minimum(open_, close) * (1.0 - np.abs(rng.normal(0.0, 3e-4, n)))
    keep = np.sort(rng.choice(n, n - 20, replace=False))
    time = 60_000 * np.arange(n)
    return Candles.from_arrays(*(one[keep] for one in (time, open_, high, low, close, np.ones(n))), timeframe="1m")


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("account", ["margin", "spot"])
def test_short_way_tells_what_the_long_way_tells(seed: int, account: str):
    terms = {"cash": 300_000.0 if seed % 2 else 2e6, "account": account, "fees": 2e-4, "audit": False}
    terms["fill"] = "through" if seed % 4 == 1 else "touch"
    candles = walk(seed)
    short = wb.backtest(AnyQuotes(seed=seed), candles, **terms)
    long = wb.backtest(AnyQuotes(seed=seed), candles, log_quotes=True, **terms)
    assert len(short.tape.fills) > 500
    np.testing.assert_array_equal(short.tape.fills, long.tape.fills)
    np.testing.assert_array_equal(short.tape.equity, long.tape.equity)
    np.testing.assert_array_equal(short.tape.refusals, long.tape.refusals)
    for name in ("quote", "fees", "volume", "next_order", "bars_exposed", "quotes"):
        np.testing.assert_array_equal(short.tape.world[name], long.tape.world[name], err_msg=name)
    assert short.tape.world["cancelled_quotes"][0] == np.sum(long.tape.orders["status"] == CANCELLED)
