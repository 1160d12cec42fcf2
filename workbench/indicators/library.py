"""The rest of the indicators, from TA-Lib: one door for all of its functions, and names for those most asked for.

TA-Lib is imported when it is first used: with it come packages that take half a second to load.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import ConfigError, DataError
from workbench.indicators.averages import sma
from workbench.indicators.columns import FloatArray, blank, columns, window


def talib(name: str, *inputs: Any, **options: Any) -> Any:
    """Any function of TA-Lib, by its own name and with its own options.

    Parameters
    ----------
    name : str
        Such as "ADX"; case does not matter.
    inputs
        Candles, or a mapping of columns (what is needed is taken), or the columns themselves in TA-Lib's order.
    options
        TA-Lib's own, such as `timeperiod=14`; `ConfigError` names those that there are.

    Returns
    -------
    ndarray of shape (n_bars,), or a tuple of them
        float64, NaN until warm, integer outputs too. Leading NaNs in the input are waited out; a value that is not
        finite after the first whole row is a `DataError`, as TA-Lib would carry it to the end.

    Examples
    --------
    >>> talib("ADX", candles, timeperiod=14)                    # doctest: +SKIP
    >>> talib("BBANDS", close, timeperiod=20, nbdevup=2.0)      # doctest: +SKIP
    """
    function = _function(name)
    _check_options(function, options)
    arrays = columns(**_named_inputs(function, inputs))
    begin = _first_whole_row(function.info["name"], arrays)
    n_bars, outputs = arrays[0].shape[0], len(function.info["output_names"])
    out = tuple(blank(n_bars) for _ in range(outputs))
    if begin < n_bars:
        _run(function, [array[begin:] for array in arrays], options, [column[begin:] for column in out])
    return out[0] if outputs == 1 else out


def adx(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, length: int = 14) -> FloatArray:
    """Average directional index, 0 to 100: how strong a trend is, whichever way it goes (Wilder 1978)."""
    return talib("ADX", high, low, close, timeperiod=window(length, least=2))


def plus_di(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, length: int = 14) -> FloatArray:
    """Upward directional indicator, 0 to 100 (Wilder 1978)."""
    return talib("PLUS_DI", high, low, close, timeperiod=window(length))


def minus_di(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, length: int = 14) -> FloatArray:
    """Downward directional indicator, 0 to 100 (Wilder 1978)."""
    return talib("MINUS_DI", high, low, close, timeperiod=window(length))


def cci(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, length: int = 14) -> FloatArray:
    """Commodity channel index: distance of the typical price from its average, in units of 0.015 mean deviations."""
    return talib("CCI", high, low, close, timeperiod=window(length, least=2))


def mfi(
    high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, volume: npt.ArrayLike, length: int = 14
) -> FloatArray:
    """Money flow index, 0 to 100: a relative strength index weighted by traded value."""
    return talib("MFI", high, low, close, volume, timeperiod=window(length, least=2))


def obv(close: npt.ArrayLike, volume: npt.ArrayLike) -> FloatArray:
    """On-balance volume: volume added on a rise, taken off on a fall; begun with the first bar's volume."""
    return talib("OBV", close, volume)


def kama(close: npt.ArrayLike, length: int = 10) -> FloatArray:
    """Kaufman's adaptive moving average, between weights of 2 and 30 bars by how straight the price runs."""
    return talib("KAMA", close, timeperiod=window(length, least=2))


def psar(high: npt.ArrayLike, low: npt.ArrayLike, *, step: float = 0.02, maximum: float = 0.2) -> FloatArray:
    """Parabolic stop and reverse (Wilder 1978): below the price in an uptrend, above it in a downtrend."""
    return talib("SAR", high, low, acceleration=float(step), maximum=float(maximum))


def stoch(
    high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, length: int = 14, *, slow: int = 3, signal: int = 3
) -> tuple[FloatArray, FloatArray]:
    """Stochastic oscillator, 0 to 100: where the close lies in the range of `length` bars.

    Returns
    -------
    k, d : ndarrays of shape (n_bars,)
        %K smoothed over `slow` bars (1: as it is), and its average over `signal` bars.
    """
    spans = {"fastk_period": window(length), "slowk_period": window(slow, "slow")}
    return talib("STOCH", high, low, close, **spans, slowd_period=window(signal, "signal"))


