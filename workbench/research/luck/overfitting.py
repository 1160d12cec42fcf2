"""Does the way of choosing generalise? The probability of backtest overfitting, by cross-validation that is symmetric.

The record is cut into blocks; each half of the blocks is a past in turn, and the other half its future. The best of
the past is looked up in the future: where does it rank there? This judges the choice, not the profit: where all
combinations are equally good, or equally bad, the best of the past is an average one of the future.

References
----------
Bailey, Borwein, López de Prado and Zhu (2017), The Probability of Backtest Overfitting, J. of Computational Finance 20.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.errors import ConfigError, DataError
from workbench.research.luck.matrix import STILL, FloatArray, as_matrix, whole

BLOCKS = 16
MOST_BLOCKS = 20  # 184,756 splits
NULL = 0.5  # about; the mean over many matrices of noise is somewhat below
SCATTER = 0.14  # standard deviation of one matrix of noise around it
AT_ONCE = 400_000  # values of one half held at a time
COMPARED = 200  # columns that stand for all where distributions are compared
ROOM_FOR_TRADES = 10.0  # a block is to be as many times longer than a trade

Score = Literal["sharpe", "mean", "sum"]
_Score = Callable[[FloatArray, FloatArray, float, FloatArray], FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class Overfitting:
    """What became of the best of each past in its future.

    Attributes
    ----------
    pbo : float
        Share of splits in which the best of the past fell below the middle of the future (λ < 0). Its null is about
        0.5, and one matrix of noise scatters around that by 0.14.
    loss : float
        Share of splits in which what was chosen made less than nothing out of sample.
    slope, intercept : float
        Of the chosen's score out of sample on that in sample; a slope below 0: the better it looked, the worse it did.
    logits : float64 array of shape (n_splits,)
        λ = ln(ω / (1 − ω)), ω = rank / (N + 1) out of sample, in the order of `itertools.combinations`.
    chosen : int array of shape (n_splits,)
        The best column of each past; of equal ones, the first.
    inside, outside : float64 arrays of shape (n_splits,)
        Score of the chosen in its past and in its future, per period.
    dominates : bool
        Whether what is chosen does better out of sample at each quantile than one picked blindly (first order).
    dominates_second : bool
        Whether it does on the average below each level (second order): what a risk-averse trader asks.
    blocks, columns, left_out : int
        Blocks, combinations, and rows left out at the start because blocks are equally long.
    """

    pbo: float
    loss: float
    slope: float
    intercept: float
    logits: FloatArray
    chosen: npt.NDArray[np.intp]
    inside: FloatArray
    outside: FloatArray
    dominates: bool
    dominates_second: bool
    blocks: int
    columns: int
    left_out: int

    def __repr__(self) -> str:
        return (
            f"Overfitting: PBO {self.pbo:.1%} (noise: about {NULL:.0%} ± {SCATTER:.0%}), loss out of sample in "
            f"{self.loss:.1%} of {len(self.logits):,} splits, slope {self.slope:+.2f}, {self.columns:,} combinations"
        )


def overfitting(
    returns: npt.ArrayLike,
    *,
    blocks: int = BLOCKS,
    score: Score = "sharpe",
    holding: float | None = None,
) -> Overfitting:
    """Choose in each half of the record, and look at the choice in the other half.

    Parameters
    ----------
    returns : array of shape (n_periods, n_columns)
        Of all combinations of a finished search, at least two; those that a guided search passed through on its way
        bias the answer.
    blocks : int
        An even number, 16 for 12,870 splits; each block needs two periods at least.
    score : "sharpe", "mean" or "sum"
        What the best is best by. A combination that did not move in a half scores 0 there.
    holding : float, optional
        Median length of a trade, in periods. Blocks shorter than ten of them cut trades apart, and are refused.

    Raises
    ------
    ConfigError
        `blocks` that are odd or too many for the record or for the trades.
    DataError
        One column, or values that are not finite.

    Notes
    -----
    Equal ranks share their mean, and λ = 0 is not overfit (PBO counts λ < 0).
    """
    matrix = as_matrix(returns)
    if matrix.shape[1] < 2:
        raise DataError("`returns` has 1 column: there was nothing to choose from. Give those of all combinations.")
    halves = _Halves.of(matrix, _checked_blocks(blocks, len(matrix), holding), _scores(score))
    chosen, inside, outside, ranks = halves.walk()
    omega = ranks / (matrix.shape[1] + 1.0)
    logits = np.log(omega / (1.0 - omega))
    slope, intercept = _line(inside, outside)
    first, second = _dominance(outside, halves.sample())
    return Overfitting(
        float((logits < 0.0).mean()), float((outside < 0.0).mean()), slope, intercept, logits, chosen, inside, outside,
        first, second, blocks, matrix.shape[1], len(matrix) % blocks,
    )  # fmt: skip


def fitting_blocks(n_periods: int, *, most: int = BLOCKS, holding: float | None = None) -> int | None:
    """The largest even number of blocks, up to `most`, that a record and its trades allow; None if not even four."""
    for blocks in range(most - most % 2, 3, -2):
        length = n_periods // blocks
        if length >= max(2.0, ROOM_FOR_TRADES * (holding or 0.0)):
            return blocks
    return None


class _Halves(NamedTuple):
    """Sums over blocks, from which the scores of any half follow."""

    members: FloatArray  # (n_splits, n_blocks): 1 where a block belongs to the past
    sums: FloatArray  # (n_blocks, n_columns)
    squares: FloatArray
    floor: FloatArray  # (n_columns,) variance that is rounding alone
    size: float  # periods in a half
    score: _Score

    @classmethod
    def of(cls, matrix: FloatArray, blocks: int, score: _Score) -> _Halves:
        blocked = matrix[len(matrix) % blocks :].reshape(blocks, -1, matrix.shape[1])
        picks = np.array(list(combinations(range(blocks), blocks // 2)))
        members = np.zeros((len(picks), blocks))
        np.put_along_axis(members, picks, 1.0, axis=1)
        squares = np.einsum("btn,btn->bn", blocked, blocked)
        size = blocked.shape[1] * (blocks // 2)
        return cls(members, blocked.sum(axis=1), squares, STILL * squares.sum(axis=0), size, score)

    def scores(self, members: FloatArray) -> FloatArray:
        """Score of each column in each of these halves; shape (n_halves, n_columns)."""
        return self.score(members @ self.sums, members @ self.squares, self.size, self.floor)

    def walk(self) -> tuple[npt.NDArray[np.intp], FloatArray, FloatArray, FloatArray]:
        """Chosen column, its score inside and outside, and its rank outside, for each split.

        The other half of split i is the half of split n − 1 − i, so both are looked at together.
        """
        n, width = len(self.members), self.sums.shape[1]
        chosen = np.empty(n, np.intp)
        inside, outside, ranks = np.empty(n), np.empty(n), np.empty(n)
        for rows in _stretches(n // 2, max(1, AT_ONCE // width)):
            mirror = n - 1 - rows
            one, other = self.scores(self.members[rows]), self.scores(self.members[mirror])
            for at, past, future in ((rows, one, other), (mirror, other, one)):
                best = past.argmax(axis=1)
                here = np.arange(len(at))
                chosen[at], inside[at], outside[at] = best, past[here, best], future[here, best]
                ranks[at] = _ranks(future, outside[at])
        return chosen, inside, outside, ranks

    def sample(self) -> FloatArray:
        """Scores of some columns in all halves: what one picked blindly makes out of sample."""
        columns = np.unique(np.linspace(0, self.sums.shape[1] - 1, COMPARED).astype(np.intp))
        some = self._replace(sums=self.sums[:, columns], squares=self.squares[:, columns], floor=self.floor[columns])
        every = max(1, len(self.members) // 2_000)
        return some.scores(self.members[::every]).ravel()


def _sharpe(sums: FloatArray, squares: FloatArray, size: float, floor: FloatArray) -> FloatArray:
    mean = sums / size
    variance = (squares - sums * mean) / (size - 1.0)
    moved = variance > floor
    return np.where(moved, mean / np.sqrt(np.where(moved, variance, 1.0)), np.sign(mean) * np.where(mean, 1e6, 0.0))


def _mean(sums: FloatArray, squares: FloatArray, size: float, floor: FloatArray) -> FloatArray:
    return sums / size


def _sum(sums: FloatArray, squares: FloatArray, size: float, floor: FloatArray) -> FloatArray:
    return sums


def _scores(name: str) -> _Score:
    known: dict[str, _Score] = {"sharpe": _sharpe, "mean": _mean, "sum": _sum}
    if name not in known:
        raise ConfigError(f"`score` is {name!r}. Choose one of {', '.join(known)}.")
    return known[name]


def _checked_blocks(blocks: int, n_periods: int, holding: float | None) -> int:
    whole(blocks, "blocks", least=2)
    if blocks > MOST_BLOCKS:
        raise ConfigError(
            f"`blocks` is {blocks}, which makes {math.comb(blocks, blocks // 2):,} splits. Use {MOST_BLOCKS} or fewer."
        )
    least = 1 if blocks == n_periods else 2
    if blocks % 2 or n_periods // blocks < least:
        raise ConfigError(
            f"`blocks` is {blocks} for {n_periods} periods. Give an even number that leaves each block two periods."
        )
    if holding is not None and holding * ROOM_FOR_TRADES > n_periods / blocks:
        raise ConfigError(
            f"A trade lasts {holding:g} periods and a block {n_periods / blocks:g}: blocks would cut trades apart. Use "
            f"fewer blocks or a longer record, so that a block is ten trades long."
        )
    return blocks


def _stretches(n: int, length: int) -> Iterator[npt.NDArray[np.intp]]:
    for start in range(0, n, length):
        yield np.arange(start, min(start + length, n))


def _ranks(scores: FloatArray, own: FloatArray) -> FloatArray:
    """Rank of each row's own value in its row, 1 the smallest; equal ones share their mean rank."""
    below = (scores < own[:, None]).sum(axis=1)
    level = (scores == own[:, None]).sum(axis=1)
    return below + (level + 1.0) / 2.0


def _line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Slope and intercept of least squares; NaN where x does not vary."""
    distance = x - x.mean()
    square = float((distance * distance).sum())
    if square <= STILL * float((x * x).sum()):
        return math.nan, math.nan
    slope = float((distance * (y - y.mean())).sum()) / square
    return slope, float(y.mean()) - slope * float(x.mean())


def _dominance(chosen: FloatArray, blind: FloatArray) -> tuple[bool, bool]:
    """Does `chosen` stochastically dominate `blind`, in the first and in the second order?"""
    levels = np.unique(np.quantile(np.concatenate([chosen, blind]), np.linspace(0.0, 1.0, 201)))
    if len(levels) < 2:
        return False, False
    own = np.searchsorted(np.sort(chosen), levels, "right") / len(chosen)
    other = np.searchsorted(np.sort(blind), levels, "right") / len(blind)
    gap = other - own
    area = np.concatenate([[0.0], np.cumsum(np.diff(levels) * (gap[1:] + gap[:-1]) / 2.0)])
    return bool((gap >= 0.0).all() and (gap > 0.0).any()), bool((area >= -STILL).all() and area[-1] > 0.0)
