"""Two moving averages that cross."""

from __future__ import annotations

from typing import Literal

from workbench.controllers.directional import Directional, Signal
from workbench.controllers.fields import Duration, Field, Fraction
from workbench.errors import ConfigError
from workbench.indicators import sma_cross
from workbench.market import Candles


class SmaCross(Directional):
    """Buy when the fast moving average crosses above the slow one, sell when it crosses below.

    The oldest trend rule there is: the average of the last `fast` closes stands for now, that of the last `slow`
    ones for before, and a market whose now is above its before is held. A cross closes the position of the other
    side (`on_opposite="close"`) and opens its own, so it is always in the market once the first cross has come;
    there are no other barriers unless you set them. It earns in long moves and pays for them in sideways markets,
    where each cross is followed by the next one and every one costs two fees; it is also late by about half of
    `slow` bars on each turn. A short `fast` trades more and later improves little: sweep both, and let
    `sweep.significance()` say how much of the best pair is luck.

    Parameters
    ----------
    fast, slow : int
        Bars in the averages; `fast` must be the smaller one.

    References
    ----------
    Brock, Lakonishok and LeBaron (1992), Simple Technical Trading Rules and the Stochastic Properties of Stock
    Returns, Journal of Finance 47, 1731–1764.
    """

    fast: int = Field(10, ge=1, step=1, hot=True)
    slow: int = Field(30, ge=2, step=1, hot=True)
    stop_loss: Fraction | None = Field(None, hot=True)
    take_profit: Fraction | None = Field(None, hot=True)
    cooldown: Duration = Field("0ms", hot=True)
    on_opposite: Literal["ignore", "close"] = "close"

    def check(self) -> None:
        """Refuse a fast average that is not faster."""
        super().check()
        if self.fast >= self.slow:
            raise ConfigError(
                f"{self.name}: `fast` is {self.fast} and `slow` {self.slow}. `fast` must be below `slow`."
            )

    def signal(self, candles: Candles) -> Signal:
        """+1 or −1 on a cross, as the indicator says."""
        return sma_cross(candles.close, self.fast, self.slow)
