"""The metrics of a run of the engine, by the same kernel as those of the fast paths.

`result.metrics` asks NumPy forty times, and every thread of a sweep waits for its turn; this is one call that does not
hold the interpreter's lock. The numbers are the same to the last bit.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.backtest import Result
from workbench.compiled import compiled
from workbench.metrics import METRICS
from workbench.research.fast.choosing import IS_COMPLETE, ORDER
from workbench.research.fast.measure import MEASURED, NET_PROFIT, Calendar, calendar_of, finish, measure
from workbench.research.fast.trades import ACCOUNT, DAY_MS, GAIN, HELD, PNL, STAND

NAMES = tuple(METRICS)


class Tapes:
    """Measures runs; threads may share one."""

    def __init__(self) -> None:
        self._calendars: dict[Hashable, Calendar] = {}
        self._lock = threading.Lock()

    def metrics(self, result: Result, key: Hashable) -> npt.NDArray[np.float64]:
        """Every metric of a run, in the order of `METRICS`; `key` stands for the bars that it was walked on."""
        if not IS_COMPLETE:
            return np.array([result.metrics[name] for name in NAMES])
        out = np.empty((1, len(MEASURED)))
        weigh(result, self._calendar(result, key), out[0])
        if not np.isfinite(out[0, NET_PROFIT]):
            return np.array([result.metrics[name] for name in NAMES])  # it knows how to complain
        finish(out)
        return out[0, ORDER]

    def _calendar(self, result: Result, key: Hashable) -> Calendar:
        with self._lock:
            if key not in self._calendars:
                bars = result.bars
                close = bars.close[0] if result.market.is_single else bars.close
                self._calendars[key] = calendar_of(bars.time, close, result.timeframe_ms)
            return self._calendars[key]


def weigh(result: Result, calendar: Calendar, out: Any) -> None:
    """Measure a run's equity curve: as one unit, held from the first bar on, of something with these prices."""
    world, trips = result.tape.world, result._trips
    account, stands = np.zeros(1, ACCOUNT), np.zeros(1, STAND)
    account["stands"], account["trips"], stands["position"] = 1, len(trips), 1.0
    for ours, theirs in (("fees", "fees"), ("volume", "volume"), ("exposed", "bars_exposed")):
        account[ours] = world[theirs][0]
    plane = np.empty((3, len(trips)))
    lay_out(trips, plane)
    spare = np.empty((5, max(len(calendar.rows) + 1, len(trips), 1)))
    measure(
        result.bars.time, result.tape.equity, calendar.rows, calendar.mark_ms, calendar.held, calendar.scale[0],
        float(result.settings.cash), account[0], stands, plane, spare, out,
    )  # fmt: skip


@compiled
def lay_out(trips, plane):
    """Net profit of each round trip, the same as a fraction of the value entered, and days held."""
    for i in range(trips.shape[0]):
        plane[PNL, i], plane[GAIN, i] = trips[i].pnl, trips[i].pnl / trips[i].entry_value
        plane[HELD, i] = float(trips[i].exit_ms - trips[i].entry_ms) / DAY_MS
