"""Strategies that say buy, sell or nothing in each row, and leave the rest to position executors."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from workbench.controllers.controller import Controller
from workbench.controllers.fields import Duration, Field, Fraction
from workbench.errors import ConfigError, DataError
from workbench.market import Candles, Targets

Signal = npt.NDArray[np.int8]
FloatArray = npt.NDArray[np.float64]


class Directional(Controller):
    """A strategy of one column: +1 buy, −1 sell, 0 nothing. Subclasses write `signal(candles)`; the rest is here.

    A signal that is not 0 opens a position executor at market, with the barriers below, if fewer than `max_per_side` of
    its side are open and the last one of its side was opened at least `cooldown` ago. Sides are counted apart.

    Parameters
    ----------
    stop_loss, take_profit : fraction of the entry price, or None
        The barriers: where the position is closed at a loss, and at a gain.
    time_limit : duration or None
        How long a position may be held.
    trailing_activation, trailing_delta : fractions of the entry price, both or none
        Once the gain has reached the first, the position is closed when the price falls back by the second.
    take_profit_at : "market" or "limit"
        A resting limit order at the target, or a market order once the price is there.
    net_of_fees : bool
        Count barriers after the fees of entry and exit, or by price alone.
    max_per_side : int
        Position executors open at once on one side.
    cooldown : duration
        Wait after one was opened before the next on its side.
    on_opposite : "ignore" or "close"
        What a signal does to positions of the other side.
    fraction, notional, amount : float, at most one of the three
        Size of one position: as a fraction of equity, in quote currency, or in base units. Left out: equity is shared
        out evenly over `max_per_side`.
    side : "both", "long" or "short"
        Which signals open positions. With one side only and `on_opposite="close"`, signals of the other side close.

    References
    ----------
    The triple barrier is that of López de Prado (2018), Advances in Financial Machine Learning, chapter 3; the fields
    are those of Hummingbot's directional controllers.
    """

    stop_loss: Fraction | None = Field(0.02, hot=True)
    take_profit: Fraction | None = Field(0.03, hot=True)
    time_limit: Duration | None = Field(None, hot=True)
    trailing_activation: Fraction | None = Field(None, hot=True)
    trailing_delta: Fraction | None = Field(None, hot=True)
    take_profit_at: Literal["market", "limit"] = "market"
    net_of_fees: bool = False
    max_per_side: int = Field(1, ge=1, hot=True)
    cooldown: Duration = Field("5m", hot=True)
    on_opposite: Literal["ignore", "close"] = "ignore"
    fraction: float | None = Field(None, gt=0, le=20, hot=True)
    notional: float | None = Field(None, gt=0, hot=True)
    amount: float | None = Field(None, gt=0, hot=True)
    side: Literal["both", "long", "short"] = "both"

    def signal(self, candles: Candles) -> npt.NDArray[Any]:
        """+1, −1 or 0 for each bar, as an array of shape (n_bars,); int8 is fastest, NaN counts as 0."""
        raise ConfigError(f"{self.name} does not say when it trades. Define `signal(self, candles)`.")

    def targets(self, candles: Candles) -> Targets:
        """Market entries where there is a signal of an allowed side, under the barriers."""
        signal = as_signal(self.signal(candles), len(candles), self.name)
        return Targets.at_market(
            self._allowed(signal),
            exit=self._exits(signal),
            stop_loss=self.stop_loss,
            take_profit=self.take_profit,
            time_limit=self.time_limit,
            trailing=self._trailing,
            take_profit_at=self.take_profit_at,
            net_of_fees=self.net_of_fees,
            max_per_side=self.max_per_side,
            cooldown=self.cooldown,
            on_opposite=self.on_opposite,
            **self._size,
        )

    def check(self) -> None:
        """Refuse half a trailing stop, a target order without a target, and two sizes."""
        super().check()
        if (self.trailing_activation is None) != (self.trailing_delta is None):
            raise ConfigError(
                f"{self.name}: a trailing stop needs both `trailing_activation` and `trailing_delta`, and one of "
                f"them is None. Give both or none."
            )
        if self.take_profit_at == "limit" and self.take_profit is None:
            raise ConfigError(
                f'{self.name}: `take_profit_at` is "limit" and `take_profit` is None. Give a `take_profit`.'
            )
        given = [name for name in ("fraction", "notional", "amount") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ConfigError(
                f"{self.name}: `{given[0]}` is {getattr(self, given[0]):g} and `{given[1]}` "
                f"{getattr(self, given[1]):g}: two sizes for one position. Leave one of them None."
            )

    def _allowed(self, signal: Signal) -> Signal:
        if self.side == "long":
            return np.maximum(signal, np.int8(0))
        return np.minimum(signal, np.int8(0)) if self.side == "short" else signal

    def _exits(self, signal: Signal) -> npt.NDArray[np.bool_] | bool:
        if self.on_opposite == "ignore" or self.side == "both":
            return False
        return signal < 0 if self.side == "long" else signal > 0

    @property
    def _trailing(self) -> tuple[float, float] | None:
        if self.trailing_activation is None or self.trailing_delta is None:
            return None
        return self.trailing_activation, self.trailing_delta

    @property
    def _size(self) -> dict[str, float]:
        given = {"fraction": self.fraction, "notional": self.notional, "amount": self.amount}
        size = {name: value for name, value in given.items() if value is not None}
        return size or {"fraction": 1.0 / self.max_per_side}


def as_signal(values: npt.ArrayLike, n_bars: int, owner: str) -> Signal:
    """Check that a signal has one −1, 0 or +1 per bar, and make it int8; NaN is 0.

    Raises
    ------
    DataError
        If its shape, type or values are wrong; the message names the first row.
    """
    signal = np.asarray(values)
    if signal.shape != (n_bars,) or signal.dtype.kind not in "fiub":
        raise DataError(
            f"{owner}: `signal` has shape {signal.shape} and dtype {signal.dtype} for {n_bars} bars. "
            f"Return one number per bar: +1, −1 or 0."
        )
    if signal.dtype.kind == "f":
        signal = np.where(np.isnan(signal), 0.0, signal)
    if signal.dtype != np.int8 or (n_bars and (signal.min() < -1 or signal.max() > 1)):
        odd = np.flatnonzero((signal != 0) & (signal != 1) & (signal != -1))
        if odd.size:
            raise DataError(f"{owner}: `signal` is {signal[odd[0]]} in row {odd[0]}. Return +1 (buy), −1 (sell) or 0.")
    return signal.astype(np.int8, copy=False)


def sides(buy: npt.NDArray[np.bool_], sell: npt.NDArray[np.bool_]) -> Signal:
    """+1 where `buy`, −1 where `sell`, 0 where neither or both; in one pass over two bytes a row."""
    return buy.view(np.int8) - sell.view(np.int8)
