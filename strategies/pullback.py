"""An example to copy: buy the dip of a rising market."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

import workbench as wb
from workbench.controllers import Directional, Duration
from workbench.indicators import highest, sma


class Pullback(Directional):
    """Buy when a rising market has come back by a few percent from its recent high.

    The market rises while its close is above the average of the last `trend` closes. It has come back when the close
    is `pullback` or more below the highest high of the last `lookback` bars. It earns when trends outlive their
    pauses, and loses at the top of each of them, once: hence the stop.

    Parameters
    ----------
    trend : int
        Bars in the average that says whether the market rises.
    lookback : int
        Bars in which the high is looked for.
    pullback : fraction
        How far below that high the close must be.
    """

    trend: int = wb.Field(200, ge=2, step=10)
    lookback: int = wb.Field(48, ge=2, step=1)
    pullback: wb.Fraction = wb.Field(0.03, step=0.005)
    time_limit: Duration | None = wb.Field("3d")
    side: Literal["both", "long", "short"] = "long"

    def signal(self, candles: wb.Candles) -> npt.NDArray[Any]:
        """+1 where the market rises and has come back."""
        rising = candles.close > sma(candles.close, self.trend)
        cheap = candles.close <= highest(candles.high, self.lookback) * (1.0 - self.pullback)
        return (rising & cheap).astype(np.int8)
