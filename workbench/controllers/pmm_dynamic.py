"""Quotes that lean against the trend, and spread out with the market."""

from __future__ import annotations

import numpy as np

from workbench.controllers.fields import Field
from workbench.controllers.market_making import FloatArray, MarketMaking
from workbench.errors import ConfigError
from workbench.indicators import macd, natr, zscore
from workbench.market import Candles


class PmmDynamic(MarketMaking):
    """Spread in units of the market's own range, around a price that MACD has moved.

    Spreads are multiples of the average true range (as a fraction of the close), so a wild day is quoted wide and a
    quiet one narrow. The reference price is the close, moved by at most about that range: half of the move against
    MACD, by how unusual it is among its last `macd_window` values, half with the sign of its histogram. So it sells
    into what has risen far, a little less while the rise still gains speed.

    It is still a market maker: the shift is a guess worth a fraction of the spread, and where it guesses wrong the
    nearer side fills. Unlike Hummingbot's, which measures MACD against the mean and deviation of all candles it has
    loaded, the later ones included, every row is measured against its own past.

    Parameters
    ----------
    buy_spreads, sell_spreads : multiples of the average true range
    macd_fast, macd_slow, macd_signal : int
        Bars in the two averages of the close, and in that of their difference.
    macd_window : int
        Bars that say how usual a value of MACD is.
    natr_length : int
        Bars in the average true range.

    References
    ----------
    Fields and defaults as in Hummingbot's `pmm_dynamic`.
    """

    buy_spreads: tuple[float, ...] = Field((1.0, 2.0, 4.0), hot=True)
    sell_spreads: tuple[float, ...] = Field((1.0, 2.0, 4.0), hot=True)
    macd_fast: int = Field(21, ge=1, step=1, hot=True)
    macd_slow: int = Field(42, ge=2, step=1, hot=True)
    macd_signal: int = Field(9, ge=1, step=1, hot=True)
    macd_window: int = Field(100, ge=2, step=1, hot=True)
    natr_length: int = Field(14, ge=1, step=1, hot=True)

    def reference(self, candles: Candles) -> FloatArray:
        """The close, moved by MACD within half the average true range and its z-score."""
        line, _, histogram = macd(candles.close, self.macd_fast, self.macd_slow, self.macd_signal)
        unusual = zscore(line, self.macd_window)
        lean = 0.5 * np.where(histogram > 0.0, 1.0, -1.0) - 0.5 * unusual
        return candles.close * (1.0 + lean * self.multiplier(candles) / 2.0)

    def multiplier(self, candles: Candles) -> FloatArray:
        """The average true range as a fraction of the close."""
        return natr(candles.high, candles.low, candles.close, self.natr_length)

    def check(self) -> None:
        """Refuse a fast average that is not faster."""
        super().check()
        if self.macd_fast >= self.macd_slow:
            raise ConfigError(
                f"{self.name}: `macd_fast` is {self.macd_fast} and `macd_slow` {self.macd_slow}. "
                f"`macd_fast` must be below `macd_slow`."
            )
