"""The workloads, each against its kernel and against vectorbt: timings that take turns, as ratios of medians.

On a busy machine a long run is interrupted more often than a short one; so each ratio is given of the clock's times and
of the processor's, which leave out what others took.
"""

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


Times = tuple[float, float]


@dataclass
class Line:
    """What one contender took, in pairs of seconds: of the clock and of the processor."""

    name: str
    seconds: list[Times] = field(default_factory=list)

    @property
    def clock(self) -> float:
        """Median seconds of the clock."""
        return statistics.median(clock for clock, _ in self.seconds)

    @property
    def cpu(self) -> float:
        """Median seconds of the processor."""
        return statistics.median(cpu for _, cpu in self.seconds)


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


def seconds(work: Callable[[], Any]) -> Times:
    """How long it takes once; what earlier runs left behind is cleared away first."""
    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clock, cpu = time.perf_counter(), time.process_time()
        work()
        return time.perf_counter() - clock, time.process_time() - cpu


def rows(candles: Any, *, with_peers: bool = True) -> list[list[str]]:
    """The table's rows, workload by workload."""
    found = []
    for workload in WORKLOADS:
        lines = measure(workload, candles, with_peers=with_peers)
        for line in lines:
            found.append(row(workload, line, kernel=lines[0], ours=lines[1]))
            print(" | ".join(found[-1]), flush=True)
    return found


def row(workload: Workload, line: Line, *, kernel: Line, ours: Line) -> list[str]:
    """Name, milliseconds with the extremes of the rounds, ratios to the kernel, and what was wanted."""
    clocks = [clock * 1e3 for clock, _ in line.seconds]
    ratios = [f"{line.clock / kernel.clock:.2f}", f"{line.cpu / kernel.cpu:.2f}"]
    if line is ours:
        verdict = f"at most {workload.target:g}: {'met' if line.cpu / kernel.cpu <= workload.target else 'MISSED'}"
    elif line.name.startswith("vectorbt"):
        verdict = f"{line.cpu / ours.cpu:.1f}× ours"
    else:
        verdict = ""
    took = f"{line.clock * 1e3:,.1f} ({min(clocks):,.1f} to {max(clocks):,.1f})"
    return [workload.name, line.name, took, f"{line.cpu * 1e3:,.1f}", *ratios, str(len(clocks)), verdict]


HEAD = ["workload", "", "ms, median (extremes)", "CPU ms", "ratio to the kernel", "ratio of CPU", "n", ""]
