"""A trend, entered while its stop line is near."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.controllers.directional import Directional, FloatArray, Signal
from workbench.controllers.fields import Field, Fraction
from workbench.indicators import supertrend
from workbench.market import Candles


class SuperTrend(Directional):
    """Follow the SuperTrend line, entering only while the close is near it.

    The line trails the price at `multiplier` average true ranges: below it in an up-trend, only ever rising, until
    a close below turns the trend and puts it above. Being near the line means that the trend has just turned or has
    come back to test it, so the distance to the point where the idea is wrong is short. Without the distance rule
    one buys late in every move. It fails where volatility itself changes: after a quiet stretch the line is close
    and any shock turns it, after a wild one it is so far away that the move is over before it turns. The line
    depends on its own past, so give it a few hundred bars before the first one you trade on.

    Parameters
    ----------
    length : int
        Bars in the average true range.
    multiplier : float
        Distance of the line, in average true ranges.
    distance : fraction
        Largest distance of the close from the line, as a fraction of the close, at which it still enters.

    References
    ----------
    O. Seban's SuperTrend, on the average true range of Wilder (1978), New Concepts in Technical Trading Systems.
    Distance rule and defaults as in Hummingbot's `supertrend_v1`.
    """

    length: int = Field(20, ge=1, step=1, hot=True)
    multiplier: float = Field(4.0, gt=0, step=0.1, hot=True)
    distance: Fraction = Field(0.01, step=0.001, hot=True)

    def signal(self, candles: Candles) -> Signal:
        """The trend's direction where the close is within `distance` of the line."""
        line, direction = supertrend(candles.high, candles.low, candles.close, self.length, self.multiplier)
        out = np.zeros(len(candles), np.int8)
        _near(candles.close, line, direction, self.distance, out)
        return out


@compiled
def _near(close: FloatArray, line: FloatArray, direction: Signal, distance: float, out: Signal) -> None:
    for t in range(close.shape[0]):
        if abs(close[t] - line[t]) < distance * close[t]:
            out[t] = direction[t]
