"""Prices outside their bands, once their momentum has turned."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.controllers.directional import Directional, FloatArray, Signal
from workbench.controllers.fields import Field
from workbench.errors import ConfigError
from workbench.indicators import bollinger_position, macd
from workbench.market import BUY, SELL, Candles


class MacdBollinger(Directional):
    """Buy low in the bands once MACD turns up from below zero; sell high in them once it turns down from above.

    A close outside its Bollinger bands says that the price has gone far, and nothing about whether it is done. This
    rule waits for a second witness: the MACD line must still be on the side of the move (below zero for a buy)
    while its histogram, line less signal, already points back. It trades far less than `Bollinger`, and avoids part
    of the breakouts that ruin it. It fails in the same way when a trend pauses and then goes on, since a pause
    turns the histogram too; and having six parameters it is easily fitted to the past: trust it only on data it was
    not tuned on.

    Parameters
    ----------
    bb_length, bb_width : int, float
        Bars in the bands' mean and deviation, and their distance from it in standard deviations.
    buy_below, sell_above : float
        Positions between the bands at which it acts: 0 is the lower band, 1 the upper.
    macd_fast, macd_slow, macd_signal : int
        Bars in the two averages of the close, and in the average of their difference.

    References
    ----------
    Appel (2005), Technical Analysis: Power Tools for Active Investors. Defaults as in Hummingbot's `macd_bb_v1`.
    """

    bb_length: int = Field(100, ge=2, step=1, hot=True)
    bb_width: float = Field(2.0, gt=0, step=0.1, hot=True)
    buy_below: float = Field(0.0, step=0.05, hot=True)
    sell_above: float = Field(1.0, step=0.05, hot=True)
    macd_fast: int = Field(21, ge=1, step=1, hot=True)
    macd_slow: int = Field(42, ge=2, step=1, hot=True)
    macd_signal: int = Field(9, ge=1, step=1, hot=True)

    def check(self) -> None:
        """Refuse a fast average that is not faster, and thresholds that overlap."""
        super().check()
        if self.macd_fast >= self.macd_slow:
            raise ConfigError(
                f"{self.name}: `macd_fast` is {self.macd_fast} and `macd_slow` {self.macd_slow}. "
                f"`macd_fast` must be below `macd_slow`."
            )
        if self.buy_below > self.sell_above:
            raise ConfigError(
                f"{self.name}: `buy_below` is {self.buy_below:g} and `sell_above` {self.sell_above:g}. "
                f"`buy_below` must not be the larger one."
            )

    def signal(self, candles: Candles) -> Signal:
        """+1 or −1 where bands and MACD agree."""
        position = bollinger_position(candles.close, self.bb_length, self.bb_width)
        line, _, histogram = macd(candles.close, self.macd_fast, self.macd_slow, self.macd_signal)
        out = np.zeros(len(candles), np.int8)
        _agreed(position, line, histogram, self.buy_below, self.sell_above, out)
        return out


@compiled
def _agreed(
    position: FloatArray,
    line: FloatArray,
    histogram: FloatArray,
    buy_below: float,
    sell_above: float,
    out: Signal,
) -> None:
    for t in range(position.shape[0]):
        if position[t] < buy_below and line[t] < 0.0 and histogram[t] > 0.0:
            out[t] = BUY
        elif position[t] > sell_above and line[t] > 0.0 and histogram[t] < 0.0:
            out[t] = SELL
