"""The workloads, each against its kernel and against vectorbt: timings that take turns, as ratios of medians."""

from __future__ import annotations

import gc
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks import peers
from benchmarks.kernels import by_hand
from benchmarks.workloads import WORKLOADS, Workload

ROUNDS, PEER_ROUNDS = 15, 3
KERNEL = "kernel by hand, with metrics"
RUN = "ours, all metrics"
AUDITED = "ours, all metrics, look-ahead audit"


@dataclass
class Line:
    """What one contender took, in seconds, with the kernel's time of the same round."""

    name: str
    seconds: list[float] = field(default_factory=list)
    kernel: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Median over the kernel's median."""
        return statistics.median(self.seconds) / statistics.median(self.kernel)

    @property
    def ratios(self) -> list[float]:
        """Round by round."""
        return [mine / kernel for mine, kernel in zip(self.seconds, self.kernel, strict=True)]


def measure(workload: Workload, candles: Any, *, rounds: int = ROUNDS, with_peers: bool = True) -> list[Line]:
    """A line per contender; they take turns, vectorbt in a few rounds only."""
    agree(workload, candles)
    ours = {
        KERNEL: lambda: by_hand(workload.name, candles, workload.fee),
        RUN: lambda: workload.run(candles, audit=False).metrics,
        AUDITED: lambda: workload.run(candles, audit=True).metrics,
    }
    theirs = peer_runs(workload, candles) if with_peers else {}
    for work in [*ours.values(), *theirs.values()]:
        seconds(work)
    lines = {name: Line(name) for name in [*ours, *theirs]}
    peer_rounds = {round(i * (rounds - 1) / max(PEER_ROUNDS - 1, 1)) for i in range(PEER_ROUNDS)}
    for turn in range(rounds):
        for name, work in {**ours, **(theirs if turn in peer_rounds else {})}.items():
            lines[name].seconds.append(seconds(work))
            lines[name].kernel.append(lines[KERNEL].seconds[-1])
    return list(lines.values())


def peer_runs(workload: Workload, candles: Any) -> dict[str, Callable[[], Any]]:
    """vectorbt's engines, asked for little and for all that it has."""
    runs: dict[str, Callable[[], Any]] = {}
    for engine, run in peers.portfolios(candles, workload).items():
        runs[f"vectorbt ({engine}), profit and trades"] = lambda run=run: peers.looked_at(run())
        runs[f"vectorbt ({engine}), stats()"] = lambda run=run: run().stats()
    return runs


def agree(workload: Workload, candles: Any) -> None:
    """Our engine and the kernel tell one story."""
    metrics, kernel = workload.run(candles, audit=False).metrics, by_hand(workload.name, candles, workload.fee)
    assert metrics["round_trips"] == kernel.round_trips, (metrics["round_trips"], kernel.round_trips)
    for name in ("net_profit", "max_drawdown", "sharpe"):
        ours, theirs = metrics[name], getattr(kernel, name)
        assert abs(ours - theirs) <= 1e-9 * abs(theirs), (workload.name, name, ours, theirs)


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes once; what earlier runs left behind is cleared away first."""
    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.perf_counter()
        work()
        return time.perf_counter() - began


def rows(candles: Any) -> list[list[str]]:
    """The table's rows, workload by workload."""
    found = []
    for workload in WORKLOADS:
        lines = measure(workload, candles)
        for line in lines:
            found.append(row(workload, line, lines[1]))
            print(" | ".join(found[-1]), flush=True)
    return found


def row(workload: Workload, line: Line, ours: Line) -> list[str]:
    """Name, milliseconds, ratio to the kernel with the extremes of the rounds, and what was wanted."""
    middle, ratios = statistics.median(line.seconds) * 1e3, line.ratios
    spread = f"{line.ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if line.name != KERNEL else "1"
    if line.name == RUN:
        verdict = f"at most {workload.target:g}: {'met' if line.ratio <= workload.target else 'MISSED'}"
    elif line.name.startswith("vectorbt"):
        verdict = f"{statistics.median(line.seconds) / statistics.median(ours.seconds):.0f}× ours"
    else:
        verdict = ""
    return [workload.name, line.name, f"{middle:,.1f}", spread, str(len(line.seconds)), verdict]


HEAD = ["workload", "", "median ms", "ratio to the kernel (extremes of rounds)", "n", ""]
