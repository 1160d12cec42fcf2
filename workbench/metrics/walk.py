"""One pass over an equity curve: peaks, drawdowns and ends of days, all at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.compiled import compiled
from workbench.errors import DataError
from workbench.metrics.guards import DAY_MS, FloatArray, TimeArray


class Walk(NamedTuple):
    """What the pass brings home.

    `rows` are the last bars of each UTC day (every bar, if bars are a day or longer). The running peak begins with the
    starting cash, at the open of the first bar.
    """

    rows: TimeArray
    max_drawdown: float
    longest_drawdown_ms: float
    ulcer_index: float
    average_equity: float


def walk(time_ms: TimeArray, equity: FloatArray, *, timeframe_ms: int, cash: float) -> Walk:
    """Walk over an equity curve marked at each bar's close.

    Raises
    ------
    DataError
        Equity that is not finite, or times that do not rise.
    """
    own_days = timeframe_ms >= DAY_MS
    span = int(time_ms[-1]) - int(time_ms[0])
    rows = np.empty(time_ms.shape[0] if own_days else min(time_ms.shape[0], max(span, 0) // DAY_MS + 2), np.int64)
    day = 1 if own_days else DAY_MS
    n_rows, deepest, longest, pain, total = _walk(_readonly(time_ms), _readonly(equity), day, timeframe_ms, cash, rows)
    if n_rows < 0:
        raise DataError("`time_ms` does not rise from bar to bar. Give bars in order, each once.")
    if not np.isfinite(total):
        row = int((~np.isfinite(equity)).argmax())
        raise DataError(f"`equity` is {equity[row]} in row {row}. It must be finite in every bar.")
    n_bars = time_ms.shape[0]
    return Walk(rows[:n_rows], deepest, longest, float(np.sqrt(pain / n_bars)), total / n_bars)


def _readonly(array: np.ndarray) -> np.ndarray:
    # Numba types an array that may be written to differently: one type, one compilation.
    view = array.view()
    view.flags.writeable = False
    return view


@compiled
def _walk(
    time_ms: TimeArray, equity: FloatArray, day: int, timeframe_ms: int, cash: float, rows: TimeArray
) -> tuple[int, float, float, float, float]:
    peak, low, squares, peak_ms = cash, cash, 0.0, time_ms[0]
    deepest, longest, pain, total = 0.0, 0, 0.0, 0.0
    n_rows, before, midnight = 0, time_ms[0] - 1, time_ms[0] // day * day + day
    for t in range(equity.shape[0]):
        value, now = equity[t], time_ms[t]
        total += value
        if now >= midnight:
            if n_rows >= rows.shape[0] - 1:
                return -1, 0.0, 0.0, 0.0, 0.0
            rows[n_rows] = t - 1
            n_rows += 1
            midnight = now // day * day + day
        if now <= before:
            return -1, 0.0, 0.0, 0.0, 0.0
        before = now
        if value >= peak:
            if low < peak:
                deepest = max(deepest, (peak - low) / peak)
                pain += squares / (peak * peak)
                longest = max(longest, now + timeframe_ms - peak_ms)
                squares = 0.0
            peak, low, peak_ms = value, value, now + timeframe_ms
        else:
            low = min(low, value)
            squares += (peak - value) * (peak - value)
    if low < peak:
        deepest = max(deepest, (peak - low) / peak)
        pain += squares / (peak * peak)
        longest = max(longest, before + timeframe_ms - peak_ms)
    rows[n_rows] = equity.shape[0] - 1
    return n_rows + 1, deepest, float(longest), pain, total
