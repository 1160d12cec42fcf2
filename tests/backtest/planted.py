"""Strategies that look into the future, each in its own way, and honest ones that look as if they might.

A planted leak is a name, the column to blame, and a function from candles to columns.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl

from workbench.backtest.lookahead import columns_of
from workbench.controllers import Bollinger, Controller, MacdBollinger, SmaCross, SuperTrend
from workbench.indicators import atr, bollinger_position, crosses, ema, highest, rsi, sma
from workbench.market import Candles, Targets

DAY_MS, HOUR_MS = 86_400_000, 3_600_000


def made_up(n_bars: int, seed: int = 0, start: int = 1_700_000_040_000, step_ms: int = 60_000) -> Candles:
    """Candles of 1m that walk at random, with the day's rhythm in their volume."""
    rng = np.random.default_rng(seed)
    close = 30_000.0 * np.exp(np.cumsum(rng.normal(0.0, 0.0008, n_bars)))
    open_ = np.concatenate([[30_000.0], close[:-1]])
    high = np.maximum(open_, close) * (1.0 + rng.exponential(0.0003, n_bars))
    low = np.minimum(open_, close) * (1.0 - rng.exponential(0.0003, n_bars))
    time = start + step_ms * np.arange(n_bars)
    volume = rng.gamma(2.0, 5.0, n_bars) * (1.2 + np.sin(2.0 * np.pi * (time % DAY_MS) / DAY_MS))
    return Candles.from_arrays(time, open_, high, low, close, volume, timeframe="1m")


def side(buy: np.ndarray, sell: np.ndarray | bool = False) -> np.ndarray:
    return np.where(buy, 1, np.where(sell, -1, 0)).astype(np.int8)


def frame(candles: Candles) -> pd.DataFrame:
    return candles.to_pandas()


def ahead(values: np.ndarray, bars: int = 1) -> np.ndarray:
    """The value of a later bar, NaN where there is none."""
    out = np.full(values.shape, np.nan)
    out[: max(0, len(values) - bars)] = values[bars:]
    return out


# --- leaks -----------------------------------------------------------------------------


def next_close(c):
    return {"side": side(ahead(c.close) > c.close, ahead(c.close) < c.close)}


def rare_peek_at_next_high(c):
    return {"side": side(ahead(c.high) > c.close * 1.0035)}


def cross_of_tomorrow(c):
    crossing = crosses(sma(c.close, 20), sma(c.close, 60))
    return {"side": np.concatenate([crossing[1:], np.zeros(min(1, len(crossing)), np.int8)])}


def losers_left_out(c):
    dip = c.close < pd.Series(c.close).rolling(50).min().shift(1).to_numpy()
    return {"side": side(dip & ~(ahead(c.close, 3) < c.close))}


def centred_window(c):
    middle = pd.Series(c.close).rolling(21, center=True).mean().to_numpy()
    return {"side": side(c.close < middle * 0.999, c.close > middle * 1.001)}


def whole_mean(c):
    return {"side": side(c.close < c.close.mean())}


def whole_zscore(c):
    change = np.diff(np.log(c.close), prepend=np.log(c.close[0]))
    return {"side": side(change < -2.5 * change.std(), change > 2.5 * change.std())}


def whole_quantile(c):
    return {"side": side(c.close < np.quantile(c.close, 0.1), c.close > np.quantile(c.close, 0.9))}


def rank_over_all(c):
    return {"side": side(pd.Series(c.close).rank(pct=True).to_numpy() < 0.1)}


def scaled_to_all(c):
    scaled = (c.close - c.low.min()) / (c.high.max() - c.low.min())
    return {"side": side(scaled < 0.05, scaled > 0.95)}


def gradient(c):
    slope = np.gradient(c.close) if len(c) > 1 else np.zeros(len(c))
    return {"side": side(slope > 0, slope < 0)}


