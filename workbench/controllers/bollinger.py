"""Prices outside their bands."""

from __future__ import annotations

from workbench.controllers.directional import Directional, Signal, sides
from workbench.controllers.fields import Field
from workbench.errors import ConfigError
from workbench.indicators import bollinger_position
from workbench.market import Candles


class Bollinger(Directional):
    """Buy below the lower band, sell above the upper one.

    The bands lie `width` standard deviations of the last `length` closes around their mean; the position of the
    close between them is 0 at the lower band and 1 at the upper. A close outside is read as an excess that will be
    taken back. That is right as long as the market swings around something, and wrong when it breaks out: then
    every bar of the new trend is "too far", and the rule stands against it until the stop loss ends the argument.
    So the barriers matter more here than the bands do; without a stop loss the equity curve looks smooth until the
    one trade that takes it all back. Wider bands and thresholds beyond 0 and 1 trade less often and on larger
    excesses.

    Parameters
    ----------
    length : int
        Bars in mean and deviation.
    width : float
        Distance of the bands from the mean, in standard deviations.
    buy_below, sell_above : float
        Positions between the bands at which it acts.

    References
    ----------
    Bollinger (2001), Bollinger on Bollinger Bands. Thresholds as in Hummingbot's `bollinger_v1`.
    """

    length: int = Field(100, ge=2, step=1, hot=True)
    width: float = Field(2.0, gt=0, step=0.1, hot=True)
    buy_below: float = Field(0.0, step=0.05, hot=True)
    sell_above: float = Field(1.0, step=0.05, hot=True)

    def check(self) -> None:
        """Refuse thresholds that would buy and sell the same bar."""
        super().check()
        if self.buy_below > self.sell_above:
            raise ConfigError(
                f"{self.name}: `buy_below` is {self.buy_below:g} and `sell_above` {self.sell_above:g}. "
                f"`buy_below` must not be the larger one."
            )

    def signal(self, candles: Candles) -> Signal:
        """+1 below `buy_below`, −1 above `sell_above`."""
        position = bollinger_position(candles.close, self.length, self.width)
        return sides(position < self.buy_below, position > self.sell_above)
