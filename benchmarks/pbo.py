"""The probability of backtest overfitting on what is known: noise, and the seasonal rule of its paper.

    python -m benchmarks.pbo [SEEDS]

Sixty matrices of noise, whose mean was published as 0.476 ± 0.137; then the seasonal rule on its whole mesh of 22 × 20
× 10 × 2 = 8,800 combinations over 1,000 days, on ten random walks unless told otherwise (the paper's one walk: 55 %,
and 53 % of the choices lose), and on the same with a quarter of σ added in the first five days of each month (13 %,
13 %).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from itertools import product

import numpy as np

from workbench.research import luck
from workbench.research.luck import Overfitting

DAYS, MONTH, EARLY = 1_000, 22, 5
MESH = (range(1, 23), range(1, 21), range(-10, 0), (-1, 1))


def of_noise(seed: int, *, days: int = DAYS, columns: int = 200) -> float:
    """PBO of one matrix without anything in it."""
    return luck.overfitting(np.random.default_rng(seed).standard_normal((days, columns))).pbo


def of_season(seed: int, *, shift: float, mesh: Iterable[Iterable[int]] = MESH, blocks: int = 16) -> Overfitting:
    """The seasonal rule on a random walk that goes up by `shift` σ more in the first days of each month."""
    market = np.random.default_rng([20261122, seed]).standard_normal(DAYS)
    market[np.arange(DAYS) % MONTH < EARLY] += shift
    columns = [seasonal(market, *rule) for rule in product(*mesh)]
    return luck.overfitting(np.column_stack(columns), blocks=blocks)


def seasonal(market: np.ndarray, entry: int, holding: int, stop: float, side: int) -> np.ndarray:
    """Returns of one rule: in on that day of each month, for so many days, out when it has lost more than `stop` σ."""
    starts = np.arange(entry - 1, len(market), MONTH)
    days = starts[:, None] + np.arange(holding)
    gains = side * np.append(market, np.zeros(holding))[days]
    lost = np.cumsum(gains, axis=1) < stop
    held = np.cumsum(np.cumsum(lost, axis=1), axis=1) <= 1  # the day on which it is stopped counts too
    earned = np.zeros(len(market) + holding)
    earned[days] += gains * held
    return earned[: len(market)]


def main() -> None:
    """Measure and print."""
    began, seeds = time.perf_counter(), range(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
    null = np.array([of_noise(seed) for seed in range(60)])
    print(f"noise, 60 matrices: {null.mean():.3f} ± {null.std(ddof=1):.3f}, {null.min():.2f} to {null.max():.2f}")
    for name, shift in (("random walk", 0.0), ("season of a quarter of σ", 0.25)):
        found = [of_season(seed, shift=shift) for seed in seeds]
        pbo, loss = np.array([one.pbo for one in found]), np.array([one.loss for one in found])
        print(f"seasonal rule, {name}, {len(found)} seeds: PBO {pbo.mean():.2f} ± {pbo.std(ddof=1):.2f}, "
              f"loss {loss.mean():.2f} ± {loss.std(ddof=1):.2f}")  # fmt: skip
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
