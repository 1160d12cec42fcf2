"""What holds for every indicator: causal, as long as its input, NaN until warm, afresh after a gap, clear errors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import indicators
from workbench.errors import ConfigError, DataError
from workbench.indicators.columns import FloatArray

Bars = dict[str, FloatArray]
Outputs = tuple[np.ndarray, ...]
NAN = np.nan


def bars_of(n_bars: int, seed: int) -> Bars:
    """A random walk with ticks of a quarter, so that closes repeat and averages tie."""
    rng = np.random.default_rng(seed)
    close = 50.0 + 0.25 * np.cumsum(rng.integers(-4, 5, n_bars))
    high, low = close + 0.25 * rng.integers(0, 5, n_bars), close - 0.25 * rng.integers(0, 5, n_bars)
    return {"open": close, "high": high, "low": low, "close": close, "volume": rng.integers(1, 9, n_bars) * 1.0}


def of_close(function: Callable[..., object], *terms: object) -> Callable[[Bars], Outputs]:
    return lambda b: together(function(b["close"], *terms))


def of_range(function: Callable[..., object], *terms: object) -> Callable[[Bars], Outputs]:
    return lambda b: together(function(b["high"], b["low"], b["close"], *terms))


def together(result: object) -> Outputs:
    return result if isinstance(result, tuple) else (np.asarray(result),)


# Every public indicator with short windows, and the row in which its first output is warm.
OWN: dict[str, tuple[Callable[[Bars], Outputs], int]] = {
    "sma": (of_close(indicators.sma, 4), 3),
    "wma": (of_close(indicators.wma, 4), 3),
    "ema": (of_close(indicators.ema, 4), 3),
    "wilder": (of_close(indicators.wilder, 4), 3),
    "stddev": (of_close(indicators.stddev, 4), 3),
    "bollinger": (of_close(indicators.bollinger, 4), 3),
    "bollinger_position": (of_close(indicators.bollinger_position, 4), 3),
    "rsi": (of_close(indicators.rsi, 4), 4),
    "macd": (of_close(indicators.macd, 2, 4, 3), 5),
    "highest": (of_close(indicators.highest, 4), 3),
    "lowest": (of_close(indicators.lowest, 4), 3),
    "true_range": (of_range(indicators.true_range), 1),
    "atr": (of_range(indicators.atr, 4), 4),
    "natr": (of_range(indicators.natr, 4), 4),
    "supertrend": (of_range(indicators.supertrend, 4, 1.0), 4),
    "keltner": (lambda b: indicators.keltner(b["high"], b["low"], b["close"], 3, atr_length=4), 4),
    "vwap": (lambda b: together(indicators.vwap(b["high"], b["low"], b["close"], b["volume"], 4)), 3),
    "crosses": (lambda b: together(indicators.crosses(b["close"], b["high"] - 0.5)), 0),
    "sma_cross": (of_close(indicators.sma_cross, 2, 4), 0),
    "zscore": (of_close(indicators.zscore, 8), 7),
    "regression": (lambda b: together(indicators.regression(b["close"], b["high"], 8)), 7),
    "followed": (of_close(indicators.followed, 0.01), 0),
}
OTHERS: dict[str, tuple[Callable[[Bars], Outputs], int]] = {
    "returns": (of_close(indicators.returns, 3), 3),
    "adx": (of_range(indicators.adx, 3), 5),
    "plus_di": (of_range(indicators.plus_di, 3), 3),
    "minus_di": (of_range(indicators.minus_di, 3), 3),
    "cci": (of_range(indicators.cci, 4), 3),
    "mfi": (lambda b: together(indicators.mfi(b["high"], b["low"], b["close"], b["volume"], 4)), 4),
    "obv": (lambda b: together(indicators.obv(b["close"], b["volume"])), 0),
    "kama": (of_close(indicators.kama, 4), 4),
    "psar": (lambda b: together(indicators.psar(b["high"], b["low"])), 1),
    "stoch": (of_range(indicators.stoch, 4), 7),
    "willr": (of_range(indicators.willr, 4), 3),
    "talib": (lambda b: together(indicators.talib("MACD", b, fastperiod=2, slowperiod=4, signalperiod=3)), 5),
}
ALL = OWN | OTHERS


def equal(a: Outputs, b: Outputs, *, exactly: bool = True) -> bool:
    rtol, atol = (0.0, 0.0) if exactly else (1e-9, 1e-9)
    pairs = list(zip(a, b, strict=True))
    return all(x.shape == y.shape and np.allclose(x, y, rtol=rtol, atol=atol, equal_nan=True) for x, y in pairs)


def cut(bars: Bars, rows: slice) -> Bars:
    return {name: column[rows] for name, column in bars.items()}


def test_these_are_all_the_indicators_that_there_are() -> None:
    assert set(ALL) == set(indicators.__all__)


@pytest.mark.parametrize("name", ALL)
@given(n_bars=st.integers(1, 70), seed=st.integers(0, 10_000), part=st.floats(0.0, 1.0))
@settings(max_examples=25)
def test_later_bars_change_no_earlier_row(name: str, n_bars: int, seed: int, part: float) -> None:
    bars, end = bars_of(n_bars, seed), round(part * n_bars)
    whole = ALL[name][0](bars)
    assert all(column.shape == (n_bars,) for column in whole)
    assert equal(ALL[name][0](cut(bars, slice(end))), tuple(column[:end] for column in whole))


def test_no_function_of_talib_looks_ahead() -> None:
    import talib

    bars = bars_of(200, 3) | {"periods": np.full(200, 5.0)}
    shorter = cut(bars, slice(150))
    for name in talib.get_functions():
        whole = together(indicators.talib(name, bars))
        assert all(column.dtype == np.float64 for column in whole)
        assert equal(together(indicators.talib(name, shorter)), tuple(column[:150] for column in whole)), name


@pytest.mark.parametrize("name", ALL)
def test_nan_until_warm_and_a_number_from_then_on(name: str) -> None:
    indicator, warm = ALL[name]
    for column in indicator(bars_of(60, 11)):
        blank = column == 0 if name == "supertrend" and column.dtype == np.int8 else np.isnan(column.astype(float))
        assert blank[:warm].all()
        assert not blank[warm:].any()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("n_bars", [0, 1, 2, 3])
def test_too_few_bars_give_a_blank_column_of_their_length(name: str, n_bars: int) -> None:
    indicator, warm = ALL[name]
    for column in indicator(bars_of(n_bars, 5)):
        assert column.shape == (n_bars,)
        assert n_bars > warm or not np.nan_to_num(column).any()


@pytest.mark.parametrize("function", [indicators.sma, indicators.wma, indicators.ema, indicators.wilder])
def test_an_average_of_one_bar_is_the_bar(function: Callable[[FloatArray, int], FloatArray]) -> None:
    close = bars_of(30, 1)["close"]
    assert (function(close, 1) == close).all()
    assert (indicators.highest(close, 1) == close).all()
    assert (indicators.stddev(close, 1) == 0.0).all()


def test_a_window_far_longer_than_the_data_costs_nothing() -> None:
    close = bars_of(5, 1)["close"]
    for function in (indicators.sma, indicators.wma, indicators.stddev, indicators.highest, indicators.returns):
        assert np.isnan(function(close, 10**12)).all()


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("gap", [NAN, np.inf, -np.inf])
@given(n_bars=st.integers(1, 60), seed=st.integers(0, 10_000), part=st.floats(0.0, 1.0, exclude_max=True))
@settings(max_examples=8)
def test_after_a_gap_an_indicator_begins_afresh(name: str, gap: float, n_bars: int, seed: int, part: float) -> None:
    bars, row = bars_of(n_bars, seed), int(part * n_bars)
    indicator = OWN[name][0]
    broken = {column: np.where(np.arange(n_bars) == row, gap, values) for column, values in bars.items()}
    told = indicator(broken)
    assert equal(tuple(column[:row] for column in told), indicator(cut(bars, slice(row))))
    assert not any(np.nan_to_num(column[row]) for column in told)
    assert equal(tuple(column[row + 1 :] for column in told), indicator(cut(bars, slice(row + 1, None))), exactly=False)


@given(st.integers(2, 200), st.integers(1, 40), st.integers(0, 10_000))
@settings(max_examples=60)
def test_windows_agree_with_numpy(n_bars: int, length: int, seed: int) -> None:
    close = bars_of(n_bars, seed)["close"]
    for t in range(length - 1, n_bars, 7):
        held = close[t + 1 - length : t + 1]
        assert indicators.sma(close, length)[t] == pytest.approx(held.mean(), rel=1e-14)
        assert indicators.stddev(close, length)[t] == pytest.approx(held.std(), rel=1e-12, abs=1e-12)
        assert indicators.wma(close, length)[t] == pytest.approx(np.average(held, weights=np.arange(1, length + 1)))
        assert indicators.highest(close, length)[t] == held.max()
        assert indicators.lowest(close, length)[t] == held.min()


@given(st.integers(2, 200), st.integers(2, 30), st.integers(0, 10_000))
@settings(max_examples=60)
def test_what_talib_has_agrees_with_talib(n_bars: int, length: int, seed: int) -> None:
    import talib

    bars = bars_of(n_bars, seed)
    high, low, close = bars["high"], bars["low"], bars["close"] + 0.001 * (np.arange(n_bars) % 7)  # never flat
    pairs = [
        (indicators.ema(close, length), talib.EMA(close, length)),
        (indicators.wma(close, length), talib.WMA(close, length)),
        (indicators.rsi(close, length), talib.RSI(close, length)),
        (indicators.atr(high, low, close, length), talib.ATR(high, low, close, length)),
        (indicators.stddev(close, length), talib.STDDEV(close, length)),
        (indicators.highest(close, length), talib.MAX(close, length)),
        *zip(indicators.macd(close, length, length + 5, 4), talib.MACD(close, length, length + 5, 4), strict=True),
    ]
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6, equal_nan=True)


def slow_supertrend(bars: Bars, length: int, multiplier: float) -> list[float]:
    """The rule, said once more without any care for speed."""
    high, low, close = bars["high"], bars["low"], bars["close"]
    wide, lines, side = indicators.atr(high, low, close, length), [NAN] * len(close), 0
    lower = upper = NAN
    for t in range(length, len(close)):
        middle = (high[t] + low[t]) / 2
        floor, ceiling = middle - multiplier * wide[t], middle + multiplier * wide[t]
        lower = max(floor, lower) if t > length and not close[t - 1] < lower else floor
        upper = min(ceiling, upper) if t > length and not close[t - 1] > upper else ceiling
        if t == length:
            side = 1 if close[t] >= middle else -1
        elif (side > 0 and close[t] < lower) or (side < 0 and close[t] > upper):
            side = -side
        lines[t] = side * (lower if side > 0 else upper)
    return lines


@given(st.integers(2, 120), st.integers(1, 12), st.sampled_from([0.5, 1.0, 3.0]), st.integers(0, 10_000))
@settings(max_examples=60)
def test_supertrend_follows_its_rule(n_bars: int, length: int, multiplier: float, seed: int) -> None:
    bars = bars_of(n_bars, seed)
    line, direction = indicators.supertrend(bars["high"], bars["low"], bars["close"], length, multiplier)
    np.testing.assert_allclose(line * direction, slow_supertrend(bars, length, multiplier), rtol=1e-12)


@given(st.integers(10, 120), st.integers(0, 10_000))
@settings(max_examples=40)
def test_mirrored_prices_mirror_what_is_drawn(n_bars: int, seed: int) -> None:
    bars = bars_of(n_bars, seed)
    high, low, close = 100.0 - bars["low"], 100.0 - bars["high"], 100.0 - bars["close"]
    mirror = {"high": high, "low": low, "close": close + 1e-9}  # no bar closes just in its middle in both
    line, direction = indicators.supertrend(bars["high"], bars["low"], bars["close"] - 1e-9, 3, 1.0)
    turned, other = indicators.supertrend(mirror["high"], mirror["low"], mirror["close"], 3, 1.0)
    np.testing.assert_allclose(turned, 100.0 - line, atol=1e-6)
    assert (other == -direction).all()
    assert (indicators.sma_cross(close, 2, 5) == -indicators.sma_cross(bars["close"], 2, 5)).all()
    np.testing.assert_allclose(indicators.rsi(close, 5), 100.0 - indicators.rsi(bars["close"], 5))
    np.testing.assert_allclose(
        indicators.bollinger_position(close, 5), 1.0 - indicators.bollinger_position(bars["close"], 5), atol=1e-9
    )


@given(st.integers(1, 150), st.integers(1, 8), st.integers(1, 12), st.integers(0, 10_000))
@settings(max_examples=80)
def test_the_fused_cross_is_the_cross_of_the_averages(n_bars: int, fast: int, more: int, seed: int) -> None:
    close = bars_of(n_bars, seed)["close"]
    apart = indicators.crosses(indicators.sma(close, fast), indicators.sma(close, fast + more))
    assert (indicators.sma_cross(close, fast, fast + more) == apart).all()


def exact_crosses(ticks: np.ndarray, fast: int, slow: int) -> np.ndarray:
    """Crosses of the averages in whole numbers, without any rounding."""
    sums = np.concatenate([[0], np.cumsum(ticks)])
    quick = (sums[slow:] - sums[slow - fast : len(ticks) + 1 - fast]) * slow
    calm = (sums[slow:] - sums[:-slow]) * fast
    side = np.concatenate([np.zeros(slow - 1, np.int64), np.sign(quick - calm)])
    known = np.flatnonzero(side)
    out = np.zeros(len(ticks), np.int8)
    out[known[1:]] = np.where(side[known[1:]] != side[known[:-1]], side[known[1:]], 0)
    return out


@pytest.fixture(scope="module")
def million() -> np.ndarray:
    """A million prices in whole ticks: wide swings up to 10^8 or so, then a crash to a few hundred within 50 bars."""
    rng = np.random.default_rng(9)
    walk = np.exp(np.log(5e7) + np.cumsum(rng.normal(0.0, 1e-3, 1_000_000)))
    walk[500_000:] *= np.maximum(0.73 ** np.arange(500_000), 1e-5)
    return np.rint(walk).astype(np.int64) + 2


@pytest.mark.parametrize(("fast", "slow"), [(10, 50), (20, 200), (3, 7)])
def test_a_million_bars_cross_exactly_where_whole_numbers_do(million: np.ndarray, fast: int, slow: int) -> None:
    exact = exact_crosses(million, fast, slow)
    assert np.count_nonzero(exact) > 5_000
    assert (indicators.sma_cross(million * 1.0, fast, slow) == exact).all()


@pytest.mark.parametrize("length", [5, 200, 5_000])
def test_a_million_bars_average_without_drift(million: np.ndarray, length: int) -> None:
    sums = np.concatenate([[0], np.cumsum(million)])
    exact = (sums[length:] - sums[:-length]) / length
    ours = indicators.sma(million * 1.0, length)[length - 1 :]
    assert np.abs(ours / exact - 1.0).max() < 1e-13


def test_scatter_survives_a_crash(million: np.ndarray) -> None:
    rows = np.r_[499_990:500_120, 700_000:700_050, 999_000:999_050]
    ours = indicators.stddev(million * 1.0, 20)
    exact = [float(np.std(million[t - 19 : t + 1].astype(np.longdouble))) for t in rows]
    np.testing.assert_allclose(ours[rows], exact, rtol=1e-10)


def test_an_unmoving_price_has_no_scatter_at_all() -> None:
    close = np.concatenate([np.linspace(9e4, 1e5, 37), np.full(50, 0.1)])
    assert (indicators.stddev(close, 20)[57:] == 0.0).all()
    assert (indicators.sma(close, 20)[57:] == 0.1).all()
    assert np.isnan(indicators.bollinger_position(close, 20)[57:]).all()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda c: indicators.sma(c, 0), r"`length` is 0\. It must be at least 1"),
        (
            lambda c: indicators.sma(c, 2.5),  # type: ignore[arg-type]
            r"`length` is 2\.5\. Give a whole number",
        ),
        (lambda c: indicators.sma(c, True), "`length` is True"),
        (lambda c: indicators.adx(c, c, c, 1), "at least 2"),
        (lambda c: indicators.bollinger(c, 5, 0.0), r"`width` is 0\.0\. It must be a number above 0"),
        (lambda c: indicators.supertrend(c, c, c, 5, NAN), "`multiplier` is nan"),
        (lambda c: indicators.sma_cross(c, 5, 5), "`fast` is 5 and `slow` 5. Give a `fast` below"),
        (lambda c: indicators.macd(c, 9, 4), "`fast` is 9 and `slow` 4"),
        (lambda c: indicators.talib("ADXX", c), "no function 'ADXX'. Did you mean ADX"),
        (lambda c: indicators.talib("RSI", c, length=5), "no option `length`. It takes timeperiod"),
        (lambda c: indicators.talib("OBV", c, c, x=1), "It takes none"),
        (lambda c: indicators.talib("RSI", c, timeperiod=1), r"refused timeperiod=1: .*BAD_PARAM"),
        (lambda c: indicators.talib("ADX", c, c), "needs high, low, close, and was given 2 columns"),
    ],
)
def test_wrong_settings_are_named_with_what_to_do(call: Callable[[FloatArray], object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        call(np.arange(1.0, 30.0))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: indicators.sma(np.zeros((3, 2)), 2), r"`values` has shape \(3, 2\)\. Give one column"),
        (lambda: indicators.sma(3.0, 2), r"`values` has shape \(\)"),
        (lambda: indicators.sma(["a"], 2), "`values` cannot be read as numbers"),
        (lambda: indicators.atr([1.0, 2.0], [1.0], [1.0, 2.0], 2), "`high` 2, `low` 1, `close` 2"),
        (lambda: indicators.crosses([1.0, 2.0], [1.0, 2.0, 3.0]), "`a` 2, `b` 3"),
        (lambda: indicators.talib("ADX", {"high": [1.0], "low": [1.0]}), "needs the column `close`"),
        (lambda: indicators.obv([1.0, NAN, 2.0], [1.0, 1.0, 1.0]), "OBV: row 1 holds a value that is not finite"),
    ],
)
def test_wrong_data_is_named_with_what_to_do(call: Callable[[], object], says: str) -> None:
    with pytest.raises(DataError, match=says):
        call()


def test_inputs_are_left_as_they_were() -> None:
    close = bars_of(50, 2)["close"]
    before = close.copy()
    frozen = close.copy()
    frozen.flags.writeable = False
    assert equal(together(indicators.rsi(frozen)), together(indicators.rsi(close)))
    assert (close == before).all()
    assert close.flags.writeable


def test_talib_is_not_loaded_until_it_is_used() -> None:
    code = "import sys, workbench.indicators; print('talib' in sys.modules or 'pandas' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