def filled_backward(c):
    level = pd.Series(np.where(c.close > highest(c.close, 60) * 0.99999, c.close, np.nan)).bfill().to_numpy()
    return {"side": side(np.ones(len(c), bool)), "price": level}


def warm_up_filled_backward(c):
    average = pd.Series(c.close).rolling(100).mean().bfill().to_numpy()
    return {"side": side(c.close < average * 0.998), "price": average}


def interpolated(c):
    series = pd.Series(np.where(np.arange(len(c)) % 30 == 0, c.close, np.nan)).interpolate()
    return {"side": side(c.close < series.to_numpy() * 0.999)}


def hours_joined_by_open(c):
    f = frame(c)
    hourly = f["close"].resample("1h").last().reindex(f.index, method="ffill").to_numpy()
    return {"side": side(hourly > c.close * 1.002, hourly < c.close * 0.998)}


def days_high(c):
    top = frame(c)["high"].groupby(c.time // DAY_MS).transform("max").to_numpy() if len(c) else c.high
    return {"side": side(c.close < top * 0.99)}


def days_close_by_polars(c):
    f = c.to_polars().with_columns(pl.col("close").last().over(pl.col("time").dt.date()).alias("end"))
    return {"side": side(f["end"].to_numpy() > c.close)}


def filtered_both_ways(c):
    there = pd.Series(c.close).ewm(span=20).mean()
    back = there[::-1].ewm(span=20).mean()[::-1].to_numpy()
    return {"side": side(c.close < back * 0.9995, c.close > back * 1.0005)}


def fourier_low_pass(c):
    spectrum = np.fft.rfft(c.close)
    spectrum[max(2, len(spectrum) // 50) :] = 0
    smooth = np.fft.irfft(spectrum, len(c))
    return {"side": side(c.close < smooth, c.close > smooth)}


def buys_the_lowest(c):
    return {"side": side(np.arange(len(c)) == int(np.argmin(c.low)))}


def last_close(c):
    return {"side": side(c.close < c.close[-1] * 0.99)}


def knows_the_length(c):
    return {"side": side(np.arange(len(c)) == len(c) // 2)}


def out_before_the_end(c):
    return {"side": side(c.close < sma(c.close, 50)), "exit": np.arange(len(c)) >= len(c) - 5}


def stop_from_all_ranges(c):
    stop = float(np.nanmean((c.high - c.low) / c.close)) * 10
    return {"side": side(c.close < sma(c.close, 50)), "stop_loss": np.broadcast_to(stop, len(c))}


def size_from_tomorrow(c):
    swing = pd.Series(c.close).pct_change().rolling(10).std().shift(-10).fillna(0.001).to_numpy()
    return {"side": side(c.close < sma(c.close, 50)), "size": 0.001 / swing.clip(1e-5)}


def pivot_highs(c):
    k = 5
    peak = np.zeros(len(c), bool)
    for t in range(k, len(c) - k):
        peak[t] = c.high[t] == c.high[t - k : t + k + 1].max()
    return {"side": side(np.zeros(len(c), bool), peak)}


def zigzag(c):
    """Turns of 1 %, marked on the bar of the extreme instead of the bar that showed it."""
    out, top, low = np.zeros(len(c), np.int8), 0, 0
    for t in range(1, len(c)):
        top = t if c.high[t] > c.high[top] else top
        low = t if c.low[t] < c.low[low] else low
        if c.low[t] < c.high[top] * 0.99:
            out[top], top, low = -1, t, t
        elif c.high[t] > c.low[low] * 1.01:
            out[low], top, low = 1, t, t
    return {"side": out}


def fitted_on_everything(c):
    x = np.column_stack([np.ones(len(c)), np.arange(len(c)) / 1000.0])
    beta, *_ = np.linalg.lstsq(x, c.close, rcond=None)
    return {"side": side(c.close < x @ beta * 0.998, c.close > x @ beta * 1.002)}


def ranges_of_the_day_as_columns(c):
    """A compiled controller whose second column is the whole day's range."""
    f = frame(c).groupby(c.time // DAY_MS)
    return {"column_0": c.close, "column_1": (f["high"].transform("max") - f["low"].transform("min")).to_numpy()}


def drops_the_first_row(c):
    return {"side": side(np.diff(c.close) > 0)}


def two_thousand_bars_ahead(c):
    return {"side": side(ahead(c.close, 2_000) > c.close)}


def only_with_history(c):
    """Honest on short data, dishonest on long ones: cutting alone would have to cut late."""
    return next_close(c) if len(c) > 400 else {"side": np.zeros(len(c), np.int8)}


class Peek(Controller):
    def targets(self, candles):
        return Targets.at_limit(
            side(candles.close < sma(candles.close, 30)), np.fmin(ahead(candles.low), candles.close), stop_loss=0.01
        )


class Ladder(Controller):
    def targets(self, candles):
        middle = candles.close
        bid = np.column_stack([middle * 0.999, np.fmin(ahead(candles.low, 2), middle * 0.998)])
        return Targets.quotes(bid, middle * 1.001, amount=0.01)


LEAKS: dict[str, tuple[str, Callable]] = {
    "next_close": ("side", next_close),
    "rare_peek_at_next_high": ("side", rare_peek_at_next_high),
    "cross_of_tomorrow": ("side", cross_of_tomorrow),
    "losers_left_out": ("side", losers_left_out),
    "centred_window": ("side", centred_window),
    "whole_mean": ("side", whole_mean),
    "whole_zscore": ("side", whole_zscore),
    "whole_quantile": ("side", whole_quantile),
    "rank_over_all": ("side", rank_over_all),
    "scaled_to_all": ("side", scaled_to_all),
    "gradient": ("side", gradient),
    "filled_backward": ("price", filled_backward),
    "warm_up_filled_backward": ("price", warm_up_filled_backward),
    "interpolated": ("side", interpolated),
    "hours_joined_by_open": ("side", hours_joined_by_open),
    "days_high": ("side", days_high),
    "days_close_by_polars": ("side", days_close_by_polars),
    "filtered_both_ways": ("side", filtered_both_ways),
    "fourier_low_pass": ("side", fourier_low_pass),
    "buys_the_lowest": ("side", buys_the_lowest),
    "last_close": ("side", last_close),
    "knows_the_length": ("side", knows_the_length),
    "out_before_the_end": ("exit", out_before_the_end),
    "stop_from_all_ranges": ("stop_loss", stop_from_all_ranges),
    "size_from_tomorrow": ("size", size_from_tomorrow),
    "pivot_highs": ("side", pivot_highs),
    "zigzag": ("side", zigzag),
    "fitted_on_everything": ("side", fitted_on_everything),
    "ranges_of_the_day_as_columns": ("column_1", ranges_of_the_day_as_columns),
    "drops_the_first_row": ("side", drops_the_first_row),
    "two_thousand_bars_ahead": ("side", two_thousand_bars_ahead),
    "only_with_history": ("side", only_with_history),
    "targets_price": ("price", columns_of(Peek())),
    "second_level_of_quotes": ("price[1]", columns_of(Ladder())),
}


# --- honest ones -----------------------------------------------------------------------------


def last_close_against_this(c):
    return {"side": side(np.diff(c.close, prepend=np.nan) > 0, np.diff(c.close, prepend=np.nan) < 0)}


def two_emas(c):
    return {"side": crosses(ema(c.close, 12), ema(c.close, 26))}


def pandas_ewm(c):
    average = pd.Series(c.close).ewm(halflife=40).mean().to_numpy()
    return {"side": side(c.close < average * 0.999, c.close > average * 1.001), "price": average}


def polars_rolling(c):
    average = c.to_polars()["close"].rolling_mean(48).to_numpy()
    return {"side": side(c.close < average, c.close > average), "price": average}


def expanding_mean_and_deviation(c):
    so_far = pd.Series(c.close).expanding(100)
    z = ((c.close - so_far.mean()) / so_far.std()).to_numpy()
    return {"side": side(z < -1.5, z > 1.5), "price": z}


def expanding_rank(c):
    return {"side": side(pd.Series(c.close).expanding(20).rank(pct=True).to_numpy() < 0.1)}


def highest_so_far(c):
    return {"side": side(c.close >= np.maximum.accumulate(c.high) * 0.998)}


def volume_weighted_since_the_first_bar(c):
    return {"side": side(c.close < np.cumsum(c.close * c.volume) / np.cumsum(c.volume))}


def vwap_of_the_day(c):
    f = pd.DataFrame({"day": c.time // DAY_MS, "paid": c.close * c.volume, "volume": c.volume}).groupby("day").cumsum()
    return {"side": side(c.close < (f["paid"] / f["volume"]).to_numpy() * 0.998)}


def high_of_the_day_so_far(c):
    return {"side": side(c.close < pd.Series(c.high).groupby(c.time // DAY_MS).cummax().to_numpy() * 0.99)}


def high_of_yesterday(c):
    days = pd.Series(c.high).groupby(c.time // DAY_MS).max().shift(1)
    return {"side": side(c.close > days.reindex(c.time // DAY_MS).to_numpy())}


def last_full_hour(c):
    f = frame(c)
    hourly = f["close"].resample("1h", label="right", closed="left").last()
    known = hourly.reindex(f.index.floor("1h")).to_numpy()
    return {"side": side(c.close > known * 1.003, c.close < known * 0.997)}


def coarse_average_shifted(c):
    """A 15m average, as of the last 15m bar that is over."""
    coarse = c.resample("15m")
    average = sma(coarse.close, 8)
    over = np.searchsorted(coarse.time + 900_000, c.time + 60_000, side="right") - 1
    known = np.where(over >= 0, average[over], np.nan)
    return {"side": side(c.close < known * 0.998), "price": known}


def hours_of_the_day(c):
    hour = c.time // HOUR_MS % 24
    return {"side": side((hour == 8) & (c.close < c.open), hour == 20)}


def first_bar_of_the_day(c):
    day = c.time // DAY_MS
    return {"side": side(np.diff(day, prepend=day[:1]) != 0)}


def gaps_of_two_averages(c):
    return {"side": side(sma(c.close, 10) > sma(c.close, 300)), "exit": sma(c.close, 10) < sma(c.close, 300)}


def breakout(c):
    top = pd.Series(c.high).rolling(120).max().shift(1).to_numpy()
    return {"side": side(c.close > top), "price": top}


def pivots_once_confirmed(c):
    window = pd.Series(c.high).rolling(11).max().to_numpy()
    five_ago = pd.Series(c.high).shift(5).to_numpy()
    return {"side": side(np.zeros(len(c), bool), five_ago == window)}


def state_machine(c):
    """In after three falling closes, out after a gain of 0.5 % or 200 bars."""
    out, falls, entry, since = np.zeros(len(c), np.int8), 0, 0.0, 0
    for t in range(1, len(c)):
        falls = falls + 1 if c.close[t] < c.close[t - 1] else 0
        if entry == 0.0 and falls >= 3:
            out[t], entry, since = 1, c.close[t], t
        elif entry and (c.close[t] > entry * 1.005 or t - since > 200):
            out[t], entry = -1, 0.0
    return {"side": out}


def stop_from_past_ranges(c):
    return {"side": side(rsi(c.close, 14) < 30), "stop_loss": 3 * atr(c.high, c.low, c.close, 14) / c.close}


def band_width_as_size(c):
    place = bollinger_position(c.close, 50, 2.0)
    return {"side": side(place < 0, place > 1), "size": np.clip(np.nan_to_num(place), -2, 2)}


def causal_convolution(c):
    weights = np.exp(-np.arange(30) / 10.0)
    smooth = np.convolve(np.diff(c.close, prepend=c.close[0]), weights)[: len(c)]
    return {"side": side(smooth > 0), "price": smooth}


def causal_convolution_by_fourier(c):
    """Its last digits depend on the length of the data, by less than 1e-9 of what is usual."""
    size = 2 * len(c) + 60
    weights = np.exp(-np.arange(30) / 10.0)
    smooth = np.fft.irfft(np.fft.rfft(c.close, size) * np.fft.rfft(weights, size), size)[: len(c)]
    return {"side": side(np.ones(len(c), bool)), "price": smooth}


def window_by_window(c):
    if len(c) < 60:
        return {"side": np.zeros(len(c), np.int8), "price": np.full(len(c), np.nan)}
    windows = np.lib.stride_tricks.sliding_window_view(c.close, 60)
    low = np.concatenate([np.full(59, np.nan), np.quantile(windows, 0.1, axis=1)])
    return {"side": side(c.close < low), "price": low}


def needs_two_hundred_bars(c):
    if len(c) < 200:
        raise ValueError(f"{len(c)} bars are fewer than 200")
    return {"side": side(c.close < sma(c.close, 200))}


def fitted_again_every_day(c):
    """A line through the past 600 bars, fitted anew every 300 rows and carried forward."""
    out, beta = np.zeros(len(c), np.int8), None
    x = np.column_stack([np.ones(600), np.arange(600)])
    for t in range(600, len(c)):
        if t % 300 == 0:
            beta = np.linalg.lstsq(x, c.close[t - 600 : t], rcond=None)[0][1]
        out[t] = 0 if beta is None else np.sign(beta)
    return {"side": out}


def seeded_noise(c):
    return {"side": side(np.random.default_rng(7).normal(size=len(c)) > 2.0)}


class OwnConstant:
    """A threshold drawn once, when the strategy is made."""

    def __init__(self) -> None:
        self.threshold = np.random.default_rng().uniform(0.001, 0.002)

    def __call__(self, c):
        return {
            "side": side(c.close < sma(c.close, 30) * (1 - self.threshold)),
            "size": np.broadcast_to(self.threshold, len(c)),
        }


class QuotesAroundLast(Controller):
    def targets(self, candles):
        wide = atr(candles.high, candles.low, candles.close, 20)
        return Targets.quotes(candles.close - wide, candles.close + wide, notional=100)


class HoldsTheTrend(Controller):
    def targets(self, candles):
        return Targets.hold(np.where(ema(candles.close, 50) > ema(candles.close, 200), 1.0, 0.0))


def never(c):
    return {"side": np.zeros(len(c), np.int8)}


CLEAN: dict[str, Callable] = {
    "sma_cross": columns_of(SmaCross()),
    "sma_cross_long_only": columns_of(SmaCross(fast=5, slow=20, side="long")),
    "bollinger": columns_of(Bollinger(length=50)),
    "macd_bollinger": columns_of(MacdBollinger()),
    "supertrend": columns_of(SuperTrend()),
    "quotes_around_last": columns_of(QuotesAroundLast()),
    "holds_the_trend": columns_of(HoldsTheTrend()),
    "own_constant": OwnConstant(),
} | {
    function.__name__: function
    for function in (
        last_close_against_this, two_emas, pandas_ewm, polars_rolling, expanding_mean_and_deviation, expanding_rank,
        highest_so_far, volume_weighted_since_the_first_bar, vwap_of_the_day, high_of_the_day_so_far, high_of_yesterday,
        last_full_hour, coarse_average_shifted, hours_of_the_day, first_bar_of_the_day, gaps_of_two_averages, breakout,
        pivots_once_confirmed, state_machine, stop_from_past_ranges, band_width_as_size, causal_convolution,
        causal_convolution_by_fourier, window_by_window, needs_two_hundred_bars, fitted_again_every_day, seeded_noise,
        never,
    )
}  # fmt: skip
