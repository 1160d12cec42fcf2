"""Candles made for tests: from closes, or wandering at random."""

from __future__ import annotations

import numpy as np

from workbench.market import Candles

MINUTE_MS = 60_000
START_MS = 1_704_067_200_000
PERPETUAL = "BTC/USDT:USDT"


def bars(closes, *, high=None, low=None, instrument="BTC/USDT", venue="", timeframe_ms=MINUTE_MS, start=START_MS):
    """Bars that go from close to close; the first one is flat."""
    close = np.array(closes, np.float64)
    open_ = np.r_[close[0], close[:-1]]
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    top = top if high is None else np.maximum(top, np.array(high, np.float64))
    bottom = bottom if low is None else np.minimum(bottom, np.array(low, np.float64))
    time = start + timeframe_ms * np.arange(len(close))
    frame = f"{timeframe_ms // MINUTE_MS}m"
    return Candles.from_arrays(
        time, open_, top, bottom, close, np.ones(len(close)), timeframe=frame, instrument=instrument, venue=venue
    )


def wandering(n_bars: int, seed: int, *, instrument="BTC/USDT", venue="", size=8e-4) -> Candles:
    """One-minute bars of a random walk that reverts a little, with wicks."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0.0, size, n_bars))
    close = 30_000.0 * np.exp(walk + 0.002 * np.sin(np.arange(n_bars) / 97.0))
    open_ = np.concatenate([[30_000.0], close[:-1]])
    high = np.maximum(open_, close) * (1.0 + rng.exponential(size / 2, n_bars))
    low = np.minimum(open_, close) * (1.0 - rng.exponential(size / 2, n_bars))
    time = START_MS + MINUTE_MS * np.arange(n_bars)
    volume = rng.exponential(10.0, n_bars)
    return Candles.from_arrays(
        time, open_, high, low, close, volume, timeframe="1m", instrument=instrument, venue=venue
    )
