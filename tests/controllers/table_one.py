"""Table 1 of Avellaneda and Stoikov (2008), made with the shipped controller and the engine.

Run it with `python -m tests.controllers.table_one --paths 1000`.

Each path of the paper is a backtest of 201 bars: one in which nothing happens, at whose close the session begins, and
one for each of the 200 steps. A bar of a step opens at the mid that the controller saw, and its high and low lie as far
from that as makes a quote at a distance δ be touched with the probability A·exp(−kδ)·dt of the paper, drawn for each
side and step; then it closes a move of ±σ√dt away. So the controller sees closes only, and what it earns is told by
the engine's books: the last equity less the first is cash + q·s at T, as q₀ = 0. A quote beyond mid fills at mid, where
the paper would fill it at its own price; 20,000 paths of both say that this moves the profit by 0.04 to 0.12.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import numpy as np

import workbench as wb
from workbench.controllers import AvellanedaMarketMaking
from workbench.market import Candles

MID, SIGMA, STEPS, DEPTH, INTENSITY, AVERSION = 100.0, 2.0, 200, 1.5, 140.0, 0.1
MINUTE_MS = 60_000
SESSION_MS = STEPS * MINUTE_MS

BOTS = {
    "inventory": AvellanedaMarketMaking(
        risk_aversion=AVERSION, depth=DEPTH, volatility=SIGMA, horizon=SESSION_MS, mode="finite"
    ),
    "symmetric": AvellanedaMarketMaking(
        risk_aversion=AVERSION, depth=DEPTH, volatility=SIGMA, horizon=SESSION_MS, mode="finite", aware=False
    ),
}
# From the paper; its deviation of the symmetric strategy is low by chance, and so recomputed with 20,000 paths.
PUBLISHED = {"inventory": (65.0, 6.6, 2.9), "symmetric": (68.4, 13.62, 8.4)}


@dataclass(frozen=True)
class Outcome:
    """Profit and final inventory of each path."""

    profit: np.ndarray
    inventory: np.ndarray

    @property
    def figures(self) -> tuple[float, float, float]:
        """Mean and deviation of the profit, and deviation of the inventory, as the table has them."""
        return float(self.profit.mean()), float(self.profit.std(ddof=1)), float(self.inventory.std(ddof=1))


def path(seed: int) -> Candles:
    """One path of the paper as candles."""
    rng, dt = np.random.default_rng(seed), 1.0 / STEPS
    moves = SIGMA * np.sqrt(dt) * rng.choice([-1.0, 1.0], STEPS)
    close = MID + np.r_[0.0, np.cumsum(moves)]
    open_ = np.r_[MID, close[:-1]]
    reach = -np.log(rng.random((2, STEPS)) / (INTENSITY * dt)) / DEPTH
    high = np.maximum(open_, close)
    low = np.minimum(open_, close)
    low[1:], high[1:] = np.minimum(low[1:], open_[1:] - reach[0]), np.maximum(high[1:], open_[1:] + reach[1])
    time = SESSION_MS + MINUTE_MS * np.arange(-1, STEPS)
    return Candles.from_arrays(time, open_, high, low, close, np.ones(STEPS + 1), timeframe="1m")


def outcome(strategy: str, paths: int, seed: int = 0) -> Outcome:
    """Every path through the engine."""
    profit, inventory = np.empty(paths), np.empty(paths)
    for i in range(paths):
        result = wb.backtest(
            BOTS[strategy], path(seed + i), cash=1e6, account="margin", fees=0.0, path="ohlc", audit=False
        )
        profit[i] = result.tape.equity[-1] - 1e6
        inventory[i] = result.tape.world["markets"][0, 0]["position"]
    return Outcome(profit, inventory)


def is_within(strategy: str, figures: tuple[float, float, float]) -> bool:
    """Is it within the band: profit within 1, its deviation within 10 %, that of the inventory within 0.3?"""
    profit, deviation, inventory = PUBLISHED[strategy]
    return (
        abs(figures[0] - profit) <= 1.0
        and abs(figures[1] / deviation - 1.0) <= 0.1
        and abs(figures[2] - inventory) <= 0.3
    )


def say(line: str) -> None:
    """A line for the terminal."""
    sys.stdout.write(line + "\n")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--paths", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    say(f"{given.paths} paths from seed {given.seed}: profit, its deviation, deviation of the inventory")
    for strategy in BOTS:
        figures = outcome(strategy, given.paths, given.seed).figures
        verdict = "within the band" if is_within(strategy, figures) else "OUTSIDE the band"
        shown = " ".join(f"{one:6.2f}" for one in figures)
        paper = " ".join(f"{one:6.2f}" for one in PUBLISHED[strategy])
        say(f"{strategy:10} {shown}   published {paper}   {verdict}")


if __name__ == "__main__":
    main()
