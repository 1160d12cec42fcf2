"""Strategies whose executors hold a position between barriers."""

from __future__ import annotations

from typing import Any, Literal

from workbench.controllers.controller import Controller
from workbench.controllers.fields import Duration, Field, Fraction
from workbench.errors import ConfigError


class Guarded(Controller):
    """The barriers of an executor as parameters of a controller.

    Parameters
    ----------
    stop_loss, take_profit : fractions of the average entry price, or None
        Where a position is closed at a loss, and at a gain.
    time_limit : duration or None
        After which an executor ends, filled or not.
    take_profit_at : "market" or "limit"
        A resting limit order at the target, or a market order once the price is there.
    trailing_activation, trailing_delta : fractions of the entry price, both or none
        Once the gain has reached the first, the position is closed when the price falls back by the second.
    net_of_fees : bool
        Count barriers after the fees of entry and exit, or by price alone.
    """

    stop_loss: Fraction | None = Field(0.03, hot=True)
    take_profit: Fraction | None = Field(0.02, hot=True)
    time_limit: Duration | None = Field("45m", hot=True)
    take_profit_at: Literal["market", "limit"] = "limit"
    trailing_activation: Fraction | None = Field(None, hot=True)
    trailing_delta: Fraction | None = Field(None, hot=True)
    net_of_fees: bool = False

    @property
    def barriers(self) -> dict[str, Any]:
        """The barriers as an executor takes them."""
        trailing = None if self.trailing_delta is None else (self.trailing_activation, self.trailing_delta)
        return {
            "stop_loss": self.stop_loss,
            "take_profit": self.take_profit,
            "time_limit": self.time_limit or 0,
            "take_profit_at": self.take_profit_at,
            "trailing": trailing,
            "net_of_fees": self.net_of_fees,
        }

    def check(self) -> None:
        """Refuse half a trailing stop, and a target order without a target."""
        super().check()
        if (self.trailing_activation is None) != (self.trailing_delta is None):
            raise ConfigError(
                f"{self.name}: a trailing stop needs both `trailing_activation` and `trailing_delta`, and one of "
                f"them is None. Give both or none."
            )
        if self.take_profit_at == "limit" and self.take_profit is None:
            raise ConfigError(
                f'{self.name}: `take_profit_at` is "limit" and `take_profit` None. Give a `take_profit`, or "market".'
            )
