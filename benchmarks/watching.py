"""How often the watch over a live record cries wolf, and how soon it finds an edge that has halved.

`python -m benchmarks.watching [--runs 1000] [--periods 1000]`
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from workbench.metrics import Watch


def play(promise: np.ndarray, live: np.ndarray, *, rate: float) -> int | None:
    """The return at which the watch raised an alarm; None: it did not."""
    watch = Watch.of(promise, rate=rate)
    for value in live:
        if watch.see(value):
            return watch.alarm_at
    return None


def study(*, runs: int, periods: int, rate: float = 0.05, edge: float = 0.15, seed: int = 1) -> dict[str, float]:
    """Healthy runs and runs with half the edge: returns of 1 % spread with fat tails, a mean of `edge` spreads."""
    draw, spread = np.random.default_rng(seed), 0.01
    found: dict[str, list[int | None]] = {"healthy": [], "halved": [], "gone": []}
    for _ in range(runs):
        noise = draw.standard_t(4, 3 * periods) * spread / np.sqrt(2.0)
        promise = noise[: 2 * periods] - noise[: 2 * periods].mean() + edge * spread
        for name, share in (("healthy", 1.0), ("halved", 0.5), ("gone", 0.0)):
            found[name].append(play(promise, noise[2 * periods :] + share * edge * spread, rate=rate))
    delays = {name: [one for one in alarms if one is not None] for name, alarms in found.items()}
    return {
        "runs": runs, "periods": periods, "rate": rate, "false": len(delays["healthy"]) / runs,
        "found_halved": len(delays["halved"]) / runs, "found_gone": len(delays["gone"]) / runs,
        "delay_halved": float(np.median(delays["halved"])) if delays["halved"] else float("nan"),
        "delay_gone": float(np.median(delays["gone"])) if delays["gone"] else float("nan"),
    }  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Print what came of it; 1 if there were more false alarms than stated."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--periods", type=int, default=1_000)
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--edge", type=float, default=0.15, help="mean return in units of its spread")
    given = parser.parse_args(arguments)
    told = study(runs=given.runs, periods=given.periods, rate=given.rate, edge=given.edge)
    sys.stdout.write(
        f"{told['runs']:,} healthy runs of {told['periods']:,} returns: {told['false']:.1%} false alarms, at most "
        f"{told['rate']:.0%} are promised\n"
        f"edge halved: {told['found_halved']:.0%} found, after {told['delay_halved']:,.0f} returns (median)\n"
        f"edge gone: {told['found_gone']:.0%} found, after {told['delay_gone']:,.0f} returns (median)\n"
    )
    return int(told["false"] > told["rate"])


if __name__ == "__main__":
    sys.exit(main())
