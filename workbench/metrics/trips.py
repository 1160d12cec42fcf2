"""Numbers from round trips: what each one, from entry to exit, has made or lost.

The functions take PnL in quote currency or returns as fractions; the answer is of the same kind. A round trip that
made exactly nothing is neither a win nor a loss.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.errors import DataError
from workbench.metrics.guards import NAN, FloatArray, TimeArray, deviation, mean, measured, ratio


@dataclass(frozen=True, slots=True, eq=False)
class Trips:
    """Round trips as columns, in any order.

    Attributes
    ----------
    pnl : float64 array of shape (n_trips,)
        Net of fees, in quote currency.
    return_ : float64 array of shape (n_trips,)
        The same as a fraction of the entry's value.
    entry_ms, exit_ms : int64 arrays of shape (n_trips,)
        Milliseconds UTC.
    side : integer array of shape (n_trips,)
        +1 long, −1 short.
    """

    pnl: FloatArray
    return_: FloatArray
    entry_ms: TimeArray
    exit_ms: TimeArray
    side: npt.NDArray[np.integer]

    def __post_init__(self) -> None:
        lengths = {name: np.shape(getattr(self, name)) for name in self.__slots__}
        if len(set(lengths.values())) > 1 or len(lengths["pnl"]) != 1:
            told = ", ".join(f"`{name}` {shape}" for name, shape in lengths.items())
            raise DataError(f"The columns of the round trips differ in shape: {told}. Give one row per trip in each.")

    def __len__(self) -> int:
        return self.pnl.shape[0]

    @classmethod
    def none(cls) -> Trips:
        """No round trips at all."""
        floats, times = np.empty(0), np.empty(0, np.int64)
        return cls(floats, floats, times, times, np.empty(0, np.int8))


def win_rate(pnl: npt.ArrayLike) -> float:
    """Share of round trips that made money; NaN without any."""
    array = measured(pnl, "pnl")
    return ratio(float(np.count_nonzero(array > 0.0)), array.size)


def profit_factor(pnl: npt.ArrayLike) -> float:
    """All that the winners made over all that the losers lost; NaN if nothing was lost."""
    array = measured(pnl, "pnl")
    return ratio(np.maximum(array, 0.0).sum(), -np.minimum(array, 0.0).sum())


def expectancy(pnl: npt.ArrayLike) -> float:
    """What one round trip makes on average; NaN without any."""
    return mean(measured(pnl, "pnl"))


def expectancy_ratio(pnl: npt.ArrayLike) -> float:
    """Expectancy in units of the average loss: (1 + average win / average loss) · win rate − 1. NaN without a loss.

    Equal to `expectancy` over the average loss if no round trip made exactly nothing.
    """
    return (1.0 + payoff(pnl)) * win_rate(pnl) - 1.0


def payoff(pnl: npt.ArrayLike) -> float:
    """Average win over average loss; 0 without a win, NaN without a loss."""
    array = measured(pnl, "pnl")
    wins, losses = np.count_nonzero(array > 0.0), np.count_nonzero(array < 0.0)
    won = np.maximum(array, 0.0).sum() / wins if wins else 0.0
    return ratio(won, -np.minimum(array, 0.0).sum() / losses if losses else NAN)


def kelly(pnl: npt.ArrayLike) -> float:
    """Kelly's fraction of a bet with these odds: win rate − (1 − win rate) / payoff. NaN without a win or a loss.

    An upper bound for the size of a bet, and only if the odds stay as they were; negative: do not bet.

    References
    ----------
    Kelly (1956), A New Interpretation of Information Rate; for bets of two outcomes, as Thorp states it.
    """
    wins = win_rate(pnl)
    return wins - ratio(1.0 - wins, payoff(pnl))


def sqn(pnl: npt.ArrayLike) -> float:
    """System quality number: mean over sample standard deviation (n − 1), times the root of the number of trips.

    References
    ----------
    Tharp (2008), Definitive Guide to Position Sizing; there in multiples of the risk taken, without a cap on n.
    """
    array = measured(pnl, "pnl")
    return ratio(mean(array), deviation(array)) * math.sqrt(array.size)


def geometric_mean(returns: npt.ArrayLike) -> float:
    """The return which, made by every round trip, compounds to the same; −1 once one has lost all, NaN of none."""
    array = measured(returns, "returns")
    if not array.size:
        return NAN
    return math.expm1(float(np.log1p(array).mean())) if array.min() > -1.0 else -1.0
