"""How often the verdict on luck is wrong: noise that is called real, and an edge that is not.

    python -m benchmarks.luck [SEEDS]

A hundred seeds each, unless told otherwise: about five minutes. Returns are 1,000 days of 100 combinations, of which
one has an edge or none has; candles are 1,500 daily bars that walk at random or trend, swept with 30 pairs of moving
averages. The first rows of each kind have no edge: what they show as "real" is the rate of false alarms.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import workbench as wb
from workbench.market import Candles
from workbench.research import luck
from workbench.research.luck import Significance

DAYS, COLUMNS, BARS = 1_000, 100, 1_500
DAY_MS, START_MS = 86_400_000, 1_577_836_800_000
VOLATILITY, SWING = 0.03, 60.0  # of a day, and mean days until a trend turns
GRID = {"fast": [2, 3, 5, 8, 12, 18], "slow": [20, 30, 45, 60, 80]}
REPS = 1_000
HEAD = ["material", "edge", "seeds", "real", "unclear", "luck", "deflated ≥ 95 %", "SPA p ≤ 5 %", "mean PBO",
        "mean loss", "mean Sharpe of the best"]  # fmt: skip


@dataclass(frozen=True)
class Rates:
    """The verdicts on many records of one kind."""

    planted: str
    found: tuple[Significance, ...]

    def share(self, verdict: str) -> float:
        """How many of them had this verdict."""
        return float(np.mean([one.verdict == verdict for one in self.found]))


def returns_of(seed: int, *, sharpe: float, correlation: float) -> np.ndarray:
    """Daily returns of equally correlated combinations; the first has this true annual Sharpe ratio."""
    rng = np.random.default_rng([20261122, seed])
    own, common = rng.standard_normal((DAYS, COLUMNS)), rng.standard_normal((DAYS, 1))
    returns = 0.01 * (np.sqrt(1.0 - correlation) * own + np.sqrt(correlation) * common)
    returns[:, 0] += 0.01 * sharpe / np.sqrt(365.0)
    return returns


def candles_of(seed: int, *, trend: float) -> Candles:
    """Daily candles whose logarithm drifts by `trend` a day, now up, now down; 0: a random walk."""
    rng = np.random.default_rng([20261123, seed])
    side = np.cumprod(np.where(rng.random(BARS) < 1.0 / SWING, -1.0, 1.0))
    steps = VOLATILITY * rng.standard_normal(BARS) - VOLATILITY**2 / 2.0 + trend * side
    close = 100.0 * np.exp(np.cumsum(steps))
    open_ = np.concatenate([[100.0], close[:-1]])
    wicks = 1.0 + VOLATILITY / 3.0 * np.abs(rng.standard_normal((2, BARS)))
    high, low = np.maximum(open_, close) * wicks[0], np.minimum(open_, close) / wicks[1]
    time_ms = START_MS + DAY_MS * np.arange(BARS)
    return Candles.from_arrays(time_ms, open_, high, low, close, np.ones(BARS), timeframe="1d")


def on_returns(seeds: Iterable[int], *, sharpe: float, correlation: float) -> Rates:
    """Verdicts on matrices of returns."""
    found = [
        luck.significance(
            None, returns_of(seed, sharpe=sharpe, correlation=correlation), periods_per_year=365, trials=COLUMNS,
            reps=REPS, seed=seed,
        )
        for seed in seeds
    ]  # fmt: skip
    edge = f"Sharpe ratio {sharpe:g} in 1 of {COLUMNS} columns" if sharpe else "none"
    return Rates(edge + (f", correlated by {correlation:g}" if correlation else ""), tuple(found))


def on_candles(seeds: Iterable[int], *, trend: float) -> Rates:
    """Verdicts on sweeps of backtests."""
    found = []
    for seed in seeds:
        sweep = wb.sweep(
            wb.controllers.SmaCross(), GRID, candles_of(seed, trend=trend), account="margin", fees=0.0005,
            audit=False, luck=False, progress=False,
        )  # fmt: skip
        ends, returns = sweep.returns()
        found.append(
            luck.significance(
                sweep.table, returns, periods_per_year=365, trials=returns.shape[1], end_ms=ends, reps=REPS, seed=seed
            )
        )
    return Rates(f"trend of {trend:.1%} a day" if trend else "none", tuple(found))


def row(material: str, rates: Rates) -> list[str]:
    """One line of the table."""
    found = rates.found
    return [
        material, rates.planted, str(len(found)),
        *(f"{rates.share(verdict):.0%}" for verdict in ("real", "unclear", "luck")),
        f"{np.mean([one.deflated_sharpe >= 0.95 for one in found]):.0%}",
        f"{np.mean([one.p <= 0.05 for one in found]):.0%}",
        f"{np.nanmean([one.pbo for one in found]):.2f}",
        f"{np.nanmean([one.loss for one in found]):.2f}",
        f"{np.mean([one.sharpe.estimate for one in found]):.2f}",
    ]  # fmt: skip


def main() -> None:
    """Measure and print."""
    began, seeds = time.perf_counter(), range(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
    rows = [row("returns", on_returns(seeds, sharpe=edge, correlation=rho)) for rho in (0.0, 0.6)
            for edge in (0.0, 2.5, 3.5, 4.5)]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WORKBENCH_HOME"] = str(Path(folder))
        rows += [row("candles", on_candles(seeds, trend=trend)) for trend in (0.0, 0.004, 0.007, 0.010)]
    for cells in [HEAD, ["---"] * len(HEAD), *rows]:
        print(f"| {' | '.join(cells)} |")
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
