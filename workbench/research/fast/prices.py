"""The first bar that leaves a band of prices, found by looking at whole blocks of bars at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.compiled import compiled

FAN = 32  # bars in a block, and blocks in a larger one


class Touch(NamedTuple):
    """Lowest lows and highest highs: of each bar, of 32 bars, and of 1,024. One for all combinations."""

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    low_32: npt.NDArray[np.float64]
    high_32: npt.NDArray[np.float64]
    low_1024: npt.NDArray[np.float64]
    high_1024: npt.NDArray[np.float64]


def touch_table(low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]) -> Touch:
    """The table of some candles, 6 % larger than their lows and highs."""
    low_32, high_32 = blocks(low, np.minimum), blocks(high, np.maximum)
    return Touch(low, high, low_32, high_32, blocks(low_32, np.minimum), blocks(high_32, np.maximum))


def blocks(values: npt.NDArray[np.float64], extreme: np.ufunc) -> npt.NDArray[np.float64]:
    """The extreme of each block of 32, the last one perhaps shorter."""
    return extreme.reduceat(values, np.arange(0, len(values), FAN))


@compiled(part=True)
def first_touch(touch, start, end, below, above):
    """The first bar from `start` whose low is at or under `below`, or whose high is at or over `above`; else `end`."""
    t = start
    while t < end:
        if t % FAN == 0 and t + FAN <= end:
            k = t // FAN
            if k % FAN == 0 and t + FAN * FAN <= end:
                large = k // FAN
                if touch.low_1024[large] > below and touch.high_1024[large] < above:
                    t += FAN * FAN
                    continue
            if touch.low_32[k] > below and touch.high_32[k] < above:
                t += FAN
                continue
        if touch.low[t] <= below or touch.high[t] >= above:
            return t
        t += 1
    return end