def willr(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, length: int = 14) -> FloatArray:
    """Williams %R, −100 (the close is the lowest of the window) to 0 (it is the highest)."""
    return talib("WILLR", high, low, close, timeperiod=window(length, least=2))


def vwap(
    high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, volume: npt.ArrayLike, length: int = 14
) -> FloatArray:
    """Average of the typical price (high + low + close) / 3 over `length` bars, weighted by volume.

    NaN until warm, where a value of the window is not finite, and where nothing was traded in it.
    """
    high, low, close, volume = columns(high=high, low=low, close=close, volume=volume)
    value, traded = sma((high + low + close) / 3.0 * volume, length), sma(volume, length)
    return np.divide(value, traded, out=blank(close.shape[0]), where=traded > 0.0)


def _function(name: str) -> Any:
    from talib import abstract, get_functions

    known = get_functions()
    if str(name).upper() not in known:
        near = difflib.get_close_matches(str(name).upper(), known, n=3)
        hint = f"Did you mean {', '.join(near)}?" if near else "See talib.get_functions() for all names."
        raise ConfigError(f"TA-Lib has no function {name!r}. {hint}")
    return abstract.Function(str(name).upper())  # type: ignore[attr-defined]


def _check_options(function: Any, options: Mapping[str, Any]) -> None:
    known = list(function.info["parameters"])
    for option in options:
        if option not in known:
            there = f"It takes {', '.join(known)}." if known else "It takes none."
            raise ConfigError(f"TA-Lib's {function.info['name']} has no option `{option}`. {there}")


def _named_inputs(function: Any, inputs: tuple[Any, ...]) -> dict[str, Any]:
    wanted = _wanted(function)
    if len(inputs) == 1 and (isinstance(inputs[0], Mapping) or hasattr(inputs[0], wanted[0])):
        return {name: _take(inputs[0], name, function) for name in wanted}
    if len(inputs) != len(wanted):
        raise ConfigError(
            f"TA-Lib's {function.info['name']} needs {', '.join(wanted)}, and was given {len(inputs)} columns. "
            f"Give candles, or these columns in this order."
        )
    return dict(zip(wanted, inputs, strict=True))


def _wanted(function: Any) -> list[str]:
    names: list[str] = []
    for value in function.info["input_names"].values():
        names += [value] if isinstance(value, str) else value
    return names


def _take(source: Any, name: str, function: Any) -> Any:
    found = source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)
    if found is None:
        raise DataError(f"TA-Lib's {function.info['name']} needs the column `{name}`, which is not there.")
    return found


def _first_whole_row(name: str, arrays: tuple[FloatArray, ...]) -> int:
    whole = np.logical_and.reduce([np.isfinite(array) for array in arrays])
    begin = int(whole.argmax()) if whole.any() else whole.shape[0]
    holes = np.flatnonzero(~whole[begin:])
    if holes.size:
        raise DataError(
            f"{name}: row {begin + int(holes[0])} holds a value that is not finite, after whole rows. "
            f"Fill the gap or start after it."
        )
    return begin


def _run(function: Any, arrays: list[FloatArray], options: Mapping[str, Any], out: list[FloatArray]) -> None:
    import talib as library

    name = function.info["name"]
    try:
        function.parameters = dict(options)
        results = getattr(library, name)(*arrays, **options)
    except Exception as error:  # TA-Lib raises nothing narrower
        given = ", ".join(f"{key}={value!r}" for key, value in options.items())
        raise ConfigError(f"TA-Lib's {name} refused {given or 'its input'}: {error}. Check the options.") from error
    for column, result in zip(out, results if isinstance(results, tuple) else (results,), strict=True):
        column[:] = result
        if result.dtype.kind == "i":
            column[: function.lookback] = np.nan
