"""Causal array functions: columns in, columns of the same length out, NaN until warm.

Row *t* of any of them uses rows up to *t* and no others. What sweeps and the shipped controllers use is compiled here;
everything else comes from TA-Lib through `talib` and the named functions beside it.

One rule for gaps: a NaN or an infinity in the input makes the output NaN until enough finite values have followed, as
at the start. (TA-Lib carries a NaN to the end, so its functions refuse a gap.)
"""

from workbench.indicators.averages import ema, sma, wilder, wma
from workbench.indicators.bands import bollinger, bollinger_position, keltner, stddev
from workbench.indicators.crossing import crosses, sma_cross
from workbench.indicators.library import (
    adx,
    cci,
    kama,
    mfi,
    minus_di,
    obv,
    plus_di,
    psar,
    stoch,
    talib,
    vwap,
    willr,
)
from workbench.indicators.momentum import macd, returns, rsi
from workbench.indicators.pairs import followed, regression, zscore
from workbench.indicators.ranges import atr, highest, lowest, natr, supertrend, true_range

__all__ = [
    "adx",
    "atr",
    "bollinger",
    "bollinger_position",
    "cci",
    "crosses",
    "ema",
    "followed",
    "highest",
    "kama",
    "keltner",
    "lowest",
    "macd",
    "mfi",
    "minus_di",
    "natr",
    "obv",
    "plus_di",
    "psar",
    "regression",
    "returns",
    "rsi",
    "sma",
    "sma_cross",
    "stddev",
    "stoch",
    "supertrend",
    "talib",
    "true_range",
    "vwap",
    "wilder",
    "willr",
    "wma",
    "zscore",
]
