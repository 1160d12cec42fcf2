"""A live record against what its backtest promised: a cone of what chance allows, and a test that may be read daily.

The test bets against the promise with every return. While the promise holds, its wealth is a martingale that begins at
1, and reaches `1/rate` at any time with probability at most `rate` (Ville): so it may be looked at after each return,
for ever, and the stated rate is that of the whole record, not of one look.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from workbench.errors import DataError

FloatArray = npt.NDArray[np.float64]
LEAST = 20  # returns below which nothing can be said of their spread


@dataclass(frozen=True, slots=True)
class Cone:
    """What chance alone makes of a promise.

    Attributes
    ----------
    median, low, high : ndarray of shape (n_periods,)
        Growth of 1 at each period: the median, and the bounds between which `share` of all paths lie there.
    """

    median: FloatArray
    low: FloatArray
    high: FloatArray
    share: float


def cone(
    returns: FloatArray, periods: int, *, block: int = 10, paths: int = 2_000, share: float = 0.9, seed: int = 0
) -> Cone:
    """Paths of resampled returns, as bounds by period.

    Parameters
    ----------
    returns : ndarray of shape (n,)
        Of the backtest, out of sample; at least 20, finite. Else `DataError`.
    block : int
        Mean length of the stationary bootstrap's blocks (Politis and Romano 1994), which keep what follows what.
    share : float
        Of all paths, between the bounds.
    """
    given = _checked(returns)
    draw = np.random.default_rng(seed)
    places = draw.integers(0, len(given), (paths, periods))
    goes_on = draw.random((paths, periods)) >= 1.0 / max(block, 1)
    for period in range(1, periods):
        places[:, period] = np.where(goes_on[:, period], (places[:, period - 1] + 1) % len(given), places[:, period])
    growth = np.cumprod(1.0 + given[places], axis=1)
    edge = 0.5 * (1.0 - share)
    low, median, high = np.quantile(growth, (edge, 0.5, 1.0 - edge), axis=0)
    return Cone(median, low, high, share)


@dataclass(slots=True)
class Watch:
    """A test of "the mean return is at least what was promised", one return after the other.

    It is a mixture of bets on "less": against a mean `promised`, a bet of fraction `b` multiplies its wealth by
    `1 + b · (promised − return)`, whose expectation is at most 1 while the promise holds, whatever the distribution of
    bounded returns (Waudby-Smith and Ramdas 2024). Returns beyond `bound` above count as `bound`, which only slows the
    alarm; the promise is reckoned from returns cut the same way.

    Attributes
    ----------
    promised : float
        Mean of the backtest's returns out of sample.
    bound : float
        The largest return that a bet must survive.
    rate : float
        Probability of ever raising a false alarm.
    """

    promised: float
    bound: float
    rate: float = 0.05
    bets: tuple[float, ...] = ()
    seen: int = 0
    alarm_at: int | None = None
    wealth: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, returns: FloatArray, *, rate: float = 0.05, against: float = 0.5) -> Watch:
        """A watch over the promise of a backtest.

        Parameters
        ----------
        returns : ndarray of shape (n,)
            Of the backtest, out of sample.
        rate : float
            Probability of ever raising a false alarm while the promise holds.
        against : float
            The bets are tuned to find this share of the mean: 0.5 for an edge that has halved.
        """
        given = _checked(returns)
        if not 0.0 < rate < 1.0:
            raise DataError(f"`rate` is {rate}. It is the probability of a false alarm: 0.05, say.")
        bound = 1.5 * float(np.max(given))  # room for returns that the backtest has not seen
        promised, spread = float(np.mean(given)), float(np.var(given))
        if bound <= promised or spread <= 0.0:
            raise DataError(
                "The returns do not vary, so nothing can be held against them. Give those of a real backtest."
            )
        most = 1.0 / (bound - promised)
        kelly = min(max((1.0 - against) * abs(promised) / spread, 1e-3 * most), 0.9 * most)
        bets = tuple(sorted({min(kelly * factor, 0.9 * most) for factor in (0.5, 1.0, 2.0)}))
        return cls(promised, bound, rate, bets, wealth=[1.0] * len(bets))

    @property
    def evidence(self) -> float:
        """Wealth of the mixture: 1 at the start, an alarm at `1/rate`."""
        return float(np.mean(self.wealth))

    @property
    def is_alarmed(self) -> bool:
        """Has it ever reached the bound?"""
        return self.alarm_at is not None

    def see(self, value: float) -> bool:
        """Take in one more return; is there an alarm?"""
        short = self.promised - min(float(value), self.bound)
        self.wealth = [wealth * (1.0 + bet * short) for wealth, bet in zip(self.wealth, self.bets, strict=True)]
        self.seen += 1
        if self.alarm_at is None and self.evidence >= 1.0 / self.rate:
            self.alarm_at = self.seen
        return self.is_alarmed

    @property
    def verdict(self) -> str:
        """One line."""
        odds = f"evidence {self.evidence:.2f}, an alarm at {1.0 / self.rate:g}"
        if self.alarm_at is None:
            return f"After {self.seen:,} returns the run may still earn what the backtest promised ({odds})."
        return (
            f"ALARM at return {self.alarm_at:,}: the run earns less than the backtest promised; false in at most "
            f"{self.rate:.0%} of all runs that keep the promise."
        )


def _checked(returns: FloatArray) -> FloatArray:
    given = np.asarray(returns, np.float64)
    if given.ndim != 1 or len(given) < LEAST or not np.isfinite(given).all() or (given <= -1.0).any():
        raise DataError(
            f"{given.size} returns were given; it takes at least {LEAST} finite ones above −1, of one backtest."
        )
    return given
