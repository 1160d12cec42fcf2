"""A year of made-up minutes, the same on every run, so that everything can be tried without a network.

The prices are invented; their habits are not: volatility comes in clusters and follows the hour, tails are fat, the
three coins move together, volume follows the range, prices and amounts are whole ticks and lots, and there are two
holes such as venues have: a halt that begins with dead bars, and a single minute that is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from workbench.data.querying import catalog
from workbench.data.series import Bars, Series
from workbench.errors import ConfigError
from workbench.market import FloatArray, Instrument, TimeArray, as_time
from workbench.settings import data_folder

if TYPE_CHECKING:
    import polars as pl

VENUE = "sample"
SEED = 20230101
START_MS = as_time("2023-01-01")
MINUTE_MS = 60_000
HALT_DEAD, HALT_GONE, HALT_OVER = (as_time(f"2023-03-24 {clock}") for clock in ("11:28", "12:40", "14:00"))
LOST = {"SOL/USDT": as_time("2023-02-14 16:39")}


@dataclass(frozen=True, slots=True)
class Coin:
    """How one invented market behaves: `share` of its moves is the market's, `hourly` its usual move in an hour."""

    instrument: Instrument
    price: float
    hourly: float
    share: float
    volume: float


BTC = Instrument.parse("BTC/USDT", tick=0.01, lot=1e-5, min_amount=1e-5, min_notional=5.0)
ETH = Instrument.parse("ETH/USDT", tick=0.01, lot=1e-4, min_amount=1e-4, min_notional=5.0)
SOL = Instrument.parse("SOL/USDT", tick=0.01, lot=1e-2, min_amount=1e-2, min_notional=5.0)
COINS = (
    Coin(BTC, price=16_540.0, hourly=0.0050, share=0.92, volume=60.0),
    Coin(ETH, price=1_196.0, hourly=0.0062, share=0.84, volume=240.0),
    Coin(SOL, price=9.97, hourly=0.0098, share=0.70, volume=2_900.0),
)


def sample(*, months: int = 12) -> pl.DataFrame:
    """Make the sample set: BTC, ETH and SOL against USDT on the venue "sample", minute by minute through 2023.

    Takes about a second, and gives the same bits each time; what is there already is left alone.

    Parameters
    ----------
    months : int
        How much of the year to make; fewer months are the same bars, cut short.

    Returns
    -------
    polars.DataFrame
        The catalog.
    """
    if not 1 <= months <= 12:
        raise ConfigError(f"`months` is {months}. Choose 1 to 12.")
    for series in (Series(data_folder(), VENUE, coin.instrument, "1m") for coin in COINS):
        if len(series.manifest().parts) < months:
            break
    else:
        return catalog()
    edges = (
        np.arange(np.datetime64("2023-01"), np.datetime64("2023-01") + months + 1)
        .astype("datetime64[ms]")
        .view(np.int64)
    )
    for place, coin in enumerate(COINS):
        pieces = list(_months(coin, place, edges))
        bars = np.concatenate([p[0] for p in pieces]), _joined([p[1] for p in pieces])
        Series(data_folder(), VENUE, coin.instrument, "1m").commit(_with_holes(coin, bars), where="the sample set")
    return catalog()


def _months(coin: Coin, place: int, edges: TimeArray) -> Iterator[Bars]:
    # Each month has its own generators, so that a shorter sample is the beginning of a longer one.
    price = coin.price
    for month, (start, end) in enumerate(pairwise(edges)):
        time = np.arange(start, end, MINUTE_MS)
        scale = _volatility(time) * coin.hourly / np.sqrt(60)
        market = np.random.default_rng([SEED, month]).standard_normal(len(time))
        own = np.random.default_rng([SEED, month, place + 1])
        moves = scale * (coin.share * market + np.sqrt(1 - coin.share**2) * own.standard_normal(len(time)))
        moves *= 1 + 5 * (own.random(len(time)) < 0.002)  # rare minutes in which news breaks
        columns = _bars(own, coin, np.log(price) + np.cumsum(moves), price, scale)
        price = float(columns["close"][-1])
        yield time, columns


def _volatility(time: TimeArray) -> FloatArray:
    # A slow wave over days and a quick one over hours, shared by all coins, and the habit of the day.
    hours = np.arange(366 * 24)
    draw = np.random.default_rng([SEED, 99]).standard_normal((2, len(hours)))
    waves = _remembering(draw[0], 0.995, 0.45) + _remembering(draw[1], 0.8, 0.35)
    log_scale = np.interp((time - START_MS) / 3_600_000, hours, waves)
    return np.exp(log_scale + 0.35 * _daytime(time) - 0.25)


def _remembering(draw: FloatArray, memory: float, spread: float) -> FloatArray:
    state, out = 0.0, np.empty(len(draw))
    for hour, shock in enumerate(draw * spread * np.sqrt(1 - memory**2)):
        state = memory * state + shock
        out[hour] = state
    return out


def _daytime(time: TimeArray) -> FloatArray:
    day = 2 * np.pi * (time % 86_400_000) / 86_400_000
    return np.cos(day - 2 * np.pi * 15 / 24)  # busiest at 15:00 UTC, when America opens


def _bars(
    own: np.random.Generator, coin: Coin, path: FloatArray, price: float, scale: FloatArray
) -> dict[str, FloatArray]:
    tick, lot, n = coin.instrument.tick, coin.instrument.lot, len(path)
    close = np.exp(path)
    before = np.concatenate([[price], close[:-1]])
    # The extremes of a random walk between two known ends have a known law (Brownian bridge).
    rise = np.log(close / before)
    reach = np.sqrt(rise**2 - 2 * scale**2 * np.log(own.random((2, n))))
    high, low = before * np.exp((rise + reach[0]) / 2), before * np.exp((rise - reach[1]) / 2)
    busy = np.exp(0.5 * own.standard_normal(n) + 0.3 * np.log(1 + (high - low) / (before * scale)))
    volume = coin.volume * busy * (scale / coin.hourly * np.sqrt(60)) ** 0.7
    opened = np.rint(before / tick) + own.integers(-1, 2, n)
    ticks = {"open": opened, "high": np.ceil(high / tick), "low": np.floor(low / tick), "close": np.rint(close / tick)}
    ticks["high"] = np.maximum.reduce(list(ticks.values()))
    ticks["low"] = np.minimum.reduce(list(ticks.values()))
    # Dividing by the steps in a unit gives the decimal's own float: 1654003 / 100 is 16540.03.
    columns = {name: values / round(1 / tick) for name, values in ticks.items()}
    return {**columns, "volume": np.maximum(1, np.rint(volume / lot)) / round(1 / lot)}


def _with_holes(coin: Coin, bars: Bars) -> Bars:
    time, columns = bars
    dead = (time >= HALT_DEAD) & (time < HALT_GONE)
    if dead.any():
        columns["volume"][dead] = 0.0
        for name in ("open", "high", "low", "close"):
            columns[name][dead] = columns["close"][np.argmax(dead) - 1]
    there = ((time < HALT_GONE) | (time >= HALT_OVER)) & (time != LOST.get(coin.instrument.symbol, -1))
    return time[there], {name: column[there] for name, column in columns.items()}


def _joined(pieces: list[dict[str, FloatArray]]) -> dict[str, FloatArray]:
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
